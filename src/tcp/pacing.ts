/**
 * Pacing: text leaves in small quanta at a rate, instead of in bursts as the ACKs come. A pacer keeps a deadline, no queue: until then
 * `sender.next` names nothing, and on-timeout.ts sets Timer.Pace to it. draft-cardwell-iccrg-bbr-congestion-control-00 §4.2.1, §4.2.2;
 * the rates for window-based control and the order of things are Linux's (tcp_update_pacing_rate, tcp_pacing_check).
 *
 * The rate is the least of what congestion control gives and TcpOptions.maxPacingRate; where neither says anything nothing is paced.
 */
import type { TcpConfig } from '../core/config.ts';
import { MS, SECOND, micros } from '../core/time.ts';
import type { Micros } from '../core/time.ts';
import type { SendState } from './recovery/recovery.ts';

/** A quantum takes about this long (us), within the bounds below. */
const QUANTUM_TIME = 1 * MS;
/** Octets of a quantum at most, and the rate (octets/s) below which it is one segment, else two at least. */
const MAX_QUANTUM = 65_536;
const SLOW_RATE = 1_200_000 / 8;
/** How late a deadline may be served (us) before time is lost: a timer of a user-space host is coarser than a quantum. */
const SLACK = 1 * MS;
/**
 * Times cwnd may go out in a round trip: slow start needs both (Linux tcp_pacing_ss_ratio). Differs: Linux has 1.2 in congestion avoidance
 * (tcp_pacing_ca_ratio); a burst is no worse there, and what waits is late: 1 % of the goodput at 150 ms and 3 % loss.
 */
const RATIO = 2;
/**
 * 'auto' paces window-based control where SRTT is at least this (us), and lets this many segments go at once: RFC 9002 §7.7 wants bursts
 * limited to the initial window, and the ACKs of that let twice as many go. An event loop that was held up would send a whole window at
 * once: measured, 100 Mbit/s and 40 ms with a queue of 64 packets, 28 Mbit/s, and 78 when paced.
 */
const LONG_ROUND_TRIP = 10 * MS;
const BURST_SEGMENTS = 20;
/** Segments at the beginning of a connection that a window-based control does not pace. Linux tcp_update_skb_after_send. */
const UNPACED_SEGMENTS = 10;

/** Octets that leave at once at `rate` (octets/s): whole segments. */
export function sendQuantum(rate: number, smss: number): number {
  if (rate < SLOW_RATE) return smss;
  const octets = Math.min((rate * QUANTUM_TIME) / SECOND, MAX_QUANTUM);
  return Math.max(Math.floor(octets / smss), 2) * smss;
}

/** What the rate depends on; the sender has it. */
export interface PacedState extends SendState {
  readonly bytesSent: number;
}

/** How fast text may leave. Connections with the same options share one. */
export class Pacing {
  /** config.tcp.pacing: whether window-based control is paced too. */
  readonly mode: TcpConfig['pacing'];
  /** TcpOptions.maxPacingRate (octets/s), Infinity for no bound. */
  readonly limit: number;

  private constructor(mode: TcpConfig['pacing'], limit: number) {
    this.mode = mode;
    this.limit = limit;
  }

  /** Where the program sets no bound. */
  static readonly unbounded = {
    off: new Pacing('off', Infinity),
    auto: new Pacing('auto', Infinity),
    always: new Pacing('always', Infinity),
  };

  /** `limit` is TcpOptions.maxPacingRate (octets/s). */
  static of(mode: TcpConfig['pacing'], limit: number): Pacing {
    return limit === Infinity || limit === 0 ? Pacing.unbounded[mode] : new Pacing(mode, limit);
  }

  /** Octets a second; Infinity when nothing is paced. Never so slow that a quantum takes more than a second. */
  rate(state: PacedState): number {
    const rate = state.control.pacingRate ?? this.windowRate(state);
    return Math.max(Math.min(rate, this.limit), state.smss);
  }

  /** Most octets to hand over at once. */
  quantum(state: PacedState): number {
    const rate = this.rate(state);
    return rate === Infinity ? Infinity : sendQuantum(rate, state.smss);
  }

  /** How long (us) the sending may be behind its rate and make up for it. Differs: Linux makes up for as much as half a quantum. */
  slack(rate: number, state: PacedState): number {
    const credit = this.mode === 'auto' && state.control.pacingRate === undefined ? BURST_SEGMENTS * state.smss : 0;
    return Math.max(SLACK, (credit * SECOND) / rate);
  }

  /** What a window-based control would send at, spread over a round trip. */
  private windowRate(state: PacedState): number {
    const { control, rto, smss } = state;
    const { srtt } = rto;
    if (this.mode === 'off' || srtt === undefined || srtt === 0) return Infinity;
    if (this.mode === 'auto' && srtt < LONG_ROUND_TRIP) return Infinity;
    if (state.bytesSent < UNPACED_SEGMENTS * smss) return Infinity;
    return (RATIO * Math.max(control.cwnd, state.flightSize) * SECOND) / srtt;
  }
}

/** When a connection that is paced may go on. There is one once it has been paced. */
export class Pacer {
  /** Nothing may go out before (us, with fractions: they keep the rate exact). */
  #next = 0;
  /** Something would have gone out at the last look, but for this. */
  holding = false;

  /** When it goes on (us), if `holding`. */
  get deadline(): Micros {
    return micros(Math.ceil(this.#next));
  }

  /** Whether something that is to go out may do so now. */
  lets(now: Micros): boolean {
    this.holding = now < this.#next;
    return !this.holding;
  }

  /** Nothing goes out before `time`, whatever the rate. */
  hold(time: Micros): void {
    this.#next = Math.max(this.#next, time);
  }

  /** `octets` of text have gone out; `rate` (octets/s) is finite, `slack` (us) as `Pacing` has it. */
  onSent(octets: number, rate: number, slack: number, now: Micros): void {
    this.#next = Math.max(this.#next, now - slack) + (octets * SECOND) / rate;
  }

  /** A time-out: what it sends again goes at once. */
  reset(): void {
    this.#next = 0;
  }
}

/** The pacer of a sender that has something to hold back, or had. */
export const pacerOf = (sender: { pacer: Pacer | undefined }): Pacer => (sender.pacer ??= new Pacer());
