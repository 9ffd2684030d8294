/**
 * RFC 5927: ICMP errors from strangers. Only one that quotes octets in flight counts (§4.1), and none ends a connection that is there
 * (§5.2). The path MTU has tests of its own.
 */
import { expect } from 'chai';
import { Errno } from '../../src/core/errno.ts';
import { SECOND } from '../../src/core/time.ts';
import { ipv4 } from '../../src/ip/address.ts';
import type { TcpState } from '../../src/tcp/service.ts';
import { HERE, LOCAL_PORT, PEER_PORT, THERE, inState } from '../support/tcp-scene.ts';
import type { Scene } from '../support/tcp-scene.ts';

/** An ICMP error that quotes the segment with this sequence number. */
function report(s: Scene, seq: number, code: number, errno: number): void {
  const frame = s.context.frames.acquire(8);
  const { bytes, start } = frame;
  const number = (seq - 100 + s.iss) >>> 0;
  bytes.set([LOCAL_PORT >> 8, LOCAL_PORT & 255, PEER_PORT >> 8, PEER_PORT & 255], start);
  bytes.set([number >>> 24, (number >>> 16) & 255, (number >>> 8) & 255, number & 255], start + 4);
  frame.end = start + 8;
  frame.transport = start;
  const hard = code >= 2 && code <= 4;
  const about = {
    from: ipv4(0x0a0000fe),
    source: HERE,
    destination: THERE,
    protocol: 6,
    type: 3,
    code,
    errno,
    hard,
    mtu: 0,
  };
  s.tcp.error(about, frame, s.now);
  frame.release();
  s.poll();
}

/** Destination Unreachable: the hard errors of RFC 1122 §4.2.3.9 but for code 4, and some soft ones. */
const CODES: readonly (readonly [number, number])[] = [
  [0, Errno.ENETUNREACH],
  [1, Errno.EHOSTUNREACH],
  [2, Errno.ENOPROTOOPT],
  [3, Errno.ECONNREFUSED],
  [13, Errno.EHOSTUNREACH],
];

/** States with something in flight: one octet or more, or the FIN, from the number given. */
const IN_FLIGHT: readonly (readonly [TcpState, number])[] = [
  ['ESTABLISHED', 101],
  ['CLOSE-WAIT', 101],
  ['FIN-WAIT-1', 101],
  ['CLOSING', 101],
  ['LAST-ACK', 101],
];

describe('RFC 5927', () => {
  for (const [state, seq] of IN_FLIGHT) {
    it(`§5.2, ${state}: no error ends it, hard or soft; SO_ERROR tells of it`, () => {
      for (const [code, errno] of CODES) {
        const s = inState(state);
        if (state === 'ESTABLISHED' || state === 'CLOSE-WAIT') s.write(10);
        s.poll().take();
        report(s, seq, code, errno);
        s.expectState(state);
        expect(s.conn.softError, `code ${code}`).to.equal(errno);
      }
    });
  }

  it('5927-4-a: numbers from before SND.UNA, and from SND.NXT on, are not believed', () => {
    const s = inState('ESTABLISHED');
    s.write(100);
    s.poll().take();
    for (const seq of [100, 201, 202, 101 - 65536, 101 + 2 ** 30, 101 - 2 ** 30]) report(s, seq, 3, Errno.ECONNREFUSED);
    expect([s.conn.softError, s.context.drops.count('tcp-error-not-in-flight')]).to.deep.equal([0, 6]);
    report(s, 200, 3, Errno.ECONNREFUSED);
    expect(s.conn.softError).to.equal(Errno.ECONNREFUSED);
  });

  it('5927-4-a: while nothing is in flight nothing is believed', () => {
    const s = inState('ESTABLISHED');
    for (let seq = -(2 ** 31); seq < 2 ** 31; seq += 40_000_003) report(s, seq, 1, Errno.EHOSTUNREACH);
    expect(s.conn.softError).to.equal(0);
  });

  it('§5.2: what an error said is over with the next ACK', () => {
    const s = inState('ESTABLISHED');
    s.write(10);
    s.poll().take();
    report(s, 101, 1, Errno.EHOSTUNREACH);
    s.deliver('<SEQ=301><ACK=111><CTL=ACK>');
    s.advance(1 * SECOND);
    expect([s.conn.state, s.conn.takeError()]).to.deep.equal(['ESTABLISHED', 0]);
  });

  it('§5.2: a half-open connection of a listener does not end either', () => {
    const s = inState('SYN-RECEIVED');
    report(s, 100, 3, Errno.ECONNREFUSED);
    s.expectState('SYN-RECEIVED');
  });
});
