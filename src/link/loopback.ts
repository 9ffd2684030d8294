/**
 * A link that gives back what is sent on it, at once and in order: for tests and for teaching. A host's own 127.0.0.0/8 does
 * not come this way (ip/loopback.ts keeps it above Ethernet).
 */
import { Drops } from '../core/drop.ts';
import type { Frame } from '../core/frame.ts';
import type { Micros } from '../core/time.ts';
import { fitsMtu } from './cable.ts';
import { Inbox } from './inbox.ts';
import type { FrameSink, Link } from './link.ts';

export interface LoopbackOptions {
  readonly name?: string;
  readonly mtu?: number;
  /** Frames that wait to be received at most; more are 'link-queue-full'. Default 1024. */
  readonly queueFrames?: number;
  readonly drops?: Drops;
}

export class LoopbackLink implements Link {
  readonly name: string;
  readonly mtu: number;
  readonly maxSegment: number;
  readonly checksumOffload = false;
  readonly losses: readonly Drops[];
  readonly #inbox: Inbox;
  readonly #drops: Drops;

  constructor(options: LoopbackOptions = {}) {
    this.name = options.name ?? 'loopback';
    this.mtu = options.mtu ?? 1500;
    this.maxSegment = this.mtu;
    this.#drops = options.drops ?? new Drops();
    this.losses = [this.#drops];
    this.#inbox = new Inbox(this.#drops, options.queueFrames ?? 1024);
  }

  /** Never wakes: frames come only from the owner's own `send`, and `nextDeadline` tells of them. */
  start(): void {
    // Nothing to start.
  }

  receive(sink: FrameSink, now: Micros, budget: number): number {
    return this.#inbox.receive(sink, now, budget);
  }

  send(frame: Frame, now: Micros): void {
    if (fitsMtu(frame, this.mtu)) {
      this.#inbox.push(frame, now);
      return;
    }
    this.#drops.drop('link-too-long', frame);
    frame.release();
  }

  nextDeadline(): Micros {
    return this.#inbox.nextDue();
  }

  close(): void {
    this.#inbox.close();
  }
}
