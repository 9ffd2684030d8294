/**
 * A small network to try a host in: a tapstack host with all services at one end of a wire, and at the other the kernel of the
 * network namespace that this process is in, or a second tapstack host.
 */
import { ALL_SERVICES, startServices } from '../app/services.ts';
import type { RunningServices } from '../app/services.ts';
import { cable } from '../link/cable.ts';
import type { Link } from '../link/link.ts';
import { tap } from '../link/tap.ts';
import { createHost } from '../node/host.ts';
import type { Host } from '../node/host.ts';
import type { Bench } from './checks.ts';
import { CliError } from './errors.ts';
import { KernelPeer } from './kernel-peer.ts';
import { MemoryPeer } from './memory-peer.ts';
import type { Peer } from './peer.ts';
import { complaint, findTool, runTool } from './tools.ts';

export const HOST_ADDRESS = '10.0.0.2';
export const PEER_ADDRESS = '10.0.0.1';
const PREFIX = 24;
/** Locally administered addresses, fixed so that traces read alike. */
const HOST_MAC = '02:00:00:00:00:02';
const PEER_MAC = '02:00:00:00:00:01';
export const LAB_TAP = 'tap0';

export interface LabOptions {
  readonly offload: boolean;
  /** Ends what the lab has started. */
  readonly signal: AbortSignal;
  /** Puts something around the host's link: a log, a capture. */
  readonly wrap?: (link: Link) => Link;
}

/** A running lab; disposing ends hosts, services and links. */
export interface Lab extends AsyncDisposable {
  readonly host: Host;
  readonly services: RunningServices;
  /** What the tour works with. */
  readonly bench: Bench;
}

/** A lab on a TAP device of the namespace that this process is in, whose kernel side gets its address. */
export async function kernelLab(options: LabOptions): Promise<Lab> {
  const ip = findTool('ip');
  if (ip === undefined) throw new CliError('there is no ip command; install iproute2 (apt-get install iproute2)');
  const device = await tap(LAB_TAP, { offload: options.offload });
  try {
    await configureKernel(ip);
  } catch (error) {
    device.close();
    throw error;
  }
  const peer = new KernelPeer({ address: PEER_ADDRESS, signal: options.signal });
  return startLab(device, peer, options, () => undefined);
}

/** The kernel's side: loopback, the address, and no IPv6 chatter on the wire. */
async function configureKernel(ip: string): Promise<void> {
  await runTool(ip, ['link', 'set', LAB_TAP, 'addrgenmode', 'none']);
  const commands = [
    ['link', 'set', 'lo', 'up'],
    ['address', 'add', `${PEER_ADDRESS}/${PREFIX}`, 'dev', LAB_TAP],
    ['link', 'set', LAB_TAP, 'up'],
  ];
  for (const command of commands) {
    const result = await runTool(ip, command);
    if (result.code !== 0) throw new CliError(`ip ${command.join(' ')}: ${complaint(result)}`);
  }
}

/** A lab of two hosts on a cable in memory, which needs no right to anything. */
export async function memoryLab(options: LabOptions): Promise<Lab> {
  const [near, far] = cable();
  const second = await createHost({ link: far, address: `${PEER_ADDRESS}/${PREFIX}`, mac: PEER_MAC });
  const peer = new MemoryPeer(second.sockets, PEER_ADDRESS, (address) => neighbourOf(second, address));
  return startLab(near, peer, options, () => second.close());
}

async function startLab(device: Link, peer: Peer, options: LabOptions, closePeer: () => void): Promise<Lab> {
  const link = options.wrap?.(device) ?? device;
  const host = await createHost({ link, address: `${HOST_ADDRESS}/${PREFIX}`, mac: HOST_MAC, gateway: PEER_ADDRESS });
  const services = startServices(host, ALL_SERVICES, {}, `tapstack ${HOST_ADDRESS}`);
  const { sockets } = host;
  return {
    host,
    services,
    bench: { address: HOST_ADDRESS, mac: HOST_MAC, sockets, services, peer },
    async [Symbol.asyncDispose](): Promise<void> {
      services.stop();
      await host.shutdown(SHUTDOWN_PATIENCE);
      closePeer();
    },
  };
}

/** How long connections have to end when a host does (ms). */
export const SHUTDOWN_PATIENCE = 200;

function neighbourOf(host: Host, address: string): string | undefined {
  return host.snapshot().neighbors.find((neighbor) => neighbor.address === address)?.mac;
}
