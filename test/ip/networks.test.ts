import { expect } from 'chai';
import { Errno } from '../../src/core/errno.ts';
import type { TraceEvent } from '../../src/core/trace.ts';
import { ANY_ADDRESS, formatAddress, formatPrefix } from '../../src/ip/address.ts';
import { FakeLink } from './fake-link.ts';
import { T0, addr, makeHost, prefix } from './host.ts';
import type { Host } from './host.ts';

const routes = (host: Host): string[] =>
  host.ip
    .routeInfo()
    .filter((route) => route.interfaceId !== 1)
    .map((route) => {
      const via = route.gateway === undefined ? '' : ` via ${formatAddress(route.gateway)}`;
      return `${route.kind} ${formatPrefix(route.destination)}${via}`;
    });

describe('ip/networks', () => {
  it('interfaces have names and numbers', () => {
    const { ip } = makeHost();
    expect(['lo', 'eth0', 'eth1', ''].map((name) => ip.interfaceByName(name))).to.deep.equal([
      1,
      2,
      undefined,
      undefined,
    ]);
    expect([0, 1, 2, 3].map((id) => ip.interfaceName(id))).to.deep.equal([undefined, 'lo', 'eth0', undefined]);
  });

  it('1122-3.3.1.6-a, 1122-3.2.2.9-b: addresses, masks and gateways can be entered, and shown', () => {
    const host = makeHost();
    expect(routes(host)).to.deep.equal(['connected 10.0.0.0/24', 'static 0.0.0.0/0 via 10.0.0.1']);
    expect(host.ip.interfaceInfo()).to.deep.equal([
      {
        id: 1,
        name: 'lo',
        up: true,
        mtu: 65535,
        addresses: [prefix('127.0.0.1/8')],
        tentative: [],
        groups: [addr('224.0.0.1')],
      },
      {
        id: 2,
        name: 'eth0',
        up: true,
        mtu: 1500,
        addresses: [prefix('10.0.0.2/24')],
        tentative: [],
        groups: [addr('224.0.0.1')],
      },
    ]);
    expect(host.network.ready).to.be.true;
  });

  const bad: [name: string, text: string][] = [
    ['0.0.0.0', '0.0.0.0/24'],
    ['multicast', '224.0.0.5/24'],
    ['broadcast', '255.255.255.255/32'],
    ['class E', '240.0.0.1/8'],
    ['loopback on a link', '127.0.0.1/8'],
    ['a network address', '10.3.0.0/16'],
    ['a broadcast address', '10.3.255.255/16'],
    ['1122-3.2.2.9-h: a prefix length of 0', '10.3.0.1/0'],
  ];
  for (const [name, text] of bad) {
    it(`refuses as an address: ${name}`, () => {
      const host = makeHost();
      expect(host.ip.addAddress(host.network, prefix(text), {}, T0)).to.equal(-Errno.EINVAL);
    });
  }

  it('1122-3.2.1.3-a: takes any prefix length, both ends of a /31 (RFC 3021), and a /32', () => {
    const host = makeHost();
    for (const text of ['10.9.0.0/31', '10.9.0.3/31', '10.9.0.9/32']) {
      expect(host.ip.addAddress(host.network, prefix(text), {}, T0), text).to.equal(0);
    }
    expect(host.ip.isBroadcast(addr('10.9.0.1'))).to.be.false;
    expect(host.ip.isLocal(addr('10.9.0.9'))).to.be.true;
  });

  it('takes an address once', () => {
    const host = makeHost();
    expect(host.ip.addAddress(host.network, prefix('10.0.0.2/16'), {}, T0)).to.equal(-Errno.EEXIST);
  });

  it('an address that is probed for is used once the link layer says so', () => {
    const host = makeHost();
    expect(host.ip.addAddress(host.network, prefix('10.7.0.2/16'), { probe: true }, T0)).to.equal(0);
    expect(host.link.calls).to.include(`add ${addr('10.7.0.2')} true`);
    expect(host.ip.isLocal(addr('10.7.0.2'))).to.be.false;
    expect(host.ip.interfaceInfo()[1]!.tentative).to.deep.equal([prefix('10.7.0.2/16')]);
    expect(host.ip.route(addr('10.7.1.1'), addr('10.7.0.2'))).to.equal(-Errno.EINVAL);
    host.link.user!.onAddressReady(addr('10.7.0.2'), T0);
    host.link.user!.onAddressReady(addr('10.7.0.2'), T0);
    expect(host.ip.isLocal(addr('10.7.0.2'))).to.be.true;
    expect(host.ip.isBroadcast(addr('10.7.255.255'))).to.be.true;
    expect(host.ip.route(addr('10.7.1.1'), ANY_ADDRESS)).to.have.property('source', addr('10.7.0.2'));
  });

  it('5227: an address in conflict is removed, and that is traced', () => {
    const host = makeHost();
    const events: TraceEvent[] = [];
    host.context.trace.listen((event) => events.push(event));
    host.link.user!.onConflict(addr('10.0.0.2'), T0);
    expect(host.ip.isLocal(addr('10.0.0.2'))).to.be.false;
    expect(host.link.calls).to.include(`remove ${addr('10.0.0.2')}`);
    expect(routes(host)).to.deep.equal([]);
    expect(events.map(({ name, facts }) => [name, facts['address']])).to.deep.equal([['address-conflict', '10.0.0.2']]);
  });

  it('of two addresses in one network the other keeps it connected', () => {
    const host = makeHost();
    host.ip.addAddress(host.network, prefix('10.0.0.3/24'), {}, T0);
    expect(host.ip.removeAddress(host.network, addr('10.0.0.2'))).to.be.true;
    expect(host.ip.removeAddress(host.network, addr('10.0.0.2'))).to.be.false;
    expect(routes(host)).to.deep.equal(['connected 10.0.0.0/24', 'static 0.0.0.0/0 via 10.0.0.1']);
  });

  it('addRoute says what is wrong', () => {
    const host = makeHost();
    const destination = prefix('192.168.0.0/16');
    const { id } = host.network;
    expect(host.ip.addRoute({ destination })).to.equal(-Errno.EINVAL);
    expect(host.ip.addRoute({ destination, interfaceId: 9 })).to.equal(-Errno.ENODEV);
    expect(host.ip.addRoute({ destination, gateway: addr('172.16.0.1') })).to.equal(-Errno.ENETUNREACH);
    expect(host.ip.addRoute({ destination, gateway: addr('10.0.0.255') })).to.equal(-Errno.EINVAL);
    expect(host.ip.addRoute({ destination, gateway: addr('10.0.0.2') })).to.equal(-Errno.EINVAL);
    expect(host.ip.addRoute({ destination: prefix('224.0.0.0/4'), gateway: addr('10.0.0.1') })).to.equal(-Errno.EINVAL);
    expect(host.ip.addRoute({ destination, gateway: addr('10.0.0.1'), interfaceId: id })).to.equal(0);
    expect(host.ip.addRoute({ destination, gateway: addr('10.0.0.1') })).to.equal(-Errno.EEXIST);
    expect(host.ip.removeRoute({ destination: prefix('192.168.9.9/16'), gateway: addr('10.0.0.9') })).to.equal(0);
    expect(host.ip.removeRoute({ destination: prefix('192.168.9.9/16'), gateway: addr('10.0.0.1') })).to.equal(1);
  });

  it('routes are bounded', () => {
    const host = makeHost({ ip: { maxRoutes: 4 } });
    const { id } = host.network;
    expect(host.ip.addRoute({ destination: prefix('192.168.0.0/16'), interfaceId: id })).to.equal(0);
    expect(host.ip.addRoute({ destination: prefix('192.169.0.0/16'), interfaceId: id })).to.equal(-Errno.ENOBUFS);
    expect(host.ip.addAddress(host.network, prefix('10.9.0.1/16'), {}, T0)).to.equal(-Errno.ENOBUFS);
  });

  it('an interface that is switched off hands its traffic to the others', () => {
    const host = makeHost();
    const second = new FakeLink(host.context, 'eth1');
    const network = host.ip.addInterface(second);
    expect([network.id, network.name]).to.deep.equal([3, 'eth1']);
    host.ip.addAddress(network, prefix('10.1.0.2/24'), {}, T0);
    host.ip.addRoute({ destination: prefix('0.0.0.0/0'), gateway: addr('10.1.0.1'), metric: 10 });
    expect(host.ip.route(addr('8.8.8.8'), ANY_ADDRESS)).to.have.property('source', addr('10.0.0.2'));
    host.ip.setUp(host.network, false);
    expect(host.ip.route(addr('8.8.8.8'), ANY_ADDRESS)).to.have.property('source', addr('10.1.0.2'));
    host.ip.setUp(host.network, true);
    expect(host.ip.route(addr('8.8.8.8'), ANY_ADDRESS)).to.have.property('source', addr('10.0.0.2'));
  });
});
