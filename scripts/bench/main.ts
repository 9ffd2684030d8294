/**
 * `npm run bench -- [name ...]`: throughput, latency, connections and memory, each beside a yardstick measured in the same run.
 *
 * Everything happens in memory or in network namespaces of its own, which are gone afterwards. The host under test is `tapstack up`
 * in a process of its own, or server.ts where more is asked of it than a client can see; its peers are small programs on the kernel's
 * sockets (peer.py, crowd.py). Whether a bar is met is printed and does not change the exit code: on a busy machine it means little.
 */
import { Command, InvalidArgumentError } from 'commander';
import { hasTap } from '../../test/support/namespace.ts';
import { ALLOCATION_FIGURES } from './allocation.ts';
import { ATTENTION_FIGURES } from './attention.ts';
import { BUSY_FIGURES } from './busy.ts';
import { CABLE_FIGURES } from './cable.ts';
import { churnCommand } from './churn/command.ts';
import { CROWD_FIGURES } from './crowd.ts';
import { measureFigure } from './figure.ts';
import type { Figure, Result } from './figure.ts';
import { FLOOD_FIGURES } from './flood.ts';
import { IDLE_FIGURES } from './idle.ts';
import { LATENCY_FIGURES } from './latency.ts';
import { linksCommand } from './links/command.ts';
import { LOSS_FIGURES } from './loss.ts';
import { NETWORK_FIGURES } from './network.ts';
import { pollCommand } from './poll/command.ts';
import { describeFacts, gatherFacts, save, table } from './report.ts';
import { SIMULATION_FIGURES } from './simulation.ts';

const FIGURES: readonly Figure[] = [
  ...NETWORK_FIGURES,
  ...LATENCY_FIGURES,
  ...BUSY_FIGURES,
  ...LOSS_FIGURES,
  ...ALLOCATION_FIGURES,
  ...ATTENTION_FIGURES,
  ...IDLE_FIGURES,
  ...CROWD_FIGURES,
  ...FLOOD_FIGURES,
  ...CABLE_FIGURES,
  ...SIMULATION_FIGURES,
];

interface Options {
  readonly runs: number;
  readonly seconds: number;
  readonly json: boolean;
  readonly save: boolean;
}

const positive = (text: string): number => {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError('Wanted: a number above 0.');
  return value;
};

const program = new Command('bench')
  .description(`Measures tapstack beside its yardsticks. Names: ${FIGURES.map(({ name }) => name).join(', ')}.`)
  .argument('[names...]', 'figures to measure, by name or its beginning (default: all)')
  .option('--runs <number>', 'runs of each measurement', positive, 5)
  .option('--seconds <seconds>', 'length of one measurement', positive, 2)
  .option('--json', 'print the results as JSON', false)
  .option('--save', 'write the results to docs/performance.md, in place of those of the same names', false)
  .action(bench)
  .enablePositionalOptions()
  .addCommand(linksCommand)
  .addCommand(churnCommand)
  .addCommand(pollCommand);

async function bench(names: string[], options: Options): Promise<void> {
  const figures = FIGURES.filter(({ name }) => names.length === 0 || names.some((start) => name.startsWith(start)));
  if (figures.length === 0) program.error(`no figure is called ${names.join(' or ')}; see --help`);
  if (!figures.every(({ inMemory }) => inMemory === true) && !hasTap())
    program.error('the benchmarks need Linux, root, /dev/net/tun (modprobe tun) and iproute2');
  const facts = gatherFacts(options.runs, options.seconds);
  if (!options.json) process.stdout.write(`${describeFacts(facts).join('\n')}\n`);
  const results: Result[] = [];
  for (const figure of figures) {
    if (process.stderr.isTTY) process.stderr.write(`${figure.name} ...\r`);
    results.push(await measureFigure(figure, options.runs, options.seconds));
  }
  process.stdout.write(options.json ? `${JSON.stringify({ facts, results }, null, 2)}\n` : `\n${table(results)}\n`);
  for (const { name, error } of results) if (error !== undefined) process.stderr.write(`${name} failed: ${error}\n`);
  if (options.save) {
    const all = FIGURES.map(({ name }) => name);
    await save({ facts, results }, all);
  }
}

// Namespaces are removed when the process exits, which a signal alone would not make it do in good order.
for (const [signal, code] of [['SIGINT', 130] as const, ['SIGTERM', 143] as const]) {
  process.on(signal, () => process.exit(code));
}

await program.parseAsync();
// A child of a failed figure may still be about.
process.exit(process.exitCode ?? 0);
