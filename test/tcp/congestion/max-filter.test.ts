import { expect } from 'chai';
import fc from 'fast-check';
import { MaxFilter } from '../../../src/tcp/congestion/max-filter.ts';

describe('tcp/congestion/max-filter', () => {
  it('property: is the greatest value of the last rounds', () => {
    const steps = fc.array(fc.tuple(fc.nat(12), fc.nat(100)), { maxLength: 60 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10 }), steps, (length, taken) => {
        const filter = new MaxFilter(length);
        const seen: [round: number, value: number][] = [];
        let round = 0;
        for (const [passed, value] of taken) {
          round += passed > 3 ? 0 : passed === 3 ? 11 : passed;
          filter.update(value, round);
          seen.push([round, value]);
          const counting = seen.filter(([at]) => at > round - length).map(([, counted]) => counted);
          expect(filter.value).to.equal(Math.max(...counting));
        }
      }),
    );
  });

  it('is 0 before there is a value', () => {
    expect(new MaxFilter(10).value).to.equal(0);
  });
});
