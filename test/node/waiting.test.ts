/** What ends a call that waits: time, a signal, a close; and what waits together: descriptors of one file. socket(7), signal(7), dup(2). */
import { getEventListeners } from 'node:events';
import { expect } from 'chai';
import { Errno } from '../../src/core/errno.ts';
import { posix } from '../../src/node/posix.ts';
import * as c from '../../src/socket/constants.ts';
import { PEER, outcome, sentBy, setUp, text } from './fakes.ts';

/** Soon over: no test waits for a time to pass, only for a call to end by it. */
const SHORT = { sec: 0, usec: 2000 };

describe('SO_RCVTIMEO and SO_SNDTIMEO', () => {
  it('recv, recvfrom and accept: EAGAIN when the time is over', async () => {
    const { sockets, open } = setUp();
    const { fd } = await open();
    sockets.setsockopt(fd, c.SOL_SOCKET, c.SO_RCVTIMEO, SHORT);
    expect(await outcome(sockets.recv(fd))).to.equal('EAGAIN');
    expect(await outcome(sockets.recvmsg(fd, { iov: [new Uint8Array(4)] }))).to.equal('EAGAIN');
    const listener = sockets.socket(c.AF_INET, c.SOCK_STREAM);
    sockets.bind(listener, { address: '0.0.0.0', port: 7 });
    sockets.listen(listener);
    sockets.setsockopt(listener, c.SOL_SOCKET, c.SO_RCVTIMEO, SHORT);
    expect(await outcome(sockets.accept(listener))).to.equal('EAGAIN');
    const datagrams = sockets.socket(c.AF_INET, c.SOCK_DGRAM);
    sockets.setsockopt(datagrams, c.SOL_SOCKET, c.SO_RCVTIMEO, SHORT);
    expect(await outcome(sockets.recvfrom(datagrams))).to.equal('EAGAIN');
  });

  it('what was received before the time was over is the result', async () => {
    const { sockets, turn, open } = setUp();
    const { fd, connection } = await open();
    sockets.setsockopt(fd, c.SOL_SOCKET, c.SO_RCVTIMEO, SHORT);
    const waiting = sockets.recv(fd, 10, { flags: c.MSG_WAITALL });
    connection.arrive('ab');
    await turn();
    expect(text(await waiting)).to.equal('ab');
  });

  it('connect: EINPROGRESS, and EALREADY for whoever waits for the same handshake', async () => {
    const { sockets } = setUp();
    const fd = sockets.socket(c.AF_INET, c.SOCK_STREAM);
    sockets.setsockopt(fd, c.SOL_SOCKET, c.SO_SNDTIMEO, SHORT);
    const both = [outcome(sockets.connect(fd, PEER)), outcome(sockets.connect(fd, PEER))];
    expect(await Promise.all(both)).to.deep.equal(['EINPROGRESS', 'EALREADY']);
    expect(await outcome(sockets.connect(fd, PEER))).to.equal('EALREADY');
  });

  it('send: the octets queued, EAGAIN when there are none', async () => {
    const { sockets, open } = setUp();
    const { fd, connection } = await open(3);
    sockets.setsockopt(fd, c.SOL_SOCKET, c.SO_SNDTIMEO, SHORT);
    expect(await sockets.send(fd, 'abcdef')).to.equal(3);
    expect(await outcome(sockets.send(fd, 'def'))).to.equal('EAGAIN');
    expect(sentBy(connection)).to.equal('abc');
  });

  it('a negative time does not wait at all; poll does not look at it', async () => {
    const { sockets, open, turn } = setUp();
    const { fd, connection } = await open();
    sockets.setsockopt(fd, c.SOL_SOCKET, c.SO_RCVTIMEO, { sec: -1, usec: 0 });
    expect(await outcome(sockets.recv(fd))).to.equal('EAGAIN');
    const polling = sockets.poll([{ fd, events: c.POLLIN, revents: 0 }]);
    connection.arrive('x');
    await turn();
    expect(await polling).to.equal(1);
  });
});

describe('how much a receive waits for', () => {
  it('SO_RCVLOWAT octets on a stream, or as many as there is room for', async () => {
    const { sockets, turn, open } = setUp();
    const { fd, connection } = await open();
    sockets.setsockopt(fd, c.SOL_SOCKET, c.SO_RCVLOWAT, 4);
    const waiting = sockets.recv(fd, 10);
    for (const part of ['ab', 'cde']) {
      connection.arrive(part);
      await turn();
    }
    expect(text(await waiting)).to.equal('abcde');
    connection.arrive('xy');
    expect(text(await sockets.recv(fd, 2))).to.equal('xy');
    connection.arrive('z');
    expect(text(await sockets.recv(fd, 10, { flags: c.MSG_DONTWAIT }))).to.equal('z');
  });

  it('MSG_WAITALL with MSG_PEEK: all at once, without taking them, and without keeping the host busy meanwhile', async () => {
    const { sockets, calls, turn, open } = setUp();
    const { fd, connection } = await open();
    const peeking = sockets.recv(fd, 3, { flags: c.MSG_WAITALL | c.MSG_PEEK });
    connection.arrive('ab');
    await turn();
    expect(calls.deliverable).to.equal(false);
    connection.arrive('c');
    await turn();
    expect(text(await peeking)).to.equal('abc');
    expect(text(await sockets.recv(fd))).to.equal('abc');
  });

  it('recvmsg with MSG_WAITALL fills its pieces one after the other', async () => {
    const { sockets, turn, open } = setUp();
    const { fd, connection } = await open();
    const iov = [new Uint8Array(2), new Uint8Array(0), new Uint8Array(3)];
    const waiting = sockets.recvmsg(fd, { iov }, { flags: c.MSG_WAITALL });
    for (const part of ['a', 'bc', 'de', 'f']) {
      connection.arrive(part);
      await turn();
    }
    expect(await waiting).to.equal(5);
    expect(iov.map(text)).to.deep.equal(['ab', '', 'cde']);
    expect(text(await sockets.recv(fd))).to.equal('f');
  });

  it('octets before an error are the result; the next call tells the error', async () => {
    const { sockets, turn, open } = setUp();
    const { fd, connection } = await open();
    const waiting = sockets.recv(fd, 10, { flags: c.MSG_WAITALL });
    connection.arrive('ab');
    await turn();
    connection.fail(Errno.ECONNRESET);
    await turn();
    expect(text(await waiting)).to.equal('ab');
    expect(await outcome(sockets.recv(fd))).to.equal('ECONNRESET');
  });
});

describe('a signal', () => {
  it('interrupts calls of the posix face: EINTR, the descriptor stays as it was', async () => {
    const { sockets, open } = setUp();
    const p = posix({ sockets });
    const { fd, connection } = await open();
    connection.room = 0;
    const epfd = p.epoll_create1(0);
    const calls: ((interrupt: { signal: AbortSignal }) => Promise<number>)[] = [
      (interrupt) => p.recv(fd, new Uint8Array(1), 0, interrupt),
      (interrupt) => p.read(fd, new Uint8Array(1), interrupt),
      (interrupt) => p.recvmsg(fd, { iov: [new Uint8Array(1)] }, 0, interrupt),
      (interrupt) => p.send(fd, 'x', 0, interrupt),
      (interrupt) => p.poll([{ fd, events: c.POLLIN, revents: 0 }], -1, interrupt),
      (interrupt) => p.select(fd + 1, new Set([fd]), null, null, null, interrupt),
      (interrupt) => p.epoll_wait(epfd, [], 1, -1, interrupt),
    ];
    for (const call of calls) {
      const stop = new AbortController();
      const waiting = call({ signal: stop.signal });
      stop.abort();
      p.errno = 0;
      expect([await waiting, p.errno], call.toString()).to.deep.equal([-1, Errno.EINTR]);
      expect(getEventListeners(stop.signal, 'abort'), call.toString()).to.deep.equal([]);
    }
    connection.arrive('x');
    expect(await p.read(fd, new Uint8Array(1))).to.equal(1);
  });

  it('what was moved before it is the result of the posix face', async () => {
    const { sockets, turn, open } = setUp();
    const p = posix({ sockets });
    const { fd, connection } = await open(2);
    const stop = new AbortController();
    const buffer = new Uint8Array(9);
    const receiving = p.recv(fd, buffer, c.MSG_WAITALL, stop);
    const sending = p.send(fd, 'abcd', 0, stop);
    connection.arrive('xyz');
    await turn();
    stop.abort();
    expect([await receiving, await sending]).to.deep.equal([3, 2]);
    expect(text(buffer.subarray(0, 3))).to.equal('xyz');
  });

  it('lets those behind have what the first was waiting for', async () => {
    const { sockets, turn, open } = setUp();
    const { fd, connection } = await open();
    const stop = new AbortController();
    const flags = c.MSG_WAITALL | c.MSG_PEEK;
    const first = outcome(sockets.recv(fd, 9, { flags, signal: stop.signal }));
    const second = sockets.recv(fd);
    connection.arrive('abc');
    await turn();
    stop.abort();
    expect(text(await second)).to.equal('abc');
    expect(await first).to.have.length(3);
  });

  it('is let go of by a call that ends by itself', async () => {
    const { sockets, turn, open } = setUp();
    const { fd, connection } = await open();
    const { signal } = new AbortController();
    const fds = [{ fd, events: c.POLLIN, revents: 0 }];
    const waiting = [sockets.poll(fds, 60_000, { signal }), sockets.recv(fd, 1, { signal })] as const;
    connection.arrive('ab');
    await turn();
    await Promise.all(waiting);
    expect(getEventListeners(signal, 'abort')).to.deep.equal([]);
  });
});

describe('descriptors of one open file', () => {
  it('share one line: reads by either are served in order', async () => {
    const { sockets, turn, open } = setUp();
    const { fd, connection } = await open();
    const other = sockets.dup(fd);
    const reads = [sockets.recv(fd, 1), sockets.recv(other, 1), sockets.recv(fd, 1)];
    connection.arrive('abc');
    await turn();
    expect((await Promise.all(reads)).map(text)).to.deep.equal(['a', 'b', 'c']);
  });

  it('writes by either do not interleave', async () => {
    const { sockets, turn, open } = setUp();
    const { fd, connection } = await open(1);
    const other = sockets.dup(fd);
    const writes = [sockets.send(fd, 'aaa'), sockets.send(other, 'bbb')];
    for (let i = 0; i < 3; i++) {
      connection.makeRoom(2);
      await turn();
    }
    expect(await Promise.all(writes)).to.deep.equal([3, 3]);
    expect(sentBy(connection)).to.equal('aaabbb');
  });

  it('close ends what waits by that descriptor, and the file lives on', async () => {
    const { sockets, turn, open } = setUp();
    const { fd, connection } = await open();
    const other = sockets.dup(fd);
    const reads = [outcome(sockets.recv(fd)), sockets.recv(other)] as const;
    sockets.close(fd);
    connection.arrive('abc');
    await turn();
    expect(await reads[0]).to.equal('ECANCELED');
    expect(text(await reads[1])).to.equal('abc');
    expect(connection.closes).to.equal(0);
    sockets.close(other);
    expect(connection.closes).to.equal(1);
  });

  it('dup2 and dup3 close what the number meant before; a bad source leaves it alone', async () => {
    const { sockets, open, turn } = setUp();
    const one = await open();
    const two = await open();
    const reading = outcome(sockets.recv(two.fd));
    expect(await outcome(() => sockets.dup2(99, two.fd))).to.equal('EBADF');
    expect(sockets.dup2(two.fd, two.fd)).to.equal(two.fd);
    expect(sockets.dup2(one.fd, two.fd)).to.equal(two.fd);
    expect(await reading).to.equal('ECANCELED');
    one.connection.arrive('x');
    await turn();
    expect(text(await sockets.recv(two.fd))).to.equal('x');
    expect(await outcome(() => sockets.dup3(one.fd, one.fd, 0))).to.equal('EINVAL');
  });

  it('share O_NONBLOCK; FD_CLOEXEC is each its own', async () => {
    const { sockets, open } = setUp();
    const { fd } = await open();
    const other = sockets.fcntl(fd, c.F_DUPFD_CLOEXEC, 10);
    expect(other).to.equal(10);
    sockets.setNonBlocking(other, true);
    expect(await outcome(sockets.recv(fd))).to.equal('EAGAIN');
    expect([sockets.fcntl(fd, c.F_GETFD), sockets.fcntl(other, c.F_GETFD)]).to.deep.equal([0, c.FD_CLOEXEC]);
  });
});
