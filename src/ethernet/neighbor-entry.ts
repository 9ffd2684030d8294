/**
 * One entry of the neighbour cache, and the lists that say which entry may go when the cache is full.
 * States and their meaning: RFC 4861 §7.3.2. Read next: neighbors.ts.
 */
import type { Frame } from '../core/frame.ts';
import { NEVER } from '../core/time.ts';
import type { Micros } from '../core/time.ts';
import type { TimerOwner } from '../core/timers.ts';
import type { IpAddress } from '../ip/address.ts';
import { NO_MAC } from './address.ts';
import type { MacAddress } from './address.ts';

/**
 * RFC 4861 §7.3.2, and two of Linux's (ip-neighbour(8)):
 *
 * - INCOMPLETE  asked for by broadcast, no answer yet; packets wait
 * - REACHABLE   known to answer within `reachableTime`
 * - STALE       was known, or its address was only overheard; nothing happens until a packet is sent
 * - DELAY       a packet was sent; word from above may still confirm it
 * - PROBE       asked for by unicast; packets are sent meanwhile
 * - FAILED      did not answer; packets are refused for `negativeTime`
 * - PERMANENT   set by the user; never asked for, never removed
 */
export type NeighborState = 'INCOMPLETE' | 'REACHABLE' | 'STALE' | 'DELAY' | 'PROBE' | 'FAILED' | 'PERMANENT';

/** Called when an entry's deadline has come. */
export interface EntryTimeouts {
  expire(entry: NeighborEntry, now: Micros): void;
}

export class NeighborEntry implements TimerOwner {
  readonly address: IpAddress;
  /** Its link-layer address; NO_MAC in INCOMPLETE and FAILED. */
  mac: MacAddress = NO_MAC;
  state: NeighborState = 'INCOMPLETE';
  deadline: Micros = NEVER;
  heapIndex = -1;
  /** Last positive word that it answers. */
  confirmedAt: Micros;
  /** Last packet sent to it, or its creation. */
  usedAt: Micros;
  /** Last time that any ARP packet of it was seen, or its creation. */
  updatedAt: Micros;
  /** Requests sent in this INCOMPLETE or PROBE. */
  requests = 0;
  /** Packets that wait for the address, oldest first; `start` is at the IP header. At most `arp.maxWaiting`. */
  waiting: Frame[] = [];
  /** The list it is in, and its neighbours there; only EntryList writes them. */
  list: EntryList | undefined = undefined;
  newer: NeighborEntry | undefined = undefined;
  older: NeighborEntry | undefined = undefined;

  readonly #timeouts: EntryTimeouts;

  constructor(address: IpAddress, timeouts: EntryTimeouts, now: Micros) {
    this.address = address;
    this.#timeouts = timeouts;
    this.confirmedAt = now;
    this.usedAt = now;
    this.updatedAt = now;
  }

  onDeadline(now: Micros): void {
    this.#timeouts.expire(this, now);
  }
}

/** Entries in order of use: a doubly linked list through the entries themselves. An entry is in one list at most. */
export class EntryList {
  newest: NeighborEntry | undefined = undefined;
  oldest: NeighborEntry | undefined = undefined;

  /** Makes the entry this list's newest, taking it out of where it was. */
  touch(entry: NeighborEntry): void {
    if (this.newest === entry) return;
    entry.list?.remove(entry);
    entry.list = this;
    entry.older = this.newest;
    if (this.newest !== undefined) this.newest.newer = entry;
    else this.oldest = entry;
    this.newest = entry;
  }

  /** Takes the entry out; it must be in this list. */
  remove(entry: NeighborEntry): void {
    if (entry.newer !== undefined) entry.newer.older = entry.older;
    else this.newest = entry.older;
    if (entry.older !== undefined) entry.older.newer = entry.newer;
    else this.oldest = entry.newer;
    entry.newer = undefined;
    entry.older = undefined;
    entry.list = undefined;
  }
}
