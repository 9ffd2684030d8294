/**
 * Programs on the non-blocking calls of a simulated host: ends of streams that write, read and close as a test says.
 */
import { Errno, errnoName } from '../../src/core/errno.ts';
import type { LabHost } from '../../src/lab/topology.ts';
import type { SocketCalls } from '../../src/socket/calls.ts';
import {
  AF_INET,
  IPPROTO_TCP,
  SHUT_WR,
  SOCK_DGRAM,
  SOCK_RAW,
  SOCK_STREAM,
  SOL_SOCKET,
  SO_ERROR,
  SO_RCVBUF,
  SO_SNDBUF,
  TCP_INFO,
} from '../../src/socket/constants.ts';
import { CLOSED } from '../../src/socket/readiness.ts';
import type { Waiter } from '../../src/socket/readiness.ts';
import { Readiness } from '../../src/tcp/service.ts';
import type { TcpInfo } from '../../src/tcp/service.ts';

/** Whether the descriptor was closed behind its program's back (closeAll). */
const isClosed = (bits: number): boolean => (bits & CLOSED) !== 0;

/** The result of a call that must not fail here. */
export function must(result: number, call: string): number {
  if (result < 0) throw new Error(`${call}: ${errnoName(result)}`);
  return result;
}

export interface StreamEndOptions {
  /** Whether it reads what comes; true by default. See `reading`. */
  readonly reading?: boolean;
  /** Octets read at a time. */
  readonly readSize?: number;
  /** SO_RCVBUF and SO_SNDBUF, set before the handshake. */
  readonly receiveBuffer?: number;
  readonly sendBuffer?: number;
  /** Address to bind to first. */
  readonly from?: string;
}

/** One end of a stream. */
export class StreamEnd {
  readonly host: LabHost;
  readonly fd: number;
  /** The handshake is done. */
  connected: boolean;
  /** The peer's end of stream was read. */
  ended = false;
  /** The first failure: the errno's name, '' for none. */
  error = '';
  closed = false;
  receivedLength = 0;
  readonly #calls: SocketCalls;
  readonly #buffer: Uint8Array;
  readonly #parts: Uint8Array[] = [];
  readonly #queue: Uint8Array[] = [];
  #reading: boolean;
  #finishing = false;
  #finished = false;
  #closing = false;
  #waiter: Waiter | undefined = undefined;

  constructor(host: LabHost, fd: number, connected: boolean, options: StreamEndOptions = {}) {
    this.host = host;
    this.fd = fd;
    this.connected = connected;
    this.#calls = host.calls;
    this.#reading = options.reading ?? true;
    this.#buffer = new Uint8Array(options.readSize ?? 65_536);
    this.#pump();
  }

  /** Whether it reads what comes. */
  get reading(): boolean {
    return this.#reading;
  }
  set reading(value: boolean) {
    this.#reading = value;
    this.#pump();
  }

  /** All that was read. */
  get received(): Uint8Array {
    return Buffer.concat(this.#parts);
  }

  /** All that was given to `write` has been taken. */
  get drained(): boolean {
    return this.#queue.length === 0;
  }

  get info(): TcpInfo {
    return this.#calls.getsockopt(this.fd, IPPROTO_TCP, TCP_INFO) as TcpInfo;
  }

  /** Queues octets; each call is one `send` where the socket takes it. */
  write(bytes: Uint8Array): this {
    this.#queue.push(bytes);
    this.#pump();
    return this;
  }

  /** Half-close, or with `close` the end of the descriptor, once everything is taken. */
  finish(close = false): this {
    this.#finishing = true;
    this.#closing = close;
    this.#pump();
    return this;
  }

  /** Closes the descriptor now; what was taken is still sent. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.#stopWaiting();
    must(this.#calls.close(this.fd), 'close');
  }

  /** Reads at most `size` octets once, whatever `reading` says. Returns the call's result. */
  readOnce(size: number): number {
    const into = new Uint8Array(size);
    const count = this.#calls.recv(this.fd, into);
    if (count > 0) this.#take(into, count);
    return count;
  }

  #pump(): void {
    if (this.closed || this.error !== '') return;
    this.#stopWaiting();
    if (this.connected) {
      if (this.#reading) this.#read();
      this.#write();
    }
    this.#wait();
  }

  #read(): void {
    while (!this.ended && this.error === '') {
      const count = this.#calls.recv(this.fd, this.#buffer);
      if (count === -Errno.EAGAIN) return;
      if (count > 0) this.#take(this.#buffer, count);
      else if (count === 0) this.ended = true;
      else this.error = errnoName(count);
    }
  }

  #take(from: Uint8Array, count: number): void {
    this.#parts.push(from.slice(0, count));
    this.receivedLength += count;
  }

  #write(): void {
    while (this.#queue.length > 0 && this.error === '') {
      const [first] = this.#queue as [Uint8Array];
      const count = this.#calls.send(this.fd, first);
      if (count === -Errno.EAGAIN) return;
      if (count < 0) this.error = errnoName(count);
      else if (count < first.length) this.#queue[0] = first.subarray(count);
      else this.#queue.shift();
    }
    if (this.#closing && (this.#queue.length === 0 || this.error !== '')) {
      this.close();
      return;
    }
    if (!this.#finishing || this.#finished || this.error !== '') return;
    this.#finished = true;
    const result = this.#calls.shutdown(this.fd, SHUT_WR);
    if (result < 0) this.error = errnoName(result);
  }

  #wait(): void {
    let mask = 0;
    if (!this.connected || this.#queue.length > 0) mask |= Readiness.Writable;
    if (this.connected && this.#reading && !this.ended) mask |= Readiness.Readable;
    if (mask === 0 || this.error !== '' || this.closed) return;
    const waiter = this.#calls.wait(this.fd, mask, (bits) => {
      this.#waiter = undefined;
      if (isClosed(bits)) this.closed = true;
      else this.#onReady();
    });
    if (typeof waiter === 'number') throw new Error(`wait: ${errnoName(waiter)}`);
    this.#waiter = waiter;
  }

  #onReady(): void {
    if (!this.connected) {
      const error = Number(this.#calls.getsockopt(this.fd, SOL_SOCKET, SO_ERROR));
      if (error !== 0) this.error = errnoName(error);
      else this.connected = true;
    }
    this.#pump();
  }

  #stopWaiting(): void {
    if (this.#waiter !== undefined) this.#calls.cancelWait(this.fd, this.#waiter);
    this.#waiter = undefined;
  }
}

/** Starts to connect. */
export function connectTo(host: LabHost, address: string, port: number, options: StreamEndOptions = {}): StreamEnd {
  const { calls } = host;
  const fd = streamSocket(calls, options);
  if (options.from !== undefined) must(calls.bind(fd, { address: options.from, port: 0 }), 'bind');
  const result = calls.connect(fd, { address, port });
  const end = new StreamEnd(host, fd, false, options);
  if (result !== -Errno.EINPROGRESS && result !== 0) end.error = errnoName(result);
  return end;
}

/** Listens, and hands every connection to `onAccept`. Returns the listener's descriptor. */
export function serve(
  host: LabHost,
  port: number,
  onAccept: (end: StreamEnd) => void,
  options: StreamEndOptions & { readonly backlog?: number; readonly address?: string } = {},
): number {
  const { calls } = host;
  const listener = streamSocket(calls, options);
  must(calls.bind(listener, { address: options.address ?? '0.0.0.0', port }), 'bind');
  must(calls.listen(listener, options.backlog ?? 128), 'listen');
  const accept = (): void => {
    for (let fd = calls.accept(listener); fd >= 0; fd = calls.accept(listener)) {
      onAccept(new StreamEnd(host, fd, true, options));
    }
    calls.wait(listener, Readiness.Readable, (bits) => {
      if (!isClosed(bits)) accept();
    });
  };
  accept();
  return listener;
}

/** Sends back whatever comes, and closes when the peer has finished. */
export function serveEcho(host: LabHost, port: number): number {
  const { calls } = host;
  const buffer = new Uint8Array(65_536);
  return serve(
    host,
    port,
    (end) => {
      const turn = (): void => {
        for (;;) {
          const count = calls.recv(end.fd, buffer);
          if (count === -Errno.EAGAIN) break;
          if (count <= 0) {
            end.finish(true);
            return;
          }
          end.write(buffer.slice(0, count));
        }
        calls.wait(end.fd, Readiness.Readable, (bits) => {
          if (!isClosed(bits)) turn();
        });
      };
      turn();
    },
    { reading: false },
  );
}

/** A UDP socket bound to a port, and everything that comes to it. */
export interface DatagramEnd {
  readonly fd: number;
  readonly received: { data: Uint8Array; address: string; port: number }[];
  /** Errors that recvfrom told. */
  readonly errors: string[];
  send(data: Uint8Array, address: string, port: number): number;
}

/** @param echo sends every datagram back */
export function datagramEnd(host: LabHost, port: number, address = '0.0.0.0', echo = false): DatagramEnd {
  const { calls } = host;
  const fd = must(calls.socket(AF_INET, SOCK_DGRAM, 0), 'socket');
  must(calls.bind(fd, { address, port }), 'bind');
  const buffer = new Uint8Array(65_536);
  const received: DatagramEnd['received'] = [];
  const errors: string[] = [];
  const turn = (): void => {
    for (;;) {
      const from = { address: '', port: 0 };
      const count = calls.recvfrom(fd, buffer, 0, from);
      if (count === -Errno.EAGAIN) break;
      if (count < 0) {
        errors.push(errnoName(count));
        continue;
      }
      received.push({ data: buffer.slice(0, count), ...from });
      if (echo) calls.sendto(fd, buffer.slice(0, count), 0, from);
    }
    calls.wait(fd, Readiness.Readable, (bits) => {
      if (!isClosed(bits)) turn();
    });
  };
  turn();
  return { fd, received, errors, send: (data, to, toPort) => calls.sendto(fd, data, 0, { address: to, port: toPort }) };
}

/** Sends an echo request and returns the sources of the replies that come, in order. */
export function ping(
  host: LabHost,
  address: string,
  payload: Uint8Array = new Uint8Array(56),
  identifier = 7,
): string[] {
  const { calls } = host;
  const fd = must(calls.socket(AF_INET, SOCK_RAW, 1), 'socket');
  const message = new Uint8Array(8 + payload.length);
  message.set([8, 0, 0, 0, identifier >> 8, identifier & 255, 0, 1]);
  message.set(payload, 8);
  const sum = onesComplement(message);
  message.set([sum >> 8, sum & 255], 2);
  const replies: string[] = [];
  const buffer = new Uint8Array(65_536);
  const turn = (): void => {
    for (;;) {
      const from = { address: '', port: 0 };
      const count = calls.recvfrom(fd, buffer, 0, from);
      if (count < 0) break;
      const at = (buffer[0]! & 15) * 4;
      const isReply = buffer[at] === 0 && buffer[at + 4] === identifier >> 8 && buffer[at + 5] === (identifier & 255);
      if (isReply && count === at + message.length) replies.push(from.address);
    }
    calls.wait(fd, Readiness.Readable, (bits) => {
      if (!isClosed(bits)) turn();
    });
  };
  turn();
  const result = calls.sendto(fd, message, 0, { address, port: 0 });
  if (result < 0) replies.push(errnoName(result));
  return replies;
}

/** The Internet checksum, slowly. RFC 1071. */
export function onesComplement(bytes: Uint8Array, initial = 0): number {
  let sum = initial;
  for (let i = 0; i < bytes.length; i++) sum += i % 2 === 0 ? bytes[i]! << 8 : bytes[i]!;
  while (sum > 0xffff) sum = Math.floor(sum / 0x10000) + (sum & 0xffff);
  return ~sum & 0xffff;
}

function streamSocket(calls: SocketCalls, options: StreamEndOptions): number {
  const fd = must(calls.socket(AF_INET, SOCK_STREAM, 0), 'socket');
  const { receiveBuffer, sendBuffer } = options;
  if (receiveBuffer !== undefined) must(calls.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, receiveBuffer), 'setsockopt');
  if (sendBuffer !== undefined) must(calls.setsockopt(fd, SOL_SOCKET, SO_SNDBUF, sendBuffer), 'setsockopt');
  return fd;
}
