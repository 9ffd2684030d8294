/**
 * Explicit congestion notification, segment by segment. RFC 3168 §6.1.
 */
import { expect } from 'chai';
import { MS, SECOND } from '../../src/core/time.ts';
import { TcpFlag } from '../../src/tcp/wire.ts';
import { Scene, inState } from '../support/tcp-scene.ts';
import type { Sent } from '../support/tcp-scene.ts';

const ECT0 = 2;
const CE = 3;
const SETUP = TcpFlag.Ece | TcpFlag.Cwr;

const ecnBits = (sent: Sent): number => sent.flags & SETUP;
/** The ECN field and the two control bits of segments, in short. */
const shown = (sent: readonly Sent[]): string[] =>
  sent.map((one) => {
    const bits = [one.flags & TcpFlag.Ece ? 'ECE' : '', one.flags & TcpFlag.Cwr ? 'CWR' : ''].filter(Boolean);
    return `${one.seq}+${one.data.length} ${['Not-ECT', 'ECT(1)', 'ECT(0)', 'CE'][one.tos & 3]!} ${bits.join(',')}`.trim();
  });

/** A connection that uses ECN, opened from here or from there. */
function connected(tcp: ConstructorParameters<typeof Scene>[0] = {}): Scene {
  const s = new Scene({ ecn: 'active', ...tcp }).connect();
  s.deliver('<SEQ=300><ACK=101><CTL=SYN,ACK,ECE><MSS=1460>').take();
  expect(s.conn.info().ecn).to.equal(true);
  return s;
}
function accepted(): Scene {
  const s = new Scene().listen().deliver('<SEQ=300><CTL=SYN,ECE,CWR><MSS=1460>');
  s.deliver('<SEQ=301><ACK=101><CTL=ACK>').take();
  expect(s.conn.info().ecn).to.equal(true);
  return s;
}

describe('ECN: the handshake (SHLD-8)', () => {
  const opening: [string, 'off' | 'passive' | 'active', number][] = [
    ['active asks', 'active', SETUP],
    ['passive does not', 'passive', 0],
    ['off does not', 'off', 0],
  ];
  for (const [name, ecn, bits] of opening) {
    it(`3168-6.1.1-a, 3168-6.1.1-b: ${name}, and the SYN is not marked`, () => {
      const [syn] = new Scene({ ecn }).connect().take();
      expect([ecnBits(syn!), syn!.tos & 3]).to.deep.equal([bits, 0]);
    });
  }

  const answers: [string, 'off' | 'passive' | 'active', string, boolean][] = [
    ['asked, and the answer is ECE', 'active', 'SYN,ACK,ECE', true],
    ['asked, and the answer is nothing', 'active', 'SYN,ACK', false],
    ['asked, and the peer reflects both bits (§6.1.1.2)', 'active', 'SYN,ACK,ECE,CWR', false],
    ['asked, and the answer is CWR alone', 'active', 'SYN,ACK,CWR', false],
    ['not asked, and the answer is ECE', 'passive', 'SYN,ACK,ECE', false],
  ];
  for (const [name, ecn, ctl, agreed] of answers) {
    it(`3168-6.1.1-a: ${name}`, () => {
      const s = new Scene({ ecn }).connect().deliver(`<SEQ=300><ACK=101><CTL=${ctl}><MSS=1460>`);
      s.take();
      expect(s.conn.info().ecn).to.equal(agreed);
      s.write(10);
      expect(shown(s.poll().take())).to.deep.equal([`101+10 ${agreed ? 'ECT(0)' : 'Not-ECT'}`]);
    });
  }

  const asked: [string, 'off' | 'passive' | 'active', string, boolean][] = [
    ['a SYN with both bits', 'passive', '<CTL=SYN,ECE,CWR>', true],
    ['a SYN with both bits, where this end is active', 'active', '<CTL=SYN,ECE,CWR>', true],
    ['a SYN with both bits, where this end does without', 'off', '<CTL=SYN,ECE,CWR>', false],
    ['a SYN with ECE alone', 'passive', '<CTL=SYN,ECE>', false],
    ['a SYN with CWR alone', 'passive', '<CTL=SYN,CWR>', false],
    ['a plain SYN', 'active', '<CTL=SYN>', false],
    ['a SYN that is marked itself (as Linux)', 'passive', '<CTL=SYN,ECE,CWR><ECN=2>', false],
  ];
  for (const [name, ecn, ctl, agreed] of asked) {
    it(`3168-6.1.1-a, 3168-6.1.1-b: ${name}`, () => {
      const s = new Scene({ ecn }).listen().deliver(`<SEQ=300>${ctl}<MSS=1460>`);
      const [answer] = s.take();
      expect([ecnBits(answer!), answer!.tos & 3]).to.deep.equal([agreed ? TcpFlag.Ece : 0, 0]);
      s.deliver('<SEQ=301><ACK=101><CTL=ACK>');
      expect(s.conn.info().ecn).to.equal(agreed);
    });
  }

  it('§6.1.1.1: a SYN that goes out again asks no more; then text is not marked, but CE is echoed', () => {
    const s = new Scene({ ecn: 'active' }).connect();
    expect(ecnBits(s.take()[0]!)).to.equal(SETUP);
    s.advance(1 * SECOND);
    expect(ecnBits(s.take()[0]!)).to.equal(0);
    s.deliver('<SEQ=300><ACK=101><CTL=SYN,ACK,ECE><MSS=1460>').take();
    s.write(10);
    expect(shown(s.poll().take())).to.deep.equal(['101+10 Not-ECT']);
    s.deliver('<SEQ=301><ACK=111><CTL=ACK><DATA=5><ECN=3>');
    expect(shown(s.take())).to.deep.equal(['111+0 Not-ECT ECE']);
  });

  it('§6.1.1.1: the peer asks no more in its second SYN, so nobody marks', () => {
    const s = new Scene().listen().deliver('<SEQ=300><CTL=SYN,ECE,CWR>').deliver('<SEQ=300><CTL=SYN>');
    expect(s.take().map(ecnBits)).to.deep.equal([TcpFlag.Ece, 0]);
    s.deliver('<SEQ=301><ACK=101><CTL=ACK>');
    expect(s.conn.info().ecn).to.equal(false);
  });

  it('a simultaneous open: both ask, both agree', () => {
    const s = new Scene({ ecn: 'active' }).connect().deliver('<SEQ=300><CTL=SYN,ECE,CWR>');
    expect(s.take().map(ecnBits)).to.deep.equal([SETUP, TcpFlag.Ece]);
    s.deliver('<SEQ=300><ACK=101><CTL=SYN,ACK,ECE>');
    expect([s.conn.state, s.conn.info().ecn]).to.deep.equal(['ESTABLISHED', true]);
  });

  it('a simultaneous open with a peer that asks where this end has not', () => {
    const s = new Scene().connect().deliver('<SEQ=300><CTL=SYN,ECE,CWR>');
    expect(s.take().map(ecnBits)).to.deep.equal([0, 0]);
    expect(s.conn.info().ecn).to.equal(false);
  });
});

describe('ECN: what is marked', () => {
  it('3168-6.1.4-a: new text is, retransmissions are not', () => {
    const s = connected();
    s.write(2000);
    expect(shown(s.poll().take())).to.deep.equal(['101+1460 ECT(0)', '1561+540 ECT(0)']);
    s.advance(1 * SECOND);
    const again = s.take();
    expect(again.length).to.be.at.least(1);
    for (const sent of again) expect(sent.tos & 3, sent.text).to.equal(0);
  });

  it('3168-6.1.4-a: pure ACKs and FINs are not', () => {
    const s = accepted();
    s.deliver('<SEQ=301><ACK=101><CTL=ACK><DATA=5>').advance(50 * MS);
    s.close();
    expect(shown(s.take())).to.deep.equal(['101+0 Not-ECT', '101+0 Not-ECT']);
  });

  it('3168-6.1.4-a: window probes and keep-alive probes are not, and carry no CWR (§6.1.6)', () => {
    const s = connected().deliver('<SEQ=301><ACK=101><CTL=ACK,ECE><WND=0>');
    s.write(10);
    s.poll().advance(1 * SECOND);
    expect(shown(s.take())[0]).to.equal('101+1 Not-ECT');
    const t = connected({ keepaliveIdle: 10 * SECOND });
    t.conn.setOptions({ keepalive: true });
    t.poll().advance(11 * SECOND);
    expect(shown(t.take())).to.deep.equal(['100+0 Not-ECT']);
  });

  it("the other bits of the TOS octet are the program's", () => {
    const s = connected();
    s.conn.setOptions({ tos: 0xb9 });
    s.write(10);
    expect(s.poll().take()[0]!.tos).to.equal(0xb8 | ECT0);
  });
});

describe('ECN: the receiver', () => {
  it('3168-6.1.3-a: echoes CE in every ACK until CWR comes', () => {
    const s = accepted();
    s.deliver(`<SEQ=301><ACK=101><CTL=ACK><DATA=5><ECN=${CE}>`);
    expect(shown(s.take()), 'at once').to.deep.equal(['101+0 Not-ECT ECE']);
    s.deliver('<SEQ=306><ACK=101><CTL=ACK><DATA=5><ECN=2>').advance(50 * MS);
    expect(shown(s.take()), 'again').to.deep.equal(['101+0 Not-ECT ECE']);
    s.write(3);
    expect(shown(s.poll().take()), 'with text').to.deep.equal(['101+3 ECT(0) ECE']);
    s.deliver('<SEQ=311><ACK=104><CTL=ACK,CWR><DATA=5><ECN=2>');
    expect(shown(s.take()), 'CWR ends it').to.deep.equal(['104+0 Not-ECT']);
    expect(s.conn.info().marksReceived).to.equal(1);
  });

  it('CWR with CE in one segment: the mark is a new one', () => {
    const s = accepted().deliver(`<SEQ=301><ACK=101><CTL=ACK><DATA=5><ECN=${CE}>`);
    s.deliver(`<SEQ=306><ACK=101><CTL=ACK,CWR><DATA=5><ECN=${CE}>`);
    expect(shown(s.take()).at(-1)).to.equal('101+0 Not-ECT ECE');
  });

  const ignored: [string, string][] = [
    ['text before the window (§6.1.5)', '<SEQ=296><ACK=101><CTL=ACK><DATA=5><ECN=3>'],
    ['text beyond the window', '<SEQ=90000><ACK=101><CTL=ACK><DATA=5><ECN=3>'],
    ['a pure ACK', '<SEQ=301><ACK=101><CTL=ACK><ECN=3>'],
    ['text with an ACK of what was never sent', '<SEQ=301><ACK=900><CTL=ACK><DATA=5><ECN=3>'],
  ];
  for (const [name, segment] of ignored) {
    it(`CE is ignored on ${name}`, () => {
      const s = accepted().deliver(segment);
      s.take();
      s.write(3);
      expect(shown(s.poll().take())).to.deep.equal(['101+3 ECT(0)']);
      expect(s.conn.info().marksReceived).to.equal(0);
    });
  }

  it('§6.1.6: CE counts on the probe of a closed window', () => {
    const s = new Scene().listen(5, { receiveBuffer: 1000 }).deliver('<SEQ=300><CTL=SYN,ECE,CWR><MSS=1460>');
    s.deliver('<SEQ=301><ACK=101><CTL=ACK>', '<SEQ=301><ACK=101><CTL=ACK><DATA=1000>').take();
    s.deliver('<SEQ=1301><ACK=101><CTL=ACK><DATA=1><ECN=3>');
    expect(shown(s.take())).to.deep.equal(['101+0 Not-ECT ECE']);
  });

  it('CE where nobody agreed to it is ignored', () => {
    const s = inState('ESTABLISHED')
      .deliver('<SEQ=301><ACK=101><CTL=ACK><DATA=5><ECN=3>')
      .advance(50 * MS);
    expect(shown(s.take())).to.deep.equal(['101+0 Not-ECT']);
  });
});

describe('ECN: the sender', () => {
  /** Ten segments in flight, of a window of ten. */
  function inFlight(tcp: ConstructorParameters<typeof Scene>[0] = {}): Scene {
    const s = connected(tcp);
    s.write(100_000);
    expect(s.poll().take()).to.have.length(10);
    return s;
  }
  const after = (segments: number): number => 101 + 1460 * segments;

  it('3168-6.1.2-a: an echo halves the window, once for what was outstanding; CWR goes with the next new text only', () => {
    const s = inFlight();
    s.deliver(`<SEQ=301><ACK=${after(2)}><CTL=ACK,ECE>`);
    expect(s.conn.info()).to.include({ cwnd: 5 * 1460, ssthresh: 5 * 1460, ecnReductions: 1, retransmissions: 0 });
    for (const segments of [4, 6]) s.deliver(`<SEQ=301><ACK=${after(segments)}><CTL=ACK,ECE>`);
    expect(s.conn.info()).to.include({ cwnd: 5 * 1460, ecnReductions: 1, echoesReceived: 3 });
    expect(shown(s.take())).to.deep.equal([`${after(10)}+1460 ECT(0) CWR`]);
    s.deliver(`<SEQ=301><ACK=${after(8)}><CTL=ACK>`);
    expect(shown(s.take())).to.deep.equal([`${after(11)}+1460 ECT(0)`, `${after(12)}+1460 ECT(0)`]);
  });

  it('3168-6.1.2-a: the next window may be reduced again', () => {
    const s = inFlight();
    s.deliver(`<SEQ=301><ACK=${after(5)}><CTL=ACK,ECE>`, `<SEQ=301><ACK=${after(10)}><CTL=ACK>`).take();
    const { cwnd } = s.conn.info();
    s.deliver(`<SEQ=301><ACK=${after(11)}><CTL=ACK,ECE>`);
    expect(s.conn.info()).to.include({ ecnReductions: 2 });
    expect(s.conn.info().cwnd).to.be.below(cwnd);
    s.deliver(`<SEQ=301><ACK=${after(14)}><CTL=ACK>`);
    expect(shown(s.take())[0]).to.match(/CWR$/);
  });

  it('3168-6.1.2-a: the ACK of all that was outstanding has ECE still, since CWR is under way, and reduces nothing', () => {
    const s = inFlight();
    s.deliver(`<SEQ=301><ACK=${after(6)}><CTL=ACK,ECE>`);
    expect(shown(s.take())).to.deep.equal([`${after(10)}+1460 ECT(0) CWR`]);
    s.deliver(`<SEQ=301><ACK=${after(10)}><CTL=ACK,ECE>`);
    expect(s.conn.info()).to.include({ cwnd: 5 * 1460, ecnReductions: 1 });
    s.deliver(`<SEQ=301><ACK=${after(11)}><CTL=ACK,ECE>`);
    expect(s.conn.info(), 'the segment with CWR was marked too').to.include({ ecnReductions: 2 });
  });

  it('CUBIC: seven tenths, RFC 9438 §4.6', () => {
    const s = inFlight({ congestion: 'cubic' });
    s.deliver(`<SEQ=301><ACK=${after(2)}><CTL=ACK,ECE>`);
    expect(s.conn.info().cwnd).to.equal(7 * 1460);
  });

  it('an echo does not open the window', () => {
    const s = inFlight();
    s.deliver(`<SEQ=301><ACK=${after(1)}><CTL=ACK,ECE>`);
    const { cwnd } = s.conn.info();
    s.deliver(`<SEQ=301><ACK=${after(3)}><CTL=ACK,ECE>`);
    expect(s.conn.info().cwnd).to.equal(cwnd);
  });

  it('a loss among what was outstanding at an echo does not reduce again', () => {
    const s = inFlight();
    s.deliver(`<SEQ=301><ACK=${after(1)}><CTL=ACK,ECE>`);
    const { ssthresh } = s.conn.info();
    for (let i = 0; i < 3; i++) s.deliver(`<SEQ=301><ACK=${after(1)}><CTL=ACK,ECE>`);
    expect(s.conn.info()).to.include({ ssthresh, retransmissions: 1, ecnReductions: 1 });
    const again = s.take().find(({ seq }) => seq === after(1))!;
    expect([again.tos & 3, again.flags & TcpFlag.Cwr]).to.deep.equal([0, 0]);
  });

  it('an echo among what was outstanding at a loss does not reduce again; CWR tells of the loss', () => {
    const s = inFlight();
    for (let i = 0; i < 3; i++) s.deliver('<SEQ=301><ACK=101><CTL=ACK>');
    expect(shown(s.take()), 'limited transmit, then the retransmission').to.deep.equal([
      `${after(10)}+1460 ECT(0)`,
      `${after(11)}+1460 ECT(0)`,
      '101+1460 Not-ECT',
    ]);
    const { ssthresh } = s.conn.info();
    s.deliver(`<SEQ=301><ACK=${after(5)}><CTL=ACK,ECE>`);
    expect(s.conn.info()).to.include({ ssthresh, ecnReductions: 0, echoesReceived: 1 });
    s.deliver(`<SEQ=301><ACK=${after(12)}><CTL=ACK,ECE>`);
    const fresh = shown(s.take()).filter((one) => one.includes('ECT(0)'));
    expect(fresh[0]).to.match(/CWR$/);
    expect(fresh.slice(1).join()).to.not.match(/CWR/);
  });

  it('a time-out reduces the window too, which CWR tells', () => {
    const s = inFlight().advance(1 * SECOND);
    s.take();
    s.deliver(`<SEQ=301><ACK=${after(10)}><CTL=ACK>`);
    expect(shown(s.take())[0]).to.equal(`${after(10)}+1460 ECT(0) CWR`);
  });

  it('with a window of one segment, new text waits for a retransmission time-out, and longer while echoes go on', () => {
    const s = connected({ initialWindow: 1 });
    s.write(100_000);
    s.poll().take();
    for (const [i, wait] of [200 * MS, 400 * MS, 800 * MS, 1600 * MS].entries()) {
      s.deliver(`<SEQ=301><ACK=${after(i + 1)}><CTL=ACK,ECE>`).advance(wait - 1);
      expect(s.take(), `before ${wait} us`).to.have.length(0);
      s.advance(1);
      expect(shown(s.take())).to.deep.equal([`${after(i + 1)}+1460 ECT(0) CWR`]);
    }
    expect(s.conn.info().retransmissions).to.equal(0);
  });

  it('an echo on an ACK of what was acknowledged before counts only at SND.UNA', () => {
    const s = inFlight();
    s.deliver(`<SEQ=301><ACK=${after(4)}><CTL=ACK>`).take();
    s.deliver(`<SEQ=301><ACK=${after(3)}><CTL=ACK,ECE>`);
    expect(s.conn.info().ecnReductions).to.equal(0);
    s.deliver(`<SEQ=301><ACK=${after(4)}><CTL=ACK,ECE>`);
    expect(s.conn.info().ecnReductions).to.equal(1);
  });

  it('ECE where nobody agreed to it is ignored', () => {
    const s = inState('ESTABLISHED');
    s.write(100_000);
    s.poll().take();
    s.deliver(`<SEQ=301><ACK=${after(2)}><CTL=ACK,ECE>`);
    expect(s.conn.info()).to.include({ ecn: false, echoesReceived: 0, cwnd: 12 * 1460 });
  });

  it('a super-segment carries CWR once', () => {
    const s = new Scene({ ecn: 'active' });
    s.ip.maxSegment = 65535;
    s.ip.checksumOffload = true;
    s.connect().deliver('<SEQ=300><ACK=101><CTL=SYN,ACK,ECE><MSS=1460>');
    s.write(100_000);
    s.poll().take();
    s.deliver(`<SEQ=301><ACK=${after(8)}><CTL=ACK,ECE>`);
    const [sent] = s.take();
    expect(sent!.gsoSize).to.equal(1460);
    expect([sent!.flags & TcpFlag.Cwr, sent!.tos & 3]).to.deep.equal([TcpFlag.Cwr, ECT0]);
  });
});
