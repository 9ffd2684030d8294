/**
 * Sources of randomness, handed in like time: crypto for a real host, seeded for simulations that must repeat.
 */

export interface RandomSource {
  /** A uniform unsigned 32-bit integer. */
  u32(): number;
}

/** A uniform integer in [0, bound), bound at most 2^32. The bias of the multiply is below 2^-21 and of no matter here. */
export const randomBelow = (random: RandomSource, bound: number): number =>
  Math.floor((random.u32() / 0x1_0000_0000) * bound);

/** A uniform number in [0, 1). */
export const randomUnit = (random: RandomSource): number => random.u32() / 0x1_0000_0000;

/** Unpredictable numbers from the platform's Web Crypto, drawn in blocks. */
export class CryptoRandom implements RandomSource {
  readonly #block = new Uint32Array(64);
  #next = 64;

  u32(): number {
    if (this.#next === this.#block.length) {
      globalThis.crypto.getRandomValues(this.#block);
      this.#next = 0;
    }
    return this.#block[this.#next++]!;
  }
}

/** sfc32 (Small Fast Counter, Chris Doty-Humphrey): passes PractRand, state of 128 bits, same numbers for the same seed everywhere. */
export class SeededRandom implements RandomSource {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: number) {
    this.#a = seed | 0;
    this.#b = (seed / 0x1_0000_0000) | 0;
    this.#c = 0;
    for (let i = 0; i < 12; i++) this.u32();
  }

  u32(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    this.#c |= 0;
    return sum >>> 0;
  }

  /** A generator of its own whose numbers do not depend on how many this one gives afterwards. */
  fork(): SeededRandom {
    return new SeededRandom(this.u32() + (this.u32() & 0xfffff) * 0x1_0000_0000);
  }
}
