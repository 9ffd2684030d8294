/**
 * Time of the small operations that every packet pays: `npx tsx scripts/bench/micro.ts [name ...]`.
 *
 * The last column is the ratio to a yardstick measured in the same run (summing 1,460 octets one pair at a time), since bare
 * times say more about the machine and its neighbours than about the code.
 */
import { copyBytes } from '../../src/core/bytes.ts';
import { sumBytes } from '../../src/core/checksum.ts';
import { FramePool } from '../../src/core/frame.ts';
import { SeededRandom } from '../../src/core/random.ts';
import { RangeSet } from '../../src/core/ranges.ts';
import { BufferPool } from '../../src/core/buffers.ts';
import { ByteRing } from '../../src/core/ring.ts';
import { sipHash3 } from '../../src/core/siphash.ts';
import { micros, NEVER } from '../../src/core/time.ts';
import { TimerHeap } from '../../src/core/timers.ts';
import type { TimerOwner } from '../../src/core/timers.ts';
import { cutSegment } from '../../src/link/segmentation.ts';

/** What is measured: `body` does the operation `times` times and returns something that depends on all of them. */
interface Bench {
  readonly name: string;
  readonly body: (times: number) => number;
}

const ROUNDS = 9;
const ROUND_NS = 20e6;

const packet = Uint8Array.from({ length: 70_000 }, (_, i) => i * 7);
const target = new Uint8Array(70_000);
const random = new SeededRandom(1);

const repeat =
  (operation: (i: number) => number) =>
  (times: number): number => {
    let sum = 0;
    for (let i = 0; i < times; i++) sum += operation(i);
    return sum;
  };

function naiveSum(bytes: Uint8Array, at: number, length: number): number {
  let sum = 0;
  for (let i = at; i < at + length; i += 2) sum += (bytes[i]! << 8) | bytes[i + 1]!;
  return sum;
}

function checksums(): Bench[] {
  return [20, 40, 300, 1460, 65_160].map((length) => ({
    name: `checksum ${length}`,
    body: repeat(() => sumBytes(packet, 214, length)),
  }));
}

function copies(): Bench[] {
  return [20, 32, 64, 1460, 65_160].map((length) => ({
    name: `copy ${length}`,
    body: repeat((i) => {
      copyBytes(packet, 5, target, 9, length);
      return target[9 + (i % length)]!;
    }),
  }));
}

function rings(): Bench[] {
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

function rangeSets(): Bench[] {
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

function timers(): Bench[] {
  return [100, 100_000].map((count) => {
    const heap = new TimerHeap();
    const owners = Array.from({ length: count }, (): TimerOwner => {
      return { deadline: NEVER, heapIndex: -1, onDeadline: () => undefined };
    });
    for (const owner of owners) heap.schedule(owner, micros(random.u32()));
    const body = repeat((i) => {
      heap.schedule(owners[(i * 7919) % count]!, micros((i * 2654435761) % 4e9));
      return heap.next();
    });
    return { name: `timer moved among ${count}`, body };
  });
}

function frames(): Bench[] {
  const pool = new FramePool();
  const segment = pool.acquire(65_000);
  segment.end = segment.start + 54 + 64_240;
  segment.bytes.set([8, 0, 0x45, 0, 0xfb, 0x18], segment.start + 12);
  segment.bytes[segment.start + 23] = 6;
  segment.bytes[segment.start + 46] = 0x50;
  segment.gsoSize = 1460;
  return [
    {
      name: 'frame acquire + release',
      body: repeat(() => {
        const frame = pool.acquire(1500);
        frame.release();
        return frame.start;
      }),
    },
    {
      name: 'cut 64 KiB into 44 frames',
      body: repeat(() => (cutSegment(segment, (piece) => piece.release(), micros(0)) ? 1 : 0)),
    },
  ];
}

const BENCHES: Bench[] = [
  { name: 'yardstick: 1460 octets summed in pairs', body: repeat(() => naiveSum(packet, 214, 1460)) },
  ...checksums(),
  ...copies(),
  ...rings(),
  ...rangeSets(),
  ...timers(),
  { name: 'siphash of three words', body: repeat((i) => sipHash3([1, 2, 3, 4], i, 5, 6)) },
  { name: 'random u32', body: repeat(() => random.u32()) },
  ...frames(),
];

/** The least time of one operation (ns) over some rounds: what disturbs a round only makes it longer. */
function measure({ body }: Bench): number {
  let times = 1;
  let used = elapsed(body, times);
  while (used < ROUND_NS / 4) {
    times *= 2;
    used = elapsed(body, times);
  }
  times = Math.max(1, Math.round((times * ROUND_NS) / used));
  let best = Infinity;
  for (let round = 0; round < ROUNDS; round++) best = Math.min(best, elapsed(body, times) / times);
  return best;
}

let sink = 0;

function elapsed(body: Bench['body'], times: number): number {
  const start = process.hrtime.bigint();
  sink += body(times);
  return Number(process.hrtime.bigint() - start);
}

const wanted = process.argv.slice(2);
const yardstick = measure(BENCHES[0]!);
for (const bench of BENCHES) {
  if (wanted.length > 0 && !wanted.some((word) => bench.name.includes(word))) continue;
  const time = bench === BENCHES[0] ? yardstick : measure(bench);
  const ratio = (time / yardstick).toPrecision(3);
  console.log(`${bench.name.padEnd(40)} ${time.toFixed(1).padStart(10)} ns/op ${ratio.padStart(10)}`);
}
if (!Number.isFinite(sink)) console.log('(infinite)');
