/**
 * What every layer of one stack shares: memory, timers, randomness, counters, tunables. Made once by stack/stack.ts and
 * handed to each layer's constructor; it holds no protocol.
 */
import { makeConfig } from './config.ts';
import type { Config, ConfigOverrides } from './config.ts';
import { Drops } from './drop.ts';
import { FramePool } from './frame.ts';
import type { RandomSource } from './random.ts';
import { BufferPool } from './buffers.ts';
import { TimerHeap } from './timers.ts';
import { Trace } from './trace.ts';
import { trimNowAndThen } from './trimmer.ts';

export interface Context {
  readonly frames: FramePool;
  readonly buffers: BufferPool;
  readonly timers: TimerHeap;
  readonly random: RandomSource;
  readonly drops: Drops;
  readonly trace: Trace;
  readonly config: Config;
}

/** A fresh context; `random` decides whether runs repeat. Throws a RangeError for a tunable out of range. */
export function makeContext(random: RandomSource, overrides?: ConfigOverrides): Context {
  const config = makeConfig(overrides);
  const buffers = new BufferPool(config.tcp.memoryLimit);
  const timers = new TimerHeap();
  trimNowAndThen(buffers, timers);
  return {
    frames: new FramePool(),
    buffers,
    timers,
    random,
    drops: new Drops(),
    trace: new Trace(),
    config,
  };
}
