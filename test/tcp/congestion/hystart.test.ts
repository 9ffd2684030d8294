import { expect } from 'chai';
import { DEFAULT_CONFIG } from '../../../src/core/config.ts';
import { MS, micros } from '../../../src/core/time.ts';
import { Cubic } from '../../../src/tcp/congestion/cubic.ts';
import { HyStart } from '../../../src/tcp/congestion/hystart.ts';
import { SMSS, ackOf } from './samples.ts';

/** A round of `samples` acknowledgments with one round-trip time (ms); returns what the last one may grow cwnd by. */
function round(hystart: HyStart, rtt: number, samples = 10): number {
  let growth = 0;
  for (let i = 0; i < samples; i++) {
    growth = hystart.growth(ackOf({ roundStart: i === 0, rtt: micros(rtt * MS) }), SMSS);
  }
  return growth;
}

describe('tcp/congestion/hystart', () => {
  describe('RFC 9406 §4.2: a rise of the least round-trip time by clamp(last / 8, 4 ms, 16 ms) leads into CSS', () => {
    for (const [last, current, conservative] of [
      [10, 13.9, false],
      [10, 14, true],
      [64, 71.9, false],
      [64, 72, true],
      [400, 415, false],
      [400, 416, true],
      [100, 60, false],
    ] as const) {
      it(`${last} ms, then ${current} ms: ${conservative ? 'yes' : 'no'}`, () => {
        const hystart = new HyStart();
        round(hystart, last);
        expect(round(hystart, current)).to.equal(conservative ? SMSS / 4 : SMSS);
        expect([hystart.conservative, hystart.done]).to.deep.equal([conservative, false]);
      });
    }
  });

  it('a round with fewer than 8 samples is not judged; an ACK without a sample is none', () => {
    const hystart = new HyStart();
    round(hystart, 10);
    round(hystart, 50, 7);
    expect(hystart.conservative).to.equal(false);
    hystart.growth(ackOf({ rtt: micros(0) }), SMSS);
    expect(hystart.conservative).to.equal(false);
    hystart.growth(ackOf({ rtt: micros(50 * MS) }), SMSS);
    expect(hystart.conservative).to.equal(true);
  });

  it('one quick answer is enough to go on: the least of the round counts', () => {
    const hystart = new HyStart();
    round(hystart, 10);
    hystart.growth(ackOf({ roundStart: true, rtt: micros(10 * MS) }), SMSS);
    for (let i = 0; i < 20; i++) hystart.growth(ackOf({ rtt: micros(90 * MS) }), SMSS);
    expect(hystart.conservative).to.equal(false);
  });

  it('CSS ends slow start after 5 rounds, the first of them partial', () => {
    const hystart = new HyStart();
    round(hystart, 10);
    for (let i = 1; i <= 5; i++) {
      round(hystart, 20);
      expect([hystart.conservative, hystart.done], `round ${i}`).to.deep.equal([true, false]);
    }
    round(hystart, 20, 1);
    expect(hystart.done).to.equal(true);
  });

  it('slow start goes on when the rise does not last', () => {
    const hystart = new HyStart();
    round(hystart, 10);
    round(hystart, 20);
    expect(round(hystart, 19)).to.equal(SMSS);
    expect(hystart.conservative).to.equal(false);
    expect(round(hystart, 30), 'and may be left again').to.equal(SMSS / 4);
  });

  for (const [rtt, done] of [
    [23.9, false],
    [24, true],
  ] as const) {
    it(`CSS at 20 ms, then ${rtt} ms: ${done ? 'a second rise ends slow start' : 'no second rise'}`, () => {
      const hystart = new HyStart();
      round(hystart, 10);
      round(hystart, 20);
      round(hystart, rtt);
      expect(hystart.done).to.equal(done);
    });
  }

  for (const [train, done] of [
    [10, false],
    [10.001, true],
  ] as const) {
    it(`ACKs for ${train} ms where a round trip takes 10 ms: ${done ? 'the path is full' : 'it may not be full'}`, () => {
      const hystart = new HyStart();
      round(hystart, 10);
      hystart.growth(ackOf({ roundStart: true, rtt: micros(10 * MS) }), SMSS);
      hystart.growth(ackOf({ rtt: micros(10 * MS), ackTrain: micros(train * MS) }), SMSS);
      expect(hystart.done).to.equal(done);
    });
  }

  it('an ACK train tells nothing in the first round, when no round trip is known', () => {
    const hystart = new HyStart();
    hystart.growth(ackOf({ rtt: micros(10 * MS), ackTrain: micros(100 * MS) }), SMSS);
    expect(hystart.done).to.equal(false);
  });

  it('CUBIC leaves slow start with ssthresh at cwnd, and then rises from there', () => {
    const cubic = new Cubic(DEFAULT_CONFIG.tcp);
    cubic.start(SMSS, false);
    let rtt = 20;
    for (let r = 0; cubic.ssthresh === Infinity; r++) {
      expect(r).to.be.below(12);
      for (let left = cubic.cwnd / SMSS, first = true; left > 0 && cubic.ssthresh === Infinity; left--, first = false) {
        cubic.onAck(ackOf({ roundStart: first, rtt: micros(rtt * MS) }), micros(r * rtt * MS));
      }
      if (r >= 2) rtt *= 1.5;
    }
    expect(cubic.ssthresh).to.equal(cubic.cwnd);
    const { cwnd } = cubic;
    cubic.onAck(ackOf(), micros(1e7));
    cubic.onAck(ackOf(), micros(3e7));
    expect(cubic.cwnd).to.be.above(cwnd);
  });
});
