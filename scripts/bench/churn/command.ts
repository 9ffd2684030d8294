/**
 * `npm run bench -- churn`: whether memory stays flat while connections come and go (run.ts). In memory, without root.
 *
 * Told are resident set and heap at each tenth of the connections, and the slope of a line through those of the second half, in octets for
 * each connection. It begins there since TIME-WAIT has to be full first, which takes 6,000 connections. A heap that grows keeps something;
 * a resident set may go up and down with what the collector has in hand.
 */
import { spawn } from 'node:child_process';
import { execPath } from 'node:process';
import { Command, InvalidArgumentError } from 'commander';
import { Program } from '../program.ts';
import { describeMachine, gatherFacts, markdownTable } from '../report.ts';
import { slope } from '../statistics.ts';
import { SELF } from './run.ts';
import type { Mark } from './run.ts';

interface Options {
  readonly connections: number;
  readonly json: boolean;
}

const MIB = 2 ** 20;
const DEFAULT_CONNECTIONS = 100_000;
/** TIME-WAIT has to be full by the middle. */
const LEAST_CONNECTIONS = 20_000;
const MARKS = 10;

const connections = (text: string): number => {
  const value = Number(text);
  if (!(Number.isInteger(value) && value >= LEAST_CONNECTIONS))
    throw new InvalidArgumentError(`Wanted: a whole number from ${LEAST_CONNECTIONS} on.`);
  return value;
};

export const churnCommand = new Command('churn')
  .description(
    'Memory while connections are opened, used and closed, one after another: resident set, heap, and their slopes.',
  )
  .option('--connections <number>', 'how many', connections, DEFAULT_CONNECTIONS)
  .option('--json', 'print the results as JSON', false)
  .action(bench);

async function bench({ connections: count, json }: Options): Promise<void> {
  const facts = gatherFacts(1, 0);
  if (!json) process.stdout.write(`${describeMachine(facts)}\n\n`);
  const command = ['--expose-gc', '--import', 'tsx', SELF, String(count)];
  const program = new Program(spawn(execPath, command, { stdio: ['ignore', 'pipe', 'pipe'] }));
  const marks: Mark[] = [];
  try {
    while (marks.length < MARKS) {
      marks.push(JSON.parse(await program.line('{')) as Mark);
      if (process.stderr.isTTY) process.stderr.write(`${marks.at(-1)!.connections} ...\r`);
    }
  } finally {
    await program.end();
  }
  const late = marks.slice(MARKS / 2 - 1);
  const slopeOf = (value: (mark: Mark) => number): number =>
    slope(late.map((mark) => [mark.connections, value(mark)] as const));
  const slopes = { rss: slopeOf(({ rss }) => rss), heap: slopeOf(({ heap }) => heap) };
  process.stdout.write(json ? `${JSON.stringify({ facts, marks, slopes }, null, 2)}\n` : `${table(marks)}\n\n`);
  if (json) return;
  const sign = (value: number): string => `${value < 0 ? '' : '+'}${value.toFixed(1)}`;
  process.stdout.write(
    `Second half, octets for each connection: resident set ${sign(slopes.rss)}, heap ${sign(slopes.heap)}.\n`,
  );
}

function table(marks: readonly Mark[]): string {
  const heads = ['connections', 'RSS, MiB', 'heap, MiB', 'in TIME-WAIT', 's'];
  const mib = (octets: number): string => (octets / MIB).toFixed(1);
  const rows = marks.map(({ connections, rss, heap, kept, elapsed }) => [
    ...[connections.toLocaleString('en'), mib(rss), mib(heap), kept.toLocaleString('en'), elapsed.toFixed(0)],
  ]);
  return markdownTable(heads, rows, [0, 1, 2, 3, 4]);
}
