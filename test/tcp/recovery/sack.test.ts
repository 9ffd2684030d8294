/**
 * SACK recovery: what peers may get wrong, and undoing what was a mistake (RFC 2883 §5, RFC 4015). The rest is told RFC by RFC in test/rfc/:
 * rfc8985, rfc6675, rfc5682.
 */
import { expect } from 'chai';
import { MS, SECOND, micros } from '../../../src/core/time.ts';
import { Flight } from '../../../src/tcp/recovery/flight.ts';
import { MSS, RACK, RTT, flying } from '../../support/flying.ts';

describe('SACK recovery and its peer', () => {
  it('blocks that are inverted or report what was never sent count for nothing', () => {
    const s = flying(4).advance(RTT);
    s.ack(1, [[4, 2]])
      .ack(1, [[3, 900]])
      .ack(1, [[5, 6]]);
    expect(s.sentNow()).to.deep.equal([]);
    expect(s.conn.info().bytesSacked).to.equal(0);
    expect(s.conn.sender.recovery.counters.badBlocks).to.equal(3);
  });

  it('2018-5.1-a, RFC 2018 §8: a receiver that threw away what it had reported gets it again after a time-out', () => {
    const s = flying(4).advance(RTT);
    s.ack(1, [[2, 5]])
      .advance(RTT)
      .take();
    s.ack(2, []).take(); // P1 came, yet the ACK does not cover P2 to P4
    s.advance(2 * SECOND);
    expect(s.sentNow()[0]).to.deep.equal([2, 'retransmission timeout']);
  });

  it('MUST-34: nothing beyond the window of the peer goes out again', () => {
    const s = flying(6).advance(RTT);
    s.window = MSS;
    s.ack(1, [[4, 7]]);
    expect(s.sentNow()).to.deep.equal([[1, RACK]]);
    s.advance(10 * SECOND);
    for (const [n] of s.sentNow()) expect(Math.floor(n)).to.equal(1);
  });
});

describe('undo of spurious recovery', () => {
  it('RFC 2883 §5.2: false retransmit due to reordering, told by a D-SACK', () => {
    const s = flying(8);
    const { cwnd } = s.conn.info();
    s.advance(RTT).ack(1, [[2, 5]]);
    expect(s.sentNow()).to.deep.equal([[1, RACK]]);
    expect(s.conn.info().cwnd).to.be.below(cwnd);
    s.advance(10 * MS).ack(5); // P1 comes late,
    s.advance(RTT).ack(9, [[1, 2]]); // and then its copy
    expect(s.events.at(-1)).to.equal('recovery-undone: D-SACK');
    expect(s.conn.info().cwnd).to.be.at.least(cwnd);
    expect(s.conn.info().duplicatesReported).to.equal(1);
  });

  it('RFC 4015: the ACK echoes a timestamp from before the retransmission', () => {
    const s = flying(8, { timestamps: true });
    const { stamp } = s;
    const { cwnd } = s.conn.info();
    s.advance(RTT).ack(1, [[2, 5]], stamp);
    expect(s.sentNow().map(([, why]) => why)).to.include(RACK);
    s.advance(10 * MS).ack(5, [], stamp);
    expect(s.events.at(-1)).to.equal('recovery-undone: Eifel detection');
    expect(s.conn.info().cwnd).to.be.at.least(cwnd);
  });

  it('what was taken for lost comes before anything was sent again: it was late', () => {
    const s = flying(8).advance(RTT);
    const { cwnd } = s.conn.info();
    s.deliver(
      `<SEQ=301><ACK=${s.seg(1)}><CTL=ACK><SACK=${s.seg(2)}-${s.seg(5)}>`,
      `<SEQ=301><ACK=${s.seg(5)}><CTL=ACK>`,
    );
    expect(s.sentNow()).to.deep.equal([]);
    expect(s.events.map((event) => event.split(':')[0])).to.deep.equal(['recovery-begins', 'recovery-undone']);
    expect(s.conn.info().cwnd).to.be.at.least(cwnd);
    expect(s.conn.info().retransmissions).to.equal(0);
  });

  it('RFC 3522 §3.2: the ACK of a repair from the recovery before tells nothing of this one', () => {
    const s = flying(10, { timestamps: true });
    s.write(60 * s.size);
    const { stamp } = s;
    s.advance(RTT);
    for (const right of [5, 8, 11]) s.advance(5 * MS).ack(1, [[2, right]], stamp);
    expect(s.numbersNow()).to.deep.equal([1, 11, 12, 13, 14]);
    s.advance(RTT).ack(
      1,
      [
        [12, 13],
        [2, 11],
      ],
      stamp,
    ); // P1 is lost once more, and P11
    const again = s.stamp;
    expect(s.numbersNow()).to.include.members([1, 11, 15]);
    s.advance(RTT).ack(11, [[12, 14]], again); // P1 has arrived: the first recovery is over
    s.advance(5 * MS).ack(
      11,
      [
        [15, 16],
        [12, 14],
      ],
      again,
    ); // P14 is lost, and P11 taken for lost
    expect(s.events.at(-1)).to.equal('recovery-begins: RACK');
    const { ssthresh } = s.conn.info();
    s.advance(5 * MS).ack(14, [[15, 16]], again); // P11 has arrived as the first recovery sent it
    expect(s.conn.info()).to.include({ recoveriesUndone: 0, ssthresh });
  });

  it('RFC 3522 §3.2: it is the first time that a segment was sent again that counts', () => {
    const flight = new Flight();
    flight.append(0, 1000, 1000, micros(1));
    const record = flight.first!;
    flight.resent(record, micros(5));
    flight.resent(record, micros(9));
    expect([record.sentAt, record.resentAt, flight.resentOctets]).to.deep.equal([9, 5, 1000]);
  });

  it('RFC 2883 §5.1: duplicates that the network made undo nothing', () => {
    const s = flying(8).advance(RTT);
    s.ack(5, [[1, 2]]);
    expect(s.conn.info()).to.include({ duplicatesReported: 1, recoveriesUndone: 0 });
  });
});
