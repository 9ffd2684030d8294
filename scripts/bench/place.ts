/**
 * Where figures over the network are taken: a namespace with the kernel as the client, and across a wire the services, which
 * are a tapstack host's on a TAP device or the kernel's own behind a veth pair. Needs root and iproute2.
 */
import { execPath } from 'node:process';
import { fileURLToPath } from 'node:url';
import { createNamespace } from '../../test/support/namespace.ts';
import type { Namespace } from '../../test/support/namespace.ts';
import type { Sample } from './figure.ts';
import { Program } from './program.ts';

export interface PlaceOptions {
  readonly offload: boolean;
  /** Client and services on one processor. */
  readonly pinned: boolean;
  /** Frames that wait in the kernel for tapstack (default: tapstack's own). */
  readonly queue?: number;
}

export interface Place {
  /** Where the client runs. */
  readonly namespace: Namespace;
  /** Where the kernel's own services run. */
  readonly far?: Namespace;
  /** What serves. */
  readonly server: Program;
  /** Whether the server's processor time tells what it costs: the kernel's work is counted elsewhere. */
  readonly countsCpu: boolean;
  readonly options: PlaceOptions;
  close(): Promise<void>;
}

/** Where the services are, for clients. */
export const TARGET = '10.0.0.2';

const ROOT = new URL('../../', import.meta.url);
const MAIN = fileURLToPath(new URL('dist/cli/main.js', ROOT));
const PEER = fileURLToPath(new URL('peer.py', import.meta.url));
/** Clients that the services take at once. */
const MAX_CLIENTS = '20000';

/** `tapstack up` as a user runs it, with the kernel at the other end of its TAP device. */
export function tapstackPlace(options: PlaceOptions): Promise<Place> {
  const command = [MAIN, 'up', '--tap', 'tap0', '--address', `${TARGET}/24`, '--max-clients', MAX_CLIENTS];
  if (!options.offload) command.push('--no-offload');
  if (options.queue !== undefined) command.push('--queue', `${options.queue}`);
  return programPlace(command, options);
}

/** A Node program (with its arguments) that opens tap0 and says "ready" on its standard output. */
export async function programPlace(program: readonly string[], options: PlaceOptions): Promise<Place> {
  const namespace = createNamespace();
  try {
    const server = new Program(namespace.spawn(...pinned(options, execPath, program)));
    await server.line('ready');
    namespace.ip('address add 10.0.0.1/24 dev tap0');
    namespace.ip('link set tap0 up');
    const close = async (): Promise<void> => {
      await server.end();
      namespace.destroy();
    };
    return { namespace, server, countsCpu: true, options, close };
  } catch (error) {
    namespace.destroy();
    throw error;
  }
}

/** The kernel's own services, in a second namespace at the other end of a veth pair. */
export async function kernelPlace(options: PlaceOptions): Promise<Place> {
  return vethPlace('python3', [PEER, 'serve'], options);
}

/** A program that says "ready" on its standard output, on the kernel's sockets in a second namespace. */
export async function vethPlace(program: string, args: readonly string[], options: PlaceOptions): Promise<Place> {
  const namespace = createNamespace();
  const far = createNamespace();
  const destroy = (): void => {
    namespace.destroy();
    far.destroy();
  };
  try {
    namespace.ip(`link add veth0 type veth peer name veth0 netns ${far.name}`);
    for (const [side, address] of [[namespace, '10.0.0.1'] as const, [far, TARGET] as const]) {
      side.ip(`address add ${address}/24 dev veth0`);
      side.ip('link set veth0 up');
      if (!options.offload) await withoutOffload(side);
    }
    const server = new Program(far.spawn(...pinned(options, program, args)));
    await server.line('ready');
    const close = async (): Promise<void> => {
      await server.end();
      destroy();
    };
    return { namespace, far, server, countsCpu: false, options, close };
  } catch (error) {
    destroy();
    throw error;
  }
}

async function withoutOffload(side: Namespace): Promise<void> {
  const { code, stderr } = await side.exec('ethtool', ['-K', 'veth0', 'tso', 'off', 'gso', 'off', 'gro', 'off']);
  if (code !== 0) throw new Error(`ethtool cannot switch the offloads of the veth pair off: ${stderr.trim()}`);
}

/** Runs a program of peer.py as the client of a place, to its end. */
export async function runPeer(place: Place, args: readonly (string | number)[], seconds: number): Promise<Sample> {
  const [command, rest] = pinned(place.options, 'python3', [PEER, ...args.map(String)]);
  const { code, stdout, stderr } = await place.namespace.exec(command, rest, { timeout: (seconds + 20) * 1000 });
  if (code !== 0) throw new Error(`peer ${args.join(' ')}: ${stderr.trim().split('\n').at(-1) ?? ''}`);
  return JSON.parse(stdout) as Sample;
}

/** Starts a program of peer.py as a client that lasts until its input ends. */
export function startPeer(place: Place, args: readonly (string | number)[]): Program {
  return new Program(place.namespace.spawn('python3', [PEER, ...args.map(String)]));
}

function pinned(options: PlaceOptions, command: string, args: readonly string[]): [string, string[]] {
  return options.pinned ? ['taskset', ['-c', '0', command, ...args]] : [command, [...args]];
}
