import { expect } from 'chai';
import * as fc from 'fast-check';
import { BufferPool } from '../../src/core/buffers.ts';
import { ByteRing } from '../../src/core/ring.ts';

/** What the ring should hold: its readable octets, and what lies ahead of them by distance. */
interface Model {
  readable: number[];
  ahead: Map<number, number>;
  /** One past the last octet ahead. */
  aheadEnd: number;
  next: number;
}
type Command = fc.Command<Model, ByteRing>;

const LIMIT = 20_000;

/** The next `count` octets of a stream that never repeats soon. */
const fresh = (model: Model, count: number): number[] =>
  Array.from({ length: count }, () => (model.next++ * 7 + (model.next >> 8)) & 255);

function check(model: Model, ring: ByteRing): void {
  expect(ring.length).to.equal(model.readable.length);
  expect(ring.free).to.equal(Math.max(0, ring.limit - model.readable.length));
  const holds = model.readable.length > 0 || model.aheadEnd > 0;
  expect(ring.allocated > 0).to.equal(holds);
  if (holds) expect(ring.allocated).to.be.at.least(model.readable.length + model.aheadEnd);
  expect(ring.allocated).to.be.at.most(65_536);
}

class Write implements Command {
  readonly count: number;
  constructor(count: number) {
    this.count = count;
  }
  check = (model: Model): boolean => model.aheadEnd === 0;
  run(model: Model, ring: ByteRing): void {
    const octets = fresh(model, this.count);
    const taken = Math.min(this.count, LIMIT - model.readable.length);
    expect(ring.write(Uint8Array.from([9, ...octets]), 1, this.count)).to.equal(taken);
    model.readable.push(...octets.slice(0, taken));
    check(model, ring);
  }
  toString = (): string => `write(${this.count})`;
}

class WriteAhead implements Command {
  readonly gap: number;
  readonly count: number;
  constructor(gap: number, count: number) {
    this.gap = gap;
    this.count = count;
  }
  check = (model: Model): boolean => model.readable.length + this.gap + this.count <= LIMIT;
  run(model: Model, ring: ByteRing): void {
    const octets = fresh(model, this.count);
    ring.writeAhead(this.gap, Uint8Array.from(octets), 0, this.count);
    octets.forEach((octet, i) => model.ahead.set(this.gap + i, octet));
    model.aheadEnd = Math.max(model.aheadEnd, this.gap + this.count);
    check(model, ring);
  }
  toString = (): string => `writeAhead(${this.gap}, ${this.count})`;
}

/** Makes readable what lies ahead without a gap. */
class Commit implements Command {
  check = (model: Model): boolean => model.ahead.has(0);
  run(model: Model, ring: ByteRing): void {
    let count = 0;
    while (model.ahead.has(count)) model.readable.push(model.ahead.get(count++)!);
    ring.commit(count);
    model.ahead = new Map([...model.ahead].filter(([at]) => at >= count).map(([at, octet]) => [at - count, octet]));
    model.aheadEnd = Math.max(0, model.aheadEnd - count);
    check(model, ring);
  }
  toString = (): string => 'commit';
}

class DropAhead implements Command {
  check = (): boolean => true;
  run(model: Model, ring: ByteRing): void {
    ring.dropAhead();
    model.ahead.clear();
    model.aheadEnd = 0;
    check(model, ring);
  }
  toString = (): string => 'dropAhead';
}

class Peek implements Command {
  readonly skip: number;
  readonly count: number;
  constructor(skip: number, count: number) {
    this.skip = skip;
    this.count = count;
  }
  check = (): boolean => true;
  run(model: Model, ring: ByteRing): void {
    const expected = model.readable.slice(this.skip, this.skip + this.count);
    const to = new Uint8Array(this.count + 2).fill(0xee);
    expect(ring.peek(this.skip, to, 1, this.count)).to.equal(expected.length);
    expect(Buffer.from(to.subarray(1, 1 + expected.length)).equals(Buffer.from(expected))).to.equal(true);
    expect(to[0]).to.equal(0xee);
    expect(to[1 + expected.length]).to.equal(0xee);
    check(model, ring);
  }
  toString = (): string => `peek(${this.skip}, ${this.count})`;
}

class Read implements Command {
  readonly count: number;
  constructor(count: number) {
    this.count = count;
  }
  check = (): boolean => true;
  run(model: Model, ring: ByteRing): void {
    const expected = model.readable.splice(0, this.count);
    const to = new Uint8Array(this.count);
    expect(ring.read(to, 0, this.count)).to.equal(expected.length);
    expect(Buffer.from(to.subarray(0, expected.length)).equals(Buffer.from(expected))).to.equal(true);
    check(model, ring);
  }
  toString = (): string => `read(${this.count})`;
}

class Discard implements Command {
  readonly share: number;
  constructor(share: number) {
    this.share = share;
  }
  check = (): boolean => true;
  run(model: Model, ring: ByteRing): void {
    const count = Math.floor((model.readable.length * this.share) / 100);
    ring.discard(count);
    model.readable.splice(0, count);
    check(model, ring);
  }
  toString = (): string => `discard(${this.share} %)`;
}

class Clear implements Command {
  check = (): boolean => true;
  run(model: Model, ring: ByteRing): void {
    ring.clear();
    model.readable = [];
    model.ahead.clear();
    model.aheadEnd = 0;
    expect(ring.allocated).to.equal(0);
    check(model, ring);
  }
  toString = (): string => 'clear';
}

const bytes = (...octets: number[]): Uint8Array => Uint8Array.from(octets);

describe('core/ring', () => {
  it('any commands: behaves as a plain list of octets', () => {
    const size = fc.oneof(fc.nat(40), fc.nat(6000));
    const commands = fc.commands<Model, ByteRing>(
      [
        size.map((n) => new Write(n)),
        fc.tuple(size, size).map(([gap, n]) => new WriteAhead(gap, n + 1)),
        size.map((n) => new WriteAhead(0, n + 1)),
        fc.constant(new Commit()),
        fc.constant(new DropAhead()),
        fc.tuple(size, size).map(([skip, n]) => new Peek(skip, n)),
        size.map((n) => new Read(n)),
        fc.nat(100).map((share) => new Discard(share)),
        fc.constant(new Clear()),
      ],
      { maxCommands: 60, size: 'max' },
    );
    const pool = new BufferPool();
    fc.assert(
      fc.property(commands, (steps) => {
        fc.modelRun(
          () => ({
            model: { readable: [], ahead: new Map<number, number>(), aheadEnd: 0, next: 0 },
            real: new ByteRing(LIMIT, pool),
          }),
          steps,
        );
      }),
      { numRuns: 150 },
    );
  });

  it('holds no memory while empty, and gives it back to the pool for the next', () => {
    const pool = new BufferPool();
    const ring = new ByteRing(100_000, pool);
    expect(ring.allocated).to.equal(0);
    ring.write(new Uint8Array(5000), 0, 5000);
    expect(ring.allocated).to.equal(8192);
    ring.read(new Uint8Array(5000), 0, 5000);
    expect(ring.allocated).to.equal(0);
    const first = pool.take(8192);
    pool.give(first);
    expect(pool.take(8192)).to.equal(first);
  });

  it('takes at once what it needed last time, and less and less when it no longer needs that', () => {
    const ring = new ByteRing(100_000, new BufferPool());
    const fill = (octets: number): number => {
      ring.write(new Uint8Array(octets), 0, octets);
      const { allocated } = ring;
      ring.discard(octets);
      return allocated;
    };
    expect(fill(60_000)).to.equal(65_536);
    expect([1, 1, 1, 60_000, 1].map(fill)).to.deep.equal([65_536, 32_768, 16_384, 65_536, 65_536]);
    expect(Array.from({ length: 9 }, () => fill(1)).at(-1)).to.equal(4096);
  });

  it('a pool keeps at most its limit of free buffers', () => {
    const pool = new BufferPool(Infinity, 8192);
    const buffers = [pool.take(4096), pool.take(4096), pool.take(4096)];
    for (const buffer of buffers) pool.give(buffer);
    expect([pool.take(4096), pool.take(4096)]).to.have.members(buffers.slice(0, 2));
    expect(buffers).not.to.include(pool.take(4096));
  });

  it('takes no more than its limit, which may be lowered below what it holds', () => {
    const ring = new ByteRing(10, new BufferPool());
    expect(ring.write(new Uint8Array(20), 0, 20)).to.equal(10);
    ring.limit = 4;
    expect(ring.free).to.equal(0);
    expect(ring.write(bytes(1), 0, 1)).to.equal(0);
    expect(ring.length).to.equal(10);
    ring.limit = 12;
    expect(ring.write(bytes(1, 2, 3), 0, 3)).to.equal(2);
  });

  it('text ahead of its place becomes readable once the gap is filled', () => {
    const ring = new ByteRing(100, new BufferPool());
    ring.write(bytes(1), 0, 1);
    ring.writeAhead(2, bytes(4, 5), 0, 2);
    expect(ring.length).to.equal(1);
    ring.writeAhead(0, bytes(2, 3), 0, 2);
    ring.commit(4);
    const to = new Uint8Array(5);
    expect(ring.read(to, 0, 9)).to.equal(5);
    expect(to).to.deep.equal(bytes(1, 2, 3, 4, 5));
  });

  it('misuse is a bug and throws', () => {
    const ring = new ByteRing(100, new BufferPool());
    ring.write(bytes(1, 2), 0, 2);
    expect(() => ring.discard(3)).to.throw('only 2 held');
    ring.writeAhead(0, bytes(3), 0, 1);
    expect(() => ring.commit(2)).to.throw('only 1 placed');
  });
});
