/**
 * The options of RFC 7323 on the wire and in a connection. Its examples are in test/rfc/rfc7323.test.ts.
 */
import { expect } from 'chai';
import { HOUR, MS, SECOND } from '../../src/core/time.ts';
import { TS_RECENT_LIFETIME } from '../../src/tcp/timestamps.ts';
import { Scene, inState } from '../support/tcp-scene.ts';

/** Connected with timestamps; the peer's SYN carried TSval 1. */
function connected(changes = {}): Scene {
  const s = inState('SYN-SENT', { timestamps: true, ...changes });
  s.deliver('<SEQ=300><ACK=101><CTL=SYN,ACK><MSS=1460><TS=1,0>');
  s.take();
  return s;
}
const text = (seq: number, length: number, tsVal: number): string =>
  `<SEQ=${seq}><ACK=101><CTL=ACK><DATA=${length}><TS=${tsVal},0>`;

describe('timestamps (RFC 7323)', () => {
  it('7323-3.2-a: in every segment once both SYNs had them', () => {
    const s = connected();
    s.write(10);
    s.close();
    expect(s.take().every((p) => p.timestamps !== undefined)).to.equal(true);
  });

  it('without them in the SYN,ACK there are none', () => {
    const s = inState('SYN-SENT', { timestamps: true }).deliver('<SEQ=300><ACK=101><CTL=SYN,ACK>');
    expect(s.take()[0]!.timestamps).to.equal(undefined);
    s.deliver(text(301, 5, 99)); // 7323-3.2-c: ignored when not negotiated
    expect(s.conn.unread).to.equal(5);
  });

  it('not in a SYN,ACK when the SYN had none', () => {
    const s = new Scene({ timestamps: true }).listen().deliver('<SEQ=300><CTL=SYN>');
    expect(s.take()[0]!.timestamps).to.equal(undefined);
  });

  it('7323-5.4-a, 7323-7.1-a: the clock ticks in milliseconds from an offset of its own', () => {
    const s = connected();
    s.write(1);
    s.poll();
    const first = s.take()[0]!.timestamps![0];
    s.advance(100 * MS).deliver('<SEQ=301><ACK=102><CTL=ACK><TS=2,0>');
    s.write(1);
    s.poll();
    expect((s.take()[0]!.timestamps![0] - first) >>> 0).to.equal(100);
    expect(first).to.not.equal(1000);
  });

  it('7323-5.3-a: PAWS, before the sequence check; the segment draws an ACK', () => {
    const s = connected();
    s.deliver(text(301, 10, 50))
      .advance(50 * MS)
      .take();
    s.deliver(text(311, 10, 49));
    expect(s.take().map((p) => p.text)).to.deep.equal(['<SEQ=101><ACK=311><CTL=ACK>']);
    expect(s.context.drops.count('tcp-paws')).to.equal(1);
    s.deliver(text(311, 10, 50)); // equal is new enough
    expect(s.conn.unread).to.equal(20);
  });

  it('PAWS across the wrap of the timestamp', () => {
    const s = connected();
    s.deliver('<SEQ=301><ACK=101><CTL=ACK><DATA=1><TS=2147483000,0>').advance(SECOND);
    s.deliver('<SEQ=302><ACK=101><CTL=ACK><DATA=1><TS=3500000000,0>').advance(SECOND);
    s.deliver('<SEQ=303><ACK=101><CTL=ACK><DATA=1><TS=3,0>');
    expect(s.conn.unread).to.equal(3);
  });

  it('7323-5.2-a: never applied to a RST', () => {
    const s = connected();
    s.deliver(text(301, 10, 50)).advance(50 * MS);
    s.deliver('<SEQ=311><CTL=RST><TS=1,0>').expectState('CLOSED');
    connected().deliver('<SEQ=301><CTL=RST>').expectState('CLOSED');
  });

  it('7323-3.2-b: a segment without one is dropped in silence, and does not end the connection', () => {
    const s = connected().deliver('<SEQ=301><ACK=101><CTL=ACK><DATA=5>').expectSent().expectState('ESTABLISHED');
    expect([s.conn.unread, s.context.drops.count('tcp-no-timestamp')]).to.deep.equal([0, 1]);
  });

  it('a SYN without one, of a peer that has begun anew, is challenged', () => {
    const s = connected().deliver('<SEQ=9000><CTL=SYN>');
    expect(s.take().map((sent) => sent.text)).to.deep.equal(['<SEQ=101><ACK=301><CTL=ACK>']);
    s.expectState('ESTABLISHED');
  });

  it('7323-3.2-c: the RST of an abort has one but echoes none, having no ACK', () => {
    const s = connected();
    s.conn.abort();
    const [reset] = s.poll().take();
    expect([reset!.text, reset!.timestamps![1]]).to.deep.equal(['<SEQ=101><CTL=RST>', 0]);
  });

  it('7323-5.5-a: TS.Recent is not trusted after 24 days', () => {
    const s = connected();
    s.deliver(text(301, 10, 50)).advance(TS_RECENT_LIFETIME + HOUR);
    s.deliver(text(311, 10, 40));
    expect(s.conn.unread).to.equal(20);
  });

  it('7323-4.1-a: a sample from the echo where Karn forbids another', () => {
    const s = connected();
    s.write(10);
    s.poll();
    const sentAt = s.take()[0]!.timestamps![0];
    s.advance(300 * MS);
    expect(s.take().length).to.equal(1);
    s.deliver(`<SEQ=301><ACK=111><CTL=ACK><TS=2,${sentAt}>`);
    expect(s.conn.info().srtt).to.be.above(30 * MS); // 300 ms, an eighth of it
    expect(s.conn.info().rto).to.be.below(1 * SECOND);
  });
});

describe('window scaling (RFC 7323)', () => {
  it('7323-2.2-a, -b: offered in the SYN, used when both had it, and never in a SYN', () => {
    const s = inState('CLOSED', { windowScaling: true }).connect({ receiveBuffer: 4 * 1024 * 1024 });
    expect([s.sent[0]!.windowScale, s.sent[0]!.window]).to.deep.equal([7, 65535]);
    s.deliver('<SEQ=300><ACK=101><CTL=SYN,ACK><WS=3><WND=1000>');
    expect(s.conn.info().sndWnd).to.equal(1000);
    s.deliver('<SEQ=301><ACK=101><CTL=ACK><WND=1000>');
    expect(s.conn.info().sndWnd).to.equal(8000); // 7323-2.3-b
    expect(s.take()[1]!.window).to.equal(512); // 65536 >> 7
  });

  it('7323-2.2-a: not when only one had it', () => {
    const s = inState('SYN-SENT', { windowScaling: true }).deliver('<SEQ=300><ACK=101><CTL=SYN,ACK>');
    expect(s.take()[0]!.window).to.equal(65535);
    expect([s.conn.info().rcvWindShift, s.conn.info().sndWindShift]).to.deep.equal([0, 0]);
  });

  it('7323-2.3-a: a shift above 14 counts as 14', () => {
    const s = inState('SYN-SENT', { windowScaling: true });
    s.deliver('<SEQ=300><ACK=101><CTL=SYN,ACK><WS=200>').deliver('<SEQ=301><ACK=101><CTL=ACK><WND=65535>');
    expect(s.conn.info().sndWnd).to.equal(65535 * 2 ** 14);
  });

  it('7323-2.2-c: ignored in a segment without SYN', () => {
    const s = inState('SYN-SENT', { windowScaling: true }).deliver('<SEQ=300><ACK=101><CTL=SYN,ACK><WS=2>');
    s.deliver('<SEQ=301><ACK=101><CTL=ACK><WS=9><WND=1000>');
    expect(s.conn.info().sndWnd).to.equal(4000);
  });
});
