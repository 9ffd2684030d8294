/** The layers below TCP against the kernel's own tools: ping, arping, traceroute, nmap, and ICMP errors in both directions. */
import { expect } from 'chai';
import { ping } from '../../src/app/ping.ts';
import { MS } from '../../src/core/time.ts';
import { AF_INET, SOCK_DGRAM, SOCK_STREAM } from '../../src/socket/constants.ts';
import { ALL_SERVICES, DEVICE, HOST, HOST_MAC, KERNEL, NOBODY, OFFLOADS, useLab } from '../support/kernel-lab.ts';
import { describeInterop } from '../support/namespace.ts';
import { codeOf, until } from '../support/wait.ts';

/** The negative answer comes after three requests, the confirmation of a neighbour after a delay; make both soon. */
const IMPATIENT = { arp: { retransmitTime: 50 * MS, delayFirstProbe: 50 * MS } } as const;

const TCP_PORTS = {
  '7/tcp': 'open',
  '9/tcp': 'open',
  '13/tcp': 'open',
  '19/tcp': 'open',
  '80/tcp': 'open',
  '81/tcp': 'closed',
  '12345/tcp': 'open',
};

const REFUSED_DATAGRAM = `
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(5)
s.connect((HOST, 4))
for attempt in range(2):
    s.send(b'anybody?')
    try:
        s.recv(100)
        sys.exit('no error')
    except ConnectionRefusedError:
        pass
`;

const UNKNOWN_PROTOCOL = `
import errno
IP_RECVERR = 11
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 253)
s.setsockopt(socket.SOL_IP, IP_RECVERR, 1)
s.settimeout(5)
s.connect((HOST, 0))
s.send(b'no one speaks this')
try:
    s.recv(100)
    sys.exit('no error')
except OSError as error:
    assert error.errno == errno.ENOPROTOOPT, error
`;

describeInterop('ARP, ICMP and UDP with the kernel', () => {
  for (const { offload, kind } of OFFLOADS) {
    describe(kind, () => {
      const theLab = useLab({ offload, serve: ALL_SERVICES });

      const PINGS: readonly [title: string, args: readonly string[], sent: number][] = [
        ['one', ['-c', '1'], 1],
        ['no payload', ['-c', '5', '-i', '0.01', '-s', '0'], 5],
        ['the usual payload', ['-c', '5', '-i', '0.01', '-s', '56'], 5],
        ['the largest payload of one frame', ['-c', '5', '-i', '0.01', '-s', '1472', '-M', 'do'], 5],
        ['a flood', ['-f', '-c', '2000'], 2000],
        ['a flood of full frames', ['-f', '-c', '2000', '-s', '1472'], 2000],
        ['ten at a time', ['-l', '10', '-c', '200', '-i', '0.002'], 200],
      ];
      for (const [title, args, sent] of PINGS) {
        it(`answers ping: ${title}`, async () => {
          const lab = theLab();
          const drops = await lab.dropped(async () => {
            const output = await lab.run('ping', [...args, '-q', '-W', '5', HOST], { timeout: 20_000 });
            expect(output).to.contain(`${sent} packets transmitted, ${sent} received, 0% packet loss`);
            expect(output).to.not.match(/error|corrupt|duplicate|DUP|wrong/i);
          });
          expect(drops).to.deep.equal({});
        });
      }

      it('pings the kernel from a raw socket', async () => {
        const { host } = theLab();
        for (const size of [0, 56, 1472]) {
          const { sent, received } = await ping(host.sockets, KERNEL, { count: 5, size });
          expect([sent, received], `${size} octets`).to.deep.equal([5, 5]);
        }
      });

      it('UDP echo of every size that one frame carries', async () => {
        await theLab().python(`
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(5)
for size in [0, 1, 2, 3, 17, 18, 19, 100, 1471, 1472] * 20:
    data = bytes(i * 7 & 255 for i in range(size))
    s.sendto(data, (HOST, 7))
    assert s.recvfrom(65536) == (data, (HOST, 7)), size
`);
      });

      it('UDP to a closed port of the host: the kernel program gets ECONNREFUSED', async () => {
        const lab = theLab();
        expect(await lab.dropped(() => lab.python(REFUSED_DATAGRAM))).to.deep.equal({ 'udp-no-port': 2 });
      });

      it('UDP to a closed port of the kernel: the host program gets ECONNREFUSED', async () => {
        const { host } = theLab();
        const { socket, connect, send, recv, close } = host.sockets;
        const fd = socket(AF_INET, SOCK_DGRAM);
        await connect(fd, { address: KERNEL, port: 4 });
        await send(fd, 'anybody?');
        expect(await codeOf(recv(fd))).to.equal('ECONNREFUSED');
        const { received } = host.snapshot().icmp;
        await send(fd, 'anybody?');
        await until(() => host.snapshot().icmp.received > received);
        expect(await codeOf(send(fd, 'and now?'))).to.equal('ECONNREFUSED');
        close(fd);
      });

      it('an unknown IP protocol: protocol unreachable', async () => {
        const lab = theLab();
        expect(await lab.dropped(() => lab.python(UNKNOWN_PROTOCOL))).to.deep.equal({ 'ip-no-protocol': 1 });
      });
    });
  }

  describe('broadcast', () => {
    const theLab = useLab();

    it('a ping to the broadcast address stays unanswered', async () => {
      const lab = theLab();
      const drops = await lab.dropped(async () => {
        const args = ['-b', '-c', '2', '-i', '0.1', '-W', '0.3', '-q', '10.0.0.255'];
        const { code, stdout } = await lab.ns.exec('ping', args);
        expect(stdout).to.contain('2 packets transmitted, 0 received');
        expect(code).to.equal(1);
      });
      expect(drops).to.deep.equal({ 'icmp-echo-broadcast': 2 });
    });

    it('UDP to a closed port as a broadcast draws no ICMP error', async () => {
      const lab = theLab();
      await lab.python(`
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b'${DEVICE}')
s.sendto(b'x', ('10.0.0.255', 4))
s.sendto(b'x', ('255.255.255.255', 4))
`);
      await until(() => lab.host.stack.context.drops.count('udp-no-port') === 2);
      expect(lab.host.snapshot().icmp.errorsSent).to.equal(0);
    });
  });

  describe('ARP', () => {
    // Two stations with one address are the point of one of the tests.
    const theLab = useLab({ config: IMPATIENT, allowed: [/Duplicate IP address/] });

    it('arping finds the host', async () => {
      const output = await theLab().run('arping', ['-f', '-c', '2', '-I', DEVICE, HOST]);
      expect(output.toLowerCase()).to.contain(`reply from ${HOST} [${HOST_MAC}]`);
    });

    it('arping finds nobody at another address', async () => {
      const { code, stdout } = await theLab().ns.exec('arping', ['-c', '1', '-w', '1', '-I', DEVICE, NOBODY]);
      expect(stdout).to.contain('Received 0 response(s)');
      expect(code).to.equal(1);
    });

    it("duplicate address detection of another station finds the host's address, and no other (RFC 5227 2.1)", async () => {
      const { ns } = theLab();
      const taken = await ns.exec('arping', ['-D', '-c', '1', '-w', '1', '-I', DEVICE, HOST]);
      expect(taken.stdout).to.contain('Received 1 response(s)');
      expect(taken.code).to.equal(1);
      const free = await ns.exec('arping', ['-D', '-c', '1', '-w', '1', '-I', DEVICE, NOBODY]);
      expect(free.stdout).to.contain('Received 0 response(s)');
      expect(free.code).to.equal(0);
    });

    it('a target that does not answer fails a connect with EHOSTUNREACH, at once for a while, and its entry is FAILED', async () => {
      const { host } = theLab();
      const { socket, connect, sendto, close } = host.sockets;
      for (const attempt of [1, 2]) {
        const stream = socket(AF_INET, SOCK_STREAM);
        const code = await codeOf(connect(stream, { address: NOBODY, port: 7 }));
        expect(code, `attempt ${attempt}`).to.equal('EHOSTUNREACH');
        close(stream);
      }
      const datagram = socket(AF_INET, SOCK_DGRAM);
      await sendto(datagram, 'x', { address: KERNEL, port: 9 });
      close(datagram);
      const stateOf = (address: string): string | undefined =>
        host.snapshot().neighbors.find((neighbor) => neighbor.address === address)?.state;
      expect(stateOf(NOBODY)).to.equal('FAILED');
      await until(() => stateOf(KERNEL) === 'REACHABLE');
    });

    it('a station that claims the address of the host is met with a defence (RFC 5227 2.4)', async () => {
      const { ns, host } = theLab();
      ns.ip(`address add ${HOST}/32 dev ${DEVICE}`);
      await ns.exec('arping', ['-U', '-c', '1', '-w', '1', '-I', DEVICE, '-s', HOST, HOST]);
      ns.ip(`address delete ${HOST}/32 dev ${DEVICE}`);
      await until(() => host.stack.context.drops.count('arp-conflict') > 0);
      const output = await theLab().run('arping', ['-f', '-c', '2', '-I', DEVICE, HOST]);
      expect(output.toLowerCase()).to.contain(HOST_MAC);
    });
  });

  describe('traceroute', () => {
    // It counts hops with short lives, and resets the connections that it tries.
    const theLab = useLab({ serve: ALL_SERVICES, allowed: [/Connection reset/, /"Time To Live" only/] });
    const METHODS: readonly [title: string, args: readonly string[]][] = [
      ['UDP', []],
      ['ICMP', ['-I']],
      ['TCP to an open port', ['-T', '-p', '7']],
      ['TCP to a closed port', ['-T', '-p', '81']],
    ];
    for (const [title, args] of METHODS) {
      // -N 1: with several probes under way it does not wait for all answers once it has reached the end.
      it(`${title}: one hop`, async () => {
        const output = await theLab().run('traceroute', ['-n', '-N', '1', '-q', '3', ...args, HOST]);
        expect(output.trim().split('\n').slice(1).join('\n')).to.match(/^ ?1 {2}10\.0\.0\.2( {2}[0-9.]+ ms){3}$/);
      });
    }
  });

  describe('nmap', () => {
    // Half-open scans reset what they open; the others send what no connection would.
    const theLab = useLab({ serve: ALL_SERVICES, allowed: [/Connection reset/, /without FIN|ACKed segment|Null|FIN/] });

    const scan = async (...args: string[]): Promise<Record<string, string>> => {
      const output = await theLab().run('nmap', ['-n', '-Pn', ...args, HOST], { timeout: 30_000 });
      const rows = output.matchAll(/^(\d+(?:\/\w+)?) +(\S+)/gm);
      return Object.fromEntries([...rows].map(([, port, state]) => [port!, state!]));
    };

    afterEach(() => {
      expect(theLab().host.snapshot().connections).to.deep.equal([]);
    });

    it('-sT: open and closed TCP ports', async () => {
      expect(await scan('-sT', '-p', '7,9,13,19,80,81,12345')).to.deep.equal(TCP_PORTS);
    });

    it('-sS: the same by half-open connections', async () => {
      expect(await scan('-sS', '-p', '7,9,13,19,80,81,12345')).to.deep.equal(TCP_PORTS);
    });

    it('-sU: open and closed UDP ports', async () => {
      expect(await scan('-sU', '-p', '7,9,13,19,80')).to.deep.equal({
        '7/udp': 'open',
        '9/udp': 'open|filtered',
        '13/udp': 'open',
        '19/udp': 'open',
        '80/udp': 'closed',
      });
    });

    for (const [kind, what] of [
      ['-sF', 'FIN'],
      ['-sX', 'FIN, PSH and URG'],
      ['-sN', 'no flag'],
    ] as const) {
      it(`${kind}: a segment with ${what} is dropped by a listener and reset by a closed port (RFC 9293 3.10.7)`, async () => {
        expect(await scan(kind, '-p', '7,81')).to.deep.equal({ '7/tcp': 'open|filtered', '81/tcp': 'closed' });
      });
    }

    it('-sA: a lone ACK is reset by any port', async () => {
      expect(await scan('-sA', '-p', '7,81')).to.deep.equal({ '7/tcp': 'unfiltered', '81/tcp': 'unfiltered' });
    });

    it('-sO: the protocols that the host speaks', async () => {
      expect(await scan('-sO', '-p', '1,6,17,47,132')).to.deep.equal({
        '1': 'open',
        '6': 'open',
        '17': 'open',
        '47': 'closed',
        '132': 'closed',
      });
    });
  });
});
