/** TCP through a narrow place in virtual time: path MTU discovery by ICMP, and without. */
import { expect } from 'chai';
import fc from 'fast-check';
import { SECOND } from '../../src/core/time.ts';
import type { Simulation } from '../../src/lab/simulator.ts';
import type { LabHost } from '../../src/lab/topology.ts';
import { patternBytes, transfer } from '../../src/lab/transfer.ts';
import type { TcpInfo } from '../../src/tcp/service.ts';
import { narrowPath } from '../support/narrow-path.ts';

const BYTES = patternBytes(1_000_000);

describe('a path with a narrow place', () => {
  for (const sack of [true, false]) {
    for (const mtu of [1400, 1000, 600, 300]) {
      for (const way of ['out of it', 'into it'] as const) {
        it(`1191-3-a, 1191-6.4-a: a transfer ${way}, MTU ${mtu}, ${sack ? 'with' : 'without'} SACK`, () => {
          const { simulation, a, b, narrow } = narrowPath({ mtu, config: { tcp: { sack } } });
          const [from, to] = way === 'out of it' ? [a, b] : [b, a];
          const result = transfer(simulation, from, to, BYTES);
          expect(result.error).to.equal('');
          expect(result.received).to.deep.equal(BYTES);
          // One report for what of the first window was too long; nothing waits for a timer.
          expect(narrow.reports).to.be.within(1, 12);
          // Narrower than is believed: without DF, and cut on the way.
          expect(narrow.cut > 0).to.equal(mtu < 552);
          expect(result.finished - result.started).to.be.lessThan(1 * SECOND);
        });
      }
    }
  }
});

describe('a narrow place that reports nothing (RFC 4821)', () => {
  for (const sack of [true, false]) {
    for (const mtu of [1492, 1400, 1000, 600]) {
      for (const mtuProbing of ['blackhole', 'always'] as const) {
        it(`RFC 4821 §7.6, §7.7: '${mtuProbing}', MTU ${mtu}, ${sack ? 'with' : 'without'} SACK`, () => {
          const config = { tcp: { sack, mtuProbing } };
          const { simulation, a, b, narrow } = narrowPath({ mtu, icmp: 'silent', bandwidth: 50_000_000, config });
          const bytes = patternBytes(2_000_000);
          const last = watch(simulation, a);
          const result = transfer(simulation, a, b, bytes);
          expect(result.error).to.equal('');
          expect(result.received).to.deep.equal(bytes);
          expect(narrow.reports).to.equal(0);
          // R1 is the third time-out; a base that is too large costs one or three more.
          expect(result.finished - result.started).to.be.lessThan((mtu < 1064 ? 6 : 3) * SECOND);
          const { timeouts, mss } = last.info!;
          expect(timeouts).to.be.at.most(
            mtu < 1064 && mtuProbing === 'blackhole' ? 4 : mtu < 1064 || mtuProbing === 'blackhole' ? 3 : 0,
          );
          // Timestamps are in use: 52 octets of headers.
          expect(mss).to.be.within(mtuProbing === 'blackhole' ? (mtu - 52) * 0.9 : 500, mtu - 52);
        });
      }
    }
  }

  it('without probing a connection hangs until R2: which is why it is not off by default', () => {
    const config = { tcp: { mtuProbing: 'off' as const } };
    const { simulation, a, b } = narrowPath({ mtu: 1400, icmp: 'silent', config });
    const result = transfer(simulation, a, b, BYTES);
    expect(result.error).to.match(/ETIMEDOUT/);
    expect(result.received).to.have.length(0);
  });

  it('any narrow place, any loss: everything arrives', function () {
    this.timeout(60_000);
    const cases = fc.record({
      mtu: fc.integer({ min: 128, max: 1500 }),
      icmp: fc.constantFrom('report', 'old', 'silent'),
      mtuProbing: fc.constantFrom('blackhole', 'always'),
      sack: fc.boolean(),
      offload: fc.boolean(),
      loss: fc.constantFrom(0, 0, 0.01, 0.03),
      delay: fc.constantFrom(0, 1000, 30_000),
      bandwidth: fc.constantFrom(0, 10_000_000),
      seed: fc.nat(),
    });
    fc.assert(
      fc.property(cases, ({ mtu, icmp, mtuProbing, sack, loss, delay, bandwidth, seed }) => {
        const config = { tcp: { sack, mtuProbing }, ip: { minPathMtu: 68 } } as const;
        const { simulation, a, b } = narrowPath({ mtu, icmp, delay, bandwidth, seed, config, outgoing: { loss } });
        const bytes = patternBytes(80_000, seed);
        const result = transfer(simulation, a, b, bytes);
        expect(result.error).to.equal('');
        expect(result.received).to.deep.equal(bytes);
      }),
      { numRuns: 10 },
    );
  });
});

/** What TCP of the host said last of its connection. */
function watch(simulation: Simulation, host: LabHost): { info: TcpInfo | undefined } {
  const last: { info: TcpInfo | undefined } = { info: undefined };
  simulation.program(host.name, () => {
    for (const conn of host.stack.tcp.connections()) if (conn.state !== 'TIME-WAIT') last.info = conn.info();
  });
  return last;
}
