/**
 * An Ethernet interface under test, with virtual time, a recording link and a recording user; and builders of frames.
 */
import { setU16, setU48 } from '../../src/core/bytes.ts';
import type { ConfigOverrides } from '../../src/core/config.ts';
import { makeContext } from '../../src/core/context.ts';
import type { Context } from '../../src/core/context.ts';
import type { Frame } from '../../src/core/frame.ts';
import { SeededRandom } from '../../src/core/random.ts';
import { micros, VirtualClock } from '../../src/core/time.ts';
import type { Micros } from '../../src/core/time.ts';
import type { TraceEvent } from '../../src/core/trace.ts';
import { BROADCAST_MAC, macAddress, NO_MAC } from '../../src/ethernet/address.ts';
import type { MacAddress } from '../../src/ethernet/address.ts';
import { ARP_LAYOUT, ArpOpcode } from '../../src/ethernet/arp-wire.ts';
import type { ArpFields } from '../../src/ethernet/arp-wire.ts';
import { EthernetInterface } from '../../src/ethernet/interface.ts';
import type { EthernetOptions } from '../../src/ethernet/interface.ts';
import type { LinkLayerUser } from '../../src/ethernet/service.ts';
import { EtherType } from '../../src/ethernet/wire.ts';
import { ipv4, parseAddress } from '../../src/ip/address.ts';
import type { IpAddress } from '../../src/ip/address.ts';
import { FakeLink } from '../support/fake-link.ts';
import type { SentFrame } from '../support/fake-link.ts';

export const OUR_MAC = macAddress(0x02_00_00_00_00_01);
export const PEER_MAC = macAddress(0x02_00_00_00_00_02);
export const OTHER_MAC = macAddress(0x02_00_00_00_00_03);
export const ip = (text: string): IpAddress => parseAddress(text)!;
export const OUR_IP = ip('10.0.0.1');
export const PEER_IP = ip('10.0.0.2');
export const OTHER_IP = ip('10.0.0.3');
export const ZERO_IP = ipv4(0);

/** What the user was told, as short texts and records. */
export class RecordingUser implements LinkLayerUser {
  readonly datagrams: Uint8Array[] = [];
  readonly broadcastMarks: boolean[] = [];
  readonly unreachable: { nextHop: IpAddress; bytes: Uint8Array; time: Micros }[] = [];
  readonly conflicts: { address: IpAddress; time: Micros }[] = [];
  readonly ready: { address: IpAddress; time: Micros }[] = [];
  /** Called by `onUnreachable`, for tests of what happens from inside it. */
  onFailure: (() => void) | undefined = undefined;

  onIpv4(frame: Frame): void {
    this.datagrams.push(frame.view().slice());
    this.broadcastMarks.push(frame.linkBroadcast);
  }

  onUnreachable(frame: Frame, nextHop: IpAddress, time: Micros): void {
    this.unreachable.push({ nextHop, bytes: frame.view().slice(), time });
    this.onFailure?.();
  }

  onConflict(address: IpAddress, time: Micros): void {
    this.conflicts.push({ address, time });
  }

  onAddressReady(address: IpAddress, time: Micros): void {
    this.ready.push({ address, time });
  }
}

export class Station {
  readonly context: Context;
  readonly link = new FakeLink();
  readonly clock = new VirtualClock(micros(1_000_000));
  readonly user = new RecordingUser();
  readonly ethernet: EthernetInterface;
  readonly events: TraceEvent[] = [];

  constructor(config: ConfigOverrides = {}, options: EthernetOptions = {}) {
    this.context = makeContext(new SeededRandom(7), config);
    this.context.trace.listen((event) => this.events.push(event));
    this.ethernet = new EthernetInterface(this.context, this.link, OUR_MAC, options);
    this.ethernet.user = this.user;
  }

  get now(): Micros {
    return this.clock.now();
  }

  /** Lets time pass by `span`; each timer fires at its own time. */
  run(span: number): void {
    const until = micros(this.now + span);
    while (this.context.timers.next() <= until) {
      this.clock.advanceTo(this.context.timers.next());
      this.context.timers.expire(this.now);
    }
    this.clock.advanceTo(until);
  }

  /** Lends a frame to the interface, as a stack does. */
  input(bytes: Uint8Array): void {
    const frame = this.context.frames.from(bytes);
    this.ethernet.input(frame, this.now);
    frame.release();
  }

  /** Sends a datagram of these octets. */
  output(nextHop: IpAddress, datagram: Uint8Array = datagramOf(1)): number {
    return this.ethernet.output(this.context.frames.from(datagram), nextHop, this.now);
  }

  state(address: IpAddress): string | undefined {
    return this.ethernet.neighbors.lookup(address, this.now)?.state;
  }

  /** An own address in use, its announcements done with. */
  withAddress(address: IpAddress = OUR_IP): this {
    this.ethernet.addAddress(address, false, this.now);
    this.run(3_000_000);
    this.link.take();
    return this;
  }

  /** A neighbour that has just answered. */
  withReachable(address: IpAddress = PEER_IP, mac: MacAddress = PEER_MAC): this {
    this.output(address);
    this.input(arpFrame({ opcode: ArpOpcode.Reply, senderProtocol: address, senderHardware: mac }));
    this.link.take();
    return this;
  }

  /** A neighbour whose confirmation has run out. */
  withStale(address: IpAddress = PEER_IP, mac: MacAddress = PEER_MAC): this {
    this.withReachable(address, mac);
    this.run(this.context.config.arp.reachableTime);
    return this;
  }

  drops(): Record<string, number> {
    return { ...this.context.drops.snapshot() };
  }
}

/** A datagram of 64 octets that can be told apart from others. */
export const datagramOf = (mark: number, length = 64): Uint8Array => new Uint8Array(length).fill(mark);

/** A frame with an Ethernet II header. */
export function etherFrame(destination: MacAddress, source: MacAddress, type: number, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(14 + payload.length);
  setU48(bytes, 0, destination);
  setU48(bytes, 6, source);
  setU16(bytes, 12, type);
  bytes.set(payload, 14);
  return bytes;
}

/** An ARP packet as the layout encodes it: by default a request of the peer for our address. */
export function arpPacket(fields: Partial<ArpFields> = {}): Uint8Array {
  const bytes = new Uint8Array(ARP_LAYOUT.span);
  const all: ArpFields = {
    hardwareType: 1,
    protocolType: 0x0800,
    hardwareLength: 6,
    protocolLength: 4,
    opcode: ArpOpcode.Request,
    senderHardware: PEER_MAC,
    senderProtocol: PEER_IP,
    targetHardware: fields.opcode === ArpOpcode.Reply ? OUR_MAC : NO_MAC,
    targetProtocol: OUR_IP,
    ...fields,
  };
  ARP_LAYOUT.encode(all, Buffer.from(bytes.buffer));
  return bytes;
}

/** The same in a frame from its sender: replies to us alone, requests to everybody. */
export function arpFrame(fields: Partial<ArpFields> = {}, destination?: MacAddress): Uint8Array {
  const to = destination ?? (fields.opcode === ArpOpcode.Reply ? OUR_MAC : BROADCAST_MAC);
  const from = macAddress(fields.senderHardware ?? PEER_MAC);
  return etherFrame(to, from, EtherType.Arp, arpPacket(fields));
}

/** The ARP fields of a sent frame, with the frame's addresses; throws when it is none. */
export function sentArp(frame: SentFrame): ArpFields & { destination: number; source: number } {
  const bytes = Buffer.from(frame.bytes);
  if (bytes.readUInt16BE(12) !== EtherType.Arp) throw new Error('not an ARP frame');
  return { ...ARP_LAYOUT.decode(bytes, 14), destination: bytes.readUIntBE(0, 6), source: bytes.readUIntBE(6, 6) };
}
