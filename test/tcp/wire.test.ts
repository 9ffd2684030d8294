import { expect } from 'chai';
import fc from 'fast-check';
import { fromHex, toHex } from '../../src/core/bytes.ts';
import { emitOptions, noOptions, optionsLength, parseOptions } from '../../src/tcp/options.ts';
import { Segment } from '../../src/tcp/segment.ts';
import * as wire from '../../src/tcp/wire.ts';

const u16 = fc.integer({ min: 0, max: 0xffff });
const u32 = fc.integer({ min: 0, max: 0xffff_ffff });

describe('TCP header', () => {
  it('getters read what the layout decodes, whatever the octets are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 24, maxLength: 24 }), fc.integer({ min: 0, max: 4 }), (bytes, at) => {
        const decoded = wire.TCP_LAYOUT.decode(Buffer.from(bytes), at);
        expect({
          sourcePort: wire.sourcePort(bytes, at),
          destinationPort: wire.destinationPort(bytes, at),
          sequenceNumber: wire.sequenceNumber(bytes, at),
          acknowledgmentNumber: wire.acknowledgmentNumber(bytes, at),
          dataOffset: bytes[at + 12],
          flags: wire.flags(bytes, at),
          window: wire.window(bytes, at), // MUST-1: unsigned
          checksum: wire.checksum(bytes, at),
          urgentPointer: wire.urgentPointer(bytes, at),
        }).to.deep.equal({ ...decoded });
        expect(wire.headerLength(bytes, at)).to.equal((decoded.dataOffset >>> 4) * 4);
      }),
    );
  });

  it('a header that was written is read back', () => {
    fc.assert(
      fc.property(
        u16,
        u16,
        u32,
        u32,
        fc.integer({ min: 0, max: 255 }),
        u16,
        u16,
        (s, d, seq, ack, flags, window, up) => {
          const bytes = new Uint8Array(20);
          wire.emitHeader(bytes, 0, {
            sourcePort: s,
            destinationPort: d,
            seq: seq | 0,
            ack: ack | 0,
            headerLength: 20,
            flags,
            window,
            urgentPointer: up,
          });
          const seg = new Segment();
          expect(seg.parse(bytes, 0, 20)).to.equal(true);
          expect([seg.sourcePort, seg.destinationPort, seg.seq, seg.ack, seg.window, seg.up]).to.deep.equal([
            s,
            d,
            seq | 0,
            ack | 0,
            window,
            up,
          ]);
          expect(wire.flags(bytes, 0)).to.equal(flags);
        },
      ),
    );
  });

  it('too short, or a Data Offset that cannot be, is no segment', () => {
    const seg = new Segment();
    expect(seg.parse(new Uint8Array(19), 0, 19)).to.equal(false);
    for (const offset of [0, 4, 6, 15]) {
      const bytes = new Uint8Array(20);
      bytes[12] = offset << 4;
      expect(seg.parse(bytes, 0, 20), `Data Offset ${offset}`).to.equal(false);
    }
  });
});

describe('TCP options', () => {
  const rows: [string, string, Partial<ReturnType<typeof noOptions>>][] = [
    ['MUST-4: MSS, NOP, End of List', '020405b4 01 00 ffff', { mss: 1460 }],
    ['MUST-6: an unknown option is skipped by its length', 'fd04abcd 02040218', { mss: 536 }],
    ['MUST-64: options on any octet boundary', '01 02040218 01 030307', { mss: 536, windowScale: 7 }],
    ['MUST-7: length zero ends the reading', '0204ffff fd00 030307', { mss: 65535, windowScale: -1 }],
    ['MUST-7: length one', 'fd01 02040218', { mss: -1 }],
    ['MUST-7: length beyond the header', '030307 02ff0218', { windowScale: 7, mss: -1 }],
    ['MUST-7: kind without a length', '030307 02', { windowScale: 7, mss: -1 }],
    ['a known kind with a wrong length is unknown', '0206 05b40000 0303 05', { mss: -1, windowScale: 5 }],
    ['timestamps, aligned as everyone sends them', '0101080a 00000001 80000000', { timestamps: true, tsVal: 1 }],
    ['timestamps anywhere', '080a00000001 00000002 0000', { timestamps: true, tsVal: 1, tsEcr: 2 }],
    ['SACK permitted, and SACK blocks', '0402 050a 00000001 00000002', { sackPermitted: true, sackCount: 1 }],
    ['Fast Open: a request, and a cookie of 8 octets', '2202 220a0102030405060708', { fastOpen: 8 }],
    ['Fast Open: a request', '2202 0101', { fastOpen: 0 }],
    ['Fast Open: no cookie has an odd length, or 2, or more than 16', '2207 0102030405 22040102', { fastOpen: -1 }],
    ['Fast Open: more than 16 octets', `2214 ${'01'.repeat(18)} 030307`, { fastOpen: -1, windowScale: 7 }],
    ['the reading stops at End of List', '00 02040218', { mss: -1 }],
  ];
  for (const [name, hex, wanted] of rows) {
    it(name, () => {
      const bytes = fromHex(hex);
      const options = noOptions();
      parseOptions(bytes, 0, bytes.length, options);
      expect(options).to.include(wanted);
    });
  }

  it('what is emitted is parsed again; MUST-68, MUST-69: lengths and padding are right', () => {
    const any = fc.record({
      mss: fc.oneof(fc.constant(-1), u16),
      windowScale: fc.integer({ min: -1, max: 14 }),
      sackPermitted: fc.boolean(),
      timestamps: fc.boolean(),
      fastOpen: fc.constantFrom(-1, 0, 4, 6, 8, 14, 16),
      userTimeout: fc.constantFrom(-1, 1, 0x7fff, 0x8001, 0xffff),
      tsVal: u32.map((v) => v | 0),
      tsEcr: u32.map((v) => v | 0),
    });
    fc.assert(
      fc.property(any, (wanted) => {
        const options = { ...noOptions(), ...wanted };
        const length = optionsLength(options);
        expect(length % 4).to.equal(0);
        const bytes = new Uint8Array(length);
        emitOptions(bytes, 0, options);
        const got = noOptions();
        expect(parseOptions(bytes, 0, length, got), toHex(bytes, ' ')).to.equal(true);
        got.fault = undefined; // an MSS of 0 is one
        if (!wanted.timestamps) got.tsVal = got.tsEcr = options.tsVal = options.tsEcr = 0;
        expect(got).to.deep.equal(options);
      }),
    );
  });

  it('MUST-7: any octets at all end without an error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        const options = noOptions();
        parseOptions(bytes, 0, bytes.length, options);
        expect(options.sackCount * 8).to.be.at.most(40);
      }),
    );
  });
});
