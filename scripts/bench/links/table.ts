/**
 * The results of the bench of links as a table, a row as soon as its cell is done.
 */
import type { CellResult, Outcome, Pairing } from './command.ts';

const CELL_WIDTH = 20;
const WIDTH = 35;

/** Mbit/s where nothing else is said. */
export function head(pairings: readonly Pairing[]): string {
  const titles = ['cell (rate-rtt-loss)', ...pairings.map(({ name }) => name), 'wire late, us'];
  const rule = titles.map((_, column) => (column === 0 ? '-'.repeat(CELL_WIDTH) : `${'-'.repeat(WIDTH - 1)}:`));
  return `${line(titles)}\n| ${rule.join(' | ')} |`;
}

export function row({ cell, outcomes }: CellResult): string {
  return line([cell, ...outcomes.map(shown), lateness(outcomes)]);
}

/** Geometric mean of the ratios over the cells. */
export function geometricMean(results: readonly CellResult[], name: string): number {
  const ratios = results.flatMap(({ outcomes }) => outcomes.filter((outcome) => outcome.name === name));
  return Math.exp(ratios.reduce((sum, { ratio }) => sum + Math.log(ratio), 0) / ratios.length);
}

/** Median, least to greatest, ratio and whether that is what is wanted. */
function shown({ goodput, ratio, verdict, runs }: Outcome): string {
  const values = runs.map((run) => run.goodput);
  const range = `${mega(Math.min(...values))}-${mega(Math.max(...values))}`;
  return `${mega(goodput)} (${range})${verdict === undefined ? '' : ` ${ratio.toFixed(2)} ${verdict}`}`;
}

/** How late the wire was in the worst run: 99 of 100 times, and ever. */
function lateness(outcomes: readonly Outcome[]): string {
  const late = outcomes.flatMap(({ runs }) => runs.map(({ wire }) => wire.late));
  return `${Math.max(...late.map(({ p99 }) => p99))} / ${Math.max(...late.map(({ most }) => most))}`;
}

const mega = (bits: number): string => (bits / 1e6).toFixed(bits >= 99.5e6 ? 0 : bits >= 9.95e6 ? 1 : 2);

const line = (cells: readonly string[]): string =>
  `| ${cells.map((text, column) => (column === 0 ? text.padEnd(CELL_WIDTH) : text.padStart(WIDTH))).join(' | ')} |`;
