/**
 * 100,000 idle connections in one process, two hosts in memory: what each costs in octets, and whether a segment of an active one takes
 * longer among them than among 10. All have keepalive on, so that each has a timer, and 8 are active in turn, as the table of connections
 * knows the last one that it found.
 */
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';
import { errnoName } from '../../src/core/errno.ts';
import { SeededRandom } from '../../src/core/random.ts';
import { NEVER, micros } from '../../src/core/time.ts';
import { parsePrefix } from '../../src/ip/address.ts';
import { cable } from '../../src/link/cable.ts';
import type { FrameSink, Link } from '../../src/link/link.ts';
import type { SocketCalls } from '../../src/socket/calls.ts';
import { AF_INET, SOCK_STREAM, SOL_SOCKET, SO_KEEPALIVE } from '../../src/socket/constants.ts';
import { Stack } from '../../src/stack/stack.ts';
import type { Contestant, Figure, Sample } from './figure.ts';
import { inMemory, inOwnProcess, memoryInUse } from './own-process.ts';

const SELF = fileURLToPath(import.meta.url);
const MANY = 100_000;
const FEW = 10;
const ACTIVE = 8;
/** Ports that are listened to; one has no room for so many clients of one address. */
const PORTS = 10;
const FIRST_PORT = 7000;
/** Connections made at once: what a listener's backlog holds. */
const BATCH = 100;
/** Round trips until code is fast. */
const WARM_UP = 20_000;
const MESSAGE = 64;
/** To make them all (s). */
const PATIENCE = 300;
const count = (number: number): string => number.toLocaleString('en');

const among = (kind: string, name: string, connections: number): Contestant => ({
  name,
  measure: (seconds) => inOwnProcess(SELF, ['run', kind, connections, seconds], seconds + PATIENCE),
});

export const CROWD_FIGURES: readonly Figure[] = [
  inMemory(
    {
      name: 'crowd-time',
      title: `segment of an active connection among ${count(MANY)} idle ones`,
      unit: 'ns',
      better: 'less',
      bars: [{ against: `among ${FEW}`, most: 1.3 }],
    },
    [among('time', 'tapstack', MANY), among('time', `among ${FEW}`, FEW)],
  ),
  inMemory(
    {
      name: 'crowd-memory',
      title: `an end of ${count(MANY)} idle connections`,
      unit: 'octets',
      better: 'less',
      bars: [{ most: 2048 }],
    },
    [among('memory', 'tapstack', MANY), among('memory', `of ${count(MANY / 10)}`, MANY / 10)],
  ),
];

/** Two stacks on a cable, turned by hand as stack/driver.ts does it, on a clock that goes on by itself. */
class Pair {
  readonly client = newStack(1);
  readonly server = newStack(2);
  readonly listeners: readonly number[];
  frames = 0;
  #now = micros(1);
  readonly #ends: readonly (readonly [stack: Stack, link: Link, sink: FrameSink])[];

  constructor() {
    const links = cable();
    this.#ends = [this.client, this.server].map((stack, i) => {
      const link = links[i]!;
      link.start(() => undefined);
      stack.addLink(link);
      stack.ip.addAddress(stack.ports[0]!.network, parsePrefix(`10.0.0.${i + 1}/24`)!, {}, this.#now);
      const sink: FrameSink = (frame, now) => {
        this.frames++;
        stack.receive(0, frame, now);
      };
      return [stack, link, sink] as const;
    });
    this.listeners = Array.from({ length: PORTS }, (_, i) => listen(this.server.calls, FIRST_PORT + i));
    this.settle();
  }

  /** Until nothing is left to do but wait, and nothing is under way. */
  settle(): void {
    do {
      this.#now = micros(this.#now + 10);
      for (const [stack, link, sink] of this.#ends) {
        link.receive(sink, this.#now, 64);
        stack.poll(this.#now);
        stack.calls.deliver();
      }
    } while (this.#ends.some(([stack, link]) => stack.pending || link.nextDeadline() !== NEVER));
  }
}

const newStack = (seed: number): Stack =>
  new Stack({ random: new SeededRandom(seed), config: { socket: { maxDescriptors: 2 * MANY } } });

/** A connection, by its descriptor at either end. */
type Connection = readonly [client: number, server: number];

function connectAll(pair: Pair, connections: number): Connection[] {
  const { client, server } = pair;
  const made: Connection[] = [];
  for (let batch = 0; made.length < connections; batch++) {
    const listener = batch % PORTS;
    const fds = Array.from({ length: Math.min(BATCH, connections - made.length) }, () =>
      connect(client.calls, FIRST_PORT + listener),
    );
    pair.settle();
    for (const fd of fds) {
      const accepted = server.calls.accept(pair.listeners[listener]!);
      if (accepted < 0) throw new Error(`connection ${made.length} was not accepted: ${accepted}`);
      server.calls.setsockopt(accepted, SOL_SOCKET, SO_KEEPALIVE, true);
      made.push([fd, accepted]);
    }
  }
  pair.settle();
  return made;
}

function listen(calls: SocketCalls, port: number): number {
  const fd = calls.socket(AF_INET, SOCK_STREAM, 0);
  calls.bind(fd, { address: '0.0.0.0', port });
  calls.listen(fd, BATCH);
  return fd;
}

function connect(calls: SocketCalls, port: number): number {
  const fd = calls.socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0) throw new Error(`no socket: ${fd}`);
  calls.setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, true);
  const result = calls.connect(fd, { address: '10.0.0.2', port });
  if (errnoName(result) !== 'EINPROGRESS') throw new Error(`connect: ${errnoName(result)}`);
  return fd;
}

const message = new Uint8Array(MESSAGE);

/** There and back on one connection. */
function roundTrip(pair: Pair, [from, to]: Connection): void {
  pair.client.calls.send(from, message);
  pair.settle();
  const came = pair.server.calls.recv(to, message);
  pair.server.calls.send(to, message);
  pair.settle();
  const returned = pair.client.calls.recv(from, message);
  if (came !== MESSAGE || returned !== MESSAGE) throw new Error(`a round trip moved ${came} and ${returned} octets`);
}

function run(kind: string, connections: number, seconds: number): Sample {
  const pair = new Pair();
  connectAll(pair, FEW);
  const before = memoryInUse();
  const made = connectAll(pair, connections);
  const octets = (memoryInUse() - before) / (2 * connections);
  if (kind === 'memory') return { value: octets };
  // Far apart, so that they share no cache line.
  const active = Array.from({ length: ACTIVE }, (_, i) => made[Math.floor((i * made.length) / ACTIVE)]!);
  for (let i = 0; i < WARM_UP; i++) roundTrip(pair, active[i % ACTIVE]!);
  const frames = pair.frames;
  const begin = performance.now();
  let elapsed = 0;
  for (let i = 0; elapsed < seconds * 1000; i++) {
    roundTrip(pair, active[i % ACTIVE]!);
    elapsed = performance.now() - begin;
  }
  return { value: (elapsed * 1e6) / (pair.frames - frames) };
}

if (argv[1] === SELF) process.stdout.write(JSON.stringify(run(argv[3] ?? '', Number(argv[4]), Number(argv[5]))));
