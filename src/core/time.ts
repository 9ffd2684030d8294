/**
 * Time in the core: integer microseconds, handed in as an argument.
 *
 * Nothing in the core reads a clock. The shell reads one once per turn (stack/driver.ts holds the real one), a simulation
 * owns a VirtualClock, and both pass `now` down.
 */

/** A point in time or a span, in microseconds; the origin is the clock's own. `NEVER` when nothing is due. */
export type Micros = number & { readonly brand: 'Micros' };

export const micros = (value: number): Micros => value as Micros;

export const MS = 1_000;
export const SECOND = 1_000_000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;

/** The deadline of something that is not scheduled. */
export const NEVER = Number.POSITIVE_INFINITY as Micros;

/** The earlier of two points in time. Plain comparison: time in the core never wraps. */
export const earlier = (a: Micros, b: Micros): Micros => (a < b ? a : b);

/** The later of two points in time. */
export const later = (a: Micros, b: Micros): Micros => (a > b ? a : b);

/** `time` plus `span` microseconds. */
export const after = (time: Micros, span: number): Micros => (time + span) as Micros;

/** Source of the `now` that a shell or simulator hands down. */
export interface Clock {
  now(): Micros;
}

/** A clock that stands still until it is told to move. It never moves backwards. */
export class VirtualClock implements Clock {
  #now: Micros;

  constructor(start: Micros = micros(0)) {
    this.#now = start;
  }

  now(): Micros {
    return this.#now;
  }

  /** Moves to `time`; throws when that lies in the past, since it would be a bug in the simulation. */
  advanceTo(time: Micros): void {
    if (time < this.#now) throw new Error(`virtual clock cannot go back from ${this.#now} to ${time}`);
    this.#now = time;
  }
}
