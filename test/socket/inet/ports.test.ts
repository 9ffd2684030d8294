import { expect } from 'chai';
import fc from 'fast-check';
import { SeededRandom } from '../../../src/core/random.ts';
import { ANY_ADDRESS, parseAddress } from '../../../src/ip/address.ts';
import { Binding, PortTable } from '../../../src/socket/inet/ports.ts';
import type { Sharing } from '../../../src/socket/inet/ports.ts';

const A = parseAddress('10.0.0.1')!;
const B = parseAddress('10.0.0.2')!;
const PEER = parseAddress('10.0.0.9')!;

const ALONE: Sharing = { reuseAddress: false, reusePort: false, boundDevice: 0 };

type Changes = Partial<Sharing & Pick<Binding, 'address' | 'port' | 'explicit' | 'listening'>>;

function binding({
  address = ANY_ADDRESS,
  port = 80,
  explicit = true,
  listening = false,
  ...options
}: Changes): Binding {
  const made = new Binding(address, port, { ...ALONE, ...options }, explicit);
  made.listening = listening;
  return made;
}

const makeTable = (low = 32768, high = 60999, seed = 1): PortTable => new PortTable(new SeededRandom(seed), low, high);

describe('port table', () => {
  const reuse = { reuseAddress: true };
  const share = { reusePort: true };
  const rows: readonly (readonly [name: string, held: Changes, wanted: Changes, conflict: boolean])[] = [
    ['the same address', { address: A }, { address: A }, true],
    ['another address', { address: A }, { address: B }, false],
    ['other interfaces', { boundDevice: 1 }, { boundDevice: 2 }, false],
    ['an interface and any', { boundDevice: 1 }, {}, true],
    ['the same interface', { boundDevice: 1 }, { boundDevice: 1 }, true],
    ['another port', { address: A }, { address: A, port: 81 }, false],
    ['the wildcard over an address', { address: A }, {}, true],
    ['an address under the wildcard', {}, { address: A }, true],
    ['SO_REUSEADDR on the new one only', {}, reuse, true],
    ['SO_REUSEADDR on the old one only', reuse, {}, true],
    ['SO_REUSEADDR on both', reuse, reuse, false],
    ['SO_REUSEADDR on both, the old one listens', { ...reuse, listening: true }, reuse, true],
    [
      'SO_REUSEADDR on both, an address beside a listening wildcard',
      { ...reuse, listening: true },
      { ...reuse, address: A },
      true,
    ],
    ['SO_REUSEPORT on both, the old one listens', { ...share, listening: true }, share, false],
    ['SO_REUSEPORT on one', share, {}, true],
    ['SO_REUSEPORT here, SO_REUSEADDR there', share, reuse, true],
  ];
  for (const [name, held, wanted, conflict] of rows) {
    it(`${conflict ? 'refuses' : 'allows'} ${name}`, () => {
      const table = makeTable();
      table.add(binding(held));
      expect(table.conflicts(binding(wanted))).to.equal(conflict);
    });
  }

  it('does not see a binding as in conflict with itself, and forgets what was removed', () => {
    const table = makeTable();
    const one = binding({});
    table.add(one);
    expect(table.conflicts(one)).to.equal(false);
    table.remove(one);
    table.remove(one);
    expect(table.conflicts(binding({}))).to.equal(false);
    expect(table.size).to.equal(0);
  });

  it('any that hold a port and leave it again, in whatever order: those that are left are asked', () => {
    const holder = fc.record({ address: fc.constantFrom(A, B), explicit: fc.boolean(), leaves: fc.boolean() });
    fc.assert(
      fc.property(fc.array(holder, { maxLength: 8 }), fc.infiniteStream(fc.nat(7)), (holders, turns) => {
        const table = makeTable(80, 80);
        const held = holders.map(({ leaves, ...changes }) => ({ leaves, one: binding(changes) }));
        for (const { one } of held) table.add(one);
        const leaving = held.filter(({ leaves }) => leaves).map(({ one }) => one);
        while (leaving.length > 0) {
          const [one] = leaving.splice(turns.next().value! % leaving.length, 1);
          table.remove(one!);
          table.remove(one!);
        }
        const left = held.filter(({ leaves }) => !leaves).map(({ one }) => one);
        expect(table.size).to.equal(left.length > 0 ? 1 : 0);
        for (const address of [A, B]) {
          expect(table.conflicts(binding({ address }))).to.equal(left.some((one) => one.address === address));
        }
        const isBound = left.some(({ explicit }) => explicit);
        expect(table.pickToConnect(A, PEER, 443, () => false)).to.equal(isBound ? undefined : 80);
      }),
    );
  });

  it('picks ports to bind inside the range, all of them, and then none', () => {
    const table = makeTable(40000, 40009);
    const picked = new Set<number>();
    for (let i = 0; i < 10; i++) {
      const port = table.pickToBind(ANY_ADDRESS, ALONE)!;
      picked.add(port);
      table.add(binding({ port }));
    }
    expect([...picked].sort()).to.deep.equal(Array.from({ length: 10 }, (_, i) => 40000 + i));
    expect(table.pickToBind(ANY_ADDRESS, ALONE)).to.equal(undefined);
    expect(table.pickToBind(A, { ...ALONE, reuseAddress: true })).to.equal(undefined);
  });

  it('6056-3-a: ports for one peer ascend, ports for another start elsewhere, and seeds differ', () => {
    const table = makeTable();
    const pick = (port: number): number => table.pickToConnect(A, PEER, port, () => false)!;
    const first = pick(80);
    expect([pick(80), pick(80)]).to.deep.equal([
      32768 + ((first - 32768 + 1) % 28232),
      32768 + ((first - 32768 + 2) % 28232),
    ]);
    expect(Math.abs(pick(81) - first)).to.be.greaterThan(3);
    expect(makeTable(32768, 60999, 2).pickToConnect(A, PEER, 80, () => false)).to.not.equal(first);
  });

  it('6056-3-a: a port is not used again for a peer before all others were; then comes none, once all are taken', () => {
    const table = makeTable(40000, 40499);
    const pick = (taken: boolean): number | undefined => table.pickToConnect(A, PEER, 80, () => taken);
    const first = Array.from({ length: 500 }, () => pick(false)!);
    expect(new Set(first).size).to.equal(500);
    for (const port of first) expect(port).to.be.within(40000, 40499);
    expect(pick(false)).to.equal(first[0]);
    for (const port of first) table.add(binding({ port, address: A, explicit: false }));
    expect(pick(true)).to.equal(undefined);
  });

  it('6056-3-a: offsets for many peers spread over the range', () => {
    const table = makeTable();
    const buckets = new Array<number>(16).fill(0);
    for (let port = 1; port <= 4000; port++) {
      const picked = table.pickToConnect(A, PEER, port, () => false)!;
      const bucket = Math.floor(((picked - 32768) / 28232) * 16);
      buckets[bucket] = buckets[bucket]! + 1;
    }
    for (const count of buckets) expect(count).to.be.within(150, 350);
  });

  it('lets connects share a port for other peers but not with a bound socket', () => {
    const table = makeTable(50000, 50000);
    const held = binding({ port: 50000, address: A, explicit: false });
    table.add(held);
    expect(table.pickToConnect(A, PEER, 80, () => true)).to.equal(undefined);
    expect(table.pickToConnect(A, PEER, 81, () => false)).to.equal(50000);
    const bound = binding({ port: 50000, address: B });
    table.add(bound);
    expect(table.pickToConnect(A, PEER, 81, () => false)).to.equal(undefined);
    table.remove(bound);
    expect(table.pickToConnect(A, PEER, 81, () => false)).to.equal(50000);
  });

  it('conflicts are symmetric between sockets that do not listen', () => {
    const any = fc.record({
      address: fc.constantFrom(ANY_ADDRESS, A, B),
      reuseAddress: fc.boolean(),
      reusePort: fc.boolean(),
    });
    fc.assert(
      fc.property(any, any, (x, y) => {
        const first = makeTable();
        const second = makeTable();
        first.add(binding(x));
        second.add(binding(y));
        expect(first.conflicts(binding(y))).to.equal(second.conflicts(binding(x)));
      }),
    );
  });
});
