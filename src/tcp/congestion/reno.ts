/**
 * Reno: slow start and congestion avoidance. RFC 5681 §3.1, §4.1; initial window RFC 6928; counting octets RFC 3465.
 */
import type { TcpConfig } from '../../core/config.ts';
import type { CongestionControl } from './control.ts';

export class Reno implements CongestionControl {
  readonly name = 'reno';
  readonly #initialSegments: number;
  cwnd = 0;
  ssthresh = Infinity;
  #smss = 0;
  #initialWindow = 0;
  /** Octets acknowledged in congestion avoidance since cwnd last grew. RFC 3465 §2.1. */
  #bytesAcked = 0;

  constructor(config: TcpConfig) {
    this.#initialSegments = config.initialWindow;
  }

  start(smss: number, synLost: boolean): void {
    this.#smss = smss;
    // RFC 6928 §2: min(10*MSS, max(2*MSS, 14600)). RFC 5681 §3.1: one segment after a lost SYN or SYN,ACK.
    this.#initialWindow = Math.min(this.#initialSegments * smss, Math.max(2 * smss, this.#initialSegments * 1460));
    this.cwnd = synLost ? smss : this.#initialWindow;
  }

  setSmss(smss: number): void {
    this.#smss = smss;
    this.cwnd = Math.max(this.cwnd, smss);
  }

  onAck(acked: number, flightSize: number, afterTimeout: boolean): void {
    // cwnd grows only while it is what limits the sender, else it would lose touch with the path (RFC 7661 §1.1).
    if (this.cwnd < this.ssthresh) {
      if (flightSize * 2 >= this.cwnd) this.#slowStart(acked, afterTimeout);
    } else if (flightSize + this.#smss >= this.cwnd) {
      this.#avoidCongestion(acked);
    }
  }

  onLoss(flightSize: number): void {
    this.ssthresh = this.#halved(flightSize);
    this.cwnd = this.ssthresh;
    this.#bytesAcked = 0;
  }

  onRecovered(flightSize: number): void {
    // RFC 6582 §3.2 step 3, option 1: no burst when little is outstanding.
    this.cwnd = Math.min(this.ssthresh, Math.max(flightSize, this.#smss) + this.#smss);
  }

  onTimeout(flightSize: number, again: boolean): void {
    // RFC 5681 §3.1, equation 4; held when the same segment times out again.
    if (!again) this.ssthresh = this.#halved(flightSize);
    this.cwnd = this.#smss;
    this.#bytesAcked = 0;
  }

  onIdle(): void {
    this.cwnd = Math.min(this.cwnd, this.#initialWindow); // RW = min(IW, cwnd)
  }

  #halved(flightSize: number): number {
    return Math.max(Math.floor(flightSize / 2), 2 * this.#smss);
  }

  /**
   * Differs: RFC 5681 §3.1 adds min(N, SMSS) for an ACK of N octets. One ACK of a peer with receive offload covers up to 64 KiB, so
   * that would turn slow start into a crawl; adding all N, as Linux does, still at most doubles cwnd in a round trip, and an ACK cut in
   * many gains nothing. After a time-out the limit is one SMSS, since an ACK may then cover old data (RFC 3465 §2.3).
   */
  #slowStart(acked: number, afterTimeout: boolean): void {
    const counted = afterTimeout ? Math.min(acked, this.#smss) : acked;
    this.cwnd = Math.min(this.cwnd + counted, Math.max(this.ssthresh, this.cwnd + this.#smss));
  }

  /** One SMSS for each cwnd of octets acknowledged. RFC 5681 §3.1, RFC 3465 §2.1. */
  #avoidCongestion(acked: number): void {
    this.#bytesAcked += acked;
    if (this.#bytesAcked < this.cwnd) return;
    this.#bytesAcked -= this.cwnd;
    this.cwnd += this.#smss;
    this.#bytesAcked = Math.min(this.#bytesAcked, this.cwnd);
  }
}
