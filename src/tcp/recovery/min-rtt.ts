/**
 * The least round-trip time of the last minutes: RACK.min_RTT, which is to forget when the path grows longer. RFC 8985 §6.2, step 1.
 */
import { MINUTE, NEVER, earlier, micros } from '../../core/time.ts';
import type { Micros } from '../../core/time.ts';

/** Length of the window (us). Linux tcp_min_rtt_wlen is 300 s; here two halves follow each other. */
const HALF_WINDOW = 2.5 * MINUTE;

export class MinRtt {
  /** Undefined while there is no sample. (As NEVER each would cost an object: V8 keeps numbers that are not small integers apart.) */
  #current: Micros | undefined = undefined;
  #before: Micros | undefined = undefined;
  #since: Micros = micros(0);

  /** The minimum (us); NEVER before the first sample. */
  get value(): Micros {
    return earlier(this.#current ?? NEVER, this.#before ?? NEVER);
  }

  sample(rtt: Micros, now: Micros): void {
    if (now - this.#since > HALF_WINDOW) {
      this.#before = now - this.#since > 2 * HALF_WINDOW ? undefined : this.#current;
      this.#current = undefined;
      this.#since = now;
    }
    if (rtt < (this.#current ?? NEVER)) this.#current = rtt;
  }
}
