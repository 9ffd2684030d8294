/**
 * RFC 5961: a stranger who knows the four-tuple but not the numbers. The states are those of `inState`, one by one in arrives.test.ts;
 * here are whole attacks, and the budget of §7, which must not tell a stranger anything.
 */
import { expect } from 'chai';
import { SeededRandom } from '../../src/core/random.ts';
import { MS, SECOND, micros } from '../../src/core/time.ts';
import { Throttle } from '../../src/tcp/challenge.ts';
import { inState } from '../support/tcp-scene.ts';

/** Challenge ACKs allowed in each of some seconds in which more are asked for. */
function budgets(seed: number, seconds: number, perSecond = 1000): number[] {
  const throttle = new Throttle(perSecond, new SeededRandom(seed));
  return Array.from({ length: seconds }, (_, second) => {
    let allowed = 0;
    for (let i = 0; i < 3 * perSecond; i++) if (throttle.allow(micros(second * SECOND + i))) allowed++;
    return allowed;
  });
}

describe('RFC 5961', () => {
  it('5961-3.2-a: RSTs all over the window, but not at RCV.NXT, end nothing', () => {
    const s = inState('ESTABLISHED');
    for (let seq = 302; seq < 301 + 65535; seq += 997)
      s.deliver(`<SEQ=${seq}><CTL=RST>`).deliver(`<SEQ=${seq}><ACK=101><CTL=RST,ACK>`);
    s.expectState('ESTABLISHED');
    s.deliver('<SEQ=301><CTL=RST>').expectState('CLOSED');
  });

  it('5961-3.2-b: beyond the window they draw nothing at all', () => {
    const s = inState('ESTABLISHED');
    for (let seq = 301 + 65536; seq < 301 + 2 ** 31; seq += 40_000_003) s.deliver(`<SEQ=${seq}><CTL=RST>`);
    for (let seq = 300; seq > 301 - 2 ** 31; seq -= 40_000_003) s.deliver(`<SEQ=${seq}><CTL=RST>`);
    s.expectSent().expectState('ESTABLISHED');
  });

  it('5961-4.2-a: SYNs anywhere in the window end nothing; the ACK tells a peer that has begun anew to reset', () => {
    const s = inState('ESTABLISHED');
    for (let seq = 301; seq < 301 + 65535; seq += 997) {
      s.deliver(`<SEQ=${seq}><CTL=SYN>`).expectSent('<SEQ=101><ACK=301><CTL=ACK>');
    }
    s.expectState('ESTABLISHED');
    // The peer in SYN-SENT answers that ACK with a RST at its number. §4.2.
    s.deliver('<SEQ=301><CTL=RST>').expectState('CLOSED');
  });

  it('5961-5.2-a: text is injected only with an ACK that is near: two guesses instead of one', () => {
    const s = inState('ESTABLISHED');
    let refused = 0;
    for (let ack = -(2 ** 31) + 101; ack < 2 ** 31; ack += 50_000_017) {
      s.advance(1 * MS).deliver(`<SEQ=301><ACK=${ack}><CTL=ACK><DATA=5>`);
      refused++;
    }
    expect([s.conn.unread, s.context.drops.count('tcp-bad-ack')]).to.deep.equal([0, refused]);
    // MAX.SND.WND before SND.UNA is still taken: the peer's older segments.
    s.deliver('<SEQ=301><ACK=1><CTL=ACK><DATA=5>');
    expect(s.conn.unread).to.equal(5);
  });

  it('5961-7-a: the budget of a second is from half of the bound to all of it', () => {
    for (const budget of budgets(1, 100)) expect(budget).to.be.within(500, 1000);
  });

  it('CVE-2016-5696: a stranger who counts his own challenge ACKs learns nothing of others: the budget is another each second', () => {
    const seen = new Set(budgets(1, 200));
    expect(seen.size).to.be.above(100);
    expect(budgets(1, 20)).to.not.deep.equal(budgets(2, 20));
    const mean = budgets(3, 400).reduce((sum, one) => sum + one, 0) / 400;
    expect(mean).to.be.within(720, 780);
  });
});
