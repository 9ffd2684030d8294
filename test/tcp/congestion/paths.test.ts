/** What the algorithms make of a path, in virtual time. */
import { expect } from 'chai';
import type { ConfigOverrides } from '../../../src/core/config.ts';
import { MS, SECOND, micros } from '../../../src/core/time.ts';
import type { TcpInfo } from '../../../src/tcp/service.ts';
import { twoHosts } from '../../../src/lab/topology.ts';
import { Flow, jain, path } from '../../support/flows.ts';
import type { Path } from '../../support/flows.ts';

const MBIT = 1_000_000;

/** Octets a second of each flow over `seconds`, all of them having started 100 ms apart and had `settle` seconds to find their shares. */
function shares(lab: Path, algorithms: readonly string[], settle: number, seconds: number): number[] {
  const flows: Flow[] = [];
  algorithms.forEach((name, i) => {
    lab.simulation.at(micros(i * 100 * MS), () => flows.push(new Flow(lab, name, 5001 + i)));
  });
  lab.simulation.runFor(settle * SECOND);
  const before = flows.map(({ received }) => received);
  lab.simulation.runFor(seconds * SECOND);
  return flows.map(({ received }, i) => (received - before[i]!) / seconds);
}

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);

describe('congestion control on a path', () => {
  // 10 Mbit/s, 40 ms: 33 segments, and a queue of about as many.
  const bottleneck = { bandwidth: 10 * MBIT, delay: 20 * MS, queue: { frames: 40 } };

  for (const count of [2, 8]) {
    it(`${count} CUBIC flows share a bottleneck: Jain's index is at least 0.95, and the line is full`, () => {
      const got = shares(path(bottleneck), new Array<string>(count).fill('cubic'), 5, 40);
      expect(jain(got), String(got)).to.be.at.least(0.95);
      expect(8 * sum(got)).to.be.above(0.93 * 10 * MBIT);
    }).timeout(60_000);
  }

  it('CUBIC leaves Reno its share where Reno does well', () => {
    const [cubic, reno] = shares(path(bottleneck), ['cubic', 'reno'], 5, 40) as [number, number];
    expect(reno / cubic).to.be.within(0.5, 2);
  }).timeout(60_000);

  it('CUBIC is faster than Reno on a long fat path with a rare loss', () => {
    // 100 Mbit/s, 150 ms: 1250 segments. One frame in 30,000 is lost.
    const fat = { bandwidth: 100 * MBIT, delay: 75 * MS, queue: { frames: 1200 } };
    const drop = [4_000, 34_000, 64_000, 94_000, 124_000, 154_000];
    const goodput = (name: string): number => shares(path(fat, { drop }), [name], 0, 20)[0]!;
    expect(goodput('cubic') / goodput('reno')).to.be.above(1.3);
  }).timeout(60_000);

  it('a loss in slow start reduces from the window, of which pacing has not sent all yet', () => {
    const ssthresh = (pacing: 'off' | 'auto', lost: number): number => {
      const lab = path({ bandwidth: 100 * MBIT, delay: 75 * MS }, { drop: [lost] }, { tcp: { pacing } });
      const flow = new Flow(lab, 'cubic');
      lab.simulation.runFor(0.7 * SECOND);
      expect(flow.info.retransmissions).to.equal(1);
      return flow.info.ssthresh / flow.info.mss;
    };
    // Several, since a delayed ACK makes a difference of one or two segments by itself.
    const lost = Array.from({ length: 12 }, (_, i) => 44 + i);
    const mean = (pacing: 'off' | 'auto'): number => sum(lost.map((frame) => ssthresh(pacing, frame))) / lost.length;
    expect(mean('auto')).to.be.closeTo(mean('off'), 1);
  });

  describe('HyStart++', () => {
    // 20 Mbit/s, 40 ms: 67 segments, with a queue that slow start overflows and that a rise of the delay tells of long before.
    const deep = { bandwidth: 20 * MBIT, delay: 20 * MS, queue: { frames: 600 } };
    const after = (seconds: number, config: ConfigOverrides): { info: TcpInfo; received: number } => {
      const lab = path(deep, {}, config);
      const flow = new Flow(lab, 'cubic');
      lab.simulation.runFor(seconds * SECOND);
      return { info: flow.info, received: flow.received };
    };

    it('ends slow start before the queue overflows; without it hundreds of segments are lost', () => {
      const careful = after(4, {});
      const plain = after(4, { tcp: { hystart: false } });
      expect(careful.info.retransmissions).to.equal(0);
      expect(careful.info.ssthresh).to.be.below(Infinity);
      expect(plain.info.retransmissions).to.be.above(100);
      expect(careful.received).to.be.at.least(plain.received);
    });

    it('ends it before the queue overflows where 5 % come late, and few ACKs are left that advance SND.UNA', () => {
      for (const seed of [1, 2, 3, 4, 5]) {
        // 100 Mbit/s, 40 ms: 340 segments, a queue of 1,000. What comes 5 ms late is within RACK's reordering window.
        const late = { rate: 100 * MBIT, delay: 20 * MS, reordering: 0.05, reorderDelay: 5 * MS };
        const lab = twoHosts({ seed, record: { frames: 1, octets: 0 }, impair: { outgoing: late, incoming: late } });
        const flow = new Flow(lab, 'cubic');
        lab.simulation.runFor(SECOND);
        expect(lab.impaired.outgoing.stats.queueFull, `seed ${seed}`).to.equal(0);
        expect(flow.info.ssthresh, `seed ${seed}`).to.be.below(1000 * 1460);
      }
    }).timeout(60_000);

    it('does not end it on a path whose delay does not rise', () => {
      const lab = path({ bandwidth: 0, delay: 20 * MS }, {}, { tcp: { receiveBuffer: 500_000 } });
      const flow = new Flow(lab, 'cubic');
      lab.simulation.runFor(SECOND);
      expect(flow.info.ssthresh).to.equal(Infinity);
    });
  });
});
