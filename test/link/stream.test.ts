import { expect } from 'chai';
import { Duplex } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { Drops } from '../../src/core/drop.ts';
import { Checksum, FramePool } from '../../src/core/frame.ts';
import { micros, NEVER } from '../../src/core/time.ts';
import type { Link } from '../../src/link/link.ts';
import { stream } from '../../src/link/stream.ts';
import type { StreamOptions } from '../../src/link/stream.ts';

const NOW = micros(0);

/** A device whose writes finish when the test says so. */
class FakeTap extends Duplex {
  readonly written: Uint8Array[] = [];
  held: (() => void) | undefined = undefined;
  hold = false;

  constructor() {
    super({ writableHighWaterMark: 1, autoDestroy: true });
  }

  override _read(): void {
    // Frames are pushed by the test.
  }

  override _write(chunk: Uint8Array, _encoding: string, done: () => void): void {
    this.written.push(chunk);
    if (this.hold) this.held = done;
    else done();
  }
}

describe('link/stream', () => {
  let device: FakeTap;
  let pool: FramePool;
  let drops: Drops;

  beforeEach(() => {
    device = new FakeTap();
    pool = new FramePool();
    drops = new Drops();
  });

  const open = (options: Partial<StreamOptions> = {}): Link =>
    stream(device, { name: 'tap9', mtu: 1500, frames: pool, drops, ...options });
  const take = (link: Link, budget = 100): number[] => {
    const first: number[] = [];
    link.receive(
      (frame) => {
        first.push(frame.bytes[frame.start]!);
        frame.release();
      },
      NOW,
      budget,
    );
    return first;
  };
  const chunk = (first: number, length = 60): Uint8Array => new Uint8Array(length).fill(first, 0, 1);

  it('carries plain frames of at most the MTU', () => {
    expect(open()).to.include({ name: 'tap9', mtu: 1500, maxSegment: 1500, checksumOffload: false });
    expect(open().nextDeadline()).to.equal(NEVER);
  });

  it('one chunk is one frame, oldest first, with one wake for all that come together', async () => {
    const link = open();
    let wakes = 0;
    link.start(() => wakes++);
    for (let i = 1; i <= 3; i++) device.push(chunk(i));
    await turn();
    expect(wakes).to.equal(1);
    expect(take(link, 2)).to.deep.equal([1, 2]);
    expect(take(link)).to.deep.equal([3]);
    expect(pool.inUse).to.equal(0);
  });

  it('pauses the stream while its queue is full, and loses nothing', async () => {
    const link = open({ queue: 2 });
    link.start(() => undefined);
    const got: number[] = [];
    for (let i = 1; i <= 5; i++) device.push(chunk(i));
    for (let i = 0; i < 5; i++) {
      await turn();
      got.push(...take(link));
    }
    expect(got).to.deep.equal([1, 2, 3, 4, 5]);
    expect(drops.snapshot()).to.deep.equal({});
  });

  it('a chunk that is too long or no octets is a counted drop', async () => {
    const link = open();
    link.start(() => undefined);
    device.push(chunk(1, 1519));
    device.push(chunk(2, 1518));
    await turn();
    device.emit('data', 'text');
    expect(take(link)).to.deep.equal([2]);
    expect(drops.snapshot()).to.deep.equal({ 'link-too-long': 1, 'link-refused': 1 });
  });

  it('writes each frame as a chunk of its own memory', () => {
    const link = open();
    const frame = pool.from(chunk(1));
    link.send(frame, NOW);
    frame.bytes.fill(0xff);
    expect(device.written).to.deep.equal([chunk(1)]);
    expect(pool.inUse).to.equal(0);
  });

  it('frames wait, up to a bound, while the stream takes none', async () => {
    device.hold = true;
    const link = open({ queue: 2 });
    for (let i = 1; i <= 5; i++) link.send(pool.from(chunk(i)), NOW);
    expect(drops.snapshot()).to.deep.equal({ 'link-queue-full': 2 });
    device.hold = false;
    device.held!();
    await turn();
    await turn();
    expect(device.written.map((bytes) => bytes[0])).to.deep.equal([1, 2, 3]);
    expect(pool.inUse).to.equal(0);
  });

  it('refuses what is too long, and says that a partial checksum is a mistake', () => {
    const link = open();
    link.send(pool.from(chunk(1, 1519)), NOW);
    expect(drops.snapshot()).to.deep.equal({ 'link-too-long': 1 });
    const frame = pool.from(chunk(1));
    frame.checksum = Checksum.Partial;
    expect(() => link.send(frame, NOW)).to.throw(/partial checksum on tap9/);
  });

  for (const [title, end, told] of [
    ['its end', (tap: FakeTap) => tap.push(null), undefined],
    ['its error', (tap: FakeTap) => tap.destroy(new Error('unplugged')), 'unplugged'],
  ] as const) {
    it(`${title} takes the link down, once, and what came before can still be fetched`, async () => {
      const lost: (string | undefined)[] = [];
      const link = open({ onLost: (error) => lost.push(error?.message) });
      link.start(() => undefined);
      device.push(chunk(1));
      await turn();
      end(device);
      await turn();
      await turn();
      expect(lost).to.deep.equal([told]);
      link.send(pool.from(chunk(2)), NOW);
      expect(drops.snapshot()).to.deep.equal({ 'link-down': 1 });
      expect(take(link)).to.deep.equal([1]);
      expect(pool.inUse).to.equal(0);
    });
  }

  it('close destroys the stream and gives all frames back; twice is allowed, and nobody is told', async () => {
    let lost = 0;
    device.hold = true;
    const link = open({ onLost: () => lost++ });
    link.start(() => undefined);
    device.push(chunk(1));
    await turn();
    link.send(pool.from(chunk(2)), NOW);
    link.send(pool.from(chunk(3)), NOW);
    link.close();
    link.close();
    await turn();
    expect(device.destroyed).to.equal(true);
    expect(lost).to.equal(0);
    expect(pool.inUse).to.equal(0);
    expect(drops.snapshot()).to.deep.equal({ 'link-down': 2 });
  });
});
