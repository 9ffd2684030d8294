import { expect } from 'chai';
import * as fc from 'fast-check';
import { Drops } from '../../src/core/drop.ts';
import { Checksum, FramePool } from '../../src/core/frame.ts';
import { micros, NEVER } from '../../src/core/time.ts';
import { cable } from '../../src/link/cable.ts';
import { drain, plainFrame } from './packets.ts';

const at = micros;

describe('link/cable', () => {
  it('carries frames in order, both ways, without a copy', () => {
    const pool = new FramePool();
    const [a, b] = cable();
    const sent = [plainFrame(pool, 60, 1), plainFrame(pool, 60, 2)];
    for (const frame of sent) a.send(frame, at(5));
    const got: unknown[] = [];
    expect(b.receive((frame) => got.push(frame), at(5), 10)).to.equal(2);
    expect(got[0]).to.equal(sent[0]);
    expect(got[1]).to.equal(sent[1]);
    b.send(sent[0]!, at(6));
    expect(drain(a, 6)).to.have.length(1);
    sent[1]!.release();
    expect(pool.inUse).to.equal(0);
  });

  it('delays: a frame is there at its deadline, not before', () => {
    const pool = new FramePool();
    const [a, b] = cable({ delay: 10_000 });
    expect(b.nextDeadline()).to.equal(NEVER);
    a.send(plainFrame(pool, 60), at(100));
    expect(b.nextDeadline()).to.equal(10_100);
    expect(drain(b, 10_099)).to.have.length(0);
    expect(drain(b, 10_100)).to.have.length(1);
    expect(b.nextDeadline()).to.equal(NEVER);
  });

  it('takes the time of each bit: 1,250 octets at 10 Mbit/s are 1 ms', () => {
    const pool = new FramePool();
    const [a, b] = cable({ bandwidth: 10e6, delay: 5 });
    a.send(plainFrame(pool, 1250), at(0));
    a.send(plainFrame(pool, 1250), at(0));
    expect(b.nextDeadline()).to.equal(1005);
    drain(b, 1005);
    expect(b.nextDeadline()).to.equal(2005);
    drain(b, 2005);
    a.send(plainFrame(pool, 125), at(5000));
    expect(b.nextDeadline()).to.equal(5105);
    drain(b, 9999);
  });

  it('keeps the exact rate when a frame takes a fraction of a microsecond', () => {
    const pool = new FramePool();
    const [a, b] = cable({ bandwidth: 10e9 });
    for (let i = 0; i < 1000; i++) a.send(plainFrame(pool, 1514), at(0));
    let count = 0;
    while (b.nextDeadline() <= 1212) count += drain(b, b.nextDeadline()).length;
    expect(count).to.equal(1000);
    expect(b.nextDeadline()).to.equal(NEVER);
  });

  it('bounds the queue in frames, not counting the frame being sent, and counts what it drops', () => {
    const pool = new FramePool();
    const drops = new Drops();
    const [a, b] = cable({ bandwidth: 8e6, queue: { frames: 3 }, drops });
    for (let i = 0; i < 6; i++) a.send(plainFrame(pool, 100, i), at(0));
    expect(drops.snapshot()).to.deep.equal({ 'link-queue-full': 2 });
    // At 150 us the second of four is being sent, two wait.
    a.send(plainFrame(pool, 100, 6), at(150));
    a.send(plainFrame(pool, 100, 7), at(150));
    expect(drops.count('link-queue-full')).to.equal(3);
    expect(drain(b, 10_000).map((f) => f[20])).to.deep.equal([0, 1, 2, 3, 6]);
    expect(pool.inUse).to.equal(0);
  });

  it('bounds the queue in octets', () => {
    const pool = new FramePool();
    const drops = new Drops();
    const [a, b] = cable({ bandwidth: 8e6, queue: { octets: 250 }, drops });
    for (const length of [1000, 100, 100, 100, 50, 14]) a.send(plainFrame(pool, length), at(0));
    expect(drain(b, 10_000).map((f) => f.length)).to.deep.equal([1000, 100, 100, 50]);
    expect(drops.count('link-queue-full')).to.equal(2);
  });

  it('bounds what is under way or not fetched', () => {
    const pool = new FramePool();
    const drops = new Drops();
    const [a, b] = cable({ inFlight: 2, drops });
    for (let i = 0; i < 3; i++) a.send(plainFrame(pool, 60), at(0));
    expect(drops.count('link-queue-full')).to.equal(1);
    expect(drain(b, 0)).to.have.length(2);
    expect(pool.inUse).to.equal(0);
  });

  const lengths: [name: string, mtu: number, length: number, vlan: boolean, fits: boolean][] = [
    ['as long as the MTU', 1500, 1514, false, true],
    ['one octet more', 1500, 1515, false, false],
    ['tagged, as long as the MTU', 1500, 1518, true, true],
    ['tagged, one octet more', 1500, 1519, true, false],
    ['within a small MTU', 576, 590, false, true],
    ['above a small MTU', 576, 591, false, false],
  ];
  for (const [name, mtu, length, vlan, fits] of lengths) {
    it(`MTU: a frame ${name} is ${fits ? 'carried' : 'link-too-long'}`, () => {
      const pool = new FramePool();
      const drops = new Drops();
      const [a, b] = cable({ mtu, drops });
      const frame = plainFrame(pool, length);
      if (vlan) frame.bytes.set([0x81, 0], frame.start + 12);
      a.send(frame, at(0));
      expect(drain(b, 0)).to.have.length(fits ? 1 : 0);
      expect(drops.count('link-too-long')).to.equal(fits ? 0 : 1);
      expect(pool.inUse).to.equal(0);
    });
  }

  it('gives the receiver octets only: what the sender knew of the frame is gone', () => {
    const pool = new FramePool();
    const [a, b] = cable();
    const frame = plainFrame(pool, 100);
    Object.assign(frame, {
      network: 5,
      transport: 9,
      checksum: Checksum.Verified,
      gsoSize: 7,
      linkBroadcast: true,
      reason: 'why',
    });
    a.send(frame, at(0));
    b.receive(
      (got) => {
        expect(got).to.include({
          network: -1,
          transport: -1,
          checksum: Checksum.Full,
          gsoSize: 0,
          linkBroadcast: false,
          reason: '',
        });
        got.release();
      },
      at(0),
      1,
    );
  });

  it('refuses a partial checksum loudly: nothing behind a cable could complete it', () => {
    const pool = new FramePool();
    const [a] = cable();
    const frame = plainFrame(pool, 100);
    frame.checksum = Checksum.Partial;
    expect(() => a.send(frame, at(0))).to.throw('segmented()');
  });

  it('copies a frame that its sender still holds', () => {
    const pool = new FramePool();
    const [a, b] = cable();
    const frame = plainFrame(pool, 60, 3).retain();
    a.send(frame, at(0));
    b.receive(
      (got) => {
        expect(got).not.to.equal(frame);
        expect(got.view()).to.deep.equal(frame.view());
        got.release();
      },
      at(0),
      1,
    );
    frame.release();
    expect(pool.inUse).to.equal(0);
  });

  it('wakes the other end when its deadline comes nearer, not for each frame', () => {
    const pool = new FramePool();
    const [a, b] = cable({ delay: 10 });
    let wakes = 0;
    b.start(() => wakes++);
    a.send(plainFrame(pool, 60), at(0));
    a.send(plainFrame(pool, 60), at(0));
    expect(wakes).to.equal(1);
    drain(b, 10);
    a.send(plainFrame(pool, 60), at(20));
    expect(wakes).to.equal(2);
    drain(b, 30);
  });

  it('does not wake an end from inside its own receive', () => {
    const pool = new FramePool();
    const [a, b] = cable();
    let wakes = 0;
    let inside = false;
    b.start(() => {
      expect(inside).to.equal(false);
      wakes++;
    });
    a.send(plainFrame(pool, 60), at(0));
    inside = true;
    const budget = 1;
    b.receive(
      (frame) => {
        frame.release();
        a.send(plainFrame(pool, 60), at(0));
      },
      at(0),
      budget,
    );
    inside = false;
    expect(wakes).to.equal(1);
    expect(b.nextDeadline()).to.equal(0);
    drain(b, 0);
  });

  it('hands out at most the budget', () => {
    const pool = new FramePool();
    const [a, b] = cable();
    for (let i = 0; i < 5; i++) a.send(plainFrame(pool, 60, i), at(0));
    expect(drain(b, 0, 2).map((f) => f[20])).to.deep.equal([0, 1]);
    expect(drain(b, 0, 9).map((f) => f[20])).to.deep.equal([2, 3, 4]);
  });

  it('interrupts its host once in an interval at most: a frame after a pause at once, those that follow it together', () => {
    const pool = new FramePool();
    const [a, b] = cable({ delay: 5, interruptInterval: 49.5 });
    for (let i = 0; i < 4; i++) a.send(plainFrame(pool, 60, i), at(10 * i));
    const taken: [number, number][] = [];
    while (b.nextDeadline() < NEVER) {
      const due = b.nextDeadline();
      taken.push([due, drain(b, due).length]);
      expect(drain(b, due + 1)).to.have.length(0);
    }
    expect(taken).to.deep.equal([
      [5, 1],
      [55, 3],
    ]);
    a.send(plainFrame(pool, 60), at(60));
    expect(b.nextDeadline()).to.equal(105);
    drain(b, 105);
    a.send(plainFrame(pool, 60), at(500));
    expect(b.nextDeadline()).to.equal(505);
  });

  it('a batch that the budget cut short goes on at once, interval or not', () => {
    const pool = new FramePool();
    const [a, b] = cable({ interruptInterval: 50 });
    for (let i = 0; i < 5; i++) a.send(plainFrame(pool, 60, i), at(0));
    expect(drain(b, 0, 3)).to.have.length(3);
    expect(b.nextDeadline()).to.equal(0);
    expect(drain(b, 0, 3)).to.have.length(2);
    a.send(plainFrame(pool, 60), at(1));
    expect(b.nextDeadline()).to.equal(50);
  });

  it('a closed end loses what is on its way to it, and both directions are down; what left before still arrives', () => {
    const pool = new FramePool();
    const drops = new Drops();
    const [a, b] = cable({ delay: 5, drops });
    a.send(plainFrame(pool, 60), at(0));
    b.send(plainFrame(pool, 60), at(0));
    b.close();
    b.close();
    expect(drops.count('link-down')).to.equal(1);
    a.send(plainFrame(pool, 60), at(1));
    b.send(plainFrame(pool, 60), at(1));
    expect(drops.count('link-down')).to.equal(3);
    expect(drain(a, 5)).to.have.length(1);
    expect(drain(b, 5)).to.have.length(0);
    expect(pool.inUse).to.equal(0);
  });

  it('rejects a delay, bandwidth or interval that makes no sense', () => {
    expect(() => cable({ delay: -1 })).to.throw(RangeError);
    expect(() => cable({ bandwidth: NaN })).to.throw(RangeError);
    expect(() => cable({ interruptInterval: -1 })).to.throw(
      RangeError,
      'interruptInterval must be at least 0 us, not -1',
    );
  });

  it('any traffic: order kept, each frame once, none early, none lost but by the queue', () => {
    const traffic = fc.array(
      fc.record({ gap: fc.integer({ min: 0, max: 300 }), length: fc.integer({ min: 18, max: 1514 }) }),
      { maxLength: 200 },
    );
    fc.assert(
      fc.property(
        traffic,
        fc.integer({ min: 0, max: 500 }),
        fc.constantFrom(0, 1e6, 100e6, 1e9),
        (frames, delay, bandwidth) => {
          const pool = new FramePool();
          const drops = new Drops();
          const [a, b] = cable({ delay, bandwidth, queue: { frames: 20 }, drops });
          const got: number[] = [];
          const read = (now: number): void => {
            for (const bytes of drain(b, now)) got.push(bytes[14]! * 256 + bytes[15]!);
          };
          let now = 0;
          const sentAt: number[] = [];
          for (const [i, { gap, length }] of frames.entries()) {
            while (b.nextDeadline() <= now + gap) read(b.nextDeadline());
            now += gap;
            const frame = plainFrame(pool, length);
            frame.bytes.set([i >> 8, i & 255], frame.start + 14);
            sentAt.push(now);
            a.send(frame, at(now));
            expect(b.nextDeadline()).to.be.at.least(now - delay);
          }
          while (b.nextDeadline() !== NEVER) read(b.nextDeadline());
          expect(got).to.deep.equal([...new Set(got)].sort((x, y) => x - y));
          expect(got.length + drops.count('link-queue-full')).to.equal(frames.length);
          expect(pool.inUse).to.equal(0);
        },
      ),
      { numRuns: 50 },
    );
  });
});
