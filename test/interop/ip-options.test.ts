/** IP options with the kernel: its ping records routes and times, and both ends of a connection and datagrams have options. */
import { expect } from 'chai';
import { AF_INET, IPPROTO_IP, IP_OPTIONS, SOCK_DGRAM, SOCK_STREAM } from '../../src/socket/constants.ts';
import { ALL_SERVICES, HOST, KERNEL, OFFLOADS, useLab } from '../support/kernel-lab.ts';
import { describeInterop } from '../support/namespace.ts';

const RECORD = Uint8Array.of(7, 15, 4, ...Array<number>(12).fill(0));

/** Sends 200,000 octets to the host's echo service with a Record Route in each segment, and reads them back. */
const ECHO_STREAM = `
s = socket.socket()
s.settimeout(10)
s.setsockopt(socket.IPPROTO_IP, socket.IP_OPTIONS, bytes([7, 15, 4]) + bytes(12))
s.connect((HOST, 7))
data = bytes(i % 251 for i in range(200000))
sent = received = 0
while received < len(data):
    if sent < len(data):
        sent += s.send(data[sent:sent + 20000])
    part = s.recv(100000)
    assert part == data[received:received + len(part)]
    received += len(part)
print(s.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG))
`;

/** Takes one connection; prints the options that the kernel answers with, and how many octets came. */
const TAKE_STREAM = `
l = socket.socket()
l.bind((KERNEL, 5000))
l.listen()
s, peer = l.accept()
s.settimeout(10)
count = 0
while part := s.recv(100000):
    count += len(part)
print(s.getsockopt(socket.IPPROTO_IP, socket.IP_OPTIONS, 60).hex(), count)
`;

/** Takes one datagram and prints the options that came with it. */
const TAKE_DATAGRAM = `
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(10)
s.setsockopt(socket.IPPROTO_IP, 6, 1) # IP_RECVOPTS
s.bind((KERNEL, 5000))
print('ready', flush=True)
data, control, flags, peer = s.recvmsg(5000, 100)
print(len(data), *(octets.hex() for level, kind, octets in control))
`;

const hex = (text: string): string =>
  text
    .split('.')
    .map((part) => Number(part).toString(16).padStart(2, '0'))
    .join('');

describeInterop('IP options with the kernel', () => {
  for (const { offload, kind } of OFFLOADS) {
    describe(kind, () => {
      const theLab = useLab({ offload, serve: ALL_SERVICES });

      it('ping -R shows the route there and back', async () => {
        const output = await theLab().run('ping', ['-R', '-c', '3', '-i', '0.01', '-W', '5', HOST]);
        expect(output).to.contain('3 packets transmitted, 3 received');
        const route = output
          .slice(output.indexOf('RR:'))
          .match(/\d+\.\d+\.\d+\.\d+/g)!
          .slice(0, 4);
        expect(route).to.deep.equal([KERNEL, HOST, HOST, KERNEL]);
      });

      for (const [form, stamps] of [
        ['tsonly', 4],
        ['tsandaddr', 4],
      ] as const) {
        it(`ping -T ${form} gets times from the host`, async () => {
          const output = await theLab().run('ping', ['-T', form, '-c', '1', '-W', '5', HOST]);
          expect(output).to.contain('1 packets transmitted, 1 received');
          const times = output.slice(output.indexOf('TS:')).split('\n').slice(0, stamps);
          // The host has no time of day, and says so.
          expect(
            times.filter((line) => line.includes('not-standard')),
            output,
          ).to.have.length(2);
        });
      }

      it('a connection whose segments record their route', async () => {
        const shown = await theLab().python(ECHO_STREAM, { timeout: 20_000 });
        expect(shown).to.equal(`${1460 - 12 - 16}\n`);
      });

      it('a connection of the host’s with options', async () => {
        const lab = theLab();
        const { socket, connect, send, close } = lab.host.sockets;
        const taking = lab.python(TAKE_STREAM, { timeout: 20_000 });
        await lab.listening(5000);
        const fd = socket(AF_INET, SOCK_STREAM);
        expect(lab.host.stack.calls.setsockopt(fd, IPPROTO_IP, IP_OPTIONS, RECORD)).to.equal(0);
        await connect(fd, { address: KERNEL, port: 5000 });
        for (let sent = 0; sent < 100_000;) sent += await send(fd, new Uint8Array(100_000 - sent));
        close(fd);
        expect(await taking).to.equal(`070f0c${hex(HOST)}${hex(KERNEL)}0000000000 100000\n`);
      });

      for (const size of [10, 4000]) {
        it(`a datagram of ${size} octets`, async () => {
          const lab = theLab();
          const { socket, sendto, close } = lab.host.sockets;
          const fd = socket(AF_INET, SOCK_DGRAM);
          expect(lab.host.stack.calls.setsockopt(fd, IPPROTO_IP, IP_OPTIONS, RECORD)).to.equal(0);
          const program = lab.python(TAKE_DATAGRAM, { timeout: 20_000 });
          const waiting = async (): Promise<boolean> => (await lab.run('ss', ['-Hlun', 'sport = :5000'])) !== '';
          while (!(await waiting()));
          await sendto(fd, new Uint8Array(size), { address: KERNEL, port: 5000 });
          expect(await program).to.equal(`ready\n${size} 070f0c${hex(HOST)}${hex(KERNEL)}0000000000\n`);
          close(fd);
        });
      }
    });
  }
});
