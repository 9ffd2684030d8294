/**
 * What printing remembers of TCP connections: where each side's sequence numbers start, so that they can be shown from 0, and
 * its window scale (RFC 7323 §2.2), so that windows can be shown in octets. A bounded table; the oldest entry goes first.
 */

/** Connections remembered at most. */
const DEFAULT_LIMIT = 1024;

/** One direction of a connection. */
interface Side {
  /** Initial sequence number, or one less than the first seen; undefined before any. */
  first: number | undefined;
  /** Whether the SYN was not seen, so that what lies before `first` may still come. */
  guessed: boolean;
  /** Shift of the windows that this side offers; undefined when its SYN had none or was not seen. */
  shift: number | undefined;
}

interface Conversation {
  readonly sides: Map<string, Side>;
}

/** A segment's numbers as they are shown. */
export interface Shown {
  readonly seq: number;
  readonly ack: number;
  /** Octets when both SYNs were seen, else the field as it stands. */
  readonly window: number;
}

export interface SegmentNumbers {
  /** Texts that tell the two ends apart, e.g. `10.0.0.1:80`. */
  readonly from: string;
  readonly to: string;
  readonly seq: number;
  /** undefined without the ACK flag. */
  readonly ack: number | undefined;
  readonly window: number;
  readonly syn: boolean;
  readonly rst: boolean;
  /** The Window Scale option, undefined when absent. */
  readonly windowScale: number | undefined;
  /** Whether nothing is to be learnt from it: it arrived damaged. */
  readonly damaged?: boolean;
}

export class Conversations {
  readonly #table = new Map<string, Conversation>();
  readonly #limit: number;

  /** @param limit connections remembered at most; 0 shows every number as it stands */
  constructor(limit = DEFAULT_LIMIT) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#table.size;
  }

  /** Notes a segment and returns its numbers relative to its connection's; as they stand when nothing is remembered. */
  show(segment: SegmentNumbers): Shown {
    if (this.#limit === 0) return { seq: segment.seq, ack: segment.ack ?? 0, window: segment.window };
    const { sides } = this.#find(segment.from, segment.to);
    const sender = side(sides, segment.from);
    const receiver = side(sides, segment.to);
    if (segment.damaged !== true) learn(segment, sender, receiver);
    // Only when both SYNs carried the option, and never in a SYN. RFC 7323 §2.2.
    const shift = !segment.syn && receiver.shift !== undefined ? (sender.shift ?? 0) : 0;
    return {
      seq: relative(segment.seq, sender),
      ack: segment.ack === undefined ? 0 : relative(segment.ack, receiver),
      window: segment.window * 2 ** Math.min(14, shift),
    };
  }

  /** A sequence number that `of` counts, relative to its start, seen in a segment of the pair; for SACK blocks. */
  relativeTo(of: string, other: string, seq: number): number {
    if (this.#limit === 0) return seq;
    return relative(seq, side(this.#find(of, other).sides, of));
  }

  #find(a: string, b: string): Conversation {
    const key = a < b ? `${a} ${b}` : `${b} ${a}`;
    let found = this.#table.get(key);
    if (found === undefined) {
      if (this.#table.size >= this.#limit) this.#table.delete(this.#table.keys().next().value!);
      found = { sides: new Map() };
      this.#table.set(key, found);
    }
    return found;
  }
}

/** What a segment tells about the two directions. */
function learn(segment: SegmentNumbers, sender: Side, receiver: Side): void {
  if (segment.syn) {
    sender.first = segment.seq;
    sender.guessed = false;
    sender.shift = segment.windowScale;
    // A new connection of the same ends: the other side has not spoken yet.
    if (segment.ack === undefined) receiver.first = undefined;
  } else if (!segment.rst) {
    guess(sender, segment.seq);
  }
  if (segment.ack !== undefined && !segment.rst) guess(receiver, segment.ack);
}

function side(sides: Map<string, Side>, name: string): Side {
  let found = sides.get(name);
  if (found === undefined) {
    found = { first: undefined, guessed: false, shift: undefined };
    sides.set(name, found);
  }
  return found;
}

/** Without a SYN the first octet that is seen counts as number 1, as the first octet of data does. */
function guess(half: Side, seq: number): void {
  if (half.first !== undefined) return;
  half.first = (seq - 1) >>> 0;
  half.guessed = true;
}

function relative(seq: number, half: Side): number {
  if (half.first === undefined) return seq;
  // Older octets than the first that was seen get negative numbers, not ones near 2^32.
  return half.guessed ? (seq - half.first) | 0 : (seq - half.first) >>> 0;
}
