/**
 * Whether the congestion window is what holds the sender back. Growth while something else does would lose touch with the path:
 * RFC 7661 §1.1, RFC 9438 §5.8.
 *
 * It remembers for a round trip, as Linux's tcp_cwnd_validate does: ACKs that come in one batch find less and less outstanding,
 * though the window was full when they were under way.
 */
import { seqGe } from './seq.ts';
import type { SeqNum } from './seq.ts';

export class WindowUsage {
  #limited = false;
  /** Most octets outstanding in this round trip, or on their way to be; it ends when `#end` is acknowledged. */
  peak = 0;
  #end: SeqNum;

  /** Nothing is outstanding but what comes from `una` on. */
  constructor(una: SeqNum) {
    this.#end = una;
  }

  /** `flightSize` octets are outstanding now, or may be when `limited`: more would be, did the congestion window allow it. */
  note(limited: boolean, flightSize: number, sndUna: SeqNum, sndNxt: SeqNum): void {
    if (!limited && !seqGe(sndUna, this.#end) && (this.#limited || flightSize <= this.peak)) return;
    this.#limited = limited;
    this.peak = flightSize;
    this.#end = sndNxt;
  }

  /** Whether the window was used up in the last round trip; in slow start half of it is enough, since it doubles. */
  isLimited(cwnd: number, ssthresh: number): boolean {
    return this.#limited || (cwnd < ssthresh && cwnd < 2 * this.peak);
  }
}
