/**
 * The TCP header. RFC 9293 §3.1; ECN's two flags RFC 3168 §6.1.
 *
 *     0                   1                   2                   3
 *     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *    |          Source Port          |       Destination Port        |
 *    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *    |                        Sequence Number                        |
 *    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *    |                    Acknowledgment Number                      |
 *    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *    |  Data |       |C|E|U|A|P|R|S|F|                               |
 *    | Offset| Rsrvd |W|C|R|C|S|S|Y|I|            Window             |
 *    |       |       |R|E|G|K|H|T|N|N|                               |
 *    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *    |           Checksum            |         Urgent Pointer        |
 *    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *    |                           [Options]                           |
 *
 * The getters judge nothing: they show whatever octets are there. Options are options.ts; validation is segment.ts.
 */
import { struct, u16be, u32be, u8 } from 'buffer-layout';
import { getU16, getU32, getU8, setU16, setU32, setU8 } from '../core/bytes.ts';

/** The fields by name, as the layout decodes them. */
export interface TcpHeaderFields {
  sourcePort: number;
  destinationPort: number;
  sequenceNumber: number;
  acknowledgmentNumber: number;
  dataOffset: number;
  flags: number;
  window: number;
  checksum: number;
  urgentPointer: number;
}

/** The declaration of the fixed header; `dataOffset` shares its octet with the reserved bits. */
export const TCP_LAYOUT = struct<TcpHeaderFields>([
  u16be('sourcePort'),
  u16be('destinationPort'),
  u32be('sequenceNumber'),
  u32be('acknowledgmentNumber'),
  u8('dataOffset'),
  u8('flags'),
  u16be('window'),
  u16be('checksum'),
  u16be('urgentPointer'),
]);

const SOURCE_PORT = TCP_LAYOUT.offsetOf('sourcePort')!;
const DESTINATION_PORT = TCP_LAYOUT.offsetOf('destinationPort')!;
const SEQUENCE_NUMBER = TCP_LAYOUT.offsetOf('sequenceNumber')!;
const ACKNOWLEDGMENT_NUMBER = TCP_LAYOUT.offsetOf('acknowledgmentNumber')!;
const DATA_OFFSET = TCP_LAYOUT.offsetOf('dataOffset')!;
const WINDOW = TCP_LAYOUT.offsetOf('window')!;
const URGENT_POINTER = TCP_LAYOUT.offsetOf('urgentPointer')!;
/** Octets from the start of the header to the flags and to the checksum; segmentation and offload need them too. */
export const TCP_FLAGS_OFFSET = TCP_LAYOUT.offsetOf('flags')!;
export const TCP_CHECKSUM_OFFSET = TCP_LAYOUT.offsetOf('checksum')!;

/** Octets of the header without and with the most options. RFC 9293 §3.1, Data Offset. */
export const TCP_HEADER_MIN = 20;
export const TCP_HEADER_MAX = 60;

/** The control bits. */
export const TcpFlag = {
  Fin: 0x01,
  Syn: 0x02,
  Rst: 0x04,
  Psh: 0x08,
  Ack: 0x10,
  Urg: 0x20,
  Ece: 0x40,
  Cwr: 0x80,
} as const;

export const sourcePort = (bytes: Uint8Array, at: number): number => getU16(bytes, at + SOURCE_PORT);
export const destinationPort = (bytes: Uint8Array, at: number): number => getU16(bytes, at + DESTINATION_PORT);
export const sequenceNumber = (bytes: Uint8Array, at: number): number => getU32(bytes, at + SEQUENCE_NUMBER);
export const acknowledgmentNumber = (bytes: Uint8Array, at: number): number =>
  getU32(bytes, at + ACKNOWLEDGMENT_NUMBER);
/** Octets of the header, options included: the field times four, 0 to 60. */
export const headerLength = (bytes: Uint8Array, at: number): number => (getU8(bytes, at + DATA_OFFSET) >>> 4) * 4;
export const flags = (bytes: Uint8Array, at: number): number => getU8(bytes, at + TCP_FLAGS_OFFSET);
/** The 16-bit field, unsigned and unscaled. MUST-1. */
export const window = (bytes: Uint8Array, at: number): number => getU16(bytes, at + WINDOW);
export const checksum = (bytes: Uint8Array, at: number): number => getU16(bytes, at + TCP_CHECKSUM_OFFSET);
export const urgentPointer = (bytes: Uint8Array, at: number): number => getU16(bytes, at + URGENT_POINTER);

export function setChecksum(bytes: Uint8Array, at: number, value: number): void {
  setU16(bytes, at + TCP_CHECKSUM_OFFSET, value);
}

/** What goes into a header that is sent; one record is reused. `headerLength` is a multiple of four. */
export interface TcpHeader {
  sourcePort: number;
  destinationPort: number;
  seq: number;
  ack: number;
  headerLength: number;
  flags: number;
  window: number;
  urgentPointer: number;
}

/** Writes the fixed 20 octets; the checksum field is left zero for the caller to fill in. */
export function emitHeader(bytes: Uint8Array, at: number, header: TcpHeader): void {
  setU16(bytes, at + SOURCE_PORT, header.sourcePort);
  setU16(bytes, at + DESTINATION_PORT, header.destinationPort);
  setU32(bytes, at + SEQUENCE_NUMBER, header.seq);
  setU32(bytes, at + ACKNOWLEDGMENT_NUMBER, header.ack);
  setU8(bytes, at + DATA_OFFSET, (header.headerLength >>> 2) << 4);
  setU8(bytes, at + TCP_FLAGS_OFFSET, header.flags);
  setU16(bytes, at + WINDOW, header.window);
  setU16(bytes, at + TCP_CHECKSUM_OFFSET, 0);
  setU16(bytes, at + URGENT_POINTER, header.urgentPointer);
}

const FLAG_LETTERS: readonly (readonly [number, string])[] = [
  [TcpFlag.Syn, 'SYN'],
  [TcpFlag.Fin, 'FIN'],
  [TcpFlag.Rst, 'RST'],
  [TcpFlag.Psh, 'PSH'],
  [TcpFlag.Ack, 'ACK'],
  [TcpFlag.Urg, 'URG'],
  [TcpFlag.Ece, 'ECE'],
  [TcpFlag.Cwr, 'CWR'],
];

/** The control bits as the RFC writes them after CTL=, e.g. `SYN,ACK`. */
export const flagsText = (value: number): string =>
  FLAG_LETTERS.filter(([bit]) => (value & bit) !== 0)
    .map(([, name]) => name)
    .join(',');
