/**
 * The operations that wait in a line: each is a call of the core that is tried again until it does not answer EAGAIN, and on a stream
 * until it has moved as much as its program wants.
 *
 * What was moved before an error is the result, and the error is told by the next call; see send(2), recv(2) and socket(7).
 */
import { Errno } from '../core/errno.ts';
import type { Name, NameOut } from '../socket/address.ts';
import type { SocketCalls } from '../socket/calls.ts';
import { MSG_FASTOPEN, MSG_PEEK, MSG_WAITALL, SIOCINQ, SOCK_STREAM } from '../socket/constants.ts';
import { isSocket } from '../socket/descriptors.ts';
import type { Message } from '../socket/message.ts';
import { Readiness } from '../tcp/service.ts';
import type { Operation } from './waiting.ts';

const WOULD_BLOCK = -Errno.EAGAIN;

/** A call that is the same at each try and moves nothing in parts: accept, epoll_wait. */
export class RepeatedCall implements Operation {
  readonly moved = 0;
  readonly whole = false;
  readonly fresh = true;
  readonly late: number;
  readonly #call: () => number;

  /** @param late what the call answers as long as it has to wait, and in the end when it has waited in vain */
  constructor(call: () => number, late = WOULD_BLOCK) {
    this.#call = call;
    this.late = late;
  }

  attempt(): number | undefined {
    const result = this.#call();
    return result === this.late ? undefined : result;
  }
}

/** connect. Calls that wait for the same handshake share its outcome: who hears of it later is told EPIPE where it failed, as on Linux. */
export class ConnectOperation implements Operation {
  readonly moved = 0;
  readonly whole = false;
  readonly fresh = true;
  /** -EINPROGRESS for the call that began the handshake, -EALREADY for others; -EAGAIN while a listener of AF_UNIX has no room. */
  late = 0;
  readonly #calls: SocketCalls;
  readonly #fd: number;
  readonly #to: Name;

  constructor(calls: SocketCalls, fd: number, to: Name) {
    this.#calls = calls;
    this.#fd = fd;
    this.#to = to;
  }

  attempt(): number | undefined {
    const waited = this.late !== 0;
    if (waited && this.late !== WOULD_BLOCK && this.#isUnconnected()) return -Errno.EPIPE;
    const result = this.#calls.connect(this.#fd, this.#to);
    if (waited && result === -Errno.EISCONN) return 0;
    if (result !== -Errno.EINPROGRESS && result !== -Errno.EALREADY && result !== WOULD_BLOCK) return result;
    if (!waited) this.late = result;
    return undefined;
  }

  /** No handshake any more, nor the error of one: somebody else was told. */
  #isUnconnected(): boolean {
    const bits = this.#calls.readiness(this.#fd);
    return (bits & (Readiness.HangUp | Readiness.Error)) === Readiness.HangUp;
  }
}

/** recv, recvfrom and read. */
export class ReceiveOperation implements Operation {
  readonly late = WOULD_BLOCK;
  moved = 0;
  readonly whole = false;
  readonly fresh = true;
  /** What came, if the buffer is shared. */
  data: Uint8Array | undefined = undefined;
  readonly #calls: SocketCalls;
  readonly #fd: number;
  readonly #buffer: Uint8Array;
  readonly #isShared: boolean;
  readonly #flags: number;
  readonly #from: NameOut | undefined;
  readonly #target: number;

  /**
   * @param isShared the buffer serves others between two tries: what came is copied to `data` at once. Only where one try is enough
   * @param from filled in with a datagram's sender
   */
  constructor(calls: SocketCalls, fd: number, buffer: Uint8Array, isShared: boolean, flags: number, from?: NameOut) {
    this.#calls = calls;
    this.#fd = fd;
    this.#buffer = buffer;
    this.#isShared = isShared;
    this.#flags = flags;
    this.#from = from;
    this.#target = targetOf(calls, fd, buffer.length, flags);
  }

  /** Takes all that is there, up to the target: after that only something new can help. */
  attempt(): number | undefined {
    const buffer = this.#buffer;
    const from = this.#from;
    const calls = this.#calls;
    const fd = this.#fd;
    const flags = this.#flags;
    const peeks = looksAgain(calls, fd, flags);
    for (;;) {
      if (this.moved > 0 && mustStop(calls, fd)) return this.moved;
      const at = peeks ? 0 : this.moved;
      const result =
        from === undefined || this.moved > 0
          ? calls.recv(fd, buffer, flags, at)
          : calls.recvfrom(fd, buffer, flags, from, at);
      if (result === WOULD_BLOCK) return isAtEnd(calls, fd) ? this.moved : undefined;
      if (result <= 0) return this.moved > 0 ? this.moved : result;
      if (this.#isShared) this.data = buffer.slice(0, result);
      this.moved = at + result;
      if (this.moved >= this.#target) return this.moved;
      if (peeks) return mustStop(calls, fd) ? this.moved : undefined;
    }
  }
}

/** recvmsg and readv. */
export class ReceiveMessageOperation implements Operation {
  readonly late = WOULD_BLOCK;
  moved = 0;
  readonly whole = false;
  readonly fresh = true;
  readonly #calls: SocketCalls;
  readonly #fd: number;
  readonly #message: Message;
  readonly #flags: number;
  readonly #target: number;

  constructor(calls: SocketCalls, fd: number, message: Message, flags: number) {
    this.#calls = calls;
    this.#fd = fd;
    this.#message = message;
    this.#flags = flags;
    this.#target = targetOf(calls, fd, lengthOf(message.iov), flags);
  }

  attempt(): number | undefined {
    const calls = this.#calls;
    const fd = this.#fd;
    const peeks = looksAgain(calls, fd, this.#flags);
    for (;;) {
      if (this.moved > 0 && mustStop(calls, fd)) return this.moved;
      const before = peeks ? 0 : this.moved;
      const result = this.#receive(before);
      if (result === WOULD_BLOCK) return isAtEnd(calls, fd) ? this.moved : undefined;
      if (result <= 0) return this.moved > 0 ? this.moved : result;
      this.moved = before + result;
      if (this.moved >= this.#target) return this.moved;
      if (peeks) return mustStop(calls, fd) ? this.moved : undefined;
    }
  }

  /** Into what is left of the pieces; what comes besides goes to the program's own record. */
  #receive(at: number): number {
    const message = this.#message;
    if (at === 0) return this.#calls.recvmsg(this.#fd, message, this.#flags);
    const rest: Message = { ...message, name: undefined, iov: piecesFrom(message.iov, at) };
    const result = this.#calls.recvmsg(this.#fd, rest, this.#flags);
    if (result > 0) message.flags = rest.flags ?? 0;
    return result;
  }
}

/** send, sendto, write; on a stream until everything is queued. */
export class SendOperation implements Operation {
  late = WOULD_BLOCK;
  moved = 0;
  readonly whole: boolean;
  readonly fresh = false;
  readonly #calls: SocketCalls;
  readonly #fd: number;
  readonly #bytes: Uint8Array;
  #flags: number;
  readonly #to: Name | undefined;

  /** @param whole whether an error or a signal is the result even after a part was queued; in C the part is, and the next call tells the error */
  constructor(calls: SocketCalls, fd: number, bytes: Uint8Array, flags: number, to: Name | undefined, whole: boolean) {
    this.#calls = calls;
    this.#fd = fd;
    this.#bytes = bytes;
    this.#flags = flags;
    this.#to = to;
    this.whole = whole;
  }

  attempt(): number | undefined {
    const { moved } = this;
    if (moved > 0 && !this.whole && isBroken(this.#calls, this.#fd)) return moved;
    const result = this.#send();
    // EINPROGRESS: of MSG_FASTOPEN without a cookie; what is to be sent follows the handshake.
    if (result === WOULD_BLOCK || result === -Errno.EINPROGRESS) {
      if (moved === 0) this.late = result;
      this.#flags &= ~MSG_FASTOPEN;
      return undefined;
    }
    if (result < 0) return result;
    this.#flags &= ~MSG_FASTOPEN;
    this.moved += result;
    return this.moved >= this.#bytes.length ? this.moved : undefined;
  }

  #send(): number {
    const to = this.#to;
    if (to === undefined) return this.#calls.send(this.#fd, this.#bytes, this.#flags, this.moved);
    return this.#calls.sendto(this.#fd, this.#bytes, this.#flags, to, this.moved);
  }
}

/** sendmsg and writev; on a stream until everything is queued. What goes besides octets goes with the first of them. */
export class SendMessageOperation implements Operation {
  readonly late = WOULD_BLOCK;
  moved = 0;
  readonly whole: boolean;
  readonly fresh = false;
  readonly #calls: SocketCalls;
  readonly #fd: number;
  readonly #message: Message;
  readonly #length: number;
  readonly #flags: number;

  constructor(calls: SocketCalls, fd: number, message: Message, flags: number, whole: boolean) {
    this.#calls = calls;
    this.#fd = fd;
    this.#message = message;
    this.#length = lengthOf(message.iov);
    this.#flags = flags;
    this.whole = whole;
  }

  attempt(): number | undefined {
    const { moved } = this;
    if (moved > 0 && !this.whole && isBroken(this.#calls, this.#fd)) return moved;
    const message = moved === 0 ? this.#message : { iov: piecesFrom(this.#message.iov, moved) };
    const result = this.#calls.sendmsg(this.#fd, message, this.#flags);
    if (result === WOULD_BLOCK) return undefined;
    if (result < 0) return result;
    this.moved += result;
    return this.moved >= this.#length ? this.moved : undefined;
  }
}

/** Octets that a receive waits for: on a stream all with MSG_WAITALL, else SO_RCVLOWAT. socket(7). */
export function targetOf(calls: SocketCalls, fd: number, length: number, flags: number): number {
  const file = calls.file(fd);
  if (file === undefined || !isSocket(file) || file.type !== SOCK_STREAM) return 1;
  return (flags & MSG_WAITALL) !== 0 ? length : Math.min(length, file.options.receiveLowWater);
}

/** Whether each try sees the same octets: MSG_PEEK without SO_PEEK_OFF, with which it goes on. */
function looksAgain(calls: SocketCalls, fd: number, flags: number): boolean {
  if ((flags & MSG_PEEK) === 0) return false;
  const file = calls.file(fd);
  return file === undefined || !isSocket(file) || file.options.peekOffset < 0;
}

/** Datagram sockets that were shut down would never get anything: a waiting recv then ends with 0, as on Linux. */
const isAtEnd = (calls: SocketCalls, fd: number): boolean => (calls.readiness(fd) & Readiness.ReadHangUp) !== 0;

const isBroken = (calls: SocketCalls, fd: number): boolean =>
  (calls.readiness(fd) & (Readiness.Error | Readiness.HangUp)) !== 0;

/**
 * Whether a receive that has something ends before its target: at the urgent mark, at the end of the stream, and before an error, which
 * it leaves to the next call.
 */
function mustStop(calls: SocketCalls, fd: number): boolean {
  const bits = calls.readiness(fd);
  if (calls.ioctl(fd, SIOCINQ) > 0) return calls.sockatmark(fd) === 1;
  return (bits & (Readiness.Error | Readiness.ReadHangUp)) !== 0;
}

const lengthOf = (iov: readonly Uint8Array[]): number => iov.reduce((sum, piece) => sum + piece.length, 0);

/** The pieces without their first `at` octets. */
function piecesFrom(iov: readonly Uint8Array[], at: number): Uint8Array[] {
  const rest: Uint8Array[] = [];
  let left = at;
  for (const piece of iov) {
    if (left < piece.length) rest.push(left === 0 ? piece : piece.subarray(left));
    left = Math.max(0, left - piece.length);
  }
  return rest;
}
