/**
 * The urgent pointer at its edges. RFC 9293 §3.8.5, §3.10.7.4 (sixth).
 */
import { expect } from 'chai';
import { Errno } from '../../src/core/errno.ts';
import { SECOND } from '../../src/core/time.ts';
import { Readiness } from '../../src/tcp/service.ts';
import { inState } from '../support/tcp-scene.ts';
import type { Scene } from '../support/tcp-scene.ts';

const isUrgent = (s: Scene): boolean => (s.conn.readiness() & Readiness.UrgentAhead) !== 0;
/** Linux's POLLPRI: the octet itself has come. */
const isHere = (s: Scene): boolean => (s.conn.readiness() & Readiness.Urgent) !== 0;

describe('an urgent pointer that arrives', () => {
  it('9293-3.10.7.4-r: old text with its old pointer does not move it', () => {
    const s = inState('ESTABLISHED').deliver('<SEQ=301><ACK=101><CTL=ACK,URG><UP=2><DATA=5>');
    s.deliver('<SEQ=301><ACK=101><CTL=ACK,URG><UP=2><DATA=6>');
    expect([s.read(2), s.conn.atMark]).to.deep.equal([Uint8Array.of(0), true]);
    s.read(1);
    expect(isUrgent(s)).to.equal(false);
  });

  it('old text without unread octets does not begin urgent mode', () => {
    const s = inState('ESTABLISHED').deliver('<SEQ=301><ACK=101><CTL=ACK><DATA=10>');
    s.read(5);
    s.deliver('<SEQ=301><ACK=101><CTL=ACK,URG><UP=3><DATA=11>');
    expect(isUrgent(s)).to.equal(false);
    // Not so when the octet lies among those that nobody has read.
    s.deliver('<SEQ=301><ACK=101><CTL=ACK,URG><UP=8><DATA=12>');
    expect(isUrgent(s)).to.equal(true);
  });

  it('MUST-66, 9293-3.10.7.4-b: is taken though the window is closed', () => {
    const s = inState('ESTABLISHED', { receiveBuffer: 1000 });
    s.deliver('<SEQ=301><ACK=101><CTL=ACK><DATA=1000>');
    expect([s.conn.info().rcvWnd, isUrgent(s)]).to.deep.equal([0, false]);
    s.deliver('<SEQ=1301><ACK=101><CTL=ACK,URG><UP=1><DATA=1>');
    expect(isUrgent(s)).to.equal(true);
    s.read();
    expect(isUrgent(s)).to.equal(true); // the octet itself has not come yet
  });

  it('a pointer of zero, and one into text that comes later', () => {
    const s = inState('ESTABLISHED').deliver('<SEQ=301><ACK=101><CTL=ACK,URG><UP=0>');
    expect(isUrgent(s)).to.equal(false);
    s.deliver('<SEQ=301><ACK=101><CTL=ACK,URG><UP=65535>');
    expect(isUrgent(s)).to.equal(true);
  });
});

describe('the urgent octet (RFC 6093 §3)', () => {
  const take = (s: Scene): number => {
    const into = new Uint8Array(1);
    const result = s.conn.receiveUrgent(into, 0, 1);
    return result === 1 ? into[0]! : result;
  };

  it('MUST-32, MUST-33: announced, on its way, here, taken, passed', () => {
    const s = inState('ESTABLISHED').deliver('<SEQ=301><ACK=101><CTL=ACK,URG><UP=5><DATA=2>');
    expect([isUrgent(s), isHere(s), s.conn.info().urgentAhead, take(s)]).to.deep.equal([true, false, 5, -Errno.EAGAIN]);
    s.deliver('<SEQ=303><ACK=101><CTL=ACK><DATA=10>');
    expect([isUrgent(s), isHere(s), s.conn.info().urgentAhead]).to.deep.equal([true, true, 5]);
    expect([take(s), take(s), isHere(s), isUrgent(s)]).to.deep.equal([4, -Errno.EINVAL, false, true]);
    expect([s.read(), s.conn.atMark, s.conn.info().urgentAhead]).to.deep.equal([Uint8Array.of(0, 1, 2, 3), true, 1]);
    expect(s.read()).to.deep.equal(Uint8Array.of(5, 6, 7, 8, 9, 10, 11));
    expect([isUrgent(s), s.conn.info().urgentAhead]).to.deep.equal([false, 0]);
  });

  it('beyond a gap it can be taken before the gap is filled', () => {
    const s = inState('ESTABLISHED').deliver('<SEQ=303><ACK=101><CTL=ACK,URG><UP=2><DATA=2>');
    expect([isHere(s), take(s), s.read()]).to.deep.equal([true, 3, -Errno.EAGAIN]);
    s.deliver('<SEQ=301><ACK=101><CTL=ACK><DATA=2>');
    expect(s.read()).to.deep.equal(Uint8Array.of(0, 1, 2));
  });

  it('it came beyond a gap, and is announced later', () => {
    const s = inState('ESTABLISHED').deliver('<SEQ=303><ACK=101><CTL=ACK><DATA=2>');
    s.deliver('<SEQ=301><ACK=101><CTL=ACK,URG><UP=4><DATA=1>');
    expect([isUrgent(s), isHere(s), take(s)]).to.deep.equal([true, false, -Errno.EAGAIN]);
    s.deliver('<SEQ=302><ACK=101><CTL=ACK><DATA=1>');
    expect([isHere(s), take(s)]).to.deep.equal([true, 3]);
  });

  it('with the FIN in the same segment it does not block the end of the stream', () => {
    const s = inState('ESTABLISHED').deliver('<SEQ=301><ACK=101><CTL=ACK,URG,FIN><UP=1><DATA=1>');
    expect([s.read(), take(s), s.conn.unread]).to.deep.equal([0, -Errno.EINVAL, 0]);
  });

  it('is in line with oobInline, where a read stops before it once', () => {
    const s = inState('ESTABLISHED', {}, { oobInline: true }).deliver('<SEQ=301><ACK=101><CTL=ACK,URG><UP=3><DATA=5>');
    expect([take(s), s.read(), s.conn.atMark]).to.deep.equal([-Errno.EINVAL, Uint8Array.of(0, 1), true]);
    expect(s.read()).to.deep.equal(Uint8Array.of(2, 3, 4));
  });

  it('a peer that announces endlessly makes nothing grow', () => {
    const s = inState('ESTABLISHED');
    for (let i = 0; i < 1000; i++) s.deliver(`<SEQ=${301 + i}><ACK=101><CTL=ACK,URG><UP=${1 + (i % 7)}><DATA=1>`);
    expect([s.conn.unread, s.conn.info().urgentAhead > 0]).to.deep.equal([999, true]); // the first mark was come to, so its octet went;
  });
});

describe('an urgent pointer that is sent', () => {
  it('goes with the probe of a closed window', () => {
    const s = inState('ESTABLISHED').deliver('<SEQ=301><ACK=101><CTL=ACK><WND=0>');
    s.conn.sendUrgent(new Uint8Array(3), 0, 3);
    s.poll().advance(1 * SECOND);
    expect(s.take().map((sent) => [sent.text, sent.up])[0]).to.deep.equal([
      '<SEQ=101><ACK=301><CTL=ACK,URG><DATA=1>',
      3,
    ]);
  });

  it('is there again when its text is sent again, and names the same octet', () => {
    const s = inState('ESTABLISHED');
    s.conn.sendUrgent(new Uint8Array(3000), 0, 3000);
    s.poll();
    const first = s.take();
    s.advance(400 * 1000);
    const [again] = s.take();
    for (const sent of [...first, again!]) expect([sent.flags & 32, sent.seq + sent.up]).to.deep.equal([32, 3101]);
  });
});
