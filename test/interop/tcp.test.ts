/** TCP connections with programs of the kernel's side: every way to open, end and break one, in both roles. */
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import {
  AF_INET,
  IPPROTO_TCP,
  MSG_OOB,
  SHUT_WR,
  SOCK_STREAM,
  SOL_SOCKET,
  SO_LINGER,
  SO_OOBINLINE,
  TCP_SYNCNT,
  TCP_USER_TIMEOUT,
} from '../../src/socket/constants.ts';
import { MS } from '../../src/core/time.ts';
import { impair } from '../../src/link/impair.ts';
import type { Link } from '../../src/link/link.ts';
import { Readiness } from '../../src/tcp/service.ts';
import {
  ALL_SERVICES,
  DEVICE,
  FLOW_CONTROL,
  HOST,
  KERNEL,
  LOSS,
  OFFLOADS,
  useLab,
  withLab,
} from '../support/kernel-lab.ts';
import { describeInterop } from '../support/namespace.ts';
import { codeOf, until } from '../support/wait.ts';

const RESET = /Warning: Connection reset/;
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();
const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Echo of 1 MiB, sent and received at the same time. */
const ECHO_1_MIB = `
import threading
s = socket.create_connection((HOST, 7), 10)
data = bytes(range(251)) * (1024 * 1024 // 251)
def feed():
    s.sendall(data)
    s.shutdown(socket.SHUT_WR)
threading.Thread(target=feed).start()
back = bytearray()
while part := s.recv(65536):
    back += part
assert back == data, len(back)
`;

for (const { offload, kind } of OFFLOADS) {
  describeInterop(`TCP with the kernel, ${kind}`, () => {
    describe('programs of the kernel as clients', () => {
      const theLab = useLab({ offload, serve: ALL_SERVICES });

      it('nc: echo, ended by either side', async () => {
        const lab = theLab();
        expect(await lab.run('nc', ['-N', '10.0.0.2', '7'], { input: 'hello\n' })).to.equal('hello\n');
        expect(await lab.run('nc', ['10.0.0.2', '13'])).to.match(/-UTC\r\n$/);
      });

      it('socat: echo of 1 MiB', async () => {
        const input = randomBytes(1 << 19).toString('hex');
        const output = await theLab().run('socat', ['-t', '10', '-', 'TCP:10.0.0.2:7'], { input });
        expect(output === input).to.equal(true);
      });

      it('nc: discard takes 4 MiB, chargen gives them', async () => {
        const lab = theLab();
        await lab.run('nc', ['-N', '10.0.0.2', '9'], { input: new Uint8Array(4 << 20) });
        const discard = lab.services.services.find(({ name, transport }) => name === 'discard' && transport === 'tcp');
        await until(() => discard!.counters.octetsIn === 4 << 20);
      });

      it('half-close by the client: what is under way still arrives', async () => {
        await theLab().python(`
s = socket.create_connection((HOST, 7), 5)
data = bytes(i * 31 & 255 for i in range(200000))
s.sendall(data[:100000])
s.sendall(data[100000:])
s.shutdown(socket.SHUT_WR)
back = b''
while part := s.recv(65536):
    back += part
assert back == data, len(back)
`);
      });

      it('half-close by the host: the client goes on sending', async () => {
        const lab = theLab();
        const client = lab.python(`
s = socket.create_connection((HOST, 5001), 5)
assert s.recv(100) == b'that is all from me'
assert s.recv(100) == b''
time.sleep(0.05)
s.sendall(b'x' * 100000)
s.close()
`);
        const { send, shutdown, close } = lab.host.sockets;
        const fd = await lab.acceptOne(5001);
        await send(fd, 'that is all from me');
        shutdown(fd, SHUT_WR);
        expect((await lab.receiveAll(fd)).length).to.equal(100_000);
        close(fd);
        await client;
      });

      it('both close at the same time', async () => {
        const lab = theLab();
        const client = lab.python(`
s = socket.create_connection((HOST, 5002), 5)
for i in range(200):
    s.sendall(b'x')
    assert s.recv(1) == b'y'
    s.close()
    s = socket.create_connection((HOST, 5002), 5)
s.close()
`);
        const { accept, send, recv, close } = lab.host.sockets;
        const listener = lab.listen(5002);
        for (let i = 0; i <= 200; i++) {
          const fd = await accept(listener);
          if ((await recv(fd)).length > 0) await send(fd, 'y');
          close(fd);
        }
        close(listener);
        await client;
      });
    });

    describe('windows', () => {
      // Nobody reads for a while: the window is filled, closed, probed and opened.
      const theLab = useLab({ offload, allowed: FLOW_CONTROL });

      it('the window closes and opens again, in both directions', async () => {
        const lab = theLab();
        const data = randomBytes(8 << 20);
        const client = lab.python(
          `
import hashlib
s = socket.create_connection((HOST, 5003), 10)
data = sys.stdin.buffer.read()
s.sendall(data)
s.shutdown(socket.SHUT_WR)
time.sleep(0.3)
back = hashlib.sha256()
while part := s.recv(65536):
    back.update(part)
assert back.digest() == hashlib.sha256(data).digest()
`,
          { input: data, timeout: 20_000 },
        );
        const { send, shutdown, close } = lab.host.sockets;
        const fd = await lab.acceptOne(5003);
        await sleep(300);
        const received = await lab.receiveAll(fd);
        expect(digest(received)).to.equal(digest(data));
        await send(fd, received);
        shutdown(fd, SHUT_WR);
        await client;
        close(fd);
      });
    });

    describe('programs of the kernel as servers', () => {
      const theLab = useLab({ offload });

      it('nc -l: both ends talk, the host ends first', async () => {
        const lab = theLab();
        const server = lab.run('nc', ['-l', '-N', '6001'], { input: 'welcome\n' });
        await lab.listening(6001);
        const fd = await lab.connect(6001);
        const { recv, send, shutdown, close } = lab.host.sockets;
        expect(text(await recv(fd))).to.equal('welcome\n');
        await send(fd, 'thank you\n');
        shutdown(fd, SHUT_WR);
        expect(await server).to.equal('thank you\n');
        expect((await lab.receiveAll(fd)).length).to.equal(0);
        close(fd);
      });

      it('socat: 4 MiB through cat and back', async () => {
        const lab = theLab();
        const server = lab.run('socat', ['TCP-LISTEN:6002,reuseaddr', 'EXEC:cat']);
        await lab.listening(6002);
        const fd = await lab.connect(6002);
        const { send, shutdown, close } = lab.host.sockets;
        const data = randomBytes(4 << 20);
        const back = lab.receiveAll(fd);
        await send(fd, data);
        shutdown(fd, SHUT_WR);
        expect(digest(await back)).to.equal(digest(data));
        close(fd);
        await server;
      });

      it('2,000 round trips of one octet, and 5,000 sends of one octet each way', async () => {
        const lab = theLab();
        const server = lab.python(
          `
l = socket.create_server((KERNEL, 6003))
s, _ = l.accept()
s.settimeout(10)
s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
for i in range(2000):
    s.sendall(s.recv(1))
got = b''
while len(got) < 5000:
    got += s.recv(100)
assert got == bytes(i & 255 for i in range(5000))
for i in range(5000):
    s.send(bytes([i & 255]))
s.close()
`,
          { timeout: 20_000 },
        );
        await lab.listening(6003);
        const fd = await lab.connect(6003);
        const { send, recv, close } = lab.host.sockets;
        for (let i = 0; i < 2000; i++) {
          await send(fd, Uint8Array.of(i));
          expect(await recv(fd)).to.deep.equal(Uint8Array.of(i & 255));
        }
        for (let i = 0; i < 5000; i++) await send(fd, Uint8Array.of(i));
        expect(await lab.receiveAll(fd)).to.deep.equal(Buffer.from(Uint8Array.from({ length: 5000 }, (_, i) => i)));
        close(fd);
        await server;
      });
    });

    describe('errors', () => {
      // Resets are what these are about.
      const theLab = useLab({ offload, allowed: [RESET] });

      it('a closed port of the host: the client gets ECONNREFUSED', async () => {
        await theLab().python(`
try:
    socket.create_connection((HOST, 81), 5)
    sys.exit('connected')
except ConnectionRefusedError:
    pass
`);
      });

      it('a closed port of the kernel: the host gets ECONNREFUSED', async () => {
        const lab = theLab();
        expect(await codeOf(lab.connect(81))).to.equal('ECONNREFUSED');
      });

      it('the kernel closes with data unread: the host gets ECONNRESET', async () => {
        const lab = theLab();
        const client = lab.python(`
s = socket.create_connection((HOST, 5001), 5)
s.recv(1, socket.MSG_PEEK)
s.close()
`);
        const { send, recv, close } = lab.host.sockets;
        const fd = await lab.acceptOne(5001);
        await send(fd, 'nobody reads this');
        await client;
        expect(await codeOf(recv(fd))).to.equal('ECONNRESET');
        expect(await codeOf(send(fd, 'x'))).to.equal('EPIPE');
        expect((await recv(fd)).length).to.equal(0);
        close(fd);
      });

      it('the host closes with data unread: the client gets ECONNRESET', async () => {
        const lab = theLab();
        const client = lab.python(`
s = socket.create_connection((HOST, 5002), 5)
s.sendall(b'nobody reads this')
try:
    s.recv(1)
    sys.exit('no reset')
except ConnectionResetError:
    pass
`);
        const { recv, close } = lab.host.sockets;
        const fd = await lab.acceptOne(5002);
        expect(text(await recv(fd, 1))).to.equal('n');
        close(fd);
        await client;
      });

      it('SO_LINGER 0 at the client: close resets', async () => {
        const lab = theLab();
        const client = lab.python(`
s = socket.create_connection((HOST, 5003), 5)
s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
s.recv(1)
s.close()
`);
        const { send, recv, close } = lab.host.sockets;
        const fd = await lab.acceptOne(5003);
        await send(fd, 'x');
        expect(await codeOf(recv(fd))).to.equal('ECONNRESET');
        close(fd);
        await client;
      });

      it('SO_LINGER 0 at the host: close resets', async () => {
        const lab = theLab();
        const client = lab.python(`
try:
    s = socket.create_connection((HOST, 5004), 5)
    s.recv(1)
    sys.exit('no reset')
except ConnectionResetError:
    pass
`);
        const { setsockopt, close } = lab.host.sockets;
        const fd = await lab.acceptOne(5004);
        setsockopt(fd, SOL_SOCKET, SO_LINGER, { onoff: true, linger: 0 });
        close(fd);
        await client;
      });

      it('a server of the kernel is killed: the host reads the end of the stream, then its sends are reset', async () => {
        const lab = theLab();
        const server = lab.ns.spawn('nc', ['-l', '5005']);
        await lab.listening(5005);
        const fd = await lab.connect(5005);
        const { send, recv, close } = lab.host.sockets;
        await send(fd, 'hello');
        await once(server.stdout!, 'data');
        server.kill('SIGKILL');
        expect((await recv(fd)).length).to.equal(0);
        await send(fd, 'anybody?');
        await until(async () => (await codeOf(send(fd, 'x'))) === 'EPIPE');
        close(fd);
      });

      for (const inline of [true, false]) {
        it(`an urgent octet of the client arrives ${inline ? '' : 'not '}in line (RFC 9293 3.8.5, RFC 6093)`, async () => {
          const lab = theLab();
          const { setsockopt, sockatmark, recv, close } = lab.host.sockets;
          const client = lab.python(`
s = socket.create_connection((HOST, 5006), 5)
s.sendall(b'abc')
s.send(b'!', socket.MSG_OOB)
s.sendall(b'def')
s.shutdown(socket.SHUT_WR)
assert s.recv(1) == b''
`);
          const fd = await lab.acceptOne(5006);
          setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, Number(inline));
          await until(() => (lab.host.stack.calls.readiness(fd) & Readiness.Urgent) !== 0);
          if (!inline) expect(text(await recv(fd, 1, { flags: MSG_OOB }))).to.equal('!');
          expect(await codeOf(recv(fd, 1, { flags: MSG_OOB }))).to.equal('EINVAL');
          expect([text(await recv(fd)), sockatmark(fd)]).to.deep.equal(['abc', true]);
          expect(text(await lab.receiveAll(fd))).to.equal(inline ? '!def' : 'def');
          close(fd);
          await client;
        });
      }

      it('an urgent octet of the host reaches the client out of band', async () => {
        const lab = theLab();
        const client = lab.python(`
s = socket.create_connection((HOST, 5008), 5)
import select
assert select.select([], [], [s], 5)[2] == [s]
assert s.recv(1, socket.MSG_OOB) == b'!'
assert s.recv(100) == b'abc'
assert s.recv(100, socket.MSG_WAITALL) == b'def'
`);
        const { send, close } = lab.host.sockets;
        const fd = await lab.acceptOne(5008);
        await send(fd, 'abc');
        await send(fd, '!', { flags: MSG_OOB });
        await send(fd, 'def');
        close(fd);
        await client;
      });
    });

    describe('obstacles', () => {
      // What is lost on purpose is sent again.
      const theLab = useLab({
        offload,
        config: { tcp: { rtoInitial: 50 * MS } },
        allowed: [RESET, ...LOSS, /port numbers reused/],
      });

      /** Has netfilter deal with what comes in from the host for a port. */
      const filter = async (port: number, verdict: string): Promise<void> => {
        await theLab().run('nft', ['add table ip lab']);
        await theLab().run('nft', ['add chain ip lab input { type filter hook input priority 0; }']);
        await theLab().run('nft', [`add rule ip lab input tcp dport ${port} ${verdict}`]);
      };

      it('a peer that does not answer SYNs: ETIMEDOUT', async () => {
        await filter(6101, 'drop');
        const { socket, setsockopt, connect, close } = theLab().host.sockets;
        const fd = socket(AF_INET, SOCK_STREAM);
        setsockopt(fd, IPPROTO_TCP, TCP_SYNCNT, 2);
        expect(await codeOf(connect(fd, { address: KERNEL, port: 6101 }))).to.equal('ETIMEDOUT');
        close(fd);
      });

      for (const [verdict, code] of [
        ['reject with icmp type host-unreachable', 'EHOSTUNREACH'],
        ['reject with icmp type net-unreachable', 'ENETUNREACH'],
        ['reject with icmp type prot-unreachable', 'ENOPROTOOPT'],
        ['reject with icmp type port-unreachable', 'ECONNREFUSED'],
        ['reject with icmp type admin-prohibited', 'EHOSTUNREACH'],
        ['reject with tcp reset', 'ECONNREFUSED'],
      ] as const) {
        it(`a firewall that will "${verdict}": ${code}`, async () => {
          await filter(6102, verdict);
          expect(await codeOf(theLab().connect(6102))).to.equal(code);
          await theLab().run('nft', ['flush ruleset']);
        });
      }

      it('TCP_USER_TIMEOUT: a peer that falls silent ends the connection with ETIMEDOUT', async () => {
        const lab = theLab();
        const server = lab.ns.spawn('nc', ['-l', '6103']);
        await lab.listening(6103);
        const fd = await lab.connect(6103);
        const { setsockopt, send, recv, close } = lab.host.sockets;
        setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 500);
        await filter(6103, 'drop');
        await send(fd, 'anybody?');
        expect(await codeOf(recv(fd))).to.equal('ETIMEDOUT');
        close(fd);
        server.kill('SIGKILL');
      });
    });

    it('simultaneous open: both send a SYN (RFC 9293 3.5, figure 7)', async () => {
      // The first SYN of the host is lost, and that of the kernel meets its SYN-SENT.
      const dropped: string[] = [];
      const wrap = (link: Link): Link =>
        impair(link, {
          outgoing: {
            dropIf: (frame) => {
              const isSyn = frame.bytes[frame.start + 23] === 6 && frame.bytes[frame.start + 47] === 0x02;
              if (isSyn) dropped.push('SYN');
              return isSyn;
            },
          },
        });
      await withLab({ offload, wrap }, async (lab) => {
        const { socket, bind, connect, recv, send, close } = lab.host.sockets;
        const fd = socket(AF_INET, SOCK_STREAM);
        bind(fd, { address: HOST, port: 6201 });
        const connected = connect(fd, { address: KERNEL, port: 6202 });
        await until(() => dropped.length === 1);
        const client = lab.python(`
s = socket.socket()
s.settimeout(5)
s.bind((KERNEL, 6202))
s.connect((HOST, 6201))
s.sendall(b'hello')
assert s.recv(100, socket.MSG_WAITALL) == b'and to you'
`);
        await connected;
        expect(text(await recv(fd))).to.equal('hello');
        await send(fd, 'and to you');
        close(fd);
        await client;
      });
    });

    describe('a kernel with other settings: 1 MiB each way', () => {
      const theLab = useLab({ offload, serve: ALL_SERVICES, allowed: FLOW_CONTROL });

      const SETTINGS: readonly [title: string, settings: readonly string[]][] = [
        ['no timestamps', ['tcp_timestamps=0']],
        ['no window scaling', ['tcp_window_scaling=0']],
        ['no selective acknowledgements', ['tcp_sack=0']],
        ['none of the three', ['tcp_timestamps=0', 'tcp_window_scaling=0', 'tcp_sack=0']],
        ['explicit congestion notification', ['tcp_ecn=1']],
        ['small buffers', ['tcp_rmem=4096 8192 16384', 'tcp_wmem=4096 8192 16384']],
      ];
      for (const [title, settings] of SETTINGS) {
        it(title, async () => {
          const lab = theLab();
          const names = settings.map((setting) => `net.ipv4.${setting.split('=')[0]!}`);
          const earlier = await lab.run('sysctl', names);
          for (const setting of settings) await lab.run('sysctl', ['-q', '-w', `net.ipv4.${setting}`]);
          await lab.python(ECHO_1_MIB);
          for (const line of earlier.trim().split('\n')) {
            await lab.run('sysctl', ['-q', '-w', line.replace(' = ', '=').replaceAll('\t', ' ')]);
          }
        });
      }

      for (const mtu of [576, 1280]) {
        it(`an MTU of ${mtu}`, async () => {
          const lab = theLab();
          lab.ns.ip(`link set ${DEVICE} mtu ${mtu}`);
          await lab.python(ECHO_1_MIB);
          lab.ns.ip(`link set ${DEVICE} mtu 1500`);
        });
      }
    });

    it('keep-alive probes of the kernel are answered', async () => {
      await withLab({ offload, serve: ALL_SERVICES, allowed: [/keep-alive/] }, async (lab) => {
        await lab.python(`
s = socket.create_connection((HOST, 7), 5)
s.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT):
    s.setsockopt(socket.IPPROTO_TCP, option, 1)
time.sleep(3.2)
s.sendall(b'still there?')
assert s.recv(100) == b'still there?'
`);
      });
    });
  });
}
