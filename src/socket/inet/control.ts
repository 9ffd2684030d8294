/**
 * Ancillary data of AF_INET datagrams, both ways. cmsg(3), ip(7), udp(7); net/ipv4/ip_sockglue.c.
 */
import { Errno } from '../../core/errno.ts';
import { ANY_ADDRESS, parseAddress } from '../../ip/address.ts';
import type { IpAddress } from '../../ip/address.ts';
import type { Arrival, IpService } from '../../ip/service.ts';
import * as c from '../constants.ts';
import type { ControlMessage, Incoming, PacketInfo } from '../message.ts';
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
  /** -1 for the socket's. */
  tos: number;
  /** UDP_SEGMENT: octets of each datagram that this is cut into, or 0. */
  segment: number;
}

export const makeSettings = (): SendSettings => ({
  source: ANY_ADDRESS,
  interfaceId: 0,
  ttl: 0,
  tos: -1,
  segment: 0,
});

export function resetSettings(settings: SendSettings, segment: number): void {
  settings.source = ANY_ADDRESS;
  settings.interfaceId = 0;
  settings.ttl = 0;
  settings.tos = -1;
  settings.segment = segment;
}

/** A message as programs that know no types give it. */
interface AnyMessage {
  readonly level: number;
  readonly type: number;
  readonly data: unknown;
}

/**
 * Reads what sendmsg was given into `settings`: 0, or -EINVAL for what the levels do not know and for values out of range. Other levels
 * are passed over, as in the kernel; so is UDP's on raw sockets.
 */
export function readControl(control: readonly ControlMessage[], isUdp: boolean, settings: SendSettings): number {
  for (const message of control as readonly AnyMessage[]) {
    if (message.level === c.IPPROTO_UDP && isUdp) {
      if (message.type !== c.UDP_SEGMENT || !isInt(message.data, 0, 0xffff)) return -Errno.EINVAL;
      settings.segment = message.data;
    } else if (message.level === c.IPPROTO_IP) {
      if (!readIpMessage(message, settings)) return -Errno.EINVAL;
    } else if (message.level === c.SOL_SOCKET && !isKnownAtSocketLevel(message.type)) {
      return -Errno.EINVAL;
    }
  }
  return 0;
}

function readIpMessage({ type, data }: AnyMessage, settings: SendSettings): boolean {
  switch (type) {
    case c.IP_TTL:
      if (!isInt(data, 1, 255)) return false;
      settings.ttl = data;
      return true;
    case c.IP_TOS:
      if (!isInt(data, 0, 255)) return false;
      settings.tos = data;
      return true;
    case c.IP_PKTINFO:
      return isPacketInfo(data) && readPacketInfo(data, settings);
    default:
      return false;
  }
}

/** ipi_spec_dst is the source, ipi_ifindex the interface; ipi_addr is not looked at. */
function readPacketInfo({ specificDestination, interfaceIndex }: PacketInfo, settings: SendSettings): boolean {
  const source = parseAddress(specificDestination);
  if (source === undefined) return false;
  settings.source = source;
  settings.interfaceId = interfaceIndex;
  return true;
}

const isInt = (data: unknown, min: number, max: number): data is number =>
  typeof data === 'number' && Number.isInteger(data) && data >= min && data <= max;

const isPacketInfo = (data: unknown): data is PacketInfo =>
  typeof data === 'object' && data !== null && 'specificDestination' in data && 'interfaceIndex' in data;

/** What is of no concern to AF_INET is passed over: SCM_RIGHTS and SCM_CREDENTIALS, and SO_MARK and SO_PRIORITY, which nothing goes by. */
const isKnownAtSocketLevel = (type: number): boolean =>
  type === c.SCM_RIGHTS || type === c.SCM_CREDENTIALS || type === c.SO_MARK || type === c.SO_PRIORITY;

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
