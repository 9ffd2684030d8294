/**
 * The memory of the rings: buffers in sizes of powers of two, free ones for reuse, and the account of all that is in use.
 *
 * The account has Linux's three marks (tcp(7), tcp_mem). Above `pressure`, and then until below `low`, memory is short: buffers no
 * longer tune themselves to larger sizes and little window is offered. At `high` rings do not grow any more; only one that holds
 * nothing still gets a smallest buffer. So what is in use stays below `high` and one smallest buffer for each ring that holds octets.
 */

/** Smallest buffer (octets) that a ring takes; a power of two. */
export const SMALLEST_BUFFER = 4096;
/** Octets of free buffers that a pool keeps for reuse, beyond those in use. */
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
  readonly #freeLimit: number;
  readonly #low: number;
  readonly #pressure: number;
  readonly #high: number;
  #freeOctets = 0;
  #inUse = 0;
  #underPressure = false;
  /** Those to ask for octets at the high mark, the one that has held some for longest first. */
  readonly #spenders = new Set<Spender>();

  /**
   * @param high octets that rings have in use at most
   * @param freeLimit octets of free buffers kept at most
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
    if (this.#inUse > this.#pressure) this.#underPressure = true;
    const buffer = this.#free[log2(size)]!.pop();
    if (buffer === undefined) return new Uint8Array(size);
    this.#freeOctets -= size;
    return buffer;
  }

  give(buffer: Uint8Array): void {
    this.#inUse -= buffer.length;
    if (this.#inUse <= this.#low) this.#underPressure = false;
    if (this.#freeOctets + buffer.length > this.#freeLimit) return;
    this.#freeOctets += buffer.length;
    this.#free[log2(buffer.length)]!.push(buffer);
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
