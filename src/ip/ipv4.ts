/**
 * IPv4: datagrams in and out, interfaces, addresses and routes. RFC 791, RFC 1122 §3.
 *
 * A host, not a router: what is for somebody else is dropped (1122-3.1-f). The weak model of §3.3.4.2, as Linux's. Input checks
 * are in ipv4-input.ts, the choice of interface and source in router.ts. Not here yet: reassembly and fragmentation (one
 * place each, marked), path MTU discovery, joining groups, sending options, a copy of own broadcasts to oneself.
 */
import type { Context } from '../core/context.ts';
import { Errno } from '../core/errno.ts';
import type { Frame } from '../core/frame.ts';
import type { Micros } from '../core/time.ts';
import type { LinkLayer } from '../ethernet/service.ts';
import { ANY_ADDRESS, LOOPBACK_ADDRESS, formatAddress, isLoopback, isMulticast } from './address.ts';
import type { IpAddress, Prefix } from './address.ts';
import { AddressTable, isUnicast } from './address-table.ts';
import { HandlerTable } from './handlers.ts';
import { Identifications } from './identification.ts';
import { NetworkInterface } from './interface.ts';
import type { InterfaceOwner } from './interface.ts';
import { checkDestination, checkHeader, checkSource, describe } from './ipv4-input.ts';
import { OptionVerdict, judgeOptions } from './ipv4-options.ts';
import { Ipv4Output } from './ipv4-output.ts';
import { IPV4_HEADER_LENGTH, ipDestination, ipHeaderLength, ipIsFragment, ipProtocol, ipSource } from './ipv4-wire.ts';
import { LoopbackLink } from './loopback.ts';
import { Ipv4Path } from './path.ts';
import { Router } from './router.ts';
import { RouteTable } from './routes.ts';
import type { Route } from './routes.ts';
import type {
  IcmpSupport,
  IpErrorReport,
  IpPacket,
  OutputOptions,
  ParameterProblemHook,
  Path,
  ProtocolHandler,
  RawListener,
  UndeliverableHook,
} from './service.ts';

/** Codes of Destination Unreachable that IP asks for. RFC 792, RFC 1122 §3.2.2.1. */
const UNREACHABLE_HOST = 1;
const UNREACHABLE_PROTOCOL = 2;
const UNREACHABLE_PORT = 3;
const UNREACHABLE_SOURCE_ROUTE = 5;

/** A route to add or remove. Without `gateway` the network is on the link, and `interfaceId` is needed. */
export interface RouteSpec {
  readonly destination: Prefix;
  readonly gateway?: IpAddress;
  readonly interfaceId?: number;
  /** Lower is better; 0 by default. */
  readonly metric?: number;
}

/** Counters since the start; what was not processed is in the drop counters. */
export interface Ipv4Counters {
  readonly received: number;
  readonly delivered: number;
  readonly sent: number;
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

export class Ipv4 implements IcmpSupport, InterfaceOwner {
  /** Set by the stack: sends Destination Unreachable. */
  onUndeliverable: UndeliverableHook | undefined = undefined;
  /** Set by ICMP: sends Parameter Problem. */
  onParameterProblem: ParameterProblemHook | undefined = undefined;
  /** All interfaces, by id - 1; the first is the loopback. */
  readonly interfaces: readonly NetworkInterface[];

  readonly #context: Context;
  readonly #interfaces: NetworkInterface[] = [];
  readonly #addresses = new AddressTable();
  readonly #routes: RouteTable;
  readonly #router: Router;
  readonly #output: Ipv4Output;
  readonly #loopback: LoopbackLink;
  readonly #handlers = new HandlerTable();
  #received = 0;
  #delivered = 0;
  /** The one record that goes up with each datagram. */
  readonly #packet: IpPacket = {
    source: ANY_ADDRESS,
    destination: ANY_ADDRESS,
    protocol: 0,
    ttl: 0,
    tos: 0,
    interfaceId: 0,
    broadcast: false,
  };
  /** The one record for errors that this host finds itself. */
  readonly #report: IpErrorReport = {
    from: ANY_ADDRESS,
    source: ANY_ADDRESS,
    destination: ANY_ADDRESS,
    protocol: 0,
    type: 3,
    code: UNREACHABLE_HOST,
    errno: Errno.EHOSTUNREACH,
    hard: false,
    mtu: 0,
  };

  constructor(context: Context) {
    this.#context = context;
    this.interfaces = this.#interfaces;
    this.#routes = new RouteTable((id) => this.#interfaces[id - 1]!.up);
    const identifications = new Identifications(context.random);
    this.#router = new Router(this.#interfaces, this.#addresses, this.#routes, identifications);
    this.#output = new Ipv4Output(context, identifications, this.#routes);
    this.#loopback = new LoopbackLink(context);
    const network = new NetworkInterface(1, this.#loopback, true, this);
    network.addresses.push({ address: LOOPBACK_ADDRESS, length: 8 });
    this.#interfaces.push(network);
    this.#addressesChanged();
  }

  // --- Configuration. RFC 1122 §3.3.1.6.

  /** Takes a link layer into use; it has no address yet. */
  addInterface(link: LinkLayer): NetworkInterface {
    const network = new NetworkInterface(this.#interfaces.length + 1, link, false, this);
    this.#interfaces.push(network);
    this.#addressesChanged();
    return network;
  }

  /** Switches an interface on or off; routes through one that is off do not count. */
  setUp(network: NetworkInterface, up: boolean): void {
    network.up = up;
    this.#addressesChanged();
  }

  /**
   * Gives an interface an address; its network becomes reachable. With `probe` that happens once the link layer has found
   * that nobody else has it (RFC 5227). 0, -EINVAL for what is no host's address, -EEXIST, -ENOBUFS with too many routes.
   */
  addAddress(network: NetworkInterface, prefix: Prefix, options: { probe?: boolean }, now: Micros): number {
    const { address } = prefix;
    if (!isUnicast(address) || isLoopback(address) !== network.isLoopback) return -Errno.EINVAL;
    if (prefix.length < 1 || prefix.length > 32) return -Errno.EINVAL;
    if (prefix.length < 31 && hostPart(prefix) === 0) return -Errno.EINVAL;
    if (prefix.length < 31 && hostPart(prefix) === 2 ** (32 - prefix.length) - 1) return -Errno.EINVAL;
    const same = (other: Prefix): boolean => other.address === address;
    if (this.#interfaces.some((other) => other.addresses.some(same) || other.tentative.some(same)))
      return -Errno.EEXIST;
    if (this.#routes.size >= this.#context.config.ip.maxRoutes) return -Errno.ENOBUFS;
    const probe = options.probe ?? false;
    network.tentative.push(prefix);
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
    this.#addressesChanged();
    return true;
  }

  /**
   * Adds a static route or (0.0.0.0/0) a default gateway; several may be given (1122-3.3.1.2-d). 0, or -ENODEV for an unknown
   * interface, -ENETUNREACH for a gateway on no connected network, -EINVAL, -EEXIST, -ENOBUFS.
   */
  addRoute(spec: RouteSpec): number {
    const interfaceId = this.#routeInterface(spec);
    if (interfaceId < 0) return interfaceId;
    if (this.#routes.size >= this.#context.config.ip.maxRoutes) return -Errno.ENOBUFS;
    const added = this.#routes.add('static', spec.destination, spec.gateway, interfaceId, spec.metric ?? 0);
    return added ? 0 : -Errno.EEXIST;
  }

  /** Removes the static routes that match; what is left out of the spec matches anything. Returns how many. */
  removeRoute(spec: RouteSpec): number {
    return this.#routes.remove(
      (route) =>
        route.kind === 'static' &&
        route.destination.length === spec.destination.length &&
        hostPart({ address: spec.destination.address, length: 0 }) - hostPart(spec.destination) ===
          route.destination.address &&
        (spec.gateway === undefined || spec.gateway === route.gateway) &&
        (spec.interfaceId === undefined || spec.interfaceId === route.interfaceId),
    );
  }

  // --- Input.

  /** Takes a datagram; the frame is lent, `start` at the IP header. RFC 1122 §3.2.1. */
  input(interfaceId: number, frame: Frame, now: Micros): void {
    const { drops } = this.#context;
    const network = this.#interfaces[interfaceId - 1]!;
    const packet = this.#packet;
    this.#received++;
    if (!network.up) {
      drops.drop('ip-interface-down', frame);
      return;
    }
    if (!checkHeader(frame, drops)) return;
    describe(packet, frame, interfaceId);
    if (!checkDestination(network, this.#addresses, packet, frame, drops)) return;
    if (!checkSource(network, this.#addresses, packet, frame, drops)) return;
    if (frame.transport - frame.network > IPV4_HEADER_LENGTH && !this.#checkOptions(frame, now)) return;
    if (ipIsFragment(frame.bytes, frame.network)) {
      // The place of reassembly: what it completes goes on below. RFC 1122 §3.3.2.
      drops.drop('ip-fragment', frame);
      return;
    }
    this.#deliver(frame, now);
  }

  /** RFC 1122 §3.2.1.8, §3.3.5. Options that are fine stay in front of the transport header for those who want them. */
  #checkOptions(frame: Frame, now: Micros): boolean {
    const verdict = judgeOptions(frame.bytes, frame.network, frame.transport - frame.network);
    if (verdict === OptionVerdict.Fine) return true;
    if (verdict === OptionVerdict.SourceRoute) {
      this.#context.drops.drop('ip-source-route', frame);
      // 1122-3.3.5-j.
      if (this.onUndeliverable !== undefined) this.onUndeliverable(frame, this.#packet, UNREACHABLE_SOURCE_ROUTE, now);
      return false;
    }
    this.#context.drops.drop('ip-options', frame);
    // 1122-3.2.2.5-a.
    if (this.onParameterProblem !== undefined) this.onParameterProblem(frame, this.#packet, verdict, now);
    return false;
  }

  #deliver(frame: Frame, now: Micros): void {
    const packet = this.#packet;
    const taken = this.#handlers.deliverRaw(frame, packet, now);
    frame.start = frame.transport;
    const handler = this.#handlers.get(packet.protocol);
    let code = UNREACHABLE_PROTOCOL;
    if (handler !== undefined) {
      this.#delivered++;
      if (handler.receive(frame, packet, now)) return;
      code = UNREACHABLE_PORT;
    } else {
      if (taken) return;
      this.#context.drops.drop('ip-no-protocol', frame);
    }
    // 1122-3.2.2.1-a.
    if (this.onUndeliverable !== undefined) this.onUndeliverable(frame, packet, code, now);
  }

  // --- Output: IpService.

  route(destination: IpAddress, source: IpAddress, interfaceId = 0): Path | number {
    return this.#router.route(destination, source, interfaceId);
  }

  output(path: Path, frame: Frame, options: OutputOptions, now: Micros): number {
    return this.#output.output(ours(path), frame, options, now);
  }

  outputRaw(path: Path, frame: Frame, now: Micros): number {
    return this.#output.outputRaw(ours(path), frame, now);
  }

  confirm(path: Path, now: Micros): void {
    const way = ours(path);
    if (way.refresh() === 0) way.network!.link.confirm(way.nextHop, now);
  }

  /** Advice that the next hop may be dead: when it is a gateway, the next one takes its place. RFC 1122 §3.3.1.4, §3.3.1.5. */
  doubt(path: Path, now: Micros): void {
    const way = ours(path);
    // Routes have changed since the path was used last: the doubt is about a next hop that may be gone already.
    if (way.generation !== this.#routes.generation || way.refresh() !== 0) return;
    if (way.nextHop !== way.destination) this.#gatewayFailed(way.network!, way.nextHop, now);
  }

  /** Delivers what the loopback holds. */
  poll(now: Micros): void {
    this.#loopback.poll(now);
  }

  get pending(): boolean {
    return this.#loopback.pending;
  }

  // --- Questions.

  isLocal(address: IpAddress): boolean {
    return this.#addresses.isOwn(address);
  }

  isBroadcast(address: IpAddress): boolean {
    return this.#addresses.isBroadcast(address);
  }

  specificDestination(packet: IpPacket): IpAddress {
    if (this.#addresses.isOwn(packet.destination)) return packet.destination;
    return this.#interfaces[packet.interfaceId - 1]!.sourceFor(packet.source) ?? ANY_ADDRESS;
  }

  /** Differs: RFC 1122 §3.2.2 names loopback addresses too; inside the host they are its own, and programs expect the error. */
  namesSingleHost(address: IpAddress, interfaceId: number): boolean {
    if (this.#interfaces[interfaceId - 1]!.isLoopback) return this.#addresses.isOwn(address);
    return this.#addresses.isOtherHost(address);
  }

  // --- Handlers.

  register(protocol: number, handler: ProtocolHandler): void {
    this.#handlers.register(protocol, handler);
  }

  addRaw(protocol: number, listener: RawListener): void {
    this.#handlers.addRaw(protocol, listener);
  }

  removeRaw(protocol: number, listener: RawListener): void {
    this.#handlers.removeRaw(protocol, listener);
  }

  deliverError(report: IpErrorReport, frame: Frame, now: Micros): boolean {
    return this.#handlers.deliverError(report, frame, now);
  }

  redirect(from: IpAddress, destination: IpAddress, gateway: IpAddress, interfaceId: number, now: Micros): boolean {
    const { acceptRedirects, maxRedirects } = this.#context.config.ip;
    if (!acceptRedirects || !isUnicast(destination) || !this.#addresses.isOtherHost(gateway)) return false;
    // From the current first hop only, and to a gateway on the network that it came in on. 1122-3.2.2.2-d.
    const route = this.#routes.lookup(destination);
    if (route?.gateway !== from || route.interfaceId !== interfaceId) return false;
    if (!this.#routes.isOnLink(gateway, interfaceId)) return false;
    // Network Redirects count as host Redirects. 1122-3.3.1.2-b.
    this.#routes.redirect(destination, gateway, interfaceId, maxRedirects);
    this.#trace(now, 'redirect', { destination: formatAddress(destination), gateway: formatAddress(gateway) });
    return true;
  }

  // --- InterfaceOwner: what link layers report.

  unreachable(network: NetworkInterface, frame: Frame, nextHop: IpAddress, now: Micros): void {
    const { bytes, start } = frame;
    const report = this.#report;
    report.source = ipSource(bytes, start);
    report.from = report.source;
    report.destination = ipDestination(bytes, start);
    report.protocol = ipProtocol(bytes, start);
    if (nextHop !== report.destination) this.#gatewayFailed(network, nextHop, now);
    frame.network = start;
    frame.transport = start + ipHeaderLength(bytes, start);
    // What is promised to handlers: at least 8 octets of transport header.
    if (frame.transport + 8 > frame.end) return;
    this.#handlers.deliverError(report, frame, now);
  }

  conflict(network: NetworkInterface, address: IpAddress, now: Micros): void {
    this.#trace(now, 'address-conflict', { interface: network.name, address: formatAddress(address) });
    this.removeAddress(network, address);
  }

  addressReady(network: NetworkInterface, address: IpAddress, now: Micros): void {
    const prefix = take(network.tentative, address);
    if (prefix === undefined) return;
    network.addresses.push(prefix);
    this.#syncConnected(network);
    this.#addressesChanged();
    this.#trace(now, 'address-ready', { interface: network.name, address: formatAddress(address) });
  }

  // --- For display.

  counters(): Ipv4Counters {
    return { received: this.#received, delivered: this.#delivered, sent: this.#output.sent };
  }

  interfaceInfo(): InterfaceInfo[] {
    return this.#interfaces.map((network) => ({
      id: network.id,
      name: network.name,
      up: network.up,
      mtu: network.link.mtu,
      addresses: [...network.addresses],
      tentative: [...network.tentative],
      groups: [...network.groups],
    }));
  }

  routeInfo(): Route[] {
    return Array.from(this.#routes.routes(), (route) => ({ ...route }));
  }

  // --- Helpers.

  #gatewayFailed(network: NetworkInterface, gateway: IpAddress, now: Micros): void {
    if (!this.#routes.fail(gateway, network.id)) return;
    this.#trace(now, 'gateway-failed', { interface: network.name, gateway: formatAddress(gateway) });
  }

  /** The interface that a new route leads to, or a negative errno. */
  #routeInterface(spec: RouteSpec): number {
    const { destination, gateway, interfaceId } = spec;
    if (destination.length < 0 || destination.length > 32) return -Errno.EINVAL;
    if (interfaceId !== undefined && this.#interfaces[interfaceId - 1] === undefined) return -Errno.ENODEV;
    if (gateway === undefined) return interfaceId ?? -Errno.EINVAL;
    if (!isUnicast(gateway) || isMulticast(destination.address) || this.isLocal(gateway)) return -Errno.EINVAL;
    for (const network of this.#interfaces) {
      if (interfaceId !== undefined && network.id !== interfaceId) continue;
      if (this.#routes.isOnLink(gateway, network.id)) return network.id;
    }
    return -Errno.ENETUNREACH;
  }

  /** Makes the connected routes those of the addresses, and removes routes whose gateway is on no connected network any more. */
  #syncConnected(network: NetworkInterface): void {
    const through = (route: Route): boolean => route.interfaceId === network.id;
    this.#routes.remove((route) => through(route) && route.kind === 'connected');
    for (const prefix of network.addresses) {
      if (prefix.length < 32) this.#routes.add('connected', prefix, undefined, network.id, 0);
    }
    const stranded = (route: Route): boolean =>
      through(route) && route.gateway !== undefined && !this.#routes.isOnLink(route.gateway, network.id);
    this.#routes.remove(stranded);
  }

  #addressesChanged(): void {
    this.#addresses.rebuild(this.#interfaces);
    this.#routes.touch();
  }

  #trace(now: Micros, name: string, facts: Record<string, string>): void {
    if (this.#context.trace.enabled) this.#context.trace.emit(now, 'ip', name, facts);
  }
}

/** A path is opaque above IP; one that another IP made is a bug. */
function ours(path: Path): Ipv4Path {
  if (!(path instanceof Ipv4Path)) throw new Error('a path that this IP has not made');
  return path;
}

/** The host part of an address as a number. */
const hostPart = (prefix: Prefix): number => prefix.address % 2 ** (32 - prefix.length);

/** Takes the prefix with this address out of a list. */
function take(prefixes: Prefix[], address: IpAddress): Prefix | undefined {
  const index = prefixes.findIndex((prefix) => prefix.address === address);
  return index < 0 ? undefined : prefixes.splice(index, 1)[0];
}
