/** Pacing by deadlines: the rate is kept, nothing leaves in bursts, and a held-back quantum always has its timer. */
import { expect } from 'chai';
import fc from 'fast-check';
import type { TcpConfig } from '../../src/core/config.ts';
import type { Frame } from '../../src/core/frame.ts';
import { HOUR, MS, NEVER, SECOND } from '../../src/core/time.ts';
import { twoHosts } from '../../src/lab/topology.ts';
import type { TwoHosts, TwoHostsOptions } from '../../src/lab/topology.ts';
import { patternBytes, transfer } from '../../src/lab/transfer.ts';
import { Reno } from '../../src/tcp/congestion/reno.ts';
import type { Connection } from '../../src/tcp/connection.ts';
import { sendQuantum } from '../../src/tcp/pacing.ts';
import { Timer } from '../../src/tcp/timers.ts';
import { Flow, path } from '../support/flows.ts';
import { chance } from '../support/lines.ts';
import { runs, timeFor } from '../support/runs.ts';

/** Reno that asks for a rate of its own. */
class Steady extends Reno {
  readonly pacingRate: number;
  constructor(config: TcpConfig, rate: number) {
    super(config);
    this.pacingRate = rate;
  }
}

interface Paced extends Partial<TwoHostsOptions> {
  /** Octets a second that the control asks for. */
  readonly rate?: number;
  readonly tcp?: Partial<TcpConfig>;
}

/** Two hosts whose control asks for `rate`, and when each frame of text left the first. */
function paced(options: Paced): TwoHosts & { readonly left: [time: number, octets: number][] } {
  const { rate, tcp, ...rest } = options;
  const left: [number, number][] = [];
  const lab: TwoHosts = twoHosts({
    seed: 1,
    delay: 10 * MS,
    record: { frames: 1, octets: 0 },
    impair: {
      outgoing: {
        dropIf: (frame: Frame) => {
          if (frame.length > 100) left.push([lab.simulation.now, frame.length - 66]);
          return false;
        },
      },
    },
    ...rest,
    config: { tcp: { congestion: rate === undefined ? 'reno' : 'steady', ...tcp } },
    congestion: { steady: (config) => new Steady(config, rate ?? NaN) },
  });
  return { ...lab, left };
}

const connectionsOf = (lab: TwoHosts): Connection[] => [...lab.a.stack.tcp.connections()];

/** Most octets that left within any `span` microseconds. */
function mostWithin(left: readonly (readonly [number, number])[], span: number): number {
  let most = 0;
  for (let i = 0; i < left.length; i++) {
    let sum = 0;
    for (let j = i; j < left.length && left[j]![0] - left[i]![0] < span; j++) sum += left[j]![1];
    most = Math.max(most, sum);
  }
  return most;
}

describe('tcp/pacing', () => {
  describe('a quantum is about a millisecond of data in whole segments', () => {
    const rows: [rate: string, octets: number, quantum: number][] = [
      ['1 Mbit/s: one segment', 125_000, 1448],
      ['1.2 Mbit/s: two', 150_000, 2896],
      ['20 Mbit/s: two still', 2_500_000, 2896],
      ['100 Mbit/s: a millisecond', 12_500_000, 8 * 1448],
      ['10 Gbit/s: no more than a super-segment', 1_250_000_000, 45 * 1448],
    ];
    for (const [name, rate, quantum] of rows) {
      it(name, () => {
        expect(sendQuantum(rate, 1448)).to.equal(quantum);
      });
    }
  });

  it('keeps the rate that congestion control gives, without bursts', () => {
    const rate = 1_000_000;
    const lab = paced({ rate });
    const result = transfer(lab.simulation, lab.a, lab.b, patternBytes(500_000));
    expect(result.error).to.equal('');
    const seconds = (lab.left.at(-1)![0] - lab.left[0]![0]) / SECOND;
    expect(500_000 / seconds).to.be.within(0.97 * rate, 1.01 * rate);
    // Never more in 10 ms than 10 ms of it and what a late timer may make up for.
    expect(mostWithin(lab.left, 10 * MS)).to.be.at.most(rate / 100 + 2 * 2896);
  });

  it('unpaced, the same transfer leaves in bursts', () => {
    const lab = paced({});
    transfer(lab.simulation, lab.a, lab.b, patternBytes(500_000));
    expect(mostWithin(lab.left, 10 * MS)).to.be.above(100_000);
  });

  it('SO_MAX_PACING_RATE bounds a window-based control and BBR', () => {
    for (const congestion of ['reno', 'bbr']) {
      const lab = path({ bandwidth: 100_000_000, delay: 10 * MS });
      const flow = new Flow(lab, congestion);
      flow.setMaxPacingRate(500_000);
      lab.simulation.runFor(2 * SECOND);
      expect(flow.received / 2, congestion).to.be.within(0.9 * 500_000, 1.01 * 500_000);
      expect(flow.info.pacingRate).to.equal(500_000);
      flow.setMaxPacingRate(-1);
      lab.simulation.runFor(2 * SECOND);
      expect(flow.received, congestion).to.be.above(4_000_000);
    }
  });

  it('config.tcp.pacing spreads a window over a long round trip', () => {
    const run = (pacing: TcpConfig['pacing']): [number, number] => {
      const lab = paced({ tcp: { pacing, receiveBuffer: 100_000 }, delay: 25 * MS });
      const { goodput } = transfer(lab.simulation, lab.a, lab.b, patternBytes(1_000_000));
      return [mostWithin(lab.left, 2 * MS), goodput];
    };
    const [burst, before] = run('off');
    const [spread, after] = run('always');
    const [bounded, meanwhile] = run('auto');
    expect(burst).to.be.above(50_000);
    expect(spread).to.be.below(20_000);
    expect(bounded).to.be.within(spread + 1, 20_000 + 20 * 1448);
    expect(meanwhile / before).to.be.above(0.95);
    expect(after / before).to.be.above(0.9);
  });

  it('a rate of 0 or less is a segment a second, not a stall', () => {
    for (const rate of [0, -5, 1e-9]) {
      const lab = paced({ rate });
      const result = transfer(lab.simulation, lab.a, lab.b, patternBytes(20_000));
      expect([result.error, result.received.length]).to.deep.equal(['', 20_000]);
      expect(result.finished).to.be.within(10 * SECOND, 20 * SECOND);
    }
  });

  it('a time-out sends again at once, whatever the rate', () => {
    // The second segment of text and its probes are lost; a slow rate must not hold back what is sent for them.
    const lab = paced({ rate: 2_000, impair: { outgoing: { drop: [5, 6] } } });
    const result = transfer(lab.simulation, lab.a, lab.b, patternBytes(6_000));
    expect([result.error, result.received.length]).to.deep.equal(['', 6_000]);
    expect(result.finished).to.be.below(8 * SECOND);
  });

  it('property: whatever is held back has its timer, and everything arrives', () => {
    const lines = fc.record({
      rate: fc.oneof(fc.double({ min: 10_000, max: 1e9, noNaN: true }), fc.constantFrom(undefined)),
      seed: fc.nat(0xffff_ffff),
      delay: fc.nat(50 * MS),
      bandwidth: fc.constantFrom(0, 5_000_000),
      outgoing: fc.record({ loss: chance(0.2), reordering: chance(0.3), duplication: chance(0.1) }),
      sack: fc.boolean(),
      receiveBuffer: fc.constantFrom(3_000, 20_000, 1 << 20),
    });
    fc.assert(
      fc.property(lines, fc.nat(60_000), (line, length) => {
        const { rate, seed, delay, bandwidth, outgoing, sack, receiveBuffer } = line;
        const tcp = { sack, receiveBuffer, pacing: 'always' as const };
        const lab = paced({
          ...(rate === undefined ? {} : { rate }),
          seed,
          delay,
          bandwidth,
          impair: { outgoing },
          tcp,
        });
        lab.simulation.program('a', (now) => {
          for (const { sender, timers, state } of connectionsOf(lab)) {
            if (sender.pacer?.holding !== true || state === 'CLOSED') continue;
            expect(timers.at(Timer.Pace)).to.be.within(now, now + 2 * SECOND);
            expect(lab.a.stack.nextDeadline()).to.be.below(NEVER);
          }
        });
        const result = transfer(lab.simulation, lab.a, lab.b, patternBytes(length), { limit: 3 * HOUR });
        expect([result.end, result.error, result.received.length]).to.deep.equal(['reached', '', length]);
      }),
      runs(60),
    );
  }).timeout(timeFor(60, 1000));
});
