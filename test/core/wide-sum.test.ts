import { expect } from 'chai';
import * as fc from 'fast-check';
import { fromHex } from '../../src/core/bytes.ts';
import { wideCopySum, wideSum } from '../../src/core/wide-sum.ts';
import { sumByTheBook } from '../support/checksum.ts';

const memory = new WebAssembly.Memory({ initial: 2, maximum: 2 });
const sum = wideSum(memory);
const copySum = wideCopySum(memory);
const bytes = new Uint8Array(memory.buffer);

describe('core/wide-sum', () => {
  it("RFC 1071 §3: the example's sum is ddf2", () => {
    bytes.set(fromHex('00 01 f2 03 f4 f5 f6 f7'), 5);
    expect(sum(5, 8)).to.equal(0xddf2);
  });

  it('of nothing is 0, of one octet that octet before a zero', () => {
    bytes.fill(0xff, 0, 16);
    expect(sum(3, 0)).to.equal(0);
    expect(sum(3, 1)).to.equal(0xff00);
  });

  it('any octets at any place, short and long: as by the book', () => {
    const place = fc.record({ at: fc.nat(70), length: fc.oneof(fc.nat(70), fc.nat(4000)), seed: fc.nat() });
    fc.assert(
      fc.property(place, ({ at, length, seed }) => {
        bytes.fill(0xee, 0, at + length + 80);
        let x = seed | 1;
        for (let i = at; i < at + length; i++) bytes[i] = x = Math.imul(x, 1103515245) + 12345;
        const total = sum(at, length);
        // 0 and 0xffff are both zero in ones' complement.
        expect(total % 0xffff).to.equal(sumByTheBook(bytes.slice(at, at + length)) % 0xffff);
        expect(total).to.be.within(0, 0xffff);
      }),
      { numRuns: 1000 },
    );
  });

  it('copies what it sums, and nothing else, from any place to any other', () => {
    const place = fc.record({
      at: fc.nat(70),
      length: fc.oneof(fc.nat(70), fc.nat(4000)),
      gap: fc.nat(70),
      fill: fc.nat(255),
    });
    fc.assert(
      fc.property(place, ({ at, length, gap, fill }) => {
        for (let i = 0; i < at + length; i++) bytes[i] = i * 7 + fill;
        const to = at + length + gap;
        bytes.fill(fill, at + length, to + length + 80);
        const before = bytes.slice(0, to + length + 80);
        expect(copySum(at, length, to)).to.equal(sum(at, length));
        before.copyWithin(to, at, at + length);
        expect(bytes.subarray(0, before.length)).to.deep.equal(before);
      }),
    );
  });

  it('is exact for 64 KiB of the largest octets, at any place', () => {
    bytes.fill(0xff);
    expect(sum(0, 65_536)).to.equal(0xffff);
    expect(sum(7, 65_535)).to.equal(0xff00);
  });

  it('refuses to read or write beyond its memory', () => {
    expect(() => sum(bytes.length - 8, 9)).to.throw('out of bounds');
    expect(() => copySum(0, 9, bytes.length - 8)).to.throw('out of bounds');
  });
});
