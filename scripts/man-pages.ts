/**
 * Joins what the man pages name (docs/man/items.tsv) with the option table, the constants and the tests, and writes a table per page
 * into docs/man/.
 *
 *     npm run man-pages            writes the files
 *     npm run man-pages -- --check fails when one is out of date, or names as done what nothing shows
 *
 * An option is done when the option table has it and a test names it; a flag, type, family or request when there is such a constant and
 * a test names it; an errno when a call of the differential test gives it on a socket of that page, as the kernel does, or a test names it.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DEFAULT_CONFIG } from '../src/core/config.ts';
import { SeededRandom } from '../src/core/random.ts';
import * as constants from '../src/socket/constants.ts';
import { makeOptionRows } from '../src/socket/options/table.ts';
import type { OptionRow } from '../src/socket/options/option.ts';
import { Stack } from '../src/stack/stack.ts';
import { errnosByPage } from '../test/support/case-errnos.ts';
import { parseTable, readTree } from './conformance.ts';
import type { TextFile } from './conformance.ts';

export interface Item {
  /** e.g. 'tcp.7'. */
  readonly page: string;
  readonly kind: string;
  readonly name: string;
  readonly declined: boolean;
  /** Why it is declined, or what there is to say about it. */
  readonly note: string;
}

/** What the project has to show. */
export interface Evidence {
  readonly options: ReadonlyMap<string, OptionRow>;
  readonly constants: ReadonlySet<string>;
  /** By name: the test files that have it. */
  readonly tests: ReadonlyMap<string, readonly string[]>;
  /** By page and errno: how many cases of the differential test give it. */
  readonly errnos: ReadonlyMap<string, ReadonlyMap<string, number>>;
}

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');
const FOLDER = join(ROOT, 'docs', 'man');
const KINDS = ['family', 'type', 'option', 'flag', 'constant', 'ioctl', 'errno'];

export function parseItems(text: string): Item[] {
  return parseTable(text, 5).map((fields) => {
    const [page, kind, name, status, note] = fields as [string, string, string, string, string];
    if (status !== '' && status !== 'declined') throw new Error(`${page} ${name}: status '${status}'`);
    if (!KINDS.includes(kind)) throw new Error(`${page} ${name}: kind '${kind}'`);
    return { page, kind, name, declined: status === 'declined', note };
  });
}

/** What is wrong: done without anything that shows it, declined without a reason or in spite of it. */
export function findProblems(items: readonly Item[], evidence: Evidence): string[] {
  const problems: string[] = [];
  const seen = new Set<string>();
  for (const item of items) {
    const where = `docs/man/items.tsv: ${item.page} ${item.name}`;
    if (seen.has(`${item.page} ${item.kind} ${item.name}`)) problems.push(`${where} stands twice`);
    seen.add(`${item.page} ${item.kind} ${item.name}`);
    if (item.declined) {
      if (item.note === '') problems.push(`${where} is declined without a reason`);
      if (item.kind === 'option' && evidence.options.has(item.name)) problems.push(`${where} is declined, yet there`);
    } else {
      const missing = whatIsMissing(item, evidence);
      if (missing !== undefined) problems.push(`${where}: ${missing}`);
    }
  }
  return problems;
}

function whatIsMissing(item: Item, evidence: Evidence): string | undefined {
  const { kind, name, page } = item;
  if (kind === 'errno') {
    const shown = (evidence.errnos.get(page)?.get(name) ?? 0) > 0 || evidence.tests.has(name);
    return shown ? undefined : 'no case of the differential test gives it, and no test names it';
  }
  if (kind === 'option' && !evidence.options.has(name)) return 'the option table does not have it';
  if (!evidence.constants.has(name)) return 'there is no such constant';
  return evidence.tests.has(name) ? undefined : 'no test names it';
}

/** One page's table as text. */
export function renderPage(page: string, items: readonly Item[], evidence: Evidence): string {
  const [name, section] = page.split('.');
  const done = items.filter(({ declined }) => !declined).length;
  const parts = [
    `# ${name}(${section})`,
    '',
    'Written by `npm run man-pages` from `docs/man/items.tsv`, the option table and the tests; do not edit.',
    `${done} of ${items.length} are done, the others declined for the reason given.`,
  ];
  for (const kind of KINDS) {
    const some = items.filter((item) => item.kind === kind);
    if (some.length === 0) continue;
    parts.push(
      '',
      `## ${HEADINGS[kind]!}`,
      '',
      `| name | status | ${kind === 'option' ? 'type | ' : ''}shown by, or why not |`,
    );
    parts.push(`| --- | --- | --- |${kind === 'option' ? ' --- |' : ''}`);
    for (const item of some) parts.push(renderItem(item, evidence));
  }
  return `${parts.join('\n')}\n`;
}

const HEADINGS: Readonly<Record<string, string>> = {
  family: 'Families',
  type: 'Types',
  option: 'Options',
  flag: 'Flags',
  constant: 'Constants',
  ioctl: 'Requests of ioctl',
  errno: 'Errors',
};

function renderItem(item: Item, evidence: Evidence): string {
  const { kind, name, declined } = item;
  const cells = [`\`${name}\``, declined ? 'declined' : 'done'];
  if (kind === 'option') cells.push(describeType(evidence.options.get(name)));
  cells.push(declined ? item.note : [item.note, proof(item, evidence)].filter((part) => part !== '').join('; '));
  return `| ${cells.join(' | ')} |`;
}

function describeType(row: OptionRow | undefined): string {
  if (row === undefined) return '';
  const access = row.set === undefined ? ', read only' : '';
  return row.type === 'int' && row.set !== undefined && row.min > -(2 ** 31)
    ? `int, ${row.min} to ${row.max}`
    : `${row.type}${access}`;
}

function proof({ kind, name, page }: Item, evidence: Evidence): string {
  const cases = kind === 'errno' ? (evidence.errnos.get(page)?.get(name) ?? 0) : 0;
  const files = (evidence.tests.get(name) ?? []).slice(0, 2).map((path) => `\`${path}\``);
  const counted = cases > 0 ? [`${cases} case${cases === 1 ? '' : 's'} of the differential test`] : files;
  return counted.join(', ');
}

/** Names in capitals, as they stand in the tests. */
export function namesInTests(files: readonly TextFile[]): Map<string, string[]> {
  const places = new Map<string, string[]>();
  for (const { path, text } of files) {
    for (const name of new Set(text.match(/\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*\b/g))) {
      places.set(name, [...(places.get(name) ?? []), path]);
    }
  }
  return places;
}

export function readEvidence(): Evidence {
  const { ip } = new Stack({ random: new SeededRandom(1) });
  const tests = readTree('test', '.ts').filter(({ path }) => !path.startsWith('test/scripts'));
  return {
    options: new Map(makeOptionRows(DEFAULT_CONFIG, ip).map((row) => [row.label, row])),
    constants: new Set(Object.keys(constants)),
    tests: namesInTests(tests),
    errnos: errnosByPage(),
  };
}

export const readItems = (): Item[] => parseItems(readFileSync(join(FOLDER, 'items.tsv'), 'utf8'));

/** The files that there should be, by path. */
export function renderAll(items: readonly Item[], evidence: Evidence): Map<string, string> {
  const pages = [...new Set(items.map(({ page }) => page))];
  return new Map(
    pages.map((page) => {
      const own = items.filter((item) => item.page === page);
      return [join(FOLDER, `${page}.md`), renderPage(page, own, evidence)];
    }),
  );
}

function main(check: boolean): void {
  const items = readItems();
  const evidence = readEvidence();
  const problems = findProblems(items, evidence);
  for (const [path, text] of renderAll(items, evidence)) {
    if (!check) writeFileSync(path, text);
    else if (readFileSync(path, 'utf8') !== text) problems.push(`${path} is out of date: run \`npm run man-pages\``);
  }
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) process.exitCode = 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main(process.argv.includes('--check'));
