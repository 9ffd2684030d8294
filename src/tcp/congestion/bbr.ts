/**
 * BBR, version 1: a model of the path, the greatest rate of delivery and the least round trip lately, says how fast to send and how much
 * to have outstanding; loss says little. draft-cardwell-iccrg-bbr-congestion-control-00; names are its own, amounts in octets.
 *
 * onRate goes through the draft's steps for each ACK in its order. Leaves out what Linux has added since: the allowance for aggregated
 * ACKs, the detection of policers, the pacing margin. Read next: max-filter.ts, ../delivery-rate.ts, ../pacing.ts.
 */
import type { TcpConfig } from '../../core/config.ts';
import { randomBelow } from '../../core/random.ts';
import type { RandomSource } from '../../core/random.ts';
import { MS, SECOND } from '../../core/time.ts';
import type { Micros } from '../../core/time.ts';
import { sendQuantum } from '../pacing.ts';
import { initialWindow } from './base.ts';
import type { CongestionControl, RateSample } from './control.ts';
import { MaxFilter } from './max-filter.ts';

/** BtlBwFilterLen (rounds). §4.1.1. */
export const BTLBW_FILTER_LEN = 10;
/** RTpropFilterLen (us). §4.1.2. */
export const RTPROP_FILTER_LEN = 10 * SECOND;
/** BBRHighGain: 2/ln(2), the least that doubles the rate of delivery each round. §4.3.2. */
export const HIGH_GAIN = 2 / Math.LN2;
/** BBRMinPipeCwnd (segments). §4.2.3.3. */
export const MIN_PIPE_CWND = 4;
/** pacing_gain_cycle, each for about one RTprop. §4.3.4. */
export const GAIN_CYCLE: readonly number[] = [5 / 4, 3 / 4, 1, 1, 1, 1, 1, 1];
/** ProbeRTTDuration (us). §4.3.5. */
export const PROBE_RTT_DURATION = 200 * MS;
/** The pipe is full when BtlBw has not grown by this factor for so many rounds. §4.3.2. */
const FULL_PIPE_GROWTH = 1.25;
const FULL_PIPE_ROUNDS = 3;
/** The round trip assumed before one was measured (us). §4.2.1. */
const NOMINAL_RTT = 1 * MS;

export type BbrState = 'Startup' | 'Drain' | 'ProbeBW' | 'ProbeRTT';

export class Bbr implements CongestionControl {
  readonly name = 'bbr';
  readonly ownsRecoveryWindow = true;
  readonly ssthresh = Infinity;
  cwnd = 0;
  /** BBR.pacing_rate (octets/s). */
  pacingRate = 0;
  state: BbrState = 'Startup';
  pacingGain = HIGH_GAIN;
  cwndGain = HIGH_GAIN;
  /** BBR.RTprop (us); Infinity before the first sample. */
  rtprop = Infinity;
  /** BBR.filled_pipe. */
  filledPipe = false;
  readonly #config: TcpConfig;
  readonly #random: RandomSource;
  readonly #btlBwFilter = new MaxFilter(BTLBW_FILTER_LEN);
  #smss = 0;
  /** BBR.round_count, BBR.round_start, BBR.next_round_delivered. §4.1.1. */
  #roundCount = 0;
  #roundStart = false;
  #nextRoundDelivered = 0;
  /** BBR.full_bw, BBR.full_bw_count. */
  #fullBw = 0;
  #fullBwCount = 0;
  /** BBR.cycle_index, BBR.cycle_stamp. */
  #cycleIndex = 0;
  #cycleStamp = 0;
  /** BBR.rtprop_stamp, BBR.rtprop_expired. */
  #rtpropStamp = 0;
  #rtpropExpired = false;
  /** BBR.probe_rtt_done_stamp (0 for not set), BBR.probe_rtt_round_done. */
  #probeRttDoneStamp = 0;
  #probeRttRoundDone = false;
  /** What was sent while C.delivered was within this was held back by ProbeRTT: it tells no more of the rate than an idle program. */
  #probeRttFrom = 0;
  #probeRttTo = -1;
  /** BBR.idle_restart. */
  #idleRestart = false;
  /** BBR.prior_cwnd, BBR.packet_conservation. §4.2.3.4. */
  #priorCwnd = 0;
  #packetConservation = false;
  /** A fast recovery begins with the ACK that is being taken; one, or that of a time-out, is under way. */
  #enteringRecovery = false;
  #recovering = false;

  /** @param random chooses where the cycle of gains begins, so that flows do not probe in step */
  constructor(config: TcpConfig, random: RandomSource) {
    this.#config = config;
    this.#random = random;
  }

  /** BBR.BtlBw (octets/s); 0 before the first sample. */
  get btlBw(): number {
    return this.#btlBwFilter.value;
  }

  /** BBRInit. §4.3.1. */
  start(smss: number, synLost: boolean, from?: CongestionControl): void {
    this.#smss = smss;
    const initial = initialWindow(this.#config, smss);
    this.cwnd = from === undefined ? (synLost ? smss : initial) : Math.max(smss, Math.floor(from.cwnd));
    this.#initPacingRate(NOMINAL_RTT);
  }

  setSmss(smss: number): void {
    this.#smss = smss;
    this.cwnd = Math.max(this.cwnd, smss);
  }

  /** All there is to say of an ACK, onRate says. */
  onAck(): void {
    return;
  }

  /** BBRUpdateOnACK. §3.5.2. */
  onRate(sample: RateSample, now: Micros): void {
    this.#updateBtlBw(sample);
    this.#checkCyclePhase(sample, now);
    this.#checkFullPipe(sample);
    this.#checkDrain(sample, now);
    this.#updateRtprop(sample, now);
    this.#checkProbeRtt(sample, now);
    this.#setPacingRate(this.pacingGain);
    this.#setCwnd(sample);
  }

  /** What it does to cwnd waits for the ACK's sample. §4.2.3.4. */
  onLoss(): void {
    this.#saveCwnd();
    this.#enteringRecovery = true;
  }

  /** Differs: RFC 3168 §6.1.2 wants a reduction. Version 1 of BBR has none, on Linux neither; it keeps queues short by itself. */
  onCongestionExperienced(): void {
    return;
  }

  /** The sample tells of it. */
  onRecovered(): void {
    return;
  }

  /** §4.2.3.4: cwnd = 1. */
  onTimeout(_flightSize: number, again: boolean): void {
    if (!again) this.#saveCwnd();
    this.cwnd = this.#smss;
    this.#packetConservation = false;
    this.#enteringRecovery = false;
    this.#recovering = true;
  }

  /** Nothing was lost: §4.2.3.4, "exiting loss recovery". */
  onSpurious(): void {
    this.#exitRecovery();
  }

  /** BBRHandleRestartFromIdle: nothing is outstanding, since the program had nothing to send. §4.3.4. */
  onResume(idle: number, _rto: number, now: Micros): void {
    if (idle < 0) return;
    this.#idleRestart = true;
    if (this.state === 'ProbeBW') this.#setPacingRate(1);
    else if (this.state === 'ProbeRTT') this.#checkProbeRttDone(now);
  }

  // The model of the path. §4.1.

  #updateBtlBw(sample: RateSample): void {
    this.#roundStart = false;
    const { priorDelivered, rate } = sample;
    if (priorDelivered < 0) return;
    if (priorDelivered >= this.#nextRoundDelivered) {
      this.#nextRoundDelivered = sample.totalDelivered;
      this.#roundCount++;
      this.#roundStart = true;
      this.#packetConservation = false; // after one round trip of it, §4.2.3.4
    }
    if (rate > 0 && (rate >= this.btlBw || !this.#isAppLimited(sample))) {
      this.#btlBwFilter.update(rate, this.#roundCount);
    }
  }

  #isAppLimited({ appLimited, priorDelivered }: RateSample): boolean {
    return appLimited || (priorDelivered >= this.#probeRttFrom && priorDelivered <= this.#probeRttTo);
  }

  #updateRtprop({ rtt }: RateSample, now: Micros): void {
    this.#rtpropExpired = now > this.#rtpropStamp + RTPROP_FILTER_LEN && this.rtprop < Infinity;
    if (rtt <= 0 || (rtt > this.rtprop && !this.#rtpropExpired)) return;
    if (this.rtprop === Infinity) this.#initPacingRate(rtt);
    this.rtprop = rtt;
    this.#rtpropStamp = now;
  }

  /** BBRInflight: what `gain` bandwidth-delay products are, and what the hosts hold back. §4.2.3.2. */
  #inflight(gain: number): number {
    if (this.rtprop === Infinity) return initialWindow(this.#config, this.#smss);
    const quanta = 3 * sendQuantum(this.pacingRate, this.#smss);
    return (gain * this.btlBw * this.rtprop) / SECOND + quanta;
  }

  // The state machine. §4.3.

  /** BBRCheckFullPipe. §4.3.2. */
  #checkFullPipe(sample: RateSample): void {
    if (this.filledPipe || !this.#roundStart || this.#isAppLimited(sample)) return;
    if (this.btlBw >= this.#fullBw * FULL_PIPE_GROWTH) {
      this.#fullBw = this.btlBw;
      this.#fullBwCount = 0;
      return;
    }
    this.#fullBwCount++;
    if (this.#fullBwCount >= FULL_PIPE_ROUNDS) this.filledPipe = true;
  }

  /** BBRCheckDrain. §4.3.3. */
  #checkDrain({ inFlight }: RateSample, now: Micros): void {
    if (this.state === 'Startup' && this.filledPipe) {
      this.state = 'Drain';
      this.pacingGain = 1 / HIGH_GAIN;
      this.cwndGain = HIGH_GAIN;
    }
    if (this.state === 'Drain' && inFlight <= this.#inflight(1)) this.#enterProbeBw(now);
  }

  #enterStartup(): void {
    this.state = 'Startup';
    this.pacingGain = HIGH_GAIN;
    this.cwndGain = HIGH_GAIN;
  }

  /** BBREnterProbeBW: the cycle begins anywhere but with the gain below 1. §4.3.4. */
  #enterProbeBw(now: Micros): void {
    this.state = 'ProbeBW';
    this.cwndGain = 2;
    this.#cycleIndex = GAIN_CYCLE.length - 1 - randomBelow(this.#random, GAIN_CYCLE.length - 1);
    this.#advanceCyclePhase(now);
  }

  #advanceCyclePhase(now: Micros): void {
    this.#cycleStamp = now;
    this.#cycleIndex = (this.#cycleIndex + 1) % GAIN_CYCLE.length;
    this.pacingGain = GAIN_CYCLE[this.#cycleIndex]!;
  }

  #checkCyclePhase(sample: RateSample, now: Micros): void {
    if (this.state === 'ProbeBW' && this.#isNextCyclePhase(sample, now)) this.#advanceCyclePhase(now);
  }

  #isNextCyclePhase({ lost, priorInFlight }: RateSample, now: Micros): boolean {
    const isFullLength = now - this.#cycleStamp > this.rtprop;
    if (this.pacingGain === 1) return isFullLength;
    if (this.pacingGain > 1) return isFullLength && (lost > 0 || priorInFlight >= this.#inflight(this.pacingGain));
    return isFullLength || priorInFlight <= this.#inflight(1);
  }

  /** BBRCheckProbeRTT. §4.3.5. */
  #checkProbeRtt(sample: RateSample, now: Micros): void {
    if (this.state !== 'ProbeRTT' && this.#rtpropExpired && !this.#idleRestart) {
      this.#saveCwnd();
      this.state = 'ProbeRTT';
      this.pacingGain = 1;
      this.cwndGain = 1;
      this.#probeRttDoneStamp = 0;
      this.#probeRttFrom = sample.totalDelivered;
    }
    if (this.state === 'ProbeRTT') this.#handleProbeRtt(sample, now);
    if (sample.delivered > 0) this.#idleRestart = false;
  }

  #handleProbeRtt({ totalDelivered, inFlight }: RateSample, now: Micros): void {
    this.#probeRttTo = totalDelivered + inFlight;
    if (this.#probeRttDoneStamp === 0) {
      if (inFlight > MIN_PIPE_CWND * this.#smss) return;
      this.#probeRttDoneStamp = now + PROBE_RTT_DURATION;
      this.#probeRttRoundDone = false;
      this.#nextRoundDelivered = totalDelivered;
      return;
    }
    if (this.#roundStart) this.#probeRttRoundDone = true;
    if (this.#probeRttRoundDone) this.#checkProbeRttDone(now);
  }

  #checkProbeRttDone(now: Micros): void {
    if (this.#probeRttDoneStamp === 0 || now <= this.#probeRttDoneStamp) return;
    this.#rtpropStamp = now;
    this.#restoreCwnd();
    if (this.filledPipe) this.#enterProbeBw(now);
    else this.#enterStartup();
  }

  // What it controls. §4.2.

  /** BBRInitPacingRate, and again when the first round trip is known. §4.2.1. */
  #initPacingRate(rtt: number): void {
    this.pacingRate = (HIGH_GAIN * initialWindow(this.#config, this.#smss) * SECOND) / rtt;
  }

  /** BBRSetPacingRateWithGain: until the pipe is full it only rises. */
  #setPacingRate(gain: number): void {
    const rate = gain * this.btlBw;
    if (rate > 0 && (this.filledPipe || rate > this.pacingRate)) this.pacingRate = rate;
  }

  /** BBRSetCwnd. §4.2.3.6. */
  #setCwnd(sample: RateSample): void {
    const { delivered, totalDelivered } = sample;
    const target = this.#inflight(this.cwndGain);
    const least = MIN_PIPE_CWND * this.#smss;
    this.#modulateForRecovery(sample);
    if (!this.#packetConservation) {
      if (this.filledPipe) this.cwnd = Math.min(this.cwnd + delivered, target);
      else if (this.cwnd < target || totalDelivered < initialWindow(this.#config, this.#smss)) this.cwnd += delivered;
      this.cwnd = Math.max(this.cwnd, least);
    }
    if (this.state === 'ProbeRTT') this.cwnd = Math.min(this.cwnd, least); // §4.2.3.5
    this.cwnd = Math.floor(this.cwnd);
  }

  /** BBRModulateCwndForRecovery, and what begins and ends with recovery. §4.2.3.4. */
  #modulateForRecovery({ lost, delivered, inFlight, totalDelivered, recovering }: RateSample): void {
    if (lost > 0) this.cwnd = Math.max(this.cwnd - lost, this.#smss);
    if (this.#enteringRecovery && recovering) {
      this.cwnd = inFlight + Math.max(delivered, this.#smss);
      this.#packetConservation = true;
      this.#nextRoundDelivered = totalDelivered;
    } else if (this.#recovering && !recovering) {
      this.#exitRecovery();
    }
    this.#enteringRecovery = false;
    this.#recovering = recovering;
    if (this.#packetConservation) this.cwnd = Math.max(this.cwnd, inFlight + delivered);
  }

  #exitRecovery(): void {
    this.#packetConservation = false;
    this.#enteringRecovery = false;
    this.#recovering = false;
    this.#restoreCwnd();
  }

  #saveCwnd(): void {
    const whole = !this.#recovering && this.state !== 'ProbeRTT';
    this.#priorCwnd = whole ? this.cwnd : Math.max(this.#priorCwnd, this.cwnd);
  }

  #restoreCwnd(): void {
    this.cwnd = Math.max(this.cwnd, this.#priorCwnd);
  }
}
