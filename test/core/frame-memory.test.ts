import { expect } from 'chai';
import { foldSum, sumBytes } from '../../src/core/checksum.ts';
import { SLAB, frameMemory } from '../../src/core/frame-memory.ts';
import { FramePool, HEADROOM, LARGE_FRAME, SMALL_FRAME } from '../../src/core/frame.ts';
import type { Frame } from '../../src/core/frame.ts';
import { collectGarbage } from '../support/heap.ts';

/** Takes all that is left, and has it until collected. */
function takeAll(): { readonly slabs: number[] } {
  const owner = { slabs: new Array<number>() };
  for (let slab = frameMemory!.takeSlab(owner); slab !== undefined; slab = frameMemory!.takeSlab(owner))
    owner.slabs.push(slab);
  return owner;
}

function fill(frame: Frame): Frame {
  frame.end = frame.bytes.length;
  for (let i = 0; i < frame.end; i++) frame.bytes[i] = (i * 37) ^ (i >> 8);
  return frame;
}

describe('core/frame-memory', () => {
  it('a slab has room for a large frame', () => {
    expect(SLAB).to.be.at.least(HEADROOM + LARGE_FRAME);
  });

  it('slabs do not overlap, and there is an end to them', () => {
    const { slabs } = takeAll();
    const places = slabs.toSorted((a, b) => a - b);
    for (const [i, place] of places.slice(1).entries()) expect(place - places[i]!).to.be.at.least(SLAB);
    expect(frameMemory!.takeSlab({})).to.equal(undefined);
  });

  it('what is collected gives its slabs back', async () => {
    takeAll();
    await collectGarbage();
    expect(frameMemory!.takeSlab({})).to.be.a('number');
  });

  it('frames do not share octets', async () => {
    await collectGarbage();
    const pool = new FramePool();
    const frames = Array.from({ length: 100 }, (_, i) => pool.acquire(i % 10 === 0 ? LARGE_FRAME : SMALL_FRAME));
    expect(frames.some((frame) => !frame.isOnHeap)).to.equal(true);
    for (const [i, { bytes }] of frames.entries()) bytes.fill(i);
    for (const [i, { bytes }] of frames.entries()) expect(bytes.every((octet) => octet === i)).to.equal(true);
  });

  it('frames have the same sums in it and on the heap', async () => {
    await collectGarbage();
    const within = fill(new FramePool().acquire(1500));
    const all = takeAll();
    const without = fill(new FramePool().acquire(1500));
    expect([within.isOnHeap, without.isOnHeap]).to.deep.equal([false, true]);
    for (const [at, length] of [
      [0, 0],
      [0, 1],
      [HEADROOM, 20],
      [34, 1480],
      [35, 1479],
    ] as const) {
      const expected = foldSum(sumBytes(within.bytes, at, length, 0x1_2345_6789));
      expect(foldSum(within.sum(at, length, 0x1_2345_6789))).to.equal(expected);
      expect(foldSum(without.sum(at, length, 0x1_2345_6789))).to.equal(expected);
    }
    expect(all.slabs).not.to.be.empty;
  });

  it('from there and from the heap, to there and to the heap, octets are copied and summed alike', async () => {
    await collectGarbage();
    const within = [new FramePool().acquire(1500), new FramePool().acquire(1500)] as const;
    const all = takeAll();
    const outside = [new FramePool().acquire(1500), new FramePool().acquire(1500)] as const;
    expect([...within, ...outside].map((frame) => frame.isOnHeap)).to.deep.equal([false, false, true, true]);
    for (const from of [within[0], outside[0]]) {
      for (const to of [within[1], outside[1]]) {
        fill(from);
        to.bytes.fill(0xaa);
        const expected = foldSum(sumBytes(from.bytes, 35, 1001, 0x1_2345_6789));
        expect(foldSum(to.copySum(from, 35, 200, 1001, 0x1_2345_6789))).to.equal(expected);
        expect(to.bytes.subarray(200, 1201)).to.deep.equal(from.bytes.subarray(35, 1036));
        expect([to.bytes[199], to.bytes[1201]]).to.deep.equal([0xaa, 0xaa]);
        to.copy(from, 7, 300, 99);
        expect(to.bytes.subarray(300, 399)).to.deep.equal(from.bytes.subarray(7, 106));
        expect(to.bytes.subarray(399, 1201)).to.deep.equal(from.bytes.subarray(234, 1036));
      }
    }
    expect(all.slabs).not.to.be.empty;
  });

  it('of frames on the heap a pool keeps no more free ones than its limit', () => {
    const all = takeAll();
    const pool = new FramePool(1);
    const [a, b] = [pool.acquire(1), pool.acquire(1)];
    a.release();
    b.release();
    expect(pool.acquire(1)).to.equal(a);
    expect(pool.acquire(1)).not.to.equal(b);
    expect(frameMemory!.takeSlab(all)).to.equal(undefined);
  });
});
