import { expect } from 'chai';
import fc from 'fast-check';
import { HOUR, MINUTE, MS } from '../../src/core/time.ts';
import { twoHosts } from '../../src/lab/topology.ts';
import { patternBytes, transfer } from '../../src/lab/transfer.ts';
import { Bbr } from '../../src/tcp/congestion/bbr.ts';
import { chance } from '../support/lines.ts';

const spoilt = fc.record({
  loss: chance(0.3),
  duplication: chance(0.3),
  reordering: chance(0.5),
  reorderDelay: fc.nat(30 * MS),
  corruption: chance(0.05),
  jitter: fc.nat(5 * MS),
});
const lines = fc.record({
  seed: fc.nat(0xffff_ffff),
  delay: fc.nat(50 * MS),
  bandwidth: fc.constantFrom(0, 200_000, 5_000_000, 1_000_000_000),
  impair: fc.record({ outgoing: spoilt, incoming: spoilt }),
});

describe('lab: BBR on any line', () => {
  for (const sack of [true, false]) {
    it(`${sack ? 'with' : 'without'} SACK: exactly the octets, an end, and a model that makes sense`, () => {
      fc.assert(
        fc.property(lines, fc.nat(60_000), fc.constantFrom(4096, 1 << 20), (line, length, receiveBuffer) => {
          const bytes = patternBytes(length);
          const lab = twoHosts({
            ...line,
            config: { tcp: { sack, receiveBuffer, congestion: 'bbr' } },
            record: { frames: 40, octets: 0 },
          });
          lab.simulation.program('a', () => {
            for (const { sender } of lab.a.stack.tcp.connections()) {
              const { control, smss } = sender;
              if (!(control instanceof Bbr) || control.cwnd === 0) continue;
              expect(Number.isInteger(control.cwnd) && control.cwnd >= smss).to.equal(true);
              expect(control.pacingRate).to.be.within(1, 1e13);
              expect(control.btlBw).to.be.within(0, 1e13);
              expect(sender.recovery.inNetwork(sender)).to.be.at.least(0);
            }
          });
          const result = transfer(lab.simulation, lab.a, lab.b, bytes, { limit: 3 * HOUR });
          const story = `\n${result.end} ${result.error}\n${lab.recorder.ladder()}\n`;
          expect(Buffer.compare(result.received, bytes.subarray(0, result.received.length)), story).to.equal(0);
          if (result.error === '')
            expect([result.end, result.received.length], story).to.deep.equal(['reached', length]);
          lab.simulation.runFor(5 * MINUTE);
          expect(lab.framesInUse(), 'frames in use').to.equal(0);
        }),
        { numRuns: Number(process.env['RECOVERY_RUNS'] ?? 25) },
      );
    }).timeout(600_000);
  }
});
