/**
 * Cuts TCP super-segments and completes checksums in front of a link that does neither, as Linux does in software (GSO).
 *
 * TCP builds segments as large as windows allow; one pass through the stack then serves up to 44 frames. IPv4 only; pieces are what
 * tcp_gso_segment of Linux makes (RFC 9293 §3.1 for the fields). What arrives is merged the other way: coalescing.ts.
 */
import { setU32 } from '../core/bytes.ts';
import { finishChecksum, foldSum, without } from '../core/checksum.ts';
import type { Context } from '../core/context.ts';
import type { Drops } from '../core/drop.ts';
import type { Frame } from '../core/frame.ts';
import type { Micros } from '../core/time.ts';
import {
  IPV4_MAX_LENGTH,
  ipChecksum,
  ipHeaderLength,
  ipIdentification,
  ipTotalLength,
  setIpChecksumField,
  setIpIdentification,
  setIpTotalLength,
} from '../ip/ipv4-wire.ts';
import { completeChecksum, findTcpText, networkOf, tcpPseudoSum } from '../ip/offload-wire.ts';
import { TCP_FLAGS_OFFSET, TCP_LAYOUT, TcpFlag, checksum, flags, sequenceNumber, setChecksum } from '../tcp/wire.ts';
import { Coalescer } from './coalescing.ts';
import type { FrameSink, Link } from './link.ts';

const TCP_SEQUENCE_OFFSET = TCP_LAYOUT.offsetOf('sequenceNumber')!;

/**
 * The link with `maxSegment` lifted to 64 KiB and partial checksums allowed; itself when it already does both. What it receives may be
 * merged, unless somebody watches each frame.
 */
export function segmented(link: Link, context: Context): Link {
  return link.checksumOffload && link.maxSegment > link.mtu ? link : new Segmenter(link, context.drops);
}

/**
 * Cuts a TCP super-segment into frames with at most `gsoSize` octets of text each and hands them to `emit`, in order;
 * checksums are complete. The frame stays its holder's. Returns false, having emitted nothing, when it is not TCP over IPv4.
 *
 * The headers are summed once, without the fields that differ from piece to piece; each then adds its own. Measured: 5.8 us for 64 KiB,
 * 7.1 when each sums all of them.
 */
export function cutSegment(frame: Frame, emit: FrameSink, now: Micros): boolean {
  const network = networkOf(frame);
  const text = findTcpText(frame, network);
  if (text < 0) return false;
  const { bytes, gsoSize } = frame;
  const headers = text - frame.start;
  const toNetwork = network - frame.start;
  const transport = network + ipHeaderLength(bytes, network);
  const toTransport = transport - frame.start;
  const length = network + ipTotalLength(bytes, network) - text;
  const identification = ipIdentification(bytes, network);
  const seq = sequenceNumber(bytes, transport);
  const control = flags(bytes, transport);
  const ipSum = commonIpSum(frame, network, transport);
  const tcpSum = commonTcpSum(frame, network, transport, text);
  let done = 0;
  for (let index = 0; done < length || index === 0; index++) {
    const size = Math.min(gsoSize, length - done);
    const piece = frame.pool.acquire(headers + size);
    piece.end = piece.start + headers + size;
    piece.reason = frame.reason;
    piece.copy(frame, frame.start, piece.start, headers);
    const textSum = piece.copySum(frame, text + done, piece.start + headers, size);
    piece.network = piece.start + toNetwork;
    piece.transport = piece.start + toTransport;
    writeIpv4Fields(piece, (identification + index) & 0xffff, ipSum);
    writeTcpFields(
      piece,
      (seq + done) >>> 0,
      controlOf(control, index === 0, done + size === length),
      tcpSum + textSum,
    );
    emit(piece, now);
    done += size;
  }
  return true;
}

/** Sum of the IPv4 header without total length, identification and checksum. */
function commonIpSum(frame: Frame, network: number, transport: number): number {
  const { bytes } = frame;
  const sum = without(frame.sum(network, transport - network), ipTotalLength(bytes, network));
  return foldSum(without(without(sum, ipIdentification(bytes, network)), ipChecksum(bytes, network)));
}

/** Sum of the pseudo-header and the TCP header without length, sequence number, flags and checksum. */
function commonTcpSum(frame: Frame, network: number, transport: number, text: number): number {
  const { bytes } = frame;
  const sum = without(
    frame.sum(transport, text - transport, tcpPseudoSum(bytes, network, 0)),
    checksum(bytes, transport),
  );
  const seq = foldSum(sequenceNumber(bytes, transport));
  return foldSum(without(without(sum, seq), flags(bytes, transport)));
}

/** Total length, identification and checksum. The identification counts up, as datagrams of their own would have it. */
function writeIpv4Fields({ bytes, network, end }: Frame, identification: number, commonSum: number): void {
  const length = end - network;
  setIpTotalLength(bytes, network, length);
  setIpIdentification(bytes, network, identification);
  setIpChecksumField(bytes, network, finishChecksum(commonSum + length + identification));
}

/**
 * Sequence number, flags, and the checksum; `sum` is that of the text, which begins at an even place, and of what the headers have in common.
 * The urgent pointer stays: it counts from each piece's own sequence number, and Linux leaves it too.
 */
function writeTcpFields({ bytes, transport, end }: Frame, seq: number, control: number, sum: number): void {
  setU32(bytes, transport + TCP_SEQUENCE_OFFSET, seq);
  bytes[transport + TCP_FLAGS_OFFSET] = control;
  setChecksum(bytes, transport, finishChecksum(sum + foldSum(seq) + control + (end - transport)));
}

/** FIN and PSH say something about the end of the text; CWR is to be seen once (RFC 3168 §6.1.2). */
function controlOf(control: number, isFirst: boolean, isLast: boolean): number {
  const afterEnd = isLast ? 0 : TcpFlag.Fin | TcpFlag.Psh;
  const once = isFirst ? 0 : TcpFlag.Cwr;
  return control & ~(afterEnd | once);
}

class Segmenter implements Link {
  readonly name: string;
  readonly mtu: number;
  readonly maxSegment = IPV4_MAX_LENGTH;
  readonly checksumOffload = true;
  readonly losses: readonly Drops[];
  readonly #link: Link;
  readonly #drops: Drops;
  readonly #sendPiece: FrameSink;
  readonly #coalescer: Coalescer | undefined;

  constructor(link: Link, drops: Drops) {
    this.name = link.name;
    this.mtu = link.mtu;
    this.#link = link;
    this.#drops = drops;
    this.losses = link.losses ?? [];
    this.#sendPiece = (piece, now) => link.send(piece, now);
    this.#coalescer = link.isWatched === true ? undefined : new Coalescer();
  }

  start(wake: () => void): void {
    this.#link.start(wake);
  }

  wantWakes(wanted: boolean): void {
    this.#link.wantWakes?.(wanted);
  }

  cork(corked: boolean): void {
    this.#link.cork?.(corked);
  }

  giveWay(): void {
    this.#link.giveWay?.();
  }

  receive(sink: FrameSink, now: Micros, budget: number): number {
    const link = this.#link;
    return this.#coalescer?.receive(link, sink, now, budget) ?? link.receive(sink, now, budget);
  }

  send(frame: Frame, now: Micros): void {
    if (frame.gsoSize > 0) {
      const text = findTcpText(frame, networkOf(frame));
      // More than gsoSize octets of text are cut even where they would fit the MTU: the peer's MSS may be smaller.
      if (text < 0 || frame.end - text > frame.gsoSize) {
        this.#cut(frame, now);
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

  #cut(frame: Frame, now: Micros): void {
    if (!cutSegment(frame, this.#sendPiece, now)) this.#drops.drop('link-not-cuttable', frame);
    frame.release();
  }

  nextDeadline(): Micros {
    return this.#link.nextDeadline();
  }

  close(): void {
    this.#link.close();
  }
}
