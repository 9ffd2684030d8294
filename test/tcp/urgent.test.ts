/**
 * The urgent pointer at its edges. RFC 9293 §3.8.5, §3.10.7.4 (sixth).
 */
import { expect } from 'chai';
import { SECOND } from '../../src/core/time.ts';
import { Readiness } from '../../src/tcp/service.ts';
import { inState } from '../support/tcp-scene.ts';
import type { Scene } from '../support/tcp-scene.ts';

const isUrgent = (s: Scene): boolean => (s.conn.readiness() & Readiness.Urgent) !== 0;

describe('an urgent pointer that arrives', () => {
  it('9293-3.10.7.4-r: old text with its old pointer does not move it', () => {
    const s = inState('ESTABLISHED').deliver('<SEQ=301><ACK=101><CTL=ACK,URG><UP=2><DATA=5>');
    s.deliver('<SEQ=301><ACK=101><CTL=ACK,URG><UP=2><DATA=6>');
    s.read(2);
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

  it('text thrown away after SHUT_RD ends it', () => {
    const s = inState('ESTABLISHED').deliver('<SEQ=301><ACK=101><CTL=ACK,URG><UP=3>');
    s.conn.shutdownReceive();
    s.deliver('<SEQ=301><ACK=101><CTL=ACK><DATA=3>');
    expect(s.conn.tcb.urgentSeen).to.equal(false);
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
