/**
 * Octets that the process under test allocates for each MB that it moves, and the part of its processor time for which the collector
 * holds it up; beside a Node program that does the same on the kernel's sockets.
 */
import type { Contestant, Figure } from './figure.ts';
import { TARGET, runPeer } from './place.ts';
import type { Place } from './place.ts';
import { PORTS, answeringNet, answeringTapstack, ask } from './server.ts';

/** Until the transfer is under way (s). */
const WARM_UP = 0.5;
const GC_MOST = { detail: 'GC % of CPU', most: 3 };

const figure = (direction: 'in' | 'out', port: number): Figure => {
  const contestant = (name: string, place: Place): Contestant => ({
    name,
    measure: async (seconds) => {
      const { server } = place;
      const bulk = runPeer(place, [direction, TARGET, port, seconds + WARM_UP], seconds + WARM_UP);
      await sleep(WARM_UP);
      await ask(server, 'watch');
      await sleep(seconds);
      const { allocated, gcMicros, cpuMicros, octets } = await ask(server, 'collected');
      await bulk;
      return { value: allocated / (octets / 1e6), details: { [GC_MOST.detail]: (100 * gcMicros) / cpuMicros } };
    },
  });
  return {
    name: `allocation-${direction}`,
    title: `allocated per MB, TCP ${direction}`,
    unit: 'octets',
    better: 'less',
    bars: [GC_MOST],
    open: async () => {
      const options = { offload: true, pinned: false };
      const tapstack = await answeringTapstack(options);
      const net = await answeringNet(options);
      return {
        contestants: [contestant('tapstack', tapstack), contestant('node:net', net)],
        warmUp: true,
        close: async () => {
          await tapstack.close();
          await net.close();
        },
      };
    },
  };
};

const sleep = (seconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

export const ALLOCATION_FIGURES: readonly Figure[] = [figure('in', PORTS.discard), figure('out', PORTS.chargen)];
