/**
 * The UDP header. RFC 768.
 *
 *      0      7 8     15 16    23 24    31
 *     +--------+--------+--------+--------+
 *     |     Source      |   Destination   |
 *     |      Port       |      Port       |
 *     +--------+--------+--------+--------+
 *     |                 |                 |
 *     |     Length      |    Checksum     |
 *     +--------+--------+--------+--------+
 *     |          data octets ...
 *     +---------------- ...
 */
import { struct, u16be } from 'buffer-layout';
import { getU16, setU16 } from '../core/bytes.ts';
import { finishChecksum, foldSum, sumIsValid } from '../core/checksum.ts';

export interface UdpHeaderLayout {
  sourcePort: number;
  destinationPort: number;
  length: number;
  checksum: number;
}

export const UDP_LAYOUT = struct<UdpHeaderLayout>([
  u16be('sourcePort'),
  u16be('destinationPort'),
  u16be('length'),
  u16be('checksum'),
]);

export const UDP_HEADER_LENGTH = UDP_LAYOUT.span;

const DESTINATION_PORT = UDP_LAYOUT.offsetOf('destinationPort')!;
const LENGTH = UDP_LAYOUT.offsetOf('length')!;
const CHECKSUM = UDP_LAYOUT.offsetOf('checksum')!;

/** Getters: `at` is the offset of the header's first octet. */
export const udpSourcePort = (bytes: Uint8Array, at: number): number => getU16(bytes, at);
export const udpDestinationPort = (bytes: Uint8Array, at: number): number => getU16(bytes, at + DESTINATION_PORT);
/** Octets of header and data. */
export const udpLength = (bytes: Uint8Array, at: number): number => getU16(bytes, at + LENGTH);
/** 0 when the sender computed none. */
export const udpChecksum = (bytes: Uint8Array, at: number): number => getU16(bytes, at + CHECKSUM);

/** Whether the checksum is right, or none was sent. `sum` is that of the pseudo-header, its length and the datagram. RFC 768. */
export const udpChecksumIsValid = (bytes: Uint8Array, at: number, sum: number): boolean =>
  udpChecksum(bytes, at) === 0 || sumIsValid(sum);

/** Writes a header without its checksum; `length` counts header and data. */
export function writeUdpHeader(
  bytes: Uint8Array,
  at: number,
  sourcePort: number,
  destinationPort: number,
  length: number,
): void {
  setU16(bytes, at, sourcePort);
  setU16(bytes, at + DESTINATION_PORT, destinationPort);
  setU16(bytes, at + LENGTH, length);
  setU16(bytes, at + CHECKSUM, 0);
}

/**
 * Writes the checksum that `sum` comes to: of the pseudo-header, its length and the datagram, whose field is still 0 as `writeUdpHeader`
 * leaves it. Zero is sent as all ones, since zero means none. 768-a, 1122-4.1.3.4-b.
 */
export function setUdpChecksum(bytes: Uint8Array, at: number, sum: number): void {
  const checksum = finishChecksum(sum);
  setU16(bytes, at + CHECKSUM, checksum === 0 ? 0xffff : checksum);
}

/** Leaves the checksum to the link: the field holds the pseudo-header's sum (Checksum.Partial). */
export function setUdpPartialChecksum(bytes: Uint8Array, at: number, length: number, pseudoSum: number): void {
  setU16(bytes, at + CHECKSUM, foldSum(pseudoSum + length));
}
