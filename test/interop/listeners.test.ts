/** Listeners with the kernel as client: SO_REUSEPORT spreads its connections, TCP_DEFER_ACCEPT waits for its text. socket(7), tcp(7). */
import { expect } from 'chai';
import {
  AF_INET,
  IPPROTO_TCP,
  POLLIN,
  SOCK_STREAM,
  SOL_SOCKET,
  SO_REUSEPORT,
  TCP_DEFER_ACCEPT,
} from '../../src/socket/constants.ts';
import { HOST, LOSS, useLab } from '../support/kernel-lab.ts';
import { describeInterop } from '../support/namespace.ts';
import { until } from '../support/wait.ts';

/** Opens so many connections, and keeps them until it is told to end. */
const CROWD = (port: number, count: number): string => `
held = [socket.create_connection((HOST, ${port})) for i in range(${count})]
time.sleep(0.2)
`;

/** Says nothing until somebody sends a datagram, then one word. */
const LATE = (port: number, signal: number): string => `
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
u.bind((KERNEL, ${signal}))
s = socket.create_connection((HOST, ${port}))
u.sendto(b'connected', (HOST, ${signal}))
u.recv(9)
s.sendall(b'now')
assert s.recv(9) == b'heard'
`;

describeInterop('listeners with the kernel as client', () => {
  // The SYN,ACK that ends the wait of TCP_DEFER_ACCEPT would look like a loss.
  const theLab = useLab({ allowed: LOSS });

  it('SO_REUSEPORT: four listeners each get a part of its connections', async () => {
    const lab = theLab();
    const { calls } = lab.host.stack;
    const listeners = Array.from({ length: 4 }, () => {
      const fd = calls.socket(AF_INET, SOCK_STREAM, 0);
      expect(calls.setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, 1)).to.equal(0);
      expect(calls.bind(fd, { address: HOST, port: 7100 })).to.equal(0);
      expect(calls.listen(fd, 128)).to.equal(0);
      return fd;
    });
    await lab.python(CROWD(7100, 60));
    const parts = listeners.map((listener) => {
      let count = 0;
      for (let fd = calls.accept(listener); fd >= 0; fd = calls.accept(listener)) {
        calls.close(fd);
        count++;
      }
      calls.close(listener);
      return count;
    });
    expect(parts.reduce((sum, part) => sum + part)).to.equal(60);
    for (const part of parts) expect(part).to.be.within(3, 35);
  });

  it('TCP_DEFER_ACCEPT: the kernel is connected, and the listener sleeps until it sends', async () => {
    const lab = theLab();
    const { sockets, stack } = lab.host;
    const listener = lab.listen(7101);
    sockets.setsockopt(listener, IPPROTO_TCP, TCP_DEFER_ACCEPT, 30);
    const signal = sockets.socket(AF_INET, 2);
    sockets.bind(signal, { address: HOST, port: 7102 });
    const client = lab.python(LATE(7101, 7102));
    const { address, port } = await sockets.recvfrom(signal, 9);
    expect(stack.calls.readiness(listener) & POLLIN).to.equal(0);
    await until(() => lab.host.snapshot().drops['tcp-accept-deferred'] === 1);
    await sockets.sendto(signal, new Uint8Array(1), { address, port });
    const fd = await sockets.accept(listener);
    expect(Buffer.from(await sockets.recv(fd)).toString()).to.equal('now');
    await sockets.send(fd, Buffer.from('heard'));
    await client;
    for (const each of [fd, listener, signal]) sockets.close(each);
  });
});
