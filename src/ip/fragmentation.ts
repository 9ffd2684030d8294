/**
 * Cutting a datagram that is too long for its path. RFC 791 §2.3, §3.2 (An Example Fragmentation Procedure); RFC 1122 §3.3.3 (MAY).
 *
 * Only datagrams without options are cut here, as this host sends no others by itself. Reassembly is reassembly.ts.
 */
import { copyBytes } from '../core/bytes.ts';
import type { Frame, FramePool } from '../core/frame.ts';
import { IPV4_HEADER_LENGTH, MORE_FRAGMENTS, writeIpv4Header } from './ipv4-wire.ts';
import type { Ipv4Header } from './ipv4-wire.ts';

/** Takes over one piece: `start` and `network` at its header. Returns 0 or a negative errno. */
export type PieceSink = (piece: Frame) => number;

/**
 * Cuts `frame`, whose `start` is at the payload of a datagram with `header`, into pieces of at most `mtu` octets (68 or more) each and
 * hands them on in order. The frame stays its holder's. Returns the first failure, after which no more are made, or 0. 791-3.2-b.
 */
export function cutDatagram(frame: Frame, header: Ipv4Header, mtu: number, frames: FramePool, emit: PieceSink): number {
  const { bytes, start, length } = frame;
  const most = (mtu - IPV4_HEADER_LENGTH) & ~7;
  for (let done = 0; done < length; done += most) {
    const size = Math.min(most, length - done);
    const piece = frames.acquire(size);
    copyBytes(bytes, start + done, piece.bytes, piece.start, size);
    piece.end = piece.start + size;
    piece.transport = piece.start;
    piece.network = piece.prepend(IPV4_HEADER_LENGTH);
    piece.reason = frame.reason;
    header.totalLength = IPV4_HEADER_LENGTH + size;
    header.flagsAndOffset = (done >> 3) | (done + size < length ? MORE_FRAGMENTS : 0);
    writeIpv4Header(piece.bytes, piece.network, header);
    const error = emit(piece);
    if (error !== 0) return error;
  }
  return 0;
}
