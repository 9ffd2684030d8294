/**
 * SYN cookies: a SYN,ACK whose sequence number tells, when its ACK comes back, that it was sent and what the SYN had offered, so that
 * nothing is kept in between. RFC 4987 §3.6, Appendix A; the layout is Linux's (net/ipv4/syncookies.c).
 *
 *    ISS   = H1(four-tuple) + IRS + count * 2^24 + (H2(four-tuple, count) + index of the MSS) mod 2^24
 *    TSval = clock:26 | ECN:1 | SACK:1 | window scale:4       (15: none)
 *
 * `count` is in minutes. What an option would need is lost when the peer sends no timestamps. Read arrives-cookie.ts next.
 */
import type { RandomSource } from '../core/random.ts';
import { randomSipKey, sipHash4 } from '../core/siphash.ts';
import type { SipKey } from '../core/siphash.ts';
import { MINUTE } from '../core/time.ts';
import type { Micros } from '../core/time.ts';
import { hashAddress } from '../ip/address.ts';
import type { IpPacket } from '../ip/service.ts';
import type { SegmentOptions } from './options.ts';
import { MAX_WINDOW_SHIFT } from './options.ts';
import type { Segment } from './segment.ts';
import { seqNum } from './seq.ts';
import type { SeqNum } from './seq.ts';
import { DEFAULT_MSS } from './tcb.ts';

/** The MSSs that a cookie can tell (octets), ascending. Linux's for IPv4: they cover 99.5 % of clients seen. */
export const COOKIE_MSS: readonly number[] = [536, 1300, 1440, 1460];
/** How often `count` advances (us). */
const COOKIE_PERIOD = 1 * MINUTE;
/** A cookie of the current period and of the one before is good: it lives for one to two minutes. Linux MAX_SYNCOOKIE_AGE. */
const MAX_COOKIE_AGE = 2;
/** After an overflow of the SYN queue cookies are believed for as long as one may live (us). Linux TCP_SYNCOOKIE_VALID. */
export const COOKIE_LIFETIME = MAX_COOKIE_AGE * COOKIE_PERIOD;

const COUNT_SHIFT = 24;
const LOW_MASK = (1 << COUNT_SHIFT) - 1;

/** The options in the low bits of the timestamp. */
const SCALE_MASK = 0xf;
const NO_SCALE = 0xf;
const SACK_BIT = 0x10;
const ECN_BIT = 0x20;
const OPTION_BITS = 0x3f;

export class SynCookies {
  readonly #outer: SipKey;
  readonly #inner: SipKey;

  constructor(random: RandomSource) {
    this.#outer = randomSipKey(random);
    this.#inner = randomSipKey(random);
  }

  /** The ISS that answers a SYN. */
  make(syn: Segment, packet: IpPacket, now: Micros): SeqNum {
    const count = countAt(now);
    const low = (this.#hash(this.#inner, syn, packet, count) + mssIndex(syn.options.mss)) & LOW_MASK;
    return seqNum(this.#hash(this.#outer, syn, packet, 0) + syn.seq + (count << COUNT_SHIFT) + low);
  }

  /** The MSS that the cookie tells which an ACK acknowledges; undefined when it is none of ours, or too old. */
  check(ack: Segment, packet: IpPacket, now: Micros): number | undefined {
    const irs = ack.seq - 1;
    const bare = (ack.ack - 1 - irs - this.#hash(this.#outer, ack, packet, 0)) | 0;
    const age = (countAt(now) - (bare >>> COUNT_SHIFT)) & 0xff;
    if (age >= MAX_COOKIE_AGE) return undefined;
    return COOKIE_MSS[(bare - this.#hash(this.#inner, ack, packet, countAt(now) - age)) & LOW_MASK];
  }

  #hash(key: SipKey, seg: Segment, packet: IpPacket, count: number): number {
    const ports = (seg.destinationPort << 16) | seg.sourcePort;
    return sipHash4(key, hashAddress(packet.destination), hashAddress(packet.source), ports, count);
  }
}

const countAt = (now: Micros): number => Math.floor(now / COOKIE_PERIOD) | 0;

/** The place in COOKIE_MSS of the largest that does not exceed what a SYN offered. */
function mssIndex(offered: number): number {
  const mss = offered > 0 ? offered : DEFAULT_MSS; // MUST-15
  let index = COOKIE_MSS.length - 1;
  while (index > 0 && mss < COOKIE_MSS[index]!) index--;
  return index;
}

/** The timestamp clock, not later than it is, with the options of a SYN in its low bits. `clock` is without the connection's offset. */
export function cookieClock(clock: number, syn: SegmentOptions, ecn: boolean): number {
  const scale = syn.windowScale < 0 ? NO_SCALE : Math.min(syn.windowScale, MAX_WINDOW_SHIFT);
  const bits = scale | (syn.sackPermitted ? SACK_BIT : 0) | (ecn ? ECN_BIT : 0);
  const stamped = (clock & ~OPTION_BITS) | bits;
  // No later timestamp of the connection may be smaller than this one. RFC 7323 §5.3.
  return stamped - clock > 0 ? stamped - OPTION_BITS - 1 : stamped;
}

/** Puts the options of the SYN back, as the echoed clock tells them. Without timestamps there was none but the MSS. */
export function readCookieClock(clock: number, into: SegmentOptions): void {
  const scale = clock & SCALE_MASK;
  into.windowScale = into.timestamps && scale !== NO_SCALE ? scale : -1;
  into.sackPermitted = into.timestamps && (clock & SACK_BIT) !== 0;
}

/** Whether the SYN asked for ECN and the SYN,ACK granted it. RFC 3168 §6.1.1. */
export const cookieHasEcn = (clock: number): boolean => (clock & ECN_BIT) !== 0;
