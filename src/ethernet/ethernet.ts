/**
 * One Ethernet port: takes what is addressed to this station off a link and hands it on by EtherType; frames and sends what
 * the layers above give. RFC 894, RFC 1042 on receipt (RFC 1122 §2.3.3), RFC 1112 §7 for groups.
 *
 * Left out: VLANs other than the priority tag, 802.3 on output, trailers (RFC 893; 1122-2.3.1-b).
 */
import type { Context } from '../core/context.ts';
import type { DropReason } from '../core/drop.ts';
import type { Frame } from '../core/frame.ts';
import type { Micros } from '../core/time.ts';
import type { Link } from '../link/link.ts';
import { BROADCAST_MAC, isGroup } from './address.ts';
import type { MacAddress } from './address.ts';
import { Device, HardwareType, PacketType } from './device.ts';
import type { DeviceLink } from './device.ts';
import { emitEthernet, ETHERNET_HEADER, makeEthernetHeader, MIN_FRAME, parseEthernet, sourceOf } from './wire.ts';

/** Takes a lent frame whose `start` is past the link header and whose `end` may be past the datagram (padding). */
export type EtherHandler = (frame: Frame, now: Micros) => void;

export class EthernetPort implements DeviceLink {
  readonly link: Link;
  readonly mac: MacAddress;
  /** What packet sockets see of it. */
  readonly device: Device;
  /** Frames and octets taken and given, Ethernet headers counted; what was refused is in the drop counters. */
  framesIn = 0;
  octetsIn = 0;
  framesOut = 0;
  octetsOut = 0;

  readonly #context: Context;
  readonly #handlers = new Map<number, EtherHandler>();
  readonly #header = makeEthernetHeader();

  /** Throws a RangeError when `mac` is a group address, which no station can have. */
  constructor(context: Context, link: Link, mac: MacAddress) {
    if (isGroup(mac)) throw new RangeError('a group address cannot be the address of a station');
    this.#context = context;
    this.link = link;
    this.mac = mac;
    this.device = new Device(HardwareType.Ether, mac, this);
  }

  get mtu(): number {
    return this.link.mtu;
  }

  /** Frames of this EtherType go to `handler` from now on. */
  register(etherType: number, handler: EtherHandler): void {
    this.#handlers.set(etherType, handler);
  }

  /** Takes frames to this group address from now on; each `join` wants its `leave`. */
  join(group: MacAddress): void {
    this.device.addresses.add(group);
  }

  leave(group: MacAddress): void {
    this.device.addresses.remove(group);
  }

  /** Takes a received frame, which is lent and starts with its Ethernet header. */
  input(frame: Frame, now: Micros): void {
    const header = this.#header;
    const malformed = parseEthernet(frame.bytes, frame.start, frame.end, header);
    // Shown before anybody here takes or refuses it, like what a station's hardware has let through.
    if (this.device.tap !== undefined && frame.length >= ETHERNET_HEADER) {
      this.device.showIncoming(frame, header.destination, header.source, now);
    }
    const refusal = frame.length < ETHERNET_HEADER ? malformed : (this.#refusal() ?? malformed);
    if (refusal !== undefined) {
      this.#context.drops.drop(refusal, frame);
      return;
    }
    const handler = this.#handlers.get(header.etherType);
    if (handler === undefined) {
      this.#context.drops.drop('ether-unknown-type', frame);
      return;
    }
    this.framesIn++;
    this.octetsIn += frame.end - frame.start;
    // 1122-2.4-a: IP learns whether the link's destination was a group.
    frame.linkBroadcast = header.destination !== this.mac;
    frame.start = header.payload;
    frame.end = header.end;
    handler(frame, now);
  }

  /** Sends a frame whose `start` is at the payload. Takes over the reference. */
  output(frame: Frame, destination: MacAddress, etherType: number, now: Micros): void {
    emitEthernet(frame, destination, this.mac, etherType);
    this.transmit(frame, etherType, now);
  }

  /** Sends a frame whose `start` is at its Ethernet header. Takes over the reference. */
  transmit(frame: Frame, protocol: number, now: Micros): void {
    if (this.device.tap !== undefined) {
      const payload = frame.start + ETHERNET_HEADER;
      this.device.show(frame, payload, protocol, PacketType.Outgoing, sourceOf(frame.bytes, frame.start), now);
    }
    if (frame.end - frame.start < MIN_FRAME) pad(frame);
    this.framesOut++;
    this.octetsOut += frame.end - frame.start;
    this.link.send(frame, now);
  }

  /** Why the addresses of the header at hand are not for this station, else undefined. */
  #refusal(): DropReason | undefined {
    const { destination, source } = this.#header;
    if (destination !== this.mac) {
      if (!this.#isJoined(destination)) return 'ether-not-for-us';
      // RFC 1112 §7.3: what this module sent to a group it does not deliver; some hubs and access points echo it.
      if (source === this.mac) return 'ether-own';
    }
    return isGroup(source) ? 'ether-bad-source' : undefined;
  }

  /** A packet socket may have another station's address among those that are taken; such frames are only shown. */
  #isJoined(destination: MacAddress): boolean {
    const { addresses } = this.device;
    return destination === BROADCAST_MAC || (addresses.size > 0 && addresses.has(destination) && isGroup(destination));
  }
}

/** 894-a: zeros up to the least frame. They leave a partial checksum as it is, and tell nothing of old buffer contents. */
function pad(frame: Frame): void {
  const end = Math.min(frame.start + MIN_FRAME, frame.bytes.length);
  frame.bytes.fill(0, frame.end, end);
  frame.end = end;
}
