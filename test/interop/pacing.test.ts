/** Pacing and BBR in real time: the driver's timers serve quanta of a millisecond, and the kernel gets every octet. */
import { createHash } from 'node:crypto';
import { expect } from 'chai';
import { impair } from '../../src/link/impair.ts';
import type { Link } from '../../src/link/link.ts';
import { IPPROTO_TCP, SHUT_WR, TCP_CONGESTION, TCP_INFO } from '../../src/socket/constants.ts';
import type { TcpInfo } from '../../src/tcp/service.ts';
import { patternBytes } from '../../src/lab/transfer.ts';
import { FLOW_CONTROL, HOST, LOSS, OFFLOADS, withLab } from '../support/kernel-lab.ts';
import type { KernelLab } from '../support/kernel-lab.ts';
import { describeInterop } from '../support/namespace.ts';

const MIB = 1 << 20;
const DATA = patternBytes(4 * MIB);
const DIGEST = createHash('sha256').update(DATA).digest('hex');

/** 50 Mbit/s and 20 ms, with a queue of eight times what that holds. */
const slow = (link: Link): Link =>
  impair(link, {
    outgoing: { rate: 50_000_000, delay: 10_000, queue: { frames: 660 } },
    incoming: { delay: 10_000 },
  });

describeInterop('paced transfers to the kernel', () => {
  /** Sends DATA to nc and sha256sum; what TCP_INFO told near the end. */
  async function send(lab: KernelLab, congestion: string): Promise<TcpInfo> {
    const { accept, send: write, setsockopt, getsockopt, shutdown, close } = lab.host.sockets;
    const listener = lab.listen(5002);
    const receiver = lab.far.exec('sh', ['-c', `nc ${HOST} 5002 < /dev/null | sha256sum`], { timeout: 60_000 });
    const fd = await accept(listener);
    close(listener);
    setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, congestion);
    for (let at = 0; at < DATA.length; at += MIB) await write(fd, DATA.subarray(at, at + MIB));
    const info = getsockopt(fd, IPPROTO_TCP, TCP_INFO);
    shutdown(fd, SHUT_WR);
    expect((await receiver).stdout.split(' ')[0]).to.equal(DIGEST);
    close(fd);
    return info;
  }

  for (const { offload, kind } of OFFLOADS) {
    for (const [congestion, pacing] of [
      ['bbr', 'off'],
      ['cubic', 'always'],
    ] as const) {
      it(`${congestion}, config.tcp.pacing ${pacing}, ${kind}`, async function () {
        this.timeout(90_000);
        const config = { tcp: { pacing, sendBuffer: 2 * MIB } };
        const allowed = [...FLOW_CONTROL, ...LOSS];
        await withLab({ offload, config, wrap: slow, allowed }, async (lab) => {
          const info = await send(lab, congestion);
          expect(info).to.include({ congestion, recovery: 'rack', timeouts: 0 });
          expect(info.pacingRate).to.be.above(0);
          expect(info.deliveryRate).to.be.above(0);
        });
      });
    }
  }
});
