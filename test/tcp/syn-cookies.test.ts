/**
 * SYN cookies: what they keep of a SYN, when they are believed, and that nobody makes one up. RFC 4987 §3.6.
 */
import { expect } from 'chai';
import fc from 'fast-check';
import type { TcpConfig } from '../../src/core/config.ts';
import { SeededRandom } from '../../src/core/random.ts';
import { MINUTE, MS, SECOND, micros } from '../../src/core/time.ts';
import type { TcpConnection } from '../../src/tcp/service.ts';
import { noOptions } from '../../src/tcp/options.ts';
import { Segment } from '../../src/tcp/segment.ts';
import { seqNum } from '../../src/tcp/seq.ts';
import { COOKIE_LIFETIME, SynCookies, cookieClock, readCookieClock } from '../../src/tcp/syn-cookies.ts';
import { HERE, Scene, THERE } from '../support/tcp-scene.ts';
import type { Sent } from '../support/tcp-scene.ts';

const PACKET = { source: THERE, destination: HERE, protocol: 6, ttl: 64, tos: 0, interfaceId: 1, broadcast: false };

/** A listener that has met a full SYN queue, with options as on a real network. */
function flooded(config: Partial<TcpConfig> = {}): Scene {
  const s = new Scene({ timestamps: true, windowScaling: true, sack: true, ...config }).listen(1);
  s.arrive('<SEQ=300><CTL=SYN>', 1).arrive('<SEQ=300><CTL=SYN>', 2).poll();
  s.take();
  return s;
}

/** The same with room in the SYN queue. */
const roomy = (): Scene => new Scene({ timestamps: true, windowScaling: true, sack: true }).listen(5);

/** What the peer offers, and then its ACK of the SYN,ACK; the connection that came of it. */
function handshake(s: Scene, options: string, ack = ''): [Sent, TcpConnection | undefined] {
  s.arrive(`<SEQ=300>${options.includes('CTL') ? '' : '<CTL=SYN>'}${options}`, 9).poll();
  const [synAck] = s.take();
  const ts = synAck!.timestamps === undefined ? '' : `<TS=60,${synAck!.timestamps[0]}>`;
  s.arrive(`<SEQ=301><ACK=101><CTL=ACK>${ts}${ack}`, 9).poll();
  return [synAck!, s.listener!.accept()];
}

const OFFER = '<MSS=1460><SACKOK=1><TS=50,0><WS=7>';

/** What a connection has settled. */
const settled = (conn: TcpConnection): unknown => {
  const { mss, sndWindShift, rcvWindShift, timestamps, recovery, ecn } = conn.info();
  return { mss, sndWindShift, rcvWindShift, timestamps, recovery, ecn };
};

describe('SYN cookies', () => {
  for (const [name, options] of [
    ['all options', OFFER],
    ['a small MSS', '<MSS=536><SACKOK=1><TS=50,0><WS=7>'],
    ['an MSS of 1300, a shift of 14', '<MSS=1300><SACKOK=1><TS=50,0><WS=14>'],
    ['no SACK', '<MSS=1440><TS=50,0><WS=0>'],
    ['no window scale', '<MSS=1460><SACKOK=1><TS=50,0>'],
    ['timestamps only', '<TS=50,0>'],
    ['MSS only', '<MSS=1440>'],
    ['nothing', ''],
    ['all options and ECN', `${OFFER}<CTL=SYN,ECE,CWR>`],
  ] as const) {
    it(`the connection is the one that there would be without: ${name}`, () => {
      const [, plain] = handshake(roomy(), options);
      const s = flooded();
      const [synAck, conn] = handshake(s, options);
      expect(synAck.reason).to.equal('SYN received: cookie');
      expect(settled(conn!)).to.deep.equal(settled(plain!));
      expect([conn!.state, s.listener!.counters.cookiesAccepted, s.listener!.halfOpen]).to.deep.equal([
        'ESTABLISHED',
        1,
        2,
      ]);
    });
  }

  for (const [offered, kept] of [
    [100, 536],
    [1299, 536],
    [1439, 1300],
    [1459, 1440],
    [9000, 1460],
  ] as const) {
    it(`an MSS of ${offered} comes back as ${kept}`, () => {
      const [, conn] = handshake(flooded(), `<MSS=${offered}>`);
      expect(conn!.info().mss).to.equal(kept);
    });
  }

  it('without timestamps only the MSS is offered: the rest could not be told again', () => {
    const [synAck, conn] = handshake(flooded(), '<CTL=SYN,ECE,CWR><MSS=1460><SACKOK=1><WS=7>');
    expect([synAck.mss, synAck.sackPermitted, synAck.windowScale, synAck.timestamps]).to.deep.equal([
      1460,
      false,
      -1,
      undefined,
    ]);
    expect(settled(conn!)).to.include({ sndWindShift: 0, recovery: 'newreno', ecn: false });
  });

  it('text with the ACK is taken, and the connection carries text both ways', () => {
    const s = flooded();
    const [, conn] = handshake(s, OFFER, '<DATA=5>');
    expect(conn!.unread).to.equal(5);
    expect(conn!.send(new Uint8Array(7), 0, 7)).to.equal(7);
    s.poll();
    const last = s.take().at(-1)!;
    expect([last.data.length, last.ack]).to.deep.equal([7, 306]);
  });

  it('later timestamps of the connection are not smaller than the one with the cookie', () => {
    for (let wait = 0; wait < 130; wait++) {
      const s = flooded();
      s.advance(wait * MS);
      const [synAck, conn] = handshake(s, OFFER);
      conn!.send(new Uint8Array(1), 0, 1);
      s.poll();
      expect(s.take().at(-1)!.timestamps![0] - synAck.timestamps![0]).to.be.within(0, 64);
    }
  });

  it("'always': no half-open connection is ever kept", () => {
    const s = new Scene({ synCookies: 'always' }).listen(5);
    for (let port = 1; port < 50; port++) s.arrive('<SEQ=300><CTL=SYN>', port);
    s.poll();
    expect([s.listener!.halfOpen, s.listener!.counters.cookiesSent, s.context.timers.size]).to.deep.equal([0, 49, 0]);
    const [, conn] = handshake(new Scene({ synCookies: 'always' }).listen(5), '<MSS=1460>');
    expect(conn!.state).to.equal('ESTABLISHED');
  });

  it('as many wait for a turn as may; what is beyond that, or has no way back, gets none, by name', () => {
    const s = new Scene({ synCookies: 'always' }).listen(5);
    for (let port = 1; port <= 1030; port++) s.arrive('<SEQ=300><CTL=SYN>', port);
    expect([s.poll().take().length, s.context.drops.count('tcp-cookie-not-sent')]).to.deep.equal([1024, 6]);
    s.ip.routeError = -101;
    s.deliver('<SEQ=300><CTL=SYN>').expectSent();
    expect(s.context.drops.count('tcp-cookie-not-sent')).to.equal(7);
  });

  it('a SYN that may end a TIME-WAIT is no stranger: it gets a record and an ISS beyond the old one', () => {
    const s = new Scene({ synCookies: 'always' }).listen(5);
    const [, conn] = handshake(s, '<MSS=1460>');
    conn!.shutdownSend();
    s.poll().arrive('<SEQ=301><ACK=102><CTL=FIN,ACK>', 9).poll();
    expect(conn!.state).to.equal('TIME-WAIT');
    const before = s.iss;
    s.arrive('<SEQ=4000><CTL=SYN>', 9).poll();
    expect([s.listener!.halfOpen, s.listener!.counters.cookiesSent]).to.deep.equal([1, 1]);
    expect((s.iss - before) | 0).to.be.above(0);
  });

  it('the accept queue is full: the ACK is ignored, and the next one that brings the cookie completes', () => {
    const s = flooded();
    s.arrive('<SEQ=300><CTL=SYN>', 9).poll();
    s.listener!.setBacklog(-1);
    const full = s.take();
    expect(full.length).to.equal(1);
    s.listener!.setBacklog(0);
    handshakeOf(s, 1);
    s.arrive('<SEQ=301><ACK=101><CTL=ACK>', 9).poll().expectSent();
    expect(s.context.drops.count('tcp-accept-queue-full')).to.equal(1);
    s.listener!.accept();
    s.arrive('<SEQ=301><ACK=101><CTL=ACK><DATA=3>', 9).poll();
    expect(s.listener!.accept()!.unread).to.equal(3);
  });

  describe('are believed', () => {
    for (const [wait, good] of [
      [0, true],
      [COOKIE_LIFETIME / 2 - 2 * SECOND, true],
      [COOKIE_LIFETIME + 1 * SECOND, false],
      [255 * MINUTE, false],
    ] as const) {
      it(`${good ? '' : 'no longer '}after ${wait / SECOND} s`, () => {
        const s = flooded();
        s.arrive('<SEQ=300><CTL=SYN>', 9).poll();
        const { iss } = s; // what goes out meanwhile belongs to the half-open ones
        s.advance(wait).take();
        s.iss = iss;
        s.arrive('<SEQ=301><ACK=101><CTL=ACK>', 9).poll();
        expect(s.listener!.accept() !== undefined).to.equal(good);
        if (!good) s.expectSent('<SEQ=101><CTL=RST>');
      });
    }

    it('only while the listener has sent some lately: otherwise a good one is just an ACK', () => {
      const s = flooded();
      s.arrive('<SEQ=300><CTL=SYN>', 9).poll();
      const other = s.tcp.listen(HERE, 4000, 5, s.options());
      expect(other).to.not.be.a('number');
      s.take();
      s.arrive('<SEQ=301><ACK=101><CTL=ACK>', 9).poll().expectSent('<SEQ=101><CTL=RST>');
      expect([s.context.drops.count('tcp-listen-ack'), s.context.drops.count('tcp-cookie-invalid')]).to.deep.equal([
        1, 0,
      ]);
    });

    for (const [name, segment, port] of [
      ['another acknowledgment number', '<SEQ=301><ACK=150><CTL=ACK>', 9],
      ['another sequence number', '<SEQ=302><ACK=101><CTL=ACK>', 9],
      ['another port', '<SEQ=301><ACK=101><CTL=ACK>', 10],
    ] as const) {
      it(`not from a segment with ${name}`, () => {
        const s = flooded();
        s.arrive('<SEQ=300><CTL=SYN>', 9).poll();
        s.take();
        s.arrive(segment, port).poll();
        expect(s.take().map((sent) => sent.flags & 4)).to.deep.equal([4]);
        expect(s.context.drops.count('tcp-cookie-invalid')).to.equal(1);
        expect([s.listener!.waiting, s.listener!.counters.cookiesInvalid]).to.deep.equal([0, 1]);
      });
    }

    it('not from a RST, and a SYN,ACK is no answer to one', () => {
      const s = flooded();
      s.arrive('<SEQ=300><CTL=SYN>', 9).poll();
      s.take();
      s.arrive('<SEQ=301><ACK=101><CTL=RST,ACK>', 9).poll().expectSent();
      s.arrive('<SEQ=301><ACK=101><CTL=SYN,ACK>', 9).poll().expectSent('<SEQ=101><CTL=RST>');
      expect(s.listener!.waiting).to.equal(0);
    });
  });

  it('a guess is right about once in 8 million times', () => {
    // Two of 256 counts and four of 2^24 low parts are good; of 200,000 guesses 0.006 are.
    const cookies = new SynCookies(new SeededRandom(3));
    const random = new SeededRandom(4);
    const seg = new Segment();
    let good = 0;
    for (let i = 0; i < 200_000; i++) {
      seg.sourcePort = i & 0xffff;
      seg.ack = seqNum(random.u32());
      if (cookies.check(seg, PACKET, micros(5 * MINUTE)) !== undefined) good++;
    }
    expect(good).to.be.at.most(1);
  });

  it('any SYN, any minute: the cookie of this period and of the one before is good, and tells the MSS', () => {
    const cookies = new SynCookies(new SeededRandom(3));
    const seg = new Segment();
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 0xffff_ffff }),
        fc.integer({ min: 0, max: 65535 }),
        fc.integer({ min: 0, max: 1000 * MINUTE }),
        fc.integer({ min: 0, max: 4 * MINUTE }),
        (irs, mss, at, later) => {
          seg.seq = seqNum(irs);
          seg.options.mss = mss;
          const iss = cookies.make(seg, PACKET, micros(at));
          seg.seq = seqNum(irs + 1);
          seg.ack = seqNum(iss + 1);
          const found = cookies.check(seg, PACKET, micros(at + later));
          const periods = Math.floor((at + later) / MINUTE) - Math.floor(at / MINUTE);
          expect(found !== undefined).to.equal(periods < 2);
          const known = [1460, 1440, 1300, 536].find((one) => one <= (mss || 536)) ?? 536;
          if (found !== undefined) expect(found).to.equal(known);
        },
      ),
      { numRuns: 500, seed: 4987 },
    );
  });

  it('any options, any clock: they come back, and the clock is not later than it was', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
        fc.integer({ min: -1, max: 255 }),
        fc.boolean(),
        fc.boolean(),
        (clock, windowScale, sackPermitted, ecn) => {
          const options = { ...noOptions(), timestamps: true, windowScale, sackPermitted };
          const stamped = cookieClock(clock, options, ecn);
          expect((clock - stamped) | 0).to.be.within(0, 63);
          const back = { ...noOptions(), timestamps: true };
          readCookieClock(stamped, back);
          expect(back.sackPermitted).to.equal(sackPermitted);
          expect(back.windowScale).to.equal(Math.min(windowScale, 14));
        },
      ),
      { numRuns: 500, seed: 4987 },
    );
  });
});

/** Completes the half-open connection of a port. */
function handshakeOf(s: Scene, port: number): void {
  const conn = [...s.tcp.connections()].find((one) => one.remotePort === port)!;
  const { iss } = s;
  s.iss = conn.tcb.iss;
  s.arrive('<SEQ=301><ACK=101><CTL=ACK>', port).poll();
  s.iss = iss;
  s.take();
}
