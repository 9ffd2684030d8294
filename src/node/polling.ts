/**
 * poll(2) and select(2) that wait: a place at each descriptor's file for as long as the call lasts, and a look at all of them whenever
 * one has changed. So a call costs what its descriptors cost; who has many of them takes an epoll set, which costs what happens.
 */
import { Errno } from '../core/errno.ts';
import type { SocketCalls } from '../socket/calls.ts';
import { EXCEPT_SET, READ_SET, WRITE_SET } from '../socket/poll.ts';
import type { SelectSets } from '../socket/poll.ts';
import type { Waiter, Watch } from '../socket/readiness.ts';
import { Cutoff } from './cutoff.ts';
import type { Limits } from './cutoff.ts';

/** What a call looks at: a descriptor, and readiness bits. */
export interface Watched {
  readonly fd: number;
  readonly mask: number;
}

/** A call that waits for several descriptors. */
export class Polling {
  readonly #look: () => number;
  readonly #resolve: (result: number) => void;
  readonly #places = new Map<Watch, Waiter>();
  #cutoff: Cutoff | undefined = undefined;

  /** @param look the call without waiting: 0 when nothing is ready; it has said so just now */
  constructor(look: () => number, resolve: (result: number) => void) {
    this.#look = look;
    this.#resolve = resolve;
  }

  start(calls: SocketCalls, watched: Iterable<Watched>, limits: Limits): void {
    this.#cutoff = Cutoff.start(limits, (aborted) => this.end(aborted ? -Errno.EINTR : 0));
    const masks = new Map<Watch, number>();
    for (const { fd, mask } of watched) {
      const watch = calls.file(fd)?.watch;
      if (watch !== undefined) masks.set(watch, (masks.get(watch) ?? 0) | mask);
    }
    for (const [watch, mask] of masks) {
      if (!this.#wait(watch, mask)) return;
    }
  }

  /** Ends the call with this result. */
  end(result: number): void {
    this.#cutoff?.clear();
    for (const [watch, waiter] of this.#places) watch.cancel(waiter);
    this.#places.clear();
    this.#resolve(result);
  }

  /** Takes a place; without one the call has ended: ENOMEM, poll(2)'s word for too little room. */
  #wait(watch: Watch, mask: number): boolean {
    const waiter = watch.wait(mask, () => this.#changed(watch, mask), true);
    if (typeof waiter === 'number') {
      this.end(-Errno.ENOMEM);
      return false;
    }
    this.#places.set(watch, waiter);
    return true;
  }

  #changed(watch: Watch, mask: number): void {
    if (!this.#places.delete(watch)) return; // told together with one that has ended the call
    const result = this.#look();
    if (result !== 0) this.end(result);
    else this.#wait(watch, mask);
  }
}

/** select(2) as often as it takes: the sets are as they were until it has something to say, or is over. */
export class Selection {
  readonly #calls: SocketCalls;
  readonly #nfds: number;
  readonly #sets: SelectSets;
  readonly #asked: Required<SelectSets>;

  constructor(calls: SocketCalls, nfds: number, sets: SelectSets) {
    this.#calls = calls;
    this.#nfds = nfds;
    this.#sets = sets;
    this.#asked = { read: new Set(sets.read), write: new Set(sets.write), except: new Set(sets.except) };
  }

  *watched(): Generator<Watched> {
    const { read, write, except } = this.#asked;
    for (const [set, mask] of [[read, READ_SET] as const, [write, WRITE_SET] as const, [except, EXCEPT_SET] as const]) {
      for (const fd of set) if (fd < this.#nfds) yield { fd, mask };
    }
  }

  look(): number {
    const { read, write, except } = this.#asked;
    const found = { read: new Set(read), write: new Set(write), except: new Set(except) };
    const result = this.#calls.selectNow(this.#nfds, found);
    if (result > 0) this.#leave(found);
    return result;
  }

  /** What the program finds in its sets afterwards: nothing, when the time was over. */
  leaveNothing(): void {
    this.#leave({});
  }

  #leave(found: SelectSets): void {
    for (const which of ['read', 'write', 'except'] as const) {
      const set = this.#sets[which];
      for (const fd of this.#asked[which]) if (found[which]?.has(fd) !== true) set?.delete(fd);
    }
  }
}
