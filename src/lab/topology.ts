/**
 * Simulated networks of real stacks: hosts on links, and the smallest network, two hosts on a cable.
 *
 * All that is random comes from the simulation's seed, taken in a fixed order, so the same seed gives the same octets. Read
 * next: transfer.ts.
 */
import type { ConfigOverrides } from '../core/config.ts';
import { Drops } from '../core/drop.ts';
import type { Frame } from '../core/frame.ts';
import type { Micros } from '../core/time.ts';
import { macAddress } from '../ethernet/address.ts';
import type { MacAddress } from '../ethernet/address.ts';
import { parsePrefix } from '../ip/address.ts';
import { cable } from '../link/cable.ts';
import type { CableOptions } from '../link/cable.ts';
import { impair } from '../link/impair.ts';
import type { ImpairOptions, ImpairedLink } from '../link/impair.ts';
import type { Link } from '../link/link.ts';
import type { SocketCalls } from '../socket/calls.ts';
import { Stack } from '../stack/stack.ts';
import type { StackSurface } from '../stack/surface.ts';
import type { CongestionFactories } from '../tcp/congestion/registry.ts';
import { Recorder } from './recorder.ts';
import type { RecorderOptions } from './recorder.ts';
import { Simulation } from './simulator.ts';

/** A host in a simulation. */
export interface LabHost {
  readonly name: string;
  /** Its first address, as text. */
  readonly address: string;
  readonly stack: Stack;
  /** The socket calls; none of them waits. */
  readonly calls: SocketCalls;
}

/** A network interface to be: a link, and the address with its prefix length as text, e.g. `10.0.0.1/24`. */
export interface LabInterface {
  readonly link: Link;
  readonly address: string;
  readonly mac?: MacAddress;
}

/** Adds a host with its interfaces to a simulation. Throws when an address cannot be used. */
export function addHost(
  simulation: Simulation,
  name: string,
  interfaces: readonly LabInterface[],
  config: ConfigOverrides = {},
  congestion: CongestionFactories = {},
): LabHost {
  const stack = new Stack({ random: simulation.random.fork(), config, congestion });
  for (const { link, address, mac } of interfaces) {
    const port = stack.ports[stack.addLink(link, mac)]!;
    const prefix = parsePrefix(address);
    const result = prefix === undefined ? -1 : stack.ip.addAddress(port.network, prefix, {}, simulation.now);
    if (result < 0) throw new Error(`${name} cannot have the address ${address}`);
  }
  const links = stack.ports.map(({ link }) => link);
  simulation.add(name, new WithPrograms(stack), links);
  return { name, address: interfaces[0]?.address.split('/')[0] ?? '127.0.0.1', stack, calls: stack.calls };
}

/** A stack whose programs are told of readiness after each poll, as the driver does. */
class WithPrograms implements StackSurface {
  readonly #stack: Stack;

  constructor(stack: Stack) {
    this.#stack = stack;
  }

  get pending(): boolean {
    return this.#stack.pending || this.#stack.calls.deliverable;
  }

  receive(port: number, frame: Frame, now: Micros): void {
    this.#stack.receive(port, frame, now);
  }

  poll(now: Micros): void {
    this.#stack.poll(now);
    this.#stack.calls.deliver();
  }

  nextDeadline(): Micros {
    return this.#stack.nextDeadline();
  }
}

export interface TwoHostsOptions extends Pick<CableOptions, 'delay' | 'bandwidth' | 'mtu' | 'queue'> {
  readonly seed: number;
  /** What befalls frames, from the first host's view: `outgoing` is what it sends. */
  readonly impair?: Pick<ImpairOptions, 'outgoing' | 'incoming'>;
  /** Tunables of both hosts. */
  readonly config?: ConfigOverrides;
  /** Congestion control algorithms of your own, on both hosts. */
  readonly congestion?: CongestionFactories;
  readonly record?: RecorderOptions;
}

export interface TwoHosts {
  readonly simulation: Simulation;
  /** 10.0.0.1 and 10.0.0.2 on a /24. */
  readonly a: LabHost;
  readonly b: LabHost;
  /** What `a` sends, before anything befalls it, and what it receives. */
  readonly recorder: Recorder;
  /** For statistics, and to change what befalls frames on the way. */
  readonly impaired: ImpairedLink;
  /** Losses on the way. */
  readonly drops: Drops;
  /** Frames that either host still holds or that are under way; 0 when all is quiet. */
  framesInUse(): number;
}

/** Two hosts on a cable with impairments, recorded at the first one. */
export function twoHosts(options: TwoHostsOptions): TwoHosts {
  const simulation = new Simulation({ seed: options.seed });
  const drops = new Drops();
  const [left, right] = cable({ ...options, names: ['a', 'b'], drops });
  const impaired = impair(left, { ...options.impair, random: simulation.random.fork(), drops });
  const recorder = new Recorder(options.record);
  const a = addHost(
    simulation,
    'a',
    [{ link: recorder.watch(impaired), address: '10.0.0.1/24', mac: macAddress(0x0200_0000_0001) }],
    options.config,
    options.congestion,
  );
  const b = addHost(
    simulation,
    'b',
    [{ link: right, address: '10.0.0.2/24', mac: macAddress(0x0200_0000_0002) }],
    options.config,
    options.congestion,
  );
  drops.listener = (reason) => recorder.dropped(reason);
  a.stack.context.drops.listener = drops.listener;
  const framesInUse = (): number => a.stack.context.frames.inUse + b.stack.context.frames.inUse;
  return { simulation, a, b, recorder, impaired, drops, framesInUse };
}
