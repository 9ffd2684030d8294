import { expect } from 'chai';
import * as fc from 'fast-check';
import { CryptoRandom, randomBelow, randomUnit, SeededRandom } from '../../src/core/random.ts';
import type { RandomSource } from '../../src/core/random.ts';

const draw = (random: RandomSource, count: number): number[] => Array.from({ length: count }, () => random.u32());

/** Pearson's statistic of `count` draws over 64 equal classes; 63 degrees of freedom: above 115 is one in 100,000. */
function chiSquare(random: RandomSource, count: number): number {
  const classes = new Array<number>(64).fill(0);
  for (let i = 0; i < count; i++) classes[randomBelow(random, 64)]!++;
  return classes.reduce((sum, seen) => sum + (seen - count / 64) ** 2 / (count / 64), 0);
}

describe('core/random', () => {
  it('the same seed gives the same numbers, everywhere and always', () => {
    expect(draw(new SeededRandom(42), 100)).to.deep.equal(draw(new SeededRandom(42), 100));
    expect(draw(new SeededRandom(1), 4)).to.deep.equal([441792574, 614447336, 1644328534, 3387734806]);
  });

  it('other seeds give other numbers, also above 32 bits', () => {
    const firsts = [0, 1, 2, -1, 2 ** 32, 2 ** 32 + 1, 2 ** 51].map((seed) => draw(new SeededRandom(seed), 2).join());
    expect(new Set(firsts).size).to.equal(firsts.length);
  });

  it('numbers are unsigned 32-bit integers and uniform, seeded and from crypto', () => {
    for (const random of [new SeededRandom(9), new SeededRandom(0), new SeededRandom(9).fork()]) {
      for (const value of draw(random, 1000)) expect(value >>> 0).to.equal(value);
      expect(chiSquare(random, 64_000)).to.be.below(115);
    }
    const crypto = new CryptoRandom();
    for (const value of draw(crypto, 200)) expect(value >>> 0).to.equal(value);
    expect(new Set(draw(crypto, 100)).size).to.be.above(95);
  });

  it('each bit is set half of the time', () => {
    const random = new SeededRandom(5);
    const ones = new Array<number>(32).fill(0);
    for (const value of draw(random, 20_000)) for (let bit = 0; bit < 32; bit++) ones[bit]! += (value >>> bit) & 1;
    for (const count of ones) expect(count).to.be.within(9_650, 10_350);
  });

  it('a fork does not depend on what its parent gives afterwards', () => {
    const parent = new SeededRandom(7);
    const fork = parent.fork();
    const other = new SeededRandom(7);
    const same = other.fork();
    draw(parent, 10);
    expect(draw(fork, 50)).to.deep.equal(draw(same, 50));
    expect(draw(parent.fork(), 5)).not.to.deep.equal(draw(new SeededRandom(7).fork(), 5));
  });

  it('randomBelow and randomUnit stay in range at the ends', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 2 ** 32 }),
        fc.constantFrom(0, 1, 0x7fff_ffff, 0xffff_ffff),
        (bound, value) => {
          const fixed = { u32: () => value };
          expect(randomBelow(fixed, bound)).to.be.within(0, bound - 1);
          expect(randomUnit(fixed)).to.be.within(0, 1 - 2 ** -32);
        },
      ),
    );
  });
});
