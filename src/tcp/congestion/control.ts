/**
 * What the sender asks of a congestion control algorithm. It sees octets acknowledged, loss, time-outs and the time; never a
 * segment, a ring or a timer. Reno is reno.ts. Loss recovery (recovery/) is kept apart: it decides what was lost and may
 * inflate the window while it repairs.
 */
import type { Micros } from '../../core/time.ts';

export interface CongestionControl {
  readonly name: string;
  /** Congestion window (octets); at least one SMSS. RFC 5681 §2. */
  readonly cwnd: number;
  /** Slow start threshold (octets); Infinity at first. RFC 5681 §3.1. */
  readonly ssthresh: number;

  /** The handshake is done: the initial window. `synLost` when a SYN or SYN,ACK had to be sent again. RFC 5681 §3.1. */
  start(smss: number, synLost: boolean): void;
  /** The sender's maximum segment size has changed (octets). */
  setSmss(smss: number): void;
  /**
   * New data was acknowledged outside of recovery: `acked` octets, of the `flightSize` that were outstanding before.
   * `afterTimeout` while what was outstanding at a time-out is being acknowledged.
   */
  onAck(acked: number, flightSize: number, afterTimeout: boolean, now: Micros): void;
  /** A loss that recovery found, once per window. */
  onLoss(flightSize: number, now: Micros): void;
  /** Recovery is over: everything outstanding at its start is acknowledged. */
  onRecovered(flightSize: number, now: Micros): void;
  /** The retransmission timer expired; `again` when the same segment had already been sent again for that reason. */
  onTimeout(flightSize: number, again: boolean, now: Micros): void;
  /** Sending begins again after an idle time longer than the RTO. RFC 5681 §4.1. */
  onIdle(): void;
}
