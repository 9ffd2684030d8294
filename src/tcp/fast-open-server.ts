/**
 * The server of TCP Fast Open: cookies, and text that is taken with a SYN. RFC 7413 §4.1.2, §4.2.
 *
 * A cookie is a keyed hash of the two addresses. The key changes every config.tcp.fastOpenKeyLifetime; cookies of the key before are
 * still good, and answered with a new one, so that a cookie lives for one to two lifetimes.
 */
import { setU32 } from '../core/bytes.ts';
import type { RandomSource } from '../core/random.ts';
import { randomSipKey, sipHash } from '../core/siphash.ts';
import type { SipKey } from '../core/siphash.ts';
import type { Micros } from '../core/time.ts';
import { hashAddress } from '../ip/address.ts';
import type { IpPacket } from '../ip/service.ts';
import type { Connection } from './connection.ts';
import { FastOpen } from './fast-open.ts';
import type { Listener } from './listener.ts';
import type { Segment } from './segment.ts';
import { setWindow } from './send-window.ts';
import type { SeqNum } from './seq.ts';

/** Octets of a cookie that this end gives out, as Linux's. */
export const SERVER_COOKIE_LENGTH = 8;

export class FastOpenKeys {
  readonly #random: RandomSource;
  readonly #lifetime: number;
  #current: SipKey;
  #previous: SipKey | undefined = undefined;
  /** When `#current` was made; undefined until it is used. */
  #madeAt: Micros | undefined = undefined;
  readonly #addresses = new Uint8Array(8);

  /** @param lifetime of a key (us), 0 for ever */
  constructor(random: RandomSource, lifetime: number) {
    this.#random = random;
    this.#lifetime = lifetime;
    this.#current = randomSipKey(random);
  }

  /** A new key now; that before stays good until the next. */
  rotate(now: Micros): void {
    this.#previous = this.#current;
    this.#current = randomSipKey(this.#random);
    this.#madeAt = now;
  }

  /** GetCookie of §4.1.2, into `into`. */
  make(packet: IpPacket, into: Uint8Array, now: Micros): void {
    this.#keepFresh(now);
    this.#write(this.#current, packet, into);
  }

  /** IsCookieValid: 'current', 'previous' for one that is to be replaced, or 'none'. */
  check(packet: IpPacket, cookie: Uint8Array, length: number, now: Micros): 'current' | 'previous' | 'none' {
    this.#keepFresh(now);
    if (length !== SERVER_COOKIE_LENGTH) return 'none';
    if (this.#matches(this.#current, packet, cookie)) return 'current';
    return this.#previous !== undefined && this.#matches(this.#previous, packet, cookie) ? 'previous' : 'none';
  }

  #keepFresh(now: Micros): void {
    this.#madeAt ??= now;
    if (this.#lifetime === 0 || now - this.#madeAt < this.#lifetime) return;
    const lapsed = now - this.#madeAt >= 2 * this.#lifetime;
    this.rotate(now);
    if (lapsed) this.#previous = undefined;
  }

  #hash(key: SipKey, packet: IpPacket): [number, number] {
    setU32(this.#addresses, 0, hashAddress(packet.source));
    setU32(this.#addresses, 4, hashAddress(packet.destination));
    return sipHash(key, this.#addresses);
  }

  #write(key: SipKey, packet: IpPacket, into: Uint8Array): void {
    const [low, high] = this.#hash(key, packet);
    setU32(into, 0, low);
    setU32(into, 4, high);
  }

  #matches(key: SipKey, packet: IpPacket, cookie: Uint8Array): boolean {
    const expected = new Uint8Array(SERVER_COOKIE_LENGTH);
    this.#write(key, packet, expected);
    return expected.every((octet, i) => octet === cookie[i]);
  }
}

/**
 * Looks at the cookie of a SYN that made `conn`: a good one has the listener take its text now, any other is answered with a good one.
 * True when the text is to be taken. RFC 7413 §4.2.2, steps 1 to 5; the order is that of Linux's tcp_try_fastopen.
 */
export function isFastOpen(
  keys: FastOpenKeys,
  listener: Listener,
  conn: Connection,
  seg: Segment,
  packet: IpPacket,
  now: Micros,
): boolean {
  const { fastOpen: length, fastOpenCookie } = seg.options;
  if (length < 0 || listener.options.fastOpen === 0 || !listener.config.fastOpenServer) return false;
  if (!listener.mayFastOpen(now)) {
    listener.counters.fastOpenOverflows++;
    return false;
  }
  const found = length === 0 ? 'none' : keys.check(packet, fastOpenCookie, length, now);
  const fastOpen = new FastOpen();
  if (found !== 'current') {
    keys.make(packet, fastOpen.cookie, now);
    fastOpen.cookieLength = SERVER_COOKIE_LENGTH;
  }
  conn.sender.fastOpen = fastOpen;
  if (length > 0 && found === 'none') listener.counters.fastOpenRefused++;
  return found !== 'none';
}

/** The connection is in SYN-RECEIVED: takes the text of the SYN, and hands it to the listener's program. Step 5 and 6. */
export function beginFastOpen(listener: Listener, conn: Connection, seg: Segment, synSeq: SeqNum): void {
  const fastOpen = conn.fastOpen!;
  fastOpen.served = true;
  fastOpen.status = 'pending';
  fastOpen.parent = listener;
  setWindow(conn.sender, synSeq, seg.ack, seg.window); // of a SYN: never scaled
  conn.refreshSegmentSize();
  conn.sender.established(); // RFC 5681's initial window holds from now on
  if (seg.textLength > 0) conn.receiver.onText(seg);
  if (seg.fin) conn.receiver.onFin(seg);
  listener.fastOpened(conn);
}
