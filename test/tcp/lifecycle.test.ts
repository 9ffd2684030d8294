/**
 * Beginnings and ends in unusual orders: simultaneous opens, closes during a handshake, FINs out of order, queues that fill and empty.
 */
import { expect } from 'chai';
import { MINUTE, MS, SECOND, micros } from '../../src/core/time.ts';
import { ANY_ADDRESS } from '../../src/ip/address.ts';
import { Pair } from '../support/tcp-pair.ts';
import { LOCAL_PORT, Scene, inState } from '../support/tcp-scene.ts';

describe('simultaneous open', () => {
  it('with text and FIN in both SYNs: nothing is lost', () => {
    const s = inState('SYN-SENT').deliver('<SEQ=300><CTL=SYN,FIN><DATA=5>');
    s.expectSent('<SEQ=100><ACK=301><CTL=SYN,ACK>').expectState('SYN-RECEIVED');
    s.deliver('<SEQ=300><ACK=101><CTL=SYN,ACK>').expectState('CLOSE-WAIT');
    expect(s.conn.unread).to.equal(5);
    s.expectSent('<SEQ=101><ACK=307><CTL=ACK>');
  });

  it('text comes with the SYN,ACK', () => {
    const s = inState('SYN-SENT').deliver('<SEQ=300><CTL=SYN>').deliver('<SEQ=300><ACK=101><CTL=SYN,ACK><DATA=5>');
    s.expectState('ESTABLISHED');
    expect(s.conn.unread).to.equal(5);
  });

  it('of two real ends, with losses of the first segments', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const pair = new Pair(seed, { loss: 0.4, duplicate: 0.1, delay: 3 * MS, jitter: 2 * MS });
      const options = pair.a.tcp.defaultOptions();
      const one = pair.a.tcp.connect(pair.a.address, 1000, pair.b.address, 2000, options);
      const two = pair.b.tcp.connect(pair.b.address, 2000, pair.a.address, 1000, options);
      if (typeof one === 'number' || typeof two === 'number') throw new Error('connect');
      const into = new Uint8Array(100);
      let got = 0;
      let put = 0;
      pair.run(pair.now + 5 * MINUTE, () => {
        if (put === 0) put = Math.max(0, one.send(into, 0, 100));
        const n = two.receive(into, 0, 100);
        if (n > 0) got += n;
        return got === 100;
      });
      expect([got, one.state, two.state], `seed ${seed}`).to.deep.equal([100, 'ESTABLISHED', 'ESTABLISHED']);
    }
  });

  it('a connection to itself', () => {
    const pair = new Pair(1);
    const { a } = pair;
    const self = a.tcp.connect(a.address, 1000, a.address, 1000, a.tcp.defaultOptions());
    if (typeof self === 'number') throw new Error('connect');
    pair.run(pair.now + 10 * SECOND);
    expect(self.state).to.equal('ESTABLISHED');
    expect(self.send(new Uint8Array(10), 0, 10)).to.equal(10);
    pair.run(pair.now + 10 * SECOND);
    expect(self.unread).to.equal(10);
  });
});

describe('SHUT_WR before OPEN', () => {
  it('the FIN goes out once both sides have opened', () => {
    const s = inState('SYN-SENT');
    s.conn.shutEarly(false, true);
    s.deliver('<SEQ=300><CTL=SYN>').expectSent('<SEQ=100><ACK=301><CTL=SYN,ACK>').expectState('SYN-RECEIVED');
    s.deliver('<SEQ=300><ACK=101><CTL=SYN,ACK>').expectState('FIN-WAIT-1');
    s.expectSent('<SEQ=101><ACK=301><CTL=FIN,ACK>');
  });

  it('after a SYN,ACK it takes another SHUT_WR', () => {
    const s = inState('SYN-SENT');
    s.conn.shutEarly(false, true);
    s.deliver('<SEQ=300><ACK=101><CTL=SYN,ACK>').expectState('ESTABLISHED').expectSent('<SEQ=101><ACK=301><CTL=ACK>');
    s.conn.shutdownSend();
    s.poll().expectState('FIN-WAIT-1').expectSent('<SEQ=101><ACK=301><CTL=FIN,ACK>');
  });
});

describe('shut down before LISTEN', () => {
  it('a FIN follows the SYN,ACK of every connection', () => {
    const s = new Scene().listen();
    s.listener!.shutEarly(false, true);
    s.deliver('<SEQ=300><CTL=SYN>').expectSent('<SEQ=100><ACK=301><CTL=SYN,ACK>');
    s.deliver('<SEQ=301><ACK=101><CTL=ACK>').expectState('FIN-WAIT-1').expectSent('<SEQ=101><ACK=301><CTL=FIN,ACK>');
  });

  it('in both directions: text is refused, too', () => {
    const s = new Scene().listen();
    s.listener!.shutEarly(true, true);
    s.deliver('<SEQ=300><CTL=SYN>').deliver('<SEQ=301><ACK=101><CTL=ACK>').take();
    s.deliver('<SEQ=301><ACK=102><CTL=ACK><DATA=5>').expectState('CLOSED').expectSent('<SEQ=102><CTL=RST>');
  });
});

describe('CLOSE during the handshake', () => {
  it('in SYN-RECEIVED of a simultaneous open: FIN after it, and the end of the peer is seen', () => {
    const s = inState('SYN-SENT').deliver('<SEQ=300><CTL=SYN>');
    s.take();
    s.conn.close();
    s.deliver('<SEQ=300><ACK=101><CTL=SYN,ACK>')
      .expectState('FIN-WAIT-1')
      .expectSent('<SEQ=101><ACK=301><CTL=FIN,ACK>');
    s.deliver('<SEQ=301><ACK=102><CTL=FIN,ACK>').expectState('TIME-WAIT').expectSent('<SEQ=102><ACK=302><CTL=ACK>');
  });

  it('text that came before the handshake was done, and that nobody will read, draws a RST (SHLD-3)', () => {
    const s = inState('SYN-SENT').deliver('<SEQ=300><CTL=SYN><DATA=5>');
    s.take();
    s.conn.close();
    s.deliver('<SEQ=300><ACK=101><CTL=SYN,ACK>').expectState('CLOSED');
    expect(s.take().at(-1)!.flags & 4).to.equal(4);
  });

  it('in SYN-SENT a SYN,ACK that comes late draws a RST', () => {
    const s = inState('SYN-SENT');
    s.conn.close();
    s.deliver('<SEQ=300><ACK=101><CTL=SYN,ACK>').expectSent('<SEQ=101><CTL=RST>');
  });
});

describe('a listener', () => {
  it('that closes resets half-open connections; what comes later draws a RST', () => {
    const s = new Scene().listen();
    s.deliver('<SEQ=300><CTL=SYN>').take();
    s.listener!.close();
    s.poll().expectSent('<SEQ=101><CTL=RST>');
    s.deliver('<SEQ=301><ACK=101><CTL=ACK>').expectSent('<SEQ=101><CTL=RST>');
    expect(s.context.timers.size).to.equal(0);
  });

  it('whose accept queue is full completes the next one as soon as it has room and the peer speaks again', () => {
    const s = new Scene().listen(1);
    s.arrive('<SEQ=300><CTL=SYN>', 1).arrive('<SEQ=300><CTL=SYN>', 2).poll();
    const isn = (port: number): number => {
      const conn = [...s.tcp.connections()].find((c) => c.remotePort === port)!;
      return conn.tcb.iss;
    };
    const finish = (port: number, data: number): void => {
      const number = ((isn(port) + 1 - s.iss) | 0) + 100;
      s.arrive(`<SEQ=301><ACK=${number}><CTL=ACK>${data > 0 ? `<DATA=${data}>` : ''}`, port).poll();
    };
    finish(1, 0);
    s.arrive('<SEQ=300><CTL=SYN>', 3).poll();
    finish(2, 0);
    finish(3, 0);
    expect([s.listener!.waiting, s.listener!.halfOpen]).to.deep.equal([2, 1]);
    s.take();
    s.advance(1 * SECOND + 10 * MS); // the SYN,ACK goes out again
    expect(s.take().length).to.equal(1);
    expect(s.listener!.accept()).to.not.equal(undefined);
    finish(3, 7);
    expect(s.listener!.accept()!.remotePort).to.equal(2);
    expect(s.listener!.accept()!.unread).to.equal(7);
  });
});

describe('TCP_SYNCNT of a listener', () => {
  const SYN_ACK = '<SEQ=100><ACK=301><CTL=SYN,ACK>';
  /** How often the SYN,ACK goes out in a time in which none is answered. */
  const sentIn = (s: Scene, span: number): number => {
    const first = s.take().length;
    s.advance(span);
    return first + s.take().length;
  };

  // As counted on Linux 6.18: SYN,ACKs at 0, 1, 3, 7 s ... as far as the number goes.
  for (const [synRetries, expected] of [
    [undefined, 6],
    [1, 2],
    [3, 4],
    [7, 8],
  ] as const) {
    it(`${synRetries ?? 'not set'}: ${expected} SYN,ACKs, then the half-open connection is forgotten`, () => {
      const s = new Scene().listen(5, { synRetries }).deliver('<SEQ=300><CTL=SYN>');
      expect(sentIn(s, 10 * MINUTE)).to.equal(expected);
      s.expectState('CLOSED');
      expect(s.listener!.halfOpen).to.equal(0);
    });
  }

  it('set later it counts for what is half-open already', () => {
    const s = new Scene().listen(5).deliver('<SEQ=300><CTL=SYN>').expectSent(SYN_ACK);
    s.listener!.setOptions({ synRetries: 1 });
    expect(sentIn(s, 10 * MINUTE)).to.equal(1);
  });
});

describe('FIN', () => {
  it('before the text that it follows', () => {
    const s = inState('ESTABLISHED').deliver('<SEQ=306><ACK=101><CTL=FIN,ACK>').expectState('ESTABLISHED');
    s.deliver('<SEQ=301><ACK=101><CTL=ACK><DATA=5>').expectState('CLOSE-WAIT');
    expect(s.take().at(-1)!.ack).to.equal(307);
  });

  it('with text that overlaps what is there', () => {
    const s = inState('ESTABLISHED')
      .deliver('<SEQ=303><ACK=101><CTL=ACK><DATA=5>')
      .deliver('<SEQ=301><ACK=101><CTL=FIN,ACK><DATA=7>');
    s.expectState('CLOSE-WAIT');
    expect(s.conn.unread).to.equal(7);
    expect(s.take().at(-1)!.ack).to.equal(309);
  });

  it('just beyond the window waits for room', () => {
    const s = inState('ESTABLISHED', { receiveBuffer: 1000 }).deliver('<SEQ=301><ACK=101><CTL=FIN,ACK><DATA=1000>');
    s.expectState('ESTABLISHED');
    s.read();
    s.poll().deliver('<SEQ=1301><ACK=101><CTL=FIN,ACK>').expectState('CLOSE-WAIT');
  });

  it('with the ACK of ours, and with text, in each order', () => {
    const rows: [string[], string][] = [
      [['<SEQ=301><ACK=102><CTL=FIN,ACK>'], 'TIME-WAIT'],
      [['<SEQ=301><ACK=101><CTL=FIN,ACK>'], 'CLOSING'],
      [['<SEQ=301><ACK=102><CTL=FIN,ACK><DATA=5>'], 'TIME-WAIT'],
      [['<SEQ=301><ACK=101><CTL=FIN,ACK><DATA=5>', '<SEQ=307><ACK=102><CTL=ACK>'], 'TIME-WAIT'],
      [['<SEQ=306><ACK=102><CTL=FIN,ACK>'], 'FIN-WAIT-2'],
      [['<SEQ=306><ACK=102><CTL=FIN,ACK>', '<SEQ=301><ACK=101><CTL=ACK><DATA=5>'], 'TIME-WAIT'],
    ];
    for (const [segments, state] of rows) {
      const s = inState('FIN-WAIT-1').deliver(...segments);
      expect(s.conn.state, segments.join(' ')).to.equal(state);
      if (segments.some((text) => text.includes('DATA'))) expect(s.conn.unread).to.equal(5);
    }
  });

  it('is sent again until it is acknowledged', () => {
    const s = inState('FIN-WAIT-1').advance(2 * SECOND);
    expect(new Set(s.take().map((sent) => sent.text))).to.deep.equal(new Set(['<SEQ=101><ACK=301><CTL=FIN,ACK>']));
    const t = inState('LAST-ACK').advance(2 * SECOND);
    expect(new Set(t.take().map((sent) => sent.text))).to.deep.equal(new Set(['<SEQ=101><ACK=302><CTL=FIN,ACK>']));
  });
});

describe('two ends that disagree', () => {
  it('about everything do not answer each other without end', () => {
    const pair = new Pair(9);
    const options = pair.a.tcp.defaultOptions();
    const listener = pair.b.tcp.listen(pair.b.address, 80, 5, options);
    if (typeof listener === 'number') throw new Error('listen');
    const client = pair.a.tcp.connect(pair.a.address, 4000, pair.b.address, 80, options);
    if (typeof client === 'number') throw new Error('connect');
    pair.run(pair.now + SECOND);
    const server = [...pair.b.tcp.connections()][0]!;
    // As after forged text in both directions: each expects more than the other has sent.
    for (const end of [client, server]) {
      end.tcb.rcvNxt = ((end.tcb.rcvNxt + 10) | 0) as typeof end.tcb.rcvNxt;
      end.ack.now('quick ACK');
      end.host.mark(end);
    }
    const before = pair.carried;
    pair.run(pair.now + 10 * SECOND);
    expect(pair.carried - before).to.be.below(60);
  });
});

describe('bounds', () => {
  it('connect at the bound on connections is ENOBUFS, and a SYN is dropped by name', () => {
    const s = new Scene({ maxConnections: 1 }).connect();
    expect(s.tcp.connect(ANY_ADDRESS, LOCAL_PORT + 1, s.conn.remoteAddress, 80, s.options())).to.equal(-105);
    s.listen().arrive('<SEQ=300><CTL=SYN>', 5000).poll();
    expect(s.context.drops.count('tcp-too-many-connections')).to.equal(1);
  });

  it('nothing is left of a connection that ended in any way', () => {
    for (const how of ['abort', 'rst', 'timeout', 'close'] as const) {
      const s = inState('ESTABLISHED', { retries2: 2 });
      s.write(5000);
      s.poll().deliver('<SEQ=401><ACK=101><CTL=ACK><DATA=50>');
      if (how === 'abort') s.conn.abort();
      else if (how === 'rst') s.deliver('<SEQ=301><CTL=RST>');
      else if (how === 'close') s.conn.close();
      s.poll();
      s.now = micros(s.now + 1);
      s.advance(30 * MINUTE);
      expect([[...s.tcp.connections()].length, s.context.timers.size, s.context.frames.inUse], how).to.deep.equal([
        0, 0, 0,
      ]);
      expect([s.conn.sender.ring.allocated, s.conn.receiver.ring.allocated], how).to.deep.equal([0, 0]);
    }
  });
});
