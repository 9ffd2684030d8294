import { expect } from 'chai';
import * as fc from 'fast-check';
import { getU16, getU32, toHex } from '../../src/core/bytes.ts';
import { makeContext } from '../../src/core/context.ts';
import type { Context } from '../../src/core/context.ts';
import { Checksum } from '../../src/core/frame.ts';
import type { Frame } from '../../src/core/frame.ts';
import { SeededRandom } from '../../src/core/random.ts';
import { micros } from '../../src/core/time.ts';
import { cable } from '../../src/link/cable.ts';
import type { Link } from '../../src/link/link.ts';
import { completeChecksum, findIpv4 } from '../../src/ip/offload-wire.ts';
import { cutSegment, segmented } from '../../src/link/segmentation.ts';
import { buildPacket, checksumsRight, drain, partialFrame, textOf } from './packets.ts';

const T0 = micros(0);
const FIN = 0x01;
const PSH = 0x08;
const ACK = 0x10;
const URG = 0x20;
const ECE = 0x40;
const CWR = 0x80;

function setUp(mtu = 1500): { context: Context; link: Link; far: Link } {
  const context = makeContext(new SeededRandom(1));
  const [near, far] = cable({ mtu, drops: context.drops });
  return { context, link: segmented(near, context), far };
}

describe('link/segmentation', () => {
  it('lifts maxSegment and takes partial checksums', () => {
    const { link } = setUp();
    expect(link.mtu).to.equal(1500);
    expect(link.maxSegment).to.equal(65535);
    expect(link.checksumOffload).to.equal(true);
  });

  it('returns a link that cuts and sums by itself unchanged', () => {
    const { context, link } = setUp();
    expect(segmented(link, context)).to.equal(link);
  });

  it('cuts as Linux does: sequence numbers, identification, flags, urgent pointer, options', () => {
    const { context, link, far } = setUp();
    const options = Uint8Array.from([1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2]);
    const spec = {
      text: textOf(3000),
      options,
      flags: ACK | FIN | PSH | CWR | URG | ECE,
      urgent: 9,
      seq: 0xffffff00,
      id: 0xffff,
    };
    link.send(partialFrame(context.frames, spec, 1448), T0);
    const pieces = drain(far, 0);
    expect(pieces.map((p) => p.length - 66)).to.deep.equal([1448, 1448, 104]);
    expect(pieces.map((p) => getU16(p, 16))).to.deep.equal([1500, 1500, 156]);
    expect(pieces.map((p) => getU16(p, 18))).to.deep.equal([0xffff, 0, 1]);
    expect(pieces.map((p) => getU32(p, 38))).to.deep.equal([
      0xffffff00,
      0xffffff00 + 1448 - 2 ** 32,
      0xffffff00 + 2896 - 2 ** 32,
    ]);
    expect(pieces.map((p) => p[47])).to.deep.equal([
      ACK | CWR | URG | ECE,
      ACK | URG | ECE,
      ACK | FIN | PSH | URG | ECE,
    ]);
    for (const piece of pieces) {
      expect(getU16(piece, 52)).to.equal(9);
      expect(piece.subarray(54, 66)).to.deep.equal(options);
      expect(checksumsRight(piece)).to.equal(true);
    }
    expect(context.frames.inUse).to.equal(0);
  });

  it('any text, header options, size and VLAN tag: the pieces join to the text, and all checksums are right', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 65000 }),
        fc.integer({ min: 500, max: 1380 }),
        fc.integer({ min: 0, max: 10 }),
        fc.integer({ min: 0, max: 10 }),
        fc.boolean(),
        fc.boolean(),
        (length, gsoSize, tcpWords, ipWords, vlan, offsetsKnown) => {
          const { context, link, far } = setUp();
          const text = textOf(length);
          const spec = { text, vlan, options: textOf(tcpWords * 4), ipOptions: textOf(ipWords * 4) };
          const frame = partialFrame(context.frames, spec, gsoSize);
          const { network, transport } = buildPacket(spec);
          if (offsetsKnown) {
            frame.network = frame.start + network;
            frame.transport = frame.start + transport;
          }
          link.send(frame, T0);
          const pieces = drain(far, 0);
          const header = transport + 20 + tcpWords * 4;
          expect(pieces.length).to.equal(Math.max(1, Math.ceil(length / gsoSize)));
          expect(Buffer.concat(pieces.map((p) => p.subarray(header))).equals(Buffer.from(text))).to.equal(true);
          for (const piece of pieces) expect(checksumsRight(piece, network)).to.equal(true);
          expect(context.frames.inUse).to.equal(0);
        },
      ),
      { numRuns: 60 },
    );
  });

  const single: [name: string, spec: Parameters<typeof buildPacket>[0], gsoSize: number][] = [
    ['TCP without gsoSize', { text: textOf(100) }, 0],
    ['TCP with as much text as gsoSize', { text: textOf(1000) }, 1000],
    ['TCP of odd length', { text: textOf(101) }, 1460],
    ['UDP', { text: textOf(33), protocol: 17 }, 0],
    ['UDP behind a VLAN tag', { text: textOf(32), protocol: 17, vlan: true }, 0],
  ];
  for (const [name, spec, gsoSize] of single) {
    it(`completes the checksum of one frame: ${name}`, () => {
      const { context, link, far } = setUp();
      link.send(partialFrame(context.frames, spec, gsoSize), T0);
      const [frame] = drain(far, 0);
      expect(frame!.length).to.equal(buildPacket(spec).bytes.length);
      expect(checksumsRight(frame!, spec?.vlan === true ? 18 : 14)).to.equal(true);
    });
  }

  it('cuts what exceeds gsoSize even when the MTU has room, as a peer with a small MSS needs', () => {
    const { context, link, far } = setUp();
    link.send(partialFrame(context.frames, { text: textOf(1200) }, 536), T0);
    expect(drain(far, 0).map((p) => p.length - 54)).to.deep.equal([536, 536, 128]);
  });

  it('RFC 768: a UDP checksum of zero is sent as 0xffff, TCP keeps zero', () => {
    for (const protocol of [17, 6]) {
      const context = makeContext(new SeededRandom(1));
      // A text word that makes the sum "all ones".
      const probe = partialFrame(context.frames, { protocol, text: new Uint8Array(2) });
      completeChecksum(probe);
      const field = probe.start + 34 + (protocol === 17 ? 6 : 16);
      const word = getU16(probe.bytes, field);
      const frame = partialFrame(context.frames, { protocol, text: Uint8Array.from([word >> 8, word & 255]) });
      expect(completeChecksum(frame)).to.equal(true);
      expect(getU16(frame.bytes, field)).to.equal(protocol === 17 ? 0xffff : 0);
      expect(checksumsRight(frame.view())).to.equal(true);
    }
  });

  it('leaves padding after the datagram out of the checksum', () => {
    const context = makeContext(new SeededRandom(1));
    const frame = partialFrame(context.frames, { text: textOf(3) });
    frame.bytes.fill(0xee, frame.end, frame.end + 3);
    frame.end += 3;
    expect(completeChecksum(frame)).to.equal(true);
    expect(frame.checksum).to.equal(Checksum.Full);
    expect(checksumsRight(frame.view())).to.equal(true);
  });

  it('leaves a complete checksum alone', () => {
    const { context, link, far } = setUp();
    const frame = partialFrame(context.frames, { text: textOf(10) });
    frame.checksum = Checksum.Full;
    const before = frame.view().slice();
    link.send(frame, T0);
    expect(drain(far, 0)[0]).to.deep.equal(before);
  });

  const uncuttable: [name: string, change: (bytes: Uint8Array) => void][] = [
    ['not IPv4', (b) => (b[12] = 0x86)],
    ['not TCP', (b) => (b[23] = 17)],
    ['a fragment', (b) => (b[20] = 0x20)],
    ['a TCP header longer than the datagram', (b) => (b[46] = 0xf0)],
    ['a TCP header shorter than 20 octets', (b) => (b[46] = 0x40)],
    ['a total length beyond the frame', (b) => (b[16] = 0xff)],
  ];
  for (const [name, change] of uncuttable) {
    it(`counts a super-segment that is ${name} as link-not-cuttable`, () => {
      const { context, link, far } = setUp();
      const { bytes } = buildPacket({ text: textOf(30) });
      change(bytes);
      const frame = context.frames.from(bytes);
      frame.checksum = Checksum.Partial;
      frame.gsoSize = 10;
      link.send(frame, T0);
      expect(drain(far, 0)).to.deep.equal([]);
      expect(context.drops.snapshot()).to.deep.equal({ 'link-not-cuttable': 1 });
      expect(context.frames.inUse).to.equal(0);
    });
  }

  it('counts a partial checksum of what is neither TCP nor UDP as link-not-cuttable', () => {
    const { context, link } = setUp();
    link.send(partialFrame(context.frames, { protocol: 6, text: textOf(4) }), T0);
    const { bytes } = buildPacket({});
    bytes[23] = 1;
    const frame = context.frames.from(bytes);
    frame.checksum = Checksum.Partial;
    link.send(frame, T0);
    expect(context.drops.snapshot()).to.deep.equal({ 'link-not-cuttable': 1 });
  });

  it('passes what arrives on as it is, and close and deadlines to the link', () => {
    const { context, link, far } = setUp();
    far.send(context.frames.from(buildPacket({ text: textOf(4) }).bytes), T0);
    expect(link.nextDeadline()).to.equal(0);
    expect(drain(link, 0)).to.have.length(1);
    link.close();
    far.send(context.frames.from(buildPacket({}).bytes), T0);
    expect(context.drops.count('link-down')).to.equal(1);
  });

  const anySegment = fc.record({
    length: fc.nat(9000),
    gsoSize: fc.integer({ min: 1, max: 1500 }),
    options: fc.nat(10).map((words) => new Uint8Array(words * 4).fill(1)),
    flags: fc.nat(0xff),
    seq: fc.nat(0xffffffff),
    id: fc.nat(0xffff),
  });

  it('of any segment, every piece has its checksums right, and nothing is left over', () => {
    const context = makeContext(new SeededRandom(1));
    fc.assert(
      fc.property(anySegment, ({ length, gsoSize, ...spec }) => {
        fc.pre(length / gsoSize < 200);
        const frame = partialFrame(context.frames, { ...spec, text: textOf(length) }, gsoSize);
        const wrong: string[] = [];
        const emit = (piece: Frame): void => {
          if (!checksumsRight(piece.view()) || piece.checksum !== Checksum.Full || piece.gsoSize !== 0)
            wrong.push(toHex(piece.view()));
          piece.release();
        };
        expect(cutSegment(frame, emit, T0)).to.equal(true);
        frame.release();
        expect(wrong).to.deep.equal([]);
        expect(context.frames.inUse).to.equal(0);
      }),
    );
  });

  it('never reads outside the frame, whatever its octets', () => {
    const context = makeContext(new SeededRandom(1));
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.boolean(), (noise, ipv4) => {
        const bytes = noise.slice();
        if (ipv4 && bytes.length > 24) bytes.set([8, 0, 0x45], 12);
        const frame = context.frames.from(bytes);
        frame.checksum = Checksum.Partial;
        frame.gsoSize = 5;
        const network = findIpv4(frame.bytes, frame.start, frame.end);
        expect(network === -1 || network + 20 <= frame.end).to.equal(true);
        const tail = frame.bytes.slice(frame.end);
        cutSegment(frame, (piece) => piece.release(), T0);
        completeChecksum(frame);
        expect(frame.bytes.slice(frame.end)).to.deep.equal(tail);
        frame.release();
        expect(context.frames.inUse).to.equal(0);
      }),
    );
  });
});
