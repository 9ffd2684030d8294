/**
 * What the receiver reports in SACK options: which blocks, in which order, and duplicates. RFC 2018 §4, RFC 2883 §4.
 *
 * The blocks themselves are the receiver's ranges; kept here is only where the latest segments fell. Differs: duplicates that come
 * in one turn are all reported, one in each ACK, where §4 (1) of RFC 2883 speaks of the most recent packet: all packets of a turn are
 * taken before an ACK is sent.
 */
import type { RangeSet } from '../core/ranges.ts';
import { MAX_SACK_BLOCKS } from './options.ts';
import type { SegmentOptions } from './options.ts';
import { seqAdd } from './seq.ts';
import type { SeqNum } from './seq.ts';

/** Blocks whose age is remembered; as many duplicate ACKs leave in one turn. */
const REMEMBERED = 64;
/** Duplicates that wait to be reported at most; further ones are not reported. */
const MAX_DUPLICATES = 16;

export class SackReports {
  /** An octet in each block, the block that changed last first. Stream offsets. */
  readonly #recent: number[] = [];
  /** Duplicates to report, the oldest first: left and right edge in turn. */
  readonly #duplicates: SeqNum[] = [];

  /** One past the text of the last segment of which a duplicate part is reported: only its first one is. RFC 2883 §4.2. */
  lastEnd: SeqNum | undefined = undefined;

  /** ACKs that are needed to report the duplicates, one each. */
  get duplicates(): number {
    return this.#duplicates.length >> 1;
  }

  /** The block of `held` that contains `offset` is the latest. */
  touched(held: RangeSet, offset: number): void {
    const recent = this.#recent;
    const block = rangeOf(held, offset);
    if (block < 0) return;
    const start = held.start(block);
    const end = held.end(block);
    let kept = 0;
    for (const other of recent) if (other < start || other >= end) recent[kept++] = other;
    recent.length = Math.min(kept, REMEMBERED - 1);
    recent.unshift(offset);
  }

  /** Octets from `left` to before `right` came although they were there already. */
  duplicate(left: SeqNum, right: SeqNum): void {
    const queue = this.#duplicates;
    if (queue.length > 0 && queue[queue.length - 1] === left) queue[queue.length - 1] = right;
    else if (this.duplicates < MAX_DUPLICATES) queue.push(left, right);
  }

  /**
   * Puts blocks into `options`, as many as `room` calls for at most: a duplicate first, then the blocks that changed last. `skip`
   * leaves out that many of the latest: further ACKs of the turn report those. `received` is the stream offset of `rcvNxt`.
   */
  write(
    options: SegmentOptions,
    room: number,
    held: RangeSet | undefined,
    received: number,
    rcvNxt: SeqNum,
    skip: number,
  ): void {
    const { sackEdges } = options;
    const most = Math.min(room, MAX_SACK_BLOCKS);
    let count = 0;
    if (most > 0 && this.#duplicates.length > 0) {
      sackEdges[0] = this.#duplicates.shift()!;
      sackEdges[1] = this.#duplicates.shift()!;
      count = 1;
    }
    const reported = count;
    const size = held === undefined ? 0 : held.size;
    if (held !== undefined && size > 0) {
      const first = Math.max(0, Math.min(skip, this.#recent.length - 1));
      for (let i = first; i < this.#recent.length && count < most; i++) {
        const block = rangeOf(held, this.#recent[i]!);
        if (block >= 0) count = put(sackEdges, count, held, block, received, rcvNxt);
      }
      // RFC 2018 §4: as many distinct blocks as possible. These have not changed for long.
      for (let block = size - 1; block >= 0 && count < most && count - reported < size; block--) {
        if (!this.#isRecent(held, block)) count = put(sackEdges, count, held, block, received, rcvNxt);
      }
    }
    options.sackCount = count;
  }

  /** Forgets blocks that are in order by now. */
  settle(received: number): void {
    const recent = this.#recent;
    let kept = 0;
    for (const offset of recent) if (offset >= received) recent[kept++] = offset;
    recent.length = kept;
  }

  #isRecent(held: RangeSet, block: number): boolean {
    const start = held.start(block);
    const end = held.end(block);
    for (const offset of this.#recent) if (offset >= start && offset < end) return true;
    return false;
  }
}

function put(
  edges: Int32Array,
  count: number,
  held: RangeSet,
  block: number,
  received: number,
  rcvNxt: SeqNum,
): number {
  edges[2 * count] = seqAdd(rcvNxt, held.start(block) - received);
  edges[2 * count + 1] = seqAdd(rcvNxt, held.end(block) - received);
  return count + 1;
}

/** Index of the range that holds `offset`, -1 for none. */
function rangeOf(held: RangeSet, offset: number): number {
  let low = 0;
  let high = held.size - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    if (offset < held.start(middle)) high = middle - 1;
    else if (offset >= held.end(middle)) low = middle + 1;
    else return middle;
  }
  return -1;
}
