/**
 * A private network namespace for the lab, by unshare(1): a plain one for root, one in a user namespace of its own for others. It
 * and everything in it vanish with the last process that is in it.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { complaint, ended, findTool, runTool, toolPath } from './tools.ts';

/** How to start a program in a new namespace, or why that cannot be done. */
export type Entrance =
  | { readonly kind: 'open'; readonly path: string; readonly args: readonly string[] }
  | { readonly kind: 'closed'; readonly reason: string };

/** Finds out by trying. */
export async function findEntrance(find = findTool): Promise<Entrance> {
  if (process.platform !== 'linux') return closed(`TAP devices need Linux, and this is ${process.platform}`);
  const unshare = find('unshare');
  if (unshare === undefined)
    return closed('there is no unshare command; install util-linux (apt-get install util-linux)');
  if (find('ip') === undefined) return closed('there is no ip command; install iproute2 (apt-get install iproute2)');
  let refusal = '';
  for (const args of process.getuid?.() === 0 ? [['-n'], ['-Urn']] : [['-Urn']]) {
    const result = await runTool(unshare, [...args, 'true']);
    if (result.code === 0) return { kind: 'open', path: unshare, args };
    refusal = complaint(result);
  }
  return closed(
    `no right to make a network namespace (${refusal}); run as root, in a container with --privileged, ` +
      'or have unprivileged user namespaces allowed',
  );
}

const closed = (reason: string): Entrance => ({ kind: 'closed', reason });

/**
 * Runs this program again with `args` in a new namespace and resolves with its exit code. Signals are passed on; the child also
 * ends when this process is killed.
 */
export async function runInside(
  entrance: Entrance & { kind: 'open' },
  args: readonly string[],
  signal: AbortSignal,
): Promise<number> {
  const command = [...entrance.args, process.execPath, ...process.execArgv, process.argv[1]!, ...args];
  const child = spawn(entrance.path, command, {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, PATH: toolPath() },
  });
  const pass = (): void => passOn(child, signal.reason);
  if (signal.aborted) pass();
  else signal.addEventListener('abort', pass, { once: true });
  try {
    return await ended(child);
  } finally {
    signal.removeEventListener('abort', pass);
  }
}

/** How long an interrupted child has to tidy up (ms). */
const PATIENCE = 5000;

function passOn(child: ChildProcess, reason: unknown): void {
  child.kill(typeof reason === 'string' ? (reason as NodeJS.Signals) : 'SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE);
  child.once('close', () => clearTimeout(timer));
}
