/**
 * What `--save` keeps: the last result of each figure, with when, where and on what it was measured. docs/performance.json holds it and
 * docs/performance.md is printed from it, so that measuring one figure anew leaves the others as they are.
 */
import type { Facts } from './report.ts';

/** Something that was measured, by the name with which a user asks for it. */
export interface Named {
  readonly name: string;
  /** Why there is no result. */
  readonly error?: string;
}

export interface Saved<R extends Named> {
  readonly facts: Facts;
  readonly result: R;
}

/** Results that were measured together. */
export interface Session<R extends Named> {
  readonly facts: Facts;
  readonly results: readonly R[];
}

/**
 * What was saved before, with the new results in place of those of the same names, in the order of `names`; a name that is not among them
 * any more goes. A failure takes no result's place.
 */
export function merge<R extends Named>(
  before: readonly Saved<R>[],
  { facts, results }: Session<R>,
  names: readonly string[],
): Saved<R>[] {
  const byName = new Map(before.map((saved) => [saved.result.name, saved]));
  for (const result of results) {
    if (result.error === undefined || !byName.has(result.name)) byName.set(result.name, { facts, result });
  }
  return names.flatMap((name) => byName.get(name) ?? []);
}

/** What was measured together, the newest first; those of one day in the order in which their first results stand. */
export function sessions<R extends Named>(saved: readonly Saved<R>[]): Session<R>[] {
  const byFacts = new Map<string, { facts: Facts; results: R[] }>();
  for (const { facts, result } of saved) {
    const key = JSON.stringify(facts);
    const session = byFacts.get(key);
    if (session === undefined) byFacts.set(key, { facts, results: [result] });
    else session.results.push(result);
  }
  return [...byFacts.values()].sort((a, b) => b.facts.date.localeCompare(a.facts.date));
}
