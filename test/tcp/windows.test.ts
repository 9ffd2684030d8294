/**
 * Windows that close, shrink and open again: nothing may wait for what cannot come. RFC 9293 §3.8.6, §3.10.7.4 (first check).
 */
import { expect } from 'chai';
import { MINUTE, MS, SECOND } from '../../src/core/time.ts';
import { Pair } from '../support/tcp-pair.ts';
import { Scene, inState } from '../support/tcp-scene.ts';

const ack = (number: number, window: number): string => `<SEQ=301><ACK=${number}><CTL=ACK><WND=${window}>`;

describe('numbers of segments without text', () => {
  it('an ACK after a probe that was not taken stays within the closed window', () => {
    const s = inState('ESTABLISHED').deliver(ack(101, 0));
    s.write(100);
    s.poll()
      .advance(250 * MS)
      .expectSent('<SEQ=101><ACK=301><CTL=ACK><DATA=1>');
    s.deliver('<SEQ=301><ACK=101><CTL=ACK><DATA=10><WND=0>').advance(100 * MS);
    s.expectSent('<SEQ=101><ACK=311><CTL=ACK>');
  });

  it('so does the RST of an abort', () => {
    const s = inState('ESTABLISHED').deliver(ack(101, 0));
    s.write(100);
    s.poll()
      .advance(250 * MS)
      .take();
    s.conn.abort();
    s.poll().expectSent('<SEQ=101><CTL=RST>');
  });

  it('an ACK at the right edge of the window is taken: its sender has filled the window', () => {
    const s = inState('ESTABLISHED', { receiveBuffer: 1000 });
    s.write(100);
    s.poll().take();
    s.deliver('<SEQ=1301><ACK=201><CTL=ACK>').expectSent();
    expect(s.conn.info().flightSize).to.equal(0);
    // Not so text, nor a RST.
    s.deliver('<SEQ=1301><ACK=201><CTL=ACK><DATA=1>').expectSent('<SEQ=201><ACK=301><CTL=ACK>');
    s.deliver('<SEQ=1301><CTL=RST>').expectSent().expectState('ESTABLISHED');
  });

  it('the window of a retransmission counts when its ACK is new, although its number is old', () => {
    const s = inState('ESTABLISHED').deliver('<SEQ=311><ACK=101><CTL=ACK><DATA=10><WND=1000>');
    s.write(1000);
    s.poll().take();
    s.write(4000);
    // All 1000 octets are there, and 200 of them were read: 1301 is as far as the peer lets us go.
    s.deliver('<SEQ=301><ACK=1101><CTL=ACK><DATA=10><WND=200>');
    expect(s.conn.tcb.sndWnd).to.equal(200);
    s.advance(SECOND);
    for (const { seq, data } of s.take()) expect(seq + data.length).to.be.at.most(1301);
  });

  it('data flows one way while the other way is closed and probed', () => {
    const pair = new Pair(3);
    const options = { ...pair.a.tcp.defaultOptions(), receiveBuffer: 20_000, sendBuffer: 100_000, tuneSend: false };
    const listener = pair.b.tcp.listen(pair.b.address, 80, 5, options);
    if (typeof listener === 'number') throw new Error('listen');
    const client = pair.a.tcp.connect(pair.a.address, 4000, pair.b.address, 80, options);
    if (typeof client === 'number') throw new Error('connect');
    pair.run(pair.now + 100 * MS);
    const server = listener.accept()!;
    // B does not read: A's way is soon closed and probed. Meanwhile B sends a megabyte, which A reads.
    client.send(new Uint8Array(100_000), 0, 100_000);
    pair.run(pair.now + 10 * SECOND);
    expect(client.info().sndWnd).to.equal(0);
    const into = new Uint8Array(65536);
    let got = 0;
    const start = pair.now;
    pair.run(pair.now + 10 * MINUTE, () => {
      server.send(new Uint8Array(50_000), 0, 50_000);
      for (let n = client.receive(into, 0, into.length); n > 0; n = client.receive(into, 0, into.length)) got += n;
      return got > 1_000_000;
    });
    expect(got).to.be.above(1_000_000);
    expect(pair.now - start).to.be.below(5 * SECOND);
    expect(server.info().timeouts).to.equal(0);
  });

  it('both ways closed: probes are answered for ever, and both open again', () => {
    const pair = new Pair(4);
    const options = { ...pair.a.tcp.defaultOptions(), receiveBuffer: 20_000, sendBuffer: 100_000, tuneSend: false };
    const listener = pair.b.tcp.listen(pair.b.address, 80, 5, options);
    if (typeof listener === 'number') throw new Error('listen');
    const client = pair.a.tcp.connect(pair.a.address, 4000, pair.b.address, 80, options);
    if (typeof client === 'number') throw new Error('connect');
    pair.run(pair.now + 100 * MS);
    const server = listener.accept()!;
    client.send(new Uint8Array(60_000), 0, 60_000);
    server.send(new Uint8Array(60_000), 0, 60_000);
    pair.run(pair.now + 120 * MINUTE);
    expect([client.state, server.state]).to.deep.equal(['ESTABLISHED', 'ESTABLISHED']);
    const into = new Uint8Array(65536);
    let got = 0;
    const start = pair.now;
    pair.run(pair.now + 10 * MINUTE, () => {
      for (const end of [client, server]) {
        for (let n = end.receive(into, 0, into.length); n > 0; n = end.receive(into, 0, into.length)) got += n;
      }
      return got === 120_000;
    });
    expect(got).to.equal(120_000);
    expect(pair.now - start).to.be.below(1 * SECOND);
  });
});

describe('what is offered', () => {
  it('7323-2.2-b: the window of a SYN,ACK is not scaled in a simultaneous open either', () => {
    const s = new Scene({ windowScaling: true }).connect();
    s.deliver('<SEQ=300><CTL=SYN><WS=7><WND=1000>').deliver('<SEQ=300><ACK=101><CTL=SYN,ACK><WS=7><WND=1000>');
    s.expectState('ESTABLISHED');
    expect(s.conn.info().sndWnd).to.equal(1000);
  });

  it('7323-2.3-b: an ACK from SYN-RECEIVED has a scaled window, its SYN,ACK has not', () => {
    const s = new Scene({ windowScaling: true }).listen();
    s.deliver('<SEQ=300><CTL=SYN><WS=7>');
    const [synAck] = s.take();
    s.deliver('<SEQ=90000><ACK=101><CTL=ACK><DATA=1>');
    const [invalid] = s.take();
    expect(synAck!.window).to.equal(65535);
    expect(invalid!.window << synAck!.windowScale).to.be.within(65_000, 65_535);
  });

  it('7323-2.4-a: what was in the window for any ACK is taken, though rounding hid a part of it', () => {
    const s = new Scene({ windowScaling: true, receiveBuffer: 200_001 }).connect();
    s.deliver('<SEQ=300><ACK=101><CTL=SYN,ACK><WS=2><MSS=1460>');
    const shift = s.take()[0]!.windowScale;
    expect(shift).to.equal(2);
    const edges: number[] = [];
    for (let at = 301; at < 301 + 199_000; at += 1459) {
      s.deliver(`<SEQ=${at}><ACK=101><CTL=ACK><DATA=1459>`).advance(50 * MS);
      for (const sent of s.take()) edges.push(sent.ack + (sent.window << 2));
    }
    const furthest = Math.max(...edges);
    for (const edge of edges.slice(-20)) expect(furthest - edge).to.be.below(1 << 2);
    const { rcvNxt, rcvWnd } = s.conn.tcb;
    expect(((rcvNxt + rcvWnd - s.conn.tcb.irs) | 0) + 300).to.be.at.least(furthest);
  });

  it('a buffer made smaller than the unit of the scale does not close the window for ever', () => {
    const s = new Scene({ windowScaling: true, receiveBuffer: 64 * 1024 * 1024 }).connect();
    s.deliver('<SEQ=300><ACK=101><CTL=SYN,ACK><WS=2><MSS=1460>');
    s.conn.setOptions({ receiveBuffer: 1152 });
    let last = 0;
    let at = 301;
    for (; at < 301 + 80_000; at += 1000) {
      s.deliver(`<SEQ=${at}><ACK=101><CTL=ACK><DATA=1000>`);
      while (s.conn.unread > 0) s.read();
      s.poll().advance(50 * MS);
      for (const sent of s.take()) last = sent.window;
    }
    expect(last).to.be.above(0);
  });

  it('without scaling, a segment size near the whole window does not keep it small', () => {
    const s = new Scene();
    s.ip.mtu = 65535;
    s.connect().deliver('<SEQ=300><ACK=101><CTL=SYN,ACK><MSS=65495>').take();
    s.deliver('<SEQ=301><ACK=101><CTL=ACK><DATA=45000>');
    s.read();
    s.poll();
    expect(s.conn.info().rcvWnd).to.be.at.least(65000);
  });

  it('text with a SYN is kept as far as the window goes', () => {
    const s = new Scene().listen(5, { receiveBuffer: 1000 });
    s.deliver('<SEQ=300><CTL=SYN,FIN><DATA=1400>').deliver('<SEQ=301><ACK=101><CTL=ACK>');
    s.expectState('ESTABLISHED');
    expect(s.conn.unread).to.equal(1000);
    const t = new Scene().connect({ receiveBuffer: 1000 });
    t.deliver('<SEQ=300><ACK=101><CTL=SYN,ACK,FIN><DATA=1400>').expectState('ESTABLISHED');
    expect(t.conn.unread).to.equal(1000);
  });
});

describe('a window that stays closed', () => {
  /** The peer answers every probe with a closed window, for a day. */
  const answer = (s: Scene): void => {
    for (let i = 0; i < 2000; i++) {
      s.advance(30 * SECOND);
      if (s.take().length > 0) s.deliver(ack(101, 0));
    }
  };

  it('MUST-37: the connection of a program that waits stays', () => {
    const s = inState('ESTABLISHED').deliver(ack(101, 0));
    s.write(5);
    answer(s.poll());
    s.expectState('ESTABLISHED');
  });

  it('one that its program has closed ends after R2 probes: nobody is left to give it up (RFC 6429 §5)', () => {
    const s = inState('ESTABLISHED').deliver(ack(101, 0));
    s.write(5);
    s.conn.close();
    answer(s.poll());
    expect(s.conn.state).to.equal('CLOSED');
  });

  it('tiny reads do not reopen it by tiny steps', () => {
    const s = inState('ESTABLISHED', { receiveBuffer: 4000 });
    s.deliver('<SEQ=301><ACK=101><CTL=ACK><DATA=4000>').advance(SECOND).take();
    for (let i = 0; i < 14; i++) {
      s.read(100);
      s.poll().expectSent();
      // A probe tells no tiny window either.
      s.deliver(`<SEQ=4301><ACK=101><CTL=ACK><DATA=1>`);
      expect(s.take().map((sent) => sent.window)).to.deep.equal([0]);
    }
    s.read(100);
    s.poll();
    expect(s.take().map((sent) => [sent.reason, sent.window])).to.deep.equal([['window update', 1500]]);
  });

  it('9293-3.8.6.2.1-b: a probe that opens a part of the window: sent at last, by the override, though small', () => {
    const s = inState('ESTABLISHED').deliver(ack(101, 0));
    s.write(1000);
    s.poll()
      .advance(200 * MS)
      .expectSent('<SEQ=101><ACK=301><CTL=ACK><DATA=1>');
    const start = s.now;
    s.deliver(ack(102, 50)).expectSent().advance(SECOND);
    const [first] = s.take();
    expect(first!.text).to.equal('<SEQ=102><ACK=301><CTL=ACK><DATA=50>');
    expect(first!.time - start).to.be.within(100 * MS, SECOND);
  });

  it('a window update that was lost is told by the next probe', () => {
    const s = inState('ESTABLISHED').deliver(ack(101, 0));
    s.write(1000);
    s.poll()
      .advance(200 * MS)
      .take();
    s.deliver(ack(101, 0))
      .advance(400 * MS)
      .take();
    s.deliver(ack(101, 65535)).expectSent('<SEQ=101><ACK=301><CTL=ACK><DATA=1000>');
  });

  it('a SYN,ACK with a closed window', () => {
    const s = new Scene().connect();
    s.deliver('<SEQ=300><ACK=101><CTL=SYN,ACK><WND=0>').take();
    s.write(100);
    s.poll()
      .expectSent()
      .advance(300 * MS)
      .expectSent('<SEQ=101><ACK=301><CTL=ACK><DATA=1>');
    s.deliver(ack(101, 1000)).expectSent('<SEQ=101><ACK=301><CTL=ACK><DATA=100>');
  });
});
