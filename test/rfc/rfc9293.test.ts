/**
 * RFC 9293 by requirement: those that test/tcp/ does not name.
 */
import { expect } from 'chai';
import { HOUR, MINUTE, MS, SECOND, micros } from '../../src/core/time.ts';
import { SeededRandom } from '../../src/core/random.ts';
import type { OutputOptions, Path } from '../../src/ip/service.ts';
import { IsnGenerator } from '../../src/tcp/isn.ts';
import { Readiness } from '../../src/tcp/service.ts';
import type { TcpState } from '../../src/tcp/service.ts';
import { Tcb } from '../../src/tcp/tcb.ts';
import { HERE, LOCAL_PORT, PEER_PORT, Scene, THERE, inState } from '../support/tcp-scene.ts';

const ack = (number: number, window = 65535): string => `<SEQ=301><ACK=${number}><CTL=ACK><WND=${window}>`;

describe('RFC 9293 §3.1: header', () => {
  it('MUST-1, REC-1: a window of 65535, scaled by 14, is a large one', () => {
    const s = inState('SYN-SENT', { windowScaling: true });
    s.deliver('<SEQ=300><ACK=101><CTL=SYN,ACK><WS=14><MSS=1460>').deliver(ack(101, 65535));
    expect(s.conn.info().sndWnd).to.equal(65535 * 2 ** 14);
    s.deliver(ack(101, 32768));
    expect(s.conn.info().sndWnd).to.equal(2 ** 29);
  });

  it('MUST-3: a segment with a wrong checksum is dropped, whatever bit is wrong', () => {
    const s = inState('ESTABLISHED');
    const frame = s.context.frames.acquire(20);
    const { bytes, start } = frame;
    bytes.fill(0, start, start + 20);
    bytes.set([PEER_PORT >> 8, PEER_PORT & 255, LOCAL_PORT >> 8, LOCAL_PORT & 255], start);
    bytes[start + 12] = 0x50;
    bytes[start + 13] = 4; // RST
    frame.end = start + 20;
    const packet = { source: THERE, destination: HERE, protocol: 6, ttl: 64, tos: 0, interfaceId: 1, broadcast: false };
    s.tcp.receive(frame, packet, s.now);
    frame.release();
    expect(s.context.drops.count('tcp-bad-checksum')).to.equal(1);
    s.expectState('ESTABLISHED');
  });

  it('MUST-2: every segment that is sent has a right checksum, in each state', () => {
    // The scene checks each segment that it records (support/tcp-scene.ts); here they come from every kind of sender.
    const s = new Scene().listen();
    s.deliver('<SEQ=300><CTL=SYN>').deliver('<SEQ=301><ACK=101><CTL=ACK>');
    s.write(5000);
    s.poll().deliver('<SEQ=301><ACK=101><CTL=ACK><DATA=700>').close();
    s.arrive('<SEQ=9><CTL=SYN,FIN><DATA=3>', 999).arrive('<SEQ=9><ACK=5><CTL=ACK>', 998).poll();
    s.conn.abort();
    s.poll();
    const kinds = new Set(s.take().map((sent) => sent.flags & 0x17));
    expect([...kinds].sort()).to.include.members([0x04, 0x10, 0x11, 0x12]);
  });

  it('MUST-5: options may come in any segment', () => {
    const s = inState('ESTABLISHED').deliver('<SEQ=301><ACK=101><CTL=ACK><DATA=5><MSS=500><WS=3><TS=1,2>');
    expect(s.conn.unread).to.equal(5);
  });
});

describe('RFC 9293 §3.4.1, RFC 6528: initial sequence numbers', () => {
  it('MUST-9, 6528-3-a: clock plus a hash under a secret: who sees the ISN of one four-tuple cannot work out another', () => {
    const first = new Tcb(HERE, 4000, THERE, 80);
    const second = new Tcb(HERE, 4001, THERE, 80);
    const differences = new Set<number>();
    for (let seed = 1; seed <= 50; seed++) {
      const isn = new IsnGenerator(new SeededRandom(seed));
      const now = micros(1000 * seed);
      differences.add((isn.next(second, now) - isn.next(first, now)) | 0);
      expect((isn.next(first, micros(now + 400)) - isn.next(first, now)) | 0).to.equal(100); // 4 us each
    }
    expect(differences.size).to.equal(50);
  });

  it('9293-3.4.2-a: a host that has begun anew does not reuse numbers: its clock goes on', () => {
    const at = (now: number): number => {
      const s = new Scene();
      s.now = (s.now + now) as typeof s.now;
      s.connect();
      return s.conn.tcb.iss;
    };
    expect((at(4 * SECOND) - at(0)) | 0).to.equal(1_000_000); // one each 4 us
  });
});

describe('RFC 9293 §3.6, §3.10: calls', () => {
  it('MAY-1: after close the program cannot read; the record lives on', () => {
    const s = inState('ESTABLISHED');
    s.conn.close();
    s.poll().expectSent('<SEQ=101><ACK=301><CTL=FIN,ACK>').expectState('FIN-WAIT-1');
    s.deliver('<SEQ=301><ACK=102><CTL=ACK><DATA=1>').expectState('CLOSED'); // a RST tells the peer
    expect(s.take().at(-1)!.flags & 4).to.equal(4);
  });

  it('9293-3.10.3-b: RECEIVE in CLOSING, LAST-ACK and TIME-WAIT finds the end of the stream', () => {
    for (const state of ['CLOSING', 'LAST-ACK', 'TIME-WAIT'] as TcpState[]) {
      expect(inState(state).read(), state).to.equal(0);
    }
  });

  it('9293-3.10.4-d: CLOSE in CLOSE-WAIT sends what is queued, then the FIN', () => {
    const s = inState('CLOSE-WAIT').deliver('<SEQ=302><ACK=101><CTL=ACK><WND=1460>');
    s.write(1960);
    s.poll().close().expectState('LAST-ACK').take();
    s.deliver('<SEQ=302><ACK=1561><CTL=ACK>').expectSent('<SEQ=1561><ACK=302><CTL=FIN,ACK><DATA=500>');
    s.deliver('<SEQ=302><ACK=2062><CTL=ACK>').expectState('CLOSED');
  });

  it('9293-3.10.7.4-n: FIN-WAIT-2 keeps the record and can read', () => {
    const s = inState('FIN-WAIT-2').advance(HOUR).expectState('FIN-WAIT-2');
    s.deliver('<SEQ=301><ACK=102><CTL=ACK><DATA=3>');
    expect(s.read()).to.have.length(3);
  });

  it('9293-3.10.7.4-t: a FIN is not processed in CLOSED, LISTEN and SYN-SENT', () => {
    for (const state of ['CLOSED', 'LISTEN'] as TcpState[]) {
      const s = inState(state);
      if (state === 'LISTEN') s.listen();
      s.deliver('<SEQ=300><CTL=FIN>');
      expect([...s.tcp.connections()], state).to.have.length(0);
    }
    inState('SYN-SENT').deliver('<SEQ=300><ACK=101><CTL=FIN,ACK>').expectSent().expectState('SYN-SENT');
  });

  it('9293-3.10.7.4-w: a FIN again in CLOSE-WAIT, CLOSING and LAST-ACK is acknowledged and changes nothing', () => {
    for (const state of ['CLOSE-WAIT', 'CLOSING', 'LAST-ACK'] as TcpState[]) {
      const s = inState(state).deliver('<SEQ=301><ACK=101><CTL=FIN,ACK>').expectState(state);
      expect(
        s.take().map((sent) => sent.ack),
        state,
      ).to.deep.equal([302]);
    }
  });

  it('9293-3.10.8-c: after 2 MSL TIME-WAIT is over', () => {
    const s = inState('TIME-WAIT', { msl: 2 * SECOND })
      .advance(4 * SECOND - 1)
      .expectState('TIME-WAIT');
    s.advance(1).expectState('CLOSED');
    expect([...s.tcp.connections()]).to.have.length(0);
  });

  it('SHLD-27: several calls of SEND are one push', () => {
    const s = inState('ESTABLISHED');
    for (let i = 0; i < 3; i++) s.write(1000);
    s.poll();
    expect(s.take().map((sent) => [sent.data.length, sent.flags & 8])).to.deep.equal([
      [1460, 0],
      [1460, 0],
      [80, 8],
    ]);
  });

  it('SHLD-20: an ICMP error about a connection that works is not pushed at the program: only SO_ERROR tells it', () => {
    const s = inState('ESTABLISHED');
    s.conn.softError = 113;
    expect(s.conn.readiness() & Readiness.Error).to.equal(0);
    expect(s.write(1)).to.equal(1);
    expect(s.read()).to.equal(-11);
  });
});

describe('RFC 9293 §3.8.6: windows that shrink', () => {
  it('SHLD-16, MAY-7: old data within the window is sent again as usual, what lies beyond waits', () => {
    const s = inState('ESTABLISHED');
    s.write(4380);
    s.poll().take();
    s.deliver(ack(101, 2000)).advance(1 * SECOND);
    const again = s.take();
    expect(again.length).to.be.above(0);
    for (const sent of again) expect(sent.seq + sent.data.length).to.be.at.most(101 + 2000);
    s.deliver(ack(1561, 540));
    for (const sent of s.take()) expect(sent.seq + sent.data.length).to.be.at.most(1561 + 540);
  });

  it('SHLD-17: data beyond the shrunken edge does not end the connection', () => {
    const s = inState('ESTABLISHED');
    s.write(4380);
    s.poll().take();
    s.deliver(ack(1561, 0));
    for (let i = 0; i < 1000; i++) {
      s.advance(10 * SECOND);
      if (s.take().length > 0) s.deliver(ack(1561, 0));
    }
    s.expectState('ESTABLISHED');
    s.deliver(ack(1561, 5000)).advance(SECOND);
    expect(s.take().map((sent) => sent.seq)).to.include.members([1561, 3021]);
  });

  it('MAY-8: a receiver may keep its window closed for ever, and goes on to answer probes', () => {
    const s = inState('ESTABLISHED', { receiveBuffer: 1000 });
    s.deliver('<SEQ=301><ACK=101><CTL=ACK><DATA=1000>').advance(SECOND).take();
    for (let i = 0; i < 200; i++) {
      s.advance(2 * MINUTE).deliver('<SEQ=1301><ACK=101><CTL=ACK><DATA=1>');
      expect(s.take().map((sent) => [sent.ack, sent.window])).to.deep.equal([[1301, 0]]);
    }
    s.read();
    s.poll();
    expect(s.take()[0]!.window).to.equal(1000);
  });

  it('MAY-13: what lies within the window but beyond RCV.NXT draws an ACK of RCV.NXT', () => {
    inState('ESTABLISHED').deliver('<SEQ=401><ACK=101><CTL=ACK><DATA=5>').expectSent('<SEQ=101><ACK=301><CTL=ACK>');
  });
});

describe('RFC 9293 §3.9: the layers above and below', () => {
  /** What IP is told with each segment. */
  function told(s: Scene): { path: Path; options: OutputOptions }[] {
    const seen: { path: Path; options: OutputOptions }[] = [];
    const { take } = s.ip;
    s.ip.take = (frame, path, options, now) => {
      seen.push({ path, options: { ...options } });
      return take(frame, path, options, now);
    };
    return seen;
  }

  it('MUST-48, MUST-49, SHLD-21, SHLD-22: the program sets TOS and TTL, also later, and IP gets them unchanged', () => {
    const s = new Scene();
    const seen = told(s);
    s.connect({ tos: 0xb8, ttl: 3 }).deliver('<SEQ=300><ACK=101><CTL=SYN,ACK>');
    s.conn.setOptions({ tos: 0x20, ttl: 255 });
    s.write(1);
    s.poll();
    expect(seen.map(({ options }) => [options.tos, options.ttl])).to.deep.equal([
      [0xb8, 3],
      [0xb8, 3],
      [0x20, 255],
    ]);
  });

  it('MUST-44, MUST-45: IP chooses the local address of an active OPEN, and it stays the same', () => {
    const s = new Scene();
    const seen = told(s);
    s.connect().deliver('<SEQ=300><ACK=101><CTL=SYN,ACK>');
    s.write(10);
    s.poll().close();
    expect(s.conn.localAddress).to.equal(HERE);
    expect(new Set(seen.map(({ path }) => path.source))).to.deep.equal(new Set([HERE]));
    const passive = new Scene();
    const answers = told(passive);
    passive.listen().deliver('<SEQ=300><CTL=SYN>').deliver('<SEQ=301><ACK=101><CTL=ACK>');
    expect([answers[0]!.path.source, passive.conn.localAddress]).to.deep.equal([HERE, HERE]);
  });

  it('MUST-54: an ICMP error acts on the connection that the quoted header names, and on no other', () => {
    const s = new Scene();
    const [one, other] = [80, 81].map((port) => {
      const conn = s.tcp.connect(HERE, LOCAL_PORT, THERE, port, s.options());
      if (typeof conn === 'number') throw new Error('connect');
      return conn;
    });
    s.poll();
    const frame = s.context.frames.acquire(8);
    const { iss } = other!.tcb;
    frame.bytes.set([LOCAL_PORT >> 8, LOCAL_PORT & 255, 0, 81], frame.start);
    frame.bytes.set([iss >>> 24, (iss >>> 16) & 255, (iss >>> 8) & 255, iss & 255], frame.start + 4);
    frame.end = frame.start + 8;
    frame.transport = frame.start;
    const about = { from: THERE, source: HERE, destination: THERE, protocol: 6, type: 3, code: 3, mtu: 0 };
    s.tcp.error({ ...about, errno: 111, hard: true }, frame, s.now);
    frame.release();
    expect([one!.state, other!.state]).to.deep.equal(['SYN-SENT', 'CLOSED']);
  });

  it('MAY-5: keep-alives are there, off unless asked for', () => {
    expect(new Scene().options().keepalive).to.equal(false);
    const s = inState('ESTABLISHED', {}, { keepalive: true, keepaliveIdle: MINUTE });
    s.advance(MINUTE + 10 * MS).expectSent('<SEQ=100><ACK=301><CTL=ACK>');
  });

  it('MAY-3: every SYN has an MSS option', () => {
    const s = new Scene().connect();
    const t = new Scene().listen().deliver('<SEQ=300><CTL=SYN>');
    expect([s.take()[0]!.mss, t.take()[0]!.mss]).to.deep.equal([1460, 1460]);
  });
});

describe('RFC 5961', () => {
  it('5961-3.2-a: only a RST with exactly RCV.NXT resets, in each state', () => {
    for (const [state, next] of [
      ['SYN-RECEIVED', 301],
      ['ESTABLISHED', 301],
      ['FIN-WAIT-1', 301],
      ['FIN-WAIT-2', 301],
      ['CLOSE-WAIT', 302],
      ['CLOSING', 302],
      ['LAST-ACK', 302],
      ['TIME-WAIT', 302],
    ] as [TcpState, number][]) {
      for (const off of [-1, 1, 1000, 70_000]) {
        inState(state)
          .deliver(`<SEQ=${next + off}><CTL=RST>`)
          .expectState(state);
      }
      inState(state).deliver(`<SEQ=${next}><CTL=RST>`).expectState('CLOSED');
    }
  });

  it('MAY-12: an ACK within MAX.SND.WND before SND.UNA is an old one, beyond that an attack', () => {
    const s = inState('ESTABLISHED');
    s.write(1000);
    s.poll().deliver(ack(1101, 2000)).take();
    s.deliver('<SEQ=301><ACK=101><CTL=ACK><DATA=1>').advance(SECOND);
    expect([s.conn.unread, s.context.drops.count('tcp-bad-ack')]).to.deep.equal([1, 0]);
    s.deliver(`<SEQ=302><ACK=${1101 - 65536}><CTL=ACK><DATA=1>`);
    expect([s.conn.unread, s.context.drops.count('tcp-bad-ack')]).to.deep.equal([1, 1]);
  });
});
