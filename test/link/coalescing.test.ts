import { expect } from 'chai';
import * as fc from 'fast-check';
import { getU16, getU32 } from '../../src/core/bytes.ts';
import { makeContext } from '../../src/core/context.ts';
import { Checksum, FramePool } from '../../src/core/frame.ts';
import type { Frame } from '../../src/core/frame.ts';
import { SeededRandom } from '../../src/core/random.ts';
import { micros } from '../../src/core/time.ts';
import { completeChecksum } from '../../src/ip/offload-wire.ts';
import { ipv4 } from '../../src/ip/address.ts';
import { NarrowLink } from '../../src/lab/narrow.ts';
import { cable } from '../../src/link/cable.ts';
import { impair } from '../../src/link/impair.ts';
import type { Link } from '../../src/link/link.ts';
import { cutSegment, segmented } from '../../src/link/segmentation.ts';
import { tee } from '../../src/link/tee.ts';
import { buildPacket, checksumsRight, naiveSum, partialFrame, pseudoSum, put16, textOf } from './packets.ts';
import type { TcpSpec } from './packets.ts';

const T0 = micros(0);
const PSH = 0x08;
const ACK = 0x10;
const HEADERS = 54;
const SIZE = 1000;

/** A received frame as the stack would see it. */
interface Received {
  readonly bytes: Uint8Array;
  readonly checksum: Checksum;
  readonly gsoSize: number;
}

/** A sender of raw frames and what its peer makes of a batch. */
class Batch {
  readonly pool = new FramePool();
  readonly #near: Link;
  readonly #far: Link;

  constructor(wrap: (link: Link) => Link = (link) => link) {
    const [near, far] = cable();
    this.#near = near;
    this.#far = segmented(wrap(far), makeContext(new SeededRandom(1)));
  }

  /** Sends a segment with its checksums complete, then spoilt if wanted. */
  send(spec: TcpSpec, spoil: (bytes: Uint8Array) => void = () => undefined): this {
    const frame = partialFrame(this.pool, spec);
    completeChecksum(frame);
    spoil(frame.bytes.subarray(frame.start, frame.end));
    return this.put(frame);
  }

  put(frame: Frame): this {
    frame.checksum = Checksum.Full;
    this.#near.send(frame, T0);
    return this;
  }

  receive(budget = 1000): Received[] {
    const got: Received[] = [];
    this.#far.receive(
      (frame) => {
        const { checksum, gsoSize } = frame;
        got.push({ bytes: frame.view().slice(), checksum, gsoSize });
        frame.release();
      },
      T0,
      budget,
    );
    return got;
  }
}

/** Lengths of the frames that become of two segments of SIZE octets in a row, the second changed. */
function second(change: TcpSpec, spoil?: (bytes: Uint8Array) => void): number[] {
  const batch = new Batch();
  batch.send({ text: textOf(SIZE) });
  batch.send({ seq: 1000 + SIZE, text: textOf(SIZE), ...change }, spoil);
  return batch.receive().map(({ bytes }) => bytes.length);
}

const lengthOf = (spec: TcpSpec): number => buildPacket(spec).bytes.length;
const MERGED = [HEADERS + 2 * SIZE];
const APART = [HEADERS + SIZE, HEADERS + SIZE];

describe('link/coalescing', () => {
  it('merges segments of one flow; the last may be short or pushed, and ends it', () => {
    const batch = new Batch();
    batch.send({ text: textOf(SIZE), id: 7 }).send({ seq: 2000, text: textOf(SIZE, SIZE), id: 8 });
    batch.send({ seq: 3000, text: textOf(10, 2 * SIZE), flags: ACK | PSH }).send({ seq: 3010, text: textOf(SIZE) });
    const [merged, next, ...rest] = batch.receive();
    expect(rest).to.deep.equal([]);
    const { bytes, checksum, gsoSize } = merged!;
    expect({ checksum, gsoSize }).to.deep.equal({ checksum: Checksum.Partial, gsoSize: SIZE });
    expect(getU16(bytes, 16)).to.equal(40 + 2010);
    expect(getU16(bytes, 18)).to.equal(7);
    expect(naiveSum(bytes, 14, 34)).to.equal(0xffff);
    expect(getU32(bytes, 38)).to.equal(1000);
    expect(bytes[47]).to.equal(ACK | PSH);
    expect(bytes.subarray(HEADERS)).to.deep.equal(textOf(2010));
    expect(next!.bytes.length).to.equal(HEADERS + SIZE);
    expect(batch.pool.inUse).to.equal(0);
  });

  it('what was cut is whole again: any length, size and options; the partial checksum is completed to the right one', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 64_000 }),
        fc.integer({ min: 500, max: 1400 }),
        fc.integer({ min: 0, max: 10 }),
        fc.boolean(),
        (length, gsoSize, words, pushed) => {
          const batch = new Batch();
          const spec = { text: textOf(length), options: textOf(words * 4), flags: pushed ? ACK | PSH : ACK };
          const frame = partialFrame(batch.pool, spec, gsoSize);
          cutSegment(frame, (piece) => batch.put(piece), T0);
          frame.release();
          const received = batch.receive();
          expect(received.length).to.equal(1);
          const whole = batch.pool.from(received[0]!.bytes);
          whole.checksum = received[0]!.checksum;
          completeChecksum(whole);
          expect(checksumsRight(whole.view())).to.equal(true);
          const sent = buildPacket(spec).bytes;
          sent.set(whole.view().subarray(50, 52), 50);
          expect(whole.view()).to.deep.equal(sent);
          whole.release();
          expect(batch.pool.inUse).to.equal(0);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('merges up to 64 KiB, then begins anew', () => {
    const batch = new Batch();
    for (let i = 0; i < 50; i++) batch.send({ seq: i * 1400, text: textOf(1400, i * 1400) });
    const received = batch.receive();
    expect(received.map(({ bytes }) => bytes.length - HEADERS)).to.deep.equal([46 * 1400, 4 * 1400]);
    expect(Buffer.concat(received.map(({ bytes }) => bytes.subarray(HEADERS)))).to.deep.equal(
      Buffer.from(textOf(50 * 1400)),
    );
  });

  it('merges across the end of the sequence space', () => {
    const batch = new Batch();
    batch.send({ seq: 2 ** 32 - 1, text: textOf(SIZE) }).send({ seq: SIZE - 1, text: textOf(SIZE) });
    expect(batch.receive().length).to.equal(1);
  });

  it('merges nothing of two batches', () => {
    const batch = new Batch();
    batch.send({ text: textOf(SIZE) }).send({ seq: 2000, text: textOf(SIZE) });
    expect(batch.receive(1).length).to.equal(1);
    expect(batch.receive(1).length).to.equal(1);
  });

  it('the second of two segments that differ in nothing else is merged', () => {
    expect(second({})).to.deep.equal(MERGED);
  });

  const options = Uint8Array.from([1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2]);
  const changes: Readonly<Record<string, TcpSpec>> = {
    'a gap before it': { seq: 1001 + SIZE },
    'text that came before': { seq: 1000 },
    'no text': { text: new Uint8Array() },
    'more text than the first': { text: textOf(SIZE + 1) },
    SYN: { flags: ACK | 0x02 },
    FIN: { flags: ACK | 0x01 },
    RST: { flags: ACK | 0x04 },
    URG: { flags: ACK | 0x20, urgent: 3 },
    ECE: { flags: ACK | 0x40 },
    CWR: { flags: ACK | 0x80 },
    'no ACK': { flags: 0 },
    options: { options },
    'IP options': { ipOptions: Uint8Array.from([1, 1, 1, 1]) },
    'a fragment': { fragment: 0x2000 },
    'another DF': { fragment: 0 },
    'a VLAN tag': { vlan: true },
    UDP: { protocol: 17 },
  };
  for (const [name, change] of Object.entries(changes)) {
    it(`not merged, and in its order: ${name}`, () => {
      const spec = { text: textOf(SIZE), ...change };
      expect(second(change)).to.deep.equal([HEADERS + SIZE, lengthOf(spec)]);
    });
  }

  /** Where a bit of the second is changed, and its checksums made right again. */
  const places: Readonly<Record<string, number>> = {
    'another Ethernet destination': 5,
    'another Ethernet source': 11,
    'another TOS': 15,
    'another TTL': 22,
    'another source address': 29,
    'another destination address': 33,
    'another source port': 35,
    'another destination port': 37,
    'another acknowledgment number': 45,
    'another window': 49,
  };
  for (const [name, at] of Object.entries(places)) {
    it(`not merged: ${name}`, () => {
      const change = (bytes: Uint8Array): void => {
        bytes[at]! ^= 1;
        repair(bytes);
      };
      expect(second({}, change)).to.deep.equal(APART);
    });
  }

  for (const [name, at] of Object.entries({ 'the IPv4 checksum': 24, 'the TCP checksum': 50, 'the text': 500 })) {
    it(`what is damaged goes on by itself as it came, for the stack to refuse: ${name}`, () => {
      const damage = (bytes: Uint8Array): void => void (bytes[at]! ^= 1);
      expect(second({}, damage)).to.deep.equal(APART);
      const batch = new Batch();
      batch.send({ text: textOf(SIZE) }, damage).send({ seq: 2000, text: textOf(SIZE) });
      const received = batch.receive();
      expect(received.map(({ checksum }) => checksum)).to.deep.equal([Checksum.Full, Checksum.Verified]);
    });
  }

  it('a damaged one after several: those are merged, it is not', () => {
    const batch = new Batch();
    for (let i = 0; i < 3; i++) batch.send({ seq: i * SIZE, text: textOf(SIZE, i * SIZE) });
    batch.send({ seq: 3 * SIZE, text: textOf(SIZE) }, (bytes) => void (bytes[99]! ^= 1));
    const [merged, damaged] = batch.receive();
    expect(merged!.bytes.subarray(HEADERS)).to.deep.equal(textOf(3 * SIZE));
    expect(damaged).to.include({ checksum: Checksum.Full, gsoSize: 0 });
  });

  describe('pure ACKs', () => {
    /** Frames of a batch in which each ACK is changed after the number is set. */
    function acks(
      numbers: readonly number[],
      spec: TcpSpec,
      change: (bytes: Uint8Array, index: number) => void,
    ): Batch {
      const batch = new Batch();
      for (const [index, ack] of numbers.entries()) {
        batch.send(index > 0 ? spec : {}, (bytes) => {
          new DataView(bytes.buffer, bytes.byteOffset).setUint32(42, ack);
          change(bytes, index);
          repair(bytes);
        });
      }
      return batch;
    }
    const unchanged = (): void => undefined;

    it('the last of several in a row goes on, as it came: it says what those before it said', () => {
      const sent: Uint8Array[] = [];
      const batch = acks([100, 200, 300], {}, (bytes, index) => (bytes[49] = index));
      batch.send({ seq: 1000, text: textOf(10) }, (bytes) => void sent.push(bytes.slice()));
      const [last, text, ...rest] = batch.receive();
      expect(rest).to.deep.equal([]);
      expect(last!.bytes.length).to.equal(HEADERS);
      expect({ ack: getU32(last!.bytes, 42), window: last!.bytes[49] }).to.deep.equal({ ack: 300, window: 2 });
      expect(last).to.include({ checksum: Checksum.Verified, gsoSize: 0 });
      expect(checksumsRight(last!.bytes)).to.equal(true);
      expect(text!.bytes).to.deep.equal(sent[0]);
      expect(batch.pool.inUse).to.equal(0);
    });

    it('also across the end of the sequence space, and with options that are the same', () => {
      expect(acks([2 ** 32 - 5, 5], {}, unchanged).receive().length).to.equal(1);
      const batch = new Batch();
      for (const ack of [1, 2]) {
        batch.send({ options }, (bytes) => {
          bytes[45] = ack;
          repair(bytes);
        });
      }
      expect(batch.receive().length).to.equal(1);
    });

    const others: Readonly<Record<string, TcpSpec>> = {
      'another sequence number': { seq: 1001 },
      'options (timestamps, SACK)': { options },
      PSH: { flags: ACK | PSH },
      ...Object.fromEntries(
        ['SYN', 'FIN', 'RST', 'ECE', 'CWR', 'no ACK', 'a fragment'].map((name) => [name, changes[name]!]),
      ),
    };
    for (const [name, spec] of Object.entries(others)) {
      it(`both go on: ${name}`, () => {
        const received = acks([100, 200], spec, unchanged).receive();
        expect(received.map(({ bytes }) => getU32(bytes, 42))).to.deep.equal([100, 200]);
      });
    }

    for (const [name, numbers] of Object.entries({ 'a duplicate': [100, 100], 'an older one': [200, 100] })) {
      it(`both go on: ${name}`, () => {
        const received = acks(numbers, {}, unchanged).receive();
        expect(received.map(({ bytes }) => getU32(bytes, 42))).to.deep.equal(numbers);
      });
    }

    for (const [name, at] of Object.entries(places).filter(([, place]) => place < 40)) {
      it(`both go on: ${name}`, () => {
        const change = (bytes: Uint8Array, index: number): void => void (bytes[at]! ^= index);
        expect(acks([100, 200], {}, change).receive().length).to.equal(2);
      });
    }

    it('a damaged one takes no other along', () => {
      const batch = acks([100], {}, unchanged);
      batch.send({}, (bytes) => void (bytes[43]! ^= 1));
      const received = batch.receive();
      expect(received.map(({ checksum }) => checksum)).to.deep.equal([Checksum.Verified, Checksum.Full]);
    });

    it('text between them: all in order, and none of it is let go', () => {
      const batch = acks([100], {}, unchanged).send({ text: textOf(SIZE) });
      batch.send({ seq: 1000 + SIZE, text: new Uint8Array() }, (bytes) => {
        bytes[42] = 1;
        repair(bytes);
      });
      expect(batch.receive().map(({ bytes }) => bytes.length)).to.deep.equal([HEADERS, HEADERS + SIZE, HEADERS]);
    });
  });

  it('padding, a header that is too short or too long: as they came', () => {
    const padded = buildPacket({ seq: 2000, text: textOf(SIZE) }).bytes;
    const batch = new Batch();
    batch.send({ text: textOf(SIZE) }).put(batch.pool.from(Uint8Array.from([...padded, 0, 0])));
    for (const offset of [4, 15]) batch.send({ seq: 2000, text: textOf(4) }, (bytes) => void (bytes[46] = offset << 4));
    expect(batch.receive().length).to.equal(4);
  });

  it('frames of any octets come through, in order', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ minLength: 14, maxLength: 90 }), { maxLength: 8 }), (frames) => {
        const batch = new Batch();
        for (const bytes of frames) batch.put(batch.pool.from(bytes));
        expect(batch.receive().map(({ bytes }) => bytes)).to.deep.equal(frames);
        expect(batch.pool.inUse).to.equal(0);
      }),
    );
  });

  const watched: Readonly<Record<string, (link: Link) => Link>> = {
    'tee with afterwards': (link) =>
      tee(
        link,
        () => undefined,
        () => undefined,
      ),
    'the same behind another': (link) =>
      tee(
        impair(
          tee(
            link,
            () => undefined,
            () => undefined,
          ),
        ),
        () => undefined,
      ),
    'the same behind a narrow place': (link) => {
      const seen = tee(
        link,
        () => undefined,
        () => undefined,
      );
      return new NarrowLink(seen, { mtu: 1500, router: ipv4(0x0a000001) });
    },
  };
  for (const [name, wrap] of Object.entries(watched)) {
    it(`a link whose frames are watched is left alone: ${name}`, () => {
      const batch = new Batch(wrap).send({ text: textOf(SIZE) }).send({ seq: 2000, text: textOf(SIZE) });
      expect(batch.receive().length).to.equal(2);
    });
  }

  it('a tee that only looks sees each frame, and they are merged', () => {
    const seen: number[] = [];
    const batch = new Batch((link) => tee(link, (_, { length }) => seen.push(length)));
    batch.send({ text: textOf(SIZE) }).send({ seq: 2000, text: textOf(SIZE) });
    expect(batch.receive().length).to.equal(1);
    expect(seen).to.deep.equal(APART);
  });
});

/** Writes both checksums anew after a change. */
function repair(bytes: Uint8Array): void {
  put16(bytes, 24, 0);
  put16(bytes, 24, 0xffff - naiveSum(bytes, 14, 34));
  put16(bytes, 50, 0);
  put16(bytes, 50, 0xffff - naiveSum(bytes, 34, bytes.length, pseudoSum(bytes, 14, bytes.length - 34)));
}
