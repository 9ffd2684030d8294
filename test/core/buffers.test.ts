import { expect } from 'chai';
import * as fc from 'fast-check';
import { BufferPool, SMALLEST_BUFFER } from '../../src/core/buffers.ts';
import { ByteRing } from '../../src/core/ring.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

describe('memory of the rings', () => {
  it('the account is the sum over the rings after any sequence, and stays below the bound', () => {
    const step = fc.record({
      ring: fc.nat(4),
      what: fc.constantFrom('write', 'read', 'ahead', 'commit', 'dropAhead', 'shrink', 'clear', 'limit'),
      octets: fc.nat(40_000),
      gap: fc.nat(20_000),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), fc.constantFrom(32, 64, 200), (steps, kib) => {
        const high = kib * KIB;
        const pool = new BufferPool(high);
        const rings = Array.from({ length: 5 }, () => new ByteRing(64 * KIB, pool));
        const streams = rings.map(() => ({ written: 0, read: 0, ahead: 0 }));
        const bytes = new Uint8Array(64 * KIB);
        for (const { ring: index, what, octets, gap } of steps) {
          const ring = rings[index]!;
          const stream = streams[index]!;
          switch (what) {
            case 'write':
              if (stream.ahead > 0) break;
              for (let i = 0; i < octets; i++) bytes[i] = (stream.written + i) % 251;
              stream.written += ring.write(bytes, 0, octets);
              break;
            case 'read': {
              const count = ring.read(bytes, 0, octets);
              for (let i = 0; i < count; i++) expect(bytes[i]).to.equal((stream.read + i) % 251);
              stream.read += count;
              break;
            }
            case 'ahead': {
              const most = Math.min(octets, ring.free - gap);
              const count = most > 0 ? ring.reserve(gap, most) : 0;
              if (count <= 0) break;
              for (let i = 0; i < count; i++) bytes[i] = (stream.written + gap + i) % 251;
              ring.writeAhead(gap, bytes, 0, count);
              if (gap <= stream.ahead) stream.ahead = Math.max(stream.ahead, gap + count);
              break;
            }
            case 'commit':
              ring.commit(stream.ahead);
              stream.written += stream.ahead;
              stream.ahead = 0;
              break;
            case 'dropAhead':
              ring.dropAhead();
              stream.ahead = 0;
              break;
            case 'shrink':
              ring.shrink();
              break;
            case 'clear':
              ring.clear();
              stream.read = stream.written;
              stream.ahead = 0;
              break;
            case 'limit':
              ring.limit = Math.max(1, octets);
          }
          expect(pool.inUse).to.equal(rings.reduce((sum, { allocated }) => sum + allocated, 0));
          const holding = rings.filter(({ allocated }) => allocated > 0).length;
          expect(pool.inUse).to.be.at.most(high + holding * SMALLEST_BUFFER);
          expect(ring.length).to.equal(stream.written - stream.read);
        }
        for (const ring of rings) ring.clear();
        expect(pool.inUse).to.equal(0);
      }),
      { numRuns: 300 },
    );
  });

  it('at the high mark a ring takes what its buffer has room for, an empty one a smallest buffer', () => {
    const pool = new BufferPool(64 * KIB);
    const [full, more, empty] = [1, 2, 3].map(() => new ByteRing(100_000, pool)) as [ByteRing, ByteRing, ByteRing];
    expect(more.write(new Uint8Array(1000), 0, 1000)).to.equal(1000);
    expect(full.write(new Uint8Array(32_000), 0, 32_000)).to.equal(32_000);
    expect(full.write(new Uint8Array(32_000), 0, 32_000)).to.equal(768);
    while (pool.hasRoom(SMALLEST_BUFFER)) pool.take(SMALLEST_BUFFER);
    expect([pool.exhausted, more.mayGrow, full.mayGrow, empty.mayGrow]).to.deep.equal([true, true, false, true]);
    expect(more.write(new Uint8Array(9000), 0, 9000)).to.equal(3096);
    expect(empty.write(new Uint8Array(9000), 0, 9000)).to.equal(4096);
    expect(pool.inUse).to.equal(64 * KIB + SMALLEST_BUFFER);
    // Beyond a gap nothing is kept.
    expect(new ByteRing(100_000, pool).reserve(1, 10)).to.equal(0);
  });

  it('memory is short from the pressure mark on, until less than the low mark is in use', () => {
    const pool = new BufferPool(60 * KIB);
    const buffers: Uint8Array[] = [];
    const states: [number, boolean][] = [];
    const note = (): void => {
      if (states.at(-1)?.[1] !== pool.underPressure) states.push([pool.inUse / KIB, pool.underPressure]);
    };
    for (let i = 0; i < 15; i++) {
      buffers.push(pool.take(SMALLEST_BUFFER));
      note();
    }
    for (const buffer of buffers) {
      pool.give(buffer);
      note();
    }
    expect(states).to.deep.equal([
      [4, false],
      [44, true],
      [28, false],
    ]);
  });

  it('while memory is short a ring begins with no more than it needs', () => {
    const pool = new BufferPool(300 * KIB);
    const ring = new ByteRing(100_000, pool);
    ring.write(new Uint8Array(60_000), 0, 60_000);
    ring.discard(60_000);
    ring.write(new Uint8Array(1), 0, 1);
    expect(ring.allocated).to.equal(64 * KIB);
    ring.discard(1);
    pool.take(256 * KIB);
    ring.write(new Uint8Array(1), 0, 1);
    expect(ring.allocated).to.equal(SMALLEST_BUFFER);
  });

  it('asks for what others can spare before it refuses, the oldest first, and only as many as it takes', () => {
    const pool = new BufferPool(40 * KIB);
    const asked: string[] = [];
    for (const name of ['first', 'second', 'third']) {
      const buffer = pool.take(8 * KIB);
      pool.canSpare({
        giveBack: () => {
          asked.push(name);
          pool.give(buffer);
        },
      });
    }
    expect([pool.makeRoom(16 * KIB), asked]).to.deep.equal([true, []]);
    expect([pool.makeRoom(32 * KIB), asked]).to.deep.equal([true, ['first', 'second']]);
    expect([pool.makeRoom(41 * KIB), asked]).to.deep.equal([false, ['first', 'second', 'third']]);
  });

  it('the share is as much for each ring as for every other, and more than a ring may have only below the pressure mark', () => {
    const pool = new BufferPool(300 * KIB); // pressure at 200 KiB
    expect(pool.shareFor(1)).to.equal(128 * KIB);
    const large = pool.take(128 * KIB);
    const others = [pool.take(32 * KIB), pool.take(32 * KIB)];
    expect(pool.shareFor(1)).to.equal(64 * KIB);
    others.push(pool.take(8 * KIB));
    expect([pool.shareFor(1), pool.shareFor(MIB)]).to.deep.equal([1, 32 * KIB]);
    pool.give(large);
    expect([pool.shareFor(1), pool.shareFor(MIB)]).to.deep.equal([64 * KIB, 64 * KIB]);
    for (let i = 0; i < 20; i++) pool.take(SMALLEST_BUFFER);
    expect(pool.shareFor(MIB)).to.equal(8 * KIB);
    for (let i = 0; i < 200; i++) pool.take(SMALLEST_BUFFER);
    expect(pool.shareFor(MIB)).to.equal(SMALLEST_BUFFER);
  });

  it('keeps no more free than for good when nobody trims it', () => {
    const pool = new BufferPool(MIB, 32 * KIB);
    const buffers = Array.from({ length: 20 }, () => pool.take(8 * KIB));
    for (const buffer of buffers) pool.give(buffer);
    expect(pool.usage().free).to.equal(32 * KIB);
  });

  it('what it gets back takes the place of free buffers of a size that nobody has asked for for longer', () => {
    const pool = new BufferPool(MIB, 64 * KIB);
    const give = (...buffers: readonly Uint8Array[]): void => {
      for (const buffer of buffers) pool.give(buffer);
    };
    const [large, middle] = [pool.take(32 * KIB), pool.take(16 * KIB)];
    const small = Array.from({ length: 5 }, () => pool.take(8 * KIB));
    give(middle, large);
    give(...small.slice(0, 2));
    expect(pool.usage().free).to.equal(64 * KIB);
    give(...small.slice(2));
    // The large one is gone, the others are there.
    expect(pool.usage().free).to.equal(56 * KIB);
    expect(pool.take(16 * KIB)).to.equal(middle);
    expect(small).to.include(pool.take(8 * KIB));
    expect(pool.take(32 * KIB)).not.to.equal(large);
  });

  it('what is too large to be kept takes no place', () => {
    const pool = new BufferPool(MIB, 16 * KIB);
    const [small, large] = [pool.take(8 * KIB), pool.take(32 * KIB)];
    pool.give(small);
    pool.give(large);
    expect(pool.take(8 * KIB)).to.equal(small);
  });

  it('keeps what it gets back below the pressure mark, and says so once', () => {
    const pool = new BufferPool(300 * KIB, 32 * KIB);
    let surplus = 0;
    pool.onSurplus = () => surplus++;
    const buffers = Array.from({ length: 35 }, () => pool.take(8 * KIB));
    for (const buffer of buffers) pool.give(buffer);
    expect(pool.usage().free).to.equal(200 * KIB);
    expect(surplus).to.equal(1);
  });

  it('is trimmed of what was free all the time, and of nothing that was needed or is kept for good', () => {
    const pool = new BufferPool(MIB, 32 * KIB);
    pool.onSurplus = () => undefined;
    const give = (buffers: readonly Uint8Array[]): void => {
      for (const buffer of buffers) pool.give(buffer);
    };
    give(Array.from({ length: 16 }, () => pool.take(8 * KIB)));
    expect([pool.trim(), pool.usage().free]).to.deep.equal([true, 128 * KIB]); // there was nothing at first
    give(Array.from({ length: 10 }, () => pool.take(8 * KIB)));
    expect([pool.trim(), pool.usage().free]).to.deep.equal([true, 80 * KIB]);
    expect([pool.trim(), pool.usage().free]).to.deep.equal([false, 32 * KIB]);
    expect([pool.trim(), pool.usage().free]).to.deep.equal([false, 32 * KIB]);
  });

  it('shrinks to the smallest buffer that holds what is there', () => {
    const pool = new BufferPool();
    const ring = new ByteRing(100_000, pool);
    ring.write(
      Uint8Array.from({ length: 5000 }, (_, i) => i % 251),
      0,
      5000,
    );
    ring.writeAhead(20_000, new Uint8Array(100), 0, 100);
    expect([ring.allocated, ring.shrink()]).to.deep.equal([32 * KIB, 0]);
    ring.dropAhead();
    expect([ring.shrink(), ring.allocated, pool.usage().inUse]).to.deep.equal([24 * KIB, 8 * KIB, 8 * KIB]);
    const out = new Uint8Array(5000);
    ring.read(out, 0, 5000);
    expect(out.every((octet, i) => octet === i % 251)).to.equal(true);
  });
});
