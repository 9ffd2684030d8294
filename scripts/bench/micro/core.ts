/**
 * The small operations of core/ and link/ that every packet pays.
 */
import { copyBytes } from '../../../src/core/bytes.ts';
import { sumBytes } from '../../../src/core/checksum.ts';
import { FramePool, HEADROOM, LARGE_FRAME } from '../../../src/core/frame.ts';
import type { Frame } from '../../../src/core/frame.ts';
import { SeededRandom } from '../../../src/core/random.ts';
import { RangeSet } from '../../../src/core/ranges.ts';
import { BufferPool } from '../../../src/core/buffers.ts';
import { ByteRing } from '../../../src/core/ring.ts';
import { sipHash3 } from '../../../src/core/siphash.ts';
import { micros, NEVER } from '../../../src/core/time.ts';
import { TimerHeap } from '../../../src/core/timers.ts';
import type { TimerOwner } from '../../../src/core/timers.ts';
import { Trace } from '../../../src/core/trace.ts';
import type { TraceEvent } from '../../../src/core/trace.ts';
import { cutSegment } from '../../../src/link/segmentation.ts';
import { repeat } from './operation.ts';
import type { Operation } from './operation.ts';

const packet = Uint8Array.from({ length: 70_000 }, (_, i) => i * 7);
const target = new Uint8Array(70_000);
const random = new SeededRandom(1);

function checksums(): Operation[] {
  const frame = new FramePool().acquire(LARGE_FRAME);
  frame.bytes.set(packet.subarray(0, frame.bytes.length));
  return [20, 40, 300, 1460, 65_160].flatMap((length) => [
    { name: `checksum ${length}`, body: repeat(() => sumBytes(packet, 214, length) | 0) },
    { name: `checksum ${length} of a frame`, body: repeat(() => frame.sum(214, length) | 0) },
  ]);
}

function copies(): Operation[] {
  return [20, 32, 64, 1460, 65_160].map((length) => ({
    name: `copy ${length}`,
    body: repeat((i) => {
      copyBytes(packet, 5, target, 9, length);
      return target[9 + (i % length)]!;
    }),
  }));
}

function rings(): Operation[] {
  const pool = new BufferPool();
  const busy = new ByteRing(1 << 20, pool);
  busy.write(packet, 0, 60_000);
  const idle = new ByteRing(1 << 20, pool);
  return [
    {
      name: 'ring write + read 1460',
      body: repeat(() => busy.write(packet, 0, 1460) + busy.read(target, 0, 1460)),
    },
    {
      name: 'ring write + read 1460, from empty',
      body: repeat(() => idle.write(packet, 0, 1460) + idle.read(target, 0, 1460)),
    },
    { name: 'ring peek 1460', body: repeat((i) => busy.peek(i & 8191, target, 0, 1460)) },
  ];
}

function rangeSets(): Operation[] {
  const growing = new RangeSet();
  const holes = new RangeSet();
  for (let i = 0; i < 64; i++) holes.add(i * 2, i * 2 + 1);
  return [
    { name: 'ranges grow at the end', body: repeat((i) => growing.add(i, i + 1)) },
    { name: 'ranges look-up among 64', body: repeat((i) => (holes.has(i & 127) ? 1 : 0)) },
    {
      name: 'ranges fill + reopen among 64',
      body: repeat((i) => {
        const at = (i & 63) * 2 + 1;
        const added = holes.add(at, at + 1);
        holes.remove(at, at + 1);
        return added;
      }),
    },
  ];
}

function timers(): Operation[] {
  return [10, 100_000].map((count) => {
    const heap = new TimerHeap();
    const owners = Array.from({ length: count }, (): TimerOwner => {
      return { deadline: NEVER, heapIndex: -1, onDeadline: () => undefined };
    });
    for (const owner of owners) heap.schedule(owner, micros(random.u32()));
    const body = repeat((i) => {
      heap.schedule(owners[(i * 7919) % count]!, micros((i * 2654435761) % 4e9));
      return heap.next() | 0;
    });
    return { name: `timer moved among ${count.toLocaleString('en')}`, body };
  });
}

/** Fills a frame with a super-segment of 44 MTU segments. */
function fillSegment(segment: Frame): void {
  segment.start = HEADROOM;
  segment.end = segment.start + 54 + 64_240;
  segment.network = segment.transport = -1;
  segment.bytes.set([8, 0, 0x45, 0, 0xfb, 0x18], segment.start + 12);
  segment.bytes[segment.start + 23] = 6;
  segment.bytes[segment.start + 46] = 0x50;
  segment.gsoSize = 1460;
}

function frames(): Operation[] {
  const pool = new FramePool();
  const segment = pool.acquire(65_000);
  const cut = (): number => {
    fillSegment(segment);
    return cutSegment(segment, (piece) => piece.release(), micros(0)) ? 1 : 0;
  };
  return [
    {
      name: 'frame acquire + release',
      body: repeat(() => {
        const frame = pool.acquire(1500);
        frame.release();
        return frame.start;
      }),
    },
    { name: 'cut 64 KiB into 44 frames', body: repeat(cut) },
  ];
}

/** What a place costs that would say something if anybody listened, and what it costs to say it. */
function traces(): Operation[] {
  const silent = new Trace();
  const heard = new Trace();
  let last: TraceEvent | undefined;
  heard.listen((event) => (last = event));
  const say = (trace: Trace, i: number): number => {
    if (trace.enabled) trace.emit(micros(i), 'tcp', 'state', { from: 'LISTEN', to: 'SYN-RECEIVED', cwnd: i });
    return last === undefined ? 0 : 1;
  };
  return [
    { name: 'trace, nobody listens', body: repeat((i) => say(silent, i)) },
    { name: 'trace, somebody listens', body: repeat((i) => say(heard, i)) },
  ];
}

export const CORE_OPERATIONS: readonly Operation[] = [
  ...checksums(),
  ...copies(),
  ...rings(),
  ...rangeSets(),
  ...timers(),
  { name: 'siphash of three words', body: repeat((i) => sipHash3([1, 2, 3, 4], i, 5, 6) | 0) },
  { name: 'random u32', body: repeat(() => random.u32() | 0) },
  ...frames(),
  ...traces(),
];
