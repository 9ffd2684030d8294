/**
 * RFC 6675 (loss recovery by SACK), section by section: what of it holds with RACK in the place of IsLost and DupThresh (RFC 8985 §9.2), and
 * PRR in the place of cwnd - pipe (RFC 6937). It has no figures; its rules are the examples.
 */
import { expect } from 'chai';
import { MS } from '../../src/core/time.ts';
import { SackRecovery } from '../../src/tcp/recovery/sack.ts';
import { Timer } from '../../src/tcp/timers.ts';
import { MSS, RACK, RTT, flying } from '../support/flying.ts';
import type { Blocks, Flying } from '../support/flying.ts';

/** What RFC 6675 calls pipe, in segments. */
function pipe(s: Flying): number {
  const { recovery } = s.conn.sender;
  if (!(recovery instanceof SackRecovery)) throw new Error('no SACK recovery');
  return recovery.pipe / MSS;
}

/** Ten segments out, and ten more to send; the peer has had a round trip to answer. */
function tenAndTen(): Flying {
  const s = flying(10);
  s.write(10 * MSS);
  s.advance(RTT).take();
  return s;
}

/** Segments of `size` octets, each on its own, numbered from 1; returns an ACK that reports some of them. */
function small(count: number, size: number): { s: Flying; report: (blocks: Blocks) => void } {
  const s = flying(0);
  s.conn.setOptions({ noDelay: true });
  for (let i = 0; i < count; i++) {
    s.write(size);
    s.poll();
  }
  s.take();
  s.advance(RTT);
  const at = (n: number): number => s.seg(1) + (n - 1) * size;
  return {
    s,
    report: (blocks) => {
      s.deliver(
        `<SEQ=301><ACK=${at(1)}><CTL=ACK><SACK=${blocks.map(([left, right]) => `${at(left)}-${at(right)}`).join(',')}>`,
      );
    },
  };
}

describe('RFC 6675 §2: a duplicate acknowledgment is one that reports something new', () => {
  for (const [name, segment] of [
    ['with text', '<CTL=ACK><DATA=10>'],
    ['with another window', '<CTL=ACK><WND=60000>'],
  ] as const) {
    it(`${name}: it begins recovery`, () => {
      const s = flying(6).advance(RTT);
      s.deliver(`<SEQ=301><ACK=${s.seg(1)}>${segment}<SACK=${s.seg(2)}-${s.seg(5)}>`);
      expect(s.events).to.deep.equal(['recovery-begins: RACK']);
      expect(s.sentNow()[0]).to.deep.equal([1, RACK]);
    });
  }

  it('while it advances: so does that', () => {
    const s = flying(8).advance(RTT);
    s.ack(3, [[4, 7]]);
    expect(s.events).to.deep.equal(['recovery-begins: RACK']);
    expect(s.sentNow()[0]).to.deep.equal([3, RACK]);
  });

  it('without anything new it does not, however often it comes', () => {
    const s = flying(6).advance(RTT);
    for (let i = 0; i < 10; i++) s.ack(1, [[2, 4]]);
    expect([s.events, s.sentNow()]).to.deep.equal([[], []]);
  });
});

describe('RFC 6675 §4: the functions', () => {
  it('Update: octets count once, whatever reports them again', () => {
    const s = flying(10).advance(RTT);
    s.ack(1, [[5, 6]]).ack(1, [[5, 7]]).ack(1, [[8, 9], [5, 7]]); // prettier-ignore
    expect(s.conn.info().bytesSacked).to.equal(3 * MSS);
    s.ack(7, [[8, 9]]);
    expect(s.conn.info().bytesSacked).to.equal(3 * MSS);
  });

  it('IsLost: two segments above are too few, three are enough; the time of RACK would come later', () => {
    const s = flying(10).advance(RTT);
    s.ack(1, [[2, 4]]);
    expect(s.conn.info().bytesLost).to.equal(0);
    s.ack(1, [[2, 5]]);
    expect(s.conn.info().bytesLost).to.equal(MSS);
  });

  it('IsLost: three small segments apart from each other are enough', () => {
    const { s, report } = small(8, 100);
    report([[3, 4]]);
    report([[5, 6], [3, 4]]); // prettier-ignore
    expect(s.events).to.deep.equal([]);
    report([[7, 8], [5, 6], [3, 4]]); // prettier-ignore
    expect(s.events).to.deep.equal(['recovery-begins: RACK']);
    // Not 8, which lies above all of them. Differs: 4 and 6 are lost too, since RACK goes by time and not by how much came above.
    expect(s.conn.info().bytesLost).to.equal(4 * 100);
  });

  it('SetPipe: (a) neither reported nor lost, (b) and what went out again', () => {
    const s = flying(10).advance(RTT);
    expect(pipe(s)).to.equal(10);
    s.ack(1, [[2, 4]]);
    expect(pipe(s)).to.equal(8);
    s.ack(1, [[2, 5]]); // P1 is lost, and goes out again
    expect(s.sentNow()).to.deep.equal([[1, RACK]]);
    expect(pipe(s)).to.equal(10 - 3 - 1 + 1);
    s.advance(MS).ack(5); // the original came after all
    expect(pipe(s)).to.equal(6);
  });

  describe('NextSeg', () => {
    it('(1): the lowest that is lost first, each once, none above what was reported', () => {
      const s = flying(10).advance(RTT);
      s.ack(1, [[4, 6]]).ack(1, [[8, 9], [4, 6]]); // prettier-ignore
      const sent = s.numbersNow();
      // What went out again has come: the receiver tells of the next hole.
      for (const una of [2, 3, 6, 7]) {
        s.advance(10 * MS).ack(una, [[8, 9]]);
        sent.push(...s.numbersNow());
      }
      expect(sent).to.deep.equal([1, 2, 3, 6, 7]);
    });

    it('(2): new text when nothing is lost', () => {
      const s = tenAndTen();
      s.ack(1, [[2, 5]]).ack(1, [[2, 6]]).ack(1, [[2, 7]]).ack(1, [[2, 8]]); // prettier-ignore
      const sent = s.sentNow();
      expect(sent[0]).to.deep.equal([1, RACK]);
      expect(sent.slice(1)).to.not.deep.equal([]);
      sent.slice(1).forEach(([n, why], i) => expect([n, why]).to.deep.equal([11 + i, 'new data']));
    });

    it('(2): not beyond the window of the peer', () => {
      const s = tenAndTen();
      s.window = 10 * MSS;
      s.ack(1, [[2, 5]]).ack(1, [[2, 7]]).ack(1, [[2, 10]]); // prettier-ignore
      expect(s.numbersNow()).to.deep.equal([1]);
    });

    it('(3): what may be lost, when there is nothing else: after the reordering window', () => {
      const s = flying(3).advance(RTT);
      s.ack(1, [[2, 3]]);
      expect(s.sentNow()).to.deep.equal([]);
      s.advance(RTT / 4);
      expect(s.sentNow()).to.deep.equal([[1, RACK]]);
    });

    it('(4): a loss at the end of the window: what repaired another one tells of it, instead of a rescue', () => {
      const s = flying(10).advance(RTT);
      s.ack(1, [[2, 9]]); // 9 and 10 are lost
      expect(s.numbersNow()).to.deep.equal([1]);
      s.advance(RTT).ack(9);
      expect(s.sentNow()).to.deep.equal([
        [9, RACK],
        [10, RACK],
      ]);
      s.advance(RTT).ack(11);
      expect(s.conn.info()).to.include({ timeouts: 0, retransmissions: 3 });
    });

    it('(5): nothing when there is nothing', () => {
      const s = flying(6).advance(RTT);
      s.ack(1, [[2, 7]]);
      expect(s.numbersNow()).to.deep.equal([1]);
      s.advance(RTT / 2).ack(1, [[2, 7]]);
      expect(s.sentNow()).to.deep.equal([]);
    });
  });
});

describe('RFC 6675 §5: the algorithm', () => {
  it('(1): three duplicate ACKs, each of a small segment, begin recovery', () => {
    const { s, report } = small(4, 10);
    report([[2, 3]]);
    report([[2, 4]]);
    expect(s.events).to.deep.equal([]);
    report([[2, 5]]);
    expect(s.events).to.deep.equal(['recovery-begins: RACK']);
  });

  it('(2): one ACK that reports three segments does too', () => {
    const s = flying(4)
      .advance(RTT)
      .ack(1, [[2, 5]]);
    expect(s.events).to.deep.equal(['recovery-begins: RACK']);
  });

  it('(3): before that new text goes out as far as cwnd - pipe allows', () => {
    const s = tenAndTen();
    const { cwnd } = s.conn.info();
    s.ack(1, [[2, 4]]);
    expect(s.sentNow()).to.deep.equal([
      [11, 'limited transmit'],
      [12, 'limited transmit'],
    ]);
    expect(pipe(s) * MSS).to.be.at.most(cwnd);
  });

  it('3042-2-b: a duplicate ACK that tells nothing new lets nothing new out', () => {
    const s = flying(10);
    s.write(10 * MSS);
    s.advance(RTT).take();
    s.ack(1, [[2, 3]]);
    expect(s.sentNow()).to.deep.equal([[11, 'limited transmit']]);
    for (let i = 0; i < 5; i++) s.ack(1, [[2, 3]]);
    expect(s.sentNow()).to.deep.equal([]);
  });

  it('(4.1), (A): recovery ends with the ACK of all that was out when it began, what limited transmit sent included', () => {
    const s = tenAndTen();
    s.ack(1, [[2, 3]]).ack(1, [[2, 4]]).ack(1, [[2, 5]]); // prettier-ignore
    const out = (s.conn.tcb.sndNxt - s.conn.tcb.iss - 1) / MSS;
    expect(out).to.be.at.least(13);
    s.ack(12);
    expect(s.events).to.deep.equal(['recovery-begins: RACK']);
    s.ack(13);
    expect(s.events.at(-1)).to.equal('recovery-ends: all acknowledged');
  });

  it('(4.2), (4.3): the segment at HighACK + 1 goes out at once, whatever is in the network', () => {
    const s = flying(10).advance(RTT);
    s.ack(1, [[2, 5]]);
    expect(pipe(s)).to.be.above(s.conn.info().ssthresh / MSS);
    expect(s.sentNow()).to.deep.equal([[1, RACK]]);
  });

  it('6675-5-a, §5 (4.2): ssthresh is half of what was out before limited transmit', () => {
    const s = flying(10);
    s.write(10 * MSS);
    s.advance(RTT);
    const before = s.conn.info().cwnd;
    s.ack(1, [[2, 3]])
      .ack(1, [[2, 4]])
      .ack(1, [[2, 5]]);
    expect(s.conn.info().ssthresh).to.be.at.most(Math.max(before * 0.7, 2 * MSS));
    expect(s.conn.info().ssthresh).to.be.at.least(Math.floor(before / 2) - MSS);
  });

  it('(A): what is known of numbers beyond the ACK that ends it is kept', () => {
    const s = tenAndTen();
    s.ack(1, [[2, 5]]).ack(1, [[2, 10]]); // prettier-ignore
    const out = (s.conn.tcb.sndNxt - s.conn.tcb.iss - 1) / MSS;
    expect(out).to.be.above(13);
    s.advance(RTT).take();
    s.ack(1, [[12, 13], [2, 11]]); // prettier-ignore
    const sacked = s.conn.info().bytesSacked;
    s.ack(11, [[12, 13]]);
    expect(s.events.at(-1)).to.equal('recovery-ends: all acknowledged');
    expect(s.conn.info().bytesSacked).to.equal(sacked);
    // 11 counts as lost without a further report, and 12 does not go out again.
    s.advance(RTT / 2);
    expect(s.numbersNow().filter((n) => n < 13)).to.deep.equal([11]);
  });

  it('6675-4-b, 6675-4-c, 6675-5-b, 8985-9.3-a: what is lost first, then new text; no more than PRR lets into the network', () => {
    const s = flying(10);
    s.write(10 * MSS);
    s.advance(RTT).take();
    s.ack(1, [[2, 3]]);
    s.ack(1, [[2, 4]]);
    // RFC 3042: one for each.
    expect(s.sentNow()).to.deep.equal([
      [11, 'limited transmit'],
      [12, 'limited transmit'],
    ]);
    s.ack(1, [[2, 5]]);
    expect(s.sentNow()[0]).to.deep.equal([1, RACK]);
    s.ack(1, [[2, 6]])
      .ack(1, [[2, 7]])
      .ack(1, [[2, 8]]);
    for (const [n, why] of s.sentNow()) expect([n > 10, why]).to.deep.equal([true, 'new data']);
  });

  it('(C): several segments for an ACK that tells of much', () => {
    const s = flying(10).advance(RTT);
    s.ack(1, [[8, 11]]);
    const first = s.numbersNow();
    s.advance(RTT).ack(1 + first.length, [[8, 11]]);
    expect(s.numbersNow().length).to.be.above(1);
    expect(pipe(s) * MSS).to.be.at.most(s.conn.info().ssthresh);
  });
});

describe('RFC 6675 §5.1, §6: time-outs', () => {
  it('6675-5.1-a: a time-out in recovery ends it; no other begins, nor a second reduction, before all is acknowledged', () => {
    const s = flying(10).advance(RTT);
    s.ack(1, [[2, 5]]);
    const { ssthresh } = s.conn.info();
    expect(s.events).to.deep.equal(['recovery-begins: RACK']);
    s.advance(RTT).take(); // what was sent again is lost
    s.advance(400 * MS).take();
    expect(s.events[1]).to.equal('recovery-begins: retransmission timeout');
    s.ack(5, [[8, 11]]); // 5 to 7 are lost too
    expect(s.events.slice(2)).to.deep.equal([]);
    expect(s.conn.info().ssthresh).to.equal(ssthresh);
    s.ack(11);
    expect(s.events[2]).to.equal('recovery-ends: all acknowledged');
  });

  it('§5.1: what was reported before a time-out does not go out again after it', () => {
    const s = flying(10).advance(RTT);
    s.ack(1, [[3, 5], [8, 9]]).take(); // prettier-ignore
    s.advance(600 * MS).take();
    expect(s.conn.info().timeouts).to.equal(1);
    const sent: number[] = [1];
    for (const una of [2, 5, 6, 7, 9, 10]) {
      s.ack(una, una < 8 ? [[8, 9]] : []).advance(RTT / 4); // paced
      sent.push(...s.numbersNow());
    }
    expect(sent).to.deep.equal([1, 2, 5, 6, 7, 9, 10]);
  });

  it('§6: the timer starts anew when the segment at SND.UNA goes out again', () => {
    const s = flying(6).advance(RTT);
    const { rto } = s.conn.info();
    s.ack(1, [[2, 5]]);
    expect(s.numbersNow()).to.deep.equal([1]);
    expect(s.conn.timers.at(Timer.Rto) - s.now).to.equal(rto);
  });
});
