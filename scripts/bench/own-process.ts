/**
 * A measurement in a process of its own, so that what others leave behind (compiled code, a heap) does not count.
 */
import { execFile } from 'node:child_process';
import { execPath } from 'node:process';
import { promisify } from 'node:util';
import type { Contestant, Figure, Sample } from './figure.ts';

/** Runs a module of the benchmark with arguments; it prints a sample as JSON. */
export async function inOwnProcess(
  module: string,
  args: readonly (string | number)[],
  patience: number,
): Promise<Sample> {
  const command = ['--expose-gc', '--import', 'tsx', module, ...args.map(String)];
  const { stdout } = await promisify(execFile)(execPath, command, { timeout: patience * 1000 });
  return JSON.parse(stdout) as Sample;
}

/** A figure whose contestants need nothing but processes of their own. */
export const inMemory = (figure: Omit<Figure, 'open' | 'inMemory'>, contestants: readonly Contestant[]): Figure => ({
  ...figure,
  inMemory: true,
  open: () => Promise.resolve({ contestants, warmUp: false, close: () => Promise.resolve() }),
});

/** What the collector leaves of heap and external memory (octets). */
export function memoryInUse(): number {
  for (let i = 0; i < 3; i++) globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
