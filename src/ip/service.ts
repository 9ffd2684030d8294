/**
 * What IP offers to the protocols above it, and what it asks of them. TCP, UDP, ICMP and raw sockets are written against
 * these interfaces, so each can be tested alone and replaced.
 */
import type { Frame } from '../core/frame.ts';
import type { Micros } from '../core/time.ts';
import type { IpAddress } from './address.ts';

/** IP protocol numbers (IANA). */
export const IpProtocol = { Icmp: 1, Igmp: 2, Tcp: 6, Udp: 17, Raw: 255 } as const;

/**
 * How packets get from one source address to one destination. A connection keeps its path; IP looks the route up again
 * by itself when routes or addresses have changed since, so a path never goes stale in the holder's hands.
 */
export interface Path {
  readonly source: IpAddress;
  readonly destination: IpAddress;
  /** Octets of the largest IP datagram that the path carries unfragmented, as far as is known: path-mtu.ts, RFC 1191. */
  readonly mtu: number;
  /** Octets of the largest IP datagram that the first link of it carries; never below `mtu`. */
  readonly interfaceMtu: number;
  /** Octets of the largest IP datagram that `output` takes: above `mtu` when TCP super-segments are cut further down. */
  readonly maxSegment: number;
  /** Whether it leads through a gateway, and not just to a host on the link. */
  readonly viaGateway: boolean;
  /** Octets that the IP header will take (20 plus options): of what fits into `mtu`, so much is not the transport's. */
  readonly headerLength: number;
  /** Whether the transport may leave its checksum partial (`Checksum.Partial`, pseudo-header sum in the field). */
  readonly checksumOffload: boolean;
  /** Sum of the pseudo-header without the length; add the transport length and the segment, then fold. */
  pseudoHeaderSum(protocol: number): number;
}

/** How one datagram is to be sent. Callers reuse one record. */
export interface OutputOptions {
  protocol: number;
  /** 1 to 255. RFC 1122 §3.2.1.7. */
  ttl: number;
  /** The former TOS octet: DSCP and ECN. RFC 1122 §3.2.1.6. */
  tos: number;
  /** Not to be cut on the way: -EMSGSIZE when it is longer than `Path.mtu`. Left out on a path too narrow to be believed. */
  dontFragment: boolean;
  /** Only the first link's MTU binds: the sender looks for the path's by itself (RFC 4821; IP_PMTUDISC_PROBE). */
  beyondPathMtu?: boolean;
  /** Whether own members of the group get a copy of a multicast: unless it is false. RFC 1112 §6.1; IP_MULTICAST_LOOP. */
  loop?: boolean;
}

/** Told of the first member of a group on an interface, and of the last one's leave. It only notes that down. */
export interface GroupObserver {
  joined(group: IpAddress, interfaceId: number): void;
  left(group: IpAddress, interfaceId: number): void;
}

/** Host groups by interface: the service interface of RFC 1112 §7.1. */
export interface GroupService {
  /** JoinHostGroup: datagrams to the group that come in there are taken. Each call wants its `leave`. */
  join(group: IpAddress, interfaceId: number): void;
  /** LeaveHostGroup. */
  leave(group: IpAddress, interfaceId: number): void;
  /**
   * The interface that a program means: the one with this id, else the one with the own address, else (`address` being ANY_ADDRESS) the one
   * that datagrams to the group leave by. 0 when there is none.
   */
  interfaceFor(group: IpAddress, address: IpAddress, interfaceId: number): number;
  /** IGMP. */
  observer: GroupObserver | undefined;
}

/** How a program has the MTU of the path treated: the values of IP_MTU_DISCOVER, ip(7). */
export const MtuDiscover = {
  /** Never set DF. */
  Dont: 0,
  /** Set DF on what fits the path, cut what does not: the default. */
  Want: 1,
  /** Always set DF; what does not fit fails with EMSGSIZE. */
  Do: 2,
  /** Always set DF; only the interface's MTU is looked at. For programs that look for the path's MTU by themselves. */
  Probe: 3,
  /** Never set DF; only the interface's MTU is looked at, and what is longer fails with EMSGSIZE. */
  Interface: 4,
  /** The same, but what is longer is cut. */
  Omit: 5,
} as const;
export type MtuDiscover = (typeof MtuDiscover)[keyof typeof MtuDiscover];

/** A datagram on its way up. One record is reused: copy what must outlive the call. */
export interface IpPacket {
  source: IpAddress;
  destination: IpAddress;
  protocol: number;
  ttl: number;
  tos: number;
  /** Index of the interface it came in on (1 is the first; SO_BINDTODEVICE, IP_PKTINFO). */
  interfaceId: number;
  /** Whether it was addressed to a broadcast or multicast address, at the IP or the link layer. */
  broadcast: boolean;
  /** Its IP options, with this host entered where it is to be; undefined for none. 1122-3.4-c. */
  options?: Uint8Array | undefined;
}

/** Between whom a datagram went, and where it came in. */
export type Arrival = Pick<IpPacket, 'source' | 'destination' | 'interfaceId'>;

/** An ICMP error about a datagram that this host sent. RFC 1122 §3.2.2, §4.1.3.3, RFC 9293 §3.9.2.2. */
export interface IpErrorReport {
  /** Who reported it. */
  from: IpAddress;
  /** Source (this host) and destination of the datagram that it is about. */
  source: IpAddress;
  destination: IpAddress;
  protocol: number;
  type: number;
  code: number;
  /** The errno that Linux gives for it (positive), e.g. ECONNREFUSED for port unreachable; icmp_err_convert in ip(7). */
  errno: number;
  /** Whether it ends what it is about: codes 2, 3 (and 4) of Destination Unreachable; the rest are hints. */
  hard: boolean;
  /** Next-hop MTU of Fragmentation Needed, else 0. RFC 1191 §4. */
  mtu: number;
  /** TTL, TOS and interface of the ICMP message itself; this host's own findings have none. */
  ttl?: number;
  tos?: number;
  interfaceId?: number;
}

/** Fragmentation Needed and DF Set. RFC 792, RFC 1191 §4. */
export const isTooBig = ({ type, code }: IpErrorReport): boolean => type === 3 && code === 4;

/** A protocol above IP: TCP, UDP, ICMP, or a user's own. */
export interface ProtocolHandler {
  /**
   * Takes a datagram. The frame is lent: `start` is at the transport header, `end` at the end of the datagram (padding
   * gone), `network` at the IP header; `retain` it to keep it. Returns false when no endpoint wants it, whereupon IP
   * has Port Unreachable sent when the rules allow; TCP answers with a RST itself and returns true.
   */
  receive(frame: Frame, packet: IpPacket, now: Micros): boolean;
  /**
   * Takes an error report. `frame.start` is at the quoted IP header, `frame.transport` at the quoted transport header, of
   * which at least 8 octets are there. The frame is lent.
   */
  error(report: IpErrorReport, frame: Frame, now: Micros): void;
}

/** Sees each datagram of a protocol that is addressed to this host before its handler does: a raw socket. */
export interface RawListener {
  /** As ProtocolHandler.receive, but `frame.start` is at the IP header (raw(7) delivers it). Returns whether it took it. */
  receiveRaw(frame: Frame, packet: IpPacket, now: Micros): boolean;
  /** An ICMP error about a datagram of the protocol. */
  errorRaw(report: IpErrorReport, frame: Frame, now: Micros): void;
}

export interface IpService {
  readonly groups: GroupService;
  /**
   * The path to a destination from `source`, or from the address that source selection gives when that is ANY_ADDRESS.
   * Negative errno: -ENETUNREACH without a route, -ENODEV for an interface that there is not, -EINVAL when `source` is not an own
   * address, -EADDRNOTAVAIL when there is none to send with. What an interface that was asked for has no route to is taken to be on its
   * link, as Linux takes it. A limited broadcast may leave an interface that has no address yet with source 0.0.0.0 (DHCP).
   * @param interfaceId the one interface that may be used (SO_BINDTODEVICE); 0 or none for any
   * @param options what each datagram takes along, composed by send-options.ts
   */
  route(destination: IpAddress, source: IpAddress, interfaceId?: number, options?: Uint8Array): Path | number;
  /**
   * Sends one datagram. `frame.start` is at its transport header; IP prepends its own. Takes over the reference in any case.
   * Returns 0 or a negative errno (-EMSGSIZE, -ENETUNREACH, -EHOSTUNREACH for an address known not to answer, -ENETDOWN).
   */
  output(path: Path, frame: Frame, options: OutputOptions, now: Micros): number;
  /** As `output` for a datagram that brings its own IP header (IP_HDRINCL): `frame.start` is at it. */
  outputRaw(path: Path, frame: Frame, now: Micros, loop?: boolean): number;
  /** Whether datagrams to this address are delivered here: an own address, 127.0.0.0/8. */
  isLocal(address: IpAddress): boolean;
  /** Whether the address is a broadcast address, limited or of a connected network. */
  isBroadcast(address: IpAddress): boolean;
  /** The id of the interface with this name; undefined when there is none. if_nametoindex(3). */
  interfaceByName(name: string): number | undefined;
  /** The name of an interface by its id; undefined when there is none. if_indextoname(3). */
  interfaceName(interfaceId: number): string | undefined;
  /** The address of this host that a datagram was for: its destination, or for a broadcast one of the interface's. RFC 1122 §3.2.1.3. */
  specificDestination(packet: Arrival): IpAddress;
  /** The interface that a datagram counts as come in on: what a host sends to an own address belongs to the interface that has it. */
  arrivalInterface(packet: Arrival): number;
  register(protocol: number, handler: ProtocolHandler): void;
  /** Adds a raw listener for one protocol (255: every protocol). */
  addRaw(protocol: number, listener: RawListener): void;
  removeRaw(protocol: number, listener: RawListener): void;
  /**
   * Positive word from above that the path works (an ACK of new data): spares the neighbour a probe. RFC 1122 §3.3.1.4, RFC 4861 §7.3.1.
   */
  confirm(path: Path, now: Micros): void;
  /**
   * Word from above that a report of Fragmentation Needed is about a datagram which it really has sent and misses: lowers the MTU of the
   * path to `report.destination`. `frame.start` is at the quoted header. Returns whether that is news. RFC 1191 §3, RFC 5927 §4.1.
   */
  tooBig(report: IpErrorReport, frame: Frame, now: Micros): boolean;
  /** Word from above that the path seems not to work (R1 reached): try another gateway. RFC 1122 §3.3.1.4, RFC 9293 §3.8.3. */
  doubt(path: Path, now: Micros): void;
}

/** Told of a datagram that cannot be delivered, so that Destination Unreachable with `code` goes back. The frame is lent, `network` set. */
export type UndeliverableHook = (frame: Frame, packet: IpPacket, code: number, now: Micros) => void;
/** Told of a header that cannot be processed; `pointer` is the octet of the IP header in error (RFC 792). The frame is lent. */
export type ParameterProblemHook = (frame: Frame, packet: IpPacket, pointer: number, now: Micros) => void;

/** What ICMP needs of IP beyond what every protocol needs: they are one module in RFC 1122 §3.2.2. */
export interface IcmpSupport extends IpService {
  onUndeliverable: UndeliverableHook | undefined;
  onParameterProblem: ParameterProblemHook | undefined;
  /** Told of fragment zero of a datagram whose rest did not come in time, so that Time Exceeded goes back. RFC 1122 §3.3.2. */
  onReassemblyTimeout: UndeliverableHook | undefined;
  /**
   * Hands an error to the handler and the raw listeners of the protocol that the report names; frame as in ProtocolHandler.error.
   * False when there is neither. RFC 1122 §3.2.2.
   */
  deliverError(report: IpErrorReport, frame: Frame, now: Micros): boolean;
  /** A Redirect: route `destination` by way of `gateway`. False when it is not to be believed. RFC 1122 §3.2.2.2. */
  redirect(from: IpAddress, destination: IpAddress, gateway: IpAddress, interfaceId: number, now: Micros): boolean;
  /** Whether a source stands for a single host that an error may be sent to. RFC 1122 §3.2.2. */
  namesSingleHost(address: IpAddress, interfaceId: number): boolean;
}
