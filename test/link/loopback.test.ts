import { expect } from 'chai';
import { Drops } from '../../src/core/drop.ts';
import { FramePool } from '../../src/core/frame.ts';
import { micros, NEVER } from '../../src/core/time.ts';
import { LoopbackLink } from '../../src/link/loopback.ts';
import { drain, plainFrame } from './packets.ts';

describe('link/loopback', () => {
  it('gives back what is sent, in order, within its bounds, until it is closed', () => {
    const pool = new FramePool();
    const drops = new Drops();
    const link = new LoopbackLink({ queueFrames: 2, drops });
    link.start();
    expect(link.nextDeadline()).to.equal(NEVER);
    for (let i = 0; i < 3; i++) link.send(plainFrame(pool, 60, i), micros(4));
    expect(link.nextDeadline()).to.equal(4);
    expect(drain(link, 4).map((f) => f[20])).to.deep.equal([0, 1]);
    link.send(plainFrame(pool, 1515), micros(4));
    link.send(plainFrame(pool, 60), micros(4));
    link.close();
    link.send(plainFrame(pool, 60), micros(4));
    expect(drops.snapshot()).to.deep.equal({ 'link-queue-full': 1, 'link-too-long': 1, 'link-down': 2 });
    expect(pool.inUse).to.equal(0);
  });
});
