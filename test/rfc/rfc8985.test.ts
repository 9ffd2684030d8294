/**
 * RFC 8985 (RACK-TLP): its examples, and its steps as they are told, from one end of a connection. Marks and windows by themselves are in
 * test/tcp/recovery/scoreboard.test.ts.
 */
import { expect } from 'chai';
import type { TcpConfig } from '../../src/core/config.ts';
import { MS, micros } from '../../src/core/time.ts';
import { REO_WND_PERSIST, Rack } from '../../src/tcp/recovery/rack.ts';
import { Timer } from '../../src/tcp/timers.ts';
import { Flying, MSS, PTO, RACK, RTT, TLP, flying } from '../support/flying.ts';

describe('RFC 8985 §3: RACK-TLP in action', () => {
  it('§3.4, Figure 1: P1 to P3 are dropped, and then the first retransmission of P1', () => {
    const s = new Flying().fly(4); // 1.
    s.advance(RTT).ack(1); // 2.
    s.advance(PTO); // 3a.
    expect(s.sentNow(), '3b.').to.deep.equal([[3, TLP]]);
    s.advance(RTT).ack(1, [[3, 4]]); // 4., 5a.
    expect(s.sentNow(), '5c.').to.deep.equal([
      [1, RACK],
      [2, RACK],
    ]);
    s.advance(RTT).ack(1, [[2, 4]]); // 6.
    expect(s.sentNow(), '7b.').to.deep.equal([[1, RACK]]);
    s.advance(RTT).ack(4); // 8.
    expect(s.events).to.deep.equal(['recovery-begins: RACK', 'recovery-ends: all acknowledged']);
    expect(s.conn.info()).to.include({ lossProbes: 1, timeouts: 0, retransmissions: 4, bytesLost: 3 * MSS });
  });

  /** One segment that is late, its probe and its time-out; two more were sent just before that. Nothing was lost. */
  function lateFirst(sack: boolean): Flying {
    const s = sack ? flying(1) : new Flying({ sack: false });
    if (!sack) s.fly(1).advance(RTT).ack(1).fly(1);
    while (s.conn.info().timeouts === 0) {
      const left = s.conn.timers.at(Timer.Rto) - s.now;
      if (s.conn.timers.isSet(Timer.Tlp)) s.advance(s.conn.timers.at(Timer.Tlp) - s.now);
      else if (s.conn.info().flightSize > MSS) s.advance(left);
      else {
        s.advance(left - 2 * MS).take();
        s.fly(2);
      }
    }
    return s;
  }

  it('§3.5, without RACK: the second and the third are sent again in slow start, though nothing tells that they are lost', () => {
    const s = lateFirst(false);
    expect(s.numbersNow()).to.deep.equal([1]);
    s.advance(MS).ack(2);
    expect(s.numbersNow()).to.deep.equal([2, 3]);
  });

  it('§3.5, with RACK: only the first counts as lost; the others are left alone for another RTO', () => {
    const s = lateFirst(true);
    expect(s.sentNow()).to.deep.equal([[1, 'retransmission timeout']]);
    expect(s.conn.info().bytesLost).to.equal(MSS);
    s.advance(MS).ack(2);
    expect(s.conn.timers.at(Timer.Rto) - s.now, 'armed again').to.equal(s.conn.info().rto);
    s.advance(s.conn.info().rto - MS);
    expect(s.sentNow(), 'before it expires').to.deep.equal([]);
    s.ack(4);
    expect(s.conn.info()).to.include({ flightSize: 0, timeouts: 1 });
  });
});

describe('RFC 8985 §6.2: upon receiving an ACK', () => {
  it('step 1: RACK.min_RTT is the least of what was measured', () => {
    const rack = new Rack();
    for (const rtt of [30, 20, 40]) rack.delivered(micros(0), 1, false, micros(rtt * MS));
    expect(rack.roundTrips.min.value).to.equal(20 * MS);
  });

  describe('step 2: a retransmission is followed by an ACK that may be for the original', () => {
    /** P1 is sent again; P3 to P6 went out before that, after P1 and P2. */
    function ambiguous(tcp: Partial<TcpConfig> = {}): { s: Flying; first: number } {
      const s = new Flying(tcp);
      const first = s.stamp;
      s.fly(1).advance(RTT).ack(1, [], first);
      s.fly(2).advance(RTT);
      s.fly(4)
        .ack(1, [[2, 3]], s.stamp - RTT / MS)
        .advance(RTT / 4);
      expect(s.sentNow()).to.deep.equal([[1, RACK]]);
      return { s, first };
    }

    for (const [wait, lost] of [
      [RTT / 4, []],
      [RTT, [3, 4, 5, 6]],
    ] as const) {
      it(`(2): ${wait / MS} ms after it: ${lost.length === 0 ? 'RACK learns nothing' : 'what was sent before it is lost'}`, () => {
        const { s } = ambiguous();
        s.advance(wait).ack(3);
        s.advance(RTT / 4);
        expect(s.conn.info().bytesLost - MSS).to.equal(lost.length * MSS);
      });
    }

    for (const [name, back, lost] of [
      ['from before it: RACK learns nothing', 1, 0],
      ['of its own: what was sent before it is lost', 0, 4],
    ] as const) {
      it(`(1): the ACK echoes a timestamp ${name}`, () => {
        const { s } = ambiguous({ timestamps: true });
        const again = s.stamp;
        s.advance(RTT).ack(3, [], again - back);
        expect(s.conn.info().bytesLost - s.size).to.equal(lost * s.size);
      });
    }
  });

  it('step 3: a segment that was never sent again and lies below RACK.fack came out of order', () => {
    const s = flying(4).advance(RTT);
    s.ack(1, [[2, 3]]);
    expect(s.conn.info().reorderings).to.equal(0);
    s.ack(3);
    expect(s.conn.info().reorderings).to.equal(1);
  });

  it('step 3: a retransmission below it did not', () => {
    const s = flying(5).advance(RTT);
    s.ack(1, [[2, 5]]);
    expect(s.sentNow()).to.deep.equal([[1, RACK]]);
    s.advance(RTT).ack(6);
    expect(s.conn.info().reorderings).to.equal(0);
  });

  describe('step 4: the reordering window', () => {
    const srtt = micros(1000 * MS);
    function measured(): Rack {
      const rack = new Rack();
      rack.delivered(micros(0), 1, false, micros(RTT));
      return rack;
    }

    it('without reordering there is none once three segments are reported, or in recovery; else min_RTT/4', () => {
      const rack = measured();
      expect(rack.reorderingWindow(false, 2, srtt)).to.equal(RTT / 4);
      expect(rack.reorderingWindow(false, 3, srtt)).to.equal(0);
      expect(rack.reorderingWindow(true, 0, srtt)).to.equal(0);
      rack.reorderingSeen = true;
      expect(rack.reorderingWindow(true, 3, srtt)).to.equal(RTT / 4);
    });

    it('8985-3.3.2-a: after N round trips with a D-SACK (N+1) * min_RTT/4, up to SRTT', () => {
      const rack = measured();
      for (let n = 1; n <= 5; n++) {
        // Two in one round trip count once.
        rack.onDsack(n * 1000, (n + 1) * 1000);
        rack.onDsack(n * 1000 + 500, (n + 1) * 1000);
        expect(rack.reorderingWindow(false, 0, srtt), `${n}`).to.equal(((n + 1) * RTT) / 4);
      }
      expect(rack.reorderingWindow(false, 0, micros(RTT))).to.equal(RTT);
    });

    it('after 16 recoveries without another it falls back', () => {
      const rack = measured();
      rack.onDsack(1000, 2000);
      for (let n = 1; n < REO_WND_PERSIST; n++) rack.onRecovered();
      expect(rack.reorderingWindow(false, 0, srtt)).to.equal((2 * RTT) / 4);
      rack.onRecovered();
      expect(rack.reorderingWindow(false, 0, srtt)).to.equal(RTT / 4);
    });
  });

  it('step 5: what was sent at the same time is told apart by its number', () => {
    const s = flying(3).advance(RTT);
    s.ack(1, [[2, 3]]).advance(RTT / 4);
    // P1 lies before P2, P3 after it.
    expect(s.sentNow()).to.deep.equal([[1, RACK]]);
    expect(s.conn.info().bytesLost).to.equal(MSS);
  });

  it('step 5: the timer waits until all of the segments in question are lost', () => {
    const s = flying(1)
      .advance(10 * MS)
      .fly(1)
      .advance(10 * MS)
      .fly(1)
      .advance(RTT);
    s.ack(1, [[3, 4]]);
    // P2 was sent 10 ms before P3, so RACK.rtt plus the window are over for it 25 - 10 ms from now.
    expect(s.conn.timers.at(Timer.Rack) - s.now).to.equal(15 * MS);
    s.advance(14 * MS);
    expect(s.sentNow()).to.deep.equal([]);
    s.advance(MS);
    expect(s.conn.info().bytesLost).to.equal(2 * MSS);
    expect(s.numbersNow()).to.deep.equal([1]); // the other when the network has room: PRR
  });

  it('§6.3: a time-out marks the first, and what was sent longer ago than a round trip', () => {
    const s = flying(2).advance(RTT).ack(2);
    s.advance(s.conn.timers.at(Timer.Tlp) - s.now).take();
    expect(s.conn.info().lossProbes).to.equal(1);
    s.advance(s.conn.timers.at(Timer.Rto) - s.now - 150 * MS).take();
    s.fly(1)
      .advance(100 * MS)
      .fly(1)
      .advance(50 * MS);
    expect(s.sentNow()).to.deep.equal([[2, 'retransmission timeout']]);
    expect(s.conn.info()).to.include({ timeouts: 1, bytesLost: 2 * MSS }); // P2 and P3, not P4
  });
});

describe('RFC 8985 §9.1: advantages', () => {
  it('§9.1 example 1: drops at the end of a flight of three, P1 and P3 lost', () => {
    const s = flying(1)
      .advance(30 * MS)
      .fly(1)
      .advance(30 * MS)
      .fly(1)
      .advance(70 * MS);
    s.ack(1, [[2, 3]]);
    expect(s.sentNow()).to.deep.equal([[1, RACK]]);
    s.advance(RTT).ack(3);
    expect(s.sentNow()).to.deep.equal([[3, RACK]]);
    s.advance(RTT).ack(4);
    expect(s.events).to.deep.equal(['recovery-begins: RACK', 'recovery-ends: all acknowledged']);
    expect(s.conn.info().timeouts).to.equal(0);
  });

  it('§9.1 example 2: P1 and P2 are dropped, and then the retransmission of P1', () => {
    const s = flying(1)
      .advance(30 * MS)
      .fly(1)
      .advance(30 * MS)
      .fly(1)
      .advance(RTT);
    s.ack(1, [[3, 4]]);
    expect(s.sentNow()).to.deep.equal([
      [1, RACK],
      [2, RACK],
    ]);
    s.advance(RTT).ack(1, [[2, 4]]);
    expect(s.sentNow()).to.deep.equal([[1, RACK]]);
    s.advance(RTT).ack(4);
    expect(s.conn.info()).to.include({ timeouts: 0, retransmissions: 3, bytesLost: 3 * MSS });
  });

  describe('§9.1 example 3: P3, of one octet, overtakes P1 and P2, after reordering has been seen', () => {
    function reordered(): Flying {
      const s = flying(2).advance(RTT);
      s.ack(1, [[2, 3]])
        .advance(1 * MS)
        .ack(3);
      expect(s.conn.info().reorderings).to.equal(1);
      s.conn.setOptions({ noDelay: true });
      s.fly(2).write(1);
      s.poll().take();
      s.advance(RTT).deliver(`<SEQ=301><ACK=${s.seg(3)}><CTL=ACK><SACK=${s.seg(5)}-${s.seg(5) + 1}>`);
      expect(s.sentNow()).to.deep.equal([]);
      return s;
    }

    it('P1 and P2 come within min_RTT/4: nothing is sent again', () => {
      const s = reordered().advance(RTT / 4 - MS);
      s.deliver(`<SEQ=301><ACK=${s.seg(5) + 1}><CTL=ACK>`).advance(RTT);
      expect(s.conn.info()).to.include({ retransmissions: 0, bytesLost: 0 });
      expect(s.events).to.deep.equal([]);
    });

    it('8985-3.3.2-a: they come later: the reordering timer marks both lost', () => {
      const s = reordered().advance(RTT / 4 + MS);
      expect(s.sentNow()).to.deep.equal([[3, RACK]]);
      expect(s.conn.info().bytesLost).to.equal(2 * MSS);
    });
  });

  it('8985-6.2-a, 6675-4-a, §6.2 step 4: three segments reported, and no reordering seen: no wait', () => {
    const s = flying(6).advance(RTT);
    s.ack(1, [[2, 4]]);
    expect(s.sentNow()).to.deep.equal([]); // limited transmit has nothing to send
    s.ack(1, [[2, 5]]);
    expect(s.sentNow()).to.deep.equal([[1, RACK]]);
  });

  it('a super-segment that was partly reported is split; only what is missing goes out again', () => {
    const s = new Flying();
    s.ip.paths[0]!.maxSegment = 65535;
    s.ip.paths[0]!.checksumOffload = true;
    s.fly(1).advance(RTT).ack(1);
    s.write(8 * MSS);
    s.poll();
    const half = Math.floor(s.conn.info().cwnd / 2 / MSS) * MSS;
    expect(s.take().map((p) => p.data.length)).to.deep.equal([half, 8 * MSS - half]);
    s.advance(RTT).ack(1, [
      [5, 9],
      [2, 4],
    ]);
    expect(s.sentNow()).to.deep.equal([
      [1, RACK],
      [4, RACK],
    ]);
  });
});

describe('RFC 8985 §9.3: interaction with congestion control', () => {
  it('a window of twenty, ten segments sent and all lost: a probe after two round trips, then slow start, and no time-out', () => {
    const s = new Flying().fly(10).advance(RTT);
    for (let n = 1; n <= 10; n++) s.ack(n);
    expect(s.conn.info().cwnd).to.equal(20 * MSS);
    s.fly(10).advance(PTO);
    const rounds: number[][] = [s.numbersNow()];
    expect(rounds).to.deep.equal([[19]]);
    // Each segment of a round draws an ACK of the next round trip; the last one lies beyond the gap.
    for (let una = 10; una < 20;) {
      s.advance(RTT);
      for (const n of rounds.at(-1)!) {
        if (n < 19) una = n + 1 < 19 ? n + 1 : 20;
        s.ack(una, una < 20 ? [[19, 20]] : []);
      }
      if (una < 20) rounds.push(s.numbersNow());
    }
    expect(rounds.map((round) => round.length)).to.deep.equal([1, 2, 4, 3]);
    // The RFC takes half of the window for ssthresh; it is half of what was out, RFC 5681 §3.1.
    expect(s.conn.info()).to.include({ timeouts: 0, lossProbes: 1, retransmissions: 10, cwnd: 5 * MSS });
  });
});

describe('RFC 8985 §10: security considerations', () => {
  it('a segment of which single octets are reported tells no more than the whole one', () => {
    const s = flying(4).advance(RTT);
    for (let i = 0; i < 50; i++) {
      s.deliver(`<SEQ=301><ACK=${s.seg(1)}><CTL=ACK><SACK=${s.seg(2) + 2 * i}-${s.seg(2) + 2 * i + 1}>`);
    }
    expect(s.sentNow()).to.deep.equal([]);
    expect(s.events).to.deep.equal([]);
    s.ack(1, [[2, 3]]);
    expect(s.sentNow()).to.deep.equal([]); // one segment, not fifty: it still is within the reordering window
  });
});
