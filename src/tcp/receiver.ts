/**
 * The receiving half: owns RCV.*, the receive ring and the text that came out of order. RFC 9293 §3.10.7.4 (seventh), §3.8.6.
 *
 * Every segment's text is copied once, to its place in the ring; what lies beyond a gap is remembered as ranges of stream
 * offsets (octets since the start, below 2^53, so that plain order works). It says what came of a segment; ack-policy.ts
 * decides when to acknowledge.
 */
import type { Spender } from '../core/buffers.ts';
import type { Context } from '../core/context.ts';
import { RangeSet } from '../core/ranges.ts';
import { ByteRing } from '../core/ring.ts';
import type { Micros } from '../core/time.ts';
import type { SegmentOptions } from './options.ts';
import { ReceiveWindow } from './receive-window.ts';
import { SackReports } from './sack-reports.ts';
import type { Segment } from './segment.ts';
import { seqAdd, seqDiff, seqLt } from './seq.ts';
import type { SeqNum } from './seq.ts';
import type { Tcb } from './tcb.ts';
import { UrgentMark, octetAt, readToMark } from './urgent.ts';

/** What came of a segment's text. */
export const Arrival = {
  /** Nothing new in it. */
  None: 0,
  /** In order, and nothing waits beyond it. */
  InOrder: 1,
  /** Beyond a gap: kept. RFC 5681 §4.2 asks for an immediate ACK. */
  OutOfOrder: 2,
  /** Filled a gap or part of one: likewise. */
  FillsGap: 3,
  /** Beyond a gap, and too many separate pieces are held already: not kept. */
  Refused: 4,
  /** There is no memory for it: not kept. */
  NoMemory: 5,
} as const;
export type Arrival = (typeof Arrival)[keyof typeof Arrival];

/** Separate pieces beyond a gap that are held at most: a hostile peer could else make many thousands of a window. */
export const MAX_OUT_OF_ORDER_RANGES = 2048;

export class Receiver implements Spender {
  readonly #tcb: Tcb;
  readonly #context: Pick<Context, 'buffers' | 'drops'>;
  readonly ring: ByteRing;
  /** SO_OOBINLINE: the urgent octet is read in its place. */
  urgentInline = false;
  /** SO_RCVLOWAT (octets). */
  lowWater = 1;
  #mark: UrgentMark | undefined = undefined;
  /** The FIN was taken. */
  ended = false;
  /** The size of the ring, and what of it is offered. */
  readonly window: ReceiveWindow;
  /** Stream offsets that are held beyond a gap; undefined while there never were any. */
  #outOfOrder: RangeSet | undefined = undefined;
  /** Undefined while there never was anything to report. */
  #reports: SackReports | undefined = undefined;
  /** Stream offset of a FIN that came beyond a gap, -1 for none. */
  #finAt = -1;

  /** @param limit octets of the receive ring */
  constructor(tcb: Tcb, limit: number, context: Pick<Context, 'buffers' | 'drops'>) {
    this.#tcb = tcb;
    this.#context = context;
    this.ring = new ByteRing(limit, context.buffers);
    this.window = new ReceiveWindow(tcb, this.ring);
  }

  /** Stream offset of RCV.NXT: octets received in order. */
  get bytesReceived(): number {
    return this.window.received;
  }

  private get received(): number {
    return this.window.received;
  }

  /** Pieces held beyond a gap, as stream offsets. */
  get heldRanges(): [number, number][] {
    return this.#outOfOrder === undefined ? [] : this.#outOfOrder.toArray();
  }

  get hasGap(): boolean {
    return this.#outOfOrder !== undefined && this.#outOfOrder.size > 0;
  }

  /** IRS <- SEG.SEQ, RCV.NXT <- SEG.SEQ + 1. RFC 9293 §3.10.7.2, third. */
  start(irs: SeqNum): void {
    this.#tcb.irs = irs;
    this.#tcb.rcvNxt = seqAdd(irs, 1);
  }

  /** Takes the text of a segment that has been trimmed to the window, so that it begins at RCV.NXT or beyond. */
  onText(seg: Segment): Arrival {
    const gap = seqDiff(seg.seq, this.#tcb.rcvNxt);
    if (gap > 0) return this.hold(gap, seg);
    const room = this.ring.reserve(0, seg.textLength);
    if (room < seg.textLength) {
      this.window.starved = true;
      seg.trimBack(seg.textLength - room + (seg.fin ? 1 : 0));
      if (room === 0) return Arrival.NoMemory;
    }
    if (this.hasGap) this.noteOverlap(this.received, this.received + seg.textLength);
    this.ring.writeAhead(0, seg.bytes, seg.textAt, seg.textLength);
    this.advance(seg.textLength);
    return this.mergeHeld() ? Arrival.FillsGap : Arrival.InOrder;
  }

  /** Text that comes with a SYN waits until the handshake is done. RFC 9293 §3.10.7.2, third. */
  holdEarly(seg: Segment): void {
    if (seg.textLength > 0) this.hold(0, seg);
    if (seg.fin) this.#finAt = this.received + seg.textLength;
  }

  /** The handshake is done: takes what `holdEarly` kept. Returns whether there was any. */
  takeEarly(): boolean {
    return this.mergeHeld() || this.#finAt >= 0;
  }

  /** Notes a FIN at the end of a segment, wherever it lies. */
  onFin(seg: Segment): void {
    this.#finAt = this.received + seqDiff(seg.seq, this.#tcb.rcvNxt) + seg.textLength;
  }

  /** Steps over the FIN when everything before it has come. RFC 9293 §3.10.7.4, eighth. */
  takeFin(): boolean {
    const tcb = this.#tcb;
    if (this.#finAt !== this.received) return false;
    this.#finAt = -1;
    this.ended = true;
    tcb.rcvNxt = seqAdd(tcb.rcvNxt, 1);
    tcb.rcvWnd = Math.max(0, tcb.rcvWnd - 1);
    // Nothing can follow a FIN.
    this.dropHeld();
    this.#outOfOrder = undefined;
    return true;
  }

  /** Forgets what is held beyond a gap. Returns how many octets that were. */
  dropHeld(): number {
    const held = this.#outOfOrder;
    this.ring.dropAhead();
    if (held === undefined || held.size === 0) return 0;
    const { total } = held;
    held.clear();
    this.#reports?.settle(Infinity);
    this.#context.buffers.cannotSpare(this);
    return total;
  }

  /**
   * Memory is wanted: what is held beyond a gap goes, though it may have been reported. RFC 2018 §8 permits that to a receiver without
   * space, and forbids to report it any longer; the peer sends it again. What has been acknowledged stays.
   */
  giveBack(): void {
    if (this.dropHeld() === 0) return;
    this.#context.drops.drop('tcp-out-of-order-pruned');
    this.ring.shrink();
  }

  /** Text of a segment has come before: that before RCV.NXT. To be called before it is trimmed. RFC 2883 §4. */
  onOldText(seg: Segment): void {
    const { rcvNxt, sackOk, state } = this.#tcb;
    if (!sackOk || seg.syn) return;
    if (state === 'SYN-RECEIVED') return; // no text has come before, and the SYN,ACK has no room for blocks
    const right = seqAdd(seg.seq, seg.textLength);
    this.report.lastEnd = right;
    this.report.duplicate(seg.seq, seqLt(right, rcvNxt) ? right : rcvNxt);
  }

  /** Duplicates that are still to be reported, one with each ACK. RFC 2883 §4 (2). */
  get duplicatesToReport(): number {
    return this.#reports === undefined ? 0 : this.#reports.duplicates;
  }

  private get report(): SackReports {
    return (this.#reports ??= new SackReports());
  }

  /** Writes SACK blocks, `room` at most; `skip` ACKs of this turn are still to follow. RFC 2018 §4. */
  writeSack(options: SegmentOptions, room: number, skip: number): void {
    this.report.write(options, room, this.#outOfOrder, this.received, this.#tcb.rcvNxt, skip);
  }

  /**
   * RCV.UP, which the mark stands before, <- max(RCV.UP, SEG.UP). True when it advanced. RFC 9293 §3.10.7.4, sixth; MUST-32. A pointer to
   * what was read already says nothing new.
   */
  onUrgent(up: SeqNum): boolean {
    const tcb = this.#tcb;
    const at = this.received + seqDiff(up, tcb.rcvNxt) - 1;
    const read = this.octetsRead;
    const before = this.#mark;
    if (at < read || (before !== undefined && at <= before.at)) return false;
    // The octet that the last mark stood at is urgent no more; it does not turn up in line either once it was come to (as Linux).
    if (before?.at === read && !this.urgentInline && this.ring.length > 0) this.ring.discard(1);
    const mark = new UrgentMark(at);
    this.#mark = mark;
    if (at < this.received) this.takeUrgent(mark);
    return true;
  }

  /** Text of a segment, before it is trimmed or kept. True when the urgent octet is among it. */
  onUrgentText(seg: Segment): boolean {
    if (this.#mark === undefined) return false;
    const from = this.received + seqDiff(seg.seq, this.#tcb.rcvNxt);
    return this.#mark.look(from, seg.bytes, seg.textAt, seg.textLength);
  }

  /** Octets that were read, and thrown away. */
  private get octetsRead(): number {
    return this.received - this.ring.length;
  }

  /** Octets of urgent data that are still to be read, the last of which is the urgent one; 0 for none. MUST-33. */
  get urgentAhead(): number {
    return this.#mark === undefined ? 0 : this.#mark.at - this.octetsRead + 1;
  }

  /** The next octet to be read is the urgent one (SIOCATMARK). */
  get atMark(): boolean {
    return this.urgentAhead === 1;
  }

  /** The mark that the program has not read beyond. */
  get urgent(): UrgentMark | undefined {
    return this.#mark;
  }

  /** Octets that a read would hand out: all but the one at the mark, when that is not in line. */
  get readable(): number {
    const { length } = this.ring;
    return length > 0 && this.atMark && !this.urgentInline ? length - 1 : length;
  }

  /**
   * Whether a reader should be woken: SO_RCVLOWAT octets are there, or some and little more can come, since the window is down to a
   * segment. Linux __tcp_epollin_ready.
   */
  get isWorthReading(): boolean {
    const { readable } = this;
    return readable >= this.lowWater || (readable > 0 && this.#tcb.rcvWnd <= this.#tcb.rmss);
  }

  /** RECEIVE: copies out what is there, up to the urgent mark; a peek may begin `from` octets further in. */
  read(into: Uint8Array, at: number, length: number, peek: boolean, from = 0): number {
    const { ring } = this;
    if (this.#mark === undefined) return peek ? ring.peek(from, into, at, length) : ring.read(into, at, length);
    const ahead = this.#mark.at - this.octetsRead - from;
    const count = readToMark(ring, ahead, this.urgentInline, into, at, length, peek, from);
    this.afterRead();
    return count;
  }

  /** The program has read: whether the peer should hear of the window now. */
  opensWindow(now: Micros): boolean {
    this.window.tune(now);
    return this.window.updateDue;
  }

  /** Urgent mode ends when the last urgent octet is read. */
  afterRead(): void {
    if (this.#mark !== undefined && this.#mark.at < this.octetsRead) this.#mark = undefined;
  }

  private takeUrgent(mark: UrgentMark): void {
    mark.octet = octetAt(this.ring, mark.at - this.octetsRead);
    mark.state = 'here';
  }

  private hold(gap: number, seg: Segment): Arrival {
    if (seg.textLength === 0) return Arrival.None;
    const held = (this.#outOfOrder ??= new RangeSet());
    const from = this.received + gap;
    if (held.size >= MAX_OUT_OF_ORDER_RANGES) return Arrival.Refused;
    if (!this.mayHold(gap, seg.textLength)) return Arrival.NoMemory;
    this.ring.writeAhead(gap, seg.bytes, seg.textAt, seg.textLength);
    this.noteOverlap(from, from + seg.textLength);
    const added = held.add(from, from + seg.textLength);
    if (held.size === 1) this.#context.buffers.canSpare(this);
    if (this.#tcb.sackOk) this.report.touched(held, from);
    return added > 0 ? Arrival.OutOfOrder : Arrival.None;
  }

  /**
   * Text beyond a gap gets memory while there is plenty: what waits for a gap to fill must not take the place of what fills it.
   * Differs: RFC 2018 §8 wants the newest segment reported even if it is not kept. Its sender would take it for delivered; here it
   * counts as lost, as on Linux.
   */
  private mayHold(gap: number, length: number): boolean {
    const { allocated } = this.ring;
    if (this.#context.buffers.underPressure && this.ring.length + gap + length > allocated && gap > 0) return false;
    return this.ring.reserve(gap, length) === length;
  }

  /** Text from `from` to before `to` (stream offsets) has come; the first part of it that was held already is a duplicate. */
  private noteOverlap(from: number, to: number): void {
    const held = this.#outOfOrder;
    const { sackOk, rcvNxt } = this.#tcb;
    if (!sackOk || held === undefined) return;
    if (seqAdd(rcvNxt, to - this.received) === this.#reports?.lastEnd) return;
    let first = held.size - 1;
    while (first > 0 && held.end(first - 1) > from) first--;
    if (first < 0) return;
    const left = Math.max(from, held.start(first));
    const right = Math.min(to, held.end(first));
    if (left >= right) return;
    this.report.duplicate(seqAdd(rcvNxt, left - this.received), seqAdd(rcvNxt, right - this.received));
  }

  /** RCV.NXT moves over `count` octets, already in their place. */
  private advance(count: number): void {
    const tcb = this.#tcb;
    tcb.rcvNxt = seqAdd(tcb.rcvNxt, count);
    tcb.rcvWnd = Math.max(0, tcb.rcvWnd - count);
    this.window.received += count;
    this.ring.commit(count);
    // Announced only after it had come beyond a gap.
    const mark = this.#mark;
    if (mark?.state === 'awaited' && mark.at < this.received) this.takeUrgent(mark);
  }

  /** Moves on over what was held and is now in order. True when something was held at all. */
  private mergeHeld(): boolean {
    const held = this.#outOfOrder;
    if (held === undefined || held.size === 0) return false;
    const end = held.endOf(this.received);
    if (end !== undefined) this.advance(end - this.received);
    held.remove(0, this.received);
    if (held.size === 0) this.#context.buffers.cannotSpare(this);
    this.#reports?.settle(this.received);
    return true;
  }
}
