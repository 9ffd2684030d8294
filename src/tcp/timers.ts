/**
 * The named deadlines of one connection. Setting a timer is writing a number; the connection is in the stack's TimerHeap once,
 * under a deadline that is never later than the earliest of these, and often earlier: it then finds nothing due and looks
 * again (lazily), which costs less than moving in the heap for every ACK.
 */
import { NEVER } from '../core/time.ts';
import type { Micros } from '../core/time.ts';

/** The timers, as places in the table. */
export const Timer = {
  /** The reordering window of RACK. RFC 8985 §6.2, step 5. */
  Rack: 0,
  /** Tail loss probe; before the retransmission timer when both are due. RFC 8985 §7.2. */
  Tlp: 1,
  /** Retransmission. RFC 6298 §5. */
  Rto: 2,
  /** Zero-window probe. RFC 9293 §3.8.6.1. */
  Persist: 3,
  /** Delayed ACK. RFC 9293 §3.8.6.3. */
  Delack: 4,
  /** RFC 9293 §3.8.4. */
  Keepalive: 5,
  /** 2 MSL. RFC 9293 §3.6.1. */
  TimeWait: 6,
  /** FIN-WAIT-2 that nobody can read from any more. */
  FinWait2: 7,
  /** Sender SWS avoidance, override. RFC 9293 §3.8.6.2.1. */
  SwsOverride: 8,
  /** User timeout. RFC 9293 §3.8.3. */
  User: 9,
  /** The next quantum of a paced connection. */
  Pace: 10,
} as const;
export type Timer = (typeof Timer)[keyof typeof Timer];

export const TIMER_NAMES: readonly string[] = [
  'rack',
  'tlp',
  'rto',
  'persist',
  'delack',
  'keepalive',
  'timeWait',
  'finWait2',
  'swsOverride',
  'user',
  'pace',
];

/** The deadlines of one connection. */
export class Timers {
  /** By timer; undefined while none runs. */
  #deadlines: Micros[] | undefined = undefined;
  /** The earliest deadline set since the owner last looked: it must not be in the heap under a later one. */
  earliest: Micros = NEVER;

  set(timer: Timer, deadline: Micros): void {
    this.#deadlines ??= TIMER_NAMES.map(() => NEVER);
    this.#deadlines[timer] = deadline;
    if (deadline < this.earliest) this.earliest = deadline;
  }

  clear(timer: Timer): void {
    if (this.#deadlines !== undefined) this.#deadlines[timer] = NEVER;
  }

  clearAll(): void {
    this.#deadlines = undefined;
  }

  isSet(timer: Timer): boolean {
    return this.at(timer) !== NEVER;
  }

  at(timer: Timer): Micros {
    return this.#deadlines === undefined ? NEVER : this.#deadlines[timer]!;
  }

  /** A timer that is due, which is thereby cleared; undefined when none is. Those named first come first. */
  takeDue(now: Micros): Timer | undefined {
    const deadlines = this.#deadlines;
    if (deadlines === undefined) return undefined;
    for (let i = 0; i < deadlines.length; i++) {
      if (deadlines[i]! <= now) {
        deadlines[i] = NEVER;
        return i as Timer;
      }
    }
    return undefined;
  }

  /** Works out `earliest` afresh and returns it. */
  next(): Micros {
    let earliest = NEVER;
    if (this.#deadlines !== undefined) {
      for (const deadline of this.#deadlines) if (deadline < earliest) earliest = deadline;
      if (earliest === NEVER) this.#deadlines = undefined;
    }
    this.earliest = earliest;
    return earliest;
  }
}
