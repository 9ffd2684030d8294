/**
 * A segment that has arrived: the fields of its header under the names that RFC 9293 §3.3.1 (Table 4) gives them.
 *
 * One record is reused for all that arrive. The checks of §3.10.7 trim it (`trimFront`, `trimBack`) as they go, so that
 * later ones see the idealized segment that begins at RCV.NXT and does not exceed the window.
 */
import { getU16, getU32 } from '../core/bytes.ts';
import { noOptions, parseOptions } from './options.ts';
import type { SegmentOptions } from './options.ts';
import { seqAdd, seqNum } from './seq.ts';
import type { SeqNum } from './seq.ts';
import { TCP_HEADER_MIN, TcpFlag, flags, headerLength } from './wire.ts';

export class Segment {
  sourcePort = 0;
  destinationPort = 0;
  /** SEG.SEQ: of the first octet, SYN included. */
  seq: SeqNum = seqNum(0);
  /** SEG.ACK; meaningful when `hasAck`. */
  ack: SeqNum = seqNum(0);
  /** The window field; `windowOf` scales it. */
  window = 0;
  /** Whether its window is scaled: the one of a SYN never is. RFC 7323 §2.2. */
  windowIsScaled = false;
  /** SEG.UP: the urgent pointer field; negative when the segment has been trimmed to begin after the octet that it names. */
  up = 0;
  hasAck = false;
  syn = false;
  fin = false;
  rst = false;
  psh = false;
  urg = false;
  ece = false;
  cwr = false;
  /** The ECN field of the IP header that it came with (EcnField of ip/ipv4-wire.ts). RFC 3168 §5. */
  ecn = 0;
  /** The text: `textLength` octets of `bytes` from `textAt`. */
  bytes: Uint8Array = new Uint8Array(0);
  textAt = 0;
  textLength = 0;
  readonly options: SegmentOptions = noOptions();

  /** SEG.LEN: octets of text, SYN and FIN counting one each. */
  get length(): number {
    return this.textLength + (this.syn ? 1 : 0) + (this.fin ? 1 : 0);
  }

  /** The sequence number after the last octet: SEG.SEQ + SEG.LEN. */
  get end(): SeqNum {
    return seqAdd(this.seq, this.length);
  }

  /** Reads the segment in [at, end). False when it is too short for a header or its Data Offset is impossible. */
  parse(bytes: Uint8Array, at: number, end: number): boolean {
    if (end - at < TCP_HEADER_MIN) return false;
    const header = headerLength(bytes, at);
    if (header < TCP_HEADER_MIN || header > end - at) return false;
    this.sourcePort = getU16(bytes, at);
    this.destinationPort = getU16(bytes, at + 2);
    this.seq = seqNum(getU32(bytes, at + 4));
    this.ack = seqNum(getU32(bytes, at + 8));
    const bits = flags(bytes, at);
    this.fin = (bits & TcpFlag.Fin) !== 0;
    this.syn = (bits & TcpFlag.Syn) !== 0;
    this.rst = (bits & TcpFlag.Rst) !== 0;
    this.psh = (bits & TcpFlag.Psh) !== 0;
    this.hasAck = (bits & TcpFlag.Ack) !== 0;
    this.urg = (bits & TcpFlag.Urg) !== 0;
    this.ece = (bits & TcpFlag.Ece) !== 0;
    this.cwr = (bits & TcpFlag.Cwr) !== 0;
    this.window = getU16(bytes, at + 14);
    this.windowIsScaled = !this.syn;
    this.up = getU16(bytes, at + 18);
    this.bytes = bytes;
    this.textAt = at + header;
    this.textLength = end - this.textAt;
    parseOptions(bytes, at + TCP_HEADER_MIN, at + header, this.options);
    checkPlace(this.options, this.syn);
    return true;
  }

  /** Takes the text from a view of just that, as it copies fastest. */
  takeTextFrom(text: Uint8Array): void {
    this.bytes = text;
    this.textAt = 0;
  }

  /** SEG.WND in octets. @param shift of windows that arrive (Snd.Wind.Shift) */
  windowOf(shift: number): number {
    return this.windowIsScaled ? this.window * (1 << shift) : this.window;
  }

  /** Cuts `count` octets of sequence space off the front, SYN first. The urgent pointer keeps naming the same octet. */
  trimFront(count: number): void {
    let octets = count;
    if (octets <= 0) return;
    this.seq = seqAdd(this.seq, octets);
    this.up -= octets;
    if (this.syn) {
      this.syn = false;
      octets--;
    }
    const text = Math.min(octets, this.textLength);
    this.textAt += text;
    this.textLength -= text;
    if (octets > text) this.fin = false;
  }

  /** Cuts `count` octets of sequence space off the end, FIN first. */
  trimBack(count: number): void {
    let octets = count;
    if (octets <= 0) return;
    if (this.fin) {
      this.fin = false;
      octets--;
    }
    this.textLength = Math.max(0, this.textLength - octets);
  }
}

/** Notes options that a segment with, or without, SYN does not have. RFC 9293 §3.7.1, RFC 7323 §2.2, RFC 2018 §2. */
function checkPlace(options: SegmentOptions, syn: boolean): void {
  const { mss, windowScale, sackPermitted, fastOpen, sackCount } = options;
  if (syn) {
    if (sackCount > 0) options.fault ??= 'tcp-sack-not-permitted';
  } else if (mss >= 0 || windowScale >= 0 || sackPermitted || fastOpen >= 0) {
    options.fault ??= 'tcp-option-not-syn';
  }
}
