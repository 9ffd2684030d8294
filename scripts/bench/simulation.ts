/**
 * Two hosts on a simulated cable with loss: MTU segments per second of wall time, all connections together, with recovery as it is by
 * default (SACK, RACK-TLP, PRR, F-RTO). The yardstick is the simulator without a stack: the same cable and losses, frames that nobody looks at.
 */
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';
import { Drops } from '../../src/core/drop.ts';
import { FramePool } from '../../src/core/frame.ts';
import type { Frame } from '../../src/core/frame.ts';
import { NEVER, after, micros } from '../../src/core/time.ts';
import type { Micros } from '../../src/core/time.ts';
import { Simulation } from '../../src/lab/simulator.ts';
import { addHost } from '../../src/lab/topology.ts';
import type { LabHost } from '../../src/lab/topology.ts';
import { cable } from '../../src/link/cable.ts';
import { impair } from '../../src/link/impair.ts';
import type { Link } from '../../src/link/link.ts';
import { tee } from '../../src/link/tee.ts';
import { AF_INET, SOCK_STREAM } from '../../src/socket/constants.ts';
import type { StackSurface } from '../../src/stack/surface.ts';
import { Readiness } from '../../src/tcp/service.ts';
import type { Figure, Sample } from './figure.ts';
import { inMemory, inOwnProcess } from './own-process.ts';

const SELF = fileURLToPath(import.meta.url);
const LOSS = 0.001;
/** Of one direction (us). */
const DELAY = 1000;
/** Each direction; fast enough that losses, not the line, set the pace. */
const BANDWIDTH = 10e9;
/** Interrupt moderation as network cards of that rate have it (us). */
const MODERATED = 50;
const CONNECTIONS = 10;
const PORT = 5001;
/** Virtual time that passes before the real one is looked at (us). */
const STRIDE = 5000;
/** Real time until code is fast (ms). */
const WARM_UP = 3000;
const WANTED = 500_000;
const MTU_FRAME = 1514;
const CHUNK = 65_536;

const measure = (kind: string, interval: number) => ({
  name: kind === 'stack' ? 'tapstack' : 'no stack',
  measure: (seconds: number) => inOwnProcess(SELF, ['run', kind, interval, seconds], seconds + 60),
});

const figure = (name: string, how: string, interval: number): Figure =>
  inMemory(
    {
      name,
      title: `simulated MTU segments, ${CONNECTIONS} connections, 0.1 % lost, ${how}`,
      unit: '/s',
      better: 'more',
      bars: [{ least: WANTED }],
    },
    [measure('stack', interval), measure('bare', interval)],
  );

export const SIMULATION_FIGURES: readonly Figure[] = [
  figure('simulator', 'each taken when it comes', 0),
  figure('simulator-moderated', `interrupts ${MODERATED} us apart`, MODERATED),
];

interface World {
  readonly simulation: Simulation;
  /** Large frames that have arrived, and all frames that either end has sent. */
  readonly counts: { large: number; sent: number };
}

function world(interruptInterval: number, populate: (simulation: Simulation, left: Link, right: Link) => void): World {
  const simulation = new Simulation({ seed: 1 });
  const drops = new Drops();
  const counts = { large: 0, sent: 0 };
  const [left, right] = cable({
    delay: DELAY,
    bandwidth: BANDWIDTH,
    interruptInterval,
    drops,
  });
  const settings = { loss: LOSS };
  const near = impair(left, { outgoing: settings, incoming: settings, random: simulation.random.fork(), drops });
  const counted = (link: Link): Link =>
    tee(link, (direction, frame) => {
      if (direction === 'out') counts.sent++;
      else if (frame.length === MTU_FRAME) counts.large++;
    });
  populate(simulation, counted(near), counted(right));
  return { simulation, counts };
}

function stacks(simulation: Simulation, left: Link, right: Link): void {
  const client = addHost(simulation, 'client', [{ link: left, address: '10.0.0.1/24' }]);
  const server = addHost(simulation, 'server', [{ link: right, address: '10.0.0.2/24' }]);
  discard(server);
  for (let i = 0; i < CONNECTIONS; i++) send(client, server.address);
}

function discard({ calls }: LabHost): void {
  const buffer = new Uint8Array(CHUNK);
  const listener = calls.socket(AF_INET, SOCK_STREAM, 0);
  calls.bind(listener, { address: '0.0.0.0', port: PORT });
  calls.listen(listener, CONNECTIONS);
  const read = (fd: number): void => {
    while (calls.recv(fd, buffer) > 0);
    calls.wait(fd, Readiness.Readable, () => read(fd));
  };
  const accept = (): void => {
    for (let fd = calls.accept(listener); fd >= 0; fd = calls.accept(listener)) read(fd);
    calls.wait(listener, Readiness.Readable, accept);
  };
  accept();
}

function send({ calls }: LabHost, address: string): void {
  const bytes = new Uint8Array(CHUNK);
  const fd = calls.socket(AF_INET, SOCK_STREAM, 0);
  const write = (): void => {
    while (calls.send(fd, bytes) > 0);
    calls.wait(fd, Readiness.Writable, write);
  };
  calls.connect(fd, { address, port: PORT });
  calls.wait(fd, Readiness.Writable, write);
}

/** What the source sends at once, and how often (us): about what a host with a stack gets through a line like this. */
const BURST = 64;
const EVERY = 100;

/** Sends large frames at fixed times, and takes whatever comes. */
class Source implements StackSurface {
  readonly pending = false;
  readonly #pool = new FramePool();
  readonly #link: Link;
  #next = micros(0);

  constructor(link: Link) {
    this.#link = link;
  }

  receive(_port: number, frame: Frame): void {
    frame.release();
  }

  poll(now: Micros): void {
    if (now < this.#next) return;
    this.#next = after(now, EVERY);
    for (let i = 0; i < BURST; i++) this.#link.send(frameOf(this.#pool, MTU_FRAME), now);
  }

  nextDeadline(): Micros {
    return this.#next;
  }
}

/** Answers every second frame with a small one. */
class Sink implements StackSurface {
  readonly #pool = new FramePool();
  readonly #link: Link;
  #owed = 0;

  constructor(link: Link) {
    this.#link = link;
  }

  get pending(): boolean {
    return this.#owed >= 2;
  }

  receive(_port: number, frame: Frame): void {
    this.#owed++;
    frame.release();
  }

  poll(now: Micros): void {
    for (; this.#owed >= 2; this.#owed -= 2) this.#link.send(frameOf(this.#pool, 66), now);
  }

  nextDeadline(): Micros {
    return NEVER;
  }
}

function frameOf(pool: FramePool, length: number): Frame {
  const frame = pool.acquire(length);
  frame.end = frame.start + length;
  return frame;
}

function bare(simulation: Simulation, left: Link, right: Link): void {
  simulation.add('source', new Source(left), [left]);
  simulation.add('sink', new Sink(right), [right]);
}

function run(kind: string, interval: number, seconds: number): Sample {
  const { simulation, counts } = world(interval, kind === 'stack' ? stacks : bare);
  pass(simulation, WARM_UP);
  const before = { ...counts };
  const virtual = simulation.now;
  const elapsed = pass(simulation, seconds * 1000);
  const large = counts.large - before.large;
  return {
    value: large / elapsed,
    details: {
      'all frames/s': (counts.sent - before.sent) / elapsed,
      'virtual Gbit/s': (large * MTU_FRAME * 8) / (simulation.now - virtual) / 1000,
    },
  };
}

/** Lets the simulation run for so many milliseconds of real time; returns the seconds that it took. */
function pass(simulation: Simulation, span: number): number {
  const begin = performance.now();
  while (performance.now() - begin < span) simulation.runFor(STRIDE);
  return (performance.now() - begin) / 1000;
}

if (argv[1] === SELF) process.stdout.write(JSON.stringify(run(argv[3] ?? '', Number(argv[4]), Number(argv[5]))));
