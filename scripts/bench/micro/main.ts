/**
 * `npm run bench:micro -- [name ...]`: time and memory of the small operations that every packet pays.
 *
 * The last column is the ratio to a yardstick measured in turn (summing 1,460 octets one pair at a time), since bare times say more about
 * the machine and its neighbours than about the code. Needs neither root nor a TAP device.
 */
import { Command } from 'commander';
import { saveSection } from '../page.ts';
import { describeMachine, gatherFacts, markdownTable } from '../report.ts';
import type { Session } from '../saved.ts';
import { CORE_OPERATIONS } from './core.ts';
import { measure, repeat } from './operation.ts';
import type { Measured, Operation } from './operation.ts';
import { PROTOCOL_OPERATIONS } from './protocol.ts';

interface Options {
  readonly json: boolean;
  readonly save: boolean;
}

const packet = Uint8Array.from({ length: 2000 }, (_, i) => i * 7);

function sumInPairs(bytes: Uint8Array, at: number, length: number): number {
  let sum = 0;
  for (let i = at; i < at + length; i += 2) sum += (bytes[i]! << 8) | bytes[i + 1]!;
  return sum;
}

const YARDSTICK: Operation = {
  name: 'yardstick: 1460 octets summed in pairs',
  body: repeat(() => sumInPairs(packet, 214, 1460)),
};
/** What the loop around each operation costs by itself. */
const NOTHING: Operation = { name: 'nothing', body: repeat((i) => i & 1) };

const OPERATIONS = [YARDSTICK, NOTHING, ...CORE_OPERATIONS, ...PROTOCOL_OPERATIONS];

const program = new Command('bench:micro')
  .description('Measures the small operations that every packet pays: ns and octets allocated for each.')
  .argument('[names...]', 'operations whose names contain one of these (default: all)')
  .option('--json', 'print the results as JSON', false)
  .option('--save', 'write the results to docs/performance.md, in place of those of the same names', false)
  .action(bench);

async function bench(names: string[], options: Options): Promise<void> {
  const chosen = OPERATIONS.filter(({ name }) => names.length === 0 || names.some((word) => name.includes(word)));
  if (chosen.length === 0) program.error(`no operation has ${names.join(' or ')} in its name`);
  const facts = gatherFacts(1, 0);
  // Code that serves one operation only is faster than it is among all others: each is run once before any counts.
  for (const { body } of OPERATIONS) body(1000);
  const results: Measured[] = [];
  for (const operation of chosen) {
    if (process.stderr.isTTY) process.stderr.write(`${operation.name} ...\x1b[K\r`);
    results.push(measure(operation, YARDSTICK));
  }
  const session = { facts, results };
  process.stdout.write(options.json ? `${JSON.stringify({ facts, results }, null, 2)}\n` : `${print([session])}\n`);
  if (options.save) {
    const all = OPERATIONS.map(({ name }) => name);
    await saveSection('micro', session, all, print);
  }
}

const print = (sessions: readonly Session<Measured>[]): string =>
  sessions.map(({ facts, results }) => `${describeMachine(facts)}\n\n${table(results)}`).join('\n\n');

function table(results: readonly Measured[]): string {
  const rows = results.map(({ name, time, octets, ratio }) => [
    ...[name, time.toFixed(time < 100 ? 1 : 0), octets.toFixed(octets < 10 ? 1 : 0), ratio.toPrecision(3)],
  ]);
  return markdownTable(['operation', 'ns', 'octets allocated', 'by the yardstick'], rows, [1, 2, 3]);
}

await program.parseAsync();
