/**
 * The memory of the rings: buffers in sizes of powers of two, free ones for reuse, and the account of all that is in use.
 *
 * The account has Linux's three marks (tcp(7), tcp_mem). Above `pressure`, and then until below `low`, memory is short: buffers no
 * longer tune themselves to larger sizes and little window is offered. At `high` rings do not grow any more; only one that holds
 * nothing still gets a smallest buffer. So what is in use stays below `high` and one smallest buffer for each ring that holds octets.
 */

/** Smallest buffer (octets) that a ring takes; a power of two. */
export const SMALLEST_BUFFER = 4096;
/** Octets of free buffers that a pool keeps for reuse for good, beyond those in use. */
const FREE_LIMIT = 16 * 1024 * 1024;
/** `low` and `pressure` as parts of `high`. Linux tcp_init_mem: 3/4, 1 and 3/2 of a sixteenth of memory. */
const LOW_MARK = 1 / 2;
const PRESSURE_MARK = 2 / 3;

/** Of the largest buffer that there may be (octets, a power of two). */
const LARGEST_LOG = 31;

/** Of a power of two. */
const log2 = (size: number): number => 31 - Math.clz32(size);

/** Holds octets that it can do without: others send them again. */
export interface Spender {
  /** Memory is wanted: gives back what it can spare. */
  giveBack(): void;
}

/** What a pool has out, in octets. */
export interface MemoryUsage {
  /** Octets in use by rings. */
  readonly inUse: number;
  /** Octets in free buffers, kept for reuse. */
  readonly free: number;
  /** The marks. */
  readonly low: number;
  readonly pressure: number;
  readonly high: number;
  readonly underPressure: boolean;
}

/** Buffers of one stack's rings. Bulk transfers take and give one per read. */
export class BufferPool {
  /** By the logarithm of their size. */
  readonly #free: Uint8Array[][] = Array.from({ length: LARGEST_LOG + 1 }, () => []);
  /** When each size was last taken, counted in takes. */
  readonly #lastTaken = new Array<number>(LARGEST_LOG + 1).fill(0);
  #takes = 0;
  readonly #freeLimit: number;
  readonly #low: number;
  readonly #pressure: number;
  readonly #high: number;
  #freeOctets = 0;
  /** The least that has been free since `trim` was last called. */
  #leastFree = 0;
  #inUse = 0;
  /** Buffers that rings have; each has one. */
  #out = 0;
  #underPressure = false;
  /**
   * Called when more is kept for reuse than for good: whoever sets it calls `trim` from then on, once in a while. Without it nothing more is
   * kept. Thousands of busy rings are empty and full by turns: measured with 10,000, two thirds of the processor time went to making
   * buffers anew, and to the collector.
   */
  onSurplus: (() => void) | undefined = undefined;
  /** Those to ask for octets at the high mark, the one that has held some for longest first. */
  readonly #spenders = new Set<Spender>();

  /**
   * @param high octets that rings have in use at most
   * @param freeLimit octets of free buffers kept for good at most
   */
  constructor(high = Infinity, freeLimit = FREE_LIMIT) {
    this.#high = high;
    this.#low = high * LOW_MARK;
    this.#pressure = high * PRESSURE_MARK;
    this.#freeLimit = freeLimit;
  }

  /** Octets in use by rings. */
  get inUse(): number {
    return this.#inUse;
  }

  /** Memory is short: more than `pressure` is in use, or was and it is not below `low` since. */
  get underPressure(): boolean {
    return this.#underPressure;
  }

  /**
   * What a ring that may have `limit` octets may have while memory is short: as much as every other, so that those who come late are not
   * left with the least. It is more than `limit` only while less than the pressure mark is in use, as when those that had more have shrunk.
   */
  shareFor(limit: number): number {
    const part = Math.max(SMALLEST_BUFFER, this.#pressure / Math.max(1, this.#out));
    const share = 2 ** Math.floor(Math.log2(part));
    return this.#inUse < this.#pressure ? share : Math.min(limit, share);
  }

  /** Not even a smallest buffer is left below the high mark. */
  get exhausted(): boolean {
    return this.#inUse + SMALLEST_BUFFER > this.#high;
  }

  /** Whether `octets` more are below the high mark. */
  hasRoom(octets: number): boolean {
    return this.#inUse + octets <= this.#high;
  }

  /** The same, after asking for what others can do without. */
  makeRoom(octets: number): boolean {
    for (const spender of this.#spenders) {
      if (this.hasRoom(octets)) return true;
      this.#spenders.delete(spender);
      spender.giveBack();
    }
    return this.hasRoom(octets);
  }

  /** The spender holds octets that others would send again. */
  canSpare(spender: Spender): void {
    this.#spenders.add(spender);
  }

  /** It holds none any more. */
  cannotSpare(spender: Spender): void {
    this.#spenders.delete(spender);
  }

  /** A buffer of `size` octets (a power of two); its contents are whatever they were. Keeping to the bound is the caller's. */
  take(size: number): Uint8Array {
    this.#inUse += size;
    this.#out++;
    if (this.#inUse > this.#pressure) this.#underPressure = true;
    const log = log2(size);
    this.#lastTaken[log] = ++this.#takes;
    const buffer = this.#free[log]!.pop();
    if (buffer === undefined) return new Uint8Array(size);
    this.#freeOctets -= size;
    if (this.#freeOctets < this.#leastFree) this.#leastFree = this.#freeOctets;
    return buffer;
  }

  give(buffer: Uint8Array): void {
    this.#inUse -= buffer.length;
    this.#out--;
    if (this.#inUse <= this.#low) this.#underPressure = false;
    const size = buffer.length;
    if (!this.#mayKeep(size) && !this.#displaceOthers(size)) return;
    if (this.#freeOctets <= this.#freeLimit && this.#freeOctets + size > this.#freeLimit) this.onSurplus?.();
    this.#freeOctets += size;
    this.#free[log2(size)]!.push(buffer);
  }

  /** Whether so many free octets may be kept besides: with what is in use no more than rings alone may have before memory is short. */
  #mayKeep(octets: number): boolean {
    const free = this.#freeOctets + octets;
    return free <= this.#freeLimit || (this.onSurplus !== undefined && this.#inUse + free <= this.#pressure);
  }

  /**
   * Leaves free buffers of other sizes to the collector until one of `size` may be kept: first those of the size that nobody has asked for
   * for longest. Else all that is kept may be of sizes that nobody wants, since buffers get smaller as memory gets short: measured with
   * 10,000 busy senders, a sixth of the processor time went to making buffers anew. False when it may not be kept.
   */
  #displaceOthers(size: number): boolean {
    if (size > this.#freeLimit) return false;
    while (!this.#mayKeep(size)) {
      const log = this.#longestUnasked(size);
      if (log < 0) return false;
      this.#free[log]!.pop();
      this.#freeOctets -= 2 ** log;
      this.#leastFree = Math.min(this.#leastFree, this.#freeOctets);
    }
    return true;
  }

  /** The logarithm of the size, but for `but`, of which there are free buffers and which nobody has asked for for longest; -1 for none. */
  #longestUnasked(but: number): number {
    let oldest = -1;
    for (let log = 0; log <= LARGEST_LOG; log++) {
      if (log === log2(but) || this.#free[log]!.length === 0) continue;
      if (oldest < 0 || this.#lastTaken[log]! < this.#lastTaken[oldest]!) oldest = log;
    }
    return oldest;
  }

  /** Leaves to the collector what nobody has needed since the last call, largest first. Returns whether more than for good is left. */
  trim(): boolean {
    for (let log = LARGEST_LOG; log >= 0; log--) {
      const free = this.#free[log]!;
      const size = 2 ** log;
      while (free.length > 0 && Math.min(this.#leastFree, this.#freeOctets - this.#freeLimit) >= size) {
        free.pop();
        this.#freeOctets -= size;
        this.#leastFree -= size;
      }
    }
    this.#leastFree = this.#freeOctets;
    return this.#freeOctets > this.#freeLimit;
  }

  usage(): MemoryUsage {
    return {
      inUse: this.#inUse,
      free: this.#freeOctets,
      low: this.#low,
      pressure: this.#pressure,
      high: this.#high,
      underPressure: this.#underPressure,
    };
  }
}
