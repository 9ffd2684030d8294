/**
 * Datagrams that wait to be received: the receive side of datagram and raw sockets. Bounded in octets (SO_RCVBUF), where
 * each datagram counts with an overhead, so that empty ones are bounded too.
 */
import { copyBytes } from '../../core/bytes.ts';
import type { IpAddress } from '../../ip/address.ts';
import { MSG_PEEK, MSG_TRUNC } from '../constants.ts';
import type { Incoming } from '../message.ts';
import type { InetNames } from './names.ts';

/** What a datagram counts beyond its octets. Linux counts its buffer's bookkeeping too, some hundred octets. */
const OVERHEAD = 256;

interface Datagram {
  readonly bytes: Uint8Array;
  readonly address: IpAddress;
  readonly port: number;
}

export class DatagramQueue {
  #items: Datagram[] = [];
  /** Index of the oldest; what is before it has been taken. */
  #head = 0;
  #charged = 0;

  /** Datagrams that wait. */
  get size(): number {
    return this.#items.length - this.#head;
  }

  /** Copies a datagram in; false when `limit` octets are reached. One always fits into an empty queue. */
  push(bytes: Uint8Array, address: IpAddress, port: number, limit: number): boolean {
    const charge = bytes.length + OVERHEAD;
    if (this.size > 0 && this.#charged + charge > limit) return false;
    this.#charged += charge;
    this.#items.push({ bytes: bytes.slice(), address, port });
    return true;
  }

  /**
   * Copies the oldest datagram out, as much as fits; the rest is lost, as recv(2) says. Returns how many octets were copied,
   * with MSG_TRUNC how many there were. Not for an empty queue.
   */
  take(
    into: Uint8Array,
    at: number,
    length: number,
    flags: number,
    incoming: Incoming | undefined,
    names: InetNames,
  ): number {
    const datagram = this.#items[this.#head]!;
    const { bytes } = datagram;
    const count = Math.min(length, bytes.length);
    copyBytes(bytes, 0, into, at, count);
    if (incoming !== undefined) {
      if (incoming.name !== undefined) names.write(datagram, incoming.name);
      if (count < bytes.length) incoming.flags |= MSG_TRUNC;
    }
    if ((flags & MSG_PEEK) === 0) this.#remove(bytes.length);
    return (flags & MSG_TRUNC) !== 0 ? bytes.length : count;
  }

  /** Octets of the oldest datagram, 0 when there is none (FIONREAD). */
  get nextLength(): number {
    return this.#items[this.#head]?.bytes.length ?? 0;
  }

  clear(): void {
    this.#items = [];
    this.#head = 0;
    this.#charged = 0;
  }

  #remove(octets: number): void {
    this.#charged -= octets + OVERHEAD;
    this.#head++;
    if (this.#head * 2 > this.#items.length) {
      this.#items.splice(0, this.#head);
      this.#head = 0;
    }
  }
}
