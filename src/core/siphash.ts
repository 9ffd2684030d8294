/**
 * SipHash-2-4 (Aumasson and Bernstein, 2012): a keyed hash that an outsider can neither predict nor steer.
 *
 * Used for initial sequence numbers (RFC 6528), port choice (RFC 6056), timestamp offsets and demux tables. 64-bit words
 * are pairs of 32-bit halves, since BigInt is a hundred times slower; the input is a list of 32-bit words (little-endian).
 */
import type { RandomSource } from './random.ts';

/** A 128-bit key as four 32-bit words, little-endian. */
export type SipKey = readonly [number, number, number, number];

export const randomSipKey = (random: RandomSource): SipKey => [random.u32(), random.u32(), random.u32(), random.u32()];

/** The state v0..v3 as halves: v0 low, v0 high, v1 low, ... Reused: the functions below are not re-entrant and need not be. */
const v = new Int32Array(8);

/** Low and high half of v[a] += v[b]. */
function add(a: number, b: number): void {
  const low = (v[a]! >>> 0) + (v[b]! >>> 0);
  v[a] = low;
  v[a + 1] = v[a + 1]! + v[b + 1]! + (low > 0xffff_ffff ? 1 : 0);
}

/** v[a] = rotate left(v[a], bits) for bits below 32, then exclusive-or with v[b]. */
function rotateXor(a: number, bits: number, b: number): void {
  const low = v[a]!;
  const high = v[a + 1]!;
  v[a] = ((low << bits) | (high >>> (32 - bits))) ^ v[b]!;
  v[a + 1] = ((high << bits) | (low >>> (32 - bits))) ^ v[b + 1]!;
}

/** Rotation by 32 bits: the halves change places. */
function swapHalves(a: number): void {
  const low = v[a]!;
  v[a] = v[a + 1]!;
  v[a + 1] = low;
}

const V0 = 0;
const V1 = 2;
const V2 = 4;
const V3 = 6;

function round(): void {
  add(V0, V1);
  rotateXor(V1, 13, V0);
  swapHalves(V0);
  add(V2, V3);
  rotateXor(V3, 16, V2);
  add(V0, V3);
  rotateXor(V3, 21, V0);
  add(V2, V1);
  rotateXor(V1, 17, V2);
  swapHalves(V2);
}

function start(key: SipKey): void {
  v[0] = key[0] ^ 0x70736575;
  v[1] = key[1] ^ 0x736f6d65;
  v[2] = key[2] ^ 0x6e646f6d;
  v[3] = key[3] ^ 0x646f7261;
  v[4] = key[0] ^ 0x6e657261;
  v[5] = key[1] ^ 0x6c796765;
  v[6] = key[2] ^ 0x79746573;
  v[7] = key[3] ^ 0x74656462;
}

function absorb(low: number, high: number): void {
  v[6] = v[6]! ^ low;
  v[7] = v[7]! ^ high;
  round();
  round();
  v[0] = v[0]! ^ low;
  v[1] = v[1]! ^ high;
}

function finish(): void {
  v[4] = v[4]! ^ 0xff;
  for (let i = 0; i < 4; i++) round();
}

/** Hash of three 32-bit words (a four-tuple: local, remote, ports); 32 bits. */
export function sipHash3(key: SipKey, a: number, b: number, c: number): number {
  start(key);
  absorb(a, b);
  absorb(c, 12 << 24);
  finish();
  return (v[0]! ^ v[2]! ^ v[4]! ^ v[6]!) >>> 0;
}

/** Hash of four 32-bit words; 32 bits. */
export function sipHash4(key: SipKey, a: number, b: number, c: number, d: number): number {
  start(key);
  absorb(a, b);
  absorb(c, d);
  absorb(0, 16 << 24);
  finish();
  return (v[0]! ^ v[2]! ^ v[4]! ^ v[6]!) >>> 0;
}

/** Hash of any octets; the 64 bits as [low, high]. */
export function sipHash(key: SipKey, bytes: Uint8Array): [number, number] {
  start(key);
  const whole = bytes.length & ~7;
  const word = (at: number, count: number): number => {
    let value = 0;
    for (let i = 0; i < count; i++) value |= bytes[at + i]! << (8 * i);
    return value;
  };
  for (let at = 0; at < whole; at += 8) absorb(word(at, 4), word(at + 4, 4));
  const left = bytes.length - whole;
  absorb(word(whole, Math.min(4, left)), word(whole + 4, Math.max(0, left - 4)) | (bytes.length << 24));
  finish();
  return [(v[0]! ^ v[2]! ^ v[4]! ^ v[6]!) >>> 0, (v[1]! ^ v[3]! ^ v[5]! ^ v[7]!) >>> 0];
}
