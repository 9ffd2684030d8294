/**
 * The copies that a socket with a send buffer makes at least: from the program's memory into the buffer and, once what was queued before is
 * sent, from there into a frame.
 */

/** Octets that the program sends over and over, as src/app/chargen.ts does. */
const PROGRAM = 256 * 1024;
/** The buffer, and how much of it is queued in a bulk transfer, as tapstack has it. */
const BUFFER = 4 * 1024 * 1024;
const QUEUED = 3 * 1024 * 1024;
/** Most that is copied at once: what begins at the last octet of either has room behind it. */
const MOST = 65_536;

export class Copies {
  /** Not zero: pages that nobody has written are all one. */
  readonly #program = new Uint8Array(PROGRAM + MOST).fill(1);
  readonly #buffer = new Uint8Array(BUFFER + MOST).fill(1);
  #queued = QUEUED;

  /** Queues `length` octets, 64 KiB at most, and puts as many that were queued before into `frame` from offset `at` on. */
  pass(frame: Uint8Array, at: number, length: number): void {
    const from = this.#queued % PROGRAM;
    this.#buffer.set(this.#program.subarray(from, from + length), this.#queued % BUFFER);
    const sent = (this.#queued - QUEUED) % BUFFER;
    frame.set(this.#buffer.subarray(sent, sent + length), at);
    this.#queued += length;
  }
}
