/**
 * What the benchmark says: a table, JSON, and the section of docs/performance.md that `--save` writes.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Outcome, Result } from './figure.ts';

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
  const { date, commit, cpu, processors, memoryGiB, kernel, node, load, runs, seconds } = facts;
  const lines = [
    `${date}, commit ${commit}. ${processors} x ${cpu}, ${memoryGiB} GiB, Linux ${kernel}, Node ${node}.`,
    `Medians of ${runs} runs of ${seconds} s; ratios are medians of the ratios of each run. Load at the start: ${load.toFixed(1)}.`,
  ];
  if (load > BUSY) lines.push('The machine was busy with other work: compare ratios, and those with care.');
  return lines;
}

const HEADS = ['figure', '', 'tapstack', 'yardstick', '', 'ratio', 'spread', 'per processor', 'remarks'];

/** The rows of the table: one for each yardstick, or one for a figure without. */
function rowsOf(result: Result): string[][] {
  const { title, unit, outcomes } = result;
  const [own, ...yardsticks] = outcomes;
  if (own === undefined) return [[title, unit, '', '', '', '', '', '', 'failed']];
  if (yardsticks.length === 0) return [[title, unit, number(own.median), '', '', '', percent(own.spread), '', '']];
  return yardsticks.map((yardstick, index) => [
    index === 0 ? title : '',
    index === 0 ? unit : '',
    index === 0 ? number(own.median) : '',
    yardstick.name,
    number(yardstick.median),
    (yardstick.ratio ?? NaN).toFixed(2),
    `${percent(own.spread)} / ${percent(yardstick.spread)}`,
    perCore(own, yardstick),
    remarks(result, yardstick, index === 0),
  ]);
}

/** What tapstack and the yardstick would do at one whole processor, where both are known. */
function perCore(own: Outcome, yardstick: Outcome): string {
  if (own.perCore === undefined || yardstick.perCore === undefined) return '';
  return `${number(own.perCore)} / ${number(yardstick.perCore)} = ${(own.perCore / yardstick.perCore).toFixed(2)}`;
}

function remarks(result: Result, yardstick: Outcome, isFirst: boolean): string {
  const said: string[] = [];
  if (result.bar?.against === yardstick.name) {
    said.push(`wanted ${result.bar.ratio}: ${result.bar.met ? 'met' : 'missed'}`);
  }
  if (isFirst && result.better === 'less') said.push('less is better');
  if (isFirst && result.noisy) said.push('too noisy to tell');
  return said.join(', ');
}

function number(value: number): string {
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

const percent = (part: number): string => `${Math.round(part * 100)} %`;

/** A Markdown table, which also reads well on a terminal. */
export function table(results: readonly Result[]): string {
  const rows = [HEADS, ...results.flatMap(rowsOf)];
  const widths = HEADS.map((_, column) => Math.max(3, ...rows.map((row) => row[column]!.length)));
  const isNumber = (column: number): boolean => column === 2 || column === 4 || column === 5;
  const cell = (text: string, column: number): string =>
    isNumber(column) ? text.padStart(widths[column]!) : text.padEnd(widths[column]!);
  const show = (row: string[]): string => `| ${row.map(cell).join(' | ')} |`;
  const rule = widths.map((width, column) => (isNumber(column) ? `${'-'.repeat(width - 1)}:` : '-'.repeat(width)));
  return [show(HEADS), `| ${rule.join(' | ')} |`, ...rows.slice(1).map(show)].join('\n');
}

const PAGE = fileURLToPath(new URL('../../docs/performance.md', import.meta.url));
const BEGIN = '<!-- written by "npm run bench -- --save" -->';
const END = '<!-- end of what it wrote -->';
const NEW_PAGE = `# Performance

What \`npm run bench\` measures: see scripts/bench. Bare numbers hold for one machine and one moment; the ratios are the point.

${BEGIN}
${END}
`;

/** Puts the results in their place in docs/performance.md, which is made when it is not there. */
export function save(results: readonly Result[], facts: Facts): void {
  const page = readPage();
  const begin = page.indexOf(BEGIN);
  const end = page.indexOf(END);
  if (begin < 0 || end < begin)
    throw new Error('docs/performance.md lacks the marks between which results are written');
  const section = `${BEGIN}\n\n${describeFacts(facts).join('\n')}\n\n${table(results)}\n\n`;
  mkdirSync(fileURLToPath(new URL('.', `file://${PAGE}`)), { recursive: true });
  writeFileSync(PAGE, page.slice(0, begin) + section + page.slice(end));
}

function readPage(): string {
  try {
    return readFileSync(PAGE, 'utf8');
  } catch {
    return NEW_PAGE;
  }
}
