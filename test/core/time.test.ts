import { expect } from 'chai';
import { after, earlier, HOUR, micros, MINUTE, MS, NEVER, SECOND, VirtualClock } from '../../src/core/time.ts';

describe('core/time', () => {
  it('counts microseconds', () => {
    expect([MS, SECOND, MINUTE, HOUR]).to.deep.equal([1e3, 1e6, 6e7, 3.6e9]);
    expect(after(micros(5), SECOND)).to.equal(1_000_005);
    expect(earlier(micros(5), micros(3))).to.equal(3);
    expect(earlier(NEVER, micros(3))).to.equal(3);
    expect(after(NEVER, 5)).to.equal(NEVER);
  });

  it('a virtual clock stands until it is moved, and never goes back', () => {
    const clock = new VirtualClock();
    expect(clock.now()).to.equal(0);
    clock.advanceTo(micros(7));
    clock.advanceTo(micros(7));
    expect(clock.now()).to.equal(7);
    expect(() => clock.advanceTo(micros(6))).to.throw('cannot go back');
    expect(new VirtualClock(micros(99)).now()).to.equal(99);
  });
});
