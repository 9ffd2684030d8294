/**
 * Round trips of a ping while a bulk transfer runs: batches are bounded, so that one flow does not keep another waiting.
 */
import type { Figure } from './figure.ts';
import { openSession } from './network.ts';
import type { Measure } from './network.ts';
import { TARGET, runPeer } from './place.ts';
import { PORTS } from './server.ts';
import { quantile } from './statistics.ts';

/** Seconds between two pings. */
const INTERVAL = 0.002;
/** The transfer takes so long to be under way (s). */
const WARM_UP = 0.5;
/** What is wanted of the 99th percentile (us). */
const P99_MOST = 2000;

const whileBulk =
  (direction: 'in' | 'out', port: number): Measure =>
  async (place, seconds) => {
    const bulk = runPeer(place, [direction, TARGET, port, seconds], seconds);
    await new Promise((resolve) => setTimeout(resolve, WARM_UP * 1000));
    const count = Math.ceil(seconds / INTERVAL);
    const args = ['-n', '-i', `${INTERVAL}`, '-c', `${count}`, '-w', `${Math.ceil(seconds)}`, TARGET];
    const ping = place.namespace.exec('ping', args, { timeout: (seconds + 20) * 1000 });
    const [{ value }, { stdout, stderr }] = await Promise.all([bulk, ping]);
    const times = pingTimes(stdout);
    if (times.length === 0) throw new Error(`ping told no times: ${stdout}${stderr}`.trim());
    return { value: quantile(times, 0.99), details: { 'p50 us': quantile(times, 0.5), 'bulk Gbit/s': value } };
  };

/** Each round trip that ping tells of (us). */
export const pingTimes = (output: string): number[] =>
  Array.from(output.matchAll(/time=([\d.]+) ms/g), ([, ms]) => Number(ms) * 1000);

const figure = (direction: 'in' | 'out', port: number): Figure => ({
  name: `ping-while-${direction}`,
  title: `ping while TCP goes ${direction}, 99th percentile`,
  unit: 'us',
  better: 'less',
  bars: [{ most: P99_MOST }],
  open: () => openSession({ offload: true, pinned: false }, whileBulk(direction, port)),
});

export const LATENCY_FIGURES: readonly Figure[] = [figure('in', PORTS.discard), figure('out', PORTS.chargen)];
