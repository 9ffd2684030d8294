/**
 * A set of disjoint half-open ranges [start, end) of plain numbers, kept sorted.
 *
 * The receiver keeps out-of-order text in one, a SACK scoreboard another. Callers unwrap sequence numbers to stream
 * offsets first, so that order here is plain order. The number of ranges is bounded by the caller's window.
 */
export class RangeSet {
  /** start, end, start, end ... ascending; adjacent ranges are merged. */
  readonly #edges: number[] = [];

  /** How many ranges. */
  get size(): number {
    return this.#edges.length >> 1;
  }

  /** Octets (units) covered in all. */
  get total(): number {
    let sum = 0;
    for (let i = 0; i < this.#edges.length; i += 2) sum += this.#edges[i + 1]! - this.#edges[i]!;
    return sum;
  }

  start(index: number): number {
    return this.#edges[2 * index]!;
  }

  end(index: number): number {
    return this.#edges[2 * index + 1]!;
  }

  /** Adds [start, end), merging what it touches. Returns how many units were not covered before. */
  add(start: number, end: number): number {
    if (end <= start) return 0;
    const edges = this.#edges;
    // The common case by far: growth at the end.
    const last = edges.length - 1;
    if (last < 0 || start > edges[last]!) {
      edges.push(start, end);
      return end - start;
    }
    let first = 0;
    while (edges[first + 1]! < start) first += 2;
    let from = start;
    let to = end;
    let covered = 0;
    let next = first;
    while (next < edges.length && edges[next]! <= end) {
      covered += Math.max(0, Math.min(end, edges[next + 1]!) - Math.max(start, edges[next]!));
      from = Math.min(from, edges[next]!);
      to = Math.max(to, edges[next + 1]!);
      next += 2;
    }
    edges.splice(first, next - first, from, to);
    return end - start - covered;
  }

  /** Takes [start, end) out. */
  remove(start: number, end: number): void {
    if (end <= start) return;
    const edges = this.#edges;
    let i = 0;
    while (i < edges.length) {
      const from = edges[i]!;
      const to = edges[i + 1]!;
      if (from >= end) return;
      if (to <= start) {
        i += 2;
        continue;
      }
      const kept: number[] = [];
      if (from < start) kept.push(from, start);
      if (to > end) kept.push(end, to);
      edges.splice(i, 2, ...kept);
      i += kept.length;
    }
  }

  /** Whether `value` lies in a range. */
  has(value: number): boolean {
    return this.endOf(value) !== undefined;
  }

  /** End of the range that holds `value`, or undefined. */
  endOf(value: number): number | undefined {
    for (let i = 0; i < this.#edges.length && this.#edges[i]! <= value; i += 2) {
      if (value < this.#edges[i + 1]!) return this.#edges[i + 1];
    }
    return undefined;
  }

  clear(): void {
    this.#edges.length = 0;
  }

  /** The ranges as pairs, for snapshots and tests. */
  toArray(): [number, number][] {
    return Array.from({ length: this.size }, (_, i) => [this.start(i), this.end(i)]);
  }
}
