/**
 * Throttles for what a stranger can make this host send: challenge ACKs (RFC 5961 §7), resets, answers to old duplicates.
 */
import { randomBelow } from '../core/random.ts';
import type { RandomSource } from '../core/random.ts';
import { MS, SECOND } from '../core/time.ts';
import type { Micros } from '../core/time.ts';

/** Least time between two ACKs that one connection sends for segments that carry no text and are not acceptable (us): two ends
 * that disagree would else answer each other for ever. Linux tcp_invalid_ratelimit. */
export const INVALID_ACK_INTERVAL = 500 * MS;

/**
 * At most about `perSecond` events in each second. The bound is drawn anew for every second, from half of it to all of it: a fixed one
 * shared by all connections lets a stranger count how much of it others use up (the flaw of RFC 5961 §7 taken literally,
 * CVE-2016-5696).
 */
export class Throttle {
  readonly #perSecond: number;
  readonly #random: RandomSource;
  #secondStart = -Infinity;
  #left = 0;

  constructor(perSecond: number, random: RandomSource) {
    this.#perSecond = perSecond;
    this.#random = random;
  }

  /** Whether one more may happen now; counts it if so. */
  allow(now: Micros): boolean {
    if (now - this.#secondStart >= SECOND) {
      this.#secondStart = now;
      const half = Math.ceil(this.#perSecond / 2);
      this.#left = half + randomBelow(this.#random, this.#perSecond - half + 1);
    }
    if (this.#left <= 0) return false;
    this.#left--;
    return true;
  }
}
