/**
 * Finds the connection of a segment by its four-tuple. RFC 9293 §3.10.7. The listener of a SYN is found in listener-table.ts.
 *
 * A hash table with chains through the entries themselves, so that a connection costs one slot. The hash is mixed with a
 * secret: a stranger chooses ports and addresses, and must not be able to pile them onto one chain.
 */
import type { RandomSource } from '../core/random.ts';
import { hashAddress } from '../ip/address.ts';
import type { IpAddress } from '../ip/address.ts';

/** What the table holds: a four-tuple, and the chain, which the table alone writes. */
export interface DemuxEntry<T> {
  readonly localAddress: IpAddress;
  readonly localPort: number;
  readonly remoteAddress: IpAddress;
  readonly remotePort: number;
  nextInChain: T | undefined;
}

/** Slots at first; a power of two. */
const SMALLEST = 64;

export class Demux<T extends DemuxEntry<T>> {
  readonly #secret: number;
  readonly #multiplier: number;
  #slots: (T | undefined)[] = new Array<T | undefined>(SMALLEST).fill(undefined);
  #size = 0;
  /** The last one found: segments come in runs. */
  #last: T | undefined = undefined;

  constructor(random: RandomSource) {
    this.#secret = random.u32() | 0;
    this.#multiplier = random.u32() | 1;
  }

  get size(): number {
    return this.#size;
  }

  find(local: IpAddress, localPort: number, remote: IpAddress, remotePort: number): T | undefined {
    const last = this.#last;
    if (last !== undefined && matches(last, local, localPort, remote, remotePort)) return last;
    let entry = this.#slots[this.#slot(local, localPort, remote, remotePort)];
    while (entry !== undefined && !matches(entry, local, localPort, remote, remotePort)) entry = entry.nextInChain;
    if (entry !== undefined) this.#last = entry;
    return entry;
  }

  /** Adds an entry whose four-tuple is not there yet. */
  add(entry: T): void {
    if (this.#size >= this.#slots.length) this.#grow();
    this.#put(entry);
    this.#size++;
  }

  /** Takes an entry out; does nothing when it is not there. */
  remove(entry: T): void {
    if (this.#last === entry) this.#last = undefined;
    const slot = this.#slot(entry.localAddress, entry.localPort, entry.remoteAddress, entry.remotePort);
    let before: T | undefined = undefined;
    let at = this.#slots[slot];
    while (at !== undefined && at !== entry) {
      before = at;
      at = at.nextInChain;
    }
    if (at === undefined) return;
    if (before === undefined) this.#slots[slot] = entry.nextInChain;
    else before.nextInChain = entry.nextInChain;
    entry.nextInChain = undefined;
    this.#size--;
  }

  /** All entries, in no particular order; a snapshot, so that the table may change meanwhile. */
  all(): T[] {
    const found: T[] = [];
    for (const head of this.#slots) for (let at = head; at !== undefined; at = at.nextInChain) found.push(at);
    return found;
  }

  #put(entry: T): void {
    const slot = this.#slot(entry.localAddress, entry.localPort, entry.remoteAddress, entry.remotePort);
    entry.nextInChain = this.#slots[slot];
    this.#slots[slot] = entry;
  }

  #grow(): void {
    const entries = this.all();
    this.#slots = new Array<T | undefined>(this.#slots.length * 2).fill(undefined);
    for (const entry of entries) this.#put(entry);
  }

  #slot(local: IpAddress, localPort: number, remote: IpAddress, remotePort: number): number {
    let h = Math.imul(hashAddress(remote) ^ this.#secret, this.#multiplier);
    h = Math.imul(h ^ (h >>> 15) ^ ((remotePort << 16) | localPort), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13) ^ hashAddress(local) ^ this.#multiplier, 0xc2b2ae35);
    return (h ^ (h >>> 16)) & (this.#slots.length - 1);
  }
}

function matches<T extends DemuxEntry<T>>(
  entry: T,
  local: IpAddress,
  localPort: number,
  remote: IpAddress,
  remotePort: number,
): boolean {
  return (
    entry.remotePort === remotePort &&
    entry.localPort === localPort &&
    entry.remoteAddress === remote &&
    entry.localAddress === local
  );
}
