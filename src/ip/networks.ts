/**
 * What a host is told of its networks: interfaces, addresses, routes. RFC 1122 §3.3.1.1, §3.3.1.6, §3.3.4.2; RFC 5227.
 *
 * It keeps the three consistent: an address brings its connected network, its broadcast addresses, and the link layer's answers
 * for it; all of that goes when it goes. Look-ups are in routes.ts and address-table.ts.
 */
import type { Context } from '../core/context.ts';
import { Errno } from '../core/errno.ts';
import type { Micros } from '../core/time.ts';
import type { LinkLayer } from '../ethernet/service.ts';
import { formatAddress, ipv4, isLoopback, isMulticast, networkAddress, prefixMask } from './address.ts';
import type { IpAddress, Prefix } from './address.ts';
import { AddressTable, isUnicast } from './address-table.ts';
import { ALL_HOSTS_GROUP, NetworkInterface } from './interface.ts';
import type { InterfaceOwner } from './interface.ts';
import { RouteTable } from './routes.ts';
import type { Route } from './routes.ts';

/** A route to add or remove. Without `gateway` the network is on the link, and `interfaceId` is needed. */
export interface RouteSpec {
  readonly destination: Prefix;
  readonly gateway?: IpAddress;
  readonly interfaceId?: number;
  /** Lower is better; 0 by default. */
  readonly metric?: number;
}

/** An interface as plain data. */
export interface InterfaceInfo {
  readonly id: number;
  readonly name: string;
  readonly up: boolean;
  readonly mtu: number;
  readonly addresses: readonly Prefix[];
  readonly tentative: readonly Prefix[];
  readonly groups: readonly IpAddress[];
}

export class Networks {
  /** All interfaces, by id - 1; the first is the loopback. */
  readonly interfaces: NetworkInterface[] = [];
  readonly addresses = new AddressTable();
  readonly routes: RouteTable;
  /** Told when an address may be used (at once without a probe), or turned out to be another's. It must only note this down. */
  onAddressSettled: ((address: IpAddress, usable: boolean) => void) | undefined = undefined;
  readonly #context: Context;

  constructor(context: Context) {
    this.#context = context;
    this.routes = new RouteTable((id) => this.interfaces[id - 1]!.up);
  }

  /** Takes a link layer into use; it has no address yet. Interfaces are for good. */
  addInterface(link: LinkLayer, loopback: boolean, owner: InterfaceOwner): NetworkInterface {
    const network = new NetworkInterface(this.interfaces.length + 1, link, loopback, owner);
    this.interfaces.push(network);
    link.joinGroup?.(ALL_HOSTS_GROUP);
    this.#changed();
    return network;
  }

  /** Switches an interface on or off; routes through one that is off do not count. */
  setUp(network: NetworkInterface, up: boolean): void {
    network.up = up;
    network.link.device?.setUp(up);
    this.#changed();
  }

  /**
   * Gives an interface an address; its network becomes reachable. With `probe` that happens once the link layer has found
   * that nobody else has it (RFC 5227). 0, -EINVAL for what is no host's address, -EEXIST, -ENOBUFS with too many routes.
   */
  addAddress(network: NetworkInterface, prefix: Prefix, probe: boolean, now: Micros): number {
    const { address } = prefix;
    if (!isHostAddress(prefix) || isLoopback(address) !== network.isLoopback) return -Errno.EINVAL;
    const same = (other: Prefix): boolean => other.address === address;
    const taken = this.interfaces.some((other) => other.addresses.some(same) || other.tentative.some(same));
    if (taken) return -Errno.EEXIST;
    if (this.routes.size >= this.#context.config.ip.maxRoutes) return -Errno.ENOBUFS;
    network.tentative.push({ address, length: prefix.length });
    if (!probe) this.addressReady(network, address, now);
    network.link.addAddress(address, probe, now);
    return 0;
  }

  /** Takes an address away; what is bound to it can no longer send. False when it was not there. */
  removeAddress(network: NetworkInterface, address: IpAddress): boolean {
    const removed = take(network.tentative, address) ?? take(network.addresses, address);
    if (removed === undefined) return false;
    network.link.removeAddress(address);
    this.#syncConnected(network);
    this.#changed();
    return true;
  }

  /** The link layer lets an address be used: after probing, or at once. */
  addressReady(network: NetworkInterface, address: IpAddress, now: Micros): void {
    const prefix = take(network.tentative, address);
    if (prefix === undefined) return;
    network.addresses.push(prefix);
    this.#syncConnected(network);
    this.#changed();
    this.#trace(now, 'address-ready', { interface: network.name, address: formatAddress(address) });
    this.onAddressSettled?.(address, true);
  }

  /** Somebody else has the address: it is given up. RFC 5227 §2.1, §2.4. */
  conflict(network: NetworkInterface, address: IpAddress, now: Micros): void {
    this.#trace(now, 'address-conflict', { interface: network.name, address: formatAddress(address) });
    this.removeAddress(network, address);
    this.onAddressSettled?.(address, false);
  }

  /**
   * Adds a static route or (0.0.0.0/0) a default gateway; several may be given (1122-3.3.1.2-d). 0, or -ENODEV for an unknown
   * interface, -ENETUNREACH for a gateway on no connected network, -EINVAL, -EEXIST, -ENOBUFS.
   */
  addRoute(spec: RouteSpec): number {
    const interfaceId = this.#routeInterface(spec);
    if (interfaceId < 0) return interfaceId;
    if (this.routes.size >= this.#context.config.ip.maxRoutes) return -Errno.ENOBUFS;
    const added = this.routes.add('static', spec.destination, spec.gateway, interfaceId, spec.metric ?? 0);
    return added ? 0 : -Errno.EEXIST;
  }

  /** Removes the static routes that match; what is left out of the spec matches anything. Returns how many. */
  removeRoute(spec: RouteSpec): number {
    const network = networkAddress(spec.destination);
    return this.routes.remove(
      (route) =>
        route.kind === 'static' &&
        route.destination.length === spec.destination.length &&
        route.destination.address === network &&
        (spec.gateway === undefined || spec.gateway === route.gateway) &&
        (spec.interfaceId === undefined || spec.interfaceId === route.interfaceId),
    );
  }

  /** As IcmpSupport.redirect. RFC 1122 §3.2.2.2, §3.3.1.2. */
  redirect(from: IpAddress, destination: IpAddress, gateway: IpAddress, interfaceId: number, now: Micros): boolean {
    const { acceptRedirects, maxRedirects } = this.#context.config.ip;
    if (!acceptRedirects || !isUnicast(destination) || !this.addresses.isOtherHost(gateway)) return false;
    // From the current first hop only, and to a gateway on the network that it came in on. 1122-3.2.2.2-d.
    const route = this.routes.lookup(destination);
    if (route?.gateway !== from || route.interfaceId !== interfaceId) return false;
    if (!this.routes.isOnLink(gateway, interfaceId)) return false;
    // Network Redirects count as host Redirects. 1122-3.3.1.2-b.
    this.routes.redirect(destination, gateway, interfaceId, maxRedirects);
    this.#trace(now, 'redirect', { destination: formatAddress(destination), gateway: formatAddress(gateway) });
    return true;
  }

  /**
   * A gateway does not answer: the next one takes its place, if there is one. Returns whether there is hope for `destination`
   * now: its gateway is another, and has not failed itself a short while ago. RFC 1122 §3.3.1.5.
   */
  gatewayFailed(network: NetworkInterface, gateway: IpAddress, destination: IpAddress, now: Micros): boolean {
    if (this.routes.fail(gateway, network.id, now)) {
      this.#trace(now, 'gateway-failed', { interface: network.name, gateway: formatAddress(gateway) });
    }
    const next = this.routes.lookup(destination);
    if (next === undefined || next.gateway === gateway) return false;
    return now - next.failedAt > this.#context.config.arp.reachableTime;
  }

  interfaceInfo(): InterfaceInfo[] {
    return this.interfaces.map((network) => ({
      id: network.id,
      name: network.name,
      up: network.up,
      mtu: network.link.mtu,
      addresses: [...network.addresses],
      tentative: [...network.tentative],
      groups: [...network.groups.keys()],
    }));
  }

  routeInfo(): Route[] {
    return Array.from(this.routes.routes(), (route) => ({ ...route }));
  }

  /** The interface that a new route leads to, or a negative errno. */
  #routeInterface(spec: RouteSpec): number {
    const { destination, gateway, interfaceId } = spec;
    if (destination.length < 0 || destination.length > 32) return -Errno.EINVAL;
    if (interfaceId !== undefined && this.interfaces[interfaceId - 1] === undefined) return -Errno.ENODEV;
    if (gateway === undefined) return interfaceId ?? -Errno.EINVAL;
    if (isMulticast(destination.address) || !this.addresses.isOtherHost(gateway)) return -Errno.EINVAL;
    for (const network of this.interfaces) {
      if (interfaceId !== undefined && network.id !== interfaceId) continue;
      if (this.routes.isOnLink(gateway, network.id)) return network.id;
    }
    return -Errno.ENETUNREACH;
  }

  /** Makes the connected routes those of the addresses, and removes routes whose gateway is on no connected network any more. */
  #syncConnected(network: NetworkInterface): void {
    const through = (route: Route): boolean => route.interfaceId === network.id;
    const orphaned = (route: Route): boolean =>
      route.kind === 'connected' && through(route) && !network.addresses.some((prefix) => samePrefix(prefix, route));
    this.routes.remove(orphaned);
    for (const prefix of network.addresses) {
      if (prefix.length < 32) this.routes.add('connected', prefix, undefined, network.id, 0);
    }
    const stranded = (route: Route): boolean =>
      through(route) && route.gateway !== undefined && !this.routes.isOnLink(route.gateway, network.id);
    this.routes.remove(stranded);
  }

  #changed(): void {
    this.addresses.rebuild(this.interfaces);
    this.routes.touch();
  }

  #trace(now: Micros, name: string, facts: Record<string, string>): void {
    if (this.#context.trace.enabled) this.#context.trace.emit(now, 'ip', name, facts);
  }
}

/** Whether a prefix holds an address that a host may have: unicast, its host part neither all zeros nor all ones. RFC 1122 §3.2.1.3. */
function isHostAddress(prefix: Prefix): boolean {
  const { address, length } = prefix;
  if (!isUnicast(address) || length < 1 || length > 32) return false;
  if (length >= 31) return true; // RFC 3021: both addresses of a /31 are hosts.
  const hostMask = ipv4(~prefixMask(length));
  return (address & hostMask) >>> 0 !== 0 && (address & hostMask) >>> 0 !== hostMask;
}

const samePrefix = (prefix: Prefix, { destination }: Route): boolean =>
  prefix.length === destination.length && networkAddress(prefix) === destination.address;

/** Takes the prefix with this address out of a list. */
function take(prefixes: Prefix[], address: IpAddress): Prefix | undefined {
  const index = prefixes.findIndex((prefix) => prefix.address === address);
  return index < 0 ? undefined : prefixes.splice(index, 1)[0];
}
