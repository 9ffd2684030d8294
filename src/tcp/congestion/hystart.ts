/**
 * HyStart++: ends the first slow start when the round-trip time rises, before the queue overflows. RFC 9406 §4; names are its own.
 *
 * A rise within one round leads into conservative slow start (CSS), which grows a quarter as fast; when the rise does not last,
 * slow start goes on, else it ends after five rounds. It only judges: the algorithm that uses it owns the window.
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
    if (this.conservative) {
      if (current >= this.#cssBaselineMinRtt) return;
      this.#cssBaselineMinRtt = Infinity; // the rise did not last
      this.conservative = false;
      return;
    }
    const last = this.#lastRoundMinRtt;
    const threshold = Math.max(MIN_RTT_THRESH, Math.min(last / MIN_RTT_DIVISOR, MAX_RTT_THRESH));
    if (last === Infinity || current < last + threshold) return;
    this.#cssBaselineMinRtt = current;
    this.#cssRounds = 0;
    this.conservative = true;
  }
}
