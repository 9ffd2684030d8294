/**
 * Any two programs on any line: whatever they write, read and leave unread, with whatever buffers, once both read on everything
 * arrives in bounded time.
 */
import { expect } from 'chai';
import fc from 'fast-check';
import { MINUTE, MS, SECOND } from '../../src/core/time.ts';
import { twoHosts } from '../../src/lab/topology.ts';
import { patternBytes } from '../../src/lab/transfer.ts';
import type { ImpairSettings } from '../../src/link/impairment.ts';
import { IPPROTO_TCP, TCP_NODELAY } from '../../src/socket/constants.ts';
import { connectTo, must, serve } from '../support/programs.ts';
import type { StreamEnd } from '../support/programs.ts';
import { PORT, expectAllGone, same } from '../support/session.ts';
import { runs, timeFor } from '../support/runs.ts';

const RUNS = 40;

const share = (most: number): fc.Arbitrary<number> => fc.noBias(fc.nat(1000)).map((value) => (value * most) / 1000);

const settings: fc.Arbitrary<ImpairSettings> = fc.oneof(
  fc.constant({}),
  fc.record({ loss: share(0.1), duplication: share(0.1), reordering: share(0.2), reorderDelay: fc.nat(20 * MS) }),
);

const line = fc.record({
  seed: fc.nat(0xffff_ffff),
  delay: fc.constantFrom(0, 100, 5 * MS, 100 * MS),
  bandwidth: fc.constantFrom(0, 1_000_000, 100_000_000),
  mtu: fc.constantFrom(1500, 576, 120, 9000),
  impair: fc.record({ outgoing: settings, incoming: settings }),
});

const size = fc.oneof(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 20_000 }));
const buffers = fc.record({
  receiveBuffer: fc.constantFrom(1, 1500, 3000, 10_000, 65_536, 1_000_000),
  sendBuffer: fc.constantFrom(1, 3000, 65_536, 1_000_000),
  reading: fc.boolean(),
});

const action = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('write' as const), of: fc.nat(1), size }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('read' as const), of: fc.nat(1), size }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('noDelay' as const), of: fc.nat(1), size: fc.nat(1) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('finish' as const), of: fc.nat(1), size: fc.constant(0) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('pause' as const),
      of: fc.constant(0),
      size: fc.oneof(fc.nat(10 * MS), fc.nat(SECOND), fc.nat(MINUTE)),
    }),
  },
);

const DATA = patternBytes(30 * 20_000);

/** One end with what it has been told to write. */
interface Side {
  readonly end: StreamEnd;
  written: number;
  finished: boolean;
}

describe('stack: any programs on any line', () => {
  it('everything arrives once both read on', () => {
    fc.assert(
      fc.property(line, buffers, buffers, fc.array(action, { maxLength: 30 }), (options, mine, other, actions) => {
        const lab = twoHosts({ ...options, record: { frames: 60, octets: 0 } });
        const story = (): string => `\n${lab.recorder.ladder()}\n`;
        const { simulation } = lab;
        const accepted: StreamEnd[] = [];
        serve(lab.b, PORT, (end) => accepted.push(end), other);
        const client = connectTo(lab.a, lab.b.address, PORT, mine);
        simulation.run(() => (client.connected && accepted.length > 0) || client.error !== '', 10 * MINUTE);
        // Bad luck with ARP or the SYN is no stall.
        if (client.error !== '') return;
        const sides: Side[] = [client, accepted[0]!].map((end) => ({ end, written: 0, finished: false }));

        for (const { kind, of, size: amount } of actions) {
          const side = sides[of]!;
          const { end } = side;
          if (kind === 'pause') simulation.runFor(amount);
          else if (kind === 'read' && !end.reading && !end.ended) end.readOnce(amount);
          else if (kind === 'noDelay')
            must(end.host.calls.setsockopt(end.fd, IPPROTO_TCP, TCP_NODELAY, amount), 'option');
          else if (kind === 'write' && !side.finished) {
            end.write(DATA.subarray(side.written, side.written + amount));
            side.written += amount;
          } else if (kind === 'finish') {
            side.finished = true;
            end.finish();
          }
        }
        for (const { end } of sides) {
          end.reading = true;
          end.finish();
        }
        const done = (): boolean => sides.every(({ end }) => end.ended || end.error !== '');
        const how = simulation.run(done, 10 * MINUTE);
        expect(sides.map(({ end }) => end.error).join(''), story()).to.equal('');
        expect(how, story()).to.equal('reached');
        sides.forEach(({ end }, i) => {
          const wanted = DATA.subarray(0, sides[1 - i]!.written);
          expect(end.receivedLength, story()).to.equal(wanted.length);
          expect(same(end.received, wanted), story()).to.equal(true);
          end.close();
        });
        expectAllGone(lab);
      }),
      runs(RUNS),
    );
  }).timeout(timeFor(RUNS, 1000));
});
