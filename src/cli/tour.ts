/**
 * The tour: runs every check, one after another, and prints a line for each. It goes on after a failure, ends early when it is
 * interrupted, and never takes longer than its time limit.
 */
import { CHECKS } from './checks.ts';
import type { Bench, Check } from './checks.ts';
import { errorText } from '../app/sockets.ts';
import type { FrameLog } from './frame-log.ts';

/** Longest time for one check, and for all of them (ms). */
const CHECK_LIMIT = 20_000;
const TOUR_LIMIT = 100_000;
/** Frames shown of each check. */
const FRAMES_SHOWN = 6;

/** One line of the tour as data. */
export interface CheckResult {
  readonly name: string;
  readonly passed: boolean;
  /** What was found, or what went wrong. */
  readonly figure: string;
  /** The tool it was done with; '' when it failed. */
  readonly how: string;
  readonly milliseconds: number;
}

export interface TourOptions {
  readonly signal: AbortSignal;
  /** Where the lines go. */
  readonly print: (line: string) => void;
  /** Shows frames between the lines; none when undefined. */
  readonly frames?: FrameLog | undefined;
  /** What to run; everything by default. */
  readonly checks?: readonly Check[];
  /** Longest time for one check (ms). */
  readonly limit?: number;
}

/** Runs the checks. An interruption leaves the rest out. */
export async function runTour(bench: Bench, options: TourOptions): Promise<CheckResult[]> {
  const results: CheckResult[] = [];
  const end = performance.now() + TOUR_LIMIT;
  for (const check of options.checks ?? CHECKS) {
    options.frames?.allow(FRAMES_SHOWN);
    const limit = Math.min(options.limit ?? CHECK_LIMIT, Math.max(0, end - performance.now()));
    const result = await runCheck(check, bench, limit, options.signal);
    if (options.signal.aborted) break;
    options.frames?.sayOmitted();
    options.print(formatResult(result));
    results.push(result);
  }
  // What connections still say while they are closed does not belong behind the summary.
  options.frames?.allow(0);
  return results;
}

async function runCheck(check: Check, bench: Bench, limit: number, signal: AbortSignal): Promise<CheckResult> {
  const start = performance.now();
  let outcome: { passed: boolean; figure: string; how: string };
  try {
    outcome = { passed: true, ...(await bounded(check.run(bench), limit, signal)) };
  } catch (error) {
    outcome = { passed: false, figure: errorText(error), how: '' };
  }
  return { name: check.name, ...outcome, milliseconds: Math.round(performance.now() - start) };
}

/** The promise, or a failure after `limit` ms or when the signal is aborted. */
function bounded<T>(promise: Promise<T>, limit: number, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const fail = (why: string) => (): void => reject(new Error(why));
    const interrupted = fail('interrupted');
    const timer = setTimeout(fail(`no result within ${(limit / 1000).toFixed(0)} s`), limit);
    signal.addEventListener('abort', interrupted, { once: true });
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', interrupted);
    };
    promise.finally(done).then(resolve, reject);
  });
}

/** The line of a result. */
export function formatResult(result: CheckResult): string {
  const how = result.how === '' ? '' : ` (${result.how})`;
  return `${result.passed ? 'pass' : 'FAIL'}  ${result.name}: ${result.figure}${how}`;
}

/** The last line. */
export function formatSummary(results: readonly CheckResult[]): string {
  const failed = results.filter((result) => !result.passed).length;
  return failed === 0 ? `${results.length} passed` : `${results.length - failed} passed, ${failed} FAILED`;
}
