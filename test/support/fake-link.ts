/**
 * A link for tests: records what is sent, hands over what the test lets arrive, keeps no frame of its own.
 */
import type { Frame, FramePool } from '../../src/core/frame.ts';
import { NEVER } from '../../src/core/time.ts';
import type { Micros } from '../../src/core/time.ts';
import type { FrameSink, Link } from '../../src/link/link.ts';

/** A copy of a frame that was sent, with its facts at that time. */
export interface SentFrame {
  readonly bytes: Uint8Array;
  readonly time: Micros;
  readonly gsoSize: number;
  readonly checksum: Frame['checksum'];
  readonly reason: string;
}

export interface FakeLinkOptions {
  readonly name?: string;
  readonly mtu?: number;
  readonly maxSegment?: number;
  readonly checksumOffload?: boolean;
}

export class FakeLink implements Link {
  readonly name: string;
  readonly mtu: number;
  readonly maxSegment: number;
  readonly checksumOffload: boolean;
  /** Everything sent since the last `take`, oldest first. */
  sent: SentFrame[] = [];
  closed = false;
  /** What the owner said last. */
  corked = false;
  wantsWakes = true;
  /** How often the owner gave way. */
  given = 0;
  /** Set by `start`. */
  wake: (() => void) | undefined = undefined;
  readonly #arrived: Frame[] = [];

  constructor(options: FakeLinkOptions = {}) {
    this.name = options.name ?? 'fake0';
    this.mtu = options.mtu ?? 1500;
    this.maxSegment = options.maxSegment ?? this.mtu;
    this.checksumOffload = options.checksumOffload ?? false;
  }

  /** What was sent since the last call. */
  take(): SentFrame[] {
    const sent = this.sent;
    this.sent = [];
    return sent;
  }

  /** Lets a frame arrive: the next `receive` hands it over. */
  arrive(pool: FramePool, bytes: Uint8Array): void {
    this.#arrived.push(pool.from(bytes));
    this.wake?.();
  }

  start(wake: () => void): void {
    this.wake = wake;
  }

  cork(corked: boolean): void {
    this.corked = corked;
  }

  giveWay(): void {
    this.given++;
  }

  wantWakes(wanted: boolean): void {
    this.wantsWakes = wanted;
  }

  receive(sink: FrameSink, now: Micros, budget: number): number {
    const batch = this.#arrived.splice(0, budget);
    for (const frame of batch) sink(frame, now);
    return batch.length;
  }

  send(frame: Frame, now: Micros): void {
    const { gsoSize, checksum, reason } = frame;
    this.sent.push({ bytes: frame.view().slice(), time: now, gsoSize, checksum, reason });
    frame.release();
  }

  nextDeadline(): Micros {
    return NEVER;
  }

  close(): void {
    this.closed = true;
    for (const frame of this.#arrived.splice(0)) frame.release();
  }
}
