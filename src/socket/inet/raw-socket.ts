/**
 * SOCK_RAW: datagrams of one IP protocol, as raw(7) describes. Received ones come with their IP header; sent ones get one,
 * unless IP_HDRINCL is set (always so for IPPROTO_RAW, which receives nothing).
 *
 * What it shares with UDP's sockets is in datagram-core.ts; what IP fills in of a header that the program brings, in
 * ip/ipv4-output.ts.
 */
import { copyBytes } from '../../core/bytes.ts';
import { Errno } from '../../core/errno.ts';
import type { Frame } from '../../core/frame.ts';
import type { Micros } from '../../core/time.ts';
import { ANY_ADDRESS } from '../../ip/address.ts';
import type { IpAddress } from '../../ip/address.ts';
import { applyMtuDiscover, longestDatagram } from '../../ip/mtu-discover.ts';
import { MtuDiscover, isTooBig } from '../../ip/service.ts';
import type { IpErrorReport, IpPacket, OutputOptions, Path, RawListener } from '../../ip/service.ts';
import type { Name, NameOut } from '../address.ts';
import { AF_INET, AF_UNSPEC, IPPROTO_ICMP, IPPROTO_RAW, MSG_MORE, MSG_OOB, SOCK_RAW } from '../constants.ts';
import { reaches } from '../message.ts';
import type { Incoming, Outgoing } from '../message.ts';
import type { CommonOptions, Socket } from '../socket.ts';
import { DatagramCore } from './datagram-core.ts';
import { mayBind, mtuTo } from './host.ts';
import type { InetHost } from './host.ts';
import { makeEndpoint } from './names.ts';
import type { Endpoint } from './names.ts';
import type { RawSender } from './raw-output.ts';

/** Octets of an IP header without options. RFC 791 §3.1. */
const MIN_HEADER = 20;
const MAX_DATAGRAM = 65535;
/** Octets that the header at `at` says that it has. RFC 791 §3.1. */
const headerLengthOf = (bytes: Uint8Array, at: number): number => (bytes[at]! & 0x0f) * 4;

/** Octets of an ICMP header. RFC 792. */
const ICMP_HEADER = 8;
/** Octets of an ICMP message that Linux looks at before it sends it: type and code. */
const MIN_ICMP = 2;
/** Protocols up to here fit into a header; of those beyond nothing can come. */
const MAX_PROTOCOL = 255;

export class RawSocket implements Socket, RawListener, RawSender {
  readonly kind = 'raw';
  readonly family = AF_INET;
  readonly type = SOCK_RAW;
  readonly protocol: number;
  readonly tcpOptions = undefined;
  readonly listening = false;
  nonBlocking = false;
  references = 0;

  readonly #host: InetHost;
  readonly #core: DatagramCore;
  #local: IpAddress = ANY_ADDRESS;
  readonly #peer: Endpoint = makeEndpoint();
  #connected = false;
  /** What getsockname shows for a port: the protocol, until an association is dissolved. */
  #shownPort: number;
  /** A name just read or to be written; calls do not nest. */
  readonly #to: Endpoint = makeEndpoint();
  /** Octets in the output queue. */
  #sending = 0;

  constructor(host: InetHost, protocol: number) {
    this.#host = host;
    this.protocol = protocol;
    this.#shownPort = protocol;
    this.#core = new DatagramCore(host, () => this.unsent());
    // Any number may share an address: Linux says so by SO_REUSEADDR.
    this.#core.changeOptions({ headerIncluded: protocol === IPPROTO_RAW, reuseAddress: true });
    if (protocol !== IPPROTO_RAW && protocol <= MAX_PROTOCOL) host.ip.addRaw(protocol, this);
  }

  get options(): CommonOptions {
    return this.#core.options;
  }

  get groups(): DatagramCore['groups'] {
    return this.#core.groups;
  }

  get watch(): DatagramCore['watch'] {
    return this.#core.watch;
  }

  /** May be called again; neither port nor family matter. Linux raw_bind. */
  bind(name: Name): number {
    this.#to.address = ANY_ADDRESS;
    const family = this.#host.names.read(name, this.#to);
    if (family < 0) return family;
    const { address } = this.#to;
    if (this.#connected) return -Errno.EINVAL;
    if (!this.#core.mayBindAnything && !mayBind(this.#host.ip, address)) return -Errno.EADDRNOTAVAIL;
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
    const core = this.#core;
    if (!core.draft.pending) core.begin(0, undefined, false);
    const path = core.route(core.destination(address, this.#local), this.#local, 0);
    if (typeof path === 'number') return path;
    const refused = core.mayBroadcast(path);
    if (refused < 0) return refused;
    this.#peer.address = path.destination;
    this.#peer.port = port;
    this.#connected = true;
    if (this.#local === ANY_ADDRESS) this.#local = path.source;
    return 0;
  }

  /** As on Linux that is the end of receiving, too: the socket is bound to no address and no protocol any more. */
  #disconnect(): number {
    this.#connected = false;
    this.#local = ANY_ADDRESS;
    this.#shownPort = 0;
    this.#host.ip.removeRaw(this.protocol, this);
    return this.#core.changeOptions({ boundDevice: 0 });
  }

  /** In Linux's order: what is wrong with the call, the way, the length, and only then the pending error. */
  send(bytes: Uint8Array, at: number, length: number, flags: number, outgoing: Outgoing | undefined): number {
    if (length > MAX_DATAGRAM) return -Errno.EMSGSIZE;
    if ((flags & MSG_OOB) !== 0) return -Errno.EOPNOTSUPP;
    const path = this.#aim(length, flags, outgoing);
    if (typeof path === 'number') return path;
    if (this.options.headerIncluded) return this.#sendWhole(path, bytes, at, length);
    const { draft } = this.#core;
    const total = draft.length + length;
    if (total + path.headerLength > longestDatagram(path, this.options.mtuDiscover)) {
      draft.clear();
      return this.#core.tooLong(path, this.#peer.port);
    }
    const refused = draft.pending ? 0 : this.#core.mayQueuePlain();
    if (refused < 0) return refused;
    if (!reaches(bytes, at, length)) {
      draft.clear();
      return -Errno.EFAULT;
    }
    const more = (flags & MSG_MORE) !== 0;
    if (more || draft.pending) draft.append(bytes, at, length);
    if (more) return length;
    if (draft.pending) this.#transmit(path, draft.bytes, 0, draft.length);
    else this.#transmit(path, bytes, at, length);
    draft.clear();
    return length;
  }

  /** The way that a datagram takes. Of several sends that make one (MSG_MORE) the last one's counts, and the ancillary data of the first. */
  #aim(length: number, flags: number, outgoing: Outgoing | undefined): Path | number {
    const core = this.#core;
    // A name without any octets is none.
    const named = outgoing?.name !== undefined && !(outgoing.name instanceof Uint8Array && outgoing.name.length === 0);
    if (named) {
      const family = this.#host.names.read(outgoing.name!, this.#to);
      if (family < 0) return family;
      if (family !== AF_INET && family !== AF_UNSPEC) return -Errno.EAFNOSUPPORT;
    } else if (!this.#connected) {
      return -Errno.EDESTADDRREQ;
    }
    const begun = core.draft.pending ? 0 : core.begin(flags, outgoing, false);
    if (begun < 0) return begun;
    const { headerIncluded } = this.options;
    if (!headerIncluded && this.protocol === IPPROTO_ICMP && length < MIN_ICMP) return -Errno.EFAULT;
    const address = named ? this.#to.address : this.#peer.address;
    // A header of the program's own has its options in it.
    if (headerIncluded && core.draft.settings.ipOptions.length > 0) return -Errno.EINVAL;
    const path = core.route(core.destination(address, this.#local), this.#local, flags);
    if (typeof path === 'number') return path;
    const refused = core.mayBroadcast(path);
    return refused < 0 ? refused : path;
  }

  /** IP_HDRINCL: never cut, and never put together. Linux raw_send_hdrinc. */
  #sendWhole(path: Path, bytes: Uint8Array, at: number, length: number): number {
    if (length > path.interfaceMtu) return this.#core.tooLong(path, this.#peer.port);
    if (length < MIN_HEADER) return -Errno.EINVAL;
    const refused = this.#core.mayQueue();
    if (refused < 0) return refused;
    const wrong = checkWhole(bytes, at, length);
    if (wrong < 0) {
      this.#core.onSendSpace();
      return wrong;
    }
    this.#push(path, bytes, at, length, this.#outputOptions(path), true);
    return length;
  }

  #transmit(path: Path, bytes: Uint8Array, at: number, length: number): void {
    const output = this.#outputOptions(path);
    applyMtuDiscover(output, path, length + path.headerLength, this.options.mtuDiscover);
    this.#push(path, bytes, at, length, output, false);
  }

  #outputOptions(path: Path): OutputOptions {
    const core = this.#core;
    const { tos } = core.draft.settings;
    const { multicastLoop: loop } = this.options;
    return { protocol: this.protocol & 0xff, ttl: core.ttlOn(path), tos, dontFragment: false, loop };
  }

  #push(path: Path, bytes: Uint8Array, at: number, length: number, options: OutputOptions, whole: boolean): void {
    const frame = this.#host.context.frames.acquire(length);
    copyBytes(bytes, at, frame.bytes, frame.start, length);
    frame.end = frame.start + length;
    this.#sending += length;
    this.#host.rawOutput.push(this, path, frame, options, this.#core.draft.confirm, whole);
  }

  receive(into: Uint8Array, at: number, length: number, flags: number, incoming: Incoming | undefined): number {
    if ((flags & MSG_OOB) !== 0) return -Errno.EOPNOTSUPP;
    return this.#core.receive(into, at, length, flags, incoming);
  }

  shutdown(how: number): number {
    return this.#core.shutdown(how, this.#connected);
  }

  close(): void {
    this.#host.ip.removeRaw(this.protocol, this);
    this.#core.close();
  }

  readable(): number {
    return this.#core.readable;
  }

  /** Octets that wait to leave, and those that wait for more. */
  unsent(): number {
    return this.#sending + this.#core.draft.length;
  }

  /** The protocol number stands where a port would, as on Linux. */
  getsockname(into: NameOut): number {
    this.#to.address = this.#local;
    this.#to.port = this.#shownPort;
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
    return this.#core.readiness();
  }

  changeOptions(changes: Partial<CommonOptions>): number {
    return this.#core.changeOptions(changes);
  }

  changeTcpOptions(): number {
    return -Errno.ENOPROTOOPT;
  }

  takeError(): number {
    return this.#core.takeError();
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

  receiveRaw(frame: Frame, packet: IpPacket, now: Micros): boolean {
    if (this.#local !== ANY_ADDRESS && packet.destination !== this.#local) return false;
    if (this.#connected && packet.source !== this.#peer.address) return false;
    if (!this.groups.wants(packet)) return false;
    const { boundDevice } = this.options;
    if (boundDevice !== 0 && this.#host.ip.arrivalInterface(packet) !== boundDevice) return false;
    if (this.protocol === IPPROTO_ICMP && this.#isFiltered(frame)) return false;
    return this.#core.arrived(frame.view(), 0, packet, now);
  }

  /** What is quoted reaches the program as it sent it: with the IP header where it brought that. raw(7). */
  errorRaw(report: IpErrorReport, frame: Frame, now: Micros): void {
    if (this.#connected && report.destination !== this.#peer.address) return;
    if (this.#local !== ANY_ADDRESS && report.source !== this.#local) return;
    const { headerIncluded, mtuDiscover } = this.options;
    if (isTooBig(report) && mtuDiscover < MtuDiscover.Interface) this.#host.ip.tooBig(report, frame, now);
    const quoted = frame.bytes.subarray(headerIncluded ? frame.start : frame.transport, frame.end);
    this.#core.reported(report, this.#connected, 0, quoted);
  }

  onSent(octets: number): void {
    this.#sending -= octets;
    this.#core.onSendSpace();
  }

  /** ICMP_FILTER has a bit for each of the first 32 types. What is no whole ICMP header does not pass. */
  #isFiltered(frame: Frame): boolean {
    const at = frame.start + headerLengthOf(frame.bytes, frame.start);
    if (at + ICMP_HEADER > frame.end) return true;
    const type = frame.bytes[at]!;
    return type < 32 && ((this.options.icmpFilter >>> type) & 1) !== 0;
  }
}

/** What shows once a datagram of the program's own making is copied. */
function checkWhole(bytes: Uint8Array, at: number, length: number): number {
  if (!reaches(bytes, at, length)) return -Errno.EFAULT;
  const headerLength = headerLengthOf(bytes, at);
  return headerLength > length || headerLength < MIN_HEADER ? -Errno.EINVAL : 0;
}
