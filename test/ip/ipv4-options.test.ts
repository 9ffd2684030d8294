import { expect } from 'chai';
import fc from 'fast-check';
import { OptionVerdict, judgeOptions } from '../../src/ip/ipv4-options.ts';

/** Judges options behind a fixed header that starts at offset 3. */
function judge(options: readonly number[]): number {
  const length = Math.ceil(options.length / 4) * 4;
  const bytes = new Uint8Array(3 + 20 + length + 8).fill(0xee);
  bytes.fill(0, 23, 23 + length);
  bytes.set(options, 23);
  return judgeOptions(bytes, 3, 20 + length);
}

const ADDRESS = [10, 0, 0, 1];

describe('ip/ipv4-options', () => {
  const rows: [name: string, options: number[], verdict: number][] = [
    ['no operation and end', [1, 1, 1, 0], OptionVerdict.Fine],
    ['octets after the end are not looked at', [0, 7, 1, 1], OptionVerdict.Fine],
    ['1122-3.2.1.8-c: an unknown option is ignored', [99, 4, 1, 2], OptionVerdict.Fine],
    ['1122-3.2.1.8b-b: Stream Identifier is ignored', [136, 4, 1, 2], OptionVerdict.Fine],
    ['Security is ignored', [130, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0], OptionVerdict.Fine],
    ['Router Alert', [148, 4, 0, 0], OptionVerdict.Fine],
    ['a length of 0', [99, 0, 0, 0], 21],
    ['a length of 1', [99, 1, 0, 0], 21],
    ['a length beyond the header', [99, 5, 0, 0], 21],
    ['no room for the length', [1, 1, 1, 99], 23],
    ['a length of 255', [1, 7, 255, 4], 22],
    ['Record Route with room', [7, 7, 4, 0, 0, 0, 0], OptionVerdict.Fine],
    ['Record Route, full', [7, 7, 8, ...ADDRESS], OptionVerdict.Fine],
    ['Record Route, pointer below 4', [7, 7, 3, 0, 0, 0, 0], 22],
    ['Record Route, room for part of an address', [7, 7, 6, 0, 0, 0, 0], 22],
    ['Record Route without a pointer', [7, 2, 1, 1], 21],
    ['Timestamp', [68, 8, 5, 0, 0, 0, 0, 0], OptionVerdict.Fine],
    ['Timestamp, too short', [68, 3, 5, 0], 21],
    ['Timestamp, pointer below 5', [68, 8, 4, 0, 0, 0, 0, 0], 22],
    ['1122-3.2.1.8c-a: a completed loose source route is at its end', [131, 7, 8, ...ADDRESS], OptionVerdict.Fine],
    ['a completed strict source route', [137, 7, 8, ...ADDRESS], OptionVerdict.Fine],
    ['a loose source route with hops left', [131, 7, 4, ...ADDRESS], OptionVerdict.SourceRoute],
    ['a strict source route with hops left', [1, 137, 11, 8, ...ADDRESS, ...ADDRESS], OptionVerdict.SourceRoute],
    ['two source routes', [131, 7, 8, ...ADDRESS, 137, 7, 8, ...ADDRESS], 27],
    ['an error after a source route counts', [131, 7, 4, ...ADDRESS, 99, 0], 28],
  ];
  for (const [name, options, verdict] of rows) {
    it(name, () => {
      expect(judge(options)).to.equal(verdict);
    });
  }

  it('any octets end the walk, and a pointer lies within the header', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(255), { minLength: 1, maxLength: 40 }), (options) => {
        const verdict = judge(options);
        const length = 20 + Math.ceil(options.length / 4) * 4;
        expect(verdict).to.satisfy(
          (v: number) => v === 0 || v === OptionVerdict.SourceRoute || (v >= 20 && v < length),
        );
      }),
      { numRuns: 2000 },
    );
  });
});
