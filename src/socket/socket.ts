/**
 * What the three kinds of socket have in common: the calls as methods, the options that socket(7) and ip(7) describe, and
 * what they share. Numbers in, numbers out: results are octets or 0, failures negative Linux errnos.
 *
 * Read stream-socket.ts next; calls.ts puts descriptors in front of these.
 */
import type { Context } from '../core/context.ts';
import { Errno } from '../core/errno.ts';
import { ANY_ADDRESS, isMulticast } from '../ip/address.ts';
import type { IpAddress } from '../ip/address.ts';
import { MtuDiscover } from '../ip/service.ts';
import type { IpService } from '../ip/service.ts';
import type { TcpInfo, TcpOptions, TcpService } from '../tcp/service.ts';
import type { UdpService } from '../udp/service.ts';
import type { PortTable } from './ports.ts';
import type { RawOutput } from './raw-output.ts';
import type { ReadinessQueue, Watch } from './readiness.ts';

/** What the sockets of one stack share. */
export interface SocketHost {
  readonly context: Context;
  readonly tcp: TcpService;
  readonly udp: UdpService;
  readonly ip: IpService;
  readonly tcpPorts: PortTable;
  readonly udpPorts: PortTable;
  readonly rawOutput: RawOutput;
  readonly readiness: ReadinessQueue;
}

/** One end of an association. A record that the caller owns and a call fills in. */
export interface Endpoint {
  address: IpAddress;
  port: number;
}

export const makeEndpoint = (): Endpoint => ({ address: ANY_ADDRESS, port: 0 });

/** The options that any socket has; TCP's own are in TcpOptions. */
export interface CommonOptions {
  reuseAddress: boolean;
  reusePort: boolean;
  broadcast: boolean;
  keepalive: boolean;
  oobInline: boolean;
  /** SO_LINGER: l_onoff and l_linger (s). */
  lingerOn: boolean;
  lingerSeconds: number;
  /** SO_SNDBUF and SO_RCVBUF as getsockopt shows them: twice what was asked for. socket(7). */
  sendBuffer: number;
  receiveBuffer: number;
  ttl: number;
  tos: number;
  /** IP_HDRINCL: the program brings its own IP header. raw(7). */
  headerIncluded: boolean;
  /** IP_RECVERR: a datagram or raw socket is told of passing errors too, and without being connected. ip(7). */
  receiveErrors: boolean;
  /** IP_MTU_DISCOVER, for datagram sockets; on others it is only kept: TCP always sets DF, raw sockets never do. */
  mtuDiscover: MtuDiscover;
  /** ICMP_FILTER: a bit per message type that is not wanted. raw(7). */
  icmpFilter: number;
}

export type SocketKind = 'stream' | 'datagram' | 'raw';

export interface Socket {
  readonly kind: SocketKind;
  /** SOCK_STREAM, SOCK_DGRAM or SOCK_RAW: SO_TYPE. */
  readonly type: number;
  /** SO_PROTOCOL. */
  readonly protocol: number;
  /** SOCK_NONBLOCK: calls.ts never waits in any case; the Promise face looks at this. */
  nonBlocking: boolean;
  /** Who waits for it. */
  readonly watch: Watch;
  readonly options: Readonly<CommonOptions>;
  /** TCP's own options; undefined on other sockets. */
  readonly tcpOptions: Readonly<TcpOptions> | undefined;
  /** SO_ACCEPTCONN. */
  readonly listening: boolean;

  /** Port 0 asks for an ephemeral one. -EINVAL when bound already, -EADDRNOTAVAIL, -EADDRINUSE. */
  bind(address: IpAddress, port: number): number;
  listen(backlog: number): number;
  /** The next connection as a socket, or a negative errno. */
  accept(): Socket | number;
  /** -EINPROGRESS while a handshake runs; called again it tells the outcome, as connect(2) does. */
  connect(address: IpAddress, port: number): number;
  /** connect with AF_UNSPEC: dissolves the association. */
  disconnect(): number;
  /** `to` is the destination of sendto, undefined for send. */
  send(bytes: Uint8Array, at: number, length: number, flags: number, to: Endpoint | undefined): number;
  /** `from` is filled in with the sender where there is one (`from.port` is -1 where not). */
  receive(into: Uint8Array, at: number, length: number, flags: number, from: Endpoint | undefined): number;
  /** SIOCATMARK: 1 when the next octet to be read is the urgent one, else 0; -ENOTTY where there is none such. sockatmark(3). */
  atMark(): number;
  shutdown(how: number): number;
  close(): void;
  getsockname(into: Endpoint): number;
  getpeername(into: Endpoint): number;
  /** Readiness bits, as poll(2) reports them. */
  readiness(): number;

  changeOptions(changes: Partial<CommonOptions>): number;
  changeTcpOptions(changes: Partial<TcpOptions>): number;
  /** SO_ERROR: the pending error as a positive errno, 0 for none; clears it. */
  takeError(): number;
  /** IP_MTU: octets of the longest datagram that gets to the peer in one piece, as far as is known; -ENOTCONN without one. */
  pathMtu(): number;
  /** TCP_INFO; undefined without a connection. */
  tcpInfo(): TcpInfo | undefined;
}

/** The options of a new datagram or raw socket. */
export function defaultOptions(host: SocketHost): CommonOptions {
  const { ip, socket } = host.context.config;
  return {
    reuseAddress: false,
    reusePort: false,
    broadcast: false,
    keepalive: false,
    oobInline: false,
    lingerOn: false,
    lingerSeconds: 0,
    sendBuffer: socket.datagramSendBuffer,
    receiveBuffer: socket.datagramReceiveBuffer,
    ttl: ip.defaultTtl,
    tos: 0,
    headerIncluded: false,
    receiveErrors: false,
    mtuDiscover: MtuDiscover.Want,
    icmpFilter: 0,
  };
}

/** Whether a socket may be bound to the address: any, an own, a broadcast or a multicast one. ip(7); else EADDRNOTAVAIL. */
export const mayBind = (ip: IpService, address: IpAddress): boolean =>
  address === ANY_ADDRESS || ip.isLocal(address) || ip.isBroadcast(address) || isMulticast(address);

/** The two ends of an association, as far as there is one. */
interface Ends {
  readonly localAddress: IpAddress;
  readonly remoteAddress: IpAddress | undefined;
}

/** IP_MTU of a socket with these ends; -ENOTCONN when it is not connected, or the way to its peer is gone. */
export function mtuTo(ip: IpService, ends: Ends | undefined): number {
  if (ends?.remoteAddress === undefined) return -Errno.ENOTCONN;
  const path = ip.route(ends.remoteAddress, ends.localAddress);
  return typeof path === 'number' ? -Errno.ENOTCONN : path.mtu;
}

/** What listen makes of a backlog: Linux reads a negative one as the largest. listen(2). */
export function boundedBacklog({ context }: SocketHost, backlog: number): number {
  const { maxBacklog } = context.config.socket;
  return backlog < 0 ? maxBacklog : Math.min(backlog, maxBacklog);
}
