/** TCP Fast Open with the kernel, in both roles: text in the SYN, cookies of either end, and what tshark sees of it. RFC 7413. */
import { once } from 'node:events';
import { expect } from 'chai';
import {
  AF_INET,
  IPPROTO_TCP,
  MSG_FASTOPEN,
  SOCK_STREAM,
  TCP_FASTOPEN,
  TCP_FASTOPEN_CONNECT,
  TCP_INFO,
} from '../../src/socket/constants.ts';
import { DEVICE, HOST, KERNEL, LOSS, OFFLOADS, useLab } from '../support/kernel-lab.ts';
import type { KernelLab } from '../support/kernel-lab.ts';
import { describeInterop } from '../support/namespace.ts';
import { until } from '../support/wait.ts';

/** Sends the second of two texts with its SYN, and wants both back. */
const CLIENT = (port: number): string => `
for text in (b'first', b'second' * 150):
    s = socket.socket()
    assert s.sendto(text, 0x20000000, (HOST, ${port})) == len(text)
    s.shutdown(socket.SHUT_WR)
    back = b''
    while part := s.recv(65536):
        back += part
    assert back == text, back
    s.close()
`;

/** Echoes to the end of each connection, a given number of them. */
const SERVER = (port: number, count: number): string => `
l = socket.socket()
l.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
l.bind((KERNEL, ${port}))
l.setsockopt(socket.IPPROTO_TCP, 23, 5)
l.listen(5)
for i in range(${count}):
    s, peer = l.accept()
    while part := s.recv(65536):
        s.sendall(part)
    s.close()
`;

/** A counter of the kernel, e.g. TcpExtTCPFastOpenActive. */
const counter = async (lab: KernelLab, name: string): Promise<number> =>
  Number(
    (await lab.run('nstat', ['-asz', name]))
      .split('\n')
      .find((line) => line.startsWith(name))!
      .split(/\s+/)[1],
  );

/** Runs `use` and returns octets of text and length of the Fast Open option of each SYN with ACK or without, by tshark. */
async function synsOf(lab: KernelLab, port: number, use: () => Promise<void>): Promise<string[]> {
  const fields = ['tcp.flags.ack', 'tcp.len', 'tcp.option_len'].flatMap((name) => ['-e', name]);
  const filter = ['-f', `tcp port ${port}`, '-Y', 'tcp.flags.syn == 1'];
  const child = lab.ns.spawn('tshark', ['-l', '-n', '-i', DEVICE, ...filter, '-T', 'fields', ...fields]);
  let output = '';
  let errors = '';
  child.stdout!.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (errors += text));
  await until(() => errors.includes('Capturing'));
  await new Promise((resolve) => setTimeout(resolve, 300)); // "Capturing" is printed a little too early
  await use();
  await until(() => output.split('\n').length > 4);
  child.kill('SIGINT');
  await once(child, 'close');
  return output
    .trim()
    .split('\n')
    .map((line) => {
      const [ack, length, options] = line.split('\t');
      // 2 and 10: the option without and with a cookie of 8 octets. MSS has 4, Timestamps 10 too, so it is the last that counts.
      return `${/1|True/.test(ack!) ? 'SYN,ACK' : 'SYN'} text ${length} option ${options!.split(',').at(-1)}`;
    });
}

for (const { offload, kind } of OFFLOADS) {
  describeInterop(`TCP Fast Open with the kernel, ${kind}`, () => {
    // Text that was not taken with the SYN comes again, which looks like a loss.
    const theLab = useLab({ offload, allowed: [/^Note: TCP SYN.* TFO /, ...LOSS] });

    before(async () => {
      await theLab().run('sysctl', ['-q', '-w', 'net.ipv4.tcp_fastopen=3']);
    });

    it('the kernel as client: a cookie is given, then text in the SYN is taken before the handshake is done', async () => {
      const lab = theLab();
      const { sockets } = lab.host;
      const listener = lab.listen(7001);
      sockets.setsockopt(listener, IPPROTO_TCP, TCP_FASTOPEN, 5);
      const told: string[] = [];
      const serve = async (): Promise<void> => {
        for (let i = 0; i < 2; i++) {
          const fd = await sockets.accept(listener);
          await sockets.send(fd, await lab.receiveAll(fd));
          told.push(sockets.getsockopt(fd, IPPROTO_TCP, TCP_INFO).fastOpen);
          sockets.close(fd);
        }
      };
      const before = await counter(lab, 'TcpExtTCPFastOpenActive');
      const syns = await synsOf(lab, 7001, async () => {
        await Promise.all([serve(), lab.python(CLIENT(7001))]);
      });
      expect(syns).to.deep.equal([
        'SYN text 0 option 2',
        'SYN,ACK text 0 option 10',
        'SYN text 900 option 10',
        'SYN,ACK text 0 option 3',
      ]);
      expect(told).to.deep.equal(['none', 'accepted']);
      expect((await counter(lab, 'TcpExtTCPFastOpenActive')) - before).to.equal(1);
      expect([...lab.host.stack.tcp.listeners()][0]!.counters.fastOpens).to.equal(1);
      sockets.close(listener);
    });

    it('the kernel as server: MSG_FASTOPEN asks for a cookie, then sends text with the SYN', async () => {
      const lab = theLab();
      const { sockets } = lab.host;
      const server = lab.python(SERVER(7002, 3));
      await lab.listening(7002);
      const before = await counter(lab, 'TcpExtTCPFastOpenPassive');
      const to = { address: KERNEL, port: 7002 };
      const told: string[] = [];
      const exchange = async (fd: number, text: string): Promise<void> => {
        sockets.shutdown(fd, 1);
        expect((await lab.receiveAll(fd)).toString()).to.equal(text);
        told.push(sockets.getsockopt(fd, IPPROTO_TCP, TCP_INFO).fastOpen);
        sockets.close(fd);
      };
      const syns = await synsOf(lab, 7002, async () => {
        for (const text of ['first', 'second'.repeat(500)]) {
          const fd = sockets.socket(AF_INET, SOCK_STREAM);
          expect(await sockets.sendto(fd, text, to, { flags: MSG_FASTOPEN })).to.equal(text.length);
          await exchange(fd, text);
        }
      });
      expect(syns).to.deep.equal([
        'SYN text 0 option 2',
        'SYN,ACK text 0 option 10',
        'SYN text 1420 option 10',
        'SYN,ACK text 0 option 3',
      ]);
      // TCP_FASTOPEN_CONNECT: connect returns at once, and the first send makes the SYN.
      const fd = sockets.socket(AF_INET, SOCK_STREAM);
      sockets.setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1);
      await sockets.connect(fd, to);
      await sockets.send(fd, 'third');
      await exchange(fd, 'third');
      expect(told).to.deep.equal(['requested', 'data acknowledged', 'data acknowledged']);
      expect((await counter(lab, 'TcpExtTCPFastOpenPassive')) - before).to.equal(2);
      await server;
    });

    it('a kernel that has changed its key: the text is sent again after the handshake, and the new cookie works', async () => {
      const lab = theLab();
      const { sockets } = lab.host;
      const server = lab.python(SERVER(7003, 3));
      await lab.listening(7003);
      const told: string[] = [];
      for (let i = 0; i < 3; i++) {
        if (i === 1)
          await lab.run('sysctl', ['-q', '-w', 'net.ipv4.tcp_fastopen_key=00000001-00000002-00000003-00000004']);
        const fd = sockets.socket(AF_INET, SOCK_STREAM);
        await sockets.sendto(fd, `text ${i}`, { address: KERNEL, port: 7003 }, { flags: MSG_FASTOPEN });
        sockets.shutdown(fd, 1);
        expect((await lab.receiveAll(fd)).toString()).to.equal(`text ${i}`);
        told.push(sockets.getsockopt(fd, IPPROTO_TCP, TCP_INFO).fastOpen);
        sockets.close(fd);
      }
      expect(told).to.deep.equal(['data acknowledged', 'data refused', 'data acknowledged']);
      await server;
    });

    it(`a server that does not do it (${HOST} without TCP_FASTOPEN): both ends fall back`, async () => {
      const lab = theLab();
      const { sockets } = lab.host;
      const listener = lab.listen(7004);
      const serve = async (): Promise<void> => {
        for (let i = 0; i < 2; i++) {
          const fd = await sockets.accept(listener);
          await sockets.send(fd, await lab.receiveAll(fd));
          sockets.close(fd);
        }
      };
      await Promise.all([serve(), lab.python(CLIENT(7004))]);
      sockets.close(listener);
    });
  });
}
