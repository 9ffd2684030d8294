/**
 * What all kinds of socket have in common: the calls as methods, the options that socket(7) and ip(7) describe, and what they
 * share. Numbers in, numbers out: results are octets or 0, failures negative Linux errnos.
 *
 * Read inet/stream-socket.ts next; calls.ts puts descriptors in front of these.
 */
import type { Context } from '../core/context.ts';
import type { Micros } from '../core/time.ts';
import type { Devices } from '../ethernet/device.ts';
import { ANY_ADDRESS } from '../ip/address.ts';
import type { IpAddress } from '../ip/address.ts';
import { NO_OPTIONS } from '../ip/send-options.ts';
import { MtuDiscover } from '../ip/service.ts';
import type { IpService } from '../ip/service.ts';
import type { TcpInfo, TcpOptions, TcpService } from '../tcp/service.ts';
import type { UdpService } from '../udp/service.ts';
import type { Name, NameOut } from './address.ts';
import { SHUT_RD, SHUT_RDWR, SHUT_WR } from './constants.ts';
import type { OpenFile, OpenFiles } from './file.ts';
import type { Credentials, Incoming, Outgoing } from './message.ts';
import type { ReadinessQueue } from './readiness.ts';

/** What the sockets of one stack share, whatever their family. */
export interface SocketHost {
  readonly context: Context;
  readonly tcp: TcpService;
  readonly udp: UdpService;
  readonly ip: IpService;
  readonly devices: Devices;
  readonly readiness: ReadinessQueue;
  readonly files: OpenFiles;
  /** Asks for a turn: something is to be sent, or somebody to be told. It only notes that down. */
  readonly kick: () => void;
  /** The time as of the last turn, for what calls give a time themselves. */
  readonly clock: { now: Micros };
}

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
  /** SO_RCVLOWAT (octets): a stream is readable from so many on. socket(7). */
  receiveLowWater: number;
  /** SO_PEEK_OFF (octets): where MSG_PEEK looks next; below 0 at the beginning, always. socket(7). */
  peekOffset: number;
  /**
   * SO_RCVTIMEO and SO_SNDTIMEO (us): how long a call waits, after which it fails with EAGAIN (connect: EINPROGRESS); 0 for as long as it
   * takes, below 0 for not at all. For the faces that wait.
   */
  receiveTimeout: number;
  sendTimeout: number;
  /** SO_BINDTODEVICE: the id of the one interface that is used; 0 for any. */
  boundDevice: number;
  /** SO_PRIORITY and SO_MARK, unsigned. Kept: no queue and no rule here goes by them. */
  priority: number;
  mark: number;
  /** SO_TIMESTAMP: datagrams come with the time of their arrival. */
  timestamp: boolean;
  /** SO_DEBUG; kept. */
  debug: boolean;
  /** SO_DONTROUTE: only to hosts on the link. */
  dontRoute: boolean;
  ttl: number;
  tos: number;
  /** IP_MULTICAST_TTL, 0 to 255. */
  multicastTtl: number;
  /** IP_MULTICAST_LOOP: members on this host get a copy of what is sent to their group. */
  multicastLoop: boolean;
  /** IP_MULTICAST_ALL: datagrams to every group that the interface is in are received, not only those to the socket's own. */
  multicastAll: boolean;
  /** IP_MULTICAST_IF: the interface (0 for the one that the routes name) and the source address of what is sent to a group. */
  multicastInterface: number;
  multicastSource: IpAddress;
  /** IP_OPTIONS: what goes with every datagram, composed by ip/send-options.ts; on a stream TcpOptions has it. */
  ipOptions: Uint8Array;
  /** IP_RECVOPTS and IP_RETOPTS: datagrams come with their IP options, and with those that an answer would have. */
  receiveIpOptions: boolean;
  returnIpOptions: boolean;
  /** IP_HDRINCL: the program brings its own IP header. raw(7). */
  headerIncluded: boolean;
  /** IP_RECVERR: a datagram or raw socket is told of passing errors too, and without being connected. ip(7). */
  receiveErrors: boolean;
  /** IP_MTU_DISCOVER, for datagram and raw sockets; on streams it is only kept: TCP always sets DF. */
  mtuDiscover: MtuDiscover;
  /** IP_RECVTTL, IP_RECVTOS, IP_PKTINFO: datagrams come with what their header says. On streams they are only kept. ip(7). */
  receiveTtl: boolean;
  receiveTos: boolean;
  receivePacketInfo: boolean;
  /** IP_FREEBIND: bind takes an address that is not this host's. Nothing can be sent from there. ip(7). */
  freeBind: boolean;
  /** IP_TRANSPARENT: the same. Differs: Linux then sends from such addresses, too, and receives what is for them; no forgery here. */
  transparent: boolean;
  /** UDP_CORK, UDP_SEGMENT (octets, 0 for off), UDP_GRO. udp(7). */
  udpCork: boolean;
  udpSegment: number;
  udpGro: boolean;
  /** IP_BIND_ADDRESS_NO_PORT: bind with port 0 takes no port; connect chooses one. ip(7). */
  bindAddressNoPort: boolean;
  /** ICMP_FILTER: a bit per message type that is not wanted. raw(7). */
  icmpFilter: number;
  /** SO_PASSCRED: the sender's credentials come with every message. unix(7). */
  passCredentials: boolean;
  /** SO_PASSSEC, which is only kept: there is no security module. unix(7). */
  passSecurity: boolean;
}

/** What IP_ADD_MEMBERSHIP and its like are given, read. struct ip_mreqn of ip(7). */
export interface GroupRequest {
  readonly group: IpAddress;
  /** An own address that names the interface. */
  readonly address: IpAddress;
  /** Names the interface too, and goes first; 0 for none. */
  readonly interfaceId: number;
}

/** The groups that a socket is in, and its choice of an interface for multicasts: inet/multicast.ts. */
export interface SocketGroups {
  /** -EINVAL for what is no group, -ENODEV, -EADDRINUSE when it is in already, -ENOBUFS when it is in too many. */
  join(request: GroupRequest): number;
  /** -ENODEV, -EADDRNOTAVAIL when it is not in. */
  leave(request: GroupRequest): number;
  /** IP_MULTICAST_IF. -EADDRNOTAVAIL when there is no such interface. */
  choose(request: GroupRequest): number;
}

export type SocketKind = 'stream' | 'datagram' | 'raw' | 'unix' | 'packet';

export interface Socket extends OpenFile {
  readonly kind: SocketKind;
  /** AF_...: SO_DOMAIN. */
  readonly family: number;
  /** SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET: SO_TYPE. */
  readonly type: number;
  /** SO_PROTOCOL. */
  readonly protocol: number;
  readonly options: Readonly<CommonOptions>;
  /** TCP's own options; undefined on other sockets. */
  readonly tcpOptions: Readonly<TcpOptions> | undefined;
  /** On datagram and raw sockets of AF_INET. */
  readonly groups?: SocketGroups;
  /** SO_ACCEPTCONN. */
  readonly listening: boolean;
  /** SO_PEERCRED: only AF_UNIX has some, and where there is a peer. unix(7). */
  readonly peerCredentials?: Credentials | undefined;

  /** -EINVAL when bound already or the name is malformed, -EADDRNOTAVAIL, -EADDRINUSE, -EAFNOSUPPORT, -EACCES. */
  bind(name: Name): number;
  listen(backlog: number): number;
  /** The next connection as a socket, or a negative errno. */
  accept(): Socket | number;
  /** -EINPROGRESS while a handshake runs; called again it tells the outcome. AF_UNSPEC dissolves the association. connect(2). */
  connect(name: Name): number;
  /** `outgoing` is what sendto and sendmsg say besides; undefined for send. Returns octets taken. */
  send(bytes: Uint8Array, at: number, length: number, flags: number, outgoing: Outgoing | undefined): number;
  /** `incoming`, if given, is filled in. Returns octets, with MSG_TRUNC the length that there was. */
  receive(into: Uint8Array, at: number, length: number, flags: number, incoming: Incoming | undefined): number;
  /** SIOCATMARK: 1 when the next octet to be read is the urgent one, else 0; -ENOTTY where there is none such. sockatmark(3). */
  atMark(): number;
  /** SIOCINQ, FIONREAD: octets that can be read, of datagrams those of the next; -EINVAL while listening. */
  readable(): number;
  /** SIOCOUTQ: octets that are not sent yet, or not acknowledged; -EINVAL while listening. */
  unsent(): number;
  shutdown(how: number): number;
  getsockname(into: NameOut): number;
  /** `evenIfOver`: for accept, which names a peer that has left again, too. */
  getpeername(into: NameOut, evenIfOver?: boolean): number;

  /**
   * How long close has to wait (us) for what was sent to arrive, 0 for not at all; `done` then runs once, from `deliver`, after close when
   * it need not wait any longer. Only streams have it. socket(7), SO_LINGER.
   */
  linger?(done: () => void): number;

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
    receiveLowWater: 1,
    peekOffset: -1,
    receiveTimeout: 0,
    sendTimeout: 0,
    boundDevice: 0,
    priority: 0,
    mark: 0,
    timestamp: false,
    debug: false,
    dontRoute: false,
    ttl: ip.defaultTtl,
    tos: 0,
    multicastTtl: 1,
    multicastLoop: true,
    multicastAll: true,
    multicastInterface: 0,
    multicastSource: ANY_ADDRESS,
    ipOptions: NO_OPTIONS,
    receiveIpOptions: false,
    returnIpOptions: false,
    headerIncluded: false,
    receiveErrors: false,
    mtuDiscover: MtuDiscover.Want,
    receiveTtl: false,
    receiveTos: false,
    receivePacketInfo: false,
    freeBind: false,
    transparent: false,
    udpCork: false,
    udpSegment: 0,
    udpGro: false,
    bindAddressNoPort: false,
    icmpFilter: 0,
    passCredentials: false,
    passSecurity: false,
  };
}

/** What listen makes of a backlog: Linux reads a negative one as the largest. listen(2). */
export function boundedBacklog({ context }: SocketHost, backlog: number): number {
  const { maxBacklog } = context.config.socket;
  return backlog < 0 ? maxBacklog : Math.min(backlog, maxBacklog);
}

/** Whether `how` is one that shutdown(2) knows; else EINVAL. */
export const isShutdown = (how: number): boolean => how === SHUT_RD || how === SHUT_WR || how === SHUT_RDWR;
