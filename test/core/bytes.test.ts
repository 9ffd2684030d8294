import { expect } from 'chai';
import * as fc from 'fast-check';
import {
  copyBytes,
  fromHex,
  getU16,
  getU32,
  getU48,
  getU8,
  setU16,
  setU32,
  setU48,
  setU8,
  toHex,
} from '../../src/core/bytes.ts';

describe('core/bytes', () => {
  const widths: [octets: number, get: typeof getU8, set: typeof setU8][] = [
    [1, getU8, setU8],
    [2, getU16, setU16],
    [4, getU32, setU32],
    [6, getU48, setU48],
  ];
  for (const [octets, get, set] of widths) {
    it(`${octets * 8} bits: reads and writes big-endian, touching nothing else, as a Buffer does`, () => {
      fc.assert(
        fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), fc.nat(8), fc.nat(), (noise, at, value) => {
          const bytes = Buffer.from(noise);
          expect(get(noise, at)).to.equal(bytes.readUIntBE(at, octets));
          const wanted = (value * 65_537) % 2 ** (8 * octets);
          bytes.writeUIntBE(wanted, at, octets);
          set(noise, at, wanted);
          expect(Buffer.from(noise).equals(bytes)).to.equal(true);
          expect(get(noise, at)).to.equal(wanted);
        }),
      );
    });
  }

  it('largest values come back unsigned', () => {
    const bytes = new Uint8Array(6).fill(0xff);
    expect(getU32(bytes, 0)).to.equal(0xffff_ffff);
    expect(getU48(bytes, 0)).to.equal(2 ** 48 - 1);
  });

  it('copies runs of any length, also the whole of an array', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }),
        fc.nat(60),
        fc.nat(60),
        fc.boolean(),
        (from, skip, toAt, whole) => {
          const fromAt = whole ? 0 : Math.min(skip, from.length);
          const length = from.length - fromAt;
          const to = new Uint8Array(300).fill(0xee);
          copyBytes(from, fromAt, to, toAt, length);
          const expected = new Uint8Array(300).fill(0xee);
          expected.set(from.slice(fromAt), toAt);
          expect(to).to.deep.equal(expected);
        },
      ),
    );
  });

  it('writes hexadecimal and reads it back', () => {
    expect(toHex(Uint8Array.of(0, 10, 255))).to.equal('000aff');
    expect(toHex(Uint8Array.of(2, 0, 0x5e), ':')).to.equal('02:00:5e');
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(fromHex(toHex(bytes, ' '))).to.deep.equal(bytes);
      }),
    );
    expect(fromHex('DE ad\nBE ef')).to.deep.equal(Uint8Array.of(0xde, 0xad, 0xbe, 0xef));
    for (const wrong of ['0', 'zz', '0x10']) expect(() => fromHex(wrong)).to.throw('not hexadecimal');
  });
});
