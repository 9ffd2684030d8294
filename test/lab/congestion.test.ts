/**
 * What congestion control makes of a bottleneck, in virtual time: goodput by round trip, loss and algorithm; how fairly flows share; how
 * much of an oversized buffer they fill. To write the tables anew: UPDATE_GOLDEN=1 npx mocha test/lab/congestion.test.ts
 */
import { expect } from 'chai';
import { MS, SECOND, micros } from '../../src/core/time.ts';
import { expectGolden } from '../support/golden.ts';
import { Flow, jain, path } from '../support/flows.ts';

const MBIT = 1_000_000;
const ALGORITHMS = ['cubic', 'reno', 'bbr'] as const;
const config = { tcp: { sack: true } };
/** Octets of a full frame. */
const FRAME = 1514;

/** Frames that the line itself holds in a round trip. */
const bdp = (bandwidth: number, roundTrip: number): number => Math.round((bandwidth * roundTrip) / 1000 / 8 / FRAME);

describe('congestion control in virtual time', () => {
  describe('goodput on 10 Mbit/s with a queue of a bandwidth-delay product, 8 s', () => {
    const BANDWIDTH = 10 * MBIT;
    const cells = new Map<string, number>();

    function goodput(congestion: string, roundTrip: number, loss: number): number {
      const queue = { frames: Math.max(bdp(BANDWIDTH, roundTrip), 10) };
      const lab = path({ bandwidth: BANDWIDTH, delay: (roundTrip / 2) * MS, queue }, { loss: loss / 100 }, config);
      const flow = new Flow(lab, congestion);
      lab.simulation.runFor(8 * SECOND);
      return Math.round((flow.received * 8) / 8 / 1000);
    }

    before(function () {
      this.timeout(120_000);
      for (const roundTrip of [10, 40, 160]) {
        for (const loss of [0, 0.5, 2]) {
          for (const name of ALGORITHMS) cells.set(`${roundTrip}\t${loss}\t${name}`, goodput(name, roundTrip, loss));
        }
      }
    });

    it('is as in test/golden/congestion.tsv', () => {
      expectGolden('congestion', 'rtt ms\tloss %\tcontrol\tkbit/s', [...cells]);
    });

    it('BBR is several times as fast as the others where losses are no sign of congestion', () => {
      const bbr = cells.get('160\t2\tbbr')!;
      for (const name of ['cubic', 'reno']) expect(bbr / cells.get(`160\t2\t${name}`)!, name).to.be.above(3);
    });
  });

  it('CUBIC flows share a bottleneck: Jain of 2, 8 and 32 flows is at least 0.95, test/golden/fairness.tsv', () => {
    const rows = [2, 8, 32].map((count) => {
      // 2.5 Mbit/s for each, 40 ms: 8 segments each, and as many in the queue.
      const bandwidth = 2.5 * MBIT * count;
      const lab = path({ bandwidth, delay: 20 * MS, queue: { frames: bdp(bandwidth, 40) } }, {}, config);
      const flows: Flow[] = [];
      for (let i = 0; i < count; i++) {
        lab.simulation.at(micros(i * 50 * MS), () => flows.push(new Flow(lab, 'cubic', 5001 + i)));
      }
      lab.simulation.runFor(5 * SECOND);
      const before = flows.map(({ received }) => received);
      lab.simulation.runFor(20 * SECOND);
      const shares = flows.map(({ received }, i) => received - before[i]!);
      const index = jain(shares);
      const used = (shares.reduce((a, b) => a + b, 0) * 8) / 20 / bandwidth;
      expect(index, `${count} flows: ${String(shares)}`).to.be.at.least(0.95);
      expect(used, `${count} flows`).to.be.above(0.9);
      return [count, index.toFixed(4), Math.round(100 * used)];
    });
    expectGolden('fairness', "flows\tJain's index\t% of the line", rows);
  }).timeout(120_000);

  it('in a buffer of ten bandwidth-delay products BBR leaves the queue that CUBIC fills, test/golden/queue.tsv', () => {
    const BANDWIDTH = 10 * MBIT;
    const ROUND_TRIP = 40;
    const waits = new Map<string, number>();
    const rows = ALGORITHMS.map((name) => {
      const queue = { frames: 10 * bdp(BANDWIDTH, ROUND_TRIP) };
      const lab = path({ bandwidth: BANDWIDTH, delay: (ROUND_TRIP / 2) * MS, queue }, {}, config);
      const flow = new Flow(lab, name);
      lab.simulation.runFor(3 * SECOND);
      const start = flow.received;
      let sum = 0;
      let most = 0;
      const SAMPLES = 1700;
      for (let i = 0; i < SAMPLES; i++) {
        lab.simulation.runFor(10 * MS);
        const wait = Math.max(0, flow.info.srtt! - ROUND_TRIP * MS) / MS;
        sum += wait;
        most = Math.max(most, wait);
      }
      waits.set(name, sum / SAMPLES);
      const goodput = ((flow.received - start) * 8) / (SAMPLES / 100) / 1000;
      return [name, (sum / SAMPLES).toFixed(1), most.toFixed(1), Math.round(goodput)];
    });
    expect(waits.get('bbr')!).to.be.below(waits.get('cubic')! / 5);
    expectGolden('queue', 'control\tmean wait ms\tlongest wait ms\tkbit/s', rows);
  }).timeout(120_000);
});
