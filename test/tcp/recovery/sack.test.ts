import { expect } from 'chai';
import type { TcpConfig } from '../../../src/core/config.ts';
import { MS, SECOND } from '../../../src/core/time.ts';
import type { TraceEvent } from '../../../src/core/trace.ts';
import { Scene } from '../../support/tcp-scene.ts';

const MSS = 1460;
const RTT = 100 * MS;

/** Sequence number of the n-th segment, counted from 0, that `fly` sends after the first. */
const seg = (n: number): number => 101 + n * MSS;

class Flying extends Scene {
  readonly events: string[] = [];

  constructor(tcp: Partial<TcpConfig> = {}) {
    super({ sack: true, ...tcp });
    this.context.trace.listen((event: TraceEvent) => {
      if (event.name.startsWith('recovery-')) this.events.push(`${event.name}: ${String(event.facts['cause'])}`);
    });
    this.window = 65535;
    this.connect().advance(RTT);
    const ts = tcp.timestamps === true ? `<TS=1,${this.take()[0]!.timestamps![0]}>` : '';
    this.deliver(`<SEQ=300><ACK=101><CTL=SYN,ACK><MSS=1460><SACKOK=1>${ts}`).take();
  }

  /** An ACK of everything before segment n, with SACK blocks in segments; `echo` is the timestamp that it echoes. */
  ack(n: number, blocks: readonly (readonly [number, number])[] = [], echo?: number): this {
    const sack = blocks.map(([left, right]) => `${seg(left)}-${seg(right)}`).join(',');
    const ts = echo === undefined ? '' : `<TS=1,${echo}>`;
    return this.deliver(`<SEQ=301><ACK=${seg(n)}><CTL=ACK>${sack === '' ? '' : `<SACK=${sack}>`}${ts}`);
  }

  /** Sends segments and asserts that they went out. */
  fly(count: number): this {
    this.write(count * MSS);
    this.poll();
    expect(this.take().length).to.be.at.most(count);
    return this;
  }

  /** Segments that were sent since the last look, by number, with reasons. */
  sentNow(): [number, string][] {
    return this.take()
      .filter((p) => p.data.length > 0)
      .map((p) => [(p.seq - 101) / MSS, p.reason]);
  }
}

const RACK = 'fast retransmit: RACK';

/** A connection whose round trip is known, with `count` segments out, numbered from 1. */
function flying(count: number, tcp: Partial<TcpConfig> = {}): Flying {
  const s = new Flying(tcp);
  s.fly(1).advance(RTT).ack(1);
  return s.fly(count);
}

describe('RACK (RFC 8985)', () => {
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

  it('§9.1 example 2: a lost retransmission is found by the SACK of another', () => {
    const s = flying(8).advance(RTT);
    s.ack(1, [[3, 9]]); // P1 and P2 are lost
    expect(s.sentNow()).to.deep.equal([
      [1, RACK],
      [2, RACK],
    ]);
    s.advance(RTT).ack(1, [[2, 9]]); // R1 is lost, R2 came
    expect(s.sentNow()).to.deep.equal([[1, RACK]]);
    s.advance(RTT).ack(9);
    expect(s.conn.info()).to.include({ timeouts: 0, retransmissions: 3, bytesLost: 3 * MSS });
  });

  describe('§9.1 example 3: P3 overtakes P1 and P2, after reordering has been seen', () => {
    function reordered(): Flying {
      const s = flying(2).advance(RTT);
      s.ack(1, [[2, 3]])
        .advance(1 * MS)
        .ack(3);
      expect(s.conn.info().reorderings).to.equal(1);
      s.fly(3)
        .advance(RTT)
        .ack(3, [[5, 6]]);
      expect(s.sentNow()).to.deep.equal([]);
      return s;
    }

    it('P1 and P2 come within min_RTT/4: nothing is sent again', () => {
      const s = reordered()
        .advance(RTT / 4 - MS)
        .ack(6)
        .advance(RTT);
      expect(s.conn.info().retransmissions).to.equal(0);
      expect(s.events).to.deep.equal([]);
    });

    it('8985-3.3.2-a: they come later: the reordering timer marks both lost', () => {
      const s = reordered().advance(RTT / 4 + MS);
      expect(s.sentNow()).to.deep.equal([[3, RACK]]);
    });
  });

  it('8985-6.2-a, 6675-4-a, §6.2 step 4: three segments reported, and no reordering seen: no wait', () => {
    const s = flying(6).advance(RTT);
    s.ack(1, [[2, 4]]);
    expect(s.sentNow()).to.deep.equal([]); // limited transmit has nothing to send
    s.ack(1, [[2, 5]]);
    expect(s.sentNow()).to.deep.equal([[1, RACK]]);
  });

  it('§3.4: a super-segment that was partly reported is split; only what is missing goes out again', () => {
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

describe('NextSeg and pipe (RFC 6675)', () => {
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

  it('3042-2-b: a duplicate ACK that tells nothing new lets nothing new out', () => {
    const s = flying(10);
    s.write(10 * MSS);
    s.advance(RTT).take();
    s.ack(1, [[2, 3]]);
    expect(s.sentNow()).to.deep.equal([[11, 'limited transmit']]);
    for (let i = 0; i < 5; i++) s.ack(1, [[2, 3]]);
    expect(s.sentNow()).to.deep.equal([]);
  });

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

describe('tail loss probes (RFC 8985 §7)', () => {
  it('8985-7.2-a, §7.2, §7.3: two round trips after the last segment, that goes out again', () => {
    const s = flying(3);
    s.advance(2 * RTT - MS);
    expect(s.sentNow()).to.deep.equal([]);
    s.advance(10 * MS);
    expect(s.sentNow()).to.deep.equal([[3, 'tail loss probe']]);
    s.advance(RTT).ack(1, [[3, 4]]); // general case, §7.4.1: P1 and P2 are lost too
    expect(s.sentNow()[0]).to.deep.equal([1, RACK]);
    expect(s.conn.info()).to.include({ lossProbes: 1, timeouts: 0 });
  });

  it('8985-7.3-a, §7.3: new text is sent when there is some', () => {
    const s = flying(10);
    s.window = 10 * MSS;
    s.write(5 * MSS);
    s.poll().take();
    s.advance(2 * RTT + 10 * MS);
    const sent = s.sentNow();
    expect(sent).to.have.length(1);
    expect(sent[0]![1]).to.equal('tail loss probe');
    expect(sent[0]![0]).to.be.above(10);
  });

  it('8985-7.3-b, §7.3: one probe; then the time-out', () => {
    const s = flying(3).advance(2 * RTT + 10 * MS);
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
    expect(s.sentNow()).to.deep.equal([[3, 'tail loss probe']]);
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
    expect(s.sentNow()).to.deep.equal([[3, 'tail loss probe']]);
    s.ack(4).ack(4, [[3, 4]]);
    s.fly(1).advance(RTT).ack(5);
    expect(s.events).to.deep.equal([]);
  });
});

describe('F-RTO (RFC 5682 §3.1)', () => {
  /** A time-out with text left to send. */
  function timedOut(tcp: Partial<TcpConfig> = {}): Flying {
    const s = flying(6, tcp);
    s.advance(RTT).ack(2);
    s.write(20 * MSS);
    s.poll().take();
    s.advance(5 * SECOND);
    expect(s.sentNow().some(([, why]) => why === 'retransmission timeout')).to.equal(true);
    return s;
  }

  it('steps 2b and 3b: what was sent before goes on being acknowledged: spurious, and undone', () => {
    const s = timedOut();
    const { cwnd } = s.conn.info();
    s.ack(3);
    expect(s.sentNow().map(([, why]) => why)).to.deep.equal(['F-RTO: new data', 'F-RTO: new data']);
    s.ack(4);
    expect(s.events.at(-1)).to.equal('recovery-undone: F-RTO');
    expect(s.conn.info().cwnd).to.be.above(cwnd);
  });

  it('step 3a: a duplicate ACK that reports only what is new: the time-out was real', () => {
    const s = timedOut();
    s.ack(3);
    const fresh = s.sentNow().map(([n]) => n);
    s.ack(3, [[fresh[0]!, fresh[0]! + 1]]);
    expect(s.sentNow()[0]).to.deep.equal([3, 'retransmission after a time-out']);
    expect(s.conn.info().recoveriesUndone).to.equal(0);
  });

  it('step 2a: an ACK of all there is: nothing is learned', () => {
    const s = flying(3).advance(5 * SECOND);
    s.take();
    s.ack(4);
    expect(s.events.at(-1)).to.equal('recovery-ends: all acknowledged');
    expect(s.conn.info().recoveriesUndone).to.equal(0);
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
    const s = new Flying({ timestamps: true });
    const echo = (): number => s.conn.tcb.tsOffset + Math.floor(s.now / MS);
    s.write(MSS);
    s.poll().take();
    const full = s.conn.sender.smss;
    const plain = (n: number, stamp: number, sack = ''): void => {
      s.deliver(`<SEQ=301><ACK=${n}><CTL=ACK>${sack}<TS=1,${stamp >>> 0}>`);
    };
    let stamp = echo();
    s.advance(RTT);
    plain(101 + MSS, stamp);
    s.write(8 * full);
    s.poll();
    stamp = echo();
    const first = 101 + MSS;
    const { cwnd } = s.conn.info();
    s.advance(RTT).take();
    plain(first, stamp, `<SACK=${first + full}-${first + 4 * full}>`);
    expect(s.take().map((p) => p.reason)).to.include(RACK);
    s.advance(10 * MS);
    plain(first + 4 * full, stamp);
    expect(s.events.at(-1)).to.equal('recovery-undone: Eifel detection');
    expect(s.conn.info().cwnd).to.be.at.least(cwnd);
  });

  it('what was taken for lost comes before anything was sent again: it was late', () => {
    const s = flying(8).advance(RTT);
    const { cwnd } = s.conn.info();
    s.deliver(`<SEQ=301><ACK=${seg(1)}><CTL=ACK><SACK=${seg(2)}-${seg(5)}>`, `<SEQ=301><ACK=${seg(5)}><CTL=ACK>`);
    expect(s.sentNow()).to.deep.equal([]);
    expect(s.events.map((event) => event.split(':')[0])).to.deep.equal(['recovery-begins', 'recovery-undone']);
    expect(s.conn.info().cwnd).to.be.at.least(cwnd);
    expect(s.conn.info().retransmissions).to.equal(0);
  });

  it('RFC 2883 §5.1: duplicates that the network made undo nothing', () => {
    const s = flying(8).advance(RTT);
    s.ack(5, [[1, 2]]);
    expect(s.conn.info()).to.include({ duplicatesReported: 1, recoveriesUndone: 0 });
  });
});
