/**
 * What datagram and raw sockets have in common: options, both queues to read from, the pending error, shutdown, readiness, and the
 * way that something is sent. udp(7), raw(7), ip(7).
 *
 * A program is told of lasting ICMP errors while it is connected, and with IP_RECVERR of all (1122-4.1.3.3-a), a neighbour that does
 * not answer included: by the pending error, once, and with IP_RECVERR by the error queue.
 */
import { Errno } from '../../core/errno.ts';
import type { Micros } from '../../core/time.ts';
import { ANY_ADDRESS, BROADCAST_ADDRESS, LOOPBACK_ADDRESS, isMulticast } from '../../ip/address.ts';
import type { IpAddress } from '../../ip/address.ts';
import { mtuFor } from '../../ip/mtu-discover.ts';
import { MtuDiscover, isTooBig } from '../../ip/service.ts';
import type { IpErrorReport, IpPacket, Path } from '../../ip/service.ts';
import { Readiness, Wake } from '../../tcp/service.ts';
import {
  MSG_CONFIRM,
  MSG_DONTROUTE,
  MSG_ERRQUEUE,
  MSG_PEEK,
  MSG_TRUNC,
  SHUT_RD,
  SHUT_WR,
  POLLWRBAND,
} from '../constants.ts';
import { reaches } from '../message.ts';
import type { Incoming, Outgoing } from '../message.ts';
import { movedOffset } from '../peek-offset.ts';
import { Watch } from '../readiness.ts';
import { defaultOptions, isShutdown } from '../socket.ts';
import type { CommonOptions } from '../socket.ts';
import { addControl, readControl, resetSettings } from './control.ts';
import { DatagramQueue, copyDatagram } from './datagram-queue.ts';
import { Draft } from './draft.ts';
import { ErrorQueue, icmpError, localError, tellError } from './error-queue.ts';
import type { InetHost } from './host.ts';
import { Multicast } from './multicast.ts';
import { makeEndpoint } from './names.ts';

/** Parameter Problem: Linux counts it among the lasting errors. RFC 792. */
const PARAMETER_PROBLEM = 12;

export class DatagramCore {
  readonly options: CommonOptions;
  readonly watch: Watch;
  readonly groups: Multicast;
  readonly draft = new Draft();
  readonly #host: InetHost;
  /** Octets that wait to leave. */
  readonly #unsent: () => number;
  readonly #received = new DatagramQueue();
  readonly #errors = new ErrorQueue();
  #error = 0;
  #shutReceive = false;
  #shutSend = false;
  /** A name to be written; calls do not nest. */
  readonly #from = makeEndpoint();

  constructor(host: InetHost, unsent: () => number) {
    this.#host = host;
    this.#unsent = unsent;
    this.options = defaultOptions(host);
    this.groups = new Multicast(host, this.options);
    this.watch = new Watch(host.readiness, this);
  }

  readiness(): number {
    let bits = 0;
    if (this.#error !== 0 || this.#errors.size > 0) bits |= Readiness.Error;
    if (this.#received.size > 0) bits |= Readiness.Readable;
    if (this.#shutReceive) bits |= Readiness.Readable | Readiness.ReadHangUp;
    if (this.#shutReceive && this.#shutSend) bits |= Readiness.HangUp;
    if (this.#hasSendSpace()) bits |= Readiness.Writable | POLLWRBAND;
    return bits;
  }

  /** Something has left, or may take more room while it waits, or what Linux had taken a buffer for cannot be sent. */
  onSendSpace(): void {
    if (this.#hasSendSpace()) this.watch.onReadiness(Wake.Write);
  }

  takeError(): number {
    const error = this.#error;
    this.#error = 0;
    return error;
  }

  /** Without a peer the answer is -ENOTCONN, and yet the direction is shut, as on Linux. */
  shutdown(how: number, connected: boolean): number {
    if (!isShutdown(how)) return -Errno.EINVAL;
    if (how !== SHUT_WR) this.#shutReceive = true;
    if (how !== SHUT_RD) this.#shutSend = true;
    this.watch.onReadiness();
    return connected ? 0 : -Errno.ENOTCONN;
  }

  changeOptions(changes: Partial<CommonOptions>): number {
    Object.assign(this.options, changes);
    if (changes.receiveErrors === false) this.#errors.clear();
    if (changes.sendBuffer !== undefined) this.onSendSpace();
    return 0;
  }

  /** IP_FREEBIND and IP_TRANSPARENT: bind takes addresses that are not this host's. */
  get mayBindAnything(): boolean {
    return this.options.freeBind || this.options.transparent;
  }

  close(): void {
    this.draft.clear();
    this.groups.clear();
    this.#received.clear();
    this.#errors.clear();
    this.watch.close();
  }

  // --- Receiving.

  /** Octets of the oldest datagram, 0 when there is none (FIONREAD). */
  get readable(): number {
    return this.#received.next?.length ?? 0;
  }

  /** Keeps a datagram; false when the queue is full. */
  arrived(bytes: Uint8Array, port: number, packet: IpPacket, now: Micros, merge = false): boolean {
    if (!this.#received.push(bytes, port, packet, now, this.options.receiveBuffer, merge)) return false;
    this.watch.onReadiness(Wake.Read);
    return true;
  }

  /** recv: the oldest datagram, as much as fits; the rest of it is lost. With MSG_TRUNC its whole length is returned. */
  receive(into: Uint8Array, at: number, length: number, flags: number, incoming: Incoming | undefined): number {
    if ((flags & MSG_ERRQUEUE) !== 0) return this.#receiveError(into, at, length, incoming);
    if (this.#error !== 0) return -this.takeError();
    const peek = (flags & MSG_PEEK) !== 0;
    const place = peek ? this.#received.placeOf(this.options.peekOffset) : undefined;
    const datagram = peek ? place?.message : this.#received.next;
    if (datagram === undefined) return -Errno.EAGAIN;
    const skip = place?.skip ?? 0;
    const rest = datagram.length - skip;
    if (!reaches(into, at, Math.min(length, rest))) {
      // What cannot be copied is lost, as on Linux.
      if (!peek) this.#received.shift();
      return -Errno.EFAULT;
    }
    const count = copyDatagram(datagram, into, at, length, skip);
    if (incoming !== undefined) {
      // Linux says so of the last part of a datagram, too, where there is no more room than for that.
      if (length <= rest && count < datagram.length) incoming.flags |= MSG_TRUNC;
      this.#name(datagram.source, datagram.port, incoming);
      addControl(incoming, datagram, this.options, this.#host.ip, this.#host.names);
    }
    if (!peek) this.#received.shift();
    const result = (flags & MSG_TRUNC) !== 0 ? datagram.length : count;
    this.options.peekOffset = movedOffset(this.options.peekOffset, flags, result);
    return result;
  }

  #receiveError(into: Uint8Array, at: number, length: number, incoming: Incoming | undefined): number {
    const taken = this.#errors.shift();
    if (taken === undefined) return -Errno.EAGAIN;
    this.#error = this.#errors.pendingAfter(taken) ?? this.#error;
    if (this.#errors.size > 0) this.watch.onReadiness(Wake.Error);
    return tellError(taken, into, at, length, incoming, this.options, this.#host.names);
  }

  #name(address: IpAddress, port: number, { name }: Incoming): void {
    if (name === undefined) return;
    this.#from.address = address;
    this.#from.port = port;
    this.#host.names.write(this.#from, name);
  }

  // --- Errors.

  /** An ICMP error about a datagram that the socket sent to `port`; `quoted` is lent. Linux __udp4_lib_err, raw_err. */
  reported(report: IpErrorReport, connected: boolean, port: number, quoted: Uint8Array): void {
    const { receiveErrors, receiveBuffer, mtuDiscover } = this.options;
    // Too long with DF is a lasting error: the program must send less. Without DF it is the network's business.
    const tooBig = isTooBig(report) && mtuDiscover !== MtuDiscover.Dont;
    const lasting = report.hard || tooBig || report.type === PARAMETER_PROBLEM;
    if (!receiveErrors && !(connected && lasting)) return;
    if (receiveErrors) this.#errors.push(icmpError(report, port, quoted, this.#host.names), receiveBuffer);
    this.#error = report.errno;
    this.watch.onReadiness(Wake.Error);
  }

  /** -EMSGSIZE for a datagram on `path`, which IP_RECVERR queues with the MTU. `port` is the peer's, as on Linux, whatever the destination. */
  tooLong(path: Path, port: number): number {
    const { receiveErrors, receiveBuffer, mtuDiscover } = this.options;
    if (receiveErrors) {
      this.#errors.push(localError(Errno.EMSGSIZE, mtuFor(path, mtuDiscover), path.destination, port), receiveBuffer);
      this.watch.onReadiness(Wake.Error);
    }
    return -Errno.EMSGSIZE;
  }

  // --- Sending.

  /** Begins a draft with what was sent along: 0, or -EINVAL for ancillary data. */
  begin(flags: number, outgoing: Outgoing | undefined, isUdp: boolean): number {
    const { draft } = this;
    resetSettings(draft.settings, this.options, isUdp);
    draft.confirm = (flags & MSG_CONFIRM) !== 0;
    const control = outgoing?.control;
    return control === undefined || control.length === 0 ? 0 : readControl(control, isUdp, draft.settings);
  }

  /** An unspecified destination is this host, as Linux reads it: the address that it is sent from. */
  destination(address: IpAddress, local: IpAddress): IpAddress {
    if (address !== ANY_ADDRESS) return address;
    const source = this.#source(local);
    return source === ANY_ADDRESS ? LOOPBACK_ADDRESS : source;
  }

  /** The way for the draft, or a negative errno. `local` is the socket's address. */
  route(remote: IpAddress, local: IpAddress, flags: number): Path | number {
    const { ip } = this.#host;
    const { settings } = this.draft;
    const isGroup = isMulticast(remote);
    const own = this.#source(local);
    const source = isGroup && own === ANY_ADDRESS ? this.options.multicastSource : own;
    if (isMulticast(source) || source === BROADCAST_ADDRESS) return -Errno.EINVAL;
    if (source !== ANY_ADDRESS && !ip.isLocal(source)) return -Errno.ENETUNREACH;
    const bound = settings.interfaceId !== 0 ? settings.interfaceId : this.options.boundDevice;
    const device = bound === 0 && isGroup ? this.options.multicastInterface : bound;
    const path = ip.route(remote, source, device, settings.ipOptions); // 1122-4.1.3.2-b, 1122-4.1.3.2-c
    if (typeof path === 'number' || !path.viaGateway) return path;
    const stays = this.options.dontRoute || (flags & MSG_DONTROUTE) !== 0;
    return stays ? -Errno.ENETUNREACH : path;
  }

  /** -EACCES for a broadcast without SO_BROADCAST. ip(7), socket(7). */
  mayBroadcast(path: Path): number {
    return !this.options.broadcast && this.#host.ip.isBroadcast(path.destination) ? -Errno.EACCES : 0;
  }

  /** Before something is queued, once it is known that it could be sent: the pending error, -EPIPE, -EAGAIN. */
  mayQueue(): number {
    if (this.#error !== 0) return -this.takeError();
    if (this.#shutSend) return -Errno.EPIPE;
    const unsent = this.#unsent();
    return unsent > 0 && unsent >= this.options.sendBuffer ? -Errno.EAGAIN : 0;
  }

  /** As `mayQueue` for what Linux gives no transport header: neither error nor shutdown are looked at, and a full queue is -ENOBUFS. */
  mayQueuePlain(): number {
    return this.#unsent() > 2 * this.options.sendBuffer ? -Errno.ENOBUFS : 0;
  }

  /** The draft's TTL. As on Linux the socket's counts as it is by now, and not (as the TOS) when the draft was begun. */
  ttlOn({ destination }: Path): number {
    const { ttl } = this.draft.settings;
    if (ttl !== 0) return ttl;
    return isMulticast(destination) ? this.options.multicastTtl : this.options.ttl;
  }

  #hasSendSpace(): boolean {
    return this.#unsent() < this.options.sendBuffer;
  }

  /** A socket bound to a broadcast or multicast address receives there, but sends from an own one. */
  #source(local: IpAddress): IpAddress {
    const { source } = this.draft.settings;
    if (source !== ANY_ADDRESS) return source;
    return isMulticast(local) || this.#host.ip.isBroadcast(local) ? ANY_ADDRESS : local;
  }
}
