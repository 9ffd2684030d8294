/** BBR, state by state, on samples by hand; then what it makes of paths. draft-cardwell-iccrg-bbr-congestion-control-00. */
import { expect } from 'chai';
import { DEFAULT_CONFIG } from '../../../src/core/config.ts';
import { SeededRandom } from '../../../src/core/random.ts';
import { MS, SECOND, micros } from '../../../src/core/time.ts';
import type { Micros } from '../../../src/core/time.ts';
import { Bbr, GAIN_CYCLE, HIGH_GAIN, MIN_PIPE_CWND } from '../../../src/tcp/congestion/bbr.ts';
import type { RateSample } from '../../../src/tcp/congestion/control.ts';
import { Flow, path } from '../../support/flows.ts';
import { SMSS } from './samples.ts';

const RTT = 20 * MS;
/** 100 segments in a round trip. */
const BDP = 100 * SMSS;
const RATE = (BDP * SECOND) / RTT;

/** A connection by hand: each `round` is one ACK a round trip after the one before. */
class Bench {
  readonly bbr: Bbr;
  now: Micros = micros(SECOND);
  #delivered = 0;

  constructor(seed = 1) {
    this.bbr = new Bbr(DEFAULT_CONFIG.tcp, new SeededRandom(seed));
    this.bbr.start(SMSS, false);
  }

  /** An ACK `after` microseconds later. With `round` it tells of what was sent after the last one that did. */
  ack(changes: Partial<RateSample> = {}, round = true, after = RTT): void {
    const { delivered = BDP, inFlight = BDP } = changes;
    const priorDelivered = round ? this.#delivered : 0;
    this.#delivered += delivered;
    this.now = micros(this.now + after);
    const sample: RateSample = {
      delivered,
      lost: 0,
      totalDelivered: this.#delivered,
      priorDelivered,
      rate: RATE,
      appLimited: false,
      rtt: micros(RTT),
      priorInFlight: inFlight + delivered,
      inFlight,
      recovering: false,
      ...changes,
    };
    this.bbr.onRate(sample, this.now);
  }

  /** In ProbeBW, with the model of the path above. */
  static steady(seed = 1): Bench {
    const bench = new Bench(seed);
    for (let i = 0; i < 5; i++) bench.ack({ inFlight: 3 * BDP });
    bench.ack({ inFlight: BDP });
    return bench;
  }
}

describe('tcp/congestion/bbr', () => {
  it('starts with the initial window, paced at 2.89 times that in a round trip', () => {
    const { bbr } = new Bench();
    expect([bbr.cwnd, bbr.state]).to.deep.equal([10 * SMSS, 'Startup']);
    const bench = new Bench();
    bench.ack({ delivered: SMSS, rate: 1, inFlight: 9 * SMSS });
    expect(bench.bbr.pacingRate).to.be.closeTo((HIGH_GAIN * 10 * SMSS * SECOND) / RTT, 1);
  });

  describe('Startup, §4.3.2', () => {
    it('goes on while the rate grows by a quarter a round', () => {
      const bench = new Bench();
      for (let i = 0; i < 8; i++) bench.ack({ rate: 1e5 * 1.26 ** i });
      expect(bench.bbr.state).to.equal('Startup');
      expect(bench.bbr.pacingGain).to.equal(HIGH_GAIN);
    });

    it('ends after three rounds without such growth', () => {
      const bench = new Bench();
      for (let i = 0; i < 3; i++) bench.ack({ inFlight: 3 * BDP });
      expect(bench.bbr.state).to.equal('Startup');
      bench.ack({ inFlight: 3 * BDP });
      expect([bench.bbr.state, bench.bbr.filledPipe]).to.deep.equal(['Drain', true]);
      expect(bench.bbr.pacingGain).to.be.closeTo(1 / HIGH_GAIN, 1e-9);
    });

    it('does not end because the program has nothing to send', () => {
      const bench = new Bench();
      for (let i = 0; i < 20; i++) bench.ack({ appLimited: true });
      expect(bench.bbr.state).to.equal('Startup');
    });

    it('counts rounds, not ACKs', () => {
      const bench = new Bench();
      bench.ack();
      for (let i = 0; i < 20; i++) bench.ack({ delivered: SMSS }, false, 1);
      expect(bench.bbr.state).to.equal('Startup');
    });
  });

  it('Drain ends when no more is outstanding than the path holds, §4.3.3', () => {
    const bench = new Bench();
    for (let i = 0; i < 6; i++) bench.ack({ inFlight: 3 * BDP });
    expect(bench.bbr.state).to.equal('Drain');
    bench.ack({ inFlight: 2 * BDP });
    expect(bench.bbr.state).to.equal('Drain');
    bench.ack({ inFlight: BDP });
    expect([bench.bbr.state, bench.bbr.cwndGain]).to.deep.equal(['ProbeBW', 2]);
  });

  describe('ProbeBW, §4.3.4', () => {
    it('begins anywhere in the cycle but with the gain that drains', () => {
      const gains = new Set(Array.from({ length: 40 }, (_, seed) => Bench.steady(seed).bbr.pacingGain));
      expect([...gains].sort()).to.deep.equal([1, 1.25]);
    });

    it('goes through the cycle, a phase for each round trip', () => {
      const bench = Bench.steady();
      const gains: number[] = [];
      for (let i = 0; i < 24; i++) {
        // As much outstanding as the gain asks for.
        bench.ack({ inFlight: bench.bbr.pacingGain > 1 ? 1.3 * BDP : BDP }, true, RTT + 1);
        gains.push(bench.bbr.pacingGain);
      }
      const at = gains.indexOf(1.25);
      expect(gains.slice(at, at + 8)).to.deep.equal(GAIN_CYCLE);
      expect(gains.slice(at + 8, at + 16)).to.deep.equal(GAIN_CYCLE);
    });

    it('probing lasts until more is outstanding, or something is lost', () => {
      for (const end of [{ inFlight: 1.5 * BDP }, { lost: SMSS }]) {
        const bench = Bench.steady();
        const little = { delivered: SMSS, inFlight: BDP };
        for (let i = 0; i < 30 && bench.bbr.pacingGain !== 1.25; i++) bench.ack(little, true, RTT + 1);
        for (let i = 0; i < 3; i++) bench.ack(little, true, RTT + 1);
        expect(bench.bbr.pacingGain).to.equal(1.25);
        bench.ack({ ...little, ...end }, true, RTT + 1);
        expect(bench.bbr.pacingGain).to.equal(0.75);
      }
    });

    it('the window is two bandwidth-delay products and three quanta', () => {
      const bench = Bench.steady();
      for (let i = 0; i < 5; i++) bench.ack();
      expect(bench.bbr.cwnd).to.be.within(2 * BDP, 2.3 * BDP);
      expect(bench.bbr.pacingRate).to.be.closeTo(bench.bbr.pacingGain * RATE, 1);
    });

    it('a rate counts for ten rounds', () => {
      const bench = Bench.steady();
      for (let i = 0; i < 9; i++) bench.ack({ rate: RATE / 2 });
      expect(bench.bbr.btlBw).to.equal(RATE);
      bench.ack({ rate: RATE / 2 });
      expect(bench.bbr.btlBw).to.equal(RATE / 2);
    });

    it('a rate that the program was the limit of counts only when it is higher', () => {
      const bench = Bench.steady();
      for (let i = 0; i < 20; i++) bench.ack({ rate: RATE / 2, appLimited: true });
      expect(bench.bbr.btlBw).to.equal(RATE);
      bench.ack({ rate: 2 * RATE, appLimited: true });
      expect(bench.bbr.btlBw).to.equal(2 * RATE);
    });
  });

  describe('ProbeRTT, §4.3.5', () => {
    const probing = (): Bench => {
      const bench = Bench.steady();
      for (let i = 0; i < 530 && bench.bbr.state === 'ProbeBW'; i++) bench.ack({ rtt: micros(RTT + 5 * MS) });
      return bench;
    };

    it('comes when no round trip has been as short for ten seconds', () => {
      const bench = probing();
      expect(bench.now).to.be.within(11 * SECOND, 11.5 * SECOND);
      expect([bench.bbr.state, bench.bbr.cwnd]).to.deep.equal(['ProbeRTT', MIN_PIPE_CWND * SMSS]);
      expect(bench.bbr.rtprop).to.equal(RTT + 5 * MS);
    });

    it('lasts 200 ms and a round with four segments; then the window is as before', () => {
      const bench = probing();
      bench.ack({ delivered: SMSS, inFlight: 4 * SMSS }, true, 1);
      for (let i = 0; i < 10; i++) bench.ack({ delivered: SMSS, inFlight: 4 * SMSS, rate: RATE / 25 });
      expect([bench.bbr.state, bench.bbr.cwnd]).to.deep.equal(['ProbeRTT', 4 * SMSS]);
      bench.ack({ delivered: SMSS, inFlight: 4 * SMSS, rate: RATE / 25 });
      expect(bench.bbr.state).to.equal('ProbeBW');
      expect(bench.bbr.cwnd).to.be.above(2 * BDP);
    });

    it('however many rounds it lasts, the low rate of that time does not count', () => {
      const bench = probing();
      for (let i = 0; i < 30; i++) {
        bench.ack({ delivered: SMSS, inFlight: 4 * SMSS, rate: RATE / 25, rtt: micros(RTT) }, true, 5 * MS);
      }
      expect(bench.bbr.btlBw).to.equal(RATE);
    });

    it('is not needed after an idle time', () => {
      const bench = Bench.steady();
      bench.now = micros(bench.now + 20 * SECOND);
      bench.bbr.onResume(20 * SECOND, SECOND, bench.now);
      bench.ack({ rtt: micros(RTT + 5 * MS) });
      expect(bench.bbr.state).to.equal('ProbeBW');
    });
  });

  it('goes on at the rate of the path after an idle time, §4.3.4', () => {
    const bench = Bench.steady();
    bench.bbr.onResume(SECOND, SECOND, bench.now);
    expect(bench.bbr.pacingRate).to.be.closeTo(RATE, 1);
  });

  describe('recovery, §4.2.3.4', () => {
    it('conserves packets for a round, then grows; at the end the window is as before', () => {
      const bench = Bench.steady();
      for (let i = 0; i < 5; i++) bench.ack();
      const before = bench.bbr.cwnd;
      bench.bbr.onLoss();
      bench.ack({ recovering: true, delivered: SMSS, inFlight: 60 * SMSS, lost: 2 * SMSS }, false, 1);
      expect(bench.bbr.cwnd).to.equal(61 * SMSS);
      bench.ack({ recovering: true, delivered: 2 * SMSS, inFlight: 59 * SMSS }, false, 1);
      expect(bench.bbr.cwnd).to.equal(61 * SMSS);
      bench.ack({ recovering: true, delivered: 10 * SMSS, inFlight: 59 * SMSS }, true, RTT);
      expect(bench.bbr.cwnd).to.equal(71 * SMSS);
      bench.ack({ recovering: false, delivered: SMSS }, false, 1);
      expect(bench.bbr.cwnd).to.be.within(before, before + SMSS);
    });

    it('what is lost leaves the window', () => {
      const bench = Bench.steady();
      for (let i = 0; i < 5; i++) bench.ack();
      const before = bench.bbr.cwnd;
      bench.ack({ delivered: SMSS, lost: 20 * SMSS }, false, 1);
      expect(bench.bbr.cwnd).to.equal(before - 19 * SMSS);
    });

    it('after a time-out begins with one segment, and ends where it was', () => {
      const bench = Bench.steady();
      for (let i = 0; i < 5; i++) bench.ack();
      const before = bench.bbr.cwnd;
      bench.bbr.onTimeout(BDP, false);
      expect(bench.bbr.cwnd).to.equal(SMSS);
      bench.bbr.onTimeout(BDP, true);
      bench.ack({ recovering: true, delivered: SMSS, inFlight: 0 });
      expect(bench.bbr.cwnd).to.equal(MIN_PIPE_CWND * SMSS);
      bench.ack({ recovering: false, delivered: SMSS, inFlight: 0 });
      expect(bench.bbr.cwnd).to.be.within(before, before + SMSS);
    });

    it('a mistake is taken back at once', () => {
      const bench = Bench.steady();
      for (let i = 0; i < 5; i++) bench.ack();
      const before = bench.bbr.cwnd;
      bench.bbr.onTimeout(BDP, false);
      bench.bbr.onSpurious();
      expect(bench.bbr.cwnd).to.equal(before);
    });
  });

  describe('on a path', () => {
    // 10 Mbit/s, 40 ms: 33 segments.
    const line = { bandwidth: 10_000_000, delay: 20 * MS };
    const run = (
      queue: number,
      loss: number,
      seconds: number,
      sack = true,
    ): { flow: Flow; octets: number; queued: number } => {
      const lab = path({ ...line, queue: { frames: queue } }, { loss }, { tcp: { sack } });
      const flow = new Flow(lab, 'bbr');
      lab.simulation.runFor(3 * SECOND);
      const before = flow.received;
      lab.simulation.runFor(seconds * SECOND);
      return { flow, octets: (flow.received - before) / seconds, queued: flow.info.srtt! - 40 * MS };
    };
    const full = 10_000_000 / 8;

    it('fills it and leaves the queue nearly empty', () => {
      const { octets, queued, flow } = run(400, 0, 5);
      expect(octets).to.be.above(0.93 * full);
      expect(queued).to.be.below(20 * MS);
      expect(flow.info.retransmissions).to.equal(0);
      expect(flow.info.congestion).to.equal('bbr');
    });

    for (const sack of [true, false]) {
      it(`takes 1 % of loss for no sign of congestion, ${sack ? 'with' : 'without'} SACK`, () => {
        expect(run(100, 0.01, 5, sack).octets).to.be.above((sack ? 0.85 : 0.5) * full);
      });
    }

    it('is content with the rate of a slower line behind it', () => {
      const lab = path({ ...line, queue: { frames: 100 } }, { rate: 5_000_000 }, { tcp: { sack: true } });
      const flow = new Flow(lab, 'bbr');
      lab.simulation.runFor(14 * SECOND); // ProbeRTT included
      const before = flow.received;
      lab.simulation.runFor(4 * SECOND);
      expect(flow.received - before).to.be.above((0.85 * 4 * 5_000_000) / 8);
    });

    it('takes a connection over from CUBIC and gives it back', () => {
      const lab = path({ ...line, queue: { frames: 100 } }, {}, { tcp: { sack: true } });
      const flow = new Flow(lab, 'cubic');
      for (const name of ['bbr', 'cubic', 'bbr']) {
        lab.simulation.runFor(SECOND);
        expect(flow.setCongestion(name)).to.equal(0);
        const before = flow.received;
        lab.simulation.runFor(2 * SECOND);
        expect(flow.received - before).to.be.above(1.5 * full);
      }
    });
  });
});
