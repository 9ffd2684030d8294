/**
 * What UDP offers to the socket layer. Datagrams are queued by `send` and leave at the next poll, as TCP's segments do.
 */
import type { Micros } from '../core/time.ts';
import type { IpAddress } from '../ip/address.ts';
import type { IpErrorReport, IpPacket, MtuDiscover, Path } from '../ip/service.ts';

/** Receives what comes for a port. It must only note things down: it runs inside the core. */
export interface UdpOwner {
  /** A datagram; `payload` is lent for the call. Returns false when the receive queue is full, which UDP counts as a drop. */
  onDatagram(payload: Uint8Array, source: IpAddress, sourcePort: number, packet: IpPacket, now: Micros): boolean;
  /** Whether it wants a datagram to a group that its interface is in: IP_MULTICAST_ALL, ip(7). All of them without this. */
  wantsGroup?(packet: IpPacket): boolean;
  /** An ICMP error about a datagram that this port sent to `destinationPort`; `quoted` is as much of its data as came back, and lent. */
  onError(report: IpErrorReport, destinationPort: number, quoted: Uint8Array): void;
  /** Whether what routers report of the path's MTU is to be ignored: IP_PMTUDISC_INTERFACE and _OMIT. */
  readonly ignoresPathMtu?: boolean;
  /** SO_REUSEPORT: what comes is spread over this and others that share the port. socket(7). */
  readonly sharesPort?: boolean;
  /** Room in the send queue again. */
  onSent(): void;
}

/** How one datagram is sent. */
export interface UdpSendOptions {
  ttl: number;
  tos: number;
  /** IP_MTU_DISCOVER: what becomes of a datagram that is longer than the path carries. */
  mtuDiscover: MtuDiscover;
  /** MSG_CONFIRM: the program knows that the path works. */
  confirm: boolean;
  /** Whether members on this host get a copy of a multicast: IP_MULTICAST_LOOP. */
  loop: boolean;
}

/** An open port. */
export interface UdpPort {
  /** ANY_ADDRESS or an own address; a broadcast or multicast address is matched as destination only. */
  readonly localAddress: IpAddress;
  readonly localPort: number;
  /** Once connected, only this peer's datagrams are taken. */
  readonly remoteAddress: IpAddress | undefined;
  readonly remotePort: number;
  /** SO_BINDTODEVICE: only what comes in on this interface is taken; 0 for any. */
  device: number;
  /** Octets of datagrams waiting to leave. */
  readonly queued: number;
  /** Fixes both ends; the local address is the one that routing chose, unless the port has one (1122-4.1.3.5-d). */
  connect(local: IpAddress, remote: IpAddress, remotePort: number): void;
  /**
   * Queues one datagram. Returns `length`, or -EMSGSIZE above 65,507 octets (or what `mtuDiscover` does not let be cut). How
   * many may wait is the owner's business.
   */
  send(
    bytes: Uint8Array,
    at: number,
    length: number,
    path: Path,
    destinationPort: number,
    options: UdpSendOptions,
  ): number;
  close(): void;
}

export interface UdpService {
  /** Opens a port; conflicts are the port table's business (socket/ports.ts), so several may share one. */
  open(local: IpAddress, port: number, owner: UdpOwner): UdpPort;
  poll(now: Micros): void;
  readonly pending: boolean;
  ports(): Iterable<UdpPort>;
}
