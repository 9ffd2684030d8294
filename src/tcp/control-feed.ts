/**
 * What the sender measures: round-trip times for the retransmission timeout and for congestion control, when a round trip ends, whether
 * the window is used up. It makes the AckSample that an algorithm is told of each acknowledgment.
 */
import { micros } from '../core/time.ts';
import type { Micros } from '../core/time.ts';
import type { AckSample, CongestionControl } from './congestion/control.ts';
import { RoundTrip } from './round-trip.ts';
import type { Rto } from './rto.ts';
import { RttSamples } from './rtt-samples.ts';
import { seqDiff, seqGe, seqNum } from './seq.ts';
import type { SeqNum } from './seq.ts';
import type { Tcb } from './tcb.ts';
import { WindowUsage } from './window-usage.ts';

export class ControlFeed {
  readonly #tcb: Tcb;
  readonly #roundTrip: RoundTrip;
  readonly #rttSamples = new RttSamples();
  readonly #usage = new WindowUsage();
  /** The ACK at hand carries ECN-Echo. */
  echoed = false;
  /** A round trip ends when this is acknowledged. */
  #roundEnd: SeqNum = seqNum(0);
  #rtt: Micros = micros(0);
  // Reused for every acknowledgment.
  readonly #sample: AckSample = {
    acked: 0,
    flightSize: 0,
    rtt: micros(0),
    srtt: micros(0),
    roundStart: false,
    cwndLimited: false,
    peakFlight: 0,
    afterTimeout: false,
    echoed: false,
  };

  constructor(tcb: Tcb, rto: Rto) {
    this.#tcb = tcb;
    this.#roundTrip = new RoundTrip(rto);
  }

  start(iss: SeqNum): void {
    this.#roundEnd = iss;
    this.#usage.start(iss);
  }

  /** New octets up to `end` were sent for the first time; SND.NXT covers them. */
  onSent(end: SeqNum, now: Micros): void {
    const { sndUna, sndNxt } = this.#tcb;
    this.#roundTrip.onSent(end, now);
    this.#rttSamples.onSent(end, now);
    this.#usage.note(false, seqDiff(sndNxt, sndUna), sndUna, sndNxt);
  }

  /** Old octets were sent again. */
  onRetransmitted(): void {
    this.#roundTrip.onRetransmitted();
    this.#rttSamples.onRetransmitted();
  }

  /** The congestion window is all that keeps more than `used` octets from being outstanding. */
  onLimited(used: number): void {
    const { sndUna, sndNxt } = this.#tcb;
    this.#usage.note(true, used, sndUna, sndNxt);
  }

  /** An ACK that echoes `tsEcr` has advanced SND.UNA: takes the measurements that it allows, whether or not the algorithm is told of it. */
  onNewAck(tsEcr: number, now: Micros): void {
    this.#roundTrip.onNewAck(this.#tcb, this.#tcb.sndUna, tsEcr, now);
    this.#rtt = this.#rttSamples.onNewAck(this.#tcb.sndUna, now);
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
    const sample = this.#sample;
    const { sndUna, sndNxt } = this.#tcb;
    sample.acked = acked;
    sample.flightSize = flightSize;
    sample.rtt = this.#rtt;
    sample.srtt = srtt ?? micros(0);
    sample.roundStart = seqGe(sndUna, this.#roundEnd);
    if (sample.roundStart) this.#roundEnd = sndNxt;
    sample.cwndLimited = this.#usage.isLimited(control.cwnd, control.ssthresh);
    sample.peakFlight = this.#usage.peak;
    sample.afterTimeout = afterTimeout;
    sample.echoed = this.echoed;
    control.onAck(sample, now);
  }
}
