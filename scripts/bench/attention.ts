/**
 * What it costs to be there: a trace listener that is attached or not, and a host that has nothing to do.
 *
 * A stack without any trace cannot be had, so nobody listening is compared with somebody who listens and does nothing, in the same process
 * by turns: it is wanted not to be slower. What nobody listening costs is then the events per MB, for each of which a place has asked
 * whether anybody listens, times the nanoseconds of asking, which `npm run bench:micro -- trace` tells.
 */
import { readFileSync, readdirSync } from 'node:fs';
import type { Contestant, Figure } from './figure.ts';
import { TARGET, runPeer, startPeer } from './place.ts';
import type { Place } from './place.ts';
import { PORTS, answeringNet, answeringTapstack, ask } from './server.ts';

const options = { offload: true, pinned: false };
/** Connections that an idle host has. */
const IDLE_CONNECTIONS = 100;
/** Until timers of the last handshakes are over, and the collector has come to rest (s). */
const SETTLED = 40;
/** Wanted of an idle host: at most a thousandth of a processor (ms a second). */
const IDLE_MOST = 1;

function traceFigure(direction: 'in' | 'out', port: number): Figure {
  const contestant = (place: Place, listening: boolean): Contestant => ({
    name: listening ? 'listened to' : 'tapstack',
    measure: async (seconds) => {
      const question = listening ? 'trace-on' : 'trace-off';
      const before = await ask(place.server, question);
      const sample = await runPeer(place, [direction, TARGET, port, seconds, place.server.pid!], seconds);
      const after = await ask(place.server, question);
      return { ...sample, details: { events: after.events - before.events } };
    },
  });
  return {
    name: `trace-${direction}`,
    title: `TCP ${direction}, no trace listener`,
    unit: 'Gbit/s',
    better: 'more',
    bars: [{ against: 'listened to', least: 0.97 }],
    open: async () => {
      const place = await answeringTapstack(options);
      const contestants = [contestant(place, false), contestant(place, true)];
      return { contestants, warmUp: true, close: () => place.close() };
    },
  };
}

const IDLE_CPU: Figure = {
  name: 'idle-cpu',
  title: `processor time of an idle host, ${IDLE_CONNECTIONS} connections`,
  unit: 'ms/s',
  better: 'less',
  bars: [{ most: IDLE_MOST }],
  open: async () => {
    const tapstack = await answeringTapstack(options);
    const net = await answeringNet(options);
    const clients = [tapstack, net].map((place) => startPeer(place, ['idle', TARGET, PORTS.discard, IDLE_CONNECTIONS]));
    for (const client of clients) await client.line('open');
    await sleep(SETTLED);
    const contestant = (name: string, { server }: Place): Contestant => ({
      name,
      measure: async (seconds) => {
        const before = processorTime(server.pid!);
        await sleep(seconds);
        return { value: (processorTime(server.pid!) - before) / seconds };
      },
    });
    return {
      contestants: [contestant('tapstack', tapstack), contestant('node:net', net)],
      warmUp: true,
      close: async () => {
        for (const client of clients) await client.end();
        await tapstack.close();
        await net.close();
      },
    };
  },
};

/**
 * Processor time (ms) of a process with all its threads so far. Read from outside: to be asked costs an idle process more than all else.
 * Linux Documentation/scheduler/sched-stats.rst: the first field is the time on a processor, in nanoseconds.
 */
function processorTime(pid: number): number {
  const tasks = `/proc/${pid}/task`;
  const nanos = readdirSync(tasks).map((task) =>
    Number(readFileSync(`${tasks}/${task}/schedstat`, 'utf8').split(' ')[0]),
  );
  return nanos.reduce((sum, time) => sum + time, 0) / 1e6;
}

const sleep = (seconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

export const ATTENTION_FIGURES: readonly Figure[] = [
  traceFigure('in', PORTS.discard),
  traceFigure('out', PORTS.chargen),
  IDLE_CPU,
];
