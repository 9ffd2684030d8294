/**
 * SOCK_RAW and SOCK_DGRAM of AF_PACKET: frames as they pass an interface, with their link header or without, and frames sent as
 * they are. packet(7); what it leaves open is as net/packet/af_packet.c shows it.
 *
 * Left out: the memory-mapped rings, PACKET_FANOUT, SOCK_PACKET of Linux 2.0.
 */
import { copyBytes } from '../../core/bytes.ts';
import { Errno } from '../../core/errno.ts';
import type { Micros } from '../../core/time.ts';
import { NO_MAC } from '../../ethernet/address.ts';
import type { Device, ShownFrame } from '../../ethernet/device.ts';
import { Readiness, Wake } from '../../tcp/service.ts';
import type { Name, NameOut } from '../address.ts';
import * as c from '../constants.ts';
import { isUnknownAtSocketLevel, reaches } from '../message.ts';
import type { Incoming, Outgoing } from '../message.ts';
import type { PacketStatistics } from '../options/option.ts';
import { Watch } from '../readiness.ts';
import { defaultOptions } from '../socket.ts';
import type { CommonOptions, Socket, SocketHost } from '../socket.ts';
import { Memberships } from './memberships.ts';
import { isWhole, makeLinkName, readLinkName, writeLinkName } from './names.ts';
import type { LinkName } from './names.ts';
import type { FrameSender, PacketOutput } from './output.ts';
import { PacketQueue } from './packet-queue.ts';

/** What the packet sockets of one stack share. */
export interface PacketHost extends SocketHost {
  readonly output: PacketOutput;
  /** Has frames shown to the socket from now on, or no more. */
  readonly listen: (socket: PacketSocket, on: boolean) => void;
}

/** Octets of the link header of all the links that there are. */
const LINK_HEADER = 14;

/** All that recv knows here; MSG_WAITALL and the like are EINVAL, as in Linux. */
const RECEIVE_FLAGS = c.MSG_PEEK | c.MSG_DONTWAIT | c.MSG_TRUNC | c.MSG_ERRQUEUE;

export class PacketSocket implements Socket, FrameSender {
  readonly kind = 'packet';
  readonly family = c.AF_PACKET;
  readonly type: number;
  /** SO_PROTOCOL shows none, as in Linux; getsockname tells. */
  readonly protocol = 0;
  readonly tcpOptions = undefined;
  readonly listening = false;
  nonBlocking = false;
  references = 0;
  readonly watch: Watch;
  readonly options: CommonOptions;
  readonly memberships: Memberships;
  /** PACKET_AUXDATA. */
  auxdata = false;

  readonly #host: PacketHost;
  readonly #queue = new PacketQueue();
  /** The EtherType that is received (ETH_P_ALL for every one, 0 for none), and the interface (0 for every one). */
  #etherType: number;
  #interface = 0;
  /** A name just read; calls do not nest. */
  readonly #to: LinkName = makeLinkName();
  /** Octets in the output queue. */
  #sending = 0;
  #error = 0;

  /** @param protocol what is received from now on; 0 waits for bind. Differs: in host byte order, as in sockaddr_ll here. */
  constructor(host: PacketHost, type: number, protocol: number) {
    this.#host = host;
    this.type = type;
    this.#etherType = protocol & 0xffff;
    this.watch = new Watch(host.readiness, this);
    this.options = defaultOptions(host);
    this.memberships = new Memberships(host.devices);
    host.listen(this, true);
  }

  /** Those for all protocols come first, and those for all interfaces before those for one. __netif_receive_skb_core. */
  get rank(): number {
    return (this.#etherType === c.ETH_P_ALL ? 0 : 2) + (this.#interface === 0 ? 0 : 1);
  }

  /** May be called again. Protocol 0 leaves it as it is, interface 0 is any. */
  bind(name: Name): number {
    const refused = readLinkName(name, this.#to);
    if (refused < 0) return refused;
    const { family, protocol, interfaceIndex } = this.#to;
    if (family !== c.AF_PACKET) return -Errno.EINVAL;
    const device = this.#host.devices.get(interfaceIndex);
    if (interfaceIndex !== 0 && device === undefined) return -Errno.ENODEV;
    const etherType = protocol === 0 ? this.#etherType : protocol;
    const changed = etherType !== this.#etherType || interfaceIndex !== this.#interface;
    this.#etherType = etherType;
    this.#interface = interfaceIndex;
    if (changed) this.#host.listen(this, true);
    if (changed && etherType !== 0 && device?.up === false) this.#fail(Errno.ENETDOWN);
    return 0;
  }

  listen(): number {
    return -Errno.EOPNOTSUPP;
  }

  accept(): number {
    return -Errno.EOPNOTSUPP;
  }

  connect(): number {
    return -Errno.EOPNOTSUPP;
  }

  /** Without a name to the interface that is bound, which with SOCK_DGRAM only the loopback can do. Flags do not matter. */
  send(bytes: Uint8Array, at: number, length: number, _flags: number, outgoing: Outgoing | undefined): number {
    const name = outgoing?.name;
    if (name !== undefined) {
      const refused = isWhole(name) ? readLinkName(name, this.#to) : -Errno.EINVAL;
      if (refused < 0) return refused;
    }
    const device = this.#host.devices.get(name === undefined ? this.#interface : this.#to.interfaceIndex);
    if (device === undefined) return -Errno.ENXIO;
    if (!device.up) return -Errno.ENETDOWN;
    const refused = readControl(outgoing) || this.#check(device, bytes, at, length, name !== undefined);
    if (refused < 0) return refused;

    const frame = this.#host.context.frames.acquire(length);
    copyBytes(bytes, at, frame.bytes, frame.start, length);
    frame.end = frame.start + length;
    let protocol = name === undefined ? this.#etherType : this.#to.protocol;
    if (this.type === c.SOCK_DGRAM) {
      device.addHeader(frame, name === undefined ? NO_MAC : this.#to.hardwareAddress, protocol);
    } else if (isNone(protocol)) {
      protocol = device.protocolOf(frame);
    }
    this.#sending += length;
    this.#host.output.push(this, device, frame, length, protocol);
    return length;
  }

  /** Whether octets can be sent, in Linux's order: what shows without a look at them, what it takes to copy them, and what they are. */
  #check(device: Device, bytes: Uint8Array, at: number, length: number, named: boolean): number {
    if (length > device.longest(this.type === c.SOCK_RAW)) return -Errno.EMSGSIZE;
    if (!this.#hasSendSpace()) return -Errno.EAGAIN;
    const refused = this.#checkCopy(device, bytes, at, length, named);
    if (refused < 0) this.onSent(0);
    return refused;
  }

  #checkCopy(device: Device, bytes: Uint8Array, at: number, length: number, named: boolean): number {
    const raw = this.type === c.SOCK_RAW;
    if (!raw && !named && device.wantsDestination) return -Errno.EINVAL;
    if (!reaches(bytes, at, length)) return -Errno.EFAULT;
    if (raw && !device.hasHeader(length)) return -Errno.EINVAL;
    return device.isTooLong(bytes, at, length, raw) ? -Errno.EMSGSIZE : 0;
  }

  receive(into: Uint8Array, at: number, length: number, flags: number, incoming: Incoming | undefined): number {
    if ((flags & ~RECEIVE_FLAGS) !== 0) return -Errno.EINVAL;
    if ((flags & c.MSG_ERRQUEUE) !== 0) return -Errno.EAGAIN;
    if (this.#error !== 0) return -this.takeError();
    if (this.#queue.size === 0) return -Errno.EAGAIN;
    if (incoming !== undefined) this.#describe(incoming);
    return this.#queue.take(into, at, length, flags, incoming);
  }

  /** Ancillary data about the next frame. */
  #describe({ control }: Incoming): void {
    if (this.options.timestamp) {
      control.push({ level: c.SOL_SOCKET, type: c.SO_TIMESTAMP, data: this.#queue.nextTime });
    }
    if (!this.auxdata) return;
    const length = this.#queue.nextLength;
    const net = this.type === c.SOCK_RAW ? LINK_HEADER : 0;
    const about = { status: c.TP_STATUS_USER, length, capturedLength: length, mac: 0, net, vlanTci: 0, vlanTpid: 0 };
    control.push({ level: c.SOL_PACKET, type: c.PACKET_AUXDATA, data: about });
  }

  shutdown(): number {
    return -Errno.EOPNOTSUPP;
  }

  close(): void {
    this.#host.listen(this, false);
    this.memberships.clear();
    this.#queue.clear();
    this.watch.close();
  }

  readable(): number {
    return this.#queue.nextLength;
  }

  unsent(): number {
    return this.#sending;
  }

  getsockname(into: NameOut): number {
    const device = this.#host.devices.get(this.#interface);
    writeLinkName(
      {
        protocol: this.#etherType,
        interfaceIndex: this.#interface,
        hardwareType: device?.hardwareType ?? 0,
        packetType: 0,
        hardwareAddress: device?.address,
      },
      into,
    );
    return 0;
  }

  getpeername(): number {
    return -Errno.EOPNOTSUPP;
  }

  atMark(): number {
    return -Errno.ENOTTY;
  }

  readiness(): number {
    let bits = 0;
    if (this.#error !== 0) bits |= Readiness.Error;
    if (this.#queue.size > 0) bits |= Readiness.Readable;
    if (this.#hasSendSpace()) bits |= Readiness.Writable | c.POLLWRBAND;
    return bits;
  }

  changeOptions(changes: Partial<CommonOptions>): number {
    Object.assign(this.options, changes);
    if (changes.sendBuffer !== undefined) this.onSent(0);
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
    return -Errno.ENOTCONN;
  }

  tcpInfo(): undefined {
    return undefined;
  }

  /** PACKET_STATISTICS: reading clears it. */
  takeStatistics(): PacketStatistics {
    return this.#queue.takeStatistics();
  }

  /** A frame passes some interface. What is outgoing is for those who want everything, and not for who sent it. */
  onFrame(shown: ShownFrame, isOwn: boolean, now: Micros): void {
    const { device, protocol, packetType, source } = shown;
    const { index, hardwareType } = device;
    if (this.#etherType === 0 || (this.#interface !== 0 && this.#interface !== index)) return;
    const isWanted =
      this.#etherType === c.ETH_P_ALL ? !isOwn : this.#etherType === protocol && packetType !== c.PACKET_OUTGOING;
    // Linux reads a length of 0 as the answer of a socket filter that does not want it.
    if (!isWanted || shown.isEmpty(this.type === c.SOCK_RAW)) return;
    if (!this.#queue.admit(this.options.receiveBuffer)) return;
    const octets = shown.copy(this.type === c.SOCK_RAW);
    const hardwareAddress = source;
    this.#queue.push({ octets, time: now, protocol, interfaceIndex: index, hardwareType, packetType, hardwareAddress });
    this.watch.onReadiness(Wake.Read);
  }

  /** An interface was switched off. */
  onDown(device: Device): void {
    if (this.#interface === device.index && this.#etherType !== 0) this.#fail(Errno.ENETDOWN);
  }

  onSent(octets: number): void {
    this.#sending -= octets;
    if (this.#hasSendSpace()) this.watch.onReadiness(Wake.Write);
  }

  #hasSendSpace(): boolean {
    return this.#sending < this.options.sendBuffer;
  }

  #fail(errno: number): void {
    this.#error = errno;
    this.watch.onReadiness(Wake.Error);
  }
}

/** Whether a protocol says nothing of what a frame carries. */
const isNone = (protocol: number): boolean => protocol === 0 || protocol === c.ETH_P_ALL;

/** Ancillary data, which changes nothing here: -EINVAL for what no socket knows. */
const readControl = (outgoing: Outgoing | undefined): number =>
  outgoing?.control.some(isUnknownAtSocketLevel) === true ? -Errno.EINVAL : 0;
