import { expect } from 'chai';
import * as fc from 'fast-check';
import { FramePool } from '../../src/core/frame.ts';
import type { Frame } from '../../src/core/frame.ts';
import { micros, NEVER } from '../../src/core/time.ts';
import { DelayLine } from '../../src/link/delay-line.ts';

type Step = { push: number } | { shift: number };

describe('link/delay-line', () => {
  it('any pushes and shifts: what comes out is what a stable sort by due time gives', () => {
    const step: fc.Arbitrary<Step> = fc.oneof(
      { weight: 3, arbitrary: fc.record({ push: fc.integer({ min: 0, max: 50 }) }) },
      { weight: 1, arbitrary: fc.record({ shift: fc.integer({ min: 0, max: 60 }) }) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 400, size: 'max' }), (steps) => {
        const pool = new FramePool();
        const line = new DelayLine();
        let model: { frame: Frame; due: number }[] = [];
        for (const action of steps) {
          if ('push' in action) {
            const frame = pool.acquire(0);
            line.push(frame, micros(action.push));
            model.push({ frame, due: action.push });
            model = model.toSorted((a, b) => a.due - b.due);
          } else {
            const first = model[0];
            const expected = first !== undefined && first.due <= action.shift ? model.shift() : undefined;
            expect(line.shift(micros(action.shift))).to.equal(expected?.frame);
          }
          expect(line.size).to.equal(model.length);
          expect(line.nextDue()).to.equal(model[0]?.due ?? NEVER);
        }
      }),
      { numRuns: 60 },
    );
  });
});
