/**
 * RACK: what was sent before something that has been delivered, and a reordering window ago, is lost. RFC 8985 §6; names are its own.
 */
import { NEVER, micros } from '../../core/time.ts';
import type { Micros } from '../../core/time.ts';
import type { Flight } from './flight.ts';
import { MinRtt } from './min-rtt.ts';

/** Segments reported by SACK that mean a loss, where no reordering has been seen. RFC 6675 §2. */
export const DUP_THRESH = 3;
/** Loss recoveries after which the reordering window falls back. RFC 8985 §6.2, step 4. */
export const REO_WND_PERSIST = 16;

/** What RACK knows of the round trip. It outlasts what is in flight. */
export class RoundTripsSeen {
  /** RACK.min_RTT. */
  readonly min = new MinRtt();
  /** RACK.rtt (us). */
  latest = 0;
}

export class Rack {
  readonly roundTrips: RoundTripsSeen;
  /** RACK.xmit_ts and RACK.end_seq: of what was sent last among all that was delivered; -1 before that. */
  xmitTs = -1;
  endSeq = 0;
  /** RACK.fack: one past the highest octet delivered. */
  fack = 0;
  /** RACK.reordering_seen. */
  reorderingSeen = false;
  /** RACK.dsack_round: SND.NXT when a D-SACK came; -1 for none. */
  #dsackRound = -1;
  /** RACK.reo_wnd_mult, RACK.reo_wnd_persist. */
  #mult = 1;
  #persist = REO_WND_PERSIST;

  /** @param seen from before */
  constructor(seen = new RoundTripsSeen()) {
    this.roundTrips = seen;
  }

  /** Steps 1 and 2 for octets up to `end` that were delivered, and whose round trip is to be believed. RACK_update. */
  delivered(sentAt: Micros, end: number, retransmitted: boolean, now: Micros): void {
    const rtt = now - sentAt;
    if (!retransmitted) this.roundTrips.min.sample(micros(rtt), now);
    this.roundTrips.latest = rtt;
    if (!this.#sentAfter(this.xmitTs, this.endSeq, sentAt, end)) {
      this.xmitTs = sentAt;
      this.endSeq = end;
    }
  }

  /** Step 3 for octets up to `end` that were delivered, `fack` being as it was before this ACK. Whether they came out of order. */
  noteOrder(end: number, retransmitted: boolean): boolean {
    if (end >= this.fack || retransmitted) return false;
    this.reorderingSeen = true;
    return true;
  }

  /** Step 4: the window grows in a round trip that has seen a D-SACK. */
  onDsack(una: number, nxt: number): void {
    if (this.#dsackRound >= 0 && una >= this.#dsackRound) this.#dsackRound = -1;
    if (this.#dsackRound >= 0) return;
    this.#dsackRound = nxt;
    this.#mult++;
    this.#persist = REO_WND_PERSIST;
  }

  /** Step 4: a recovery is over. */
  onRecovered(): void {
    this.#persist--;
    if (this.#persist <= 0) this.#mult = 1;
  }

  /** RACK.reo_wnd (us), at most SRTT. Step 4. */
  reorderingWindow(recovering: boolean, segmentsSacked: number, srtt: Micros | undefined): number {
    if (!this.reorderingSeen && (recovering || segmentsSacked >= DUP_THRESH)) return 0;
    const least = this.roundTrips.min.value;
    if (least === NEVER) return 0;
    return Math.min((this.#mult * least) / 4, srtt ?? 0);
  }

  /**
   * Step 5: marks what is lost. Returns the time until the rest of what was sent before RACK.segment will be (us), 0 for none.
   * RACK_detect_loss.
   */
  detectLoss(flight: Flight, reoWnd: number, now: Micros): number {
    const { latest } = this.roundTrips;
    let timeout = 0;
    let record = flight.oldest;
    while (record !== undefined && record.sentAt <= this.xmitTs) {
      const { later } = record;
      if (this.#sentAfter(this.xmitTs, this.endSeq, record.sentAt, record.end)) {
        const remaining = record.sentAt + latest + reoWnd - now;
        if (remaining <= 0) flight.markLost(record);
        else if (remaining > timeout) timeout = remaining;
      }
      record = later;
    }
    return Math.ceil(timeout);
  }

  /** §6.3: the first segment is lost, and what was sent longer ago than a round trip and the window. */
  markLossesOnTimeout(flight: Flight, reoWnd: number, now: Micros): void {
    const { first } = flight;
    const { latest } = this.roundTrips;
    if (first !== undefined && !first.lost && !first.sacked) flight.markLost(first);
    let record = flight.oldest;
    while (record !== undefined && record.sentAt + latest + reoWnd - now <= 0) {
      const { later } = record;
      flight.markLost(record);
      record = later;
    }
  }

  /** RACK_sent_after. */
  #sentAfter(t1: number, seq1: number, t2: number, seq2: number): boolean {
    return t1 > t2 || (t1 === t2 && seq1 > seq2);
  }
}
