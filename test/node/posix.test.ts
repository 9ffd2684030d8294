import { expect } from 'chai';
import { Errno } from '../../src/core/errno.ts';
import { micros } from '../../src/core/time.ts';
import { parseAddress } from '../../src/ip/address.ts';
import { posix, strerror } from '../../src/node/posix.ts';
import * as c from '../../src/socket/constants.ts';
import { PEER, sentBy, setUp, text } from './fakes.ts';

describe('posix', () => {
  it('returns -1 and sets errno', async () => {
    const { sockets } = setUp();
    const p = posix({ sockets });
    const { socket, bind, listen, accept, close } = p;
    expect(socket(c.AF_INET, c.SOCK_STREAM, 17)).to.equal(-1);
    expect(p.errno).to.equal(Errno.EPROTONOSUPPORT);
    expect(strerror(p.errno)).to.equal('Protocol not supported');
    const fd = socket(c.AF_INET, c.SOCK_STREAM, 0);
    expect(fd).to.equal(3);
    expect(p.errno).to.equal(Errno.EPROTONOSUPPORT);
    expect([bind(fd, { address: '0.0.0.0', port: 7 }), listen(fd, 5)]).to.deep.equal([0, 0]);
    const accepting = accept(fd);
    expect(close(fd)).to.equal(0);
    expect(await accepting).to.equal(-1);
    expect(p.errno).to.equal(Errno.ECANCELED);
    expect(close(fd)).to.equal(-1);
    expect(p.errno).to.equal(Errno.EBADF);
  });

  it('reads and writes', async () => {
    const { sockets, open } = setUp();
    const p = posix({ sockets });
    const { fd, connection } = await open();
    const buffer = new Uint8Array(16);
    connection.arrive('hello');
    expect(await p.read(fd, buffer)).to.equal(5);
    expect(await p.write(fd, buffer.subarray(0, 5))).to.equal(5);
    expect(sentBy(connection)).to.equal('hello');
    const name = { address: '', port: 0 };
    expect(p.getpeername(fd, name)).to.equal(0);
    expect(name).to.deep.equal(PEER);
    const into: { value: unknown } = { value: undefined };
    expect(p.getsockopt(fd, c.SOL_SOCKET, c.SO_TYPE, into as never)).to.equal(0);
    expect(into.value).to.equal(c.SOCK_STREAM);
  });

  it('throws what is no failed call', () => {
    const { sockets } = setUp();
    const p = posix({ sockets });
    const fd = p.socket(c.AF_INET, c.SOCK_STREAM, 0);
    expect(() => p.bind(fd, { address: 'example', port: 1 })).to.throw(TypeError);
  });

  it('read, write, readv and writev: EINVAL for an epoll set, 0 for nothing to read or write', async () => {
    const { sockets, udp, open, turn } = setUp();
    const p = posix({ sockets });
    const { fd, connection } = await open();
    const epfd = p.epoll_create1(0);
    const one = [new Uint8Array(1)];
    for (const call of [
      () => p.read(epfd, one[0]!),
      () => p.read(epfd, new Uint8Array(0)),
      () => p.write(epfd, 'x'),
      () => p.readv(epfd, one),
      () => p.writev(epfd, one),
      () => p.readv(fd, new Array<Uint8Array>(1025).fill(one[0]!)),
    ]) {
      expect([await call(), p.errno], call.toString()).to.deep.equal([-1, Errno.EINVAL]);
      p.errno = 0;
    }
    expect([await p.read(99, new Uint8Array(0)), p.errno]).to.deep.equal([-1, Errno.EBADF]);
    expect([await p.read(fd, new Uint8Array(0)), await p.readv(fd, [])]).to.deep.equal([0, 0]);
    connection.arrive('abc');
    await turn();
    const iov = [new Uint8Array(2), new Uint8Array(2)];
    expect([await p.readv(fd, iov), iov.map(text)]).to.deep.equal([3, ['ab', 'c\0']]);
    expect(await p.writev(fd, iov)).to.equal(4);
    expect(sentBy(connection)).to.equal('abc\0');
    const datagrams = p.socket(c.AF_INET, c.SOCK_DGRAM, 0);
    expect(await p.connect(datagrams, PEER)).to.equal(0);
    expect([await p.writev(datagrams, []), await p.write(datagrams, '')]).to.deep.equal([0, 0]);
    expect(udp.opened[0]!.sent).to.have.length(1); // write sends an empty datagram, writev none
  });

  it('ioctl and fcntl: numbers through argp and as results', async () => {
    const { sockets, open } = setUp();
    const p = posix({ sockets });
    const { fd, connection } = await open();
    connection.arrive('abc');
    const argp = { value: 0 };
    expect([p.ioctl(fd, c.FIONREAD, argp), argp.value]).to.deep.equal([0, 3]);
    argp.value = 1;
    expect([p.ioctl(fd, c.FIONBIO, argp), p.fcntl(fd, c.F_GETFL)]).to.deep.equal([0, c.O_RDWR | c.O_NONBLOCK]);
    expect([p.ioctl(fd, c.FIOCLEX), p.fcntl(fd, c.F_GETFD)]).to.deep.equal([0, c.FD_CLOEXEC]);
    for (const request of [c.FIONREAD, c.FIONBIO, c.SIOCOUTQ, c.SIOCATMARK]) {
      p.errno = 0;
      expect([p.ioctl(fd, request), p.errno], String(request)).to.deep.equal([-1, Errno.EFAULT]);
    }
    expect(p.fcntl(fd, c.F_GETFL)).to.equal(c.O_RDWR | c.O_NONBLOCK);
    expect([p.ioctl(fd, 0x1234, argp), p.errno]).to.deep.equal([-1, Errno.ENOTTY]);
    expect([p.ioctl(99, c.FIONBIO), p.errno]).to.deep.equal([-1, Errno.EBADF]);
  });

  it('getsockopt with optlen gives the octets that C has', async () => {
    const { sockets, open } = setUp();
    const p = posix({ sockets });
    const { fd } = await open();
    const into: { value: unknown } = { value: undefined };
    const read = (level: number, name: number, optlen: number): unknown =>
      p.getsockopt(fd, level, name, into as never, optlen) === 0 ? [...(into.value as Uint8Array)] : p.errno;
    expect(p.setsockopt(fd, c.SOL_SOCKET, c.SO_LINGER, { onoff: true, linger: 0x102 })).to.equal(0);
    expect(read(c.SOL_SOCKET, c.SO_LINGER, 99)).to.deep.equal([1, 0, 0, 0, 2, 1, 0, 0]);
    expect(read(c.SOL_SOCKET, c.SO_LINGER, 5)).to.deep.equal([1, 0, 0, 0, 2]);
    expect(read(c.SOL_SOCKET, c.SO_LINGER, 0)).to.deep.equal([]);
    expect(read(c.SOL_SOCKET, c.SO_LINGER, -1)).to.equal(Errno.EINVAL);
    expect(read(c.IPPROTO_TCP, c.TCP_CONGESTION, 5)).to.deep.equal([...Buffer.from('cubic')]);
    const info = read(c.IPPROTO_TCP, c.TCP_INFO, 256) as number[];
    const { mss } = sockets.getsockopt(fd, c.IPPROTO_TCP, c.TCP_INFO);
    expect([info.length, info[0], Buffer.from(info).readUInt32LE(16)]).to.deep.equal([104, 1, mss]);
    expect(sockets.getsockopt(fd, c.SOL_SOCKET, c.SO_TYPE, 2)).to.deep.equal(Uint8Array.of(1, 0));
  });

  it('accept4 gives flags to the new descriptor, and knows no others', async () => {
    const { sockets, tcp } = setUp();
    const p = posix({ sockets });
    const fd = p.socket(c.AF_INET, c.SOCK_STREAM, 0);
    p.bind(fd, { address: '0.0.0.0', port: 7 });
    p.listen(fd, 5);
    expect([await p.accept4(fd, null, 1), p.errno]).to.deep.equal([-1, Errno.EINVAL]);
    tcp.listening[0]!.arrive(1234);
    const peer = { address: '', port: 0 };
    const accepted = await p.accept4(fd, peer, c.SOCK_NONBLOCK | c.SOCK_CLOEXEC);
    expect(peer).to.deep.equal({ address: '10.0.0.9', port: 1234 });
    expect([p.fcntl(accepted, c.F_GETFL) & c.O_NONBLOCK, p.fcntl(accepted, c.F_GETFD)]).to.deep.equal([
      c.O_NONBLOCK,
      c.FD_CLOEXEC,
    ]);
  });

  it('sendmsg and recvmsg; a datagram comes with its sender', async () => {
    const { sockets, udp, turn } = setUp();
    const p = posix({ sockets });
    const fd = p.socket(c.AF_INET, c.SOCK_DGRAM, 0);
    const iov = [new Uint8Array([0x61]), new Uint8Array([0x62, 0x63])];
    expect(await p.sendmsg(fd, { name: PEER, iov }, 0)).to.equal(3);
    expect(udp.opened[0]!.sent[0]).to.include({ text: 'abc', port: 80 });
    const from = parseAddress('10.0.0.9')!;
    const packet = { source: from, destination: from, protocol: 17, ttl: 1, tos: 0, interfaceId: 1, broadcast: false };
    const message = { name: { address: '', port: 0 }, iov: [new Uint8Array(2), new Uint8Array(1)], flags: 0 };
    const waiting = p.recvmsg(fd, message, 0);
    udp.opened[0]!.owner.onDatagram(new TextEncoder().encode('datagram'), from, 80, packet, micros(0));
    await turn();
    expect(await waiting).to.equal(3);
    expect(message.iov.map(text)).to.deep.equal(['da', 't']);
    expect([message.name, message.flags]).to.deep.equal([PEER, c.MSG_TRUNC]);
  });

  it('recv(2), MSG_ERRQUEUE: nobody waits for errors', async () => {
    const { sockets } = setUp();
    const p = posix({ sockets });
    const fd = p.socket(c.AF_INET, c.SOCK_DGRAM, 0);
    expect(await p.recvmsg(fd, { iov: [new Uint8Array(1)] }, c.MSG_ERRQUEUE)).to.equal(-1);
    expect(p.errno).to.equal(Errno.EAGAIN);
    expect(await p.recv(fd, new Uint8Array(1), c.MSG_ERRQUEUE)).to.equal(-1);
    expect(p.errno).to.equal(Errno.EAGAIN);
  });

  it('an error after the first octets is told by the next call', async () => {
    const { sockets, open, turn } = setUp();
    const p = posix({ sockets });
    const { fd, connection } = await open(2);
    const sending = p.send(fd, 'abcd', 0);
    connection.fail(Errno.ECONNRESET);
    await turn();
    expect(await sending).to.equal(2);
    expect([await p.send(fd, 'cd', 0), p.errno]).to.deep.equal([-1, Errno.ECONNRESET]);
  });

  it('onSigpipe stands for SIGPIPE: before the call returns, and not with MSG_NOSIGNAL', async () => {
    const { sockets, open } = setUp();
    const p = posix({ sockets });
    const { fd, connection } = await open();
    connection.state = 'CLOSED';
    const heard: unknown[] = [];
    p.onSigpipe = (broken) => heard.push(broken);
    expect(sockets.onBrokenPipe).to.equal(p.onSigpipe);
    expect([await p.send(fd, 'x', c.MSG_NOSIGNAL), p.errno, heard.length]).to.deep.equal([-1, Errno.EPIPE, 0]);
    heard.push(await p.write(fd, 'x').finally(() => heard.push('returned')));
    expect(heard).to.deep.equal([fd, 'returned', -1]);
    p.onSigpipe = undefined;
    await p.write(fd, 'x');
    expect(heard).to.have.length(3);
  });

  it('socketpair and if_nametoindex fail as they do in C', () => {
    const { sockets } = setUp();
    const p = posix({ sockets });
    expect([p.socketpair(c.AF_INET, c.SOCK_STREAM, 0, []), p.errno]).to.deep.equal([-1, Errno.EOPNOTSUPP]);
    expect([p.if_nametoindex('nonesuch'), p.errno]).to.deep.equal([0, Errno.ENODEV]);
  });
});
