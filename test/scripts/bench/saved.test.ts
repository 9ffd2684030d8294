import { expect } from 'chai';
import { check } from 'prettier';
import { conclude } from '../../../scripts/bench/figure.ts';
import type { Result, Sample } from '../../../scripts/bench/figure.ts';
import { printKept, readKept, withSection } from '../../../scripts/bench/page.ts';
import { section } from '../../../scripts/bench/report.ts';
import type { Facts } from '../../../scripts/bench/report.ts';
import { merge, sessions } from '../../../scripts/bench/saved.ts';

const facts = (date: string, commit: string): Facts => ({
  ...{ date, commit, cpu: 'A processor', processors: 2, memoryGiB: 8 },
  ...{ kernel: '6.1', node: '20.19.0', load: 0.1, runs: 5, seconds: 2 },
});
const OLD = facts('2025-01-01', 'abc');
const NEW = facts('2025-02-02', 'def');
const NAMES = ['in', 'out', 'ping'];

const result = (name: string, value: number): Result => {
  const sample: Sample = { value };
  return conclude({ name, title: `title of ${name}`, unit: 'us', better: 'less' }, ['tapstack'], [[sample]]);
};
const failed = (name: string): Result => ({ ...result(name, 0), outcomes: [], judgements: [], error: 'no device' });

describe('scripts/bench/saved', () => {
  const before = merge([], { facts: OLD, results: [result('ping', 1), result('in', 2)] }, NAMES);

  it('keeps results in the order of the names, whatever the order of the runs', () => {
    expect(before.map((saved) => saved.result.name)).to.deep.equal(['in', 'ping']);
    const after = merge(before, { facts: NEW, results: [result('out', 3)] }, NAMES);
    expect(after.map((saved) => saved.result.name)).to.deep.equal(NAMES);
  });

  it('new results take the place of those of the same names, others keep theirs with when they were measured', () => {
    const after = merge(before, { facts: NEW, results: [result('in', 9)] }, NAMES);
    expect(after).to.deep.equal([{ facts: NEW, result: result('in', 9) }, before[1]]);
  });

  it('a failure takes no place but an empty one', () => {
    const after = merge(before, { facts: NEW, results: [failed('in'), failed('out')] }, NAMES);
    expect(after[0]).to.equal(before[0]);
    expect(after[1]!.result.error).to.equal('no device');
    expect(merge(after, { facts: NEW, results: [result('out', 4)] }, NAMES)[1]!.result).to.deep.equal(result('out', 4));
  });

  it('a name that is no more goes', () => {
    expect(merge(before, { facts: NEW, results: [] }, ['ping'])).to.deep.equal([before[1]]);
  });

  it('what was measured together stands together, the newest first', () => {
    const after = merge(before, { facts: NEW, results: [result('out', 3)] }, NAMES);
    expect(sessions(after)).to.deep.equal([
      { facts: NEW, results: [result('out', 3)] },
      { facts: OLD, results: [result('in', 2), result('ping', 1)] },
    ]);
  });

  it('is read as it was written, NaN and other sections with it, and formatted as the project is', async () => {
    const kept = { figures: merge(before, { facts: NEW, results: [result('out', NaN)] }, NAMES), micro: [before[0]!] };
    const text = await printKept(kept);
    expect(readKept(text)).to.deep.equal(kept);
    expect(await check(text, { parser: 'json', printWidth: 120 })).to.equal(true);
  });

  it('the page says of each result when and on what it was measured', async () => {
    const after = merge(before, { facts: NEW, results: [result('out', 3)] }, NAMES);
    const text = section(sessions(after));
    const places = [
      '2025-02-02, commit def',
      '| title of out',
      '2025-01-01, commit abc',
      '| title of in',
      '| title of ping',
    ];
    const found = places.map((place) => text.indexOf(place));
    expect(found)
      .to.deep.equal([...found].sort((a, b) => a - b))
      .and.not.include(-1);
    const marks = '<!-- figures: written with --save -->\n\n<!-- figures: end -->\n';
    const page = withSection(marks, 'figures', text);
    expect(await check(page, { parser: 'markdown', printWidth: 120, singleQuote: true })).to.equal(true);
  });
});
