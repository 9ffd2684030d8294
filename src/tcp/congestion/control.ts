/**
 * What the sender asks of a congestion control algorithm. It sees octets acknowledged, round trips, loss, time-outs and the time;
 * never a segment, a ring or a timer. Loss recovery (recovery/) is kept apart: it decides what was lost and may inflate the window
 * while it repairs.
 *
 * base.ts has what loss-based algorithms share; reno.ts is the smallest example, cubic.ts the default; bbr.ts goes by rates instead. To
 * try one of your own, extend WindowControl (base.ts) or write this interface, and name it to the stack: registry.ts tells how.
 */
import type { Micros } from '../../core/time.ts';

/** What one acknowledgment of new data tells. The sender reuses one record: copy what is to be kept. */
export interface AckSample {
  /** Octets of text newly acknowledged; above 0. */
  acked: number;
  /** Octets that were outstanding before this acknowledgment. RFC 5681 §2, FlightSize. */
  flightSize: number;
  /** The least round-trip time that ACKs have told since the last sample, SACK included (us); 0 when they told none. */
  rtt: Micros;
  /** Smoothed round-trip time (us), RFC 6298; 0 before the first sample. */
  srtt: Micros;
  /** A round trip has ended: what was outstanding when the last one ended is acknowledged. */
  roundStart: boolean;
  /** How long ACKs have been coming without a pause, since the round trip began at most (us). ack-train.ts. */
  ackTrain: Micros;
  /** The congestion window was what held the sender back in the last round trip, not the program and not the peer's window. */
  cwndLimited: boolean;
  /**
   * Octets outstanding in the last round trip at its fullest; what a batch of ACKs leaves in flight tells less. What the window allowed and
   * pacing held back counts: in slow start at 150 ms that was 8 segments of 56 when a loss was found, by which Linux's ssthresh was higher.
   */
  peakFlight: number;
  /** What was outstanding at a time-out is still being acknowledged: `acked` may cover old data. RFC 3465 §2.3. */
  afterTimeout: boolean;
  /** The acknowledgment carries ECN-Echo: it must not open the window. RFC 3168 §6.1.2. */
  echoed: boolean;
}

/**
 * What one ACK tells an algorithm that measures the path, in recovery and out of it. The sender reuses one record. Rates are octets a
 * second. draft-cheng-iccrg-delivery-rate-estimation-00 §3.
 */
export interface RateSample {
  /** Octets that this ACK delivered, by SACK too, and octets found lost since the last one. */
  delivered: number;
  lost: number;
  /** Octets delivered on the connection so far, this ACK included: C.delivered. */
  totalDelivered: number;
  /** What that was when the latest of what is now delivered was sent: P.delivered; -1 when this ACK does not tell. */
  priorDelivered: number;
  /** The rate of delivery since then; 0 when this ACK does not tell. */
  rate: number;
  /** The program had too little to send then: the network may be faster than `rate`. */
  appLimited: boolean;
  /** Round-trip time (us) measured by this ACK, SACK included; 0 when it measured none. */
  rtt: Micros;
  /** Octets thought to be in the network, before and after this ACK. */
  priorInFlight: number;
  inFlight: number;
  /** Losses are being repaired: fast recovery, or what was outstanding at a time-out is not all acknowledged. */
  recovering: boolean;
}

export interface CongestionControl {
  readonly name: string;
  /** Congestion window (octets), a whole number; at least one SMSS. RFC 5681 §2. */
  readonly cwnd: number;
  /** Octets of text a second to send at: pacing.ts sees to it. Undefined, or not there: as fast as the window allows. */
  readonly pacingRate?: number | undefined;
  /** Its cwnd holds in fast recovery too: Proportional Rate Reduction (RFC 6937) stays out of it. */
  readonly ownsRecoveryWindow?: boolean;
  /** Slow start threshold (octets); Infinity at first. RFC 5681 §3.1. */
  readonly ssthresh: number;

  /**
   * The handshake is done: the initial window. `synLost` when a SYN or SYN,ACK had to be sent again. RFC 5681 §3.1. With `from` a
   * running connection changes its algorithm (TCP_CONGESTION): go on with the window that `from` has.
   */
  start(smss: number, synLost: boolean, from?: CongestionControl): void;
  /** The sender's maximum segment size has changed (octets). */
  setSmss(smss: number): void;
  /** New data was acknowledged outside of recovery. */
  onAck(sample: AckSample, now: Micros): void;
  /** If it is there, the path is measured for it: called for every ACK of a connection that is open, before `onAck` if that is too. */
  onRate?(sample: RateSample, now: Micros): void;
  /** A loss that recovery found, once per window: reduce `ssthresh` and `cwnd`. */
  onLoss(flightSize: number, now: Micros): void;
  /**
   * ECN-Echo told that the network is congested, once per window: reduce as for a loss, but down to one segment where need be. RFC 3168
   * §6.1.2, RFC 9438 §4.6. `reduced`: what was outstanding has had its reduction already; only, that was no mistake then (`onSpurious`).
   * Without this method `onLoss` is called.
   */
  onCongestionExperienced?(flightSize: number, reduced: boolean, now: Micros): void;
  /** What was outstanding at that reduction is acknowledged: the next loss is a new sign of congestion, one before was not. */
  onCongestionOver?(): void;
  /** Recovery is over: everything outstanding at its start is acknowledged. */
  onRecovered(flightSize: number, now: Micros): void;
  /** The retransmission timer expired; `again` when the same segment had already been sent again for that reason. */
  onTimeout(flightSize: number, again: boolean, now: Micros): void;
  /** The last `onLoss` or `onTimeout` turned out to be a mistake, nothing was lost: take it back. RFC 4015, RFC 9438 §4.9. */
  onSpurious(now: Micros): void;
  /**
   * Text is about to be sent while nothing is outstanding, `idle` microseconds after text was last sent (negative when none was);
   * `rto` is the retransmission timeout (us). May be called more than once. RFC 5681 §4.1, RFC 9438 §5.8.
   */
  onResume(idle: number, rto: number, now: Micros): void;
}
