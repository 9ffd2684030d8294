/**
 * TCP options: parsing what arrives, writing what is sent. RFC 9293 §3.2 (EOL, NOP, MSS), RFC 7323 §2.2, §3.2 (Window Scale,
 * Timestamps), RFC 2018 §2, §3 (SACK), RFC 7413 §4.1.1 (Fast Open), RFC 5482 §3.3 (User Timeout).
 *
 *    EOL |0|   NOP |1|   MSS |2|4| MSS (16) |   WScale |3|3|shift|   SACK permitted |4|2|
 *    SACK |5|8n+2| n times left edge (32), right edge (32) |   TS |8|10| TSval (32) | TSecr (32) |
 *    Fast Open |34|2+n| n octets of cookie |
 */
import { getU16, getU32, setU16, setU32, setU8 } from '../core/bytes.ts';
import type { DropReason } from '../core/drop.ts';

/** Option kinds (IANA). */
export const OptionKind = {
  EndOfList: 0,
  NoOperation: 1,
  MaximumSegmentSize: 2,
  WindowScale: 3,
  SackPermitted: 4,
  Sack: 5,
  Timestamps: 8,
  UserTimeout: 28,
  FastOpen: 34,
} as const;

/** Least and most octets of a Fast Open cookie. RFC 7413 §4.1.1; Linux takes 4 too, which the RFC's earlier drafts had. */
const MIN_COOKIE = 4;
export const MAX_COOKIE = 16;

/** Octets of options that a header has room for. RFC 9293 §3.1. */
export const MAX_OPTIONS_LENGTH = 40;
/** Octets that Timestamps takes in a header, two NOPs included. RFC 7323, Appendix A. */
export const TIMESTAMPS_LENGTH = 12;

/** Most SACK blocks that a header has room for. RFC 2018 §3. */
export const MAX_SACK_BLOCKS = 4;
/** Octets that SACK options of 0 to 4 blocks take, two NOPs included. RFC 2018 §3, Appendix A. */
const sackLength = (blocks: number): number => (blocks > 0 ? 4 + 8 * blocks : 0);

/** Octets that User Timeout takes. RFC 5482 §3.3. */
export const USER_TIMEOUT_LENGTH = 4;

/** The shift count that a larger one is replaced with. RFC 7323 §2.3. */
export const MAX_WINDOW_SHIFT = 14;

/** The options of a segment; absent ones are -1 or false. One record is reused for what arrives. */
export interface SegmentOptions {
  /** Maximum Segment Size (octets), -1 when absent. */
  mss: number;
  /** Window Scale shift as received, -1 when absent. */
  windowScale: number;
  sackPermitted: boolean;
  /** Whether Timestamps is there; `tsVal` and `tsEcr` count only then. Signed, as sequence numbers are held. */
  timestamps: boolean;
  tsVal: number;
  tsEcr: number;
  /** SACK blocks: how many, and their edges, left and right in turn (signed, as sequence numbers are held). */
  sackCount: number;
  readonly sackEdges: Int32Array;
  /** Octets of the Fast Open cookie: 0 is a request for one, -1 when absent. RFC 7413 §4.1.1. */
  fastOpen: number;
  readonly fastOpenCookie: Uint8Array;
  /** The 16 bits of User Timeout, -1 when absent: user-timeout.ts. RFC 5482 §3.3. */
  userTimeout: number;
  /** What is wrong with the first bad option, which is ignored or read as its RFC says; the segment counts all the same. */
  fault: DropReason | undefined;
}

export const noOptions = (): SegmentOptions => ({
  mss: -1,
  windowScale: -1,
  sackPermitted: false,
  timestamps: false,
  tsVal: 0,
  tsEcr: 0,
  sackCount: 0,
  sackEdges: new Int32Array(2 * MAX_SACK_BLOCKS),
  fastOpen: -1,
  fastOpenCookie: new Uint8Array(MAX_COOKIE),
  userTimeout: -1,
  fault: undefined,
});

/** NOP, NOP, Timestamps, 10: how Appendix A of RFC 7323 lays the option out, and everyone does. */
const ALIGNED_TIMESTAMPS = 0x0101080a;

function clear(into: SegmentOptions): void {
  into.mss = -1;
  into.windowScale = -1;
  into.sackPermitted = false;
  into.timestamps = false;
  into.sackCount = 0;
  into.fastOpen = -1;
  into.userTimeout = -1;
  into.fault = undefined;
}

/**
 * Reads the options in [at, end) into `into`. Options may begin anywhere (MUST-64) and appear in any segment (MUST-5); unknown
 * ones are skipped by their length (MUST-6). Returns false when a length is illegal: what came before it still counts, the
 * rest is not looked at (MUST-7).
 */
export function parseOptions(bytes: Uint8Array, at: number, end: number, into: SegmentOptions): boolean {
  clear(into);
  if (end - at === TIMESTAMPS_LENGTH && getU32(bytes, at) === ALIGNED_TIMESTAMPS) {
    into.timestamps = true;
    into.tsVal = getU32(bytes, at + 4) | 0;
    into.tsEcr = getU32(bytes, at + 8) | 0;
    return true;
  }
  let i = at;
  while (i < end) {
    const kind = bytes[i]!;
    if (kind === OptionKind.EndOfList) return true;
    if (kind === OptionKind.NoOperation) {
      i++;
      continue;
    }
    const length = i + 1 < end ? bytes[i + 1]! : 0;
    if (length < 2 || i + length > end) {
      into.fault ??= 'tcp-option-truncated';
      return false;
    }
    takeOption(bytes, i, kind, length, into);
    i += length;
  }
  return true;
}

/** An option of a known kind but another length than its RFC gives is treated as unknown; of one that is there twice the last counts. */
function takeOption(bytes: Uint8Array, at: number, kind: number, length: number, into: SegmentOptions): void {
  if (!mayHaveLength(kind, length)) {
    into.fault ??= 'tcp-option-length';
    return;
  }
  if (isThere(kind, into)) into.fault ??= 'tcp-option-twice';
  switch (kind) {
    case OptionKind.MaximumSegmentSize:
      into.mss = getU16(bytes, at + 2);
      if (into.mss === 0) into.fault ??= 'tcp-mss-zero';
      break;
    case OptionKind.WindowScale:
      into.windowScale = bytes[at + 2]!;
      if (into.windowScale > MAX_WINDOW_SHIFT) into.fault ??= 'tcp-window-scale';
      break;
    case OptionKind.SackPermitted:
      into.sackPermitted = true;
      break;
    case OptionKind.Sack:
      into.sackCount = Math.min((length - 2) / 8, MAX_SACK_BLOCKS);
      for (let i = 0; i < 2 * into.sackCount; i++) into.sackEdges[i] = getU32(bytes, at + 2 + 4 * i);
      break;
    case OptionKind.Timestamps:
      into.timestamps = true;
      into.tsVal = getU32(bytes, at + 2) | 0;
      into.tsEcr = getU32(bytes, at + 6) | 0;
      break;
    case OptionKind.UserTimeout:
      takeUserTimeout(getU16(bytes, at + 2), into);
      break;
    case OptionKind.FastOpen:
      into.fastOpen = length - 2;
      for (let i = 2; i < length; i++) into.fastOpenCookie[i - 2] = bytes[at + i]!;
      break;
    default:
      break;
  }
}

/** A time of zero is reserved, whatever its unit: to be ignored. RFC 5482 §3.4. */
function takeUserTimeout(field: number, into: SegmentOptions): void {
  if ((field & 0x7fff) === 0) into.fault ??= 'tcp-user-timeout-zero';
  else into.userTimeout = field;
}

/** Whether the RFC of the kind gives it such a length; any will do for an unknown kind. */
function mayHaveLength(kind: number, length: number): boolean {
  switch (kind) {
    case OptionKind.MaximumSegmentSize:
    case OptionKind.UserTimeout:
      return length === 4;
    case OptionKind.WindowScale:
      return length === 3;
    case OptionKind.SackPermitted:
      return length === 2;
    case OptionKind.Sack:
      return length >= 10 && (length - 2) % 8 === 0;
    case OptionKind.Timestamps:
      return length === 10;
    case OptionKind.FastOpen:
      return length === 2 || (length >= 2 + MIN_COOKIE && length <= 2 + MAX_COOKIE && length % 2 === 0); // RFC 7413 §4.1.1
    default:
      return true;
  }
}

function isThere(kind: number, options: SegmentOptions): boolean {
  switch (kind) {
    case OptionKind.MaximumSegmentSize:
      return options.mss >= 0;
    case OptionKind.WindowScale:
      return options.windowScale >= 0;
    case OptionKind.SackPermitted:
      return options.sackPermitted;
    case OptionKind.Sack:
      return options.sackCount > 0;
    case OptionKind.Timestamps:
      return options.timestamps;
    case OptionKind.UserTimeout:
      return options.userTimeout >= 0;
    case OptionKind.FastOpen:
      return options.fastOpen >= 0;
    default:
      return false;
  }
}

/** Octets that the Fast Open option takes, NOPs behind it included. */
const fastOpenLength = (cookie: number): number => (cookie < 0 ? 0 : (2 + cookie + 3) & ~3);

/** Octets that `emitOptions` writes: a multiple of four. */
export function optionsLength(options: SegmentOptions): number {
  let length = 0;
  if (options.mss >= 0) length += 4;
  if (options.sackPermitted && !options.timestamps) length += 4;
  if (options.timestamps) length += TIMESTAMPS_LENGTH;
  if (options.windowScale >= 0) length += 4;
  if (options.userTimeout >= 0) length += USER_TIMEOUT_LENGTH;
  return length + sackLength(options.sackCount) + fastOpenLength(options.fastOpen);
}

/** SACK blocks, `wanted` or fewer, that fit beside the other options and in `room` octets. */
export function sackBlocksThatFit(options: SegmentOptions, wanted: number, room: number): number {
  let blocks = Math.min(wanted, MAX_SACK_BLOCKS);
  const used = optionsLength(options);
  const most = Math.min(room, MAX_OPTIONS_LENGTH);
  while (blocks > 0 && used + sackLength(blocks) > most) blocks--;
  return blocks;
}

/**
 * Writes the options so that each is aligned as Linux aligns it: MSS, SACK permitted (in the place of the NOPs before
 * Timestamps when both are sent), Timestamps, NOP and Window Scale. No End of List is needed, nothing being left over.
 */
export function emitOptions(bytes: Uint8Array, at: number, options: SegmentOptions): void {
  let i = at;
  if (options.mss >= 0) {
    setU8(bytes, i, OptionKind.MaximumSegmentSize);
    setU8(bytes, i + 1, 4);
    setU16(bytes, i + 2, options.mss);
    i += 4;
  }
  if (options.timestamps) {
    setU8(bytes, i, options.sackPermitted ? OptionKind.SackPermitted : OptionKind.NoOperation);
    setU8(bytes, i + 1, options.sackPermitted ? 2 : OptionKind.NoOperation);
    setU8(bytes, i + 2, OptionKind.Timestamps);
    setU8(bytes, i + 3, 10);
    setU32(bytes, i + 4, options.tsVal);
    setU32(bytes, i + 8, options.tsEcr);
    i += TIMESTAMPS_LENGTH;
  } else if (options.sackPermitted) {
    setU32(bytes, i, 0x01010402);
    i += 4;
  }
  if (options.windowScale >= 0) {
    setU8(bytes, i, OptionKind.NoOperation);
    setU8(bytes, i + 1, OptionKind.WindowScale);
    setU8(bytes, i + 2, 3);
    setU8(bytes, i + 3, options.windowScale);
    i += 4;
  }
  if (options.sackCount > 0) {
    emitSack(bytes, i, options);
    i += sackLength(options.sackCount);
  }
  if (options.userTimeout >= 0) {
    setU8(bytes, i, OptionKind.UserTimeout);
    setU8(bytes, i + 1, USER_TIMEOUT_LENGTH);
    setU16(bytes, i + 2, options.userTimeout);
    i += USER_TIMEOUT_LENGTH;
  }
  if (options.fastOpen >= 0) emitFastOpen(bytes, i, options);
}

function emitFastOpen(bytes: Uint8Array, at: number, options: SegmentOptions): void {
  const { fastOpen, fastOpenCookie } = options;
  setU8(bytes, at, OptionKind.FastOpen);
  setU8(bytes, at + 1, 2 + fastOpen);
  for (let i = 0; i < fastOpen; i++) setU8(bytes, at + 2 + i, fastOpenCookie[i]!);
  for (let i = 2 + fastOpen; i < fastOpenLength(fastOpen); i++) setU8(bytes, at + i, OptionKind.NoOperation);
}

/** NOP, NOP, SACK. RFC 2018, Appendix A. */
function emitSack(bytes: Uint8Array, at: number, options: SegmentOptions): void {
  const edges = 2 * options.sackCount;
  setU8(bytes, at, OptionKind.NoOperation);
  setU8(bytes, at + 1, OptionKind.NoOperation);
  setU8(bytes, at + 2, OptionKind.Sack);
  setU8(bytes, at + 3, 2 + 4 * edges);
  for (let i = 0; i < edges; i++) setU32(bytes, at + 4 + 4 * i, options.sackEdges[i]!);
}
