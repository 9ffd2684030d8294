/**
 * `npm run bench -- links`: tapstack's TCP beside the kernel's CUBIC on the same bad links.
 *
 * In each cell the kernel sends to the kernel, tapstack to the kernel and the kernel to tapstack, in turn, with the same seeds. The
 * ratio is tapstack's median goodput by the kernel's; whether it is what is wanted is judged by the ratios of the seeds, since a handful
 * of losses more or less makes one run half as fast as the next. With --self the kernel takes tapstack's place: its ratio to itself
 * is the error of the bench.
 */
import { Command, InvalidArgumentError } from 'commander';
import type { ConfigOverrides } from '../../../src/core/config.ts';
import { hasTap } from '../../../test/support/namespace.ts';
import { judge, median } from '../statistics.ts';
import type { Verdict } from '../statistics.ts';
import { describeFacts, gatherFacts } from '../report.ts';
import { Arena } from './arena.ts';
import type { Kind, RunResult } from './arena.ts';
import { CELLS } from './cells.ts';
import type { Cell } from './cells.ts';
import { geometricMean, head, row } from './table.ts';
import { beUrgent } from './urgency.ts';

interface Options {
  readonly full: boolean;
  readonly cells: readonly string[];
  readonly seeds: number;
  readonly seconds: number;
  readonly config: ConfigOverrides;
  readonly trace?: string;
  readonly self: boolean;
  readonly json: boolean;
}

/** Who sends to whom. The first is the yardstick. */
export interface Pairing {
  readonly name: string;
  readonly sender: Kind;
  readonly receiver: Kind;
}

export interface CellResult {
  readonly cell: string;
  readonly outcomes: readonly Outcome[];
}

export interface Outcome {
  readonly name: string;
  /** Median (bit/s). */
  readonly goodput: number;
  /** By the yardstick's; 1 for the yardstick. */
  readonly ratio: number;
  /** Whether the ratio is at least WANTED, nine times in ten; undefined for the yardstick. */
  readonly verdict: Verdict | undefined;
  readonly runs: readonly RunResult[];
}

/** Least ratio that is wanted in each cell. */
const WANTED = 0.95;

const KERNEL: Pairing = { name: 'kernel', sender: 'kernel', receiver: 'kernel' };
const PAIRINGS: readonly Pairing[] = [
  KERNEL,
  { name: 'tapstack sends', sender: 'tapstack', receiver: 'kernel' },
  { name: 'tapstack receives', sender: 'kernel', receiver: 'tapstack' },
];
const SELF: readonly Pairing[] = [KERNEL, { ...KERNEL, name: 'kernel again' }];

const positive = (text: string): number => {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError('Wanted: a number above 0.');
  return value;
};

const json = (text: string): ConfigOverrides => {
  try {
    return JSON.parse(text) as ConfigOverrides;
  } catch {
    throw new InvalidArgumentError(`Wanted: JSON such as '{"tcp":{"sack":true}}'.`);
  }
};

export const linksCommand = new Command('links')
  .description('Goodput of tapstack by that of the kernel over the same bad links.')
  .option('--full', `all ${CELLS.length} cells instead of the telling ones`, false)
  .option('--cells <names>', 'these cells, separated by commas; a name may end with *', (text) => text.split(','), [])
  .option('--seeds <number>', 'runs of each pairing', positive, 5)
  .option('--seconds <seconds>', 'length of one run', positive, 5)
  .option('--config <json>', "tapstack's tunables, as createHost takes them", json, {})
  .option('--trace <prefix>', 'captures, and what TCP_INFO said every 20 ms, in files whose names begin so')
  .option('--self', 'the kernel against itself: what the bench alone makes of equals', false)
  .option('--json', 'print the results as JSON', false)
  .action(bench);

async function bench(options: Options): Promise<void> {
  if (!hasTap()) linksCommand.error('the benchmarks need Linux, root, /dev/net/tun (modprobe tun) and iproute2');
  const cells = choose(options);
  if (cells.length === 0) linksCommand.error(`there are: ${CELLS.map(({ name }) => name).join(', ')}`);
  const pairings = options.self ? SELF : PAIRINGS;
  beUrgent();
  const facts = gatherFacts(options.seeds, options.seconds);
  const print = (text: string): void => {
    if (!options.json) process.stdout.write(`${text}\n`);
  };
  print(`${describeFacts(facts).join('\n')}\n\n${head(pairings)}`);
  const arena = await Arena.open(options.config);
  const results: CellResult[] = [];
  try {
    for (const cell of cells) {
      const result = await measure(arena, cell, pairings, options);
      results.push(result);
      print(row(result));
    }
  } finally {
    await arena.close();
  }
  if (options.json) process.stdout.write(`${JSON.stringify({ facts, results }, null, 2)}\n`);
  else
    for (const { name } of pairings.slice(1))
      print(`${name}: geometric mean ${geometricMean(results, name).toFixed(3)}`);
}

function choose({ full, cells }: Options): readonly Cell[] {
  if (cells.length === 0) return CELLS.filter(({ telling }) => full || telling);
  const matches = (name: string, wanted: string): boolean =>
    wanted.endsWith('*') ? name.startsWith(wanted.slice(0, -1)) : name === wanted;
  return CELLS.filter(({ name }) => cells.some((wanted) => matches(name, wanted)));
}

/** All pairings with one seed after another; who begins changes. */
async function measure(
  arena: Arena,
  cell: Cell,
  pairings: readonly Pairing[],
  { seeds, seconds, trace }: Options,
): Promise<CellResult> {
  const runs: RunResult[][] = pairings.map(() => []);
  for (let seed = 1; seed <= seeds; seed++) {
    for (let turn = 0; turn < pairings.length; turn++) {
      const index = (seed + turn) % pairings.length;
      const { sender, receiver } = pairings[index]!;
      runs[index]!.push(
        await arena.run({ sender, receiver, cell, seed, seconds, ...(trace !== undefined && { trace }) }),
      );
    }
  }
  const goodputs = runs.map((some) => some.map(({ goodput }) => goodput));
  const [yardstick] = goodputs as [number[]];
  const outcomes = pairings.map(({ name }, index) => {
    const values = goodputs[index]!;
    const ratios = values.map((value, seed) => value / yardstick[seed]!);
    return {
      name,
      goodput: median(values),
      ratio: median(values) / median(yardstick),
      verdict: index === 0 ? undefined : judge(ratios, WANTED),
      runs: runs[index]!,
    };
  });
  return { cell: cell.name, outcomes };
}
