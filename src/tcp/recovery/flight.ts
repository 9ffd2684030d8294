/**
 * What was sent and is not acknowledged, when it was last sent, and what is known of it: the per-segment variables of RFC 8985 §5.2.
 *
 * One record for each range that went out at one time, however many segments it was cut into further down; it is split when only a
 * part is reported by SACK or sent again. Records are reused. Each is in two lists: by sequence, and, while it may still be under
 * way, by the time of its last transmission (RFC 8985 §6.2, last paragraph). Offsets are absolute octets of the sequence space.
 */
import { micros } from '../../core/time.ts';
import type { Micros } from '../../core/time.ts';

/** Records of one connection at most; beyond it new octets extend the last one. A window of 64 MiB in segments of 1,460 has 46,000. */
export const MAX_RECORDS = 65_536;
/** A record grows up to this many octets when more leaves at the same time. */
const MAX_RECORD = 65_536;
/** Records kept for reuse by one connection. */
const MAX_FREE = 1024;

/** Octets [start, end). */
export class SentRange {
  start = 0;
  end = 0;
  /** Segment.xmit_ts (us). 8985-4-a. */
  sentAt: Micros = micros(0);
  /** Segment.retransmitted: at least once; and when for the first time (us). */
  retransmitted = false;
  resentAt: Micros = micros(0);
  /** Reported by SACK. */
  sacked = false;
  /** How many segments they were, once `sacked`. */
  segments = 0;
  /** Segment.lost: to be sent again. Never together with `sacked`. */
  lost = false;
  /** By sequence. */
  next: SentRange | undefined = undefined;
  previous: SentRange | undefined = undefined;
  /** By time; a record that is neither `sacked` nor `lost` is in that list. */
  later: SentRange | undefined = undefined;
  earlier: SentRange | undefined = undefined;
}

export class Flight {
  /** The lowest and the highest record. */
  first: SentRange | undefined = undefined;
  last: SentRange | undefined = undefined;
  /** The record sent the longest time ago, of those that may be under way. */
  oldest: SentRange | undefined = undefined;
  #newest: SentRange | undefined = undefined;
  /** The lowest lost record. */
  #firstLost: SentRange | undefined = undefined;
  #cursor: SentRange | undefined = undefined;
  #free: SentRange | undefined = undefined;
  #freeCount = 0;
  count = 0;
  /** Octets by what is known of them; the rest is under way. */
  octets = 0;
  sackedOctets = 0;
  lostOctets = 0;
  /** RACK.segs_sacked. */
  sackedSegments = 0;

  /** Octets that are thought to be in the network: neither delivered nor lost. RFC 6675 §4, SetPipe, with RACK's marks. */
  get pipe(): number {
    return this.octets - this.sackedOctets - this.lostOctets;
  }

  get firstLost(): SentRange | undefined {
    return this.#firstLost;
  }

  /** Octets that were sent again and are thought to be in the network. Looks at every record: for the rare moments when it matters. */
  get resentOctets(): number {
    let octets = 0;
    for (let record = this.oldest; record !== undefined; record = record.later) {
      if (record.retransmitted) octets += record.end - record.start;
    }
    return octets;
  }

  /** New octets [start, end) were sent. What leaves at one time in whole segments of `smss` shares a record. */
  append(start: number, end: number, smss: number, now: Micros): void {
    const { last } = this;
    this.octets += end - start;
    if (last?.end === start && this.#extends(last, end, smss, now)) {
      last.end = end;
      return;
    }
    const record = this.#take(start, end, now);
    record.previous = last;
    if (last === undefined) this.first = record;
    else last.next = record;
    this.last = record;
    this.#linkLast(record);
  }

  #extends(last: SentRange, end: number, smss: number, now: Micros): boolean {
    if (last.sacked || last.lost || last.retransmitted) return false;
    if (this.count >= MAX_RECORDS) {
      last.sentAt = now;
      this.#unlinkTime(last);
      this.#linkLast(last);
      return true;
    }
    return (
      last.sentAt === now &&
      last === this.#newest &&
      (last.end - last.start) % smss === 0 &&
      end - last.start <= MAX_RECORD
    );
  }

  /** Splits `record` so that it ends at `offset`, strictly inside it; the rest follows. No split beyond the bound on records. */
  split(record: SentRange, offset: number): boolean {
    if (this.count >= MAX_RECORDS) return false;
    const rest = this.#take(offset, record.end, record.sentAt);
    record.end = offset;
    rest.retransmitted = record.retransmitted;
    rest.resentAt = record.resentAt;
    rest.sacked = record.sacked;
    rest.lost = record.lost;
    rest.next = record.next;
    rest.previous = record;
    if (record.next === undefined) this.last = rest;
    else record.next.previous = rest;
    record.next = rest;
    if (record.sacked || record.lost) return true;
    rest.earlier = record;
    rest.later = record.later;
    if (record.later === undefined) this.#newest = rest;
    else record.later.earlier = rest;
    record.later = rest;
    return true;
  }

  /** The first record that ends after `offset`. Looked for from where the last search ended: reports come close together. */
  firstAfter(offset: number): SentRange | undefined {
    let record = this.#cursor ?? this.first;
    while (record?.previous !== undefined && record.previous.end > offset) record = record.previous;
    while (record !== undefined && record.end <= offset) record = record.next;
    if (record !== undefined) this.#cursor = record;
    return record;
  }

  /** `record` was reported by SACK: `segments` of them. */
  markSacked(record: SentRange, segments: number): void {
    record.segments = segments;
    this.sackedSegments += segments;
    const length = record.end - record.start;
    this.sackedOctets += length;
    if (record.lost) {
      record.lost = false;
      this.lostOctets -= length;
      if (record === this.#firstLost) this.#seekLost(record.next);
    } else {
      this.#unlinkTime(record);
    }
    record.sacked = true;
  }

  markLost(record: SentRange): void {
    this.#unlinkTime(record);
    record.lost = true;
    this.lostOctets += record.end - record.start;
    if (this.#firstLost === undefined || record.start < this.#firstLost.start) this.#firstLost = record;
  }

  /** A lost record, or one under way, was sent again. */
  resent(record: SentRange, now: Micros): void {
    if (record.lost) {
      record.lost = false;
      this.lostOctets -= record.end - record.start;
      if (record === this.#firstLost) this.#seekLost(record.next);
    } else {
      this.#unlinkTime(record);
    }
    if (!record.retransmitted) record.resentAt = now;
    record.retransmitted = true;
    record.sentAt = now;
    this.#linkLast(record);
  }

  /** The marks of loss were wrong: what carries one is under way since it was sent. */
  unmarkLost(): void {
    for (let record = this.#firstLost; record !== undefined; record = record.next) {
      if (!record.lost) continue;
      record.lost = false;
      this.#linkByTime(record);
    }
    this.lostOctets = 0;
    this.#firstLost = undefined;
  }

  /** The receiver has thrown away what it reported. RFC 2018 §8. */
  forgetSacked(): void {
    for (let record = this.first; record !== undefined; record = record.next) {
      if (!record.sacked) continue;
      record.sacked = false;
      this.#linkByTime(record);
    }
    this.sackedOctets = 0;
    this.sackedSegments = 0;
  }

  /** The octets of the first record before `una` are acknowledged. */
  trimFirst(una: number): void {
    const record = this.first;
    if (record === undefined) return;
    const length = una - record.start;
    record.start = una;
    this.octets -= length;
    if (record.sacked) this.sackedOctets -= length;
    else if (record.lost) this.lostOctets -= length;
  }

  /** Takes the first record out: it is acknowledged. The record may be read until the next one is added. */
  removeFirst(): void {
    const record = this.first;
    if (record === undefined) return;
    const length = record.end - record.start;
    this.octets -= length;
    if (record.sacked) {
      this.sackedOctets -= length;
      this.sackedSegments -= record.segments;
    } else if (record.lost) {
      this.lostOctets -= length;
    } else {
      this.#unlinkTime(record);
    }
    const { next } = record;
    if (record === this.#firstLost) this.#seekLost(next);
    if (record === this.#cursor) this.#cursor = next;
    this.first = next;
    if (next === undefined) this.last = undefined;
    else next.previous = undefined;
    this.#give(record);
  }

  #seekLost(from: SentRange | undefined): void {
    let record = from;
    if (this.lostOctets === 0) record = undefined;
    while (record !== undefined && !record.lost) record = record.next;
    this.#firstLost = record;
  }

  #linkLast(record: SentRange): void {
    record.earlier = this.#newest;
    record.later = undefined;
    if (this.#newest === undefined) this.oldest = record;
    else this.#newest.later = record;
    this.#newest = record;
  }

  #linkByTime(record: SentRange): void {
    let before = this.#newest;
    while (before !== undefined && before.sentAt > record.sentAt) before = before.earlier;
    const after = before === undefined ? this.oldest : before.later;
    record.earlier = before;
    record.later = after;
    if (before === undefined) this.oldest = record;
    else before.later = record;
    if (after === undefined) this.#newest = record;
    else after.earlier = record;
  }

  #unlinkTime(record: SentRange): void {
    const { earlier, later } = record;
    if (earlier === undefined) this.oldest = later;
    else earlier.later = later;
    if (later === undefined) this.#newest = earlier;
    else later.earlier = earlier;
    record.earlier = undefined;
    record.later = undefined;
  }

  #take(start: number, end: number, now: Micros): SentRange {
    const record = this.#free ?? new SentRange();
    if (this.#free !== undefined) {
      this.#free = record.next;
      this.#freeCount--;
    }
    record.start = start;
    record.end = end;
    record.sentAt = now;
    record.retransmitted = false;
    record.sacked = false;
    record.lost = false;
    record.next = undefined;
    record.previous = undefined;
    this.count++;
    return record;
  }

  #give(record: SentRange): void {
    this.count--;
    if (this.#freeCount >= MAX_FREE) return;
    record.next = this.#free;
    record.previous = undefined;
    this.#free = record;
    this.#freeCount++;
  }
}
