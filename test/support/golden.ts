/** Tables of figures in virtual time that are checked in: a change of behaviour shows as a diff of them. */
import { readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';

/**
 * Holds the rows against test/golden/`name`.tsv, whose first line is `heading`; fields are separated by tabs. With UPDATE_GOLDEN=1 in the
 * environment the file is written anew first.
 */
export function expectGolden(name: string, heading: string, rows: readonly (readonly (string | number)[])[]): void {
  const file = new URL(`../golden/${name}.tsv`, import.meta.url);
  const table = [heading, ...rows.map((row) => row.join('\t')), ''].join('\n');
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(file, table);
  expect(table).to.equal(readFileSync(file, 'utf8'));
}
