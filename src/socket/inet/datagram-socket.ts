/**
 * SOCK_DGRAM over UDP: one open port with a queue in front of it. udp(7), RFC 768, RFC 1122 §4.1.
 *
 * A port is opened by bind, or by the first connect or send (an ephemeral one). As on Linux a program is told of lasting
 * ICMP errors while it is connected, and with IP_RECVERR of all (1122-4.1.3.3-a), a neighbour that does not answer included.
 * Left out: multicast membership, IP_PKTINFO, and what IP_RECVERR queues for MSG_ERRQUEUE.
 */
import { Errno } from '../../core/errno.ts';
import { ANY_ADDRESS, LOOPBACK_ADDRESS } from '../../ip/address.ts';
import type { IpAddress } from '../../ip/address.ts';
import { MtuDiscover, isTooBig } from '../../ip/service.ts';
import type { IpErrorReport } from '../../ip/service.ts';
import { Readiness } from '../../tcp/service.ts';
import type { UdpOwner, UdpPort } from '../../udp/service.ts';
import type { Name, NameOut } from '../address.ts';
import { AF_INET, AF_UNSPEC, IPPROTO_UDP, MSG_ERRQUEUE, MSG_OOB, SHUT_RD, SHUT_WR, SOCK_DGRAM } from '../constants.ts';
import { DatagramQueue } from './datagram-queue.ts';
import type { Incoming, Outgoing } from '../message.ts';
import { Watch } from '../readiness.ts';
import { defaultOptions, isShutdown } from '../socket.ts';
import type { CommonOptions, Socket } from '../socket.ts';
import { mayBind, mayBindPort, mtuTo } from './host.ts';
import type { InetHost } from './host.ts';
import { LocalPort } from './local-port.ts';
import { makeEndpoint, readBindName } from './names.ts';
import type { Endpoint } from './names.ts';

/** Largest payload of a UDP datagram over IPv4: 65,535 without the two headers. */
const MAX_PAYLOAD = 65507;

export class DatagramSocket implements Socket, UdpOwner {
  readonly kind = 'datagram';
  readonly family = AF_INET;
  readonly type = SOCK_DGRAM;
  readonly protocol = IPPROTO_UDP;
  readonly tcpOptions = undefined;
  readonly listening = false;
  nonBlocking = false;
  references = 0;
  readonly watch: Watch;
  readonly options: CommonOptions;

  readonly #host: InetHost;
  readonly #queue = new DatagramQueue();
  #port: UdpPort | undefined = undefined;
  readonly #local: LocalPort;
  /** What the program bound: it outlives a connect. `#boundPort` is 0 when the port was chosen for it. */
  #boundAddress: IpAddress = ANY_ADDRESS;
  #boundPort = 0;
  /** A name just read or to be written; calls do not nest. */
  readonly #to: Endpoint = makeEndpoint();
  #error = 0;
  #shutReceive = false;
  #shutSend = false;

  constructor(host: InetHost) {
    this.#host = host;
    this.#local = new LocalPort(host.udpPorts);
    this.watch = new Watch(host.readiness, () => this.readiness());
    this.options = defaultOptions(host);
  }

  bind(name: Name): number {
    const refused = readBindName(this.#host.names, name, this.#to);
    if (refused < 0) return refused;
    const { address, port } = this.#to;
    if (!mayBind(this.#host.ip, address)) return -Errno.EADDRNOTAVAIL;
    if (!mayBindPort(this.#host, port)) return -Errno.EACCES;
    if (this.#port !== undefined) return -Errno.EINVAL;
    const result = this.#open(address, port);
    if (result < 0) return result;
    this.#boundAddress = address;
    this.#boundPort = port;
    return 0;
  }

  listen(): number {
    return -Errno.EOPNOTSUPP;
  }

  accept(): number {
    return -Errno.EOPNOTSUPP;
  }

  connect(name: Name): number {
    const family = this.#host.names.read(name, this.#to, true);
    if (family < 0) return family;
    if (family === AF_UNSPEC) return this.#disconnect();
    if (family !== AF_INET) return -Errno.EAFNOSUPPORT;
    const { address, port } = this.#to;
    const opened = this.#openIfNeeded();
    if (typeof opened === 'number') return opened;
    const remote = this.#destination(address);
    const path = this.#host.ip.route(remote, this.#boundAddress);
    if (typeof path === 'number') return path;
    if (this.#host.ip.isBroadcast(remote) && !this.options.broadcast) return -Errno.EACCES;
    const result = opened.connect(remote, port);
    if (result < 0) return result;
    this.#local.binding!.address = opened.localAddress;
    return 0;
  }

  #disconnect(): number {
    if (this.#port === undefined) return 0;
    this.#close();
    // Port and address that the program did not choose go, too.
    return this.#boundPort === 0 ? 0 : this.#open(this.#boundAddress, this.#boundPort);
  }

  send(bytes: Uint8Array, at: number, length: number, flags: number, outgoing: Outgoing | undefined): number {
    const port = this.#openIfNeeded();
    if (typeof port === 'number') return port;
    if (length > MAX_PAYLOAD) return -Errno.EMSGSIZE;
    if ((flags & MSG_OOB) !== 0) return -Errno.EOPNOTSUPP;
    const named = outgoing?.name !== undefined;
    if (named) {
      const family = this.#host.names.read(outgoing.name!, this.#to);
      if (family < 0) return family;
      if (family !== AF_INET && family !== AF_UNSPEC) return -Errno.EAFNOSUPPORT;
      if (this.#to.port === 0) return -Errno.EINVAL;
    } else if (port.remoteAddress === undefined) {
      return -Errno.EDESTADDRREQ;
    }
    if (this.#error !== 0) return -this.takeError();
    if (this.#shutSend) return -Errno.EPIPE;
    const remote = named ? this.#destination(this.#to.address) : port.remoteAddress!;
    const remotePort = named ? this.#to.port : port.remotePort;
    return port.send(bytes, at, length, remote, remotePort, this.options, this.options.sendBuffer);
  }

  receive(into: Uint8Array, at: number, length: number, flags: number, incoming: Incoming | undefined): number {
    if ((flags & MSG_ERRQUEUE) !== 0) return -Errno.EAGAIN;
    if (this.#error !== 0) return -this.takeError();
    if (this.#queue.size === 0) return -Errno.EAGAIN;
    return this.#queue.take(into, at, length, flags, incoming, this.#host.names);
  }

  /** Without a peer the answer is -ENOTCONN, and yet the direction is shut, as on Linux. */
  shutdown(how: number): number {
    if (!isShutdown(how)) return -Errno.EINVAL;
    if (how !== SHUT_WR) this.#shutReceive = true;
    if (how !== SHUT_RD) this.#shutSend = true;
    this.watch.onReadiness();
    return this.#port?.remoteAddress === undefined ? -Errno.ENOTCONN : 0;
  }

  close(): void {
    this.#close();
    this.#queue.clear();
    this.watch.close();
  }

  readable(): number {
    return this.#queue.nextLength;
  }

  unsent(): number {
    return this.#port?.queued ?? 0;
  }

  getsockname(into: NameOut): number {
    this.#to.address = this.#port?.localAddress ?? this.#boundAddress;
    this.#to.port = this.#port?.localPort ?? 0;
    this.#host.names.write(this.#to, into);
    return 0;
  }

  getpeername(into: NameOut): number {
    const port = this.#port;
    if (port?.remoteAddress === undefined || port.remotePort === 0) return -Errno.ENOTCONN;
    this.#to.address = port.remoteAddress;
    this.#to.port = port.remotePort;
    this.#host.names.write(this.#to, into);
    return 0;
  }

  atMark(): number {
    return -Errno.ENOTTY;
  }

  readiness(): number {
    let bits = 0;
    if (this.#error !== 0) bits |= Readiness.Error;
    if (this.#queue.size > 0) bits |= Readiness.Readable;
    if (this.#shutReceive) bits |= Readiness.Readable | Readiness.ReadHangUp;
    if (this.#shutReceive && this.#shutSend) bits |= Readiness.HangUp;
    if ((this.#port?.queued ?? 0) < this.options.sendBuffer) bits |= Readiness.Writable;
    return bits;
  }

  changeOptions(changes: Partial<CommonOptions>): number {
    Object.assign(this.options, changes);
    this.#local.share(this.options);
    return 0;
  }

  changeTcpOptions(): number {
    return -Errno.ENOPROTOOPT;
  }

  takeError(): number {
    const error = this.#error;
    this.#error = 0;
    return error;
  }

  pathMtu(): number {
    return mtuTo(this.#host.ip, this.#port);
  }

  get sharesPort(): boolean {
    return this.options.reusePort;
  }

  get ignoresPathMtu(): boolean {
    return this.options.mtuDiscover >= MtuDiscover.Interface;
  }

  tcpInfo(): undefined {
    return undefined;
  }

  onDatagram(payload: Uint8Array, source: IpAddress, sourcePort: number): boolean {
    if (!this.#queue.push(payload, source, sourcePort, this.options.receiveBuffer)) return false;
    this.watch.onReadiness();
    return true;
  }

  onError(report: IpErrorReport, destinationPort: number): void {
    const port = this.#port;
    const fromPeer = port?.remoteAddress === report.destination && port.remotePort === destinationPort;
    // Too long with DF is a lasting error: the program must send less. Without DF it is the network's business, as on Linux.
    const tooBig = isTooBig(report);
    if (tooBig && this.options.mtuDiscover === MtuDiscover.Dont) return;
    if (!this.options.receiveErrors && !(fromPeer && (report.hard || tooBig))) return;
    this.#error = report.errno;
    this.watch.onReadiness();
  }

  onSent(): void {
    this.watch.onReadiness();
  }

  /** An unspecified destination is this host, as Linux reads it. */
  #destination(address: IpAddress): IpAddress {
    if (address !== ANY_ADDRESS) return address;
    return this.#boundAddress === ANY_ADDRESS ? LOOPBACK_ADDRESS : this.#boundAddress;
  }

  #openIfNeeded(): UdpPort | number {
    if (this.#port !== undefined) return this.#port;
    // Linux: when every ephemeral port is taken, the implicit bind fails with EAGAIN (inet_autobind).
    return this.#open(this.#boundAddress, 0) < 0 ? -Errno.EAGAIN : this.#port!;
  }

  #open(address: IpAddress, port: number): number {
    const chosen = this.#local.reserve(address, port, this.options);
    if (chosen < 0) return chosen;
    this.#port = this.#host.udp.open(address, chosen, this);
    return 0;
  }

  #close(): void {
    this.#port?.close();
    this.#port = undefined;
    this.#local.drop();
  }
}
