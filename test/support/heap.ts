/** Memory that is in use after a full garbage collection. */
import { memoryUsage } from 'node:process';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Octets on the heap and in buffers beside it. */
export function heapInUse(): number {
  collect();
  const { heapUsed, arrayBuffers } = memoryUsage();
  return heapUsed + arrayBuffers;
}

/** Collects what nothing holds any more, and lets those be told who wait for that. */
export async function collectGarbage(): Promise<void> {
  // A frame that an optimized caller has left on the stack goes with the turn of the event loop.
  await new Promise((resolve) => setImmediate(resolve));
  collect();
  await new Promise((resolve) => setImmediate(resolve));
}
