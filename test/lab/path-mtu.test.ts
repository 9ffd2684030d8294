/** TCP through a narrow place in virtual time: path MTU discovery by ICMP, and without. */
import { expect } from 'chai';
import { SECOND } from '../../src/core/time.ts';
import { patternBytes, transfer } from '../../src/lab/transfer.ts';
import { narrowPath } from '../support/narrow-path.ts';

const BYTES = patternBytes(1_000_000);

describe('a path with a narrow place', () => {
  for (const sack of [true, false]) {
    for (const mtu of [1400, 1000, 600, 300]) {
      for (const way of ['out of it', 'into it'] as const) {
        it(`1191-3-a, 1191-6.4-a: a transfer ${way}, MTU ${mtu}, ${sack ? 'with' : 'without'} SACK`, () => {
          const { simulation, a, b, narrow } = narrowPath({ mtu, config: { tcp: { sack } } });
          const [from, to] = way === 'out of it' ? [a, b] : [b, a];
          if (mtu < 552) narrow.pathMtu = 552; // fragments cannot be put together yet
          const result = transfer(simulation, from, to, BYTES);
          expect(result.error).to.equal('');
          expect(result.received).to.deep.equal(BYTES);
          // One report for what of the first window was too long; nothing waits for a timer.
          expect(narrow.reports).to.be.within(1, 12);
          expect(result.finished - result.started).to.be.lessThan(1 * SECOND);
        });
      }
    }
  }
});
