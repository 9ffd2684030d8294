/**
 * Numbers that wrap: sequence numbers and timestamps at every place where a comparison could go wrong.
 */
import { expect } from 'chai';
import { MINUTE, MS } from '../../src/core/time.ts';
import { seqNum } from '../../src/tcp/seq.ts';
import { Pair } from '../support/tcp-pair.ts';
import type { Impairment } from '../support/tcp-pair.ts';

const LENGTH = 150_000;
const IMPAIRMENT: Impairment = { loss: 0.03, duplicate: 0.02, delay: 5 * MS, jitter: 8 * MS };

/** Both ways at once, with these initial numbers and timestamp offsets; FINs at the end. */
function transfer(seed: number, issA: number, issB: number, offset: number): { right: boolean; left: number } {
  const pair = new Pair(seed, IMPAIRMENT, { tcp: { sack: seed % 2 === 0 } });
  pair.a.tcp.newIss = () => seqNum(issA);
  pair.b.tcp.newIss = () => seqNum(issB);
  for (const host of [pair.a, pair.b]) host.tcp.newTimestampOffset = () => seqNum(offset);
  const options = pair.a.tcp.defaultOptions();
  const listener = pair.b.tcp.listen(pair.b.address, 80, 5, options);
  if (typeof listener === 'number') throw new Error('listen');
  const client = pair.a.tcp.connect(pair.a.address, 4000, pair.b.address, 80, options);
  if (typeof client === 'number') throw new Error('connect');
  const bytes = Uint8Array.from({ length: LENGTH }, (_, i) => (i * 7 + (i >> 8)) & 0xff);
  let server: ReturnType<typeof listener.accept> = undefined;
  const into = new Uint8Array(LENGTH);
  const got = [0, 0];
  const put = [0, 0];
  let wrong = 0;
  pair.run(pair.now + 20 * MINUTE, () => {
    server ??= listener.accept();
    [client, server].forEach((end, i) => {
      if (end === undefined) return;
      if (put[i]! < LENGTH) {
        put[i]! += Math.max(0, end.send(bytes, put[i]!, LENGTH - put[i]!));
        if (put[i] === LENGTH) end.shutdownSend();
      }
      for (let n = end.receive(into, 0, LENGTH); n > 0; n = end.receive(into, 0, LENGTH)) {
        for (let k = 0; k < n; k++) if (into[k] !== bytes[got[i]! + k]) wrong++;
        got[i]! += n;
      }
    });
    return false;
  });
  return { right: wrong === 0 && got[0] === LENGTH && got[1] === LENGTH, left: [...pair.a.tcp.connections()].length };
}

describe('numbers that wrap in the middle of a stream', () => {
  const starts: [string, number][] = [
    ['just before 2^32', -1],
    ['2^32 within the first segment', -700],
    ['2^32 in the middle', -75_000],
    ['2^32 at the last octet', -LENGTH],
    ['2^32 at the FIN', -LENGTH - 1],
    ['2^31 in the middle', 2 ** 31 - 75_000],
    ['just before 2^31', 2 ** 31 - 1],
    ['0', 0],
  ];
  starts.forEach(([name, iss], i) => {
    it(`sequence numbers: ${name}, one way and the other`, () => {
      expect(transfer(2 * i + 1, iss, 12345, 0)).to.deep.equal({ right: true, left: 0 });
      expect(transfer(2 * i + 2, 12345, iss, 0)).to.deep.equal({ right: true, left: 0 });
      expect(transfer(2 * i + 3, iss, iss, 0)).to.deep.equal({ right: true, left: 0 });
    });
  });

  for (const [name, offset] of [
    ['2^32', -50],
    ['2^31', 2 ** 31 - 50],
  ] as const) {
    it(`timestamps: ${name}`, () => {
      expect(transfer(7, 5, 6, offset)).to.deep.equal({ right: true, left: 0 });
      expect(transfer(8, -100, -100, offset)).to.deep.equal({ right: true, left: 0 });
    });
  }
});
