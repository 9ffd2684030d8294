/**
 * What octets under way count against SO_SNDBUF: as Linux counts them (truesize), with the bookkeeping of its buffers, so that a
 * program finds the buffer full after the same octets. socket(7), unix(7); net/core/skbuff.c, net/unix/af_unix.c.
 */

/** A page, and what a buffer takes besides its octets: behind them, and the record that describes it. */
const PAGE = 4096;
const BEHIND = 320;
const RECORD = 256;
const LEAST = 512;
/** Octets of a message that lie in one piece, the others in pages; and pages at most. SKB_MAX_ALLOC, MAX_SKB_FRAGS. */
const MESSAGE_HEAD = 4 * PAGE - BEHIND;
const MESSAGE_PAGES = 17 * PAGE;
/** The same for a piece of a stream. UNIX_SKB_FRAGS_SZ. */
const STREAM_HEAD = PAGE - BEHIND;
const STREAM_PAGES = 8 * PAGE;

/** What SO_SNDBUF holds back from a message's length. unix(7). */
export const MESSAGE_OVERHEAD = 32;

/** Octets that a stream queues in one piece: half of SO_SNDBUF at most, so that there is always a next one. */
export const pieceSize = (sendBuffer: number): number => Math.min((sendBuffer >> 1) - 64, STREAM_HEAD + STREAM_PAGES);

/** What a message of so many octets counts. */
export const messageCharge = (length: number): number =>
  length <= MESSAGE_HEAD ? charge(length, 0) : charge(length, Math.min(length - MESSAGE_HEAD, MESSAGE_PAGES));

/** What a piece of a stream counts. */
export const pieceCharge = (length: number): number => charge(length, Math.max(0, length - STREAM_HEAD));

/** @param beyond octets that do not fit into one piece, and lie in whole pages */
function charge(length: number, beyond: number): number {
  const paged = Math.ceil(beyond / PAGE) * PAGE;
  const head = Math.max(0, length - paged) + BEHIND;
  // Memory comes in powers of two.
  return RECORD + Math.max(LEAST, 2 ** Math.ceil(Math.log2(head))) + paged;
}
