/**
 * How often a property is tried: some times in `npm test`, fifty times as often in `npm run test:deep`. A failure prints its seed
 * and path; TAPSTACK_SEED and TAPSTACK_PATH take it up again.
 */
import type fc from 'fast-check';

const DEEPER = 50;

export const isDeep = process.env['TAPSTACK_DEEP'] === '1';

/** Parameters of `fc.assert` for a property that `npm test` tries `usual` times. */
export function runs(usual: number): fc.Parameters<unknown> {
  const { TAPSTACK_SEED: seed, TAPSTACK_PATH: path } = process.env;
  return {
    numRuns: isDeep ? usual * DEEPER : usual,
    ...(seed !== undefined && { seed: Number(seed) }),
    ...(path !== undefined && { path }),
  };
}

/** A time-out (ms) for a test whose property takes `each` at most a run. */
export const timeFor = (usual: number, each: number): number => Math.max(20_000, runs(usual).numRuns! * each);
