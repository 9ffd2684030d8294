/**
 * Two hosts with any options on any line: both send at once, and exactly what each wrote arrives at the other, or both are told why
 * not, in bounded virtual time. After each turn the windows of both senders are looked at.
 */
import { expect } from 'chai';
import fc from 'fast-check';
import type { TcpConfig } from '../../src/core/config.ts';
import { HOUR, MINUTE, MS, NEVER } from '../../src/core/time.ts';
import { twoHosts } from '../../src/lab/topology.ts';
import type { LabHost, TwoHosts } from '../../src/lab/topology.ts';
import { patternBytes } from '../../src/lab/transfer.ts';
import type { ImpairSettings } from '../../src/link/impairment.ts';
import type { Connection } from '../../src/tcp/connection.ts';
import { SackRecovery } from '../../src/tcp/recovery/sack.ts';
import { seqLe } from '../../src/tcp/seq.ts';
import { isSynchronized } from '../../src/tcp/state.ts';
import { connectTo, serve } from '../support/programs.ts';
import type { StreamEnd } from '../support/programs.ts';
import { runs, timeFor } from '../support/runs.ts';
import { PORT, expectAllGone, same, story } from '../support/session.ts';
import { WindowWatch } from '../support/window-watch.ts';

const RUNS = 60;
/** Longest that a connection may take: R2 of the last retransmission is a quarter of an hour after the first. */
const LIMIT = 6 * HOUR;
const LONGEST = 20_000;
const DATA = [patternBytes(LONGEST, 1), patternBytes(LONGEST, 2)] as const;

const chance = (max: number): fc.Arbitrary<number> => fc.noBias(fc.nat(1000)).map((value) => (value * max) / 1000);

const settings: fc.Arbitrary<ImpairSettings> = fc.record({
  loss: chance(0.3),
  duplication: chance(0.3),
  corruption: fc.oneof(fc.constant(0), chance(0.05)),
  reordering: chance(0.5),
  reorderDelay: fc.nat(30 * MS),
  jitter: fc.nat(5 * MS),
});

const lines = fc.record({
  seed: fc.nat(0xffff_ffff),
  delay: fc.nat(50 * MS),
  bandwidth: fc.constantFrom(0, 1_000_000, 100_000_000),
  mtu: fc.constantFrom(1500, 1500, 576, 9000),
  outgoing: settings,
  incoming: settings,
});

const options: fc.Arbitrary<Partial<TcpConfig>> = fc.record({
  sack: fc.boolean(),
  timestamps: fc.boolean(),
  windowScaling: fc.boolean(),
  ecn: fc.constantFrom('off', 'passive', 'active'),
  pacing: fc.constantFrom('off', 'auto', 'always'),
  congestion: fc.constantFrom('cubic', 'reno', 'bbr'),
  hystart: fc.boolean(),
  receiveBuffer: fc.constantFrom(3000, 20_000, 1 << 20),
  sendBuffer: fc.constantFrom(3000, 20_000, 1 << 20),
});

/** What a program may be told when packets do not get through for long; a reset only once the other end has given up. */
const GIVEN_UP = ['ETIMEDOUT', 'EHOSTUNREACH', 'ECONNRESET', 'EPIPE'];

/** What is wrong with a sender after a turn, '' for nothing. Plain comparisons: it is asked some thousand times a run. */
function faultOf({ sender, tcb, state }: Connection, host: LabHost): string {
  const { control, recovery, flightSize, rtxNxt } = sender;
  if (!seqLe(tcb.sndUna, tcb.sndNxt)) return 'SND.UNA beyond SND.NXT';
  if (!seqLe(tcb.sndUna, rtxNxt) || !seqLe(rtxNxt, tcb.sndNxt))
    return 'place to send from outside of what is outstanding';
  if (!isSynchronized(state) || state === 'TIME-WAIT') return '';
  if (!(control.cwnd >= sender.smss && control.cwnd < Infinity)) return `cwnd ${control.cwnd}`;
  if (!(control.ssthresh >= sender.smss)) return `ssthresh ${control.ssthresh}`;
  if (recovery instanceof SackRecovery && !(recovery.pipe >= 0 && recovery.pipe <= flightSize)) {
    return `pipe ${recovery.pipe} of ${flightSize} in flight`;
  }
  if (flightSize > 0 && host.stack.nextDeadline() === NEVER) return 'something outstanding that nothing looks after';
  return '';
}

function watchSenders(lab: TwoHosts): void {
  for (const host of [lab.a, lab.b]) {
    lab.simulation.program(host.name, () => {
      for (const connection of host.stack.tcp.connections()) {
        const fault = faultOf(connection, host);
        if (fault !== '') throw new Error(fault + story(lab));
      }
    });
  }
}

describe('lab: both ways, any options, any line', () => {
  it('exactly the octets or the right errno, no window exceeded, no stall', () => {
    fc.assert(
      fc.property(lines, options, fc.nat(LONGEST), fc.nat(LONGEST), (line, tcp, there, back) => {
        const { outgoing, incoming, ...cable } = line;
        const watches = [new WindowWatch(), new WindowWatch()] as const;
        const sees = (here: WindowWatch, other: WindowWatch): Pick<ImpairSettings, 'dropIf'> => ({
          dropIf: (frame) => here.outgoing(frame) || other.incoming(frame),
        });
        const lab = twoHosts({
          ...cable,
          impair: {
            outgoing: { ...outgoing, ...sees(watches[0], watches[1]) },
            incoming: { ...incoming, ...sees(watches[1], watches[0]) },
          },
          config: { tcp },
          record: { frames: 60, octets: 0 },
        });
        watchSenders(lab);
        const accepted: StreamEnd[] = [];
        serve(lab.b, PORT, (end) => accepted.push(end.write(DATA[1].subarray(0, back)).finish()));
        const client = connectTo(lab.a, lab.b.address, PORT).write(DATA[0].subarray(0, there)).finish();
        const isDone = (end: StreamEnd): boolean => end.ended || end.error !== '';
        const ends = (): StreamEnd[] => [client, ...accepted.slice(0, 1)];
        lab.simulation.run(() => client.error !== '' || (ends().length === 2 && ends().every(isDone)), LIMIT);
        const errors = ends()
          .map(({ error }) => error)
          .filter((error) => error !== '');

        // The story is not told in vain: drawing it takes longer than the run.
        const verify = (holds: boolean, what: string): void => {
          if (!holds) expect.fail(what + story(lab));
        };

        for (const { beyond } of watches) verify(beyond <= 1, `${beyond} octets beyond the window`);
        for (const [index, { received }] of ends().entries()) {
          const sent = DATA[1 - index]!.subarray(0, index === 0 ? back : there);
          verify(same(received, sent.subarray(0, received.length)), 'other octets than were sent');
        }
        for (const error of errors) verify(GIVEN_UP.includes(error), error);
        if (errors.length > 0) return;
        const lengths = ends().map(({ receivedLength }) => receivedLength);
        verify(lengths[0] === back && lengths[1] === there, `${lengths.join(' and ')} octets of ${back} and ${there}`);
        for (const end of ends()) end.close();
        lab.simulation.runFor(20 * MINUTE);
        expectAllGone(lab);
      }),
      runs(RUNS),
    );
  }).timeout(timeFor(RUNS, 1000));
});
