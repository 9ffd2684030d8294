/**
 * docs/performance.md: sections between marks, which a benchmark writes, amid text that is kept by hand; and docs/performance.json,
 * the results that they are printed from.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { format } from 'prettier';
import { merge, sessions } from './saved.ts';
import type { Named, Saved, Session } from './saved.ts';

const PAGE = fileURLToPath(new URL('../../docs/performance.md', import.meta.url));
const RESULTS = fileURLToPath(new URL('../../docs/performance.json', import.meta.url));

const beginOf = (section: string): string => `<!-- ${section}: written with --save -->`;
const endOf = (section: string): string => `<!-- ${section}: end -->`;

/** The page with `text` in its section and all else as it was. Throws when the section's marks are not there. */
export function withSection(page: string, section: string, text: string): string {
  const begin = page.indexOf(beginOf(section));
  const end = page.indexOf(endOf(section));
  if (begin < 0 || end < begin) {
    throw new Error(
      `docs/performance.md lacks the marks of the section '${section}', between which results are written`,
    );
  }
  return `${page.slice(0, begin)}${beginOf(section)}\n\n${text}\n\n${page.slice(end)}`;
}

/** Results by section, as they are kept. JSON has no NaN, which a figure that could not be told is: it is null there. */
export type Kept = Readonly<Record<string, readonly Saved<Named>[]>>;

export const readKept = (text: string): Kept =>
  JSON.parse(text, (_, value: unknown) => (value === null ? NaN : value)) as Kept;

export const printKept = (kept: Kept): Promise<string> =>
  format(JSON.stringify(kept), { parser: 'json', printWidth: 120 });

/**
 * Keeps new results in place of those of the same names (see `merge`) and prints the section anew. `names` are all that there are, in the
 * order of the page.
 */
export async function saveSection<R extends Named>(
  section: string,
  session: Session<R>,
  names: readonly string[],
  print: (sessions: readonly Session<R>[]) => string,
): Promise<void> {
  const kept = existsSync(RESULTS) ? readKept(readFileSync(RESULTS, 'utf8')) : {};
  // Each section has been written by the same benchmark before, with results of the same form.
  const merged = merge((kept[section] ?? []) as readonly Saved<R>[], session, names);
  const page = withSection(readFileSync(PAGE, 'utf8'), section, print(sessions(merged)));
  writeFileSync(RESULTS, await printKept({ ...kept, [section]: merged }));
  writeFileSync(PAGE, page);
}
