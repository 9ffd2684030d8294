/**
 * 100,000 idle connections in one process, two hosts in memory: what each costs in octets, and whether a segment of an active one takes
 * longer among them than among 10. All have keepalive on, so that each has a timer, and 8 are active in turn, as the table of connections
 * knows the last one that it found. They are left alone for a while before anything is measured: what was measured of the handshake is kept
 * until a timer finds nothing in flight.
 */
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';
import { MINUTE } from '../../src/core/time.ts';
import type { SocketCalls } from '../../src/socket/calls.ts';
import { SOL_SOCKET, SO_KEEPALIVE } from '../../src/socket/constants.ts';
import type { Contestant, Figure, Sample } from './figure.ts';
import { inMemory, inOwnProcess, memoryInUse } from './own-process.ts';
import { BATCH, Pair } from './pair.ts';
import type { Connection } from './pair.ts';

const SELF = fileURLToPath(import.meta.url);
const MANY = 100_000;
const FEW = 10;
const ACTIVE = 8;
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

/** Each with keepalive on, so that it has a timer; then they are idle for a minute. */
function connectAll(pair: Pair, connections: number): Connection[] {
  const made: Connection[] = [];
  while (made.length < connections) {
    made.push(...pair.connect(Math.min(BATCH, connections - made.length), keepAlive));
  }
  pair.pass(MINUTE);
  return made;
}

const keepAlive = (calls: SocketCalls, fd: number): void => {
  calls.setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, true);
};

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
  const pair = new Pair(2 * MANY);
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
