/**
 * What TCP offers to the socket layer. Non-blocking throughout: a call acts on the connection's state and rings, marks it
 * for the next poll and returns; nothing is sent inside a call, and TCP never calls a program.
 *
 * Results are octets or 0, failures negative Linux errnos, as the system call would return them.
 */
import type { Micros } from '../core/time.ts';
import type { IpAddress } from '../ip/address.ts';
import type { IpErrorReport } from '../ip/service.ts';

/** Connection states as RFC 9293 §3.3.2 spells them. */
export type TcpState =
  | 'CLOSED'
  | 'LISTEN'
  | 'SYN-SENT'
  | 'SYN-RECEIVED'
  | 'ESTABLISHED'
  | 'FIN-WAIT-1'
  | 'FIN-WAIT-2'
  | 'CLOSE-WAIT'
  | 'CLOSING'
  | 'LAST-ACK'
  | 'TIME-WAIT';

/** What a socket can do now; bits as poll(2) has them. */
export const Readiness = {
  /** POLLIN: recv, or accept, would not block (data, end of stream, or an error). */
  Readable: 0x001,
  /** POLLPRI: an urgent octet has come and was not yet taken. */
  Urgent: 0x002,
  /** POLLOUT: send would take something; connect has completed. */
  Writable: 0x004,
  /** POLLERR. */
  Error: 0x008,
  /** POLLHUP: both directions are over. */
  HangUp: 0x010,
  /** In the place of SIGURG: urgent data lies ahead, though it may not have come. POLLMSG, which Linux does not use. MUST-32. */
  UrgentAhead: 0x400,
  /** POLLRDHUP: the peer has finished sending. */
  ReadHangUp: 0x2000,
} as const;

/** Why readiness may have changed, in the words of poll(2): edge-triggered waits are told of what they ask for. Linux's keys of wake-ups. */
export const Wake = {
  /** The state is another one: for all. Linux sock_def_wakeup. */
  All: 0,
  /** Something can be read: POLLIN, POLLPRI, POLLRDNORM, POLLRDBAND. Linux sock_def_readable. */
  Read: 0x0c3,
  /** There is room to send: POLLOUT, POLLWRNORM, POLLWRBAND. Linux sock_def_write_space. */
  Write: 0x304,
  /** Linux sk_error_report. */
  Error: Readiness.Error,
  /** Linux wakes nobody then, and sends SIGURG. */
  UrgentAhead: Readiness.UrgentAhead,
} as const;

/** Told that the readiness of a connection, listener or port may have changed. It must only note this down: it runs inside the core. */
export interface ReadinessOwner {
  /** @param wake of `Wake`, `Wake.All` unless given */
  onReadiness(wake?: number): void;
}

/** The same of a connection. */
export interface ConnectionOwner extends ReadinessOwner {
  /** An ICMP report ends the attempt to connect; `quoted` is what came back of the segment, from its header on, and lent. */
  onReport?(report: IpErrorReport, quoted: Uint8Array): void;
}

/** Told once that a connection has reached CLOSED and left the tables (TIME-WAIT over): its port is free. It must only note this down. */
export interface PortHolder {
  onGone(): void;
}

/** Options of a connection that setsockopt changes; a listener's are copied to what it accepts. */
export interface TcpOptions {
  /** TCP_NODELAY: Nagle's algorithm off. RFC 9293 §3.7.4. */
  noDelay: boolean;
  /** TCP_CORK: no small segment goes out until it is pulled, or 200 ms have passed. tcp(7). */
  cork: boolean;
  /** TCP_NOTSENT_LOWAT (octets): writable, and taking octets, only while less than this waits unsent; 0 for no bound. tcp(7). */
  notsentLowat: number;
  /** TCP_QUICKACK: delayed ACKs off, or on from the first; undefined for quick ones at first, delayed ones later. */
  quickAck: boolean | undefined;
  /** TCP_MAXSEG: bound on the segment size (octets of payload and options), 0 for none. */
  maxSegment: number;
  /** IP_OPTIONS: what goes with every segment, composed by ip/send-options.ts. RFC 9293 §3.9.2. */
  ipOptions: Uint8Array;
  /** TCP_USER_TIMEOUT (us): give up when sent data stays unacknowledged this long; 0 is R2's default. RFC 9293 §3.8.3, RFC 5482. */
  userTimeout: number;
  /**
   * Enables the User Timeout option and says what it tells the peer (us, 1 s to 22 days); 0 does without. Where `userTimeout` is 0 the
   * peer's word then sets it, within config.tcp.userTimeoutMin and -Max. RFC 5482 §3: ENABLED with ADV_UTO, CHANGEABLE.
   */
  advertisedUserTimeout: number;
  /** SO_KEEPALIVE and its three numbers (us, us, count). RFC 9293 §3.8.4. */
  keepalive: boolean;
  keepaliveIdle: number;
  keepaliveInterval: number;
  keepaliveProbes: number;
  /** TCP_SYNCNT: retransmissions of a SYN before connect gives up, of a listener's SYN,ACKs too; undefined for config.tcp's numbers. */
  synRetries: number | undefined;
  /** SO_SNDBUF and SO_RCVBUF in octets of data; the greatest size while a buffer tunes itself. */
  sendBuffer: number;
  receiveBuffer: number;
  /** Whether the buffers start small and tune themselves, which setting a size through a socket turns off. */
  tuneSend: boolean;
  tuneReceive: boolean;
  /** TCP_WINDOW_CLAMP: the most to offer (octets), 0 for no bound. */
  windowClamp: number;
  /** IP_TTL, IP_TOS. */
  ttl: number;
  tos: number;
  /** IP_RECVERR: what ICMP says of a connection is an error at once, and not only once the connection fails. ip(7). */
  receiveErrors: boolean;
  /** SO_LINGER with l_onoff: undefined when off; 0 makes close abort; else close waits (us), which the socket layer does. */
  linger: number | undefined;
  /** TCP_LINGER2 (us): how long FIN-WAIT-2 lasts once nobody can read. */
  finWait2Timeout: number;
  /** SO_RCVLOWAT (octets): readable only from so many on. socket(7). */
  receiveLowWater: number;
  /** SO_REUSEPORT: a listener shares the connections to its address and port with others that have it too. socket(7). */
  reusePort: boolean;
  /** SO_BINDTODEVICE: the id of the one interface that segments come and go by; 0 for any. socket(7). */
  boundDevice: number;
  /**
   * TCP_DEFER_ACCEPT of a listener, in timeouts of the SYN,ACK: so long it waits for text before a connection is complete; 0 for not. Who
   * connects holds the ACK of the handshake back for text of its own.
   */
  deferAccept: number;
  /** SO_OOBINLINE: the urgent octet is read in its place, as RFC 6093 §6 advises; else it is taken out, for `receiveUrgent`. */
  oobInline: boolean;
  /** TCP_FASTOPEN of a listener: connections at most that have begun with text and whose handshake is not done; 0 for no fast open. */
  fastOpen: number;
  /**
   * TCP_FASTOPEN_CONNECT: connect asks for a cookie, or, when it has one, waits for the first send, whose octets go with the SYN. RFC 7413.
   */
  fastOpenConnect: boolean;
  /** TCP_CONGESTION: the congestion control algorithm, one of `TcpService.congestionControls`. */
  congestion: string;
  /** SO_MAX_PACING_RATE: octets of text a second at most; Infinity for no bound, and 0 too. Less than a segment a second counts as that. */
  maxPacingRate: number;
}

/** One end of a connection (or of an attempt). */
export interface TcpConnection {
  /** The SYN waits for the first `send`, since a Fast Open cookie is known. */
  readonly deferred: boolean;
  readonly localAddress: IpAddress;
  readonly localPort: number;
  readonly remoteAddress: IpAddress;
  readonly remotePort: number;
  readonly state: TcpState;
  /** The live options; write through `setOptions` so that changes take effect. */
  readonly options: Readonly<TcpOptions>;
  /** Who is told of readiness; undefined once the socket is gone. */
  owner: ConnectionOwner | undefined;
  /** Who frees the port when the connection is gone. Set after that, it is told at once. */
  portHolder: PortHolder | undefined;
  /** The pending error (a positive errno), 0 for none. */
  error: number;

  /** Current readiness bits. */
  readiness(): number;
  /** Changes options; -EINVAL for a value out of range, -ENOENT for a congestion control that is not known. */
  setOptions(changes: Partial<TcpOptions>): number;
  /**
   * Queues octets for sending; `more` (MSG_MORE) holds a small segment back for the octets of the next call. Returns how many were
   * taken, -EAGAIN when the ring is full (or still connecting, or notsentLowat is reached), -EPIPE after shutdown or when the connection is
   * over, or the pending error once.
   */
  send(bytes: Uint8Array, at: number, length: number, more?: boolean): number;
  /** Marks the last octet queued as urgent (MSG_OOB). RFC 9293 §3.10.2. */
  sendUrgent(bytes: Uint8Array, at: number, length: number): number;
  /**
   * Copies received octets out. Returns how many, 0 at the end of the stream, -EAGAIN when nothing is there yet, the pending
   * error once, -ENOTCONN before the connection exists. `peek` leaves them (MSG_PEEK),
   * and begins `from` octets further in (SO_PEEK_OFF).
   */
  receive(into: Uint8Array, at: number, length: number, peek?: boolean, from?: number): number;
  /**
   * MSG_OOB: the octet that the urgent pointer names. 1, or 0 when none can come any more; -EINVAL when there is none, it was taken or
   * oobInline is set, -EAGAIN when it is announced and has not come, -ENOTCONN after a reset. Never waits. RFC 6093 §3.
   */
  receiveUrgent(into: Uint8Array, at: number, length: number, peek?: boolean): number;
  /** SIOCATMARK: the next octet to be read is the urgent one; a read that began before it stopped here. */
  readonly atMark: boolean;
  /** Half-close: a FIN follows what is queued (SHUT_WR). -ENOTCONN when there is no connection. RFC 9293 §3.6. */
  shutdownSend(): number;
  /**
   * SHUT_RD: recv does not wait any more. What has come and comes is still handed out, as on Linux; with the other direction shut down too
   * it is refused with a RST.
   */
  shutdownReceive(): number;
  /**
   * What the program had shut down before OPEN. As on Linux, a FIN then tells the peer whose SYN was taken (a listener's, or one that crossed
   * ours); one that sent a SYN,ACK hears of it with another SHUT_WR, or close.
   */
  shutEarly(receive: boolean, send: boolean): void;
  /** The program is gone: CLOSE, or a RST when data was left unread (RFC 9293 §3.6.1, SHLD-3) or linger is 0. */
  close(): void;
  /** ABORT. RFC 9293 §3.10.5. */
  abort(): void;
  /** SO_ERROR: the pending error as a positive errno, 0 for none; clears it. */
  takeError(): number;
  /** FIONREAD: octets that can be read; SIOCOUTQ: octets queued or in flight. */
  readonly unread: number;
  readonly unsent: number;
  /** Everything a TCP_INFO-like question may ask, as plain data. */
  info(): TcpInfo;
}

/**
 * What holds a sender back: the program that gives no more (or Nagle's algorithm that waits for it), the send buffer that is all in flight,
 * the peer's window, the congestion window, the pacing rate.
 */
export type SendLimit = 'app' | 'sndbuf' | 'rwnd' | 'cwnd' | 'pacing';

/**
 * How far Fast Open got. Client: 'requested' (a SYN that asks for a cookie), 'data sent' (text in the SYN), 'data acknowledged', 'data
 * refused' (not acknowledged, sent again after the handshake), 'SYN lost' (the same, after a SYN without text). Server: 'accepted',
 * 'pending'.
 */
export type FastOpenStatus =
  'none' | 'requested' | 'data sent' | 'data acknowledged' | 'data refused' | 'SYN lost' | 'pending' | 'accepted';

/** Snapshot of a connection; times in microseconds, sizes in octets. */
export interface TcpInfo {
  readonly state: TcpState;
  readonly local: string;
  readonly remote: string;
  readonly mss: number;
  readonly srtt: number | undefined;
  readonly rttvar: number | undefined;
  readonly rto: number;
  /** The congestion control algorithm. */
  readonly congestion: string;
  readonly cwnd: number;
  readonly ssthresh: number;
  /** Octets of text a second that are not exceeded; undefined when nothing is paced. */
  readonly pacingRate: number | undefined;
  /** Octets a second that the network delivered lately: in the last round trip measured, with 'bbr' by the last rate sample. */
  readonly deliveryRate: number | undefined;
  /** What holds the sender back, as of the last turn. */
  readonly limitedBy: SendLimit;
  /** Time with text outstanding or queued, and of that the time in which the peer's window or the send buffer was the limit. */
  readonly busyTime: number;
  readonly rwndLimited: number;
  readonly sndbufLimited: number;
  readonly flightSize: number;
  readonly sndWnd: number;
  readonly rcvWnd: number;
  readonly sndWindShift: number;
  readonly rcvWindShift: number;
  readonly timestamps: boolean;
  /** What became of Fast Open (RFC 7413). */
  readonly fastOpen: FastOpenStatus;
  /** ECN is in use: both ends have agreed. Segments of text that came marked (CE), ACKs that echoed a mark (ECE), reductions for those. */
  readonly ecn: boolean;
  readonly marksReceived: number;
  readonly echoesReceived: number;
  readonly ecnReductions: number;
  readonly bytesSent: number;
  readonly bytesAcked: number;
  readonly bytesReceived: number;
  readonly segmentsSent: number;
  readonly segmentsReceived: number;
  /** Segments (frames) with octets that had been sent before, and how many octets of text they were. */
  readonly retransmissions: number;
  readonly bytesRetransmitted: number;
  /** How losses are recovered from: 'rack', or 'newreno' for a peer without SACK. The counters below are those of 'rack'. */
  readonly recovery: string;
  /** Octets marked as lost, and octets that the peer's SACK blocks reported. */
  readonly bytesLost: number;
  readonly bytesSacked: number;
  /** Segments delivered out of order, and D-SACK blocks that came. */
  readonly reorderings: number;
  readonly duplicatesReported: number;
  /** Tail loss probes, and recoveries that turned out to be mistakes. */
  readonly lossProbes: number;
  readonly recoveriesUndone: number;
  readonly timeouts: number;
  readonly duplicateAcks: number;
  readonly unread: number;
  readonly unsent: number;
  /** The user timeout in force, 0 for R2, and the peer's last User Timeout option, 0 for none. RFC 5482 §3.1. */
  readonly userTimeout: number;
  readonly remoteUserTimeout: number;
  /** Octets up to the end of the peer's urgent data that were not yet read; 0 for none. MUST-33. */
  readonly urgentAhead: number;
  /** What the buffers may hold now (octets), and the memory that they have. */
  readonly sendBuffer: number;
  readonly receiveBuffer: number;
  /** TCP_WINDOW_CLAMP in force, 0 for none. */
  readonly windowClamp: number;
  readonly memory: number;
}

/** What a listener has counted since listen. */
export interface ListenerCounters {
  /** SYNs that met a full SYN queue, and SYNs and last ACKs of handshakes that met a full accept queue. Linux ListenOverflows. */
  synQueueOverflows: number;
  acceptQueueOverflows: number;
  /** SYN,ACKs with a cookie that were sent, ACKs with a good one, and with a bad one. Linux SyncookiesSent, -Recv, -Failed. */
  cookiesSent: number;
  cookiesAccepted: number;
  cookiesInvalid: number;
  /** Connections that began with text in the SYN, SYNs with a cookie that was not good, and those that met too many pending. RFC 7413. */
  fastOpens: number;
  fastOpenRefused: number;
  fastOpenOverflows: number;
}

export interface TcpListener {
  readonly address: IpAddress;
  readonly port: number;
  owner: ReadinessOwner | undefined;
  readonly options: Readonly<TcpOptions>;
  setOptions(changes: Partial<TcpOptions>): number;
  /** The oldest completed connection, or undefined when none waits. */
  accept(): TcpConnection | undefined;
  /** Completed connections that wait. */
  readonly waiting: number;
  /** What became of the SYNs, as plain data. */
  readonly counters: Readonly<ListenerCounters>;
  /** The directions in which every connection is shut down from the beginning. */
  shutEarly(receive: boolean, send: boolean): void;
  /** listen() again with another backlog. */
  setBacklog(backlog: number): void;
  /** Ends listening; connections that wait are reset. RFC 9293 §3.10.4, LISTEN. */
  close(): void;
}

export interface TcpService {
  /**
   * Active OPEN: the SYN goes out at the next poll. `localAddress` is ANY_ADDRESS or an own address; the port is chosen already.
   * Negative errno: -ENETUNREACH and the like from routing, -EADDRNOTAVAIL when the four-tuple is taken, -ENOBUFS at the bound. A connection
   * in TIME-WAIT that used timestamps gives way, though `isTaken` counts it.
   * A remote address that is broadcast or multicast gives -ENETUNREACH, as on Linux (MUST-46).
   */
  connect(
    local: IpAddress,
    localPort: number,
    remote: IpAddress,
    remotePort: number,
    options: TcpOptions,
  ): TcpConnection | number;
  /** Passive OPEN. -EADDRINUSE when another listener has the address and port, and one of the two does not share (`reusePort`). */
  listen(local: IpAddress, port: number, backlog: number, options: TcpOptions): TcpListener | number;
  /** Whether the four-tuple is in use (the port chooser asks). */
  isTaken(local: IpAddress, localPort: number, remote: IpAddress, remotePort: number): boolean;
  /** The congestion control algorithms that there are, by name. */
  readonly congestionControls: readonly string[];
  /** The options that a new socket starts with. */
  defaultOptions(): TcpOptions;
  /** Sends what may be sent: called by the stack after all input of a turn. RFC 9293 MUST-58, MUST-59. */
  poll(now: Micros): void;
  /** Whether `poll` has something to do. */
  readonly pending: boolean;
  connections(): Iterable<TcpConnection>;
  listeners(): Iterable<TcpListener>;
}
