/**
 * A network interface as IP sees it: a link layer with addresses, multicast groups and a state. RFC 1122 §3.3.4.
 *
 * It holds data and passes the link layer's calls on to IP; ip/ipv4.ts decides. Groups are joined and left by way of groups.ts.
 */
import type { Frame } from '../core/frame.ts';
import type { Micros } from '../core/time.ts';
import type { LinkLayer, LinkLayerUser } from '../ethernet/service.ts';
import { inPrefix, ipv4 } from './address.ts';
import type { IpAddress, Prefix } from './address.ts';

/** 224.0.0.1, which every interface is in from the start. RFC 1122 §3.3.7, 1122-3.3.7-c. */
export const ALL_HOSTS_GROUP = ipv4(0xe0000001);

/** Who decides about what an interface's link layer reports: ip/ipv4.ts. */
export interface InterfaceOwner {
  /** @param looped whether it is the copy of an own multicast, which has an own source */
  input(interfaceId: number, frame: Frame, now: Micros, looped?: boolean): void;
  unreachable(network: NetworkInterface, frame: Frame, nextHop: IpAddress, now: Micros): void;
  conflict(network: NetworkInterface, address: IpAddress, now: Micros): void;
  addressReady(network: NetworkInterface, address: IpAddress, now: Micros): void;
}

export class NetworkInterface implements LinkLayerUser {
  /** 1 is the loopback, as on Linux; links follow in the order in which they were added. */
  readonly id: number;
  readonly link: LinkLayer;
  readonly isLoopback: boolean;
  /** Change it through Ipv4.setUp, so that paths learn of it. */
  up = true;
  /** Addresses in use, the primary one first. */
  readonly addresses: Prefix[] = [];
  /** Addresses that the link layer still probes for (RFC 5227 §2.1); not used for anything yet. */
  readonly tentative: Prefix[] = [];
  /** Multicast groups whose datagrams are taken, with how many asked for each. Changed by groups.ts only. */
  readonly groups = new Map<IpAddress, number>([[ALL_HOSTS_GROUP, 1]]);
  readonly #owner: InterfaceOwner;

  constructor(id: number, link: LinkLayer, isLoopback: boolean, owner: InterfaceOwner) {
    this.id = id;
    this.link = link;
    this.isLoopback = isLoopback;
    this.#owner = owner;
    link.user = this;
  }

  get name(): string {
    return this.link.name;
  }

  /** Whether it is up and has an address. */
  get ready(): boolean {
    return this.up && this.addresses.length > 0;
  }

  /** The own address to use towards a next hop: one in its network (the most specific), else the primary. RFC 1122 §3.3.4.3. */
  sourceFor(nextHop: IpAddress): IpAddress | undefined {
    let best: Prefix | undefined = undefined;
    for (const prefix of this.addresses) {
      if (inPrefix(nextHop, prefix) && (best === undefined || prefix.length > best.length)) best = prefix;
    }
    return (best ?? this.addresses[0])?.address;
  }

  onIpv4(frame: Frame, now: Micros): void {
    this.#owner.input(this.id, frame, now);
  }

  /** Takes the copy of a multicast that this host has sent out here. RFC 1112 §6.2. */
  onLooped(frame: Frame, now: Micros): void {
    this.#owner.input(this.id, frame, now, true);
  }

  onUnreachable(frame: Frame, nextHop: IpAddress, now: Micros): void {
    this.#owner.unreachable(this, frame, nextHop, now);
  }

  onConflict(address: IpAddress, now: Micros): void {
    this.#owner.conflict(this, address, now);
  }

  onAddressReady(address: IpAddress, now: Micros): void {
    this.#owner.addressReady(this, address, now);
  }
}
