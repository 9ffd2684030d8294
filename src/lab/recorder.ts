/**
 * Records what one host sends and receives: as a pcapng file, and as the last frames for ladder diagrams. Both note why a
 * frame was sent or dropped.
 */
import type { DropReason } from '../core/drop.ts';
import type { Frame } from '../core/frame.ts';
import type { Micros } from '../core/time.ts';
import { captureFrame } from '../inspector/captured.ts';
import type { Captured } from '../inspector/captured.ts';
import { ladder } from '../inspector/ladder.ts';
import type { LadderOptions } from '../inspector/ladder.ts';
import { Printer } from '../inspector/print.ts';
import type { Link } from '../link/link.ts';
import { CaptureBuffer, PcapWriter, pcap } from '../link/pcap.ts';
import { tee } from '../link/tee.ts';

/** Frames kept for diagrams; the oldest go first. */
const DEFAULT_FRAMES = 1000;
/** Octets of the capture file at most. */
const DEFAULT_OCTETS = 64 * 1024 * 1024;

export interface RecorderOptions {
  /** Frames kept for `frames`, `ladder` and `lines`; default 1000. */
  readonly frames?: number;
  /** Octets of the capture file at most; default 64 MiB. */
  readonly octets?: number;
}

/** A place for a frame, since a drop reason may be noted on it later. */
interface Noted {
  frame: Captured;
}

export class Recorder {
  readonly #buffer = new CaptureBuffer();
  readonly #writer: PcapWriter;
  readonly #limit: number;
  /** Has seen the frames that are not kept any more, so that it knows where connections began. */
  readonly #printer = new Printer();
  #frames: Noted[] = [];
  /** Frames that are being sent or handed up, innermost last: what is handed up may send at once. */
  readonly #open: Noted[] = [];

  constructor(options: RecorderOptions = {}) {
    this.#limit = options.frames ?? DEFAULT_FRAMES;
    this.#writer = new PcapWriter(this.#buffer.sink, { maxOctets: options.octets ?? DEFAULT_OCTETS });
  }

  /** The link, recorded. */
  watch(link: Link): Link {
    return tee(
      pcap(link, this.#writer),
      (direction, frame, now) => this.#note(direction, frame, now),
      () => void this.#open.pop(),
    );
  }

  /** To be called by `Drops.listener`: notes on the frame that is being sent or received why it went no further. */
  dropped(reason: DropReason): void {
    const current = this.#open.at(-1);
    if (current === undefined) return;
    this.#writer.annotate(reason);
    current.frame = { ...current.frame, dropped: current.frame.dropped ?? reason };
  }

  /** The capture file so far (pcapng). */
  pcapng(): Uint8Array {
    return this.#buffer.bytes();
  }

  /** The last frames, oldest first. */
  frames(): readonly Captured[] {
    this.#trim(this.#limit);
    return this.#frames.map(({ frame }) => frame);
  }

  ladder(options?: Omit<LadderOptions, 'printer'>): string {
    return ladder(this.frames(), { ...options, printer: this.#printer });
  }

  /** The last frames in words, one a line. */
  lines(): string[] {
    return this.frames().map((frame) => this.#printer.packet(frame));
  }

  #note(direction: 'in' | 'out', frame: Frame, now: Micros): void {
    const noted = { frame: captureFrame(frame, now, direction) };
    this.#open.push(noted);
    this.#frames.push(noted);
    // Trimmed seldom, so that a long run does not move the whole list for each frame.
    if (this.#frames.length > 2 * this.#limit) this.#trim(this.#limit);
  }

  /** Forgets all but the last `count` frames. */
  #trim(count: number): void {
    const excess = this.#frames.length - count;
    if (excess <= 0) return;
    for (let i = 0; i < excess; i++) this.#printer.describe(this.#frames[i]!.frame);
    this.#frames = this.#frames.slice(excess);
  }
}
