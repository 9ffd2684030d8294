/**
 * RFC 1337: what a TIME-WAIT that a RST has ended early lets happen to the next connection of the same four-tuple, and that
 * config.tcp.timeWaitIgnoresReset (Linux tcp_rfc1337) prevents it.
 */
import { expect } from 'chai';
import { Errno } from '../../src/core/errno.ts';
import { SECOND } from '../../src/core/time.ts';
import { ANY_ADDRESS } from '../../src/ip/address.ts';
import { LOCAL_PORT, PEER_PORT, THERE, inState } from '../support/tcp-scene.ts';
import type { Scene } from '../support/tcp-scene.ts';

/**
 * Segments 5.1 to 5.3 of Figure 1: an old duplicate, the ACK that it draws, and the RST that the peer, which has forgotten all, answers.
 */
function assassinate(s: Scene): Scene {
  s.deliver('<SEQ=255><ACK=33><CTL=ACK>').expectSent('<SEQ=102><ACK=302><CTL=ACK>');
  return s.deliver('<SEQ=302><CTL=RST>').expectSent();
}

const reconnect = (s: Scene): unknown => s.tcp.connect(ANY_ADDRESS, LOCAL_PORT, THERE, PEER_PORT, s.options());

describe('RFC 1337', () => {
  it('Figure 1: by default a RST assassinates TIME-WAIT (RFC 9293 §3.10.7.4), and the four-tuple is free at once', () => {
    const s = assassinate(inState('TIME-WAIT')).expectState('CLOSED');
    expect(reconnect(s)).to.be.an('object');
  });

  it('Figure 1 with F1: the RST is dropped by name, TIME-WAIT lasts 2 MSL', () => {
    const s = assassinate(inState('TIME-WAIT', { timeWaitIgnoresReset: true })).expectState('TIME-WAIT');
    expect(s.context.drops.count('tcp-time-wait-reset')).to.equal(1);
    s.advance(59 * SECOND).expectState('TIME-WAIT');
    s.advance(2 * SECOND).expectState('CLOSED');
  });

  for (const [hazard, segment] of [
    ['H1: old text is not taken by a new connection', '<SEQ=360><ACK=101><CTL=ACK><DATA=80>'],
    ['H2: an old ACK does not bring two ends out of step', '<SEQ=302><ACK=640><CTL=ACK>'],
    ['H3: an old segment does not meet a connection in SYN-SENT', '<SEQ=400><ACK=50><CTL=ACK>'],
  ] as const) {
    it(`${hazard}: with F1 there is none for 2 MSL, and TIME-WAIT answers`, () => {
      const s = assassinate(inState('TIME-WAIT', { timeWaitIgnoresReset: true }));
      expect(reconnect(s)).to.equal(-Errno.EADDRNOTAVAIL);
      s.advance(1 * SECOND).deliver(segment);
      expect(s.take().map(({ flags }) => flags & 4)).to.satisfy((resets: number[]) => resets.every((bit) => bit === 0));
      s.expectState('TIME-WAIT');
      expect(s.conn.unread).to.equal(0);
    });
  }

  it('H3 without F1: in SYN-SENT the old ACK draws a RST, and the attempt goes on', () => {
    const s = inState('SYN-SENT');
    s.deliver('<SEQ=400><ACK=50><CTL=ACK>').expectSent('<SEQ=50><CTL=RST>').expectState('SYN-SENT');
  });

  it('F1 is about TIME-WAIT alone: a RST still ends the other states', () => {
    for (const state of ['ESTABLISHED', 'FIN-WAIT-1', 'FIN-WAIT-2'] as const) {
      inState(state, { timeWaitIgnoresReset: true }).deliver('<SEQ=301><CTL=RST>').expectState('CLOSED');
    }
  });
});
