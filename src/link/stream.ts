/**
 * A Node Duplex as a link: each chunk is one Ethernet frame. Made for what other packages offer for TAP devices (tuntap2's
 * Tap), and for frames over a pipe or a message stream that keeps chunks apart; a plain byte stream such as TCP does not.
 */
import type { Duplex } from 'node:stream';
import { Drops } from '../core/drop.ts';
import { Checksum, FramePool } from '../core/frame.ts';
import type { Frame } from '../core/frame.ts';
import { NEVER } from '../core/time.ts';
import type { Micros } from '../core/time.ts';
import type { FrameSink, Link } from './link.ts';

export interface StreamOptions {
  /** Largest datagram that the stream carries (octets), e.g. 1500. */
  readonly mtu: number;
  /** For messages and captures. */
  readonly name: string;
  /** Frames that wait for the stack at most (then the stream is paused), and for the stream (then they are dropped). Default 1,024. */
  readonly queue?: number;
  /** The stack's pool and counters; the defaults are the link's own. */
  readonly frames?: FramePool;
  readonly drops?: Drops;
  /** Told once when the stream ends or fails by itself; `undefined` for an orderly end. */
  readonly onLost?: (error: Error | undefined) => void;
}

/** A link over `duplex`, which the link owns from now on: `close` destroys it. */
export function stream(duplex: Duplex, options: StreamOptions): Link {
  return new StreamLink(duplex, options);
}

/** An Ethernet header with a VLAN tag. */
const ETHERNET_ROOM = 18;
const DEFAULT_QUEUE = 1024;

class StreamLink implements Link {
  readonly name: string;
  readonly mtu: number;
  readonly maxSegment: number;
  readonly losses: readonly Drops[];
  readonly checksumOffload = false;

  readonly #duplex: Duplex;
  readonly #limit: number;
  readonly #frames: FramePool;
  readonly #drops: Drops;
  readonly #onLost: ((error: Error | undefined) => void) | undefined;
  /** Frames that came in, oldest first. */
  readonly #arrived: Frame[] = [];
  /** Frames that wait until the stream takes more. */
  readonly #waiting: Frame[] = [];
  #wake: (() => void) | undefined = undefined;
  #wakeDue = false;
  #up = true;

  constructor(duplex: Duplex, options: StreamOptions) {
    this.name = options.name;
    this.mtu = options.mtu;
    this.maxSegment = options.mtu;
    this.#duplex = duplex;
    this.#limit = options.queue ?? DEFAULT_QUEUE;
    this.#frames = options.frames ?? new FramePool();
    this.#drops = options.drops ?? new Drops();
    this.losses = [this.#drops];
    this.#onLost = options.onLost;
    duplex.on('error', (error) => this.#lose(error));
    duplex.on('end', () => this.#lose(undefined));
    duplex.on('close', () => this.#lose(undefined));
    duplex.on('drain', () => this.#flush());
  }

  start(wake: () => void): void {
    if (this.#wake !== undefined || !this.#up) return;
    this.#wake = wake;
    this.#duplex.on('data', (chunk: unknown) => this.#take(chunk));
  }

  receive(sink: FrameSink, now: Micros, budget: number): number {
    const batch = this.#arrived.splice(0, budget);
    for (const frame of batch) sink(frame, now);
    if (this.#up && this.#duplex.isPaused() && this.#arrived.length < this.#limit) this.#duplex.resume();
    return batch.length;
  }

  send(frame: Frame): void {
    // A frame that reaches the wire unfinished is received as a corrupt one; the mistake is in how the links are stacked.
    if (frame.checksum === Checksum.Partial)
      throw new Error(`partial checksum on ${this.name}: put segmented() in front`);
    if (!this.#up) {
      this.#refuse('link-down', frame);
    } else if (frame.length > this.mtu + ETHERNET_ROOM) {
      this.#refuse('link-too-long', frame);
    } else if (!this.#duplex.writableNeedDrain) {
      this.#write(frame);
    } else if (this.#waiting.length < this.#limit) {
      this.#waiting.push(frame);
    } else {
      this.#refuse('link-queue-full', frame);
    }
  }

  nextDeadline(): Micros {
    return NEVER;
  }

  close(): void {
    this.#up = false;
    for (const frame of this.#arrived.splice(0)) this.#refuse('link-down', frame);
    for (const frame of this.#waiting.splice(0)) this.#refuse('link-down', frame);
    this.#duplex.destroy();
  }

  #take(chunk: unknown): void {
    if (!(chunk instanceof Uint8Array)) {
      this.#drops.drop('link-refused');
    } else if (chunk.length > this.mtu + ETHERNET_ROOM) {
      this.#drops.drop('link-too-long');
    } else {
      this.#arrived.push(this.#frames.from(chunk));
      if (this.#arrived.length >= this.#limit) this.#duplex.pause();
      this.#wakeSoon();
    }
  }

  /** One wake for all chunks that come in one go, and never from inside the other end's write. */
  #wakeSoon(): void {
    if (this.#wakeDue) return;
    this.#wakeDue = true;
    queueMicrotask(() => {
      this.#wakeDue = false;
      this.#wake?.();
    });
  }

  #write(frame: Frame): void {
    // The stream keeps the chunk beyond this call, and the frame's buffer is used again.
    const copy = frame.view().slice();
    frame.release();
    this.#duplex.write(copy);
  }

  #flush(): void {
    while (this.#waiting.length > 0 && !this.#duplex.writableNeedDrain) this.#write(this.#waiting.shift()!);
  }

  #lose(error: Error | undefined): void {
    if (!this.#up) return;
    this.#up = false;
    // What came in before the end may still be fetched.
    for (const frame of this.#waiting.splice(0)) this.#refuse('link-down', frame);
    this.#duplex.destroy();
    this.#onLost?.(error);
  }

  #refuse(reason: 'link-down' | 'link-too-long' | 'link-queue-full', frame: Frame): void {
    this.#drops.drop(reason, frame);
    frame.release();
  }
}
