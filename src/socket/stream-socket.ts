/**
 * SOCK_STREAM: a socket before it is connected, and the thin hull around a TCP connection or listener afterwards.
 *
 * Phases are Linux's socket states (net/ipv4/af_inet.c): connect reports -EINPROGRESS once, then -EALREADY, and the call
 * after the handshake gives its outcome: 0, or the error, which makes the socket fresh again. close never waits: SO_LINGER
 * with a time is accepted and only its zero acts (a reset).
 */
import { Errno } from '../core/errno.ts';
import { ANY_ADDRESS, LOOPBACK_ADDRESS } from '../ip/address.ts';
import type { IpAddress } from '../ip/address.ts';
import { Readiness } from '../tcp/service.ts';
import type { TcpConnection, TcpInfo, TcpListener, TcpOptions } from '../tcp/service.ts';
import {
  IPPROTO_TCP,
  MSG_ERRQUEUE,
  MSG_FASTOPEN,
  MSG_MORE,
  MSG_OOB,
  MSG_PEEK,
  MSG_TRUNC,
  SHUT_RD,
  SHUT_RDWR,
  SHUT_WR,
  SOCK_STREAM,
} from './constants.ts';
import type { Binding } from './ports.ts';
import { Watch } from './readiness.ts';
import { boundedBacklog, defaultOptions, mayBind, mtuTo } from './socket.ts';
import type { CommonOptions, Endpoint, Socket, SocketHost } from './socket.ts';
import { isOver, receiveNothing, receiveUrgent } from './stream-receive.ts';
import { tcpPart } from './tcp-part.ts';

/** 'disconnecting': shut down after a failed connect whose outcome nobody asked for; only AF_UNSPEC helps then. */
type Phase = 'unconnected' | 'connecting' | 'connected' | 'listening' | 'disconnecting';

export class StreamSocket implements Socket {
  readonly kind = 'stream';
  readonly type = SOCK_STREAM;
  readonly protocol = IPPROTO_TCP;
  nonBlocking = false;
  readonly watch: Watch;
  // Replaced by a change, so that the sockets of one listener share theirs.
  options: Readonly<CommonOptions>;
  tcpOptions: Readonly<TcpOptions>;

  readonly #host: SocketHost;
  #phase: Phase = 'unconnected';
  #connection: TcpConnection | undefined = undefined;
  /** Whether the connection has left TCP's tables. */
  #gone = false;
  #listener: TcpListener | undefined = undefined;
  /** The port, while the socket (and not a connection that outlives it) holds it. */
  #binding: Binding | undefined = undefined;
  /** Whether the program chose the port: then it outlives a connection. */
  #bound = false;
  #boundAddress: IpAddress = ANY_ADDRESS;
  /** What getsockname shows. */
  readonly #local: Endpoint = { address: ANY_ADDRESS, port: 0 };
  /** Pending error, and SHUT_RD, of a socket without a connection. */
  #error = 0;
  #shutReceive = false;
  #closed = false;

  /** @param listener what it was accepted from: the options are the same */
  constructor(host: SocketHost, listener?: StreamSocket) {
    this.#host = host;
    this.watch = new Watch(host.readiness, () => this.readiness());
    this.tcpOptions = listener?.tcpOptions ?? host.tcp.defaultOptions();
    const sendBuffer = 2 * this.tcpOptions.sendBuffer;
    const receiveBuffer = 2 * this.tcpOptions.receiveBuffer;
    this.options = listener?.options ?? { ...defaultOptions(host), sendBuffer, receiveBuffer };
  }

  get listening(): boolean {
    return this.#phase === 'listening';
  }

  bind(address: IpAddress, port: number): number {
    if (!mayBind(this.#host.ip, address)) return -Errno.EADDRNOTAVAIL;
    const inUse = this.#connection !== undefined && !isOver(this.#connection);
    if (this.#binding !== undefined || inUse) return -Errno.EINVAL;
    const result = this.#reserve(address, port);
    if (result < 0) return result;
    this.#bound = true;
    this.#boundAddress = address;
    return 0;
  }

  listen(backlog: number): number {
    if (this.#phase === 'listening') {
      this.#listener!.setBacklog(boundedBacklog(this.#host, backlog));
      return 0;
    }
    if (this.#phase !== 'unconnected') return -Errno.EINVAL;
    if (this.#binding === undefined) {
      const result = this.#reserve(ANY_ADDRESS, 0);
      if (result < 0) return result;
    }
    const binding = this.#binding!;
    if (this.#host.tcpPorts.conflicts(binding)) return -Errno.EADDRINUSE;
    const { address, port } = binding;
    const listener = this.#host.tcp.listen(address, port, boundedBacklog(this.#host, backlog), this.tcpOptions);
    if (typeof listener === 'number') return listener;
    listener.owner = this.watch;
    binding.listening = true;
    this.#listener = listener;
    this.#phase = 'listening';
    return 0;
  }

  accept(): StreamSocket | number {
    if (this.#phase !== 'listening') return -Errno.EINVAL;
    const connection = this.#listener!.accept();
    if (connection === undefined) return -Errno.EAGAIN;
    const socket = new StreamSocket(this.#host, this);
    socket.#phase = 'connected';
    if (connection.state !== 'CLOSED') {
      const { reuseAddress, reusePort } = this.options;
      const { localAddress: address, localPort: port } = connection;
      socket.#hold({ address, port, reuseAddress, reusePort, listening: false, explicit: true });
    }
    socket.#adopt(connection);
    return socket;
  }

  connect(address: IpAddress, port: number): number {
    return this.#open(address, port, this.tcpOptions);
  }

  #open(address: IpAddress, port: number, options: TcpOptions): number {
    if (this.#phase === 'connected' || this.#phase === 'listening') return -Errno.EISCONN;
    if (this.#phase === 'connecting') return this.#outcome();
    if (this.#phase === 'disconnecting') return -Errno.EINVAL;
    if (this.#connection !== undefined) this.#forget();

    const from = this.#binding?.address ?? ANY_ADDRESS;
    // An unspecified destination is this host. RFC 1122 §3.2.1.3 (a) forbids it on the wire; Linux reads it so.
    const remote = address !== ANY_ADDRESS ? address : from !== ANY_ADDRESS ? from : LOOPBACK_ADDRESS;
    const path = this.#host.ip.route(remote, from);
    if (typeof path === 'number') return path;
    if (this.#binding === undefined) {
      const chosen = this.#host.tcpPorts.pickToConnect(path.source, remote, port, (candidate) =>
        this.#host.tcp.isTaken(path.source, candidate, remote, port),
      );
      if (chosen === undefined) return -Errno.EADDRNOTAVAIL;
      const { reuseAddress, reusePort } = this.options;
      const held = { address: path.source, port: chosen, reuseAddress, reusePort, listening: false, explicit: false };
      this.#hold(held);
    }
    const localPort = this.#binding!.port;
    const connection = this.#host.tcp.connect(path.source, localPort, remote, port, options);
    if (typeof connection === 'number') {
      this.#dropUnboundPort();
      return connection;
    }
    this.#binding!.address = path.source;
    this.#adopt(connection);
    this.#shutReceive = false;
    this.#error = 0;
    // TCP_FASTOPEN_CONNECT with a cookie: connected as far as the program is concerned, and the SYN goes with what it sends first.
    this.#phase = connection.deferred ? 'connected' : 'connecting';
    return connection.deferred ? 0 : -Errno.EINPROGRESS;
  }

  disconnect(): number {
    this.#stopListening();
    const connection = this.#connection;
    if (connection !== undefined) {
      this.#error = isOver(connection) ? connection.takeError() : Errno.ECONNRESET;
      connection.abort();
      this.#forget();
    }
    this.#phase = 'unconnected';
    this.#shutReceive = false;
    this.#local.address = this.#boundAddress;
    this.watch.onReadiness();
    return 0;
  }

  send(bytes: Uint8Array, at: number, length: number, flags: number, to?: Endpoint): number {
    if ((flags & MSG_FASTOPEN) !== 0) return this.#sendFirst(bytes, at, length, to);
    const connection = this.#connection;
    if (connection === undefined) return this.#error !== 0 ? -this.takeError() : -Errno.EPIPE;
    if ((flags & MSG_OOB) !== 0) return connection.sendUrgent(bytes, at, length);
    return connection.send(bytes, at, length, (flags & MSG_MORE) !== 0);
  }

  receive(into: Uint8Array, at: number, length: number, flags: number, from: Endpoint | undefined): number {
    if (from !== undefined) from.port = -1;
    if ((flags & MSG_ERRQUEUE) !== 0) return -Errno.EAGAIN;
    const connection = this.#connection;
    if (connection === undefined) {
      if (this.#phase === 'listening') return -Errno.ENOTCONN;
      if ((flags & MSG_OOB) !== 0) return -Errno.EINVAL;
      if (this.#error !== 0) return -this.takeError();
      return this.#shutReceive ? 0 : -Errno.ENOTCONN;
    }
    const peek = (flags & MSG_PEEK) !== 0;
    if ((flags & MSG_OOB) !== 0) return receiveUrgent(connection, into, at, length, flags, peek);
    const result =
      (flags & MSG_TRUNC) !== 0 ? receiveNothing(connection, length, peek) : connection.receive(into, at, length, peek);
    // A refused connection has ended, once its error has been told: Linux does not tell it from one that was there.
    return result === -Errno.ENOTCONN && isOver(connection) ? 0 : result;
  }

  shutdown(how: number): number {
    if (how !== SHUT_RD && how !== SHUT_WR && how !== SHUT_RDWR) return -Errno.EINVAL;
    if (this.#phase === 'listening') {
      if (how === SHUT_WR) return 0;
      this.#stopListening();
      this.#phase = 'unconnected';
      this.watch.onReadiness();
      return 0;
    }
    const connection = this.#connection;
    // Differs: with text in the SYN it goes on; on Linux a send that blocks has waited for the handshake, one that does not is lost.
    if (connection?.state === 'SYN-SENT' && connection.unsent === 0) return this.disconnect();
    const over = connection === undefined || isOver(connection);
    if (how !== SHUT_WR) {
      this.#shutReceive = true;
      if (!over) connection.shutdownReceive();
    }
    if (how !== SHUT_RD && !over) connection.shutdownSend();
    this.watch.onReadiness();
    if (this.#phase === 'connecting') this.#phase = over ? 'disconnecting' : 'connected';
    return over ? -Errno.ENOTCONN : 0;
  }

  close(): void {
    this.#closed = true;
    this.#stopListening();
    const connection = this.#connection;
    if (connection !== undefined) {
      connection.owner = undefined;
      connection.close();
    }
    // Else the port stays held until the connection is gone: see #adopt.
    if (connection === undefined || this.#gone) this.#dropPort();
    this.watch.close();
  }

  atMark(): number {
    return this.#connection?.atMark === true ? 1 : 0;
  }

  getsockname(into: Endpoint): number {
    into.address = this.#local.address;
    into.port = this.#local.port;
    return 0;
  }

  getpeername(into: Endpoint): number {
    const connection = this.#connection;
    if (connection === undefined || isOver(connection) || connection.state === 'SYN-SENT') return -Errno.ENOTCONN;
    into.address = connection.remoteAddress;
    into.port = connection.remotePort;
    return 0;
  }

  readiness(): number {
    if (this.#listener !== undefined) return this.#listener.waiting > 0 ? Readiness.Readable : 0;
    if (this.#connection !== undefined) return this.#connection.readiness();
    let bits: number = Readiness.Writable | Readiness.HangUp;
    if (this.#shutReceive) bits |= Readiness.Readable | Readiness.ReadHangUp;
    if (this.#error !== 0) bits |= Readiness.Error;
    return bits;
  }

  changeOptions(changes: Partial<CommonOptions>): number {
    const result = this.changeTcpOptions(tcpPart(this.options, changes));
    if (result < 0) return result;
    this.options = { ...this.options, ...changes };
    if (this.#binding !== undefined) {
      this.#binding.reuseAddress = this.options.reuseAddress;
      this.#binding.reusePort = this.options.reusePort;
    }
    return 0;
  }

  changeTcpOptions(changes: Partial<TcpOptions>): number {
    const target = this.#connection ?? this.#listener;
    if (changes.congestion !== undefined && !this.#host.tcp.congestionControls.includes(changes.congestion)) {
      return -Errno.ENOENT;
    }
    const result = target === undefined ? 0 : target.setOptions(changes);
    if (result < 0) return result;
    this.tcpOptions = { ...this.tcpOptions, ...changes };
    return 0;
  }

  takeError(): number {
    const error = this.#error !== 0 ? this.#error : (this.#connection?.takeError() ?? 0);
    this.#error = 0;
    return error;
  }

  pathMtu(): number {
    return mtuTo(this.#host.ip, this.#connection);
  }

  tcpInfo(): TcpInfo | undefined {
    return this.#connection?.info();
  }

  /** MSG_FASTOPEN: connect and send in one. Linux tcp_sendmsg_fastopen. */
  #sendFirst(bytes: Uint8Array, at: number, length: number, to: Endpoint | undefined): number {
    if (!this.#host.context.config.tcp.fastOpenClient) return -Errno.EOPNOTSUPP;
    if (this.#phase === 'connecting') return -Errno.EALREADY;
    if (this.#phase === 'unconnected') {
      if (to === undefined) return -Errno.EINVAL;
      const result = this.#open(to.address, to.port, { ...this.tcpOptions, fastOpenConnect: true });
      if (result !== 0) return result;
      this.#phase = 'connecting';
    } else if (this.#connection?.deferred !== true) {
      return -Errno.EISCONN;
    }
    return this.#connection!.send(bytes, at, length);
  }

  /** connect while a handshake runs or after it: what became of it. */
  #outcome(): number {
    const connection = this.#connection!;
    const { state } = connection;
    if (state === 'SYN-SENT' || state === 'SYN-RECEIVED') return -Errno.EALREADY;
    if (!isOver(connection)) {
      this.#phase = 'connected';
      return 0;
    }
    // Somebody else may have taken the error by now (SO_ERROR, recv): then Linux says ECONNABORTED.
    const error = connection.takeError();
    this.#forget();
    this.#phase = 'unconnected';
    return -(error === 0 ? Errno.ECONNABORTED : error);
  }

  /** Makes the connection this socket's. */
  #adopt(connection: TcpConnection): void {
    this.#connection = connection;
    this.#local.address = connection.localAddress;
    this.#local.port = connection.localPort;
    connection.owner = this.watch;
    this.#gone = false;
    connection.onGone = () => {
      if (this.#connection !== connection) return; // Forgotten before, and its port with it.
      this.#gone = true;
      // An open socket keeps the port that its program bound; in any other case nobody needs it any more.
      if (this.#closed || !this.#bound) this.#dropPort();
    };
  }

  /** Lets go of a connection that is over (or aborted just now). */
  #forget(): void {
    const connection = this.#connection!;
    connection.owner = undefined;
    this.#connection = undefined;
    connection.close();
    this.#local.address = this.#boundAddress;
    this.#dropUnboundPort();
  }

  #stopListening(): void {
    if (this.#listener === undefined) return;
    this.#listener.owner = undefined;
    this.#listener.close();
    this.#listener = undefined;
    if (this.#binding !== undefined) this.#binding.listening = false;
    this.#dropUnboundPort();
  }

  /** Takes an address and port for the program; port 0 is any. -EADDRINUSE. */
  #reserve(address: IpAddress, port: number): number {
    const { reuseAddress, reusePort } = this.options;
    const ports = this.#host.tcpPorts;
    const chosen = port === 0 ? ports.pickToBind(address, reuseAddress, reusePort) : port;
    if (chosen === undefined) return -Errno.EADDRINUSE;
    const wanted = { address, port: chosen, reuseAddress, reusePort, listening: false, explicit: true };
    if (ports.conflicts(wanted)) return -Errno.EADDRINUSE;
    this.#hold(wanted);
    this.#local.address = address;
    this.#local.port = chosen;
    return 0;
  }

  #hold(binding: Binding): void {
    this.#host.tcpPorts.add(binding);
    this.#binding = binding;
  }

  #dropPort(): void {
    if (this.#binding !== undefined) this.#host.tcpPorts.remove(this.#binding);
    this.#binding = undefined;
  }

  /** A port that the program did not choose goes with what it was chosen for. */
  #dropUnboundPort(): void {
    if (!this.#bound) this.#dropPort();
    else if (this.#binding !== undefined) this.#binding.address = this.#boundAddress;
  }
}
