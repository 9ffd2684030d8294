import { expect } from 'chai';
import type { Bench, Check } from '../../src/cli/checks.ts';
import { formatResult, formatSummary, runTour } from '../../src/cli/tour.ts';

// The checks here do not look at it.
const BENCH = {} as Bench;

const passing: Check = { name: 'good', run: () => Promise.resolve({ figure: '3 of 3', how: 'ping' }) };
const failing: Check = { name: 'bad', run: () => Promise.reject(new Error('2 of 3\nand a stack')) };
const hanging: Check = { name: 'slow', run: () => new Promise(() => undefined) };

describe('the tour', () => {
  const run = async (
    checks: readonly Check[],
    limit = 50,
    signal = new AbortController().signal,
  ): Promise<string[]> => {
    const lines: string[] = [];
    const results = await runTour(BENCH, { signal, print: (line) => lines.push(line), checks, limit });
    return [...lines, formatSummary(results)];
  };

  it('prints a line for each check and goes on after a failure', async () => {
    expect(await run([passing, failing, passing])).to.deep.equal([
      'pass  good: 3 of 3 (ping)',
      'FAIL  bad: 2 of 3',
      'pass  good: 3 of 3 (ping)',
      '2 passed, 1 FAILED',
    ]);
  });

  it('gives a check up that does not come to an end', async () => {
    expect(await run([hanging, passing])).to.deep.equal([
      'FAIL  slow: no result within 0 s',
      'pass  good: 3 of 3 (ping)',
      '1 passed, 1 FAILED',
    ]);
  });

  it('ends when it is interrupted, without a line for what was under way', async () => {
    const controller = new AbortController();
    setTimeout(() => controller.abort('SIGINT'), 10);
    expect(await run([passing, hanging, passing], 10_000, controller.signal)).to.deep.equal([
      'pass  good: 3 of 3 (ping)',
      '1 passed',
    ]);
  });

  it('a failed check has no tool', () => {
    const result = { name: 'x', passed: false, figure: 'why', how: '', milliseconds: 1 };
    expect(formatResult(result)).to.equal('FAIL  x: why');
  });
});
