/**
 * RFC 5681 (TCP Congestion Control), RFC 6582 (NewReno), RFC 3042 (limited transmit): what a Reno sender does, seen from outside.
 */
import { expect } from 'chai';
import { MS, SECOND } from '../../src/core/time.ts';
import { inState } from '../support/tcp-scene.ts';
import type { Scene } from '../support/tcp-scene.ts';

const MSS = 1460;
const RENO = { congestion: 'reno' };
const ack = (number: number): string => `<SEQ=301><ACK=${number}><CTL=ACK>`;
const lengths = (s: Scene): number[] => s.take().map((sent) => sent.data.length);
const cwnd = (s: Scene): number => s.conn.info().cwnd;

/** ESTABLISHED with the initial window out and more queued. */
function flight(segments = 10): Scene {
  const s = inState('ESTABLISHED', RENO);
  s.write(segments * MSS);
  s.poll();
  return s;
}

describe('RFC 5681: slow start and congestion avoidance', () => {
  it('5681-3.1-a, MUST-19: the initial window is at most 10 segments (RFC 6928)', () => {
    const s = flight(30);
    expect(lengths(s)).to.deep.equal(Array(10).fill(MSS));
  });

  it('5681-3.1-d: ssthresh is as high as can be at first', () => {
    expect(flight().conn.info().ssthresh).to.equal(Infinity);
  });

  it('5681-3.1-f, 5681-3.1-g, MUST-19: one segment per round trip in congestion avoidance, however the ACKs are cut', () => {
    for (const pieces of [1, 2, 5, 100]) {
      const s = flight(200);
      s.advance(1 * SECOND).take(); // a time-out: ssthresh is 5 segments
      s.deliver(ack(101 + 10 * MSS));
      let una = 101 + 10 * MSS;
      const sizes: number[] = [];
      for (let rounds = 0; rounds < 10; rounds++) {
        const { flightSize } = s.conn.info();
        for (let i = 1; i <= pieces; i++) s.deliver(ack(una + Math.floor((flightSize * i) / pieces)));
        una += flightSize;
        sizes.push(cwnd(s));
      }
      const avoiding = sizes.filter((size) => size > 5 * MSS);
      const name = `ACKs in ${pieces} pieces: ${avoiding.map((size) => size / MSS).join(' ')}`;
      expect(avoiding.length, name).to.be.at.least(5);
      for (let i = 1; i < avoiding.length; i++) expect(avoiding[i]! - avoiding[i - 1]!, name).to.be.within(0, MSS);
      expect(avoiding.at(-1)! - avoiding[0]!, name).to.be.at.least((avoiding.length - 3) * MSS);
    }
  });

  it('MUST-19: slow start doubles at most', () => {
    const s = flight(60);
    s.deliver(ack(101 + 10 * MSS));
    expect(cwnd(s)).to.equal(20 * MSS);
  });

  it('RFC 3465 §2.3: after a time-out by one segment for an ACK, the one that covers all there was too', () => {
    const s = flight(60).advance(1 * SECOND);
    expect(cwnd(s)).to.equal(MSS);
    s.deliver(ack(101 + 10 * MSS));
    expect(cwnd(s)).to.equal(2 * MSS);
  });

  it('5681-4.3-a: the loss of what fast retransmit sent counts again', () => {
    const s = flight(20);
    s.deliver(ack(101), ack(101), ack(101));
    const { ssthresh } = s.conn.info();
    s.advance(1 * SECOND);
    expect(s.conn.info().ssthresh).to.be.below(ssthresh + 1);
    expect(cwnd(s)).to.equal(MSS);
  });
});

describe('RFC 5681 §3.2, RFC 3042: duplicate ACKs', () => {
  it('5681-3.2-c, 3042-2-a: the first two let one new segment go each, and cwnd stays', () => {
    const s = flight(20);
    s.take();
    const before = s.conn.sender.control.cwnd;
    for (let i = 0; i < 2; i++) {
      s.deliver(ack(101));
      expect(s.take().map((sent) => [sent.seq, sent.data.length])).to.deep.equal([[101 + (10 + i) * MSS, MSS]]);
      expect(s.conn.sender.control.cwnd).to.equal(before);
    }
  });

  it('5681-3.2-d: the third halves, without counting what limited transmit has sent', () => {
    const s = flight(20);
    for (let i = 0; i < 3; i++) s.deliver(ack(101));
    const { ssthresh } = s.conn.info();
    expect([ssthresh, cwnd(s)]).to.deep.equal([5 * MSS, 8 * MSS]);
    expect(s.take().at(-1)!.seq).to.equal(101);
  });

  it('5681-3.2-f: the ACK of all deflates cwnd to ssthresh at most', () => {
    const s = flight(20);
    for (let i = 0; i < 3; i++) s.deliver(ack(101));
    s.deliver(ack(101 + 12 * MSS));
    expect(cwnd(s)).to.be.at.most(5 * MSS);
  });

  it('6582-3.2-d: a time-out ends recovery; duplicate ACKs of what was out by then begin none', () => {
    const s = flight(20);
    for (let i = 0; i < 3; i++) s.deliver(ack(101));
    expect(s.conn.sender.recovery.active).to.equal(true);
    s.advance(1 * SECOND).take();
    expect(s.conn.sender.recovery.active).to.equal(false);
    for (let i = 0; i < 4; i++) s.deliver(ack(101 + MSS));
    expect(s.conn.sender.recovery.active).to.equal(false);
  });
});

describe('RFC 5681 §4.2: generating ACKs', () => {
  const text = (at: number, length: number): string => `<SEQ=${at}><ACK=101><CTL=ACK><DATA=${length}>`;

  it('5681-4.2-a: within 500 ms of the first octet', () => {
    const s = inState('ESTABLISHED');
    const start = s.now;
    s.deliver(text(301, 10))
      .expectSent()
      .advance(500 * MS);
    const [sent] = s.take();
    expect([sent!.ack, sent!.time - start <= 500 * MS]).to.deep.equal([311, true]);
  });

  it('5681-4.2-b: never more ACKs than segments', () => {
    const s = inState('ESTABLISHED');
    const rows: [string, number][] = [
      ['in order', 301],
      ['again', 301],
      ['beyond a gap', 5000],
      ['beyond a gap again', 5000],
      ['before the gap', 1301],
      ['old', 301],
    ];
    for (const [name, at] of rows) {
      s.deliver(text(at, 1000)).advance(1 * SECOND);
      expect(s.take().length, name).to.equal(1);
    }
  });
});
