/**
 * SOCK_STREAM: a socket before it is connected, and the thin hull around a TCP connection or listener afterwards.
 *
 * Phases are Linux's socket states (net/ipv4/af_inet.c): connect reports -EINPROGRESS once, then -EALREADY, and the call
 * after the handshake gives its outcome: 0, or the error, which makes the socket fresh again. close never waits: SO_LINGER
 * with a time is accepted and only its zero acts (a reset).
 */
import { Errno } from '../../core/errno.ts';
import { ANY_ADDRESS, LOOPBACK_ADDRESS } from '../../ip/address.ts';
import type { IpAddress } from '../../ip/address.ts';
import { Readiness } from '../../tcp/service.ts';
import type { TcpConnection, TcpInfo, TcpListener, TcpOptions } from '../../tcp/service.ts';
import type { Name, NameOut } from '../address.ts';
import {
  AF_INET,
  AF_UNSPEC,
  IPPROTO_TCP,
  MSG_ERRQUEUE,
  MSG_FASTOPEN,
  MSG_MORE,
  MSG_OOB,
  MSG_PEEK,
  MSG_TRUNC,
  SHUT_RD,
  SHUT_WR,
  SOCK_STREAM,
} from '../constants.ts';
import { reaches } from '../message.ts';
import type { Incoming, Outgoing } from '../message.ts';
import { Watch } from '../readiness.ts';
import { boundedBacklog, isShutdown } from '../socket.ts';
import type { CommonOptions, Socket } from '../socket.ts';
import { mayBind, mayBindPort, mtuTo } from './host.ts';
import type { InetHost } from './host.ts';
import { LocalPort } from './local-port.ts';
import { hasNoFamily, makeEndpoint, readBindName } from './names.ts';
import type { Endpoint } from './names.ts';
import { isOver, receiveNothing, receiveUrgent } from './stream-receive.ts';
import { streamOptions, tcpPart } from './tcp-part.ts';

/** 'disconnecting': shut down after a failed connect whose outcome nobody asked for; only AF_UNSPEC helps then. */
type Phase = 'unconnected' | 'connecting' | 'connected' | 'listening' | 'disconnecting';

export class StreamSocket implements Socket {
  readonly kind = 'stream';
  readonly family = AF_INET;
  readonly type = SOCK_STREAM;
  readonly protocol = IPPROTO_TCP;
  nonBlocking = false;
  references = 0;
  readonly watch: Watch;
  // Replaced by a change, so that the sockets of one listener share theirs.
  options: Readonly<CommonOptions>;
  tcpOptions: Readonly<TcpOptions>;

  readonly #host: InetHost;
  #phase: Phase = 'unconnected';
  #connection: TcpConnection | undefined = undefined;
  /** Whether the connection has left TCP's tables. */
  #gone = false;
  #listener: TcpListener | undefined = undefined;
  readonly #port: LocalPort;
  /** What getsockname shows. */
  readonly #local: Endpoint = makeEndpoint();
  /** A name just read or to be written; calls do not nest. */
  readonly #to: Endpoint = makeEndpoint();
  /** Pending error, and SHUT_RD, of a socket without a connection. */
  #error = 0;
  #shutReceive = false;
  #closed = false;

  /** @param listener what it was accepted from: the options are the same */
  constructor(host: InetHost, listener?: StreamSocket) {
    this.#host = host;
    this.#port = new LocalPort(host.tcpPorts);
    this.watch = new Watch(host.readiness, () => this.readiness());
    this.tcpOptions = listener?.tcpOptions ?? host.tcp.defaultOptions();
    this.options = listener?.options ?? streamOptions(host, this.tcpOptions);
  }

  get listening(): boolean {
    return this.#phase === 'listening';
  }

  bind(name: Name): number {
    const refused = readBindName(this.#host.names, name, this.#to);
    if (refused < 0) return refused;
    const { address, port } = this.#to;
    if (!mayBind(this.#host.ip, address)) return -Errno.EADDRNOTAVAIL;
    if (!mayBindPort(this.#host, port)) return -Errno.EACCES;
    const inUse = this.#connection !== undefined && !isOver(this.#connection);
    if (this.#port.binding !== undefined || inUse) return -Errno.EINVAL;
    const result = this.#reserve(address, port);
    if (result < 0) return result;
    this.#port.bound = true;
    this.#port.boundAddress = address;
    return 0;
  }

  listen(backlog: number): number {
    if (this.#phase === 'listening') {
      this.#listener!.setBacklog(boundedBacklog(this.#host, backlog));
      return 0;
    }
    if (this.#phase !== 'unconnected') return -Errno.EINVAL;
    if (this.#port.binding === undefined) {
      const result = this.#reserve(ANY_ADDRESS, 0);
      if (result < 0) return result;
    }
    const binding = this.#port.binding!;
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
    if (connection.state !== 'CLOSED')
      socket.#port.holdFor(connection.localAddress, connection.localPort, this.options, true);
    socket.#adopt(connection);
    return socket;
  }

  connect(name: Name): number {
    const family = this.#host.names.read(name, this.#to, true);
    if (family === AF_UNSPEC) return this.#disconnect();
    // Only who can be connected looks at the rest of the name; to ask for the outcome, any will do.
    const counts = this.#phase === 'unconnected' || hasNoFamily(name);
    if (counts && family !== AF_INET) return family < 0 ? family : -Errno.EAFNOSUPPORT;
    return this.#open(this.#to.address, this.#to.port, this.tcpOptions);
  }

  #open(address: IpAddress, port: number, options: TcpOptions): number {
    if (this.#phase === 'connected' || this.#phase === 'listening') return -Errno.EISCONN;
    if (this.#phase === 'connecting') return this.#outcome();
    if (this.#phase === 'disconnecting') return -Errno.EINVAL;
    if (this.#connection !== undefined) this.#forget();

    const from = this.#port.binding?.address ?? ANY_ADDRESS;
    // An unspecified destination is this host. RFC 1122 §3.2.1.3 (a) forbids it on the wire; Linux reads it so.
    const remote = address !== ANY_ADDRESS ? address : from !== ANY_ADDRESS ? from : LOOPBACK_ADDRESS;
    const path = this.#host.ip.route(remote, from);
    if (typeof path === 'number') return path;
    if (this.#port.binding === undefined) {
      const chosen = this.#host.tcpPorts.pickToConnect(path.source, remote, port, (candidate) =>
        this.#host.tcp.isTaken(path.source, candidate, remote, port),
      );
      if (chosen === undefined) return -Errno.EADDRNOTAVAIL;
      this.#port.holdFor(path.source, chosen, this.options, false);
    }
    const localPort = this.#port.binding!.port;
    const connection = this.#host.tcp.connect(path.source, localPort, remote, port, options);
    if (typeof connection === 'number') {
      this.#port.dropUnbound();
      return connection;
    }
    this.#port.binding!.address = path.source;
    this.#adopt(connection);
    this.#shutReceive = false;
    this.#error = 0;
    // TCP_FASTOPEN_CONNECT with a cookie: connected as far as the program is concerned, and the SYN goes with what it sends first.
    this.#phase = connection.deferred ? 'connected' : 'connecting';
    return connection.deferred ? 0 : -Errno.EINPROGRESS;
  }

  #disconnect(): number {
    this.#stopListening();
    const connection = this.#connection;
    if (connection !== undefined) {
      this.#error = isOver(connection) ? connection.takeError() : Errno.ECONNRESET;
      connection.abort();
      this.#forget();
    }
    this.#phase = 'unconnected';
    this.#shutReceive = false;
    this.#local.address = this.#port.boundAddress;
    this.watch.onReadiness();
    return 0;
  }

  /** It has its peer: Linux ignores an address, unless it is the one to connect to (MSG_FASTOPEN). */
  send(bytes: Uint8Array, at: number, length: number, flags: number, outgoing: Outgoing | undefined): number {
    if ((flags & MSG_FASTOPEN) !== 0) return this.#sendFirst(bytes, at, length, outgoing?.name);
    const connection = this.#connection;
    if (connection === undefined) return this.#error !== 0 ? -this.takeError() : -Errno.EPIPE;
    // What the state has to say comes first.
    if (!reaches(bytes, at, length)) return connection.send(bytes, 0, 0) || -Errno.EFAULT;
    if ((flags & MSG_OOB) !== 0) return connection.sendUrgent(bytes, at, length);
    return connection.send(bytes, at, length, (flags & MSG_MORE) !== 0);
  }

  /** The sender's address is left alone: recvfrom on a stream does not tell it. */
  receive(into: Uint8Array, at: number, length: number, flags: number, incoming: Incoming | undefined): number {
    if ((flags & MSG_ERRQUEUE) !== 0) return -Errno.EAGAIN;
    const connection = this.#connection;
    if (connection === undefined) {
      if (this.#phase === 'listening') return -Errno.ENOTCONN;
      if ((flags & MSG_OOB) !== 0) return -Errno.EINVAL;
      if (this.#error !== 0) return -this.takeError();
      return this.#shutReceive ? 0 : -Errno.ENOTCONN;
    }
    const peek = (flags & MSG_PEEK) !== 0;
    if ((flags & MSG_OOB) !== 0) {
      const urgent = receiveUrgent(connection, into, at, length, flags, peek);
      if (urgent > 0 && incoming !== undefined) incoming.flags |= MSG_OOB;
      return urgent;
    }
    const text = (flags & MSG_TRUNC) === 0 ? connection.unread : 0;
    if (text > 0 && !reaches(into, at, Math.min(text, length))) return -Errno.EFAULT;
    const result =
      (flags & MSG_TRUNC) !== 0 ? receiveNothing(connection, length, peek) : connection.receive(into, at, length, peek);
    // A refused connection has ended, once its error has been told: Linux does not tell it from one that was there.
    return result === -Errno.ENOTCONN && isOver(connection) ? 0 : result;
  }

  shutdown(how: number): number {
    if (!isShutdown(how)) return -Errno.EINVAL;
    if (this.#phase === 'listening') {
      if (how === SHUT_WR) return 0;
      this.#stopListening();
      this.#phase = 'unconnected';
      this.watch.onReadiness();
      return 0;
    }
    const connection = this.#connection;
    // Differs: with text in the SYN it goes on; on Linux a send that blocks has waited for the handshake, one that does not is lost.
    if (connection?.state === 'SYN-SENT' && connection.unsent === 0) return this.#disconnect();
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
    if (connection === undefined || this.#gone) this.#port.drop();
    this.watch.close();
  }

  atMark(): number {
    return this.#connection?.atMark === true ? 1 : 0;
  }

  readable(): number {
    return this.#phase === 'listening' ? -Errno.EINVAL : (this.#connection?.unread ?? 0);
  }

  unsent(): number {
    return this.listening ? -Errno.EINVAL : (this.#connection?.unsent ?? 0);
  }

  getsockname(into: NameOut): number {
    this.#host.names.write(this.#local, into);
    return 0;
  }

  getpeername(into: NameOut, evenIfOver = false): number {
    const connection = this.#connection;
    if (connection === undefined || connection.state === 'SYN-SENT') return -Errno.ENOTCONN;
    if (isOver(connection) && !evenIfOver) return -Errno.ENOTCONN;
    this.#to.address = connection.remoteAddress;
    this.#to.port = connection.remotePort;
    this.#host.names.write(this.#to, into);
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
    this.#port.share(this.options);
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
  #sendFirst(bytes: Uint8Array, at: number, length: number, name: Name | undefined): number {
    if (!this.#host.context.config.tcp.fastOpenClient) return -Errno.EOPNOTSUPP;
    if (this.#phase === 'connecting') return -Errno.EALREADY;
    if (this.#phase === 'unconnected') {
      if (name === undefined) return -Errno.EINVAL;
      const family = this.#host.names.read(name, this.#to);
      if (family === AF_UNSPEC) return -Errno.EOPNOTSUPP;
      if (family !== AF_INET) return family < 0 ? family : -Errno.EAFNOSUPPORT;
      const result = this.#open(this.#to.address, this.#to.port, { ...this.tcpOptions, fastOpenConnect: true });
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
      if (this.#closed || !this.#port.bound) this.#port.drop();
    };
  }

  /** Lets go of a connection that is over (or aborted just now). */
  #forget(): void {
    const connection = this.#connection!;
    connection.owner = undefined;
    this.#connection = undefined;
    connection.close();
    this.#local.address = this.#port.boundAddress;
    this.#port.dropUnbound();
  }

  /** Takes an address and port, and shows them. */
  #reserve(address: IpAddress, port: number): number {
    const chosen = this.#port.reserve(address, port, this.options);
    if (chosen < 0) return chosen;
    this.#local.address = address;
    this.#local.port = chosen;
    return 0;
  }

  #stopListening(): void {
    if (this.#listener === undefined) return;
    this.#listener.owner = undefined;
    this.#listener.close();
    this.#listener = undefined;
    if (this.#port.binding !== undefined) this.#port.binding.listening = false;
    this.#port.dropUnbound();
  }
}
