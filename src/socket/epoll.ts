/**
 * epoll(7): an interest set whose cost is that of what happens, not of what it holds. epoll_ctl(2), epoll_wait(2); fs/eventpoll.c.
 *
 * Each entry observes the Watch of its file, and puts itself into the ready list when that has something to say. epoll_wait looks at
 * the ready list only: entries that are ready no more drop out, level-triggered ones stay for the next call.
 */
import { Errno } from '../core/errno.ts';
import { Wake } from '../tcp/service.ts';
import * as c from './constants.ts';
import type { OpenFile } from './file.ts';
import { pollBits } from './poll.ts';
import { Watch } from './readiness.ts';
import type { Observer, ReadinessQueue } from './readiness.ts';

/** struct epoll_event. */
export interface EpollEvent {
  events: number;
  /** What the program wants to be told with it: its descriptor, or anything. */
  data: unknown;
}

const CONTROL_BITS = c.EPOLLET | c.EPOLLONESHOT | c.EPOLLEXCLUSIVE;
/** Come unasked. */
const UNASKED = c.POLLERR | c.POLLHUP;
/** What may stand beside EPOLLEXCLUSIVE. EPOLLEXCLUSIVE_OK_BITS. */
const EXCLUSIVE_OK =
  c.EPOLLIN | c.EPOLLOUT | c.EPOLLERR | c.EPOLLHUP | c.EPOLLET | c.EPOLLEXCLUSIVE | c.POLLRDNORM | c.POLLWRNORM;
/** Sets within sets, at most. EP_MAX_NESTS. */
const MAX_NESTING = 4;

/** One entry: what the set wants to know of a file, under the descriptor by which it was added. */
class Interest implements Observer {
  readonly file: OpenFile;
  readonly fd: number;
  readonly #set: EpollSet;
  /** Asked for, and what comes unasked; no more than control bits while EPOLLONESHOT has switched it off. */
  events: number;
  data: unknown;
  /** In the ready list. */
  listed = false;

  constructor(set: EpollSet, file: OpenFile, fd: number, { events, data }: EpollEvent) {
    this.#set = set;
    this.file = file;
    this.fd = fd;
    this.events = events | UNASKED;
    this.data = data;
  }

  get enabled(): boolean {
    return (this.events & ~CONTROL_BITS) !== 0;
  }

  /** What there is to tell now. */
  get bits(): number {
    return this.enabled ? pollBits(this.file.readiness()) & this.events & ~CONTROL_BITS : 0;
  }

  /** ep_poll_callback: what it did not ask for is no news. */
  onChange(wake: number): void {
    if (wake === Wake.All || (wake & this.events) !== 0) this.#set.list(this);
  }

  /** The file's last reference is gone, and with it the entry. epoll(7), Questions and answers. */
  onClosed(): void {
    this.#set.forget(this);
  }
}

export class EpollSet implements OpenFile {
  nonBlocking = false;
  references = 0;
  readonly watch: Watch;
  /** By file; one that was added by several descriptors has several entries. Bounded by `limit`. */
  readonly #interests = new Map<OpenFile, Interest[]>();
  readonly #limit: number;
  /** The sets that this one is an entry of, once for each entry. */
  readonly #holders: EpollSet[] = [];
  #ready: Interest[] = [];
  #size = 0;

  /** @param limit entries at most: ENOSPC */
  constructor(readiness: ReadinessQueue, limit: number) {
    this.watch = new Watch(readiness, this);
    this.#limit = limit;
  }

  /** Entries. */
  get size(): number {
    return this.#size;
  }

  /**
   * epoll_ctl; `file` is what `fd` refers to, and without an event `op` is EPOLL_CTL_DEL. -EINVAL, -EEXIST, -ENOENT, -ELOOP for sets within sets that go
   * round or too deep, -ENOSPC.
   */
  control(op: number, fd: number, file: OpenFile, event: EpollEvent | undefined): number {
    if (file === this) return -Errno.EINVAL;
    if (event !== undefined && !mayBeExclusive(op, file, event.events)) return -Errno.EINVAL;
    const known = this.#interests.get(file)?.find((interest) => interest.fd === fd);
    switch (op) {
      case c.EPOLL_CTL_ADD:
        if (file instanceof EpollSet && !this.#mayHold(file)) return -Errno.ELOOP;
        return known === undefined ? this.#add(fd, file, event!) : -Errno.EEXIST;
      case c.EPOLL_CTL_MOD:
        if (known === undefined) return -Errno.ENOENT;
        if ((known.events & c.EPOLLEXCLUSIVE) !== 0) return -Errno.EINVAL;
        known.events = event!.events | UNASKED;
        known.data = event!.data;
        if (!known.listed && known.bits !== 0) this.list(known);
        return 0;
      case c.EPOLL_CTL_DEL:
        if (known === undefined) return -Errno.ENOENT;
        file.watch.unobserve(known);
        this.forget(known);
        return 0;
      default:
        return -Errno.EINVAL;
    }
  }

  /** epoll_wait without waiting: fills `events` from the front, `most` at most, and returns how many. */
  take(events: EpollEvent[], most: number): number {
    const listed = this.#ready;
    this.#ready = [];
    const again: Interest[] = [];
    let count = 0;
    let next = 0;
    for (; next < listed.length && count < most; next++) {
      const interest = listed[next]!;
      if (!interest.listed) continue;
      interest.listed = false;
      const { bits } = interest;
      if (bits === 0) continue;
      events[count++] = { events: bits, data: interest.data };
      if ((interest.events & c.EPOLLONESHOT) !== 0) {
        interest.events &= CONTROL_BITS;
      } else if ((interest.events & c.EPOLLET) === 0) {
        interest.listed = true;
        again.push(interest);
      }
    }
    // Those that there was no room for are the first of the next call.
    this.#ready = [...listed.slice(next).filter((interest) => interest.listed), ...again];
    return count;
  }

  readiness(): number {
    return this.#ready.some((interest) => interest.listed && interest.bits !== 0) ? c.POLLIN : 0;
  }

  close(): void {
    for (const interests of this.#interests.values()) {
      for (const interest of interests) {
        interest.file.watch.unobserve(interest);
        if (interest.file instanceof EpollSet) interest.file.#leave(this);
      }
    }
    this.#interests.clear();
    this.#ready = [];
    this.watch.close();
  }

  /** @internal The entry may have something to tell. */
  list(interest: Interest): void {
    if (!interest.enabled) return;
    if (!interest.listed) {
      interest.listed = true;
      this.#ready.push(interest);
    }
    this.watch.onReadiness(c.POLLIN);
  }

  /** @internal */
  forget(interest: Interest): void {
    interest.listed = false;
    const interests = this.#interests.get(interest.file);
    const index = interests?.indexOf(interest) ?? -1;
    if (index < 0) return;
    interests!.splice(index, 1);
    if (interests!.length === 0) this.#interests.delete(interest.file);
    if (interest.file instanceof EpollSet) interest.file.#leave(this);
    this.#size--;
  }

  #add(fd: number, file: OpenFile, event: EpollEvent): number {
    if (this.#size >= this.#limit) return -Errno.ENOSPC;
    const interest = new Interest(this, file, fd, event);
    const interests = this.#interests.get(file);
    if (interests === undefined) this.#interests.set(file, [interest]);
    else interests.push(interest);
    this.#size++;
    if (file instanceof EpollSet) file.#holders.push(this);
    file.watch.observe(interest);
    if (interest.bits !== 0) this.list(interest);
    return 0;
  }

  #leave(holder: EpollSet): void {
    this.#holders.splice(this.#holders.indexOf(holder), 1);
  }

  /** Whether `other` may be an entry: no set is within itself, and the longest way down through both is not too long. */
  #mayHold(other: EpollSet): boolean {
    return !other.#holds(this) && this.#height() + 1 + other.#depth() <= MAX_NESTING;
  }

  /** Whether `other` is among the entries, or among theirs. */
  #holds(other: EpollSet): boolean {
    for (const file of this.#interests.keys()) {
      if (file === other || (file instanceof EpollSet && file.#holds(other))) return true;
    }
    return false;
  }

  /** Sets around this set, one around the other. */
  #height(): number {
    return this.#holders.reduce((most, holder) => Math.max(most, holder.#height() + 1), 0);
  }

  /** Sets within this set, one within the other. */
  #depth(): number {
    let deepest = 0;
    for (const file of this.#interests.keys()) {
      if (file instanceof EpollSet) deepest = Math.max(deepest, file.#depth() + 1);
    }
    return deepest;
  }
}

/** Whether EPOLLEXCLUSIVE, if it is there, may be: when added, for no set, and with few others. epoll_ctl(2). */
function mayBeExclusive(op: number, file: OpenFile, events: number): boolean {
  if ((events & c.EPOLLEXCLUSIVE) === 0 || op === c.EPOLL_CTL_DEL) return true;
  return op === c.EPOLL_CTL_ADD && !(file instanceof EpollSet) && (events & ~EXCLUSIVE_OK) === 0;
}
