/**
 * Running other programs: ping, curl, nc, ip, unshare. A tool that is missing is `undefined`, never an exception, so that
 * callers fall back to another.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess, ChildProcessByStdio } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Readable, Writable } from 'node:stream';

/** Where ip and its like live, which is not in every user's PATH. */
const SYSTEM_PATHS = ['/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/bin', '/bin'];

/** The search path for tools: the user's, then the system's. */
export function toolPath(): string {
  return [...new Set([...(process.env['PATH'] ?? '').split(delimiter), ...SYSTEM_PATHS])]
    .filter(Boolean)
    .join(delimiter);
}

/** The full path of a program, or undefined when there is none. */
export function findTool(name: string): string | undefined {
  return toolPath()
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export interface ToolResult {
  /** Exit code; 255 when a signal ended it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A running tool with all three streams. */
export type Tool = ChildProcessByStdio<Writable, Readable, Readable>;

/** Starts a program; it is killed when `signal` is aborted. Its streams are the caller's to read. */
export function startTool(path: string, args: readonly string[], signal?: AbortSignal): Tool {
  const child = spawn(path, args, {
    stdio: 'pipe',
    env: { ...process.env, LC_ALL: 'C' },
    ...(signal && { signal }),
    killSignal: 'SIGKILL',
  });
  // Writing to a tool that has ended is no matter: its exit tells.
  child.stdin.on('error', () => undefined);
  child.on('error', () => undefined);
  return child;
}

/** Runs a program to its end and collects what it prints. Never rejects: a failure to start is code 255. */
export async function runTool(path: string, args: readonly string[], signal?: AbortSignal): Promise<ToolResult> {
  const child = startTool(path, args, signal);
  child.stdin.end();
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
  const code = await ended(child);
  return { code, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() };
}

/** Resolves with the exit code once the program has ended and its output is read; 255 for a signal or a failed start. */
export function ended(child: ChildProcess): Promise<number> {
  return new Promise((resolve) => {
    child.once('close', (code) => resolve(code ?? 255));
    child.once('error', () => resolve(255));
  });
}

/** What a failed program said: its last line of errors, or its exit code. */
export function complaint(result: ToolResult): string {
  const line = result.stderr.trim().split('\n').at(-1) ?? '';
  return line === '' ? `exit code ${result.code}` : line;
}
