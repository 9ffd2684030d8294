/** poll(2), select(2) and epoll(7) that wait, on both faces. What is ready at all is test/socket's. */
import { expect } from 'chai';
import { Errno } from '../../src/core/errno.ts';
import { posix } from '../../src/node/posix.ts';
import * as c from '../../src/socket/constants.ts';
import type { PollFd } from '../../src/socket/poll.ts';
import { outcome, setUp } from './fakes.ts';

const asked = (fd: number, events: number): PollFd => ({ fd, events, revents: 0 });

describe('poll', () => {
  it('tells at once what is there, and waits for what is not', async () => {
    const { sockets, open, turn } = setUp();
    const [one, two] = [await open(), await open()];
    const fds = [asked(one.fd, c.POLLIN), asked(two.fd, c.POLLIN), asked(-1, c.POLLIN)];
    expect(await sockets.poll([asked(one.fd, c.POLLOUT)])).to.equal(1);
    const waiting = sockets.poll(fds);
    two.connection.arrive('x');
    await turn();
    expect(await waiting).to.equal(1);
    expect(fds.map(({ revents }) => revents)).to.deep.equal([0, c.POLLIN, 0]);
  });

  it('looks again when another takes what it was woken for', async () => {
    const { sockets, open, turn } = setUp();
    const { fd, connection } = await open();
    const read = sockets.recv(fd);
    const waiting = sockets.poll([asked(fd, c.POLLIN | c.POLLRDNORM)]);
    connection.arrive('x');
    await turn();
    await read;
    let over = false;
    void waiting.then(() => (over = true));
    await turn();
    expect(over).to.equal(false);
    connection.arrive('y');
    await turn();
    expect(await waiting).to.equal(1);
  });

  it('a timeout: 0, also for no descriptors at all; 0 does not wait', async () => {
    const { sockets, open } = setUp();
    const { fd } = await open();
    const fds = [{ fd, events: c.POLLIN, revents: 99 }];
    expect(await sockets.poll(fds, 1)).to.equal(0);
    expect(fds[0]!.revents).to.equal(0);
    expect(await sockets.poll(fds, 0)).to.equal(0);
    expect(await sockets.poll([], 1)).to.equal(0);
  });

  it('a descriptor that is closed meanwhile: POLLNVAL', async () => {
    const { sockets, open, turn } = setUp();
    const { fd } = await open();
    const fds = [asked(fd, c.POLLIN)];
    const waiting = sockets.poll(fds);
    sockets.close(fd);
    await turn();
    expect([await waiting, fds[0]!.revents]).to.deep.equal([1, c.POLLNVAL]);
  });

  it('asks for nothing and hears of an error all the same', async () => {
    const { sockets, open, turn } = setUp();
    const { fd, connection } = await open();
    const fds = [asked(fd, 0)];
    const waiting = sockets.poll(fds);
    connection.arrive('x');
    await turn();
    connection.fail(Errno.ECONNRESET);
    await turn();
    expect([await waiting, fds[0]!.revents]).to.deep.equal([1, c.POLLERR | c.POLLHUP]);
  });

  it('closeAll and too many waits end it: ECANCELED, ENOMEM', async () => {
    const { sockets, calls, open } = setUp();
    const { fd } = await open();
    const waiting = outcome(sockets.poll([asked(fd, c.POLLIN)]));
    const sleeping = outcome(sockets.poll([], 60_000));
    sockets.closeAll();
    expect(await Promise.all([waiting, sleeping])).to.deep.equal(['ECANCELED', 'ECANCELED']);
    const again = await open();
    while (typeof calls.wait(again.fd, c.POLLIN, () => undefined) !== 'number');
    expect(await outcome(sockets.poll([asked(again.fd, c.POLLIN)]))).to.equal('ENOMEM');
  });
});

describe('select', () => {
  it('leaves in the sets what is ready, when it is', async () => {
    const { sockets, open, turn } = setUp();
    const [one, two] = [await open(), await open()];
    one.connection.room = 0;
    const sets = { read: new Set([one.fd, two.fd]), write: new Set([one.fd]), except: new Set([two.fd]) };
    const waiting = sockets.select(two.fd + 1, sets);
    one.connection.arrive('x');
    expect(sets.read.size).to.equal(2);
    await turn();
    expect(await waiting).to.equal(1);
    expect(sets).to.deep.equal({ read: new Set([one.fd]), write: new Set(), except: new Set() });
  });

  it('a timeout empties the sets; a bad descriptor leaves them', async () => {
    const { sockets, open } = setUp();
    const p = posix({ sockets });
    const { fd } = await open();
    for (const timeout of [
      { sec: 0, usec: 0 },
      { sec: 0, usec: 1000 },
    ]) {
      const read = new Set([fd]);
      expect(await p.select(fd + 1, read, null, null, timeout)).to.equal(0);
      expect(read.size).to.equal(0);
    }
    const read = new Set([99]);
    expect([await p.select(100, read, null, null, null), p.errno]).to.deep.equal([-1, Errno.EBADF]);
    expect(read.size).to.equal(1);
    expect([await p.select(-1, null, null, null, null), p.errno]).to.deep.equal([-1, Errno.EINVAL]);
    expect([await p.select(1, null, null, null, { sec: -1, usec: 0 }), p.errno]).to.deep.equal([-1, Errno.EINVAL]);
  });

  it('waits for urgent data without being kept awake by a hang-up', async () => {
    const { sockets, calls, open, turn } = setUp();
    const { fd, connection } = await open();
    connection.state = 'CLOSED';
    const waiting = outcome(sockets.select(fd + 1, { except: new Set([fd]) }));
    await turn();
    expect(calls.deliverable).to.equal(false);
    sockets.close(fd);
    await turn();
    expect(await waiting).to.equal('EBADF');
  });
});

describe('epoll', () => {
  it('waits for the set alone and tells what is ready, with the data of its entry', async () => {
    const { sockets, open, turn } = setUp();
    const [one, two] = [await open(), await open()];
    const epfd = sockets.epollCreate1(c.EPOLL_CLOEXEC);
    sockets.epollCtl(epfd, c.EPOLL_CTL_ADD, one.fd, { events: c.EPOLLIN, data: 'one' });
    sockets.epollCtl(epfd, c.EPOLL_CTL_ADD, two.fd, { events: c.EPOLLIN | c.EPOLLONESHOT, data: two });
    const waiting = sockets.epollWait(epfd);
    two.connection.arrive('x');
    await turn();
    expect(await waiting).to.deep.equal([{ events: c.EPOLLIN, data: two }]);
    expect(await sockets.epollWait(epfd, 8, 1)).to.deep.equal([]);
    one.connection.arrive('y');
    expect(await sockets.epollWait(epfd)).to.deep.equal([{ events: c.EPOLLIN, data: 'one' }]);
  });

  it('several waits are served in order, an event each', async () => {
    const { sockets, open, turn } = setUp();
    const { fd, connection } = await open();
    const epfd = sockets.epollCreate1();
    sockets.epollCtl(epfd, c.EPOLL_CTL_ADD, fd, { events: c.EPOLLIN | c.EPOLLET, data: fd });
    const first = sockets.epollWait(epfd);
    const second = sockets.epollWait(epfd);
    connection.arrive('x');
    await turn();
    expect(await first).to.have.length(1);
    connection.arrive('y');
    await turn();
    expect(await second).to.have.length(1);
  });

  it("its errnos are C's: EEXIST, ENOENT, EINVAL, EBADF", async () => {
    const { sockets, open } = setUp();
    const p = posix({ sockets });
    const { fd } = await open();
    const epfd = p.epoll_create1(0);
    const event = { events: c.EPOLLIN, data: 0 };
    const failing: (() => number | Promise<number>)[] = [
      () => p.epoll_create1(1),
      () => p.epoll_ctl(epfd, c.EPOLL_CTL_MOD, fd, event),
      () => p.epoll_ctl(epfd, c.EPOLL_CTL_ADD, fd, null),
      () => p.epoll_ctl(fd, c.EPOLL_CTL_ADD, epfd, event),
      () => p.epoll_ctl(epfd, c.EPOLL_CTL_ADD, 99, event),
      () => p.epoll_wait(epfd, [], 0, -1),
      () => p.epoll_wait(fd, [], 1, -1),
      () => p.epoll_wait(99, [], 1, -1),
    ];
    const errnos: number[] = [];
    for (const call of failing) {
      expect(await call(), call.toString()).to.equal(-1);
      errnos.push(p.errno);
    }
    const { EINVAL, ENOENT, EFAULT, EBADF } = Errno;
    expect(errnos).to.deep.equal([EINVAL, ENOENT, EFAULT, EINVAL, EBADF, EINVAL, EINVAL, EBADF]);
    expect(p.epoll_ctl(epfd, c.EPOLL_CTL_ADD, fd, event)).to.equal(0);
    expect([p.epoll_ctl(epfd, c.EPOLL_CTL_ADD, fd, event), p.errno]).to.deep.equal([-1, Errno.EEXIST]);
  });

  it("fills the program's array on the posix face, and a set within poll is readable", async () => {
    const { sockets, open, turn } = setUp();
    const p = posix({ sockets });
    const { fd, connection } = await open();
    const epfd = p.epoll_create1(0);
    p.epoll_ctl(epfd, c.EPOLL_CTL_ADD, fd, { events: c.EPOLLIN, data: 7 });
    const polling = p.poll([asked(epfd, c.POLLIN)], -1);
    const events: { events: number; data: unknown }[] = [];
    const waiting = p.epoll_wait(epfd, events, 4, -1);
    connection.arrive('x');
    await turn();
    expect([await polling, await waiting, events]).to.deep.equal([1, 1, [{ events: c.EPOLLIN, data: 7 }]]);
    expect(await p.epoll_wait(epfd, events, 4, 0)).to.equal(1);
  });

  it('closing the set ends its waits', async () => {
    const { sockets } = setUp();
    const epfd = sockets.epollCreate1();
    const waiting = outcome(sockets.epollWait(epfd, 1, 60_000));
    sockets.close(epfd);
    expect(await waiting).to.equal('ECANCELED');
  });

  it('does not look at the idle ones, however many there are; poll looks at each', async () => {
    const { sockets, open, turn } = setUp();
    const epfd = sockets.epollCreate1();
    const all = await Promise.all(Array.from({ length: 40 }, () => open()));
    let looked = 0;
    for (const { fd, connection } of all) {
      sockets.epollCtl(epfd, c.EPOLL_CTL_ADD, fd, { events: c.EPOLLIN, data: fd });
      const readiness = connection.readiness.bind(connection);
      connection.readiness = () => (looked++, readiness());
    }
    const ready = all[17]!;
    const waiting = sockets.epollWait(epfd);
    ready.connection.arrive('x');
    await turn();
    expect(await waiting).to.deep.equal([{ events: c.EPOLLIN, data: ready.fd }]);
    expect(looked).to.be.within(1, 4);
    looked = 0;
    expect(await sockets.poll(all.map(({ fd }) => asked(fd, c.POLLIN)))).to.equal(1);
    expect(looked).to.equal(all.length);
  });
});
