/** Multicast with the kernel: datagrams to a group in both directions, and what IGMP says of it. RFC 1112, ip(7). */
import { expect } from 'chai';
import { AF_INET, IPPROTO_IP, IP_ADD_MEMBERSHIP, IP_MULTICAST_IF, SOCK_DGRAM } from '../../src/socket/constants.ts';
import { HOST, KERNEL, useLab } from '../support/kernel-lab.ts';
import type { KernelLab } from '../support/kernel-lab.ts';
import { describeInterop } from '../support/namespace.ts';
import { until } from '../support/wait.ts';

const GROUP = '239.1.2.3';
const PORT = 5000;
const ROUNDS = 20;

/** Joins GROUP on the kernel's side as `s`; a datagram socket there sends to groups by way of the device. */
const KERNEL_SIDE = `
GROUP, PORT = '${GROUP}', ${PORT}
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(10)
s.bind(('', PORT))
s.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(GROUP) + socket.inet_aton(KERNEL))
s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(KERNEL))
s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)
`;

/** Takes ROUNDS datagrams and sends each back to where it came from. */
const ANSWER = `${KERNEL_SIDE}
for i in range(${ROUNDS}):
    data, peer = s.recvfrom(2000)
    assert peer[0] == HOST, peer
    s.sendto(data, peer)
`;

/** Sends datagrams to the group, the last in pieces, and takes an answer to each. */
const ASK = `${KERNEL_SIDE}
for size in [0, 1, 100, 1472, 4000]:
    s.sendto(bytes([size % 251]) * size, (GROUP, PORT))
    data, peer = s.recvfrom(5000)
    assert peer == (HOST, PORT) and data == bytes([size % 251]) * size, (peer, len(data))
`;

/** Hears a report: the datagram as it came, in hexadecimal. */
const HEAR_REPORT = `
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 2)
s.settimeout(10)
s.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton('${GROUP}') + socket.inet_aton(KERNEL))
print('ready', flush=True)
while True:
    data, peer = s.recvfrom(2000)
    if peer[0] == HOST:
        break
print(data[8:10].hex(), socket.inet_ntoa(data[16:20]), data[20:].hex())
`;

/** A socket of the host that is bound to the port, in the group on the link. */
function openMember({ host }: KernelLab): number {
  const { socket, bind } = host.sockets;
  const fd = socket(AF_INET, SOCK_DGRAM);
  bind(fd, { address: '0.0.0.0', port: PORT });
  expect(host.stack.calls.setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, { multiaddr: GROUP, address: HOST })).to.equal(
    0,
  );
  expect(host.stack.calls.setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, HOST)).to.equal(0);
  return fd;
}

/** Resolves once the kernel is in the group. */
const kernelHasJoined = (lab: KernelLab): Promise<void> =>
  until(async () => (await lab.run('ip', ['maddr', 'show', 'dev', 'tap0'])).includes(GROUP));

describeInterop('multicast with the kernel', function () {
  const theLab = useLab();

  before(() => theLab().ns.ip('link set tap0 multicast on'));

  it('the kernel receives what the host sends to a group, and answers', async () => {
    const lab = theLab();
    const { sendto, recvfrom, close } = lab.host.sockets;
    const answering = lab.python(ANSWER, { timeout: 20_000 });
    await kernelHasJoined(lab);
    const fd = openMember(lab);
    for (let i = 0; i < ROUNDS; i++) {
      await sendto(fd, `datagram ${i}`, { address: GROUP, port: PORT });
      const texts: string[] = [];
      // The own copy, since the socket is in the group too, and the kernel's answer.
      for (let copy = 0; copy < 2; copy++) {
        const { data, address } = await recvfrom(fd);
        texts.push(`${Buffer.from(data).toString()} from ${address}`);
      }
      expect(texts.sort()).to.deep.equal([`datagram ${i} from ${KERNEL}`, `datagram ${i} from ${HOST}`]);
    }
    close(fd);
    await answering;
  });

  it('the host receives what the kernel sends to a group, and answers', async () => {
    const lab = theLab();
    const { sendto, recvfrom, close } = lab.host.sockets;
    const fd = openMember(lab);
    const asking = lab.python(ASK, { timeout: 20_000 });
    for (let i = 0; i < 5; i++) {
      const { data, address, port } = await recvfrom(fd, 5000);
      expect(address).to.equal(KERNEL);
      await sendto(fd, data, { address, port });
    }
    await asking;
    close(fd);
  });

  it('socat in the group hears the host', async () => {
    const lab = theLab();
    const { sendto, close } = lab.host.sockets;
    const options = `ip-add-membership=${GROUP}:${KERNEL},reuseaddr`;
    const hearing = lab.run('socat', ['-u', `UDP4-RECVFROM:${PORT},${options}`, 'STDOUT']);
    await kernelHasJoined(lab);
    const fd = openMember(lab);
    await sendto(fd, 'to socat', { address: GROUP, port: PORT });
    expect(await hearing).to.equal('to socat');
    close(fd);
  });

  it('the kernel hears the host’s membership report', async () => {
    const lab = theLab();
    const hearing = lab.python(HEAR_REPORT, { timeout: 20_000 });
    await kernelHasJoined(lab);
    const fd = openMember(lab);
    // TTL 1 and protocol 2; to the group itself; version 1, type 2.
    expect(await hearing).to.equal(`ready\n0102 ${GROUP} 1200fcfaef010203\n`);
    lab.host.sockets.close(fd);
  });
});
