/**
 * Memory of idle connections: 10,000 established by the kernel to a tapstack host, or to Node's own net as the yardstick. Each
 * has been accepted and waits in a receive call; counted is what the collector leaves of heap and external memory.
 */
import { DISCARD_PORT } from '../../src/app/discard.ts';
import type { Figure, Sample } from './figure.ts';
import { TARGET, startPeer } from './place.ts';
import type { Place } from './place.ts';
import { answeringNet, answeringTapstack, ask } from './server.ts';

const COUNT = 10_000;
/** Wanted of heap and external memory (octets). */
const HEAP_MOST = 2048;

const options = { offload: true, pinned: false };

/** What is counted: what the collector answers for, or all memory of the process, where native handles count too. */
type Kind = 'heap' | 'rss';

const figure = (kind: Kind, what: string): Figure => ({
  name: `idle-${kind}`,
  title: `${what} per idle connection (of ${COUNT.toLocaleString('en')})`,
  unit: 'octets',
  better: 'less',
  ...(kind === 'heap' && { bars: [{ most: HEAP_MOST }] }),
  open: () =>
    Promise.resolve({
      contestants: [
        {
          name: 'tapstack',
          measure: async () => memoryOf(kind, await answeringTapstack(options)),
        },
        {
          name: 'node:net',
          measure: async () => memoryOf(kind, await answeringNet(options)),
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
    const before = await ask(place.server, 'memory');
    let after = before;
    await withIdle(place, COUNT, async () => {
      after = await ask(place.server, 'memory');
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
