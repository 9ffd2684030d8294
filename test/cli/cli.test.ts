import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { expect } from 'chai';

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command as a user would; with a signal to send once it has printed its first line. */
async function tapstack(args: readonly string[], interrupt?: NodeJS.Signals): Promise<Outcome> {
  const command = ['--import', 'tsx', 'src/cli/main.ts', ...args];
  const child = spawn(process.execPath, command, { stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => {
    if (stdout === '' && interrupt !== undefined) child.kill(interrupt);
    stdout += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr };
}

describe('the tapstack command', function () {
  this.timeout(60_000);

  const wrong: readonly [name: string, args: readonly string[], code: number, message: RegExp][] = [
    ['an unknown command', ['serve'], 2, /unknown command 'serve'/],
    ['an unknown option', ['start', '--fast'], 2, /unknown option '--fast'/],
    ['no address', ['up'], 2, /required option '--address <address\/length>' not specified/],
    ['a bad address', ['up', '--address', '10.0.0.2'], 2, /Wanted: a\.b\.c\.d\/length, e\.g\. 10\.0\.0\.2\/24/],
    [
      'a bad gateway',
      ['up', '--address', '10.0.0.2/24', '--gateway', 'x'],
      2,
      /Wanted: a\.b\.c\.d, e\.g\. 10\.0\.0\.1/,
    ],
    ['an unknown service', ['up', '--address', '10.0.0.2/24', '--serve', 'ftp'], 2, /'ftp' is no service/],
    ['a bad MTU', ['up', '--address', '10.0.0.2/24', '--mtu', '9'], 2, /Wanted: a number from 68/],
    ['a long TAP name', ['up', '--address', '10.0.0.2/24', '--tap', 'a'.repeat(16)], 1, /the name is too long/],
    ['a TAP name with a slash', ['up', '--address', '10.0.0.2/24', '--tap', 'a/b'], 1, /not a name for a device/],
    [
      'a capture that cannot be written',
      ['up', '--address', '10.0.0.2/24', '--pcap', '/none/x'],
      1,
      /cannot write the capture/,
    ],
  ];
  for (const [name, args, code, message] of wrong) {
    it(`${name}: one line on the standard error, exit code ${code}`, async () => {
      const outcome = await tapstack(args);
      expect(outcome.stderr).to.match(message);
      expect(outcome.stderr.trim().split('\n'), outcome.stderr).to.have.length(1);
      expect(outcome.stderr).to.match(/^tapstack: /);
      expect(outcome.stdout).to.equal('');
      expect(outcome.code).to.equal(code);
    });
  }

  it('--version is the package', async () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
    expect(await tapstack(['--version'])).to.deep.equal({ code: 0, stdout: `${version}\n`, stderr: '' });
  });

  for (const [args, words] of [
    [['--help'], ['start', 'up']],
    [
      ['start', '--help'],
      ['--json', '--pcap <file>', '--no-offload', '--tour', '--memory', '--tmux'],
    ],
    [
      ['up', '--help'],
      ['--tap <name>', '--address', '--gateway', '--serve', '--probe', '--trace', '--mac', '--mtu'],
    ],
  ] as const) {
    it(`${args.join(' ')} lists what there is`, async () => {
      const { code, stdout } = await tapstack(args);
      expect(code).to.equal(0);
      for (const word of words) expect(stdout).to.include(word);
      expect(stdout).not.to.match(/^ {2}lab/m);
    });
  }

  it('the tour in memory passes, with frames in words between its lines', async () => {
    const { code, stdout, stderr } = await tapstack(['start', '--memory']);
    expect(stderr).to.equal('');
    expect(stdout).not.to.match(/^FAIL/m);
    expect(stdout).to.match(/^pass {2}ping, 56 octets of data: 3 of 3 answered/m);
    expect(stdout).to.match(/ARP who has 10\.0\.0\.2\?/);
    expect(stdout).to.match(/\n\d+ passed\n$/);
    expect(code).to.equal(0);
  });

  it('--json prints the results as data and nothing else', async () => {
    const { code, stdout } = await tapstack(['start', '--memory', '--json']);
    const report = JSON.parse(stdout) as { passed: boolean; results: { passed: boolean; figure: string }[] };
    expect(report.passed).to.be.true;
    expect(report.results).to.have.length.above(10);
    expect(code).to.equal(0);
  });

  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    it(`${signal} in the middle of the tour ends it at once, exit code ${code}`, async () => {
      const outcome = await tapstack(['start', '--memory'], signal);
      expect(outcome.code).to.equal(code);
      expect(outcome.stdout).not.to.match(/passed\n$/);
      expect(outcome.stderr).to.equal('');
    });
  }
});
