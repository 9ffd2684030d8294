/**
 * What an interface is to packet sockets: frames are shown as they pass, and sent as they are; the receive filter can be opened.
 * packet(7), netdevice(7).
 *
 * The contract between the link layers (ethernet/ethernet.ts, ip/loopback.ts), each of which has a Device, and socket/packet/,
 * which hangs a tap into all of them while there is a packet socket. A frame costs one look at `tap` while there is none.
 */
import { copyBytes, getU16, setU16 } from '../core/bytes.ts';
import { Checksum } from '../core/frame.ts';
import type { Frame } from '../core/frame.ts';
import type { Micros } from '../core/time.ts';
import { completeChecksumAt, networkOf } from '../ip/offload-wire.ts';
import { BROADCAST_MAC, NO_MAC, isGroup } from './address.ts';
import type { MacAddress } from './address.ts';
import { ETHERNET_HEADER, EtherType, LEAST_TYPE, emitEthernet, typeOf, VLAN_LAYOUT } from './wire.ts';

/** sll_pkttype. packet(7). */
export const PacketType = { Host: 0, Broadcast: 1, Multicast: 2, OtherHost: 3, Outgoing: 4 } as const;
export type PacketType = (typeof PacketType)[keyof typeof PacketType];

/** sll_hatype: the ARP hardware types of Linux (ARPHRD_). */
export const HardwareType = { Ether: 1, Loopback: 772 } as const;
export type HardwareType = (typeof HardwareType)[keyof typeof HardwareType];

/** Numbers that stand for 802.3 frames where an EtherType is expected. linux/if_ether.h. */
const ETH_P_802_3 = 1;
const ETH_P_802_2 = 4;

/** A frame that passes. One record per device is reused: what must outlive the call is to be copied. */
export class ShownFrame {
  readonly device: Device;
  packetType: PacketType = PacketType.Host;
  /** Its EtherType; of an outgoing frame what its sender says. */
  protocol = 0;
  source: MacAddress = NO_MAC;
  #frame: Frame | undefined = undefined;
  #payload = 0;

  constructor(device: Device) {
    this.device = device;
  }

  /** @internal `payload` is where `frame.start` is when the frame has no link header: the loopback's own. */
  show(frame: Frame, payload: number, tap: FrameTap, now: Micros): void {
    this.#frame = frame;
    this.#payload = payload;
    tap.onFrame(this, now);
    this.#frame = undefined;
  }

  /** Whether there is nothing in it, with its link header or without. */
  isEmpty(withHeader: boolean): boolean {
    return !withHeader && this.#frame!.end === this.#payload;
  }

  /**
   * A copy of its octets, with its link header (zeros but for the type on the loopback, as on Linux) or without. A checksum that
   * the link is to complete is complete in it; a super-segment is one frame.
   * Differs: Linux shows such a checksum as it is, and says so in PACKET_AUXDATA, for which few programs ask.
   */
  copy(withHeader: boolean): Uint8Array {
    const frame = this.#frame!;
    const isBare = frame.start === this.#payload;
    const at = withHeader ? frame.start : this.#payload;
    const missing = withHeader && isBare ? ETHERNET_HEADER : 0;
    const length = frame.end - at;
    const octets = new Uint8Array(missing + length);
    copyBytes(frame.bytes, at, octets, missing, length);
    if (missing > 0) setU16(octets, ETHERNET_HEADER - 2, this.protocol);
    if (frame.checksum === Checksum.Partial) {
      const network = isBare ? this.#payload : networkOf(frame);
      if (network >= 0) completeChecksumAt(octets, network - at + missing, octets.length);
    }
    return octets;
  }
}

/** Sees frames. It must only note them down. */
export interface FrameTap {
  onFrame(shown: ShownFrame, now: Micros): void;
  /** The interface was switched off. */
  onDown(device: Device): void;
}

/** The link layer that a device stands for. */
export interface DeviceLink {
  readonly mtu: number;
  /** Sends a frame that starts with its link header, and shows it; takes over the reference. */
  transmit(frame: Frame, protocol: number, now: Micros): void;
}

/** How often each address was added. Only its callers bound it. */
export class AddressCounts {
  readonly #counts = new Map<MacAddress, number>();

  get size(): number {
    return this.#counts.size;
  }

  has(address: MacAddress): boolean {
    return this.#counts.has(address);
  }

  add(address: MacAddress): void {
    this.#counts.set(address, (this.#counts.get(address) ?? 0) + 1);
  }

  remove(address: MacAddress): void {
    const count = this.#counts.get(address);
    if (count === undefined) return;
    if (count > 1) this.#counts.set(address, count - 1);
    else this.#counts.delete(address);
  }
}

export class Device {
  /** As IP numbers the interface; 0 until the stack has said so. */
  index = 0;
  readonly hardwareType: HardwareType;
  readonly address: MacAddress;
  /** The addresses that are taken besides the station's own and broadcast. Frames to a group go up from there, too. */
  readonly addresses = new AddressCounts();
  tap: FrameTap | undefined = undefined;

  readonly #link: DeviceLink;
  readonly #shown = new ShownFrame(this);
  #up = true;
  /** How often each mode was asked for. */
  #promiscuous = 0;
  #allMulticast = 0;

  constructor(hardwareType: HardwareType, address: MacAddress, link: DeviceLink) {
    this.hardwareType = hardwareType;
    this.address = address;
    this.#link = link;
  }

  get mtu(): number {
    return this.#link.mtu;
  }

  get up(): boolean {
    return this.#up;
  }

  setUp(up: boolean): void {
    if (up === this.#up) return;
    this.#up = up;
    if (!up) this.tap?.onDown(this);
  }

  /** Others' frames are shown, too. Each `true` wants its `false`. */
  setPromiscuous(on: boolean): void {
    this.#promiscuous += on ? 1 : -1;
  }

  /** Frames to any group are shown. Each `true` wants its `false`. */
  setAllMulticast(on: boolean): void {
    this.#allMulticast += on ? 1 : -1;
  }

  /** For whom a received frame is. The loopback knows no broadcast, in Linux's eyes. */
  packetTypeOf(destination: MacAddress): PacketType {
    if (destination === this.address) return PacketType.Host;
    if (destination === BROADCAST_MAC && this.hardwareType === HardwareType.Ether) return PacketType.Broadcast;
    return isGroup(destination) ? PacketType.Multicast : PacketType.OtherHost;
  }

  /** Shows a frame that came in, if there is a tap and the filter lets it pass; `start` is at its Ethernet header. */
  showIncoming(frame: Frame, destination: MacAddress, source: MacAddress, now: Micros): void {
    const type = this.packetTypeOf(destination);
    if (this.tap === undefined || !this.#passes(type, destination)) return;
    const protocol = incomingProtocol(frame.bytes, frame.start, frame.end);
    this.show(frame, frame.start + ETHERNET_HEADER, protocol, type, source, now);
  }

  /** Shows a frame, which is lent, if there is a tap. `payload` is past its link header. */
  show(frame: Frame, payload: number, protocol: number, type: PacketType, source: MacAddress, now: Micros): void {
    if (this.tap === undefined || !this.#up) return;
    const shown = this.#shown;
    shown.protocol = protocol;
    shown.packetType = type;
    shown.source = source;
    shown.show(frame, payload, this.tap, now);
  }

  // --- Sending, as a packet socket does it.

  /**
   * Octets of a frame that the interface takes at most, with the tag of a VLAN; `withHeader` says whether the link header counts.
   * Which frames have a tag is for `isTooLong` to see.
   */
  longest(withHeader: boolean): number {
    return this.mtu + (withHeader ? ETHERNET_HEADER : 0) + VLAN_LAYOUT.span;
  }

  /** Whether a frame is longer than the interface takes; `withHeader` says whether `length` counts the link header. */
  isTooLong(bytes: Uint8Array, at: number, length: number, withHeader: boolean): boolean {
    const tagged =
      withHeader &&
      this.hardwareType === HardwareType.Ether &&
      length >= ETHERNET_HEADER &&
      typeOf(bytes, at) === EtherType.Vlan;
    return length > this.longest(withHeader) - (tagged ? 0 : VLAN_LAYOUT.span);
  }

  /** Whether frames need a destination. */
  get wantsDestination(): boolean {
    return this.hardwareType === HardwareType.Ether;
  }

  /** Prepends the link header. Linux eth_header. */
  addHeader(frame: Frame, destination: MacAddress, protocol: number): void {
    const isLength = protocol === ETH_P_802_3 || protocol === ETH_P_802_2;
    emitEthernet(frame, destination, this.address, isLength ? frame.length & 0xffff : protocol);
  }

  /** Whether a frame has its link header, whole. */
  hasHeader(length: number): boolean {
    return length >= ETHERNET_HEADER;
  }

  /** What the link header of a frame says it carries. */
  protocolOf(frame: Frame): number {
    return typeOf(frame.bytes, frame.start);
  }

  /** Sends a frame that starts with its link header; takes over the reference. */
  transmit(frame: Frame, protocol: number, now: Micros): void {
    this.#link.transmit(frame, protocol, now);
  }

  /** A loopback filters nothing. */
  #passes(type: PacketType, destination: MacAddress): boolean {
    if (type === PacketType.Host || type === PacketType.Broadcast || this.#promiscuous > 0) return true;
    if (this.hardwareType === HardwareType.Loopback || this.addresses.has(destination)) return true;
    return type === PacketType.Multicast && this.#allMulticast > 0;
  }
}

/** The devices of one stack by the numbers of their interfaces. */
export class Devices {
  readonly #devices = new Map<number, Device>();
  #tap: FrameTap | undefined = undefined;

  /** @param index the number of its interface; 1 is the loopback's */
  add(index: number, device: Device): void {
    device.index = index;
    this.#devices.set(index, device);
    device.tap = this.#tap;
  }

  get(index: number): Device | undefined {
    return this.#devices.get(index);
  }

  /** Hangs a tap into every device, those to come included; undefined takes it out. */
  setTap(tap: FrameTap | undefined): void {
    this.#tap = tap;
    for (const device of this.#devices.values()) device.tap = tap;
  }
}

/**
 * What a received frame is said to carry: its EtherType, or for an 802.3 frame one of the two numbers that stand for that. Linux
 * eth_type_trans. Differs: a VLAN tag counts as what is carried, and stays in the frame; Linux takes it off and tells of it in
 * PACKET_AUXDATA.
 */
export function incomingProtocol(bytes: Uint8Array, at: number, end: number): number {
  const type = typeOf(bytes, at);
  if (type >= LEAST_TYPE) return type;
  const payload = at + ETHERNET_HEADER;
  // Novell's way: an IPX packet, which begins with ones, right behind the length.
  return payload + 2 <= end && getU16(bytes, payload) === 0xffff ? ETH_P_802_3 : ETH_P_802_2;
}
