/**
 * 10,000 connections that all move octets at once: how much they get through together, and how evenly it is shared.
 */
import { fileURLToPath } from 'node:url';
import type { Contestant, Figure, Sample } from './figure.ts';
import { TARGET, tapstackPlace, vethPlace } from './place.ts';
import type { Place } from './place.ts';
import { PORTS } from './server.ts';
import { jain, median } from './statistics.ts';

const COUNT = 10_000;
/**
 * A measurement is so much longer than others: a turn of all connections takes seconds, and each is to have many. Before it they have
 * twice the time that others measure to get over their common start, at which all fill the queue at once.
 */
const LONGER = 10;
/** Frames for which the kernel has room: a full first window for each, so that nothing is lost to the start. */
const QUEUE = 200_000;
/** To open them all (s). */
const PATIENCE = 120;
const CROWD = fileURLToPath(new URL('crowd.py', import.meta.url));
const FAIR = { detail: "Jain's index", least: 0.9 };

interface Shares {
  /** Octets of each connection. */
  readonly shares: readonly number[];
  readonly span: number;
}

async function crowd(place: Place, direction: 'in' | 'out', port: number, seconds: number): Promise<Sample> {
  const warmUp = 2 * seconds;
  const args = [CROWD, direction, TARGET, `${port}`, `${COUNT}`, `${seconds * LONGER}`, `${warmUp}`];
  const timeout = (warmUp + seconds * LONGER + PATIENCE) * 1000;
  const { code, stdout, stderr } = await place.namespace.exec('python3', args, { timeout });
  if (code !== 0) throw new Error(`crowd.py: ${stderr.trim().split('\n').at(-1) ?? ''}`);
  const { shares, span } = JSON.parse(stdout) as Shares;
  const octets = shares.reduce((sum, share) => sum + share, 0);
  const idle = shares.filter((share) => share === 0).length;
  const details = { [FAIR.detail]: jain(shares), 'moved nothing': idle, 'octets of the median': median(shares) };
  return { value: (octets * 8) / span / 1e9, details };
}

const figure = (direction: 'in' | 'out', port: number): Figure => {
  const options = { offload: true, pinned: false, queue: QUEUE };
  // A host of its own for each measurement: the connections of the one before take a while to go.
  const contestant = (name: string, open: () => Promise<Place>): Contestant => ({
    name,
    measure: async (seconds) => {
      const place = await open();
      try {
        return await crowd(place, direction, port, seconds);
      } finally {
        await place.close();
      }
    },
  });
  return {
    name: `busy-${direction}`,
    title: `${COUNT.toLocaleString('en')} busy connections, TCP ${direction}`,
    unit: 'Gbit/s',
    better: 'more',
    bars: [FAIR],
    open: () =>
      Promise.resolve({
        contestants: [
          contestant('tapstack', () => tapstackPlace(options)),
          contestant('kernel', () => vethPlace('python3', [CROWD, 'serve'], options)),
        ],
        warmUp: false,
        close: () => Promise.resolve(),
      }),
  };
};

export const BUSY_FIGURES: readonly Figure[] = [figure('in', PORTS.discard), figure('out', PORTS.chargen)];
