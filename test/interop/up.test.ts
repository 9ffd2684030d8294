/** `tapstack up` as a user without rights, on a device that is deleted, and with a capture. The rest: cli.test.ts. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { DEVICE, HOST, configureKernel } from '../support/kernel-lab.ts';
import { describeInterop, withNamespace } from '../support/namespace.ts';
import type { ExecResult, Namespace } from '../support/namespace.ts';
import { examine } from '../support/tshark.ts';
import { until } from '../support/wait.ts';

const COMMAND = [process.execPath, '--import', 'tsx', 'src/cli/main.ts', 'up', '--address', `${HOST}/24`] as const;
/** Runs a program as nobody, with no capability. */
const AS_NOBODY = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', '--no-new-privs'] as const;

interface Running {
  readonly output: () => string;
  readonly ended: Promise<ExecResult>;
  readonly kill: (signal: NodeJS.Signals) => void;
}

/** Starts a command in a namespace. */
function start(ns: Namespace, command: readonly string[]): Running {
  const child = ns.spawn(command[0]!, command.slice(1));
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const ended = new Promise<ExecResult>((resolve) => {
    child.on('close', (code) => resolve({ code: code ?? -1, stdout, stderr }));
  });
  return { output: () => stdout, ended, kill: (signal) => child.kill(signal) };
}

describeInterop('tapstack up', function () {
  it('no right to make a device: one line that says what to do, exit code 1', async function () {
    this.timeout(30_000);
    await withNamespace(async (ns) => {
      const { code, stdout, stderr } = await start(ns, [...AS_NOBODY, ...COMMAND]).ended;
      expect(stderr).to.match(/^tapstack: tap0: .*ip tuntap add dev tap0 mode tap user/);
      expect(stderr.trim().split('\n'), stderr).to.have.length(1);
      expect(stdout).to.equal('');
      expect(code).to.equal(1);
    });
  });

  it('a device that is deleted under it: one line, exit code 1', async function () {
    this.timeout(30_000);
    await withNamespace(async (ns) => {
      const host = start(ns, COMMAND);
      await until(() => host.output().startsWith('ready:'), 20_000);
      ns.ip(`link delete ${DEVICE}`);
      const { code, stderr } = await host.ended;
      expect(stderr).to.match(/^tapstack: tap0: the device has gone .*$/m);
      expect(code).to.equal(1);
    });
  });

  for (const [kind, options] of [
    ['with offload', []],
    ['without offload', ['--no-offload']],
  ] as const) {
    it(`--pcap ${kind}: a capture in which tshark finds nothing wrong; SIGINT ends it`, async function () {
      this.timeout(30_000);
      const folder = mkdtempSync(join(tmpdir(), 'tapstack-up-'));
      try {
        await withNamespace(async (ns) => {
          const file = join(folder, 'up.pcapng');
          const host = start(ns, [...COMMAND, ...options, '--pcap', file]);
          await until(() => host.output().startsWith('ready:'), 20_000);
          configureKernel(ns);
          await ns.exec('ping', ['-c', '3', '-i', '0.01', HOST]);
          const { stdout } = await ns.exec('nc', ['-N', HOST, '12345'], { input: 'x'.repeat(100_000) });
          expect(stdout).to.have.length(100_000);
          host.kill('SIGINT');
          expect((await host.ended).code).to.equal(0);
          const { verified, complaints } = await examine(file);
          expect(complaints.filter(({ text }) => !text.includes('connection closing'))).to.deep.equal([]);
          expect(verified.icmp).to.equal(6);
          expect(verified.tcp).to.be.greaterThan(10);
        });
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    });
  }
});
