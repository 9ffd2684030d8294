/**
 * The least round-trip time of the last minutes: RACK.min_RTT, which is to forget when the path grows longer. RFC 8985 §6.2, step 1.
 */
import { MINUTE, NEVER, micros } from '../../core/time.ts';
import type { Micros } from '../../core/time.ts';

/** Length of the window (us). Linux tcp_min_rtt_wlen is 300 s; here two halves follow each other. */
const HALF_WINDOW = 2.5 * MINUTE;

export class MinRtt {
  #current: Micros = NEVER;
  #before: Micros = NEVER;
  #since: Micros = micros(0);

  /** The minimum (us); NEVER before the first sample. */
  get value(): Micros {
    return this.#current < this.#before ? this.#current : this.#before;
  }

  sample(rtt: Micros, now: Micros): void {
    if (now - this.#since > HALF_WINDOW) {
      this.#before = now - this.#since > 2 * HALF_WINDOW ? NEVER : this.#current;
      this.#current = NEVER;
      this.#since = now;
    }
    if (rtt < this.#current) this.#current = rtt;
  }
}
