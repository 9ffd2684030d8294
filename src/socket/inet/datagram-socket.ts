/**
 * SOCK_DGRAM over UDP: one open port with a queue in front of it. udp(7), RFC 768, RFC 1122 §4.1.
 *
 * A port is opened by bind, or by the first connect or send (an ephemeral one). What it shares with raw sockets is in
 * datagram-core.ts. Left out: UDP_ENCAP, UDP Lite.
 */
import { Errno } from '../../core/errno.ts';
import type { Micros } from '../../core/time.ts';
import { ANY_ADDRESS } from '../../ip/address.ts';
import type { IpAddress } from '../../ip/address.ts';
import { longestDatagram, mtuFor } from '../../ip/mtu-discover.ts';
import { MtuDiscover, isTooBig } from '../../ip/service.ts';
import type { IpErrorReport, IpPacket } from '../../ip/service.ts';
import type { UdpOwner, UdpPort, UdpSendOptions } from '../../udp/service.ts';
import type { Name, NameOut } from '../address.ts';
import { AF_INET, AF_UNSPEC, IPPROTO_UDP, MSG_MORE, MSG_OOB, SOCK_DGRAM } from '../constants.ts';
import { reaches } from '../message.ts';
import type { Incoming, Outgoing } from '../message.ts';
import type { CommonOptions, Socket } from '../socket.ts';
import { DatagramCore } from './datagram-core.ts';
import { mayBind, mayBindPort, mtuTo } from './host.ts';
import type { InetHost } from './host.ts';
import { LocalPort } from './local-port.ts';
import { hasNoFamily, makeEndpoint, readBindName } from './names.ts';
import type { Endpoint } from './names.ts';

const UDP_HEADER = 8;
/** Octets that UDP's length field can count, and of the longest IP datagram. */
const MAX_LENGTH = 0xffff;
/** Datagrams at most that UDP_SEGMENT cuts one into. Linux UDP_MAX_SEGMENTS. */
const MAX_SEGMENTS = 128;

export class DatagramSocket implements Socket, UdpOwner {
  readonly kind = 'datagram';
  readonly family = AF_INET;
  readonly type = SOCK_DGRAM;
  readonly protocol = IPPROTO_UDP;
  readonly tcpOptions = undefined;
  readonly listening = false;
  nonBlocking = false;
  references = 0;

  readonly #host: InetHost;
  readonly #core: DatagramCore;
  #port: UdpPort | undefined = undefined;
  readonly #local: LocalPort;
  /** What the program bound: it outlives a connect. `#boundPort` is 0 when the port was chosen for it. */
  #boundAddress: IpAddress = ANY_ADDRESS;
  #boundPort = 0;
  /** A name just read or to be written; calls do not nest. */
  readonly #to: Endpoint = makeEndpoint();
  readonly #sendOptions: UdpSendOptions = { ttl: 0, tos: 0, mtuDiscover: MtuDiscover.Want, confirm: false, loop: true };

  constructor(host: InetHost) {
    this.#host = host;
    this.#core = new DatagramCore(host, () => this.unsent());
    this.#local = new LocalPort(host.udpPorts);
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

  bind(name: Name): number {
    const refused = readBindName(this.#host.names, name, this.#to);
    if (refused < 0) return refused;
    const { address, port } = this.#to;
    if (!this.#core.mayBindAnything && !mayBind(this.#host.ip, address)) return -Errno.EADDRNOTAVAIL;
    if (!mayBindPort(this.#host, port)) return -Errno.EACCES;
    if (this.#port !== undefined) return -Errno.EINVAL;
    // IP_BIND_ADDRESS_NO_PORT: the first send or connect chooses the port.
    const result = port === 0 && this.options.bindAddressNoPort ? 0 : this.#open(address, port);
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

  /** Again, it is connected to another peer, from the address that it has by now. */
  connect(name: Name): number {
    const family = this.#host.names.read(name, this.#to, true);
    if (family === AF_UNSPEC) return this.#disconnect();
    if (hasNoFamily(name)) return -Errno.EINVAL;
    const { address, port } = this.#to;
    // As on Linux the port is taken before the rest of the name is looked at.
    const opened = this.#openIfNeeded();
    if (typeof opened === 'number') return opened;
    if (family !== AF_INET) return family < 0 ? family : -Errno.EAFNOSUPPORT;
    const core = this.#core;
    if (!core.draft.pending) core.begin(0, undefined, true);
    const path = core.route(core.destination(address, opened.localAddress), opened.localAddress, 0);
    if (typeof path === 'number') return path;
    const refused = core.mayBroadcast(path);
    if (refused < 0) return refused;
    opened.connect(path.source, path.destination, port);
    this.#local.binding!.address = opened.localAddress;
    if (core.draft.pending) this.#redirect(path, port);
    return 0;
  }

  /** As on Linux a datagram that waits for more goes to the new peer. */
  #redirect(path: DatagramCore['draft']['path'], port: number): void {
    this.#core.draft.path = path;
    this.#core.draft.port = port;
  }

  /** Address, port and interface that the program did not choose go, the interface in any case. connect(2); Linux __udp_disconnect. */
  #disconnect(): number {
    this.#core.changeOptions({ boundDevice: 0 });
    if (this.#port === undefined) return 0;
    this.#close();
    return this.#boundPort === 0 ? 0 : this.#open(this.#boundAddress, this.#boundPort);
  }

  /** In Linux's order: what is wrong with the call, the way, the length, and only then the pending error. */
  send(bytes: Uint8Array, at: number, length: number, flags: number, outgoing: Outgoing | undefined): number {
    const port = this.#openIfNeeded();
    if (typeof port === 'number') return port;
    if (length > MAX_LENGTH) return -Errno.EMSGSIZE;
    if ((flags & MSG_OOB) !== 0) return -Errno.EOPNOTSUPP;
    const { draft } = this.#core;
    const goesOn = draft.pending;
    // Who adds to a datagram has no say in where it goes.
    const aimed = goesOn ? 0 : this.#aim(port, flags, outgoing);
    if (aimed < 0) return aimed;
    const refused = this.#mayAdd(port, length) || (reaches(bytes, at, length) ? 0 : -Errno.EFAULT);
    if (refused < 0) {
      draft.clear();
      if (goesOn || refused === -Errno.EFAULT) this.#core.onSendSpace();
      return refused;
    }
    const more = this.options.udpCork || (flags & MSG_MORE) !== 0;
    if (more || goesOn) draft.append(bytes, at, length);
    if (more) return length;
    const result = goesOn ? this.#finish() : this.#transmit(port, bytes, at, length);
    return result < 0 ? result : length;
  }

  /** Begins a datagram: fills in the draft from name, ancillary data and options. */
  #aim(port: UdpPort, flags: number, outgoing: Outgoing | undefined): number {
    const core = this.#core;
    const named = outgoing?.name !== undefined;
    if (named) {
      const family = this.#host.names.read(outgoing.name!, this.#to);
      if (family < 0) return family;
      if (family !== AF_INET && family !== AF_UNSPEC) return -Errno.EAFNOSUPPORT;
      if (this.#to.port === 0) return -Errno.EINVAL;
    } else if (port.remoteAddress === undefined) {
      return -Errno.EDESTADDRREQ;
    }
    const begun = core.begin(flags, outgoing, true);
    if (begun < 0) return begun;
    const remote = named ? core.destination(this.#to.address, port.localAddress) : port.remoteAddress!;
    const path = core.route(remote, port.localAddress, flags);
    if (typeof path === 'number') return path;
    core.draft.path = path;
    core.draft.port = named ? this.#to.port : port.remotePort;
    // That a connected socket may send to its peer was found when it was connected.
    return named || (outgoing?.control.length ?? 0) > 0 ? core.mayBroadcast(path) : 0;
  }

  /** Whether so many octets may be added to the draft. */
  #mayAdd(port: UdpPort, length: number): number {
    const { draft } = this.#core;
    const path = draft.path!;
    const { segment } = draft.settings;
    const most = segment > 0 ? MAX_LENGTH : longestDatagram(path, this.options.mtuDiscover);
    if (draft.length + length + UDP_HEADER + path.headerLength > most) return this.#core.tooLong(path, port.remotePort);
    return draft.pending ? 0 : this.#core.mayQueue();
  }

  /** Sends what was put together. */
  #finish(): number {
    const { draft } = this.#core;
    const port = this.#openIfNeeded();
    const result = typeof port === 'number' ? port : this.#transmit(port, draft.bytes, 0, draft.length);
    draft.clear();
    return result;
  }

  /** Queues the octets as the draft says, in several datagrams where UDP_SEGMENT asks for that. Linux udp_send_skb. */
  #transmit(port: UdpPort, bytes: Uint8Array, at: number, length: number): number {
    const core = this.#core;
    const { path, port: remotePort, settings, confirm } = core.draft;
    const options = this.#sendOptions;
    options.ttl = core.ttlOn(path!);
    options.loop = this.options.multicastLoop;
    options.tos = settings.tos;
    options.mtuDiscover = this.options.mtuDiscover;
    options.confirm = confirm;
    const { segment } = settings;
    if (segment === 0) return port.send(bytes, at, length, path!, remotePort, options);
    const headers = UDP_HEADER + path!.headerLength;
    if (headers + Math.min(length, segment) > mtuFor(path!, options.mtuDiscover)) return -Errno.EMSGSIZE;
    if (length > segment * MAX_SEGMENTS) return -Errno.EINVAL;
    for (let done = 0; done < length || done === 0; done += segment) {
      const count = Math.min(segment, length - done);
      const result = port.send(bytes, at + done, count, path!, remotePort, options);
      if (result < 0) return result;
    }
    return length;
  }

  receive(into: Uint8Array, at: number, length: number, flags: number, incoming: Incoming | undefined): number {
    return this.#core.receive(into, at, length, flags, incoming);
  }

  shutdown(how: number): number {
    return this.#core.shutdown(how, this.#isConnected());
  }

  close(): void {
    this.#close();
    this.#core.close();
  }

  readable(): number {
    return this.#core.readable;
  }

  /** Octets that wait to leave, and those that wait for more. */
  unsent(): number {
    return (this.#port?.queued ?? 0) + this.#core.draft.length;
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
    return this.#core.readiness();
  }

  changeOptions(changes: Partial<CommonOptions>): number {
    const result = this.#core.changeOptions(changes);
    this.#local.share(this.options);
    if (this.#port !== undefined) this.#port.device = this.options.boundDevice;
    // Taking the cork out sends what waits; whether that went well is told to nobody, as on Linux.
    if (changes.udpCork === false && this.#core.draft.pending) this.#finish();
    return result;
  }

  changeTcpOptions(): number {
    return -Errno.ENOPROTOOPT;
  }

  takeError(): number {
    return this.#core.takeError();
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

  onDatagram(payload: Uint8Array, _source: IpAddress, sourcePort: number, packet: IpPacket, now: Micros): boolean {
    return this.#core.arrived(payload, sourcePort, packet, now, this.options.udpGro);
  }

  wantsGroup(packet: IpPacket): boolean {
    return this.groups.wants(packet);
  }

  onError(report: IpErrorReport, destinationPort: number, quoted: Uint8Array): void {
    if (isTooBig(report) && this.options.mtuDiscover === MtuDiscover.Dont) return;
    const port = this.#port;
    const fromPeer = port?.remoteAddress === report.destination && port.remotePort === destinationPort;
    this.#core.reported(report, fromPeer, destinationPort, quoted);
  }

  onSent(): void {
    this.#core.onSendSpace();
  }

  #isConnected(): boolean {
    return this.#port?.remoteAddress !== undefined;
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
    this.#port.device = this.options.boundDevice;
    return 0;
  }

  #close(): void {
    this.#port?.close();
    this.#port = undefined;
    this.#local.drop();
  }
}
