/**
 * ICMP messages: layout, types and codes, getters, emission. RFC 792, RFC 1122 §3.2.2, RFC 1191 §4 (the next-hop MTU).
 *
 * All messages start alike; the second word depends on the type.
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     |     Type      |     Code      |          Checksum             |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     |  unused | Pointer, unused | Gateway | Identifier, Sequence No. |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     |  Internet Header + 64 bits of Original Data Datagram  | Data
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 */
import { struct, u16be, u32be, u8 } from 'buffer-layout';
import { getU16, getU32, setU16, setU32 } from '../core/bytes.ts';
import { finishChecksum, sumBytes, sumIsValid } from '../core/checksum.ts';
import { ipv4 } from '../ip/address.ts';
import type { IpAddress } from '../ip/address.ts';

export interface IcmpHeaderLayout {
  type: number;
  code: number;
  checksum: number;
  /** The word that depends on the type. */
  rest: number;
}

export const ICMP_LAYOUT = struct<IcmpHeaderLayout>([u8('type'), u8('code'), u16be('checksum'), u32be('rest')]);

/** The second word of Echo and Timestamp messages. */
export interface IcmpQueryLayout {
  type: number;
  code: number;
  checksum: number;
  identifier: number;
  sequence: number;
}

export const ICMP_QUERY_LAYOUT = struct<IcmpQueryLayout>([
  u8('type'),
  u8('code'),
  u16be('checksum'),
  u16be('identifier'),
  u16be('sequence'),
]);

/** Octets of the header; the quote or the data follow. */
export const ICMP_HEADER_LENGTH = ICMP_LAYOUT.span;

/** Message types. RFC 792; 17 and 18 are RFC 950's, deprecated by RFC 6918 as are 15 and 16. */
export const IcmpType = {
  EchoReply: 0,
  DestinationUnreachable: 3,
  SourceQuench: 4,
  Redirect: 5,
  Echo: 8,
  TimeExceeded: 11,
  ParameterProblem: 12,
  Timestamp: 13,
  TimestampReply: 14,
  InformationRequest: 15,
  InformationReply: 16,
  AddressMaskRequest: 17,
  AddressMaskReply: 18,
} as const;

/** Codes of Destination Unreachable. RFC 792, RFC 1122 §3.2.2.1, RFC 1812 §5.2.7.1. */
export const UnreachableCode = {
  Network: 0,
  Host: 1,
  Protocol: 2,
  Port: 3,
  FragmentationNeeded: 4,
  SourceRouteFailed: 5,
  NetworkUnknown: 6,
  HostUnknown: 7,
  SourceIsolated: 8,
  NetworkProhibited: 9,
  HostProhibited: 10,
  NetworkTos: 11,
  HostTos: 12,
  Prohibited: 13,
  PrecedenceViolation: 14,
  PrecedenceCutoff: 15,
} as const;

/** Codes of Time Exceeded. RFC 792. */
export const TimeExceededCode = { InTransit: 0, Reassembly: 1 } as const;

const CODE = ICMP_LAYOUT.offsetOf('code')!;
const CHECKSUM = ICMP_LAYOUT.offsetOf('checksum')!;
const REST = ICMP_LAYOUT.offsetOf('rest')!;
const IDENTIFIER = ICMP_QUERY_LAYOUT.offsetOf('identifier')!;
const SEQUENCE = ICMP_QUERY_LAYOUT.offsetOf('sequence')!;

/** Getters: `at` is the offset of the message's first octet. */
export const icmpType = (bytes: Uint8Array, at: number): number => bytes[at]!;
export const icmpCode = (bytes: Uint8Array, at: number): number => bytes[at + CODE]!;
export const icmpChecksum = (bytes: Uint8Array, at: number): number => getU16(bytes, at + CHECKSUM);
export const icmpRest = (bytes: Uint8Array, at: number): number => getU32(bytes, at + REST);
export const icmpIdentifier = (bytes: Uint8Array, at: number): number => getU16(bytes, at + IDENTIFIER);
export const icmpSequence = (bytes: Uint8Array, at: number): number => getU16(bytes, at + SEQUENCE);
/** The gateway of a Redirect. */
export const icmpGateway = (bytes: Uint8Array, at: number): IpAddress => ipv4(getU32(bytes, at + REST));
/** The octet in error of a Parameter Problem. */
export const icmpPointer = (bytes: Uint8Array, at: number): number => bytes[at + REST]!;
/** The MTU of Fragmentation Needed; 0 from routers that do not tell. RFC 1191 §4. */
export const icmpNextHopMtu = (bytes: Uint8Array, at: number): number => getU16(bytes, at + REST + 2);

/** Whether the checksum over the message's `length` octets is right. */
export const icmpChecksumIsValid = (bytes: Uint8Array, at: number, length: number): boolean =>
  sumIsValid(sumBytes(bytes, at, length));

export function setIcmpType(bytes: Uint8Array, at: number, type: number): void {
  bytes[at] = type;
}

/** Writes a checksum that is known already. */
export function putIcmpChecksum(bytes: Uint8Array, at: number, checksum: number): void {
  setU16(bytes, at + CHECKSUM, checksum);
}

/** Computes and writes the checksum over the message's `length` octets. */
export function setIcmpChecksum(bytes: Uint8Array, at: number, length: number): void {
  setU16(bytes, at + CHECKSUM, 0);
  setU16(bytes, at + CHECKSUM, finishChecksum(sumBytes(bytes, at, length)));
}

/** Writes the header in front of what follows it; the checksum is to be set once all is there. */
export function writeIcmpHeader(bytes: Uint8Array, at: number, type: number, code: number, rest: number): void {
  bytes[at] = type;
  bytes[at + CODE] = code;
  setU16(bytes, at + CHECKSUM, 0);
  setU32(bytes, at + REST, rest);
}

/** Whether messages of a type report errors, so that no error is sent about them. RFC 1122 §3.2.2. */
export const isErrorType = (type: number): boolean =>
  type === IcmpType.DestinationUnreachable ||
  type === IcmpType.SourceQuench ||
  type === IcmpType.Redirect ||
  type === IcmpType.TimeExceeded ||
  type === IcmpType.ParameterProblem;

/** Whether a type is one of the queries and replies that are known. */
export const isQueryType = (type: number): boolean =>
  type === IcmpType.EchoReply ||
  type === IcmpType.Echo ||
  (type >= IcmpType.Timestamp && type <= IcmpType.AddressMaskReply);
