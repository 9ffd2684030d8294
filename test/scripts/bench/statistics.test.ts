import { expect } from 'chai';
import fc from 'fast-check';
import {
  isNoisy,
  jain,
  judge,
  median,
  medianInterval,
  quantile,
  slope,
  spread,
} from '../../../scripts/bench/statistics.ts';

const values = fc.array(fc.double({ min: 0.001, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 40 });

describe('scripts/bench/statistics', () => {
  it('the median is the value in the middle, or the mean of two', () => {
    expect(median([3, 1, 2])).to.equal(2);
    expect(median([4, 1, 2, 3])).to.equal(2.5);
    expect(median([7])).to.equal(7);
    expect(median([])).to.be.NaN;
  });

  it('quantiles lie between neighbours in proportion', () => {
    expect(quantile([10, 20, 30, 40, 50], 0.25)).to.equal(20);
    expect(quantile([0, 10], 0.99)).to.be.closeTo(9.9, 1e-9);
    expect(quantile([1, 2, 3], 1)).to.equal(3);
    expect(quantile([Infinity, Infinity], 0.5)).to.equal(Infinity);
  });

  it('the spread is the middle half by the median, and one value out of the way does not change it', () => {
    expect(spread([8, 9, 10, 11, 12])).to.be.closeTo(0.2, 1e-9);
    expect(spread([8, 9, 10, 11, 1000])).to.be.closeTo(0.2, 1e-9);
    expect(spread([0, 0, 0])).to.equal(0);
  });

  const intervals: readonly [count: number, place: number | undefined][] = [
    [1, undefined],
    [4, undefined],
    [5, 1],
    [7, 1],
    [8, 2],
    [10, 2],
    [11, 3],
    [20, 6],
  ];
  for (const [count, place] of intervals) {
    it(`the true median of ${count} values lies ${place === undefined ? 'nobody knows where' : `from the ${place}. on`}`, () => {
      const interval = medianInterval(Array.from({ length: count }, (_, i) => i + 1));
      expect(interval).to.deep.equal(place === undefined ? undefined : [place, count + 1 - place]);
    });
  }

  it('the interval holds the median, wherever the values lie', () => {
    fc.assert(
      fc.property(values, (drawn) => {
        const interval = medianInterval(drawn);
        if (interval === undefined) expect(drawn.length).to.be.below(5);
        else expect(median(drawn)).to.be.within(...interval);
      }),
    );
  });

  it('a bar amid the interval cannot be told, one outside is met or missed', () => {
    const runs = [0.7, 0.72, 0.74, 0.76, 0.78];
    expect(judge(runs, 0.65)).to.equal('met');
    expect(judge(runs, 0.75)).to.equal('cannot tell');
    expect(judge(runs, 0.8)).to.equal('missed');
    expect(judge(runs, undefined, 0.8)).to.equal('met');
    expect(judge(runs, undefined, 0.6)).to.equal('missed');
    expect(judge([1, 1, 1, 1], 0.5), 'too few').to.equal('cannot tell');
    expect(judge([1, 1, 1, 1, NaN], 0.5), 'not a number').to.equal('cannot tell');
  });

  it('noise is an unsteady yardstick with unsteady ratios', () => {
    const steady = [10, 10, 10, 10, 10];
    const unsteady = [5, 8, 10, 13, 20];
    expect(isNoisy(unsteady, unsteady)).to.be.true;
    expect(isNoisy(unsteady, steady), 'the turns took it out').to.be.false;
    expect(isNoisy(steady, unsteady), "tapstack's own").to.be.false;
  });

  it('Jain: 1 for equal shares, 1/n when one has all, in between else', () => {
    expect(jain([5, 5, 5])).to.be.closeTo(1, 1e-9);
    expect(jain([9, 0, 0])).to.be.closeTo(1 / 3, 1e-9);
    expect(jain([0, 0])).to.be.NaN;
    fc.assert(fc.property(values, (drawn) => jain(drawn) > 1 / drawn.length - 1e-9 && jain(drawn) < 1 + 1e-9));
  });

  it('the slope is that of the line through the points, or nearest to them', () => {
    expect(slope([0, 1, 2, 3].map((x) => [x, 5 - 2 * x] as const))).to.be.closeTo(-2, 1e-9);
    expect(slope([0, 1, 2].map((x) => [x, [1, 4, 1][x]!] as const))).to.be.closeTo(0, 1e-9);
    expect(slope([[3, 4]])).to.be.NaN;
  });
});
