/**
 * The neighbour cache: from next-hop address to link-layer address, with the packets that wait for one.
 *
 * The states are those of neighbour unreachability detection (RFC 4861 §7.3, Appendix C), run with ARP as RFC 1122 §2.3.2.1
 * allows ("unicast poll"). It knows no ARP packet: arp.ts tells it what it heard and asks for it. Bounds: `arp.maxEntries`
 * learnt entries, `arp.maxWaiting` packets each, `arp.maxWaitingTotal` in all; static entries are the user's to bound.
 */
import type { ArpConfig } from '../core/config.ts';
import type { Context } from '../core/context.ts';
import type { DropReason } from '../core/drop.ts';
import { Errno } from '../core/errno.ts';
import type { Frame } from '../core/frame.ts';
import { after, NEVER } from '../core/time.ts';
import type { Micros } from '../core/time.ts';
import { formatAddress } from '../ip/address.ts';
import type { IpAddress } from '../ip/address.ts';
import { BROADCAST_MAC, formatMac, NO_MAC } from './address.ts';
import type { MacAddress } from './address.ts';
import { EntryList, NeighborEntry } from './neighbor-entry.ts';
import type { EntryTimeouts, NeighborState } from './neighbor-entry.ts';

/** What the cache has done for it. */
export interface NeighborActions {
  /** Sends a packet (`start` at its IP header) to a station. Takes over the reference. */
  transmit(frame: Frame, destination: MacAddress, now: Micros): void;
  /** Asks who has `target`: everybody (BROADCAST_MAC) or the station believed to. */
  request(target: IpAddress, destination: MacAddress, now: Micros): void;
  /** Whether there is an own address to ask for `target` from. */
  mayRequest(target: IpAddress): boolean;
  /** A packet waited in vain; the frame is lent. */
  unreachable(frame: Frame, nextHop: IpAddress, now: Micros): void;
}

/** One entry, for display. */
export interface NeighborInfo {
  readonly address: IpAddress;
  /** Undefined while it is not known. */
  readonly mac: MacAddress | undefined;
  readonly state: NeighborState;
  /** Time since the last positive word that it answers, since it was overheard if there was none (us). */
  readonly age: number;
  /** Packets that wait for it. */
  readonly waiting: number;
}

export class NeighborCache implements EntryTimeouts {
  readonly #context: Context;
  readonly #config: ArpConfig;
  readonly #actions: NeighborActions;
  readonly #interfaceName: string;
  readonly #entries = new Map<IpAddress, NeighborEntry>();
  /** Entries that this host sent packets to, by last use. */
  readonly #used = new EntryList();
  /** Entries asked for that have not answered, by last use: they displace each other, not who has. */
  readonly #asked = new EntryList();
  /** Entries overheard and never used: the first to go, and the only ones that other overheard entries displace. */
  readonly #overheard = new EntryList();
  #permanentCount = 0;
  #waitingTotal = 0;

  constructor(context: Context, actions: NeighborActions, interfaceName: string) {
    this.#context = context;
    this.#config = context.config.arp;
    this.#actions = actions;
    this.#interfaceName = interfaceName;
  }

  /** Number of entries, static ones included. */
  get size(): number {
    return this.#entries.size;
  }

  /** Packets that wait for an address. */
  get waiting(): number {
    return this.#waitingTotal;
  }

  /**
   * Sends a packet to a neighbour, or lets it wait until its address is known (1122-2.3.2.2-a). Takes over the reference.
   * 0; -EHOSTUNREACH for a neighbour known not to answer or no own address to ask from; -ENOBUFS when the cache takes none.
   */
  output(frame: Frame, nextHop: IpAddress, now: Micros): number {
    const entry = this.#entries.get(nextHop);
    if (entry?.state === 'REACHABLE') {
      entry.usedAt = now;
      this.#used.touch(entry);
      this.#actions.transmit(frame, entry.mac, now);
      return 0;
    }
    return entry === undefined ? this.#resolve(frame, nextHop, now) : this.#outputUnsure(entry, frame, now);
  }

  /** Word from above that the neighbour answers. It has no effect while no address is known. RFC 4861 §7.3.1, §7.3.3. */
  confirm(nextHop: IpAddress, now: Micros): void {
    const entry = this.#entries.get(nextHop);
    if (entry === undefined) return;
    switch (entry.state) {
      case 'REACHABLE':
        entry.confirmedAt = now; // the timer finds it when it fires
        return;
      case 'STALE':
      case 'DELAY':
      case 'PROBE':
        this.#enterReachable(entry, now);
        return;
      case 'INCOMPLETE':
      case 'FAILED':
      case 'PERMANENT':
        return;
    }
  }

  /**
   * 826-a: takes over the hardware address that any ARP packet shows for an address that has an entry; `solicited` when
   * the packet is a reply to us. Returns whether there is an entry, which is RFC 826's Merge_flag.
   */
  update(address: IpAddress, mac: MacAddress, solicited: boolean, now: Micros): boolean {
    const entry = this.#entries.get(address);
    if (entry === undefined) return false;
    if (entry.state === 'PERMANENT') return true;
    entry.updatedAt = now;
    const changed = entry.mac !== mac;
    entry.mac = mac;
    // Only the answer to a question of ours confirms it; anything else may be made up. RFC 4861 §7.3.1, §7.3.3.
    if (solicited && (entry.state === 'INCOMPLETE' || entry.state === 'PROBE')) this.#enterReachable(entry, now);
    else if (changed) this.#enterStale(entry, now);
    this.#sendWaiting(entry, now);
    return true;
  }

  /** 826-b: adds the sender of a request to us. It displaces nobody that this host sends packets to. */
  learn(address: IpAddress, mac: MacAddress, now: Micros): void {
    const entry = this.#create(address, this.#overheard, now);
    if (entry === undefined) {
      this.#context.drops.drop('neighbor-table-full');
      return;
    }
    entry.mac = mac;
    this.#enterStale(entry, now);
  }

  /** Sets a static entry, in place of what there was. Packets that waited for it are sent. */
  setPermanent(address: IpAddress, mac: MacAddress, now: Micros): void {
    let entry = this.#entries.get(address);
    if (entry === undefined) {
      entry = new NeighborEntry(address, this, now);
      this.#entries.set(address, entry);
    }
    if (entry.state !== 'PERMANENT') this.#permanentCount++;
    entry.list?.remove(entry);
    entry.mac = mac;
    entry.updatedAt = now;
    this.#enter(entry, 'PERMANENT', NEVER, now);
    this.#sendWaiting(entry, now);
  }

  /** Removes an entry, static or not. Returns whether there was one. */
  remove(address: IpAddress): boolean {
    const entry = this.#entries.get(address);
    if (entry === undefined) return false;
    this.#remove(entry);
    return true;
  }

  /** Removes every entry and gives up what waits. */
  clear(): void {
    for (const entry of [...this.#entries.values()]) this.#remove(entry);
  }

  /** One entry for display, undefined when there is none. */
  lookup(address: IpAddress, now: Micros): NeighborInfo | undefined {
    const entry = this.#entries.get(address);
    return entry === undefined ? undefined : describe(entry, now);
  }

  /** All entries for display, in order of their creation. */
  snapshot(now: Micros): NeighborInfo[] {
    return Array.from(this.#entries.values(), (entry) => describe(entry, now));
  }

  /** @internal The deadline of an entry has come. RFC 4861 Appendix C. */
  expire(entry: NeighborEntry, now: Micros): void {
    switch (entry.state) {
      case 'INCOMPLETE':
        if (entry.requests < this.#config.maxRequests) this.#ask(entry, BROADCAST_MAC, now);
        else this.#fail(entry, now);
        return;
      case 'REACHABLE': {
        const until = after(entry.confirmedAt, this.#config.reachableTime);
        if (until > now) this.#context.timers.schedule(entry, until);
        else this.#enterStale(entry, now);
        return;
      }
      case 'STALE': {
        const lastSign = Math.max(entry.usedAt, entry.confirmedAt, entry.updatedAt) as Micros;
        const until = after(lastSign, this.#config.staleTime);
        if (until > now) this.#context.timers.schedule(entry, until);
        else this.#remove(entry); // 1122-2.3.2.1-a
        return;
      }
      case 'DELAY':
        this.#enter(entry, 'PROBE', NEVER, now);
        entry.requests = 0;
        this.#ask(entry, entry.mac, now);
        return;
      case 'PROBE':
        // After the last poll the entry goes, and the next packet asks everybody anew: the address may have moved.
        if (entry.requests < this.#config.maxRequests) this.#ask(entry, entry.mac, now);
        else this.#giveUpProbing(entry, now);
        return;
      case 'FAILED':
        this.#remove(entry);
        return;
      case 'PERMANENT':
        return;
    }
  }

  /** A packet to an address without an entry: "create entry, send request, start timer". RFC 4861 Appendix C. */
  #resolve(frame: Frame, nextHop: IpAddress, now: Micros): number {
    if (!this.#actions.mayRequest(nextHop)) return this.#refuse(frame, 'arp-no-source', Errno.EHOSTUNREACH);
    const entry = this.#create(nextHop, this.#asked, now);
    if (entry === undefined) return this.#refuse(frame, 'neighbor-table-full', Errno.ENOBUFS);
    this.#enqueue(entry, frame);
    this.#enter(entry, 'INCOMPLETE', NEVER, now);
    this.#ask(entry, BROADCAST_MAC, now);
    return 0;
  }

  #outputUnsure(entry: NeighborEntry, frame: Frame, now: Micros): number {
    if (entry.state === 'FAILED') return this.#refuse(frame, 'neighbor-negative', Errno.EHOSTUNREACH);
    entry.usedAt = now;
    if (entry.state === 'INCOMPLETE') {
      this.#asked.touch(entry);
      this.#enqueue(entry, frame);
      return 0;
    }
    if (entry.state !== 'PERMANENT') this.#used.touch(entry);
    if (entry.state === 'STALE') this.#enter(entry, 'DELAY', after(now, this.#config.delayFirstProbe), now);
    this.#actions.transmit(frame, entry.mac, now);
    return 0;
  }

  #refuse(frame: Frame, reason: DropReason, errno: number): number {
    this.#context.drops.drop(reason, frame);
    frame.release();
    return -errno;
  }

  /** An entry at the head of `list`, or undefined when nothing may make room for it. */
  #create(address: IpAddress, list: EntryList, now: Micros): NeighborEntry | undefined {
    if (this.#entries.size - this.#permanentCount >= this.#config.maxEntries) {
      const sentTo = list === this.#overheard ? undefined : (this.#asked.oldest ?? this.#used.oldest);
      const victim = this.#overheard.oldest ?? sentTo;
      if (victim === undefined) return undefined;
      this.#remove(victim);
    }
    const entry = new NeighborEntry(address, this, now);
    this.#entries.set(address, entry);
    list.touch(entry);
    return entry;
  }

  /** Lets a packet wait; beyond a bound the oldest is given up, so that at least the latest is saved. RFC 1122 §2.3.2.2. */
  #enqueue(entry: NeighborEntry, frame: Frame): void {
    entry.waiting.push(frame);
    this.#waitingTotal++;
    if (entry.waiting.length > this.#config.maxWaiting) this.#dropOldest(entry);
    if (this.#waitingTotal <= this.#config.maxWaitingTotal) return;
    let loser = this.#asked.oldest;
    while (loser?.waiting.length === 0) loser = loser.newer;
    if (loser !== undefined) this.#dropOldest(loser);
  }

  #dropOldest(entry: NeighborEntry): void {
    const frame = entry.waiting.shift()!;
    this.#waitingTotal--;
    this.#context.drops.drop('neighbor-queue-full', frame);
    frame.release();
  }

  /** Takes the waiting packets off the entry, so that what is done with them may come back here. */
  #takeWaiting(entry: NeighborEntry): Frame[] {
    const frames = entry.waiting;
    entry.waiting = [];
    this.#waitingTotal -= frames.length;
    return frames;
  }

  /** Sends what waited; to a STALE neighbour that is use, as any packet. RFC 4861 §7.2.5, Appendix C. */
  #sendWaiting(entry: NeighborEntry, now: Micros): void {
    if (entry.waiting.length === 0) return;
    if (entry.state === 'STALE') this.#enter(entry, 'DELAY', after(now, this.#config.delayFirstProbe), now);
    const mac = entry.mac;
    for (const frame of this.#takeWaiting(entry)) this.#actions.transmit(frame, mac, now);
  }

  /** 1122-2.3.2.1-b: requests for one address are `retransmitTime` apart. */
  #ask(entry: NeighborEntry, destination: MacAddress, now: Micros): void {
    entry.requests++;
    this.#context.timers.schedule(entry, after(now, this.#config.retransmitTime));
    this.#actions.request(entry.address, destination, now);
  }

  #enterReachable(entry: NeighborEntry, now: Micros): void {
    entry.confirmedAt = now;
    this.#enter(entry, 'REACHABLE', after(now, this.#config.reachableTime), now);
  }

  #enterStale(entry: NeighborEntry, now: Micros): void {
    this.#enter(entry, 'STALE', after(now, this.#config.staleTime), now);
  }

  /** Only after the questions went unanswered is a packet undeliverable; an empty cache is no reason. 1122-2.4-c. */
  #fail(entry: NeighborEntry, now: Micros): void {
    const frames = this.#takeWaiting(entry);
    entry.mac = NO_MAC;
    if (this.#config.negativeTime > 0) this.#enter(entry, 'FAILED', after(now, this.#config.negativeTime), now);
    else this.#remove(entry);
    for (const frame of frames) {
      this.#context.drops.drop('neighbor-failed', frame);
      this.#actions.unreachable(frame, entry.address, now);
      frame.release();
    }
  }

  #giveUpProbing(entry: NeighborEntry, now: Micros): void {
    this.#enter(entry, 'FAILED', NEVER, now);
    this.#remove(entry);
  }

  #remove(entry: NeighborEntry): void {
    this.#context.timers.cancel(entry);
    this.#entries.delete(entry.address);
    entry.list?.remove(entry);
    if (entry.state === 'PERMANENT') this.#permanentCount--;
    for (const frame of this.#takeWaiting(entry)) {
      this.#context.drops.drop('neighbor-removed', frame);
      frame.release();
    }
  }

  #enter(entry: NeighborEntry, state: NeighborState, deadline: Micros, now: Micros): void {
    const before = entry.state;
    if (before === 'PERMANENT' && state !== 'PERMANENT') this.#permanentCount--;
    entry.state = state;
    if (entry.list === this.#asked && (state === 'REACHABLE' || state === 'STALE')) this.#used.touch(entry);
    this.#context.timers.schedule(entry, deadline);
    if (!this.#context.trace.enabled) return;
    this.#context.trace.emit(now, 'arp', 'neighbor-state', {
      interface: this.#interfaceName,
      address: formatAddress(entry.address),
      mac: entry.mac === NO_MAC ? '' : formatMac(entry.mac),
      before,
      state,
    });
  }
}

function describe(entry: NeighborEntry, now: Micros): NeighborInfo {
  return {
    address: entry.address,
    mac: entry.mac === NO_MAC ? undefined : entry.mac,
    state: entry.state,
    age: now - entry.confirmedAt,
    waiting: entry.waiting.length,
  };
}
