/**
 * Ancillary data of AF_INET datagrams, both ways. cmsg(3), ip(7), udp(7); net/ipv4/ip_sockglue.c.
 */
import { getU32 } from '../../core/bytes.ts';
import { Errno } from '../../core/errno.ts';
import { ANY_ADDRESS, ipv4, parseAddress } from '../../ip/address.ts';
import type { IpAddress } from '../../ip/address.ts';
import { MAX_OPTIONS, NO_OPTIONS, composeOptions, echoOptions } from '../../ip/send-options.ts';
import type { Arrival, IpService } from '../../ip/service.ts';
import * as c from '../constants.ts';
import { isUnknownAtSocketLevel } from '../message.ts';
import type { ControlMessage, Incoming, PacketInfo } from '../message.ts';
import { octetsToInt } from '../options/option.ts';
import type { CommonOptions } from '../socket.ts';
import type { Datagram } from './datagram-queue.ts';
import type { InetNames } from './names.ts';

/** What one datagram is sent with in the place of the socket's options. */
export interface SendSettings {
  /** IP_PKTINFO: source address and interface; ANY_ADDRESS and 0 for none. */
  source: IpAddress;
  interfaceId: number;
  /** 0 for the socket's. */
  ttl: number;
  tos: number;
  /** UDP_SEGMENT: octets of each datagram that this is cut into, or 0. */
  segment: number;
  /** IP_RETOPTS: composed options in the place of the socket's. */
  ipOptions: Uint8Array;
}

export const makeSettings = (): SendSettings => ({
  source: ANY_ADDRESS,
  interfaceId: 0,
  ttl: 0,
  tos: 0,
  segment: 0,
  ipOptions: NO_OPTIONS,
});

/** What a datagram is sent with unless ancillary data says otherwise. */
export function resetSettings(settings: SendSettings, options: CommonOptions, isUdp: boolean): void {
  const { tos, udpSegment, ipOptions } = options;
  settings.source = ANY_ADDRESS;
  settings.interfaceId = 0;
  settings.ttl = 0;
  settings.tos = tos;
  settings.segment = isUdp ? udpSegment : 0;
  settings.ipOptions = ipOptions;
}

/** A message as programs that know no types give it. */
interface AnyMessage {
  readonly level: number;
  readonly type: number;
  readonly data: unknown;
}

/**
 * Reads what sendmsg was given into `settings`: 0, or -EINVAL for what the levels do not know and for values out of range. Other levels
 * are passed over, as in the kernel; so is UDP's on raw sockets. As with options, a program may give the octets of the C type.
 */
export function readControl(control: readonly ControlMessage[], isUdp: boolean, settings: SendSettings): number {
  for (const message of control as readonly AnyMessage[]) {
    if (message.level === c.IPPROTO_UDP && isUdp) {
      const segment = message.type === c.UDP_SEGMENT ? intOf(message.data, [2], 0, 0xffff) : undefined;
      if (segment === undefined) return -Errno.EINVAL;
      settings.segment = segment;
    } else if (message.level === c.IPPROTO_IP) {
      if (!readIpMessage(message, settings)) return -Errno.EINVAL;
    } else if (isUnknownAtSocketLevel(message)) {
      return -Errno.EINVAL;
    }
  }
  return 0;
}

function readIpMessage({ type, data }: AnyMessage, settings: SendSettings): boolean {
  switch (type) {
    case c.IP_TTL: {
      const ttl = intOf(data, [4], 1, 255);
      settings.ttl = ttl ?? 0;
      return ttl !== undefined;
    }
    case c.IP_TOS: {
      const tos = intOf(data, [1, 4], 0, 255);
      settings.tos = tos ?? 0;
      return tos !== undefined;
    }
    case c.IP_PKTINFO:
      return readPacketInfo(data, settings);
    case c.IP_RETOPTS: {
      // What is beyond the longest options is not looked at, as on Linux.
      const composed = data instanceof Uint8Array ? composeOptions(data.subarray(0, MAX_OPTIONS)) : undefined;
      settings.ipOptions = composed ?? NO_OPTIONS;
      return composed !== undefined;
    }
    default:
      return false;
  }
}

/** Octets of struct in_pktinfo, and where ipi_spec_dst is in it. */
const IN_PKTINFO = 12;
const IPI_SPEC_DST = 4;

/** ipi_spec_dst is the source, ipi_ifindex the interface; ipi_addr is not looked at. */
function readPacketInfo(data: unknown, settings: SendSettings): boolean {
  if (data instanceof Uint8Array) {
    if (data.length !== IN_PKTINFO) return false;
    settings.source = ipv4(getU32(data, IPI_SPEC_DST));
    settings.interfaceId = octetsToInt(data, 0)!;
    return true;
  }
  if (typeof data !== 'object' || data === null || !('specificDestination' in data)) return false;
  const { specificDestination, interfaceIndex } = data as PacketInfo;
  const source = parseAddress(specificDestination);
  if (source === undefined) return false;
  settings.source = source;
  settings.interfaceId = interfaceIndex;
  return true;
}

/** A number in range, or the octets of one of these lengths in the machine's order; undefined for anything else. */
function intOf(data: unknown, lengths: readonly number[], min: number, max: number): number | undefined {
  let value = data;
  if (data instanceof Uint8Array) {
    if (!lengths.includes(data.length)) return undefined;
    const padded = new Uint8Array(4);
    padded.set(data);
    value = octetsToInt(padded, 0);
  }
  return typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max ? value : undefined;
}

/** Tells of a datagram's header as far as the options ask for it, in Linux's order. */
export function addControl(
  incoming: Incoming,
  datagram: Datagram,
  options: CommonOptions,
  ip: IpService,
  names: InetNames,
): void {
  const { control } = incoming;
  // Differs: microseconds of the clock that drives the stack; the core knows no time of day.
  if (options.timestamp) control.push({ level: c.SOL_SOCKET, type: c.SO_TIMESTAMP, data: datagram.time });
  if (options.udpGro && datagram.segment > 0) {
    control.push({ level: c.IPPROTO_UDP, type: c.UDP_GRO, data: datagram.segment });
  }
  const { receivePacketInfo } = options;
  addHeader(control, datagram, options, receivePacketInfo ? packetInfo(datagram, ip, names) : undefined);
  const { ipOptions } = datagram;
  if (ipOptions === undefined) return;
  // 1122-4.1.3.2-a. What an answer would take along may be nothing, which is told as well.
  if (options.receiveIpOptions) control.push({ level: c.IPPROTO_IP, type: c.IP_RECVOPTS, data: ipOptions });
  if (options.returnIpOptions) control.push({ level: c.IPPROTO_IP, type: c.IP_RETOPTS, data: echoOptions(ipOptions) });
}

/** As addControl, of an ICMP message that told of an error: it was for this host itself, so no local address is named. */
export function addErrorControl(
  incoming: Incoming,
  message: Arrival & { readonly ttl: number; readonly tos: number },
  options: CommonOptions,
  names: InetNames,
): void {
  const info = {
    interfaceIndex: message.interfaceId,
    specificDestination: names.show(ANY_ADDRESS),
    destination: names.show(message.destination),
  };
  addHeader(incoming.control, message, options, options.receivePacketInfo ? info : undefined);
}

function addHeader(
  control: ControlMessage[],
  { ttl, tos }: { readonly ttl: number; readonly tos: number },
  { receiveTtl, receiveTos }: CommonOptions,
  info: PacketInfo | undefined,
): void {
  if (info !== undefined) control.push({ level: c.IPPROTO_IP, type: c.IP_PKTINFO, data: info });
  if (receiveTtl) control.push({ level: c.IPPROTO_IP, type: c.IP_TTL, data: ttl });
  if (receiveTos) control.push({ level: c.IPPROTO_IP, type: c.IP_TOS, data: tos });
}

const packetInfo = (datagram: Datagram, ip: IpService, names: InetNames): PacketInfo => ({
  interfaceIndex: ip.arrivalInterface(datagram),
  specificDestination: names.show(ip.specificDestination(datagram)),
  destination: names.show(datagram.destination),
});
