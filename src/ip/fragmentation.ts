/**
 * Cutting a datagram that is too long for its path. RFC 791 §2.3, §3.2 (An Example Fragmentation Procedure); RFC 1122 §3.3.3 (MAY).
 *
 * Every piece has the options that are to be copied, the first one all. Reassembly is reassembly.ts.
 */
import { copyBytes } from '../core/bytes.ts';
import type { Frame, FramePool } from '../core/frame.ts';
import { IPV4_HEADER_LENGTH, MORE_FRAGMENTS, writeHeaderWithOptions } from './ipv4-wire.ts';
import type { Ipv4Header } from './ipv4-wire.ts';
import { optionsOfFragments } from './send-options.ts';

/** Takes over one piece: `start` and `network` at its header. Returns 0 or a negative errno. */
export type PieceSink = (piece: Frame) => number;

/**
 * Cuts `frame`, whose `start` is at the payload of a datagram with `header` and `options`, into pieces of at most `mtu` octets (68 or
 * more) each and hands them on in order. The frame stays its holder's. Returns the first failure, after which no more are made, or 0.
 * 791-3.2-b.
 */
export function cutDatagram(
  frame: Frame,
  header: Ipv4Header,
  options: Uint8Array,
  mtu: number,
  frames: FramePool,
  emit: PieceSink,
): number {
  const { bytes, start, length } = frame;
  let carried = options;
  let done = 0;
  while (done < length) {
    const headerLength = IPV4_HEADER_LENGTH + carried.length;
    const size = Math.min((mtu - headerLength) & ~7, length - done);
    const piece = frames.acquire(size);
    copyBytes(bytes, start + done, piece.bytes, piece.start, size);
    piece.end = piece.start + size;
    piece.transport = piece.start;
    piece.network = piece.prepend(headerLength);
    piece.reason = frame.reason;
    header.totalLength = headerLength + size;
    header.flagsAndOffset = (done >> 3) | (done + size < length ? MORE_FRAGMENTS : 0);
    writeHeaderWithOptions(piece.bytes, piece.network, header, carried);
    const error = emit(piece);
    if (error !== 0) return error;
    if (done === 0) carried = optionsOfFragments(options);
    done += size;
  }
  return 0;
}
