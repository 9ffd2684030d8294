/**
 * Calls that block, on the kernel's sockets (a thread each) and on the posix face (a promise each): what they return, and when they do.
 * The kernel's side runs in a network namespace of its own, which takes root; without it the suite skips, except in CI.
 */
import { spawnSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { errnoName } from '../../src/core/errno.ts';
import { createHost } from '../../src/node/host.ts';
import type { Host } from '../../src/node/host.ts';
import { posix } from '../../src/node/posix.ts';
import type { Interrupt } from '../../src/node/posix.ts';
import * as c from '../../src/socket/constants.ts';
import { CASES } from './blocking-cases.ts';
import type { BlockingCase, BlockingResult, BlockingStep } from './blocking-cases.ts';

const LO = '127.0.0.1';
const SCRIPT = 'test/support/linux-blocking.py';

/** Results of the kernel; a text says why there are none. */
function askKernel(cases: readonly BlockingCase[]): BlockingResult[][] | string {
  const input = JSON.stringify(cases.map(({ steps }) => steps));
  const command = `ip link set lo up && exec python3 ${SCRIPT}`;
  const { status, stdout, stderr, error } = spawnSync('unshare', ['-n', 'sh', '-c', command], {
    input,
    encoding: 'utf8',
  });
  return status === 0 ? (JSON.parse(stdout) as BlockingResult[][]) : (error?.message ?? stderr);
}

type Op = (...args: never[]) => BlockingResult | Promise<BlockingResult>;

/** One case on a host: descriptors and calls under way by name. */
class Run {
  readonly #host: Host;
  readonly #fds = new Map<string, number>();
  readonly #started = new Map<string, { stop: AbortController; over: boolean; result: Promise<BlockingResult> }>();
  /** Given to the call that a step starts. */
  #interrupt: Interrupt = {};

  constructor(host: Host) {
    this.#host = host;
  }

  step([op, ...args]: BlockingStep): BlockingResult | Promise<BlockingResult> {
    return this.#ops[op]!(...(args as never[]));
  }

  readonly #ops: Readonly<Record<string, Op>> = {
    listener: (name: string, port: number) => {
      const { socket, bind, listen } = this.#host.sockets;
      const fd = this.#made(name, socket(c.AF_INET, c.SOCK_STREAM));
      bind(fd, { address: LO, port });
      listen(fd, 5);
      return 0;
    },
    pair: async (client: string, server: string) => {
      const { socket, bind, listen, accept, connect, getsockname, setsockopt, close } = this.#host.sockets;
      const listener = socket(c.AF_INET, c.SOCK_STREAM);
      bind(listener, { address: LO, port: 0 });
      listen(listener, 1);
      const fd = this.#made(client, socket(c.AF_INET, c.SOCK_STREAM));
      await connect(fd, getsockname(listener));
      this.#made(server, await accept(listener));
      setsockopt(fd, c.IPPROTO_TCP, c.TCP_NODELAY, 1);
      close(listener);
      return 0;
    },
    udp: (name: string, port: number) => {
      const fd = this.#made(name, this.#host.sockets.socket(c.AF_INET, c.SOCK_DGRAM));
      this.#host.sockets.bind(fd, { address: LO, port });
      return 0;
    },
    tcp: (name: string) => {
      this.#made(name, this.#host.sockets.socket(c.AF_INET, c.SOCK_STREAM));
      return 0;
    },
    epoll: (name: string, ...members: string[]) => {
      const { epollCreate1, epollCtl } = this.#host.sockets;
      const epfd = this.#made(name, epollCreate1());
      for (const member of members) {
        epollCtl(epfd, c.EPOLL_CTL_ADD, this.#fd(member), { events: c.EPOLLIN, data: member });
      }
      return 0;
    },
    dup: (name: string, other: string) => {
      this.#made(other, this.#host.sockets.dup(this.#fd(name)));
      return 0;
    },
    option: (name: string, option: number, value: number) =>
      this.#call((p) => p.setsockopt(this.#fd(name), c.SOL_SOCKET, option, value)),
    timeout: (name: string, option: number, us: number) => {
      const value = { sec: Math.floor(us / 1e6), usec: us % 1e6 };
      return this.#call((p) => p.setsockopt(this.#fd(name), c.SOL_SOCKET, option, value));
    },
    close: (name: string) => this.#call((p) => p.close(this.#fd(name))),
    linger: (name: string, seconds: number) =>
      this.#call((p) => p.setsockopt(this.#fd(name), c.SOL_SOCKET, c.SO_LINGER, { onoff: true, linger: seconds })),
    nonblocking: (name: string) => {
      this.#host.sockets.setNonBlocking(this.#fd(name), true);
      return 0;
    },
    drain: async (name: string) => {
      const buffer = new Uint8Array(1 << 20);
      while ((await this.#host.sockets.recv(this.#fd(name), buffer)) > 0);
      return 0;
    },
    reset: (name: string) => {
      this.#host.sockets.setsockopt(this.#fd(name), c.SOL_SOCKET, c.SO_LINGER, { onoff: true, linger: 0 });
      return this.#call((p) => p.close(this.#fd(name)));
    },
    shutdown: (name: string, how: number) => this.#call((p) => p.shutdown(this.#fd(name), how)),
    send: (name: string, text: string, flags = 0) => this.#call((p) => p.send(this.#fd(name), text, flags)),
    flood: async (name: string, octets: number) => {
      const sent = await this.#call((p, i) => p.send(this.#fd(name), new Uint8Array(octets), 0, i));
      return typeof sent === 'string' ? sent : sent === octets ? 'all' : 'some';
    },
    sendto: (name: string, text: string, port: number) =>
      this.#call((p) => p.sendto(this.#fd(name), text, 0, { address: LO, port })),
    recv: (name: string, size: number, flags = 0) =>
      this.#text(size, (buffer) => this.#call((p, i) => p.recv(this.#fd(name), buffer, flags, i))),
    read: (name: string, size: number) =>
      this.#text(size, (buffer) => this.#call((p, i) => p.read(this.#fd(name), buffer, i))),
    accept: async (name: string, other: string) => {
      const fd = await this.#call((p, i) => p.accept(this.#fd(name), null, i));
      if (typeof fd === 'string') return fd;
      this.#made(other, fd);
      return 0;
    },
    connect: (name: string, port: number) => this.#call((p, i) => p.connect(this.#fd(name), { address: LO, port }, i)),
    poll: async (timeout: number, ...asked: [string, number][]) => {
      const fds = asked.map(([name, events]) => ({ fd: this.#fd(name), events, revents: 0 }));
      const count = await this.#call((p, i) => p.poll(fds, timeout, i));
      return typeof count === 'string' ? count : [count, ...fds.map(({ revents }) => revents)];
    },
    epoll_wait: async (name: string, most: number, timeout: number) => {
      const events: { events: number; data: unknown }[] = [];
      const count = await this.#call((p, i) => p.epoll_wait(this.#fd(name), events, most, timeout, i));
      return typeof count === 'string' ? count : [count, ...events.map(({ events: bits }) => bits)];
    },
    start: async (name: string, ...step: BlockingStep) => {
      const stop = new AbortController();
      this.#interrupt = stop;
      const result = Promise.resolve(this.step(step));
      this.#interrupt = {};
      const started = { stop, over: false, result };
      this.#started.set(name, started);
      void result.then(() => (started.over = true));
      await settled();
      return 0;
    },
    interrupt: (name: string) => {
      this.#started.get(name)!.stop.abort();
      return 0;
    },
    pause: async () => {
      await settled();
      return 0;
    },
    waits: async (name: string) => {
      await settled();
      return !this.#started.get(name)!.over;
    },
    end: (name: string) => Promise.race([this.#started.get(name)!.result, sleep(5000, 'never')]),
  };

  #made(name: string, fd: number): number {
    this.#fds.set(name, fd);
    return fd;
  }

  #fd(name: string): number {
    return this.#fds.get(name) ?? -1;
  }

  /** The result of a call, or the name of its errno. Each has an errno of its own, as threads do. */
  async #call(
    call: (p: ReturnType<typeof posix>, interrupt: Interrupt) => number | Promise<number>,
  ): Promise<number | string> {
    const p = posix(this.#host);
    const result = await call(p, this.#interrupt);
    return result === -1 ? errnoName(p.errno) : result;
  }

  async #text(size: number, call: (buffer: Uint8Array) => Promise<number | string>): Promise<string> {
    const buffer = new Uint8Array(size);
    const count = await call(buffer);
    return typeof count === 'string' ? count : new TextDecoder().decode(buffer.subarray(0, count));
  }
}

/** Time for what a step set off to come about; no result depends on more of it. */
const settled = (): Promise<void> => sleep(10);

async function askTapstack(steps: readonly BlockingStep[]): Promise<BlockingResult[]> {
  const host = await createHost();
  try {
    const run = new Run(host);
    const results: BlockingResult[] = [];
    for (const step of steps) results.push(await run.step(step));
    return results;
  } finally {
    host.close();
  }
}

const shown = ({ steps }: BlockingCase, results: readonly BlockingResult[]): string[] =>
  steps.map((step, index) => `${step.join(' ')} = ${JSON.stringify(results[index])}`);

describe('calls that block return what Linux returns', function () {
  this.timeout(10_000);
  let kernel: BlockingResult[][] = [];

  before(function () {
    this.timeout(60_000);
    const answer = askKernel(CASES);
    if (typeof answer !== 'string') {
      kernel = answer;
      return;
    }
    if (process.env['CI'] !== undefined) throw new Error(`the kernel cannot be asked: ${answer}`);
    process.stderr.write(`SKIPPED: calls that block against the kernel (needs root and python3): ${answer}\n`);
    this.skip();
  });

  CASES.forEach((one, index) => {
    it(one.name, async () => {
      expect(shown(one, await askTapstack(one.steps))).to.deep.equal(shown(one, kernel[index]!));
    });
  });
});
