/**
 * The routing table of a host: connected networks, static routes, default gateways and what Redirects have taught.
 *
 * RFC 1122 §3.3.1. The most specific prefix wins; among equals, first those whose gateway has not failed, then the lower
 * metric, then the older. A failed gateway goes behind its equals, so that the next one takes over and stays (§3.3.1.5's
 * round robin). Each change raises `generation`, whereupon paths look again. Not here: routing by TOS (1122-3.3.1.3-b).
 */
import type { Micros } from '../core/time.ts';
import { inPrefix, ipv4, prefixMask } from './address.ts';
import type { IpAddress, Prefix } from './address.ts';

export type RouteKind = 'connected' | 'static' | 'redirect';

export interface Route {
  readonly kind: RouteKind;
  /** The network; host bits are zero. 0.0.0.0/0 is the default route. */
  readonly destination: Prefix;
  /** The next hop; undefined when the destination is on the link. */
  readonly gateway: IpAddress | undefined;
  readonly interfaceId: number;
  /** Lower is better. */
  readonly metric: number;
  /** 0, or when its gateway last failed, as a count of failures. */
  readonly failed: number;
  /** When that was (us); -Infinity for never. */
  readonly failedAt: number;
}

interface MutableRoute extends Route {
  failed: number;
  failedAt: number;
}

/** Interface states that matter to a look-up. */
export type IsUp = (interfaceId: number) => boolean;

export class RouteTable {
  readonly #isUp: IsUp;
  /** Networks by prefix length; the routes of one network, best first. */
  readonly #byLength: (Map<IpAddress, MutableRoute[]> | undefined)[] = Array.from({ length: 33 }, () => undefined);
  /** Prefix lengths that have routes, longest first. */
  #lengths: number[] = [];
  #failures = 0;
  #size = 0;
  /** Routes from Redirects, oldest first. */
  readonly #redirects: MutableRoute[] = [];
  /** Changes whenever a look-up may give another answer than before. */
  generation = 1;

  constructor(isUp: IsUp) {
    this.#isUp = isUp;
  }

  /** Number of routes. */
  get size(): number {
    return this.#size;
  }

  /**
   * The best route to an address, or undefined. At most 33 probes of a table, whatever its size.
   * @param only the one interface that may be used, or 0 for any
   */
  lookup(destination: IpAddress, only = 0): Route | undefined {
    for (const length of this.#lengths) {
      const routes = this.#byLength[length]!.get(ipv4(destination & prefixMask(length)));
      if (routes === undefined) continue;
      for (let i = 0; i < routes.length; i++) {
        const route = routes[i]!;
        if ((only === 0 || route.interfaceId === only) && this.#isUp(route.interfaceId)) return route;
      }
    }
    return undefined;
  }

  /** Adds a route; false when one with the same network, gateway and interface is there. */
  add(kind: RouteKind, network: Prefix, gateway: IpAddress | undefined, interfaceId: number, metric: number): boolean {
    const destination = { address: ipv4(network.address & prefixMask(network.length)), length: network.length };
    const routes = this.#routesTo(destination);
    if (routes.some((route) => route.gateway === gateway && route.interfaceId === interfaceId)) return false;
    const route: MutableRoute = { kind, destination, gateway, interfaceId, metric, failed: 0, failedAt: -Infinity };
    routes.push(route);
    routes.sort(compare);
    this.#size++;
    this.generation++;
    if (kind === 'redirect') this.#redirects.push(route);
    return true;
  }

  /** Makes or replaces the host route that a Redirect asks for; beyond `limit` of them the oldest goes. */
  redirect(destination: IpAddress, gateway: IpAddress, interfaceId: number, limit: number): void {
    this.remove((route) => route.kind === 'redirect' && route.destination.address === destination);
    while (this.#redirects.length > 0 && this.#redirects.length >= limit) {
      const oldest = this.#redirects[0]!;
      this.remove((route) => route === oldest);
    }
    if (limit > 0) this.add('redirect', { address: destination, length: 32 }, gateway, interfaceId, 0);
  }

  /** Removes every route that `matches`; returns how many. */
  remove(matches: (route: Route) => boolean): number {
    let removed = 0;
    for (const length of this.#lengths) {
      const networks = this.#byLength[length]!;
      for (const [network, routes] of networks) {
        const kept = routes.filter((route) => !matches(route));
        if (kept.length === routes.length) continue;
        removed += routes.length - kept.length;
        for (const route of routes) if (route.kind === 'redirect' && !kept.includes(route)) this.#forgetRedirect(route);
        if (kept.length > 0) networks.set(network, kept);
        else networks.delete(network);
      }
    }
    if (removed === 0) return 0;
    this.#lengths = this.#lengths.filter((length) => this.#byLength[length]!.size > 0);
    this.#size -= removed;
    this.generation++;
    return removed;
  }

  /**
   * Notes that a gateway does not answer: routes through it go behind their equals, those that Redirects made are forgotten.
   * Returns whether any look-up changes by that. RFC 1122 §3.3.1.5.
   */
  fail(gateway: IpAddress, interfaceId: number, now: Micros): boolean {
    const through = (route: Route): boolean => route.gateway === gateway && route.interfaceId === interfaceId;
    let changed = this.remove((route) => route.kind === 'redirect' && through(route)) > 0;
    this.#failures++;
    for (const length of this.#lengths) {
      for (const routes of this.#byLength[length]!.values()) {
        if (routes.length < 2) continue;
        const first = routes[0];
        for (const route of routes) {
          if (!through(route)) continue;
          route.failed = this.#failures;
          route.failedAt = now;
        }
        routes.sort(compare);
        if (routes[0] !== first) changed = true;
      }
    }
    if (changed) this.generation++;
    return changed;
  }

  /** Tells the paths that interfaces or addresses have changed. */
  touch(): void {
    this.generation++;
  }

  /** All routes, most specific first. */
  *routes(): Iterable<Route> {
    for (const length of this.#lengths) for (const routes of this.#byLength[length]!.values()) yield* routes;
  }

  /** Whether some connected network of the interface holds the address. */
  isOnLink(address: IpAddress, interfaceId: number): boolean {
    for (const route of this.routes()) {
      if (route.kind !== 'connected' || route.interfaceId !== interfaceId) continue;
      if (inPrefix(address, route.destination)) return true;
    }
    return false;
  }

  #forgetRedirect(route: MutableRoute): void {
    const index = this.#redirects.indexOf(route);
    if (index >= 0) this.#redirects.splice(index, 1);
  }

  #routesTo(destination: Prefix): MutableRoute[] {
    let networks = this.#byLength[destination.length];
    if (networks === undefined) this.#byLength[destination.length] = networks = new Map<IpAddress, MutableRoute[]>();
    let routes = networks.get(destination.address);
    if (routes === undefined) networks.set(destination.address, (routes = []));
    if (!this.#lengths.includes(destination.length)) {
      this.#lengths.push(destination.length);
      this.#lengths.sort((a, b) => b - a);
    }
    return routes;
  }
}

/** Order of preference among routes to one network; stable, so the older stays first among equals. */
const compare = (a: Route, b: Route): number => a.failed - b.failed || a.metric - b.metric;
