/**
 * The User Timeout option. RFC 5482.
 */
import { expect } from 'chai';
import { Errno } from '../../src/core/errno.ts';
import { HOUR, MINUTE, SECOND } from '../../src/core/time.ts';
import { decodeUserTimeout, encodeUserTimeout } from '../../src/tcp/user-timeout.ts';
import { Scene } from '../support/tcp-scene.ts';
import type { TcpConfig } from '../../src/core/config.ts';
import type { TcpOptions } from '../../src/tcp/service.ts';

const MINUTES = 0x8000;

describe('User Timeout: the field (§3.3)', () => {
  const rows: readonly (readonly [number, number, number])[] = [
    // time, field, and what the field says
    [1, 1, 1 * SECOND],
    [1 * SECOND, 1, 1 * SECOND],
    [300 * SECOND, 300, 300 * SECOND],
    [32767 * SECOND, 32767, 32767 * SECOND],
    [32768 * SECOND, MINUTES | 547, 547 * MINUTE],
    [48 * HOUR, MINUTES | 2880, 48 * HOUR],
    [1e6 * HOUR, MINUTES | 32767, 32767 * MINUTE],
  ];
  for (const [time, field, told] of rows) {
    it(`${time / SECOND} s is ${field.toString(16)}`, () => {
      expect([encodeUserTimeout(time), decodeUserTimeout(field)]).to.deep.equal([field, told]);
    });
  }
});

/** A connection opened from here that advertises 300 s, unless told otherwise, with options in the peer's SYN,ACK. */
function connected(peer = '', changes: Partial<TcpOptions> = {}, tcp: Partial<TcpConfig> = {}): Scene {
  const s = new Scene(tcp).connect({ advertisedUserTimeout: 300 * SECOND, ...changes });
  return s.deliver(`<SEQ=300><ACK=101><CTL=SYN,ACK><MSS=1460>${peer}`);
}

describe('User Timeout: sending (§3)', () => {
  it('5482-3-a: off unless asked for, both ways', () => {
    const s = new Scene().connect().deliver('<SEQ=300><ACK=101><CTL=SYN,ACK><UTO=500>');
    expect(s.take().map(({ userTimeout }) => userTimeout)).to.deep.equal([-1, -1]);
    expect(s.conn.info()).to.include({ userTimeout: 0, remoteUserTimeout: 0 });
  });

  it('5482-3-a: goes with the SYN and the first segment after it, and no further ones', () => {
    const s = connected();
    s.write(10);
    expect(
      s
        .poll()
        .take()
        .map(({ userTimeout }) => userTimeout),
    ).to.deep.equal([300, 300, -1]);
  });

  it('goes with the SYN,ACK of a listener for which config.tcp.advertisedUserTimeout says so', () => {
    const s = new Scene({ advertisedUserTimeout: 2 * MINUTE }).listen().deliver('<SEQ=300><CTL=SYN>');
    s.deliver('<SEQ=301><ACK=101><CTL=ACK>', '<SEQ=301><ACK=101><CTL=ACK,FIN>');
    expect(s.take().map(({ userTimeout }) => userTimeout)).to.deep.equal([120, 120]);
  });

  it('goes with the next segment after a change', () => {
    const s = connected();
    s.take();
    s.conn.setOptions({ advertisedUserTimeout: 40_000 * SECOND });
    s.write(10);
    expect(
      s
        .poll()
        .take()
        .map(({ userTimeout }) => userTimeout),
    ).to.deep.equal([MINUTES | 667]);
  });

  it('waits for a segment with room: full ones stay within the MTU', () => {
    const s = connected();
    s.take();
    s.conn.setOptions({ advertisedUserTimeout: 600 * SECOND });
    s.write(1460 + 1458);
    const sizes = s.poll().take();
    expect(sizes.map(({ data, userTimeout }) => [data.length, userTimeout])).to.deep.equal([
      [1460, -1],
      [1458, -1],
    ]);
    s.deliver('<SEQ=301><ACK=3019><CTL=ACK><DATA=5>').advance(SECOND);
    expect(s.take().map(({ userTimeout }) => userTimeout)).to.deep.equal([600]);
  });

  it('bounds of what may be advertised', () => {
    const s = connected();
    for (const value of [-1, 1, SECOND - 1, 32768 * MINUTE, NaN]) {
      expect(s.conn.setOptions({ advertisedUserTimeout: value }), String(value)).to.equal(-Errno.EINVAL);
    }
  });
});

describe('User Timeout: receiving (§3.1)', () => {
  const rows: readonly (readonly [string, string, Partial<TcpOptions>, number])[] = [
    ["the larger of the two: the peer's", '<UTO=900>', {}, 900 * SECOND],
    ['the larger of the two: ours', '<UTO=200>', {}, 300 * SECOND],
    ['no less than L_LIMIT', '<UTO=2>', { advertisedUserTimeout: 1 * SECOND }, 100 * SECOND],
    ['no more than U_LIMIT', `<UTO=${MINUTES | 32767}>`, {}, 1 * HOUR],
    ['not where the program has set it: CHANGEABLE is false', '<UTO=900>', { userTimeout: 30 * SECOND }, 30 * SECOND],
    ['not where the program wants none', '<UTO=900>', { userTimeout: Infinity }, 0],
    ['no option, no change', '', {}, 0],
  ];
  for (const [name, peer, changes, wanted] of rows) {
    it(`5482-3-a: ${name}`, () => {
      expect(connected(peer, changes).conn.info().userTimeout).to.equal(wanted);
    });
  }

  it('L_LIMIT is above the RTO', () => {
    const s = connected(
      '',
      { advertisedUserTimeout: SECOND },
      { userTimeoutMin: 0, rtoInitial: 60 * SECOND, rtoMin: 60 * SECOND },
    );
    s.deliver('<SEQ=301><ACK=101><CTL=ACK><UTO=1>');
    expect(s.conn.info().userTimeout).to.be.above(s.conn.info().rto);
  });

  it('the program is shown what the peer said though it changes nothing', () => {
    expect(connected('<UTO=900>', { userTimeout: 30 * SECOND }).conn.info().remoteUserTimeout).to.equal(900 * SECOND);
  });

  it('holds in the middle of a connection, and through other options that change', () => {
    const s = connected().deliver('<SEQ=301><ACK=101><CTL=ACK><UTO=400>');
    s.conn.setOptions({ noDelay: true });
    expect(s.conn.info().userTimeout).to.equal(400 * SECOND);
    s.conn.setOptions({ advertisedUserTimeout: 0 });
    expect(s.conn.info().userTimeout).to.equal(0);
  });

  it('reserved values are ignored, and named (§3.4)', () => {
    for (const field of [0, MINUTES]) {
      const s = connected().deliver(`<SEQ=301><ACK=101><CTL=ACK><UTO=${field}>`);
      expect([s.conn.info().remoteUserTimeout, s.context.drops.count('tcp-user-timeout-zero')]).to.deep.equal([0, 1]);
    }
  });

  it('is what the connection is given up by', () => {
    const s = connected('<UTO=200>', { advertisedUserTimeout: 150 * SECOND });
    s.write(10);
    s.poll().advance(199 * SECOND);
    expect(s.conn.state).to.equal('ESTABLISHED');
    s.advance(2 * SECOND);
    expect([s.conn.state, s.conn.takeError()]).to.deep.equal(['CLOSED', Errno.ETIMEDOUT]);
  });

  it('outlasts R2 when it is longer', () => {
    const s = connected('<UTO=3000>', {}, { retries2: 3 });
    s.write(10);
    s.poll().advance(2900 * SECOND);
    expect(s.conn.state).to.equal('ESTABLISHED');
    s.advance(200 * SECOND);
    expect(s.conn.state).to.equal('CLOSED');
  });
});
