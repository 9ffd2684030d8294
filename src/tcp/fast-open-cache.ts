/**
 * What a client remembers of servers: their cookies and MSSs, and where fast open does harm. RFC 7413 §4.1.3, §4.1.3.1.
 *
 * Both tables are bounded by config.tcp.maxFastOpenCookies; the entry that was not touched the longest goes first.
 */
import { Errno } from '../core/errno.ts';
import { MINUTE, after } from '../core/time.ts';
import type { Micros } from '../core/time.ts';
import { formatAddress } from '../ip/address.ts';
import type { FourTuple } from './isn.ts';

/** How long a destination is left in peace after the first failure (us): twice as long after each further one, an hour at most. */
const FIRST_PAUSE = 1 * MINUTE;
const LONGEST_PAUSE = 60 * MINUTE;

export interface CachedCookie {
  readonly cookie: Uint8Array;
  /** The MSS option of the server (octets), 0 when it sent none. */
  readonly mss: number;
}

interface Failure {
  readonly until: Micros;
  readonly pause: number;
}

/** One cookie for a pair of addresses: they do not depend on the port. */
const pairOf = (to: FourTuple): string => `${formatAddress(to.localAddress)} ${formatAddress(to.remoteAddress)}`;
/** Failures may: fast open is switched on by service. */
const pathOf = (to: FourTuple): string => `${pairOf(to)} ${to.remotePort}`;

export class FastOpenCache {
  readonly #cookies = new Map<string, CachedCookie>();
  readonly #failures = new Map<string, Failure>();
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Destinations that it holds a cookie for, and such that have failed. */
  get size(): number {
    return this.#cookies.size;
  }
  get failures(): number {
    return this.#failures.size;
  }

  find(to: FourTuple): CachedCookie | undefined {
    const key = pairOf(to);
    const found = this.#cookies.get(key);
    if (found !== undefined) put(this.#cookies, key, found, this.#limit);
    return found;
  }

  /** A SYN,ACK has brought a cookie: fast open works there. */
  store(to: FourTuple, cookie: Uint8Array, mss: number): void {
    put(this.#cookies, pairOf(to), { cookie, mss }, this.#limit);
    this.#failures.delete(pathOf(to));
  }

  /** Whether to leave the destination alone for now. */
  isBarred(to: FourTuple, now: Micros): boolean {
    const failure = this.#failures.get(pathOf(to));
    return failure !== undefined && now < failure.until;
  }

  /**
   * An attempt has failed altogether (positive errno, 0 when it was given up here). A RST is the server's own word; silence, or an ICMP
   * error, may be about the option. RFC 7413 §4.1.3.1.
   */
  onConnectFailed(to: FourTuple, error: number, now: Micros): void {
    if (error !== 0 && error !== Errno.ECONNREFUSED && error !== Errno.ECONNABORTED) this.noteFailure(to, now);
  }

  /** Fast open has failed there. */
  noteFailure(to: FourTuple, now: Micros): void {
    const key = pathOf(to);
    const before = this.#failures.get(key);
    const pause = before === undefined ? FIRST_PAUSE : Math.min(2 * before.pause, LONGEST_PAUSE);
    put(this.#failures, key, { until: after(now, pause), pause }, this.#limit);
  }
}

/** Sets an entry as the latest of a Map, which keeps the order of insertion, and keeps the bound. */
function put<T>(map: Map<string, T>, key: string, value: T, limit: number): void {
  map.delete(key);
  map.set(key, value);
  for (const oldest of map.keys()) {
    if (map.size <= limit) return;
    map.delete(oldest);
  }
}
