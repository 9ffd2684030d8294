/**
 * Where the bench of links is run: a namespace at each end of the wire, in each a bridge that joins the wire's device with the kernel's
 * own address and with the device of a tapstack host. So kernel and tapstack reach the wire in the same way.
 */
import { execPath } from 'node:process';
import { fileURLToPath } from 'node:url';
import type { ConfigOverrides } from '../../../src/core/config.ts';
import { tap } from '../../../src/link/tap.ts';
import { createNamespace, inNamespace } from '../../../test/support/namespace.ts';
import type { Namespace } from '../../../test/support/namespace.ts';
import { Program } from '../program.ts';
import { Wire } from './wire.ts';
import type { WireReport } from './wire.ts';
import type { Cell } from './cells.ts';

/** Who sends, and who receives. */
export type Kind = 'kernel' | 'tapstack';

export interface Run {
  readonly sender: Kind;
  readonly receiver: Kind;
  readonly cell: Cell;
  readonly seed: number;
  /** Time from accepting to the end (s). */
  readonly seconds: number;
  /** Where captures go: names that begin with this. */
  readonly trace?: string;
}

export interface RunResult {
  /** What the receiving program got (bit/s). */
  readonly goodput: number;
  /** What the sender counted. */
  readonly sender: unknown;
  readonly wire: WireReport;
}

const PEER = fileURLToPath(new URL('peer.py', import.meta.url));
const HOST = fileURLToPath(new URL('host.ts', import.meta.url));

/** The kernel as Linux ships it, whatever this machine's owner has set. Its congestion control is chosen in peer.py. */
const SYSCTLS = [
  'net.ipv4.tcp_no_metrics_save=1',
  'net.ipv4.tcp_sack=1',
  'net.ipv4.tcp_timestamps=1',
  'net.ipv4.tcp_window_scaling=1',
  'net.ipv4.tcp_recovery=1',
  'net.ipv4.tcp_early_retrans=3',
  'net.ipv4.tcp_rmem=4096 131072 6291456',
  'net.ipv4.tcp_wmem=4096 16384 4194304',
  'net.ipv6.conf.all.disable_ipv6=1',
];
/** Frames that wait for the wire to fetch them: the wire's own queue is to decide what is dropped. */
const DEVICE_QUEUE = 20_000;
/** How long the ends have to forget a run (ms). */
const PAUSE = 60;
const FIRST_PORT = 5000;

interface End {
  readonly namespace: Namespace;
  readonly kernel: string;
  readonly tapstack: string;
  readonly host: Program;
}

export class Arena {
  readonly #wire: Wire;
  readonly #near: End;
  readonly #far: End;
  #port = FIRST_PORT;

  private constructor(wire: Wire, near: End, far: End) {
    this.#wire = wire;
    this.#near = near;
    this.#far = far;
  }

  static async open(config: ConfigOverrides): Promise<Arena> {
    const namespaces = [createNamespace(), createNamespace()] as const;
    const devices = await Promise.all(
      namespaces.map((namespace) => inNamespace(namespace, () => tap('wire0', { offload: false }))),
    );
    for (const [end, namespace] of namespaces.entries()) await setUp(namespace, end);
    const wire = new Wire(devices[0]!, devices[1]!);
    await wire.open();
    const [near, far] = await Promise.all(namespaces.map((namespace, end) => openEnd(namespace, end, config)));
    const arena = new Arena(wire, near!, far!);
    await arena.#meet();
    return arena;
  }

  /** One transfer. Throws when it does not come about. */
  async run({ sender, receiver, cell, seed, seconds, trace }: Run): Promise<RunResult> {
    const port = (this.#port += 1);
    const name = trace === undefined ? undefined : `${trace}-${cell.name}-${seed}-${sender}-${receiver}`;
    if (name !== undefined) await this.#record(sender, receiver, name);
    const target = await this.#listen(receiver, port, seconds);
    this.#wire.begin(cell.settings, seed, name === undefined ? undefined : `${name}-wire.pcapng`);
    const source = await this.#startSending(sender, receiver, port);
    const { octets } = JSON.parse(await target.line('{')) as { octets: number };
    const wire = this.#wire.report();
    const counted = JSON.parse(await source.stop()) as unknown;
    this.#wire.begin({}, 0);
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
    if (receiver === 'kernel') await target.end();
    if (name !== undefined) await this.#record(sender, receiver, undefined);
    return { goodput: (octets * 8) / seconds, sender: counted, wire };
  }

  async close(): Promise<void> {
    this.#wire.close();
    for (const { host, namespace } of [this.#near, this.#far]) {
      await host.end();
      namespace.destroy();
    }
  }

  /** Each end learns the link-layer address of each other, and all code has run once, before it counts. */
  async #meet(): Promise<void> {
    const cell: Cell = { name: 'clean', settings: {}, telling: false };
    for (const [sender, receiver] of [['tapstack', 'kernel'] as const, ['kernel', 'tapstack'] as const]) {
      await this.run({ sender, receiver, cell, seed: 0, seconds: 0.5 });
    }
  }

  /** Captures on the tapstack hosts that take part; none without a name. */
  async #record(sender: Kind, receiver: Kind, name: string | undefined): Promise<void> {
    const suffix = name === undefined ? '' : ` ${name}`;
    if (sender === 'tapstack') await this.#near.host.ask(`capture${suffix}`);
    if (receiver === 'tapstack') await this.#far.host.ask(`capture${suffix}`);
  }

  async #listen(kind: Kind, port: number, seconds: number): Promise<Program> {
    const { host, namespace } = this.#far;
    if (kind === 'tapstack') {
      await host.ask(`receive ${port} ${seconds}`);
      return host;
    }
    const program = new Program(namespace.spawn('python3', [PEER, 'receive', `${port}`, `${seconds}`]));
    await program.line('listening');
    return program;
  }

  /** What stops it says what the sender counted. */
  async #startSending(kind: Kind, receiver: Kind, port: number): Promise<{ stop(): Promise<string> }> {
    const { host, namespace } = this.#near;
    const target = this.#far[receiver];
    if (kind === 'tapstack') {
      host.child.stdin!.write(`send ${target} ${port}\n`);
      await host.line('connected');
      return { stop: () => host.ask('stop') };
    }
    const program = new Program(namespace.spawn('python3', [PEER, 'send', target, `${port}`]));
    await program.line('connected');
    const stop = async (): Promise<string> => {
      program.child.stdin!.end();
      const said = await program.line('{');
      await program.end();
      return said;
    };
    return { stop };
  }
}

const kernelAddress = (end: number): string => `10.0.0.${end + 1}`;
const tapstackAddress = (end: number): string => `10.0.0.${end + 3}`;
const macOf = (address: string): string => `02:00:00:00:00:0${address.at(-1)!}`;

/** The kernel's side of one end: bridge, address, neighbours, and nothing that speaks of its own accord. */
async function setUp(namespace: Namespace, end: number): Promise<void> {
  for (const setting of SYSCTLS) await must(namespace, 'sysctl', ['-qw', setting]);
  namespace.ip('link add br0 type bridge stp_state 0 forward_delay 0 mcast_snooping 0');
  namespace.ip(`link set br0 address ${macOf(kernelAddress(end))} multicast off`);
  namespace.ip(`link set wire0 txqueuelen ${DEVICE_QUEUE} multicast off master br0`);
  await must(namespace, 'ethtool', ['-K', 'br0', 'tso', 'off', 'gso', 'off', 'gro', 'off']);
  namespace.ip(`address add ${kernelAddress(end)}/24 dev br0`);
  namespace.ip('link set br0 up');
  namespace.ip('link set wire0 up');
  for (const other of [kernelAddress(1 - end), tapstackAddress(1 - end)]) {
    namespace.ip(`neighbor add ${other} lladdr ${macOf(other)} dev br0`);
  }
}

async function openEnd(namespace: Namespace, end: number, config: ConfigOverrides): Promise<End> {
  const address = tapstackAddress(end);
  const args = ['--import', 'tsx', HOST, 'tap0', `${address}/24`, macOf(address), JSON.stringify(config)];
  const host = new Program(namespace.spawn(execPath, args));
  await host.line('ready');
  namespace.ip('link set tap0 multicast off master br0');
  namespace.ip('link set tap0 up');
  return { namespace, kernel: kernelAddress(end), tapstack: address, host };
}

async function must(namespace: Namespace, command: string, args: readonly string[]): Promise<void> {
  const { code, stderr } = await namespace.exec(command, args);
  if (code !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr.trim()}`);
}
