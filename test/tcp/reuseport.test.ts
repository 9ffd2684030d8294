/**
 * Several listeners on one port. socket(7), SO_REUSEPORT: "accept(2) load distribution"; SO_BINDTODEVICE.
 */
import { expect } from 'chai';
import { Errno } from '../../src/core/errno.ts';
import { SeededRandom } from '../../src/core/random.ts';
import { SECOND } from '../../src/core/time.ts';
import { ANY_ADDRESS, ipv4 } from '../../src/ip/address.ts';
import type { IpAddress } from '../../src/ip/address.ts';
import { ListenerTable } from '../../src/tcp/listener-table.ts';
import type { ListenerEntry } from '../../src/tcp/listener-table.ts';
import type { TcpListener } from '../../src/tcp/service.ts';
import { Pair } from '../support/tcp-pair.ts';

const PORT = 80;

function listeners(pair: Pair, count: number): TcpListener[] {
  const options = { ...pair.b.tcp.defaultOptions(), reusePort: true };
  return Array.from({ length: count }, () => {
    const listener = pair.b.tcp.listen(ANY_ADDRESS, PORT, 4096, options);
    if (typeof listener === 'number') throw new Error(`listen: ${listener}`);
    return listener;
  });
}

/** Connects from each of the ports, and lets the handshakes run. */
function connectFrom(pair: Pair, first: number, count: number): void {
  for (let port = first; port < first + count; port++) {
    pair.a.tcp.connect(pair.a.address, port, pair.b.address, PORT, pair.a.tcp.defaultOptions());
  }
  pair.run(pair.now + 1 * SECOND);
}

describe('SO_REUSEPORT: listeners that share a port', () => {
  it('each gets a fair part of the connections', () => {
    const pair = new Pair(1);
    const group = listeners(pair, 4);
    connectFrom(pair, 10_000, 400);
    const parts = group.map((listener) => listener.waiting);
    expect(parts.reduce((sum, part) => sum + part)).to.equal(400);
    for (const part of parts) expect(part).to.be.within(70, 130);
  });

  it('the same four-tuple always comes to the same one', () => {
    const pair = new Pair(1);
    const group = listeners(pair, 4);
    const whose = new Map<number, number>();
    for (let round = 0; round < 3; round++) {
      connectFrom(pair, 10_000, 40);
      for (const [index, listener] of group.entries()) {
        for (let conn = listener.accept(); conn !== undefined; conn = listener.accept()) {
          expect(whose.get(conn.remotePort) ?? index).to.equal(index);
          whose.set(conn.remotePort, index);
          conn.abort();
        }
      }
      pair.run(pair.now + 1 * SECOND);
    }
    expect(whose.size).to.equal(40);
  });

  it('after one has closed the others get all', () => {
    const pair = new Pair(1);
    const [first, ...rest] = listeners(pair, 3);
    first!.close();
    connectFrom(pair, 10_000, 100);
    expect(rest.map((listener) => listener.waiting).reduce((sum, part) => sum + part)).to.equal(100);
    for (const listener of rest) expect(listener.waiting).to.be.above(20);
  });

  it('one that does not share is refused beside them, and they beside it', () => {
    const pair = new Pair(1);
    const { tcp } = pair.b;
    listeners(pair, 2);
    expect(tcp.listen(ANY_ADDRESS, PORT, 1, tcp.defaultOptions())).to.equal(-Errno.EADDRINUSE);
    tcp.listen(ANY_ADDRESS, 81, 1, tcp.defaultOptions());
    expect(tcp.listen(ANY_ADDRESS, 81, 1, { ...tcp.defaultOptions(), reusePort: true })).to.equal(-Errno.EADDRINUSE);
  });

  it('with a SYN flood the ACK of a cookie finds the listener that sent it', () => {
    const pair = new Pair(1, undefined, { tcp: { synCookies: 'always' } });
    const group = listeners(pair, 4);
    connectFrom(pair, 10_000, 80);
    expect(group.map((listener) => listener.waiting).reduce((sum, part) => sum + part)).to.equal(80);
    for (const { counters, waiting } of group) expect(counters.cookiesAccepted).to.equal(waiting);
  });
});

describe('the table of listeners', () => {
  const HERE = ipv4(0x0a000001);
  const THERE = ipv4(0x0a000009);
  const entry = (address: IpAddress, boundDevice = 0, reusePort = false): ListenerEntry => ({
    address,
    port: PORT,
    options: { boundDevice, reusePort },
  });
  const find = (entries: readonly ListenerEntry[], interfaceId: number): ListenerEntry | undefined => {
    const table = new ListenerTable<ListenerEntry>(new SeededRandom(1));
    for (const each of entries) table.add(each);
    return table.find(HERE, PORT, THERE, 1000, interfaceId);
  };

  it('prefers the address, then the interface; one bound to another interface gets nothing', () => {
    const any = entry(ANY_ADDRESS);
    const own = entry(HERE);
    const device = entry(ANY_ADDRESS, 2);
    const both = entry(HERE, 2);
    expect(find([any, device, own, both], 2)).to.equal(both);
    expect(find([any, device, own, both], 1)).to.equal(own);
    expect(find([any, device], 2)).to.equal(device);
    expect(find([any, device], 1)).to.equal(any);
    expect(find([device, both], 1)).to.be.undefined;
  });

  it('a listener for the address comes before a group for any address', () => {
    const own = entry(HERE, 0, true);
    expect(find([entry(ANY_ADDRESS, 0, true), own, entry(ANY_ADDRESS, 0, true)], 1)).to.equal(own);
  });
});
