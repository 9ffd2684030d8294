/**
 * Socket calls without a stack, for the programs in src/app: connections are pipes in memory, datagrams arrays. A test makes
 * clients of a service with `dial` and `deliver`, and has a call fail with `failNext`.
 */
import type { AppSockets, Endpoint, ReceivedDatagram } from '../../src/app/sockets.ts';

import { MSG_PEEK } from '../../src/socket/constants.ts';

/** What a failed call throws: as a NetError, with the errno's name in `code`. */
export class FakeNetError extends Error {
  readonly code: string;

  constructor(code: string) {
    super(`${code}: fake`);
    this.code = code;
  }
}

/** A queue that a reader may wait on. */
class Channel<T> {
  readonly #items: T[] = [];
  readonly #waiting: { resolve: (item: T) => void; reject: (error: Error) => void }[] = [];
  #failure: FakeNetError | undefined = undefined;

  put(item: T): void {
    const reader = this.#waiting.shift();
    if (reader === undefined) this.#items.push(item);
    else reader.resolve(item);
  }

  putBack(item: T): void {
    this.#items.unshift(item);
  }

  take(): Promise<T> {
    const item = this.#items.shift();
    if (item !== undefined) return Promise.resolve(item);
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  fail(code: string): void {
    this.#failure = new FakeNetError(code);
    for (const { reject } of this.#waiting.splice(0)) reject(this.#failure);
  }
}

interface FakeSocket {
  local: Endpoint;
  remote: Endpoint | undefined;
  readonly accepting: Channel<number>;
  readonly stream: Channel<Uint8Array>;
  readonly datagrams: Channel<ReceivedDatagram>;
  /** Descriptor at the other end. */
  other: number;
  ended: boolean;
}

const NOBODY: Endpoint = { address: '0.0.0.0', port: 0 };

export class FakeSockets implements AppSockets {
  readonly #table = new Map<number, FakeSocket>();
  readonly #ports = new Map<string, number>();
  readonly #failures = new Map<string, string[]>();
  /** Datagrams that services sent. */
  readonly sentDatagrams: { data: Uint8Array; to: Endpoint }[] = [];
  /** Options that were set, as 'level/name=value'. */
  readonly options: string[] = [];
  /** Octets that one send takes at most. */
  sendLimit = Infinity;
  #next = 3;
  #nextPort = 40000;

  /** Descriptors in use. */
  get open(): number {
    return this.#table.size;
  }

  /** The next calls of this name fail, each with one of the errnos. */
  failNext(call: string, ...codes: string[]): void {
    this.#failures.set(call, [...(this.#failures.get(call) ?? []), ...codes]);
  }

  /** Connects to a service; the descriptor is the client's end. */
  dial(port: number): number {
    const listener = this.#ports.get(`1:${port}`);
    if (listener === undefined) throw new FakeNetError('ECONNREFUSED');
    const client = this.#make({ address: '10.0.0.1', port: this.#nextPort++ });
    const server = this.#make({ address: '10.0.0.2', port });
    this.#link(client, server);
    this.#get(listener).accepting.put(server);
    return client;
  }

  /** Hands a datagram to a service. */
  deliver(port: number, from: Endpoint, data: Uint8Array): void {
    const fd = this.#ports.get(`2:${port}`);
    if (fd === undefined) throw new FakeNetError('ECONNREFUSED');
    this.#get(fd).datagrams.put({ data, ...from });
  }

  /** Resets a connection as the peer of `fd` would. */
  reset(fd: number): void {
    const socket = this.#get(fd);
    this.#table.get(socket.other)?.stream.fail('ECONNRESET');
    socket.ended = true;
    this.close(fd);
  }

  /** Closes everything, as the end of a host does. */
  closeAll(): void {
    for (const fd of [...this.#table.keys()]) this.close(fd);
  }

  /** Reads until the end of the stream or until `length` octets have come. */
  async readAll(fd: number, length = Infinity): Promise<Buffer> {
    const parts: Uint8Array[] = [];
    let total = 0;
    while (total < length) {
      const data = await this.recv(fd, Math.min(65536, length - total));
      if (data.length === 0) break;
      parts.push(data);
      total += data.length;
    }
    return Buffer.concat(parts);
  }

  socket(...[, type]: [number, number, number]): number {
    this.#maybeFail('socket');
    return this.#make({ ...NOBODY, address: String(type) });
  }

  bind(fd: number, { port }: Endpoint): void {
    this.#maybeFail('bind');
    const socket = this.#get(fd);
    const key = `${socket.local.address}:${port}`;
    if (this.#ports.has(key)) throw new FakeNetError('EADDRINUSE');
    this.#ports.set(key, fd);
    socket.local = { address: '0.0.0.0', port };
  }

  listen(): void {
    this.#maybeFail('listen');
  }

  async accept(fd: number): Promise<number> {
    this.#maybeFail('accept');
    return this.#get(fd).accepting.take();
  }

  connect(): Promise<void> {
    return Promise.reject(new FakeNetError('ENETUNREACH'));
  }

  recv(fd: number, buffer: Uint8Array, options?: { readonly flags?: number }): Promise<number>;
  recv(fd: number, size: number): Promise<Uint8Array>;
  async recv(
    fd: number,
    into: Uint8Array | number,
    options?: { readonly flags?: number },
  ): Promise<number | Uint8Array> {
    this.#maybeFail('recv');
    const { stream } = this.#get(fd);
    const size = typeof into === 'number' ? into : into.length;
    const data = await stream.take();
    const isPeek = options?.flags === MSG_PEEK;
    if (isPeek) stream.putBack(data);
    else if (data.length > size || data.length === 0) stream.putBack(data.subarray(size));
    const taken = data.subarray(0, size);
    if (typeof into === 'number') return taken;
    into.set(taken);
    return taken.length;
  }

  async send(fd: number, data: Uint8Array): Promise<number> {
    this.#maybeFail('send');
    const socket = this.#get(fd);
    const other = this.#table.get(socket.other);
    if (other === undefined || socket.ended) throw new FakeNetError('EPIPE');
    const length = Math.min(data.length, this.sendLimit);
    // An empty array would be the end of the stream.
    if (length > 0) other.stream.put(data.slice(0, length));
    await new Promise((resolve) => setImmediate(resolve));
    return length;
  }

  sendto(fd: number, data: Uint8Array, to: Endpoint): Promise<number> {
    this.#maybeFail('sendto');
    this.#get(fd);
    this.sentDatagrams.push({ data: data.slice(), to: { address: to.address, port: to.port } });
    return Promise.resolve(data.length);
  }

  async recvfrom(fd: number): Promise<ReceivedDatagram> {
    this.#maybeFail('recvfrom');
    return this.#get(fd).datagrams.take();
  }

  shutdown(fd: number): void {
    const socket = this.#get(fd);
    socket.ended = true;
    this.#table.get(socket.other)?.stream.put(new Uint8Array(0));
  }

  close(fd: number): void {
    const socket = this.#get(fd);
    if (!socket.ended) this.#table.get(socket.other)?.stream.put(new Uint8Array(0));
    for (const channel of [socket.accepting, socket.stream, socket.datagrams]) channel.fail('ECANCELED');
    this.#table.delete(fd);
    for (const [key, owner] of this.#ports) if (owner === fd) this.#ports.delete(key);
  }

  getsockname(fd: number): Endpoint {
    return this.#get(fd).local;
  }

  getpeername(fd: number): Endpoint {
    const { remote } = this.#get(fd);
    if (remote === undefined) throw new FakeNetError('ENOTCONN');
    return remote;
  }

  setsockopt(fd: number, level: number, name: number, value: number): void {
    this.#get(fd);
    this.options.push(`${level}/${name}=${value}`);
  }

  #make(local: Endpoint): number {
    const fd = this.#next++;
    const accepting = new Channel<number>();
    const stream = new Channel<Uint8Array>();
    const datagrams = new Channel<ReceivedDatagram>();
    this.#table.set(fd, {
      ...{ local, remote: undefined, accepting, stream, datagrams },
      ...{ other: -1, ended: false },
    });
    return fd;
  }

  #link(a: number, b: number): void {
    const [one, two] = [this.#get(a), this.#get(b)];
    one.other = b;
    two.other = a;
    one.remote = two.local;
    two.remote = one.local;
  }

  #get(fd: number): FakeSocket {
    const socket = this.#table.get(fd);
    if (socket === undefined) throw new FakeNetError('EBADF');
    return socket;
  }

  #maybeFail(call: string): void {
    const code = this.#failures.get(call)?.shift();
    if (code !== undefined) throw new FakeNetError(code);
  }
}
