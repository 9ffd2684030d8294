/**
 * Bulk transfers to the kernel in tshark's eyes: on a clean line nothing is sent again and no window closes; where packets are lost,
 * what it finds sent again is what TCP_INFO says, octet by octet.
 */
import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import { IPPROTO_TCP, SHUT_WR, TCP_INFO } from '../../src/socket/constants.ts';
import type { TcpInfo } from '../../src/tcp/service.ts';
import { FLOW_CONTROL, HOST, LOSS, withLab } from '../support/kernel-lab.ts';
import type { KernelLab, LabOptions } from '../support/kernel-lab.ts';
import { describeInterop } from '../support/namespace.ts';
import type { Examination } from '../support/tshark.ts';

const PORT = 5003;
const DATA = randomBytes(2 << 20);
/** Longest time for a transfer (ms). */
const PATIENCE = 60_000;

/** What tshark calls a segment whose octets it has seen before. */
const SENT_AGAIN = /retransmission|out-of-order/i;

/** The host sends DATA to a program on the kernel's side; what it counted. */
async function sendAll(lab: KernelLab): Promise<TcpInfo> {
  const { accept, send, shutdown, recv, getsockopt, close } = lab.host.sockets;
  const listener = lab.listen(PORT);
  const receiver = lab.ns.exec('sh', ['-c', `nc ${HOST} ${PORT} < /dev/null | wc -c`], { timeout: PATIENCE });
  const fd = await accept(listener);
  close(listener);
  await send(fd, DATA);
  shutdown(fd, SHUT_WR);
  expect(Number((await receiver).stdout)).to.equal(DATA.length);
  expect((await recv(fd)).length).to.equal(0);
  const info = getsockopt(fd, IPPROTO_TCP, TCP_INFO);
  close(fd);
  return info;
}

/** Octets that tshark has seen more than once. */
function octetsSentAgain({ complaints }: Examination): number {
  const packets = new Map<number, number>();
  for (const { packet, text, octets } of complaints) if (SENT_AGAIN.test(text)) packets.set(packet, octets);
  return [...packets.values()].reduce((sum, octets) => sum + octets, 0);
}

describeInterop('retransmissions in the eyes of tshark', () => {
  for (const sack of [true, false]) {
    const title = sack ? 'RACK' : 'NewReno';
    const options: LabOptions = { offload: false, config: { tcp: { sack } } };

    it(`none, and no zero window, where nothing is lost: ${title}`, async function () {
      this.timeout(PATIENCE);
      this.retries(3); // a program that does not get the processor in time looks like a loss
      const found = await withLab(options, async (lab) => {
        expect((await sendAll(lab)).retransmissions).to.equal(0);
      });
      expect(found.complaints.filter(({ text }) => SENT_AGAIN.test(text) || /zero window/i.test(text))).to.deep.equal(
        [],
      );
    });

    it(`as many octets as TCP_INFO says where one packet in fifty is lost: ${title}`, async function () {
      this.timeout(PATIENCE);
      const counted: number[] = [];
      const found = await withLab({ ...options, allowed: [...FLOW_CONTROL, ...LOSS] }, async (lab) => {
        await lab.run('nft', ['add table ip loss']);
        await lab.run('nft', ['add chain ip loss way { type filter hook input priority 0; }']);
        await lab.run('nft', ['add rule ip loss way numgen random mod 50 < 1 drop']);
        counted.push((await sendAll(lab)).bytesRetransmitted);
      });
      expect(counted[0]).to.be.above(0);
      expect(octetsSentAgain(found)).to.equal(counted[0]);
    });
  }
});
