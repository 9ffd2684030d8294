import { expect } from 'chai';
import * as fc from 'fast-check';
import { fromHex, getU16 } from '../../src/core/bytes.ts';
import {
  finishChecksum,
  foldSum,
  pseudoHeaderSum,
  sumBytes,
  sumIsValid,
  updateChecksum,
} from '../../src/core/checksum.ts';
import { sumByTheBook } from '../support/checksum.ts';

/** 0 and 0xffff are both zero in ones' complement. */
const same = (a: number, b: number): boolean => a === b || (a % 0xffff === 0 && b % 0xffff === 0);

describe('core/checksum', () => {
  it("RFC 1071 §3: the example's sum is ddf2", () => {
    const bytes = fromHex('00 01 f2 03 f4 f5 f6 f7');
    expect(foldSum(sumBytes(bytes, 0, 8))).to.equal(0xddf2);
    expect(finishChecksum(sumBytes(bytes, 0, 8))).to.equal(0x220d);
    expect(sumBytes(bytes, 0, 8) % 0xffff).to.equal(0x2ddf0 % 0xffff);
  });

  it('RFC 1624 §4: the update that RFC 1141 gets wrong gives 0000, not FFFF', () => {
    expect(updateChecksum(0xdd2f, 0x5555, 0x3285)).to.equal(0x0000);
  });

  it('an IPv4 header with a known checksum', () => {
    const header = fromHex('4500 0073 0000 4000 4011 b861 c0a8 0001 c0a8 00c7');
    expect(sumIsValid(sumBytes(header, 0, 20))).to.equal(true);
    header.set([0, 0], 10);
    expect(finishChecksum(sumBytes(header, 0, 20))).to.equal(0xb861);
  });

  it('any octets at any place, short and long: the same as by the book', () => {
    const place = fc.record({
      offset: fc.nat(9),
      at: fc.nat(9),
      length: fc.oneof(fc.nat(70), fc.nat(4000)),
      seed: fc.nat(),
    });
    fc.assert(
      fc.property(place, fc.nat(0xffff), ({ offset, at, length, seed }, start) => {
        const bytes = new Uint8Array(new ArrayBuffer(offset + at + length + 3), offset);
        let x = seed | 1;
        for (let i = 0; i < bytes.length; i++) bytes[i] = x = Math.imul(x, 1103515245) + 12345;
        const expected = sumByTheBook(bytes.slice(at, at + length));
        expect(same(foldSum(sumBytes(bytes, at, length)), expected)).to.equal(true);
        expect(same(foldSum(sumBytes(bytes, at, length, start)), foldSum(expected + start))).to.equal(true);
      }),
      { numRuns: 500 },
    );
  });

  it('pieces of even length add up to the whole', () => {
    const bytes = Uint8Array.from({ length: 3000 }, (_, i) => i * 37);
    let sum = 0;
    for (const [from, to] of [
      [0, 20],
      [20, 1000],
      [1000, 1002],
      [1002, 2999],
    ] as const)
      sum = sumBytes(bytes, from, to - from, sum);
    expect(foldSum(sum)).to.equal(sumByTheBook(bytes.subarray(0, 2999)));
  });

  it('stays exact for the largest datagram of the largest octets, summed many times over', () => {
    const bytes = new Uint8Array(65_535).fill(0xff);
    let sum = 0;
    for (let i = 0; i < 10_000; i++) sum = sumBytes(bytes, 0, 65_534, sum);
    expect(Number.isSafeInteger(sum)).to.equal(true);
    expect(foldSum(sum)).to.equal(0xffff);
    expect(foldSum(sumBytes(bytes, 0, 65_535))).to.equal(0xff00);
  });

  it('folds sums of any size', () => {
    for (const [sum, folded] of [
      [0, 0],
      [0xffff, 0xffff],
      [0x10000, 1],
      [0x1fffe, 0xffff],
      [0xffff_ffff, 0xffff],
      [2 ** 32, 1],
      [2 ** 52 + 5, 21],
    ] as const) {
      expect(foldSum(sum), String(sum)).to.equal(folded);
    }
  });

  it('pseudo-header: source, destination, protocol; a UDP datagram with its checksum is valid', () => {
    // 10.0.0.1:1 -> 10.0.0.2:2, no data: sum is 0a00+0001+0a00+0002+0011+0008+0001+0002+0008.
    const pseudo = pseudoHeaderSum(0x0a000001, 0x0a000002, 17) + 8;
    const datagram = fromHex('0001 0002 0008 0000');
    const checksum = finishChecksum(sumBytes(datagram, 0, 8, pseudo));
    expect(checksum).to.equal(0xffff - 0x1427);
    datagram.set([checksum >> 8, checksum & 255], 6);
    expect(sumIsValid(sumBytes(datagram, 0, 8, pseudo))).to.equal(true);
    datagram[0] = 1;
    expect(sumIsValid(sumBytes(datagram, 0, 8, pseudo))).to.equal(false);
  });

  it('RFC 1624 §3: updating gives what summing anew gives', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 20, maxLength: 20 }),
        fc.nat(8),
        fc.nat(0xffff),
        (header, place, value) => {
          // Some word is not zero, as in any real header: then both forms of zero cannot be confused.
          header[18] = 0x45;
          header.set([0, 0], 10);
          const checksum = finishChecksum(sumBytes(header, 0, 20));
          const at = place < 5 ? place * 2 : 0;
          const before = getU16(header, at);
          header.set([value >> 8, value & 255], at);
          expect(updateChecksum(checksum, before, value)).to.equal(finishChecksum(sumBytes(header, 0, 20)));
        },
      ),
    );
  });
});
