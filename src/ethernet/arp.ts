/**
 * The Address Resolution Protocol: what is done with a received packet, in RFC 826's order, and how packets are sent.
 *
 * RFC 826 "Packet Reception"; RFC 5227's test for conflicts comes before it. The table is neighbors.ts, the own addresses
 * are acd.ts. Left out: proxy ARP, reverse and inverse ARP.
 */
import type { Context } from '../core/context.ts';
import type { DropReason } from '../core/drop.ts';
import type { Frame } from '../core/frame.ts';
import type { Micros } from '../core/time.ts';
import { ANY_ADDRESS, BROADCAST_ADDRESS, isLoopback, isMulticast, isThisNetwork } from '../ip/address.ts';
import type { IpAddress } from '../ip/address.ts';
import type { AddressClaims } from './acd.ts';
import { isGroup, NO_MAC } from './address.ts';
import type { MacAddress } from './address.ts';
import { ARP_LENGTH, ArpOpcode, emitArp, makeArpPacket, parseArp } from './arp-wire.ts';
import type { ArpPacket } from './arp-wire.ts';
import type { EthernetPort } from './ethernet.ts';
import type { NeighborCache } from './neighbors.ts';
import { EtherType } from './wire.ts';

export class Arp {
  readonly #context: Context;
  readonly #port: EthernetPort;
  readonly #claims: AddressClaims;
  readonly #neighbors: NeighborCache;
  /** The packet at hand, and the one being sent: a send may happen while the first is still read. */
  readonly #received = makeArpPacket();
  readonly #sent = makeArpPacket();

  constructor(context: Context, port: EthernetPort, claims: AddressClaims, neighbors: NeighborCache) {
    this.#context = context;
    this.#port = port;
    this.#claims = claims;
    this.#neighbors = neighbors;
  }

  /** Takes an ARP packet; the frame is lent, `start` at the packet. */
  input(frame: Frame, now: Micros): void {
    const packet = this.#received;
    const refusal =
      parseArp(frame.bytes, frame.start, frame.end, packet) ??
      this.#checkSender(packet) ??
      (this.#claims.detect(packet, now) ? 'arp-conflict' : this.#receive(packet, frame.linkBroadcast, now));
    if (refusal !== undefined) this.#context.drops.drop(refusal, frame);
  }

  /** RFC 826 "Packet Reception" from the Merge_flag on. Returns what is wrong with a packet that asks nothing of us. */
  #receive(packet: ArpPacket, broadcast: boolean, now: Micros): DropReason | undefined {
    const isForUs = this.#claims.isInUse(packet.targetProtocol);
    const isProbe = packet.senderProtocol === ANY_ADDRESS;
    // An answer to a question of ours comes to us alone, not as a broadcast.
    const solicited = isForUs && packet.opcode === ArpOpcode.Reply && !broadcast;
    const merged = !isProbe && this.#neighbors.update(packet.senderProtocol, packet.senderHardware, solicited, now);
    if (!isForUs) return 'arp-not-for-us';
    switch (packet.opcode) {
      case ArpOpcode.Request:
        if (!merged && !isProbe) this.#neighbors.learn(packet.senderProtocol, packet.senderHardware, now);
        this.#reply(packet, now);
        return undefined;
      case ArpOpcode.Reply:
        // 826-b. Differs: RFC 826 adds the sender before it looks at the opcode; then anybody could fill the table with
        // replies that nobody asked for. Linux (arp_accept = 0) does not add them either.
        return merged ? undefined : 'arp-unsolicited';
      default:
        return 'arp-opcode';
    }
  }

  /** Asks everybody, or the one station believed to have it, for the hardware address of `target`. */
  request(senderProtocol: IpAddress, target: IpAddress, destination: MacAddress, now: Micros): void {
    this.#send(ArpOpcode.Request, senderProtocol, NO_MAC, target, destination, now);
  }

  /** "Swap hardware and protocol fields, putting the local hardware and protocol addresses in the sender fields." RFC 826. */
  #reply(request: ArpPacket, now: Micros): void {
    const { targetProtocol, senderHardware, senderProtocol } = request;
    this.#send(ArpOpcode.Reply, targetProtocol, senderHardware, senderProtocol, senderHardware, now);
  }

  #send(
    opcode: number,
    senderProtocol: IpAddress,
    targetHardware: MacAddress,
    targetProtocol: IpAddress,
    destination: MacAddress,
    now: Micros,
  ): void {
    const packet = this.#sent;
    packet.opcode = opcode;
    packet.senderHardware = this.#port.mac;
    packet.senderProtocol = senderProtocol;
    packet.targetHardware = targetHardware;
    packet.targetProtocol = targetProtocol;
    const frame = this.#context.frames.acquire(ARP_LENGTH);
    emitArp(frame, packet);
    frame.reason = opcode === ArpOpcode.Reply ? 'arp reply' : requestReason(senderProtocol, targetProtocol);
    this.#port.output(frame, destination, EtherType.Arp, now);
  }

  /** Why no station can have sent this with these addresses, else undefined. */
  #checkSender(packet: ArpPacket): DropReason | undefined {
    // RFC 5227 §2.1.1, NOTE: some hubs and access points send a station's own broadcasts back to it.
    if (packet.senderHardware === this.#port.mac) return 'arp-own';
    if (packet.senderHardware === NO_MAC || isGroup(packet.senderHardware)) return 'arp-bad-sender';
    const sender = packet.senderProtocol;
    if (sender === ANY_ADDRESS) return undefined; // a probe
    // RFC 1122 §3.2.1.3: none of these is the address of a host.
    const impossible =
      sender === BROADCAST_ADDRESS || isMulticast(sender) || isLoopback(sender) || isThisNetwork(sender);
    return impossible ? 'arp-bad-sender' : undefined;
  }
}

function requestReason(senderProtocol: IpAddress, target: IpAddress): string {
  if (senderProtocol === ANY_ADDRESS) return 'arp probe';
  return senderProtocol === target ? 'arp announcement' : 'arp request';
}
