/**
 * Every frame in words, one a line: scrolling by on a terminal, or into a file.
 *
 * Printing must not hold the host up nor fill a disk, so the log is bounded: what is over is counted, and the count is said.
 */
import { createWriteStream } from 'node:fs';
import type { Writable } from 'node:stream';
import type { Frame } from '../core/frame.ts';
import type { Micros } from '../core/time.ts';
import { captureFrame } from '../inspector/captured.ts';
import { Printer } from '../inspector/print.ts';
import { tee } from '../link/tee.ts';
import type { Direction } from '../link/tee.ts';
import type { Link } from '../link/link.ts';

/** Octets that may wait for a slow reader before lines are left out. */
const MAX_WAITING = 1 << 20;

export interface FrameLogOptions {
  /** In front of each line. */
  readonly prefix?: string;
  /** Lines to write at most, until `allow` gives more; no bound by default. */
  readonly allowance?: number;
  /** ANSI colours. */
  readonly colour?: boolean;
}

export class FrameLog {
  readonly #out: Writable;
  readonly #prefix: string;
  readonly #printer: Printer;
  #left: number;
  #omitted = 0;

  constructor(out: Writable, options: FrameLogOptions = {}) {
    this.#out = out;
    this.#prefix = options.prefix ?? '';
    this.#left = options.allowance ?? Infinity;
    this.#printer = new Printer({ colour: options.colour ?? false });
  }

  /** The link, with each of its frames logged. */
  watch(link: Link): Link {
    return tee(link, (direction, frame, now) => this.frame(direction, frame, now));
  }

  /** Logs one frame, or counts it. */
  frame(direction: Direction, frame: Frame, now: Micros): void {
    if (this.#left <= 0 || this.#out.writableLength > MAX_WAITING) {
      this.#omitted++;
      return;
    }
    if (this.#left === Infinity) this.sayOmitted();
    this.#left--;
    this.#out.write(`${this.#prefix}${this.#printer.packet(captureFrame(frame, now, direction))}\n`);
  }

  /** Says how many frames were left out, and allows `lines` more. */
  allow(lines: number): void {
    this.sayOmitted();
    this.#left = lines;
  }

  sayOmitted(): void {
    if (this.#omitted === 0) return;
    const frames = this.#omitted === 1 ? 'frame' : 'frames';
    this.#out.write(`${this.#prefix}... ${this.#omitted.toLocaleString('en')} more ${frames}\n`);
    this.#omitted = 0;
  }
}

/** Lines of a trace file at most: about 100 MB. */
const MAX_FILE_LINES = 1_000_000;

/** A log into a file, to be ended with `close`. A file that cannot be written is reported once to `failed`. */
export function logToFile(path: string, failed: (error: Error) => void): { log: FrameLog; close: () => Promise<void> } {
  const stream = createWriteStream(path);
  stream.on('error', failed);
  const log = new FrameLog(stream, { allowance: MAX_FILE_LINES });
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      log.sayOmitted();
      stream.end(resolve);
    });
  return { log, close };
}
