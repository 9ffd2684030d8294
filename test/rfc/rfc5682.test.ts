/**
 * RFC 5682 (F-RTO), the version with SACK: its steps, and the scenarios that its discussion tells, first from one end and then between two
 * hosts. The basic version, for peers without SACK, is not built.
 */
import { expect } from 'chai';
import type { TcpConfig } from '../../src/core/config.ts';
import { MS, SECOND } from '../../src/core/time.ts';
import { patternBytes } from '../../src/lab/transfer.ts';
import { MSS, PTO, RACK, RTT, flying } from '../support/flying.ts';
import type { Flying } from '../support/flying.ts';
import { segmentIn, session, story, within } from '../support/session.ts';
import type { Seen, Session } from '../support/session.ts';

const NEW = 'F-RTO: new data';
const RTO = 'retransmission timeout';
const AFTER = 'retransmission after a time-out';

/** Goes on until the retransmission timer has expired once more. */
function untilTimeout(s: Flying): Flying {
  const { timeouts } = s.conn.info();
  while (s.conn.info().timeouts === timeouts) s.advance(s.context.timers.next() - s.now);
  return s;
}

/** A time-out with the segments from 2 on out, and with `unsent` more to send it goes up to 13, a tail loss probe. */
function timedOut(unsent = 20, tcp: Partial<TcpConfig> = {}): Flying {
  const s = flying(10, tcp).advance(RTT).ack(2);
  s.write(unsent * MSS);
  s.poll().take();
  untilTimeout(s);
  expect(s.sentNow().at(-1)).to.deep.equal([2, RTO]);
  return s;
}

const undone = (s: Flying): boolean => s.events.includes('recovery-undone: F-RTO');

describe('RFC 5682 §3.1: the steps', () => {
  it('1: the first unacknowledged segment goes out again, and nothing else', () => {
    const s = timedOut();
    expect(s.events).to.deep.equal(['recovery-begins: retransmission timeout']);
    expect(s.conn.info()).to.include({ timeouts: 1, cwnd: MSS });
  });

  it('1: a time-out within loss recovery does not lead to step 2', () => {
    const s = flying(10);
    s.write(20 * MSS);
    s.advance(RTT).ack(1, [[2, 6]]);
    expect(s.events).to.deep.equal(['recovery-begins: RACK']);
    untilTimeout(s).take();
    s.ack(6);
    expect(s.sentNow().map(([, why]) => why)).to.not.include(NEW);
  });

  it('1: one that comes again for the same segment does: the algorithm starts anew', () => {
    const s = untilTimeout(timedOut());
    expect(s.sentNow()).to.deep.equal([[2, RTO]]);
    s.ack(3);
    expect(s.sentNow()).to.deep.equal([
      [14, NEW],
      [15, NEW],
    ]);
    s.ack(4);
    expect(undone(s)).to.equal(true);
  });

  it('1: one that comes in step 3 does not: what was outstanding is not all acknowledged', () => {
    const s = timedOut().ack(3);
    expect(s.sentNow().map(([, why]) => why)).to.deep.equal([NEW, NEW]);
    untilTimeout(s);
    expect(s.sentNow()).to.deep.equal([[3, RTO]]);
    s.ack(4);
    expect(s.sentNow().map(([, why]) => why)).to.not.include(NEW);
    expect(undone(s)).to.equal(false);
  });

  it('2: duplicate ACKs before the one that advances are taken into the scoreboard; step 2 goes on', () => {
    const s = timedOut();
    s.ack(2, [[5, 6]]).ack(2, [[5, 7]]);
    expect(s.sentNow()).to.deep.equal([]);
    expect(s.conn.info().bytesSacked).to.equal(2 * MSS);
    s.ack(3, [[5, 7]]);
    expect(s.sentNow().map(([, why]) => why)).to.deep.equal([NEW, NEW]);
  });

  it('2a: an ACK of all there is: nothing is learned, and the window is two segments at most', () => {
    const s = timedOut(0).ack(11);
    expect(s.events.at(-1)).to.equal('recovery-ends: all acknowledged');
    expect(s.conn.info()).to.include({ recoveriesUndone: 0 });
    expect(s.conn.info().cwnd).to.be.at.most(2 * MSS);
  });

  it('2b: two segments of new text, by which the window of congestion is not exceeded', () => {
    const s = timedOut().ack(3);
    expect(s.sentNow()).to.deep.equal([
      [14, NEW],
      [15, NEW],
    ]);
    expect(s.conn.info().cwnd).to.be.at.most(2 * MSS);
  });

  it('2b: one, when there is no more', () => {
    const s = timedOut(4).ack(3);
    expect(s.sentNow()).to.deep.equal([[14, NEW]]);
    s.ack(4);
    expect(undone(s)).to.equal(true);
  });

  it('2b: however small, though the Nagle algorithm would hold it back', () => {
    const s = flying(9).advance(RTT).ack(2);
    s.write(10);
    s.poll().advance(PTO).write(20);
    untilTimeout(s.poll());
    expect(s.sentNow().at(-1)).to.deep.equal([2, RTO]);
    s.ack(3);
    expect(s.take().map(({ data, reason }) => [data.length, reason])).to.deep.equal([[20, NEW]]);
  });

  it('2b: none, when there is none, or the window takes none: conventional recovery, in slow start (Appendix A)', () => {
    const nothing = timedOut(2);
    nothing.ack(3);
    const closed = timedOut();
    closed.window = 11 * MSS;
    closed.ack(3);
    for (const s of [nothing, closed]) {
      expect(s.sentNow()).to.deep.equal([
        [3, AFTER],
        [4, AFTER],
      ]);
      s.ack(4);
      expect(undone(s)).to.equal(false);
    }
  });

  it('Appendix A: where there is none, timestamps still tell', () => {
    const s = flying(10, { timestamps: true }).advance(RTT);
    s.ack(2, [], s.stamp - RTT / MS);
    const { stamp } = s;
    const { cwnd } = s.conn.info();
    untilTimeout(s).take();
    s.ack(3, [], stamp - 1);
    expect(s.events.at(-1)).to.equal('recovery-undone: Eifel detection');
    expect(s.conn.info().cwnd).to.be.at.least(cwnd);
    expect(s.sentNow()).to.deep.equal([]);
  });

  it('3: an ACK that neither advances nor repeats is ignored', () => {
    const s = timedOut().ack(3);
    s.take();
    s.deliver(`<SEQ=301><ACK=${s.seg(3)}><CTL=ACK><WND=60000>`);
    expect(s.sentNow()).to.deep.equal([]);
    s.ack(4);
    expect(undone(s)).to.equal(true);
  });

  const genuine: readonly (readonly [string, number, (readonly [number, number])[]])[] = [
    ['the ACK covers more than was out', 15, []],
    ['SACK reports more than was out', 3, [[14, 15]]],
    ['and text from before besides', 3, [[6, 7], [14, 15]]], // prettier-ignore
    ['a duplicate ACK reports nothing', 3, []],
  ];
  for (const [name, una, blocks] of genuine) {
    it(`3a: ${name}: the time-out was real; three segments at most`, () => {
      const s = timedOut().ack(3);
      s.take();
      s.ack(una, blocks);
      expect(undone(s)).to.equal(false);
      expect(s.conn.info()).to.include({ recoveriesUndone: 0 });
      expect(s.conn.info().cwnd).to.be.at.most(3 * MSS);
      if (blocks.length === 0) s.ack(una, [[14, 15]]); // what is new is all that is under way
      if (una < 15) expect(s.sentNow()[0]).to.deep.equal([3, AFTER]);
    });
  }

  for (const [name, una, blocks] of [
    ['the ACK advances within it', 5, []],
    ['SACK reports a segment of it', 3, [[6, 7]]],
  ] as const) {
    it(`3b: what was out goes on being acknowledged, as ${name}: spurious`, () => {
      const s = timedOut();
      const { cwnd } = s.conn.info();
      s.ack(3).take();
      s.ack(una, blocks);
      expect(s.events.at(-1)).to.equal('recovery-undone: F-RTO');
      expect(s.conn.info().cwnd).to.be.above(3 * MSS);
      expect(s.conn.info().cwnd).to.be.above(cwnd);
      for (const [, why] of s.sentNow()) expect(why).to.be.oneOf(['new data', 'limited transmit']);
    });
  }

  it('3b: holes between what is reported are repaired as usual, RecoveryPoint being SND.UNA', () => {
    const s = timedOut();
    s.ack(3).take();
    s.ack(3, [[6, 7]]).take();
    expect(undone(s)).to.equal(true);
    s.ack(3, [[6, 9]]).advance(RTT / 4);
    expect(s.events.at(-1)).to.equal('recovery-begins: RACK');
    expect(s.sentNow()[0]).to.deep.equal([3, RACK]);
  });
});

describe('RFC 5682 §2.2, §3.2, §6: what an ACK may hide', () => {
  it('a fast retransmission was lost, all else arrived: its second copy has everything acknowledged at once', () => {
    const s = flying(10).advance(RTT);
    s.ack(1, [[2, 11]]);
    expect(s.sentNow()).to.deep.equal([[1, RACK]]);
    untilTimeout(s);
    expect(s.sentNow()).to.deep.equal([[1, RTO]]);
    const { cwnd } = s.conn.info();
    s.ack(11);
    expect(s.events.at(-1)).to.equal('recovery-ends: all acknowledged');
    expect(s.conn.info().recoveriesUndone).to.equal(0);
    expect(s.conn.info().cwnd).to.be.at.most(cwnd + MSS);
  });

  it('a receiver that acknowledges a part of what went out again, and then the rest of it, proves nothing', () => {
    const s = timedOut();
    s.deliver(`<SEQ=301><ACK=${s.seg(2) + 100}><CTL=ACK>`).take();
    s.deliver(`<SEQ=301><ACK=${s.seg(3)}><CTL=ACK>`);
    expect(undone(s)).to.equal(false);
  });
});

describe('RFC 5682: time-outs between two hosts', () => {
  const DELAY = 20 * MS;
  const SIZE = 1460;

  /** Without timestamps, which would tell first. What recovery says goes into `told`. */
  function running(): Session & { readonly told: string[] } {
    const made = session({ delay: DELAY, config: { tcp: { timestamps: false, congestion: 'reno' } } });
    const { lab, client, server } = made;
    const told: string[] = [];
    lab.a.stack.context.trace.listen(({ name, facts }) => {
      if (name.startsWith('recovery-')) told.push(`${name}: ${String(facts['cause'])}`);
    });
    client.write(patternBytes(10 * SIZE));
    within(lab, SECOND, 'warmed up', () => server.receivedLength === 10 * SIZE);
    lab.simulation.runFor(SECOND / 10);
    client.write(patternBytes(400 * SIZE));
    lab.simulation.runFor(3 * DELAY);
    return { ...made, told };
  }

  const finish = ({ lab, client, server }: Session): void => {
    within(lab, 30 * SECOND, 'everything there', () => server.receivedLength === 410 * SIZE);
    within(lab, 30 * SECOND, 'acknowledged', () => client.info.flightSize === 0);
  };

  it('delay: a line that stands still for a second: spurious, and no window of text goes out again', () => {
    const scene = running();
    const { lab, client, told } = scene;
    const { cwnd } = client.info;
    lab.impaired.outgoing.configure({ delay: 1000 * MS });
    lab.simulation.runFor(900 * MS);
    lab.impaired.outgoing.configure({});
    expect(client.info.timeouts).to.be.above(0);
    finish(scene);
    expect(told, story(lab)).to.include('recovery-undone: F-RTO');
    expect(client.info.retransmissions).to.be.below(10);
    expect(client.info.cwnd).to.be.at.least(cwnd);
  });

  it('delay, with segments reordered by it: SACK reports what came from before: spurious', () => {
    const scene = running();
    const { lab, client, told } = scene;
    lab.impaired.outgoing.configure({ delay: 1000 * MS, jitter: 5 * MS });
    lab.simulation.runFor(900 * MS);
    lab.impaired.outgoing.configure({});
    finish(scene);
    expect(
      told.filter((one) => one.startsWith('recovery-undone')),
      story(lab),
    ).to.not.deep.equal([]);
    expect(client.info.retransmissions).to.be.below(40);
  });

  it('loss: everything under way is gone: the time-out was real', () => {
    const scene = running();
    const { lab, client, told } = scene;
    const end = lab.simulation.now + 300 * MS;
    const isText = (seen: Seen | undefined): boolean => seen !== undefined && seen.length > 0;
    lab.impaired.outgoing.configure({ dropIf: (frame) => isText(segmentIn(frame)) && lab.simulation.now < end });
    within(lab, 5 * SECOND, 'a time-out', () => client.info.timeouts > 0);
    finish(scene);
    expect(told, story(lab)).to.not.include('recovery-undone: F-RTO');
    expect(client.info.retransmissions).to.be.above(3);
  });
});
