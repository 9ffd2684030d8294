/**
 * The loopback: a link layer that hands each datagram back to this host. RFC 1122 §3.2.1.3 (g).
 *
 * It carries 127.0.0.0/8 and everything addressed to an own address, and brings copies of multicasts back to the interface that they
 * leave by. A datagram waits in a bounded queue until the next
 * `poll`, so that output never re-enters input; what is sent while a batch is delivered waits for the poll after it.
 */
import type { Context } from '../core/context.ts';
import type { Frame } from '../core/frame.ts';
import type { Micros } from '../core/time.ts';
import type { LinkLayer, LinkLayerUser } from '../ethernet/service.ts';
import type { NetworkInterface } from './interface.ts';
import { IPV4_MAX_LENGTH } from './ipv4-wire.ts';

export class LoopbackLink implements LinkLayer {
  readonly name = 'lo';
  readonly mtu = IPV4_MAX_LENGTH;
  readonly maxSegment = IPV4_MAX_LENGTH;
  /** A checksum over memory that nobody else touches proves nothing; the receiver accepts it partial. */
  readonly checksumOffload = true;
  user: LinkLayerUser | undefined = undefined;

  readonly #context: Context;
  #queue: Frame[] = [];
  /** The batch that is being delivered; the two arrays change places. */
  #batch: Frame[] = [];
  /** Copies of multicasts, with where they are to come in. */
  #copies: { readonly frame: Frame; readonly at: NetworkInterface }[] = [];

  constructor(context: Context) {
    this.#context = context;
  }

  get pending(): boolean {
    return this.#queue.length > 0 || this.#copies.length > 0;
  }

  output(frame: Frame): number {
    if (this.#hasRoom(frame)) this.#queue.push(frame);
    return 0;
  }

  /** Takes over the copy of a multicast that leaves by `at`, where it comes in at the next poll. RFC 1112 §6.2. */
  loop(frame: Frame, at: NetworkInterface): void {
    if (this.#hasRoom(frame)) this.#copies.push({ frame, at });
  }

  #hasRoom(frame: Frame): boolean {
    if (this.#queue.length + this.#copies.length < this.#context.config.ip.loopbackQueue) return true;
    this.#context.drops.drop('ip-loopback-full', frame);
    frame.release();
    return false;
  }

  outputBroadcast(frame: Frame): number {
    return this.output(frame);
  }

  outputMulticast(frame: Frame): number {
    return this.output(frame);
  }

  /** Delivers what was sent before this call. */
  poll(now: Micros): void {
    const batch = this.#queue;
    this.#queue = this.#batch;
    this.#batch = batch;
    for (let i = 0; i < batch.length; i++) {
      const frame = batch[i]!;
      frame.linkBroadcast = false;
      if (this.user !== undefined) this.user.onIpv4(frame, now);
      frame.release();
    }
    batch.length = 0;
    if (this.#copies.length > 0) this.#deliverCopies(now);
  }

  #deliverCopies(now: Micros): void {
    const copies = this.#copies;
    this.#copies = [];
    for (const { frame, at } of copies) {
      frame.linkBroadcast = false;
      at.onLooped(frame, now);
      frame.release();
    }
  }

  addAddress(): void {
    // Nobody asks for addresses here.
  }

  removeAddress(): void {
    // Nor is there anybody to stop answering.
  }

  confirm(): void {
    // There is no neighbour.
  }
}
