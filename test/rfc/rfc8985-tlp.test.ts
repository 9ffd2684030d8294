/**
 * RFC 8985 §7, §8: tail loss probes, from one end of a connection.
 */
import { expect } from 'chai';
import { MS, SECOND } from '../../src/core/time.ts';
import { Timer } from '../../src/tcp/timers.ts';
import type { Flying } from '../support/flying.ts';
import { MSS, PTO, RACK, RTT, TLP, flying } from '../support/flying.ts';
import { Scene } from '../support/tcp-scene.ts';

describe('RFC 8985 §7: tail loss probes', () => {
  describe('8985-7.2-a, §7.2: TLP_calc_PTO', () => {
    const wait = (s: Flying): number => s.conn.timers.at(Timer.Tlp) - s.now;

    it('two round trips', () => {
      const s = flying(2);
      expect(wait(s)).to.be.within(2 * RTT, PTO);
    });

    it('one second when none was measured', () => {
      const s = new Scene({ sack: true, rtoInitial: 1 * SECOND }).connect().advance(1500 * MS); // the SYN goes out again
      s.deliver('<SEQ=300><ACK=101><CTL=SYN,ACK><MSS=1460><SACKOK=1>');
      s.write(2 * MSS);
      s.poll();
      expect(s.conn.info().srtt).to.equal(undefined);
      expect(s.conn.timers.at(Timer.Tlp) - s.now).to.equal(1 * SECOND);
    });

    it('with one segment out, what the peer may delay its ACK by on top', () => {
      const s = flying(1);
      expect(wait(s)).to.equal(Math.min(2 * RTT + 200 * MS, s.conn.info().rto));
      expect(wait(s)).to.be.above(PTO);
    });

    it('no later than the retransmission timeout', () => {
      const s = flying(4);
      const rto = s.conn.timers.at(Timer.Rto);
      s.advance(150 * MS).fly(1);
      expect(s.conn.timers.at(Timer.Tlp)).to.equal(rto);
    });
  });

  it('§7.2: new text, and an ACK that advances, start it anew; not in recovery, nor while segments are reported', () => {
    const s = flying(4).advance(50 * MS);
    const at = (): number | undefined => (s.conn.timers.isSet(Timer.Tlp) ? s.conn.timers.at(Timer.Tlp) : undefined);
    const first = at()!;
    s.fly(1);
    expect(at()).to.equal(first + 50 * MS);
    s.advance(50 * MS).ack(2);
    expect(at()).to.be.above(first + 50 * MS);
    s.ack(2, [[3, 4]]);
    expect(at()).to.equal(undefined);
    s.advance(RTT / 4);
    expect(s.events).to.deep.equal(['recovery-begins: RACK']);
    s.ack(4);
    expect(at()).to.equal(undefined);
  });

  it('8985-7.3-b, §7.3: no probe while another is out: that puts no time-out off, however often small text goes out', () => {
    const s = flying(1);
    s.conn.setOptions({ noDelay: true });
    for (let i = 0; i < 600; i++) {
      s.write(1);
      s.poll().advance(100 * MS);
    }
    expect(s.conn.info().lossProbes).to.equal(1);
    expect(s.conn.info().timeouts).to.be.above(5);
  });

  it('§7.3: no other probe before a round trip was measured again', () => {
    const s = flying(1);
    s.advance(s.conn.timers.at(Timer.Tlp) - s.now);
    expect(s.sentNow()).to.deep.equal([[1, TLP]]);
    s.ack(2, [[1, 2]]); // both came: the episode is over, but Karn forbids a sample
    s.fly(1);
    expect(s.conn.timers.isSet(Timer.Tlp)).to.equal(false);
    s.advance(SECOND);
    expect(s.sentNow()[0]).to.deep.equal([2, 'retransmission timeout']);
    expect(s.conn.info().lossProbes).to.equal(1);
  });

  it('8985-7.2-a, §7.2, §7.3: two round trips after the last segment, that goes out again', () => {
    const s = flying(3);
    s.advance(2 * RTT - MS);
    expect(s.sentNow()).to.deep.equal([]);
    s.advance(10 * MS);
    expect(s.sentNow()).to.deep.equal([[3, TLP]]);
    s.advance(RTT).ack(1, [[3, 4]]); // general case, §7.4.1: P1 and P2 are lost too
    expect(s.sentNow()[0]).to.deep.equal([1, RACK]);
    expect(s.conn.info()).to.include({ lossProbes: 1, timeouts: 0 });
  });

  it('8985-7.3-a, §7.3: new text is sent when there is some', () => {
    const s = flying(10);
    s.window = 10 * MSS;
    s.write(5 * MSS);
    s.poll().take();
    s.advance(PTO);
    const sent = s.sentNow();
    expect(sent).to.have.length(1);
    expect(sent[0]![1]).to.equal(TLP);
    expect(sent[0]![0]).to.be.above(10);
  });

  it('8985-7.3-b, §7.3: one probe; then the time-out', () => {
    const s = flying(3).advance(PTO);
    s.take();
    s.advance(3 * SECOND);
    expect(s.sentNow().map(([n, why]) => `${n} ${why}`)[0]).to.equal('1 retransmission timeout');
    expect(s.conn.info().lossProbes).to.equal(1);
  });

  it('§7.4.2: the probe has repaired the only loss: congestion control hears of it', () => {
    const s = flying(3)
      .advance(RTT)
      .ack(3)
      .advance(3 * RTT);
    expect(s.sentNow()).to.deep.equal([[3, TLP]]);
    const { cwnd } = s.conn.info();
    s.ack(4);
    s.fly(1).advance(RTT).ack(5);
    expect(s.conn.info().cwnd).to.be.below(cwnd);
    expect(s.events[0]).to.equal('recovery-begins: the probe repaired a loss');
  });

  it('§7.4.2 case 1: a D-SACK says that both came: no response', () => {
    const s = flying(3)
      .advance(RTT)
      .ack(3)
      .advance(3 * RTT);
    expect(s.sentNow()).to.deep.equal([[3, TLP]]);
    s.ack(4).ack(4, [[3, 4]]);
    s.fly(1).advance(RTT).ack(5);
    expect(s.events).to.deep.equal([]);
  });

  it('§7.4.2 case 2: a peer without D-SACK repeats its ACK without any SACK option: no response', () => {
    const s = flying(3)
      .advance(RTT)
      .ack(3)
      .advance(3 * RTT);
    expect(s.sentNow()).to.deep.equal([[3, TLP]]);
    s.ack(4); // for the original
    s.fly(1).ack(4); // and once more, for the probe
    s.advance(RTT).ack(5);
    expect(s.events).to.deep.equal([]);
  });

  it('§7.4.2: a probe of new text that is delivered tells of no loss', () => {
    const s = flying(10);
    s.write(MSS);
    s.poll().take();
    s.advance(PTO);
    expect(s.sentNow()).to.deep.equal([[11, TLP]]);
    s.ack(12);
    s.fly(1).advance(RTT).ack(13);
    expect(s.events).to.deep.equal([]);
    expect(s.conn.info().retransmissions).to.equal(0);
  });

  it('§8 (Differs): while the reordering timer runs no probe is due; the time-out goes on running', () => {
    const s = flying(3).advance(RTT);
    s.ack(1, [[2, 3]]);
    const { timers } = s.conn;
    expect([Timer.Rack, Timer.Tlp, Timer.Rto, Timer.Persist].map((timer) => timers.isSet(timer))).to.deep.equal([
      true,
      false,
      true,
      false,
    ]);
  });
});
