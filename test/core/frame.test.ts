import { expect } from 'chai';
import { Checksum, FramePool, HEADROOM, LARGE_FRAME, SMALL_FRAME } from '../../src/core/frame.ts';

describe('core/frame', () => {
  it('a fresh frame is empty, with headroom and no facts', () => {
    const frame = new FramePool().acquire(100);
    expect(frame).to.include({
      start: HEADROOM,
      end: HEADROOM,
      length: 0,
      network: -1,
      transport: -1,
      gsoSize: 0,
      linkBroadcast: false,
      reason: '',
      checksum: Checksum.Full,
    });
    expect(frame.bytes.length - frame.start).to.be.at.least(100);
  });

  it('prepends headers until the headroom is used up', () => {
    const frame = new FramePool().from(Uint8Array.of(7));
    expect(frame.prepend(20)).to.equal(HEADROOM - 20);
    expect(frame.length).to.equal(21);
    frame.prepend(HEADROOM - 20);
    expect(() => frame.prepend(1)).to.throw('no headroom');
    expect(frame.view().at(-1)).to.equal(7);
  });

  it('counts references: the last release gives the frame back, one more throws', () => {
    const pool = new FramePool();
    const frame = pool.acquire(10);
    expect(frame.shared).to.equal(false);
    frame.retain();
    expect(frame.shared).to.equal(true);
    expect(pool.inUse).to.equal(1);
    frame.release();
    expect(pool.inUse).to.equal(1);
    frame.release();
    expect(pool.inUse).to.equal(0);
    expect(() => frame.release()).to.throw('released twice');
    expect(() => frame.retain()).to.throw('released frame');
    expect(pool.inUse).to.equal(0);
  });

  it('reuses buffers of both sizes, with the facts of the last use gone', () => {
    const pool = new FramePool();
    for (const capacity of [SMALL_FRAME, LARGE_FRAME]) {
      const frame = pool.acquire(capacity);
      Object.assign(frame, {
        start: 3,
        end: 9,
        network: 3,
        transport: 5,
        checksum: Checksum.Verified,
        gsoSize: 9,
        linkBroadcast: true,
        reason: 'x',
      });
      frame.release();
      const again = pool.acquire(capacity);
      expect(again).to.equal(frame);
      expect(again).to.include({
        start: HEADROOM,
        end: HEADROOM,
        network: -1,
        transport: -1,
        gsoSize: 0,
        linkBroadcast: false,
        reason: '',
        checksum: Checksum.Full,
      });
    }
    expect(pool.acquire(1)).not.to.equal(pool.acquire(1));
  });

  it('does not keep odd sizes', () => {
    const pool = new FramePool();
    const big = pool.acquire(LARGE_FRAME + 1);
    expect(big.bytes.length).to.equal(HEADROOM + LARGE_FRAME + 1);
    big.release();
    expect(pool.acquire(LARGE_FRAME + 1)).not.to.equal(big);
  });

  it('a copy has the packet, and nothing that is known of it', () => {
    const pool = new FramePool();
    const frame = pool.from(Uint8Array.from({ length: 90 }, (_, i) => i));
    Object.assign(frame, { network: frame.start, checksum: Checksum.Verified, gsoSize: 5, reason: 'y' });
    frame.start += 20;
    const copy = pool.copyOf(frame);
    expect(copy.view()).to.deep.equal(frame.view());
    expect(copy).to.include({ start: HEADROOM, network: -1, checksum: Checksum.Full, gsoSize: 0, reason: '' });
  });

  it('a clone has octets, offsets and facts of its own, also the headers behind which the frame stands', () => {
    const pool = new FramePool();
    const frame = pool.from(Uint8Array.from({ length: 90 }, (_, i) => i));
    Object.assign(frame, {
      network: frame.start + 14,
      transport: frame.start + 34,
      checksum: Checksum.Partial,
      gsoSize: 5,
      linkBroadcast: true,
      reason: 'y',
    });
    frame.start += 34;
    const copy = pool.clone(frame);
    expect(copy.view()).to.deep.equal(frame.view());
    expect(copy).to.include({
      network: frame.network,
      transport: frame.transport,
      checksum: Checksum.Partial,
      gsoSize: 5,
      linkBroadcast: true,
      reason: 'y',
    });
    expect(copy.bytes[copy.network]).to.equal(14);
    copy.bytes[copy.start] = 255;
    expect(frame.bytes[frame.start]).to.equal(34);
    copy.release();
    frame.release();
    expect(pool.inUse).to.equal(0);
  });

  it('keeps the view of octets that was asked for last', () => {
    const frame = new FramePool().from(Uint8Array.of(1, 2, 3, 4, 5));
    const view = frame.octets(frame.start + 1, 3);
    expect([...view]).to.deep.equal([2, 3, 4]);
    expect(frame.octets(frame.start + 1, 3)).to.equal(view);
    expect([...frame.octets(frame.start + 2, 3)]).to.deep.equal([3, 4, 5]);
    expect([...frame.octets(frame.start + 2, 1)]).to.deep.equal([3]);
    expect([...view]).to.deep.equal([2, 3, 4]);
  });

  it('knows its pool, so that what holds a frame can make another', () => {
    const pool = new FramePool();
    expect(pool.acquire(1).pool).to.equal(pool);
  });
});
