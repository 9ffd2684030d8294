import { expect } from 'chai';
import { after, micros } from '../../src/core/time.ts';
import { GiveWay } from '../../src/stack/give-way.ts';

/** Looks that give way, of `looks` that are 10 us apart, when each finds what `finds` says, after `took` microseconds. */
function given(giveWay: GiveWay, looks: number, finds: (index: number) => boolean, took = 10): number {
  let count = 0;
  for (let i = 0; i < looks; i++) {
    now = after(now, 10);
    if (!giveWay.isDue(now)) continue;
    giveWay.learn(now, after(now, took), finds(count));
    now = after(now, took);
    count++;
  }
  return count;
}

let now = micros(0);

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

  it('stops when it is held up, even if there are answers by then, longer each time: up to a second', () => {
    const giveWay = new GiveWay();
    given(giveWay, 1000, () => true);
    // Pauses of 1, 2, 4 to 512 ms are 1.023 s. A second is 100,000 looks.
    expect(given(giveWay, 102_400, () => true, 3000)).to.be.within(10, 11);
    expect(given(giveWay, 300_000, () => true, 3000)).to.be.within(2, 4);
  });

  it('once held up is no matter where answers come', () => {
    const giveWay = new GiveWay();
    given(giveWay, 1000, () => true);
    given(giveWay, 1, () => true, 3000);
    expect(given(giveWay, 1000, () => true)).to.be.within(890, 910);
  });
});
