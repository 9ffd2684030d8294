/** The command line and the examples on a real TAP device, as a user meets them. */
import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { expect } from 'chai';
import { describeInterop, withNamespace } from '../support/namespace.ts';
import type { Namespace } from '../support/namespace.ts';

const MAIN = 'src/cli/main.ts';
const ADDRESS = ['--address', '10.0.0.2/24'] as const;

type Running = ChildProcessByStdio<null, Readable, Readable>;

/** Starts a TypeScript program in a namespace. */
function start(ns: Namespace, args: readonly string[]): Running {
  const command = ['netns', 'exec', ns.name, process.execPath, '--import', 'tsx', ...args];
  return spawn('ip', command, { stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Collects what it prints until it ends. */
async function ended(child: Running): Promise<{ code: number | null; stdout: string; stderr: string }> {
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr };
}

/** Gives the kernel its side of the device once a program has made it. */
async function configure(ns: Namespace): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      ns.ip('address add 10.0.0.1/24 dev tap0');
      break;
    } catch (error) {
      if (tries > 200) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  ns.ip('link set tap0 up');
}

describeInterop('the command line on a TAP device', () => {
  for (const options of [[], ['--no-offload']]) {
    it(`start ${options.join(' ')}: every line of the tour passes, nothing stays behind`, async function () {
      this.timeout(110_000);
      await withNamespace(async (ns) => {
        const { code, stdout, stderr } = await ended(start(ns, [MAIN, 'start', ...options]));
        expect(stdout + stderr).not.to.match(/^FAIL/m);
        expect(stdout)
          .to.include('the Linux kernel over a TAP device')
          .and.to.match(/\n\d+ passed\n$/);
        expect(code).to.equal(0);
      });
    });
  }

  it('up: serves, refuses what is taken, and ends with exit code 0 on SIGTERM', async function () {
    this.timeout(60_000);
    await withNamespace(async (ns) => {
      const server = start(ns, [MAIN, 'up', ...ADDRESS]);
      const over = ended(server);
      await configure(ns);
      expect((await ns.exec('ping', ['-c', '3', '-W', '5', '-q', '10.0.0.2'])).stdout).to.include('3 received');
      expect(
        (await ns.exec('curl', ['-s', '-m', '5', '-o', '/dev/null', '-w', '%{http_code}', 'http://10.0.0.2/'])).stdout,
      ).to.equal('200');
      const taken = await ended(start(ns, [MAIN, 'up', ...ADDRESS]));
      expect(taken.stderr).to.match(/^tapstack: tap0: another program has it open; .*\n$/);
      expect(taken.code).to.equal(1);
      server.kill('SIGTERM');
      const { code, stdout } = await over;
      expect(stdout).to.match(/^ready: 10\.0\.0\.2 on tap0 \(mtu 1500, (no )?offload\), serving echo 7, .*http 80\n$/);
      expect(code).to.equal(0);
      expect((await ns.exec('ip', ['link', 'show', 'tap0'])).code).not.to.equal(0);
    });
  });

  const refusals: readonly [name: string, args: readonly string[], message: RegExp][] = [
    ['a device that is no TAP', ['--tap', 'lo'], /lo: there is a device of that name which is not a/],
    [
      'two services on one port',
      ['--serve', 'echo:80,http'],
      /port 80, which http wants, is in use; .*--serve http:8080/,
    ],
    ['a gateway out of reach', ['--gateway', '10.1.0.1'], /gateway 10\.1\.0\.1 lies in no network/],
    ['a larger MTU than the device has', ['--mtu', '9000'], /mtu must be 68 to 1500/],
  ];
  for (const [name, args, message] of refusals) {
    it(`up refuses ${name} in one line, exit code 1`, async function () {
      this.timeout(30_000);
      await withNamespace(async (ns) => {
        const { code, stderr } = await ended(start(ns, [MAIN, 'up', ...ADDRESS, ...args]));
        expect(stderr).to.match(message);
        expect(stderr.trim().split('\n'), stderr).to.have.length(1);
        expect(code).to.equal(1);
      });
    });
  }

  it("the man page's server echoes what a client sends, then ends", async function () {
    this.timeout(30_000);
    await withNamespace(async (ns) => {
      const over = ended(start(ns, ['examples/socket-man-page.ts']));
      await configure(ns);
      const client = await ns.exec('nc', ['-N', '10.0.0.2', '12345'], { input: 'one\ntwo\n' });
      expect(client.stdout).to.equal('one\ntwo\n');
      const { code, stdout, stderr } = await over;
      expect(stdout).to.match(/^connection from 10\.0\.0\.1 port \d+\n$/);
      expect([code, stderr]).to.deep.equal([0, '']);
    });
  });

  it('the echo server serves several clients at once', async function () {
    this.timeout(30_000);
    await withNamespace(async (ns) => {
      const server = start(ns, ['examples/echo.ts']);
      const over = ended(server);
      await configure(ns);
      const texts = ['one\n', 'two\n', 'three\n'];
      const answers = await Promise.all(texts.map((input) => ns.exec('nc', ['-N', '10.0.0.2', '7'], { input })));
      expect(answers.map(({ stdout }) => stdout)).to.deep.equal(texts);
      server.kill('SIGTERM');
      expect((await over).stderr).to.equal('');
    });
  });
});
