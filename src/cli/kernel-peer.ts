/**
 * The Linux kernel as the tour's peer: the real tools, run in the lab's namespace. A tool that is missing is replaced by Node's own
 * sockets, which are the same kernel's, and the outcome says so.
 */
import { createSocket } from 'node:dgram';
import { once, setMaxListeners } from 'node:events';
import { readFileSync } from 'node:fs';
import { get } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { connect, createServer } from 'node:net';
import type { Duplex, Readable, Writable } from 'node:stream';
import { Collector } from './peer.ts';
import type { Done, HttpOutcome, Listening, Peer, PingOutcome, Talk, TalkOutcome } from './peer.ts';
import { complaint, findTool, runTool, startTool } from './tools.ts';

/** How often a condition is looked at (ms). */
const LOOK = 5;
/** How long to wait for an answer over UDP before asking again (ms), and how often to ask. */
const UDP_PATIENCE = 1000;
const UDP_TRIES = 3;

export interface KernelPeerOptions {
  /** The kernel's address in the lab. */
  readonly address: string;
  /** Ends whatever runs. */
  readonly signal: AbortSignal;
  /** Looks a tool up; tests leave some out. */
  readonly find?: (name: string) => string | undefined;
}

export class KernelPeer implements Peer {
  readonly name = 'the kernel';
  readonly address: string;
  readonly #signal: AbortSignal;
  readonly #find: (name: string) => string | undefined;

  constructor(options: KernelPeerOptions) {
    this.address = options.address;
    this.#signal = options.signal;
    // Each socket and tool listens.
    setMaxListeners(0, options.signal);
    this.#find = options.find ?? findTool;
  }

  async ping(target: string, count: number, size: number): Promise<PingOutcome> {
    const path = this.#find('ping');
    if (path === undefined) return this.#probe(target, size);
    const args = ['-n', '-c', String(count), '-W', '2', '-s', String(size), target];
    const result = await runTool(path, args, this.#signal);
    const received = /(\d+) (?:packets )?received/.exec(result.stdout);
    if (received === null) throw new Error(`ping: ${complaint(result)}`);
    const mean = /= [\d.]+\/([\d.]+)\//.exec(result.stdout)?.[1];
    return { how: 'ping', sent: count, received: Number(received[1]), mean: Number(mean ?? Number.NaN) };
  }

  async httpGet(target: string, path: string): Promise<HttpOutcome> {
    const curl = this.#find('curl');
    const url = `http://${target}${path}`;
    if (curl === undefined) return this.#nodeGet(url);
    const args = ['-sS', '--max-time', '10', '--noproxy', '*', '-w', '\n%{http_code}', url];
    const result = await runTool(curl, args, this.#signal);
    if (result.code !== 0) throw new Error(complaint(result));
    const end = result.stdout.lastIndexOf('\n');
    return { how: 'curl', status: Number(result.stdout.slice(end + 1)), body: result.stdout.slice(0, end) };
  }

  async talk(target: string, talk: Talk): Promise<TalkOutcome> {
    const nc = this.#find('nc');
    if (nc === undefined) {
      const socket = connect({ host: target, port: talk.port, signal: this.#signal });
      await once(socket, 'connect');
      return { how: missing('nc', 'node:net'), data: await converse(socket, socket, talk, () => socket.destroy()) };
    }
    const child = startTool(nc, ['-n', target, String(talk.port)], this.#signal);
    const data = await converse(child.stdin, child.stdout, talk, () => child.kill('SIGKILL'));
    return { how: 'nc', data };
  }

  async talkUdp(target: string, port: number, send: Uint8Array): Promise<TalkOutcome> {
    const nc = this.#find('nc');
    if (nc === undefined)
      return { how: missing('nc', 'node:dgram'), data: await this.#nodeDatagram(target, port, send) };
    const child = startTool(nc, ['-n', '-u', target, String(port)], this.#signal);
    try {
      for (let tries = 0; tries < UDP_TRIES; tries++) {
        child.stdin.write(send);
        const data = await firstChunk(child.stdout, UDP_PATIENCE);
        if (data !== undefined) return { how: 'nc -u', data };
      }
      throw new Error('no answer');
    } finally {
      child.kill('SIGKILL');
    }
  }

  async beRefused(target: string, port: number): Promise<Done> {
    const nc = this.#find('nc');
    if (nc !== undefined) {
      const result = await runTool(nc, ['-n', '-v', '-w', '5', target, String(port)], this.#signal);
      if (!/refused/i.test(result.stderr)) throw new Error(`nc: ${complaint(result)}`);
      return { how: 'nc' };
    }
    const socket = connect({ host: target, port, signal: this.#signal });
    const [error] = (await Promise.race([once(socket, 'error'), once(socket, 'connect')])) as [Error?];
    socket.destroy();
    if (error?.message.includes('ECONNREFUSED') !== true) throw error ?? new Error('connected');
    return { how: missing('nc', 'node:net') };
  }

  async connectOften(target: string, port: number, count: number): Promise<Done> {
    for (let i = 0; i < count; i++) {
      const socket = connect({ host: target, port, signal: this.#signal });
      const over = once(socket, 'close');
      const echoed = await converse(socket, socket, { port, send: Uint8Array.of(i), receive: 1 }, () =>
        socket.destroy(),
      );
      if (echoed[0] !== (i & 0xff)) throw new Error(`connection ${i + 1} of ${count} was not served`);
      await over;
    }
    return { how: 'node:net' };
  }

  async listen(port: number, greeting: Uint8Array): Promise<Listening> {
    const nc = this.#find('nc');
    if (nc !== undefined) {
      const args = (await isOpenBsd(nc)) ? ['-l', '-n', this.address, String(port)] : ['-l', '-n', '-p', String(port)];
      const child = startTool(nc, args, this.#signal);
      if (await isListening(port, () => child.exitCode !== null)) {
        child.stdin.write(greeting);
        return { how: 'nc -l', received: collect(child.stdout).finally(() => child.kill('SIGKILL')) };
      }
      child.kill('SIGKILL');
    }
    const server = createServer({ allowHalfOpen: true });
    const received = once(server, 'connection').then(async ([socket]: Duplex[]) => {
      server.close();
      socket!.end(greeting);
      return collect(socket!);
    });
    server.listen(port, this.address);
    await once(server, 'listening');
    return { how: nc === undefined ? missing('nc', 'node:net') : 'node:net (nc does not listen)', received };
  }

  async neighbour(target: string): Promise<Done & { readonly mac: string }> {
    const ip = this.#find('ip');
    const output =
      ip === undefined ? readFileSync('/proc/net/arp', 'utf8') : (await runTool(ip, ['neigh', 'show', target])).stdout;
    const line = output.split('\n').find((entry) => ip !== undefined || entry.startsWith(`${target} `));
    const mac = /([0-9a-f]{2}:){5}[0-9a-f]{2}/.exec(line ?? '')?.[0];
    if (mac === undefined) throw new Error(`no entry for ${target}`);
    return { how: ip === undefined ? '/proc/net/arp' : 'ip neigh', mac };
  }

  /** Instead of a ping: a datagram to a closed port, which has the host answer with an ICMP error. */
  async #probe(target: string, size: number): Promise<PingOutcome> {
    const socket = createSocket({ type: 'udp4', signal: this.#signal });
    const start = performance.now();
    try {
      socket.connect(CLOSED_PORT, target);
      await once(socket, 'connect');
      const refused = once(socket, 'error', { signal: AbortSignal.timeout(UDP_PATIENCE) });
      socket.send(new Uint8Array(size));
      const [error] = (await refused) as [NodeJS.ErrnoException];
      const how = missing('ping', 'ICMP port unreachable, by node:dgram');
      return { how, sent: 1, received: error.code === 'ECONNREFUSED' ? 1 : 0, mean: performance.now() - start };
    } finally {
      socket.close();
    }
  }

  async #nodeGet(url: string): Promise<HttpOutcome> {
    const request = get(url, { agent: false, signal: this.#signal });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    const body = Buffer.from(await collect(response)).toString();
    return { how: missing('curl', 'node:http'), status: response.statusCode ?? 0, body };
  }

  async #nodeDatagram(target: string, port: number, send: Uint8Array): Promise<Uint8Array> {
    const socket = createSocket({ type: 'udp4', signal: this.#signal });
    try {
      for (let tries = 0; tries < UDP_TRIES; tries++) {
        const answered = once(socket, 'message', { signal: AbortSignal.timeout(UDP_PATIENCE) });
        socket.send(send, port, target);
        const [data] = (await answered.catch(() => [])) as [Buffer?];
        if (data !== undefined) return data;
      }
      throw new Error('no answer');
    } finally {
      socket.close();
    }
  }
}

/** A port that no service of the tour uses. */
export const CLOSED_PORT = 47;

const missing = (tool: string, instead: string): string => `${instead}; ${tool} is not installed`;

/** Sends and receives until the talk is over, then calls `end`. */
async function converse(input: Writable, output: Readable, talk: Talk, end: () => void): Promise<Uint8Array> {
  const collector = new Collector();
  const { receive, until } = talk;
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<void>((resolve, reject) => {
    output.on('data', (chunk: Buffer) => {
      collector.add(chunk);
      if (receive !== undefined && collector.length >= receive) resolve();
    });
    output.on('error', reject);
    output.on('close', resolve);
    if (until !== undefined) timer = setInterval(() => until() && resolve(), LOOK);
  });
  // Without an end of its own the talk lasts until the host closes; nc then wants its own input closed to end.
  if (receive === undefined && until === undefined) input.end(talk.send);
  else if (talk.send !== undefined) input.write(talk.send);
  try {
    await over;
  } finally {
    clearInterval(timer);
    end();
  }
  return collector.bytes();
}

async function collect(stream: Readable): Promise<Uint8Array> {
  const collector = new Collector();
  for await (const chunk of stream as AsyncIterable<Buffer>) collector.add(chunk);
  return collector.bytes();
}

async function firstChunk(stream: Readable, patience: number): Promise<Uint8Array | undefined> {
  try {
    const [chunk] = (await once(stream, 'data', { signal: AbortSignal.timeout(patience) })) as [Buffer];
    return chunk;
  } catch {
    return undefined;
  }
}

/** The two families of nc take different arguments for listening. */
async function isOpenBsd(nc: string): Promise<boolean> {
  const { stdout, stderr } = await runTool(nc, ['-h']);
  return (stdout + stderr).includes('OpenBSD');
}

/** Waits until somebody listens on a port of this namespace; false when `failed` says that nobody will. */
async function isListening(port: number, failed: () => boolean): Promise<boolean> {
  const entry = new RegExp(`:${port.toString(16).toUpperCase().padStart(4, '0')} \\S+ 0A `);
  for (let waited = 0; waited < 2000 && !failed(); waited += LOOK) {
    if (entry.test(readFileSync('/proc/net/tcp', 'utf8')) || entry.test(tcp6())) return true;
    await new Promise((resolve) => setTimeout(resolve, LOOK));
  }
  return false;
}

function tcp6(): string {
  try {
    return readFileSync('/proc/net/tcp6', 'utf8');
  } catch {
    return '';
  }
}
