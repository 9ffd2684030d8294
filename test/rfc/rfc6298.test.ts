/**
 * RFC 6298 (Computing TCP's Retransmission Timer): the timer seen from outside. The arithmetic is test/tcp/rto.test.ts.
 */
import { expect } from 'chai';
import { MS, SECOND } from '../../src/core/time.ts';
import { Timer } from '../../src/tcp/timers.ts';
import { inState } from '../support/tcp-scene.ts';
import type { Scene } from '../support/tcp-scene.ts';

const ack = (number: number): string => `<SEQ=301><ACK=${number}><CTL=ACK>`;
const deadline = (s: Scene): number => s.conn.timers.at(Timer.Rto) - s.now;
const runs = (s: Scene): boolean => s.conn.timers.isSet(Timer.Rto);

/** ESTABLISHED with a round trip of 100 ms known. */
function measured(): Scene {
  const s = inState('ESTABLISHED');
  for (let i = 0, at = 101; i < 30; i++, at += 10) {
    s.write(10);
    s.poll()
      .advance(100 * MS)
      .deliver(ack(at + 10));
  }
  s.take();
  return s;
}

describe('RFC 6298: the retransmission timer', () => {
  it('6298-2-c, 6298-2-d, MUST-18: RTO is SRTT plus four times its variation, of which there is a least (Differs)', () => {
    const { srtt, rttvar, rto } = measured().conn.info();
    expect(srtt! / MS).to.be.closeTo(100, 2);
    expect(rto).to.equal(Math.round(srtt! + Math.max(200 * MS, 4 * rttvar!)));
  });

  it('6298-3-b: a sample in each round trip', () => {
    const s = measured();
    const before = s.conn.info().srtt!;
    s.write(10);
    s.poll()
      .advance(180 * MS)
      .deliver(ack(411));
    const after = s.conn.info().srtt!;
    expect(after - before).to.be.closeTo(10 * MS, 1 * MS); // an eighth of 80 ms
  });

  it('MUST-18: none from what was sent twice (Karn)', () => {
    const s = measured();
    s.write(10);
    s.poll().advance(1 * SECOND);
    const { srtt } = s.conn.info();
    s.deliver(ack(411));
    expect(s.conn.info().srtt).to.equal(srtt);
  });

  it('6298-5-b: (5.1) starts when something is sent and it does not run, and is left alone when it does', () => {
    const s = measured();
    expect(runs(s)).to.equal(false);
    s.write(10);
    s.poll();
    const { rto } = s.conn.info();
    expect(deadline(s)).to.equal(rto);
    s.conn.setOptions({ noDelay: true });
    s.advance(50 * MS).write(10);
    s.poll();
    expect(deadline(s)).to.equal(rto - 50 * MS);
  });

  it('6298-5-c: (5.2) stops when everything is acknowledged', () => {
    const s = measured();
    s.write(10);
    s.poll().deliver(ack(411));
    expect(runs(s)).to.equal(false);
  });

  it('6298-5-d: (5.3) starts anew when an ACK acknowledges something, not when it does not', () => {
    const s = measured();
    s.write(5000);
    s.poll()
      .advance(50 * MS)
      .deliver(ack(401));
    expect(deadline(s)).to.be.below(s.conn.info().rto);
    s.deliver(ack(401 + 1460));
    expect(deadline(s)).to.equal(s.conn.info().rto);
  });

  it('6298-5-g, 9293-3.10.8-b: (5.4) to (5.6): the front of the queue again, twice the RTO, the timer anew', () => {
    const s = measured();
    s.write(3000);
    const { rto } = s.conn.info();
    s.poll().take();
    s.advance(rto);
    expect(s.take().map((sent) => sent.seq)).to.deep.equal([401]);
    expect(s.conn.info().rto).to.equal(2 * rto);
    expect(deadline(s)).to.equal(2 * rto);
  });

  it('6298-5-a: no segment goes out again within one RTO of the last time, duplicate ACKs apart', () => {
    const s = measured();
    const times: number[] = [];
    s.write(10);
    const { rto } = s.conn.info();
    s.poll();
    for (let i = 0; i < 300; i++) {
      s.advance(10 * MS);
      times.push(...s.take().map((sent) => sent.time));
    }
    expect(times.length).to.be.above(2);
    for (let i = 1; i < times.length; i++) expect(times[i]! - times[i - 1]!).to.be.at.least(rto);
  });

  it('MUST-19: the RTO doubles with each expiry', () => {
    const s = measured();
    s.write(10);
    s.poll().take();
    const first = s.conn.info().rto;
    for (let i = 1; i < 6; i++) {
      s.advance(deadline(s));
      expect(s.conn.info().rto).to.equal(first * 2 ** i);
    }
  });
});
