/**
 * The socket side of TCP Fast Open: options and MSG_FASTOPEN, with the errnos of Linux's tcp_sendmsg_fastopen and do_tcp_setsockopt.
 */
import { expect } from 'chai';
import { errnoName } from '../../src/core/errno.ts';
import * as c from '../../src/socket/constants.ts';
import type { SocketCalls } from '../../src/socket/calls.ts';
import { fakeHost } from '../support/fake-services.ts';

const PEER = { address: '10.0.0.9', port: 80 };
const nameOf = (result: number): string | number => (result < 0 ? errnoName(-result) : result);
const stream = (calls: SocketCalls): number => calls.socket(c.AF_INET, c.SOCK_STREAM, 0);

describe('MSG_FASTOPEN', () => {
  const text = new Uint8Array(10);

  it('without a cookie: EINPROGRESS, the SYN asks for one; then EALREADY, and EISCONN once connected', () => {
    const { calls, tcp } = fakeHost();
    const fd = stream(calls);
    const send = (): string | number => nameOf(calls.sendto(fd, text, c.MSG_FASTOPEN, PEER));
    expect([send(), send()]).to.deep.equal(['EINPROGRESS', 'EALREADY']);
    expect(tcp.opened[0]!.options.fastOpenConnect).to.equal(true);
    tcp.opened[0]!.establish();
    expect(calls.connect(fd, PEER)).to.equal(0);
    expect(send()).to.equal('EISCONN');
  });

  it('needs an address of this family, and a socket that does not listen', () => {
    const { calls } = fakeHost();
    const fd = stream(calls);
    expect(nameOf(calls.send(fd, text, c.MSG_FASTOPEN))).to.equal('EINVAL');
    const nowhere = { ...PEER, family: c.AF_UNSPEC };
    expect(nameOf(calls.sendto(fd, text, c.MSG_FASTOPEN, nowhere))).to.equal('EOPNOTSUPP');
    calls.listen(fd, 5);
    expect(nameOf(calls.sendto(fd, text, c.MSG_FASTOPEN, PEER))).to.equal('EISCONN');
  });
});

describe('TCP_FASTOPEN and TCP_FASTOPEN_CONNECT', () => {
  const set = (calls: SocketCalls, fd: number, name: number, value: number): string | number =>
    nameOf(calls.setsockopt(fd, c.IPPROTO_TCP, name, value));

  it('the queue is bounded by the largest backlog, and may be set before and while listening', () => {
    const { calls, tcp } = fakeHost();
    const fd = stream(calls);
    expect(set(calls, fd, c.TCP_FASTOPEN, 1_000_000)).to.equal(0);
    expect(calls.getsockopt(fd, c.IPPROTO_TCP, c.TCP_FASTOPEN)).to.equal(4096);
    calls.listen(fd, 5);
    expect(tcp.listening[0]!.options.fastOpen).to.equal(4096);
    expect(set(calls, fd, c.TCP_FASTOPEN, 7)).to.equal(0);
    expect(tcp.listening[0]!.options.fastOpen).to.equal(7);
    expect(set(calls, fd, c.TCP_FASTOPEN, -1)).to.equal('EINVAL');
    expect(set(calls, fd, c.TCP_FASTOPEN_CONNECT, 1)).to.equal('EINVAL');
  });

  it('are EINVAL once there is a connection', () => {
    const { calls } = fakeHost();
    const fd = stream(calls);
    expect(set(calls, fd, c.TCP_FASTOPEN_CONNECT, 1)).to.equal(0);
    calls.connect(fd, PEER);
    expect(set(calls, fd, c.TCP_FASTOPEN, 1)).to.equal('EINVAL');
    expect(set(calls, fd, c.TCP_FASTOPEN_CONNECT, 1)).to.equal('EINVAL');
  });
});
