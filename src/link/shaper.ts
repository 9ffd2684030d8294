/**
 * When a frame leaves through a line of limited rate, and whether the queue in front of it has room: a token bucket whose
 * bucket may be empty (depth 0), which is a plain serial line. It computes times and holds no frames.
 */
import type { Micros } from '../core/time.ts';

/** Bounds of a queue with tail drop. */
export interface QueueLimit {
  /** Frames that wait at most. The one that is being sent does not count. */
  readonly frames?: number;
  /** Octets of frames that wait at most. */
  readonly octets?: number;
}

/** Frames that wait in front of a line at most unless told otherwise. Linux's default txqueuelen. */
export const DEFAULT_QUEUE_FRAMES = 1000;

/** What `depart` answers when the queue is full. */
export const QUEUE_FULL = -1;

const FIRST_CAPACITY = 64;

export class Shaper {
  /** Octets per microsecond; Infinity for a line that takes no time. */
  readonly #rate: number;
  readonly #depth: number;
  readonly #maxFrames: number;
  readonly #maxOctets: number;
  /** Tokens (octets) in the bucket at time `#at`, which is when the last frame left and may lie ahead. */
  #tokens: number;
  #at = 0;
  /** Circular: when each waiting frame begins to be sent, and its octets. */
  #starts = new Float64Array(FIRST_CAPACITY);
  #lengths = new Float64Array(FIRST_CAPACITY);
  #head = 0;
  #waiting = 0;
  #waitingOctets = 0;

  /**
   * @param bitsPerSecond 0 or undefined is unlimited
   * @param depth octets that may leave at once after a pause
   */
  constructor(bitsPerSecond: number | undefined, depth: number, limit: QueueLimit) {
    this.#rate = bitsPerSecond === undefined || bitsPerSecond === 0 ? Infinity : bitsPerSecond / 8e6;
    this.#depth = depth;
    this.#tokens = depth;
    this.#maxFrames = limit.frames ?? DEFAULT_QUEUE_FRAMES;
    this.#maxOctets = limit.octets ?? Infinity;
  }

  /**
   * The time at which the last bit of a frame that is handed over at `now` has left, in (fractional) microseconds, or
   * QUEUE_FULL. Fractions keep the rate exact: at 10 Gbit/s a frame takes 1.2 us.
   */
  depart(octets: number, now: Micros): number {
    if (this.#rate === Infinity) return now;
    this.#forgetSent(now);
    const begins = Math.max(now, this.#at);
    if (begins > now) {
      if (this.#waiting >= this.#maxFrames || this.#waitingOctets + octets > this.#maxOctets) return QUEUE_FULL;
      this.#remember(begins, octets);
    }
    const tokens = Math.min(this.#depth, this.#tokens + (begins - this.#at) * this.#rate);
    this.#tokens = Math.max(0, tokens - octets);
    this.#at = begins + Math.max(0, octets - tokens) / this.#rate;
    return this.#at;
  }

  /** Whether more than `limit` wait at `now`: where a router would begin to tell of congestion. */
  exceeds(limit: QueueLimit, now: Micros): boolean {
    this.#forgetSent(now);
    return this.#waiting > (limit.frames ?? Infinity) || this.#waitingOctets > (limit.octets ?? Infinity);
  }

  #forgetSent(now: Micros): void {
    while (this.#waiting > 0 && this.#starts[this.#head]! <= now) {
      this.#waitingOctets -= this.#lengths[this.#head]!;
      this.#head = (this.#head + 1) & (this.#starts.length - 1);
      this.#waiting--;
    }
  }

  #remember(begins: number, octets: number): void {
    if (this.#waiting === this.#starts.length) this.#grow();
    const at = (this.#head + this.#waiting) & (this.#starts.length - 1);
    this.#starts[at] = begins;
    this.#lengths[at] = octets;
    this.#waiting++;
    this.#waitingOctets += octets;
  }

  #grow(): void {
    const starts = new Float64Array(2 * this.#starts.length);
    const lengths = new Float64Array(2 * this.#starts.length);
    for (let i = 0; i < this.#waiting; i++) {
      const at = (this.#head + i) & (this.#starts.length - 1);
      starts[i] = this.#starts[at]!;
      lengths[i] = this.#lengths[at]!;
    }
    this.#starts = starts;
    this.#lengths = lengths;
    this.#head = 0;
  }
}
