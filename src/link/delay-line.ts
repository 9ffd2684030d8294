/**
 * Frames in the order in which they are due: what is under way on a cable, or held back by an impairment.
 *
 * A circular buffer that is kept sorted by insertion from its back. Frames nearly always come in order, so an insertion
 * moves nothing; a frame that is held back longer than its followers costs a step for each that overtakes it. It bounds
 * nothing: whoever fills it looks at `size` first.
 */
import type { Frame } from '../core/frame.ts';
import { NEVER } from '../core/time.ts';
import type { Micros } from '../core/time.ts';

const FIRST_CAPACITY = 64;

export class DelayLine {
  #frames: (Frame | undefined)[] = new Array<Frame | undefined>(FIRST_CAPACITY).fill(undefined);
  #dues: number[] = new Array<number>(FIRST_CAPACITY).fill(0);
  #head = 0;
  #size = 0;

  /** Frames held. */
  get size(): number {
    return this.#size;
  }

  /** When the first frame is due; `NEVER` when there is none. */
  nextDue(): Micros {
    return this.#size === 0 ? NEVER : (this.#dues[this.#head] as Micros);
  }

  /** Takes over a frame; among those due at the same time the earlier pushed comes first. */
  push(frame: Frame, due: Micros): void {
    if (this.#size === this.#frames.length) this.#grow();
    const mask = this.#frames.length - 1;
    let place = this.#size++;
    while (place > 0) {
      const before = (this.#head + place - 1) & mask;
      if (this.#dues[before]! <= due) break;
      const at = (before + 1) & mask;
      this.#frames[at] = this.#frames[before];
      this.#dues[at] = this.#dues[before]!;
      place--;
    }
    const at = (this.#head + place) & mask;
    this.#frames[at] = frame;
    this.#dues[at] = due;
  }

  /** Takes the first frame out if it is due by `now`; hands its reference to the caller. */
  shift(now: Micros): Frame | undefined {
    if (this.#size === 0 || this.#dues[this.#head]! > now) return undefined;
    const frame = this.#frames[this.#head];
    this.#frames[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#frames.length - 1);
    this.#size--;
    return frame;
  }

  #grow(): void {
    const size = this.#frames.length;
    const frames = new Array<Frame | undefined>(2 * size).fill(undefined);
    const dues = new Array<number>(2 * size).fill(0);
    for (let i = 0; i < size; i++) {
      const at = (this.#head + i) & (size - 1);
      frames[i] = this.#frames[at];
      dues[i] = this.#dues[at]!;
    }
    this.#frames = frames;
    this.#dues = dues;
    this.#head = 0;
  }
}
