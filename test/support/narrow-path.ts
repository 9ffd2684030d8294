/** Two simulated hosts with a narrow place between them, which reports what it drops or is silent. */
import type { ConfigOverrides } from '../../src/core/config.ts';
import { MS } from '../../src/core/time.ts';
import { macAddress } from '../../src/ethernet/address.ts';
import { parseAddress } from '../../src/ip/address.ts';
import { NarrowLink } from '../../src/lab/narrow.ts';
import { Recorder } from '../../src/lab/recorder.ts';
import { Simulation } from '../../src/lab/simulator.ts';
import { addHost } from '../../src/lab/topology.ts';
import type { LabHost } from '../../src/lab/topology.ts';
import { cable } from '../../src/link/cable.ts';
import { impair } from '../../src/link/impair.ts';
import type { ImpairSettings } from '../../src/link/impairment.ts';

export interface NarrowPathOptions {
  readonly mtu: number;
  readonly icmp?: 'report' | 'old' | 'silent';
  readonly seed?: number;
  /** One way (us), 5 ms by default. */
  readonly delay?: number;
  readonly bandwidth?: number;
  readonly linkMtu?: number;
  readonly config?: ConfigOverrides;
  /** What befalls what `a` sends beyond the narrow place. */
  readonly outgoing?: ImpairSettings;
}

export interface NarrowPath {
  readonly simulation: Simulation;
  readonly a: LabHost;
  readonly b: LabHost;
  readonly narrow: NarrowLink;
  /** What `a` sends and receives. */
  readonly recorder: Recorder;
}

/** 10.0.0.1 and 10.0.0.2, and 10.0.0.254 that reports. */
export function narrowPath(options: NarrowPathOptions): NarrowPath {
  const simulation = new Simulation({ seed: options.seed ?? 1 });
  const { bandwidth, outgoing } = options;
  const [left, right] = cable({
    delay: options.delay ?? 5 * MS,
    mtu: options.linkMtu ?? 1500,
    names: ['a', 'b'],
    ...(bandwidth === undefined ? {} : { bandwidth }),
  });
  const beyond = outgoing === undefined ? left : impair(left, { outgoing, random: simulation.random.fork() });
  const { mtu, icmp = 'report' } = options;
  const narrow = new NarrowLink(beyond, { mtu, icmp, router: parseAddress('10.0.0.254')! });
  const recorder = new Recorder();
  const interfaces = [
    { link: recorder.watch(narrow), address: '10.0.0.1/24', mac: macAddress(0x0200_0000_0001) },
    { link: right, address: '10.0.0.2/24', mac: macAddress(0x0200_0000_0002) },
  ] as const;
  const a = addHost(simulation, 'a', [interfaces[0]], options.config);
  const b = addHost(simulation, 'b', [interfaces[1]], options.config);
  return { simulation, a, b, narrow, recorder };
}
