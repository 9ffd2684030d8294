/** Acknowledgments as the sender would tell them. */
import { MS, micros } from '../../../src/core/time.ts';
import type { AckSample } from '../../../src/tcp/congestion/control.ts';

export const SMSS = 1000;

/** One segment acknowledged after 100 ms, of a window that was used up. */
export function ackOf(changes: Partial<AckSample> = {}): AckSample {
  return {
    acked: SMSS,
    flightSize: 1e9,
    rtt: micros(100 * MS),
    srtt: micros(100 * MS),
    roundStart: false,
    ackTrain: micros(0),
    cwndLimited: true,
    peakFlight: 1e9,
    afterTimeout: false,
    echoed: false,
    ...changes,
  };
}
