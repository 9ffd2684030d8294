/**
 * Memory of idle connections: 10,000 established by the kernel to a tapstack host, or to Node's own net as the yardstick. Each
 * has been accepted and waits in a receive call; counted is what the collector leaves of heap and external memory.
 *
 * Run as a program this is the server: it serves on port 9 and answers each line of its input with octets in use.
 */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { argv, execPath, memoryUsage, stdin, stdout } from 'node:process';
import { fileURLToPath } from 'node:url';
import { DISCARD_PORT, startTcpDiscard } from '../../src/app/discard.ts';
import { tap } from '../../src/link/tap.ts';
import { createHost } from '../../src/node/host.ts';
import type { Figure, Sample } from './figure.ts';
import { TARGET, programPlace, startPeer, vethPlace } from './place.ts';
import type { Place } from './place.ts';

const COUNT = 10_000;
const SELF = fileURLToPath(import.meta.url);
const NODE_OPTIONS = ['--expose-gc', '--import', 'tsx', SELF, 'serve'];

const options = { offload: true, pinned: false };

/** What is counted: what the collector answers for, or all memory of the process, where native handles count too. */
type Kind = 'heap' | 'rss';

const figure = (kind: Kind, what: string): Figure => ({
  name: `idle-${kind}`,
  title: `${what} per idle connection (of ${COUNT.toLocaleString('en')})`,
  unit: 'octets',
  better: 'less',
  open: () =>
    Promise.resolve({
      contestants: [
        {
          name: 'tapstack',
          measure: async () => memoryOf(kind, await programPlace([...NODE_OPTIONS, 'tapstack'], options)),
        },
        {
          name: 'node:net',
          measure: async () => memoryOf(kind, await vethPlace(execPath, [...NODE_OPTIONS, 'net'], options)),
        },
      ],
      warmUp: false,
      close: () => Promise.resolve(),
    }),
});

export const IDLE_FIGURES: readonly Figure[] = [figure('heap', 'heap and external memory'), figure('rss', 'RSS')];

/** What a place's memory grows by for each connection. */
async function memoryOf(kind: Kind, place: Place): Promise<Sample> {
  try {
    // The first connections load code and grow tables.
    await withIdle(place, 500, () => Promise.resolve());
    const before = await inUse(place);
    let after = before;
    await withIdle(place, COUNT, async () => {
      after = await inUse(place);
    });
    if (after.clients !== COUNT) throw new Error(`only ${after.clients} of ${COUNT} connections were accepted`);
    return { value: (after[kind] - before[kind]) / COUNT };
  } finally {
    await place.close();
  }
}

async function withIdle(place: Place, count: number, use: () => Promise<void>): Promise<void> {
  const peer = startPeer(place, ['idle', TARGET, DISCARD_PORT, count]);
  try {
    await peer.line('open');
    await use();
  } finally {
    await peer.end();
  }
}

interface InUse {
  readonly clients: number;
  readonly heap: number;
  readonly rss: number;
}

const inUse = async (place: Place): Promise<InUse> => JSON.parse(await place.server.ask('memory')) as InUse;

async function serve(kind: string): Promise<void> {
  const clients = kind === 'tapstack' ? await serveTapstack() : await serveNet();
  const questions = createInterface({ input: stdin });
  const answer = async (): Promise<void> => {
    await settle();
    const { heapUsed, external, rss } = memoryUsage();
    stdout.write(`${JSON.stringify({ clients: clients(), heap: heapUsed + external, rss })}\n`);
  };
  questions.on('line', () => void answer());
  stdout.write('ready\n');
  await once(questions, 'close');
  process.exit(0);
}

/** Each returns a function that tells the number of clients. */
async function serveTapstack(): Promise<() => number> {
  const host = await createHost({ link: await tap('tap0'), address: `${TARGET}/24` });
  const service = startTcpDiscard(host.sockets, { maxClients: 2 * COUNT });
  return () => service.counters.clients;
}

async function serveNet(): Promise<() => number> {
  let clients = 0;
  const server = createServer((socket) => {
    clients++;
    socket.on('error', () => undefined).on('close', () => clients--);
    socket.resume();
  });
  server.listen(DISCARD_PORT, 4096);
  await once(server, 'listening');
  return () => clients;
}

/** Lets the collector do what it can. */
async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) {
    globalThis.gc?.();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

if (argv[1] === SELF) await serve(argv[3] ?? '');
