/**
 * A path: the way from one source address to one destination, with the route looked up and kept. RFC 1122 §3.3.1.3.
 *
 * The holder keeps it as long as it likes: when routes or addresses have changed since (`generation`), the next use looks
 * the route up again. The source never changes, since a connection is bound to it. ip/router.ts makes and resolves paths.
 */
import { pseudoHeaderSum } from '../core/checksum.ts';
import type { IpAddress } from './address.ts';
import type { NetworkInterface } from './interface.ts';
import { IPV4_HEADER_LENGTH } from './ipv4-wire.ts';
import type { PathMtuTable } from './path-mtu.ts';
import type { Path } from './service.ts';

/** How the link layer is asked to send. */
export const PathKind = { Unicast: 0, Broadcast: 1, Multicast: 2 } as const;
export type PathKind = (typeof PathKind)[keyof typeof PathKind];

/** Looks paths up: ip/router.ts. */
export interface PathResolver {
  readonly generation: number;
  readonly pathMtus: PathMtuTable;
  /** Writes the path's network, nextHop, kind, error and generation. */
  resolve(path: Ipv4Path): void;
}

export class Ipv4Path implements Path {
  readonly source: IpAddress;
  readonly destination: IpAddress;
  readonly headerLength: number;
  /** What each datagram takes along: send-options.ts. */
  readonly options: Uint8Array;
  /** The one interface that may be used, or 0. */
  readonly boundInterface: number;
  /** For ip/identification.ts. */
  readonly identification: number;

  /** What `refresh` has found; meaningful after it returned 0. Only the resolver writes these. */
  network: NetworkInterface | undefined = undefined;
  nextHop: IpAddress;
  kind: PathKind = PathKind.Unicast;
  /** 0, or the negative errno why nothing can be sent. */
  error = 0;
  generation = 0;
  readonly #resolver: PathResolver;
  /** What path MTU discovery knows of the destination, as of its generation. */
  #pathMtu = Infinity;
  #mtuLocked = false;
  #mtuGeneration = 0;

  constructor(
    resolver: PathResolver,
    source: IpAddress,
    destination: IpAddress,
    boundInterface: number,
    identification: number,
    options: Uint8Array,
  ) {
    this.#resolver = resolver;
    this.source = source;
    this.destination = destination;
    this.boundInterface = boundInterface;
    this.identification = identification;
    this.options = options;
    this.headerLength = IPV4_HEADER_LENGTH + options.length;
    this.nextHop = destination;
  }

  /** Brings the path up to date: one comparison when nothing has changed. Returns 0 or the negative errno why it cannot be used. */
  refresh(): number {
    if (this.generation !== this.#resolver.generation) this.#resolver.resolve(this);
    return this.error;
  }

  /** When the route is gone these keep their last value, so that a connection survives a change of routes. */
  get mtu(): number {
    this.#lookUpMtu();
    return Math.min(this.interfaceMtu, this.#pathMtu);
  }

  get viaGateway(): boolean {
    this.refresh();
    return this.nextHop !== this.destination;
  }

  get interfaceMtu(): number {
    this.refresh();
    return this.network === undefined ? 0 : this.network.link.mtu;
  }

  /** DF is left off: routers may cut what is too long for a path that is narrower than is believed. path-mtu.ts. */
  get mtuLocked(): boolean {
    this.#lookUpMtu();
    return this.#mtuLocked;
  }

  /** Without DF each piece of a super-segment needs an Identification of its own, and with options a record: so there are none. */
  get maxSegment(): number {
    this.refresh();
    if (this.mtuLocked || this.options.length > 0) return this.mtu;
    return this.network === undefined ? 0 : this.network.link.maxSegment;
  }

  get checksumOffload(): boolean {
    this.refresh();
    return this.network?.link.checksumOffload ?? false;
  }

  pseudoHeaderSum(protocol: number): number {
    return pseudoHeaderSum(this.source, this.destination, protocol);
  }

  /** One comparison when nothing has changed. */
  #lookUpMtu(): void {
    const { pathMtus } = this.#resolver;
    if (this.#mtuGeneration === pathMtus.generation) return;
    const known = pathMtus.get(this.destination);
    this.#pathMtu = known === undefined ? Infinity : known.mtu;
    this.#mtuLocked = known?.locked === true;
    this.#mtuGeneration = pathMtus.generation;
  }
}
