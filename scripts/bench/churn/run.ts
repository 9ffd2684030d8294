/**
 * Connections that are opened, used and closed, batch by batch, between two stacks in memory; what memory they leave. Run as a program it
 * prints a line of JSON (`Mark`) at each tenth of them:
 *
 *     run.ts CONNECTIONS
 *
 * The clock goes on by ten milliseconds for each, so that TIME-WAIT (a minute) fills with 6,000 and then loses as many as come. In turns
 * it is the client and the server that closes first and waits.
 */
import { argv, memoryUsage, stdout } from 'node:process';
import { fileURLToPath } from 'node:url';
import { MS } from '../../../src/core/time.ts';
import type { Stack } from '../../../src/stack/stack.ts';
import { memoryInUse } from '../own-process.ts';
import { BATCH, Pair } from '../pair.ts';
import type { Connection } from '../pair.ts';

/** How things are after so many connections. Octets. */
export interface Mark {
  readonly connections: number;
  readonly rss: number;
  /** Heap and external memory that the collector leaves. */
  readonly heap: number;
  /** Connections that either stack still keeps, all in TIME-WAIT. */
  readonly kept: number;
  /** Since the start (s). */
  readonly elapsed: number;
}

export const SELF = fileURLToPath(import.meta.url);
/** Virtual time for each connection (us): the rate at which real ones might come. */
const PACE = 10 * MS;
const MESSAGE = 64;
/** Marks that are taken. */
const MARKS = 10;

const message = new Uint8Array(MESSAGE);

/** There and back, then both ends close, `first` before the other. */
function use(pair: Pair, connections: readonly Connection[], clientFirst: boolean): void {
  const { client, server } = pair;
  const move = (from: Stack, to: Stack, fds: readonly (readonly [number, number])[]): void => {
    for (const [fd] of fds) from.calls.send(fd, message);
    pair.settle();
    for (const [, fd] of fds) {
      const got = to.calls.recv(fd, message);
      if (got !== MESSAGE) throw new Error(`${got} octets came of ${MESSAGE}`);
    }
  };
  move(client, server, connections);
  const back = connections.map(([near, far]) => [far, near] as const);
  move(server, client, back);
  const [first, second] = clientFirst ? [client, server] : [server, client];
  const order = clientFirst ? connections : back;
  for (const [fd] of order) first.calls.close(fd);
  pair.settle();
  for (const [, fd] of order) second.calls.close(fd);
  pair.settle();
}

function run(count: number): void {
  const pair = new Pair(10 * BATCH);
  // The first finds the other's MAC address, for which only a few packets may wait.
  use(pair, pair.connect(1), true);
  const begin = performance.now();
  let batches = 0;
  for (let done = 0, marks = 1; marks <= MARKS; batches++) {
    const size = Math.min(BATCH, Math.ceil((count * marks) / MARKS) - done);
    use(pair, pair.connect(size), batches % 2 === 0);
    pair.pass(size * PACE);
    done += size;
    if (done < Math.ceil((count * marks) / MARKS)) continue;
    marks++;
    const heap = memoryInUse();
    const kept = [pair.client, pair.server].reduce((sum, { tcp }) => sum + [...tcp.connections()].length, 0);
    const elapsed = (performance.now() - begin) / 1000;
    const mark: Mark = { connections: done, rss: memoryUsage().rss, heap, kept, elapsed };
    stdout.write(`${JSON.stringify(mark)}\n`);
  }
}

if (argv[1] === SELF) run(Number(argv[2]));
