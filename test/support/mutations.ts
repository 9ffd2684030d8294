/**
 * Real frames, spoilt: bits flipped, fields set, cut, extended, repeated, moved about; then lengths and checksums made right
 * again as far as asked for, so that what is wrong lies deeper. Everything is plain octets; none of it uses the stack's code.
 */
import fc from 'fast-check';
import { onesComplement } from './programs.ts';

/** One change. Places are shares of the frame's length, so that they fit any frame. */
export type Change =
  | { readonly kind: 'flip'; readonly at: number; readonly bit: number }
  | { readonly kind: 'octet'; readonly at: number; readonly value: number }
  | { readonly kind: 'field'; readonly field: number; readonly value: number }
  | { readonly kind: 'cut'; readonly at: number }
  | { readonly kind: 'extend'; readonly by: number; readonly value: number }
  | { readonly kind: 'copy'; readonly from: number; readonly to: number; readonly length: number }
  | { readonly kind: 'swap'; readonly from: number; readonly to: number; readonly length: number };

export interface Mutation {
  /** Which of the frames at hand, as a share of their number. */
  readonly base: number;
  readonly changes: readonly Change[];
  /** What is made right afterwards. */
  readonly repair: 'nothing' | 'ip' | 'all';
}

/** Fields that decide most, as offsets into a frame with IP and TCP (or UDP, ICMP) headers without IP options. */
const FIELDS = [
  12, 13, 14, 15, 16, 17, 18, 20, 21, 22, 23, 26, 27, 29, 30, 33, 34, 35, 36, 37, 38, 39, 41, 42, 43, 45, 46, 47, 48,
  49, 50, 51, 52, 53, 54, 55, 56, 57, 58,
] as const;

// Of doubles, fast-check mostly makes ones near 0.
const share = fc.noBias(fc.nat(0xffff)).map((value) => value / 0x1_0000);
const octet = fc.oneof(fc.constantFrom(0, 1, 2, 4, 5, 6, 15, 0x45, 0x4f, 0x7f, 0x80, 0xf0, 0xff), fc.nat(255));

const change: fc.Arbitrary<Change> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('flip' as const), at: share, bit: fc.nat(7) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('octet' as const), at: share, value: octet }) },
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant('field' as const), field: fc.nat(FIELDS.length - 1), value: octet }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cut' as const), at: share }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('extend' as const),
      by: fc.oneof({ weight: 9, arbitrary: fc.nat(2000) }, { weight: 1, arbitrary: fc.nat(70_000) }),
      value: octet,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('copy' as const),
      from: share,
      to: share,
      length: fc.integer({ min: 1, max: 40 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('swap' as const),
      from: share,
      to: share,
      length: fc.integer({ min: 1, max: 6 }),
    }),
  },
);

/** A mutation of any of some frames; without a change it is a repetition. */
export const mutation: fc.Arbitrary<Mutation> = fc.record({
  base: share,
  changes: fc.array(change, { maxLength: 4 }),
  repair: fc.constantFrom('nothing' as const, 'ip' as const, 'all' as const, 'all' as const),
});

/** The mutation of its choice among `frames`, of which there must be one. */
export function mutate(frames: readonly Uint8Array[], { base, changes, repair }: Mutation): Uint8Array {
  let bytes: Uint8Array = frames[Math.floor(base * frames.length)]!.slice();
  for (const one of changes) bytes = apply(bytes, one);
  if (repair !== 'nothing') repairIp(bytes, repair === 'all');
  return bytes;
}

function apply(bytes: Uint8Array, one: Change): Uint8Array {
  const { length } = bytes;
  const place = (at: number): number => Math.floor(at * length);
  if (length === 0 && one.kind !== 'extend') return bytes;
  switch (one.kind) {
    case 'flip':
      bytes[place(one.at)]! ^= 1 << one.bit;
      return bytes;
    case 'octet':
      bytes[place(one.at)] = one.value;
      return bytes;
    case 'field':
      if (FIELDS[one.field]! < length) bytes[FIELDS[one.field]!] = one.value;
      return bytes;
    case 'cut':
      return bytes.slice(0, place(one.at));
    case 'extend': {
      const longer = new Uint8Array(length + one.by).fill(one.value);
      longer.set(bytes);
      return longer;
    }
    case 'copy':
      bytes.copyWithin(place(one.to), place(one.from), place(one.from) + one.length);
      return bytes;
    case 'swap': {
      const from = place(one.from);
      const to = place(one.to);
      const count = Math.min(one.length, length - from, length - to);
      const kept = bytes.slice(from, from + count);
      bytes.copyWithin(from, to, to + count);
      bytes.set(kept, to);
      return bytes;
    }
  }
}

const word = (bytes: Uint8Array, at: number): number => (bytes[at]! << 8) | bytes[at + 1]!;
const setWord = (bytes: Uint8Array, at: number, value: number): void =>
  bytes.set([(value >> 8) & 255, value & 255], at);

/** Makes the IP header checksum right; with `deep` also total and UDP length (unless they make sense) and the transport checksum. */
function repairIp(bytes: Uint8Array, deep: boolean): void {
  if (bytes.length < 34 || word(bytes, 12) !== 0x0800) return;
  const headerLength = (bytes[14]! & 15) * 4;
  const room = bytes.length - 14;
  if (headerLength < 20 || headerLength > room) return;
  if (deep && (word(bytes, 16) < headerLength || word(bytes, 16) > room)) setWord(bytes, 16, Math.min(room, 0xffff));
  setWord(bytes, 24, 0);
  setWord(bytes, 24, onesComplement(bytes.subarray(14, 14 + headerLength)));
  const end = 14 + word(bytes, 16);
  if (deep && end <= bytes.length) repairTransport(bytes, 14 + headerLength, end);
}

function repairTransport(bytes: Uint8Array, at: number, end: number): void {
  const length = end - at;
  const protocol = bytes[23]!;
  const field = at + (protocol === 6 ? 16 : protocol === 17 ? 6 : 2);
  if (field + 2 > end || ![1, 6, 17].includes(protocol)) return;
  let covered = length;
  if (protocol === 17) {
    const told = word(bytes, at + 4);
    if (told < 8 || told > length) setWord(bytes, at + 4, length);
    covered = word(bytes, at + 4);
  }
  let pseudo = 0;
  if (protocol !== 1) {
    for (let i = 26; i < 34; i += 2) pseudo += word(bytes, i);
    pseudo += protocol + covered;
  }
  setWord(bytes, field, 0);
  setWord(bytes, field, onesComplement(bytes.subarray(at, at + covered), pseudo) || 0xffff);
}
