/**
 * The links on which tapstack is held against the kernel: rate x round-trip time x loss, one that reorders, one with a short queue.
 *
 * Both directions have the same rate, delay and probability of loss. Bursts are Gilbert's: loss comes in runs of four frames on average.
 */
import { MS } from '../../../src/core/time.ts';
import type { ImpairSettings } from '../../../src/link/impairment.ts';

export interface Cell {
  /** As the user asks for it: rate (Mbit/s), round-trip time (ms), loss (percent), kind; e.g. '100m-40ms-1-burst'. */
  readonly name: string;
  /** What befalls each direction. */
  readonly settings: ImpairSettings;
  /** Whether it is measured when nobody names cells. */
  readonly telling: boolean;
}

const RATES = [10, 100] as const;
const ROUND_TRIPS = [2, 40, 150] as const;
const LOSSES = [0, 0.1, 1, 3] as const;

/** Mean length of a run of losses in frames. */
const BURST = 4;
/** How much later a reordered frame comes (us): on 100 Mbit/s some 40 frames overtake it. */
const REORDER_DELAY = 5 * MS;
const REORDER_SHARE = 0.05;
const SHORT_QUEUE = 64;

/** Those measured by default: each rate, time, loss and kind at least once. */
const TELLING: readonly string[] = [
  '100m-2ms-1',
  '10m-40ms-1',
  '10m-40ms-3-burst',
  '100m-40ms-0.1',
  '100m-150ms-0',
  '10m-150ms-3',
  '100m-40ms-reorder',
  '100m-40ms-queue64',
];

const line = (rate: number, roundTrip: number): ImpairSettings => ({ rate: rate * 1e6, delay: (roundTrip * MS) / 2 });

/** A channel whose runs of loss have BURST frames on average and that loses the share `loss` of all. */
const bursts = (loss: number): ImpairSettings => ({
  burstLoss: { enter: loss / (BURST * (1 - loss)), leave: 1 / BURST },
});

const cell = (name: string, settings: ImpairSettings): Cell => ({ name, settings, telling: TELLING.includes(name) });

export const CELLS: readonly Cell[] = [
  ...RATES.flatMap((rate) =>
    ROUND_TRIPS.flatMap((roundTrip) =>
      LOSSES.flatMap((loss) => {
        const base = `${rate}m-${roundTrip}ms-${loss}`;
        const plain = line(rate, roundTrip);
        if (loss === 0) return [cell(base, plain)];
        return [cell(base, { ...plain, loss: loss / 100 }), cell(`${base}-burst`, { ...plain, ...bursts(loss / 100) })];
      }),
    ),
  ),
  cell('100m-40ms-reorder', { ...line(100, 40), reordering: REORDER_SHARE, reorderDelay: REORDER_DELAY }),
  cell('100m-40ms-queue64', { ...line(100, 40), queue: { frames: SHORT_QUEUE } }),
];
