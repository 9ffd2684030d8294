/** Packet sockets of a host beside the Linux kernel: what crosses the TAP device is seen, and what is sent is read there. packet(7). */
import { expect } from 'chai';
import { setU32 } from '../../src/core/bytes.ts';
import { parseAddress } from '../../src/ip/address.ts';
import * as c from '../../src/socket/constants.ts';
import { DEVICE, HOST, HOST_MAC, KERNEL, OFFLOADS, useLab } from '../support/kernel-lab.ts';
import type { KernelLab } from '../support/kernel-lab.ts';
import { describeInterop } from '../support/namespace.ts';
import { until } from '../support/wait.ts';
import { EXPERIMENT, checksumIsRight, drain, frameOf, openPacket, summaries } from '../socket/packet/frames.ts';
import type { Received } from '../socket/packet/frames.ts';

const BROADCAST = 'ff:ff:ff:ff:ff:ff';
const STRANGER = '02:00:00:00:00:77';
const ECHO = 7;
/** Octets of the transfer. */
const LENGTH = 200_000;

/** An ARP request of the host for the kernel's address. RFC 826. */
function arpRequest(): Uint8Array {
  const packet = new Uint8Array(28);
  packet.set([0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 2]);
  setU32(packet, 14, parseAddress(HOST)!);
  setU32(packet, 24, parseAddress(KERNEL)!);
  return packet;
}

/** Has the kernel's side send a frame of the experimental type. */
const sendFromKernel = (lab: KernelLab, destination: string, text: string): Promise<string> =>
  lab.python(`
s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM)
s.sendto(b'${text}'.ljust(46, b'.'), ('${DEVICE}', ${EXPERIMENT}, 0, 0, bytes.fromhex('${destination}'.replace(':', ''))))
`);

describeInterop('packet sockets with the kernel', () => {
  for (const { offload, kind } of OFFLOADS) {
    describe(kind, () => {
      const theLab = useLab({ offload, serve: [{ name: 'echo', port: ECHO }] });
      let opened: number[] = [];

      const open = (type: number, protocol: number): number => {
        const { calls } = theLab().host.stack;
        const fd = openPacket(calls, type, protocol);
        calls.bind(fd, { family: c.AF_PACKET, protocol: 0, interfaceIndex: calls.ifNameToIndex(DEVICE) });
        opened.push(fd);
        return fd;
      };
      const seen = (fd: number): Received[] => drain(theLab().host.stack.calls, fd);
      const to = (protocol: number, hardwareAddress: string) =>
        ({ family: c.AF_PACKET, protocol, interfaceIndex: 2, hardwareAddress }) as const;

      afterEach(() => {
        for (const fd of opened) theLab().host.stack.calls.close(fd);
        opened = [];
      });

      it("sees the kernel's ping and its own answers", async () => {
        const lab = theLab();
        await lab.run('ping', ['-c', '1', '-q', HOST]);
        const fd = open(c.SOCK_DGRAM, c.ETH_P_ALL);
        await lab.run('ping', ['-c', '3', '-i', '0.01', '-q', HOST]);
        const datagrams = seen(fd).filter(({ from }) => from.protocol === c.ETH_P_IP);
        const types = datagrams.map(({ octets, from }) => [from.packetType, octets[20]]);
        const pair = [
          [c.PACKET_HOST, 8],
          [c.PACKET_OUTGOING, 0],
        ];
        expect(types).to.deep.equal([...pair, ...pair, ...pair]);
        const macs = datagrams.map(({ from }) => from.hardwareAddress);
        expect(macs.slice(0, 2)).to.deep.equal([lab.ns.mac(DEVICE), HOST_MAC]);
      });

      it('an ARP request made by hand: the kernel answers, and tshark reads it', async () => {
        const lab = theLab();
        const fd = open(c.SOCK_DGRAM, c.ETH_P_ARP);
        const fields = ['arp.opcode', 'arp.src.hw_mac', 'arp.src.proto_ipv4', 'arp.dst.proto_ipv4'];
        const listening = lab.ns.exec(
          'tshark',
          ['-n', '-i', DEVICE, '-c', '1', '-f', 'arp[6:2] = 1', '-T', 'fields', ...fields.flatMap((f) => ['-e', f])],
          { timeout: 30_000 },
        );
        let output: string | undefined = undefined;
        void listening.then(({ stdout }) => (output = stdout));
        // It does not tell when it has begun to listen.
        await until(() => {
          lab.host.stack.calls.sendto(fd, arpRequest(), 0, to(c.ETH_P_ARP, BROADCAST));
          return output !== undefined;
        }, 30_000);
        expect(output!.trim().split('\t')).to.deep.equal(['1', HOST_MAC, HOST, KERNEL]);
        await until(() => seen(fd).some(({ octets }) => octets[7] === 2));
      }).timeout(40_000);

      it('a whole frame of SOCK_RAW arrives at a packet socket of the kernel as it is', async () => {
        const lab = theLab();
        const fd = open(c.SOCK_RAW, EXPERIMENT);
        const payload = Uint8Array.from({ length: 1500 }, (_, i) => i & 255);
        const receiving = lab.python(`
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(${EXPERIMENT}))
s.bind(('${DEVICE}', ${EXPERIMENT}))
s.settimeout(20)
print(s.recv(4096).hex())
`);
        let output: string | undefined = undefined;
        void receiving.then((text) => (output = text));
        const frame = frameOf(lab.ns.mac(DEVICE), STRANGER, EXPERIMENT, payload);
        await until(() => {
          lab.host.stack.calls.sendto(fd, frame, 0, to(EXPERIMENT, ''));
          return output !== undefined;
        }, 20_000);
        expect(output!.trim()).to.equal(Buffer.from(frame).toString('hex'));
      }).timeout(30_000);

      it('promiscuous mode sees a frame for another MAC, and only then', async () => {
        const lab = theLab();
        const { calls } = lab.host.stack;
        const fd = open(c.SOCK_DGRAM, EXPERIMENT);
        await sendFromKernel(lab, STRANGER, 'unseen');
        await sendFromKernel(lab, HOST_MAC, 'first');
        await until(() => calls.readiness(fd) % 2 === 1);
        expect(summaries(seen(fd))).to.deep.equal(['88b5 host']);
        const promiscuous = { ifindex: calls.ifNameToIndex(DEVICE), type: c.PACKET_MR_PROMISC };
        expect(calls.setsockopt(fd, c.SOL_PACKET, c.PACKET_ADD_MEMBERSHIP, promiscuous)).to.equal(0);
        await sendFromKernel(lab, STRANGER, 'seen');
        await until(() => calls.readiness(fd) % 2 === 1);
        const [stranger] = seen(fd);
        expect(Buffer.from(stranger!.octets).toString()).to.match(/^seen\.+$/);
        expect(stranger!.from.packetType).to.equal(c.PACKET_OTHERHOST);
      });

      it('a transfer in both directions is seen whole, with complete checksums', async () => {
        const lab = theLab();
        const { calls } = lab.host.stack;
        const fd = open(c.SOCK_RAW, c.ETH_P_ALL);
        calls.setsockopt(fd, c.SOL_SOCKET, c.SO_RCVBUF, 1 << 23);
        await lab.python(`
s = socket.create_connection((HOST, ${ECHO}), 10)
data = bytes(i & 255 for i in range(${LENGTH}))
s.sendall(data)
got = b''
while len(got) < len(data):
    got += s.recv(65536)
assert got == data
`);
        expect(calls.getsockopt(fd, c.SOL_PACKET, c.PACKET_STATISTICS)).to.have.property('drops', 0);
        const segments = seen(fd).filter(({ from, octets }) => from.protocol === c.ETH_P_IP && octets[23] === 6);
        const octetsOf = (type: number): number =>
          segments
            .filter(({ from }) => from.packetType === type)
            .reduce((sum, { octets }) => sum + octets.length - 34 - (octets[46]! >> 4) * 4, 0);
        expect(octetsOf(c.PACKET_HOST)).to.be.at.least(LENGTH);
        expect(octetsOf(c.PACKET_OUTGOING)).to.be.at.least(LENGTH);
        expect(segments.every(({ octets }) => checksumIsRight(octets, 14))).to.equal(true);
        const longest = Math.max(...segments.map(({ octets }) => octets.length));
        if (offload) expect(longest).to.be.greaterThan(1514);
      });
    });
  }
});
