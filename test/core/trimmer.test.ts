import { expect } from 'chai';
import { BufferPool } from '../../src/core/buffers.ts';
import { NEVER, SECOND, micros } from '../../src/core/time.ts';
import { TimerHeap } from '../../src/core/timers.ts';
import { trimNowAndThen } from '../../src/core/trimmer.ts';

const KIB = 1024;

describe('core/trimmer', () => {
  it('looks at a pool every second while it keeps more than for good, and never otherwise', () => {
    const pool = new BufferPool(1024 * KIB, 32 * KIB);
    const timers = new TimerHeap();
    trimNowAndThen(pool, timers);
    expect(timers.next()).to.equal(NEVER);
    const buffers = Array.from({ length: 16 }, () => pool.take(8 * KIB));
    for (const buffer of buffers) pool.give(buffer);
    const story: [number, number][] = [];
    for (let now = micros(5 * SECOND); timers.next() !== NEVER; now = timers.next()) {
      timers.expire(now);
      story.push([now / SECOND, pool.usage().free / KIB]);
    }
    expect(story).to.deep.equal([
      [5, 128],
      [6, 128],
      [7, 32],
    ]);
  });

  it('looks no sooner when the pool falls short of it and has more again meanwhile', () => {
    const pool = new BufferPool(1024 * KIB, 32 * KIB);
    const timers = new TimerHeap();
    trimNowAndThen(pool, timers);
    const cycle = (): void => {
      const buffers = Array.from({ length: 16 }, () => pool.take(8 * KIB));
      for (const buffer of buffers) pool.give(buffer);
    };
    cycle();
    timers.expire(micros(5 * SECOND));
    for (let i = 0; i < 3; i++) cycle();
    expect(timers.next()).to.equal(6 * SECOND);
  });
});
