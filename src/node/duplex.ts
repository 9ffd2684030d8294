/**
 * A stream socket as a Node Duplex, so that what is written for Node's streams (http.Server, pipeline) runs on a tapstack host.
 *
 * `end()` is a half-close (SHUT_WR), the peer's half-close ends the readable side, `destroy()` closes the descriptor. It has
 * those methods of net.Socket that http.Server and http.Agent use; it is not a net.Socket. Over AF_UNIX it is as net.Socket is over
 * a pipe: there are no addresses, and TCP's options do nothing.
 */
import { Duplex } from 'node:stream';
import { IPPROTO_TCP, SHUT_WR, SOL_SOCKET, SO_KEEPALIVE, TCP_NODELAY } from '../socket/constants.ts';

/** Octets read at a time. */
const READ_SIZE = 65536;
/** Chunks that wait together are sent as one up to this size (octets): a header and its body in one segment. */
const JOIN_LIMIT = 65536;

/** The name of a stream socket: of other families than AF_INET without address and port. */
interface StreamName {
  readonly family?: number;
  readonly address?: string;
  readonly port?: number;
}

/** The socket calls that a stream needs: a part of a host's `sockets`. */
export interface StreamSockets {
  recv(fd: number, size: number): Promise<Uint8Array>;
  send(fd: number, data: Uint8Array): Promise<number>;
  shutdown(fd: number, how: number): void;
  close(fd: number): void;
  getsockname(fd: number): StreamName;
  getpeername(fd: number): StreamName;
  setsockopt(fd: number, level: number, name: number, value: number): void;
}

export interface SocketDuplexOptions {
  /** Called instead of `sockets.close(fd)` when the stream is destroyed. */
  readonly close?: () => void;
}

/** A connected stream socket as a Duplex that owns the descriptor from now on. */
export class SocketDuplex extends Duplex {
  readonly fd: number;
  readonly remoteAddress: string | undefined;
  readonly remotePort: number | undefined;
  readonly remoteFamily: 'IPv4' | undefined;
  readonly localAddress: string | undefined;
  readonly localPort: number | undefined;
  /** Octets received and sent so far. */
  bytesRead = 0;
  bytesWritten = 0;
  /** Idle time (ms) after which 'timeout' is emitted; 0 for never. */
  timeout = 0;
  readonly #sockets: StreamSockets;
  readonly #close: () => void;
  #timer: NodeJS.Timeout | undefined = undefined;

  /** Throws ENOTCONN when `fd` is not connected. */
  constructor(sockets: StreamSockets, fd: number, options: SocketDuplexOptions = {}) {
    super({ allowHalfOpen: true });
    this.fd = fd;
    this.#sockets = sockets;
    this.#close = options.close ?? ((): void => sockets.close(fd));
    const remote = sockets.getpeername(fd);
    const local = sockets.getsockname(fd);
    this.remoteAddress = remote.address;
    this.remotePort = remote.port;
    this.remoteFamily = remote.address === undefined ? undefined : 'IPv4';
    this.localAddress = local.address;
    this.localPort = local.port;
  }

  /** Emits 'timeout' after `milliseconds` without traffic; 0 turns it off. As net.Socket has it. */
  setTimeout(milliseconds: number, listener?: () => void): this {
    this.timeout = milliseconds;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (milliseconds > 0) {
      this.#timer = setTimeout(() => this.emit('timeout'), milliseconds);
      this.#timer.unref();
      if (listener !== undefined) this.once('timeout', listener);
    } else if (listener !== undefined) {
      this.off('timeout', listener);
    }
    return this;
  }

  /** TCP_NODELAY. */
  setNoDelay(noDelay = true): this {
    this.#set(IPPROTO_TCP, TCP_NODELAY, noDelay);
    return this;
  }

  /** SO_KEEPALIVE. */
  setKeepAlive(enable = false): this {
    this.#set(SOL_SOCKET, SO_KEEPALIVE, enable);
    return this;
  }

  /** Nothing here keeps the process running, or lets it end: that is the host's business. */
  ref(): this {
    return this;
  }
  unref(): this {
    return this;
  }

  override _read(): void {
    this.#sockets.recv(this.fd, READ_SIZE).then(
      (data) => this.#received(data),
      (error: unknown) => this.#failed(error),
    );
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.#sendAll(chunk).then(() => callback(), callback);
  }

  override _writev(
    chunks: { chunk: Buffer; encoding: BufferEncoding }[],
    callback: (error?: Error | null) => void,
  ): void {
    const buffers = chunks.map(({ chunk }) => chunk);
    this.#sendEach(joinShort(buffers)).then(() => callback(), callback);
  }

  override _final(callback: (error?: Error | null) => void): void {
    try {
      this.#sockets.shutdown(this.fd, SHUT_WR);
      callback();
    } catch (error) {
      callback(error as Error);
    }
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    clearTimeout(this.#timer);
    try {
      this.#close();
      callback(error);
    } catch (closeError) {
      callback(error ?? (closeError as Error));
    }
  }

  #set(level: number, name: number, on: boolean): void {
    if (this.remoteFamily !== undefined && !this.destroyed) this.#sockets.setsockopt(this.fd, level, name, on ? 1 : 0);
  }

  #received(data: Uint8Array): void {
    if (this.destroyed) return;
    this.#timer?.refresh();
    this.bytesRead += data.length;
    this.push(data.length === 0 ? null : Buffer.from(data.buffer, data.byteOffset, data.length));
  }

  #failed(error: unknown): void {
    // A destroyed stream's descriptor is closed under the call that waits for it.
    if (!this.destroyed) this.destroy(error instanceof Error ? error : new Error(String(error)));
  }

  async #sendEach(buffers: readonly Buffer[]): Promise<void> {
    for (const buffer of buffers) await this.#sendAll(buffer);
  }

  async #sendAll(data: Uint8Array): Promise<void> {
    for (let sent = 0; sent < data.length;) {
      sent += await this.#sockets.send(this.fd, sent === 0 ? data : data.subarray(sent));
      this.#timer?.refresh();
    }
    this.bytesWritten += data.length;
  }
}

/** Neighbouring short buffers put together; long ones as they are. */
function joinShort(buffers: readonly Buffer[]): Buffer[] {
  const joined: Buffer[] = [];
  let waiting: Buffer[] = [];
  let length = 0;
  const flush = (): void => {
    if (waiting.length > 0) joined.push(Buffer.concat(waiting, length));
    waiting = [];
    length = 0;
  };
  for (const buffer of buffers) {
    if (length + buffer.length > JOIN_LIMIT) flush();
    waiting.push(buffer);
    length += buffer.length;
  }
  flush();
  return joined;
}
