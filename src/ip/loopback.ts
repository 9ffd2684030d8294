/**
 * The loopback: a link layer that hands each datagram back to this host. RFC 1122 §3.2.1.3 (g).
 *
 * It carries 127.0.0.0/8 and everything addressed to an own address, and brings copies of multicasts back to the interface that they
 * leave by. A datagram waits in a bounded queue until the next
 * `poll`, so that output never re-enters input; what is sent while a batch is delivered waits for the poll after it.
 * Packet sockets see each frame twice, as on Linux: outgoing, then incoming. What they send has an Ethernet header.
 */
import type { Context } from '../core/context.ts';
import type { Frame } from '../core/frame.ts';
import { empty } from '../core/lists.ts';
import type { Micros } from '../core/time.ts';
import { NO_MAC } from '../ethernet/address.ts';
import { Device, HardwareType, PacketType, incomingProtocol } from '../ethernet/device.ts';
import type { DeviceLink } from '../ethernet/device.ts';
import type { LinkLayer, LinkLayerUser } from '../ethernet/service.ts';
import { ETHERNET_HEADER, EtherType, destinationOf, sourceOf } from '../ethernet/wire.ts';
import { BROADCAST_ADDRESS } from './address.ts';
import type { IpAddress } from './address.ts';
import type { NetworkInterface } from './interface.ts';
import { IPV4_MAX_LENGTH } from './ipv4-wire.ts';

export class LoopbackLink implements LinkLayer, DeviceLink {
  readonly name = 'lo';
  readonly mtu = IPV4_MAX_LENGTH;
  readonly maxSegment = IPV4_MAX_LENGTH;
  /** A checksum over memory that nobody else touches proves nothing; the receiver accepts it partial. */
  readonly checksumOffload = true;
  user: LinkLayerUser | undefined = undefined;

  readonly device = new Device(HardwareType.Loopback, NO_MAC, this);

  readonly #context: Context;
  /** The frames among those that wait which begin with an Ethernet header. */
  readonly #framed = new Set<Frame>();
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

  output(frame: Frame, _nextHop: IpAddress, now: Micros): number {
    if (this.device.tap !== undefined) this.#show(frame, PacketType.Outgoing, now);
    this.#enqueue(frame);
    return 0;
  }

  /** Sends a frame of a packet socket: only what is IPv4 has a taker here. */
  transmit(frame: Frame, protocol: number, now: Micros): void {
    const source = sourceOf(frame.bytes, frame.start);
    this.device.show(frame, frame.start + ETHERNET_HEADER, protocol, PacketType.Outgoing, source, now);
    this.#framed.add(frame);
    this.#enqueue(frame);
  }

  /** Takes over the copy of a multicast that leaves by `at`, where it comes in at the next poll. RFC 1112 §6.2. */
  loop(frame: Frame, at: NetworkInterface): void {
    if (this.#hasRoom(frame)) this.#copies.push({ frame, at });
  }

  #enqueue(frame: Frame): void {
    if (this.#hasRoom(frame)) this.#queue.push(frame);
    else this.#framed.delete(frame);
  }

  #hasRoom(frame: Frame): boolean {
    if (this.#queue.length + this.#copies.length < this.#context.config.ip.loopbackQueue) return true;
    this.#context.drops.drop('ip-loopback-full', frame);
    frame.release();
    return false;
  }

  outputBroadcast(frame: Frame, now: Micros): number {
    return this.output(frame, BROADCAST_ADDRESS, now);
  }

  outputMulticast(frame: Frame, group: IpAddress, now: Micros): number {
    return this.output(frame, group, now);
  }

  /** Delivers what was sent before this call. */
  poll(now: Micros): void {
    const batch = this.#queue;
    this.#queue = this.#batch;
    this.#batch = batch;
    for (let i = 0; i < batch.length; i++) {
      const frame = batch[i]!;
      frame.linkBroadcast = false;
      if (this.#framed.size > 0 && this.#framed.delete(frame)) this.#receiveFramed(frame, now);
      else this.#receive(frame, now);
      frame.release();
    }
    empty(batch);
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

  #receive(frame: Frame, now: Micros): void {
    if (this.device.tap !== undefined) this.#show(frame, PacketType.Host, now);
    if (this.user !== undefined) this.user.onIpv4(frame, now);
  }

  /** As Ethernet does with a received frame; the station's address is zero. */
  #receiveFramed(frame: Frame, now: Micros): void {
    const { bytes, start, end } = frame;
    const type = this.device.packetTypeOf(destinationOf(bytes, start));
    this.device.showIncoming(frame, destinationOf(bytes, start), sourceOf(bytes, start), now);
    if (type === PacketType.OtherHost) {
      this.#context.drops.drop('ether-not-for-us', frame);
      return;
    }
    if (incomingProtocol(bytes, start, end) !== EtherType.Ipv4) {
      this.#context.drops.drop('ether-unknown-type', frame);
      return;
    }
    frame.linkBroadcast = type !== PacketType.Host;
    frame.start = start + ETHERNET_HEADER;
    if (this.user !== undefined) this.user.onIpv4(frame, now);
  }

  /** Shows a datagram of this host. */
  #show(frame: Frame, type: PacketType, now: Micros): void {
    this.device.show(frame, frame.start, EtherType.Ipv4, type, NO_MAC, now);
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
