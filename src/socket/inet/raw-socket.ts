/**
 * SOCK_RAW: datagrams of one IP protocol, as raw(7) describes. Received ones come with their IP header; sent ones get one,
 * unless IP_HDRINCL is set (always so for IPPROTO_RAW, which receives nothing).
 *
 * With IP_HDRINCL the total length and the checksum are filled in always, the source and the identification when zero.
 */
import { copyBytes, getU16, getU32, setU16, setU32 } from '../../core/bytes.ts';
import { finishChecksum, sumBytes } from '../../core/checksum.ts';
import { Errno } from '../../core/errno.ts';
import type { Frame } from '../../core/frame.ts';
import { ANY_ADDRESS, LOOPBACK_ADDRESS, isMulticast } from '../../ip/address.ts';
import type { IpAddress } from '../../ip/address.ts';
import type { IpErrorReport, IpPacket, Path, RawListener } from '../../ip/service.ts';
import { Readiness } from '../../tcp/service.ts';
import type { Name, NameOut } from '../address.ts';
import {
  AF_INET,
  AF_UNSPEC,
  IPPROTO_ICMP,
  IPPROTO_RAW,
  MSG_ERRQUEUE,
  MSG_OOB,
  SHUT_RD,
  SHUT_WR,
  SOCK_RAW,
} from '../constants.ts';
import { DatagramQueue } from './datagram-queue.ts';
import type { RawSender } from './raw-output.ts';
import type { Incoming, Outgoing } from '../message.ts';
import { Watch } from '../readiness.ts';
import { defaultOptions, isShutdown } from '../socket.ts';
import type { CommonOptions, Socket } from '../socket.ts';
import { mayBind, mtuTo } from './host.ts';
import type { InetHost } from './host.ts';
import { Multicast } from './multicast.ts';
import { makeEndpoint, readBindName } from './names.ts';
import type { Endpoint } from './names.ts';

/** Octets of an IP header without options. RFC 791 §3.1. */
const MIN_HEADER = 20;
const MAX_DATAGRAM = 65535;

export class RawSocket implements Socket, RawListener, RawSender {
  readonly kind = 'raw';
  readonly family = AF_INET;
  readonly type = SOCK_RAW;
  readonly protocol: number;
  readonly tcpOptions = undefined;
  readonly listening = false;
  nonBlocking = false;
  references = 0;
  readonly watch: Watch;
  readonly options: CommonOptions;
  readonly groups: Multicast;

  readonly #host: InetHost;
  readonly #queue = new DatagramQueue();
  #local: IpAddress = ANY_ADDRESS;
  readonly #peer: Endpoint = makeEndpoint();
  #connected = false;
  /** A name just read or to be written; calls do not nest. */
  readonly #to: Endpoint = makeEndpoint();
  /** Octets in the output queue. */
  #sending = 0;
  #error = 0;
  #shutReceive = false;
  #shutSend = false;

  constructor(host: InetHost, protocol: number) {
    this.#host = host;
    this.protocol = protocol;
    this.watch = new Watch(host.readiness, () => this.readiness());
    this.options = defaultOptions(host);
    this.groups = new Multicast(host, this.options);
    this.options.headerIncluded = protocol === IPPROTO_RAW;
    if (protocol !== IPPROTO_RAW) host.ip.addRaw(protocol, this);
  }

  /** May be called again; the port does not matter. */
  bind(name: Name): number {
    const refused = readBindName(this.#host.names, name, this.#to);
    if (refused < 0) return refused;
    const { address } = this.#to;
    if (this.#connected) return -Errno.EINVAL;
    if (!mayBind(this.#host.ip, address)) return -Errno.EADDRNOTAVAIL;
    this.#local = address;
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
    const path = this.#route(address);
    if (typeof path === 'number') return path;
    this.#peer.address = path.destination;
    this.#peer.port = port;
    this.#connected = true;
    if (this.#local === ANY_ADDRESS) this.#local = path.source;
    return 0;
  }

  #disconnect(): number {
    this.#connected = false;
    return 0;
  }

  send(bytes: Uint8Array, at: number, length: number, flags: number, outgoing: Outgoing | undefined): number {
    if (length > MAX_DATAGRAM) return -Errno.EMSGSIZE;
    if ((flags & MSG_OOB) !== 0) return -Errno.EOPNOTSUPP;
    const named = outgoing?.name !== undefined;
    if (named) {
      const family = this.#host.names.read(outgoing.name!, this.#to);
      if (family < 0) return family;
      if (family !== AF_INET && family !== AF_UNSPEC) return -Errno.EAFNOSUPPORT;
    } else if (!this.#connected) {
      return -Errno.EDESTADDRREQ;
    }
    const path = this.#route(named ? this.#to.address : this.#peer.address);
    if (typeof path === 'number') return path;
    const { headerIncluded, tos, sendBuffer, multicastLoop: loop } = this.options;
    // A header of the program's own has its options in it.
    if (headerIncluded && (length < MIN_HEADER || this.options.ipOptions.length > 0)) return -Errno.EINVAL;
    if (length > (headerIncluded ? path.mtu : MAX_DATAGRAM - path.headerLength)) return -Errno.EMSGSIZE;
    if (this.#error !== 0) return -this.takeError();
    if (this.#shutSend) return -Errno.EPIPE;
    if (this.#sending >= sendBuffer) return -Errno.EAGAIN;

    const frame = this.#host.context.frames.acquire(length);
    copyBytes(bytes, at, frame.bytes, frame.start, length);
    frame.end = frame.start + length;
    if (headerIncluded) completeHeader(frame, path, this.#host.context.random.u32());
    const ttl = isMulticast(path.destination) ? this.options.multicastTtl : this.options.ttl;
    const options = { protocol: this.protocol, ttl, tos, dontFragment: false, loop };
    this.#sending += length;
    this.#host.rawOutput.push(this, path, frame, options, headerIncluded);
    return length;
  }

  receive(into: Uint8Array, at: number, length: number, flags: number, incoming: Incoming | undefined): number {
    if ((flags & MSG_ERRQUEUE) !== 0) return -Errno.EAGAIN;
    if ((flags & MSG_OOB) !== 0) return -Errno.EOPNOTSUPP;
    if (this.#error !== 0) return -this.takeError();
    if (this.#queue.size === 0) return -Errno.EAGAIN;
    return this.#queue.take(into, at, length, flags, incoming, this.#host.names);
  }

  shutdown(how: number): number {
    if (!isShutdown(how)) return -Errno.EINVAL;
    if (how !== SHUT_WR) this.#shutReceive = true;
    if (how !== SHUT_RD) this.#shutSend = true;
    this.watch.onReadiness();
    return this.#connected ? 0 : -Errno.ENOTCONN;
  }

  close(): void {
    if (this.protocol !== IPPROTO_RAW) this.#host.ip.removeRaw(this.protocol, this);
    this.groups.clear();
    this.#queue.clear();
    this.watch.close();
  }

  readable(): number {
    return this.#queue.nextLength;
  }

  unsent(): number {
    return this.#sending;
  }

  /** The protocol number stands where a port would, as on Linux. */
  getsockname(into: NameOut): number {
    this.#to.address = this.#local;
    this.#to.port = this.protocol;
    this.#host.names.write(this.#to, into);
    return 0;
  }

  getpeername(into: NameOut): number {
    if (!this.#connected || this.#peer.port === 0) return -Errno.ENOTCONN;
    this.#host.names.write(this.#peer, into);
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
    if (this.#sending < this.options.sendBuffer) bits |= Readiness.Writable;
    return bits;
  }

  changeOptions(changes: Partial<CommonOptions>): number {
    Object.assign(this.options, changes);
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
    return mtuTo(this.#host.ip, {
      localAddress: this.#local,
      remoteAddress: this.#connected ? this.#peer.address : undefined,
    });
  }

  tcpInfo(): undefined {
    return undefined;
  }

  receiveRaw(frame: Frame, packet: IpPacket): boolean {
    if (this.#local !== ANY_ADDRESS && packet.destination !== this.#local) return false;
    if (!this.groups.wants(packet)) return false;
    if (this.#connected && packet.source !== this.#peer.address) return false;
    if (this.protocol === IPPROTO_ICMP && this.#isFiltered(frame)) return false;
    if (!this.#queue.push(frame.view(), packet.source, 0, this.options.receiveBuffer)) return false;
    this.watch.onReadiness();
    return true;
  }

  /** Told to the program while connected and when it ends something, as for UDP. raw(7). */
  errorRaw(report: IpErrorReport): void {
    if (this.#connected && report.destination !== this.#peer.address) return;
    // As on Linux: without IP_RECVERR only a connected socket is told, and of lasting errors.
    if (!this.options.receiveErrors && !(this.#connected && report.hard)) return;
    this.#error = report.errno;
    this.watch.onReadiness();
  }

  onSent(octets: number): void {
    this.#sending -= octets;
    this.watch.onReadiness();
  }

  #route(destination: IpAddress): Path | number {
    const { ip } = this.#host;
    const remote = destination !== ANY_ADDRESS ? destination : LOOPBACK_ADDRESS;
    const path = this.groups.routeTo(remote, this.#local, this.options.ipOptions);
    if (typeof path !== 'number' && ip.isBroadcast(remote) && !this.options.broadcast) return -Errno.EACCES;
    return path;
  }

  /** ICMP_FILTER has a bit for each of the first 32 types. */
  #isFiltered(frame: Frame): boolean {
    const type = frame.bytes[frame.start + (frame.bytes[frame.start]! & 0x0f) * 4] ?? 0;
    return type < 32 && ((this.options.icmpFilter >>> type) & 1) !== 0;
  }
}

/** Fills in what raw(7) says is filled in with IP_HDRINCL. */
function completeHeader(frame: Frame, path: Path, random: number): void {
  const { bytes, start } = frame;
  const headerLength = Math.min((bytes[start]! & 0x0f) * 4, frame.length);
  setU16(bytes, start + 2, frame.length);
  if (getU16(bytes, start + 4) === 0) setU16(bytes, start + 4, random & 0xffff);
  if (getU32(bytes, start + 12) === 0) setU32(bytes, start + 12, path.source);
  setU16(bytes, start + 10, 0);
  setU16(bytes, start + 10, finishChecksum(sumBytes(bytes, start, headerLength)));
}
