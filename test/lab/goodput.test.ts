/**
 * Goodput in virtual time, by round trip, loss and algorithm: the same on every machine, so a change of behaviour shows as a diff of
 * test/golden/goodput.tsv. To write it anew: UPDATE_GOLDEN=1 npx mocha test/lab/goodput.test.ts
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import type { TcpConfig } from '../../src/core/config.ts';
import { MS } from '../../src/core/time.ts';
import { twoHosts } from '../../src/lab/topology.ts';
import { patternBytes, transfer } from '../../src/lab/transfer.ts';

const GOLDEN = new URL('../golden/goodput.tsv', import.meta.url);
const DATA = patternBytes(512 * 1024);
const BANDWIDTH = 100_000_000;

const ALGORITHMS: readonly (readonly [name: string, tcp: Partial<TcpConfig>])[] = [
  ['reno newreno', { congestion: 'reno', sack: false }],
  ['reno rack', { congestion: 'reno', sack: true }],
  ['cubic newreno', { congestion: 'cubic', sack: false }],
  ['cubic rack', { congestion: 'cubic', sack: true }],
];
const ROUND_TRIPS = [2, 20, 100];
const LOSSES = [0, 1, 5];
const SEEDS = [1, 2, 3];

/** Median over the seeds, in kbit/s. */
function goodput(tcp: Partial<TcpConfig>, roundTrip: number, loss: number): number {
  const seeds = loss === 0 ? [1] : SEEDS;
  const results = seeds.map((seed) => {
    const lab = twoHosts({
      seed,
      delay: (roundTrip / 2) * MS,
      bandwidth: BANDWIDTH,
      config: { tcp },
      record: { frames: 1, octets: 0 },
      impair: { outgoing: { loss: loss / 100 } },
    });
    const { error, received, goodput: octets } = transfer(lab.simulation, lab.a, lab.b, DATA);
    expect([error, received.length]).to.deep.equal(['', DATA.length]);
    return Math.round((octets * 8) / 1000);
  });
  return results.sort((a, b) => a - b)[results.length >> 1]!;
}

describe('goodput in virtual time', () => {
  const cells = new Map<string, number>();
  const cell = (rtt: number, loss: number, name: string): string => `${rtt}\t${loss}\t${name}`;

  before(function () {
    this.timeout(180_000);
    for (const rtt of ROUND_TRIPS) {
      for (const loss of LOSSES) {
        for (const [name, tcp] of ALGORITHMS) cells.set(cell(rtt, loss, name), goodput(tcp, rtt, loss));
      }
    }
  });

  it('is as in test/golden/goodput.tsv', () => {
    const rows = [...cells].map(([key, kilobits]) => `${key}\t${kilobits}`);
    const table = ['rtt ms\tloss %\talgorithms\tkbit/s', ...rows, ''].join('\n');
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(GOLDEN, table);
    expect(table).to.equal(readFileSync(GOLDEN, 'utf8'));
  });

  // One loss in a hundred segments leaves few to recover from in this much data: seeds decide more than algorithms.
  for (const [loss, ratio] of [
    [1, 0.99],
    [5, 1.2],
  ] as const) {
    it(`with ${loss} % loss at 20 ms SACK recovery is at least ${ratio} times as fast as NewReno`, () => {
      const [newReno, rack] = [cells.get(cell(20, loss, 'cubic newreno'))!, cells.get(cell(20, loss, 'cubic rack'))!];
      expect(rack / newReno).to.be.above(ratio);
    });
  }

  it('without loss it makes no difference', () => {
    for (const rtt of ROUND_TRIPS) {
      expect(cells.get(cell(rtt, 0, 'cubic rack'))).to.equal(cells.get(cell(rtt, 0, 'cubic newreno')));
    }
  });
});
