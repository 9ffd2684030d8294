import { expect } from 'chai';
import { GiveWay } from '../../src/stack/give-way.ts';

/** Looks that give way, of `looks`, when each finds what `finds` says, after `took` microseconds. */
function given(giveWay: GiveWay, looks: number, finds: (index: number) => boolean, took = 10): number {
  let count = 0;
  for (let i = 0; i < looks; i++) {
    if (!giveWay.isDue()) continue;
    giveWay.learn(finds(count), took);
    count++;
  }
  return count;
}

describe('stack/give-way', () => {
  it('is tried now and then where it finds nothing', () => {
    expect(given(new GiveWay(), 6400, () => false)).to.equal(100);
  });

  it('goes on where it finds answers, from the first on', () => {
    const giveWay = new GiveWay();
    given(giveWay, 64, () => true);
    expect(given(giveWay, 1000, () => true)).to.equal(1000);
  });

  it('goes on where half of the looks find some, and ends where one in ten does', () => {
    const giveWay = new GiveWay();
    given(giveWay, 64, () => true);
    expect(given(giveWay, 1000, (i) => i % 2 === 0)).to.equal(1000);
    expect(given(giveWay, 6400, (i) => i % 10 === 0)).to.be.below(300);
  });

  it('stops soon when answers stop', () => {
    const giveWay = new GiveWay();
    given(giveWay, 1000, () => true);
    expect(given(giveWay, 60, () => false)).to.be.within(1, 17);
  });

  it('stops at once when it is held up, even if there are answers by then', () => {
    const giveWay = new GiveWay();
    given(giveWay, 1000, () => true);
    expect(giveWay.isDue()).to.equal(true);
    giveWay.learn(true, 3000);
    expect(given(giveWay, 6400, () => true, 3000)).to.equal(100);
  });
});
