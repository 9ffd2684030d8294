/**
 * Goodput in virtual time, by round trip, loss and algorithm: the same on every machine, so a change of behaviour shows as a diff of
 * test/golden/goodput.tsv. To write it anew: UPDATE_GOLDEN=1 npx mocha test/lab/goodput.test.ts
 */
import { expect } from 'chai';
import type { TcpConfig } from '../../src/core/config.ts';
import { MS } from '../../src/core/time.ts';
import { twoHosts } from '../../src/lab/topology.ts';
import { patternBytes, transfer } from '../../src/lab/transfer.ts';
import { expectGolden } from '../support/golden.ts';

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

/** More octets, and more seeds, for what is to tell two algorithms apart. */
const LONG = patternBytes(2 * 1024 * 1024);
const COMPARED_SEEDS = Array.from({ length: 28 }, (_, i) => i + 1);

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);

/** One transfer, in kbit/s. */
function run(tcp: Partial<TcpConfig>, roundTrip: number, loss: number, seed: number, data = DATA): number {
  const lab = twoHosts({
    seed,
    delay: (roundTrip / 2) * MS,
    bandwidth: BANDWIDTH,
    config: { tcp },
    record: { frames: 1, octets: 0 },
    impair: { outgoing: { loss: loss / 100 } },
  });
  const { error, received, goodput: octets } = transfer(lab.simulation, lab.a, lab.b, data);
  expect([error, received.length]).to.deep.equal(['', data.length]);
  return Math.round((octets * 8) / 1000);
}

/** Median over the seeds, in kbit/s. */
function goodput(tcp: Partial<TcpConfig>, roundTrip: number, loss: number): number {
  const results = (loss === 0 ? [1] : SEEDS).map((seed) => run(tcp, roundTrip, loss, seed));
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
    const rows = [...cells].map(([key, kilobits]) => [key, kilobits]);
    expectGolden('goodput', 'rtt ms\tloss %\talgorithms\tkbit/s', rows);
  });

  for (const loss of [1, 5]) {
    it(`with ${loss} % loss at 20 ms SACK recovery beats NewReno clearly`, () => {
      // Where a loss falls decides more than the algorithm does, so each seed is compared with itself.
      const ratios = COMPARED_SEEDS.map((seed) => {
        const [rack, newReno] = [true, false].map((sack) => run({ congestion: 'cubic', sack }, 20, loss, seed, LONG));
        return rack! / newReno!;
      });
      expect(Math.exp(sum(ratios.map(Math.log)) / ratios.length), String(ratios)).to.be.above(1.2);
    }).timeout(120_000);
  }

  it('without loss it makes no difference', () => {
    for (const rtt of ROUND_TRIPS) {
      expect(cells.get(cell(rtt, 0, 'cubic rack'))).to.equal(cells.get(cell(rtt, 0, 'cubic newreno')));
    }
  });
});
