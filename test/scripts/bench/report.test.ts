import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { check } from 'prettier';
import { chart } from '../../../scripts/bench/chart.ts';
import { conclude, measureFigure } from '../../../scripts/bench/figure.ts';
import type { Figure, Sample } from '../../../scripts/bench/figure.ts';
import { withSection } from '../../../scripts/bench/page.ts';
import { number, section, table } from '../../../scripts/bench/report.ts';

const figure: Omit<Figure, 'open'> = { name: 'out', title: 'TCP out', unit: 'Gbit/s', better: 'more' };
const of = (...values: number[]): Sample[] => values.map((value) => ({ value }));
const facts = {
  date: '2025-01-01',
  commit: 'abc',
  cpu: 'A processor',
  processors: 2,
  memoryGiB: 8,
  kernel: '6.1',
  node: '20.19.0',
  load: 0.1,
  runs: 5,
  seconds: 2,
};

describe('scripts/bench/figure', () => {
  it('ratios are taken run by run', () => {
    const { outcomes } = conclude(figure, ['tapstack', 'kernel'], [of(1, 10, 100), of(2, 20, 200)]);
    expect(outcomes[1]).to.deep.include({ median: 20, ratio: 0.5, noisy: false });
  });

  it('bars are held against ratios, values and details', () => {
    const bars = [
      { against: 'kernel', least: 0.4 },
      { most: 9 },
      { detail: 'Jain', least: 0.9 },
      { against: 'nobody', least: 1 },
    ];
    const own = of(10, 10, 10, 10, 10).map((sample) => ({ ...sample, details: { Jain: 0.99 } }));
    const { judgements, outcomes } = conclude(
      { ...figure, bars },
      ['tapstack', 'kernel'],
      [own, of(20, 20, 20, 20, 20)],
    );
    expect(judgements.map(({ verdict }) => verdict)).to.deep.equal(['met', 'missed', 'met', 'cannot tell']);
    expect(outcomes[0]!.details).to.deep.equal({ Jain: 0.99 });
  });

  it('contestants take turns, the first of a run in turn; a warm-up does not count', async () => {
    const order: string[] = [];
    const contestant = (name: string): { name: string; measure: () => Promise<Sample> } => ({
      name,
      measure: () => Promise.resolve({ value: order.push(name) }),
    });
    const contestants = ['a', 'b'].map(contestant);
    const open = () => Promise.resolve({ contestants, warmUp: true, close: () => Promise.resolve() });
    const { outcomes } = await measureFigure({ ...figure, open }, 2, 1);
    expect(order).to.deep.equal(['a', 'a', 'b', 'b', 'a']);
    expect(outcomes[0]!.values).to.deep.equal([2, 5]);
  });

  it('a failure is a result', async () => {
    const result = await measureFigure({ ...figure, open: () => Promise.reject(new Error('no device')) }, 1, 1);
    expect(result.error).to.equal('no device');
    expect(table([result])).to.match(/failed/);
    expect(chart(result)).to.be.undefined;
  });
});

describe('scripts/bench/report', () => {
  const bars = [{ against: 'kernel', least: 0.9 }, { most: 3 }];
  const result = conclude({ ...figure, bars }, ['tapstack', 'kernel'], [of(1, 1, 1, 1, 1), of(2, 2, 2, 2, 2)]);

  it('the table names value, yardstick, ratio and what is wanted', () => {
    const [, , row] = table([result]).split('\n');
    const cells = row!.split('|').map((cell) => cell.trim());
    expect(cells.slice(1, 8)).to.deep.equal(['TCP out', 'Gbit/s', '1', 'kernel', '2', '0.50', '0 % / 0 %']);
    expect(cells.at(-2)).to.equal('wanted at least 0.9: missed, wanted at most 3: met');
  });

  it('a ratio below a tenth keeps two digits', () => {
    const slow = conclude(figure, ['tapstack', 'kernel'], [of(0.1), of(9)]);
    expect(table([slow])).to.match(/\| 0\.011 \|/);
  });

  it('a figure without yardsticks keeps its remarks', () => {
    const alone = conclude({ ...figure, bars: [{ least: 1 }] }, ['tapstack'], [of(2, 2, 2, 2, 2)]);
    expect(table([alone])).to.match(/wanted at least 1: met/);
  });

  it('numbers have three digits, and none where there is none', () => {
    expect([0.123, 12.34, 123.4, 12_345, 7, NaN].map(number)).to.deep.equal([
      '0.12',
      '12.3',
      '123',
      '12,345',
      '7',
      '-',
    ]);
  });

  it('a chart is a bar for each contestant', () => {
    expect(chart(result)!.split('\n').slice(2)).to.deep.equal([
      'xychart-beta horizontal',
      '    title "TCP out"',
      '    x-axis ["tapstack", "kernel"]',
      '    y-axis "Gbit/s" 0 --> 2.20',
      '    bar [1.00, 2.00]',
      '```',
    ]);
  });

  it('a chart has no exponents and no quotes within quotes', () => {
    const odd = conclude({ ...figure, title: 'a "b"', better: 'less' }, ['tapstack'], [of(0.0000004)]);
    expect(chart(odd))
      .to.match(/title "a 'b' \(less is better\)"/)
      .and.match(/bar \[0\.000000400\]/);
    const nothing = conclude(figure, ['tapstack'], [of(0)]);
    expect(chart(nothing)).to.be.undefined;
  });

  it('what is saved goes between its marks, and the rest stays', () => {
    const page = readFileSync(new URL('../../../docs/performance.md', import.meta.url), 'utf8');
    const written = withSection(page, 'figures', 'new text');
    expect(written).to.match(/-->\n\nnew text\n\n<!-- figures: end/);
    expect(written.split('## Figures')[0]).to.equal(page.split('## Figures')[0]);
    expect(written.split('## Small operations')[1]).to.equal(page.split('## Small operations')[1]);
    expect(withSection(written, 'figures', 'new text'), 'twice').to.equal(written);
    expect(() => withSection(page, 'other', '')).to.throw(/marks of the section 'other'/);
  });

  it('what is saved is formatted as the project is', async () => {
    const page = readFileSync(new URL('../../../docs/performance.md', import.meta.url), 'utf8');
    const written = withSection(page, 'figures', section([{ facts, results: [result] }]));
    expect(await check(written, { parser: 'markdown', printWidth: 120, singleQuote: true })).to.be.true;
  });
});
