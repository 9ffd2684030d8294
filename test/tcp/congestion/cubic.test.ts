import { expect } from 'chai';
import { DEFAULT_CONFIG } from '../../../src/core/config.ts';
import type { TcpConfig } from '../../../src/core/config.ts';
import { MINUTE, MS, SECOND, micros } from '../../../src/core/time.ts';
import type { Micros } from '../../../src/core/time.ts';
import type { CongestionControl } from '../../../src/tcp/congestion/control.ts';
import { ALPHA, Cubic } from '../../../src/tcp/congestion/cubic.ts';
import { SMSS, ackOf } from './samples.ts';

const at = (seconds: number): Micros => micros(Math.round(seconds * SECOND));
const RTT = 0.1;

function fresh(config: Partial<TcpConfig> = {}): CongestionControl {
  return new Cubic({ ...DEFAULT_CONFIG.tcp, ...config });
}

/** After slow start to `segments` and one loss there, at time 0. */
function afterLoss(segments: number, config: Partial<TcpConfig> = {}): CongestionControl {
  const cubic = fresh(config);
  cubic.start(SMSS, false);
  cubic.onAck(ackOf({ acked: segments * SMSS - cubic.cwnd }), at(0));
  cubic.onLoss(segments * SMSS, at(0));
  return cubic;
}

/** Acknowledges a window of segments in each round trip, evenly spread, from `from` to `to` seconds. */
function run(cubic: CongestionControl, from: number, to: number): void {
  let now = from;
  while (now < to) {
    cubic.onAck(ackOf(), at(now));
    now += RTT / (cubic.cwnd / SMSS);
  }
}

/** W_cubic as RFC 9438 §4.2 writes it, in segments. */
const wCubic = (t: number, k: number, wMax: number): number => 0.4 * (t - k) ** 3 + wMax;

describe('tcp/congestion/cubic', () => {
  it('starts with the initial window and doubles it in a round trip', () => {
    const cubic = fresh();
    cubic.start(SMSS, false);
    expect([cubic.cwnd, cubic.ssthresh]).to.deep.equal([10 * SMSS, Infinity]);
    for (let i = 0; i < 10; i++) cubic.onAck(ackOf(), at(0.1));
    expect(cubic.cwnd).to.equal(20 * SMSS);
  });

  it('RFC 9438 §4.6: a loss leaves 0.7 of what was in flight, two segments at least', () => {
    expect(afterLoss(1000)).to.include({ cwnd: 700 * SMSS, ssthresh: 700 * SMSS });
    const small = fresh();
    small.start(SMSS, true);
    small.onLoss(SMSS, at(0));
    expect(small).to.include({ cwnd: 2 * SMSS, ssthresh: 2 * SMSS });
    const applicationLimited = fresh();
    applicationLimited.start(SMSS, false);
    applicationLimited.onAck(ackOf({ cwndLimited: false, peakFlight: 5 * SMSS }), at(0));
    applicationLimited.onLoss(4 * SMSS, at(0));
    expect(applicationLimited.ssthresh).to.equal(3.5 * SMSS);
  });

  describe('RFC 9438 §4.2: the window at a time, by the formula', () => {
    // W_max 1000 segments, so K = cbrt(300 / 0.4) = 9.09 s. cwnd aims at W_cubic(t + RTT) and gets there within a round trip.
    const k = Math.cbrt((1000 - 700) / 0.4);
    for (const t of [1, 2, 4, 6, 8, 9, 10, 12, 14, 16]) {
      it(`${t} s after the loss`, () => {
        const cubic = afterLoss(1000);
        run(cubic, 0, t);
        const segments = cubic.cwnd / SMSS;
        expect(segments).to.be.within(wCubic(t - RTT, k, 1000) * 0.995, wCubic(t + RTT, k, 1000) * 1.005);
      });
    }

    it('one acknowledgment grows cwnd by (target - cwnd) / cwnd of what it covers', () => {
      const cubic = afterLoss(1000);
      cubic.onAck(ackOf(), at(0));
      const before = cubic.cwnd;
      cubic.onAck(ackOf({ acked: 7000 }), at(2));
      const target = wCubic(2 + RTT, k, 1000) * SMSS;
      expect(cubic.cwnd).to.be.closeTo(before + ((target - before) / before) * 7000, 1);
    });

    it('never aims beyond 1.5 cwnd', () => {
      const cubic = afterLoss(1000);
      cubic.onAck(ackOf(), at(0));
      const before = cubic.cwnd;
      cubic.onAck(ackOf({ acked: 1000 }), at(100));
      expect(cubic.cwnd - before).to.equal(500);
    });

    it('never shrinks without a loss', () => {
      const cubic = afterLoss(1000);
      let last = cubic.cwnd;
      for (let now = 0; now < 30; now += 0.01) {
        cubic.onAck(ackOf(), at(now));
        expect(cubic.cwnd).to.be.at.least(last);
        last = cubic.cwnd;
      }
    });
  });

  it('RFC 9438 §4.3: where the cube is slower than Reno, cwnd is W_est', () => {
    // 20 segments and 10 ms: the cube needs 2.5 s to be back, Reno far less.
    const cubic = afterLoss(20);
    let wEst = 14;
    let now = 0;
    for (let i = 0; i < 500; i++) {
      const cwnd = Math.max(wEst, 14);
      wEst += (wEst < 20 ? ALPHA : 1) / cwnd;
      cubic.onAck(ackOf({ srtt: micros(10 * MS) }), at(now));
      now += 0.01 / cwnd;
    }
    expect(now).to.be.below(1);
    expect(cubic.cwnd / SMSS).to.be.closeTo(wEst, 0.01);
    expect(ALPHA).to.be.closeTo(0.529, 0.001);
  });

  it('RFC 9438 §4.7: fast convergence gives up more when the last W_max was not reached', () => {
    const cubic = afterLoss(1000);
    run(cubic, 0, 1);
    const cwnd = cubic.cwnd;
    expect(cwnd).to.be.below(1000 * SMSS);
    cubic.onLoss(cwnd, at(1));
    expect(cubic.cwnd).to.equal(Math.floor(cwnd * 0.7));
    // W_max is now 0.85 cwnd: there the curve is flat.
    const wMax = (0.85 * cwnd) / SMSS;
    const k = Math.cbrt((wMax - cubic.cwnd / SMSS) / 0.4);
    run(cubic, 1, 1 + k);
    expect(cubic.cwnd / SMSS).to.be.closeTo(wMax, 0.5);
  });

  it('RFC 9438 §4.8: after a time-out one segment, slow start to 0.7, then the cube from there with K = 0', () => {
    const cubic = afterLoss(1000);
    run(cubic, 0, 20);
    const { cwnd } = cubic;
    cubic.onTimeout(cwnd, false, at(20));
    const ssthresh = Math.floor(cwnd * 0.7);
    expect(cubic).to.include({ cwnd: SMSS, ssthresh });
    cubic.onTimeout(SMSS, true, at(22));
    expect(cubic).to.include({ cwnd: SMSS, ssthresh });
    cubic.onAck(ackOf({ acked: 1e7, afterTimeout: true }), at(23));
    expect(cubic.cwnd, 'counted as one segment').to.equal(2 * SMSS);
    cubic.onAck(ackOf({ acked: 1e7 }), at(23));
    expect(cubic.cwnd).to.equal(ssthresh);
    run(cubic, 24, 28);
    expect(cubic.cwnd / SMSS).to.be.closeTo(wCubic(4, 0, ssthresh / SMSS), 6);
  });

  it('RFC 9438 §4.2, §5.8: time in which the window is not used does not count', () => {
    const busy = afterLoss(1000);
    run(busy, 0, 4);
    const idle = afterLoss(1000);
    run(idle, 0, 2);
    const { cwnd } = idle;
    // A minute of an application that sends little, and then a pause.
    for (let now = 2; now < 60; now++) idle.onAck(ackOf({ cwndLimited: false }), at(now));
    idle.onResume(0.05 * SECOND, 0.2 * SECOND, at(70));
    expect(idle.cwnd).to.equal(cwnd);
    run(idle, 70, 72);
    expect(idle.cwnd).to.be.closeTo(busy.cwnd, 2 * SMSS);
  });

  describe('RFC 9438 §4.9: a reduction that was a mistake', () => {
    for (const kind of ['loss', 'time-out'] as const) {
      it(`${kind}: everything goes on as if nothing had been`, () => {
        const spurious = afterLoss(1000);
        const plain = afterLoss(1000);
        for (const cubic of [spurious, plain]) run(cubic, 0, 3);
        if (kind === 'loss') spurious.onLoss(spurious.cwnd, at(3));
        else spurious.onTimeout(spurious.cwnd, false, at(3));
        spurious.onSpurious(at(3.1));
        expect([spurious.cwnd, spurious.ssthresh]).to.deep.equal([plain.cwnd, plain.ssthresh]);
        for (const cubic of [spurious, plain]) run(cubic, 3.1, 6);
        expect(spurious.cwnd).to.equal(plain.cwnd);
      });
    }

    it('is taken back once only, and not when cwnd is larger by now', () => {
      const cubic = afterLoss(20);
      cubic.onSpurious(at(0));
      expect([cubic.cwnd, cubic.ssthresh]).to.deep.equal([20 * SMSS, Infinity]);
      cubic.onLoss(20 * SMSS, at(0));
      run(cubic, 0, 30);
      const { cwnd } = cubic;
      expect(cwnd).to.be.above(20 * SMSS);
      cubic.onSpurious(at(30));
      cubic.onSpurious(at(30));
      expect(cubic.cwnd).to.equal(cwnd);
    });
  });

  describe('config.tcp.idleWindow', () => {
    const rto = 0.3 * SECOND;
    const rows = [
      ['restart', 'RFC 5681 §4.1', 0.2 * SECOND, 700, 700],
      ['restart', 'RFC 5681 §4.1', 0.4 * SECOND, 10, 700],
      ['halve', 'RFC 2861', 0.4 * SECOND, 350, 700],
      ['halve', 'RFC 2861', 1 * SECOND, 87.5, 700],
      ['halve', 'RFC 2861', 1 * MINUTE, 10, 700],
      ['keep', 'RFC 7661', 4 * MINUTE, 700, 700],
      ['keep', 'RFC 7661', 6 * MINUTE, 350, 700],
    ] as const;
    for (const [idleWindow, source, idle, cwnd, ssthresh] of rows) {
      it(`${idleWindow} (${source}): ${cwnd} of 700 segments after ${idle / SECOND} s`, () => {
        const cubic = afterLoss(1000, { idleWindow });
        cubic.onResume(idle, rto, at(1000));
        cubic.onResume(-Infinity, rto, at(1000));
        expect([cubic.cwnd / SMSS, cubic.ssthresh / SMSS]).to.deep.equal([cwnd, ssthresh]);
      });
    }
  });

  it('takes over the window of another algorithm, and a new segment size', () => {
    const cubic = fresh();
    cubic.start(SMSS, false, afterLoss(100));
    expect(cubic).to.include({ cwnd: 70 * SMSS, ssthresh: 70 * SMSS });
    cubic.setSmss(500);
    expect(cubic.cwnd).to.equal(70 * SMSS);
    cubic.setSmss(100 * SMSS);
    expect(cubic.cwnd).to.equal(100 * SMSS);
  });
});
