/**
 * Dynamic right-sizing: how large a receive buffer has to be for the peer not to wait for window. Fisk and Feng, "Dynamic Right-Sizing
 * in TCP" (2001), as in Linux's tcp_rcv_space_adjust, tcp_rcv_rtt_measure and tcp_rcv_rtt_measure_ts.
 *
 * The peer can send no more in a round trip than the buffer holds, so the buffer should be twice what the program took in one: the
 * peer's congestion window may have doubled by the time that it makes a difference. A program that reads slowly gets no larger buffer.
 * The round trip is measured from here: by the timestamps that come back, or by the time that a whole window takes to arrive.
 */
import type { Micros } from '../core/time.ts';
import { seqAdd, seqLt } from './seq.ts';
import type { SeqNum } from './seq.ts';
import type { Tcb } from './tcb.ts';
import { TIMESTAMP_TICK, echoedRoundTrip } from './timestamps.ts';

/** Segments in the first window of most peers: what one round trip brings at the start. RFC 6928 §2. */
export const FIRST_FLIGHT = 10;
/** Segments of window beyond twice what was read, for what varies. Linux tcp_rcv_space_adjust. */
const CUSHION = 16;
/** Longer is no round trip (us): the peer was idle. */
const LONGEST = 0x7fff_ffff;

export class ReceiveTuning {
  readonly #tcb: Tcb;
  /** The round-trip time (us), 0 when nothing is known of it. */
  #rtt: number;
  /** The window that is being timed ends here. */
  #windowEnd: SeqNum;
  #windowAt: Micros;
  /** The timestamp that came back last: each is worth one sample. */
  #lastEcho = 0;
  /** The time and the octets read when the present measurement of the program began. */
  #since: Micros;
  #readBefore: number;
  /** The most that was read in a round trip (octets). */
  #perRoundTrip: number;

  /**
   * @param rtt the round-trip time that the sending half knows (us), 0 if none
   * @param read octets that the program has read so far
   */
  constructor(tcb: Tcb, rtt: number, read: number, now: Micros) {
    this.#tcb = tcb;
    this.#rtt = rtt;
    this.#windowEnd = seqAdd(tcb.rcvNxt, tcb.rcvWnd);
    this.#windowAt = now;
    this.#since = now;
    this.#readBefore = read;
    this.#perRoundTrip = FIRST_FLIGHT * tcb.rmss;
  }

  /** `length` octets of text came, with `tsEcr` when timestamps are in use. */
  onText(length: number, tsEcr: number, now: Micros): void {
    const tcb = this.#tcb;
    if (tcb.timestampsOk) {
      // Of small segments nobody knows how long they waited for their program.
      if (tsEcr === this.#lastEcho || length < tcb.rmss / 2) return;
      this.#lastEcho = tsEcr;
      const sample = echoedRoundTrip(tcb, tsEcr, now, LONGEST);
      if (sample === undefined) return;
      const rtt = Math.max(TIMESTAMP_TICK, sample);
      this.#rtt = this.#rtt === 0 ? rtt : Math.round((7 / 8) * this.#rtt + (1 / 8) * rtt);
      return;
    }
    if (seqLt(tcb.rcvNxt, this.#windowEnd)) return;
    // A window may take longer than a round trip, if the peer does not fill it: the shortest counts.
    const rtt = Math.max(1, now - this.#windowAt);
    this.#rtt = this.#rtt === 0 ? rtt : Math.min(this.#rtt, rtt);
    this.#windowEnd = seqAdd(tcb.rcvNxt, tcb.rcvWnd);
    this.#windowAt = now;
  }

  /** The program has read, `read` octets since the connection began: the buffer that it should have (octets), 0 for no change. */
  onRead(read: number, now: Micros): number {
    const known = this.#rtt > 0;
    if (known && now - this.#since < this.#rtt) return 0;
    const before = this.#perRoundTrip;
    const taken = read - this.#readBefore;
    this.#since = now;
    this.#readBefore = read;
    if (!known || taken <= before) return 0;
    this.#perRoundTrip = taken;
    const wanted = 2 * taken + CUSHION * this.#tcb.rmss;
    // What grows from one round trip to the next will go on growing: slow start doubles, so the next two doublings get their room.
    const growth = Math.min(1, (taken - before) / before);
    return Math.ceil(wanted * (1 + 2 * growth));
  }
}
