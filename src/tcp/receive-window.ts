/**
 * The window that is offered, and the size of the buffer behind it. RFC 9293 §3.8.6.2.2 (no silly windows), RFC 7323 §2.4 (scaling).
 *
 * receiver.ts fills the ring; here is decided how much of it to promise. The buffer tunes itself (receive-tuning.ts) until SO_RCVBUF
 * sets it. While memory is short less is promised, but nothing that was promised is taken back.
 */
import type { ByteRing } from '../core/ring.ts';
import type { Micros } from '../core/time.ts';
import { FIRST_FLIGHT, ReceiveTuning } from './receive-tuning.ts';
import type { Tcb } from './tcb.ts';

/** The largest window that a header without scaling can offer. */
export const MAX_UNSCALED_WINDOW = 65535;
/** The window that any peer is offered at first (octets). */
const FIRST_WINDOW = 65536;
/** Fr: the fraction of the buffer by which the window may always open. RFC 9293 §3.8.6.2.2. */
const WORTHWHILE_BUFFER = 1 / 2;
/** Segments that are offered at most while memory is short. Linux tcp_adjust_rcv_ssthresh. */
export const SHORT_WINDOW = 4;

export class ReceiveWindow {
  readonly #tcb: Tcb;
  readonly #ring: ByteRing;
  /** What the ring may grow to (octets): more than its limit while it tunes itself. */
  #greatest = 0;
  /** TCP_WINDOW_CLAMP: the most to offer (octets), 0 for no bound. */
  clamp = 0;
  /** Sizes the ring; undefined as long as the peer has not sent much, and when there is nothing to size. */
  #tuning: ReceiveTuning | undefined = undefined;
  /** Octets received in order. */
  received = 0;
  /** Text in order was refused for want of memory, and the peer has not been told. */
  starved = false;
  /** The peer was told of a closed window for want of memory, though the edge stands. */
  #toldClosed = false;

  constructor(tcb: Tcb, ring: ByteRing) {
    this.#tcb = tcb;
    this.#ring = ring;
  }

  /** SO_RCVBUF, or the bound that the buffer tunes itself within from `start` on (octets). */
  setBuffer(greatest: number, start: number): void {
    this.#greatest = greatest;
    this.#ring.limit = Math.min(Math.max(start, this.#ring.limit), greatest);
    if (this.#ring.limit === greatest) this.#tuning = undefined;
  }

  /** Text has come: measures, while the buffer tunes itself. `srtt`: the round-trip time (us) that the sending half knows. */
  measure(length: number, tsEcr: number, srtt: Micros | undefined, now: Micros): void {
    if (this.#ring.limit >= this.#greatest) return;
    if (this.#tuning === undefined) {
      // No buffer is too small for less.
      if (this.received < FIRST_FLIGHT * this.#tcb.rmss) return;
      this.#tuning = new ReceiveTuning(this.#tcb, srtt ?? 0, this.received - this.#ring.length, now);
    }
    this.#tuning.onText(length, tsEcr, now);
  }

  /** The program has read: a larger buffer, if it could have read more and there is memory. */
  tune(now: Micros): void {
    if (this.#tuning === undefined) return;
    const wanted = this.#tuning.onRead(this.received - this.#ring.length, now);
    if (wanted <= this.#ring.limit || this.#ring.underPressure) return;
    this.#ring.limit = Math.min(wanted, this.#greatest);
    if (this.#ring.limit === this.#greatest) this.#tuning = undefined;
  }

  /**
   * The window to put into a segment that is sent now, before scaling; RCV.WND moves on to it. RFC 9293 §3.8.6.2.2: the right edge
   * stays until it can move by a worthwhile step. RFC 7323 §2.4: rounding to the scale must not move it back where avoidable.
   */
  offer(): number {
    const tcb = this.#tcb;
    // Differs: SHLD-14. The edge stands and what comes is taken if it can be, but the peer is told of a closed window, as Linux does
    // (tcp_select_window): it then probes for as long as it takes, where it would give up a segment that is dropped again and again.
    this.#toldClosed = this.starved;
    this.starved = false;
    if (this.#toldClosed) return 0;
    const room = this.room();
    if (room - tcb.rcvWnd >= this.worthwhile()) tcb.rcvWnd = room;
    const unit = 1 << tcb.rcvWindShift;
    const rest = tcb.rcvWnd % unit;
    if (rest === 0) return tcb.rcvWnd;
    const up = tcb.rcvWnd - rest + unit;
    // A buffer may have been made smaller than the unit: while it is empty, zero would never be followed by anything else.
    if (up > room && (rest < tcb.rcvWnd || this.#ring.length > 0)) return tcb.rcvWnd - rest;
    tcb.rcvWnd = up;
    return up;
  }

  /**
   * Whether a segment is worth sending just to open the window: the edge may move, and by at least what is still open. The
   * next ACK carries smaller steps along (Linux sends an update under the same condition).
   */
  get updateDue(): boolean {
    if (this.#toldClosed) return this.#ring.mayGrow;
    const gain = this.room() - this.#tcb.rcvWnd;
    return gain >= Math.min(WORTHWHILE_BUFFER * this.largest(), Math.max(this.#tcb.rmss, this.#tcb.rcvWnd));
  }

  private worthwhile(): number {
    return Math.min(WORTHWHILE_BUFFER * this.largest(), this.#tcb.rmss);
  }

  /** The largest window that there can be (octets): the whole buffer, or what the field can tell. */
  private largest(): number {
    const most = Math.min(this.#ring.limit, MAX_UNSCALED_WINDOW * (1 << this.#tcb.rcvWindShift));
    return this.clamp > 0 ? Math.min(most, this.clamp) : most;
  }

  /**
   * Octets that could be offered: free buffer, but no more than the peer can make use of. Its congestion window is at most the
   * initial one plus what it had acknowledged (RFC 5681 §3.1), so twice what came plus 64 KiB never holds it back, and one segment
   * at the far end of an unused window cannot make the ring allocate megabytes.
   */
  private room(): number {
    const room = Math.min(this.#ring.free, FIRST_WINDOW + 2 * this.received, this.largest());
    return this.#ring.underPressure ? Math.min(room, SHORT_WINDOW * this.#tcb.rmss) : room;
  }
}
