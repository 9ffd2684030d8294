/**
 * The user's calls (RFC 9293 §3.10.1 to §3.10.6), keep-alives, listeners, TIME-WAIT and ICMP errors.
 */
import { expect } from 'chai';
import { Errno } from '../../src/core/errno.ts';
import { MINUTE, SECOND } from '../../src/core/time.ts';
import { ANY_ADDRESS, BROADCAST_ADDRESS, ipv4 } from '../../src/ip/address.ts';
import { Readiness } from '../../src/tcp/service.ts';
import type { TcpConnection, TcpState } from '../../src/tcp/service.ts';
import { seqAdd } from '../../src/tcp/seq.ts';
import { HERE, LOCAL_PORT, PEER_PORT, Scene, THERE, inState } from '../support/tcp-scene.ts';

const ACK = '<SEQ=301><ACK=101><CTL=ACK>';

describe('OPEN (§3.10.1)', () => {
  it('MUST-46: broadcast and multicast remotes are refused', () => {
    const s = new Scene();
    for (const remote of [BROADCAST_ADDRESS, ipv4(0xe0000001)]) {
      expect(s.tcp.connect(ANY_ADDRESS, 1, remote, 2, s.options())).to.equal(-Errno.ENETUNREACH);
    }
  });

  it('9293-3.10.1-a: a four-tuple in use is refused; routing errors come through', () => {
    const s = new Scene().connect();
    expect(s.tcp.isTaken(ANY_ADDRESS, LOCAL_PORT, THERE, PEER_PORT)).to.equal(true);
    expect(s.tcp.connect(HERE, LOCAL_PORT, THERE, PEER_PORT, s.options())).to.equal(-Errno.EADDRNOTAVAIL);
    s.ip.routeError = -Errno.ENETUNREACH;
    expect(s.tcp.connect(ANY_ADDRESS, 9, THERE, PEER_PORT, s.options())).to.equal(-Errno.ENETUNREACH);
  });

  it('the number of connections has a bound', () => {
    const s = new Scene({ maxConnections: 1 }).connect();
    expect(s.tcp.connect(ANY_ADDRESS, 9, THERE, PEER_PORT, s.options())).to.equal(-Errno.ENOBUFS);
  });

  it('MUST-41, MUST-42: LISTEN beside a connection with the same port; a second LISTEN is refused', () => {
    const s = new Scene().connect().listen();
    expect(s.tcp.listen(ANY_ADDRESS, LOCAL_PORT, 1, s.options())).to.equal(-Errno.EADDRINUSE);
    s.expectState('SYN-SENT');
    expect([...s.tcp.listeners()].length).to.equal(1);
  });

  it('MUST-43: a listener for the address comes before one for any', () => {
    const s = new Scene().listen();
    const own = s.tcp.listen(HERE, LOCAL_PORT, 1, s.options());
    s.deliver('<SEQ=300><CTL=SYN>', '<SEQ=301><ACK=101><CTL=ACK>');
    expect(typeof own === 'number' ? own : own.waiting).to.equal(0);
    s.deliver('<SEQ=301><ACK=101><CTL=ACK>');
    expect([typeof own === 'number' ? own : own.waiting, s.listener!.waiting]).to.deep.equal([1, 0]);
  });

  it('MUST-8, SHLD-1: ISNs of one four-tuple move on by one each 4 us; others are elsewhere', () => {
    const s = new Scene();
    const iss = (port: number): number => {
      const conn = s.tcp.connect(ANY_ADDRESS, port, THERE, PEER_PORT, s.options());
      if (typeof conn === 'number') throw new Error('connect');
      s.poll();
      conn.close();
      return s.iss;
    };
    const first = iss(1);
    s.now = (s.now + 4000) as typeof s.now;
    expect((iss(1) - first) >>> 0).to.equal(1000);
    expect(Math.abs(iss(2) - first)).to.be.above(100_000);
  });
});

describe('SEND, RECEIVE, CLOSE, ABORT (§3.10.2 to §3.10.5)', () => {
  const closing: TcpState[] = ['FIN-WAIT-1', 'FIN-WAIT-2', 'CLOSING', 'LAST-ACK', 'TIME-WAIT'];
  for (const state of closing) {
    it(`9293-3.10.2-b: SEND in ${state} is EPIPE; 9293-3.10.4-e: a second CLOSE sends no second FIN`, () => {
      const s = inState(state);
      expect(s.write(1)).to.equal(-Errno.EPIPE);
      s.close().expectSent().expectState(state);
    });
  }

  it('SEND takes what fits, then EAGAIN; writable again when a third is free', () => {
    const s = inState('ESTABLISHED', {}, { sendBuffer: 9000 });
    expect([s.write(10_000), s.write(1)]).to.deep.equal([9000, -Errno.EAGAIN]);
    expect(s.conn.readiness() & Readiness.Writable).to.equal(0);
    let told = 0;
    s.conn.owner = { onReadiness: () => told++ };
    s.poll().deliver('<SEQ=301><ACK=1561><CTL=ACK>');
    expect(told).to.equal(0);
    s.deliver('<SEQ=301><ACK=4481><CTL=ACK>');
    expect([told, s.conn.readiness() & Readiness.Writable]).to.deep.equal([1, Readiness.Writable]);
  });

  it('9293-3.10.3-a: RECEIVE in CLOSE-WAIT gives what is there, then the end', () => {
    const s = inState('ESTABLISHED').deliver('<SEQ=301><ACK=101><CTL=FIN,ACK><DATA=5>');
    expect([(s.read(3) as Uint8Array).length, (s.read(3) as Uint8Array).length, s.read()]).to.deep.equal([3, 2, 0]);
  });

  it('MSG_PEEK leaves what it shows', () => {
    const s = inState('ESTABLISHED').deliver('<SEQ=301><ACK=101><CTL=ACK><DATA=5>');
    expect(s.conn.receive(new Uint8Array(9), 0, 9, true)).to.equal(5);
    expect(s.conn.unread).to.equal(5);
  });

  it('9293-3.10.4-a: CLOSE in SYN-SENT deletes the connection', () => {
    const s = inState('SYN-SENT');
    s.conn.close();
    s.poll().expectSent().expectState('CLOSED');
    expect(s.tcp.isTaken(HERE, LOCAL_PORT, THERE, PEER_PORT)).to.equal(false);
  });

  it('9293-3.10.4-b: CLOSE in SYN-RECEIVED sends FIN after the handshake', () => {
    const s = inState('SYN-SENT').deliver('<SEQ=300><CTL=SYN>');
    s.take();
    s.close().expectSent();
    s.deliver('<SEQ=301><ACK=101><CTL=ACK>').expectState('FIN-WAIT-1').expectSent('<SEQ=101><ACK=301><CTL=FIN,ACK>');
  });

  it('9293-3.10.4-c: the FIN follows all that is queued', () => {
    const s = inState('ESTABLISHED').deliver('<SEQ=301><ACK=101><CTL=ACK><WND=10>');
    s.write(25);
    s.close();
    s.advance(SECOND).deliver('<SEQ=301><ACK=111><CTL=ACK><WND=100>');
    expect(s.take().at(-1)!.text).to.equal('<SEQ=111><ACK=301><CTL=FIN,ACK><DATA=15>');
  });

  it('SHLD-3: CLOSE with unread data sends a RST; so does data after CLOSE', () => {
    const s = inState('ESTABLISHED').deliver('<SEQ=301><ACK=101><CTL=ACK><DATA=5>');
    s.conn.close();
    s.poll().expectSent('<SEQ=101><CTL=RST>').expectState('CLOSED');
    const t = inState('ESTABLISHED');
    t.conn.close();
    t.poll().expectSent('<SEQ=101><ACK=301><CTL=FIN,ACK>');
    t.deliver('<SEQ=301><ACK=101><CTL=ACK><DATA=5>').expectSent('<SEQ=102><CTL=RST>').expectState('CLOSED');
  });

  it('9293-3.6-a: after a half-close data is still received', () => {
    const s = inState('FIN-WAIT-2').deliver('<SEQ=301><ACK=102><CTL=ACK><DATA=5>');
    expect((s.read() as Uint8Array).length).to.equal(5);
  });

  it('linger 0 aborts', () => {
    const s = inState('ESTABLISHED', {}, { linger: 0 });
    s.conn.close();
    s.poll().expectSent('<SEQ=101><CTL=RST>');
  });

  it('FIN-WAIT-2 has a limit once nobody can read, and none before', () => {
    const s = inState('FIN-WAIT-2')
      .advance(10 * MINUTE)
      .expectState('FIN-WAIT-2');
    s.conn.close();
    s.poll()
      .advance(59 * SECOND)
      .expectState('FIN-WAIT-2')
      .advance(1 * SECOND)
      .expectState('CLOSED');
  });

  for (const state of ['SYN-RECEIVED', 'ESTABLISHED', 'FIN-WAIT-1', 'FIN-WAIT-2', 'CLOSE-WAIT'] as const) {
    it(`9293-3.10.5-a: ABORT in ${state} sends a RST`, () => {
      const s = inState(state);
      s.conn.abort();
      s.poll();
      expect(s.take().map((p) => p.flags)).to.deep.equal([4]);
      s.expectState('CLOSED');
    });
  }
  for (const state of ['SYN-SENT', 'CLOSING', 'LAST-ACK', 'TIME-WAIT'] as const) {
    it(`9293-3.10.5-b: ABORT in ${state} sends none`, () => {
      const s = inState(state);
      s.conn.abort();
      s.poll().expectSent().expectState('CLOSED');
    });
  }

  it('after shutdown of the receiving direction a read ends the stream, but what comes is still there to be read', () => {
    const s = inState('ESTABLISHED');
    s.conn.shutdownReceive();
    expect(s.read()).to.equal(0);
    s.deliver('<SEQ=301><ACK=101><CTL=ACK><DATA=5>').advance(SECOND).expectSent('<SEQ=101><ACK=306><CTL=ACK>');
    expect(s.read()).to.have.length(5);
    expect(s.read()).to.equal(0);
  });

  it('with both directions shut down text that comes draws a RST (SHLD-3)', () => {
    const s = inState('ESTABLISHED').deliver('<SEQ=301><ACK=101><CTL=ACK><DATA=5>');
    s.conn.shutdownReceive();
    s.close().take();
    expect(s.read()).to.have.length(5);
    s.deliver('<SEQ=306><ACK=102><CTL=ACK><DATA=5>').expectState('CLOSED').expectSent('<SEQ=102><CTL=RST>');
    expect(s.conn.takeError()).to.equal(Errno.ECONNRESET);
  });

  it('options out of range are EINVAL, and those of a listener are shared until written', () => {
    const s = new Scene().listen().deliver('<SEQ=300><CTL=SYN>');
    expect(s.conn.options).to.equal(s.listener!.options);
    expect(s.conn.setOptions({ ttl: 0 })).to.equal(-Errno.EINVAL);
    expect(s.conn.setOptions({ ttl: 9 })).to.equal(0);
    expect([s.conn.options.ttl, s.listener!.options.ttl]).to.deep.equal([9, 64]);
  });
});

describe('keep-alive (§3.8.4)', () => {
  const options = { keepalive: true, keepaliveIdle: 60 * SECOND, keepaliveInterval: 10 * SECOND, keepaliveProbes: 3 };

  it('MUST-25: off unless asked for', () => {
    inState('ESTABLISHED')
      .advance(24 * 60 * MINUTE)
      .expectSent();
  });

  it('MUST-26, MUST-27, SHLD-12: a probe without data after the idle interval; an answer starts it anew', () => {
    const s = inState('ESTABLISHED', {}, options);
    s.advance(60 * SECOND - 1)
      .expectSent()
      .advance(1)
      .expectSent('<SEQ=100><ACK=301><CTL=ACK>');
    s.deliver(ACK)
      .advance(60 * SECOND)
      .expectSent('<SEQ=100><ACK=301><CTL=ACK>');
  });

  it('MUST-29: several unanswered probes end it', () => {
    const s = inState('ESTABLISHED', {}, options);
    s.advance(89 * SECOND).expectState('ESTABLISHED');
    s.advance(1 * SECOND).expectState('CLOSED');
    expect(s.take().map((p) => p.reason)).to.deep.equal([
      'keep-alive probe',
      'keep-alive probe',
      'keep-alive probe',
      'reset: abort',
    ]);
    expect(s.conn.takeError()).to.equal(Errno.ETIMEDOUT);
  });

  it('MUST-24: it can be switched on and off', () => {
    const s = inState('ESTABLISHED');
    s.conn.setOptions(options);
    s.poll().advance(60 * SECOND);
    expect(s.take().length).to.equal(1);
    s.conn.setOptions({ keepalive: false });
    s.poll()
      .advance(60 * MINUTE)
      .expectSent()
      .expectState('ESTABLISHED');
  });

  it('MUST-28: the first probe comes after two hours unless the program says otherwise', () => {
    const s = inState('ESTABLISHED', {}, { keepalive: true });
    s.poll()
      .advance(2 * 60 * MINUTE - SECOND)
      .expectSent();
    s.advance(SECOND).expectSent('<SEQ=100><ACK=301><CTL=ACK>');
  });

  it('numbers that are changed later count at once', () => {
    const s = inState('ESTABLISHED');
    s.conn.setOptions({ keepalive: true });
    s.poll().advance(SECOND);
    s.conn.setOptions({ keepaliveIdle: 10 * SECOND });
    s.poll()
      .advance(10 * SECOND)
      .expectSent('<SEQ=100><ACK=301><CTL=ACK>');
    s.conn.setOptions({ keepaliveInterval: 2 * SECOND });
    s.poll().advance(10 * SECOND);
    expect(s.take().length).to.be.above(1);
  });

  it('a closed window is probed for, not kept alive as well', () => {
    const s = inState('ESTABLISHED', {}, { keepalive: true, keepaliveIdle: SECOND, keepaliveInterval: SECOND });
    s.deliver('<SEQ=301><ACK=101><CTL=ACK><WND=0>');
    s.write(5);
    s.poll().advance(20 * SECOND);
    expect(new Set(s.take().map((sent) => sent.reason))).to.deep.equal(new Set(['zero-window probe']));
  });

  it('fails with what an ICMP error has told, if one has', () => {
    const s = inState('ESTABLISHED', {}, { keepalive: true, keepaliveIdle: SECOND, keepaliveInterval: SECOND });
    s.conn.softError = Errno.EHOSTUNREACH;
    s.poll()
      .advance(20 * SECOND)
      .expectState('CLOSED');
    expect(s.conn.takeError()).to.equal(Errno.EHOSTUNREACH);
  });

  it('a probe is answered', () => {
    inState('ESTABLISHED').deliver('<SEQ=300><ACK=101><CTL=ACK>').expectSent('<SEQ=101><ACK=301><CTL=ACK>');
  });
});

describe('listener', () => {
  const shake = (s: Scene, port: number): void => {
    s.arrive('<SEQ=300><CTL=SYN>', port).poll();
    s.arrive('<SEQ=301><ACK=101><CTL=ACK>', port).poll();
  };

  it('the accept queue holds backlog + 1; the next ACK is ignored and completes later', () => {
    const s = new Scene().listen(1);
    s.arrive('<SEQ=300><CTL=SYN>', 1003).poll(); // half open before the queue fills
    const iss = s.iss;
    shake(s, 1001);
    shake(s, 1002);
    expect(s.listener!.waiting).to.equal(2);
    s.iss = iss;
    s.arrive('<SEQ=301><ACK=101><CTL=ACK>', 1003).poll();
    s.arrive('<SEQ=300><CTL=SYN>', 1004).poll();
    expect([s.listener!.waiting, s.listener!.halfOpen]).to.deep.equal([2, 1]);
    expect(s.context.drops.count('tcp-accept-queue-full')).to.equal(2);
    expect(s.listener!.accept()!.remotePort).to.equal(1001);
    s.advance(1 * SECOND); // the SYN,ACK again, and the client's ACK again
    s.iss = iss;
    s.arrive('<SEQ=301><ACK=101><CTL=ACK>', 1003).poll();
    expect(s.listener!.waiting).to.equal(2);
  });

  // What a Linux 6.18 kernel keeps of 300 SYNs: test/interop/syn-flood.test.ts asks it again.
  for (const [synCookies, maxSynBacklog, backlog, kept] of [
    ['off', 16, 0, 1],
    ['off', 16, 8, 9],
    ['off', 16, 20, 13],
    ['off', 128, 20, 21],
    ['off', 128, 200, 97],
    ['overflow', 16, 0, 1],
    ['overflow', 16, 20, 21],
    ['overflow', 16, 200, 201],
    ['always', 16, 200, 0],
  ] as const) {
    it(`cookies ${synCookies}, at most ${maxSynBacklog}, backlog ${backlog}: ${kept} half-open connections, which end`, () => {
      const s = new Scene({ maxSynBacklog, synCookies }).listen(backlog);
      for (let port = 1; port <= 300; port++) s.arrive('<SEQ=300><CTL=SYN>', port);
      s.poll();
      expect(s.listener!.halfOpen).to.equal(kept);
      expect(s.context.drops.count('tcp-syn-queue-full')).to.equal(synCookies === 'off' ? 300 - kept : 0);
      s.advance(5 * MINUTE);
      expect([s.listener!.halfOpen, [...s.tcp.connections()].length]).to.deep.equal([0, 0]);
    });
  }

  it('tcp_abort_on_overflow: the last ACK of a handshake that met a full accept queue draws a RST', () => {
    const s = new Scene({ abortOnOverflow: true }).listen(0);
    shake(s, 1001);
    s.arrive('<SEQ=300><CTL=SYN>', 1002).poll();
    expect(s.listener!.halfOpen).to.equal(0); // a full accept queue takes no SYN either
    expect(s.listener!.accept()!.remotePort).to.equal(1001);
    s.arrive('<SEQ=300><CTL=SYN>', 1003).poll();
    const late = s.iss;
    s.listener!.setBacklog(5);
    shake(s, 1004);
    s.listener!.setBacklog(0);
    s.take();
    s.iss = late;
    s.arrive('<SEQ=301><ACK=101><CTL=ACK>', 1003).poll().expectSent('<SEQ=101><CTL=RST>');
    expect([s.listener!.waiting, s.listener!.halfOpen]).to.deep.equal([1, 0]);
    expect(s.listener!.counters.acceptQueueOverflows).to.equal(2);
  });

  it('a connection that was reset while it waited is handed out with its error', () => {
    const s = new Scene().listen();
    shake(s, PEER_PORT);
    s.deliver('<SEQ=301><CTL=RST>');
    const conn = s.listener!.accept() as TcpConnection;
    let gone = 0;
    conn.portHolder = { onGone: () => gone++ };
    expect([conn.receive(new Uint8Array(1), 0, 1), gone]).to.deep.equal([-Errno.ECONNRESET, 1]);
  });

  it('9293-3.10.4: CLOSE resets what waits', () => {
    const s = new Scene().listen();
    shake(s, PEER_PORT);
    s.take();
    s.listener!.close();
    s.poll().expectSent('<SEQ=101><CTL=RST>');
    expect([[...s.tcp.listeners()].length, [...s.tcp.connections()].length]).to.deep.equal([0, 0]);
    s.deliver('<SEQ=300><CTL=SYN>');
    expect(s.take()[0]!.flags & 4).to.equal(4);
  });
});

describe('TIME-WAIT', () => {
  /** A server that has closed first; the peer's last number was 301. */
  function waiting(timestamps: boolean): Scene {
    const ts = timestamps ? '<TS=50,0>' : '';
    const s = new Scene({ timestamps }).listen();
    s.deliver(`<SEQ=300><CTL=SYN>${ts}`, `<SEQ=301><ACK=101><CTL=ACK>${ts}`).deliver(
      `<SEQ=301><ACK=101><CTL=ACK>${ts}`,
    );
    s.listener!.accept();
    s.close().deliver(`<SEQ=301><ACK=102><CTL=FIN,ACK>${ts}`).expectState('TIME-WAIT');
    s.take();
    return s;
  }
  const rows: [string, boolean, string, boolean][] = [
    ['MAY-2: a later SEQ reopens', false, '<SEQ=302><CTL=SYN>', true],
    ['an old SEQ does not', false, '<SEQ=300><CTL=SYN>', false],
    ['6191-2-a, SHLD-4: a newer timestamp reopens, whatever the SEQ', true, '<SEQ=200><CTL=SYN><TS=51,0>', true],
    ['6191-2-a: the same timestamp and a later SEQ', true, '<SEQ=400><CTL=SYN><TS=50,0>', true],
    ['6191-2-a: the same timestamp and an old SEQ', true, '<SEQ=200><CTL=SYN><TS=50,0>', false],
    ['6191-2-a: an older timestamp', true, '<SEQ=400><CTL=SYN><TS=49,0>', false],
    ['6191-2-a: no timestamp any more and a later SEQ', true, '<SEQ=400><CTL=SYN>', true],
    ['6191-2-a: no timestamp any more and an old SEQ', true, '<SEQ=200><CTL=SYN>', false],
    ['6191-2-a: a timestamp that this end would not use, and an old SEQ', false, '<SEQ=200><CTL=SYN><TS=51,0>', false],
    ['a SYN,ACK does not', false, '<SEQ=400><ACK=102><CTL=SYN,ACK>', false],
  ];
  for (const [name, timestamps, syn, reopens] of rows) {
    it(name, () => {
      const s = waiting(timestamps);
      const old = s.conn;
      const last = s.iss + 2;
      s.deliver(syn);
      expect(old.state).to.equal(reopens ? 'CLOSED' : 'TIME-WAIT');
      const states = [...s.tcp.connections()].map((c) => c.state);
      expect(states).to.deep.equal([reopens ? 'SYN-RECEIVED' : 'TIME-WAIT']);
      // MAY-2 (1): the new ISS lies after all of the old connection's numbers.
      if (reopens) expect((s.iss - last) | 0).to.be.at.least(0);
    });
  }

  it('6191-2-a: with timestamps now and none before, an old SEQ reopens', () => {
    const s = new Scene({ timestamps: true }).listen();
    s.deliver('<SEQ=300><CTL=SYN>').deliver('<SEQ=301><ACK=101><CTL=ACK>').listener!.accept();
    s.close().deliver('<SEQ=301><ACK=102><CTL=FIN,ACK>').expectState('TIME-WAIT');
    s.deliver('<SEQ=200><CTL=SYN><TS=5,0>').expectState('CLOSED');
  });

  const reopen = (s: Scene): TcpConnection | number =>
    s.tcp.connect(ANY_ADDRESS, LOCAL_PORT, THERE, s.conn.remotePort, s.options());

  it('with timestamps OPEN begins anew, beyond all of the old numbers', () => {
    const s = waiting(true);
    const { tcb } = s.conn;
    tcb.sndNxt = seqAdd(tcb.sndNxt, 1 << 30); // the clock of the ISN has not got so far
    const conn = reopen(s);
    s.poll().take();
    expect([s.conn.state, conn]).to.deep.equal(['CLOSED', [...s.tcp.connections()][0]]);
    expect((s.iss - tcb.sndNxt) | 0).to.be.at.least(0);
  });

  it('9293-3.10.1-a: without timestamps OPEN is refused', () => {
    const s = waiting(false);
    expect(reopen(s)).to.equal(-Errno.EADDRNOTAVAIL);
    s.expectState('TIME-WAIT');
  });

  it('a RST with the expected number ends it (RFC 1337 describes the hazard), any other does not', () => {
    const s = inState('TIME-WAIT').deliver('<SEQ=301><CTL=RST>', '<SEQ=400><CTL=RST>').expectState('TIME-WAIT');
    s.deliver('<SEQ=302><CTL=RST>').expectState('CLOSED');
  });

  it('their number has a bound: the oldest ends early', () => {
    const s = new Scene({ maxTimeWait: 2 });
    const conns: TcpConnection[] = [];
    for (const port of [1, 2, 3]) {
      const conn = s.tcp.connect(ANY_ADDRESS, LOCAL_PORT, THERE, port, s.options());
      if (typeof conn === 'number') throw new Error('connect');
      conns.push(conn);
      s.poll().arrive('<SEQ=300><ACK=101><CTL=SYN,ACK>', port).poll();
      conn.shutdownSend();
      s.poll().arrive('<SEQ=301><ACK=102><CTL=FIN,ACK>', port).poll();
    }
    expect(conns.map((c) => c.state)).to.deep.equal(['CLOSED', 'TIME-WAIT', 'TIME-WAIT']);
    expect(s.context.drops.count('tcp-time-wait-full')).to.equal(1);
  });
});

describe('ICMP errors (§3.9.2.2)', () => {
  const report = (s: Scene, seq: number, type: number, code: number, errno: number, hard: boolean): void => {
    const frame = s.context.frames.acquire(8);
    const { bytes, start } = frame;
    bytes.set([LOCAL_PORT >> 8, LOCAL_PORT & 255, PEER_PORT >> 8, PEER_PORT & 255], start);
    const number = (seq - 100 + s.iss) >>> 0;
    bytes.set([number >>> 24, (number >>> 16) & 255, (number >>> 8) & 255, number & 255], start + 4);
    frame.end = start + 8;
    frame.transport = start;
    const from = ipv4(0x0a0000fe);
    s.tcp.error({ from, source: HERE, destination: THERE, protocol: 6, type, code, errno, hard, mtu: 0 }, frame, s.now);
    frame.release();
    s.poll();
  };

  it('in SYN-SENT they end the attempt with their errno, as on Linux', () => {
    for (const [code, errno] of [
      [0, Errno.ENETUNREACH],
      [1, Errno.EHOSTUNREACH],
      [3, Errno.ECONNREFUSED],
    ] as const) {
      const s = inState('SYN-SENT');
      report(s, 100, 3, code, errno, false);
      s.expectState('CLOSED');
      expect(s.conn.takeError()).to.equal(errno);
    }
  });

  it('5927-4-a: one that quotes no data in flight is ignored', () => {
    const s = inState('SYN-SENT');
    report(s, 101, 3, 1, Errno.EHOSTUNREACH, false);
    s.expectState('SYN-SENT');
    expect(s.context.drops.count('tcp-error-not-in-flight')).to.equal(1);
  });

  it('MUST-56, MUST-47, SHLD-25: a soft error does not end a connection; SO_ERROR tells it', () => {
    const s = inState('ESTABLISHED');
    s.write(10);
    s.poll();
    report(s, 101, 3, 1, Errno.EHOSTUNREACH, false);
    s.expectState('ESTABLISHED');
    expect([s.conn.takeError(), s.conn.takeError()]).to.deep.equal([Errno.EHOSTUNREACH, 0]);
  });

  it('ip(7), IP_RECVERR: with it a soft error is told of at once, once, and ends nothing', () => {
    const s = inState('ESTABLISHED');
    s.conn.setOptions({ receiveErrors: true });
    s.write(10);
    s.poll();
    report(s, 101, 3, 1, Errno.EHOSTUNREACH, false);
    s.expectState('ESTABLISHED');
    const octet = new Uint8Array(1);
    expect(s.conn.send(octet, 0, 1)).to.equal(-Errno.EHOSTUNREACH);
    expect(s.conn.send(octet, 0, 1)).to.equal(1);
    expect(s.conn.takeError()).to.equal(0);
  });

  it('it is what a time-out is then reported as', () => {
    const s = inState('ESTABLISHED', { retries2: 3 });
    s.write(10);
    s.poll();
    report(s, 101, 3, 1, Errno.EHOSTUNREACH, false);
    s.advance(10 * MINUTE).expectState('CLOSED');
    expect(s.conn.takeError()).to.equal(Errno.EHOSTUNREACH);
  });

  it('an ACK since then takes it back', () => {
    const s = inState('ESTABLISHED', { retries2: 3 });
    s.write(10);
    s.poll();
    report(s, 101, 3, 1, Errno.EHOSTUNREACH, false);
    s.deliver('<SEQ=301><ACK=111><CTL=ACK>');
    s.write(10);
    s.poll()
      .advance(10 * MINUTE)
      .expectState('CLOSED');
    expect(s.conn.takeError()).to.equal(Errno.ETIMEDOUT);
  });

  it('MUST-55: Source Quench is ignored', () => {
    const s = inState('SYN-SENT');
    report(s, 100, 4, 0, 0, false);
    s.expectState('SYN-SENT');
    expect(s.context.drops.count('tcp-source-quench')).to.equal(1);
  });

  it('Fragmentation Needed sends again at once in smaller segments', () => {
    const s = inState('ESTABLISHED');
    s.write(2000);
    s.poll().take();
    s.ip.paths[0]!.mtu = 576;
    report(s, 101, 3, 4, Errno.EMSGSIZE, true);
    expect(s.take().map((p) => p.data.length)).to.deep.equal([536, 536, 536, 392]);
    expect(s.conn.info().timeouts).to.equal(0);
  });

  it('5927-4-a: Fragmentation Needed lowers the path MTU only when it quotes data in flight', () => {
    const s = inState('ESTABLISHED');
    s.write(2000);
    s.poll().take();
    report(s, 50, 3, 4, Errno.EMSGSIZE, true);
    report(s, 2101, 3, 4, Errno.EMSGSIZE, true);
    expect([s.ip.tooBigs, s.context.drops.count('tcp-error-not-in-flight')]).to.deep.equal([0, 2]);
    report(s, 2100, 3, 4, Errno.EMSGSIZE, true);
    expect(s.ip.tooBigs).to.equal(1);
  });

  it('RFC 1191 §6.4: what our SYN offers does not depend on the path MTU', () => {
    const s = new Scene();
    s.ip.linkMtu = 1500;
    s.ip.mtu = 1000;
    s.connect();
    expect(s.take()[0]!.mss).to.equal(1460);
  });

  it('Fragmentation Needed about segments that fit the path sends nothing again', () => {
    const s = inState('ESTABLISHED');
    s.write(2000);
    s.poll().take();
    report(s, 101, 3, 4, Errno.EMSGSIZE, true);
    s.expectSent();
    // The second report about one burst neither.
    s.ip.paths[0]!.mtu = 576;
    report(s, 101, 3, 4, Errno.EMSGSIZE, true);
    s.take();
    report(s, 101, 3, 4, Errno.EMSGSIZE, true);
    s.expectSent();
    expect(s.context.drops.count('tcp-fits-path')).to.equal(2);
  });

  it('1191-6.4-a: the first that hears of it does not spare the others theirs; cwnd stays', () => {
    const s = inState('ESTABLISHED');
    s.write(2000);
    s.poll().take();
    const { cwnd } = s.conn.info();
    s.ip.paths[0]!.mtu = 576;
    s.deliver('<SEQ=301><ACK=101><CTL=ACK><DATA=1>').take(); // a turn in which the new size is noticed
    report(s, 101, 3, 4, Errno.EMSGSIZE, true);
    expect(s.take().map((p) => p.data.length)).to.deep.equal([536, 536, 536, 392]);
    expect(s.conn.info().cwnd).to.equal(cwnd);
  });
});
