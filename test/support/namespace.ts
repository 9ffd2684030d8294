/**
 * Network namespaces for interop tests: each test gets one of its own, with the kernel's TCP/IP stack in it, and nothing
 * touches the machine's own network.
 *
 * A TAP device belongs to the namespace in which it was opened, for as long as its descriptor lives. So the test process
 * steps into the namespace with setns(2), which moves the calling thread only, opens the device, and steps back out.
 */
import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, existsSync, openSync, readdirSync } from 'node:fs';
import koffi from 'koffi';

export interface ExecOptions {
  /** Given to the program's standard input. */
  readonly input?: string | Uint8Array;
  /** Kills the program after this many milliseconds (default 10,000); its code is -1 then. */
  readonly timeout?: number;
}

export interface ExecResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Namespace {
  readonly name: string;
  /** Runs `ip` in it, e.g. `ns.ip('link set tap0 up')`. Throws with its message when it fails. */
  ip(command: string): void;
  /** Link-layer address of one of its devices, e.g. '02:00:00:00:00:01'. */
  mac(device: string): string;
  /** Runs a program in it to its end. */
  exec(command: string, args?: readonly string[], options?: ExecOptions): Promise<ExecResult>;
  /** Starts a program in it that `destroy` ends if it still runs. */
  spawn(command: string, args?: readonly string[]): ChildProcess;
  /** Ends its programs and removes it. Twice is allowed. */
  destroy(): void;
}

/** Whether TAP devices and namespaces can be had here: Linux, root, /dev/net/tun, ip. */
export function hasTap(): boolean {
  return (available ??= probe());
}

let available: boolean | undefined;

function probe(): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false;
  try {
    closeSync(openSync('/dev/net/tun', 'r+'));
    createNamespace().destroy();
    return true;
  } catch {
    return false;
  }
}

/** `describe` for tests that need a TAP device: where none can be had they are skipped loudly, in CI they fail. */
export function describeInterop(title: string, suite: () => void): void {
  if (hasTap()) {
    describe(title, suite);
  } else if (process.env['CI'] !== undefined && process.env['CI'] !== '') {
    describe(title, () => {
      it('needs a TAP device', () => {
        throw new Error(NO_TAP);
      });
    });
  } else {
    process.stderr.write(`\nSKIPPED: ${title}: ${NO_TAP}\n`);
    describe.skip(title, suite);
  }
}

const NO_TAP = 'no TAP device can be had here: it needs Linux, root, /dev/net/tun (modprobe tun) and iproute2';

let counter = 0;

/** Where `ip netns` keeps namespaces. */
const NETNS = '/var/run/netns';

/** A fresh namespace with its loopback up. The name is unique on the machine. */
export function createNamespace(): Namespace {
  if (counter === 0) removeStale();
  const name = `tapstack-${process.pid}-${++counter}`;
  run('ip', ['netns', 'add', name]);
  const namespace = new KernelNamespace(name);
  namespace.ip('link set lo up');
  return namespace;
}

/** Runs `use` with a fresh namespace and removes it afterwards, whatever happens. */
export async function withNamespace<T>(use: (namespace: Namespace) => Promise<T>): Promise<T> {
  const namespace = createNamespace();
  try {
    return await use(namespace);
  } finally {
    namespace.destroy();
  }
}

class KernelNamespace implements Namespace {
  readonly name: string;
  readonly #children = new Set<ChildProcess>();
  #destroyed = false;

  constructor(name: string) {
    this.name = name;
    living.add(this);
  }

  ip(command: string): void {
    run('ip', ['-n', this.name, ...command.split(' ')]);
  }

  mac(device: string): string {
    const [link] = JSON.parse(run('ip', ['-n', this.name, '-j', 'link', 'show', device])) as { address: string }[];
    return link!.address;
  }

  exec(command: string, args: readonly string[] = [], options: ExecOptions = {}): Promise<ExecResult> {
    const child = this.spawn(command, args);
    return new Promise((resolve, reject) => {
      let stdout = '';
      let stderr = '';
      const timer = setTimeout(() => child.kill('SIGKILL'), options.timeout ?? 10_000);
      child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text));
      child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
      child.on('error', reject);
      child.on('close', (code) => {
        clearTimeout(timer);
        resolve({ code: code ?? -1, stdout, stderr });
      });
      // A program that ends without reading its input is none of our business.
      child.stdin?.on('error', () => undefined).end(options.input);
    });
  }

  spawn(command: string, args: readonly string[] = []): ChildProcess {
    const child = spawn('ip', ['netns', 'exec', this.name, command, ...args]);
    this.#children.add(child);
    child.on('close', () => this.#children.delete(child));
    return child;
  }

  destroy(): void {
    if (this.#destroyed) return;
    this.#destroyed = true;
    living.delete(this);
    for (const child of this.#children) child.kill('SIGKILL');
    run('ip', ['netns', 'delete', this.name]);
  }
}

/** Namespaces that a crashed or interrupted test left behind end with the process. */
const living = new Set<Namespace>();
process.on('exit', () => {
  for (const namespace of living) namespace.destroy();
});

/** Removes what a test process that was killed has left behind. Another process may do the same at the same time. */
function removeStale(): void {
  for (const entry of existsSync(NETNS) ? readdirSync(NETNS) : []) {
    const pid = /^tapstack-(\d+)-\d+$/.exec(entry)?.[1];
    if (pid === undefined || existsSync(`/proc/${pid}`)) continue;
    try {
      run('ip', ['netns', 'delete', entry]);
    } catch (error) {
      if (existsSync(`${NETNS}/${entry}`)) throw error;
    }
  }
}

function run(command: string, args: readonly string[]): string {
  try {
    return execFileSync(command, args, { stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' });
  } catch (error) {
    const said = String((error as { stderr?: unknown }).stderr ?? error).trim();
    throw new Error(`${command} ${args.join(' ')}: ${said}`, { cause: error });
  }
}

const CLONE_NEWNET = 0x40000000;

/**
 * Runs `open` with this thread in the namespace, e.g. `await inNamespace(ns, () => tap('tap0'))`; what it opens stays there.
 * One at a time; whatever else the process opens meanwhile lands in the namespace too, so keep it short.
 */
export function inNamespace<T>(namespace: Namespace, open: () => Promise<T> | T): Promise<T> {
  const result = turn.then(() => moved(namespace, open));
  turn = result.then(
    () => undefined,
    () => undefined,
  );
  return result;
}

let turn: Promise<unknown> = Promise.resolve();

async function moved<T>(namespace: Namespace, open: () => Promise<T> | T): Promise<T> {
  const home = openSync('/proc/thread-self/ns/net', 'r');
  try {
    enter(`${NETNS}/${namespace.name}`);
    return await open();
  } finally {
    setns(home);
    closeSync(home);
  }
}

function enter(path: string): void {
  const fd = openSync(path, 'r');
  try {
    setns(fd);
  } finally {
    closeSync(fd);
  }
}

const setnsCall = koffi.load(null).func('int setns(int fd, int type)') as (fd: number, type: number) => number;

function setns(fd: number): void {
  if (setnsCall(fd, CLONE_NEWNET) < 0) throw new Error(`setns failed: errno ${koffi.errno()}`);
}
