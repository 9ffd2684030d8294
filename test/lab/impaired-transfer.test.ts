import { expect } from 'chai';
import fc from 'fast-check';
import { HOUR, MINUTE, MS } from '../../src/core/time.ts';
import { twoHosts } from '../../src/lab/topology.ts';
import { patternBytes, transfer } from '../../src/lab/transfer.ts';
import type { ImpairSettings } from '../../src/link/impairment.ts';
import { chance } from '../support/lines.ts';
import { runs, timeFor } from '../support/runs.ts';

const settings: fc.Arbitrary<ImpairSettings> = fc.record({
  loss: chance(0.15),
  duplication: chance(0.2),
  corruption: chance(0.05),
  reordering: chance(0.5),
  reorderDelay: fc.nat(20 * MS),
  jitter: fc.nat(20 * MS),
});

const lines = fc.record({
  seed: fc.nat(0xffff_ffff),
  delay: fc.nat(100 * MS),
  bandwidth: fc.constantFrom(0, 1_000_000, 1_000_000_000),
  mtu: fc.integer({ min: 100, max: 9000 }),
  impair: fc.record({ outgoing: settings, incoming: settings }),
});

describe('lab: any line', () => {
  it('delivers exactly the octets, or fails with an error, and never hangs', () => {
    fc.assert(
      fc.property(lines, fc.nat(40_000), (line, length) => {
        const bytes = patternBytes(length);
        const lab = twoHosts({ ...line, record: { frames: 40, octets: 0 } });
        const result = transfer(lab.simulation, lab.a, lab.b, bytes, { limit: 3 * HOUR });
        const story = `\n${result.end} ${result.error}\n${lab.recorder.ladder()}\n`;
        const whole = Buffer.compare(result.received, bytes.subarray(0, result.received.length)) === 0;
        expect(whole, `what arrived is the beginning of what was sent${story}`).to.equal(true);
        if (result.error === '') {
          expect(result.end, story).to.equal('reached');
          expect(result.received.length, story).to.equal(length);
        }
        // TIME-WAIT lasts a minute; what is under way arrives long before.
        lab.simulation.runFor(5 * MINUTE);
        if (result.error === '')
          expect([...lab.a.stack.tcp.connections(), ...lab.b.stack.tcp.connections()]).to.deep.equal([]);
        expect(lab.framesInUse(), 'frames in use').to.equal(0);
      }),
      runs(40),
    );
  }).timeout(timeFor(40, 1000));
});
