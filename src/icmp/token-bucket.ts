/**
 * A token bucket: `rate` events a second on average, `burst` at once. RFC 1812 §4.3.2.8 asks for a limit, not for a kind of one.
 */
import { SECOND } from '../core/time.ts';
import type { Micros } from '../core/time.ts';

export class TokenBucket {
  readonly #rate: number;
  readonly #burst: number;
  #tokens: number;
  #filledAt: Micros | undefined = undefined;

  /**
   * @param rate tokens a second; 0 gives none beyond the first burst
   * @param burst tokens it holds at most, and holds at first
   */
  constructor(rate: number, burst: number) {
    this.#rate = rate;
    this.#burst = burst;
    this.#tokens = burst;
  }

  /** Takes a token if there is one. */
  take(now: Micros): boolean {
    const since = this.#filledAt === undefined ? 0 : Math.max(0, now - this.#filledAt);
    this.#filledAt = now;
    this.#tokens = Math.min(this.#burst, this.#tokens + (since * this.#rate) / SECOND);
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}
