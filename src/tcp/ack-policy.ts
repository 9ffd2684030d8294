/**
 * When to acknowledge. RFC 9293 §3.8.6.3, RFC 5681 §4.2.
 *
 * An ACK waits for company (more text, our own data, a window update) but for at most the delayed-ACK time, or two full-sized
 * segments. Full-sized is counted in octets: one frame may hold 64 KiB. ACKs leave at the next poll, after all input of the turn
 * (MUST-58, MUST-59), or ride on data.
 */
import type { TcpConfig } from '../core/config.ts';
import { MS, after } from '../core/time.ts';
import type { Micros } from '../core/time.ts';
import { TIMESTAMPS_LENGTH } from './options.ts';
import type { SendReason } from './send-reason.ts';
import { DEFAULT_MSS } from './tcb.ts';
import type { Tcb } from './tcb.ts';
import { Timer } from './timers.ts';
import type { Timers } from './timers.ts';

/** Full-sized segments that draw an ACK. SHLD-19. */
const ACK_EVERY = 2;
/** How long the last ACK of a handshake may wait for text to go along with (us). Linux TCP_DELACK_MAX. */
const HANDSHAKE_DELAY = 200 * MS;
/** Most duplicate ACKs for one frame: as many as let the peer retransmit fast (RFC 5681 §3.2). */
const DUPLICATES_PER_FRAME = 3;
/** Most duplicate ACKs sent in one turn. */
const DUPLICATES_PER_TURN = 64;

export class AckPolicy {
  readonly #tcb: Tcb;
  readonly #timers: Timers;
  readonly #config: TcpConfig;
  /** TCP_QUICKACK, once it was set. */
  quickAck: boolean | undefined = undefined;
  /** Why an ACK is to leave at the next poll; undefined when none is. */
  owed: SendReason | undefined = undefined;
  /** Pure ACKs owed beyond that one: one for each segment beyond a gap. RFC 5681 §4.2. */
  duplicates = 0;
  /** Octets received since the last ACK went out. */
  #unacknowledged = 0;
  /** The size of the peer's full segments as far as seen (octets). */
  #fullSize = DEFAULT_MSS;
  /** Segments that are still acknowledged at once: the peer's slow start should not wait. */
  #quick: number;
  /** The peer has pushed text that came since the last ACK: for now it has no more, or may send no more. */
  #pushed = false;
  /** The last ACK rode on text: a program that answers what it reads, so the next may as well. */
  #rides = false;

  constructor(tcb: Tcb, timers: Timers, config: TcpConfig) {
    this.#tcb = tcb;
    this.#timers = timers;
    this.#config = config;
    this.#quick = config.quickAcks;
  }

  /** An ACK is owed at once. */
  now(reason: SendReason): void {
    this.owed ??= reason;
  }

  /**
   * A SYN was acknowledged that we sent, and is to be acknowledged: at once, or with the text that the program is to send soon.
   * tcp(7), TCP_QUICKACK; Linux tcp_rcv_synsent_state_process, which reads TCP_DEFER_ACCEPT as such a promise.
   */
  onSynAck(promisesText: boolean, now: Micros): void {
    if (promisesText || this.quickAck === false) this.#timers.set(Timer.Delack, after(now, HANDSHAKE_DELAY));
    else this.now('handshake');
  }

  /** TCP_QUICKACK was switched on: what waits goes out. Linux tcp_sock_set_quickack. */
  hurry(): void {
    if (this.#timers.isSet(Timer.Delack)) this.now('quick ACK');
  }

  /** Text came that has come before: a peer that has timed out, maybe for want of our ACK, begins anew. Linux tcp_enter_quickack_mode. */
  onOldText(): void {
    this.#quick = this.#config.quickAcks;
  }

  /** Text filled a gap or part of one: RFC 5681 §4.2. The ACKs owed for what lay beyond it would no longer be duplicates. */
  onGapFilled(): void {
    this.duplicates = 0;
    this.now('gap filled');
  }

  /** Text came in order, `pushed` with the PSH flag. */
  onInOrder(length: number, pushed: boolean, now: Micros): void {
    if (this.duplicates > 0) this.onGapFilled();
    this.learnSize(length);
    this.#unacknowledged += length;
    this.#pushed ||= pushed;
    if (this.#quick > 0 && this.quickAck !== false) {
      this.#quick -= Math.ceil(length / this.#fullSize);
      this.now('quick ACK');
    } else if (this.quickAck === true) {
      this.now('quick ACK');
    } else if (this.#unacknowledged >= ACK_EVERY * this.#fullSize) {
      this.now('ACK of two segments');
    } else if (!this.#timers.isSet(Timer.Delack)) {
      this.#timers.set(Timer.Delack, after(now, this.#config.delayedAck));
    }
  }

  /**
   * The program has read all that came. When the last of it was pushed, the peer may be waiting for the ACK, as one does whose congestion
   * window is full. Linux tcp_measure_rcv_mss, tcp_cleanup_rbuf. Returns whether an ACK is owed now.
   */
  onAllRead(): boolean {
    if (!this.#pushed || this.#rides || this.quickAck === false) return false;
    this.now('ACK of pushed text');
    return true;
  }

  /**
   * Text came beyond a gap: an immediate duplicate ACK for each segment in the frame; where SACK tells what came, one for the frame,
   * as Linux does.
   */
  onOutOfOrder(length: number): void {
    if (this.#tcb.sackOk) {
      this.duplicates = Math.min(DUPLICATES_PER_TURN, this.duplicates + 1);
      return;
    }
    const segments = Math.min(DUPLICATES_PER_FRAME, Math.max(1, Math.ceil(length / this.#fullSize)));
    this.duplicates = Math.min(DUPLICATES_PER_TURN, this.duplicates + segments);
  }

  /** A segment that acknowledges RCV.NXT has gone out, `withText` or without. */
  onSent(withText: boolean): void {
    this.owed = undefined;
    this.#unacknowledged = 0;
    this.#pushed = false;
    this.#rides = withText;
    this.#timers.clear(Timer.Delack);
  }

  /** Full-sized is the largest seen, up to what our MSS allows with the options of each segment taken off. */
  private learnSize(length: number): void {
    if (length <= this.#fullSize) return;
    const largest = this.#tcb.rmss - (this.#tcb.timestampsOk ? TIMESTAMPS_LENGTH : 0);
    this.#fullSize = Math.min(length, Math.max(largest, 1));
  }
}
