/**
 * Watches one end of a connection on the wire: how far its text goes beyond the windows that it was offered.
 *
 * Its two functions are for `dropIf` of the impairments on either side; they drop nothing.
 */
import type { Frame } from '../../src/core/frame.ts';
import { Segment } from '../../src/tcp/segment.ts';
import { seqAdd, seqDiff, seqGt, seqNum } from '../../src/tcp/seq.ts';
import type { SeqNum } from '../../src/tcp/seq.ts';

export class WindowWatch {
  readonly #seg = new Segment();
  #edge: SeqNum | undefined = undefined;
  #shift = 0;
  /** Octets beyond the furthest edge offered so far; a zero-window probe goes 1 beyond. */
  beyond = -Infinity;

  /** A frame that the watched end sends. */
  readonly outgoing = (frame: Frame): boolean => {
    const seg = this.#seg;
    if (!this.#parse(frame) || this.#edge === undefined || seg.textLength === 0) return false;
    this.beyond = Math.max(this.beyond, seqDiff(seqAdd(seg.seq, seg.textLength), this.#edge));
    return false;
  };

  /** A frame that is sent to it. */
  readonly incoming = (frame: Frame): boolean => {
    const seg = this.#seg;
    if (!this.#parse(frame) || seg.rst) return false;
    if (seg.syn) this.#shift = Math.max(0, seg.options.windowScale);
    if (!seg.hasAck) return false;
    const edge = seqAdd(seqNum(seg.ack), seg.window * (seg.syn ? 1 : 2 ** this.#shift));
    if (this.#edge === undefined || seqGt(edge, this.#edge)) this.#edge = edge;
    return false;
  };

  #parse({ bytes, start, end }: Frame): boolean {
    const ip = start + 14;
    if (end - ip < 40 || bytes[start + 12] !== 8 || bytes[start + 13] !== 0 || bytes[ip + 9] !== 6) return false;
    const total = bytes[ip + 2]! * 256 + bytes[ip + 3]!;
    return this.#seg.parse(bytes, ip + (bytes[ip]! & 15) * 4, ip + total);
  }
}
