/**
 * CUBIC: after a reduction cwnd rises as the cube of the time towards where it was, flat around it, then steep again; never slower
 * than Reno would. RFC 9438; names are its own, windows in octets. Slow start with HyStart++ (hystart.ts); the rest is base.ts.
 */
import { NEVER, SECOND, micros } from '../../core/time.ts';
import type { Micros } from '../../core/time.ts';
import { WindowControl } from './base.ts';
import type { AckSample, CongestionControl } from './control.ts';
import { HyStart } from './hystart.ts';

const NAME = 'cubic';
/** Multiplicative decrease factor. RFC 9438 §4.6. */
export const BETA = 0.7;
/** Aggressiveness (segments per second^3). RFC 9438 §5. */
export const C = 0.4;
/** Additive increase factor of the Reno-friendly region. RFC 9438 §4.3. */
export const ALPHA = (3 * (1 - BETA)) / (1 + BETA);

/** W_cubic(t): the window (segments) `t` seconds into a congestion avoidance stage. RFC 9438 §4.2, figure 1. */
export const cubicWindow = (t: number, k: number, wMax: number): number => C * (t - k) ** 3 + wMax;
/** K: seconds until the window is `wMax` again (segments). RFC 9438 §4.2, figure 2. */
export const cubicTime = (wMax: number, cwndEpoch: number): number => Math.cbrt((wMax - cwndEpoch) / C);

/** The curve that cwnd follows in a congestion avoidance stage. */
class Curve {
  /** W_max (octets); 0 when it is not known: after a time-out, and when slow start ended without a loss. */
  wMax = 0;
  /** K (s). */
  k = 0;
  /** t_epoch: when this congestion avoidance stage began, moved on by the time in which cwnd was not made use of; NEVER before. */
  epoch: Micros = NEVER;
  /** W_est, Reno's window (octets). */
  wEst = 0;
  /** When cwnd was last worked out in this stage. */
  updatedAt: Micros = NEVER;

  restore({ wMax, k, epoch, wEst }: Saved): void {
    this.wMax = wMax;
    this.k = k;
    this.epoch = epoch;
    this.wEst = wEst;
  }
}

/** What RFC 9438 §4.9.2 saves before a reduction, besides cwnd and ssthresh. */
interface Saved {
  readonly cwndPrior: number;
  readonly wMax: number;
  readonly k: number;
  readonly epoch: Micros;
  readonly wEst: number;
}

export class Cubic extends WindowControl {
  /** cwnd when ssthresh was last set (octets). */
  #cwndPrior = 0;
  /** There from the first reduction or congestion avoidance on. */
  #curve: Curve | undefined = undefined;
  #saved: Saved | undefined = undefined;
  /** The state of HyStart++, from the first ACK of the first slow start on. */
  #hystart: HyStart | undefined = undefined;

  get name(): string {
    return NAME;
  }

  override start(smss: number, synLost: boolean, from?: CongestionControl): void {
    super.start(smss, synLost, from);
    this.#cwndPrior = this.cwnd;
  }

  /** HyStart++ in the first slow start only, as RFC 9406 §4.3 advises. RFC 9438 §4.10. */
  protected override slowStartGrowth(sample: AckSample): number {
    const growth = super.slowStartGrowth(sample);
    if (!this.config.hystart || this.ssthresh !== Infinity) return growth;
    this.#hystart ??= new HyStart();
    const cautious = this.#hystart.growth(sample, growth);
    if (!this.#hystart.done) return cautious;
    this.ssthresh = this.cwnd;
    this.#cwndPrior = this.cwnd;
    this.forgetPeak();
    return 0;
  }

  /** RFC 9438 §4.2 to §4.5. */
  protected avoid(sample: AckSample, now: Micros): void {
    if (!sample.cwndLimited) {
      this.beforeResume(now);
      return;
    }
    const curve = (this.#curve ??= new Curve());
    if (curve.epoch === NEVER) this.beginStage(curve, now);
    curve.updatedAt = now;
    const { smss, exactCwnd: cwnd } = this;
    const t = (now - curve.epoch) / SECOND;
    // §4.3: once Reno would be back where it was, it grows by a whole segment a round trip.
    const alpha = curve.wEst < this.#cwndPrior ? ALPHA : 1;
    curve.wEst += (alpha * smss * sample.acked) / cwnd;
    if (this.window(t, curve) < curve.wEst) {
      this.grow(Math.max(0, curve.wEst - cwnd));
      return;
    }
    const target = Math.min(this.window(t + sample.srtt / SECOND, curve), 1.5 * cwnd);
    // §4.4, §4.5: (target - cwnd) / cwnd for each segment acknowledged.
    if (target > cwnd) this.grow(((target - cwnd) * sample.acked) / cwnd);
  }

  /** RFC 9438 §4.6. */
  protected reduced(flightSize: number, least = 2 * this.smss): number {
    return Math.max(Math.floor(this.inFlight(flightSize) * BETA), least);
  }

  protected override beforeReduction(): void {
    const curve = (this.#curve ??= new Curve());
    const { wMax, k, epoch, wEst } = curve;
    this.#saved = { cwndPrior: this.#cwndPrior, wMax, k, epoch, wEst };
    const { cwnd } = this;
    curve.wMax = cwnd < wMax ? (cwnd * (1 + BETA)) / 2 : cwnd; // §4.7, fast convergence
    this.#cwndPrior = cwnd;
    this.endStage();
  }

  /** §4.8: the stage after a time-out starts from where it begins. */
  protected override onLossWindow(): void {
    this.forgetPeak();
    this.endStage();
  }

  /** The same factor as for a loss, RFC 9438 §4.6; it is not taken back. */
  override onCongestionExperienced(flightSize: number, reduced: boolean): void {
    super.onCongestionExperienced(flightSize, reduced);
    this.#saved = undefined;
  }

  /** RFC 9438 §4.9.2: only while cwnd has not grown beyond it anyway. */
  override onSpurious(): void {
    const saved = this.#saved;
    this.#saved = undefined;
    if (saved !== undefined && this.cwnd < this.#cwndPrior) {
      this.#cwndPrior = saved.cwndPrior;
      this.#curve?.restore(saved);
    }
    super.onSpurious();
  }

  override onResume(idle: number, rto: number, now: Micros): void {
    const before = this.cwnd;
    super.onResume(idle, rto, now);
    if (this.cwnd < before) this.endStage(); // a stage begins when slow start is over again
  }

  /** §4.2: the time in which cwnd was not made use of does not count. */
  protected override beforeResume(now: Micros): void {
    const curve = this.#curve;
    if (curve === undefined || curve.epoch === NEVER) return;
    curve.epoch = micros(curve.epoch + now - curve.updatedAt);
    curve.updatedAt = now;
  }

  private beginStage(curve: Curve, now: Micros): void {
    const { exactCwnd: cwnd, smss } = this;
    curve.epoch = now;
    curve.wEst = cwnd;
    if (cwnd < curve.wMax) {
      curve.k = cubicTime(curve.wMax / smss, cwnd / smss);
    } else {
      curve.k = 0; // §4.8, §4.10
      curve.wMax = cwnd;
    }
  }

  private forgetPeak(): void {
    if (this.#curve !== undefined) this.#curve.wMax = 0;
  }

  private endStage(): void {
    if (this.#curve !== undefined) this.#curve.epoch = NEVER;
  }

  /** W_cubic(t) in octets. */
  private window(t: number, { k, wMax }: Curve): number {
    return cubicWindow(t, k, wMax / this.smss) * this.smss;
  }
}
