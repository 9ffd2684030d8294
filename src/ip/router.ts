/**
 * Where a datagram goes: interface, next hop and source address. RFC 1122 §3.3.1.1, §3.3.4.3, §3.3.6.
 *
 * The weak model of §3.3.4.2: the route depends on the destination, not on the source (broadcasts and multicasts, which have
 * no route of their own, leave by the source's interface). Recent paths are kept in a small table: the route cache that
 * §3.3.1.2 asks for.
 */
import { Errno } from '../core/errno.ts';
import { ANY_ADDRESS, BROADCAST_ADDRESS, LOOPBACK_ADDRESS, isLoopback, isMulticast } from './address.ts';
import type { IpAddress } from './address.ts';
import { isUnicast } from './address-table.ts';
import type { AddressTable } from './address-table.ts';
import type { Identifications } from './identification.ts';
import type { NetworkInterface } from './interface.ts';
import type { Networks } from './networks.ts';
import { Ipv4Path, PathKind } from './path.ts';
import type { PathResolver } from './path.ts';
import type { PathMtuTable } from './path-mtu.ts';
import type { RouteTable } from './routes.ts';

/** Slots of the route cache, a power of two; each holds the last path that hashed to it. */
const CACHE_SLOTS = 256;

interface CacheSlot {
  /** The source that was asked for: ANY_ADDRESS when selection chose. */
  readonly asked: IpAddress;
  /** The routes' generation when it was made. */
  readonly generation: number;
  readonly path: Ipv4Path;
}

export class Router implements PathResolver {
  readonly pathMtus: PathMtuTable;
  readonly #interfaces: readonly NetworkInterface[];
  readonly #addresses: AddressTable;
  readonly #routes: RouteTable;
  readonly #identifications: Identifications;
  readonly #cache: (CacheSlot | undefined)[] = Array.from({ length: CACHE_SLOTS }, () => undefined);

  // What `#select` has found.
  #network: NetworkInterface | undefined = undefined;
  #nextHop: IpAddress = ANY_ADDRESS;
  #kind: PathKind = PathKind.Unicast;

  constructor(networks: Networks, identifications: Identifications, pathMtus: PathMtuTable) {
    this.pathMtus = pathMtus;
    this.#interfaces = networks.interfaces;
    this.#addresses = networks.addresses;
    this.#routes = networks.routes;
    this.#identifications = identifications;
  }

  get generation(): number {
    return this.#routes.generation;
  }

  /** As IpService.route. */
  route(destination: IpAddress, source: IpAddress, bound: number, options: Uint8Array): Ipv4Path | number {
    const slot = (destination ^ (destination >>> 8) ^ (source * 31) ^ bound) & (CACHE_SLOTS - 1);
    const cached = this.#cache[slot];
    // The generation at the time of asking counts, not the path's: a holder may have brought it up to date, but its source
    // was chosen under other routes.
    const plain = options.length === 0;
    if (plain && cached?.generation === this.generation && cached.asked === source) {
      if (cached.path.destination === destination && cached.path.boundInterface === bound) return cached.path;
    }
    const error = this.#select(destination, source, bound);
    if (error !== 0) return error;
    const chosen = source === ANY_ADDRESS ? this.#chooseSource(destination) : source;
    if (chosen === undefined) return -Errno.EADDRNOTAVAIL;
    const path = new Ipv4Path(
      this,
      chosen,
      destination,
      bound,
      this.#identifications.hash(chosen, destination),
      options,
    );
    this.#store(path);
    if (plain) this.#cache[slot] = { asked: source, generation: this.generation, path };
    return path;
  }

  resolve(path: Ipv4Path): void {
    const error = this.#select(path.destination, path.source, path.boundInterface);
    if (error !== 0) {
      path.error = error;
      path.generation = this.generation;
    } else {
      this.#store(path);
    }
  }

  #store(path: Ipv4Path): void {
    path.network = this.#network;
    path.nextHop = this.#nextHop;
    path.kind = this.#kind;
    path.error = 0;
    path.generation = this.generation;
  }

  /** Finds interface, next hop and kind; returns 0 or a negative errno. */
  #select(destination: IpAddress, source: IpAddress, bound: number): number {
    if (source !== ANY_ADDRESS && !this.#addresses.isOwn(source)) return -Errno.EINVAL;
    const error = this.#lookUp(destination, source, bound);
    if (error !== 0 || !isLoopback(source)) return error;
    // 127.0.0.0/8 must not appear outside a host. RFC 1122 §3.2.1.3 (g).
    return this.#kind !== PathKind.Broadcast && this.#network!.isLoopback ? 0 : -Errno.EINVAL;
  }

  #lookUp(destination: IpAddress, source: IpAddress, bound: number): number {
    this.#kind = PathKind.Unicast;
    this.#nextHop = destination;
    if (bound !== 0 && this.#interfaces[bound - 1] === undefined) return -Errno.ENODEV;
    if (this.#addresses.isOwn(destination) && this.#mayStayInside(destination, bound)) {
      this.#network = this.#interfaces[0];
      return 0;
    }
    if (destination === BROADCAST_ADDRESS) return this.#selectLink(destination, PathKind.Broadcast, source, bound);
    if (isMulticast(destination)) return this.#selectLink(destination, PathKind.Multicast, source, bound);
    // 0.0.0.0/8 must not be sent (§3.2.1.3 (a, b)); class E stands for nobody, and answers from there are not taken.
    if (!isUnicast(destination)) return -Errno.ENETUNREACH;
    const route = this.#routes.lookup(destination, bound);
    if (route === undefined) return this.#assumeOnLink(destination, bound);
    this.#network = this.#interfaces[route.interfaceId - 1];
    if (route.gateway !== undefined) this.#nextHop = route.gateway;
    else if (this.#addresses.isBroadcast(destination)) this.#kind = PathKind.Broadcast;
    return 0;
  }

  /** Whether an own address is reached inside the host: unless another interface was asked for. */
  #mayStayInside(destination: IpAddress, bound: number): boolean {
    return bound <= 1 || this.owner(destination) === bound;
  }

  /** Who asks for an interface knows better than the routes: the host is on its link. Linux ip_route_output_key; not for 127.0.0.0/8. */
  #assumeOnLink(destination: IpAddress, bound: number): number {
    const network = this.#interfaces[bound - 1];
    if (network?.ready !== true || isLoopback(destination)) return -Errno.ENETUNREACH;
    this.#network = network;
    return 0;
  }

  /** The interface that has an own address; the loopback for those of nobody else. */
  owner(address: IpAddress): number {
    for (const network of this.#interfaces) {
      if (network.addresses.some((prefix) => prefix.address === address)) return network.id;
    }
    return this.#interfaces[0]!.id;
  }

  /** Limited broadcasts and multicasts just go to "the appropriate interface". RFC 1122 §3.3.1.1. */
  #selectLink(destination: IpAddress, kind: PathKind, source: IpAddress, bound: number): number {
    this.#kind = kind;
    this.#network = this.#appropriate(destination, source, bound);
    if (this.#network === undefined) return -Errno.ENETUNREACH;
    return this.#network.up ? 0 : -Errno.ENETDOWN;
  }

  /**
   * The bound interface, else the source's, else the one that a route names (the default route last), else the first that is up; that not
   * for multicasts, whose default interface is system management's to name (RFC 1112 §6.1): by a route, as on Linux.
   */
  #appropriate(destination: IpAddress, source: IpAddress, bound: number): NetworkInterface | undefined {
    if (bound !== 0) return this.#interfaces[bound - 1];
    if (isLoopback(source)) return this.#interfaces[0];
    if (source !== ANY_ADDRESS) {
      for (const network of this.#interfaces) {
        if (network.addresses.some((prefix) => prefix.address === source)) return network;
      }
    }
    const route = this.#routes.lookup(destination);
    if (route !== undefined) return this.#interfaces[route.interfaceId - 1];
    if (isMulticast(destination)) return undefined;
    return this.#interfaces.find((network) => network.up && !network.isLoopback);
  }

  /** The source address for what `#select` has found. RFC 1122 §3.3.4.3. */
  #chooseSource(destination: IpAddress): IpAddress | undefined {
    const network = this.#network!;
    // To itself a host speaks as the address spoken to; 127.0.0.1 stands for the whole of 127.0.0.0/8, as on Linux.
    if (network.isLoopback) {
      const asItself = this.#addresses.isOwn(destination) && !isLoopback(destination);
      return asItself ? destination : LOOPBACK_ADDRESS;
    }
    const own = network.sourceFor(this.#nextHop);
    if (own !== undefined) return own;
    // "This host on this network", while it learns its address. RFC 1122 §3.2.1.3 (a).
    if (destination === BROADCAST_ADDRESS) return ANY_ADDRESS;
    // An interface without addresses borrows one of another.
    return this.#interfaces.find((other) => other.ready && !other.isLoopback)?.addresses[0]?.address;
  }
}
