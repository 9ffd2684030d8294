/**
 * The retransmission timeout. RFC 6298; the paragraph numbers are its own.
 *
 * It learns from samples that sender.ts takes (one timed segment a round trip, or an echoed timestamp where Karn's algorithm
 * forbids that) and doubles on expiry. It knows no timer and no segment.
 */
import type { TcpConfig } from '../core/config.ts';
import type { Micros } from '../core/time.ts';
import { MS, SECOND, micros } from '../core/time.ts';

/** Clock granularity G (us). RFC 6298 §4 recommends 100 ms or finer; ours is the shell's, taken as 1 ms. */
export const CLOCK_GRANULARITY = 1 * MS;
/** RTO to use for data after a SYN had to be sent again and no sample came (us). RFC 6298 §5 (5.7). */
export const RTO_AFTER_LOST_SYN = 3 * SECOND;

export class Rto {
  readonly #config: TcpConfig;
  /** Smoothed round-trip time (us), undefined before the first sample. RFC 6298 §2.2. */
  srtt: Micros | undefined = undefined;
  /** Variation of the round-trip time (us). */
  rttvar: Micros | undefined = undefined;
  /** The RTO without backoff (us). */
  #base: number;
  /** How often it has been doubled since. */
  #backoffs = 0;

  constructor(config: TcpConfig) {
    this.#config = config;
    this.#base = config.rtoInitial; // (2.1)
  }

  /** The RTO now, backed off (us). */
  get value(): Micros {
    return micros(Math.min(this.#base * 2 ** this.#backoffs, this.#config.rtoMax)); // (2.5), (5.5)
  }

  /** The greatest RTO there is (us); no longer time is a round trip. */
  get longest(): number {
    return this.#config.rtoMax;
  }

  /** A measured round trip (us). Ends the backoff. */
  sample(rtt: number): void {
    if (this.srtt === undefined || this.rttvar === undefined) {
      this.srtt = micros(rtt); // (2.2)
      this.rttvar = micros(rtt / 2);
    } else {
      // (2.3): RTTVAR first, with the old SRTT. Whole microseconds.
      this.rttvar = micros(Math.round((3 / 4) * this.rttvar + (1 / 4) * Math.abs(this.srtt - rtt)));
      this.srtt = micros(Math.round((7 / 8) * this.srtt + (1 / 8) * rtt));
    }
    // Differs: RFC 6298 (2.4) bounds the RTO from below; as in Linux the least is the time beyond SRTT, else a steady long round trip
    // leaves a delayed ACK and a tail loss probe no time.
    const rto = this.srtt + Math.max(CLOCK_GRANULARITY, 4 * this.rttvar, this.#config.rtoMin);
    this.#base = Math.min(Math.round(rto), this.#config.rtoMax); // (2.5)
    this.#backoffs = 0;
  }

  /** The timer has expired: double it. (5.5) */
  backoff(): void {
    if (this.value < this.#config.rtoMax) this.#backoffs++;
  }

  /** Data begins after a handshake in which a SYN was sent again. (5.7) */
  afterLostSyn(): void {
    if (this.srtt === undefined && this.#base < RTO_AFTER_LOST_SYN) this.#base = RTO_AFTER_LOST_SYN;
    this.#backoffs = 0;
  }
}
