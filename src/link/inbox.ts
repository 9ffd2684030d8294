/**
 * The receiving side of a link in memory: frames that are due at some time, and a wake for whoever waits for them.
 * Cable ends, switch ports and the loopback are built on it.
 */
import type { Drops } from '../core/drop.ts';
import { Checksum } from '../core/frame.ts';
import type { Frame } from '../core/frame.ts';
import { NEVER, after, later, micros } from '../core/time.ts';
import type { Micros } from '../core/time.ts';
import { DelayLine } from './delay-line.ts';
import type { FrameSink } from './link.ts';

/** Frames that one inbox holds at most by default: under way, and arrived but not fetched. */
export const DEFAULT_INBOX_FRAMES = 65_536;

export class Inbox {
  readonly #line = new DelayLine();
  readonly #drops: Drops;
  readonly #limit: number;
  readonly #interval: number;
  /** Until when nothing is handed over: the interval since the last batch. */
  #quietUntil: Micros = micros(0);
  #wake: (() => void) | undefined = undefined;
  #receiving = false;
  #closed = false;

  /**
   * @param limit frames held at most
   * @param interval time (us) from one batch to the next at least; 0 hands each frame over when it is due
   */
  constructor(drops: Drops, limit: number, interval = 0) {
    this.#drops = drops;
    this.#limit = limit;
    this.#interval = interval;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Sets who is told of frames; frames that wait already are told of by `nextDue`. */
  start(wake: () => void): void {
    this.#wake = wake;
  }

  /**
   * Takes over a frame that is due at `due`. What the sender knew of it (offsets, checksum, reason) does not cross a wire.
   * Wakes the owner when its next deadline came nearer, but not from inside its own `receive`.
   */
  push(frame: Frame, due: Micros): void {
    if (this.#closed || this.#line.size >= this.#limit) {
      this.#drops.drop(this.#closed ? 'link-down' : 'link-queue-full', frame);
      frame.release();
      return;
    }
    const before = this.#line.nextDue();
    this.#line.push(forgetFacts(frame), due);
    if (due < before && !this.#receiving) this.#wake?.();
  }

  /** Hands at most `budget` frames due by `now` to `sink`; returns how many. */
  receive(sink: FrameSink, now: Micros, budget: number): number {
    if (now < this.#quietUntil) return 0;
    let count = 0;
    this.#receiving = true;
    while (count < budget) {
      const frame = this.#line.shift(now);
      if (frame === undefined) break;
      count++;
      sink(frame, now);
    }
    this.#receiving = false;
    // A batch that the budget cut short goes on at once.
    if (count > 0 && count < budget) this.#quietUntil = after(now, this.#interval);
    return count;
  }

  nextDue(): Micros {
    return later(this.#line.nextDue(), this.#quietUntil);
  }

  /** Drops what it holds and all that comes later. */
  close(): void {
    this.#closed = true;
    for (;;) {
      const frame = this.#line.shift(NEVER);
      if (frame === undefined) return;
      this.#drops.drop('link-down', frame);
      frame.release();
    }
  }
}

/** The frame as its receiver may see it: octets only. A frame that somebody else still holds is copied. */
function forgetFacts(frame: Frame): Frame {
  // A frame that reaches a wire unfinished would be received as a corrupt one; the mistake is in how the links are stacked.
  if (frame.checksum === Checksum.Partial)
    throw new Error('partial checksum on a wire: put segmented() in front of the link');
  let own = frame;
  if (frame.shared) {
    own = frame.pool.clone(frame);
    frame.release();
  }
  own.network = -1;
  own.transport = -1;
  own.checksum = Checksum.Full;
  own.gsoSize = 0;
  own.linkBroadcast = false;
  own.reason = '';
  return own;
}
