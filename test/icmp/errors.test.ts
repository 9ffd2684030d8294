import { expect } from 'chai';
import fc from 'fast-check';
import { getU16, setU16 } from '../../src/core/bytes.ts';
import { foldSum, pseudoHeaderSum, sumBytes } from '../../src/core/checksum.ts';
import type { DropReason } from '../../src/core/drop.ts';
import { Checksum } from '../../src/core/frame.ts';
import type { Frame } from '../../src/core/frame.ts';
import { SECOND, micros } from '../../src/core/time.ts';
import { TokenBucket } from '../../src/icmp/token-bucket.ts';
import { icmpChecksumIsValid, icmpCode, icmpPointer, icmpRest, icmpType } from '../../src/icmp/wire.ts';
import { ANY_ADDRESS } from '../../src/ip/address.ts';
import { readIpv4Header } from '../../src/ip/ipv4-wire.ts';
import { IpProtocol } from '../../src/ip/service.ts';
import type { IpErrorReport, Path } from '../../src/ip/service.ts';
import { udpChecksumIsValid, writeUdpHeader } from '../../src/udp/wire.ts';
import { T0, addr, concat, datagram, makeHost, prefix, u16, SEND_OPTIONS } from '../ip/host.ts';
import { message } from './messages.ts';

/** A UDP datagram without checksum to a port that is closed. */
const toClosedPort = (length = 4): Uint8Array => concat(u16(5000, 9, 8 + length, 0), new Uint8Array(length).fill(0x77));
const closed = datagram({ protocol: IpProtocol.Udp, payload: toClosedPort(), tos: 0x10, ttl: 5 });

const linkBroadcast = (frame: Frame): void => {
  frame.linkBroadcast = true;
};

describe('icmp/errors', () => {
  it('1122-3.3.8-a, 1122-3.2.2.1-a, 1122-4.1.3.1-a: Port Unreachable for a closed UDP port', () => {
    const host = makeHost();
    host.link.deliver(closed);
    const { bytes } = host.link.sent[0]!;
    expect(readIpv4Header(bytes, 0)).to.deep.include({
      source: addr('10.0.0.2'),
      destination: addr('10.0.0.9'),
      protocol: IpProtocol.Icmp,
      tos: 0, // 1122-3.2.2-e
      ttl: 64, // RFC 1812 §4.3.2.2
    });
    expect([icmpType(bytes, 20), icmpCode(bytes, 20), icmpRest(bytes, 20)]).to.deep.equal([3, 3, 0]);
    expect(icmpChecksumIsValid(bytes, 20, bytes.length - 20)).to.be.true;
    // 1122-3.2.2-c: unchanged from what was received.
    expect(bytes.slice(28)).to.deep.equal(closed);
    expect(host.context.frames.inUse).to.equal(0);
  });

  it('1122-3.2.2.1-a: Protocol Unreachable for a protocol nobody speaks', () => {
    const host = makeHost();
    const bytes = datagram({ protocol: 201, options: [99, 4, 1, 2] });
    host.link.deliver(bytes);
    const sent = host.link.sent[0]!.bytes;
    expect([icmpType(sent, 20), icmpCode(sent, 20)]).to.deep.equal([3, 2]);
    expect(sent.slice(28)).to.deep.equal(bytes);
  });

  it('1122-3.2.2.5-a: Parameter Problem points at the octet in error', () => {
    const host = makeHost();
    host.link.deliver(datagram({ options: [1, 99, 0, 0] }));
    const sent = host.link.sent[0]!.bytes;
    expect([icmpType(sent, 20), icmpCode(sent, 20), icmpPointer(sent, 20)]).to.deep.equal([12, 0, 22]);
  });

  it('1122-3.3.5-j: Source Route Failed, as this host does not forward', () => {
    const host = makeHost();
    host.link.deliver(datagram({ options: [131, 7, 4, 9, 9, 9, 9] }));
    const sent = host.link.sent[0]!.bytes;
    expect([icmpType(sent, 20), icmpCode(sent, 20)]).to.deep.equal([3, 5]);
  });

  it('1122-3.2.2-b, RFC 1812 §4.3.2.3: the message is kept to 576 octets', () => {
    const host = makeHost();
    const long = datagram({ protocol: IpProtocol.Udp, payload: toClosedPort(1400) });
    host.link.deliver(long);
    const { bytes } = host.link.sent[0]!;
    expect(bytes).to.have.length(576);
    expect(bytes.slice(28)).to.deep.equal(long.slice(0, 548));
  });

  it('padding of the frame is not quoted', () => {
    const host = makeHost();
    host.link.deliver(concat(closed, new Uint8Array(14)));
    expect(host.link.sent[0]!.bytes).to.have.length(28 + closed.length);
  });

  it('1122-3.3.4.2-a: comes from the address that the datagram was for', () => {
    const host = makeHost();
    host.ip.addAddress(host.network, prefix('192.168.5.5/24'), {}, T0);
    host.link.deliver(datagram({ protocol: IpProtocol.Udp, payload: toClosedPort(), destination: '192.168.5.5' }));
    expect(readIpv4Header(host.link.sent[0]!.bytes, 0).source).to.equal(addr('192.168.5.5'));
  });

  it('a partial checksum is completed in the quote', () => {
    const host = makeHost();
    const payload = toClosedPort(5);
    const sum = pseudoHeaderSum(addr('10.0.0.9'), addr('10.0.0.2'), IpProtocol.Udp);
    setU16(payload, 6, foldSum(sum + payload.length));
    host.link.deliver(datagram({ protocol: IpProtocol.Udp, payload }), (frame) => {
      frame.checksum = Checksum.Partial;
    });
    const { bytes } = host.link.sent[0]!;
    expect(getU16(bytes, 54)).not.to.equal(getU16(payload, 6));
    expect(udpChecksumIsValid(bytes, 48, sumBytes(bytes, 48, payload.length, sum + payload.length))).to.be.true;
    expect(icmpChecksumIsValid(bytes, 20, bytes.length - 20)).to.be.true;
  });

  describe('is never sent about', () => {
    const icmp = (payload: Uint8Array): Uint8Array =>
      datagram({ protocol: IpProtocol.Icmp, payload, options: [1, 99, 0, 0] });
    const udp = (parts: { source?: string; destination?: string }): Uint8Array =>
      datagram({ protocol: IpProtocol.Udp, payload: toClosedPort(), ...parts });
    const rows: [name: string, bytes: Uint8Array, change?: (frame: Frame) => void][] = [
      ...[3, 4, 5, 11, 12].map((type): [string, Uint8Array] => [
        `1122-3.2.2-f: an ICMP error of type ${type}`,
        icmp(message(type, 0, 0, closed)),
      ]),
      ['1122-3.2.2-f: an ICMP message of unknown type', icmp(message(200, 0, 0))],
      ['1122-3.2.2-f: an ICMP message without a type', icmp(new Uint8Array(0))],
      ['1122-3.2.2-g: a limited broadcast', udp({ destination: '255.255.255.255' })],
      ['1122-3.2.2-g: a directed broadcast', udp({ destination: '10.0.0.255' })],
      ['1122-3.2.2-g: the old form of a broadcast', udp({ destination: '10.0.0.0' })],
      ['1122-3.2.2-g: a multicast', udp({ destination: '224.0.0.1' })],
      ['1122-3.2.2-h: a link-layer broadcast', udp({}), linkBroadcast],
      ['1122-3.2.2-i: a non-initial fragment', datagram({ flagsAndOffset: 5, options: [99, 0, 0, 0] })],
      ...['0.0.0.0', '0.0.0.5', '127.0.0.1', '10.0.0.255', '255.255.255.255', '224.0.0.5', '240.0.0.1', '10.0.0.2'].map(
        (source): [string, Uint8Array] => [`1122-3.2.2-j: a datagram from ${source}`, udp({ source })],
      ),
    ];
    for (const [name, bytes, change] of rows) {
      it(name, () => {
        const host = makeHost();
        host.link.deliver(bytes, change);
        expect(host.link.sent).to.deep.equal([]);
        expect(host.context.frames.inUse).to.equal(0);
      });
    }

    const direct: [name: string, reason: DropReason, bytes: Uint8Array, broadcast: boolean][] = [
      ['1122-3.2.2-f', 'icmp-about-error', datagram({ protocol: 1, payload: message(3, 3, 0, closed) }), false],
      ['1122-3.2.2-g', 'icmp-about-broadcast', closed, true],
      ['1122-3.2.2-i', 'icmp-about-fragment', datagram({ flagsAndOffset: 1 }), false],
      ['1122-3.2.2-j', 'icmp-about-no-host', datagram({ source: '127.0.0.1' }), false],
      ['1122-3.2.2-j', 'icmp-about-no-host', datagram({ source: '10.0.0.255' }), false],
    ];
    for (const [id, reason, bytes, broadcast] of direct) {
      it(`${id}: even when asked for: ${reason}`, () => {
        const host = makeHost();
        const frame = host.context.frames.from(bytes);
        frame.network = frame.start;
        frame.transport = frame.start + 20;
        const header = readIpv4Header(bytes, 0);
        const packet = { ...header, interfaceId: host.network.id, broadcast };
        host.icmp.sendUnreachable(frame, packet, 1, T0);
        host.icmp.sendTimeExceeded(frame, packet, 1, T0);
        frame.release();
        expect(host.context.drops.count(reason)).to.equal(2);
        expect(host.link.sent).to.deep.equal([]);
        expect(host.context.frames.inUse).to.equal(0);
      });
    }

    it('an ICMP query does draw one', () => {
      const host = makeHost();
      host.link.deliver(icmp(message(8, 0, 1)));
      expect(host.link.sent.map(({ bytes }) => icmpType(bytes, 20))).to.deep.equal([12]);
    });
  });

  describe('1812-4.3.2.8-a: the rate limit', () => {
    it('lets a burst through, then the rate', () => {
      const host = makeHost({ icmp: { errorsPerSecond: 10, errorBurst: 3 } });
      const deliver = (count: number, at: number): number => {
        const before = host.link.sent.length;
        for (let i = 0; i < count; i++) host.link.deliver(closed, undefined, micros(at));
        return host.link.sent.length - before;
      };
      expect(deliver(20, 0)).to.equal(3);
      expect(host.context.drops.count('icmp-rate-limit')).to.equal(17);
      expect(deliver(20, 0.1 * SECOND)).to.equal(1);
      expect(deliver(20, 10 * SECOND)).to.equal(3);
      expect(host.context.frames.inUse).to.equal(0);
    });

    it('does not hold inside the host', () => {
      const host = makeHost({ icmp: { errorsPerSecond: 0, errorBurst: 0 } });
      const reports: IpErrorReport[] = [];
      const port = host.udp.open(ANY_ADDRESS, 5000, {
        onDatagram: () => true,
        onError: (report) => reports.push({ ...report }),
        onSent: () => undefined,
      });
      const path = host.ip.route(addr('127.0.0.1'), ANY_ADDRESS) as Path;
      expect(port.send(new Uint8Array(1), 0, 1, path, 9, SEND_OPTIONS)).to.equal(1);
      host.settle();
      expect(reports.map(({ errno }) => errno)).to.deep.equal([111]);
      expect(host.context.frames.inUse).to.equal(0);
    });

    it('a bucket gives at most burst and rate in any span', () => {
      const steps = fc.array(fc.nat(SECOND), { maxLength: 200 });
      fc.assert(
        fc.property(fc.nat(50), fc.integer({ min: 1, max: 20 }), steps, (rate, burst, waits) => {
          const bucket = new TokenBucket(rate, burst);
          let now = 0;
          let given = 0;
          for (const wait of waits) {
            now += wait;
            if (bucket.take(micros(now))) given++;
          }
          expect(given).to.be.at.most(burst + (rate * now) / SECOND + 1e-6);
        }),
      );
    });
  });

  it('whatever comes in, at most one error goes out, and no frame stays', () => {
    const host = makeHost({ icmp: { errorBurst: 1e9 } });
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 40 }),
        fc.constantFrom(1, 17, 201),
        fc.boolean(),
        (payload, protocol, group) => {
          const before = host.link.sent.length;
          host.link.deliver(datagram({ protocol, payload, destination: group ? '224.0.0.1' : '10.0.0.2' }));
          const count = host.link.sent.length - before;
          expect(count).to.be.at.most(group ? 0 : 1);
          expect(host.context.frames.inUse).to.equal(0);
        },
      ),
    );
    for (const { bytes } of host.link.sent) expect(icmpChecksumIsValid(bytes, 20, bytes.length - 20)).to.be.true;
  });

  it('writes UDP headers as the tests do', () => {
    const bytes = new Uint8Array(8);
    writeUdpHeader(bytes, 0, 5000, 9, 12);
    expect(bytes).to.deep.equal(toClosedPort().slice(0, 8));
  });
});
