/**
 * `tapstack up`: a host on a TAP device of the namespace that it is started in, until it is told to stop.
 */
import { startServices } from '../app/services.ts';
import type { ServicePlan } from '../app/services.ts';
import { tap } from '../link/tap.ts';
import type { Link } from '../link/link.ts';
import { createHost } from '../node/host.ts';
import type { HostOptions } from '../node/host-options.ts';
import { CliError } from './errors.ts';
import { aborted, catchInterrupts } from './interrupt.ts';
import { SHUTDOWN_PATIENCE } from './lab.ts';
import { Recorder } from './recorder.ts';
import { findTool, runTool } from './tools.ts';

export interface UpOptions {
  readonly tap: string;
  readonly address: string;
  readonly gateway?: string;
  readonly serve: readonly ServicePlan[];
  readonly offload: boolean;
  readonly mac?: string;
  readonly mtu?: number;
  readonly queue?: number;
  readonly maxClients?: number;
  readonly probe: boolean;
  readonly pcap?: string;
  readonly trace: boolean;
}

/** Serves until a signal; resolves with the exit code. */
export async function up(options: UpOptions): Promise<number> {
  using interrupt = catchInterrupts();
  await using recorder = new Recorder({ pcap: options.pcap, trace: options.trace ? process.stdout : undefined });
  const lost = new AbortController();
  let reason = '';
  const device = await tap(options.tap, {
    offload: options.offload,
    ...(options.mtu !== undefined && { mtu: options.mtu }),
    ...(options.queue !== undefined && { queueLength: options.queue }),
    onLost: (error) => {
      reason = error.message;
      lost.abort();
    },
  });
  const host = await startHost(recorder.wrap(device), options);
  recorder.follow(host);
  try {
    const services = startServices(
      host,
      options.serve,
      options.maxClients === undefined ? {} : { maxClients: options.maxClients },
      `tapstack ${options.address}`,
    );
    process.stdout.write(`${readyLine(options, device)}\n`);
    await hint(options);
    await aborted(AbortSignal.any([interrupt.signal, lost.signal]));
    services.stop();
  } finally {
    await host.shutdown(SHUTDOWN_PATIENCE);
  }
  if (lost.signal.aborted) throw new CliError(reason);
  return 0;
}

async function startHost(link: Link, options: UpOptions): ReturnType<typeof createHost> {
  const hostOptions: HostOptions = {
    link,
    address: options.address,
    probe: options.probe,
    ...(options.gateway !== undefined && { gateway: options.gateway }),
    ...(options.mac !== undefined && { mac: options.mac }),
  };
  try {
    return await createHost(hostOptions);
  } catch (error) {
    link.close();
    // An address that cannot be used, e.g. a gateway outside the network: the message says which and why.
    throw error instanceof Error && error.constructor !== RangeError ? new CliError(error.message) : error;
  }
}

/** `ready: 10.0.0.2 on tap0 (mtu 1500, offload), serving echo 7, http 80`. */
function readyLine(options: UpOptions, link: Link): string {
  const offload = link.checksumOffload ? 'offload' : 'no offload';
  const services = options.serve.map(({ name, port }) => `${name} ${port}`).join(', ') || 'nothing';
  return `ready: ${options.address.split('/')[0]!} on ${link.name} (mtu ${link.mtu}, ${offload}), serving ${services}`;
}

/** A device that was just made is down and has no address on the kernel's side: says how to change that. */
async function hint(options: UpOptions): Promise<void> {
  const ip = findTool('ip');
  if (ip === undefined) return;
  const { code, stdout } = await runTool(ip, ['link', 'show', 'dev', options.tap]);
  if (code !== 0 || /[<,]UP[,>]/.test(stdout)) return;
  const own = options.gateway ?? 'ADDRESS';
  const length = options.address.split('/')[1]!;
  process.stderr.write(
    `tapstack: ${options.tap} is down; to use it: ip address add ${own}/${length} dev ${options.tap}; ip link set ${options.tap} up\n`,
  );
}
