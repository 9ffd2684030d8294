/**
 * What loss-based algorithms share: initial window, slow start, the window after time-outs and after idleness, taking a reduction
 * back. RFC 5681 §3.1, §4.1; RFC 6928; RFC 3465; RFC 2861; RFC 7661.
 *
 * A subclass says how cwnd grows in congestion avoidance (`avoid`) and how far a loss reduces it (`reduced`); reno.ts needs no more.
 */
import type { TcpConfig } from '../../core/config.ts';
import { MINUTE } from '../../core/time.ts';
import type { Micros } from '../../core/time.ts';
import type { AckSample, CongestionControl } from './control.ts';

/** A window that was not used counts as valid this long (us). RFC 7661 §4.4, Non-Validated Period. */
export const NON_VALIDATED_PERIOD = 5 * MINUTE;

/** The initial window (octets), RFC 6928 §2: min(10*MSS, max(2*MSS, 14600)), for the 10 of config.tcp.initialWindow. */
export const initialWindow = ({ initialWindow: segments }: TcpConfig, smss: number): number =>
  Math.min(segments * smss, Math.max(2 * smss, segments * 1460));

export abstract class WindowControl implements CongestionControl {
  abstract readonly name: string;
  cwnd = 0;
  /** Undefined for no bound: as a number V8 would keep Infinity in an object of its own. */
  #ssthresh: number | undefined = undefined;
  /** Sender maximum segment size (octets). */
  protected smss = 0;
  protected readonly config: TcpConfig;
  #initialWindow = 0;
  /** What of an octet cwnd has grown beyond its whole octets. */
  #fraction = 0;
  /** Octets in flight at the fullest of the last round trip, as the last ACK told. */
  #peakFlight = 0;
  /** What was before the last reduction; undefined when there is nothing to take back. */
  #prior: { readonly cwnd: number; readonly ssthresh: number } | undefined = undefined;
  /** ECN has reduced cwnd, and what was outstanding then is not all acknowledged: a loss among it is no second sign. RFC 3168 §6.1.2. */
  #congested = false;

  constructor(config: TcpConfig) {
    this.config = config;
  }

  get ssthresh(): number {
    return this.#ssthresh ?? Infinity;
  }
  protected set ssthresh(octets: number) {
    this.#ssthresh = octets === Infinity ? undefined : octets;
  }

  /** Congestion avoidance: `sample` acknowledges new data while cwnd has reached ssthresh. Grow with `grow`, if at all. */
  protected abstract avoid(sample: AckSample, now: Micros): void;
  /** The ssthresh that follows a loss while `flightSize` octets were outstanding: no less than `least`, two segments unless it is given. */
  protected abstract reduced(flightSize: number, least?: number): number;
  /** Called, if it is there, right before a loss or a time-out sets ssthresh. */
  protected beforeReduction?(): void;
  /** Called, if it is there, right before a time-out leaves a window of one segment. */
  protected onLossWindow?(): void;
  /** Called, if it is there, before sending goes on with nothing outstanding. */
  protected beforeResume?(now: Micros): void;

  start(smss: number, synLost: boolean, from?: CongestionControl): void {
    this.smss = smss;
    this.#initialWindow = initialWindow(this.config, smss);
    if (from === undefined) {
      // RFC 5681 §3.1: one segment after a lost SYN or SYN,ACK.
      this.cwnd = synLost ? smss : this.#initialWindow;
    } else {
      this.cwnd = Math.max(smss, Math.floor(from.cwnd));
      this.ssthresh = from.ssthresh;
    }
  }

  setSmss(smss: number): void {
    this.smss = smss;
    this.cwnd = Math.max(this.cwnd, smss);
  }

  onAck(sample: AckSample, now: Micros): void {
    this.#peakFlight = sample.peakFlight;
    if (sample.echoed) return;
    if (this.cwnd >= this.ssthresh) this.avoid(sample, now);
    // cwnd grows only while it is what limits the sender, else it would lose touch with the path (RFC 7661 §1.1).
    else if (sample.cwndLimited) this.slowStart(sample);
  }

  onLoss(flightSize: number): void {
    if (this.#congested) return;
    this.remember();
    this.ssthresh = this.reduced(flightSize);
    this.set(this.ssthresh);
  }

  onCongestionExperienced(flightSize: number, reduced: boolean): void {
    if (!reduced) {
      const cwnd = this.reduced(flightSize, this.smss);
      this.remember();
      this.ssthresh = Math.max(cwnd, 2 * this.smss);
      this.set(cwnd);
      this.#congested = true;
    }
    this.#prior = undefined; // the network has said so itself: nothing to take back
  }

  onCongestionOver(): void {
    this.#congested = false;
  }

  onRecovered(flightSize: number): void {
    // RFC 6582 §3.2 step 3, option 1: no burst when little is outstanding.
    this.set(Math.min(this.ssthresh, Math.max(flightSize, this.smss) + this.smss));
  }

  onTimeout(flightSize: number, again: boolean): void {
    if (!again && !this.#congested) {
      // RFC 5681 §3.1, equation 4; held when the same segment times out again.
      this.remember();
      this.ssthresh = this.reduced(flightSize);
    }
    this.onLossWindow?.();
    this.set(this.smss); // LW, the loss window
  }

  /** As Linux does; Differs from RFC 4015 §3.2, which lets cwnd slow-start back to where it was. */
  onSpurious(): void {
    const prior = this.#prior;
    if (prior === undefined) return;
    if (prior.cwnd > this.cwnd) this.set(prior.cwnd);
    this.ssthresh = Math.max(this.ssthresh, prior.ssthresh);
    this.#prior = undefined;
  }

  onResume(idle: number, rto: number, now: Micros): void {
    this.beforeResume?.(now);
    if (idle <= rto) return;
    switch (this.config.idleWindow) {
      case 'restart':
        this.set(Math.min(this.cwnd, this.#initialWindow)); // RFC 5681 §4.1: RW = min(IW, cwnd)
        break;
      case 'halve':
        this.halve(Math.floor(idle / rto)); // RFC 2861 §3.1: once for each RTO
        break;
      case 'keep':
        this.halve(Math.floor(idle / NON_VALIDATED_PERIOD)); // RFC 7661 §4.4.2
        break;
    }
  }

  /** The octets that an acknowledgment in slow start lets cwnd grow by. */
  protected slowStartGrowth(sample: AckSample): number {
    return sample.afterTimeout ? Math.min(sample.acked, this.smss) : sample.acked;
  }

  /**
   * FlightSize for a reduction. Differs: RFC 5681 §3.1 takes what is outstanding when the loss is found; ACKs that came in one batch with
   * the signs of it have lowered that already, limited transmit has raised it, and pacing may not have sent yet all that the window allows.
   * So: the fullest of the last round trip, at most cwnd.
   */
  protected inFlight(flightSize: number): number {
    const fullest = Math.max(flightSize, this.#peakFlight);
    return fullest + this.smss > this.cwnd ? this.exactCwnd : fullest;
  }

  /** cwnd with the fraction of an octet that it has grown by. */
  protected get exactCwnd(): number {
    return this.cwnd + this.#fraction;
  }

  /** Adds octets to cwnd, whole ones at once and fractions when they have become whole. */
  protected grow(octets: number): void {
    const sum = this.#fraction + octets;
    const whole = Math.floor(sum);
    this.cwnd += whole;
    this.#fraction = sum - whole;
  }

  /**
   * Differs: RFC 5681 §3.1 adds min(N, SMSS) for an ACK of N octets. One ACK of a peer with receive offload covers up to 64 KiB, so
   * that would turn slow start into a crawl; adding all N, as Linux does, still at most doubles cwnd in a round trip, and an ACK cut in
   * many gains nothing. After a time-out the limit is one SMSS, since an ACK may then cover old data (RFC 3465 §2.3).
   */
  private slowStart(sample: AckSample): void {
    const growth = this.slowStartGrowth(sample);
    this.grow(Math.min(growth, Math.max(this.ssthresh - this.cwnd, this.smss)));
  }

  /** Half of cwnd for each of `times`, down to the restart window, which slow start may regain three quarters of. RFC 2861 §3.1. */
  private halve(times: number): void {
    if (times < 1 || this.cwnd <= this.#initialWindow) return;
    this.ssthresh = Math.max(this.ssthresh, Math.floor((this.cwnd * 3) / 4));
    this.set(Math.max(Math.floor(this.cwnd / 2 ** Math.min(times, 32)), this.#initialWindow));
  }

  private set(cwnd: number): void {
    this.cwnd = cwnd;
    this.#fraction = 0;
  }

  private remember(): void {
    this.#prior = { cwnd: this.cwnd, ssthresh: this.ssthresh };
    this.beforeReduction?.();
  }
}
