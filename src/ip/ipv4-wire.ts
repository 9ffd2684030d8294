/**
 * The IPv4 header: layout, getters, emission. RFC 791 §3.1, RFC 2474 (the former TOS octet), RFC 6864 (Identification).
 *
 * The getters judge nothing; ip/ipv4.ts checks before it reads. Options are in ipv4-options.ts.
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     |Version|  IHL  |Type of Service|          Total Length         |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     |         Identification        |Flags|      Fragment Offset    |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     |  Time to Live |    Protocol   |         Header Checksum       |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     |                       Source Address                          |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     |                    Destination Address                        |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 */
import { struct, u16be, u32be, u8 } from 'buffer-layout';
import { getU16, getU32, setU16, setU32 } from '../core/bytes.ts';
import { finishChecksum, sumBytes, sumIsValid } from '../core/checksum.ts';
import { ipv4 } from './address.ts';
import type { Ipv4Address } from './address.ts';

/** The fixed part of the header as the RFC draws it; nibbles and flags stay with their octets. */
export interface Ipv4HeaderLayout {
  versionAndLength: number;
  tos: number;
  totalLength: number;
  identification: number;
  flagsAndOffset: number;
  ttl: number;
  protocol: number;
  checksum: number;
  source: number;
  destination: number;
}

export const IPV4_LAYOUT = struct<Ipv4HeaderLayout>([
  u8('versionAndLength'),
  u8('tos'),
  u16be('totalLength'),
  u16be('identification'),
  u16be('flagsAndOffset'),
  u8('ttl'),
  u8('protocol'),
  u16be('checksum'),
  u32be('source'),
  u32be('destination'),
]);

/** Octets of a header without options, and of the longest with them. */
export const IPV4_HEADER_LENGTH = IPV4_LAYOUT.span;
export const IPV4_MAX_HEADER_LENGTH = 60;
/** Octets of the longest datagram: the total length has 16 bits. */
export const IPV4_MAX_LENGTH = 65535;

/** Bits of flagsAndOffset. */
export const DONT_FRAGMENT = 0x4000;
export const MORE_FRAGMENTS = 0x2000;
export const FRAGMENT_OFFSET_MASK = 0x1fff;

/** The ECN field, the two low bits of the former TOS octet: its values, and which bits they are. RFC 3168 §5, figure 1. */
export const EcnField = { NotEct: 0, Ect1: 1, Ect0: 2, Ce: 3, Mask: 3 } as const;

const TOS = IPV4_LAYOUT.offsetOf('tos')!;
const TOTAL_LENGTH = IPV4_LAYOUT.offsetOf('totalLength')!;
const IDENTIFICATION = IPV4_LAYOUT.offsetOf('identification')!;
const FLAGS = IPV4_LAYOUT.offsetOf('flagsAndOffset')!;
const TTL = IPV4_LAYOUT.offsetOf('ttl')!;
const PROTOCOL = IPV4_LAYOUT.offsetOf('protocol')!;
const CHECKSUM = IPV4_LAYOUT.offsetOf('checksum')!;
const SOURCE = IPV4_LAYOUT.offsetOf('source')!;
const DESTINATION = IPV4_LAYOUT.offsetOf('destination')!;

/** Getters: `at` is the offset of the header's first octet. */
export const ipVersion = (bytes: Uint8Array, at: number): number => bytes[at]! >>> 4;
/** Octets of the header, 0 to 60; the field counts words of four. */
export const ipHeaderLength = (bytes: Uint8Array, at: number): number => (bytes[at]! & 0xf) << 2;
export const ipTos = (bytes: Uint8Array, at: number): number => bytes[at + TOS]!;
export const ipTotalLength = (bytes: Uint8Array, at: number): number => getU16(bytes, at + TOTAL_LENGTH);
export const ipIdentification = (bytes: Uint8Array, at: number): number => getU16(bytes, at + IDENTIFICATION);
/** Flags and fragment offset as they stand; see DONT_FRAGMENT and its neighbours. */
export const ipFlags = (bytes: Uint8Array, at: number): number => getU16(bytes, at + FLAGS);
/** Octets from the start of the original datagram's data to this fragment's. */
export const ipFragmentOffset = (bytes: Uint8Array, at: number): number =>
  (getU16(bytes, at + FLAGS) & FRAGMENT_OFFSET_MASK) << 3;
/** Whether it is a piece of a larger datagram. */
export const ipIsFragment = (bytes: Uint8Array, at: number): boolean =>
  (getU16(bytes, at + FLAGS) & (MORE_FRAGMENTS | FRAGMENT_OFFSET_MASK)) !== 0;
export const ipTtl = (bytes: Uint8Array, at: number): number => bytes[at + TTL]!;
export const ipProtocol = (bytes: Uint8Array, at: number): number => bytes[at + PROTOCOL]!;
export const ipChecksum = (bytes: Uint8Array, at: number): number => getU16(bytes, at + CHECKSUM);
export const ipSource = (bytes: Uint8Array, at: number): Ipv4Address => ipv4(getU32(bytes, at + SOURCE));
export const ipDestination = (bytes: Uint8Array, at: number): Ipv4Address => ipv4(getU32(bytes, at + DESTINATION));

/** Whether the header's checksum, over `length` octets, is right. RFC 1122 §3.2.1.2. */
export const ipChecksumIsValid = (bytes: Uint8Array, at: number, length: number): boolean =>
  sumIsValid(sumBytes(bytes, at, length));

/** Writes the checksum of a header of `length` octets. */
export function setIpChecksum(bytes: Uint8Array, at: number, length: number): void {
  setIpChecksumField(bytes, at, 0);
  setIpChecksumField(bytes, at, finishChecksum(sumBytes(bytes, at, length)));
}
/** Writes one that was computed. */
export function setIpChecksumField(bytes: Uint8Array, at: number, checksum: number): void {
  setU16(bytes, at + CHECKSUM, checksum);
}

/** Setters that a raw socket's own header needs; the checksum is to be written after them. */
export function setIpTotalLength(bytes: Uint8Array, at: number, length: number): void {
  setU16(bytes, at + TOTAL_LENGTH, length);
}
export function setIpTos(bytes: Uint8Array, at: number, tos: number): void {
  bytes[at + TOS] = tos;
}
/** Flags and fragment offset; see DONT_FRAGMENT and its neighbours. */
export function setIpFlags(bytes: Uint8Array, at: number, flagsAndOffset: number): void {
  setU16(bytes, at + FLAGS, flagsAndOffset);
}
export function setIpIdentification(bytes: Uint8Array, at: number, identification: number): void {
  setU16(bytes, at + IDENTIFICATION, identification);
}
export function setIpSource(bytes: Uint8Array, at: number, source: number): void {
  setU32(bytes, at + SOURCE, source);
}

/** A header without options, by value. */
export interface Ipv4Header {
  tos: number;
  totalLength: number;
  identification: number;
  /** DONT_FRAGMENT and MORE_FRAGMENTS bits with the offset in units of 8 octets. */
  flagsAndOffset: number;
  ttl: number;
  protocol: number;
  source: Ipv4Address;
  destination: Ipv4Address;
}

/** Writes a header of 20 octets with its checksum. */
export function writeIpv4Header(bytes: Uint8Array, at: number, header: Ipv4Header): void {
  bytes[at] = 0x45;
  bytes[at + TOS] = header.tos;
  setU16(bytes, at + TOTAL_LENGTH, header.totalLength);
  setU16(bytes, at + IDENTIFICATION, header.identification);
  setU16(bytes, at + FLAGS, header.flagsAndOffset);
  bytes[at + TTL] = header.ttl;
  bytes[at + PROTOCOL] = header.protocol;
  setU32(bytes, at + SOURCE, header.source);
  setU32(bytes, at + DESTINATION, header.destination);
  // Summed from the values: they are at hand, and 32-bit words count as their halves (core/checksum.ts).
  const sum =
    (0x4500 | header.tos) +
    header.totalLength +
    header.identification +
    header.flagsAndOffset +
    ((header.ttl << 8) | header.protocol) +
    header.source +
    header.destination;
  setU16(bytes, at + CHECKSUM, finishChecksum(sum));
}

/** Writes a header with options after its 20 octets; their length is a multiple of four. */
export function writeHeaderWithOptions(bytes: Uint8Array, at: number, header: Ipv4Header, options: Uint8Array): void {
  writeIpv4Header(bytes, at, header);
  bytes[at] = 0x45 + (options.length >>> 2);
  bytes.set(options, at + IPV4_HEADER_LENGTH);
  setIpChecksum(bytes, at, IPV4_HEADER_LENGTH + options.length);
}

/** The header at `at` by value; the caller has checked that its 20 octets are there. Allocates: not for the packet path. */
export const readIpv4Header = (bytes: Uint8Array, at: number): Ipv4Header => ({
  tos: ipTos(bytes, at),
  totalLength: ipTotalLength(bytes, at),
  identification: ipIdentification(bytes, at),
  flagsAndOffset: ipFlags(bytes, at),
  ttl: ipTtl(bytes, at),
  protocol: ipProtocol(bytes, at),
  source: ipSource(bytes, at),
  destination: ipDestination(bytes, at),
});
