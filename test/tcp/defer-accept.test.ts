/**
 * TCP_DEFER_ACCEPT: "allow a listener to be awakened only when data arrives on the socket". tcp(7).
 */
import { expect } from 'chai';
import { MS, SECOND } from '../../src/core/time.ts';
import { Scene } from '../support/tcp-scene.ts';

/** A listener that waits for so many timeouts; a SYN has been answered. */
const deferring = (deferAccept: number): Scene => {
  const s = new Scene().listen(5, { deferAccept }).deliver('<SEQ=300><CTL=SYN>');
  return s.expectSent('<SEQ=100><ACK=301><CTL=SYN,ACK>');
};
const ACK = '<SEQ=301><ACK=101><CTL=ACK>';
const SYN_ACK = '<SEQ=100><ACK=301><CTL=SYN,ACK>';

describe('TCP_DEFER_ACCEPT', () => {
  it('the ACK of the handshake completes nothing and draws nothing; text does', () => {
    const s = deferring(2).deliver(ACK).expectSent().expectState('SYN-RECEIVED');
    expect([s.listener!.waiting, s.listener!.halfOpen]).to.deep.equal([0, 1]);
    expect(s.context.drops.count('tcp-accept-deferred')).to.equal(1);
    s.advance(500 * MS)
      .deliver(`${ACK}<DATA=5>`)
      .expectState('ESTABLISHED');
    expect([s.listener!.waiting, s.listener!.halfOpen]).to.deep.equal([1, 0]);
    expect(s.conn.unread).to.equal(5);
  });

  it('a FIN completes it too', () => {
    const s = deferring(2).deliver(ACK, '<SEQ=301><ACK=101><CTL=FIN,ACK>').expectState('CLOSE-WAIT');
    expect(s.listener!.waiting).to.equal(1);
  });

  it('the SYN,ACK is not sent again before the time is over; then once more, and its ACK completes the connection', () => {
    const s = deferring(2).deliver(ACK);
    s.advance(1 * SECOND).expectSent(); // the first timeout
    s.advance(1999 * MS).expectSent();
    s.advance(1 * MS).expectSent(SYN_ACK); // 1 + 2 s
    s.deliver(ACK).expectState('ESTABLISHED');
    expect(s.listener!.waiting).to.equal(1);
  });

  it('while no ACK has come the SYN,ACK is sent again as ever', () => {
    const s = deferring(3);
    s.advance(1 * SECOND).expectSent(SYN_ACK);
    s.deliver(ACK)
      .advance(2 * SECOND)
      .expectSent();
    s.advance(4 * SECOND).expectSent(SYN_ACK);
  });

  it('nobody who answers no more is kept beyond the last timeout', () => {
    for (const deferAccept of [2, 7]) {
      const s = deferring(deferAccept).deliver(ACK);
      s.advance(2 ** (Math.max(deferAccept, 5) + 1) * SECOND).expectState('CLOSED');
      expect([s.listener!.waiting, s.listener!.halfOpen]).to.deep.equal([0, 0]);
    }
  });

  it('the round trip is that of the handshake, whenever text comes', () => {
    const s = new Scene().listen(5, { deferAccept: 6 }).deliver('<SEQ=300><CTL=SYN>');
    s.advance(30 * MS)
      .deliver(ACK)
      .advance(5 * SECOND)
      .deliver(`${ACK}<DATA=5>`);
    expect(s.conn.info().srtt).to.equal(30 * MS);
    expect(s.conn.info().rto).to.equal(230 * MS);
  });

  it('the same with timestamps after a SYN,ACK was lost', () => {
    const s = new Scene({ timestamps: true }).listen(5, { deferAccept: 6 }).deliver('<SEQ=300><CTL=SYN><TS=7>');
    const again = s
      .advance(1 * SECOND)
      .take()
      .at(-1)!;
    const echo = again.timestamps![0];
    s.advance(40 * MS)
      .deliver(`${ACK}<TS=8,${echo}>`)
      .advance(5 * SECOND)
      .deliver(`${ACK}<DATA=5><TS=9,${echo}>`);
    expect(s.conn.info().srtt).to.be.within(39 * MS, 41 * MS);
  });

  it('of who connects: the ACK of the handshake waits for text, for 200 ms at most', () => {
    const open = (): Scene => new Scene().connect({ deferAccept: 1 }).deliver('<SEQ=300><ACK=101><CTL=SYN,ACK>');
    const s = open().expectState('ESTABLISHED');
    s.take(); // the SYN
    s.advance(199 * MS).expectSent();
    s.advance(1 * MS).expectSent('<SEQ=101><ACK=301><CTL=ACK>');
    const withText = open();
    withText.take();
    withText.write(5);
    withText.poll().expectSent('<SEQ=101><ACK=301><CTL=ACK><DATA=5>');
    withText.advance(199 * MS).expectSent();
  });

  it('a SYN cookie leaves nothing that could wait: its ACK completes the connection', () => {
    const s = new Scene({ synCookies: 'always' }).listen(5, { deferAccept: 2 }).deliver('<SEQ=300><CTL=SYN>');
    s.deliver(ACK).expectState('ESTABLISHED');
    expect(s.listener!.waiting).to.equal(1);
  });

  it('when the accept queue is full by then, the text is ignored and comes again', () => {
    const s = new Scene().listen(0, { deferAccept: 3 });
    s.arrive('<SEQ=300><CTL=SYN>', 1).poll();
    s.arrive(`${ACK}<DATA=1>`, 1).poll();
    expect(s.listener!.waiting).to.equal(1);
    s.arrive('<SEQ=300><CTL=SYN>', 2).poll();
    expect(s.context.drops.count('tcp-accept-queue-full')).to.equal(1);
  });
});

describe('SO_RCVLOWAT', () => {
  const established = (receiveLowWater: number, receiveBuffer: number, window: number): Scene => {
    const s = new Scene().connect({ receiveLowWater, receiveBuffer }).deliver('<SEQ=300><ACK=101><CTL=SYN,ACK>');
    s.expectState('ESTABLISHED');
    expect(s.conn.info().rcvWnd).to.equal(window);
    return s;
  };
  const readable = (s: Scene): boolean => (s.conn.readiness() & 1) !== 0;

  it('readable from so many octets on; a read takes what is there in any case', () => {
    const s = established(10, 65535, 65535).deliver(`${ACK}<DATA=9>`);
    expect(readable(s)).to.be.false;
    s.deliver('<SEQ=310><ACK=101><CTL=ACK><DATA=1>');
    expect(readable(s)).to.be.true;
    expect(s.read(8)).to.have.length(8);
    expect(readable(s)).to.be.false;
    expect(s.read(8)).to.have.length(2);
  });

  it('the end of the stream, and an error, are readable with less', () => {
    const s = established(10, 65535, 65535).deliver(`${ACK}<DATA=3>`, '<SEQ=304><ACK=101><CTL=FIN,ACK>');
    expect(readable(s)).to.be.true;
  });

  it('readable with less when the window leaves room for no more than a segment', () => {
    const s = established(4000, 3000, 3000).deliver(`${ACK}<DATA=1000>`);
    expect(readable(s)).to.be.false;
    s.deliver('<SEQ=1301><ACK=101><CTL=ACK><DATA=1000>');
    expect(readable(s)).to.be.true;
  });

  it('takes effect at once on a connection that there is', () => {
    const s = established(1, 65535, 65535).deliver(`${ACK}<DATA=3>`);
    expect(readable(s)).to.be.true;
    expect(s.conn.setOptions({ receiveLowWater: 4 })).to.equal(0);
    expect(readable(s)).to.be.false;
  });

  it('a buffer that tunes itself is at least as large', () => {
    const s = new Scene({ tuneBuffers: true }).connect({ receiveLowWater: 300_000 });
    expect(s.conn.info().receiveBuffer).to.equal(300_000);
  });
});
