/**
 * Reno: slow start and congestion avoidance. RFC 5681 §3.1; counting octets RFC 3465. All but the growth and the reduction of
 * congestion avoidance is in base.ts.
 */
import type { AckSample } from './control.ts';
import { WindowControl } from './base.ts';

const NAME = 'reno';

export class Reno extends WindowControl {
  /** Octets acknowledged in congestion avoidance since cwnd last grew. RFC 3465 §2.1. */
  #bytesAcked = 0;

  get name(): string {
    return NAME;
  }

  /** One SMSS for each cwnd of octets acknowledged. RFC 5681 §3.1, RFC 3465 §2.1. */
  protected avoid(sample: AckSample): void {
    if (!sample.cwndLimited) return;
    this.#bytesAcked += sample.acked;
    if (this.#bytesAcked < this.cwnd) return;
    this.#bytesAcked -= this.cwnd;
    this.grow(this.smss);
    this.#bytesAcked = Math.min(this.#bytesAcked, this.cwnd);
  }

  /** RFC 5681 §3.1, equation 4. */
  protected reduced(flightSize: number, least = 2 * this.smss): number {
    return Math.max(Math.floor(this.inFlight(flightSize) / 2), least);
  }

  protected override beforeReduction(): void {
    this.#bytesAcked = 0;
  }
}
