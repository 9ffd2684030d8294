/**
 * Waiting for sockets, level-triggered, without calling a program from inside the core.
 *
 * A connection, listener or port tells its socket's Watch that something may have changed; the Watch queues itself, at
 * most once. After a turn's input and output the driver calls `deliver`, which asks each queued socket for its readiness
 * and runs the callbacks that wait for one of its bits. Bounds: one place in the queue per socket, `limit` waiters each.
 */
import { Errno } from '../core/errno.ts';
import { empty } from '../core/lists.ts';
import { Readiness, Wake } from '../tcp/service.ts';
import type { ReadinessOwner } from '../tcp/service.ts';

/** POLLNVAL: the socket was closed while the callback waited. */
export const CLOSED = 0x20;

/** Bits that end any wait, asked for or not, as poll(2) reports them. */
const ALWAYS = Readiness.Error | Readiness.HangUp | CLOSED;

/** Gets the readiness bits. Called once, from `deliver`; it must not throw. It may call any socket call. */
export type ReadinessCallback = (bits: number) => void;

/** Somebody who wants to hear of every change, and asks for the readiness later: an epoll set. It must only note things down. */
export interface Observer {
  /** @param wake of `Wake`: what the change is news for */
  onChange(wake: number): void;
  /** The file is gone, and the observer with it. */
  onClosed(): void;
}

/** Somebody who waits for one socket, once; give it to `Watch.cancel` to leave. */
export interface Waiter {
  readonly mask: number;
  readonly callback: ReadinessCallback;
}

/** What is watched. */
export interface Watched {
  /** Readiness bits now. */
  readiness(): number;
}

export class ReadinessQueue {
  #queued: Watch[] = [];
  #delivering: Watch[] = [];
  readonly #kick: () => void;
  /** Most waiters of one socket. */
  readonly limit: number;

  /** @param kick asks the driver for a turn; called when a wait is over before it began */
  constructor(limit: number, kick: () => void) {
    this.limit = limit;
    this.#kick = kick;
  }

  /** Whether `deliver` has something to do; the driver must not sleep then. */
  get pending(): boolean {
    return this.#queued.length > 0;
  }

  /** @internal */
  push(watch: Watch): void {
    this.#queued.push(watch);
  }

  /** @internal */
  kick(): void {
    this.#kick();
  }

  /**
   * Runs the callbacks whose socket is ready; what becomes ready meanwhile waits for the next call. Returns how many ran.
   * Never called from inside receive or poll, nor from a callback.
   */
  deliver(): number {
    const batch = this.#queued;
    if (batch.length === 0) return 0;
    this.#queued = this.#delivering;
    this.#delivering = batch;
    let ran = 0;
    for (const watch of batch) ran += watch.fire();
    empty(batch);
    return ran;
  }
}

/** Who waits for one socket. */
export class Watch implements ReadinessOwner {
  readonly #queue: ReadinessQueue;
  readonly #watched: Watched;
  /** Undefined while nobody waits. */
  #waiters: Waiter[] | undefined = undefined;
  /** Undefined while there is none. Bounded by the epoll sets and their size. */
  #observers: Observer[] | undefined = undefined;
  #queued = false;
  #closed = false;

  constructor(queue: ReadinessQueue, watched: Watched) {
    this.#queue = queue;
    this.#watched = watched;
  }

  get waiting(): number {
    return this.#waiters?.length ?? 0;
  }

  /** The readiness may have changed. Cheap when nobody waits. */
  onReadiness(wake: number = Wake.All): void {
    if (this.#observers !== undefined) for (const observer of this.#observers) observer.onChange(wake);
    this.enqueue();
  }

  /** Calls that wait may go on, though no set is told. */
  onProgress(): void {
    this.enqueue();
  }

  /**
   * Has `callback` run once, as soon as a bit of `mask` (or an error, a hang-up, a close) is there; if it is there already,
   * at the next `deliver`. -ENOBUFS when `limit` others wait.
   * @param fresh what is there already does not count, only what is there after the next change: for those who have just looked, and
   * for whom a bit that stays (an error on the queue, octets too few) must not keep the processor busy
   */
  wait(mask: number, callback: ReadinessCallback, fresh = false): Waiter | number {
    const waiter: Waiter = { mask, callback };
    const result = this.enter(waiter, fresh);
    return result < 0 ? result : waiter;
  }

  /** The same for one who is a waiter already. 0 or -ENOBUFS. */
  enter(waiter: Waiter, fresh: boolean): number {
    if (this.waiting >= this.#queue.limit) return -Errno.ENOBUFS;
    if (this.#waiters === undefined) this.#waiters = [waiter];
    else this.#waiters.push(waiter);
    if (!fresh && waitsFor(waiter, this.bitsNow())) {
      this.enqueue();
      this.#queue.kick();
    }
    return 0;
  }

  /** The first of its waiters that is of a kind. */
  find<T extends Waiter>(isWanted: (waiter: Waiter) => waiter is T): T | undefined {
    return this.#waiters?.find(isWanted);
  }

  /** The waiter's callback will not run any more. */
  cancel(waiter: Waiter): void {
    this.keep(this.#waiters?.filter((other) => other !== waiter));
  }

  /** The last one to come is told first, as on Linux. */
  observe(observer: Observer): void {
    if (this.#observers === undefined) this.#observers = [observer];
    else this.#observers.unshift(observer);
  }

  unobserve(observer: Observer): void {
    const rest = this.#observers?.filter((other) => other !== observer);
    this.#observers = rest?.length === 0 ? undefined : rest;
  }

  /** The socket is gone: everybody is told `CLOSED` at the next `deliver`. */
  close(): void {
    this.#closed = true;
    const observers = this.#observers ?? [];
    this.#observers = undefined;
    for (const observer of observers) observer.onClosed();
    this.enqueue();
  }

  /** @internal Runs whoever waits for what is there, in the order they came. */
  fire(): number {
    this.#queued = false;
    const waiters = this.#waiters;
    if (waiters === undefined) return 0;
    const bits = this.bitsNow();
    if (waiters.length === 1) {
      // As mostly. Without two passes over a list and a new one: 1.03 in round trips.
      const waiter = waiters[0]!;
      if (!waitsFor(waiter, bits)) return 0;
      this.#waiters = undefined;
      waiter.callback(bits);
      return 1;
    }
    const staying = waiters.filter((waiter) => !waitsFor(waiter, bits));
    if (staying.length === waiters.length) return 0;
    this.keep(staying);
    for (const waiter of waiters) if (waitsFor(waiter, bits)) waiter.callback(bits);
    return waiters.length - staying.length;
  }

  private enqueue(): void {
    if (this.#queued || this.#waiters === undefined) return;
    this.#queued = true;
    this.#queue.push(this);
  }

  private bitsNow(): number {
    return this.#closed ? CLOSED : this.#watched.readiness();
  }

  private keep(waiters: Waiter[] | undefined): void {
    this.#waiters = waiters?.length === 0 ? undefined : waiters;
  }
}

const waitsFor = ({ mask }: Waiter, bits: number): boolean => ((mask | ALWAYS) & bits) !== 0;
