/**
 * The operations that wait in a Line: each is a call of the core that is tried again until it does not answer EAGAIN.
 */
import { Errno } from '../core/errno.ts';
import { MSG_WAITALL } from '../socket/constants.ts';
import type { SocketAddress } from '../socket/address.ts';
import type { SocketCalls } from '../socket/calls.ts';
import { Readiness } from '../tcp/service.ts';
import { NetError } from './net-error.ts';
import type { Operation } from './waiting.ts';

const WOULD_BLOCK = -Errno.EAGAIN;

/** The parts of a promise, filled in by its executor. */
abstract class Waiting<T> implements Operation {
  abstract readonly syscall: string;
  readonly signal: AbortSignal | undefined;
  readonly promise: Promise<T>;
  protected resolve!: (value: T) => void;
  reject!: (error: Error) => void;

  constructor(signal: AbortSignal | undefined) {
    this.signal = signal;
    this.promise = new Promise<T>((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }

  abstract attempt(): boolean;
}

/** accept. */
export class AcceptOperation extends Waiting<number> {
  readonly syscall = 'accept';
  readonly #calls: SocketCalls;
  readonly #fd: number;
  readonly #peer: SocketAddress | undefined;

  constructor(calls: SocketCalls, fd: number, peer: SocketAddress | undefined, signal: AbortSignal | undefined) {
    super(signal);
    this.#calls = calls;
    this.#fd = fd;
    this.#peer = peer;
  }

  attempt(): boolean {
    const result = this.#calls.accept(this.#fd, this.#peer);
    if (result === WOULD_BLOCK) return false;
    if (result < 0) this.reject(new NetError(this.syscall, result));
    else this.resolve(result);
    return true;
  }
}

/** connect, after its first call said EINPROGRESS. */
export class ConnectOperation extends Waiting<void> {
  readonly syscall = 'connect';
  readonly #calls: SocketCalls;
  readonly #fd: number;
  readonly #to: SocketAddress;

  constructor(calls: SocketCalls, fd: number, to: SocketAddress, signal: AbortSignal | undefined) {
    super(signal);
    this.#calls = calls;
    this.#fd = fd;
    this.#to = to;
  }

  attempt(): boolean {
    const result = this.#calls.connect(this.#fd, this.#to);
    if (result === -Errno.EALREADY) return false;
    if (result < 0) this.reject(new NetError(this.syscall, result, this.#to));
    else this.resolve();
    return true;
  }
}

/** recv and recvfrom into a buffer; resolves to the number of octets. */
export class ReceiveOperation extends Waiting<number> {
  readonly syscall: 'recv' | 'recvfrom';
  readonly #calls: SocketCalls;
  readonly #fd: number;
  readonly #buffer: Uint8Array;
  readonly #flags: number;
  readonly #from: SocketAddress | undefined;
  #received: number;

  /** @param received octets that an earlier try has put into the buffer (MSG_WAITALL) */
  constructor(
    calls: SocketCalls,
    fd: number,
    buffer: Uint8Array,
    flags: number,
    received: number,
    from: SocketAddress | undefined,
    signal: AbortSignal | undefined,
  ) {
    super(signal);
    this.syscall = from === undefined ? 'recv' : 'recvfrom';
    this.#calls = calls;
    this.#fd = fd;
    this.#buffer = buffer;
    this.#flags = flags;
    this.#received = received;
    this.#from = from;
  }

  attempt(): boolean {
    const result = receiveNow(this.#calls, this.#fd, this.#buffer, this.#flags, this.#received, this.#from);
    if (result > 0) this.#received += result;
    if (result === WOULD_BLOCK || (result > 0 && wantsMore(this.#flags, this.#received, this.#buffer))) return false;
    // What came before an error is handed out; the error is told next time. recv(2).
    if (result < 0 && this.#received === 0) this.reject(new NetError(this.syscall, result));
    else this.resolve(this.#received);
    return true;
  }
}

/** recv and recvfrom without a buffer of the caller's; resolves to an array of just the size that came. */
export class ReceiveNewOperation extends Waiting<Uint8Array> {
  readonly syscall: 'recv' | 'recvfrom';
  readonly #calls: SocketCalls;
  readonly #fd: number;
  readonly #scratch: Uint8Array;
  readonly #flags: number;
  readonly #from: SocketAddress | undefined;

  /** @param scratch where to receive before the size is known; shared, so it holds nothing between tries */
  constructor(
    calls: SocketCalls,
    fd: number,
    scratch: Uint8Array,
    flags: number,
    from: SocketAddress | undefined,
    signal: AbortSignal | undefined,
  ) {
    super(signal);
    this.syscall = from === undefined ? 'recv' : 'recvfrom';
    this.#calls = calls;
    this.#fd = fd;
    this.#scratch = scratch;
    this.#flags = flags;
    this.#from = from;
  }

  attempt(): boolean {
    const result = receiveNow(this.#calls, this.#fd, this.#scratch, this.#flags, 0, this.#from);
    if (result === WOULD_BLOCK) return false;
    if (result < 0) this.reject(new NetError(this.syscall, result));
    else this.resolve(this.#scratch.slice(0, result));
    return true;
  }
}

/** send and sendto; on a stream until everything is queued. */
export class SendOperation extends Waiting<number> {
  readonly syscall: 'send' | 'sendto';
  readonly #calls: SocketCalls;
  readonly #fd: number;
  readonly #bytes: Uint8Array;
  readonly #flags: number;
  readonly #to: SocketAddress | undefined;
  #sent: number;

  /** @param sent octets that an earlier try has queued */
  constructor(
    calls: SocketCalls,
    fd: number,
    bytes: Uint8Array,
    flags: number,
    sent: number,
    to: SocketAddress | undefined,
    signal: AbortSignal | undefined,
  ) {
    super(signal);
    this.syscall = to === undefined ? 'send' : 'sendto';
    this.#calls = calls;
    this.#fd = fd;
    this.#bytes = bytes;
    this.#flags = flags;
    this.#sent = sent;
    this.#to = to;
  }

  attempt(): boolean {
    const result = sendNow(this.#calls, this.#fd, this.#bytes, this.#flags, this.#sent, this.#to);
    if (result === WOULD_BLOCK) return false;
    if (result < 0) {
      this.reject(new NetError(this.syscall, result, this.#to));
      return true;
    }
    this.#sent += result;
    if (this.#sent < this.#bytes.length) return false;
    this.resolve(this.#sent);
    return true;
  }
}

/** Whether a receive goes on after `received` octets. */
export const wantsMore = (flags: number, received: number, buffer: Uint8Array): boolean =>
  (flags & MSG_WAITALL) !== 0 && received < buffer.length;

/** One try to receive into what is left of the buffer. */
export function receiveNow(
  calls: SocketCalls,
  fd: number,
  buffer: Uint8Array,
  flags: number,
  at: number,
  from: SocketAddress | undefined,
): number {
  const result = from === undefined ? calls.recv(fd, buffer, flags, at) : calls.recvfrom(fd, buffer, flags, from, at);
  if (result !== WOULD_BLOCK) return result;
  // Datagram sockets that were shut down would never get anything: a waiting recv then ends with 0, as on Linux.
  return (calls.readiness(fd) & Readiness.ReadHangUp) !== 0 ? 0 : result;
}

/** One try to send what is left of the octets. */
export function sendNow(
  calls: SocketCalls,
  fd: number,
  bytes: Uint8Array,
  flags: number,
  at: number,
  to: SocketAddress | undefined,
): number {
  return to === undefined ? calls.send(fd, bytes, flags, at) : calls.sendto(fd, bytes, flags, to, at);
}
