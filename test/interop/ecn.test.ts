/**
 * Explicit congestion notification with the kernel, both ways: netfilter marks instead of dropping, and both ends slow down without a
 * retransmission. RFC 3168.
 */
import { expect } from 'chai';
import type { TcpConfig } from '../../src/core/config.ts';
import { IPPROTO_TCP, SHUT_WR, TCP_INFO } from '../../src/socket/constants.ts';
import type { TcpInfo } from '../../src/tcp/service.ts';
import { FLOW_CONTROL, OFFLOADS, withLab } from '../support/kernel-lab.ts';
import type { KernelLab } from '../support/kernel-lab.ts';
import { describeInterop } from '../support/namespace.ts';

const OCTETS = 8 * 1024 * 1024;
const PORT = 9000;
/** Segments that are sent twice on a busy machine, since an ACK is late (a tail loss probe); marks cause none. */
const LATE = 6;

/** Marks some of the ECT packets that leave the kernel, or that come to it, and counts what must not be. */
const MARKING = `
table ip lab {
  counter marked { }
  counter wrong { }
  counter answered { }
  chain leaving {
    type filter hook output priority mangle;
    ip ecn ect0 numgen inc mod 20 == 3 counter name marked ip ecn set ce
  }
  chain coming {
    type filter hook prerouting priority raw;
    ip ecn != not-ect tcp flags syn counter name wrong
    ip ecn != not-ect ip length 40-52 counter name wrong
    tcp flags & cwr == cwr counter name answered
    ip ecn ect0 numgen inc mod 20 == 3 counter name marked ip ecn set ce
  }
}
`;

async function counters(lab: KernelLab): Promise<Record<string, number>> {
  const listed = await lab.run('nft', ['list', 'counters']);
  return Object.fromEntries(
    [...listed.matchAll(/counter (\w+) \{\s*packets (\d+)/g)].map(([, name, packets]) => [name!, Number(packets)]),
  );
}

async function prepare(lab: KernelLab, tcpEcn: number): Promise<void> {
  await lab.run('sysctl', ['-q', '-w', `net.ipv4.tcp_ecn=${tcpEcn}`]);
  await lab.run('nft', ['-f', '-'], { input: MARKING });
}

/** A kernel that sends OCTETS to the host, and shows what it knows of the connection. */
const SENDER = `
s = socket.create_connection((HOST, ${PORT}), 10)
s.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b'cubic')
s.sendall(bytes(${OCTETS}))
s.shutdown(socket.SHUT_WR)
while s.recv(65536):
    pass
info = s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
print(info[5], struct.unpack_from('I', info, 100)[0])
`;

/** A kernel that receives all that there is. */
const RECEIVER = `
s = socket.create_server((KERNEL, ${PORT}))
c, _ = s.accept()
count = 0
while part := c.recv(1 << 20):
    count += len(part)
print(count)
`;

const OPT_ECN = 8;

const infoOf = (lab: KernelLab, fd: number): TcpInfo => lab.host.sockets.getsockopt(fd, IPPROTO_TCP, TCP_INFO);

const negotiations: readonly (readonly [TcpConfig['ecn'], number, boolean, boolean])[] = [
  // ecn here, tcp_ecn there, and whether a connection from here, or from there, uses it
  ['off', 1, false, false],
  ['passive', 0, false, false],
  ['passive', 1, false, true],
  ['passive', 2, false, false],
  ['active', 0, false, false],
  ['active', 1, true, true],
  ['active', 2, true, false],
];

describeInterop('ECN with the kernel', () => {
  for (const [ecn, tcpEcn, fromHere, fromThere] of negotiations) {
    it(`3168-6.1.1-a: '${ecn}' here, tcp_ecn = ${tcpEcn} there`, async function () {
      this.timeout(60_000);
      await withLab({ config: { tcp: { ecn } } }, async (lab) => {
        await prepare(lab, tcpEcn);
        const serving = lab.python(RECEIVER);
        await lab.listening(PORT);
        const out = await lab.connect(PORT);
        expect(infoOf(lab, out).ecn, 'from here').to.equal(fromHere);
        lab.host.sockets.shutdown(out, SHUT_WR);
        await serving;
        const accepting = lab.acceptOne(PORT + 1);
        const calling = lab.python(`s = socket.create_connection((HOST, ${PORT + 1}), 10)
print(s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)[5])`);
        const back = await accepting;
        expect(infoOf(lab, back).ecn, 'from there').to.equal(fromThere);
        expect((Number(await calling) & OPT_ECN) !== 0, 'what the kernel says').to.equal(fromThere);
        expect((await counters(lab))['wrong']).to.equal(0);
      });
    });
  }

  for (const { offload, kind } of OFFLOADS) {
    it(`3168-6.1.2-a: marked text of this host slows it down, without a retransmission, ${kind}`, async function () {
      this.timeout(60_000);
      await withLab({ offload, config: { tcp: { ecn: 'active' } }, allowed: FLOW_CONTROL }, async (lab) => {
        await prepare(lab, 2);
        const serving = lab.python(RECEIVER, { timeout: 50_000 });
        await lab.listening(PORT);
        const fd = await lab.connect(PORT);
        await lab.host.sockets.send(fd, new Uint8Array(OCTETS));
        lab.host.sockets.shutdown(fd, SHUT_WR);
        expect(await lab.receiveAll(fd)).to.have.length(0);
        expect(Number(await serving)).to.equal(OCTETS);
        const info = infoOf(lab, fd);
        const { marked, wrong, answered } = await counters(lab);
        expect(marked, 'marked').to.be.above(0);
        expect(info.echoesReceived, 'echoes').to.be.above(0);
        expect(info.ecnReductions, 'reductions').to.be.above(0);
        expect(answered, 'CWR, besides that of the SYN').to.be.within(2, info.ecnReductions + 1);
        expect(info.retransmissions).to.be.at.most(LATE);
        expect(wrong, 'marked SYNs and ACKs').to.equal(0);
      });
    });

    it(`3168-6.1.3-a: marked text of the kernel is echoed until it has slowed down, ${kind}`, async function () {
      this.timeout(60_000);
      await withLab({ offload, config: { tcp: { ecn: 'passive' } }, allowed: FLOW_CONTROL }, async (lab) => {
        await prepare(lab, 1);
        const accepting = lab.acceptOne(PORT);
        const sending = lab.python(SENDER, { timeout: 50_000 });
        const fd = await accepting;
        expect(await lab.receiveAll(fd)).to.have.length(OCTETS);
        expect(infoOf(lab, fd).marksReceived, 'marks').to.be.above(0);
        lab.host.sockets.close(fd);
        const [options, retransmissions] = (await sending).split(' ').map(Number);
        expect(options! & OPT_ECN).to.equal(OPT_ECN);
        expect(retransmissions).to.be.at.most(LATE);
        const { marked, wrong } = await counters(lab);
        expect([marked! > 0, wrong]).to.deep.equal([true, 0]);
        const reductions = Number(
          /TCPDeliveredCE\s+(\d+)/.exec(await lab.run('nstat', ['-az', 'TcpExtTCPDeliveredCE']))?.[1],
        );
        expect(reductions, 'segments that the kernel knows were marked').to.be.above(0);
      });
    });
  }
});
