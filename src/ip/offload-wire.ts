/**
 * Finds the IPv4 header and the TCP text of a frame, and completes a transport checksum that was left to the link (`Checksum.Partial`: the field
 * holds the pseudo-header's sum). RFC 9293 §3.1, RFC 768.
 */
import { getU16, setU16 } from '../core/bytes.ts';
import { finishChecksum, pseudoHeaderSum, sumBytes } from '../core/checksum.ts';
import { Checksum } from '../core/frame.ts';
import type { Frame } from '../core/frame.ts';
import { ETHERNET_HEADER, EtherType, VLAN_LAYOUT, typeOf } from '../ethernet/wire.ts';
import { TCP_CHECKSUM_OFFSET, TCP_HEADER_MIN, headerLength } from '../tcp/wire.ts';
import { UDP_LAYOUT } from '../udp/wire.ts';
import {
  IPV4_HEADER_LENGTH,
  ipDestination,
  ipHeaderLength,
  ipIsFragment,
  ipProtocol,
  ipSource,
  ipTotalLength,
  ipVersion,
} from './ipv4-wire.ts';

const PROTOCOL_TCP = 6;
const PROTOCOL_UDP = 17;
const UDP_CHECKSUM_OFFSET = UDP_LAYOUT.offsetOf('checksum')!;

/**
 * Offset of the IPv4 header in a frame whose Ethernet header is at `start`, or -1 when it carries something else or
 * less than a whole header. One VLAN tag is skipped.
 */
export function findIpv4(bytes: Uint8Array, start: number, end: number): number {
  let network = start + ETHERNET_HEADER;
  if (network > end) return -1;
  let type = typeOf(bytes, start);
  if (type === EtherType.Vlan && network + VLAN_LAYOUT.span <= end) {
    network += VLAN_LAYOUT.span;
    type = getU16(bytes, network - 2);
  }
  if (type !== EtherType.Ipv4 || network + IPV4_HEADER_LENGTH > end) return -1;
  return ipVersion(bytes, network) === 4 ? network : -1;
}

/**
 * Completes a partial checksum (Checksum.Partial: the field holds the pseudo-header's sum) of the TCP or UDP datagram
 * whose IPv4 header is at `network`. Returns false, having changed nothing, when there is no whole one. `frame`: whose octets they are.
 */
export function completeChecksumAt(bytes: Uint8Array, network: number, end: number, frame?: Frame): boolean {
  const transport = network + ipHeaderLength(bytes, network);
  const last = network + ipTotalLength(bytes, network);
  const protocol = ipProtocol(bytes, network);
  const field = transport + (protocol === PROTOCOL_TCP ? TCP_CHECKSUM_OFFSET : UDP_CHECKSUM_OFFSET);
  if ((protocol !== PROTOCOL_TCP && protocol !== PROTOCOL_UDP) || field + 2 > last || last > end) return false;
  const length = last - transport;
  const checksum = finishChecksum(frame?.sum(transport, length) ?? sumBytes(bytes, transport, length));
  // In UDP zero says that there is no checksum; the other form of zero is sent instead. RFC 768.
  setU16(bytes, field, checksum === 0 && protocol === PROTOCOL_UDP ? 0xffff : checksum);
  return true;
}

/** Completes a frame's partial checksum, if it has one; `start` is at the Ethernet header. False when it cannot. */
export function completeChecksum(frame: Frame): boolean {
  if (frame.checksum !== Checksum.Partial) return true;
  const network = networkOf(frame);
  if (network < 0 || !completeChecksumAt(frame.bytes, network, frame.end, frame)) return false;
  frame.checksum = Checksum.Full;
  return true;
}

/** Offset of the IPv4 header of a frame whose `start` is at its Ethernet header, or -1. */
export const networkOf = (frame: Frame): number =>
  frame.network >= 0 ? frame.network : findIpv4(frame.bytes, frame.start, frame.end);

/**
 * Offset of the TCP text behind the IPv4 header at `network` (-1: none), or -1 when that is not a whole TCP segment.
 * Text ends where the datagram does.
 */
export function findTcpText(frame: Frame, network: number): number {
  const { bytes, end } = frame;
  if (network < 0 || ipProtocol(bytes, network) !== PROTOCOL_TCP || ipIsFragment(bytes, network)) return -1;
  const transport = network + ipHeaderLength(bytes, network);
  if (transport + TCP_HEADER_MIN > end) return -1;
  const text = transport + headerLength(bytes, transport);
  const last = network + ipTotalLength(bytes, network);
  return text >= transport + TCP_HEADER_MIN && text <= last && last <= end ? text : -1;
}

/** Sum of the pseudo-header of a TCP segment of `length` octets behind the IPv4 header at `network`. RFC 9293 §3.1. */
export const tcpPseudoSum = (bytes: Uint8Array, network: number, length: number): number =>
  pseudoHeaderSum(ipSource(bytes, network), ipDestination(bytes, network), PROTOCOL_TCP) + length;
