import { expect } from 'chai';
import { DEFAULT_CONFIG } from '../../src/core/config.ts';
import { MS, SECOND } from '../../src/core/time.ts';
import { Rto } from '../../src/tcp/rto.ts';

const make = (changes = {}): Rto => new Rto({ ...DEFAULT_CONFIG.tcp, ...changes });

describe('RTO (RFC 6298)', () => {
  it('6298-2-a: 1 s before the first sample', () => {
    expect(make().value).to.equal(1 * SECOND);
  });

  it('6298-2-b, -c, -d: SRTT, RTTVAR and RTO after each sample', () => {
    const rto = make({ rtoMin: 0 });
    // sample, SRTT, RTTVAR, RTO in milliseconds
    const rows = [
      [100, 100, 50, 300],
      [200, 112.5, 62.5, 362.5],
      [112.5, 112.5, 46.875, 300],
      [900, 210.938, 232.031, 1139.062],
    ] as const;
    for (const [sample, srtt, rttvar, value] of rows) {
      rto.sample(sample * MS);
      expect(rto.srtt! / MS).to.be.closeTo(srtt, 0.001);
      expect(rto.rttvar! / MS).to.be.closeTo(rttvar, 0.001);
      expect(rto.value / MS).to.be.closeTo(value, 0.01);
    }
  });

  it('6298-2-e: the least beyond SRTT is config.rtoMin (Differs: 200 ms; 1 s when asked for)', () => {
    const rto = make();
    rto.sample(1 * MS);
    expect(rto.value).to.equal(201 * MS);
    const strict = make({ rtoMin: 1 * SECOND });
    strict.sample(1 * MS);
    expect(strict.value).to.equal(1 * SECOND + 1 * MS);
  });

  it('6298-5-f, 6298-2-f: doubled on expiry, up to the ceiling; a sample ends it', () => {
    const rto = make();
    const seen = Array.from({ length: 10 }, () => {
      rto.backoff();
      return rto.value / SECOND;
    });
    expect(seen).to.deep.equal([2, 4, 8, 16, 32, 64, 120, 120, 120, 120]);
    rto.sample(100 * MS);
    expect(rto.value).to.equal(300 * MS);
  });

  it('6298-5-h: 3 s for data after a lost SYN without a sample', () => {
    const rto = make();
    rto.backoff();
    rto.afterLostSyn();
    expect(rto.value).to.equal(3 * SECOND);
    const sampled = make();
    sampled.sample(100 * MS);
    sampled.afterLostSyn();
    expect(sampled.value).to.equal(300 * MS);
  });
});
