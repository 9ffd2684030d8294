import { expect } from 'chai';
import fc from 'fast-check';
import { seqAdd, seqDiff, seqGe, seqGt, seqLe, seqLt, seqMax, seqNum, seqText } from '../../src/tcp/seq.ts';

const anySeq = fc.integer({ min: 0, max: 0xffff_ffff }).map(seqNum);
/** Less than half the circle. */
const anyStep = fc.integer({ min: 1, max: 0x7fff_ffff });

describe('sequence numbers (RFC 9293 §3.4)', () => {
  it('whatever lies up to 2^31 - 1 ahead is later, across the wrap too', () => {
    fc.assert(
      fc.property(anySeq, anyStep, (a, step) => {
        const b = seqAdd(a, step);
        expect([seqLt(a, b), seqLe(a, b), seqGt(a, b), seqGe(a, b)]).to.deep.equal([true, true, false, false]);
        expect([seqLt(b, a), seqLe(b, a), seqGt(b, a), seqGe(b, a)]).to.deep.equal([false, false, true, true]);
        expect(seqDiff(b, a)).to.equal(step);
        expect(seqDiff(a, b)).to.equal(-step);
        expect(seqMax(a, b)).to.equal(b);
        expect(seqMax(b, a)).to.equal(b);
      }),
    );
  });

  it('equality is neither before nor after, and === sees it', () => {
    fc.assert(
      fc.property(anySeq, anyStep, (a, step) => {
        expect([seqLt(a, a), seqLe(a, a), seqGt(a, a), seqGe(a, a)]).to.deep.equal([false, true, false, true]);
        expect(seqAdd(seqAdd(a, step), -step)).to.equal(a);
      }),
    );
  });

  it('is the same number however often the circle was gone round', () => {
    expect(seqNum(2 ** 32 + 5)).to.equal(seqNum(5));
    expect(seqAdd(seqNum(0xffff_ffff), 1)).to.equal(seqNum(0));
    expect(seqText(seqNum(0xffff_fffe))).to.equal('4294967294');
  });
});
