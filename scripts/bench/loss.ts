/**
 * Goodput at full speed while one in a thousand of the frames with text is lost, and what it took: segments sent again and time-outs.
 *
 * With offload a frame is a super-segment of up to 64 KiB, for tapstack as for the kernel over its veth pair, and so a loss is one of many
 * segments in a row. What the kernel's namespace receives is lost in its packet filter; what tapstack receives, in lossy.ts.
 */
import type { Namespace } from '../../test/support/namespace.ts';
import type { Contestant, Figure, Sample } from './figure.ts';
import { LARGE } from './lossy.ts';
import { TARGET, kernelPlace, runPeer } from './place.ts';
import type { Place } from './place.ts';
import { PORTS, answeringTapstack, ask } from './server.ts';

const LOSS = 0.001;
const MSS = 1448;
/** How often tapstack is asked while its connection lasts (ms). */
const ASK_EVERY = 50;

type Direction = 'in' | 'out';

interface Losses {
  /** Segments of text that were sent again, and retransmission time-outs. */
  readonly again: number;
  readonly timeouts: number;
}

/** Loses large TCP segments that come into a namespace. */
async function loseIn(namespace: Namespace): Promise<void> {
  const rule = `meta l4proto tcp ip length > ${LARGE} numgen random mod 1000000 < ${LOSS * 1e6} counter drop`;
  const table = `table ip bench {\n chain loss {\n type filter hook input priority 0;\n ${rule}\n }\n}\n`;
  const { code, stderr } = await namespace.exec('nft', ['-f', '-'], { input: table });
  if (code !== 0) throw new Error(`nft cannot make packets get lost: ${stderr.trim()}`);
}

async function measure(place: Place, direction: Direction, seconds: number): Promise<Sample> {
  const port = direction === 'in' ? PORTS.discard : PORTS.chargen;
  const sender = direction === 'in' ? place.namespace : place.far;
  const bulk = runPeer(place, [direction, TARGET, port, seconds], seconds);
  const [{ value }, losses] = await Promise.all([
    bulk,
    sender === undefined ? tapstackLosses(place, bulk) : kernelLosses(sender, bulk),
  ]);
  return { value, details: { 'sent again': losses.again, 'time-outs': losses.timeouts } };
}

/** Asked again and again, as a connection that is over tells nothing. */
async function tapstackLosses(place: Place, bulk: Promise<unknown>): Promise<Losses> {
  const over = bulk.then(
    () => true,
    () => true,
  );
  let losses = { again: 0, timeouts: 0 };
  do {
    const { again, timeouts } = await ask(place.server, 'losses');
    losses = { again: Math.max(losses.again, again / MSS), timeouts: Math.max(losses.timeouts, timeouts) };
  } while (!(await Promise.race([over, sleep(ASK_EVERY)])));
  return losses;
}

const sleep = (ms: number): Promise<false> => new Promise((resolve) => setTimeout(() => resolve(false), ms));

async function kernelLosses(namespace: Namespace, bulk: Promise<unknown>): Promise<Losses> {
  const before = await countersOf(namespace);
  await bulk;
  const after = await countersOf(namespace);
  const grown = (name: string): number => (after.get(name) ?? NaN) - (before.get(name) ?? NaN);
  return { again: grown('Tcp.RetransSegs'), timeouts: grown('TcpExt.TCPTimeouts') };
}

async function countersOf(namespace: Namespace): Promise<Map<string, number>> {
  const { stdout } = await namespace.exec('cat', ['/proc/net/snmp', '/proc/net/netstat']);
  return parseCounters(stdout);
}

/** Pairs of lines, names and values: 'Tcp: InSegs ...', 'Tcp: 5 ...' gives 'Tcp.InSegs'. */
export function parseCounters(text: string): Map<string, number> {
  const counters = new Map<string, number>();
  const lines = text.trim().split('\n');
  for (let i = 0; i + 1 < lines.length; i += 2) {
    const [group, ...names] = lines[i]!.split(' ');
    const values = lines[i + 1]!.split(' ').slice(1);
    names.forEach((name, column) => counters.set(`${group!.replace(':', '')}.${name}`, Number(values[column])));
  }
  return counters;
}

function figure(direction: Direction, offload: boolean): Figure {
  const options = { offload, pinned: false };
  return {
    name: `loss-${direction}-${offload ? 'offload' : 'plain'}`,
    title: `TCP ${direction}, ${offload ? 'offload' : 'MTU frames'}, 0.1 % lost`,
    unit: 'Gbit/s',
    better: 'more',
    open: async () => {
      const tapstack = await answeringTapstack(options, direction === 'in' ? LOSS : 0);
      const kernel = await kernelPlace(options);
      if (direction === 'in') await loseIn(kernel.far!);
      else for (const { namespace } of [tapstack, kernel]) await loseIn(namespace);
      const contestant = (name: string, place: Place): Contestant => ({
        name,
        measure: (seconds) => measure(place, direction, seconds),
      });
      return {
        contestants: [contestant('tapstack', tapstack), contestant('kernel', kernel)],
        warmUp: true,
        close: async () => {
          await tapstack.close();
          await kernel.close();
        },
      };
    },
  };
}

export const LOSS_FIGURES: readonly Figure[] = [true, false].flatMap((offload) => [
  figure('in', offload),
  figure('out', offload),
]);
