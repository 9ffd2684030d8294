/**
 * Learns whether it pays to let others have the processor (sched_yield(2)) before looking for the answers to what was just sent. It does
 * where the peer shares it: then they cannot be there sooner. Elsewhere it is a system call for nothing, and where somebody else computes
 * on this processor it would hand over milliseconds.
 *
 * Measured with client and host on one processor: 1.16 to 1.22 times the round trips, 1.04 to 1.14 times the connections.
 */

import { MS, SECOND, after, micros } from '../core/time.ts';
import type { Micros } from '../core/time.ts';

/** Of so many looks one is a try, whatever came of the last. */
const TRY_EVERY = 64;
/** What answers found add, and how much of it is kept; a look in vain takes 1. So it goes on where at least one in three finds some. */
const GAIN = 2;
const MOST_CREDIT = 16;
/** Who is away for longer (us) has been held up by somebody else, and tries no more for a while: longer each time, shorter with each answer. */
const TOO_LONG = 200;
const SHORTEST_PAUSE = 1 * MS;
const LONGEST_PAUSE = 1 * SECOND;
const SHORTER = 1 - 1 / 64;

export class GiveWay {
  #credit = 0;
  #looks = 0;
  #pause = SHORTEST_PAUSE;
  #notBefore = micros(0);

  /** Whether to give way before a look at `now`. */
  isDue(now: Micros): boolean {
    this.#looks = (this.#looks + 1) % TRY_EVERY;
    return (this.#credit > 0 || this.#looks === 0) && now >= this.#notBefore;
  }

  /** What came of it: it lasted from `before` to `now`, and there were answers, or none. */
  learn(before: Micros, now: Micros, found: boolean): void {
    if (now - before > TOO_LONG) {
      this.#notBefore = after(now, this.#pause);
      this.#pause = Math.min(2 * this.#pause, LONGEST_PAUSE);
    } else if (found) {
      this.#credit = Math.min(this.#credit + GAIN, MOST_CREDIT);
      this.#pause = Math.max(SHORTER * this.#pause, SHORTEST_PAUSE);
    } else {
      this.#credit = Math.max(this.#credit - 1, 0);
    }
  }
}
