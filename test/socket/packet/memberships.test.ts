/** PACKET_ADD_MEMBERSHIP and PACKET_DROP_MEMBERSHIP: what the receive filter of an interface lets through. packet(7). */
import { expect } from 'chai';
import { errnoName } from '../../../src/core/errno.ts';
import { SeededRandom } from '../../../src/core/random.ts';
import { micros } from '../../../src/core/time.ts';
import { parseMac } from '../../../src/ethernet/address.ts';
import { parsePrefix } from '../../../src/ip/address.ts';
import * as c from '../../../src/socket/constants.ts';
import type { OptionInput } from '../../../src/socket/options/option.ts';
import { Stack } from '../../../src/stack/stack.ts';
import { FakeLink } from '../../support/fake-link.ts';
import { EXPERIMENT, drain, frameOf, openPacket, summaries } from './frames.ts';

const T0 = micros(1_000_000);
const OURS = '02:00:00:00:00:01';
const PEER = '02:00:00:00:00:02';
const OTHER = '02:00:00:00:00:03';
const GROUP = '01:00:5e:01:02:03';
const OTHER_GROUP = '01:00:5e:01:02:04';
const LINK = 2;

function makeStation() {
  const stack = new Stack({ random: new SeededRandom(1) });
  const port = stack.addLink(new FakeLink(), parseMac(OURS));
  stack.ip.addAddress(stack.ports[port]!.network, parsePrefix('10.0.0.1/24')!, {}, T0);
  const { calls } = stack;
  const fd = openPacket(calls, c.SOCK_DGRAM, c.ETH_P_ALL);
  const set = (option: number, value: OptionInput): string | number => {
    const result = calls.setsockopt(fd, c.SOL_PACKET, option, value);
    return result < 0 ? errnoName(result) : result;
  };
  const add = (value: OptionInput): string | number => set(c.PACKET_ADD_MEMBERSHIP, value);
  const drop = (value: OptionInput): string | number => set(c.PACKET_DROP_MEMBERSHIP, value);
  /** What is shown of a frame to each of these. */
  const seen = (...destinations: string[]): string[] => {
    for (const destination of destinations) {
      stack.receive(port, stack.context.frames.from(frameOf(destination, PEER, EXPERIMENT, new Uint8Array(46))), T0);
    }
    return summaries(drain(calls, fd)).map((summary) => summary.slice(5));
  };
  return { stack, calls, port, add, drop, seen };
}

const promiscuous = { ifindex: LINK, type: c.PACKET_MR_PROMISC };
const allMulticast = { ifindex: LINK, type: c.PACKET_MR_ALLMULTI };
const group = { ifindex: LINK, type: c.PACKET_MR_MULTICAST, address: GROUP };

describe('socket/packet: memberships', () => {
  it('PACKET_MR_PROMISC "enables receiving all packets on a shared medium", which go no further', () => {
    const { stack, add, drop, seen } = makeStation();
    expect(add(promiscuous)).to.equal(0);
    expect(seen(OTHER, OTHER_GROUP, OURS)).to.deep.equal(['otherhost', 'multicast', 'host']);
    expect(stack.context.drops.count('ether-not-for-us')).to.equal(2);
    expect(drop(promiscuous)).to.equal(0);
    expect(seen(OTHER, OTHER_GROUP, OURS)).to.deep.equal(['host']);
  });

  it('a datagram for another station is shown, not answered', () => {
    const { stack, port, add, seen } = makeStation();
    add(promiscuous);
    seen();
    const echo = Uint8Array.from([
      ...[0x45, 0, 0, 28, 0, 0, 0, 0, 64, 1, 0x66, 0xdf, 10, 0, 0, 2, 10, 0, 0, 1],
      ...[8, 0, 0xf7, 0xff, 0, 0, 0, 0],
    ]);
    stack.receive(port, stack.context.frames.from(frameOf(OTHER, PEER, c.ETH_P_IP, echo)), T0);
    stack.poll(T0);
    expect(stack.ip.counters().received).to.equal(0);
    expect(seen()).to.deep.equal(['otherhost']);
  });

  it('PACKET_MR_MULTICAST "binds the socket to the physical-layer multicast group"', () => {
    const { add, drop, seen } = makeStation();
    expect(seen(GROUP, OTHER_GROUP)).to.deep.equal([]);
    expect(add(group)).to.equal(0);
    expect(seen(GROUP, OTHER_GROUP)).to.deep.equal(['multicast']);
    drop(group);
    expect(seen(GROUP)).to.deep.equal([]);
  });

  it('PACKET_MR_ALLMULTI: "all multicast packets arriving at the interface"', () => {
    const { add, drop, seen } = makeStation();
    expect(add(allMulticast)).to.equal(0);
    expect(seen(GROUP, OTHER_GROUP, OTHER)).to.deep.equal(['multicast', 'multicast']);
    drop(allMulticast);
    expect(seen(GROUP)).to.deep.equal([]);
  });

  it('the address of another station may be asked for alone, in either way', () => {
    for (const type of [c.PACKET_MR_UNICAST, c.PACKET_MR_MULTICAST]) {
      const { stack, add, seen } = makeStation();
      expect(add({ ifindex: LINK, type, address: OTHER })).to.equal(0);
      expect(seen(OTHER, '02:00:00:00:00:04')).to.deep.equal(['otherhost']);
      expect(stack.context.drops.count('ether-not-for-us')).to.equal(2);
    }
  });

  it('what was asked for twice is to be dropped twice, and what never was may be dropped', () => {
    const { add, drop, seen } = makeStation();
    expect(drop(promiscuous)).to.equal(0);
    add(promiscuous);
    add(promiscuous);
    drop(promiscuous);
    expect(seen(OTHER)).to.deep.equal(['otherhost']);
    drop(promiscuous);
    drop(promiscuous);
    expect(seen(OTHER)).to.deep.equal([]);
    add(promiscuous);
    expect(seen(OTHER), 'not fewer than none').to.deep.equal(['otherhost']);
  });

  it("two sockets do not take each other's away", () => {
    const { calls, add, drop, seen } = makeStation();
    const other = openPacket(calls, c.SOCK_RAW, 0);
    calls.setsockopt(other, c.SOL_PACKET, c.PACKET_ADD_MEMBERSHIP, promiscuous);
    add(promiscuous);
    drop(promiscuous);
    expect(seen(OTHER)).to.deep.equal(['otherhost']);
    calls.close(other);
    expect(seen(OTHER)).to.deep.equal([]);
  });

  it('octets of struct packet_mreq: as many of the address as mr_alen says', () => {
    const { add, drop, seen } = makeStation();
    const mreq = (type: number, length: number, size = 16): Uint8Array => {
      const octets = new Uint8Array(size);
      octets.set([LINK, 0, 0, 0, type, 0, length, 0, 1, 0, 0x5e, 1, 2, 3, 9, 9].slice(0, size));
      return octets;
    };
    expect(add(mreq(c.PACKET_MR_MULTICAST, 6))).to.equal(0);
    expect(seen(GROUP)).to.deep.equal(['multicast']);
    expect(drop(mreq(c.PACKET_MR_MULTICAST, 6, 20))).to.equal(0);
    expect(seen(GROUP)).to.deep.equal([]);
    for (const length of [0, 5, 7, 8, 9])
      expect(add(mreq(c.PACKET_MR_MULTICAST, length)), `${length}`).to.equal('EINVAL');
    expect(add(mreq(c.PACKET_MR_PROMISC, 0, 15))).to.equal('EINVAL');
    expect(add(mreq(9, 0)), 'types that nobody knows do nothing').to.equal(0);
  });

  it('ENODEV, EINVAL, EFAULT, ENOBUFS', () => {
    const { add } = makeStation();
    expect(add({ ifindex: 9, type: c.PACKET_MR_PROMISC })).to.equal('ENODEV');
    expect(add({ ...group, address: 'nonsense' })).to.equal('EINVAL');
    expect(add({ ifindex: LINK, type: c.PACKET_MR_MULTICAST })).to.equal('EINVAL');
    expect(add(7)).to.equal('EINVAL');
    expect(add({ onoff: true, linger: 1 })).to.equal('EINVAL');
    expect(add(null)).to.equal('EFAULT');
    const results = Array.from({ length: 1025 }, (_, i) =>
      add({
        ...group,
        address: `01:00:5e:00:${(i >> 8).toString(16).padStart(2, '0')}:${(i & 255).toString(16).padStart(2, '0')}`,
      }),
    );
    expect(results.filter((result) => result === 0)).to.have.length(1024);
    expect(results[1024]).to.equal('ENOBUFS');
  });

  it('getsockopt does not know them', () => {
    const { calls } = makeStation();
    const fd = openPacket(calls, c.SOCK_RAW, 0);
    for (const option of [c.PACKET_ADD_MEMBERSHIP, c.PACKET_DROP_MEMBERSHIP, 99]) {
      expect(errnoName(calls.getsockopt(fd, c.SOL_PACKET, option) as number)).to.equal('ENOPROTOOPT');
    }
    expect(errnoName(calls.getsockopt(fd, c.IPPROTO_IP, c.IP_TTL) as number)).to.equal('ENOPROTOOPT');
  });
});
