/**
 * Streams through the socket calls, between two hosts in virtual time: what a single host cannot show against the kernel.
 */
import { expect } from 'chai';
import { Errno } from '../../../src/core/errno.ts';
import { MS, SECOND } from '../../../src/core/time.ts';
import type { TwoHosts } from '../../../src/lab/topology.ts';
import type { SocketCalls } from '../../../src/socket/calls.ts';
import * as c from '../../../src/socket/constants.ts';
import { makeLab, within } from '../../support/session.ts';

const PORT = 4000;
const stream = (calls: SocketCalls): number => calls.socket(c.AF_INET, c.SOCK_STREAM, 0);

/** A listener on host b with options set before it listens. */
function listen(lab: TwoHosts, ...options: readonly (readonly [level: number, name: number, value: number])[]): number {
  const { calls } = lab.b.stack;
  const fd = stream(calls);
  for (const [level, name, value] of options) expect(calls.setsockopt(fd, level, name, value)).to.equal(0);
  expect(calls.bind(fd, { address: '0.0.0.0', port: PORT })).to.equal(0);
  expect(calls.listen(fd, 4096)).to.equal(0);
  return fd;
}

const connect = (lab: TwoHosts): number => {
  const fd = stream(lab.a.stack.calls);
  expect(lab.a.stack.calls.connect(fd, { address: lab.b.address, port: PORT })).to.equal(-Errno.EINPROGRESS);
  return fd;
};

/** An established connection: the client's descriptor on a, the accepted one on b. */
function connected(lab: TwoHosts): [client: number, server: number] {
  const listener = listen(lab);
  const client = connect(lab);
  let server = -1;
  within(lab, 10 * SECOND, 'accepted', () => (server = lab.b.stack.calls.accept(listener)) >= 0);
  return [client, server];
}

describe('SO_LINGER with a time', () => {
  const LINGER = 7 * SECOND;
  const lingering = (): [TwoHosts, SocketCalls, number, number] => {
    const lab = makeLab();
    const [client, server] = connected(lab);
    const { calls } = lab.a.stack;
    expect(calls.setsockopt(client, c.SOL_SOCKET, c.SO_LINGER, { onoff: true, linger: 7 })).to.equal(0);
    return [lab, calls, client, server];
  };

  it('close waits until all that was sent is acknowledged, and no longer', () => {
    const [lab, calls, client, server] = lingering();
    const sent = calls.send(client, new Uint8Array(50_000));
    let ended = 0;
    expect(calls.linger(client, () => ended++)).to.equal(LINGER);
    calls.close(client);
    expect(ended).to.equal(0);
    const took = within(lab, LINGER, 'acknowledged', () => ended === 1);
    expect(took).to.be.within(20 * MS, 200 * MS); // text and FIN over a line of 5 ms each way
    expect(lab.b.stack.calls.ioctl(server, c.SIOCINQ)).to.equal(sent);
    lab.simulation.runFor(LINGER);
    expect(ended).to.equal(1);
  });

  it('nothing tells of an end while the line is cut', () => {
    const [lab, calls, client] = lingering();
    calls.send(client, new Uint8Array(100));
    lab.impaired.outgoing.configure({ dropIf: () => true });
    let ended = 0;
    expect(calls.linger(client, () => ended++)).to.equal(LINGER);
    calls.close(client);
    lab.simulation.runFor(LINGER);
    expect(ended).to.equal(0);
  });

  it('a reset ends it', () => {
    const [lab, calls, client, server] = lingering();
    calls.send(client, new Uint8Array(100));
    within(lab, SECOND, 'arrived', () => lab.b.stack.calls.ioctl(server, c.SIOCINQ) === 100);
    calls.send(client, new Uint8Array(100));
    let ended = 0;
    calls.linger(client, () => ended++);
    calls.close(client);
    lab.b.stack.calls.close(server); // with octets unread
    within(lab, SECOND, 'reset', () => ended === 1);
  });

  it('close need not wait: without the option, with a time of 0, without a connection, beside another descriptor, after the end', () => {
    const [lab, calls, client, server] = lingering();
    const never = (): void => expect.fail('told of an end');
    const set = (onoff: boolean, linger: number): number =>
      calls.setsockopt(client, c.SOL_SOCKET, c.SO_LINGER, { onoff, linger });
    expect(calls.linger(stream(calls), never)).to.equal(0);
    expect(calls.linger(99, never)).to.equal(0);
    const other = calls.dup(client);
    expect(calls.linger(client, never)).to.equal(0);
    calls.close(other);
    set(true, 0);
    expect(calls.linger(client, never)).to.equal(0);
    set(false, 0);
    expect(calls.linger(client, never)).to.equal(0);
    set(true, 7);
    lab.b.stack.calls.send(server, new Uint8Array(3));
    within(lab, SECOND, 'arrived', () => calls.ioctl(client, c.SIOCINQ) === 3);
    expect(calls.linger(client, never), 'octets unread').to.equal(0);
    calls.recv(client, new Uint8Array(3));
    calls.shutdown(client, c.SHUT_WR);
    lab.simulation.runFor(SECOND);
    expect(calls.linger(client, never), 'the FIN is acknowledged').to.equal(0);
  });
});

describe('SIGPIPE', () => {
  it('send(2): EPIPE "also" tells onBrokenPipe, unless MSG_NOSIGNAL; a reset tells its error first', () => {
    const lab = makeLab();
    const [client] = connected(lab);
    const { calls } = lab.a.stack;
    const told: number[] = [];
    calls.onBrokenPipe = (fd) => told.push(fd);
    const send = (flags = 0): number => calls.send(client, Uint8Array.of(1), flags);
    expect(send()).to.equal(1);
    calls.shutdown(client, c.SHUT_WR);
    expect(send(c.MSG_NOSIGNAL)).to.equal(-Errno.EPIPE);
    expect(told).to.deep.equal([]);
    expect(send()).to.equal(-Errno.EPIPE);
    expect(calls.sendmsg(client, { iov: [Uint8Array.of(1)] })).to.equal(-Errno.EPIPE);
    expect(told).to.deep.equal([client, client]);
  });
});

describe('SO_REUSEPORT through the calls', () => {
  it('four sockets on one port share the connections; datagrams likewise', () => {
    const lab = makeLab();
    const share = [c.SOL_SOCKET, c.SO_REUSEPORT, 1] as const;
    const listeners = Array.from({ length: 4 }, () => listen(lab, share));
    for (let i = 0; i < 200; i++) connect(lab);
    lab.simulation.runFor(SECOND);
    const { calls } = lab.b.stack;
    const sockets = Array.from({ length: 4 }, () => {
      const fd = calls.socket(c.AF_INET, c.SOCK_DGRAM, 0);
      calls.setsockopt(fd, ...share);
      expect(calls.bind(fd, { address: '0.0.0.0', port: PORT })).to.equal(0);
      return fd;
    });
    for (let i = 0; i < 200; i++) {
      const fd = lab.a.stack.calls.socket(c.AF_INET, c.SOCK_DGRAM, 0);
      lab.a.stack.calls.sendto(fd, Uint8Array.of(1), 0, { address: lab.b.address, port: PORT });
    }
    lab.simulation.runFor(2 * SECOND);
    const accepted = listeners.map((fd) => count(() => calls.accept(fd)));
    const received = sockets.map((fd) => count(() => calls.recv(fd, new Uint8Array(1))));
    for (const parts of [accepted, received]) {
      expect(parts.reduce((sum, part) => sum + part)).to.equal(200);
      for (const part of parts) expect(part).to.be.within(25, 80);
    }
  });
});

/** How often a call succeeds before it fails. */
function count(call: () => number): number {
  let times = 0;
  while (call() >= 0) times++;
  return times;
}

describe('TCP_DEFER_ACCEPT through the calls', () => {
  it('tcp(7): the listener wakes when text comes, or when the seconds have passed', () => {
    const lab = makeLab();
    const listener = listen(lab, [c.IPPROTO_TCP, c.TCP_DEFER_ACCEPT, 3]);
    const { calls } = lab.b.stack;
    const silent = connect(lab);
    const talking = connect(lab);
    lab.simulation.runFor(500 * MS);
    for (const fd of [silent, talking]) expect(lab.a.stack.calls.readiness(fd) & c.POLLOUT).to.equal(c.POLLOUT);
    expect(calls.readiness(listener)).to.equal(0);
    lab.a.stack.calls.send(talking, Uint8Array.of(1));
    within(lab, 100 * MS, 'awakened by text', () => calls.readiness(listener) === c.POLLIN);
    expect(calls.accept(listener)).to.be.above(0);
    const took = within(lab, 5 * SECOND, 'awakened by time', () => calls.readiness(listener) === c.POLLIN);
    expect(took).to.be.within(2 * SECOND, 3 * SECOND);
    const fd = calls.accept(listener);
    expect(calls.recv(fd, new Uint8Array(1))).to.equal(-Errno.EAGAIN);
    expect(calls.getsockopt(fd, c.IPPROTO_TCP, c.TCP_DEFER_ACCEPT)).to.equal(0);
  });
});

describe('bounds of streams', () => {
  it('connect: ENOBUFS when the stack has as many connections as it may have', () => {
    const lab = makeLab({ config: { tcp: { maxConnections: 2 } } });
    connect(lab);
    connect(lab);
    const { calls } = lab.a.stack;
    const fd = stream(calls);
    const to = { address: lab.b.address, port: PORT };
    expect(calls.connect(fd, to)).to.equal(-Errno.ENOBUFS);
    expect(calls.getsockname(fd, { address: '', port: 0 })).to.equal(0);
    lab.simulation.runFor(SECOND); // the two are refused
    expect(calls.connect(fd, to)).to.equal(-Errno.EINPROGRESS);
  });

  it('ip(7): EADDRNOTAVAIL for connect, EADDRINUSE for bind, EAGAIN for a datagram, when all ephemeral ports are taken', () => {
    const lab = makeLab({ config: { socket: { ephemeralLow: 50_000, ephemeralHigh: 50_002 } } });
    const { calls } = lab.a.stack;
    const to = { address: lab.b.address, port: PORT };
    for (let i = 0; i < 3; i++) connect(lab);
    expect(calls.connect(stream(calls), to)).to.equal(-Errno.EADDRNOTAVAIL);
    expect(calls.connect(stream(calls), { ...to, port: 9 }), 'another peer').to.equal(-Errno.EINPROGRESS);
    expect(calls.bind(stream(calls), { address: '0.0.0.0', port: 0 })).to.equal(-Errno.EADDRINUSE);
    expect(calls.listen(stream(calls), 1)).to.equal(-Errno.EADDRINUSE);
    const bound = stream(calls);
    calls.setsockopt(bound, c.IPPROTO_IP, c.IP_BIND_ADDRESS_NO_PORT, 1);
    expect(calls.bind(bound, { address: lab.a.address, port: 0 }), 'the port is left to connect').to.equal(0);
    expect(calls.connect(bound, { ...to, port: 8 })).to.equal(-Errno.EINPROGRESS);
    const datagrams = Array.from({ length: 4 }, () => calls.socket(c.AF_INET, c.SOCK_DGRAM, 0));
    expect(datagrams.map((fd) => calls.sendto(fd, Uint8Array.of(1), 0, to))).to.deep.equal([1, 1, 1, -Errno.EAGAIN]);
  });

  it('a port that connect chose is free again when the connection is gone', () => {
    const lab = makeLab({ config: { socket: { ephemeralLow: 50_000, ephemeralHigh: 50_000 } } });
    const { calls } = lab.a.stack;
    const first = connect(lab);
    expect(calls.bind(stream(calls), { address: '0.0.0.0', port: 0 })).to.equal(-Errno.EADDRINUSE);
    lab.simulation.runFor(SECOND); // refused
    expect(calls.getsockopt(first, c.SOL_SOCKET, c.SO_ERROR)).to.equal(Errno.ECONNREFUSED);
    expect(calls.bind(first, { address: '0.0.0.0', port: 0 })).to.equal(0);
  });
});

describe('TIME-WAIT', () => {
  it('AF_UNSPEC leaves it behind: the port stays taken until it is over', () => {
    const lab = makeLab();
    const [client, server] = connected(lab);
    const { calls } = lab.a.stack;
    const name = { address: '', port: 0 };
    calls.getsockname(client, name);
    calls.shutdown(client, c.SHUT_WR);
    lab.simulation.runFor(SECOND);
    lab.b.stack.calls.close(server);
    lab.simulation.runFor(SECOND);
    expect([...lab.a.stack.tcp.connections()].map((conn) => conn.state)).to.deep.equal(['TIME-WAIT']);
    expect(calls.connect(client, { address: '0.0.0.0', port: 0, family: c.AF_UNSPEC })).to.equal(0);
    expect([...lab.a.stack.tcp.connections()].map((conn) => conn.state)).to.deep.equal(['TIME-WAIT']);
    expect(calls.bind(stream(calls), { address: '0.0.0.0', port: name.port })).to.equal(-Errno.EADDRINUSE);
    lab.simulation.runFor(300 * SECOND);
    expect(calls.bind(stream(calls), { address: '0.0.0.0', port: name.port })).to.equal(0);
  });
});

describe('close after a reset', () => {
  it('gives back the memory of what nobody has read', () => {
    const lab = makeLab();
    const [client, server] = connected(lab);
    const [near, far] = [lab.a.stack, lab.b.stack];
    near.calls.send(client, new Uint8Array(100));
    within(lab, SECOND, 'arrived', () => far.calls.ioctl(server, c.SIOCINQ) === 100);
    near.calls.setsockopt(client, c.SOL_SOCKET, c.SO_LINGER, { onoff: true, linger: 0 });
    near.calls.close(client);
    within(lab, SECOND, 'reset', () => (far.calls.readiness(server) & c.POLLERR) !== 0);
    expect(far.context.buffers.inUse).to.be.above(0);
    far.calls.close(server);
    expect(far.context.buffers.inUse).to.equal(0);
  });
});
