/**
 * Bulk transfers with the kernel, in both directions at the same time, with and without loss, compared by SHA-256.
 *
 * Loss befalls every frame of both directions alike, data and acknowledgements. At 5 % of all frames a TCP
 * is slow (Linux's CUBIC takes half a minute for 32 MiB), so a run moves less there; TAPSTACK_FULL=1 makes it the full 64 MiB.
 */
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { impair } from '../../src/link/impair.ts';
import type { Link } from '../../src/link/link.ts';
import { SHUT_WR } from '../../src/socket/constants.ts';
import { FLOW_CONTROL, HOST, LOSS, OFFLOADS, withLab } from '../support/kernel-lab.ts';
import type { KernelLab } from '../support/kernel-lab.ts';
import { describeInterop } from '../support/namespace.ts';

const MIB = 1 << 20;
const FULL = process.env['TAPSTACK_FULL'] === '1';
/** Octets of a capture that tshark looks at; what follows is more of the same. */
const CAPTURE_LIMIT = 4 * MIB;
/** Longest time for a transfer (ms). */
const PATIENCE = FULL ? 400_000 : 60_000;

const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

const spoilt =
  (percent: number) =>
  (link: Link): Link =>
    impair(link, { incoming: { loss: percent / 100 }, outgoing: { loss: percent / 100 } });

/** Has the kernel that forwards between the host and the far kernel lose packets. */
async function loseOnTheWay(lab: KernelLab, percent: number): Promise<void> {
  await lab.run('nft', ['add table ip loss']);
  await lab.run('nft', ['add chain ip loss way { type filter hook forward priority 0; }']);
  await lab.run('nft', [`add rule ip loss way numgen random mod 100 < ${percent} counter drop`]);
}

describeInterop('bulk transfers with the kernel', () => {
  let folder: string;
  let data: Buffer;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'tapstack-bulk-'));
    data = randomBytes(64 * MIB);
    for (const size of [64, 16, 4]) writeFileSync(join(folder, `${size}`), data.subarray(0, size * MIB));
  });
  after(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  /** The far kernel sends to the host with nc. */
  async function into(lab: KernelLab, size: number): Promise<void> {
    const { accept, recv, close } = lab.host.sockets;
    const listener = lab.listen(5001);
    const command = `exec nc -N ${HOST} 5001 < ${join(folder, `${size}`)}`;
    const sender = lab.far.exec('sh', ['-c', command], { timeout: PATIENCE });
    const fd = await accept(listener);
    close(listener);
    const hash = createHash('sha256');
    const buffer = new Uint8Array(MIB);
    let received = 0;
    for (;;) {
      const count = await recv(fd, buffer);
      if (count === 0) break;
      hash.update(buffer.subarray(0, count));
      received += count;
    }
    close(fd);
    expect(received).to.equal(size * MIB);
    expect(hash.digest('hex')).to.equal(digest(data.subarray(0, received)));
    expect((await sender).code).to.equal(0);
  }

  /** The host sends to nc and sha256sum of the far kernel. */
  async function out(lab: KernelLab, size: number): Promise<void> {
    const { accept, send, shutdown, close } = lab.host.sockets;
    const listener = lab.listen(5002);
    const command = `nc ${HOST} 5002 < /dev/null | sha256sum`;
    const receiver = lab.far.exec('sh', ['-c', command], { timeout: PATIENCE });
    const fd = await accept(listener);
    close(listener);
    for (let at = 0; at < size * MIB; at += MIB) await send(fd, data.subarray(at, at + MIB));
    shutdown(fd, SHUT_WR);
    expect((await receiver).stdout.split(' ')[0]).to.equal(digest(data.subarray(0, size * MIB)));
    close(fd);
  }

  for (const { offload, kind } of OFFLOADS) {
    it(`64 MiB into the host and out of it, ${kind}`, async function () {
      this.timeout(PATIENCE);
      // The device's queue holds 1,000 frames, less than a window: on a busy machine it overflows.
      const allowed = [...FLOW_CONTROL, ...LOSS];
      const found = await withLab({ offload, captureLimit: CAPTURE_LIMIT, allowed }, async (lab) => {
        await into(lab, 64);
        await out(lab, 64);
        await Promise.all([into(lab, 64), out(lab, 64)]);
      });
      expect(found.verified.tcp).to.be.greaterThan(50);
    });

    for (const percent of [1, 5]) {
      const size = percent === 1 || FULL ? 64 : 16;
      const title = `${size} MiB each way with ${percent} % loss each way`;
      const options = { offload, captureLimit: CAPTURE_LIMIT, allowed: [...FLOW_CONTROL, ...LOSS] };

      it(`${title} by nftables, ${kind}`, async function () {
        this.timeout(PATIENCE);
        await withLab({ ...options, far: true }, async (lab) => {
          await loseOnTheWay(lab, percent);
          await Promise.all([into(lab, size), out(lab, size)]);
          const counter = /counter packets (\d+)/.exec(await lab.run('nft', ['list', 'table', 'ip', 'loss']));
          expect(Number(counter?.[1])).to.be.greaterThan(10);
        });
      });

      it(`${title} by an impaired link, ${kind}`, async function () {
        this.timeout(PATIENCE);
        await withLab({ ...options, wrap: spoilt(percent) }, async (lab) => {
          await Promise.all([into(lab, size), out(lab, size)]);
        });
      });
    }
  }

  it('4 MiB each way over a link that loses, duplicates, reorders, delays and corrupts', async function () {
    this.timeout(PATIENCE);
    const bad = { loss: 0.01, duplication: 0.02, reordering: 0.05, corruption: 0.01, delay: 2000, jitter: 1000 };
    const wrap = (link: Link): Link => impair(link, { incoming: bad, outgoing: bad });
    // The capture lies behind the impairment: it has what was corrupted on the way out.
    await withLab({ offload: false, wrap, allowed: [/./] }, async (lab) => {
      await Promise.all([into(lab, 4), out(lab, 4)]);
    });
  });
});
