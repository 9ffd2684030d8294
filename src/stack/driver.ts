/**
 * The shell of a real host: turns the crank of a stack in real time, on Node's event loop.
 *
 * A turn takes a bounded batch from every link, lets programs know, and polls the stack once they have had their say, so that
 * their answers carry the acknowledgements. Then it sleeps until a link wakes it or the next deadline. For a short time after a frame it
 * looks again and again instead, since the answer to what was just sent mostly comes within microseconds: measured on flood ping, 32 us
 * round trip asleep, 17 us looking. The same loop in virtual time: lab/simulator.ts.
 */
import { performance } from 'node:perf_hooks';
import { nextTick } from 'node:process';
import { earlier, micros, MS, NEVER } from '../core/time.ts';
import type { Clock, Micros } from '../core/time.ts';
import type { Link } from '../link/link.ts';
import { DrivenPort } from './driven-port.ts';
import { GiveWay } from './give-way.ts';
import type { StackSurface } from './surface.ts';

/** Real time since the process started, in whole microseconds; it never goes back. */
export class MonotonicClock implements Clock {
  now(): Micros {
    return micros(Math.floor(performance.now() * MS));
  }
}

export interface DriverOptions {
  /** Called outside the core, after input and after output: tells programs which of their sockets are ready. Returns how many it told. */
  readonly deliver?: () => number;
  /**
   * How long to keep looking for frames after the last one before sleeping (us), default 1,000: costs up to that much
   * processor time a burst. 0 sleeps at once; 'spin' never sleeps and takes a whole core.
   */
  readonly lookFor?: number | 'spin';
  /** Frames taken from one link in one turn at most, default 256; fewer when they are large. */
  readonly budget?: number;
}

export class Driver {
  readonly #stack: StackSurface;
  readonly #ports: DrivenPort[];
  readonly #clock: Clock;
  readonly #deliver: () => number;
  readonly #lookFor: number;
  readonly #budget: number;
  readonly #giveWay = new GiveWay();
  /** Look again before sleeping until then. */
  #lookUntil: Micros = micros(0);
  /** The event loop must have come round by then. */
  #comeRoundAt: Micros = micros(0);
  /** A link may hold more frames than its last batch took. */
  #backlog = false;
  #state: 'new' | 'running' | 'closed' = 'new';
  #inTurn = false;
  #kicked = false;
  /** A link has woken the driver, and no turn has come since. */
  #woken = false;
  /** Kicks answered since the event loop last came round. */
  #kicks = 0;
  #immediate: NodeJS.Immediate | undefined = undefined;
  #timer: NodeJS.Timeout | undefined = undefined;
  /** When `#timer` ends. */
  #timerDue: Micros = NEVER;
  /** Keeps the process alive while the driver runs: links do not. */
  #alive: NodeJS.Timeout | undefined = undefined;
  #referenced = true;

  /** `links[i]` is what the stack knows as port i. Nothing happens before `start`. Throws a RangeError for an option out of range. */
  constructor(stack: StackSurface, links: readonly Link[], clock: Clock, options: DriverOptions = {}) {
    const { lookFor = LOOK_FOR, budget = BUDGET } = options;
    if (lookFor !== 'spin' && !(lookFor >= 0)) {
      throw new RangeError(`driver.lookFor must be at least 0 us, or 'spin', not ${String(lookFor)}`);
    }
    if (!(budget >= 1)) throw new RangeError(`driver.budget must be at least 1 frame, not ${String(budget)}`);
    this.#stack = stack;
    this.#clock = clock;
    this.#deliver = options.deliver ?? nobody;
    this.#lookFor = lookFor === 'spin' ? NEVER : lookFor;
    this.#budget = budget;
    this.#ports = links.map((link, port) => new DrivenPort(stack, link, port));
  }

  /** Whether `close` was called. */
  get closed(): boolean {
    return this.#state === 'closed';
  }

  /** Starts the links and the first turn. The process stays alive until `close`, unless `unref` was called. */
  start(): void {
    if (this.#state !== 'new') throw new Error(`the driver is ${this.#state} already`);
    this.#state = 'running';
    this.#alive = setInterval(nothing, LONGEST_TIMER);
    if (!this.#referenced) this.#alive.unref();
    for (const port of this.#ports) port.link.start(this.#onWake);
    this.#soon();
  }

  /** Adds a link while running; the stack must know it as the next port. */
  addLink(link: Link): void {
    this.#ports.push(new DrivenPort(this.#stack, link, this.#ports.length));
    if (this.#state !== 'running') return;
    link.start(this.#onWake);
    this.#soon();
  }

  /**
   * Says that a program's call has given the stack something to do: it is polled when the program returns to the event
   * loop, once for all calls made until then. Cheap, so every socket call may say it.
   */
  kick(): void {
    if (this.#kicked || this.#inTurn || this.#state !== 'running') return;
    // Programs that answer each other in microtasks would keep the event loop from coming round.
    if (this.#kicks++ < MOST_KICKS) this.#afterPrograms();
    else {
      this.#kicked = true;
      this.#soon();
    }
  }

  /** Lets the process end although the driver runs. */
  unref(): void {
    this.#referenced = false;
    for (const port of this.#ports) port.wantWakes(true);
    this.#alive?.unref();
    this.#timer?.unref();
    this.#immediate?.unref();
  }

  /** Undoes `unref`. */
  ref(): void {
    this.#referenced = true;
    this.#alive?.ref();
    this.#timer?.ref();
    this.#immediate?.ref();
  }

  /** Closes the links and stops for good; nothing of the driver keeps the process alive afterwards. Twice is allowed. */
  close(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    for (const port of this.#ports) port.link.close();
    clearInterval(this.#alive);
    clearTimeout(this.#timer);
    clearImmediate(this.#immediate);
    this.#alive = this.#timer = this.#immediate = undefined;
  }

  /**
   * What links call as their wake. A turn as soon as what is going on is over, when the event loop came round lately: hosts on a cable
   * answer each other so. A wake from outside Node has no ticks after it, and waits for the immediate.
   */
  readonly #onWake = (): void => {
    if (!this.#inTurn && !this.#woken && this.#isRunning()) {
      this.#woken = true;
      nextTick(this.#onWoken);
    }
    this.#soon();
  };

  readonly #onWoken = (): void => {
    const now = this.#clock.now();
    if (this.#woken && now < this.#comeRoundAt) this.#turn(now);
  };

  /** A turn when the event loop next comes round. */
  readonly #soon = (): void => {
    // A wake amid a turn, from what a program did in it, is answered by the next one.
    if (this.#inTurn) this.#backlog = true;
    if (this.#immediate !== undefined || this.#inTurn || this.#state !== 'running') return;
    this.#immediate = setImmediate(this.#onImmediate);
    if (!this.#referenced) this.#immediate.unref();
  };

  readonly #onImmediate = (): void => {
    this.#immediate = undefined;
    this.#kicks = 0;
    this.#comeRound();
  };

  readonly #onTimer = (): void => {
    this.#timer = undefined;
    this.#timerDue = NEVER;
    this.#comeRound();
  };

  /** The event loop has come round. */
  #comeRound(): void {
    const now = this.#clock.now();
    this.#comeRoundAt = micros(now + LONGEST_STAY);
    this.#turn(now);
  }

  /**
   * Output as soon as all that programs can do now is done: a tick asked for in a microtask waits until no microtask is left.
   * queueMicrotask would make a record for async_hooks each time.
   */
  #afterPrograms(): void {
    this.#kicked = true;
    void RESOLVED.then(this.#onMicrotask);
  }

  readonly #onMicrotask = (): void => {
    nextTick(this.#onKick);
  };

  readonly #onKick = (): void => {
    // An immediate may have been first.
    if (this.#kicked) this.#finish();
  };

  /** Asked again after programs have run, since they may call `close`. */
  #isRunning(): boolean {
    return this.#state === 'running';
  }

  /**
   * All input of a batch, then the programs, then all output: RFC 9293 MUST-58, MUST-59. What a program answers at once goes
   * out in place of an ACK, not after one: measured, a quarter more connections with one octet echoed in a second.
   */
  #turn(now: Micros): void {
    if (!this.#isRunning() || this.#inTurn) return;
    let told = 1;
    this.#woken = false;
    this.#inTurn = true;
    try {
      this.#drain(now);
      told = this.#deliver();
    } finally {
      // A program's exception passes through to whoever handles it, and the host lives on.
      this.#inTurn = false;
      if (told > 0) this.#afterPrograms();
      else this.#finish();
    }
  }

  /**
   * All output, and the programs whose sockets became ready by it. What they did meanwhile goes out in the same turn, after the answers that
   * are there already, unless more has come in than a batch, or nobody has looked for a while: output must not outrun the answers to it.
   */
  #finish(): void {
    if (!this.#isRunning() || this.#inTurn) return;
    let now = micros(0);
    let until = 0;
    let told = 0;
    this.#inTurn = true;
    this.#kicked = false;
    try {
      for (let round = 0; round < MOST_ROUNDS; round++) {
        now = this.#clock.now();
        if (round === 0) until = now + LONGEST_STAY;
        this.#poll(now);
        now = this.#clock.now();
        if (!this.#isRunning() || this.#backlog) break;
        const frames = this.#looks(now) ? this.#look(now) : 0;
        if (frames > 0) told = this.#deliver();
        if (told > 0 || (frames === 0 && (!this.#stack.pending || now >= until))) break;
      }
    } finally {
      this.#inTurn = false;
      if (told > 0) this.#afterPrograms();
      else this.#sleep(now);
    }
  }

  /** Output, and the programs whose sockets became ready by it. When a timer is due, input first: it may be just what that waits for. */
  #poll(now: Micros): void {
    if (this.#stack.nextDeadline() <= now) this.#drain(now);
    this.#cork(true);
    this.#stack.poll(now);
    this.#cork(false);
    this.#deliver();
  }

  /**
   * Whether it looks at once for answers to what was just sent: some are there already when the peer runs on the same processor. To go on
   * without coming back from the event loop saves a third of what a host that echoes costs; but that has others to serve.
   */
  #looks(now: Micros): boolean {
    return now < this.#lookUntil && now < this.#comeRoundAt;
  }

  /** Looks for the answers, and lets their sender have the processor first where that pays. */
  #look(now: Micros): number {
    if (!this.#giveWay.isDue(now)) return this.#drain(now);
    for (const port of this.#ports) port.link.giveWay?.();
    const then = this.#clock.now();
    const frames = this.#drain(then);
    this.#giveWay.learn(now, then, frames > 0);
    return frames;
  }

  /**
   * A batch from every link; returns how many frames. When a timer is due, more batches first: what waits in a link after the process
   * was held up may be the very ACK that the timer waits for.
   */
  #drain(now: Micros): number {
    this.#cork(true);
    let frames = this.#takeBatch(now);
    for (let more = 1; more < BATCHES_BEFORE_TIMERS && this.#backlog && this.#stack.nextDeadline() <= now; more++) {
      frames += this.#takeBatch(now);
    }
    this.#cork(false);
    if (frames > 0) this.#lookUntil = micros(now + this.#lookFor);
    return frames;
  }

  /** What is sent between the two goes out together where a link gains by that. */
  #cork(corked: boolean): void {
    for (const port of this.#ports) port.link.cork?.(corked);
  }

  #takeBatch(now: Micros): number {
    let frames = 0;
    this.#backlog = false;
    for (const port of this.#ports) {
      const count = port.take(now, this.#budget);
      if (count >= this.#budget || port.isFull) this.#backlog = true;
      frames += count;
    }
    return frames;
  }

  /**
   * Arranges the next turn. Links wake the driver only while it sleeps, since each wake costs a call from the event loop: measured, 13 % of
   * a host that echoes. An immediate that does not keep the process alive does not keep the event loop from sleeping: then they must.
   */
  #sleep(now: Micros): void {
    if (!this.#isRunning()) return;
    const isAwake = this.#looksAgain(now);
    for (const port of this.#ports) port.wantWakes(!isAwake || !this.#referenced);
    if (isAwake) {
      this.#soon();
      return;
    }
    clearImmediate(this.#immediate);
    this.#immediate = undefined;
    const next = this.#nextDeadline();
    if (next !== NEVER) this.#wakeAt(next, now);
  }

  /** There is work, or may be so soon that it is not worth going to sleep. */
  #looksAgain(now: Micros): boolean {
    if (this.#lookFor === NEVER || this.#backlog || this.#woken || this.#stack.pending) return true;
    return now < this.#lookUntil || this.#nextDeadline() - now < MS;
  }

  #nextDeadline(): Micros {
    let next = this.#stack.nextDeadline();
    for (const port of this.#ports) next = earlier(next, port.link.nextDeadline());
    return next;
  }

  /** Sets the timer, unless it ends before `time` anyway: then its turn sets the next. */
  #wakeAt(time: Micros, now: Micros): void {
    if (this.#timer !== undefined && this.#timerDue <= time) return;
    clearTimeout(this.#timer);
    // Node's timers have whole milliseconds. Near deadlines end early and look for the rest, far ones may be late by that.
    const span = (time - now) / MS;
    const whole = Math.min(span < NEAR ? Math.floor(span) : Math.ceil(span), LONGEST_TIMER);
    this.#timer = setTimeout(this.#onTimer, whole);
    this.#timerDue = micros(now + whole * MS);
    if (!this.#referenced) this.#timer.unref();
  }
}

const RESOLVED = Promise.resolve();
const LOOK_FOR = 1 * MS;
const BUDGET = 256;
/** Batches taken before timers that are due, at most: a flood must not hold them off. */
const BATCHES_BEFORE_TIMERS = 8;
/** How long turns may follow each other without the event loop (us), more or less. */
const LONGEST_STAY = 250;
/** Rounds of polling and telling programs in one turn; then the event loop has its turn. */
const MOST_ROUNDS = 4;
/** Kicks answered in microtasks before the event loop must come round. */
const MOST_KICKS = 64;
/** Deadlines nearer than this (ms) are met to the microsecond. */
const NEAR = 10;
/** Node's longest timer (ms). */
const LONGEST_TIMER = 2 ** 31 - 1;

function nothing(): void {
  // The body of the interval that only keeps the process alive.
}

/** The default hook: there are no programs. */
const nobody = (): number => 0;
