/** Packet sockets and octets that nobody chose: frames, addresses, memberships. Nothing throws, nothing leaks. More runs with TAPSTACK_DEEP=1. */
import { expect } from 'chai';
import fc from 'fast-check';
import { SeededRandom } from '../../../src/core/random.ts';
import { micros } from '../../../src/core/time.ts';
import { parseMac } from '../../../src/ethernet/address.ts';
import { parsePrefix } from '../../../src/ip/address.ts';
import * as c from '../../../src/socket/constants.ts';
import { Stack } from '../../../src/stack/stack.ts';
import { FakeLink } from '../../support/fake-link.ts';
import { runs } from '../../support/runs.ts';
import { drain, hex, openPacket } from './frames.ts';

const T0 = micros(1_000_000);
const LINK = 2;
const RUNS = 200;

function makeStation() {
  const stack = new Stack({ random: new SeededRandom(1) });
  const link = new FakeLink();
  const port = stack.addLink(link, parseMac('02:00:00:00:00:01'));
  stack.ip.addAddress(stack.ports[port]!.network, parsePrefix('10.0.0.1/24')!, {}, T0);
  return { stack, link, port, calls: stack.calls };
}

/** Types and lengths that mean something come up often. */
const etherType = fc.oneof(
  fc.constantFrom(0x0800, 0x0806, 0x8100, 0x88a8, 0, 5, 1500, 1501, 0x5ff, 0x600),
  fc.nat(0xffff),
);
const frame = fc
  .tuple(fc.uint8Array({ minLength: 12, maxLength: 12 }), etherType, fc.uint8Array({ maxLength: 120 }))
  .map(([addresses, type, payload]) => Uint8Array.from([...addresses, type >> 8, type & 255, ...payload]));

describe('socket/packet: any octets', () => {
  it('in promiscuous mode every frame is seen once, as it came', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(frame, fc.uint8Array({ maxLength: 20 })), { maxLength: 10 }), (frames) => {
        const { stack, port, calls } = makeStation();
        const raw = openPacket(calls, c.SOCK_RAW, c.ETH_P_ALL);
        const cooked = openPacket(calls, c.SOCK_DGRAM, c.ETH_P_ALL);
        calls.setsockopt(raw, c.SOL_PACKET, c.PACKET_ADD_MEMBERSHIP, { ifindex: LINK, type: c.PACKET_MR_PROMISC });
        for (const octets of frames) stack.receive(port, stack.context.frames.from(octets), T0);
        const whole = frames.filter(({ length }) => length >= 14);
        const incoming = (fd: number): string[] =>
          drain(calls, fd)
            .filter(({ from }) => from.packetType !== c.PACKET_OUTGOING)
            .map(({ octets }) => hex(octets));
        expect(incoming(raw)).to.deep.equal(whole.map(hex));
        const payloads = whole.map((octets) => octets.subarray(14)).filter(({ length }) => length > 0);
        expect(incoming(cooked)).to.deep.equal(payloads.map(hex));
        stack.poll(T0);
        calls.closeAll();
        expect(stack.context.frames.inUse).to.equal(0);
      }),
      runs(RUNS),
    );
  });

  it('any sockaddr_ll: bind and sendto do it or say why not, and a frame that was taken is sent', () => {
    const address = fc
      .tuple(fc.constantFrom(17, 2, 0), fc.nat(0xffff), fc.constantFrom(0, 1, 2, 3, 255), fc.nat(255), fc.nat(24))
      .map(([family, protocol, index, halen, length]) => {
        const octets = new Uint8Array(24);
        octets.set([family, 0, protocol >> 8, protocol & 255, index, index === 255 ? 255 : 0, 0, 0, 1, 0, 0, halen]);
        return octets.subarray(0, length);
      });
    fc.assert(
      fc.property(
        address,
        fc.constantFrom(c.SOCK_RAW, c.SOCK_DGRAM),
        fc.uint8Array({ maxLength: 2000 }),
        (to, type, octets) => {
          const { stack, link, calls } = makeStation();
          stack.poll(T0);
          link.take();
          const fd = openPacket(calls, type, 0);
          const sent = calls.sendto(fd, octets, 0, to);
          stack.poll(T0);
          const isOnLink = sent >= 0 && to[4] === LINK;
          expect(link.take().length).to.equal(isOnLink ? 1 : 0);
          if (sent >= 0) expect(sent).to.equal(octets.length);
          expect(calls.bind(fd, to)).to.be.at.most(0);
          calls.closeAll();
          stack.poll(T0);
          stack.poll(T0);
          expect(stack.context.frames.inUse).to.equal(0);
        },
      ),
      runs(RUNS),
    );
  });

  it('any packet_mreq: what was added is gone when the socket is', () => {
    const mreq = fc
      .tuple(fc.constantFrom(0, 1, 2, 9), fc.nat(5), fc.nat(10), fc.uint8Array({ minLength: 8, maxLength: 12 }))
      .map(([index, kind, length, address]) => Uint8Array.from([index, 0, 0, 0, kind, 0, length, 0, ...address]));
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), mreq), { maxLength: 20 }), (steps) => {
        const { stack, port, calls } = makeStation();
        const { addresses } = stack.ports[port]!.network.link.device!;
        const before = addresses.size;
        const fd = openPacket(calls, c.SOCK_RAW, 0);
        for (const [adds, octets] of steps) {
          const option = adds ? c.PACKET_ADD_MEMBERSHIP : c.PACKET_DROP_MEMBERSHIP;
          expect(calls.setsockopt(fd, c.SOL_PACKET, option, octets)).to.be.at.most(0);
        }
        calls.close(fd);
        expect(addresses.size).to.equal(before);
      }),
      runs(RUNS),
    );
  });
});
