/**
 * `npm run bench -- poll`: what a ready event costs among idle descriptors, in tapstack's epoll and poll, beside the kernel's own.
 *
 * A stack in memory and a Python program on the kernel's sockets do the same rounds; how long a round takes says more about Python and
 * about loopbacks than about epoll. So the shape is what is told: the cost with most idle descriptors by that with fewest. That of epoll
 * is wanted near 1, whoever has it; poll(2) looks at every descriptor at each call, and grows with them.
 */
import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError } from 'commander';
import { createNamespace, hasTap } from '../../../test/support/namespace.ts';
import type { Namespace } from '../../../test/support/namespace.ts';
import { median } from '../statistics.ts';
import { Program } from '../program.ts';
import { describeFacts, gatherFacts } from '../report.ts';
import { Crowd } from './crowd.ts';
import type { Way } from './crowd.ts';

interface Options {
  readonly runs: number;
  readonly seconds: number;
  readonly json: boolean;
}

const IDLE = [100, 1000, 10_000] as const;
const READY = [1, 10, 100] as const;
/** The greatest ratio that passes for no growth; a busy machine's caches alone make for some. */
const NEAR_ONE = 1.25;

/** Measures us per event. */
type Measure = (idle: number, ready: number, seconds: number) => Promise<number>;

interface Contestant {
  readonly name: string;
  /** Whether its cost is wanted to stay the same. */
  readonly flat: boolean;
  readonly measure: Measure;
}

interface Row {
  readonly name: string;
  readonly ready: number;
  /** us per event with 100, 1,000, 10,000 idle descriptors. */
  readonly costs: readonly number[];
  /** Of the last to the first, run by run. */
  readonly ratio: number;
  readonly flat: boolean;
}

const positive = (text: string): number => {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError('Wanted: a number above 0.');
  return value;
};

export const pollCommand = new Command('poll')
  .description('Cost of a ready event among 100 to 10,000 idle descriptors: epoll and poll, here and in the kernel.')
  .option('--runs <number>', 'runs of each measurement', positive, 5)
  .option('--seconds <seconds>', 'length of one measurement', positive, 0.2)
  .option('--json', 'print the results as JSON', false)
  .action(bench);

async function bench({ runs, seconds, json }: Options): Promise<void> {
  const facts = gatherFacts(runs, seconds);
  if (!json) process.stdout.write(`${describeFacts(facts).join('\n')}\n\n`);
  const namespace = hasTap() ? createNamespace() : undefined;
  if (namespace === undefined) process.stderr.write('no namespace can be had (it needs root): without the kernel\n');
  try {
    const contestants = [...own(), ...(namespace === undefined ? [] : await kernel(namespace))];
    const rows: Row[] = [];
    for (const contestant of contestants) {
      for (const ready of READY) rows.push(await measureRow(contestant, ready, runs, seconds));
    }
    process.stdout.write(json ? `${JSON.stringify({ facts, rows }, null, 2)}\n` : `${table(rows)}\n`);
  } finally {
    namespace?.destroy();
  }
}

/** Tapstack's three ways to wait. */
function own(): Contestant[] {
  const crowds = new Map(IDLE.map((idle) => [idle as number, new Crowd(idle)]));
  const measure =
    (way: Way): Measure =>
    (idle, ready, seconds) =>
      crowds.get(idle)!.measure(way, ready, seconds);
  return [
    { name: 'tapstack epoll', flat: true, measure: measure('epoll') },
    { name: 'tapstack epoll, awaited', flat: true, measure: measure('awaited') },
    { name: 'tapstack poll', flat: false, measure: measure('poll') },
  ];
}

async function kernel(namespace: Namespace): Promise<Contestant[]> {
  const peer = new Program(namespace.spawn('python3', [fileURLToPath(new URL('peer.py', import.meta.url))]));
  await peer.line('ready');
  const measure =
    (way: Way): Measure =>
    async (idle, ready, seconds) =>
      Number(await peer.ask(`${way} ${idle} ${ready} ${seconds}`));
  return [
    { name: 'kernel epoll', flat: true, measure: measure('epoll') },
    { name: 'kernel poll', flat: false, measure: measure('poll') },
  ];
}

/** One run after another, each with all numbers of idle descriptors, the first of which (where code gets fast) does not count. */
async function measureRow(
  { name, flat, measure }: Contestant,
  ready: number,
  runs: number,
  seconds: number,
): Promise<Row> {
  const samples: number[][] = [];
  for (let run = 0; run <= runs; run++) {
    const sample: number[] = [];
    for (const idle of IDLE) sample.push(await measure(idle, ready, seconds));
    if (run > 0) samples.push(sample);
  }
  const costs = IDLE.map((_, index) => median(samples.map((sample) => sample[index]!)));
  const ratio = median(samples.map((sample) => sample.at(-1)! / sample[0]!));
  return { name, ready, costs, ratio, flat };
}

function table(rows: readonly Row[]): string {
  const count = (number: number): string => number.toLocaleString('en');
  const heads = ['us per event', 'ready', ...IDLE.map((idle) => `${count(idle)} idle`), 'ratio', 'remarks'];
  const shown = rows.map(({ name, ready, costs, ratio, flat }) => [
    ...[name, String(ready), ...costs.map((cost) => cost.toFixed(cost < 10 ? 2 : 0)), ratio.toFixed(2)],
    flat ? `wanted near 1: ${ratio <= NEAR_ONE ? 'met' : 'missed'}` : 'grows with the idle ones, as it looks at each',
  ]);
  const widths = heads.map((head, column) => Math.max(head.length, ...shown.map((row) => row[column]!.length)));
  const isText = (column: number): boolean => column === 0 || column === heads.length - 1;
  const line = (row: readonly string[]): string =>
    `| ${row.map((text, column) => (isText(column) ? text.padEnd(widths[column]!) : text.padStart(widths[column]!))).join(' | ')} |`;
  const rule = widths.map((width, column) => (isText(column) ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`));
  return [line(heads), `| ${rule.join(' | ')} |`, ...shown.map(line)].join('\n');
}
