/**
 * A frame: one packet in one buffer, addressed by offsets, from the link to the transport and back.
 *
 * On the way up each layer moves `start` past its header; on the way down each layer prepends its header in front of
 * `start`, into headroom that the pool leaves. Frames are counted references: who holds one calls `release` once, who keeps
 * one beyond the call it came with calls `retain` first, and whoever hands a frame to a link's `send` gives its reference away.
 */

import { copyBytes } from './bytes.ts';
import { sumBytes } from './checksum.ts';
import { SLAB, SLAB_PIECES, frameMemory } from './frame-memory.ts';

/** What is known of the transport checksum of a frame. */
export const Checksum = {
  /** In: not verified yet. Out: complete in the frame. */
  Full: 0,
  /**
   * Out, or in from a kernel on this machine: the field holds the pseudo-header sum only; the rest is to be filled in.
   * `network` and `transport` are set then; which field is meant follows from the IP header's protocol (TCP or UDP).
   */
  Partial: 1,
  /** In: the link vouches for it. */
  Verified: 2,
} as const;
export type Checksum = (typeof Checksum)[keyof typeof Checksum];

/** Place of a frame that lies outside the frame memory. */
const ON_HEAP = -1;

/** Octets kept free before the payload of an outgoing frame: virtio-net 12, Ethernet 14 + VLAN 4, IP 60, TCP 60, rounded up. */
export const HEADROOM = 160;

/** Largest payload of the two buffer sizes: an MTU-sized frame, and a 64 KiB super-segment. */
export const SMALL_FRAME = 2048 - HEADROOM;
export const LARGE_FRAME = 65536;

export class Frame {
  /** The whole buffer; only octets `start` to `end - 1` are the packet. */
  readonly bytes: Uint8Array;
  /** Offset of the first octet of the packet as the current layer sees it. */
  start = 0;
  /** Offset one past the last octet. */
  end = 0;
  /** Offset of the IP header once known, else -1. */
  network = -1;
  /** Offset of the transport header once known, else -1. */
  transport = -1;
  checksum: Checksum = Checksum.Full;
  /** Payload octets per segment when this is a super-segment to be cut (TCP), else 0. Headers do not count. */
  gsoSize = 0;
  /** Whether it came to a link-layer broadcast or multicast address (RFC 1122 §2.4). */
  linkBroadcast = false;
  /** Why it was sent, in a few words, for captures and traces; '' when nobody said. */
  reason = '';
  /** What a link keeps beside the buffer: link/tap.ts the buffer's address, which costs 75 ns to ask for. */
  linkCache: unknown = undefined;

  /** Where it came from and goes back to; what needs a second frame like this one takes it from there. */
  readonly pool: FramePool;
  /** Where `bytes` lies in the frame memory, or ON_HEAP. */
  readonly #place: number;
  #references = 0;
  /** What `octets` returned last, and its offset. */
  #octets: Uint8Array | undefined = undefined;
  #octetsAt = 0;

  /** @internal Frames come from a FramePool. */
  constructor(pool: FramePool, capacity: number, place: number) {
    const length = HEADROOM + capacity;
    this.pool = pool;
    this.bytes = place === ON_HEAP ? new Uint8Array(length) : frameMemory!.at(place, length);
    this.#place = place;
  }

  get length(): number {
    return this.end - this.start;
  }

  /** Outside the frame memory, which has a bound of its own. */
  get isOnHeap(): boolean {
    return this.#place === ON_HEAP;
  }

  /** Whether somebody else holds it too: then its octets and offsets are not to be changed. */
  get shared(): boolean {
    return this.#references > 1;
  }

  /** As `sumBytes`: adds `length` octets (at most 64 KiB) from offset `at` to a running checksum. */
  sum(at: number, length: number, sum = 0): number {
    if (this.#place === ON_HEAP) return sumBytes(this.bytes, at, length, sum);
    return sum + frameMemory!.sum(this.#place + at, length);
  }

  /** Copies `length` octets of another frame, from its offset `fromAt`, to offset `at`; in the frame memory without a view of them. */
  copy(from: Frame, fromAt: number, at: number, length: number): void {
    if (this.#place === ON_HEAP || from.#place === ON_HEAP) copyBytes(from.bytes, fromAt, this.bytes, at, length);
    else frameMemory!.copySum(from.#place + fromAt, length, this.#place + at);
  }

  /** Copies `length` octets of another frame, from its offset `fromAt`, to offset `at`, and adds them to a running checksum as `sum` does. */
  copySum(from: Frame, fromAt: number, at: number, length: number, sum = 0): number {
    if (this.#place === ON_HEAP || from.#place === ON_HEAP) {
      copyBytes(from.bytes, fromAt, this.bytes, at, length);
      return this.sum(at, length, sum);
    }
    return sum + frameMemory!.copySum(from.#place + fromAt, length, this.#place + at);
  }

  /** Opens `length` octets in front of the packet and returns their offset. Throws when the headroom is used up. */
  prepend(length: number): number {
    if (length > this.start) throw new Error(`no headroom: ${length} octets wanted, ${this.start} left`);
    this.start -= length;
    return this.start;
  }

  /** A view of the packet's octets; for tests, captures and slow paths, since it allocates. */
  view(): Uint8Array {
    return this.bytes.subarray(this.start, this.end);
  }

  /**
   * A view of `length` octets from offset `at`, which stays with the frame: a pooled one mostly carries text of one size at one place, and
   * copying from a view of just that makes no other.
   */
  octets(at: number, length: number): Uint8Array {
    if (this.#octets?.length !== length || this.#octetsAt !== at) {
      this.#octets = this.bytes.subarray(at, at + length);
      this.#octetsAt = at;
    }
    return this.#octets;
  }

  /** Adds a reference for a second holder. Throws for a frame that nobody holds any more. */
  retain(): this {
    if (this.#references <= 0) throw new Error('retain of a released frame');
    this.#references++;
    return this;
  }

  /** Gives a reference back; the last one returns the buffer to its pool. Releasing a frame nobody holds throws. */
  release(): void {
    if (this.#references <= 0) throw new Error('frame released twice');
    this.#references--;
    if (this.#references === 0) this.pool.recycle(this);
  }

  /** @internal For the pool. */
  reset(): void {
    this.start = HEADROOM;
    this.end = HEADROOM;
    this.network = -1;
    this.transport = -1;
    this.checksum = Checksum.Full;
    this.gsoSize = 0;
    this.linkBroadcast = false;
    this.reason = '';
    this.#references = 1;
  }
}

/**
 * Frames of two sizes, reused. The pool keeps at most `limit` free frames of a size (default 1024) on the heap; beyond that they go to
 * the collector. It does not bound how many are in use: who queues frames bounds its queue.
 */
export class FramePool {
  readonly #small: Frame[] = [];
  readonly #large: Frame[] = [];
  readonly #limit: number;
  #inUse = 0;
  /** What is left of a slab that small frames are cut from. */
  #slab = 0;
  #piecesLeft = 0;

  constructor(limit = 1024) {
    this.#limit = limit;
  }

  /** Frames handed out and not yet returned; a test for leaks reads it. */
  get inUse(): number {
    return this.#inUse;
  }

  /** An empty frame with `HEADROOM` before `start` and at least `capacity` octets after it. */
  acquire(capacity: number): Frame {
    this.#inUse++;
    let frame: Frame | undefined;
    if (capacity <= SMALL_FRAME) {
      frame = this.#small.pop() ?? new Frame(this, SMALL_FRAME, this.#takePiece());
    } else if (capacity <= LARGE_FRAME) {
      frame = this.#large.pop() ?? new Frame(this, LARGE_FRAME, frameMemory?.takeSlab(this) ?? ON_HEAP);
    } else {
      frame = new Frame(this, capacity, ON_HEAP);
    }
    frame.reset();
    return frame;
  }

  /** A frame that holds a copy of `bytes`. */
  from(bytes: Uint8Array): Frame {
    const frame = this.acquire(bytes.length);
    frame.bytes.set(bytes, frame.start);
    frame.end = frame.start + bytes.length;
    return frame;
  }

  /** A frame that holds a copy of another's packet, and nothing that is known of it. */
  copyOf(frame: Frame): Frame {
    const { start, length } = frame;
    const copy = this.acquire(length);
    copy.copy(frame, start, copy.start, length);
    copy.end = copy.start + length;
    return copy;
  }

  /** A frame of its own with the same octets, offsets and facts; headers in front of `start` that offsets name come along. */
  clone(frame: Frame): Frame {
    const copy = this.acquire(frame.end - HEADROOM);
    let from = frame.start;
    if (frame.transport >= 0 && frame.transport < from) from = frame.transport;
    if (frame.network >= 0 && frame.network < from) from = frame.network;
    copy.copy(frame, from, from, frame.end - from);
    copy.start = frame.start;
    copy.end = frame.end;
    copy.network = frame.network;
    copy.transport = frame.transport;
    copy.checksum = frame.checksum;
    copy.gsoSize = frame.gsoSize;
    copy.linkBroadcast = frame.linkBroadcast;
    copy.reason = frame.reason;
    return copy;
  }

  /** @internal Called by the last `Frame.release`. */
  recycle(frame: Frame): void {
    this.#inUse--;
    const capacity = frame.bytes.length - HEADROOM;
    const free = capacity === SMALL_FRAME ? this.#small : capacity === LARGE_FRAME ? this.#large : undefined;
    if (free !== undefined && (!frame.isOnHeap || free.length < this.#limit)) free.push(frame);
  }

  /** A place in the frame memory for a small frame, or ON_HEAP. */
  #takePiece(): number {
    if (this.#piecesLeft === 0) {
      const slab = frameMemory?.takeSlab(this);
      if (slab === undefined) return ON_HEAP;
      this.#slab = slab;
      this.#piecesLeft = SLAB_PIECES;
    }
    this.#piecesLeft--;
    return this.#slab + this.#piecesLeft * (SLAB / SLAB_PIECES);
  }
}
