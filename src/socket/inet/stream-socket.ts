/**
 * SOCK_STREAM: a socket before it is connected, and the thin hull around a TCP connection or listener afterwards.
 *
 * Phases are Linux's socket states (net/ipv4/af_inet.c): connect reports -EINPROGRESS once, then -EALREADY, and the call
 * after the handshake gives its outcome: 0, or the error, which makes the socket fresh again. Port and connection are in attachment.ts,
 * recv with its flags in stream-receive.ts. close never waits: `linger` tells who wants to wait how long and when it is over.
 */
import { Errno } from '../../core/errno.ts';
import { changed } from '../../core/shared-records.ts';
import { SECOND } from '../../core/time.ts';
import type { IpAddress } from '../../ip/address.ts';
import type { IpErrorReport } from '../../ip/service.ts';
import { changesSendSpace, unconnectedReadiness } from '../../tcp/readiness.ts';
import { Readiness, Wake } from '../../tcp/service.ts';
import type { ConnectionOwner, TcpConnection, TcpInfo, TcpListener, TcpOptions } from '../../tcp/service.ts';
import type { Name, NameOut } from '../address.ts';
import * as c from '../constants.ts';
import { reaches } from '../message.ts';
import type { Incoming, Outgoing } from '../message.ts';
import { movedOffset, peekFrom } from '../peek-offset.ts';
import { Watch } from '../readiness.ts';
import { boundedBacklog, isShutdown } from '../socket.ts';
import type { CommonOptions, Socket } from '../socket.ts';
import { Attachment } from './attachment.ts';
import { ErrorQueue, icmpError, tellError } from './error-queue.ts';
import { mayBind, mayBindPort, mtuTo } from './host.ts';
import type { InetHost } from './host.ts';
import { hasNoFamily, readBindName } from './names.ts';
import { waitsForEnd, watchEnd } from './lingering.ts';
import { isOver, receiveFrom } from './stream-receive.ts';
import { acceptedOptions, acceptedTcpOptions, boundLowWater, tcpPart } from './tcp-part.ts';

const KIND = 'stream';

/** 'disconnecting': shut down after a failed connect whose outcome nobody asked for; only AF_UNSPEC helps then. */
type Phase = 'unconnected' | 'connecting' | 'connected' | 'listening' | 'disconnecting';

export class StreamSocket implements Socket, ConnectionOwner {
  nonBlocking = false;
  references = 0;
  // Replaced by a change, so that sockets share them: with their listener, or with all that have the defaults.
  options: Readonly<CommonOptions>;
  tcpOptions: Readonly<TcpOptions>;

  readonly #host: InetHost;
  /** There once somebody has waited for it. */
  #watch: Watch | undefined = undefined;
  #phase: Phase = 'unconnected';
  readonly #ends: Attachment;
  #listener: TcpListener | undefined = undefined;
  /** Pending error of a socket without a connection. */
  #error = 0;
  /** SHUT_RD and SHUT_WR before there was a connection: as on Linux it, or all that the listener accepts, stay shut in that direction. */
  #shutReceive = false;
  #shutSend = false;
  /** What ICMP told of attempts to connect. Linux queues it whether or not IP_RECVERR asks for it; later errors it does not queue. */
  #errors: ErrorQueue | undefined = undefined;
  /** Told when close need not wait any more. */
  #lingered: (() => void) | undefined = undefined;

  /** @param listener what it was accepted from: the options are the same */
  constructor(host: InetHost, listener?: StreamSocket) {
    this.#host = host;
    this.#ends = new Attachment(host);
    this.tcpOptions = listener === undefined ? host.tcpDefaults : acceptedTcpOptions(listener.tcpOptions);
    this.options = listener === undefined ? host.streamDefaults : acceptedOptions(listener.options);
  }

  get kind(): 'stream' {
    return KIND;
  }
  get family(): number {
    return c.AF_INET;
  }
  get type(): number {
    return c.SOCK_STREAM;
  }
  get protocol(): number {
    return c.IPPROTO_TCP;
  }

  get watch(): Watch {
    return (this.#watch ??= new Watch(this.#host.readiness, this));
  }

  private get connection(): TcpConnection | undefined {
    return this.#ends.connection;
  }

  get listening(): boolean {
    return this.#phase === 'listening';
  }

  bind(name: Name): number {
    const refused = readBindName(this.#host.names, name, this.#host.endpoint);
    if (refused < 0) return refused;
    const { address, port } = this.#host.endpoint;
    if (!this.options.freeBind && !mayBind(this.#host.ip, address)) return -Errno.EADDRNOTAVAIL;
    if (!mayBindPort(this.#host, port)) return -Errno.EACCES;
    return this.#ends.bind(address, port, this.options);
  }

  listen(backlog: number): number {
    if (this.#phase === 'listening') {
      this.#listener!.setBacklog(boundedBacklog(this.#host, backlog));
      return 0;
    }
    if (this.#phase !== 'unconnected') return -Errno.EINVAL;
    const result = this.#ends.ensurePort(this.options);
    if (result < 0) return result;
    const binding = this.#ends.local.binding!;
    if (this.#host.tcpPorts.conflicts(binding)) return -Errno.EADDRINUSE;
    const { address, port } = binding;
    const listener = this.#host.tcp.listen(address, port, boundedBacklog(this.#host, backlog), this.tcpOptions);
    if (typeof listener === 'number') return listener;
    listener.owner = this;
    listener.shutEarly(this.#shutReceive, this.#shutSend);
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
    const { ipOptions } = connection.options;
    // The return route of what came by a source route; most connections have none, and share their listener's options.
    if (ipOptions !== socket.tcpOptions.ipOptions) socket.tcpOptions = { ...socket.tcpOptions, ipOptions };
    socket.#phase = 'connected';
    socket.#shutReceive = this.#shutReceive;
    socket.#shutSend = this.#shutSend;
    socket.#ends.accept(connection, this.#ends.local.boundAddress, this.options);
    connection.owner = socket;
    return socket;
  }

  connect(name: Name): number {
    const family = this.#host.names.read(name, this.#host.endpoint, true);
    if (family === c.AF_UNSPEC) return this.disconnect();
    // Only who can be connected looks at the rest of the name; to ask for the outcome, any will do.
    const counts = this.#phase === 'unconnected' || hasNoFamily(name);
    if (counts && family !== c.AF_INET) return family < 0 ? family : -Errno.EAFNOSUPPORT;
    return this.open(this.#host.endpoint.address, this.#host.endpoint.port, this.tcpOptions);
  }

  private open(address: IpAddress, port: number, options: TcpOptions): number {
    if (this.#phase === 'connected' || this.#phase === 'listening') return -Errno.EISCONN;
    if (this.#phase === 'connecting') return this.outcome();
    if (this.#phase === 'disconnecting') return -Errno.EINVAL;
    const connection = this.#ends.open(address, port, options, this.options);
    if (typeof connection === 'number') return connection;
    connection.owner = this;
    connection.shutEarly(this.#shutReceive, this.#shutSend);
    this.#error = 0;
    // TCP_FASTOPEN_CONNECT with a cookie: connected as far as the program is concerned, and the SYN goes with what it sends first.
    this.#phase = connection.deferred ? 'connected' : 'connecting';
    return connection.deferred ? 0 : -Errno.EINPROGRESS;
  }

  /** Nobody waits while there is no watch. */
  onReadiness(wake?: number): void {
    if (this.#watch !== undefined) this.#watch.onReadiness(wake);
  }

  onReport(report: IpErrorReport, quoted: Uint8Array): void {
    const error = icmpError(report, this.connection!.remotePort, quoted, this.#host.names);
    (this.#errors ??= new ErrorQueue()).push(error, this.options.receiveBuffer);
  }

  private disconnect(): number {
    this.stopListening();
    const connection = this.connection;
    if (connection !== undefined) {
      this.#error = isOver(connection) ? connection.takeError() : Errno.ECONNRESET;
      if (!isOver(connection)) connection.abort();
      this.#ends.forget(this.options);
    }
    this.reopen();
    this.onReadiness();
    return 0;
  }

  /** It has its peer: Linux ignores an address, unless it is the one to connect to (MSG_FASTOPEN). */
  send(bytes: Uint8Array, at: number, length: number, flags: number, outgoing: Outgoing | undefined): number {
    if ((flags & c.MSG_FASTOPEN) !== 0) return this.sendFirst(bytes, at, length, outgoing?.name);
    const connection = this.connection;
    if (connection === undefined) return this.#error !== 0 ? -this.takeError() : -Errno.EPIPE;
    if (this.#shutSend) return -(this.takeError() || Errno.EPIPE);
    // What the state has to say comes first.
    if (!reaches(bytes, at, length)) return connection.send(bytes, 0, 0) || -Errno.EFAULT;
    if ((flags & c.MSG_OOB) !== 0) return connection.sendUrgent(bytes, at, length);
    return connection.send(bytes, at, length, (flags & c.MSG_MORE) !== 0);
  }

  /** The sender's address is left alone: recvfrom on a stream does not tell it. */
  receive(into: Uint8Array, at: number, length: number, flags: number, incoming: Incoming | undefined): number {
    if ((flags & c.MSG_ERRQUEUE) !== 0) return this.receiveError(into, at, length, incoming);
    const connection = this.connection;
    if (connection === undefined) {
      if (this.#phase === 'listening') return -Errno.ENOTCONN;
      if ((flags & c.MSG_OOB) !== 0) return -Errno.EINVAL;
      if (this.#error !== 0) return -this.takeError();
      return this.#shutReceive ? 0 : -Errno.ENOTCONN;
    }
    const { peekOffset } = this.options;
    const from = peekFrom(peekOffset, flags);
    const count = receiveFrom(connection, into, at, length, flags, from, incoming);
    if (peekOffset >= 0 && count > 0 && (flags & c.MSG_OOB) === 0) {
      this.options = { ...this.options, peekOffset: movedOffset(peekOffset, flags, count) };
    }
    return count;
  }

  private receiveError(into: Uint8Array, at: number, length: number, incoming: Incoming | undefined): number {
    const taken = this.#errors?.shift();
    if (taken === undefined) return -Errno.EAGAIN;
    this.takeError();
    const pending = this.#errors!.pendingAfter(taken) ?? 0;
    if (this.connection === undefined) this.#error = pending;
    else this.connection.error = pending;
    if (pending !== 0) this.onReadiness();
    return tellError(taken, into, at, length, incoming, this.options, this.#host.names);
  }

  shutdown(how: number): number {
    if (!isShutdown(how)) return -Errno.EINVAL;
    if (this.#phase === 'listening') {
      if (how !== c.SHUT_WR) {
        this.stopListening();
        this.reopen();
      }
      this.onReadiness();
      return 0;
    }
    const connection = this.connection;
    // Differs: with text in the SYN it goes on; on Linux a send that blocks has waited for the handshake, one that does not is lost.
    if (connection?.state === 'SYN-SENT' && connection.unsent === 0) return this.disconnect();
    const over = connection === undefined || isOver(connection);
    if (how !== c.SHUT_WR) {
      this.#shutReceive = true;
      if (!over) connection.shutdownReceive();
    }
    if (how !== c.SHUT_RD) {
      if (over) this.#shutSend = true;
      else connection.shutdownSend();
    }
    this.onReadiness();
    if (this.#phase === 'connecting') this.#phase = over ? 'disconnecting' : 'connected';
    return over ? -Errno.ENOTCONN : 0;
  }

  linger(done: () => void): number {
    const { lingerOn, lingerSeconds } = this.options;
    const { live } = this.#ends;
    if (!lingerOn || lingerSeconds === 0 || live === undefined || !waitsForEnd(live)) return 0;
    this.#lingered = done;
    return lingerSeconds * SECOND;
  }

  close(): void {
    this.stopListening();
    this.#ends.close();
    if (this.#lingered !== undefined) watchEnd(this.#host.readiness, this.connection!, this.#lingered);
    this.watch.close();
  }

  atMark(): number {
    return this.connection?.atMark === true ? 1 : 0;
  }

  readable(): number {
    return this.#phase === 'listening' ? -Errno.EINVAL : (this.connection?.unread ?? 0);
  }

  unsent(): number {
    return this.listening ? -Errno.EINVAL : (this.connection?.unsent ?? 0);
  }

  getsockname(into: NameOut): number {
    this.#host.names.write(this.#ends, into);
    return 0;
  }

  getpeername(into: NameOut, evenIfOver = false): number {
    const connection = evenIfOver ? this.connection : this.#ends.live;
    if (connection === undefined || connection.state === 'SYN-SENT') return -Errno.ENOTCONN;
    this.#host.endpoint.address = connection.remoteAddress;
    this.#host.endpoint.port = connection.remotePort;
    this.#host.names.write(this.#host.endpoint, into);
    return 0;
  }

  readiness(): number {
    const bits = this.stateReadiness();
    return this.#errors !== undefined && this.#errors.size > 0 ? bits | Readiness.Error : bits;
  }

  private stateReadiness(): number {
    if (this.#listener !== undefined) return this.#listener.waiting > 0 ? Readiness.Readable : 0;
    if (this.connection !== undefined) {
      const bits = this.connection.readiness();
      return this.#shutSend && (bits & Readiness.ReadHangUp) !== 0 ? bits | Readiness.HangUp : bits;
    }
    return unconnectedReadiness(this.#error !== 0, this.#shutReceive);
  }

  changeOptions(changes: Partial<CommonOptions>): number {
    const bounded = boundLowWater(changes, this.tcpOptions);
    const result = this.changeTcpOptions(tcpPart(this.options, bounded));
    if (result < 0) return result;
    if (changes.receiveErrors === false) this.#errors?.clear();
    this.options = changed(this.options, bounded);
    this.#ends.local.share(this.options);
    return 0;
  }

  changeTcpOptions(changes: Partial<TcpOptions>): number {
    const target = this.connection ?? this.#listener;
    if (changes.congestion !== undefined && !this.#host.tcp.congestionControls.includes(changes.congestion)) {
      return -Errno.ENOENT;
    }
    const result = target === undefined ? 0 : target.setOptions(changes);
    if (result < 0) return result;
    this.tcpOptions = changed(this.tcpOptions, changes);
    if (this.connection === undefined && changesSendSpace(changes)) this.onReadiness(Wake.Write);
    return 0;
  }

  takeError(): number {
    const error = this.#error !== 0 ? this.#error : (this.connection?.takeError() ?? 0);
    this.#error = 0;
    return error;
  }

  pathMtu(): number {
    return mtuTo(this.#host.ip, this.connection);
  }

  tcpInfo(): TcpInfo | undefined {
    return this.connection?.info();
  }

  /** MSG_FASTOPEN: connect and send in one. Linux tcp_sendmsg_fastopen. */
  private sendFirst(bytes: Uint8Array, at: number, length: number, name: Name | undefined): number {
    if (!this.#host.context.config.tcp.fastOpenClient) return -Errno.EOPNOTSUPP;
    if (this.#phase === 'connecting') return -Errno.EALREADY;
    if (this.#phase === 'unconnected') {
      if (name === undefined) return -Errno.EINVAL;
      const family = this.#host.names.read(name, this.#host.endpoint);
      if (family === c.AF_UNSPEC) return -Errno.EOPNOTSUPP;
      if (family !== c.AF_INET) return family < 0 ? family : -Errno.EAFNOSUPPORT;
      const options = changed(this.tcpOptions, { fastOpenConnect: true });
      const result = this.open(this.#host.endpoint.address, this.#host.endpoint.port, options);
      if (result !== 0) return result;
      this.#phase = 'connecting';
    } else if (this.connection?.deferred !== true) {
      return -Errno.EISCONN;
    }
    return this.connection!.send(bytes, at, length);
  }

  /** connect while a handshake runs or after it: what became of it. */
  private outcome(): number {
    const connection = this.connection!;
    const { state } = connection;
    if (state === 'SYN-SENT' || state === 'SYN-RECEIVED') return -Errno.EALREADY;
    if (!isOver(connection)) {
      this.#phase = 'connected';
      return 0;
    }
    // Somebody else may have taken the error by now (SO_ERROR, recv): then Linux says ECONNABORTED.
    const error = connection.takeError();
    this.#ends.forget(this.options);
    this.reopen();
    this.onReadiness();
    return -(error === 0 ? Errno.ECONNABORTED : error);
  }

  /** Back to the beginning: no direction is shut, and no window bounded. Linux tcp_disconnect. */
  private reopen(): void {
    this.#phase = 'unconnected';
    this.#shutReceive = false;
    this.#shutSend = false;
    this.tcpOptions = changed(this.tcpOptions, { windowClamp: 0 });
  }

  private stopListening(): void {
    if (this.#listener === undefined) return;
    this.#listener.owner = undefined;
    this.#listener.close();
    this.#listener = undefined;
    const { binding } = this.#ends.local;
    if (binding !== undefined) binding.listening = false;
    this.#ends.detach();
  }
}
