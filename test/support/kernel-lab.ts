/**
 * The set-up of the interop tests: a tapstack host in this process on a TAP device whose other side is the Linux kernel, in a
 * network namespace of its own. Everything that crosses the device is captured and goes through tshark at the end.
 *
 * Host and test share a thread, so programs on the kernel's side run as children that the test awaits.
 */
import { expect } from 'chai';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ALL_SERVICES, startServices } from '../../src/app/services.ts';
import type { RunningServices, ServicePlan } from '../../src/app/services.ts';
import type { ConfigOverrides } from '../../src/core/config.ts';
import type { DropReason } from '../../src/core/drop.ts';
import type { Link } from '../../src/link/link.ts';
import { PcapFile } from '../../src/link/pcap-file.ts';
import { PcapWriter, pcap } from '../../src/link/pcap.ts';
import { tap } from '../../src/link/tap.ts';
import { createHost } from '../../src/node/host.ts';
import type { Host } from '../../src/node/host.ts';
import { AF_INET, SOCK_STREAM, SOL_SOCKET, SO_REUSEADDR } from '../../src/socket/constants.ts';
import { createNamespace, inNamespace } from './namespace.ts';
import type { ExecOptions, Namespace } from './namespace.ts';
import { examine } from './tshark.ts';
import type { Examination } from './tshark.ts';
import { until } from './wait.ts';

export const KERNEL = '10.0.0.1';
export const HOST = '10.0.0.2';
/** An address of the network that nobody has. */
export const NOBODY = '10.0.0.77';
export const HOST_MAC = '02:00:00:00:00:02';
export const DEVICE = 'tap0';

/** Both kinds of TAP device, for tests that are worth doing on each. */
export const OFFLOADS = [
  { offload: true, kind: 'with offload' },
  { offload: false, kind: 'without offload' },
] as const;

/** The far kernel's address, and the router's on its side; see `LabOptions.far`. */
export const FAR = '10.1.0.1';
const ROUTER = '10.1.0.254';

export interface LabOptions {
  /** Super-segments and partial checksums (default). */
  readonly offload?: boolean;
  /** What the host serves; nothing by default. */
  readonly serve?: readonly ServicePlan[];
  readonly config?: ConfigOverrides;
  /** Puts something between the host and the captured device, e.g. an impairment. */
  readonly wrap?: (link: Link) => Link;
  /**
   * Adds a namespace behind the host's gateway, whose kernel has the address FAR. What netfilter drops on the way, its TCP does not
   * learn; of what is dropped on its own way out a kernel's TCP knows at once.
   */
  readonly far?: boolean;
  /** Octets of the capture at most; the rest of the traffic is not looked at. Default: no bound. */
  readonly captureLimit?: number;
}

/** A running host with the kernel beside it. Dispose of it with `close`. */
export class KernelLab {
  readonly ns: Namespace;
  /** The namespace behind the gateway, if there is one, else `ns`. */
  readonly far: Namespace;
  readonly host: Host;
  readonly services: RunningServices;
  readonly #folder: string;
  readonly #capture: PcapFile;

  constructor(
    [ns, far]: readonly [Namespace, Namespace],
    host: Host,
    services: RunningServices,
    folder: string,
    capture: PcapFile,
  ) {
    this.ns = ns;
    this.far = far;
    this.host = host;
    this.services = services;
    this.#folder = folder;
    this.#capture = capture;
  }

  /** Runs a program beside the kernel and returns what it printed; expects it to succeed. */
  async run(command: string, args: readonly string[], options?: ExecOptions): Promise<string> {
    const { code, stdout, stderr } = await this.ns.exec(command, args, options);
    expect(code, `${command} ${args.join(' ')}: ${stdout}${stderr}`).to.equal(0);
    return stdout;
  }

  /** Runs a Python program on the kernel's side that has `socket`, `struct`, `time` and the addresses KERNEL and HOST. */
  python(program: string, options?: ExecOptions): Promise<string> {
    return this.run('python3', ['-c', `${PYTHON_PRELUDE}${program}`], options);
  }

  /** Resolves once a program on the kernel's side listens on a TCP port. */
  async listening(port: number): Promise<void> {
    await until(async () => (await this.run('ss', ['-Hltn', `sport = :${port}`])) !== '');
  }

  /** A listening socket of the host on a TCP port. */
  listen(port: number, backlog = 128): number {
    const { socket, setsockopt, bind, listen } = this.host.sockets;
    const fd = socket(AF_INET, SOCK_STREAM);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    bind(fd, { address: HOST, port });
    listen(fd, backlog);
    return fd;
  }

  /** Accepts one connection on a TCP port of the host and closes the listener. */
  async acceptOne(port: number): Promise<number> {
    const listener = this.listen(port);
    try {
      return await this.host.sockets.accept(listener);
    } finally {
      this.host.sockets.close(listener);
    }
  }

  /** Connects the host to a TCP port of the kernel. */
  async connect(port: number): Promise<number> {
    const { socket, connect } = this.host.sockets;
    const fd = socket(AF_INET, SOCK_STREAM);
    await connect(fd, { address: KERNEL, port });
    return fd;
  }

  /** Receives until the end of the stream. */
  async receiveAll(fd: number): Promise<Buffer> {
    const parts: Uint8Array[] = [];
    for (;;) {
      const part = await this.host.sockets.recv(fd);
      if (part.length === 0) return Buffer.concat(parts);
      parts.push(part);
    }
  }

  /** Runs `use` and returns what the host dropped meanwhile, by reason. */
  async dropped(use: () => Promise<unknown>): Promise<Partial<Record<DropReason, number>>> {
    const earlier = this.host.snapshot().drops;
    await use();
    const drops = Object.entries(this.host.snapshot().drops) as [DropReason, number][];
    const risen = drops.map(([reason, count]) => [reason, count - (earlier[reason] ?? 0)] as const);
    return Object.fromEntries(risen.filter(([, count]) => count > 0));
  }

  /**
   * Ends the host and has tshark look at all that was captured: no malformed packet, no bad checksum, and no expert note, warning
   * or error but those that match one of `allowed` (and a few that only a busy machine causes). Returns what was found.
   */
  async close(allowed: readonly RegExp[] = []): Promise<Examination> {
    try {
      this.services.stop();
      await this.host.shutdown(200);
      this.#capture.close();
      const found = await examine(join(this.#folder, CAPTURE));
      const patterns = [...CLOSING, ...allowed];
      const bad = found.complaints.filter(({ text }) => !patterns.some((pattern) => pattern.test(text)));
      const late = bad.filter(({ text }) => LATENESS.some((pattern) => pattern.test(text)));
      const unexpected =
        late.length <= Math.max(6, found.packets / 100) ? bad.filter((one) => !late.includes(one)) : bad;
      const listed = unexpected.slice(0, 20).map(({ packet, text }) => `${packet}: ${text}`);
      expect(listed, `what tshark says about ${found.packets} packets`).to.deep.equal([]);
      return found;
    } finally {
      this.destroy();
    }
  }

  /** Removes everything, looked at or not. Twice is allowed. */
  destroy(): void {
    this.host.close();
    this.#capture.close();
    this.far.destroy();
    this.ns.destroy();
    if (process.env['TAPSTACK_KEEP'] === undefined) rmSync(this.#folder, { recursive: true, force: true });
    else process.stderr.write(`kept: ${this.#folder}\n`);
  }
}

const CAPTURE = 'capture.pcapng';

const PYTHON_PRELUDE = `
import socket, struct, sys, time
KERNEL, HOST = '${KERNEL}', '${HOST}'
`;

/** Starts a lab. The caller closes it, also when a test fails (see `useLab`). */
export async function openLab(options: LabOptions = {}): Promise<KernelLab> {
  const { offload = true, serve = [], captureLimit = Infinity, wrap = (link: Link) => link } = options;
  const ns = createNamespace();
  const folder = mkdtempSync(join(tmpdir(), 'tapstack-test-'));
  const capture = new PcapFile(join(folder, CAPTURE));
  try {
    const device = await inNamespace(ns, () => tap(DEVICE, { offload }));
    configureKernel(ns);
    const writer = new PcapWriter(capture.sink, { maxOctets: captureLimit });
    const link = wrap(pcap(device, writer));
    const config = options.config ?? {};
    const host = await createHost({ link, address: `${HOST}/24`, mac: HOST_MAC, gateway: KERNEL, config });
    host.stack.context.drops.listener = (reason) => writer.annotate(reason);
    const far = options.far === true ? await addFar(ns) : ns;
    return new KernelLab([ns, far], host, startServices(host, serve), folder, capture);
  } catch (error) {
    capture.close();
    rmSync(folder, { recursive: true, force: true });
    ns.destroy();
    throw error;
  }
}

/** The kernel's side of the device: its address, and no IPv6 chatter. */
export function configureKernel(ns: Namespace): void {
  ns.ip(`link set ${DEVICE} addrgenmode none`);
  ns.ip(`link set ${DEVICE} multicast off`);
  ns.ip(`address add ${KERNEL}/24 dev ${DEVICE}`);
  ns.ip(`link set ${DEVICE} up`);
}

/**
 * One lab for all tests of a `describe`: opened before them, and closed after them, when all that they captured goes through
 * tshark. Returns a function that hands it out within a test.
 */
export function useLab(options: LabOptions & { readonly allowed?: readonly RegExp[] } = {}): () => KernelLab {
  let lab: KernelLab | undefined = undefined;
  before(async () => {
    lab = await openLab(options);
  });
  after(async function () {
    this.timeout(60_000);
    await lab?.close(options.allowed);
  });
  return () => lab!;
}

/** Makes the kernel of the lab a router with one more namespace behind it. */
async function addFar(router: Namespace): Promise<Namespace> {
  const far = createNamespace();
  router.ip(`link add far0 type veth peer name eth0 netns ${far.name}`);
  router.ip(`address add ${ROUTER}/24 dev far0`);
  router.ip('link set far0 up');
  far.ip(`address add ${FAR}/24 dev eth0`);
  far.ip('link set eth0 up');
  far.ip(`route add default via ${ROUTER}`);
  await router.exec('sysctl', ['-q', '-w', 'net.ipv4.ip_forward=1']);
  return far;
}

/** Runs `use` with a lab of its own, then closes it; tshark may say what `allowed` matches. */
export async function withLab(
  options: LabOptions & { readonly allowed?: readonly RegExp[] },
  use: (lab: KernelLab) => Promise<void>,
): Promise<Examination> {
  const lab = await openLab(options);
  try {
    await use(lab);
    return await lab.close(options.allowed);
  } finally {
    lab.destroy();
  }
}

/** What tshark remarks when one end sends faster than the other's program reads. */
export const FLOW_CONTROL = [
  /^Warning: TCP window specified by the receiver is now completely full/,
  /^Warning: TCP Zero Window/,
  /^Note: TCP keep-alive/,
  /window update/i,
];

/** What it remarks when packets are lost, or made to look so. */
export const LOSS = [
  /retransmission/i,
  /out-of-order/i,
  /Duplicate ACK/i,
  /segment\(s\) not captured/,
  /ACKed segment that wasn't captured/,
  /D-SACK/,
];

/**
 * What a program or a host causes that does not get the processor in time: on a busy machine there is some of it in any capture,
 * and only much of it is a fault.
 */
const LATENESS = [
  /^Note: .*retransmission$/,
  // Also one, a probe of the kernel's, which is captured at one time with what was sent before it: the host had not looked for long.
  /^Warning: This frame is a \(suspected\) out-of-order segment, inbound$/,
  /^Note: Duplicate ACK/,
  /^\w+: D-SACK/,
  /^Warning: Connection reset \(RST\), alone$/, // the answer to such an ACK when the kernel's side is closed already
  ...FLOW_CONTROL,
];

/** What tshark remarks in the end of any TCP connection. */
const CLOSING = [/^Note: This frame (initiates|undergoes) the connection closing$/];

export { ALL_SERVICES };
