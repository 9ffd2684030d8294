/**
 * RFC 7323 (TCP Extensions for High Performance): its examples, with blocks A, B, C of ten octets each, and the rules they illustrate. The
 * options by themselves are in test/tcp/timestamps.test.ts, windows in test/tcp/windows.test.ts.
 */
import { expect } from 'chai';
import { HOUR, MS } from '../../src/core/time.ts';
import { TS_RECENT_LIFETIME } from '../../src/tcp/timestamps.ts';
import { Scene, inState } from '../support/tcp-scene.ts';

const SIZE = 10;
/** Sequence number of a block. */
const at = (block: string): number => 301 + (block.charCodeAt(0) - 65) * SIZE;

/** Connected with timestamps; `tsVal` is that of the peer's SYN,ACK, and its TS.Recent here. */
function connected(tsVal = 1): Scene {
  const s = inState('SYN-SENT', { timestamps: true });
  s.deliver(`<SEQ=300><ACK=101><CTL=SYN,ACK><MSS=1460><TS=${tsVal},0>`);
  s.take();
  return s;
}

/** A segment that carries one block. */
const block = (name: string, tsVal: number, tsEcr = 0): string =>
  `<SEQ=${at(name)}><ACK=101><CTL=ACK><DATA=${SIZE}><TS=${tsVal},${tsEcr}>`;
const recent = (s: Scene): number => s.conn.tcb.tsRecent >>> 0;
/** What was sent since the last look, as the blocks it acknowledges and TSecr: `ACK(C) 1`. */
const acks = (s: Scene): string[] =>
  s.take().map(({ ack, timestamps }) => `ACK(${String.fromCharCode(65 + (ack - 301) / SIZE - 1)}) ${timestamps![1]}`);
/** The delayed ACK has gone out. */
const settled = (s: Scene): Scene => s.advance(50 * MS);

describe('RFC 7323 §4.3: which timestamp to echo', () => {
  it('rule (1): Last.ACK.sent is RCV.NXT, but while an ACK is delayed', () => {
    const s = connected();
    s.deliver(block('A', 2));
    const { tcb } = s.conn;
    expect((tcb.rcvNxt - tcb.lastAckSent) | 0).to.equal(SIZE);
    settled(s);
    expect(tcb.lastAckSent).to.equal(tcb.rcvNxt);
  });

  for (const [name, segment, wanted] of [
    ['later, at Last.ACK.sent: taken', block('B', 6), 6],
    ['equal: taken, which changes nothing', block('B', 5), 5],
    ['later, before Last.ACK.sent, reaching beyond it: taken', `<SEQ=306><ACK=101><CTL=ACK><DATA=15><TS=7,0>`, 7],
    ['later, beyond Last.ACK.sent: ignored', block('C', 6), 5],
    ['earlier: ignored', block('B', 4), 5],
  ] as const) {
    it(`rule (2): a TSval that is ${name}`, () => {
      const s = settled(connected().deliver(block('A', 5))).deliver(segment);
      expect(recent(s)).to.equal(wanted);
    });
  }

  it('rule (3): TSecr of whatever is sent is TS.Recent', () => {
    const s = settled(connected().deliver(block('A', 5)));
    s.write(10);
    s.close();
    expect(s.take().map(({ timestamps }) => timestamps![1])).to.deep.equal([5, 5]);
  });

  it('7323-4.3-a, first example: in sequence, some of the ACKs delayed: the oldest that is not acknowledged is echoed', () => {
    const s = connected();
    const column: number[] = [];
    for (const [name, tsVal] of [
      ['A', 1],
      ['B', 2],
      ['C', 3],
    ] as const) {
      s.deliver(block(name, tsVal));
      column.push(recent(s));
    }
    expect(column).to.deep.equal([1, 1, 1]);
    expect(acks(settled(s))).to.deep.equal(['ACK(C) 1']);
  });

  /** Each block is acknowledged by itself; returns TS.Recent after it and what was sent. */
  function acknowledged(blocks: readonly (readonly [string, number])[]): [number, string][] {
    const s = connected();
    return blocks.map(([name, tsVal]) => {
      settled(s.deliver(block(name, tsVal)));
      const [sent] = acks(s);
      return [recent(s), sent!];
    });
  }

  it('7323-4.3-a, second example: out of order, every segment acknowledged', () => {
    expect(
      acknowledged([
        ['A', 1],
        ['C', 3],
        ['B', 2],
        ['E', 5],
        ['D', 4],
      ]),
    ).to.deep.equal([
      [1, 'ACK(A) 1'],
      [1, 'ACK(A) 1'],
      [2, 'ACK(C) 2'],
      [2, 'ACK(C) 2'],
      [4, 'ACK(E) 4'],
    ]);
  });

  it('the same when B and D were lost and sent again: the retransmission is what was measured', () => {
    expect(
      acknowledged([
        ['A', 1],
        ['C', 3],
        ['B', 13],
        ['E', 5],
      ]).map(([, sent]) => sent),
      'E is older than the retransmission that came before it, as in the second example of §5.3',
    ).to.deep.equal(['ACK(A) 1', 'ACK(A) 1', 'ACK(C) 13', 'ACK(C) 13']);
    expect(
      acknowledged([
        ['A', 1],
        ['C', 3],
        ['E', 5],
        ['B', 13],
        ['D', 14],
      ]),
    ).to.deep.equal([
      [1, 'ACK(A) 1'],
      [1, 'ACK(A) 1'],
      [1, 'ACK(A) 1'],
      [13, 'ACK(C) 13'],
      [14, 'ACK(E) 14'],
    ]);
  });
});

describe('RFC 7323 §4.1: the RTTM rule, with a pause of 60 between B and C', () => {
  const RTT = 4 * MS;

  it('TCP A: C is measured by itself, the pause is not', () => {
    const s = connected();
    s.take();
    for (const pause of [0, 60 * MS, 0]) {
      s.advance(pause).write(SIZE);
      const [sent] = s.poll().take();
      s.advance(RTT).deliver(`<SEQ=301><ACK=${sent!.seq + SIZE}><CTL=ACK><TS=2,${sent!.timestamps![0]}>`);
    }
    expect(s.conn.info().srtt! / MS).to.be.below(5);
  });

  it('TCP B: C echoes what was sent 60 ago, but advances nothing: no measurement', () => {
    const s = connected();
    const { srtt, rttvar } = s.conn.info();
    for (const [name, pause] of [
      ['A', 0],
      ['B', 0],
      ['C', 60 * MS],
    ] as const) {
      const tsEcr = s.take().at(-1)?.timestamps?.[0] ?? 0;
      settled(s.advance(pause).deliver(block(name, 2, tsEcr)));
    }
    expect(s.conn.unread).to.equal(3 * SIZE);
    expect(s.conn.info()).to.include({ srtt, rttvar });
  });

  it('Appendix E: an ACK is lost and a window update acknowledges in its place: one measurement is inflated, by no more than that', () => {
    const s = connected();
    s.write(SIZE);
    const [sent] = s.poll().take();
    s.advance(40 * MS).deliver(`<SEQ=301><ACK=111><CTL=ACK><WND=20000><TS=2,${sent!.timestamps![0]}>`);
    expect(s.conn.info().srtt).to.equal((40 * MS) / 8); // one of 40 ms, after one of none
  });
});

describe('RFC 7323 §5: PAWS', () => {
  for (const [s, t, less] of [
    [1, 2, true],
    [2, 1, false],
    [5, 5, false],
    [0xffff_ffff, 0, true],
    [0, 0xffff_ffff, false],
    [0, 0x7fff_ffff, true],
    [0x8000_0001, 0, true],
    [0, 0x8000_0001, false],
  ] as const) {
    it(`§5.2: ${s} is ${less ? '' : 'not '}less than ${t}`, () => {
      const scene = connected(t).deliver(block('A', s));
      expect(scene.context.drops.count('tcp-paws')).to.equal(less ? 1 : 0);
      expect(scene.conn.unread).to.equal(less ? 0 : SIZE);
    });
  }

  it('§5.3, first example: B.1 is lost: C.1 to Z.1 are queued, B.2 completes them, and they are not looked at again', () => {
    const s = connected().deliver(block('A', 1));
    for (let letter = 67; letter <= 90; letter++) s.deliver(block(String.fromCharCode(letter), 1));
    expect(recent(s)).to.equal(1);
    s.deliver(block('B', 2));
    expect(s.conn.unread).to.equal(26 * SIZE);
    expect(recent(s)).to.equal(2);
    expect(acks(settled(s)).at(-1)).to.equal('ACK(Z) 2');
    expect(s.context.drops.count('tcp-paws')).to.equal(0);
  });

  it('§5.3, second example: what of C.1 to Z.1 comes after B.2 is thrown away, and draws ACKs', () => {
    const s = settled(connected().deliver(block('A', 1))).deliver(block('C', 1));
    settled(s.deliver(block('B', 2))).take();
    for (const name of ['D', 'E', 'F']) {
      s.deliver(block(name, 1));
      expect(acks(s)).to.deep.equal(['ACK(C) 2']);
    }
    expect(s.conn.unread).to.equal(3 * SIZE);
    expect(s.context.drops.count('tcp-paws')).to.equal(3);
    s.deliver(block('D', 2)); // sent again with the others, by fast retransmit
    expect(s.conn.unread).to.equal(4 * SIZE);
  });

  it('R1: the ACK lets a peer that has begun anew find out, as in Figure 10 of RFC 9293', () => {
    const s = settled(connected(1000).deliver(block('A', 1000)));
    s.take();
    // Its clock has started from the beginning; what it sends is old by PAWS, whatever its number.
    s.deliver('<SEQ=400><CTL=SYN><MSS=1460><TS=3,0>').expectState('ESTABLISHED');
    const [answer] = s.take();
    expect([answer!.text, answer!.timestamps![1]]).to.deep.equal(['<SEQ=101><ACK=311><CTL=ACK>', 1000]);
    s.deliver('<SEQ=311><CTL=RST>').expectState('CLOSED');
  });

  it('R1, R2: the timestamp is judged before the number: beyond the window and old is old', () => {
    const s = settled(connected().deliver(block('A', 5)));
    s.deliver('<SEQ=90000><ACK=101><CTL=ACK><DATA=1><TS=4,0>').deliver('<SEQ=90000><ACK=101><CTL=ACK><DATA=1><TS=6,0>');
    expect(s.context.drops.count('tcp-paws')).to.equal(1);
    expect(s.context.drops.count('tcp-not-acceptable')).to.equal(1);
    expect(recent(s), 'R2 comes before R3').to.equal(5);
  });

  it('R4, R5: in sequence it is accepted, else queued, the timestamp judged once', () => {
    const s = settled(connected().deliver(block('A', 5))).deliver(block('C', 7));
    expect([s.conn.unread, recent(s)]).to.deep.equal([SIZE, 5]);
    s.deliver(block('B', 6));
    expect([s.conn.unread, recent(s)]).to.deep.equal([3 * SIZE, 6]);
  });

  it('§5.2: old duplicate ACKs are protected against as well', () => {
    const s = connected(5);
    s.write(SIZE);
    s.poll().deliver('<SEQ=301><ACK=111><CTL=ACK><WND=7><TS=4,0>');
    expect(s.conn.info()).to.include({ bytesAcked: 0, sndWnd: 65535 });
    expect(s.context.drops.count('tcp-paws')).to.equal(1);
  });

  it('§5.2: a RST is not judged, and its timestamp changes nothing', () => {
    const s = settled(connected(5).deliver(block('A', 5)));
    s.deliver('<SEQ=400><CTL=RST><TS=900,0>');
    expect(recent(s)).to.equal(5);
    s.deliver('<SEQ=311><CTL=RST><TS=1,0>').expectState('CLOSED');
  });

  it('§5.5: idle until the clock of the peer has wrapped its sign bit: what comes then is taken, and its timestamp kept', () => {
    const s = settled(connected().deliver(block('A', 1000)));
    const later = 1000 + 2 ** 31 + 5000; // 24.8 days of milliseconds
    s.advance(TS_RECENT_LIFETIME - HOUR).deliver(block('B', later));
    expect([s.conn.unread, s.context.drops.count('tcp-paws')], 'not yet').to.deep.equal([SIZE, 1]);
    s.advance(24 * HOUR).deliver(block('B', later));
    expect([s.conn.unread, recent(s)]).to.deep.equal([2 * SIZE, later]);
  });
});

describe('RFC 7323 §2.4, Appendix F: window retraction, both shifts 7', () => {
  /** The receiver with RCV.NXT at what is 1000 here, and 300 octets of buffer left; `write` is what the sender does, and returns the ACK. */
  function receiving(): { s: Scene; write: (octets: number) => [ack: number, window: number] } {
    const s = new Scene({ windowScaling: true }).connect({ receiveBuffer: 4 * 1024 * 1024 });
    s.deliver('<SEQ=300><ACK=101><CTL=SYN,ACK><MSS=1460><WS=7>');
    expect(s.take()[0]!.windowScale).to.equal(7);
    s.conn.setOptions({ receiveBuffer: 65_536 });
    let next = 301;
    const write = (octets: number): [number, number] => {
      s.deliver(`<SEQ=${next}><ACK=101><CTL=ACK><DATA=${octets}>`);
      next += octets;
      const sent = settled(s).take().at(-1)!;
      return [sent.ack - base + 1000, sent.window];
    };
    const base = 301 + 65_536 - 300;
    while (next < base) write(Math.min(1460, base - next));
    return { s, write };
  }

  it('the receiver: 1000, 1040 and 1045 are announced as in the table, the window being retracted rather than the buffer exceeded', () => {
    const { write } = receiving();
    expect(write(40)).to.deep.equal([1040, 2]);
    expect(write(5)).to.deep.equal([1045, 1]);
  });

  it('7323-2.4-a, (1): it takes what was in the window for any ACK, up to 1296', () => {
    const { s, write } = receiving();
    write(40);
    write(5);
    const { unread } = s.conn;
    expect(write(1296 - 1045)).to.deep.equal([1296, 0]);
    expect(s.conn.unread - unread).to.equal(1296 - 1045);
  });

  /** The sender, after the same ACKs, numbers from 1000 being those from 101 on; `more` octets went out in the window of the second. */
  function sending(more: number): Scene {
    const s = new Scene({ windowScaling: true }).connect({ receiveBuffer: 4 * 1024 * 1024 });
    s.deliver('<SEQ=300><ACK=101><CTL=SYN,ACK><MSS=1460><WS=7>').deliver('<SEQ=301><ACK=101><CTL=ACK><WND=2>');
    s.write(40);
    s.poll().deliver('<SEQ=301><ACK=141><CTL=ACK><WND=2>');
    s.conn.setOptions({ noDelay: true });
    s.write(5);
    s.poll().write(more);
    s.poll().take();
    return s.deliver('<SEQ=301><ACK=146><CTL=ACK><WND=1>');
  }

  it('(3): the sender sends nothing new beyond the latest ACK, whose window ends at 1173', () => {
    const s = sending(0);
    expect(s.conn.info().sndWnd).to.equal(128);
    s.write(1000);
    s.poll().advance(1000 * MS); // it is small: the override timer
    const sent = s.take();
    expect(sent.length).to.be.above(0);
    for (const { seq, data } of sent) expect(seq - 101 + 1000 + data.length).to.be.at.most(1173);
  });

  it('(4), (5) (Differs): what is out beyond it is sent again as far as it reaches, and gets through', () => {
    const s = sending(251); // up to 1296
    let ack = 146;
    for (let i = 0; i < 20 && ack < 397; i++) {
      s.advance(1000 * MS);
      for (const { seq, data } of s.take()) if (seq === ack) ack += data.length;
      s.deliver(`<SEQ=301><ACK=${ack}><CTL=ACK><WND=1>`);
    }
    expect(ack).to.equal(397);
    expect(s.conn.info().flightSize).to.equal(0);
  });
});
