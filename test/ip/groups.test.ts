/** Host groups and multicasts in IP. RFC 1112 §6.2, §7.1, §7.2. */
import { expect } from 'chai';
import { Errno } from '../../src/core/errno.ts';
import { ANY_ADDRESS } from '../../src/ip/address.ts';
import type { IpAddress } from '../../src/ip/address.ts';
import { readIpv4Header } from '../../src/ip/ipv4-wire.ts';
import type { OutputOptions, Path } from '../../src/ip/service.ts';
import { FakeLink } from './fake-link.ts';
import { T0, addr, datagram, makeHost, prefix } from './host.ts';
import type { Host } from './host.ts';

const GROUP = addr('239.1.2.3');
const LOOPBACK = 1;
const LINK = 2;
const PROTOCOL = 200;

/** Another interface, 10.9.0.2/24. */
function withSecondLink(host: Host): FakeLink {
  const link = new FakeLink(host.context, 'eth1');
  host.ip.addAddress(host.ip.addInterface(link), prefix('10.9.0.2/24'), {}, T0);
  return link;
}

/** Counts what a protocol receives, by interface. */
function listen(host: Host): number[] {
  const received: number[] = [];
  host.ip.register(PROTOCOL, {
    receive: (_frame, packet) => {
      received.push(packet.interfaceId);
      return true;
    },
    error: () => undefined,
  });
  return received;
}

function send(host: Host, path: Path | number, changes: Partial<OutputOptions> = {}, octets = 8): number {
  if (typeof path === 'number') return path;
  const frame = host.context.frames.from(new Uint8Array(octets));
  return host.ip.output(path, frame, { protocol: PROTOCOL, ttl: 1, tos: 0, dontFragment: false, ...changes }, T0);
}

describe('ip/groups', () => {
  it('1122-3.3.7-a: datagrams to a group are taken once it is joined, on the interface where it is', () => {
    const host = makeHost();
    const other = withSecondLink(host);
    const received = listen(host);
    const bytes = datagram({ destination: '239.1.2.3', protocol: PROTOCOL });
    host.link.deliver(bytes);
    host.ip.groups.join(GROUP, LINK);
    host.link.deliver(bytes);
    other.deliver(datagram({ destination: '239.1.2.3', source: '10.9.0.9', protocol: PROTOCOL }));
    expect(received).to.deep.equal([LINK]);
    expect(host.context.drops.count('ip-not-joined')).to.equal(2);
  });

  it('the link layer hears of the first member and of the last, not of those between', () => {
    const host = makeHost();
    const calls: string[] = [];
    Object.assign(host.link, {
      joinGroup: (group: IpAddress) => calls.push(`join ${group}`),
      leaveGroup: (group: IpAddress) => calls.push(`leave ${group}`),
    });
    const { groups } = host.ip;
    groups.join(GROUP, LINK);
    groups.join(GROUP, LINK);
    groups.leave(GROUP, LINK);
    expect(host.network.groups.get(GROUP)).to.equal(1);
    groups.leave(GROUP, LINK);
    groups.leave(GROUP, LINK);
    expect(calls).to.deep.equal([`join ${GROUP}`, `leave ${GROUP}`]);
    expect([...host.network.groups.keys()]).to.deep.equal([addr('224.0.0.1')]);
  });

  it('the interface that a request means: by id, by own address, by route', () => {
    const host = makeHost();
    withSecondLink(host);
    const { groups } = host.ip;
    const asked = (address: string, id: number): number => groups.interfaceFor(GROUP, addr(address), id);
    expect(asked('10.0.0.2', 3)).to.equal(3);
    expect(asked('0.0.0.0', 9)).to.equal(0);
    expect(asked('0.0.0.0', -1)).to.equal(0);
    expect(asked('10.9.0.2', 0)).to.equal(3);
    expect(asked('127.0.0.5', 0)).to.equal(LOOPBACK);
    expect(asked('10.0.0.9', 0)).to.equal(0);
    expect(asked('0.0.0.0', 0)).to.equal(LINK);
    host.ip.addRoute({ destination: prefix('239.0.0.0/8'), interfaceId: 3 });
    expect(asked('0.0.0.0', 0)).to.equal(3);
  });

  it('a multicast leaves by the interface that a route names, else there is no way', () => {
    const host = makeHost();
    const other = withSecondLink(host);
    host.ip.removeRoute({ destination: prefix('0.0.0.0/0') });
    expect(host.ip.route(GROUP, ANY_ADDRESS)).to.equal(-Errno.ENETUNREACH);
    host.ip.addRoute({ destination: prefix('224.0.0.0/4'), interfaceId: 3 });
    expect(send(host, host.ip.route(GROUP, ANY_ADDRESS))).to.equal(0);
    expect(other.sent).to.have.length(1);
    expect(readIpv4Header(other.sent[0]!.bytes, 0).source).to.equal(addr('10.9.0.2'));
  });

  const CHOICES: readonly [title: string, source: string, id: number, from: string | number, link: number][] = [
    ['nothing: the route', '0.0.0.0', 0, '10.0.0.2', LINK],
    ['an interface', '0.0.0.0', 3, '10.9.0.2', 3],
    ['an interface and the address of another', '10.0.0.2', 3, '10.0.0.2', 3],
    ['an address: its interface', '10.9.0.2', 0, '10.9.0.2', 3],
    ['the loopback', '0.0.0.0', LOOPBACK, '127.0.0.1', LOOPBACK],
    ['an address of the loopback', '127.0.0.2', LOOPBACK, '127.0.0.2', LOOPBACK],
  ];
  for (const [title, source, id, from, leaves] of CHOICES) {
    it(`RFC 1112 §6.1, the sender chooses ${title}`, () => {
      const host = makeHost();
      const other = withSecondLink(host);
      const path = host.ip.route(GROUP, addr(source), id);
      if (typeof from === 'number') {
        expect(path).to.equal(from);
        return;
      }
      expect(path).to.include({ source: addr(from), destination: GROUP });
      expect(send(host, path)).to.equal(0);
      expect([host.ip.pending, host.link.sent.length > 0, other.sent.length > 0]).to.deep.equal(
        [LOOPBACK, LINK, 3].map((link) => link === leaves),
      );
    });
  }

  describe('RFC 1112 §6.2: a copy for own members', () => {
    const settled = (host: Host, changes: Partial<OutputOptions> = {}, octets = 8): number[] => {
      const received = listen(host);
      expect(send(host, host.ip.route(GROUP, ANY_ADDRESS), changes, octets)).to.equal(0);
      host.settle();
      expect(host.context.frames.inUse).to.equal(0);
      return received;
    };

    it('comes in at the interface that the datagram leaves by', () => {
      const host = makeHost();
      host.ip.groups.join(GROUP, LINK);
      expect(settled(host)).to.deep.equal([LINK]);
      expect(host.link.sent).to.have.length(1);
    });

    it('is not made for members on another interface', () => {
      const host = makeHost();
      withSecondLink(host);
      host.ip.groups.join(GROUP, 3);
      expect(settled(host)).to.deep.equal([]);
    });

    it('is not made when the sender does not want it', () => {
      const host = makeHost();
      host.ip.groups.join(GROUP, LINK);
      expect(settled(host, { loop: false })).to.deep.equal([]);
      expect(host.link.sent).to.have.length(1);
    });

    it('1122-3.2.1.7-a: with a TTL of 0 there is nothing else', () => {
      const host = makeHost();
      host.ip.groups.join(GROUP, LINK);
      expect(settled(host, { ttl: 0 })).to.deep.equal([LINK]);
      expect(host.link.sent).to.have.length(0);
      expect(host.context.drops.count('ip-multicast-ttl')).to.equal(1);
    });

    it('of a datagram in pieces is put together again', () => {
      const host = makeHost();
      host.ip.groups.join(GROUP, LINK);
      expect(settled(host, {}, 4000)).to.deep.equal([LINK]);
      expect(host.link.sent).to.have.length(3);
    });

    it('is dropped when the loopback is full', () => {
      const host = makeHost({ ip: { loopbackQueue: 1 } });
      host.ip.groups.join(GROUP, LINK);
      send(host, host.ip.route(GROUP, ANY_ADDRESS));
      expect(settled(host)).to.deep.equal([LINK]);
      expect(host.context.drops.count('ip-loopback-full')).to.equal(1);
      expect(host.link.sent).to.have.length(2);
    });

    it('on the loopback itself is the datagram, whether it is wanted or not', () => {
      const host = makeHost();
      host.ip.groups.join(GROUP, LOOPBACK);
      const received = listen(host);
      expect(send(host, host.ip.route(GROUP, addr('127.0.0.1')), { loop: false })).to.equal(0);
      host.settle();
      expect(received).to.deep.equal([LOOPBACK]);
    });
  });
});
