/**
 * Gives back the free buffers of a pool that nobody has needed for a while.
 */
import type { BufferPool } from './buffers.ts';
import { NEVER, SECOND, after, micros } from './time.ts';
import type { Micros } from './time.ts';
import type { TimerHeap, TimerOwner } from './timers.ts';

/** Between two looks. */
const PERIOD = 1 * SECOND;

/** Has the pool keep what it gets back, and trims it every second for as long as it keeps more than for good. */
export function trimNowAndThen(pool: BufferPool, timers: TimerHeap): void {
  let isFirst = false;
  const trimmer: TimerOwner = {
    deadline: NEVER,
    heapIndex: -1,
    onDeadline: (now: Micros) => {
      if (isFirst || pool.trim()) timers.schedule(trimmer, after(now, PERIOD));
      isFirst = false;
    },
  };
  pool.onSurplus = () => {
    if (trimmer.heapIndex >= 0) return;
    // The pool knows no time: the first call, which is due at once, is for finding out.
    isFirst = true;
    timers.schedule(trimmer, micros(0));
  };
}
