/**
 * Frames that wait to be received, and the counts of PACKET_STATISTICS. Bounded by SO_RCVBUF, against which a frame counts as much
 * as Linux's buffer for it takes. packet(7); net/packet/af_packet.c.
 */
import { copyBytes } from '../../core/bytes.ts';
import { Errno } from '../../core/errno.ts';
import type { Micros } from '../../core/time.ts';
import { MSG_PEEK, MSG_TRUNC } from '../constants.ts';
import { reaches } from '../message.ts';
import type { Incoming } from '../message.ts';
import type { PacketStatistics } from '../options/option.ts';
import { writeLinkName } from './names.ts';
import type { LinkAddress } from './names.ts';

/** A frame with where it came from. */
export interface QueuedFrame extends LinkAddress {
  readonly octets: Uint8Array;
  /** When it passed. */
  readonly time: Micros;
}

/** What Linux adds to a frame's octets: struct skb_shared_info and alignment behind them, struct sk_buff beside. */
const TAIL = 336;
const DESCRIPTOR = 256;
const PAGE = 4096;

export class PacketQueue {
  #frames: QueuedFrame[] = [];
  /** Index of the oldest; what is before it has been taken. */
  #head = 0;
  #charged = 0;
  #packets = 0;
  #drops = 0;

  /** Frames that wait. */
  get size(): number {
    return this.#frames.length - this.#head;
  }

  /** Counts a frame that is wanted. False when there is no room for it; it counts as dropped then. */
  admit(limit: number): boolean {
    this.#packets++;
    if (this.#charged < limit) return true;
    this.#drops++;
    return false;
  }

  push(frame: QueuedFrame): void {
    this.#charged += chargeOf(frame.octets.length);
    this.#frames.push(frame);
  }

  /**
   * Copies the oldest frame out, as much as fits; the rest is lost. Returns how many octets were copied, with MSG_TRUNC how many there
   * were. -EFAULT where they are to go nowhere, and then the frame is lost all the same. Not for an empty queue.
   */
  take(into: Uint8Array, at: number, length: number, flags: number, incoming: Incoming | undefined): number {
    const frame = this.#frames[this.#head]!;
    const { octets } = frame;
    const count = Math.min(length, octets.length);
    const fits = reaches(into, at, count);
    if ((flags & MSG_PEEK) === 0) this.#remove(octets.length);
    if (!fits) return -Errno.EFAULT;
    copyBytes(octets, 0, into, at, count);
    if (incoming !== undefined) {
      if (incoming.name !== undefined) writeLinkName(frame, incoming.name);
      if (count < octets.length) incoming.flags |= MSG_TRUNC;
    }
    return (flags & MSG_TRUNC) !== 0 ? octets.length : count;
  }

  /** Octets of the oldest frame, 0 when there is none (FIONREAD). */
  get nextLength(): number {
    return this.#frames[this.#head]?.octets.length ?? 0;
  }

  /** When the oldest frame passed. Not for an empty queue. */
  get nextTime(): Micros {
    return this.#frames[this.#head]!.time;
  }

  /** Frames since the last call, those that were dropped included. */
  takeStatistics(): PacketStatistics {
    const statistics = { packets: this.#packets, drops: this.#drops };
    this.#packets = 0;
    this.#drops = 0;
    return statistics;
  }

  clear(): void {
    this.#frames = [];
    this.#head = 0;
    this.#charged = 0;
  }

  #remove(octets: number): void {
    this.#charged -= chargeOf(octets);
    this.#head++;
    if (this.#head * 2 > this.#frames.length) {
      this.#frames.splice(0, this.#head);
      this.#head = 0;
    }
  }
}

/** Up to a page buffers are of a power of two, beyond that of whole pages. */
function chargeOf(octets: number): number {
  const room = octets + TAIL;
  const buffer = room > PAGE ? Math.ceil(room / PAGE) * PAGE : 2 ** Math.ceil(Math.log2(room));
  return buffer + DESCRIPTOR;
}
