import { expect } from 'chai';
import fc from 'fast-check';
import { SeededRandom } from '../../src/core/random.ts';
import { ANY_ADDRESS } from '../../src/ip/address.ts';
import type { IpAddress } from '../../src/ip/address.ts';
import { Demux, matchScore } from '../../src/udp/demux.ts';
import type { Endpoint } from '../../src/udp/demux.ts';
import { addr } from '../ip/host.ts';

interface Named extends Endpoint {
  readonly name: string;
}

function endpoint(name: string, local: string, localPort: number, remote?: string, remotePort = 0): Named {
  return {
    name,
    localAddress: addr(local),
    localPort,
    remoteAddress: remote === undefined ? undefined : addr(remote),
    remotePort,
    sharesPort: false,
  };
}

describe('udp/demux', () => {
  const demux = new Demux<Named>(new SeededRandom(1));
  const all = [
    endpoint('any', '0.0.0.0', 53),
    endpoint('bound', '10.0.0.2', 53),
    endpoint('connected', '10.0.0.2', 53, '10.0.0.9', 5000),
    endpoint('connected any', '0.0.0.0', 53, '10.0.0.8', 5000),
    endpoint('elsewhere', '10.0.0.3', 54),
    endpoint('older', '0.0.0.0', 55),
    endpoint('newer', '0.0.0.0', 55),
  ];
  for (const each of all) demux.add(each);

  const rows: [local: string, port: number, remote: string, remotePort: number, name: string | undefined][] = [
    ['10.0.0.2', 53, '10.0.0.9', 5000, 'connected'],
    ['10.0.0.2', 53, '10.0.0.9', 5001, 'bound'],
    ['10.0.0.2', 53, '10.0.0.8', 5000, 'connected any'],
    ['10.0.0.2', 53, '10.0.0.7', 5000, 'bound'],
    ['10.0.0.4', 53, '10.0.0.9', 5000, 'any'],
    ['10.0.0.4', 53, '10.0.0.8', 5000, 'connected any'],
    ['10.0.0.3', 54, '10.0.0.9', 1, 'elsewhere'],
    ['10.0.0.2', 54, '10.0.0.9', 1, undefined],
    ['10.0.0.2', 55, '10.0.0.9', 1, 'newer'],
    ['10.0.0.2', 99, '10.0.0.9', 1, undefined],
  ];
  for (const [local, port, remote, remotePort, name] of rows) {
    it(`${local}:${port} from ${remote}:${remotePort} is for ${name ?? 'nobody'}`, () => {
      expect(demux.find(addr(local), port, addr(remote), remotePort)?.name).to.equal(name);
    });
  }

  it('one bound to the interface is preferred to one that is not, but not to one bound to the address', () => {
    const table = new Demux<Named>(new SeededRandom(1));
    const here = { ...endpoint('here', '0.0.0.0', 7), device: 2 };
    const any = endpoint('any', '0.0.0.0', 7);
    table.add(here);
    table.add(any);
    const nameOf = (device?: number): string | undefined =>
      table.find(addr('10.0.0.2'), 7, addr('10.0.0.9'), 1, device)?.name;
    expect([nameOf(2), nameOf(1), nameOf()]).to.deep.equal(['here', 'any', 'here']);
    table.add(endpoint('bound', '10.0.0.2', 7));
    expect(nameOf(2)).to.equal('bound');
  });

  it('removing the last of a port leaves nobody', () => {
    const small = new Demux<Named>(new SeededRandom(1));
    const one = endpoint('one', '0.0.0.0', 7);
    small.add(one);
    small.remove(endpoint('other', '0.0.0.0', 7));
    expect([...small.all()]).to.deep.equal([one]);
    small.remove(one);
    small.remove(one);
    expect(small.find(addr('10.0.0.2'), 7, addr('10.0.0.9'), 1)).to.be.undefined;
    expect(small.onPort(7)).to.deep.equal([]);
  });

  it('finds what a search through all of them finds', () => {
    const address = fc.constantFrom<IpAddress>(ANY_ADDRESS, addr('10.0.0.2'), addr('10.0.0.3'));
    const peer = fc.constantFrom(undefined, addr('10.0.0.8'), addr('10.0.0.9'));
    const some = fc.record({
      localAddress: address,
      localPort: fc.nat(2),
      remoteAddress: peer,
      remotePort: fc.nat(1),
      sharesPort: fc.constant(false),
    });
    const packet = fc.tuple(fc.constantFrom(addr('10.0.0.2'), addr('10.0.0.4')), fc.nat(2), fc.nat(1));
    fc.assert(
      fc.property(fc.array(some, { maxLength: 12 }), fc.array(packet), (endpoints, packets) => {
        const table = new Demux<Endpoint>(new SeededRandom(1));
        for (const each of endpoints) table.add(each);
        for (const [local, port, remotePort] of packets) {
          const matching = endpoints
            .map((each, age) => ({ each, age, score: matchScore(each, local, addr('10.0.0.9'), remotePort) }))
            .filter(({ each, score }) => each.localPort === port && score >= 0)
            .sort((a, b) => b.score - a.score || b.age - a.age);
          expect(table.find(local, port, addr('10.0.0.9'), remotePort)).to.equal(matching[0]?.each);
        }
      }),
    );
  });

  describe('SO_REUSEPORT', () => {
    const share = (name: string, local = '0.0.0.0', remote?: string): Named => ({
      ...endpoint(name, local, 53, remote, 1),
      sharesPort: true,
    });
    const NAMES = ['0', '1', '2', '3'];
    const group = new Demux<Named>(new SeededRandom(7));
    for (const name of NAMES) group.add(share(name));
    const from = (port: number): string | undefined => group.find(addr('10.0.0.2'), 53, addr('10.0.0.9'), port)?.name;

    it('gives each of four sockets a fair part of the flows, and one flow always to the same', () => {
      const parts = new Map<string, number>();
      for (let port = 1; port <= 4000; port++) {
        const name = from(port)!;
        expect(from(port)).to.equal(name);
        parts.set(name, (parts.get(name) ?? 0) + 1);
      }
      expect([...parts.keys()].sort()).to.deep.equal(NAMES);
      for (const count of parts.values()) expect(count).to.be.within(850, 1150);
    });

    it('which one it is depends on the key', () => {
      const other = new Demux<Named>(new SeededRandom(8));
      for (const name of NAMES) other.add(share(name));
      const ports = Array.from({ length: 64 }, (_, index) => index + 1);
      const choices = ports.map((port) => other.find(addr('10.0.0.2'), 53, addr('10.0.0.9'), port)?.name);
      expect(choices).to.not.deep.equal(ports.map(from));
    });

    it('a connected socket, or one bound to the address, comes before the group', () => {
      const table = new Demux<Named>(new SeededRandom(7));
      for (const name of NAMES) table.add(share(name));
      table.add(share('specific', '10.0.0.3'));
      table.add(share('connected', '0.0.0.0', '10.0.0.8'));
      for (const [local, remote, name] of [
        ['10.0.0.3', '10.0.0.9', 'specific'],
        ['10.0.0.2', '10.0.0.8', 'connected'],
      ] as const) {
        expect(table.find(addr(local), 53, addr(remote), 1)?.name).to.equal(name);
      }
    });
  });
});
