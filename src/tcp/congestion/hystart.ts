/**
 * HyStart++: ends the first slow start when the round-trip time rises, before the queue overflows. RFC 9406 §4; names are its own.
 *
 * A rise within one round leads into conservative slow start (CSS), which grows a quarter as fast; when the rise does not last,
 * slow start goes on, else it ends after five rounds. It only judges: the algorithm that uses it owns the window.
 *
 * Differs: slow start also ends when CSS sees the round-trip time rise once more, and when ACKs keep coming for longer than a round trip
 * takes (the ACK train of the first HyStart, as in Linux). A window that doubles within the round that fills the path has a low least RTT
 * still, and CSS trebles it after that. 100 Mbit/s, 40 ms, 5 % reordered, a queue of 1,000: 2,000 segments where 340 fill the path; what
 * overflows is repaired by segments with newer timestamps, PAWS makes the receiver drop those that come late, and five reductions follow
 * one another. Measured in virtual time: 55-67 Mbit/s, and 90 since.
 */
import { MS } from '../../core/time.ts';
import type { AckSample } from './control.ts';

/** Bounds of the delay that counts as a rise (us), and the share of the last round's least RTT between them. RFC 9406 §4.3. */
export const MIN_RTT_THRESH = 4 * MS;
export const MAX_RTT_THRESH = 16 * MS;
export const MIN_RTT_DIVISOR = 8;
/** RTT samples that a round must have before it is judged. RFC 9406 §4.3. */
export const N_RTT_SAMPLE = 8;
/** How much slower CSS grows, and its rounds at most. RFC 9406 §4.3. */
export const CSS_GROWTH_DIVISOR = 4;
export const CSS_ROUNDS = 5;

export class HyStart {
  /** Slow start is over: ssthresh is the cwnd of now. */
  done = false;
  /** Conservative slow start. */
  conservative = false;
  #lastRoundMinRtt = Infinity;
  #currentRoundMinRtt = Infinity;
  #rttSampleCount = 0;
  #cssBaselineMinRtt = Infinity;
  #cssRounds = 0;

  /**
   * The octets that cwnd may grow by for an acknowledgment that slow start would grow it by `octets` for. Differs: RFC 9406 §4.2 bounds
   * them by L = 8 SMSS for senders without pacing; see base.ts on ACKs that cover much.
   */
  growth(sample: AckSample, octets: number): number {
    if (sample.roundStart) this.#nextRound();
    if (sample.rtt > 0) {
      this.#currentRoundMinRtt = Math.min(this.#currentRoundMinRtt, sample.rtt);
      this.#rttSampleCount++;
    }
    if (this.#rttSampleCount >= N_RTT_SAMPLE) this.#judge();
    if (sample.ackTrain > this.#lastRoundMinRtt) this.done = true;
    return this.conservative ? octets / CSS_GROWTH_DIVISOR : octets;
  }

  #nextRound(): void {
    this.#lastRoundMinRtt = this.#currentRoundMinRtt;
    this.#currentRoundMinRtt = Infinity;
    this.#rttSampleCount = 0;
    // The round in which CSS began counts, however late it began.
    if (this.conservative && ++this.#cssRounds >= CSS_ROUNDS) this.done = true;
  }

  #judge(): void {
    const current = this.#currentRoundMinRtt;
    if (!this.conservative) {
      if (this.#lastRoundMinRtt === Infinity || current < risen(this.#lastRoundMinRtt)) return;
      this.#cssBaselineMinRtt = current;
      this.#cssRounds = 0;
      this.conservative = true;
    } else if (current < this.#cssBaselineMinRtt) {
      this.#cssBaselineMinRtt = Infinity; // the rise did not last
      this.conservative = false;
    } else if (current >= risen(this.#cssBaselineMinRtt)) {
      this.done = true;
    }
  }
}

/** The round-trip time that counts as a rise above `rtt` (us). RFC 9406 §4.2, RttThresh. */
const risen = (rtt: number): number => rtt + Math.max(MIN_RTT_THRESH, Math.min(rtt / MIN_RTT_DIVISOR, MAX_RTT_THRESH));
