/**
 * SEGMENT ARRIVES, RFC 9293 §3.10.7, by requirement: state, segment, what is sent, the state after.
 */
import { expect } from 'chai';
import { SECOND } from '../../src/core/time.ts';
import type { TcpState } from '../../src/tcp/service.ts';
import { Scene, inState } from '../support/tcp-scene.ts';

/** Title; state before; segments that arrive; what is sent; state after. */
type Row = [string, TcpState, string[], string[], TcpState];

const ACK = '<SEQ=101><ACK=301><CTL=ACK>';
/** The states in which both SYNs are acknowledged, with SND.NXT and RCV.NXT as `inState` leaves them. */
const SYNCHRONIZED: [TcpState, number, number][] = [
  ['ESTABLISHED', 101, 301],
  ['FIN-WAIT-1', 102, 301],
  ['FIN-WAIT-2', 102, 301],
  ['CLOSE-WAIT', 101, 302],
  ['CLOSING', 102, 302],
  ['LAST-ACK', 102, 302],
  ['TIME-WAIT', 102, 302],
];

const LISTEN_ROWS: Row[] = [
  ['9293-3.10.7.2-a: a RST is ignored', 'LISTEN', ['<SEQ=300><CTL=RST>'], [], 'CLOSED'],
  ['9293-3.10.7.2-a: a RST with an ACK too', 'LISTEN', ['<SEQ=300><ACK=7><CTL=RST,ACK>'], [], 'CLOSED'],
  ['9293-3.10.7.2-b: an ACK draws a RST', 'LISTEN', ['<SEQ=300><ACK=150><CTL=ACK>'], ['<SEQ=150><CTL=RST>'], 'CLOSED'],
  ['9293-3.10.7.2-b: a SYN,ACK too', 'LISTEN', ['<SEQ=300><ACK=150><CTL=SYN,ACK>'], ['<SEQ=150><CTL=RST>'], 'CLOSED'],
  [
    '9293-3.10.7.2-c: a SYN draws SYN,ACK',
    'LISTEN',
    ['<SEQ=300><CTL=SYN>'],
    ['<SEQ=100><ACK=301><CTL=SYN,ACK>'],
    'SYN-RECEIVED',
  ],
  ['9293-3.10.7.2-d: anything else is dropped', 'LISTEN', ['<SEQ=300><CTL=FIN><DATA=3>'], [], 'CLOSED'],
];

const SYN_SENT_ROWS: Row[] = [
  [
    '9293-3.10.7.3-a: an ACK at ISS draws a RST',
    'SYN-SENT',
    ['<SEQ=300><ACK=100><CTL=ACK>'],
    ['<SEQ=100><CTL=RST>'],
    'SYN-SENT',
  ],
  [
    '9293-3.10.7.3-a: an ACK above SND.NXT draws a RST',
    'SYN-SENT',
    ['<SEQ=300><ACK=102><CTL=SYN,ACK>'],
    ['<SEQ=102><CTL=RST>'],
    'SYN-SENT',
  ],
  ['9293-3.5.3-a: not when it is a RST itself', 'SYN-SENT', ['<SEQ=300><ACK=102><CTL=RST,ACK>'], [], 'SYN-SENT'],
  ['9293-3.10.7.3-b: a RST with a good ACK ends it', 'SYN-SENT', ['<SEQ=0><ACK=101><CTL=RST,ACK>'], [], 'CLOSED'],
  ['9293-3.10.7.3-b: one without is dropped', 'SYN-SENT', ['<SEQ=300><CTL=RST>'], [], 'SYN-SENT'],
  ['9293-3.10.7.3-c: SYN,ACK', 'SYN-SENT', ['<SEQ=300><ACK=101><CTL=SYN,ACK>'], [ACK], 'ESTABLISHED'],
  ['9293-3.10.7.3-c: SYN', 'SYN-SENT', ['<SEQ=300><CTL=SYN>'], ['<SEQ=100><ACK=301><CTL=SYN,ACK>'], 'SYN-RECEIVED'],
  ['9293-3.10.7.3-d: neither SYN nor RST', 'SYN-SENT', ['<SEQ=300><ACK=101><CTL=ACK><DATA=4>'], [], 'SYN-SENT'],
  [
    'text with the SYN,ACK is taken',
    'SYN-SENT',
    ['<SEQ=300><ACK=101><CTL=SYN,ACK><DATA=4>'],
    ['<SEQ=101><ACK=305><CTL=ACK>'],
    'ESTABLISHED',
  ],
  [
    '9293-3.10.7.4-u: a FIN with the SYN,ACK too',
    'SYN-SENT',
    ['<SEQ=300><ACK=101><CTL=SYN,ACK,FIN><DATA=4>'],
    ['<SEQ=101><ACK=306><CTL=ACK>'],
    'CLOSE-WAIT',
  ],
];

const SYN_RECEIVED_ROWS: Row[] = [
  ['9293-3.10.7.4-d: a RST returns to LISTEN', 'SYN-RECEIVED', ['<SEQ=301><CTL=RST>'], [], 'CLOSED'],
  ['9293-3.10.7.4-g: a SYN in the window returns to LISTEN', 'SYN-RECEIVED', ['<SEQ=305><CTL=SYN>'], [], 'CLOSED'],
  [
    'the same SYN again draws the SYN,ACK again',
    'SYN-RECEIVED',
    ['<SEQ=300><CTL=SYN>'],
    ['<SEQ=100><ACK=301><CTL=SYN,ACK>'],
    'SYN-RECEIVED',
  ],
  ['9293-3.10.7.4-i: no ACK', 'SYN-RECEIVED', ['<SEQ=301><CTL=PSH><DATA=3>'], [], 'SYN-RECEIVED'],
  ['9293-3.10.7.4-j: ACK of our SYN', 'SYN-RECEIVED', ['<SEQ=301><ACK=101><CTL=ACK>'], [], 'ESTABLISHED'],
  [
    '9293-3.10.7.4-j: another ACK draws a RST',
    'SYN-RECEIVED',
    ['<SEQ=301><ACK=102><CTL=ACK>'],
    ['<SEQ=102><CTL=RST>'],
    'SYN-RECEIVED',
  ],
  [
    '9293-3.10.7.4-v: ACK and FIN',
    'SYN-RECEIVED',
    ['<SEQ=301><ACK=101><CTL=FIN,ACK>'],
    ['<SEQ=101><ACK=302><CTL=ACK>'],
    'CLOSE-WAIT',
  ],
  [
    '9293-3.10.7.4-a: below the window',
    'SYN-RECEIVED',
    ['<SEQ=290><ACK=101><CTL=ACK>'],
    ['<SEQ=101><ACK=301><CTL=ACK>'],
    'SYN-RECEIVED',
  ],
];

const OTHER_ROWS: Row[] = [
  ['9293-3.10.7.4-e: RST in ESTABLISHED', 'ESTABLISHED', ['<SEQ=301><CTL=RST>'], [], 'CLOSED'],
  ['SHLD-2: a RST with data', 'ESTABLISHED', ['<SEQ=301><CTL=RST><DATA=9>'], [], 'CLOSED'],
  ['9293-3.10.7.4-e: RST in FIN-WAIT-1', 'FIN-WAIT-1', ['<SEQ=301><CTL=RST>'], [], 'CLOSED'],
  ['9293-3.10.7.4-e: RST in FIN-WAIT-2', 'FIN-WAIT-2', ['<SEQ=301><CTL=RST>'], [], 'CLOSED'],
  ['9293-3.10.7.4-e: RST in CLOSE-WAIT', 'CLOSE-WAIT', ['<SEQ=302><CTL=RST>'], [], 'CLOSED'],
  ['9293-3.10.7.4-f: RST in CLOSING', 'CLOSING', ['<SEQ=302><CTL=RST>'], [], 'CLOSED'],
  ['9293-3.10.7.4-f: RST in LAST-ACK', 'LAST-ACK', ['<SEQ=302><CTL=RST>'], [], 'CLOSED'],
  ['9293-3.10.7.4-f: RST in TIME-WAIT', 'TIME-WAIT', ['<SEQ=302><CTL=RST>'], [], 'CLOSED'],
  ['9293-3.10.7.4-k: an ACK above SND.NXT', 'ESTABLISHED', ['<SEQ=301><ACK=102><CTL=ACK>'], [ACK], 'ESTABLISHED'],
  [
    '9293-3.10.7.4-k, its text is not taken',
    'ESTABLISHED',
    ['<SEQ=301><ACK=102><CTL=ACK><DATA=5>'],
    [ACK],
    'ESTABLISHED',
  ],
  ['9293-3.10.7.4-m: our FIN acked', 'FIN-WAIT-1', ['<SEQ=301><ACK=102><CTL=ACK>'], [], 'FIN-WAIT-2'],
  ['9293-3.10.7.4-o: our FIN acked', 'CLOSING', ['<SEQ=302><ACK=102><CTL=ACK>'], [], 'TIME-WAIT'],
  ['9293-3.10.7.4-o: not acked', 'CLOSING', ['<SEQ=302><ACK=101><CTL=ACK>'], [], 'CLOSING'],
  ['9293-3.10.7.4-p: our FIN acked', 'LAST-ACK', ['<SEQ=302><ACK=102><CTL=ACK>'], [], 'CLOSED'],
  [
    '9293-3.10.7.4-q: the FIN again',
    'TIME-WAIT',
    ['<SEQ=301><ACK=102><CTL=FIN,ACK>'],
    ['<SEQ=102><ACK=302><CTL=ACK>'],
    'TIME-WAIT',
  ],
  [
    '9293-3.10.7.4-v: FIN in FIN-WAIT-1 that acks ours',
    'FIN-WAIT-1',
    ['<SEQ=301><ACK=102><CTL=FIN,ACK>'],
    ['<SEQ=102><ACK=302><CTL=ACK>'],
    'TIME-WAIT',
  ],
  [
    '9293-3.10.7.4-v: FIN in FIN-WAIT-1 that does not',
    'FIN-WAIT-1',
    ['<SEQ=301><ACK=101><CTL=FIN,ACK>'],
    ['<SEQ=102><ACK=302><CTL=ACK>'],
    'CLOSING',
  ],
  [
    'MUST-59, MUST-58: one ACK for text and FIN of one turn',
    'ESTABLISHED',
    ['<SEQ=301><ACK=101><CTL=ACK><DATA=5>', '<SEQ=306><ACK=101><CTL=ACK><DATA=5>', '<SEQ=311><ACK=101><CTL=FIN,ACK>'],
    ['<SEQ=101><ACK=312><CTL=ACK>'],
    'CLOSE-WAIT',
  ],
  [
    'SHLD-31: a FIN beyond a gap is held',
    'ESTABLISHED',
    ['<SEQ=306><ACK=101><CTL=FIN,ACK>', '<SEQ=301><ACK=101><CTL=ACK><DATA=5>'],
    ['<SEQ=101><ACK=307><CTL=ACK>'],
    'CLOSE-WAIT',
  ],
  [
    '9293-3.10.7.4-c: what lies before the window is trimmed',
    'ESTABLISHED',
    ['<SEQ=301><ACK=101><CTL=ACK><DATA=5>', '<SEQ=303><ACK=101><CTL=ACK><DATA=10>'],
    ['<SEQ=101><ACK=313><CTL=ACK>'],
    'ESTABLISHED',
  ],
];

function play(rows: Row[]): void {
  for (const [name, state, segments, sent, after] of rows) {
    it(`${state}, ${name}`, () => {
      const s = state === 'LISTEN' ? new Scene().listen() : inState(state);
      s.deliver(...segments).expectSent(...sent);
      if (!s.hasConnection) expect(after).to.equal('CLOSED');
      else s.expectState(after);
    });
  }
}

describe('SEGMENT ARRIVES, CLOSED (RFC 9293 §3.10.7.1)', () => {
  const rows: [string, string, string[]][] = [
    ['9293-3.10.7.1-a: a RST is discarded', '<SEQ=300><CTL=RST>', []],
    ['9293-3.5.2-a: with ACK, SEQ is SEG.ACK', '<SEQ=300><ACK=150><CTL=ACK><DATA=5>', ['<SEQ=150><CTL=RST>']],
    ['9293-3.5.2-a: without, ACK is SEG.SEQ+SEG.LEN', '<SEQ=300><CTL=SYN><DATA=5>', ['<SEQ=0><ACK=306><CTL=RST,ACK>']],
  ];
  for (const [name, segment, sent] of rows) {
    it(name, () => {
      const s = new Scene();
      s.iss = 55;
      s.deliver(segment).expectSent(...sent);
    });
  }

  it('RFC 7323 §5.2: the RST echoes a timestamp', () => {
    const s = new Scene();
    s.deliver('<SEQ=300><CTL=SYN><TS=77,0>');
    expect(s.take()[0]!.timestamps).to.deep.equal([0, 77]);
  });

  it('the number of resets a second is limited', () => {
    const s = new Scene({ resetsPerSecond: 10 });
    for (let i = 0; i < 50; i++) s.deliver('<SEQ=300><CTL=SYN>');
    expect(s.take().length).to.be.within(5, 10);
    expect(s.context.drops.count('tcp-reset-not-sent')).to.be.at.least(40);
    s.advance(SECOND).deliver('<SEQ=300><CTL=SYN>');
    expect(s.take().length).to.equal(1);
  });
});

describe('SEGMENT ARRIVES, LISTEN (RFC 9293 §3.10.7.2)', () => {
  play(LISTEN_ROWS);

  it('9293-3.10.7.2-c: text and FIN with the SYN wait for the handshake', () => {
    const s = new Scene().listen().deliver('<SEQ=300><CTL=SYN,FIN><DATA=4>');
    s.expectSent('<SEQ=100><ACK=301><CTL=SYN,ACK>').expectState('SYN-RECEIVED');
    s.deliver('<SEQ=301><ACK=101><CTL=ACK>').expectState('CLOSE-WAIT').expectSent('<SEQ=101><ACK=306><CTL=ACK>');
    expect(s.read()).to.deep.equal(Uint8Array.of(0, 1, 2, 3));
    expect(s.read()).to.equal(0);
  });

  it('9293-3.10.7.2-c: text with the SYN that comes again with the ACK is taken once', () => {
    const s = new Scene().listen();
    s.deliver('<SEQ=300><CTL=SYN><DATA=7>').expectSent('<SEQ=100><ACK=301><CTL=SYN,ACK>');
    s.deliver('<SEQ=301><ACK=101><CTL=ACK><DATA=9>').expectSent('<SEQ=101><ACK=310><CTL=ACK>');
    expect(s.read()).to.deep.equal(Uint8Array.from([0, 1, 2, 3, 4, 5, 6, 7, 8]));
  });

  it('MUST-57, MUST-63: broadcast and multicast are silence', () => {
    const s = new Scene().listen();
    const frame = s.context.frames.from(new Uint8Array(20).fill(0x50));
    const packet = { source: s.ip.address, destination: s.ip.address, protocol: 6, ttl: 1, tos: 0, interfaceId: 1 };
    s.tcp.receive(frame, { ...packet, broadcast: true }, s.now);
    frame.release();
    s.poll().expectSent();
    expect(s.context.drops.count('tcp-broadcast')).to.equal(1);
  });
});

describe('SEGMENT ARRIVES, SYN-SENT (RFC 9293 §3.10.7.3)', () => {
  play(SYN_SENT_ROWS);

  it('connect fails with ECONNREFUSED', () => {
    const s = inState('SYN-SENT').deliver('<SEQ=0><ACK=101><CTL=RST,ACK>');
    expect(s.conn.takeError()).to.equal(111);
    expect(s.read()).to.equal(-107); // ENOTCONN
  });

  it('MUST-11: a RST after a simultaneous open is ECONNREFUSED', () => {
    const s = inState('SYN-SENT').deliver('<SEQ=300><CTL=SYN>').deliver('<SEQ=301><CTL=RST>').expectState('CLOSED');
    expect(s.conn.takeError()).to.equal(111);
  });
});

describe('SEGMENT ARRIVES, other states (RFC 9293 §3.10.7.4)', () => {
  play(SYN_RECEIVED_ROWS);
  play(OTHER_ROWS);

  for (const [state, sndNxt, rcvNxt] of SYNCHRONIZED) {
    const ack = `<SEQ=${sndNxt}><ACK=${rcvNxt}><CTL=ACK>`;
    it(`${state}, 9293-3.10.7.4-a: beyond the window draws an ACK, unless it is a RST`, () => {
      const s = inState(state);
      s.deliver(`<SEQ=${rcvNxt + 70000}><ACK=101><CTL=ACK><DATA=1>`)
        .expectSent(ack)
        .expectState(state);
      s.deliver(`<SEQ=${rcvNxt + 70000}><CTL=RST>`)
        .expectSent()
        .expectState(state);
    });

    it(`${state}, 5961-3.2-b: a RST within the window draws a challenge ACK`, () => {
      const s = inState(state);
      s.deliver(`<SEQ=${rcvNxt + 1}><CTL=RST>`)
        .expectSent(ack)
        .expectState(state);
      // 5961-3.2-a: also one whose text reaches over RCV.NXT
      s.deliver(`<SEQ=${rcvNxt - 1}><CTL=RST><DATA=2>`)
        .expectSent(ack)
        .expectState(state);
    });

    it(`${state}, 9293-3.10.7.4-h, 5961-4.2-a: a SYN draws a challenge ACK`, () => {
      const s = inState(state);
      s.deliver(`<SEQ=${rcvNxt + 1}><CTL=SYN>`)
        .expectSent(ack)
        .expectState(state);
      s.advance(SECOND).take();
      s.deliver(`<SEQ=${rcvNxt - 100}><CTL=SYN>`)
        .expectSent(ack)
        .expectState(state);
    });

    it(`${state}, 9293-3.10.7.4-i: no ACK, no effect`, () => {
      const s = inState(state);
      s.deliver(`<SEQ=${rcvNxt}><CTL=FIN><DATA=4>`).expectSent().expectState(state);
      expect(s.conn.unread).to.equal(0);
    });

    it(`${state}, 5961-5.2-a: an ACK of long ago draws an ACK`, () => {
      const s = inState(state);
      s.deliver(`<SEQ=${rcvNxt}><ACK=${101 - 70000}><CTL=ACK><DATA=4>`)
        .expectSent(ack)
        .expectState(state);
    });
  }

  for (const state of ['CLOSE-WAIT', 'CLOSING', 'LAST-ACK', 'TIME-WAIT'] as const) {
    it(`${state}, 9293-3.10.7.4-s, -r, -w: text, URG and FIN after a FIN are ignored`, () => {
      const s = inState(state);
      s.deliver('<SEQ=302><ACK=101><CTL=ACK,URG,FIN><DATA=4><UP=4>').expectState(state);
      expect(s.conn.unread).to.equal(0);
      expect(s.conn.readiness() & 2).to.equal(0);
      expect(s.context.drops.count('tcp-text-after-fin')).to.equal(1);
    });
  }

  it('TIME-WAIT, 9293-3.10.7.4-q: the FIN again restarts 2 MSL', () => {
    const s = inState('TIME-WAIT');
    s.advance(50 * SECOND).deliver('<SEQ=301><ACK=102><CTL=FIN,ACK>');
    s.advance(50 * SECOND)
      .expectState('TIME-WAIT')
      .advance(10 * SECOND)
      .expectState('CLOSED');
  });

  it('9293-3.4-a, MUST-66: with a zero window RST and ACK are still taken', () => {
    const s = inState('ESTABLISHED', {}, { receiveBuffer: 10 });
    s.deliver('<SEQ=301><ACK=101><CTL=ACK><DATA=10>').advance(SECOND).take();
    expect(s.conn.info().rcvWnd).to.equal(0);
    s.write(3);
    s.poll().take();
    s.deliver('<SEQ=311><ACK=104><CTL=ACK><DATA=1>').expectSent('<SEQ=104><ACK=311><CTL=ACK>');
    expect([s.conn.unread, s.conn.unsent]).to.deep.equal([10, 0]);
    s.deliver('<SEQ=312><ACK=104><CTL=ACK><DATA=1>').expectSent('<SEQ=104><ACK=311><CTL=ACK>');
    s.deliver('<SEQ=311><CTL=RST>').expectState('CLOSED');
  });

  it('MUST-12: the reader can tell FIN from RST', () => {
    expect(inState('ESTABLISHED').deliver('<SEQ=301><ACK=101><CTL=FIN,ACK>').read()).to.equal(0);
    const s = inState('ESTABLISHED').deliver('<SEQ=301><CTL=RST>');
    expect([s.read(), s.read()]).to.deep.equal([-104, 0]);
  });

  it('a writer gets ECONNRESET once, then EPIPE', () => {
    const s = inState('ESTABLISHED').deliver('<SEQ=301><CTL=RST>');
    expect([s.write(1), s.write(1)]).to.deep.equal([-104, -32]);
  });
});
