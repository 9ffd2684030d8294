/**
 * Cuts TCP super-segments and completes checksums in front of a link that does neither, as Linux does in software (GSO).
 *
 * TCP builds segments as large as windows allow; one pass through the stack then serves up to 44 frames. What arrives is
 * passed on as it is. IPv4 only; pieces are what tcp_gso_segment of Linux makes (RFC 9293 §3.1 for the fields).
 */
import { copyBytes, getU16, getU32, setU16, setU32 } from '../core/bytes.ts';
import { finishChecksum, pseudoHeaderSum, sumBytes } from '../core/checksum.ts';
import type { Context } from '../core/context.ts';
import type { Drops } from '../core/drop.ts';
import { Checksum } from '../core/frame.ts';
import type { Frame } from '../core/frame.ts';
import type { Micros } from '../core/time.ts';
import type { FrameSink, Link } from './link.ts';

/** Octets of the largest datagram that an IPv4 header can state. RFC 791 §3.1, Total Length. */
export const MAX_DATAGRAM = 65_535;

const ETHERTYPE_AT = 12;
const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_VLAN = 0x8100;
const VLAN_TAG = 4;
const IP = { totalLength: 2, id: 4, fragment: 6, protocol: 9, checksum: 10, source: 12, destination: 16 } as const;
const TCP = { seq: 4, offset: 12, flags: 13, checksum: 16 } as const;
const UDP_CHECKSUM = 6;
const PROTOCOL_TCP = 6;
const PROTOCOL_UDP = 17;
const FIN = 0x01;
const PSH = 0x08;
const CWR = 0x80;

/** The link with `maxSegment` lifted to 64 KiB and partial checksums allowed; itself when it already does both. */
export function segmented(link: Link, context: Context): Link {
  return link.checksumOffload && link.maxSegment > link.mtu ? link : new Segmenter(link, context.drops);
}

/**
 * Offset of the IPv4 header in a frame whose Ethernet header is at `start`, or -1 when it carries something else or
 * less than a whole header. One VLAN tag is skipped.
 */
export function findIpv4(bytes: Uint8Array, start: number, end: number): number {
  let typeAt = start + ETHERTYPE_AT;
  if (typeAt + 2 <= end && getU16(bytes, typeAt) === ETHERTYPE_VLAN) typeAt += VLAN_TAG;
  const network = typeAt + 2;
  if (network + 20 > end || getU16(bytes, typeAt) !== ETHERTYPE_IPV4) return -1;
  return bytes[network]! >>> 4 === 4 ? network : -1;
}

/**
 * Completes a partial checksum (Checksum.Partial: the field holds the pseudo-header's sum) of the TCP or UDP datagram
 * whose IPv4 header is at `network`. Returns false, having changed nothing, when there is no whole one.
 */
export function completeChecksumAt(bytes: Uint8Array, network: number, end: number): boolean {
  const transport = network + (bytes[network]! & 0x0f) * 4;
  const last = network + getU16(bytes, network + IP.totalLength);
  const protocol = bytes[network + IP.protocol]!;
  const field = transport + (protocol === PROTOCOL_TCP ? TCP.checksum : UDP_CHECKSUM);
  if ((protocol !== PROTOCOL_TCP && protocol !== PROTOCOL_UDP) || field + 2 > last || last > end) return false;
  const checksum = finishChecksum(sumBytes(bytes, transport, last - transport));
  // In UDP zero says that there is no checksum; the other form of zero is sent instead. RFC 768.
  setU16(bytes, field, checksum === 0 && protocol === PROTOCOL_UDP ? 0xffff : checksum);
  return true;
}

/** Completes a frame's partial checksum, if it has one; `start` is at the Ethernet header. False when it cannot. */
export function completeChecksum(frame: Frame): boolean {
  if (frame.checksum !== Checksum.Partial) return true;
  const network = frame.network >= 0 ? frame.network : findIpv4(frame.bytes, frame.start, frame.end);
  if (network < 0 || !completeChecksumAt(frame.bytes, network, frame.end)) return false;
  frame.checksum = Checksum.Full;
  return true;
}

/**
 * Offset of the TCP text in a frame whose `start` is at its Ethernet header, or -1 when it is not a whole TCP segment over
 * IPv4. Text ends where the datagram does.
 */
function findTcpText(frame: Frame): number {
  const { bytes, end } = frame;
  const network = frame.network >= 0 ? frame.network : findIpv4(bytes, frame.start, end);
  if (network < 0 || bytes[network + IP.protocol] !== PROTOCOL_TCP) return -1;
  if ((getU16(bytes, network + IP.fragment) & 0x3fff) !== 0) return -1;
  const transport = network + (bytes[network]! & 0x0f) * 4;
  if (transport + 20 > end) return -1;
  const text = transport + (bytes[transport + TCP.offset]! >>> 4) * 4;
  const last = network + getU16(bytes, network + IP.totalLength);
  return text >= transport + 20 && text <= last && last <= end ? text : -1;
}

/**
 * Cuts a TCP super-segment into frames with at most `gsoSize` octets of text each and hands them to `emit`, in order;
 * checksums are complete. The frame stays its holder's. Returns false, having emitted nothing, when it is not TCP over IPv4.
 */
export function cutSegment(frame: Frame, emit: FrameSink, now: Micros): boolean {
  const text = findTcpText(frame);
  if (text < 0) return false;
  const network = frame.network >= 0 ? frame.network : findIpv4(frame.bytes, frame.start, frame.end);
  const transport = network + (frame.bytes[network]! & 0x0f) * 4;
  const length = network + getU16(frame.bytes, network + IP.totalLength) - text;
  let done = 0;
  for (let index = 0; done < length || index === 0; index++) {
    const size = Math.min(frame.gsoSize, length - done);
    emit(cutPiece(frame, network, transport, text, done, size, index, done + size === length), now);
    done += size;
  }
  return true;
}

/** One piece: the headers of the whole, with what differs written over, and `size` octets of its text from `done`. */
function cutPiece(
  frame: Frame,
  network: number,
  transport: number,
  text: number,
  done: number,
  size: number,
  index: number,
  isLast: boolean,
): Frame {
  const headers = text - frame.start;
  const piece = frame.pool.acquire(headers + size);
  const bytes = piece.bytes;
  const shift = piece.start - frame.start;
  copyBytes(frame.bytes, frame.start, bytes, piece.start, headers);
  copyBytes(frame.bytes, text + done, bytes, piece.start + headers, size);
  piece.end = piece.start + headers + size;
  piece.network = network + shift;
  piece.transport = transport + shift;
  piece.reason = frame.reason;
  writeIpv4Fields(bytes, piece.network, piece.transport, piece.end, index);
  writeTcpFields(bytes, piece.network, piece.transport, piece.end, done, index === 0, isLast);
  return piece;
}

/** Total length, identification and checksum. The identification counts up, as datagrams of their own would have it. */
function writeIpv4Fields(bytes: Uint8Array, network: number, transport: number, end: number, index: number): void {
  setU16(bytes, network + IP.totalLength, end - network);
  setU16(bytes, network + IP.id, getU16(bytes, network + IP.id) + index);
  setU16(bytes, network + IP.checksum, 0);
  setU16(bytes, network + IP.checksum, finishChecksum(sumBytes(bytes, network, transport - network)));
}

function writeTcpFields(
  bytes: Uint8Array,
  network: number,
  transport: number,
  end: number,
  done: number,
  isFirst: boolean,
  isLast: boolean,
): void {
  setU32(bytes, transport + TCP.seq, (getU32(bytes, transport + TCP.seq) + done) >>> 0);
  // FIN and PSH say something about the end of the text; CWR is to be seen once (RFC 3168 §6.1.2). The urgent pointer stays.
  let flags = bytes[transport + TCP.flags]!;
  if (!isLast) flags &= ~(FIN | PSH);
  if (!isFirst) flags &= ~CWR;
  bytes[transport + TCP.flags] = flags;
  const pseudo = pseudoHeaderSum(
    getU32(bytes, network + IP.source),
    getU32(bytes, network + IP.destination),
    PROTOCOL_TCP,
  );
  const length = end - transport;
  setU16(bytes, transport + TCP.checksum, 0);
  setU16(bytes, transport + TCP.checksum, finishChecksum(sumBytes(bytes, transport, length, pseudo + length)));
}

class Segmenter implements Link {
  readonly name: string;
  readonly mtu: number;
  readonly maxSegment = MAX_DATAGRAM;
  readonly checksumOffload = true;
  readonly #link: Link;
  readonly #drops: Drops;
  readonly #sendPiece: FrameSink;

  constructor(link: Link, drops: Drops) {
    this.name = link.name;
    this.mtu = link.mtu;
    this.#link = link;
    this.#drops = drops;
    this.#sendPiece = (piece, now) => link.send(piece, now);
  }

  start(wake: () => void): void {
    this.#link.start(wake);
  }

  receive(sink: FrameSink, now: Micros, budget: number): number {
    return this.#link.receive(sink, now, budget);
  }

  send(frame: Frame, now: Micros): void {
    if (frame.gsoSize > 0) {
      const text = findTcpText(frame);
      // More than gsoSize octets of text are cut even where they would fit the MTU: the peer's MSS may be smaller.
      if (text < 0 || frame.end - text > frame.gsoSize) {
        if (!cutSegment(frame, this.#sendPiece, now)) this.#drops.drop('link-not-cuttable', frame);
        frame.release();
        return;
      }
      frame.gsoSize = 0;
    }
    if (!this.#link.checksumOffload && !completeChecksum(frame)) {
      this.#drops.drop('link-not-cuttable', frame);
      frame.release();
      return;
    }
    this.#link.send(frame, now);
  }

  nextDeadline(): Micros {
    return this.#link.nextDeadline();
  }

  close(): void {
    this.#link.close();
  }
}
