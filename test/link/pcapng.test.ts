import { expect } from 'chai';
import * as fc from 'fast-check';
import { fromHex } from '../../src/core/bytes.ts';
import { micros } from '../../src/core/time.ts';
import { enhancedPacket, interfaceDescription, readPcapng, sectionHeader, SNAP_LENGTH } from '../../src/link/pcapng.ts';
import type { CapturedPacket } from '../../src/link/pcapng.ts';

const join = (...parts: Uint8Array[]): Uint8Array => Uint8Array.from(Buffer.concat(parts));
const head = join(sectionHeader('test'), interfaceDescription('eth0'));
const packet = (changes: Partial<CapturedPacket> = {}): CapturedPacket => ({
  time: micros(0),
  bytes: Uint8Array.of(1, 2, 3),
  originalLength: 3,
  interfaceId: 0,
  comments: [],
  ...changes,
});

describe('link/pcapng', () => {
  it('writes a section header, an interface and a packet as the draft lays them out', () => {
    expect(Buffer.from(sectionHeader('ab')).toString('hex')).to.equal(
      '0a0d0d0a' +
        '28000000' +
        '4d3c2b1a' +
        '01000000' +
        'ffffffffffffffff' +
        '04000200' +
        '61620000' +
        '00000000' +
        '28000000',
    );
    expect(Buffer.from(interfaceDescription('e')).toString('hex')).to.equal(
      '01000000' +
        '28000000' +
        '01000000' +
        '00000400' +
        '02000100' +
        '65000000' +
        '09000100' +
        '06000000' +
        '00000000' +
        '28000000',
    );
    const bytes = enhancedPacket(packet({ time: micros(0x1_0000_0002), direction: 'out', comments: ['hi'] }));
    expect(Buffer.from(bytes).toString('hex')).to.equal(
      '06000000' +
        '38000000' +
        '00000000' +
        '01000000' +
        '02000000' +
        '03000000' +
        '03000000' +
        '01020300' +
        '01000200' +
        '68690000' +
        '02000400' +
        '02000000' +
        '00000000' +
        '38000000',
    );
  });

  it('any packets: reading what was written gives them back', () => {
    const arbitrary = fc.record({
      time: fc.maxSafeInteger().map((value) => micros(Math.abs(value))),
      bytes: fc.uint8Array({ maxLength: 100 }),
      interfaceId: fc.integer({ min: 0, max: 1 }),
      direction: fc.constantFrom('in' as const, 'out' as const),
      comments: fc.array(fc.string({ unit: 'grapheme' }), { maxLength: 3 }),
    });
    fc.assert(
      fc.property(fc.array(arbitrary), (records) => {
        const packets = records.map((record) => ({ ...record, originalLength: record.bytes.length }));
        const file = join(head, interfaceDescription('eth1'), ...packets.map(enhancedPacket));
        const capture = readPcapng(file);
        expect(capture.frames).to.deep.equal(packets);
        expect(capture.interfaces.map(({ name }) => name)).to.deep.equal(['eth0', 'eth1']);
      }),
    );
  });

  it('cuts what is longer than the snap length, and says how long it was', () => {
    const long = new Uint8Array(SNAP_LENGTH + 9);
    const [frame] = readPcapng(join(head, enhancedPacket(packet({ bytes: long, originalLength: long.length })))).frames;
    expect(frame!.bytes.length).to.equal(SNAP_LENGTH);
    expect(frame!.originalLength).to.equal(SNAP_LENGTH + 9);
  });

  it('reads big-endian pcapng, nanoseconds, time offsets, simple packets, several sections and unknown blocks', () => {
    const file = fromHex(
      '0a0d0d0a 00000024 1a2b3c4d 0001 0000 ffffffffffffffff 0001 0002 686f 0000 00000024' + // section, comment "ho"
        '00000001 0000002c 0001 0000 00000000 0009 0001 09000000 000e 0008 0000000000000002 0000 0000 0000002c' + // ns, +2 s
        '00000bad 00000010 12345678 00000010' +
        '00000006 0000002c 00000000 00000000 3b9acfff 00000002 00000005 aabb0000 0002 0004 00000001 0000002c' +
        '00000003 00000014 00000003 01020300 00000014' +
        '0a0d0d0a 0000001c 1a2b3c4d 0001 0000 ffffffffffffffff 0000001c' +
        '00000001 00000014 0065 0000 00000002 00000014' +
        '00000003 00000014 00000003 01020300 00000014',
    );
    const capture = readPcapng(file);
    expect(capture.comments).to.deep.equal(['ho']);
    expect(capture.interfaces.map((i) => i.linkType)).to.deep.equal([1, 101]);
    const [first, second, third] = capture.frames;
    // 1.000001535 s, and the offset of 2 s.
    expect(first).to.include({ time: 3_000_001, originalLength: 5, direction: 'in', interfaceId: 0 });
    expect([...first!.bytes]).to.deep.equal([0xaa, 0xbb]);
    expect([...second!.bytes]).to.deep.equal([1, 2, 3]);
    expect(third).to.include({ interfaceId: 1, originalLength: 3 });
    expect([...third!.bytes]).to.deep.equal([1, 2]);
  });

  it('reads resolutions that are powers of two', () => {
    const file = fromHex(
      '0a0d0d0a 1c000000 4d3c2b1a 01000000 ffffffffffffffff 1c000000' +
        '01000000 20000000 01000000 00000000 09000100 8a000000 00000000 20000000' +
        '06000000 20000000 00000000 00000000 00060000 00000000 00000000 20000000',
    );
    // 1536 units of 1/1024 s.
    expect(readPcapng(file).frames[0]!.time).to.equal(1_500_000);
  });

  const classic: [name: string, hex: string][] = [
    [
      'little-endian, microseconds',
      'd4c3b2a1 02000400 00000000 00000000 ffff0000 01000000 05000000 07000000 02000000 09000000 aabb',
    ],
    [
      'big-endian, microseconds',
      'a1b2c3d4 00020004 00000000 00000000 0000ffff 00000001 00000005 00000007 00000002 00000009 aabb',
    ],
    [
      'little-endian, nanoseconds',
      '4d3cb2a1 02000400 00000000 00000000 ffff0000 01000000 05000000 581b0000 02000000 09000000 aabb',
    ],
    [
      'big-endian, nanoseconds',
      'a1b23c4d 00020004 00000000 00000000 0000ffff 00000001 00000005 00001b58 00000002 00000009 aabb',
    ],
  ];
  for (const [name, hex] of classic) {
    it(`reads classic pcap: ${name}`, () => {
      const { frames, interfaces } = readPcapng(fromHex(hex));
      expect(interfaces).to.deep.equal([{ name: '', linkType: 1 }]);
      expect(frames).to.deep.equal([
        { time: 5_000_007, bytes: Uint8Array.of(0xaa, 0xbb), originalLength: 9, interfaceId: 0, comments: [] },
      ]);
    });
  }

  const good = join(head, enhancedPacket(packet({ comments: ['x'] })));
  const at = head.length;
  const changed = (offset: number, ...octets: number[]): Uint8Array => {
    const bytes = good.slice();
    bytes.set(octets, offset);
    return bytes;
  };
  const bad: [name: string, bytes: Uint8Array, message: string][] = [
    ['nothing', new Uint8Array(2), 'too short for a capture file at offset 0'],
    ['another kind of file', fromHex('7f454c46'), 'neither pcapng nor pcap at offset 0'],
    ['a classic header cut off', fromHex('d4c3b2a1 0200'), 'file header cut off at offset 0'],
    ['a classic record header cut off', fromHex(classic[0]![1]).slice(0, 30), 'record header cut off at offset 24'],
    ['a classic record cut off', fromHex(classic[0]![1]).slice(0, 41), 'record of 2 octets cut off at offset 24'],
    ['a wrong byte-order magic', changed(8, 9), 'byte-order magic is wrong at offset 8'],
    ['another version', changed(12, 2), 'version 2 at offset 12'],
    ['a block header cut off', good.slice(0, at + 8), `block header cut off at offset ${at}`],
    ['a block cut off', good.slice(0, -4), `block of ${good.length - at} octets cut off at offset ${at}`],
    ['a length of zero', changed(at + 4, 0), `block length 0 at offset ${at}`],
    ['a length that is no multiple of four', changed(at + 4, 45), `block length 45 at offset ${at}`],
    ['lengths that differ', changed(good.length - 4, 99), `block lengths differ at offset ${good.length - 4}`],
    ['an unknown interface', changed(at + 8, 7), `packet of unknown interface 7 at offset ${at + 8}`],
    [
      'a packet longer than its block',
      changed(at + 20, 99),
      `packet of 99 octets in a shorter block at offset ${at + 20}`,
    ],
    ['an option cut off', changed(at + 34, 99), `option 1 of 99 octets cut off at offset ${at + 32}`],
    [
      'a packet before any interface',
      join(sectionHeader(''), fromHex('03000000 10000000 00000000 10000000')),
      'packet before any interface',
    ],
    [
      'a block too short for its type',
      join(sectionHeader(''), fromHex('01000000 0c000000 0c000000')),
      'block too short for its type',
    ],
  ];
  for (const [name, bytes, message] of bad) {
    it(`says what is wrong and where: ${name}`, () => expect(() => readPcapng(bytes)).to.throw(message));
  }

  it('any octets, and any file with octets changed: an Error with an offset or a capture, nothing else', () => {
    const damaged = fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 6 }).map((changes) => {
      const bytes = good.slice();
      for (const [offset, octet] of changes) bytes[offset] = octet;
      return bytes;
    });
    fc.assert(
      fc.property(fc.oneof(damaged, fc.uint8Array({ maxLength: 60 })), (bytes) => {
        try {
          readPcapng(bytes);
        } catch (error) {
          expect((error as Error).message).to.match(/^capture file: .* at offset \d+$/);
        }
      }),
      { numRuns: 500 },
    );
  });
});
