import { expect } from 'chai';
import { Errno } from '../../../src/core/errno.ts';
import { micros } from '../../../src/core/time.ts';
import * as c from '../../../src/socket/constants.ts';
import type { Message } from '../../../src/socket/message.ts';
import { UnixScene, at, octets } from './scene.ts';

const { SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET, AF_UNIX, POLLIN, POLLOUT, POLLHUP } = c;

/** What callbacks were told, by name. */
function waiting(scene: UnixScene): { heard: string[]; wait: (name: string, fd: number, mask: number) => void } {
  const heard: string[] = [];
  const wait = (name: string, fd: number, mask: number): void => {
    scene.calls.wait(fd, mask, (bits) => heard.push(`${name}:${bits & (mask | POLLHUP)}`));
  };
  return { heard, wait };
}

describe('waiting for Unix sockets', () => {
  it('a reader is woken by a send, a writer by a read, an accepter by a connect', () => {
    const scene = new UnixScene();
    const { heard, wait } = waiting(scene);
    const [a, b] = scene.pair(SOCK_STREAM);
    wait('b reads', b, POLLIN);
    expect(scene.calls.deliver()).to.equal(0);
    while (scene.calls.send(a, new Uint8Array(60_000)) > 0);
    scene.calls.deliver();
    expect(heard.splice(0)).to.deep.equal([`b reads:${POLLIN}`]);

    wait('a writes', a, POLLOUT);
    expect(scene.calls.deliver()).to.equal(0);
    scene.recv(b, 1_000_000);
    scene.calls.deliver();
    expect(heard.splice(0)).to.deep.equal([`a writes:${POLLOUT}`]);

    const listener = scene.listening(SOCK_STREAM, 'l');
    wait('l accepts', listener, POLLIN);
    scene.calls.connect(scene.socket(SOCK_STREAM), at('l'));
    scene.calls.deliver();
    expect(heard).to.deep.equal([`l accepts:${POLLIN}`]);
  });

  it('a call that wakes somebody asks for a turn', () => {
    const scene = new UnixScene();
    const [a, b] = scene.pair(SOCK_STREAM);
    scene.send(a, 'x');
    let turns = 0;
    scene.calls.onWork = () => turns++;
    scene.recv(b);
    expect(turns).to.be.greaterThan(0);
  });

  it('who sends to a full queue waits for room, though poll says that it can be written to', () => {
    const scene = new UnixScene();
    const { heard, wait } = waiting(scene);
    const receiver = scene.bound(SOCK_DGRAM, 'r');
    const [one, other] = [scene.socket(SOCK_DGRAM), scene.socket(SOCK_DGRAM)];
    const send = (fd: number): number => scene.calls.sendto(fd, octets('x'), 0, at('r'));
    while (send(one) > 0);
    expect(send(other)).to.equal(-Errno.EAGAIN);
    expect(scene.calls.readiness(one) & POLLOUT).to.equal(POLLOUT);
    wait('one', one, POLLOUT);
    wait('other', other, POLLOUT);
    expect(scene.calls.deliver()).to.equal(0);
    scene.recv(receiver);
    scene.calls.deliver();
    expect(heard).to.deep.equal([`one:${POLLOUT}`, `other:${POLLOUT}`]);
    expect(send(other)).to.equal(1);
    expect(send(one)).to.equal(-Errno.EAGAIN);
    wait('one again', one, POLLOUT);
    scene.calls.close(receiver);
    scene.calls.deliver();
    expect(heard.at(-1)).to.equal(`one again:${POLLOUT}`);
  });

  it('who connects to a full backlog waits for a place in it', () => {
    const scene = new UnixScene();
    const { heard, wait } = waiting(scene);
    const listener = scene.listening(SOCK_SEQPACKET, 'l', 0);
    const [first, second] = [scene.socket(SOCK_SEQPACKET), scene.socket(SOCK_SEQPACKET)];
    expect(scene.calls.connect(first, at('l'))).to.equal(0);
    expect(scene.calls.connect(second, at('l'))).to.equal(-Errno.EAGAIN);
    wait('second', second, POLLOUT);
    expect(scene.calls.deliver()).to.equal(0);
    scene.calls.accept(listener);
    scene.calls.deliver();
    expect(heard).to.have.length(1);
    expect(scene.calls.connect(second, at('l'))).to.equal(0);
  });

  it('who would wait is told of the end that a shutdown makes; who would not gets EAGAIN', () => {
    const { calls } = new UnixScene();
    const buffer = new Uint8Array(1);
    const receiver = calls.socket(AF_UNIX, SOCK_DGRAM, 0);
    calls.shutdown(receiver, c.SHUT_RD);
    expect(calls.recv(receiver, buffer)).to.equal(0);
    expect(calls.recv(receiver, buffer, c.MSG_DONTWAIT)).to.equal(-Errno.EAGAIN);

    const listener = calls.socket(AF_UNIX, SOCK_STREAM, 0);
    calls.bind(listener, at('l'));
    calls.listen(listener, 1);
    calls.shutdown(listener, c.SHUT_RD);
    expect(calls.accept(listener)).to.equal(-Errno.EINVAL);
    calls.fcntl(listener, c.F_SETFL, c.O_NONBLOCK);
    expect(calls.accept(listener)).to.equal(-Errno.EAGAIN);
  });

  it('the peer closes: whoever waits is woken', () => {
    for (const type of [SOCK_STREAM, SOCK_SEQPACKET]) {
      const scene = new UnixScene();
      const { heard, wait } = waiting(scene);
      const [a, b] = scene.pair(type);
      wait('a', a, POLLIN);
      scene.calls.close(b);
      scene.calls.deliver();
      expect(heard).to.deep.equal([`a:${POLLIN | POLLHUP}`]);
    }
  });

  it('epoll hears of a Unix socket', () => {
    const scene = new UnixScene();
    const [a, b] = scene.pair(SOCK_STREAM);
    const set = scene.calls.epollCreate();
    scene.calls.epollControl(set, c.EPOLL_CTL_ADD, b, { events: c.EPOLLIN | c.EPOLLET, data: 'b' });
    const events: { events: number; data: unknown }[] = [];
    expect(scene.calls.epollNow(set, events, 8)).to.equal(0);
    scene.send(a, 'x');
    expect(scene.calls.epollNow(set, events, 8)).to.equal(1);
    expect(events[0]).to.deep.equal({ events: POLLIN, data: 'b' });
    expect(scene.calls.epollNow(set, events, 8)).to.equal(0);
  });

  it('SO_TIMESTAMP tells when the message was sent, not when it is read', () => {
    const scene = new UnixScene();
    const [a, b] = scene.pair(SOCK_DGRAM);
    scene.calls.setsockopt(b, c.SOL_SOCKET, c.SO_TIMESTAMP, 1);
    scene.calls.tick(micros(7));
    scene.send(a, 'x');
    scene.calls.tick(micros(9));
    const message: Message = { iov: [new Uint8Array(1)], control: [] };
    expect(scene.calls.recvmsg(b, message)).to.equal(1);
    expect(message.control).to.deep.equal([{ level: c.SOL_SOCKET, type: c.SO_TIMESTAMP, data: 7 }]);
  });
});
