/**
 * The socket calls with promises: the names and arguments of C, waiting as `await`, failures as a NetError.
 *
 * Calls that never wait (socket, bind, listen, shutdown, close, the options) return at once and throw; accept, connect,
 * send and recv return promises, resolved already when nothing had to be waited for. Every function may be taken off the
 * object: `const { socket, bind, accept } = host.sockets`. For -1 and errno instead of exceptions see posix.ts.
 */
import { Errno } from '../core/errno.ts';
import { parseAddress } from '../ip/address.ts';
import type { SocketAddress } from '../socket/address.ts';
import type { SocketCalls } from '../socket/calls.ts';
import { F_GETFL, F_SETFL, MSG_FASTOPEN, MSG_OOB, MSG_WAITALL, O_NONBLOCK } from '../socket/constants.ts';
import type { IPPROTO_TCP, SOL_SOCKET, SO_LINGER, TCP_CONGESTION, TCP_INFO } from '../socket/constants.ts';
import type { Linger, OptionValue } from '../socket/options/option.ts';
import { Readiness } from '../tcp/service.ts';
import type { TcpInfo } from '../tcp/service.ts';
import { NetError } from './net-error.ts';
import {
  AcceptOperation,
  ConnectOperation,
  ReceiveNewOperation,
  ReceiveOperation,
  SendOperation,
  receiveNow,
  sendNow,
  wantsMore,
} from './operations.ts';
import { Line, abortReason } from './waiting.ts';

/** Octets that `recv` and `recvfrom` hand out at most unless told otherwise: more than any datagram has. */
const DEFAULT_SIZE = 65536;

/** Where a call that waits may be aborted, and its MSG_ flags. */
export interface CallOptions {
  /** MSG_PEEK, MSG_DONTWAIT, MSG_WAITALL ... */
  readonly flags?: number;
  /** Rejects the call with the signal's reason while it waits; the descriptor stays open. */
  readonly signal?: AbortSignal;
}

/** A datagram with its sender. */
export interface ReceivedDatagram {
  readonly data: Uint8Array;
  readonly address: string;
  readonly port: number;
}

/** `recv` comes in two forms: a new array, or a buffer of the caller's, which saves the allocation. */
export interface Receive {
  /** Resolves to 1 to `size` octets, or to none at the end of the stream. */
  (fd: number, size?: number, options?: CallOptions): Promise<Uint8Array>;
  /** Fills the start of `buffer` and resolves to how many octets, 0 at the end of the stream. */
  (fd: number, buffer: Uint8Array, options?: CallOptions): Promise<number>;
}

/** `getsockopt`, whose result depends on the option. */
export interface GetOption {
  (fd: number, level: typeof IPPROTO_TCP, name: typeof TCP_INFO): TcpInfo;
  (fd: number, level: typeof IPPROTO_TCP, name: typeof TCP_CONGESTION): string;
  (fd: number, level: typeof SOL_SOCKET, name: typeof SO_LINGER): Linger;
  (fd: number, level: number, name: number): number;
}

const NO_OPTIONS: CallOptions = {};

export class Sockets {
  readonly #calls: SocketCalls;
  readonly #limit: number;
  /** Who waits, by descriptor: to read (recv, accept), and to write (send, connect). */
  readonly #readers = new Map<number, Line>();
  readonly #writers = new Map<number, Line>();
  /** Where `recv` and `recvfrom` receive before they know how much it is. */
  readonly #scratch = new Uint8Array(DEFAULT_SIZE);
  readonly #encoder = new TextEncoder();

  /** @param limit calls that may wait for one descriptor and direction; ENOBUFS beyond */
  constructor(calls: SocketCalls, limit = 1024) {
    this.#calls = calls;
    this.#limit = limit;
  }

  /** Opens a socket and returns its descriptor. Throws EAFNOSUPPORT, ESOCKTNOSUPPORT, EPROTONOSUPPORT, EMFILE ... */
  readonly socket = (domain: number, type: number, protocol = 0): number =>
    check('socket', this.#calls.socket(domain, type, protocol));

  /** Throws EADDRINUSE, EADDRNOTAVAIL, EINVAL when bound already; TypeError for text that is no address. */
  readonly bind = (fd: number, address: SocketAddress): void => {
    const result = this.#calls.bind(fd, address);
    if (result < 0) throw failure('bind', result, address);
  };

  readonly listen = (fd: number, backlog = 128): void => {
    check('listen', this.#calls.listen(fd, backlog));
  };

  /** Waits for a connection and resolves to its descriptor; `peer`, if given, is filled in with the other end. */
  readonly accept = (fd: number, peer?: SocketAddress, options: CallOptions = NO_OPTIONS): Promise<number> => {
    if (options.signal?.aborted === true) return Promise.reject(abortReason(options.signal));
    const line = this.#readers.get(fd);
    if (line === undefined || line.empty) {
      const result = this.#calls.accept(fd, peer);
      if (result >= 0) return Promise.resolve(result);
      if (!this.#mayWait(fd, result, options)) return Promise.reject(new NetError('accept', result));
    }
    const operation = new AcceptOperation(this.#calls, fd, peer, options.signal);
    this.#reader(fd).join(operation);
    return operation.promise;
  };

  /** Waits until the handshake is over; on a datagram socket it only fixes the peer. An abort leaves the handshake running. */
  readonly connect = (fd: number, address: SocketAddress, options: CallOptions = NO_OPTIONS): Promise<void> => {
    if (options.signal?.aborted === true) return Promise.reject(abortReason(options.signal));
    const line = this.#writers.get(fd);
    const result = line === undefined || line.empty ? this.#calls.connect(fd, address) : -Errno.EALREADY;
    if (result === 0) return Promise.resolve();
    if (result !== -Errno.EINPROGRESS || this.#calls.isNonBlocking(fd)) {
      return Promise.reject(failure('connect', result, address));
    }
    const operation = new ConnectOperation(this.#calls, fd, address, options.signal);
    this.#writer(fd).join(operation);
    return operation.promise;
  };

  /**
   * Resolves to the number of octets once all of `data` is queued (text as UTF-8); `data` must not change until then. Concurrent
   * sends on a stream do not interleave. When it rejects, an unknown part of `data` may have been queued.
   */
  readonly send = (fd: number, data: Uint8Array | string, options: CallOptions = NO_OPTIONS): Promise<number> =>
    this.#send(fd, data, undefined, options);

  /** As `send` for one datagram to `to`. */
  readonly sendto = (
    fd: number,
    data: Uint8Array | string,
    to: SocketAddress,
    options: CallOptions = NO_OPTIONS,
  ): Promise<number> => this.#send(fd, data, to, options);

  /**
   * Waits for octets, or for the end of the stream. Concurrent calls on one descriptor are served in order. With MSG_OOB it never waits.
   */
  readonly recv = ((
    fd: number,
    into: Uint8Array | number = DEFAULT_SIZE,
    options: CallOptions = NO_OPTIONS,
  ): Promise<Uint8Array | number> => {
    return typeof into === 'number'
      ? this.#receiveNew(fd, into, undefined, options)
      : this.#receive(fd, into, undefined, options);
  }) as Receive;

  /** Waits for a datagram; what exceeds `size` octets of it is lost. */
  readonly recvfrom = (
    fd: number,
    size = DEFAULT_SIZE,
    options: CallOptions = NO_OPTIONS,
  ): Promise<ReceivedDatagram> => {
    const from: SocketAddress = { address: '0.0.0.0', port: 0 };
    return this.#receiveNew(fd, size, from, options).then((data) => ({ data, address: from.address, port: from.port }));
  };

  /** Whether the next octet to be read is the urgent one: a read stops before it once. Throws ENOTTY when the socket is no stream. */
  readonly sockatmark = (fd: number): boolean => check('sockatmark', this.#calls.sockatmark(fd)) !== 0;

  /** SHUT_RD, SHUT_WR or SHUT_RDWR. Throws ENOTCONN. */
  readonly shutdown = (fd: number, how: number): void => {
    check('shutdown', this.#calls.shutdown(fd, how));
  };

  /**
   * Frees the descriptor; what was queued is still sent. Calls that wait for it reject with ECANCELED: they were made on a
   * good descriptor and taken back, which EBADF would deny (libuv and io_uring say the same). Throws EBADF.
   */
  readonly close = (fd: number): void => {
    this.#forget(this.#readers, fd);
    this.#forget(this.#writers, fd);
    check('close', this.#calls.close(fd));
  };

  /** Closes every descriptor; every waiting call rejects with ECANCELED. */
  readonly closeAll = (): void => {
    for (const lines of [this.#readers, this.#writers]) for (const fd of [...lines.keys()]) this.#forget(lines, fd);
    this.#calls.closeAll();
  };

  /** The local address; 0.0.0.0 and port 0 before bind. */
  readonly getsockname = (fd: number): { address: string; port: number } => {
    const into = { address: '0.0.0.0', port: 0 };
    check('getsockname', this.#calls.getsockname(fd, into));
    return into;
  };

  /** The peer's address. Throws ENOTCONN. */
  readonly getpeername = (fd: number): { address: string; port: number } => {
    const into = { address: '0.0.0.0', port: 0 };
    check('getpeername', this.#calls.getpeername(fd, into));
    return into;
  };

  /** Numbers or booleans; SO_LINGER takes `{ onoff, linger }`, TCP_CONGESTION a name. Throws ENOPROTOOPT, EINVAL, ENOENT. */
  readonly setsockopt = (fd: number, level: number, name: number, value: number | boolean | string | Linger): void => {
    check('setsockopt', this.#calls.setsockopt(fd, level, name, value));
  };

  /** A number; for SO_LINGER a Linger, for TCP_INFO a TcpInfo, for TCP_CONGESTION a text. Throws ENOPROTOOPT, EOPNOTSUPP. */
  readonly getsockopt = ((fd: number, level: number, name: number): OptionValue => {
    const value = this.#calls.getsockopt(fd, level, name);
    if (typeof value === 'number' && value < 0) throw new NetError('getsockopt', value);
    return value;
  }) as GetOption;

  /** Sets or clears SOCK_NONBLOCK: calls that would wait then reject with EAGAIN (connect: EINPROGRESS). */
  readonly setNonBlocking = (fd: number, nonBlocking: boolean): void => {
    const flags = check('fcntl', this.#calls.fcntl(fd, F_GETFL));
    check('fcntl', this.#calls.fcntl(fd, F_SETFL, nonBlocking ? flags | O_NONBLOCK : flags & ~O_NONBLOCK));
  };

  // Measured: `await` of a ready promise costs what `await` of a plain number costs (100 ns), so results are always promises.
  #receive(fd: number, buffer: Uint8Array, from: SocketAddress | undefined, options: CallOptions): Promise<number> {
    const { flags = 0, signal } = options;
    if (signal?.aborted === true) return Promise.reject(abortReason(signal));
    const urgent = (flags & MSG_OOB) !== 0;
    const line = this.#readers.get(fd);
    let received = 0;
    if (line === undefined || line.empty || urgent) {
      const result = receiveNow(this.#calls, fd, buffer, flags, 0, from);
      if (result >= 0 && (result === 0 || urgent || !wantsMore(flags, result, buffer))) return Promise.resolve(result);
      if (result > 0) {
        if (this.#calls.isNonBlocking(fd, flags)) return Promise.resolve(result);
        received = result;
      } else if (urgent || !this.#mayWait(fd, result, options)) {
        return Promise.reject(new NetError(from === undefined ? 'recv' : 'recvfrom', result));
      }
    }
    const operation = new ReceiveOperation(this.#calls, fd, buffer, flags, received, from, signal);
    this.#reader(fd).join(operation);
    return operation.promise;
  }

  /**
   * Into a new array of just the size that came, so that a call which waits holds no memory; only for MSG_WAITALL and sizes beyond
   * the scratch buffer's it is made beforehand.
   */
  #receiveNew(fd: number, size: number, from: SocketAddress | undefined, options: CallOptions): Promise<Uint8Array> {
    const { flags = 0, signal } = options;
    if (size > DEFAULT_SIZE || (flags & MSG_WAITALL) !== 0) {
      const buffer = new Uint8Array(size);
      return this.#receive(fd, buffer, from, options).then((count) => shortened(buffer, count));
    }
    if (signal?.aborted === true) return Promise.reject(abortReason(signal));
    const scratch = size === DEFAULT_SIZE ? this.#scratch : this.#scratch.subarray(0, size);
    const urgent = (flags & MSG_OOB) !== 0;
    const line = this.#readers.get(fd);
    if (line === undefined || line.empty || urgent) {
      const result = receiveNow(this.#calls, fd, scratch, flags, 0, from);
      if (result >= 0) return Promise.resolve(scratch.slice(0, result));
      if (urgent || !this.#mayWait(fd, result, options)) {
        return Promise.reject(new NetError(from === undefined ? 'recv' : 'recvfrom', result));
      }
    }
    const operation = new ReceiveNewOperation(this.#calls, fd, scratch, flags, from, signal);
    this.#reader(fd).join(operation);
    return operation.promise;
  }

  #send(fd: number, data: Uint8Array | string, to: SocketAddress | undefined, options: CallOptions): Promise<number> {
    const { flags = 0, signal } = options;
    if (signal?.aborted === true) return Promise.reject(abortReason(signal));
    const bytes = typeof data === 'string' ? this.#encoder.encode(data) : data;
    const line = this.#writers.get(fd);
    let sent = 0;
    if (line === undefined || line.empty) {
      const result = sendNow(this.#calls, fd, bytes, flags, 0, to);
      if (result === bytes.length) return Promise.resolve(result);
      if (result > 0) {
        if (this.#calls.isNonBlocking(fd, flags)) return Promise.resolve(result);
        sent = result;
      } else if (!this.#mayWait(fd, result, options)) {
        return Promise.reject(failure(to === undefined ? 'send' : 'sendto', result, to));
      }
    }
    const operation = new SendOperation(this.#calls, fd, bytes, flags & ~MSG_FASTOPEN, sent, to, signal);
    this.#writer(fd).join(operation);
    return operation.promise;
  }

  /** Whether a call that gave `result` is to be tried again later. */
  #mayWait(fd: number, result: number, options: CallOptions): boolean {
    // EINPROGRESS: of MSG_FASTOPEN without a cookie; what is to be sent follows the handshake.
    return (
      (result === -Errno.EAGAIN || result === 0 || result === -Errno.EINPROGRESS) &&
      !this.#calls.isNonBlocking(fd, options.flags)
    );
  }

  #reader(fd: number): Line {
    return this.#line(this.#readers, fd, Readiness.Readable);
  }

  #writer(fd: number): Line {
    return this.#line(this.#writers, fd, Readiness.Writable);
  }

  #line(lines: Map<number, Line>, fd: number, mask: number): Line {
    let line = lines.get(fd);
    if (line === undefined) {
      line = new Line(this.#calls, fd, mask, this.#limit);
      lines.set(fd, line);
    }
    return line;
  }

  #forget(lines: Map<number, Line>, fd: number): void {
    const line = lines.get(fd);
    lines.delete(fd);
    line?.fail(Errno.ECANCELED);
  }
}

/** The result, unless it is an errno. */
function check(syscall: string, result: number): number {
  if (result < 0) throw new NetError(syscall, result);
  return result;
}

/** What to throw when a call that named an address failed: a TypeError when the address itself cannot be read. */
function failure(syscall: string, result: number, address: SocketAddress | undefined): Error {
  if (result === -Errno.EINVAL && address !== undefined && 'port' in address) {
    if (parseAddress(address.address) === undefined) {
      return new TypeError(`${syscall}: '${address.address}' is not an IPv4 address of the form a.b.c.d`);
    }
    if (!Number.isInteger(address.port) || address.port < 0 || address.port > 0xffff) {
      return new TypeError(`${syscall}: ${address.port} is not a port from 0 to 65535`);
    }
  }
  return new NetError(syscall, result, address);
}

const shortened = (buffer: Uint8Array, count: number): Uint8Array =>
  count >= buffer.length ? buffer : buffer.slice(0, count);
