/**
 * What the benchmark says: a table, JSON, and the section of docs/performance.md that `--save` writes.
 */
import { execFileSync } from 'node:child_process';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { chart } from './chart.ts';
import type { Judgement, Outcome, Result } from './figure.ts';
import { saveSection } from './page.ts';
import type { Session } from './saved.ts';

export interface Facts {
  /** ISO date. */
  readonly date: string;
  readonly commit: string;
  readonly cpu: string;
  readonly processors: number;
  readonly memoryGiB: number;
  readonly kernel: string;
  readonly node: string;
  /** Load average of the last minute before the benchmark began. */
  readonly load: number;
  readonly runs: number;
  readonly seconds: number;
}

/** Load before the start from which on other work takes part in the results. */
const BUSY = 0.5;
/** Runs from which on a median has an interval: statistics.ts. */
const ENOUGH_RUNS = 5;

export function gatherFacts(runs: number, seconds: number): Facts {
  const git = (...args: string[]): string => execFileSync('git', args, { encoding: 'utf8' }).trim();
  const changed = git('status', '--porcelain', '--untracked-files=no', '--', 'src') !== '';
  return {
    date: new Date().toISOString().slice(0, 10),
    commit: git('rev-parse', '--short', 'HEAD') + (changed ? ' with changes' : ''),
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    processors: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.versions.node,
    load: loadavg()[0]!,
    runs,
    seconds,
  };
}

/** The machine and how it was measured, in sentences. */
export function describeFacts(facts: Facts): string[] {
  const { load, runs, seconds } = facts;
  const lines = [
    describeMachine(facts),
    `Medians of ${runs} runs of ${seconds} s; ratios are medians of the ratios of each run. Load at the start: ${load.toFixed(1)}.`,
  ];
  if (runs < ENOUGH_RUNS) lines.push(`Fewer than ${ENOUGH_RUNS} runs: whether a bar is met cannot be told.`);
  if (load > BUSY) lines.push('The machine was busy with other work: compare ratios, and those with care.');
  return lines;
}

export const describeMachine = ({ date, commit, cpu, processors, memoryGiB, kernel, node }: Facts): string =>
  `${date}, commit ${commit}. ${processors} x ${cpu}, ${memoryGiB} GiB, Linux ${kernel}, Node ${node}.`;

const HEADS = ['figure', '', 'tapstack', 'yardstick', '', 'ratio', 'spread', 'per processor', 'besides', 'remarks'];

/** The rows of the table: one for each yardstick, or one for a figure without. */
function rowsOf(result: Result): string[][] {
  const { title, unit, outcomes } = result;
  const [own, ...yardsticks] = outcomes;
  if (own === undefined) return [[title, unit, '', '', '', '', '', '', '', 'failed']];
  const first = [title, unit, number(own.median)];
  if (yardsticks.length === 0) {
    return [[...first, '', '', '', percent(own.spread), '', besides(own), remarks(result, undefined)]];
  }
  return yardsticks.map((yardstick, index) => [
    ...(index === 0 ? first : ['', '', '']),
    yardstick.name,
    number(yardstick.median),
    ratio(yardstick.ratio),
    `${percent(own.spread)} / ${percent(yardstick.spread)}`,
    perCore(own, yardstick),
    besides(own, yardstick),
    remarks(result, yardstick, index === 0),
  ]);
}

/** What tapstack and the yardstick would do at one whole processor, where both are known. */
function perCore(own: Outcome, yardstick: Outcome): string {
  if (own.perCore === undefined || yardstick.perCore === undefined) return '';
  return `${number(own.perCore)} / ${number(yardstick.perCore)} = ${(own.perCore / yardstick.perCore).toFixed(2)}`;
}

/** What else was measured, of both where both have it: `p50 us 81 / 55`. */
function besides(own: Outcome, yardstick?: Outcome): string {
  return Object.entries(own.details)
    .map(([name, value]) => {
      const other = yardstick?.details[name];
      return `${name} ${number(value)}${other === undefined ? '' : ` / ${number(other)}`}`;
    })
    .join(', ');
}

function remarks(result: Result, yardstick: Outcome | undefined, isFirst = true): string {
  const own = result.judgements.filter(
    ({ against }) => against === yardstick?.name || (against === undefined && isFirst),
  );
  const said = own.map(remark);
  if (isFirst && result.better === 'less') said.push('less is better');
  if (yardstick?.noisy === true) said.push('too noisy to tell');
  return said.join(', ');
}

/** `wanted at least 0.75: met`; `Jain at least 0.9: met`. */
function remark({ against, detail, least, most, verdict }: Judgement): string {
  const what = against === undefined && detail !== undefined ? detail : 'wanted';
  return `${what} ${least === undefined ? `at most ${most ?? ''}` : `at least ${least}`}: ${verdict}`;
}

export function number(value: number): string {
  if (!Number.isFinite(value)) return '-';
  const size = Math.abs(value);
  const digits = Number.isInteger(value) || size >= 100 ? 0 : size >= 10 ? 1 : 2;
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

function ratio(value = NaN): string {
  if (!Number.isFinite(value)) return '-';
  return Math.abs(value) < 0.1 ? value.toPrecision(2) : value.toFixed(2);
}

const percent = (part: number): string => (Number.isFinite(part) ? `${Math.round(part * 100)} %` : '-');

/** A Markdown table, which also reads well on a terminal. */
export function table(results: readonly Result[]): string {
  return markdownTable(HEADS, results.flatMap(rowsOf), [2, 4, 5]);
}

/** Columns as wide as their widest text; those named in `numbers` to the right. */
export function markdownTable(
  heads: readonly string[],
  rows: readonly (readonly string[])[],
  numbers: readonly number[],
): string {
  const all = [heads, ...rows];
  const widths = heads.map((_, column) => Math.max(3, ...all.map((row) => row[column]!.length)));
  const isNumber = (column: number): boolean => numbers.includes(column);
  const cell = (text: string, column: number): string =>
    isNumber(column) ? text.padStart(widths[column]!) : text.padEnd(widths[column]!);
  const show = (row: readonly string[]): string => `| ${row.map(cell).join(' | ')} |`;
  const rule = widths.map((width, column) => (isNumber(column) ? `${'-'.repeat(width - 1)}:` : '-'.repeat(width)));
  return [show(heads), `| ${rule.join(' | ')} |`, ...rows.map(show)].join('\n');
}

/** What `--save` writes: for what was measured together the machine, the table and a chart per figure. */
export function section(sessions: readonly Session<Result>[]): string {
  const print = ({ facts, results }: Session<Result>): string => {
    const charts = results.flatMap((result) => chart(result) ?? []);
    return [describeFacts(facts).join('\n'), table(results), ...charts].join('\n\n');
  };
  return sessions.map(print).join('\n\n');
}

/** Puts the results in their place in docs/performance.md, beside those of other figures. */
export function save(session: Session<Result>, names: readonly string[]): Promise<void> {
  return saveSection('figures', session, names, section);
}
