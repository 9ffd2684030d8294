/**
 * RFC 9293's Figures 6 to 13, each for both peers. The tests' own end always shows as 100 and the other as 300, so what the
 * RFC gives for Peer B is mirrored.
 */
import { expect } from 'chai';
import { SECOND } from '../../src/core/time.ts';
import { LOCAL_PORT, PEER_PORT, Scene, THERE, inState } from '../support/tcp-scene.ts';

describe("RFC 9293's figures", () => {
  it('Figure 6: Basic Three-Way Handshake, Peer A', () => {
    const s = new Scene().connect().expectSent('<SEQ=100><CTL=SYN>').expectState('SYN-SENT');
    s.deliver('<SEQ=300><ACK=101><CTL=SYN,ACK>').expectState('ESTABLISHED').expectSent('<SEQ=101><ACK=301><CTL=ACK>');
    s.write(5);
    s.poll().expectSent('<SEQ=101><ACK=301><CTL=ACK><DATA=5>');
  });

  it('Figure 6: Basic Three-Way Handshake, Peer B', () => {
    const s = new Scene().listen().deliver('<SEQ=300><CTL=SYN>').expectState('SYN-RECEIVED');
    s.expectSent('<SEQ=100><ACK=301><CTL=SYN,ACK>');
    s.deliver('<SEQ=301><ACK=101><CTL=ACK>').expectState('ESTABLISHED').expectSent();
    s.deliver('<SEQ=301><ACK=101><CTL=ACK><DATA=5>');
    expect(s.listener!.accept()).to.equal(s.conn);
    expect(s.conn.unread).to.equal(5);
  });

  it('Figure 7: Simultaneous Connection Synchronization; MUST-10 (both peers do the same)', () => {
    const s = new Scene().connect().expectSent('<SEQ=100><CTL=SYN>');
    s.deliver('<SEQ=300><CTL=SYN>').expectState('SYN-RECEIVED').expectSent('<SEQ=100><ACK=301><CTL=SYN,ACK>');
    s.deliver('<SEQ=300><ACK=101><CTL=SYN,ACK>').expectState('ESTABLISHED');
  });

  it('Figure 8: Recovery from Old Duplicate SYN, Peer A', () => {
    const s = new Scene().connect().expectSent('<SEQ=100><CTL=SYN>');
    s.deliver('<SEQ=300><ACK=91><CTL=SYN,ACK>').expectSent('<SEQ=91><CTL=RST>').expectState('SYN-SENT');
    s.deliver('<SEQ=400><ACK=101><CTL=SYN,ACK>').expectState('ESTABLISHED').expectSent('<SEQ=101><ACK=401><CTL=ACK>');
  });

  it('Figure 8: Recovery from Old Duplicate SYN, Peer B', () => {
    const s = new Scene().listen().deliver('<SEQ=290><CTL=SYN>').expectSent('<SEQ=100><ACK=291><CTL=SYN,ACK>');
    s.deliver('<SEQ=291><CTL=RST>').expectState('CLOSED').expectSent();
    expect([...s.tcp.connections()]).to.deep.equal([]);
    s.deliver('<SEQ=300><CTL=SYN>').expectSent('<SEQ=100><ACK=301><CTL=SYN,ACK>');
    s.deliver('<SEQ=301><ACK=101><CTL=ACK>');
    expect(s.listener!.waiting).to.equal(1);
  });

  it('Figure 9: Half-Open Connection Discovery, Peer A', () => {
    const s = new Scene().connect().expectSent('<SEQ=100><CTL=SYN>');
    s.deliver('<SEQ=300><ACK=50><CTL=ACK>').expectSent('<SEQ=50><CTL=RST>').expectState('SYN-SENT');
    s.advance(1 * SECOND).expectSent('<SEQ=100><CTL=SYN>');
  });

  it('Figure 9: Half-Open Connection Discovery, Peer B', () => {
    const s = inState('ESTABLISHED');
    s.deliver('<SEQ=700><CTL=SYN>').expectSent('<SEQ=101><ACK=301><CTL=ACK>').expectState('ESTABLISHED');
    s.deliver('<SEQ=301><CTL=RST>').expectState('CLOSED').expectSent();
  });

  it('Figure 10: Active Side Causes Half-Open Connection Discovery, Peer A', () => {
    const s = new Scene();
    s.iss = 55;
    s.deliver('<SEQ=300><ACK=100><CTL=ACK><DATA=10>').expectSent('<SEQ=100><CTL=RST>');
  });

  it('Figure 10: Active Side Causes Half-Open Connection Discovery, Peer B', () => {
    const s = inState('ESTABLISHED');
    s.write(10);
    s.poll().expectSent('<SEQ=101><ACK=301><CTL=ACK><DATA=10>');
    s.deliver('<SEQ=301><CTL=RST>').expectState('CLOSED');
    expect(s.write(1)).to.equal(-104); // ECONNRESET
  });

  it('Figure 11: Old Duplicate SYN Initiates a Reset on Two Passive Sockets, Peer A', () => {
    const s = new Scene().listen();
    s.deliver('<SEQ=300><ACK=91><CTL=SYN,ACK>').expectSent('<SEQ=91><CTL=RST>');
    expect([...s.tcp.connections()]).to.deep.equal([]);
  });

  it('Figure 11: Old Duplicate SYN Initiates a Reset on Two Passive Sockets, Peer B', () => {
    const s = new Scene().listen().deliver('<SEQ=300><CTL=SYN>').expectSent('<SEQ=100><ACK=301><CTL=SYN,ACK>');
    s.deliver('<SEQ=301><CTL=RST>').expectState('CLOSED').expectSent();
    expect(s.tcp.isTaken(s.ip.address, LOCAL_PORT, THERE, PEER_PORT)).to.equal(false);
    expect(s.listener!.halfOpen).to.equal(0);
  });

  it('Figure 12: Normal Close Sequence, Peer A; MUST-13: TIME-WAIT lasts 2 MSL', () => {
    const s = inState('ESTABLISHED');
    s.close().expectState('FIN-WAIT-1').expectSent('<SEQ=101><ACK=301><CTL=FIN,ACK>');
    s.deliver('<SEQ=301><ACK=102><CTL=ACK>').expectState('FIN-WAIT-2').expectSent();
    s.deliver('<SEQ=301><ACK=102><CTL=FIN,ACK>').expectState('TIME-WAIT').expectSent('<SEQ=102><ACK=302><CTL=ACK>');
    let gone = 0;
    s.conn.portHolder = { onGone: () => gone++ };
    s.advance(2 * s.context.config.tcp.msl - 1).expectState('TIME-WAIT');
    s.advance(1).expectState('CLOSED').expectSent();
    expect(gone).to.equal(1);
  });

  it('Figure 12: Normal Close Sequence, Peer B', () => {
    const s = inState('ESTABLISHED');
    s.deliver('<SEQ=301><ACK=101><CTL=FIN,ACK>').expectState('CLOSE-WAIT').expectSent('<SEQ=101><ACK=302><CTL=ACK>');
    expect(s.read()).to.equal(0);
    s.close().expectState('LAST-ACK').expectSent('<SEQ=101><ACK=302><CTL=FIN,ACK>');
    s.deliver('<SEQ=302><ACK=102><CTL=ACK>').expectState('CLOSED').expectSent();
  });

  it('Figure 13: Simultaneous Close Sequence (both peers do the same)', () => {
    const s = inState('ESTABLISHED');
    s.close().expectState('FIN-WAIT-1').expectSent('<SEQ=101><ACK=301><CTL=FIN,ACK>');
    s.deliver('<SEQ=301><ACK=101><CTL=FIN,ACK>').expectState('CLOSING').expectSent('<SEQ=102><ACK=302><CTL=ACK>');
    s.deliver('<SEQ=302><ACK=102><CTL=ACK>').expectState('TIME-WAIT').expectSent();
    s.advance(2 * s.context.config.tcp.msl).expectState('CLOSED');
  });
});
