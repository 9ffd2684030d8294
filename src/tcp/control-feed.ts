/**
 * What the sender measures: round-trip times for the retransmission timeout and for congestion control, when a round trip ends, whether
 * the window is used up, the rate of delivery. It makes the AckSample and the RateSample that an algorithm is told of.
 */
import { NEVER, micros } from '../core/time.ts';
import type { Micros } from '../core/time.ts';
import { AckTrain } from './ack-train.ts';
import type { AckSample, CongestionControl } from './congestion/control.ts';
import { DeliveryRate } from './delivery-rate.ts';
import type { LossRecovery, SendState } from './recovery/recovery.ts';
import { RoundTrip } from './round-trip.ts';
import type { Rto } from './rto.ts';
import { RttSamples } from './rtt-samples.ts';
import { seqDiff, seqGe } from './seq.ts';
import type { SeqNum } from './seq.ts';
import { SendLimits } from './send-limit.ts';
import type { LimitedState } from './send-limit.ts';
import type { Tcb } from './tcb.ts';
import { WindowUsage } from './window-usage.ts';

// Reused for every acknowledgment, whatever connection it is for.
const sample: AckSample = {
  acked: 0,
  flightSize: 0,
  rtt: micros(0),
  srtt: micros(0),
  roundStart: false,
  ackTrain: micros(0),
  cwndLimited: false,
  peakFlight: 0,
  afterTimeout: false,
  echoed: false,
};

/** What is measured of octets in flight. */
class FlightMeasures {
  readonly roundTrip: RoundTrip;
  readonly rttSamples = new RttSamples();
  readonly train = new AckTrain();
  readonly usage: WindowUsage;
  /** The least round-trip time (us) since the algorithm was last told of one, Infinity for none. */
  leastRtt = Infinity;
  /** A round trip ends when this is acknowledged. */
  roundEnd: SeqNum;
  /** Round-trip time that the last ACK of something new tells by Karn's algorithm (us), 0 for none. */
  karnRtt: Micros = micros(0);
  /** The ACK at hand carries ECN-Echo. */
  echoed = false;

  constructor(una: SeqNum, roundTrip: RoundTrip) {
    this.roundTrip = roundTrip;
    this.usage = new WindowUsage(una);
    this.roundEnd = una;
  }
}

export class ControlFeed {
  readonly #tcb: Tcb;
  readonly #rto: Rto;
  /** There while something is in flight, and for a while after that. */
  #flight: FlightMeasures | undefined = undefined;
  /** Octets a second in the last round trip measured before that. */
  #rateBefore = 0;
  /** There for an algorithm that asks for it only. */
  #rate: DeliveryRate | undefined = undefined;
  /** What has held the sender back; there once text was to be sent. */
  limits: SendLimits | undefined = undefined;
  /** Time (us) with anything outstanding or queued, as long as `limits` does not tell. */
  busyBefore = 0;

  constructor(tcb: Tcb, rto: Rto) {
    this.#tcb = tcb;
    this.#rto = rto;
  }

  /** All has been acknowledged for a while. */
  rest(now: Micros): void {
    if (this.limits?.isPlain === true) {
      this.busyBefore = this.limits.busy(now);
      this.limits = undefined;
    }
    if (this.#flight === undefined) return;
    this.#rateBefore = this.#flight.roundTrip.rate;
    this.#flight = undefined;
  }

  private get measures(): FlightMeasures {
    return (this.#flight ??= new FlightMeasures(this.#tcb.sndUna, new RoundTrip(this.#rto, this.#rateBefore)));
  }

  /** Octets a second that the network has delivered lately; 0 before it is known. */
  get deliveryRate(): number {
    return this.#rate?.last ?? this.#flight?.roundTrip.rate ?? this.#rateBefore;
  }

  /** A turn of a synchronized connection is over. */
  noteLimit(state: LimitedState, now: Micros): void {
    if (this.limits === undefined && state.textEnd === this.#tcb.sndUna) return;
    this.limits ??= new SendLimits(this.busyBefore);
    this.limits.note(state, now);
  }

  /** `control` is the algorithm from now on: the rate is measured if it asks for that. */
  follow(control: CongestionControl): void {
    if (control.onRate === undefined) {
      this.#rate = undefined;
    } else {
      this.#rate ??= new DeliveryRate();
      this.#rate.lostTold = -1;
    }
  }

  /** New octets from `seq` to before `end` were sent for the first time; SND.NXT covers them. */
  onSent(seq: SeqNum, end: SeqNum, now: Micros): void {
    const { sndUna, sndNxt } = this.#tcb;
    const { roundTrip, rttSamples, usage } = this.measures;
    roundTrip.onSent(sndUna, end, now);
    rttSamples.onSent(end, now);
    if (this.#rate !== undefined) this.#rate.onSent(end, seq === sndUna, now);
    usage.note(false, seqDiff(sndNxt, sndUna), sndUna, sndNxt);
  }

  /** Old octets up to `end` were sent again. */
  onRetransmitted(end: SeqNum, now: Micros): void {
    const { roundTrip, rttSamples } = this.measures;
    roundTrip.onRetransmitted();
    rttSamples.onRetransmitted();
    if (this.#rate !== undefined) this.#rate.onSent(end, false, now);
  }

  /** A time-out; `goesBack`: all is sent again from SND.UNA. */
  onTimeout(goesBack: boolean): void {
    if (goesBack && this.#rate !== undefined) this.#rate.forget();
  }

  /**
   * Nothing may be sent now; `textLeft` octets have never been sent. Differs: the draft takes a program for the limit that waits for room
   * in the send buffer too; that is a window like any other, and slow start would never end in it.
   */
  onStopped(state: SendState, recovery: LossRecovery, textLeft: number, bufferFull: boolean): void {
    if (this.#rate === undefined || textLeft >= state.smss || bufferFull) return;
    const inFlight = recovery.inNetwork(state);
    if (inFlight < state.control.cwnd) this.#rate.onAppLimited(inFlight);
  }

  /** Whether the ACK at hand carries ECN-Echo. Before `onNewAck`. */
  noteEcho(echoed: boolean): void {
    if (this.#flight !== undefined) this.#flight.echoed = echoed;
  }

  /** Takes what an ACK, which `recovery` has taken, tells of the round trip and the rate of delivery. After `onNewAck`. */
  measure(state: SendState, recovery: LossRecovery, advanced: boolean, afterTimeout: boolean, now: Micros): void {
    const { control } = state;
    const { deliveredSentAt } = recovery;
    const flight = this.#flight;
    let rtt = micros(0);
    // Records of what is outstanding know when each octet was sent that an ACK delivers, by SACK too. Without them: Karn's algorithm.
    if (deliveredSentAt === NEVER) rtt = advanced && flight !== undefined ? flight.karnRtt : rtt;
    else if (deliveredSentAt >= 0) rtt = micros(now - deliveredSentAt);
    if (flight !== undefined) {
      if (rtt > 0) flight.leastRtt = Math.min(flight.leastRtt, rtt);
      flight.train.onAck(this.#rto.srtt ?? micros(0), now);
    }
    if (this.#rate === undefined || control.onRate === undefined || control.cwnd === 0) return; // 0 before the handshake is done
    const { sample } = this.#rate;
    const { sndUna, sndNxt } = this.#tcb;
    const { delivered, counters } = recovery;
    sample.recovering = recovery.active || afterTimeout;
    sample.rtt = rtt;
    this.#rate.onAck(delivered, deliveredSentAt === NEVER && sample.recovering ? -1 : deliveredSentAt, sndUna, now);
    sample.lost = this.#rate.lostTold < 0 ? 0 : counters.bytesLost - this.#rate.lostTold;
    this.#rate.lostTold = counters.bytesLost;
    sample.inFlight = recovery.inNetwork(state);
    sample.priorInFlight = sample.inFlight + delivered + sample.lost;
    if (sndUna === sndNxt) this.#rate.onIdle();
    control.onRate(sample, now);
  }

  /** The congestion window is all that keeps more than `allowed` octets from being outstanding. */
  onLimited(allowed: number): void {
    const { sndUna, sndNxt } = this.#tcb;
    this.measures.usage.note(true, allowed, sndUna, sndNxt);
  }

  /** An ACK that echoes `tsEcr` has advanced SND.UNA: takes the measurements that it allows, whether or not the algorithm is told of it. */
  onNewAck(tsEcr: number, now: Micros): void {
    const { sndUna } = this.#tcb;
    const flight = this.#flight;
    if (flight === undefined) return;
    flight.roundTrip.onNewAck(this.#tcb, sndUna, tsEcr, now);
    flight.karnRtt = flight.rttSamples.onNewAck(sndUna, now);
  }

  /** The ACK of our SYN,ACK was left alone (TCP_DEFER_ACCEPT); a later one will count in its place. */
  onDeferredAck(tsEcr: number, now: Micros): void {
    const { roundTrip, rttSamples } = this.measures;
    roundTrip.hold(this.#tcb, tsEcr, now);
    rttSamples.onRetransmitted();
  }

  /** Tells of `acked` octets of new data, of the `flightSize` that were outstanding before. */
  tell(
    control: CongestionControl,
    acked: number,
    flightSize: number,
    srtt: Micros | undefined,
    afterTimeout: boolean,
    now: Micros,
  ): void {
    const { sndUna, sndNxt } = this.#tcb;
    const flight = this.measures;
    sample.acked = acked;
    sample.flightSize = flightSize;
    sample.rtt = micros(flight.leastRtt === Infinity ? 0 : flight.leastRtt);
    flight.leastRtt = Infinity;
    sample.srtt = srtt ?? micros(0);
    sample.roundStart = seqGe(sndUna, flight.roundEnd);
    if (sample.roundStart) {
      flight.roundEnd = sndNxt;
      flight.train.onRound(now);
    }
    sample.ackTrain = flight.train.length;
    sample.cwndLimited = flight.usage.isLimited(control.cwnd, control.ssthresh);
    sample.peakFlight = flight.usage.peak;
    sample.afterTimeout = afterTimeout;
    sample.echoed = flight.echoed;
    control.onAck(sample, now);
  }
}
