/**
 * ECN from end to end in virtual time: a router that marks instead of dropping. RFC 3168.
 */
import { expect } from 'chai';
import fc from 'fast-check';
import { HOUR, MINUTE, MS } from '../../src/core/time.ts';
import { twoHosts } from '../../src/lab/topology.ts';
import { patternBytes, transfer } from '../../src/lab/transfer.ts';
import type { ImpairSettings } from '../../src/link/impairment.ts';
import { chance } from '../support/lines.ts';
import { runs, timeFor } from '../support/runs.ts';

const settings: fc.Arbitrary<ImpairSettings> = fc.record({
  mark: chance(1),
  loss: chance(0.1),
  duplication: chance(0.1),
  reordering: chance(0.2),
  reorderDelay: fc.nat(20 * MS),
});

describe('lab: ECN', () => {
  for (const congestion of ['cubic', 'reno']) {
    for (const sack of [true, false]) {
      it(`${congestion}, sack ${sack}: a queue that marks is never full, the line is used, and nothing is sent twice`, () => {
        const rate = 10_000_000;
        const lab = twoHosts({
          seed: 3168,
          delay: 20 * MS,
          impair: { outgoing: { rate, queue: { frames: 100 }, markAbove: { frames: 30 } } },
          config: { tcp: { ecn: 'active', congestion, sack } },
        });
        const { error, goodput } = transfer(lab.simulation, lab.a, lab.b, patternBytes(4_000_000));
        const info = [...lab.a.stack.tcp.connections()][0]!.info();
        const { stats } = lab.impaired.outgoing;
        expect([error, info.ecn, info.retransmissions]).to.deep.equal(['', true, 0]);
        expect([stats.queueFull, stats.unmarkable]).to.deep.equal([0, 0]);
        expect(stats.marked).to.be.above(0);
        expect(info.ecnReductions).to.be.within(2, stats.marked);
        expect((goodput * 8) / rate).to.be.above(0.85);
      });
    }
  }

  it('without ECN the same queue drops what it would have marked', () => {
    const lab = twoHosts({
      seed: 3168,
      delay: 20 * MS,
      impair: { outgoing: { rate: 10_000_000, queue: { frames: 100 }, markAbove: { frames: 30 } } },
    });
    expect(transfer(lab.simulation, lab.a, lab.b, patternBytes(1_000_000)).error).to.equal('');
    const { marked, unmarkable } = lab.impaired.outgoing.stats;
    expect(marked).to.equal(0);
    expect(lab.drops.count('impair-congestion')).to.equal(unmarkable).and.to.be.above(0);
  });

  it('any marks, losses and orders: exactly the octets, and an end', () => {
    const lines = fc.record({
      seed: fc.nat(0xffff_ffff),
      delay: fc.nat(50 * MS),
      impair: fc.record({ outgoing: settings, incoming: settings }),
    });
    fc.assert(
      fc.property(lines, fc.nat(60_000), fc.boolean(), (line, length, sack) => {
        const bytes = patternBytes(length);
        const config = { tcp: { ecn: 'active', sack } } as const;
        const lab = twoHosts({ ...line, config, record: { frames: 40, octets: 0 } });
        // What is sent again is not marked but dropped (RFC 3168 §6.1.5): up to half of it, at a time-out each.
        const result = transfer(lab.simulation, lab.a, lab.b, bytes, { limit: 3 * HOUR });
        const story = `\n${result.end} ${result.error}\n${lab.recorder.ladder()}\n`;
        expect(Buffer.compare(result.received, bytes.subarray(0, result.received.length)), story).to.equal(0);
        if (result.error === '') expect([result.end, result.received.length], story).to.deep.equal(['reached', length]);
        lab.simulation.runFor(5 * MINUTE);
        expect(lab.framesInUse(), 'frames in use').to.equal(0);
      }),
      runs(40),
    );
  }).timeout(timeFor(40, 1000));
});
