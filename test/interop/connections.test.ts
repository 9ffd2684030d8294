/** Many connections with the kernel: one after another, all at once, in both roles; and memory after 10,000 of them. */
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { HOST, KERNEL, LOSS, OFFLOADS, ALL_SERVICES, configureKernel, useLab } from '../support/kernel-lab.ts';
import type { KernelLab } from '../support/kernel-lab.ts';
import { describeInterop, withNamespace } from '../support/namespace.ts';
import type { Namespace } from '../support/namespace.ts';
import { until } from '../support/wait.ts';

/** Connects, sends something of its own, wants it back, and closes: `count` times. */
const oneAfterAnother = (count: number): string => `
import socket
for i in range(${count}):
    s = socket.create_connection(('${HOST}', 7), 10)
    data = b'connection %d' % i
    s.sendall(data)
    s.shutdown(socket.SHUT_WR)
    back = b''
    while part := s.recv(100):
        back += part
    assert back == data, (i, back)
    s.close()
`;

/** Opens all before it uses any. */
const allAtOnce = (count: number): string => `
import asyncio
async def main():
    pairs = await asyncio.gather(*(asyncio.open_connection('${HOST}', 7) for i in range(${count})))
    for i, (reader, writer) in enumerate(pairs):
        writer.write(b'connection %d' % i * 100)
        writer.write_eof()
    backs = await asyncio.gather(*(reader.read() for reader, writer in pairs))
    for i, back in enumerate(backs):
        assert back == b'connection %d' % i * 100, (i, back)
    for reader, writer in pairs:
        writer.close()
asyncio.run(main())
`;

/** Echoes on a port of the kernel until it is killed. */
const ECHO_SERVER = `
import asyncio
async def serve(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
    writer.close()
async def main():
    server = await asyncio.start_server(serve, '${KERNEL}', 7000, backlog=1024)
    await server.serve_forever()
asyncio.run(main())
`;

describeInterop('many connections with the kernel', () => {
  for (const { offload, kind } of OFFLOADS) {
    describe(kind, () => {
      // The device's queue holds 1,000 frames, fewer than 500 connections may send at once: what it loses is sent again. On a busy
      // machine an acknowledgement waits there for longer than a retransmission time-out, and then meets no connection any more.
      const theLab = useLab({ offload, serve: ALL_SERVICES, allowed: [...LOSS, /Connection reset/] });

      /** No connection is left but in TIME-WAIT, and none of those that the host served has failed. */
      const expectNothingLeft = async (lab: KernelLab): Promise<void> => {
        const open = (): unknown[] => lab.host.snapshot().connections.filter(({ state }) => state !== 'TIME-WAIT');
        await until(() => open().length === 0);
        for (const { counters } of lab.services.services) expect(counters.failures, counters.lastFailure).to.equal(0);
      };

      it('1,000 from the kernel, one after another', async () => {
        const lab = theLab();
        await lab.run('python3', ['-c', oneAfterAnother(1000)], { timeout: 20_000 });
        await expectNothingLeft(lab);
      });

      it('500 from the kernel at once', async () => {
        const lab = theLab();
        await lab.run('python3', ['-c', allAtOnce(500)], { timeout: 20_000 });
        await expectNothingLeft(lab);
      });

      it('1,000 to the kernel, one after another, then 500 at once', async () => {
        const lab = theLab();
        const server = lab.ns.spawn('python3', ['-c', ECHO_SERVER]);
        await lab.listening(7000);
        const { send, recv, close } = lab.host.sockets;
        const use = async (fd: number, text: string): Promise<void> => {
          await send(fd, text);
          expect(Buffer.from(await recv(fd)).toString()).to.equal(text);
          close(fd);
        };
        for (let i = 0; i < 1000; i++) await use(await lab.connect(7000), `connection ${i}`);
        const all = await Promise.all(Array.from({ length: 500 }, () => lab.connect(7000)));
        await Promise.all(all.map((fd, i) => use(fd, `connection ${i}`)));
        await expectNothingLeft(lab);
        server.kill('SIGKILL');
      });
    });
  }

  it('memory stays flat from 2,000 to 10,000 connections', async function () {
    this.timeout(60_000);
    await withNamespace(async (ns) => {
      const pid = await up(ns);
      const run = async (count: number): Promise<number> => {
        const { code, stderr } = await ns.exec('python3', ['-c', oneAfterAnother(count)], { timeout: 40_000 });
        expect(code, stderr).to.equal(0);
        return residentSet(pid);
      };
      const early = await run(2000);
      const late = await run(8000);
      expect(late - early, `resident set after 2,000: ${early} KiB, after 10,000: ${late} KiB`).to.be.below(8 * 1024);
    });
  });
});

/** What V8 would put off collecting would look like a leak: with its defaults the resident set rises by 40 MB and falls again. */
const SMALL_HEAP = ['--max-semi-space-size=2', '--max-old-space-size=80'];

/** Starts `tapstack up` in a namespace and returns its process id once it is ready. */
async function up(ns: Namespace): Promise<number> {
  const args = [...SMALL_HEAP, '--import', 'tsx', 'src/cli/main.ts', 'up', '--address', `${HOST}/24`];
  const child = ns.spawn(process.execPath, args);
  let output = '';
  child.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (output += chunk.toString()));
  await until(() => output.includes('ready:'), 20_000);
  configureKernel(ns);
  return child.pid!;
}

/** Resident memory of a process (KiB). proc(5). */
function residentSet(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}
