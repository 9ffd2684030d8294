/**
 * Hosts on virtual time. A simulation owns the clock, drains links into stacks and polls them in a fixed order, so two runs
 * of one program with one seed take the same steps and give the same octets.
 *
 * It does what stack/driver.ts does for one host in real time, with the same surface, and knows no protocol. Programs act
 * in hooks that run after each host's poll. Topologies with real stacks: lab/topology.ts.
 */
import { SeededRandom } from '../core/random.ts';
import { NEVER, VirtualClock, after, earlier, micros } from '../core/time.ts';
import type { Micros } from '../core/time.ts';
import type { Frame } from '../core/frame.ts';
import type { Link } from '../link/link.ts';
import type { StackSurface } from '../stack/surface.ts';

/** Frames taken from one link before its stack is polled, as in the driver: the size of a batch. */
const BATCH = 64;
/** Rounds at one instant after which a simulation counts as caught in a loop. A bulk transfer over a cable without delay takes thousands. */
const MAX_ROUNDS = 100_000;
/** Virtual time (us) that a run with a condition may take unless the caller says otherwise: one hour. */
const DEFAULT_LIMIT = 3_600_000_000;

/** How a run ended: the time or condition came, the virtual time allowed ran out, or nothing is left that could happen. */
export type RunEnd = 'reached' | 'limit' | 'idle';

/** What a program does at each of its host's turns; it may call sockets, never the simulation's `run`. */
export type Hook = (now: Micros) => void;

export interface SimulationOptions {
  /** Starting point of all randomness; the same seed, the same run. */
  readonly seed: number;
  /** Virtual time at the start (us), 0 by default. */
  readonly start?: Micros;
  /** Rounds at one instant before it counts as a live-lock; for tests. */
  readonly maxRounds?: number;
}

/** A link as one host sees it: drained when it woke the host or its own deadline has come. */
interface Port {
  readonly link: Link;
  readonly number: number;
  readonly sink: (frame: Frame, now: Micros) => void;
  awake: boolean;
}

interface Host {
  readonly name: string;
  readonly stack: StackSurface;
  readonly ports: Port[];
  readonly hooks: Hook[];
}

interface Appointment {
  readonly time: Micros;
  readonly action: Hook;
}

export class Simulation {
  readonly clock: VirtualClock;
  /** Source for everything in the simulation; take a `fork()` per host and link, in a fixed order. */
  readonly random: SeededRandom;
  readonly #hosts: Host[] = [];
  readonly #maxRounds: number;
  /** Ascending by time; equal times in the order they were made. */
  readonly #appointments: Appointment[] = [];
  #running = false;

  constructor(options: SimulationOptions) {
    this.clock = new VirtualClock(options.start ?? micros(0));
    this.random = new SeededRandom(options.seed);
    this.#maxRounds = options.maxRounds ?? MAX_ROUNDS;
  }

  get now(): Micros {
    return this.clock.now();
  }

  /** Adds a host. `links[i]` is the link that its stack knows as port `ports[i]`, by default i. */
  add(name: string, stack: StackSurface, links: readonly Link[], ports?: readonly number[]): void {
    const host: Host = { name, stack, ports: [], hooks: [] };
    links.forEach((link, i) => {
      const number = ports?.[i] ?? i;
      const port: Port = { link, number, awake: true, sink: (frame, now) => stack.receive(number, frame, now) };
      host.ports.push(port);
      link.start(() => (port.awake = true));
    });
    this.#hosts.push(host);
  }

  /** Runs `hook` at each turn of the named host, after its poll: the place of a program on synchronous sockets. */
  program(name: string, hook: Hook): void {
    const host = this.#hosts.find((candidate) => candidate.name === name);
    if (host === undefined) throw new Error(`no host named ${name} in this simulation`);
    host.hooks.push(hook);
  }

  /** Does something once at `time` (at the next instant when that is past), before the hosts' turns. */
  at(time: Micros, action: Hook): void {
    const place = this.#appointments.findIndex((other) => other.time > time);
    this.#appointments.splice(place < 0 ? this.#appointments.length : place, 0, { time, action });
  }

  /**
   * Lets time pass: up to the point `until`, or until the condition holds (asked after each instant), at most `limit`
   * microseconds from now. With a point in time the clock stands there afterwards, even when nothing happened.
   * Throws when the hosts keep each other busy at one instant without end, naming those.
   */
  run(until: Micros | (() => boolean), limit: number = DEFAULT_LIMIT): RunEnd {
    if (this.#running) throw new Error('a hook must not run the simulation that runs it');
    this.#running = true;
    try {
      return typeof until === 'number' ? this.#runTo(until) : this.#runWhile(until, after(this.now, limit));
    } finally {
      this.#running = false;
    }
  }

  /** Lets `span` microseconds pass. */
  runFor(span: number): RunEnd {
    return this.run(after(this.now, span));
  }

  /** When something happens next; `NEVER` when nothing will. */
  nextDeadline(): Micros {
    return earlier(this.#nextAppointment(), this.#nextOfHosts(this.now));
  }

  #runTo(end: Micros): RunEnd {
    for (let next = this.#instant(); next <= end; next = this.#instant()) this.#advance(next);
    this.clock.advanceTo(end);
    return 'reached';
  }

  #runWhile(holds: () => boolean, end: Micros): RunEnd {
    for (let next = this.#instant(); !holds(); next = this.#instant()) {
      if (next === NEVER) return 'idle';
      if (next > end) {
        this.clock.advanceTo(end);
        return 'limit';
      }
      this.#advance(next);
    }
    return 'reached';
  }

  /** A deadline that lies in the past is due now. */
  #advance(next: Micros): void {
    if (next > this.now) this.clock.advanceTo(next);
  }

  /** Everything that happens at the present instant; returns the next at which something does. */
  #instant(): Micros {
    const now = this.now;
    while (this.#nextAppointment() <= now) this.#appointments.shift()!.action(now);
    for (let round = 0; round < this.#maxRounds; round++) {
      for (const host of this.#hosts) turn(host, now);
      const next = this.#nextOfHosts(now);
      if (next > now) return earlier(next, this.#nextAppointment());
    }
    throw new Error(this.#liveLock(now));
  }

  #nextAppointment(): Micros {
    return this.#appointments[0]?.time ?? NEVER;
  }

  #nextOfHosts(now: Micros): Micros {
    let next = NEVER;
    for (const host of this.#hosts) next = earlier(next, nextOf(host, now));
    return next;
  }

  #liveLock(now: Micros): string {
    const busy = this.#hosts
      .filter((host) => nextOf(host, now) <= now)
      .map((host) => `${host.name} (${whyBusy(host, now)})`);
    return `no end of work at ${now} us after ${this.#maxRounds} rounds; busy: ${busy.join(', ')}`;
  }
}

/** One turn of a host: all input of the batch, then all output, then its programs. */
function turn(host: Host, now: Micros): void {
  for (const port of host.ports) {
    if (!isDue(port, now)) continue;
    const count = port.link.receive(port.sink, now, BATCH);
    // A full batch may have left frames behind; a link need not wake twice for them.
    port.awake = count === BATCH;
  }
  if (host.stack.pending || host.stack.nextDeadline() <= now) host.stack.poll(now);
  for (const hook of host.hooks) hook(now);
}

const isDue = (port: Port, now: Micros): boolean => port.awake || port.link.nextDeadline() <= now;

function whyBusy(host: Host, now: Micros): string {
  if (host.stack.pending) return 'its stack has something to do';
  if (host.stack.nextDeadline() <= now) return 'a timer of its stack is due';
  const port = host.ports.find((candidate) => isDue(candidate, now));
  return port === undefined ? 'idle' : `link ${port.link.name} has frames`;
}

function nextOf(host: Host, now: Micros): Micros {
  let next = host.stack.pending ? now : host.stack.nextDeadline();
  for (const port of host.ports) next = earlier(next, port.awake ? now : port.link.nextDeadline());
  return next;
}
