/**
 * What a hostile peer may put into segments, item by item: each is named in the drops, changes nothing, and the connection carries text
 * both ways afterwards. hostile.test.ts and every-segment.test.ts try everything there is; malformed options are in bad-options.test.ts.
 */
import { expect } from 'chai';
import type { TcpConfig } from '../../src/core/config.ts';
import type { DropReason } from '../../src/core/drop.ts';
import { MS, SECOND } from '../../src/core/time.ts';
import { Scene } from '../support/tcp-scene.ts';

const MSS = 1460;

/** A connection whose ends both want SACK and timestamps, with 3,000 octets out. */
function connected(tcp: Partial<TcpConfig> = {}): Scene {
  const s = new Scene({ sack: true, timestamps: true, ...tcp }).connect();
  s.deliver('<SEQ=300><ACK=101><CTL=SYN,ACK><MSS=1460><SACKOK=1><TS=1000,0>').advance(10 * MS);
  s.write(3000);
  s.poll().take();
  return s;
}

/** The state that must not change. */
function known(s: Scene): unknown {
  const { srtt, cwnd, ssthresh, flightSize, sndWnd, bytesAcked, bytesSacked, bytesReceived } = s.conn.info();
  const { tsRecent, sndUna, rcvNxt } = s.conn.tcb;
  return { srtt, cwnd, ssthresh, flightSize, sndWnd, bytesAcked, bytesSacked, bytesReceived, tsRecent, sndUna, rcvNxt };
}

const drops = (s: Scene): Partial<Record<DropReason, number>> => s.context.drops.snapshot();

/** Text goes through in both directions. */
function expectWorks(s: Scene): void {
  const { bytesReceived } = s.conn.info();
  s.deliver('<SEQ=301><ACK=3101><CTL=ACK><DATA=7><TS=2000,0>').expectState('ESTABLISHED');
  expect(s.conn.info()).to.include({ bytesAcked: 3000, bytesReceived: bytesReceived + 7 });
}

describe('hostile input, item by item', () => {
  for (const [name, blocks] of [
    ['inverted', '1549-101'],
    ['empty', '1549-1549'],
    ['beyond what was sent', '1549-3102'],
    ['far beyond it', '1000000-1001448'],
    ['half the circle long', '101-2147483749'],
    ['all of these at once', '1549-101,1549-3102,1000000-1001448'],
  ] as const) {
    it(`SACK blocks out of range or inverted: ${name}`, () => {
      const s = connected();
      const before = known(s);
      for (let i = 0; i < 5; i++) s.deliver(`<SEQ=301><ACK=101><CTL=ACK><SACK=${blocks}><TS=1000,0>`);
      expect(known(s)).to.deep.equal(before);
      expect(Object.keys(drops(s))).to.deep.equal([
        blocks.startsWith('1549-101') || blocks === '1549-1549' ? 'tcp-sack-inverted' : 'tcp-sack-not-sent',
      ]);
      expect(s.take()).to.deep.equal([]);
      expectWorks(s);
    });
  }

  it('SACK blocks out of range or inverted: all that is out reported, and then nothing of it acknowledged', () => {
    const s = connected();
    s.deliver('<SEQ=301><ACK=101><CTL=ACK><SACK=102-3101><TS=1000,0>').advance(10 * SECOND);
    // RFC 2018 §8: a report is no acknowledgment.
    const again = s.take().filter(({ data }) => data.length > 0);
    expect(again.map(({ seq }) => seq)).to.include(101);
    expectWorks(s);
  });

  for (const [name, ack] of [
    ['by one', 3102],
    ['by a window', 3101 + 65_535],
    ['by half the circle', 3100 + 2 ** 31],
  ] as const) {
    it(`ACKs of data never sent: beyond it ${name}`, () => {
      const s = connected();
      const before = known(s);
      s.deliver(`<SEQ=301><ACK=${ack}><CTL=ACK><WND=9><TS=1000,0>`);
      expect(known(s)).to.deep.equal(before);
      expect(drops(s)).to.deep.equal({ 'tcp-bad-ack': 1 });
      expect(s.take().map(({ text, reason }) => [text, reason])).to.deep.equal([
        ['<SEQ=3101><ACK=301><CTL=ACK>', 'challenge ACK'],
      ]);
      expectWorks(s);
    });
  }

  it('ACKs of data never sent: with text, which is not taken', () => {
    const s = connected();
    s.deliver('<SEQ=301><ACK=3102><CTL=ACK><DATA=7><TS=1000,0>');
    expect(s.conn.unread).to.equal(0);
    expectWorks(s);
  });

  it('ACKs of data never sent: in the handshake they draw a RST', () => {
    for (const ack of [100, 102]) {
      const s = new Scene().connect();
      s.take();
      s.deliver(`<SEQ=300><ACK=${ack}><CTL=SYN,ACK>`).expectSent(`<SEQ=${ack}><CTL=RST>`).expectState('SYN-SENT');
      const passive = new Scene().listen().deliver('<SEQ=300><CTL=SYN>');
      passive.take();
      passive.deliver(`<SEQ=301><ACK=${ack}><CTL=ACK>`).expectSent(`<SEQ=${ack}><CTL=RST>`);
      passive.expectState('SYN-RECEIVED');
    }
  });

  for (const ahead of [1, 60_000, 2 ** 31 - 1]) {
    it(`timestamps from the future: an echo ${ahead} ms ahead measures nothing`, () => {
      const s = connected({ rtoInitial: 1 * SECOND });
      const clock = s.conn.tcb.tsOffset + Math.floor(s.now / MS);
      s.advance(1 * SECOND).take(); // sent again: only a timestamp may tell
      const { srtt, rto } = s.conn.info();
      s.deliver(`<SEQ=301><ACK=1549><CTL=ACK><TS=1001,${(clock + 1000 + ahead) >>> 0}>`);
      expect(s.conn.info().srtt).to.equal(srtt);
      expect(s.conn.info().rto).to.be.at.most(rto);
      expectWorks(s);
    });
  }

  for (const [name, segment] of [
    ['beyond the window', '<SEQ=90000><ACK=3101><CTL=ACK><DATA=1>'],
    ['beyond a gap', '<SEQ=400><ACK=101><CTL=ACK><DATA=1>'],
    ['below the window', '<SEQ=200><ACK=101><CTL=ACK><DATA=1>'],
    ['in a RST that is not quite right', '<SEQ=302><CTL=RST>'],
  ] as const) {
    it(`timestamps from the future: one ${name} is not remembered, and shuts nobody out`, () => {
      const s = connected();
      s.deliver(`${segment}<TS=${1000 + 2 ** 31 - 1},0>`);
      expect(s.conn.tcb.tsRecent).to.equal(1000);
      expectWorks(s);
    });
  }

  it('options that contradict each other: a SYN,ACK agrees to what was never offered', () => {
    const s = new Scene({ sack: false, timestamps: false, windowScaling: false }).connect();
    s.deliver('<SEQ=300><ACK=101><CTL=SYN,ACK><MSS=1460><SACKOK=1><WS=7><TS=1,0>').take();
    const { timestamps, sndWindShift, rcvWindShift, recovery, mss } = s.conn.info();
    expect({ timestamps, sndWindShift, rcvWindShift, recovery, mss }).to.deep.equal({
      timestamps: false,
      sndWindShift: 0,
      rcvWindShift: 0,
      recovery: 'newreno',
      mss: MSS,
    });
    s.write(10);
    expect(s.poll().take()[0]!.timestamps).to.equal(undefined);
  });

  it('options that contradict each other: SYNs that cross, one with options and one without: what the first said holds', () => {
    const s = new Scene({ sack: true, timestamps: true, windowScaling: true }).connect();
    s.deliver('<SEQ=300><CTL=SYN><MSS=1460>');
    s.deliver('<SEQ=300><ACK=101><CTL=SYN,ACK><MSS=536><SACKOK=1><WS=7><TS=1,0>').expectState('ESTABLISHED');
    const { timestamps, sndWindShift, rcvWindShift, recovery, mss } = s.conn.info();
    expect({ timestamps, sndWindShift, rcvWindShift, recovery, mss }).to.deep.equal({
      timestamps: false,
      sndWindShift: 0,
      rcvWindShift: 0,
      recovery: 'newreno',
      mss: MSS,
    });
  });

  it('options that contradict each other: a SYN sent again with others, before its ACK: what the first said holds', () => {
    const s = new Scene({ sack: true, timestamps: true, windowScaling: true }).listen();
    s.deliver('<SEQ=300><CTL=SYN><MSS=1460><SACKOK=1><WS=2><TS=5,0>');
    const [first] = s.take();
    s.advance(10 * MS).deliver('<SEQ=300><CTL=SYN><MSS=100><WS=9>');
    const [again] = s.take();
    expect([again!.windowScale, again!.sackPermitted, again!.timestamps?.[1]]).to.deep.equal([
      first!.windowScale,
      first!.sackPermitted,
      first!.timestamps?.[1],
    ]);
    s.deliver(`<SEQ=301><ACK=101><CTL=ACK><WND=1000><TS=6,${again!.timestamps![0]}>`).expectState('ESTABLISHED');
    expect(s.conn.info()).to.include({ sndWindShift: 2, sndWnd: 4000, timestamps: true });
  });

  it('headers that cannot be', () => {
    const s = connected();
    const before = known(s);
    for (const [length, offset] of [
      [19, 5],
      [20, 4],
      [24, 15],
    ] as const) {
      const bytes = new Uint8Array(length);
      bytes[12] = offset << 4;
      s.deliverRaw(bytes);
    }
    expect(drops(s)).to.deep.equal({ 'tcp-bad-header': 3 });
    expect(known(s)).to.deep.equal(before);
    expectWorks(s);
  });

  it('a SYN from where no route leads', () => {
    const s = new Scene().listen();
    s.ip.routeError = -101;
    s.deliver('<SEQ=300><CTL=SYN>').expectSent();
    expect([drops(s), s.listener!.halfOpen]).to.deep.equal([{ 'tcp-no-route': 1 }, 0]);
  });
});
