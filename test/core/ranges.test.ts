import { expect } from 'chai';
import * as fc from 'fast-check';
import { RangeSet } from '../../src/core/ranges.ts';

type Step = { add: [number, number] } | { remove: [number, number] };
const UNITS = 40;

/** The runs of a set of integers, as ranges. */
function runsOf(set: ReadonlySet<number>): [number, number][] {
  const runs: [number, number][] = [];
  for (let i = 0; i < UNITS; i++) {
    if (!set.has(i)) continue;
    if (runs.length > 0 && runs.at(-1)![1] === i) runs.at(-1)![1] = i + 1;
    else runs.push([i, i + 1]);
  }
  return runs;
}

describe('core/ranges', () => {
  it('any additions and removals: the same as a set of integers, with its runs merged', () => {
    const pair = fc.tuple(fc.nat(UNITS), fc.nat(UNITS));
    const step: fc.Arbitrary<Step> = fc.oneof(fc.record({ add: pair }), fc.record({ remove: pair }));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40, size: 'max' }), (steps) => {
        const ranges = new RangeSet();
        const model = new Set<number>();
        for (const action of steps) {
          if ('add' in action) {
            const before = model.size;
            for (let i = action.add[0]; i < action.add[1]; i++) model.add(i);
            expect(ranges.add(...action.add)).to.equal(model.size - before);
          } else {
            for (let i = action.remove[0]; i < action.remove[1]; i++) model.delete(i);
            ranges.remove(...action.remove);
          }
          const runs = runsOf(model);
          expect(ranges.toArray()).to.deep.equal(runs);
          expect(ranges.size).to.equal(runs.length);
          expect(ranges.total).to.equal(model.size);
        }
        for (let i = 0; i < UNITS; i++) {
          expect(ranges.has(i)).to.equal(model.has(i));
          expect(ranges.endOf(i)).to.equal(runsOf(model).find(([from, to]) => from <= i && i < to)?.[1]);
        }
        ranges.clear();
        expect(ranges.toArray()).to.deep.equal([]);
      }),
      { numRuns: 150 },
    );
  });

  it('an empty or backward range changes nothing', () => {
    const ranges = new RangeSet();
    ranges.add(0, 10);
    for (const [from, to] of [
      [5, 5],
      [7, 3],
    ] as const) {
      expect(ranges.add(from, to)).to.equal(0);
      ranges.remove(from, to);
    }
    expect(ranges.toArray()).to.deep.equal([[0, 10]]);
  });

  it('works beyond 2^32, as stream offsets need', () => {
    const ranges = new RangeSet();
    ranges.add(2 ** 40, 2 ** 40 + 5);
    expect(ranges.start(0)).to.equal(2 ** 40);
    expect(ranges.end(0)).to.equal(2 ** 40 + 5);
    expect(ranges.has(2 ** 40 + 4)).to.equal(true);
  });
});
