/**
 * Measures a small operation: time, and octets that it allocates.
 */
import { CollectorWatch } from '../collector.ts';

/** What is measured: `body` does the operation `times` times and returns something that depends on all of them. */
export interface Operation {
  readonly name: string;
  readonly body: (times: number) => number;
}

export interface Measured {
  readonly name: string;
  /** Nanoseconds of one operation. */
  readonly time: number;
  /** Octets on the heap that it allocates; contents of typed arrays, which lie elsewhere, are not among them. */
  readonly octets: number;
  /** Its time by the yardstick's. */
  readonly ratio: number;
}

/**
 * The operation many times. Its result should be a 32-bit integer: any other number may be put on the heap between it and the loop,
 * which would be measured as its own.
 */
export const repeat =
  (operation: (i: number) => number) =>
  (times: number): number => {
    let sum = 0;
    for (let i = 0; i < times; i++) sum = (sum + operation(i)) | 0;
    return sum;
  };

const ROUNDS = 9;
const ROUND_NS = 20e6;
/** Of these the least counts, too: code that waits for its compiler puts numbers on the heap which it does not afterwards. */
const ALLOCATION_ROUNDS = 3;

/**
 * The least time over some rounds, since what disturbs a round only makes it longer. The yardstick is measured between the rounds, so
 * that both meet the machine at its fastest.
 */
export function measure(operation: Operation, yardstick: Operation): Measured {
  const times = timesPerRound(operation);
  const yardstickTimes = timesPerRound(yardstick);
  let time = Infinity;
  let yardstickTime = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    time = Math.min(time, elapsed(operation, times) / times);
    yardstickTime = Math.min(yardstickTime, elapsed(yardstick, yardstickTimes) / yardstickTimes);
  }
  const octets = Math.min(...Array.from({ length: ALLOCATION_ROUNDS }, () => allocated(operation, times)));
  return { name: operation.name, time, octets, ratio: time / yardstickTime };
}

/** Octets on the heap for each operation. */
function allocated(operation: Operation, times: number): number {
  const watch = new CollectorWatch();
  watch.begin();
  elapsed(operation, times);
  return watch.end().allocated / times;
}

/** As many as take about ROUND_NS. */
function timesPerRound(operation: Operation): number {
  let times = 1;
  let used = elapsed(operation, times);
  while (used < ROUND_NS / 4) {
    times *= 2;
    used = elapsed(operation, times);
  }
  return Math.max(1, Math.round((times * ROUND_NS) / used));
}

/** Keeps the compiler from leaving out what nobody looks at. */
let sink = 0;

function elapsed({ body }: Operation, times: number): number {
  const start = process.hrtime.bigint();
  sink = (sink + body(times)) | 0;
  return Number(process.hrtime.bigint() - start);
}
