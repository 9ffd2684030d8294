/**
 * The urgent mark of the receiving half: where the peer's urgent data ends, and the one octet that is handed out apart from the others
 * unless SO_OOBINLINE is set. RFC 9293 §3.8.5, RFC 6093 §3; what a program sees is Linux's (tcp_check_urg, tcp_recv_urg).
 *
 * Places are stream offsets: octets since the start, which plain order works for. A read stops before the mark once, so that a program
 * can tell where it is; there is one mark at most, and a later one takes its place (RFC 6093 §3.2: what was urgent before is in line then).
 */
import type { ByteRing } from '../core/ring.ts';

export class UrgentMark {
  /** The last urgent octet. */
  readonly at: number;
  /** It is announced; has come (POLLPRI); was handed out by MSG_OOB. */
  state: 'awaited' | 'here' | 'taken' = 'awaited';
  octet = 0;

  constructor(at: number) {
    this.at = at;
  }

  /** Text has come that begins at `from`: keeps the octet if it is in there, also beyond a gap. True when it was. */
  look(from: number, bytes: Uint8Array, textAt: number, length: number): boolean {
    if (this.state !== 'awaited' || this.at < from || this.at >= from + length) return false;
    this.octet = bytes[textAt + this.at - from]!;
    this.state = 'here';
    return true;
  }
}

const scratch = new Uint8Array(1);

/** An octet that can be read already: `ahead` octets from the first one in the ring. */
export function octetAt(ring: ByteRing, ahead: number): number {
  ring.peek(ahead, scratch, 0, 1);
  return scratch[0]!;
}

/**
 * Reads from a ring whose first octet lies `ahead` octets before the mark. Up to it when it lies ahead; at it, without the octet itself
 * unless it is `inline`. Returns how many octets were handed out. MUST-33. A peek may begin `from` octets further in, `ahead` of the mark.
 */
export function readToMark(
  ring: ByteRing,
  ahead: number,
  inline: boolean,
  into: Uint8Array,
  at: number,
  length: number,
  peek: boolean,
  from = 0,
): number {
  const most = ahead > 0 ? Math.min(length, ahead) : length;
  const skip = ahead === 0 && !inline && length > 0 && ring.length > 0 ? 1 : 0;
  if (peek) return ring.peek(from + skip, into, at, most);
  ring.discard(skip);
  return ring.read(into, at, most);
}
