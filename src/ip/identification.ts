/**
 * Values for the Identification field. RFC 6864.
 *
 * An atomic datagram (DF set) may carry any value: zero here, as the field means nothing there (§4.1). Others must not repeat
 * within a datagram's lifetime for one source, destination and protocol (§4.3): they count per source and destination, from
 * places that an outsider cannot know (RFC 7739 §5.3's idea, as Linux does): a keyed hash picks a counter and an offset.
 */
import type { RandomSource } from '../core/random.ts';
import { randomSipKey, sipHash3 } from '../core/siphash.ts';
import type { SipKey } from '../core/siphash.ts';
import type { IpAddress } from './address.ts';

/** Number of counters, a power of two. Destinations that share one use its values up faster; Linux has 2048 and more. */
const COUNTERS = 2048;

export class Identifications {
  readonly #key: SipKey;
  readonly #counters = new Uint16Array(COUNTERS);

  constructor(random: RandomSource) {
    this.#key = randomSipKey(random);
  }

  /** A hash that `next` takes; a path computes it once. */
  hash(source: IpAddress, destination: IpAddress): number {
    return sipHash3(this.#key, source, destination, 0);
  }

  /** The next value, 0 to 65535. Wraps after 65,536 datagrams: a faster sender of fragments needs transport checks (RFC 4963). */
  next(hash: number): number {
    const index = hash & (COUNTERS - 1);
    const count = this.#counters[index]! + 1;
    this.#counters[index] = count;
    return (count + (hash >>> 16)) & 0xffff;
  }
}
