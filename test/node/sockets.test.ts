import { expect } from 'chai';
import { Errno } from '../../src/core/errno.ts';
import { micros } from '../../src/core/time.ts';
import { NetError } from '../../src/node/net-error.ts';
import { parseAddress } from '../../src/ip/address.ts';
import type { Name } from '../../src/socket/address.ts';
import * as c from '../../src/socket/constants.ts';
import { PEER, outcome, sentBy, setUp, text } from './fakes.ts';

describe('NetError', () => {
  it('reads like a system error of Node', () => {
    const error = new NetError('connect', -Errno.ECONNREFUSED, { address: '10.0.0.1', port: 80 });
    expect(error).to.be.an.instanceOf(Error);
    expect(error.message).to.equal('connect ECONNREFUSED 10.0.0.1:80');
    expect(error).to.include({
      code: 'ECONNREFUSED',
      errno: -111,
      syscall: 'connect',
      address: '10.0.0.1',
      port: 80,
    });
    expect(new NetError('recv', Errno.ECONNRESET)).to.include({ message: 'recv ECONNRESET', errno: -104 });
  });

  it('names the address of any family', () => {
    const rows: [Name, string, string | undefined][] = [
      [{ family: c.AF_UNIX, path: '/tmp/nobody' }, 'connect ENOENT /tmp/nobody', '/tmp/nobody'],
      [{ family: c.AF_UNIX, path: '\0abstract' }, 'connect ENOENT @abstract', '\0abstract'],
      [{ family: c.AF_PACKET, protocol: 3, interfaceIndex: 2 }, 'connect ENOENT interface 2', undefined],
      [{ address: '10.0.0.1', port: 1 }, 'connect ENOENT 10.0.0.1:1', '10.0.0.1'],
      [new Uint8Array(16), 'connect ENOENT', undefined],
      [null, 'connect ENOENT', undefined],
    ];
    for (const [name, message, address] of rows) {
      expect(new NetError('connect', Errno.ENOENT, name)).to.include({ message, address });
    }
  });
});

describe('sockets with promises', () => {
  it('throw from calls that never wait', async () => {
    const { sockets } = setUp();
    expect(await outcome(() => sockets.socket(c.AF_INET, c.SOCK_STREAM, 17))).to.equal('EPROTONOSUPPORT');
    for (const call of [
      () => sockets.bind(99, PEER),
      () => sockets.listen(99, 1),
      () => sockets.close(99),
      () => sockets.shutdown(99, 0),
      () => sockets.getsockname(99),
      () => sockets.getpeername(99),
      () => sockets.setsockopt(99, 1, 2, 1),
      () => sockets.getsockopt(99, 1, 2),
      () => sockets.accept(99),
      () => sockets.connect(99, PEER),
      () => sockets.recv(99),
      () => sockets.recvfrom(99),
      () => sockets.send(99, 'x'),
      () => sockets.sendto(99, 'x', PEER),
    ]) {
      expect(await outcome(call), call.toString()).to.equal('EBADF');
    }
  });

  it('throw a TypeError that names a malformed address', async () => {
    const { sockets } = setUp();
    const fd = sockets.socket(c.AF_INET, c.SOCK_DGRAM, 0);
    expect(() => sockets.bind(fd, { address: 'example', port: 1 })).to.throw(TypeError, "'example'");
    expect(() => sockets.bind(fd, { address: '10.0.0.1', port: 70000 })).to.throw(TypeError, '70000');
    expect(await outcome(sockets.connect(fd, { address: '1.2.3', port: 1 }))).to.equal('TypeError');
    expect(await outcome(sockets.sendto(fd, 'x', { address: '1.2.3', port: 1 }))).to.equal('TypeError');
  });

  it('may be taken off the object', async () => {
    const { sockets, tcp, turn } = setUp();
    const { socket, bind, listen, accept, recv, send, close } = sockets;
    const fd = socket(c.AF_INET, c.SOCK_STREAM, 0);
    bind(fd, { address: '0.0.0.0', port: 7 });
    listen(fd, 128);
    const accepting = accept(fd);
    const peer = tcp.listening[0]!.arrive(1234);
    await turn();
    const child = await accepting;
    peer.arrive('hello');
    expect(text(await recv(child))).to.equal('hello');
    expect(await send(child, 'world')).to.equal(5);
    expect(sentBy(peer)).to.equal('world');
    close(child);
    expect(peer.closes).to.equal(1);
  });

  it('connect: resolves when the handshake is over, rejects with its outcome', async () => {
    const { sockets, tcp, turn } = setUp();
    const fd = sockets.socket(c.AF_INET, c.SOCK_STREAM, 0);
    const connecting = outcome(sockets.connect(fd, PEER));
    tcp.opened[0]!.fail(Errno.ECONNREFUSED);
    await turn();
    expect(await connecting).to.equal('ECONNREFUSED');
    const again = outcome(sockets.connect(fd, PEER));
    tcp.opened[1]!.establish();
    await turn();
    expect(await again).to.equal(undefined);
    expect(await outcome(sockets.connect(fd, PEER))).to.equal('EISCONN');
  });

  it('connect: a second call waits for the same handshake', async () => {
    const { sockets, tcp, turn } = setUp();
    const fd = sockets.socket(c.AF_INET, c.SOCK_STREAM, 0);
    const both = [outcome(sockets.connect(fd, PEER)), outcome(sockets.connect(fd, PEER))];
    tcp.opened[0]!.establish();
    await turn();
    expect(await Promise.all(both)).to.deep.equal([undefined, undefined]);
    const other = sockets.socket(c.AF_INET, c.SOCK_STREAM, 0);
    const failing = [outcome(sockets.connect(other, PEER)), outcome(sockets.connect(other, PEER))];
    tcp.opened[1]!.fail(Errno.ECONNREFUSED);
    await turn();
    expect(await Promise.all(failing)).to.deep.equal(['ECONNREFUSED', 'EPIPE']);
    expect(tcp.opened).to.have.length(2);
  });

  it('recv: both forms, the end of the stream, and errors', async () => {
    const { sockets, turn, open } = setUp();
    const { fd, connection } = await open();
    const waiting = sockets.recv(fd, 3);
    connection.arrive('abcdef');
    await turn();
    expect(text(await waiting)).to.equal('abc');
    const buffer = new Uint8Array(8);
    expect(await sockets.recv(fd, buffer)).to.equal(3);
    expect(text(buffer.subarray(0, 3))).to.equal('def');
    const end = sockets.recv(fd, buffer);
    connection.end();
    await turn();
    expect(await end).to.equal(0);
    expect(await sockets.recv(fd)).to.have.length(0);
    const other = await open();
    const broken = outcome(sockets.recv(other.fd));
    other.connection.fail(Errno.ECONNRESET);
    await turn();
    expect(await broken).to.equal('ECONNRESET');
  });

  it('what recv hands out does not change afterwards', async () => {
    const { sockets, open } = setUp();
    const { fd, connection } = await open();
    connection.arrive('one');
    const first = await sockets.recv(fd);
    connection.arrive('two');
    await sockets.recv(fd);
    expect(text(first)).to.equal('one');
  });

  it('concurrent recv calls are served in order, one that comes later included', async () => {
    const { sockets, turn, open } = setUp();
    const { fd, connection } = await open();
    const first = sockets.recv(fd, 2);
    const second = sockets.recv(fd, 2);
    connection.arrive('abcdef');
    const third = sockets.recv(fd, 2);
    await turn();
    expect([text(await first), text(await second), text(await third)]).to.deep.equal(['ab', 'cd', 'ef']);
  });

  it('MSG_WAITALL waits for a full buffer, or takes what came before the end', async () => {
    const { sockets, turn, open } = setUp();
    const { fd, connection } = await open();
    const full = sockets.recv(fd, 4, { flags: c.MSG_WAITALL });
    for (const part of ['a', 'bc', 'de']) {
      connection.arrive(part);
      await turn();
    }
    expect(text(await full)).to.equal('abcd');
    const cut = sockets.recv(fd, 4, { flags: c.MSG_WAITALL });
    connection.end();
    await turn();
    expect(text(await cut)).to.equal('e');
  });

  it('send: waits until all is queued; concurrent sends do not interleave', async () => {
    const { sockets, turn, open } = setUp();
    const { fd, connection } = await open(3);
    const first = sockets.send(fd, 'aaaaa');
    const second = sockets.send(fd, new TextEncoder().encode('bbbb'));
    for (let i = 0; i < 4; i++) {
      await turn();
      connection.makeRoom(2);
    }
    await turn();
    expect([await first, await second]).to.deep.equal([5, 4]);
    expect(sentBy(connection)).to.equal('aaaaabbbb');
  });

  it('send: an error ends it', async () => {
    const { sockets, turn, open } = setUp();
    const { fd, connection } = await open(1);
    const sending = outcome(sockets.send(fd, 'abc'));
    connection.fail(Errno.ECONNRESET);
    await turn();
    expect(await sending).to.equal('ECONNRESET');
    expect(await outcome(sockets.send(fd, 'abc'))).to.equal('EPIPE');
  });

  it('close: calls that wait reject with ECANCELED, and the next owner of the number is not touched', async () => {
    const { sockets, turn, open } = setUp();
    const { fd, connection } = await open();
    connection.room = 0;
    const reading = outcome(sockets.recv(fd));
    const writing = outcome(sockets.send(fd, 'x'));
    sockets.close(fd);
    const next = await open();
    expect(next.fd).to.equal(fd);
    const waiting = sockets.recv(fd);
    connection.arrive('old');
    next.connection.arrive('new');
    await turn();
    expect([await reading, await writing, text(await waiting)]).to.deep.equal(['ECANCELED', 'ECANCELED', 'new']);
  });

  it('a close below this face rejects them as well', async () => {
    const { sockets, calls, turn, open } = setUp();
    const { fd } = await open();
    const reading = outcome(sockets.recv(fd));
    calls.close(fd);
    await turn();
    expect(await reading).to.equal('ECANCELED');
  });

  it('closeAll rejects everything that waits', async () => {
    const { sockets, calls, open } = setUp();
    const one = await open();
    const two = await open();
    two.connection.room = 0;
    const waiting = [outcome(sockets.recv(one.fd)), outcome(sockets.send(two.fd, 'x'))];
    sockets.closeAll();
    expect(await Promise.all(waiting)).to.deep.equal(['ECANCELED', 'ECANCELED']);
    expect(calls.size).to.equal(0);
  });

  it('closeAll rejects what waits by a descriptor that the core has closed just before, too', async () => {
    const { sockets, calls, open } = setUp();
    const one = await open();
    const two = await open();
    const copy = sockets.dup(two.fd);
    const waiting = [outcome(sockets.recv(one.fd)), outcome(sockets.recv(copy))];
    calls.close(one.fd);
    calls.close(copy);
    sockets.closeAll();
    expect(await Promise.all(waiting)).to.deep.equal(['ECANCELED', 'ECANCELED']);
  });

  it('an AbortSignal ends one wait and no other', async () => {
    const { sockets, turn, open } = setUp();
    const { fd, connection } = await open();
    const stop = new AbortController();
    const aborted = outcome(sockets.recv(fd, 9, { signal: stop.signal }));
    const kept = sockets.recv(fd, 9);
    stop.abort();
    connection.arrive('kept');
    await turn();
    expect([await aborted, text(await kept)]).to.deep.equal(['AbortError', 'kept']);
    expect(await outcome(sockets.recv(fd, 9, { signal: stop.signal }))).to.equal('AbortError');
    expect(await outcome(sockets.accept(fd, undefined, { signal: stop.signal }))).to.equal('AbortError');
    const reason = new RangeError('enough');
    expect(await outcome(sockets.send(fd, 'x', { signal: AbortSignal.abort(reason) }))).to.equal('RangeError');
  });

  it('waiters are bounded: ENOBUFS', async () => {
    const { sockets, open } = setUp(2);
    const { fd } = await open();
    const waiting = [1, 2, 3].map(() => outcome(sockets.recv(fd)));
    expect(await waiting[2]).to.equal('ENOBUFS');
    sockets.close(fd);
    expect(await Promise.all(waiting)).to.deep.equal(['ECANCELED', 'ECANCELED', 'ENOBUFS']);
  });

  it('MSG_DONTWAIT and SOCK_NONBLOCK do not wait', async () => {
    const { sockets, open } = setUp();
    const { fd } = await open(2);
    expect(await outcome(sockets.recv(fd, 1, { flags: c.MSG_DONTWAIT }))).to.equal('EAGAIN');
    expect(await outcome(sockets.send(fd, 'abc', { flags: c.MSG_DONTWAIT }))).to.equal(2);
    expect(await outcome(sockets.send(fd, 'c', { flags: c.MSG_DONTWAIT }))).to.equal('EAGAIN');
    const other = sockets.socket(c.AF_INET, c.SOCK_STREAM | c.SOCK_NONBLOCK, 0);
    expect(await outcome(sockets.connect(other, PEER))).to.equal('EINPROGRESS');
    sockets.setNonBlocking(fd, true);
    expect(await outcome(sockets.recv(fd))).to.equal('EAGAIN');
  });

  it('datagrams: sendto, recvfrom with the sender, recv after shutdown', async () => {
    const { sockets, udp, turn } = setUp();
    const fd = sockets.socket(c.AF_INET, c.SOCK_DGRAM, 0);
    expect(await sockets.sendto(fd, 'ping', PEER)).to.equal(4);
    expect(udp.opened[0]!.sent[0]).to.include({ text: 'ping', port: 80 });
    const waiting = sockets.recvfrom(fd);
    const from = parseAddress('10.0.0.9')!;
    const { owner } = udp.opened[0]!;
    const packet = { source: from, destination: from, protocol: 17, ttl: 1, tos: 0, interfaceId: 1, broadcast: false };
    owner.onDatagram(new TextEncoder().encode('pong'), from, 80, packet, micros(0));
    await turn();
    const { data, address, port } = await waiting;
    expect([text(data), address, port]).to.deep.equal(['pong', '10.0.0.9', 80]);
    const last = sockets.recv(fd);
    await outcome(() => sockets.shutdown(fd, c.SHUT_RD));
    await turn();
    expect(await last).to.have.length(0);
  });

  it('await using closes a descriptor at the end of its scope, once, and no other that has its number', async () => {
    const { sockets, calls, tcp } = setUp();
    let fd: number;
    {
      await using s = sockets.open(c.AF_INET, c.SOCK_STREAM);
      ({ fd } = s);
      sockets.bind(s.fd, { address: '0.0.0.0', port: 7 });
      sockets.listen(s.fd);
      tcp.listening[0]!.arrive(1234);
      await using accepted = sockets.owned(await sockets.accept(s.fd));
      expect(calls.size).to.equal(2);
      expect(accepted.fd).not.to.equal(fd);
    }
    expect(calls.size).to.equal(0);
    let other: number;
    {
      await using s = sockets.open(c.AF_INET, c.SOCK_DGRAM);
      sockets.close(s.fd);
      other = sockets.socket(c.AF_INET, c.SOCK_DGRAM);
      expect(other).to.equal(s.fd);
    }
    expect(sockets.fcntl(other, c.F_GETFD)).to.equal(0);
    expect(() => sockets.owned(99)).to.throw(NetError, 'EBADF');
  });

  it('read and write: both forms, EINVAL for an epoll set', async () => {
    const { sockets, open } = setUp();
    const { fd, connection } = await open();
    connection.arrive('abcd');
    expect(text(await sockets.read(fd, 2))).to.equal('ab');
    const buffer = new Uint8Array(2);
    expect(await sockets.read(fd, buffer)).to.equal(2);
    expect(text(buffer)).to.equal('cd');
    expect(await sockets.read(fd, 0)).to.have.length(0);
    expect(await sockets.writev(fd, [buffer, buffer])).to.equal(4);
    expect(sentBy(connection)).to.equal('cdcd');
    const epfd = sockets.epollCreate1();
    expect(await outcome(sockets.read(epfd))).to.equal('EINVAL');
    expect(await outcome(sockets.write(epfd, 'x'))).to.equal('EINVAL');
    expect(await outcome(sockets.recv(epfd))).to.equal('ENOTSOCK');
  });

  it('a call that must not wait goes past those who do', async () => {
    const { sockets, open } = setUp();
    const { fd, connection } = await open();
    const waiting = sockets.recv(fd);
    connection.arrive('ab');
    expect(text(await sockets.recv(fd, 1, { flags: c.MSG_DONTWAIT }))).to.equal('a');
    sockets.close(fd);
    expect(await outcome(waiting)).to.equal('ECANCELED');
  });
});
