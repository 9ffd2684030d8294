/**
 * Paths with a narrow place, between the host and a kernel behind a kernel that routes: path MTU discovery with the router's ICMP
 * (RFC 1191), and without, where nftables filters it (RFC 4821).
 */
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { parseAddress } from '../../src/ip/address.ts';
import type { NetError } from '../../src/node/net-error.ts';
import {
  AF_INET,
  IPPROTO_IP,
  IP_MTU,
  IP_MTU_DISCOVER,
  IP_PMTUDISC_DO,
  SHUT_WR,
  SOCK_DGRAM,
} from '../../src/socket/constants.ts';
import { ALL_SERVICES, DEVICE, FAR, FLOW_CONTROL, HOST, LOSS, OFFLOADS, withLab } from '../support/kernel-lab.ts';
import type { KernelLab } from '../support/kernel-lab.ts';
import { describeInterop } from '../support/namespace.ts';
import { until } from '../support/wait.ts';

const SIZE = 4 << 20;
/** Longest time for one test (ms). */
const PATIENCE = 60_000;
const FAR_ADDRESS = parseAddress(FAR)!;

const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** The router's link to the far kernel carries only so much, which that kernel does not know: its MSS says 1,460. */
const narrowOut = (lab: KernelLab, mtu: number): void => lab.ns.ip(`link set far0 mtu ${mtu}`);

/** The router's link to the host carries only so much from the far kernel on. */
const narrowIn = (lab: KernelLab, mtu: number): void => lab.ns.ip(`link set ${DEVICE} mtu ${mtu}`);

/** The router tells nobody anything. */
async function makeSilent(lab: KernelLab): Promise<void> {
  await lab.run('nft', ['add table ip hole']);
  await lab.run('nft', ['add chain ip hole out { type filter hook output priority 0; }']);
  await lab.run('nft', ['add rule ip hole out meta l4proto icmp counter drop']);
}

/** What the host has learned of the path to the far kernel. */
function learned(lab: KernelLab): { mtu: number; locked: boolean } | undefined {
  for (const [destination, { mtu, locked }] of lab.host.stack.ip.pathMtuInfo()) {
    if (destination === FAR_ADDRESS) return { mtu, locked };
  }
  return undefined;
}

describeInterop('paths with a narrow place', () => {
  let folder: string;
  let data: Buffer;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'tapstack-mtu-'));
    data = randomBytes(SIZE);
    writeFileSync(join(folder, 'data'), data);
  });
  after(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  /** The host sends to the far kernel. Returns the segment size that it ended with. */
  async function out(lab: KernelLab): Promise<number> {
    const { accept, send, shutdown, close } = lab.host.sockets;
    const listener = lab.listen(5002);
    const receiver = lab.far.exec('sh', ['-c', `nc ${HOST} 5002 < /dev/null | sha256sum`], { timeout: PATIENCE });
    const fd = await accept(listener);
    close(listener);
    await send(fd, data);
    shutdown(fd, SHUT_WR);
    expect((await receiver).stdout.split(' ')[0]).to.equal(digest(data));
    const { mss } = lab.host.snapshot().connections.find(({ local }) => local === `${HOST}:5002`)!;
    close(fd);
    return mss;
  }

  /** The far kernel sends to the host. */
  async function into(lab: KernelLab): Promise<void> {
    const { accept, close } = lab.host.sockets;
    const listener = lab.listen(5001);
    const command = `exec nc -N ${HOST} 5001 < ${join(folder, 'data')}`;
    const sender = lab.far.exec('sh', ['-c', command], { timeout: PATIENCE });
    const fd = await accept(listener);
    close(listener);
    expect(digest(await lab.receiveAll(fd))).to.equal(digest(data));
    close(fd);
    expect((await sender).code).to.equal(0);
  }

  for (const { offload, kind } of OFFLOADS) {
    const options = { offload, far: true, captureLimit: 4 << 20, allowed: [...FLOW_CONTROL, ...LOSS] };
    for (const mtu of [1300, 600]) {
      it(`1191-3-a, 1191-6.4-a: out of the host, MTU ${mtu}, ${kind}`, async function () {
        this.timeout(PATIENCE);
        await withLab(options, async (lab) => {
          narrowOut(lab, mtu);
          expect(await out(lab)).to.equal(mtu - 52);
          expect(learned(lab)).to.deep.equal({ mtu, locked: false });
        });
      });

      it(`RFC 4821: out of the host, MTU ${mtu}, the router says nothing, ${kind}`, async function () {
        this.timeout(PATIENCE);
        await withLab(options, async (lab) => {
          narrowOut(lab, mtu);
          await makeSilent(lab);
          expect(await out(lab)).to.be.within(mtu > 1076 ? 1012 : 500, mtu - 52);
          expect(learned(lab)).to.equal(undefined);
        });
      });

      it(`into the host, MTU ${mtu}, ${kind}`, async function () {
        this.timeout(PATIENCE);
        await withLab(options, async (lab) => {
          narrowIn(lab, mtu);
          await into(lab);
        });
      });
    }
  }

  for (const { offload, kind } of OFFLOADS) {
    it(`1122-3.3.2-a, 1122-3.3.3-b: large pings and datagrams go to and fro in pieces, ${kind}`, async function () {
      this.timeout(PATIENCE);
      await withLab({ offload, far: true, serve: ALL_SERVICES, allowed: [/./] }, async (lab) => {
        await lab.run('ping', ['-q', '-c', '3', '-i', '0.2', '-s', '5000', HOST]);
        await lab.run('ping', ['-q', '-c', '1', '-s', '65507', HOST]);
        narrowOut(lab, 600);
        lab.far.ip('link set eth0 mtu 600'); // its device drops what is longer than its own MTU
        for (const size of [100, 1472, 1473, 20_000, 60_000]) {
          const { code, stdout, stderr } = await lab.far.exec('python3', ['-c', UDP_ECHO, `${size}`]);
          expect(code, `${size}: ${stdout}${stderr}`).to.equal(0);
        }
        // The echo of 1,472 octets had DF and was too long for the router, who said so.
        expect(learned(lab)).to.deep.equal({ mtu: 600, locked: false });
      });
    });
  }

  it('EMSGSIZE and IP_MTU tell a program of its path', async function () {
    this.timeout(PATIENCE);
    await withLab({ far: true, allowed: [/./] }, async (lab) => {
      const { socket, setsockopt, getsockopt, connect, send, close } = lab.host.sockets;
      narrowOut(lab, 900);
      const fd = socket(AF_INET, SOCK_DGRAM);
      setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO);
      await connect(fd, { address: FAR, port: 9 });
      expect(getsockopt(fd, IPPROTO_IP, IP_MTU)).to.equal(1500);
      await send(fd, new Uint8Array(1472));
      await until(() => learned(lab) !== undefined);
      const errors: string[] = [];
      // As on the kernel: what is too long fails by itself, and the router's report is told by the first send that would do.
      for (const size of [873, 873, 872]) {
        await send(fd, new Uint8Array(size)).catch((error: unknown) => errors.push((error as NetError).code));
      }
      expect(errors).to.deep.equal(['EMSGSIZE', 'EMSGSIZE', 'EMSGSIZE']);
      expect(getsockopt(fd, IPPROTO_IP, IP_MTU)).to.equal(900);
      expect(await send(fd, new Uint8Array(872))).to.equal(872);
      close(fd);
    });
  });

  it('5927-4-a: a report that quotes what is not in flight changes nothing', async function () {
    this.timeout(PATIENCE);
    await withLab({ far: true, allowed: [...FLOW_CONTROL, ...LOSS, /./] }, async (lab) => {
      const { socket, connect, send, recv, close } = lab.host.sockets;
      const far = lab.far.spawn('python3', ['-c', ECHO]);
      await new Promise((resolve) => far.stdout!.once('data', resolve));
      const fd = socket(2, 1);
      await connect(fd, { address: FAR, port: 5003 });
      const [connection] = lab.host.snapshot().connections.filter(({ state }) => state === 'ESTABLISHED');
      const port = connection!.local.split(':')[1]!;
      const drops = await lab.dropped(async () => {
        await lab.run('python3', ['-c', SPOOF, port]);
        await send(fd, new Uint8Array(10));
        expect(await recv(fd)).to.have.length(10);
      });
      expect(drops['tcp-error-not-in-flight']).to.equal(100);
      expect(learned(lab)).to.equal(undefined);
      close(fd);
    });
  });
});

/** Sends one datagram to the host's echo service, until it comes back. */
const UDP_ECHO = `
import os, socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(1)
s.connect(('${HOST}', 7))
data = os.urandom(int(sys.argv[1]))
for attempt in range(5):
    s.send(data)
    try:
        sys.exit(0 if s.recv(65536) == data else 1)
    except TimeoutError:
        pass
sys.exit(2)
`;

const ECHO = `
import socket
l = socket.create_server(('${FAR}', 5003))
print('ready', flush=True)
s = l.accept()[0]
while d := s.recv(65536): s.sendall(d)
`;

/** A hundred reports from the router about segments of the connection, each of which quotes another sequence number. */
const SPOOF = `
import os, socket, struct, sys
def checksum(b):
    s = sum(struct.unpack('!%dH' % (len(b) // 2), b))
    while s >> 16: s = (s & 0xffff) + (s >> 16)
    return ~s & 0xffff
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
for i in range(100):
    quote = struct.pack('!BBHHHBBH4s4s', 0x45, 0, 1500, 0, 0x4000, 64, 6, 0, socket.inet_aton('${HOST}'), socket.inet_aton('${FAR}'))
    quote += struct.pack('!HHI', int(sys.argv[1]), 5003, int.from_bytes(os.urandom(4), 'big'))
    message = struct.pack('!BBHHH', 3, 4, 0, 0, 600) + quote
    message = message[:2] + struct.pack('!H', checksum(message)) + message[4:]
    raw.sendto(message, ('${HOST}', 0))
`;
