/**
 * The figures between tapstack and a kernel: bulk transfers, round trips, connections. Yardsticks: the bare TAP pump, and the
 * kernel itself over a veth pair with the same client program.
 */
import { CHARGEN_PORT } from '../../src/app/chargen.ts';
import { DISCARD_PORT } from '../../src/app/discard.ts';
import { ECHO_PORT } from '../../src/app/echo.ts';
import type { Bar, Contestant, Figure, Sample, Session } from './figure.ts';
import { TARGET, kernelPlace, runPeer, tapstackPlace } from './place.ts';
import type { Place, PlaceOptions } from './place.ts';
import { pumpReceive, pumpSend } from './pump.ts';
import type { PumpHow } from './pump.ts';

/** How one client measures one place. */
export type Measure = (place: Place, seconds: number) => Promise<Sample>;

const bulk =
  (command: 'in' | 'out', port: number): Measure =>
  (place, seconds) =>
    runPeer(place, [command, TARGET, port, seconds, ...(place.countsCpu ? [place.server.pid!] : [])], seconds);

const pingPong: Measure = (place, seconds) => runPeer(place, ['ping-pong', TARGET, ECHO_PORT, seconds], seconds);

const connections =
  (port: number, mode: 'close' | 'echo'): Measure =>
  (place, seconds) =>
    runPeer(place, ['connections', TARGET, port, seconds, mode], seconds);

/** Mean round trip (us) of a flood, in which each answer draws the next request. */
const floodPing: Measure = async (place, seconds) => {
  const args = ['-f', '-q', '-w', `${Math.ceil(seconds)}`, TARGET];
  const command = place.options.pinned ? ['taskset', '-c', '0', 'ping', ...args] : ['ping', ...args];
  const { stdout, stderr } = await place.namespace.exec(command[0]!, command.slice(1), {
    timeout: (seconds + 20) * 1000,
  });
  const mean = /= [\d.]+\/([\d.]+)\//.exec(stdout)?.[1];
  if (mean === undefined) throw new Error(`ping told no times: ${stdout}${stderr}`.trim());
  return { value: Number(mean) * 1000 };
};

/** Old connections in TIME-WAIT do not keep the client from using their ports again after a second. */
function shortTimeWait(place: Place): Promise<unknown> {
  return place.namespace.exec('sysctl', ['-qw', 'net.ipv4.tcp_tw_reuse=1']);
}

/** Tapstack and the kernel with the same services, and the bare pump where there is one. */
export async function openSession(
  options: PlaceOptions,
  measure: Measure,
  pumps: readonly Contestant[] = [],
): Promise<Session> {
  const tapstack = await tapstackPlace(options);
  const kernel = await kernelPlace(options);
  for (const place of [tapstack, kernel]) await shortTimeWait(place);
  const contestants: Contestant[] = [
    { name: 'tapstack', measure: (seconds) => measure(tapstack, seconds) },
    ...pumps,
    { name: 'kernel', measure: (seconds) => measure(kernel, seconds) },
  ];
  const close = async (): Promise<void> => {
    await tapstack.close();
    await kernel.close();
  };
  return { contestants, warmUp: true, close };
}

const PUMP_NAMES = { single: 'pump', batched: 'pump in batches', copying: 'pump with copies' } as const;

const pumps = (run: typeof pumpReceive, offload: boolean, ways: readonly PumpHow[]): Contestant[] =>
  ways.map((how) => ({
    name: PUMP_NAMES[how],
    measure: async (seconds: number): Promise<Sample> => {
      const { gbps, framesPerSecond, microsPerFrame } = await run({ offload, how, seconds });
      return { value: gbps, cpu: (framesPerSecond * microsPerFrame) / 1e6 };
    },
  }));

const SAME_AS_KERNEL: Bar = { against: 'kernel', least: 0.9 };

function bulkFigures(): Figure[] {
  return [true, false].flatMap((offload): Figure[] => {
    const mode = offload ? 'offload' : 'MTU frames';
    const suffix = offload ? 'offload' : 'plain';
    const options = { offload, pinned: false };
    return [
      {
        name: `in-${suffix}`,
        title: `TCP in, ${mode}`,
        unit: 'Gbit/s',
        better: 'more',
        bars: [{ against: 'pump', least: offload ? 0.75 : 0.7 }],
        open: () =>
          openSession(
            options,
            bulk('in', DISCARD_PORT),
            pumps(pumpReceive, offload, offload ? ['single'] : ['single', 'batched']),
          ),
      },
      {
        name: `out-${suffix}`,
        title: `TCP out, ${mode}`,
        unit: 'Gbit/s',
        better: 'more',
        bars: offload ? [{ against: 'pump', least: 0.5 }, SAME_AS_KERNEL] : [{ against: 'pump', least: 0.9 }],
        open: () =>
          openSession(
            options,
            bulk('out', CHARGEN_PORT),
            pumps(pumpSend, offload, offload ? ['single', 'copying'] : ['single', 'batched', 'copying']),
          ),
      },
    ];
  });
}

/**
 * One figure as the machine comes, and one with client and services on one processor, where idle processors do not count; with what is
 * wanted of each.
 */
function bothWays(figure: Omit<Figure, 'open'>, measure: Measure, bars: readonly [Bar[], Bar[]]): Figure[] {
  return [false, true].map((isPinned) => ({
    ...figure,
    name: isPinned ? `${figure.name}-pinned` : figure.name,
    title: isPinned ? `${figure.title}, one processor` : figure.title,
    bars: bars[isPinned ? 1 : 0],
    open: () => openSession({ offload: true, pinned: isPinned }, measure),
  }));
}

/** Microseconds. */
const FLOOD_PING_MOST = 25;
const CONNECTIONS: readonly [Bar[], Bar[]] = [[], [{ against: 'kernel', least: 0.6 }]];

export const NETWORK_FIGURES: readonly Figure[] = [
  ...bulkFigures(),
  ...bothWays({ name: 'ping-pong', title: 'TCP round trips of 64 octets', unit: '/s', better: 'more' }, pingPong, [
    [SAME_AS_KERNEL],
    [{ against: 'kernel', least: 0.5 }],
  ]),
  ...bothWays({ name: 'flood-ping', title: 'flood ping, mean', unit: 'us', better: 'less' }, floodPing, [
    [{ most: FLOOD_PING_MOST }],
    [],
  ]),
  ...bothWays(
    { name: 'connect-close', title: 'connections, opened and closed', unit: '/s', better: 'more' },
    connections(DISCARD_PORT, 'close'),
    CONNECTIONS,
  ),
  ...bothWays(
    { name: 'connect-echo', title: 'connections with one octet echoed', unit: '/s', better: 'more' },
    connections(ECHO_PORT, 'echo'),
    CONNECTIONS,
  ),
];
