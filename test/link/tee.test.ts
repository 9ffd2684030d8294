import { expect } from 'chai';
import { FramePool } from '../../src/core/frame.ts';
import { micros } from '../../src/core/time.ts';
import { cable } from '../../src/link/cable.ts';
import { tee } from '../../src/link/tee.ts';
import { drain, plainFrame } from './packets.ts';

describe('link/tee', () => {
  it('shows each frame before it goes on, tells when that is over, and changes nothing', () => {
    const pool = new FramePool();
    const [near, far] = cable({ mtu: 900, delay: 3, names: ['n', 'f'] });
    const story: string[] = [];
    const link = tee(
      near,
      (direction, frame, now) => story.push(`${direction} ${frame.bytes[frame.start + 20]!} at ${now}`),
      () => story.push('done'),
    );
    expect([link.name, link.mtu, link.maxSegment, link.checksumOffload]).to.deep.equal(['n', 900, 900, false]);
    let wakes = 0;
    link.start(() => wakes++);
    link.send(plainFrame(pool, 60, 1), micros(10));
    expect(drain(far, 13)).to.have.length(1);
    far.send(plainFrame(pool, 60, 2), micros(20));
    expect(wakes).to.equal(1);
    expect(link.nextDeadline()).to.equal(23);
    link.receive(
      (frame) => {
        story.push('sink');
        frame.release();
      },
      micros(23),
      9,
    );
    expect(story).to.deep.equal(['out 1 at 10', 'done', 'in 2 at 23', 'sink', 'done']);
    link.close();
    far.send(plainFrame(pool, 60), micros(30));
    expect(pool.inUse).to.equal(0);
  });

  it('does without the second listener', () => {
    const pool = new FramePool();
    const [near, far] = cable();
    let seen = 0;
    const link = tee(near, () => seen++);
    link.send(plainFrame(pool, 60), micros(0));
    drain(far, 0);
    expect(seen).to.equal(1);
  });
});
