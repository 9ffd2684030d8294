/**
 * What an ACK delivers: takes cumulative and selective acknowledgments into the records of what was sent, feeds RACK with each, and
 * tells D-SACKs from blocks. RFC 8985 §6.2 (steps 1 to 3), RFC 6675 §4 (Update), RFC 2883 §5.
 *
 * Offsets are absolute octets of the sequence space, counted from where recovery began to watch.
 */
import type { Micros } from '../../core/time.ts';
import { seqAdd, seqDiff, seqLt, seqNum } from '../seq.ts';
import type { SeqNum } from '../seq.ts';
import { timestampNow } from '../timestamps.ts';
import { Flight } from './flight.ts';
import type { SentRange } from './flight.ts';
import { Rack } from './rack.ts';
import type { RoundTripsSeen } from './rack.ts';
import type { AckFacts, RecoveryCounters, SendState } from './recovery.ts';
import { Scoreboard, isDuplicateReport } from './scoreboard.ts';

export class Delivery {
  readonly flight = new Flight();
  readonly scoreboard = new Scoreboard();
  readonly rack: Rack;
  readonly #counters: RecoveryCounters;
  /** SND.UNA, as a number of the sequence space and as an offset. */
  unaSeq: SeqNum;
  una = 0;
  /** Octets sent again so far, and those reported as duplicates: more of these come from the network. */
  #resent = 0;
  #duplicated = 0;

  // Of the ACK that was taken last.
  /** Octets newly delivered. DeliveredData of RFC 6937 §2. */
  delivered = 0;
  /** A round trip was measured; when what it measured was sent, the latest of it, -1 for none. */
  measured = false;
  sentAt = -1;
  /** Among them are some that were never sent again. */
  original = false;
  /** The end of a D-SACK block, -1 for none; and how many octets it reports, 0 when they were not sent twice. */
  dsackEnd = -1;
  dsackOctets = 0;

  /** The last ACK echoes a timestamp from before its first segment was sent again. RFC 3522 §3.2, step (5). */
  echoesOriginal = false;

  constructor(una: SeqNum, counters: RecoveryCounters, seen: RoundTripsSeen) {
    this.unaSeq = una;
    this.#counters = counters;
    this.rack = new Rack(seen);
  }

  /** Anything was sent again. */
  get sentAgain(): boolean {
    return this.#resent > 0;
  }

  offset(seq: SeqNum): number {
    return this.una + seqDiff(seq, this.unaSeq);
  }

  /** The sequence number of an offset. */
  seqOf(offset: number): SeqNum {
    return seqAdd(this.unaSeq, offset - this.una);
  }

  nxt(state: SendState): number {
    return this.offset(state.tcb.sndNxt);
  }

  /** Octets [from, to) were sent for the first time, or again. */
  onSent(from: number, to: number, again: boolean, smss: number, now: Micros): void {
    const { flight } = this;
    if (!again) {
      flight.append(from, to, smss, now);
      return;
    }
    this.#resent += to - from;
    let record = flight.firstAfter(from);
    while (record !== undefined && record.start < to) {
      // Where no record is free to split one, the whole counts as sent again.
      if (record.start < from && flight.split(record, from)) record = record.next!;
      if (record.end > to) flight.split(record, to);
      if (!record.sacked) flight.resent(record, now);
      record = record.next;
    }
  }

  /** Takes an ACK; SND.UNA has moved already. */
  take(facts: AckFacts, state: SendState, now: Micros): void {
    this.measured = false;
    this.sentAt = -1;
    this.original = false;
    this.echoesOriginal = false;
    this.dsackEnd = -1;
    this.dsackOctets = 0;
    this.unaSeq = state.tcb.sndUna;
    this.una += facts.covered;
    if (facts.covered > 0) this.#acknowledge(facts, state, now);
    this.delivered = facts.covered - this.scoreboard.advance(this.una);
    if (facts.options.sackCount > 0) this.#takeBlocks(facts, state, now);
    const { rack } = this;
    rack.fack = Math.max(rack.fack, this.una, this.scoreboard.highest);
  }

  /** The receiver has thrown away what it reported. RFC 2018 §8. */
  forget(): void {
    this.flight.forgetSacked();
    this.scoreboard.clear();
  }

  #acknowledge(facts: AckFacts, state: SendState, now: Micros): void {
    const { flight, una } = this;
    this.echoesOriginal = isForOriginal(flight.first, facts, state);
    for (let record = flight.first; record !== undefined && record.start < una; record = flight.first) {
      if (!record.sacked) this.#deliver(record, Math.min(record.end, una), facts, state, true, now);
      if (record.end > una) {
        flight.trimFirst(una);
        return;
      }
      flight.removeFirst();
    }
  }

  #takeBlocks(facts: AckFacts, state: SendState, now: Micros): void {
    const { sackCount, sackEdges } = facts.options;
    const nxt = this.nxt(state);
    for (let i = 0; i < sackCount; i++) {
      const start = this.offset(sackEdges[2 * i]! as SeqNum);
      const end = this.offset(sackEdges[2 * i + 1]! as SeqNum);
      if (start >= end || end > nxt) {
        this.#counters.badBlocks++;
      } else if (i === 0 && this.#isDuplicate(start, end, facts)) {
        this.#onDuplicate(start, end, nxt);
      } else if (end > this.una) {
        const added = this.#takeBlock(Math.max(start, this.una), end, facts, state, now);
        this.delivered += added;
        this.#counters.bytesSacked += added;
      }
    }
  }

  #isDuplicate(start: number, end: number, facts: AckFacts): boolean {
    const { sackCount, sackEdges } = facts.options;
    const secondStart = sackCount > 1 ? this.offset(sackEdges[2]! as SeqNum) : Infinity;
    const secondEnd = sackCount > 1 ? this.offset(sackEdges[3]! as SeqNum) : -Infinity;
    return isDuplicateReport(start, end, this.offset(facts.ack), secondStart, secondEnd);
  }

  /** Octets [start, end) came twice. Only where so many were sent twice does it tell of anything (RFC 2883 §5.1). */
  #onDuplicate(start: number, end: number, nxt: number): void {
    this.#counters.duplicatesReported++;
    this.dsackEnd = end;
    if (this.#duplicated + (end - start) > this.#resent) return;
    this.#duplicated += end - start;
    this.dsackOctets = end - start;
    this.rack.onDsack(this.una, nxt);
  }

  /** Takes one block that reports octets beyond SND.UNA. Returns how many of them were not known of. */
  #takeBlock(start: number, end: number, facts: AckFacts, state: SendState, now: Micros): number {
    const { scoreboard } = this;
    const known = scoreboard.has(start) ? scoreboard.endOf(start) : start;
    const added = scoreboard.add(start, end);
    if (added === 0) return 0;
    const left = scoreboard.startOf(start);
    const right = scoreboard.endOf(start);
    // The new octets may complete a segment that began a little before them.
    const from = Math.max(left, Math.min(known, end) - state.smss);
    let unseen = added;
    let record = this.flight.firstAfter(from);
    while (record !== undefined && record.start < right && unseen > 0) {
      if (!record.sacked) {
        unseen -= Math.min(record.end, right) - Math.max(record.start, known);
        record = this.#markSacked(record, left, right, facts, state, now);
      }
      record = record.next;
    }
    return added;
  }

  /** Marks the whole segments of `whole` that lie within [left, right). Returns the last record made of it that was looked at. */
  #markSacked(
    whole: SentRange,
    left: number,
    right: number,
    facts: AckFacts,
    state: SendState,
    now: Micros,
  ): SentRange {
    const { flight } = this;
    const { smss } = state;
    const { start, end } = whole;
    const from = left <= start ? start : start + Math.ceil((left - start) / smss) * smss;
    const to = right >= end ? end : start + Math.floor((right - start) / smss) * smss;
    if (from >= to) return whole;
    let record = whole;
    if (from > start) {
      if (!flight.split(record, from)) return record;
      record = record.next!;
    }
    if (to < end && !flight.split(record, to)) return record;
    flight.markSacked(record, Math.ceil((to - from) / smss));
    this.#deliver(record, to, facts, state, false, now);
    return record;
  }

  /**
   * Octets of `record` up to `end` are newly delivered. Differs: RFC 8985 §6.2, step 2, looks at the echoed timestamp; that is done only
   * for cumulative ACKs. One that goes with a SACK block echoes what came in order before the gap (RFC 7323 §4.3), so no
   * retransmission beyond a gap would ever count.
   */
  #deliver(record: SentRange, end: number, facts: AckFacts, state: SendState, inOrder: boolean, now: Micros): void {
    const { retransmitted, sentAt } = record;
    const { rack } = this;
    if (rack.noteOrder(end, retransmitted)) this.#counters.reorderings++;
    if (retransmitted) {
      const { timestamps, tsEcr } = facts.options;
      if (inOrder && timestamps && seqLt(seqNum(tsEcr), timestampNow(state.tcb, sentAt))) return;
      if (now - sentAt < rack.roundTrips.min.value) return;
    } else {
      this.original = true;
    }
    this.measured = true;
    if (sentAt > this.sentAt) this.sentAt = sentAt;
    rack.delivered(sentAt, end, retransmitted, now);
  }
}

/** The echo is of the segment that filled the gap at SND.UNA (RFC 7323 §4.3): that of `first`, or of its first transmission. */
const isForOriginal = (first: SentRange | undefined, { options }: AckFacts, { tcb }: SendState): boolean =>
  options.timestamps &&
  first?.retransmitted === true &&
  seqLt(seqNum(options.tsEcr), timestampNow(tcb, first.resentAt));
