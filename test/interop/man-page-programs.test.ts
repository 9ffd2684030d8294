/**
 * The programs of the manual pages in C, on the kernel's sockets, and the same programs in TypeScript, on tapstack's: every client with
 * every server, over TAP devices that the kernel bridges. Whoever talks to whom, the same lines are printed.
 */
import { execFileSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { createNamespace, describeInterop } from '../support/namespace.ts';
import type { Namespace } from '../support/namespace.ts';
import { until } from '../support/wait.ts';

type Language = 'C' | 'TypeScript';

/** A way to run a program: in C on the kernel, at 10.0.0.1; in TypeScript on a host of its own, with a TAP device of its own. */
interface Side {
  readonly address: string;
  readonly device: string;
}

const SERVER: Readonly<Record<Language, Side>> = {
  C: { address: '10.0.0.1', device: '' },
  TypeScript: { address: '10.0.0.2', device: 'tap0' },
};
const CLIENT: Readonly<Record<Language, Side>> = {
  C: { address: '10.0.0.1', device: '' },
  TypeScript: { address: '10.0.0.3', device: 'tap1' },
};

const LANGUAGES: readonly Language[] = ['C', 'TypeScript'];
const UDP_PORT = '7777';
const TCP_PORT = '12345';
const MESSAGES = ['hello', 'a second message', 'x'.repeat(499)];

describeInterop("the manual pages' programs in C and in TypeScript", () => {
  let folder: string;
  let ns: Namespace;

  before(function () {
    this.timeout(60_000);
    folder = mkdtempSync(join(tmpdir(), 'tapstack-test-'));
    for (const program of ['udp-echo-server', 'udp-echo-client', 'tcp-server', 'tcp-client']) {
      const options = ['-std=gnu11', '-Wall', '-Wextra', '-Werror', '-o', join(folder, program)];
      execFileSync('gcc', [...options, `examples/c/${program}.c`]);
    }
  });

  after(() => rmSync(folder, { recursive: true, force: true }));

  beforeEach(() => {
    ns = createNamespace();
    ns.ip('link add br0 type bridge');
    ns.ip('address add 10.0.0.1/24 dev br0');
    for (const device of ['tap0', 'tap1']) {
      ns.ip(`tuntap add dev ${device} mode tap`);
      ns.ip(`link set ${device} master br0`);
    }
    for (const device of ['tap0', 'tap1', 'br0']) ns.ip(`link set ${device} addrgenmode none up`);
  });

  afterEach(() => ns.destroy());

  /** The command line of a program. */
  const command = (language: Language, side: Side, c: string, typescript: string): [string, string[]] =>
    language === 'C'
      ? [join(folder, c), []]
      : [
          'env',
          [
            ...[`TAP=${side.device}`, `ADDRESS=${side.address}/24`],
            ...[process.execPath, '--import', 'tsx', `examples/${typescript}.ts`],
          ],
        ];

  const start = (language: Language, c: string, typescript: string, args: readonly string[]): Printing => {
    const [program, first] = command(language, SERVER[language], c, typescript);
    return new Printing(ns.spawn(program, [...first, ...args]));
  };

  const run = async (language: Language, c: string, typescript: string, args: readonly string[]): Promise<string> => {
    const [program, first] = command(language, CLIENT[language], c, typescript);
    const { code, stdout, stderr } = await ns.exec(program, [...first, ...args], { timeout: 20_000 });
    expect([code, stderr]).to.deep.equal([0, '']);
    return stdout;
  };

  /** Resolves once a TCP server can be connected to. */
  const listening = async (language: Language): Promise<void> => {
    const [program, args, sign] =
      language === 'C'
        ? ['ss', ['-Hltn', `sport = :${TCP_PORT}`], 'LISTEN']
        : ['ip', ['link', 'show', 'tap0'], 'LOWER_UP'];
    await until(async () => (await ns.exec(program, args)).stdout.includes(sign), 20_000);
  };

  for (const server of LANGUAGES) {
    for (const client of LANGUAGES) {
      it(`UDP: the server of getaddrinfo(3) in ${server}, its client in ${client}`, async function () {
        this.timeout(60_000);
        const serving = start(server, 'udp-echo-server', 'udp-echo-server', [UDP_PORT]);
        await until(() => serving.lines.includes('serving'), 20_000);
        const args = [SERVER[server].address, UDP_PORT, ...MESSAGES, 'x'.repeat(500)];
        const said = await run(client, 'udp-echo-client', 'udp-echo-client', args);
        expect(said.split('\n')).to.deep.equal([
          ...MESSAGES.map((message) => `${message.length + 1} octets back: ${message}`),
          'message 4 is too long',
          '',
        ]);
        await until(() => serving.lines.length > MESSAGES.length);
        expect(serving.lines.map((line) => line.replace(/port \d+$/, 'port N'))).to.deep.equal([
          'serving',
          ...MESSAGES.map(({ length }) => `${length + 1} octets from ${CLIENT[client].address} port N`),
        ]);
        expect(new Set(serving.lines.slice(1).map((line) => line.split(' port ')[1])).size).to.equal(1);
      });

      it(`TCP: the server of bind(2) and accept(2) in ${server}, its client in ${client}`, async function () {
        this.timeout(60_000);
        const serving = start(server, 'tcp-server', 'socket-man-page', []);
        await listening(server);
        const { address } = SERVER[server];
        const said = await run(client, 'tcp-client', 'tcp-client', [address, ...MESSAGES]);
        expect(said.split('\n')).to.deep.equal([`connected to ${address} port ${TCP_PORT}`, ...MESSAGES, '']);
        expect(await serving.code).to.equal(0);
        expect(serving.lines.map((line) => line.replace(/port \d+$/, 'port N'))).to.deep.equal([
          `connection from ${CLIENT[client].address} port N`,
        ]);
      });
    }
  }
});

/** A program that runs, and the lines that it has printed. */
class Printing {
  /** Its exit code, once it has ended. */
  readonly code: Promise<number | null>;
  #text = '';

  constructor(child: ChildProcess) {
    this.code = once(child, 'close').then(([code]) => code as number | null);
    child.stdout!.on('data', (chunk: Buffer) => (this.#text += chunk.toString()));
    child.stderr!.on('data', (chunk: Buffer) => (this.#text += chunk.toString()));
  }

  get lines(): readonly string[] {
    return this.#text.split('\n').slice(0, -1);
  }
}
