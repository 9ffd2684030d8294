/**
 * docs/performance.md: sections between marks, which a benchmark writes, amid text that is kept by hand.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const PAGE = fileURLToPath(new URL('../../docs/performance.md', import.meta.url));

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

export function saveSection(section: string, text: string): void {
  writeFileSync(PAGE, withSection(readFileSync(PAGE, 'utf8'), section, text));
}
