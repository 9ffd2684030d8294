/**
 * The SACK scoreboard: which octets beyond SND.UNA the peer holds, and which of its blocks report duplicates. RFC 2018 §5, RFC 6675 §3,
 * RFC 2883 §5. Offsets are absolute octets of the sequence space, so that plain order works. Read next: flight.ts, rack.ts.
 */
import { RangeSet } from '../../core/ranges.ts';

/** Blocks kept at most, as many as a receiver here holds; a block beyond that is not taken, and its octets may be sent again. */
export const MAX_BLOCKS = 2048;

export class Scoreboard {
  readonly #ranges = new RangeSet();
  /** Octets reported beyond SND.UNA. */
  octets = 0;

  get size(): number {
    return this.#ranges.size;
  }

  /** One past the highest octet reported, 0 for none. RFC 8985 §5.3, RACK.fack, when it exceeds SND.UNA. */
  get highest(): number {
    const { size } = this.#ranges;
    return size === 0 ? 0 : this.#ranges.end(size - 1);
  }

  /** Takes the block [start, end). Returns how many of its octets were not known of. */
  add(start: number, end: number): number {
    if (this.#ranges.size >= MAX_BLOCKS && !this.#touches(start, end)) return 0;
    const added = this.#ranges.add(start, end);
    this.octets += added;
    return added;
  }

  /** SND.UNA has moved to `una`. Returns how many octets before it had been reported. */
  advance(una: number): number {
    const ranges = this.#ranges;
    if (ranges.size === 0 || ranges.start(0) >= una) return 0;
    let passed = 0;
    for (let i = 0; i < ranges.size && ranges.start(i) < una; i++) {
      passed += Math.min(ranges.end(i), una) - ranges.start(i);
    }
    ranges.remove(0, una);
    this.octets -= passed;
    return passed;
  }

  /** The block around `offset`: its start, or -1 when `offset` was not reported. Its end is then `endOf(offset)`. */
  startOf(offset: number): number {
    const ranges = this.#ranges;
    let low = 0;
    let high = ranges.size - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      if (offset < ranges.start(middle)) high = middle - 1;
      else if (offset >= ranges.end(middle)) low = middle + 1;
      else return ranges.start(middle);
    }
    return -1;
  }

  endOf(offset: number): number {
    return this.#ranges.endOf(offset) ?? -1;
  }

  has(offset: number): boolean {
    return this.startOf(offset) >= 0;
  }

  clear(): void {
    this.#ranges.clear();
    this.octets = 0;
  }

  toArray(): [number, number][] {
    return this.#ranges.toArray();
  }

  #touches(start: number, end: number): boolean {
    const ranges = this.#ranges;
    for (let i = 0; i < ranges.size; i++) if (start <= ranges.end(i) && end >= ranges.start(i)) return true;
    return false;
  }
}

/**
 * Whether the first block of a SACK option reports a duplicate: it lies below the cumulative ACK of the same segment, or within the
 * second block. Offsets; `secondStart` is -1 when there is none. RFC 2883 §5.
 */
export function isDuplicateReport(
  start: number,
  end: number,
  ack: number,
  secondStart: number,
  secondEnd: number,
): boolean {
  if (end <= ack) return true;
  return secondStart >= 0 && start >= secondStart && end <= secondEnd;
}
