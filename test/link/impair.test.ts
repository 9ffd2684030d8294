import { expect } from 'chai';
import { makeContext } from '../../src/core/context.ts';
import { Drops } from '../../src/core/drop.ts';
import { Checksum, FramePool } from '../../src/core/frame.ts';
import { SeededRandom } from '../../src/core/random.ts';
import { micros, NEVER } from '../../src/core/time.ts';
import { cable } from '../../src/link/cable.ts';
import { impair } from '../../src/link/impair.ts';
import type { ImpairedLink, ImpairOptions } from '../../src/link/impair.ts';
import type { ImpairSettings } from '../../src/link/impairment.ts';
import type { Link } from '../../src/link/link.ts';
import { segmented } from '../../src/link/segmentation.ts';
import { checksumsRight, drain, partialFrame, plainFrame } from './packets.ts';

const T0 = micros(0);

function setUp(options: ImpairOptions = {}): { pool: FramePool; drops: Drops; link: ImpairedLink; far: Link } {
  const drops = new Drops();
  const [near, far] = cable({ names: ['near', 'far'] });
  const link = impair(near, { random: new SeededRandom(7), drops, ...options });
  return { pool: new FramePool(), drops, link, far };
}

/** Sends numbered frames at time 0; returns what arrives by `until`, by number. */
function sendNumbered(
  settings: ImpairSettings,
  count: number,
  until = 0,
): { got: number[]; drops: Drops; link: ImpairedLink } {
  const { pool, drops, link, far } = setUp({ outgoing: settings });
  const got: number[] = [];
  for (let i = 1; i <= count; i++) {
    const frame = plainFrame(pool, 64);
    frame.bytes.set([i >> 8, i & 255], frame.start + 14);
    link.send(frame, T0);
  }
  while (link.nextDeadline() <= until) {
    drain(link, link.nextDeadline());
    for (const bytes of drain(far, until)) got.push(bytes[14]! * 256 + bytes[15]!);
  }
  for (const bytes of drain(far, until)) got.push(bytes[14]! * 256 + bytes[15]!);
  expect(pool.inUse).to.equal(0);
  return { got, drops, link };
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);

describe('link/impair', () => {
  it('without settings changes nothing', () => {
    const { got, drops, link } = sendNumbered({}, 20);
    expect(got).to.deep.equal(upTo(20));
    expect(drops.snapshot()).to.deep.equal({});
    expect(link.outgoing.stats.frames).to.equal(20);
    expect([link.name, link.mtu, link.maxSegment, link.checksumOffload]).to.deep.equal(['near', 1500, 1500, false]);
  });

  it('drops by script: the 3rd and the 7th frame', () => {
    const { got, drops, link } = sendNumbered({ drop: [3, 7] }, 8);
    expect(got).to.deep.equal([1, 2, 4, 5, 6, 8]);
    expect(drops.snapshot()).to.deep.equal({ 'impair-script': 2 });
    expect(link.outgoing.stats.droppedByScript).to.equal(2);
  });

  it('drops what the hook says', () => {
    const { got } = sendNumbered({ dropIf: (frame, index) => index % 2 === 0 && frame.length === 64 }, 5);
    expect(got).to.deep.equal([1, 3, 5]);
  });

  it('a mark on what cannot be marked is a loss', () => {
    const { got, drops, link } = sendNumbered({ mark: 1 }, 3);
    expect([got, drops.snapshot()]).to.deep.equal([[], { 'impair-congestion': 3 }]);
    expect(link.outgoing.stats).to.include({ marked: 0, unmarkable: 3 });
    expect(() => setUp({ outgoing: { mark: 1.1 } })).to.throw(RangeError, 'mark must be 0 to 1');
  });

  it('duplicates by script', () => {
    const { got, link } = sendNumbered({ duplicate: [2] }, 3);
    expect(got).to.deep.equal([1, 2, 2, 3]);
    expect(link.outgoing.stats.duplicated).to.equal(1);
  });

  it('reorders by script: a frame that is held back comes after its followers', () => {
    const { got, link } = sendNumbered({ reorder: [2], reorderDelay: 50 }, 4, 50);
    expect(got).to.deep.equal([1, 3, 4, 2]);
    expect(link.outgoing.stats.reordered).to.equal(1);
  });

  const chances: [
    name: keyof ImpairSettings & ('loss' | 'duplication' | 'reordering'),
    stat: 'lost' | 'duplicated' | 'reordered',
  ][] = [
    ['loss', 'lost'],
    ['duplication', 'duplicated'],
    ['reordering', 'reordered'],
  ];
  for (const [name, stat] of chances) {
    it(`${name}: happens about as often as asked, in the same frames for the same seed, always at 1, never at 0`, () => {
      const run = sendNumbered({ [name]: 0.1 }, 5000, 1000);
      expect(run.link.outgoing.stats[stat]).to.be.within(400, 600);
      expect(sendNumbered({ [name]: 0.1 }, 5000, 1000).got).to.deep.equal(run.got);
      expect(sendNumbered({ [name]: 1 }, 50, 1000).link.outgoing.stats[stat]).to.equal(50);
      expect(sendNumbered({ [name]: 0 }, 50, 1000).got).to.deep.equal(upTo(50));
    });
  }

  it('burst loss: losses come in runs whose mean length is 1 / leave', () => {
    const { got, drops } = sendNumbered({ burstLoss: { enter: 0.02, leave: 0.25 } }, 20_000);
    const arrived = new Set(got);
    let lost = 0;
    let runs = 0;
    for (let i = 1; i <= 20_000; i++) {
      if (arrived.has(i)) continue;
      lost++;
      if (i === 1 || arrived.has(i - 1)) runs++;
    }
    expect(drops.count('impair-burst-loss')).to.equal(lost);
    expect(lost / runs).to.be.within(3.4, 4.6);
    expect(lost / 20_000).to.be.within(0.055, 0.095);
  });

  it('burst loss with partial loss in both states', () => {
    const burstLoss = { enter: 0.5, leave: 0.5, lossInGood: 0.1, lossInBad: 0.3 };
    const { drops } = sendNumbered({ burstLoss }, 10_000);
    expect(drops.count('impair-burst-loss')).to.be.within(1700, 2300);
  });

  it('corrupts exactly one bit, by chance or by script', () => {
    for (const settings of [{ corruption: 1 }, { corrupt: [1] }]) {
      const { pool, link, far } = setUp({ outgoing: settings });
      link.send(plainFrame(pool, 200, 0xaa), T0);
      const [got] = drain(far, 0);
      const original = plainFrame(pool, 200, 0xaa).view();
      let bits = 0;
      got!.forEach((octet, i) => {
        for (let x = octet ^ original[i]!; x !== 0; x &= x - 1) bits++;
      });
      expect(bits).to.equal(1);
      expect(link.outgoing.stats.corrupted).to.equal(1);
    }
  });

  it('corrupts a copy when somebody still holds the frame', () => {
    const { pool, link, far } = setUp({ outgoing: { corruption: 1 } });
    const frame = plainFrame(pool, 60).retain();
    const before = frame.view().slice();
    link.send(frame, T0);
    expect(drain(far, 0)[0]).not.to.deep.equal(before);
    expect(frame.view()).to.deep.equal(before);
    frame.release();
    expect(pool.inUse).to.equal(0);
  });

  it("takes the link's word for the checksum away from a corrupted frame", () => {
    const { pool, link, far } = setUp({ incoming: { corrupt: [1] } });
    // A link that vouches for what it brings, as a TAP does.
    const vouching: Link = {
      name: 'v',
      mtu: 1500,
      maxSegment: 65535,
      checksumOffload: true,
      start: () => undefined,
      receive: (sink, now) => {
        const verified = plainFrame(pool, 60);
        verified.checksum = Checksum.Verified;
        sink(verified, now);
        return 1;
      },
      send: (frame) => frame.release(),
      nextDeadline: () => NEVER,
      close: () => undefined,
    };
    impair(vouching, { incoming: { corrupt: [1] } }).receive(
      (frame) => {
        expect(frame.checksum).to.equal(Checksum.Full);
        frame.release();
      },
      T0,
      1,
    );
    link.close();
    far.close();
    expect(pool.inUse).to.equal(0);
  });

  it('delays, both ways apart', () => {
    const { pool, link, far } = setUp({ outgoing: { delay: 300 }, incoming: { delay: 20 } });
    link.send(plainFrame(pool, 60), T0);
    far.send(plainFrame(pool, 60), T0);
    expect(drain(link, 0)).to.have.length(0);
    expect(link.nextDeadline()).to.equal(20);
    expect(drain(link, 20)).to.have.length(1);
    expect(link.nextDeadline()).to.equal(300);
    expect(drain(far, 300)).to.have.length(0);
    expect(drain(link, 300)).to.have.length(0);
    expect(drain(far, 300)).to.have.length(1);
    expect(link.nextDeadline()).to.equal(NEVER);
  });

  it('jitter spreads arrivals over its span and keeps the order', () => {
    const { pool, link, far } = setUp({ outgoing: { delay: 100, jitter: 50 } });
    const dues: number[] = [];
    for (let t = 0; t < 200; t++) {
      const sent = t * 1000;
      link.send(plainFrame(pool, 60, t), micros(sent));
      dues.push(link.nextDeadline() - sent);
      drain(link, link.nextDeadline());
      drain(far, sent + 999);
    }
    expect(Math.min(...dues)).to.be.within(100, 105);
    expect(Math.max(...dues)).to.be.within(145, 150);
    expect(sendNumbered({ jitter: 500 }, 300, 1000).got).to.deep.equal(upTo(300));
  });

  it('rate: a token bucket lets its burst pass and then keeps the rate', () => {
    // 8 Mbit/s is an octet a microsecond.
    const { pool, link, far } = setUp({ outgoing: { rate: 8e6, burst: 300 } });
    for (let i = 0; i < 5; i++) link.send(plainFrame(pool, 100), T0);
    expect(drain(far, 0)).to.have.length(3);
    expect(link.nextDeadline()).to.equal(100);
    drain(link, 100);
    expect(drain(far, 100)).to.have.length(1);
    drain(link, 200);
    // 150 us later there are 150 tokens: one frame at once, the next after 50 us more.
    link.send(plainFrame(pool, 100), micros(350));
    link.send(plainFrame(pool, 100), micros(350));
    drain(far, 350);
    expect(link.nextDeadline()).to.equal(400);
    drain(link, 400);
    drain(far, 400);
    expect(pool.inUse).to.equal(0);
  });

  it('the queue in front of the rate is bounded', () => {
    const { got, drops, link } = sendNumbered({ rate: 8e6, queue: { frames: 4 } }, 10, 10_000);
    expect(got).to.deep.equal(upTo(5));
    expect(drops.snapshot()).to.deep.equal({ 'impair-queue-full': 5 });
    expect(link.outgoing.stats.queueFull).to.equal(5);
  });

  it('cuts super-segments first: the third frame is lost, not the whole', () => {
    const context = makeContext(new SeededRandom(1));
    const [near, far] = cable();
    const text = Uint8Array.from({ length: 5000 }, (_, i) => i & 255);
    const link = segmented(impair(near, { outgoing: { drop: [3] } }), context);
    link.send(partialFrame(context.frames, { text }, 1000), T0);
    const got = drain(far, 0);
    expect(got.map((p) => p[54]! + 256 * p[41]!)).to.have.length(4);
    expect(got.every((p) => checksumsRight(p))).to.equal(true);

    // The same for what a kernel hands over.
    const kernel = context.frames;
    const arrives = partialFrame(kernel, { text }, 1000);
    const bringing: Link = { ...stub, receive: (sink, now) => (sink(arrives, now), 1) };
    const spoilt = impair(bringing, { incoming: { drop: [1], corrupt: [2] } });
    const taken = drain(spoilt, 0, 64);
    expect(taken).to.have.length(4);
    expect(taken.map((p) => checksumsRight(p))).to.deep.equal([false, true, true, true]);
    expect(context.frames.inUse).to.equal(0);
  });

  it('asks the link again while all that it gave is held back or lost', () => {
    const { pool, link, far } = setUp({ incoming: { drop: upTo(10) } });
    for (let i = 0; i < 12; i++) far.send(plainFrame(pool, 60, i), T0);
    expect(drain(link, 0, 2).map((f) => f[20])).to.deep.equal([10, 11]);
  });

  it('directions do not share their luck', () => {
    const { pool, link, far } = setUp({ outgoing: { loss: 0.5 }, incoming: { loss: 0.5 } });
    for (let i = 0; i < 64; i++) {
      link.send(plainFrame(pool, 60, i), T0);
      far.send(plainFrame(pool, 60, i), T0);
    }
    const out = drain(far, 0).map((f) => f[20]);
    const into = drain(link, 0).map((f) => f[20]);
    expect(out).not.to.deep.equal(into);
    expect(out.length).to.be.within(15, 50);
  });

  it('configure changes what happens from then on', () => {
    const { pool, link, far } = setUp();
    link.send(plainFrame(pool, 60, 1), T0);
    link.outgoing.configure({ loss: 1 });
    link.send(plainFrame(pool, 60, 2), T0);
    link.outgoing.configure({});
    link.send(plainFrame(pool, 60, 3), T0);
    expect(drain(far, 0).map((f) => f[20])).to.deep.equal([1, 3]);
  });

  it('close drops what is held back, and closes the link', () => {
    const { pool, drops, link, far } = setUp({ outgoing: { delay: 5 }, incoming: { delay: 5 } });
    link.send(plainFrame(pool, 60), T0);
    far.send(plainFrame(pool, 60), T0);
    drain(link, 0);
    link.close();
    link.send(plainFrame(pool, 60), T0);
    expect(drops.count('link-down')).to.equal(3);
    expect(pool.inUse).to.equal(0);
    expect(link.nextDeadline()).to.equal(NEVER);
  });

  const wrong: ImpairSettings[] = [
    { loss: 1.1 },
    { duplication: -0.1 },
    { corruption: NaN },
    { burstLoss: { enter: 2, leave: 0 } },
    { delay: -1 },
    { rate: -5 },
  ];
  for (const settings of wrong) {
    it(`refuses ${JSON.stringify(settings)}`, () => expect(() => setUp({ outgoing: settings })).to.throw(RangeError));
  }
});

/** A link that does nothing. */
const stub: Link = {
  name: 'stub',
  mtu: 1500,
  maxSegment: 65535,
  checksumOffload: true,
  start: () => undefined,
  receive: () => 0,
  send: (frame) => frame.release(),
  nextDeadline: () => NEVER,
  close: () => undefined,
};
