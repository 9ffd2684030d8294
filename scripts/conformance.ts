/**
 * Joins the requirements of the RFCs (docs/requirements*.tsv) with the ids that src/ cites and test/ has in its titles, and
 * with docs/declined.tsv, and writes CONFORMANCE.md.
 *
 *     npm run conformance            writes the file
 *     npm run conformance -- --check fails when it is out of date or the tables contradict each other
 */
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

export interface Requirement {
  readonly id: string;
  readonly rfc: string;
  readonly section: string;
  readonly layer: string;
  readonly level: string;
  readonly text: string;
}

export type Status = 'tested' | 'implemented' | 'partial' | 'declined' | 'open';

export interface Row extends Requirement {
  readonly status: Status;
  /** Files that cite it, ascending. */
  readonly sources: readonly string[];
  /** Test files that name it. */
  readonly tests: readonly string[];
  /** Why it is declined, or what is missing of it, else ''. */
  readonly reason: string;
}

export interface Conformance {
  readonly rows: readonly Row[];
  /** What is wrong with the tables or the citations, one sentence each. */
  readonly problems: readonly string[];
}

/** A file by its path in the project. */
export interface TextFile {
  readonly path: string;
  readonly text: string;
}

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');
export const OUTPUT = join(ROOT, 'CONFORMANCE.md');
const LAYERS = ['ethernet', 'arp', 'ip', 'icmp', 'udp', 'tcp', 'socket', 'app'];
const STATUSES: readonly Status[] = ['tested', 'implemented', 'partial', 'declined', 'open'];

/** What an id looks like: MUST-59, 1122-3.2.2-f, 826-a. */
const ID = /(?<![\w.-])(?:(?:MUST|SHLD|MAY|REC)-\d+|\d{3,4}-(?:\d[\w.]*-)?[a-z])(?![\w-])/g;

/** Rows of a tab-separated file with one header line. Throws on a row with the wrong number of fields. */
export function parseTable(text: string, columns: number): string[][] {
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.slice(1).map((line, i) => {
    const fields = line.split('\t');
    if (fields.length !== columns)
      throw new Error(`row ${i + 2} has ${fields.length} fields instead of ${columns}: ${line}`);
    return fields;
  });
}

export function parseRequirements(text: string): Requirement[] {
  return parseTable(text, 6).map((fields) => {
    const [id, rfc, section, layer, level, requirement] = fields as [string, string, string, string, string, string];
    return { id, rfc, section, layer, level, text: requirement };
  });
}

/** The ids in a source file, wherever they stand. */
export const idsInSource = (file: TextFile): Set<string> => new Set(file.text.match(ID));

/** The ids in the strings of a test file (titles, and the rows that titles are made from), skipped tests left out. */
export function idsInTest(file: TextFile): Set<string> {
  const tree = ts.createSourceFile(file.path, file.text, ts.ScriptTarget.Latest, true);
  const ids = new Set<string>();
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && /\b(?:it|describe)\.skip$|^x(?:it|describe)$/.test(node.expression.getText(tree)))
      return;
    if (ts.isStringLiteralLike(node) || ts.isTemplateHead(node) || ts.isTemplateMiddleOrTemplateTail(node)) {
      for (const id of node.text.match(ID) ?? []) ids.add(id);
    }
    ts.forEachChild(node, visit);
  };
  visit(tree);
  return ids;
}

function index(files: readonly TextFile[], read: (file: TextFile) => Set<string>): Map<string, string[]> {
  const places = new Map<string, string[]>();
  for (const file of files) {
    for (const id of read(file)) places.set(id, [...(places.get(id) ?? []), file.path]);
  }
  return places;
}

/** Reasons that begin with this say what is missing of a requirement that is met otherwise. */
const IN_PART = 'in part: ';
/** Reasons that begin with this are wrong as soon as a test says that it has been built. */
const NOT_YET = 'not built yet: ';

function statusOf(tested: boolean, reason: string | undefined, cited: boolean): Status {
  if (reason !== undefined) return reason.startsWith(IN_PART) ? 'partial' : 'declined';
  if (tested) return 'tested';
  return cited ? 'implemented' : 'open';
}

/** Joins everything. A requirement with a test counts as tested whether or not the source cites it, unless it is declined. */
export function joinTables(
  requirements: readonly Requirement[],
  declined: ReadonlyMap<string, string>,
  sources: readonly TextFile[],
  tests: readonly TextFile[],
): Conformance {
  const inSource = index(sources, idsInSource);
  const inTest = index(tests, idsInTest);
  const known = new Set(requirements.map(({ id }) => id));
  const rows = requirements.map((requirement): Row => {
    const { id } = requirement;
    const status = statusOf(inTest.has(id), declined.get(id), inSource.has(id));
    return {
      ...requirement,
      status,
      reason: declined.get(id) ?? '',
      sources: inSource.get(id) ?? [],
      tests: inTest.get(id) ?? [],
    };
  });
  const problems: string[] = [];
  for (const [id, paths] of [...inSource, ...inTest]) {
    if (!known.has(id)) problems.push(`${paths.join(', ')}: ${id} is in no requirement table`);
  }
  for (const [id, reason] of declined) {
    if (!known.has(id)) problems.push(`docs/declined.tsv: ${id} is in no requirement table`);
    const tests = inTest.get(id);
    if (tests !== undefined && reason.startsWith(NOT_YET)) {
      problems.push(
        `docs/declined.tsv: ${id} is tested by ${tests.join(', ')}; take the row out, or say what is in part`,
      );
    }
  }
  if (known.size < requirements.length) problems.push('an id stands twice in the requirement tables');
  return { rows, problems };
}

/** CONFORMANCE.md as text. */
export function render({ rows }: Conformance): string {
  const layers = [...LAYERS, ...new Set(rows.map(({ layer }) => layer))].filter(
    (layer, i, all) => all.indexOf(layer) === i && rows.some((row) => row.layer === layer),
  );
  const parts = [
    '# Conformance',
    '',
    'Written by `npm run conformance` from `docs/requirements.tsv`, `docs/requirements-more.tsv`, `docs/declined.tsv` and the',
    'requirement ids in `src/` and `test/`; do not edit. **tested**: a test has the id in its title. **implemented**: the',
    'source cites it, no test names it. **partial**: met but for what the reason says. **declined**: left out, with the',
    'reason. **open**: nobody has claimed it; it may still be met. The wording of the requirements is ours, the RFCs bind.',
    '',
    ...totals(rows, layers),
  ];
  for (const layer of layers)
    parts.push('', `## ${layer}`, '', ...layerTable(rows.filter((row) => row.layer === layer)));
  return `${parts.join('\n')}\n`;
}

function totals(rows: readonly Row[], layers: readonly string[]): string[] {
  const line = (name: string, some: readonly Row[]): string => {
    const counts = STATUSES.map((status) => some.filter((row) => row.status === status).length);
    return `| ${name} | ${some.length} | ${counts.join(' | ')} |`;
  };
  const must = rows.filter(({ level }) => level.startsWith('MUST'));
  return [
    '| layer | requirements | tested | implemented | partial | declined | open |',
    '| --- | ---: | ---: | ---: | ---: | ---: | ---: |',
    ...layers.map((layer) =>
      line(
        layer,
        rows.filter((row) => row.layer === layer),
      ),
    ),
    line('**all**', rows),
    line('of which MUST (NOT)', must),
  ];
}

function layerTable(rows: readonly Row[]): string[] {
  return [
    '| id | RFC | level | requirement | status | where, or why not |',
    '| --- | --- | --- | --- | --- | --- |',
    ...rows.map((row) => {
      const section = row.section === '-' ? '' : ` §${row.section}`;
      const cells = [row.id, `${row.rfc}${section}`, row.level, row.text, row.status, evidence(row)];
      return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
    }),
  ];
}

function evidence(row: Row): string {
  const places = [...row.sources.slice(0, 2), ...row.tests.slice(0, 2)].map((path) => `\`${path}\``).join(', ');
  // The source often cites what it leaves out; that is no evidence. A test of a choice is.
  if (row.status === 'declined' && row.tests.length === 0) return row.reason;
  return [row.reason, places].filter((part) => part !== '').join('; ');
}

export function readTree(folder: string, suffix: string): TextFile[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(suffix))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((path) => ({ path: relative(ROOT, path), text: readFileSync(path, 'utf8') }));
}

/** The state of this project. */
export function readProject(): Conformance {
  const table = (name: string): string => readFileSync(join(ROOT, 'docs', name), 'utf8');
  const requirements = ['requirements.tsv', 'requirements-more.tsv'].flatMap((name) => parseRequirements(table(name)));
  const declined = new Map(parseTable(table('declined.tsv'), 2).map((fields) => fields as [string, string]));
  // The tests of this script speak of ids that nobody has.
  const tests = readTree('test', '.test.ts').filter(({ path }) => !path.includes('scripts'));
  return joinTables(requirements, declined, readTree('src', '.ts'), tests);
}

function main(check: boolean): void {
  const conformance = readProject();
  for (const problem of conformance.problems) console.error(problem);
  if (conformance.problems.length > 0) process.exitCode = 1;
  const text = render(conformance);
  if (!check) {
    writeFileSync(OUTPUT, text);
  } else if (readFileSync(OUTPUT, 'utf8') !== text) {
    console.error('CONFORMANCE.md is out of date: run `npm run conformance`');
    process.exitCode = 1;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main(process.argv.includes('--check'));
