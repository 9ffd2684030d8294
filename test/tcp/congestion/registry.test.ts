import { expect } from 'chai';
import { DEFAULT_CONFIG } from '../../../src/core/config.ts';
import { Errno } from '../../../src/core/errno.ts';
import { SeededRandom } from '../../../src/core/random.ts';
import { MS, SECOND } from '../../../src/core/time.ts';
import { twoHosts } from '../../../src/lab/topology.ts';
import { patternBytes, transfer } from '../../../src/lab/transfer.ts';
import { WindowControl } from '../../../src/tcp/congestion/base.ts';
import type { AckSample } from '../../../src/tcp/congestion/control.ts';
import { CongestionRegistry } from '../../../src/tcp/congestion/registry.ts';
import { Flow, path } from '../../support/flows.ts';

/** What a student would write: grows by two segments a round trip, gives a quarter up. */
class Double extends WindowControl {
  readonly name = 'double';
  rounds = 0;

  protected avoid(sample: AckSample): void {
    if (sample.roundStart) this.rounds++;
    if (sample.cwndLimited) this.grow((2 * this.smss * sample.acked) / this.cwnd);
  }

  protected reduced(flightSize: number): number {
    return Math.max(Math.floor(this.inFlight(flightSize) * 0.75), 2 * this.smss);
  }
}

describe('tcp/congestion/registry', () => {
  it('MAY-18: knows the built-in algorithms, and makes one for each connection', () => {
    const registry = new CongestionRegistry();
    const random = new SeededRandom(1);
    expect(registry.names).to.include.members(['bbr', 'cubic', 'reno']);
    for (const name of registry.names) {
      const one = registry.make(name, DEFAULT_CONFIG.tcp, random);
      expect(one.name).to.equal(name);
      expect(registry.make(name, DEFAULT_CONFIG.tcp, random)).not.to.equal(one);
    }
    expect(registry.has('toString')).to.equal(false);
    expect(() => registry.make('vegas', DEFAULT_CONFIG.tcp, random)).to.throw(
      RangeError,
      "no congestion control 'vegas'",
    );
  });

  it('refuses names that TCP_CONGESTION could not set', () => {
    for (const name of ['', 'sixteen-letters-']) {
      expect(() => new CongestionRegistry({ [name]: () => new Double(DEFAULT_CONFIG.tcp) })).to.throw(RangeError);
    }
  });

  it('a stack refuses to start with a default that it does not know', () => {
    expect(() => twoHosts({ seed: 1, config: { tcp: { congestion: 'vegas' } } })).to.throw(RangeError, 'vegas');
  });

  it("an algorithm of one's own carries a transfer over a lossy path", () => {
    const made: Double[] = [];
    const lab = twoHosts({
      seed: 1,
      delay: 5 * MS,
      bandwidth: 10_000_000,
      impair: { outgoing: { drop: [40, 200] } },
      congestion: {
        double: (config) => {
          made.push(new Double(config));
          return made.at(-1)!;
        },
      },
      config: { tcp: { congestion: 'double' } },
    });
    const bytes = patternBytes(1_000_000);
    const result = transfer(lab.simulation, lab.a, lab.b, bytes);
    expect(result.error).to.equal('');
    expect(Buffer.compare(result.received, bytes)).to.equal(0);
    expect(Math.max(...made.map(({ rounds }) => rounds))).to.be.above(5);
  });

  it('TCP_CONGESTION changes a running connection, which keeps its window', () => {
    const lab = path({ delay: 5 * MS, bandwidth: 10_000_000 });
    const flow = new Flow(lab, 'reno');
    lab.simulation.runFor(SECOND);
    const before = flow.info;
    expect(before.congestion).to.equal('reno');
    expect(flow.setCongestion('vegas')).to.equal(-Errno.ENOENT);
    expect(flow.setCongestion('cubic')).to.equal(0);
    expect(flow.info).to.include({ congestion: 'cubic', ssthresh: before.ssthresh, cwnd: before.cwnd });
    const received = flow.received;
    lab.simulation.runFor(SECOND);
    expect(flow.received - received).to.be.above(1_000_000);
  });
});
