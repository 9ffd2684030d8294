/**
 * The same calls on the kernel's sockets and on tapstack's own: every result must agree but for those in differential/differences.ts.
 *
 * The cases are in differential/*-cases.ts, a file per area, each found by its name. The kernel's side runs in network namespaces of
 * its own, which takes root; without it the suite skips, except in CI.
 */
import { expect } from 'chai';
import { askKernel, askTapstack, firstDivergence, readable, transcript } from '../support/differential.ts';
import { isDeep, runs, timeFor } from '../support/runs.ts';
import { AREAS } from './differential/areas.ts';
import { DIFFERENCES } from './differential/differences.ts';
import { drawSequences } from './differential/sequences.ts';
import type { Case, Json } from './differential/steps.ts';

/** Sequences drawn at random, in `npm test`. */
const SEQUENCES = 60;

/** The kernel's results with those exchanged that are known to be others, once they are seen to be what they are thought to be. */
function expected({ name, steps }: Case, kernel: readonly Json[]): string[] {
  const lines = transcript({ name, steps }, kernel);
  for (const difference of DIFFERENCES.filter((other) => other.case === name)) {
    const { step, linux, here } = difference;
    expect(readable(kernel[step]), `Linux, step ${step}`).to.deep.equal(linux);
    lines[step] = lines[step]!.replace(/ = .*$/, ` = ${JSON.stringify(here)}`);
  }
  return lines;
}

/** The kernel's results. Where it cannot be asked the suite is skipped, in CI it fails. */
function kernelOrSkip(suite: Mocha.Context, cases: readonly Case[]): Json[][] {
  const answer = askKernel(cases);
  if (typeof answer !== 'string') return answer;
  if (process.env['CI'] !== undefined) throw new Error(`the kernel cannot be asked: ${answer}`);
  process.stderr.write(`SKIPPED: socket calls against the kernel (needs root and python3): ${answer}\n`);
  return suite.skip();
}

describe('socket calls return what Linux returns', function () {
  this.timeout(120_000);

  for (const { area, cases } of AREAS) {
    describe(area, () => {
      let kernel: Json[][] = [];

      before(function () {
        kernel = kernelOrSkip(this, cases);
      });

      cases.forEach((sequence, index) => {
        it(sequence.name, () => {
          expect(transcript(sequence, askTapstack(sequence))).to.deep.equal(expected(sequence, kernel[index]!));
        });
      });
    });
  }

  const names = AREAS.flatMap(({ cases }) => cases.map(({ name }) => name));

  it('has a name for each case', () => {
    expect(names.filter((name, index) => names.indexOf(name) !== index)).to.deep.equal([]);
  });

  it('differs only where there is such a case', () => {
    expect(DIFFERENCES.map((difference) => difference.case).filter((name) => !names.includes(name))).to.deep.equal([]);
  });

  it('in sequences drawn at random', function () {
    const { numRuns = 0, seed = isDeep ? Date.now() % 1_000_000 : 1 } = runs(SEQUENCES);
    this.timeout(timeFor(SEQUENCES, 200));
    const cases = drawSequences(numRuns, seed);
    const divergence = firstDivergence(cases, kernelOrSkip(this, cases));
    expect(divergence?.here, `TAPSTACK_SEED=${seed}`).to.deep.equal(divergence?.linux);
  });
});
