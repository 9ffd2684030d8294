/**
 * Asks the kernel and tapstack for the results of the same sequences of socket calls, and makes them comparable: errnos by name,
 * and what is different each time (ephemeral ports, names that are chosen) as the same word.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { errnoName } from '../../src/core/errno.ts';
import { MS } from '../../src/core/time.ts';
import { parseMac } from '../../src/ethernet/address.ts';
import { parsePrefix } from '../../src/ip/address.ts';
import { Simulation } from '../../src/lab/simulator.ts';
import { cable } from '../../src/link/cable.ts';
import type { Link } from '../../src/link/link.ts';
import { Stack } from '../../src/stack/stack.ts';
import type { Case, Json } from '../socket/differential/steps.ts';
import { CallRunner } from './call-runner.ts';
import type { RunnerHost } from './call-runner.ts';
import { DOTTED, headerIn, isChosen, maskDatagram } from './masked-datagrams.ts';

/** The driver's exit status when it may not make a namespace. */
const NO_RIGHT = 77;

const DRIVER = fileURLToPath(new URL('linux-sockets.py', import.meta.url));

/** The kernel's results for every case, or why there are none. */
export function askKernel(cases: readonly Case[]): Json[][] | string {
  const { status, stdout, stderr, error } = spawnSync('python3', [DRIVER], {
    input: JSON.stringify(cases.map(({ steps, peer = false }) => ({ steps, peer }))),
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (error !== undefined) return error.message;
  if (status === NO_RIGHT) return stderr.trim();
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as Json[][];
}

/** tapstack's results: a host with no more than a loopback, or two that a cable joins. */
export function askTapstack({ steps, peer = false }: Case): Json[] {
  const simulation = new Simulation({ seed: 1 });
  const links: readonly (Link | undefined)[] = peer ? cable({ names: ['eth0', 'eth0'] }) : [undefined];
  const hosts = links.map((link, index) => addHost(simulation, link, index + 1));
  return new CallRunner(hosts, (milliseconds) => simulation.runFor(milliseconds * MS)).run(steps);
}

function addHost(simulation: Simulation, link: Link | undefined, number: number): RunnerHost {
  const stack = new Stack({ random: simulation.random.fork() });
  if (link !== undefined) {
    stack.addLink(link, parseMac(`02:00:00:00:00:0${number}`));
    const { network } = stack.ports[0]!;
    stack.ip.addAddress(network, parsePrefix(`10.0.0.${number}/24`)!, {}, simulation.now);
  }
  simulation.add(
    `host ${number}`,
    stack,
    stack.ports.map((port) => port.link),
  );
  const { socket } = stack.context.config;
  const drop = (): void => {
    Object.assign(socket, { mayBindPrivileged: false, mayUseRaw: false, mayAdminister: false });
  };
  return { calls: stack.calls, interfaces: stack.ip.interfaces.map(({ name }) => name), drop };
}

/**
 * A result as it is compared: an errno by its name, and in what the call yielded nothing that is different each time; in an IP
 * datagram only if `masked`.
 */
export function readable(result: Json | undefined, masked = false): Json {
  if (result === undefined) return null;
  if (typeof result === 'number' && result < 0) {
    const name = errnoName(result);
    return name === 'UNKNOWN' ? result : name;
  }
  return comparable(result, masked);
}

/** The name that autobind gives a Unix socket. unix(7). */
const AUTOBIND = /^\0[0-9a-f]{5}$/;

function comparable(value: Json, masked: boolean): Json {
  if (typeof value === 'string') return AUTOBIND.test(value) ? '\0autobind' : value;
  if (Array.isArray(value)) {
    const items = value as readonly Json[];
    const header = masked ? headerIn(items) : -1;
    return items.map((item, i) => {
      if (isEphemeral(items[i - 1], item)) return 'ephemeral';
      return i === 1 && header >= 0 && typeof item === 'string' ? maskDatagram(item, header) : comparable(item, masked);
    });
  }
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, comparable(item, masked)]));
}

/** Such a port, after its address. */
const isEphemeral = (address: Json | undefined, port: Json): boolean =>
  typeof address === 'string' && DOTTED.test(address) && typeof port === 'number' && isChosen(port);

/** A line for each step: the call, and what it returned. */
export function transcript({ steps, masked, unordered }: Case, results: readonly Json[]): string[] {
  return steps.map(([call, ...args], i) => {
    const shown = args.map((arg) => (typeof arg === 'object' ? JSON.stringify(arg) : String(arg))).join(' ');
    const result = readable(results[i], masked);
    const compared = unordered === true && call === 'epoll_wait' ? inOrder(result) : result;
    return `${call} ${shown.slice(0, 90)} = ${JSON.stringify(compared)}`;
  });
}

/** A list with its items sorted, anything else as it is. */
const inOrder = (result: Json): Json =>
  Array.isArray(result) ? (result as Json[]).map((item) => JSON.stringify(item)).sort() : result;

/** The first step whose results differ, and what the two say until then. */
export interface Divergence {
  readonly step: number;
  readonly linux: readonly string[];
  readonly here: readonly string[];
}

/** Where each case goes apart, undefined for those that do not. */
function compare(cases: readonly Case[], kernel: readonly (readonly Json[])[]): (Divergence | undefined)[] {
  return cases.map((sequence, index) => {
    const linux = transcript(sequence, kernel[index]!);
    const here = transcript(sequence, askTapstack(sequence));
    const step = linux.findIndex((line, i) => line !== here[i]);
    return step < 0 ? undefined : { step, linux: linux.slice(0, step + 1), here: here.slice(0, step + 1) };
  });
}

/** The first of the cases that goes apart, without the steps that it does so without; undefined when none does. */
export function firstDivergence(cases: readonly Case[], kernel: readonly (readonly Json[])[]): Divergence | undefined {
  const all = compare(cases, kernel);
  const index = all.findIndex((divergence) => divergence !== undefined);
  if (index < 0) return undefined;
  let found = all[index]!;
  for (let shorter: Divergence | undefined = found, steps = cases[index]!.steps; shorter !== undefined;) {
    found = shorter;
    steps = steps.slice(0, found.step + 1);
    const fewer = steps.map((_, left) => ({ ...cases[index]!, steps: steps.filter((_step, i) => i !== left) }));
    const answer = askKernel(fewer);
    if (typeof answer === 'string') throw new Error(answer);
    const next = compare(fewer, answer);
    const which = next.findIndex((divergence) => divergence !== undefined);
    shorter = next[which];
    steps = fewer[which]?.steps ?? steps;
  }
  return found;
}
