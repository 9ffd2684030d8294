/**
 * Datagrams that wait to be received: the receive side of datagram and raw sockets. Bounded in octets (SO_RCVBUF), where
 * each datagram counts with an overhead, so that empty ones are bounded too.
 *
 * With UDP_GRO datagrams of one flow that came at one time wait as one. udp(7).
 */
import { copyBytes } from '../../core/bytes.ts';
import type { Micros } from '../../core/time.ts';
import type { IpAddress } from '../../ip/address.ts';
import type { Arrival, IpPacket } from '../../ip/service.ts';
import { placeOf } from '../peek-offset.ts';
import type { Peeked, Place } from '../peek-offset.ts';

/** What a datagram counts beyond its octets. Linux counts its buffer's bookkeeping too, some hundred octets. */
export const OVERHEAD = 256;
/** Octets and datagrams at most in what UDP_GRO makes of several. Linux UDP_MAX_SEGMENTS. */
const MAX_MERGED = 65507;
const MAX_SEGMENTS = 128;

export interface Datagram extends Arrival, Peeked {
  /** Its octets; of several in one, those of each. */
  readonly pieces: Uint8Array[];
  length: number;
  /** Octets of each of several datagrams in one but the last, which may be shorter; 0 for a single one. */
  segment: number;
  readonly source: IpAddress;
  readonly port: number;
  readonly destination: IpAddress;
  readonly interfaceId: number;
  readonly ttl: number;
  readonly tos: number;
  /** Its IP options; undefined for none. */
  readonly ipOptions: Uint8Array | undefined;
  /** When it came. */
  readonly time: Micros;
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

  /** Where MSG_PEEK looks. */
  placeOf(offset: number): Place<Datagram> | undefined {
    return placeOf(this.#waiting(), ({ length }) => length, offset);
  }

  *#waiting(): Generator<Datagram> {
    for (let i = this.#head; i < this.#items.length; i++) yield this.#items[i]!;
  }

  /** The oldest, or undefined. */
  get next(): Datagram | undefined {
    return this.#items[this.#head];
  }

  /**
   * Copies a datagram in; false when `limit` octets are reached. One always fits into an empty queue.
   * @param merge whether it may join the one before it (UDP_GRO)
   */
  push(bytes: Uint8Array, port: number, packet: IpPacket, time: Micros, limit: number, merge = false): boolean {
    const charge = bytes.length + OVERHEAD;
    if (this.size > 0 && this.#charged + charge > limit) return false;
    this.#charged += charge;
    const last = merge && this.size > 0 ? this.#items[this.#items.length - 1] : undefined;
    if (last !== undefined && belongsTo(last, port, packet, time) && mayJoin(last, bytes.length)) {
      last.segment = last.pieces[0]!.length;
      last.pieces.push(bytes.slice());
      last.length += bytes.length;
      return true;
    }
    const { source, destination, interfaceId, ttl, tos, options: ipOptions } = packet;
    const { length } = bytes;
    const about = { source, port, destination, interfaceId, ttl, tos, ipOptions, time };
    this.#items.push({ pieces: [bytes.slice()], length, segment: 0, peeked: false, ...about });
    return true;
  }

  /** Takes the oldest away. Not for an empty queue. */
  shift(): void {
    const { length, pieces } = this.#items[this.#head]!;
    this.#charged -= length + pieces.length * OVERHEAD;
    this.#head++;
    if (this.#head * 2 > this.#items.length) {
      this.#items.splice(0, this.#head);
      this.#head = 0;
    }
  }

  clear(): void {
    this.#items = [];
    this.#head = 0;
    this.#charged = 0;
  }
}

/** Copies a datagram's octets out, from `skip` on and `length` at most; returns how many that were. */
export function copyDatagram({ pieces }: Datagram, into: Uint8Array, at: number, length: number, skip = 0): number {
  let copied = 0;
  let before = skip;
  for (const piece of pieces) {
    const from = Math.min(before, piece.length);
    const count = Math.min(piece.length - from, length - copied);
    copyBytes(piece, from, into, at + copied, count);
    copied += count;
    before -= from;
  }
  return copied;
}

/** Whether a datagram is of the same flow and the same moment: a program that is told of one header is told of all. */
const belongsTo = (last: Datagram, port: number, packet: IpPacket, time: Micros): boolean =>
  last.time === time &&
  last.port === port &&
  last.source === packet.source &&
  last.destination === packet.destination &&
  last.interfaceId === packet.interfaceId &&
  last.ttl === packet.ttl &&
  last.tos === packet.tos &&
  last.ipOptions === undefined &&
  packet.options === undefined;

/** Whether it has the size of those before it; a shorter one is the last. */
function mayJoin(last: Datagram, length: number): boolean {
  const segment = last.pieces[0]!.length;
  const full = last.length === segment * last.pieces.length;
  const fits = last.length + length <= MAX_MERGED && last.pieces.length < MAX_SEGMENTS;
  return full && fits && length > 0 && length <= segment;
}
