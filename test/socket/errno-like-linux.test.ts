/**
 * The same calls on the kernel's sockets and on tapstack's own, over 127.0.0.1 of each: every result and errno must agree.
 * The kernel's side runs in a network namespace of its own, which takes root; without it the suite skips, except in CI.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { errnoName } from '../../src/core/errno.ts';
import { SeededRandom } from '../../src/core/random.ts';
import { micros } from '../../src/core/time.ts';
import { Stack } from '../../src/stack/stack.ts';
import { CallRunner } from '../support/call-runner.ts';
import { CASES as PLAIN_CASES } from './errno-cases.ts';
import type { Case } from './errno-cases.ts';
import { URGENT_CASES } from './urgent-cases.ts';

const CASES = [...PLAIN_CASES, ...URGENT_CASES];

/** The driver's exit status when it may not make a namespace. */
const NO_RIGHT = 77;

const DRIVER = fileURLToPath(new URL('../support/linux-sockets.py', import.meta.url));

/** The kernel's results for every case, or why there are none. */
function askKernel(): unknown[][] | string {
  const { status, stdout, stderr, error } = spawnSync('python3', [DRIVER], {
    input: JSON.stringify(CASES.map(({ steps }) => steps)),
    encoding: 'utf8',
    timeout: 60_000,
  });
  if (error !== undefined) return error.message;
  if (status === NO_RIGHT) return stderr.trim();
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as unknown[][];
}

/** tapstack's results: a host without links, whose loopback carries everything. */
function askTapstack({ steps }: Case): unknown[] {
  const stack = new Stack({ random: new SeededRandom(1) });
  let now = micros(1_000_000);
  const settle = (): void => {
    for (let turn = 0; turn < 4; turn++) {
      now = micros(now + 1000);
      stack.poll(now);
      stack.calls.deliver();
    }
  };
  return new CallRunner(stack.calls, settle).run(steps);
}

/** Errnos by name, and ephemeral ports as the same word, whichever they are. */
function readable(result: unknown): unknown {
  if (typeof result === 'number' && result < 0) return errnoName(result);
  if (!Array.isArray(result)) return result;
  const items: unknown[] = result;
  return items.map((item, index) =>
    index === items.length - 1 && items.length > 2 && typeof item === 'number' && item >= 32768 ? 'ephemeral' : item,
  );
}

describe('socket calls return what Linux returns', function () {
  this.timeout(60_000);
  let kernel: unknown[][] = [];

  before(function () {
    const answer = askKernel();
    if (typeof answer !== 'string') {
      kernel = answer;
      return;
    }
    if (process.env['CI'] !== undefined) throw new Error(`the kernel cannot be asked: ${answer}`);
    process.stderr.write(`SKIPPED: socket calls against the kernel (needs root and python3): ${answer}\n`);
    this.skip();
  });

  CASES.forEach((sequence, index) => {
    it(sequence.name, () => {
      const { steps, differs = {} } = sequence;
      const show = (results: readonly unknown[]): string[] =>
        steps.map((step, i) => `${step.join(' ').slice(0, 60)} = ${JSON.stringify(readable(results[i]))}`);
      const expected = kernel[index]!.map((result, i) => differs[i]?.result ?? result);
      expect(show(askTapstack(sequence))).to.deep.equal(show(expected));
    });
  });

  it('covers enough', () => {
    expect(CASES.length).to.be.greaterThan(60);
  });
});
