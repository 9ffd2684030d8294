/**
 * IGMP messages: layout, getters, emission. RFC 1112 appendix I, version 1. Later versions have the same first eight octets.
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     |Version| Type  |    Unused     |           Checksum            |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     |                         Group Address                         |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 */
import { struct, u16be, u32be, u8 } from 'buffer-layout';
import { getU16, getU32, setU16, setU32 } from '../core/bytes.ts';
import { finishChecksum, sumBytes, sumIsValid } from '../core/checksum.ts';
import { ipv4 } from '../ip/address.ts';
import type { IpAddress } from '../ip/address.ts';

export interface IgmpLayout {
  /** Two nibbles. */
  versionAndType: number;
  unused: number;
  checksum: number;
  group: number;
}

export const IGMP_LAYOUT = struct<IgmpLayout>([u8('versionAndType'), u8('unused'), u16be('checksum'), u32be('group')]);

/** Octets of a message. */
export const IGMP_LENGTH = IGMP_LAYOUT.span;

/** Version and type together, as they stand in the first octet. */
export const IgmpType = { Query: 0x11, Report: 0x12 } as const;

const CHECKSUM = IGMP_LAYOUT.offsetOf('checksum')!;
const GROUP = IGMP_LAYOUT.offsetOf('group')!;

/** Getters: `at` is the offset of the message's first octet. */
export const igmpType = (bytes: Uint8Array, at: number): number => bytes[at]!;
export const igmpChecksum = (bytes: Uint8Array, at: number): number => getU16(bytes, at + CHECKSUM);
export const igmpGroup = (bytes: Uint8Array, at: number): IpAddress => ipv4(getU32(bytes, at + GROUP));

/** Whether the checksum is right over `length` octets: all that the datagram carries, as later versions have longer Queries. */
export const igmpChecksumIsValid = (bytes: Uint8Array, at: number, length: number): boolean =>
  sumIsValid(sumBytes(bytes, at, length));

/** Writes a message of eight octets with its checksum. */
export function writeIgmp(bytes: Uint8Array, at: number, type: number, group: IpAddress): void {
  bytes[at] = type;
  bytes[at + 1] = 0;
  setU16(bytes, at + CHECKSUM, 0);
  setU32(bytes, at + GROUP, group);
  setU16(bytes, at + CHECKSUM, finishChecksum(sumBytes(bytes, at, IGMP_LENGTH)));
}
