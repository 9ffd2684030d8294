/**
 * The named deadlines of one connection, all but that of keep-alives (probes.ts). Setting a timer is writing a number; the connection is
 * in the stack's TimerHeap once, under a deadline that is never later than the earliest of these, and often earlier: it then finds
 * nothing due and looks again (lazily), which costs less than moving in the heap for every ACK.
 */
import { NEVER } from '../core/time.ts';
import type { Micros } from '../core/time.ts';
import type { TimerHeap, TimerOwner } from '../core/timers.ts';

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
  /** 2 MSL. RFC 9293 §3.6.1. */
  TimeWait: 5,
  /** FIN-WAIT-2 that nobody can read from any more. */
  FinWait2: 6,
  /** Sender SWS avoidance, override. RFC 9293 §3.8.6.2.1. */
  SwsOverride: 7,
  /** User timeout. RFC 9293 §3.8.3. */
  User: 8,
  /** The next quantum of a paced connection. */
  Pace: 9,
} as const;
export type Timer = (typeof Timer)[keyof typeof Timer];

export const TIMER_NAMES: readonly string[] = [
  'rack',
  'tlp',
  'rto',
  'persist',
  'delack',
  'timeWait',
  'finWait2',
  'swsOverride',
  'user',
  'pace',
];

/** Copied for each connection whose timers begin to run: to make it anew would change what V8 holds the elements as on the way. */
const NONE_SET: readonly Micros[] = TIMER_NAMES.map(() => NEVER);

/** What has the timers: told that one of them may be due. */
export interface TimersOwner {
  onDeadline(now: Micros): void;
}

/** The deadlines of a connection of which at least one runs, or ran a moment ago: this is what waits in the heap for it. */
class Deadlines implements TimerOwner {
  readonly #owner: TimersOwner;
  /** By timer. */
  readonly at: Micros[] = NONE_SET.slice();
  /** The earliest deadline set since the owner last looked: it must not be in the heap under a later one. */
  earliest: Micros = NEVER;
  deadline: Micros = NEVER;
  heapIndex = -1;

  constructor(owner: TimersOwner) {
    this.#owner = owner;
  }

  onDeadline(now: Micros): void {
    this.#owner.onDeadline(now);
  }
}

export class Timers {
  readonly #owner: TimersOwner;
  /** Undefined while none runs. */
  #running: Deadlines | undefined = undefined;

  constructor(owner: TimersOwner) {
    this.#owner = owner;
  }

  set(timer: Timer, deadline: Micros): void {
    const running = (this.#running ??= new Deadlines(this.#owner));
    running.at[timer] = deadline;
    if (deadline < running.earliest) running.earliest = deadline;
  }

  clear(timer: Timer): void {
    if (this.#running !== undefined) this.#running.at[timer] = NEVER;
  }

  clearAll(): void {
    if (this.#running === undefined) return;
    const deadlines = this.#running.at;
    for (let i = 0; i < deadlines.length; i++) deadlines[i] = NEVER;
  }

  isSet(timer: Timer): boolean {
    return this.at(timer) !== NEVER;
  }

  at(timer: Timer): Micros {
    return this.#running === undefined ? NEVER : this.#running.at[timer]!;
  }

  /** A timer that is due, which is thereby cleared; undefined when none is. Those named first come first. */
  takeDue(now: Micros): Timer | undefined {
    if (this.#running === undefined) return undefined;
    const deadlines = this.#running.at;
    for (let i = 0; i < deadlines.length; i++) {
      if (deadlines[i]! <= now) {
        deadlines[i] = NEVER;
        return i as Timer;
      }
    }
    return undefined;
  }

  /** The heap has called: those that still run are to wait in it again. */
  next(): void {
    const running = this.#running;
    if (running === undefined) return;
    running.earliest = NEVER;
    for (const deadline of running.at) if (deadline < running.earliest) running.earliest = deadline;
    if (running.earliest === NEVER) this.#running = undefined;
  }

  /** Moves them in the heap when one is earlier than where they are; later ones wait until the heap calls anyway. */
  schedule(heap: TimerHeap): void {
    const running = this.#running;
    if (running !== undefined && running.earliest < running.deadline) heap.schedule(running, running.earliest);
  }

  /** None will be due any more. */
  cancel(heap: TimerHeap): void {
    if (this.#running !== undefined) heap.cancel(this.#running);
  }
}
