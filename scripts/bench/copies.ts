/**
 * The copies that a socket with a send buffer makes at least: from the program's memory into the buffer and, once what was queued before is
 * sent, from there into a frame, with the sum for a checksum on the way. Buffer and frames lie in one WebAssembly memory, as only there the
 * second copy sums by vectors (src/core/wide-sum.ts).
 */
import { wideCopySum } from '../../src/core/wide-sum.ts';
import type { WideCopySum } from '../../src/core/wide-sum.ts';

/** Octets that the program sends over and over, as src/app/chargen.ts does. */
const PROGRAM = 256 * 1024;
/** The buffer, and how much of it is queued in a bulk transfer, as tapstack has it. */
const BUFFER = 4 * 1024 * 1024;
const QUEUED = 3 * 1024 * 1024;
/** Most that is copied at once: what begins at the last octet of either has room behind it. */
const MOST = 65_536;
/** Octets between frames, which spread them over the processor's cache. */
const GAP = 64;
const PAGE = 65_536;

export class Copies {
  readonly #memory: Uint8Array;
  readonly #copySum: WideCopySum;
  /** From frame to frame. */
  readonly #stride: number;
  /** Not zero: pages that nobody has written are all one. */
  readonly #program = new Uint8Array(PROGRAM + MOST).fill(1);
  #queued = QUEUED;

  /** Room for `frames` frames of up to `length` octets behind the buffer. */
  constructor(frames: number, length: number) {
    this.#stride = length + GAP;
    const pages = Math.ceil((BUFFER + MOST + frames * this.#stride) / PAGE);
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    this.#memory = new Uint8Array(memory.buffer).fill(1, 0, BUFFER + MOST);
    this.#copySum = wideCopySum(memory);
  }

  /** The memory of a frame, zero at first. */
  frame(index: number): Uint8Array {
    const at = this.#placeOf(index);
    return this.#memory.subarray(at, at + this.#stride);
  }

  /** Queues `length` octets, 64 KiB at most, and puts as many that were queued before into a frame from offset `at` on; returns their sum. */
  pass(index: number, at: number, length: number): number {
    const from = this.#queued % PROGRAM;
    this.#memory.set(this.#program.subarray(from, from + length), this.#queued % BUFFER);
    const sent = (this.#queued - QUEUED) % BUFFER;
    this.#queued += length;
    return this.#copySum(sent, length, this.#placeOf(index) + at);
  }

  #placeOf(index: number): number {
    return BUFFER + MOST + index * this.#stride;
  }
}
