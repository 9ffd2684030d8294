/**
 * TCP Fast Open of two real ends, and of one end with a peer that the test plays. RFC 7413.
 */
import { expect } from 'chai';
import type { TcpConfig } from '../../src/core/config.ts';
import { SeededRandom } from '../../src/core/random.ts';
import { Errno } from '../../src/core/errno.ts';
import { HOUR, MINUTE, MS, SECOND, micros } from '../../src/core/time.ts';
import { ANY_ADDRESS, ipv4 } from '../../src/ip/address.ts';
import type { Connection } from '../../src/tcp/connection.ts';
import { FastOpenCache } from '../../src/tcp/fast-open-cache.ts';
import { FastOpenKeys } from '../../src/tcp/fast-open-server.ts';
import type { Listener } from '../../src/tcp/listener.ts';
import { Readiness } from '../../src/tcp/service.ts';
import type { TcpOptions } from '../../src/tcp/service.ts';
import { PERFECT, Pair } from '../support/tcp-pair.ts';

const PORT = 80;
const RTT = 100 * MS;

/** A client and a server that both may; `at` is when something has happened (us since the connect). */
class Both {
  readonly pair: Pair;
  readonly listener: Listener;
  #port = 5000;

  constructor(tcp: Partial<TcpConfig> = {}, queue = 5, seed = 7) {
    const offer = { timestamps: true, windowScaling: true, sack: true };
    this.pair = new Pair(seed, { ...PERFECT, delay: RTT / 2 }, { tcp: { ...offer, ...tcp } });
    const { tcp: server } = this.pair.b;
    const listener = server.listen(ANY_ADDRESS, PORT, 10, { ...server.defaultOptions(), fastOpen: queue });
    if (typeof listener === 'number') throw new Error(`listen: ${listener}`);
    this.listener = listener;
  }

  connect(changes: Partial<TcpOptions> = {}): Connection {
    const { tcp } = this.pair.a;
    const options = { ...tcp.defaultOptions(), fastOpenConnect: true, ...changes };
    const conn = tcp.connect(ANY_ADDRESS, this.#port++, this.pair.b.address, PORT, options);
    if (typeof conn === 'number') throw new Error(`connect: ${conn}`);
    return conn;
  }

  run(span: number): void {
    const end = this.pair.now + span;
    this.pair.run(end);
    this.pair.now = micros(end);
  }

  /** A first connection, which brings the cookie. */
  withCookie(): this {
    const conn = this.connect();
    this.run(RTT);
    expect([conn.state, conn.info().fastOpen]).to.deep.equal(['ESTABLISHED', 'requested']);
    this.run(RTT);
    this.listener.accept()!.close();
    conn.close();
    this.run(2 * RTT);
    return this;
  }
}

const write = (conn: Connection, length: number): number => conn.send(new Uint8Array(length).fill(120), 0, length);
const read = (conn: Connection): number => conn.receive(new Uint8Array(100_000), 0, 100_000);

describe('TCP Fast Open', () => {
  it('7413-4-a: a first connection asks for a cookie and sends no text; a second one sends text with it', () => {
    const both = new Both().withCookie();
    const conn = both.connect();
    expect([conn.deferred, conn.readiness() & Readiness.Writable]).to.deep.equal([true, Readiness.Writable]);
    both.run(1 * SECOND); // nothing goes out before there is text
    expect([conn.segmentsSent, both.listener.waiting]).to.deep.equal([0, 0]);
    expect(write(conn, 300)).to.equal(300);
    both.run(RTT / 2);
    const child = both.listener.accept()!;
    expect([child.state, child.info().fastOpen, read(child)]).to.deep.equal(['SYN-RECEIVED', 'pending', 300]);
    // The answer arrives one round trip after the connect.
    expect(write(child, 5000)).to.equal(5000);
    both.run(RTT / 2);
    expect([conn.state, conn.info().fastOpen, read(conn)]).to.deep.equal(['ESTABLISHED', 'data acknowledged', 5000]);
    both.run(RTT);
    expect([child.state, child.info().fastOpen]).to.deep.equal(['ESTABLISHED', 'accepted']);
    expect([conn.info().retransmissions, child.info().retransmissions]).to.deep.equal([0, 0]);
    expect(both.listener.counters).to.include({ fastOpens: 1, fastOpenRefused: 0, fastOpenOverflows: 0 });
  });

  it('the SYN carries what fits beside all options; what follows goes with the handshake', () => {
    const both = new Both().withCookie();
    const conn = both.connect();
    expect(write(conn, 5000)).to.equal(1420);
    expect(write(conn, 100)).to.equal(-Errno.EAGAIN);
    both.run(RTT);
    expect(write(conn, 3000)).to.equal(3000);
    both.run(RTT);
    expect(read(both.listener.accept()!)).to.equal(4420);
    expect(conn.info().srtt).to.be.within(RTT - 1 * MS, RTT + 1 * MS);
  });

  it('text and FIN at once, accepted, answered and closed before the handshake is done: all arrives', () => {
    const both = new Both().withCookie();
    const conn = both.connect();
    write(conn, 10);
    both.run(RTT / 2);
    const child = both.listener.accept()!;
    read(child);
    write(child, 20);
    child.close();
    expect(write(child, 1)).to.equal(-Errno.EPIPE);
    both.run(RTT / 2);
    expect(read(conn)).to.equal(20);
    both.run(2 * RTT);
    expect([conn.state, read(conn)]).to.deep.equal(['CLOSE-WAIT', 0]);
    conn.close();
    both.run(10 * RTT);
    expect([...both.pair.b.tcp.connections()].filter((one) => one.state !== 'TIME-WAIT')).to.deep.equal([]);
  });

  it('text and CLOSE at once, before the handshake is done: both arrive', () => {
    const both = new Both().withCookie();
    const conn = both.connect();
    write(conn, 10);
    conn.close();
    both.run(2 * RTT);
    const child = both.listener.accept()!;
    expect([read(child), read(child), child.state]).to.deep.equal([10, 0, 'CLOSE-WAIT']);
  });

  for (const [name, config, queue] of [
    ['the listener did not ask for it', {}, 0],
    ['the server may not', { fastOpenServer: false }, 5],
    ['SYN cookies are always sent', { synCookies: 'always' }, 5],
  ] as const) {
    it(`no cookie is given when ${name}; the connection is a plain one`, () => {
      const both = new Both(config, queue);
      for (let i = 0; i < 2; i++) {
        const conn = both.connect();
        expect(conn.deferred).to.equal(false);
        expect(write(conn, 5)).to.equal(-Errno.EAGAIN);
        both.run(RTT);
        expect(write(conn, 5)).to.equal(5);
        both.run(RTT);
        expect(read(both.listener.accept()!)).to.equal(5);
      }
      expect(both.pair.a.tcp.fastOpenCache.size).to.equal(0);
    });
  }

  it('a client that may not is a plain one', () => {
    const both = new Both({ fastOpenClient: false });
    expect(both.connect().fastOpen).to.equal(undefined);
  });

  it('a cookie that is no longer good: the text is sent again with the handshake, and the new cookie is kept', () => {
    const both = new Both({ fastOpenKeyLifetime: 1 * HOUR }).withCookie();
    both.run(3 * HOUR);
    const conn = both.connect();
    write(conn, 400);
    both.run(RTT / 2);
    expect(both.listener.waiting).to.equal(0);
    both.run(RTT);
    expect(conn.info().fastOpen).to.equal('data refused');
    both.run(RTT);
    expect(read(both.listener.accept()!)).to.equal(400);
    expect(both.listener.counters.fastOpenRefused).to.equal(1);
    const again = both.connect();
    write(again, 7);
    both.run(RTT / 2);
    expect(both.listener.accept()!.unread).to.equal(7);
  });

  it('key rotation: a cookie of the key before is good, and replaced', () => {
    const both = new Both({ fastOpenKeyLifetime: 1 * HOUR }).withCookie();
    const [before] = cookies(both);
    both.run(90 * MINUTE);
    const conn = both.connect();
    write(conn, 7);
    both.run(RTT);
    expect(conn.info().fastOpen).to.equal('data acknowledged');
    const [after] = cookies(both);
    expect(after).to.not.equal(before);
    expect(both.listener.counters).to.include({ fastOpens: 1, fastOpenRefused: 0 });
  });

  it('only so many may be pending; beyond that the text waits for the handshake', () => {
    const both = new Both({}, 2).withCookie();
    const conns = Array.from({ length: 4 }, () => both.connect());
    for (const conn of conns) write(conn, 9);
    both.run(RTT / 2);
    expect(both.listener.waiting).to.equal(2);
    both.run(2 * RTT);
    expect(both.listener.waiting).to.equal(4);
    expect(conns.map((conn) => conn.info().fastOpen)).to.deep.equal([
      'data acknowledged',
      'data acknowledged',
      'data refused',
      'data refused',
    ]);
    for (let i = 0; i < 4; i++) expect(read(both.listener.accept()!)).to.equal(9);
    const last = both.connect(); // those that are done do not count
    write(last, 3);
    both.run(RTT / 2);
    expect(both.listener.accept()!.unread).to.equal(3);
  });

  it('§5.1: those that a RST ended count on as pending for a minute', () => {
    const both = new Both({}, 2).withCookie();
    for (let i = 0; i < 2; i++) {
      const conn = both.connect();
      write(conn, 9);
      both.run(RTT / 4);
      conn.abortWith(Errno.ECONNABORTED); // SYN-SENT: nothing is sent; the SYN,ACK will draw a RST
      both.run(2 * RTT);
      const child = both.listener.accept()!;
      expect([read(child), read(child)]).to.deep.equal([9, -Errno.ECONNRESET]);
    }
    const conn = both.connect();
    write(conn, 9);
    both.run(2 * RTT);
    expect(conn.info().fastOpen).to.equal('data refused');
    expect(both.listener.counters).to.include({ fastOpens: 2, fastOpenOverflows: 1 });
    both.run(1 * MINUTE);
    const last = both.connect();
    write(last, 9);
    both.run(2 * RTT);
    expect(last.info().fastOpen).to.equal('data acknowledged');
  });

  it('the SYN is lost: the next has neither text nor option, and the text follows the handshake', () => {
    const both = new Both().withCookie();
    const conn = both.connect();
    write(conn, 500);
    both.pair.impairment.loss = 1;
    both.run(RTT);
    both.pair.impairment.loss = 0;
    both.run(1 * SECOND + RTT);
    expect([conn.state, conn.info().fastOpen]).to.deep.equal(['ESTABLISHED', 'SYN lost']);
    both.run(RTT);
    expect(read(both.listener.accept()!)).to.equal(500);
    // §4.1.3.1: for a while no more of it there, then twice as long.
    const { fastOpenCache } = both.pair.a.tcp;
    expect(fastOpenCache.failures).to.equal(1);
    expect(both.connect().fastOpen).to.equal(undefined);
    both.run(1 * MINUTE);
    both.pair.turn();
    expect(both.connect().deferred).to.equal(true);
  });

  it('the SYN,ACK is lost: it is sent again alone, the text is there once', () => {
    const both = new Both().withCookie();
    const conn = both.connect();
    write(conn, 500);
    both.run(RTT / 2 - 1);
    both.pair.impairment.loss = 1;
    both.run(RTT);
    both.pair.impairment.loss = 0;
    both.run(2 * SECOND);
    const child = both.listener.accept()!;
    expect([conn.state, child.state, read(child)]).to.deep.equal(['ESTABLISHED', 'ESTABLISHED', 500]);
    expect(child.receive(new Uint8Array(1), 0, 1)).to.equal(-Errno.EAGAIN);
  });

  it('nobody answers: the destination is left alone for a while', () => {
    const both = new Both().withCookie();
    both.pair.impairment.loss = 1;
    const conn = both.connect();
    write(conn, 5);
    both.run(10 * MINUTE);
    expect([conn.state, conn.takeError()]).to.deep.equal(['CLOSED', Errno.ETIMEDOUT]);
    expect(both.pair.a.tcp.fastOpenCache.failures).to.equal(1);
  });

  it('on a line that loses, both ways and at any time, all text arrives once and in order', () => {
    for (let seed = 1; seed <= 40; seed++) {
      const both = new Both({}, 5, seed).withCookie();
      both.pair.impairment.loss = 0.2;
      const conn = both.connect();
      const text = Uint8Array.from({ length: 20_000 }, (_, i) => (i * 7) & 255);
      let sent = 0;
      let child: Connection | undefined;
      const got: number[] = [];
      const into = new Uint8Array(4096);
      both.pair.run(both.pair.now + 300 * SECOND, () => {
        if (sent < text.length) sent += Math.max(0, conn.send(text, sent, text.length - sent));
        child ??= both.listener.accept();
        const n = child?.receive(into, 0, into.length) ?? 0;
        if (n > 0) {
          got.push(...into.subarray(0, n));
          child!.send(into, 0, n);
        }
        return got.length === text.length;
      });
      expect(got.length, `seed ${seed}`).to.equal(text.length);
      expect(
        got.every((octet, i) => octet === text[i]),
        `seed ${seed}`,
      ).to.equal(true);
    }
  });

  it('the cache is bounded, and the one used least recently goes first', () => {
    const cache = new FastOpenCache(3);
    const to = (i: number): Parameters<FastOpenCache['find']>[0] => ({
      localAddress: ipv4(1),
      localPort: 1,
      remoteAddress: ipv4(i),
      remotePort: 80,
    });
    for (let i = 0; i < 3; i++) cache.store(to(i), new Uint8Array(8), 1460);
    cache.find(to(0));
    for (let i = 3; i < 5; i++) cache.store(to(i), new Uint8Array(8), 1460);
    expect([cache.size, cache.find(to(0)) !== undefined, cache.find(to(1))]).to.deep.equal([3, true, undefined]);
    for (let i = 0; i < 9; i++) cache.noteFailure(to(i), micros(0));
    expect(cache.failures).to.equal(3);
  });

  it('failures double the pause up to an hour; success ends it', () => {
    const cache = new FastOpenCache(3);
    const to = { localAddress: ipv4(1), localPort: 1, remoteAddress: ipv4(2), remotePort: 80 };
    let now = 0;
    for (const minutes of [1, 2, 4, 8, 16, 32, 60, 60]) {
      cache.noteFailure(to, micros(now));
      expect(cache.isBarred(to, micros(now + minutes * MINUTE - 1))).to.equal(true);
      now += minutes * MINUTE;
      expect(cache.isBarred(to, micros(now))).to.equal(false);
    }
    cache.noteFailure(to, micros(now));
    cache.store(to, new Uint8Array(8), 0);
    expect(cache.isBarred(to, micros(now))).to.equal(false);
  });

  it('a cookie is of one client address and one server address, and of the right length', () => {
    const keys = new FastOpenKeys(new SeededRandom(1), 0);
    const packet = {
      source: ipv4(1),
      destination: ipv4(2),
      protocol: 6,
      ttl: 64,
      tos: 0,
      interfaceId: 1,
      broadcast: false,
    };
    const now = micros(0);
    const cookie = new Uint8Array(16);
    keys.make(packet, cookie, now);
    expect(keys.check(packet, cookie, 8, now)).to.equal('current');
    expect(keys.check(packet, cookie, 16, now)).to.equal('none');
    expect(keys.check({ ...packet, source: ipv4(3) }, cookie, 8, now)).to.equal('none');
    expect(keys.check({ ...packet, destination: ipv4(3) }, cookie, 8, now)).to.equal('none');
    cookie[3]! ^= 1;
    expect(keys.check(packet, cookie, 8, now)).to.equal('none');
    cookie[3]! ^= 1;
    keys.rotate(now);
    expect(keys.check(packet, cookie, 8, now)).to.equal('previous');
    keys.rotate(now);
    expect(keys.check(packet, cookie, 8, now)).to.equal('none');
  });
});

/** The cookie that the client holds for the server, as text. */
function cookies(both: Both): string[] {
  const { a, b } = both.pair;
  const to = { localAddress: a.address, localPort: 0, remoteAddress: b.address, remotePort: PORT };
  const found = a.tcp.fastOpenCache.find(to);
  return found === undefined ? [] : [Buffer.from(found.cookie).toString('hex')];
}
