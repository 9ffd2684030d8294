/** Small things for tests that wait for what happens in real time. */
import { setTimeout as sleep } from 'node:timers/promises';
import { errorCode } from '../../src/app/sockets.ts';

/** Waits until `condition` holds; throws when it does not within `patience` ms (default 5,000). */
export async function until(condition: () => boolean | Promise<boolean>, patience = 5000): Promise<void> {
  const end = performance.now() + patience;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`it did not happen within ${patience} ms: ${condition.toString()}`);
    await sleep(2);
  }
}

/** The name of the errno that a call fails with, or 'none' when it succeeds. */
export async function codeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return 'none';
  } catch (error) {
    const code = errorCode(error);
    if (code === '') throw error;
    return code;
  }
}
