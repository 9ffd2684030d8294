/**
 * `tapstack start`: the lab. The command runs itself again inside a new network namespace (`tapstack lab`, which is hidden) and there
 * opens a shell or takes the tour. Where no TAP device can be had it says why and takes the tour in memory.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TapError } from '../link/tap.ts';
import { EXIT_FAILURE, exitForSignal } from './errors.ts';
import { FrameLog } from './frame-log.ts';
import { catchInterrupts } from './interrupt.ts';
import { HOST_ADDRESS, PEER_ADDRESS, kernelLab, memoryLab } from './lab.ts';
import type { Lab, LabOptions } from './lab.ts';
import { findEntrance, runInside } from './namespace.ts';
import { Recorder } from './recorder.ts';
import { runShell } from './shell.ts';
import { formatSummary, runTour } from './tour.ts';
import type { CheckResult } from './tour.ts';

export interface StartOptions {
  /** Takes the tour even on a terminal. */
  readonly tour: boolean;
  /** Takes the tour in memory, without looking for a TAP device. */
  readonly memory: boolean;
  readonly json: boolean;
  readonly offload: boolean;
  readonly pcap?: string;
  /** Where the trace goes; a file that vanishes with the lab by default. */
  readonly traceFile?: string;
  /** Shows the trace beside the shell. */
  readonly tmux: boolean;
}

/** Makes the lab and resolves with the exit code. `args` is the command line after `start`, for the command inside. */
export async function start(options: StartOptions, args: readonly string[]): Promise<number> {
  if (options.memory) return inMemory(options);
  const entrance = await findEntrance();
  if (entrance.kind === 'closed') {
    sayWhy(entrance.reason);
    return inMemory(options);
  }
  using interrupt = catchInterrupts();
  return await runInside(entrance, ['lab', ...args], interrupt.signal);
}

/** What runs inside the namespace. */
export async function lab(options: StartOptions): Promise<number> {
  const wantsShell = process.stdin.isTTY && process.stdout.isTTY && !options.tour && !options.json;
  try {
    return wantsShell
      ? await shellLab(options)
      : await tourLab(options, kernelLab, 'the Linux kernel over a TAP device');
  } catch (error) {
    if (!(error instanceof TapError)) throw error;
    sayWhy(HAS_NO_RIGHT.has(error.code) ? NO_RIGHT : error.message);
    return inMemory(options);
  }
}

const HAS_NO_RIGHT: ReadonlySet<string> = new Set(['EPERM', 'EACCES']);
const NO_RIGHT = 'no right to open /dev/net/tun; run as root, or have root allow it: chmod 666 /dev/net/tun';

function sayWhy(reason: string): void {
  process.stderr.write(`tapstack: no TAP device: ${reason}\n`);
  process.stderr.write('tapstack: taking the tour between two hosts on a cable in memory instead\n');
}

const inMemory = (options: StartOptions): Promise<number> =>
  tourLab(options, memoryLab, 'a second tapstack host over a cable in memory');

type LabMaker = (options: LabOptions) => Promise<Lab>;

/** Tries everything and prints what came of it. */
async function tourLab(options: StartOptions, make: LabMaker, setting: string): Promise<number> {
  using interrupt = catchInterrupts();
  const { signal } = interrupt;
  await using recorder = new Recorder({ pcap: options.pcap, traceFile: options.traceFile });
  const frames = options.json ? undefined : new FrameLog(process.stdout, { prefix: '      ', allowance: 0 });
  const print = (line: string): void => {
    if (!options.json) process.stdout.write(`${line}\n`);
  };
  await using running = await make({
    offload: options.offload,
    signal,
    wrap: (link) => frames?.watch(recorder.wrap(link)) ?? recorder.wrap(link),
  });
  recorder.follow(running.host);
  print(`${HOST_ADDRESS} is a TCP/IP host in TypeScript; ${PEER_ADDRESS} is ${setting}.`);
  const results = await runTour(running.bench, { signal, print, frames });
  if (signal.aborted) return exitForSignal(signal.reason);
  const passed = results.every((result) => result.passed);
  if (options.json) process.stdout.write(`${tourJson(results, setting)}\n`);
  else print(formatSummary(results));
  return passed ? 0 : EXIT_FAILURE;
}

function tourJson(results: readonly CheckResult[], setting: string): string {
  const passed = results.every((result) => result.passed);
  return JSON.stringify({ host: HOST_ADDRESS, peer: PEER_ADDRESS, setting, passed, results }, undefined, 2);
}

/** Opens the user's shell beside a running host. */
async function shellLab(options: StartOptions): Promise<number> {
  // Ctrl-C in the shell is the shell's.
  using interrupt = catchInterrupts(['SIGINT']);
  const folder = await mkdtemp(join(tmpdir(), 'tapstack-'));
  try {
    const traceFile = options.traceFile ?? join(folder, 'trace.txt');
    await using recorder = new Recorder({ pcap: options.pcap, traceFile });
    await using running = await kernelLab({
      offload: options.offload,
      signal: interrupt.signal,
      wrap: (link) => recorder.wrap(link),
    });
    recorder.follow(running.host);
    await runShell({
      ...{ hostAddress: HOST_ADDRESS, peerAddress: PEER_ADDRESS, traceFile },
      ...{ tmux: options.tmux, signal: interrupt.signal },
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return 0;
}
