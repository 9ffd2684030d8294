/**
 * An Ethernet interface as IP sees it: port, ARP (1122-2.3.3-f) and neighbour cache around one link. RFC 894, RFC 826,
 * RFC 1122 §2.
 *
 * Read next: ethernet.ts (frames), arp.ts (packets), neighbors.ts (the cache), acd.ts (own addresses).
 */
import type { Context } from '../core/context.ts';
import type { Frame } from '../core/frame.ts';
import type { Micros } from '../core/time.ts';
import type { IpAddress } from '../ip/address.ts';
import type { Link } from '../link/link.ts';
import { AddressClaims } from './acd.ts';
import type { DefencePolicy } from './acd.ts';
import { BROADCAST_MAC, groupMac } from './address.ts';
import type { MacAddress } from './address.ts';
import { Arp } from './arp.ts';
import type { Device } from './device.ts';
import { EthernetPort } from './ethernet.ts';
import { NeighborCache } from './neighbors.ts';
import type { LinkLayer, LinkLayerUser } from './service.ts';
import { EtherType } from './wire.ts';

export interface EthernetOptions {
  /** What to do when an own address is claimed again and again; 'give-up' unless told otherwise. RFC 5227 §2.4. */
  readonly defence?: DefencePolicy;
}

export class EthernetInterface implements LinkLayer {
  readonly name: string;
  readonly mac: MacAddress;
  user: LinkLayerUser | undefined = undefined;
  /** For more EtherTypes, and for the counters of frames and octets. */
  readonly port: EthernetPort;
  /** For static entries and display. */
  readonly neighbors: NeighborCache;

  readonly #link: Link;
  readonly #claims: AddressClaims;

  /** The link is not started by this. Throws a RangeError when `mac` is a group address. */
  constructor(context: Context, link: Link, mac: MacAddress, options: EthernetOptions = {}) {
    this.name = link.name;
    this.mac = mac;
    this.#link = link;
    const port = new EthernetPort(context, link, mac);
    const claims = new AddressClaims(
      context,
      {
        broadcastRequest: (sender, target, now) => arp.request(sender, target, BROADCAST_MAC, now),
        ready: (address, now) => this.user?.onAddressReady(address, now),
        conflict: (address, now) => this.user?.onConflict(address, now),
      },
      link.name,
      options.defence ?? 'give-up',
    );
    const neighbors = new NeighborCache(
      context,
      {
        transmit: (frame, destination, now) => port.output(frame, destination, EtherType.Ipv4, now),
        mayRequest: (target) => claims.sourceFor(target) !== undefined,
        request: (target, destination, now) => {
          const source = claims.sourceFor(target);
          // The last address may have been removed since; the answer then stays out, as it would on the network.
          if (source !== undefined) arp.request(source, target, destination, now);
          else context.drops.drop('arp-no-source');
        },
        unreachable: (frame, nextHop, now) => this.user?.onUnreachable(frame, nextHop, now),
      },
      link.name,
    );
    const arp = new Arp(context, port, claims, neighbors);
    port.register(EtherType.Arp, (frame, now) => arp.input(frame, now));
    port.register(EtherType.Ipv4, (frame, now) => {
      if (this.user !== undefined) this.user.onIpv4(frame, now);
      else context.drops.drop('ether-unknown-type', frame);
    });
    this.port = port;
    this.neighbors = neighbors;
    this.#claims = claims;
  }

  get device(): Device {
    return this.port.device;
  }

  get mtu(): number {
    return this.#link.mtu;
  }

  get maxSegment(): number {
    return this.#link.maxSegment;
  }

  get checksumOffload(): boolean {
    return this.#link.checksumOffload;
  }

  /** Takes a received frame, which is lent and starts with its Ethernet header. */
  input(frame: Frame, now: Micros): void {
    this.port.input(frame, now);
  }

  // 1122-2.4-b: the type of service comes with the datagram, in its IP header; no link here has a use for it.
  output(frame: Frame, nextHop: IpAddress, now: Micros): number {
    return this.neighbors.output(frame, nextHop, now);
  }

  outputBroadcast(frame: Frame, now: Micros): number {
    this.port.output(frame, BROADCAST_MAC, EtherType.Ipv4, now);
    return 0;
  }

  outputMulticast(frame: Frame, group: IpAddress, now: Micros): number {
    this.port.output(frame, groupMac(group), EtherType.Ipv4, now);
    return 0;
  }

  addAddress(address: IpAddress, probe: boolean, now: Micros): void {
    this.#claims.add(address, probe, now);
  }

  removeAddress(address: IpAddress): void {
    this.#claims.remove(address);
  }

  confirm(nextHop: IpAddress, now: Micros): void {
    this.neighbors.confirm(nextHop, now);
  }

  /** Receives frames to the group's Ethernet address from now on; each call wants its `leaveGroup`. RFC 1112 §7.3, §7.4. */
  joinGroup(group: IpAddress): void {
    this.port.join(groupMac(group));
  }

  leaveGroup(group: IpAddress): void {
    this.port.leave(groupMac(group));
  }

  /** Forgets addresses and neighbours, stops their timers and gives up what waits. The link is its owner's to close. */
  close(): void {
    this.#claims.clear();
    this.neighbors.clear();
  }
}
