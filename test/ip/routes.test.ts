import { expect } from 'chai';
import fc from 'fast-check';
import { micros } from '../../src/core/time.ts';
import { formatAddress, formatPrefix, inPrefix, ipv4 } from '../../src/ip/address.ts';
import type { IpAddress, Prefix } from '../../src/ip/address.ts';
import { RouteTable } from '../../src/ip/routes.ts';
import type { Route } from '../../src/ip/routes.ts';
import { addr, prefix } from './host.ts';

const table = (): RouteTable => new RouteTable(() => true);
const gatewayOf = (route: Route | undefined): string =>
  route === undefined ? 'none' : route.gateway === undefined ? 'on link' : formatAddress(route.gateway);

describe('ip/routes', () => {
  it('1122-3.3.1.1-a, 1122-3.3.1.2-c, 1122-3.3.1.2-e: the longest prefix wins, whatever the order of adding', () => {
    const routes = table();
    routes.add('static', prefix('0.0.0.0/0'), addr('10.0.0.1'), 2, 0);
    routes.add('static', prefix('192.168.0.0/16'), addr('10.0.0.3'), 2, 0);
    routes.add('connected', prefix('10.0.0.2/24'), undefined, 2, 0);
    routes.add('static', prefix('192.168.7.0/24'), addr('10.0.0.4'), 2, 0);
    routes.add('static', prefix('192.168.7.9/32'), addr('10.0.0.5'), 2, 0);
    const rows: [string, string][] = [
      ['10.0.0.77', 'on link'],
      ['192.168.1.1', '10.0.0.3'],
      ['192.168.7.1', '10.0.0.4'],
      ['192.168.7.9', '10.0.0.5'],
      ['8.8.8.8', '10.0.0.1'],
    ];
    for (const [destination, gateway] of rows) {
      expect(gatewayOf(routes.lookup(addr(destination))), destination).to.equal(gateway);
    }
  });

  it('1122-3.3.1.1-b: without gateways only connected networks are reached', () => {
    const routes = table();
    expect(routes.lookup(addr('10.0.0.7'))).to.be.undefined;
    routes.add('connected', prefix('10.0.0.2/24'), undefined, 2, 0);
    expect(gatewayOf(routes.lookup(addr('10.0.0.7')))).to.equal('on link');
    expect(routes.lookup(addr('10.0.1.7'))).to.be.undefined;
  });

  it('host bits of a network do not matter, and the same route is not added twice', () => {
    const routes = table();
    expect(routes.add('static', prefix('10.1.2.3/8'), addr('10.0.0.1'), 2, 0)).to.be.true;
    expect(routes.add('static', prefix('10.0.0.0/8'), addr('10.0.0.1'), 2, 5)).to.be.false;
    expect(routes.size).to.equal(1);
    expect(Array.from(routes.routes(), (route) => formatPrefix(route.destination))).to.deep.equal(['10.0.0.0/8']);
  });

  it('among equals the lower metric wins, then the older', () => {
    const routes = table();
    routes.add('static', prefix('0.0.0.0/0'), addr('10.0.0.1'), 2, 10);
    routes.add('static', prefix('0.0.0.0/0'), addr('10.0.0.2'), 2, 5);
    routes.add('static', prefix('0.0.0.0/0'), addr('10.0.0.3'), 2, 5);
    expect(gatewayOf(routes.lookup(addr('8.8.8.8')))).to.equal('10.0.0.2');
  });

  it('1122-3.3.1.2-d, 1122-3.3.1.5-a: when a default gateway fails the next takes over and stays', () => {
    const routes = table();
    for (const gateway of ['10.0.0.1', '10.0.0.2', '10.0.0.3']) {
      routes.add('static', prefix('0.0.0.0/0'), addr(gateway), 2, 0);
    }
    const order: string[] = [];
    for (let i = 0; i < 5; i++) {
      const route = routes.lookup(addr('8.8.8.8'))!;
      order.push(formatAddress(route.gateway!));
      const before = routes.generation;
      expect(routes.fail(route.gateway!, 2, micros(i))).to.be.true;
      expect(routes.generation).to.be.greaterThan(before);
    }
    expect(order).to.deep.equal(['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.1', '10.0.0.2']);
  });

  it('a failed gateway without an alternative stays, and paths need not look again', () => {
    const routes = table();
    routes.add('static', prefix('0.0.0.0/0'), addr('10.0.0.1'), 2, 0);
    const before = routes.generation;
    expect(routes.fail(addr('10.0.0.1'), 2, micros(0))).to.be.false;
    expect(routes.generation).to.equal(before);
    expect(gatewayOf(routes.lookup(addr('8.8.8.8')))).to.equal('10.0.0.1');
  });

  it('a route through an interface that is down does not count', () => {
    const down = new Set<number>();
    const routes = new RouteTable((id) => !down.has(id));
    routes.add('static', prefix('0.0.0.0/0'), addr('10.0.0.1'), 2, 0);
    routes.add('static', prefix('0.0.0.0/0'), addr('10.1.0.1'), 3, 1);
    expect(gatewayOf(routes.lookup(addr('8.8.8.8')))).to.equal('10.0.0.1');
    expect(gatewayOf(routes.lookup(addr('8.8.8.8'), 3))).to.equal('10.1.0.1');
    down.add(2);
    expect(gatewayOf(routes.lookup(addr('8.8.8.8')))).to.equal('10.1.0.1');
  });

  it('redirects are bounded, the oldest goes; a failed gateway takes its redirects along', () => {
    const routes = table();
    routes.add('static', prefix('0.0.0.0/0'), addr('10.0.0.1'), 2, 0);
    for (let i = 0; i < 10; i++) routes.redirect(ipv4(0x08080800 + i), addr('10.0.0.7'), 2, 4);
    expect(routes.size).to.equal(5);
    expect(gatewayOf(routes.lookup(addr('8.8.8.0')))).to.equal('10.0.0.1');
    expect(gatewayOf(routes.lookup(addr('8.8.8.9')))).to.equal('10.0.0.7');
    routes.redirect(addr('8.8.8.9'), addr('10.0.0.8'), 2, 4);
    expect(gatewayOf(routes.lookup(addr('8.8.8.9')))).to.equal('10.0.0.8');
    expect(routes.size).to.equal(5);
    expect(routes.fail(addr('10.0.0.7'), 2, micros(0))).to.be.true;
    expect(routes.size).to.equal(2);
    routes.redirect(addr('9.9.9.9'), addr('10.0.0.8'), 2, 0);
    expect(gatewayOf(routes.lookup(addr('9.9.9.9')))).to.equal('10.0.0.1');
  });

  it('longest prefix match agrees with a search through a list', () => {
    // Few bits, so that prefixes nest and meet.
    const network = fc
      .tuple(fc.nat(15), fc.constantFrom(0, 1, 2, 3, 4, 28, 29, 30, 31, 32))
      .map(([bits, length]): Prefix => ({ address: ipv4((bits << 28) | bits), length }));
    const operation = fc.record({
      network,
      gateway: fc.nat(3),
      metric: fc.nat(2),
      remove: fc.boolean(),
    });
    const destination = fc.tuple(fc.nat(15), fc.nat(15)).map(([high, low]) => ipv4((high << 28) | low));
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 40 }), fc.array(destination, { minLength: 5 }), (all, to) => {
        const routes = table();
        const model: { network: Prefix; gateway: IpAddress; metric: number }[] = [];
        for (const { network: net, gateway, metric, remove } of all) {
          const via = ipv4(gateway + 1);
          const at = model.findIndex(
            (entry) =>
              entry.network.length === net.length && inPrefix(entry.network.address, net) && entry.gateway === via,
          );
          if (!remove) {
            expect(routes.add('static', net, via, 2, metric)).to.equal(at < 0);
            if (at < 0) model.push({ network: net, gateway: via, metric });
          } else if (at >= 0) {
            model.splice(at, 1);
            const removed = routes.remove(
              (route) =>
                route.gateway === via &&
                route.destination.length === net.length &&
                inPrefix(route.destination.address, net),
            );
            expect(removed).to.equal(1);
          }
        }
        expect(routes.size).to.equal(model.length);
        for (const address of to) {
          const matching = model.filter((entry) => inPrefix(address, entry.network));
          matching.sort((a, b) => b.network.length - a.network.length || a.metric - b.metric);
          expect(routes.lookup(address)?.gateway).to.equal(matching[0]?.gateway);
        }
      }),
    );
  });
});
