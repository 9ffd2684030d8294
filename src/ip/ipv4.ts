/**
 * IPv4: datagrams in and out, interfaces, addresses and routes. RFC 791, RFC 1122 §3.
 *
 * A host, not a router: what is for somebody else is dropped (1122-3.1-f). The weak model of §3.3.4.2, as Linux's. Input checks
 * are in ipv4-input.ts, fragments in reassembly.ts, configuration in networks.ts, the choice of interface and source in router.ts. Groups
 * are in groups.ts. Not here yet: a copy of own broadcasts to oneself.
 */
import type { Context } from '../core/context.ts';
import { Errno } from '../core/errno.ts';
import type { Frame } from '../core/frame.ts';
import type { Micros } from '../core/time.ts';
import type { LinkLayer } from '../ethernet/service.ts';
import { TimeExceededCode, UnreachableCode } from '../icmp/wire.ts';
import { ANY_ADDRESS, LOOPBACK_ADDRESS } from './address.ts';
import type { IpAddress, Prefix } from './address.ts';
import type { AddressTable } from './address-table.ts';
import { HostGroups } from './groups.ts';
import { HandlerTable } from './handlers.ts';
import { Identifications } from './identification.ts';
import type { InterfaceOwner, NetworkInterface } from './interface.ts';
import { checkDestination, checkHeader, checkSource, describe, makePacket, recordedOptions } from './ipv4-input.ts';
import { OptionVerdict, judgeOptions } from './ipv4-options.ts';
import { Ipv4Output } from './ipv4-output.ts';
import {
  IPV4_HEADER_LENGTH,
  ipDestination,
  ipHeaderLength,
  ipIsFragment,
  ipProtocol,
  ipSource,
  ipTotalLength,
} from './ipv4-wire.ts';
import { LoopbackLink } from './loopback.ts';
import { Networks } from './networks.ts';
import type { InterfaceInfo, RouteSpec } from './networks.ts';
import { Ipv4Path } from './path.ts';
import { PathMtuTable, plateauBelow } from './path-mtu.ts';
import type { PathMtu } from './path-mtu.ts';
import { Reassembly } from './reassembly.ts';
import { Router } from './router.ts';
import type { Route, RouteTable } from './routes.ts';
import { NO_OPTIONS } from './send-options.ts';
import type {
  Arrival,
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

/** Counters since the start; what was not processed is in the drop counters. */
export interface Ipv4Counters {
  readonly received: number;
  readonly delivered: number;
  readonly sent: number;
  /** Fragments that wait for the rest of their datagram, and those that went up within another one's. */
  readonly fragmentsHeld: number;
  readonly fragmentsMerged: number;
}

/** What the loopback is given. RFC 1122 §3.2.1.3 (g). */
const LOOPBACK_PREFIX: Prefix = { address: LOOPBACK_ADDRESS, length: 8 };

export class Ipv4 implements IcmpSupport, InterfaceOwner {
  /** Set by the stack: sends Destination Unreachable. */
  onUndeliverable: UndeliverableHook | undefined = undefined;
  /** Set by ICMP: sends Parameter Problem. */
  onParameterProblem: ParameterProblemHook | undefined = undefined;
  /** Set by ICMP: sends Time Exceeded. */
  onReassemblyTimeout: UndeliverableHook | undefined = undefined;
  /** All interfaces, by id - 1; the first is the loopback. */
  readonly interfaces: readonly NetworkInterface[];
  readonly groups: HostGroups;

  readonly #context: Context;
  readonly #networks: Networks;
  readonly #addresses: AddressTable;
  readonly #routes: RouteTable;
  readonly #router: Router;
  readonly #pathMtus: PathMtuTable;
  readonly #reassembly: Reassembly;
  readonly #output: Ipv4Output;
  readonly #loopback: LoopbackLink;
  readonly #handlers = new HandlerTable();
  #received = 0;
  #delivered = 0;
  /** The one record that goes up with each datagram. */
  readonly #packet: IpPacket = makePacket();
  /** The one record for errors that this host finds itself. */
  readonly #report: IpErrorReport = {
    from: ANY_ADDRESS,
    source: ANY_ADDRESS,
    destination: ANY_ADDRESS,
    protocol: 0,
    type: 3,
    code: UnreachableCode.Host,
    errno: Errno.EHOSTUNREACH,
    hard: false,
    mtu: 0,
  };

  constructor(context: Context) {
    const networks = new Networks(context);
    const identifications = new Identifications(context.random);
    this.#context = context;
    this.#networks = networks;
    this.#addresses = networks.addresses;
    this.#routes = networks.routes;
    this.interfaces = networks.interfaces;
    this.#pathMtus = new PathMtuTable(context);
    this.#router = new Router(networks, identifications, this.#pathMtus);
    this.groups = new HostGroups(networks);
    this.#loopback = new LoopbackLink(context);
    this.#output = new Ipv4Output(context, identifications, networks, this.#loopback);
    this.#reassembly = new Reassembly(context, (frame, id, broadcast, now) =>
      this.#incomplete(frame, id, broadcast, now),
    );
    const network = networks.addInterface(this.#loopback, true, this);
    networks.addAddress(network, LOOPBACK_PREFIX, false, 0 as Micros);
  }

  /** Told when an address may be used from now on, or (`usable` false) was lost to another station. It only notes that down. */
  set onAddressSettled(listener: Networks['onAddressSettled']) {
    this.#networks.onAddressSettled = listener;
  }

  // --- Configuration, RFC 1122 §3.3.1.6: as in networks.ts.

  addInterface(link: LinkLayer): NetworkInterface {
    return this.#networks.addInterface(link, false, this);
  }

  setUp(network: NetworkInterface, up: boolean): void {
    this.#networks.setUp(network, up);
  }

  addAddress(network: NetworkInterface, prefix: Prefix, options: { probe?: boolean }, now: Micros): number {
    return this.#networks.addAddress(network, prefix, options.probe ?? false, now);
  }

  removeAddress(network: NetworkInterface, address: IpAddress): boolean {
    return this.#networks.removeAddress(network, address);
  }

  addRoute(spec: RouteSpec): number {
    return this.#networks.addRoute(spec);
  }

  removeRoute(spec: RouteSpec): number {
    return this.#networks.removeRoute(spec);
  }

  // --- Input.

  /** Takes a datagram; the frame is lent, `start` at the IP header. RFC 1122 §3.2.1. */
  input(interfaceId: number, frame: Frame, now: Micros, looped = false): void {
    const { drops } = this.#context;
    const network = this.interfaces[interfaceId - 1]!;
    const packet = this.#packet;
    this.#received++;
    if (!network.up) {
      drops.drop('ip-interface-down', frame);
      return;
    }
    if (!checkHeader(frame, drops)) return;
    describe(packet, frame, interfaceId);
    if (!checkDestination(network, this.#addresses, packet, frame, drops)) return;
    if (!looped && !checkSource(network, this.#addresses, packet, frame, drops)) return;
    if (frame.transport - frame.network > IPV4_HEADER_LENGTH && !this.#checkOptions(frame, now)) return;
    if (ipIsFragment(frame.bytes, frame.network)) {
      this.#reassemble(frame, now);
      return;
    }
    this.#deliver(frame, now);
  }

  /** Takes a fragment; what it completes goes up like any datagram. RFC 1122 §3.3.2, 1122-3.3.2-a. */
  #reassemble(frame: Frame, now: Micros): void {
    const packet = this.#packet;
    const { interfaceId, broadcast } = packet;
    const whole = this.#reassembly.take(frame, packet, now);
    if (whole === undefined) return;
    describe(packet, whole, interfaceId);
    packet.broadcast = broadcast;
    this.#deliver(whole, now);
    whole.release();
  }

  /** The time is up for a datagram of which `frame` is fragment zero. */
  #incomplete(frame: Frame, interfaceId: number, broadcast: boolean, now: Micros): void {
    if (this.onReassemblyTimeout === undefined) return;
    const packet = this.#packet;
    describe(packet, frame, interfaceId);
    packet.broadcast = broadcast;
    this.onReassemblyTimeout(frame, packet, TimeExceededCode.Reassembly, now);
  }

  /** RFC 1122 §3.2.1.8, §3.3.5. Options that are fine stay in front of the transport header for those who want them. */
  #checkOptions(frame: Frame, now: Micros): boolean {
    const verdict = judgeOptions(frame.bytes, frame.network, frame.transport - frame.network);
    if (verdict === OptionVerdict.Fine) return true;
    if (verdict === OptionVerdict.SourceRoute) {
      this.#context.drops.drop('ip-source-route', frame);
      // 1122-3.3.5-j.
      this.onUndeliverable?.(frame, this.#packet, UnreachableCode.SourceRouteFailed, now);
      return false;
    }
    this.#context.drops.drop('ip-options', frame);
    // 1122-3.2.2.5-a.
    if (this.onParameterProblem !== undefined) this.onParameterProblem(frame, this.#packet, verdict, now);
    return false;
  }

  #deliver(frame: Frame, now: Micros): void {
    const packet = this.#packet;
    if (frame.transport - frame.network > IPV4_HEADER_LENGTH) {
      packet.options = recordedOptions(frame, this.specificDestination(packet), this.#addresses, now);
    }
    const taken = this.#handlers.deliverRaw(frame, packet, now);
    frame.start = frame.transport;
    const handler = this.#handlers.get(packet.protocol);
    let code: number = UnreachableCode.Protocol;
    if (handler !== undefined) {
      this.#delivered++;
      if (handler.receive(frame, packet, now)) return;
      code = UnreachableCode.Port;
    } else {
      if (taken) return;
      this.#context.drops.drop('ip-no-protocol', frame);
    }
    // 1122-3.2.2.1-a.
    if (this.onUndeliverable !== undefined) this.onUndeliverable(frame, packet, code, now);
  }

  // --- Output: IpService.

  route(destination: IpAddress, source: IpAddress, interfaceId = 0, options = NO_OPTIONS): Path | number {
    return this.#router.route(destination, source, interfaceId, options);
  }

  output(path: Path, frame: Frame, options: OutputOptions, now: Micros): number {
    return this.#output.output(ours(path), frame, options, now);
  }

  outputRaw(path: Path, frame: Frame, now: Micros, loop = true): number {
    return this.#output.outputRaw(ours(path), frame, loop, now);
  }

  confirm(path: Path, now: Micros): void {
    const way = ours(path);
    if (way.refresh() === 0) way.network!.link.confirm(way.nextHop, now);
  }

  /** As IpService.tooBig. 1191-3-a. */
  tooBig(report: IpErrorReport, frame: Frame, now: Micros): boolean {
    const path = this.#router.route(report.destination, report.source, 0, NO_OPTIONS);
    if (typeof path === 'number' || path.network!.isLoopback) return false;
    const { bytes, start } = frame;
    const { mtu } = path;
    const claimed =
      report.mtu > 0 ? report.mtu : plateauBelow(ipTotalLength(bytes, start), ipHeaderLength(bytes, start), mtu);
    return this.#pathMtus.lower(report.destination, claimed, mtu, now);
  }

  /** Advice that the next hop may be dead: when it is a gateway, the next one takes its place. RFC 1122 §3.3.1.4, §3.3.1.5. */
  doubt(path: Path, now: Micros): void {
    const way = ours(path);
    // Routes have changed since the path was used last: the doubt is about a next hop that may be gone already.
    if (way.generation !== this.#routes.generation || way.refresh() !== 0) return;
    if (way.nextHop !== way.destination) this.#networks.gatewayFailed(way.network!, way.nextHop, way.destination, now);
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

  interfaceByName(name: string): number | undefined {
    return this.interfaces.find((network) => network.name === name)?.id;
  }

  interfaceName(interfaceId: number): string | undefined {
    return this.interfaces[interfaceId - 1]?.name;
  }

  arrivalInterface({ destination, interfaceId }: Arrival): number {
    return this.interfaces[interfaceId - 1]!.isLoopback ? this.#router.owner(destination) : interfaceId;
  }

  specificDestination(packet: Arrival): IpAddress {
    if (this.#addresses.isOwn(packet.destination)) return packet.destination;
    return this.interfaces[packet.interfaceId - 1]!.sourceFor(packet.source) ?? ANY_ADDRESS;
  }

  /** Differs: RFC 1122 §3.2.2 names loopback addresses too; inside the host they are its own, and programs expect the error. */
  namesSingleHost(address: IpAddress, interfaceId: number): boolean {
    if (this.interfaces[interfaceId - 1]!.isLoopback) return this.#addresses.isOwn(address);
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
    return this.#networks.redirect(from, destination, gateway, interfaceId, now);
  }

  // --- InterfaceOwner: what link layers report.

  unreachable(network: NetworkInterface, frame: Frame, nextHop: IpAddress, now: Micros): void {
    const { bytes, start } = frame;
    const report = this.#report;
    report.source = ipSource(bytes, start);
    report.from = report.source;
    report.destination = ipDestination(bytes, start);
    report.protocol = ipProtocol(bytes, start);
    // With another gateway in its place the datagram is lost, not its destination unreachable: the next one goes that way.
    const { destination } = report;
    if (nextHop !== destination && this.#networks.gatewayFailed(network, nextHop, destination, now)) return;
    frame.network = start;
    frame.transport = start + ipHeaderLength(bytes, start);
    // What is promised to handlers: at least 8 octets of transport header.
    if (frame.transport + 8 > frame.end) return;
    this.#handlers.deliverError(report, frame, now);
  }

  conflict(network: NetworkInterface, address: IpAddress, now: Micros): void {
    this.#networks.conflict(network, address, now);
  }

  addressReady(network: NetworkInterface, address: IpAddress, now: Micros): void {
    this.#networks.addressReady(network, address, now);
  }

  // --- For display.

  counters(): Ipv4Counters {
    return {
      received: this.#received,
      delivered: this.#delivered,
      sent: this.#output.sent,
      fragmentsHeld: this.#reassembly.held,
      fragmentsMerged: this.#reassembly.merged,
    };
  }

  interfaceInfo(): InterfaceInfo[] {
    return this.#networks.interfaceInfo();
  }

  routeInfo(): Route[] {
    return this.#networks.routeInfo();
  }

  /** Destinations whose path is known to be narrower than the first link. */
  pathMtuInfo(): Iterable<readonly [IpAddress, PathMtu]> {
    return this.#pathMtus.entries();
  }
}

/** A path is opaque above IP; one that another IP made is a bug. */
function ours(path: Path): Ipv4Path {
  if (!(path instanceof Ipv4Path)) throw new Error('a path that this IP has not made');
  return path;
}
