import { expect } from 'chai';
import fc from 'fast-check';
import { HOUR, MINUTE, MS } from '../../src/core/time.ts';
import { twoHosts } from '../../src/lab/topology.ts';
import { patternBytes, transfer } from '../../src/lab/transfer.ts';
import type { ImpairSettings } from '../../src/link/impairment.ts';
import { chance } from '../support/lines.ts';
import { runs, timeFor } from '../support/runs.ts';
import { WindowWatch } from '../support/window-watch.ts';

const settings: fc.Arbitrary<ImpairSettings> = fc.record({
  loss: chance(0.3),
  duplication: chance(0.3),
  reordering: chance(0.5),
  reorderDelay: fc.nat(30 * MS),
  jitter: fc.nat(5 * MS),
});

const lines = fc.record({
  seed: fc.nat(0xffff_ffff),
  delay: fc.nat(50 * MS),
  bandwidth: fc.constantFrom(0, 5_000_000, 1_000_000_000),
  impair: fc.record({ outgoing: settings, incoming: settings }),
});

describe('lab: loss recovery on any line', () => {
  for (const sack of [true, false]) {
    it(`${sack ? 'RACK' : 'NewReno'}: exactly the octets, never beyond the window of the receiver, and an end`, () => {
      fc.assert(
        fc.property(lines, fc.nat(60_000), fc.constantFrom(4096, 20_000, 1 << 20), (line, length, receiveBuffer) => {
          const bytes = patternBytes(length);
          const watch = new WindowWatch();
          const lab = twoHosts({
            ...line,
            impair: {
              outgoing: { ...line.impair.outgoing, dropIf: watch.outgoing },
              incoming: { ...line.impair.incoming, dropIf: watch.incoming },
            },
            config: { tcp: { sack, receiveBuffer } },
            record: { frames: 40, octets: 0 },
          });
          const result = transfer(lab.simulation, lab.a, lab.b, bytes, { limit: 3 * HOUR });
          const story = `\n${result.end} ${result.error}\n${lab.recorder.ladder()}\n`;
          expect(Buffer.compare(result.received, bytes.subarray(0, result.received.length)), story).to.equal(0);
          expect(watch.beyond, story).to.be.at.most(1);
          if (result.error === '')
            expect([result.end, result.received.length], story).to.deep.equal(['reached', length]);
          lab.simulation.runFor(5 * MINUTE);
          expect(lab.framesInUse(), 'frames in use').to.equal(0);
        }),
        runs(40),
      );
    }).timeout(timeFor(40, 1000));
  }
});
