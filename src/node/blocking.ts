/**
 * The socket calls as a program has them whose descriptors block: numbers as in the core, and a promise of the number where the kernel
 * would put the program to sleep. sockets.ts makes exceptions of the errnos, posix.ts -1 and errno.
 *
 * What waits: accept, connect, send and receive in all their forms, poll, select, epoll_wait. What ends a wait besides readiness: a
 * signal (-EINTR), SO_RCVTIMEO and SO_SNDTIMEO (-EAGAIN, connect -EINPROGRESS), a timeout (0), close (-ECANCELED). What had been moved
 * by then is the result instead. See signal(7), socket(7).
 */
import { Errno } from '../core/errno.ts';
import type { Name, NameOut } from '../socket/address.ts';
import type { SocketCalls } from '../socket/calls.ts';
import { MSG_DONTWAIT, MSG_ERRQUEUE, MSG_OOB, POLLIN, POLLOUT, POLLRDNORM, POLLWRNORM } from '../socket/constants.ts';
import { isSocket } from '../socket/descriptors.ts';
import type { EpollEvent } from '../socket/epoll.ts';
import { MAX_IOV } from '../socket/message.ts';
import type { Message } from '../socket/message.ts';
import type { PollFd, SelectSets } from '../socket/poll.ts';
import { Readiness } from '../tcp/service.ts';
import { Cutoff } from './cutoff.ts';
import type { Limits } from './cutoff.ts';
import {
  ConnectOperation,
  ReceiveMessageOperation,
  ReceiveOperation,
  RepeatedCall,
  SendMessageOperation,
  SendOperation,
} from './operations.ts';
import { Polling, Selection } from './polling.ts';
import type { Watched } from './polling.ts';
import { Lines, lateOf, outOfTime } from './waiting.ts';
import type { Operation, Soon } from './waiting.ts';

/** How a call may wait. */
export interface Waits {
  /** MSG_ flags. */
  readonly flags?: number;
  /** Ends the wait: -EINTR. */
  readonly signal?: AbortSignal | undefined;
}

/** Calls that may wait for one file and direction unless told otherwise. */
export const DEFAULT_LIMIT = 1024;

/** Urgent data and queued errors are there or not: nobody waits for them, nor behind those who wait for the rest. recv(2). */
const AT_ONCE = MSG_OOB | MSG_ERRQUEUE;

export class BlockingCalls {
  readonly core: SocketCalls;
  /** Who waits to read (recv, accept, epoll_wait), and to write (send, connect). */
  readonly #readers: Lines;
  readonly #writers: Lines;
  /** poll and select under way. */
  readonly #polls = new Set<Polling>();
  /** Ends those who linger after a close. */
  readonly #lingering = new Set<() => void>();

  constructor(core: SocketCalls, limit = DEFAULT_LIMIT) {
    this.core = core;
    this.#readers = new Lines(Readiness.Readable, limit);
    this.#writers = new Lines(Readiness.Writable, limit);
  }

  // --- Connections.

  accept(fd: number, peer: NameOut | undefined, accept4Flags: number, waits: Waits): Soon {
    const { core } = this;
    return this.#read(fd, new RepeatedCall(() => core.accept(fd, peer, accept4Flags)), waits);
  }

  /** Waits until the handshake is over, whoever began it. A signal or the time leaves it running. */
  connect(fd: number, to: Name, waits: Waits): Soon {
    if (waits.signal?.aborted === true) return -Errno.EINTR;
    // It goes before those who send: what they wait for is this.
    const operation = new ConnectOperation(this.core, fd, to);
    return operation.attempt() ?? this.#join(this.#writers, fd, operation, this.#sendTimeout(fd), waits);
  }

  // --- Octets.

  /** @param whole see SendOperation */
  send(fd: number, bytes: Uint8Array, to: Name | undefined, whole: boolean, waits: Waits): Soon {
    return this.#write(fd, new SendOperation(this.core, fd, bytes, waits.flags ?? 0, to, whole), waits);
  }

  sendmsg(fd: number, message: Message, whole: boolean, waits: Waits): Soon {
    return this.#write(fd, new SendMessageOperation(this.core, fd, message, waits.flags ?? 0, whole), waits);
  }

  write(fd: number, bytes: Uint8Array, whole: boolean, waits: Waits): Soon {
    return this.#isSocket(fd) ? this.send(fd, bytes, undefined, whole, waits) : this.core.write(fd, bytes);
  }

  writev(fd: number, iov: readonly Uint8Array[], whole: boolean, waits: Waits): Soon {
    return this.#mayWaitFor(fd, iov) ? this.sendmsg(fd, { iov }, whole, waits) : this.core.writev(fd, iov);
  }

  /** Where the buffer is shared, the octets are in `operation.data`. */
  receive(fd: number, operation: ReceiveOperation, waits: Waits): Soon {
    const { flags = 0 } = waits;
    if ((flags & AT_ONCE) !== 0) return waits.signal?.aborted === true ? -Errno.EINTR : attemptOnce(operation);
    return this.#read(fd, operation, waits);
  }

  recv(fd: number, buffer: Uint8Array, from: NameOut | undefined, waits: Waits): Soon {
    return this.receive(fd, new ReceiveOperation(this.core, fd, buffer, false, waits.flags ?? 0, from), waits);
  }

  recvmsg(fd: number, message: Message, waits: Waits): Soon {
    const { flags = 0 } = waits;
    const operation = new ReceiveMessageOperation(this.core, fd, message, flags);
    return (flags & AT_ONCE) !== 0 ? attemptOnce(operation) : this.#read(fd, operation, waits);
  }

  /** What read(2) answers at once: -EINVAL for a file that is no socket, 0 for no room; undefined for all others, which are as recv. */
  readNow(fd: number, length: number): number | undefined {
    return length > 0 && this.#isSocket(fd) ? undefined : this.core.readv(fd, []);
  }

  readv(fd: number, iov: readonly Uint8Array[], waits: Waits): Soon {
    return this.#mayWaitFor(fd, iov) ? this.recvmsg(fd, { iov }, waits) : this.core.readv(fd, iov);
  }

  // --- Several descriptors.

  /** @param timeout ms; below 0 for as long as it takes */
  poll(fds: readonly PollFd[], timeout: number, signal: AbortSignal | undefined): Soon {
    const look = (): number => this.core.pollNow(fds);
    const result = look();
    if (result !== 0 || timeout === 0) return result;
    return lateOf(this.#poll(look, fds.map(watchedBy), { timeout: microseconds(timeout), signal }));
  }

  /** @param timeout ms; below 0 for as long as it takes */
  select(nfds: number, sets: SelectSets, timeout: number, signal: AbortSignal | undefined): Soon {
    const selection = new Selection(this.core, nfds, sets);
    const result = selection.look();
    if (result !== 0) return result;
    if (timeout === 0) {
      selection.leaveNothing();
      return 0;
    }
    const limits = { timeout: microseconds(timeout), signal };
    const polled = this.#poll(() => selection.look(), selection.watched(), limits);
    return lateOf(
      polled.then((found) => {
        if (found === 0) selection.leaveNothing();
        return found;
      }),
    );
  }

  /** Waits at the set alone, whatever it holds. @param timeout ms; below 0 for as long as it takes */
  epollWait(epfd: number, events: EpollEvent[], most: number, timeout: number, signal: AbortSignal | undefined): Soon {
    const file = this.core.file(epfd);
    const operation = new RepeatedCall(() => this.core.epollNow(epfd, events, most), 0);
    if (file === undefined || timeout === 0 || this.#readers.first(file) === undefined) {
      const result = attemptOnce(operation);
      if (result !== 0 || timeout === 0) return result;
    }
    if (signal?.aborted === true) return -Errno.EINTR;
    return this.#readers.join(file!, epfd, operation, { timeout: microseconds(timeout), signal });
  }

  // --- Descriptors.

  dup2(oldFd: number, newFd: number): number {
    if (oldFd !== newFd && this.core.file(oldFd) !== undefined) this.#forget(newFd);
    return this.core.dup2(oldFd, newFd);
  }

  dup3(oldFd: number, newFd: number, flags: number): number {
    if (oldFd !== newFd && this.core.file(oldFd) !== undefined) this.#forget(newFd);
    return this.core.dup3(oldFd, newFd, flags);
  }

  /**
   * Frees the descriptor at once. Calls that wait by it end with -ECANCELED. Differs: Linux leaves them asleep, with the descriptor gone;
   * libuv and io_uring say what this says.
   */
  close(fd: number): number {
    this.#forget(fd);
    return this.core.close(fd);
  }

  /**
   * As `close`, but with SO_LINGER and a time it is over when all that was sent has been acknowledged, or the time or a signal has ended
   * that: always with 0, and the connection goes on by itself. The descriptor is free at once; O_NONBLOCK does not matter. socket(7).
   */
  closeAndLinger(fd: number, signal?: AbortSignal): number | Promise<number> {
    let end: (() => void) | undefined = undefined;
    const timeout = this.core.linger(fd, () => end?.());
    const result = this.close(fd);
    if (timeout === 0 || result < 0 || signal?.aborted === true) return result;
    return new Promise((resolve) => {
      end = () => {
        cutoff?.clear();
        this.#lingering.delete(end!);
        resolve(0);
      };
      const cutoff = Cutoff.start({ timeout, signal }, end);
      this.#lingering.add(end);
    });
  }

  /** Ends everything that waits, and closes every descriptor. */
  closeAll(): void {
    for (const lines of [this.#readers, this.#writers]) lines.dropAll(-Errno.ECANCELED);
    for (const poll of [...this.#polls]) poll.end(-Errno.ECANCELED);
    for (const end of [...this.#lingering]) end();
    this.core.closeAll();
  }

  #read(fd: number, operation: Operation, waits: Waits): Soon {
    return this.#run(this.#readers, fd, operation, this.#socketOptions(fd)?.receiveTimeout ?? 0, waits);
  }

  #write(fd: number, operation: Operation, waits: Waits): Soon {
    return this.#run(this.#writers, fd, operation, this.#sendTimeout(fd), waits);
  }

  /** Tries at once, unless others wait already, and joins them if need be and if the call may wait. */
  #run(lines: Lines, fd: number, operation: Operation, timeout: number, waits: Waits): Soon {
    const { flags = 0, signal } = waits;
    if (signal?.aborted === true) return -Errno.EINTR;
    const file = this.core.file(fd);
    if (file === undefined || lines.first(file) === undefined || this.#mustNotWait(fd, flags, timeout)) {
      const result = operation.attempt();
      if (result !== undefined) return result;
    }
    return this.#join(lines, fd, operation, timeout, waits);
  }

  #join(lines: Lines, fd: number, operation: Operation, timeout: number, { flags = 0, signal }: Waits): Soon {
    if (this.#mustNotWait(fd, flags, timeout)) return outOfTime(operation);
    return lines.join(this.core.file(fd)!, fd, operation, { timeout, signal });
  }

  #mustNotWait(fd: number, flags: number, timeout: number): boolean {
    return timeout < 0 || (flags & MSG_DONTWAIT) !== 0 || this.core.file(fd)!.nonBlocking;
  }

  #poll(look: () => number, watched: Iterable<Watched>, limits: Limits): Promise<number> {
    if (limits.signal?.aborted === true) return Promise.resolve(-Errno.EINTR);
    return new Promise((resolve) => {
      const poll = new Polling(look, (result) => {
        this.#polls.delete(poll);
        resolve(result);
      });
      this.#polls.add(poll);
      poll.start(this.core, watched, limits);
    });
  }

  #sendTimeout(fd: number): number {
    return this.#socketOptions(fd)?.sendTimeout ?? 0;
  }

  #socketOptions(fd: number): { readonly receiveTimeout: number; readonly sendTimeout: number } | undefined {
    const file = this.core.file(fd);
    return file !== undefined && isSocket(file) ? file.options : undefined;
  }

  #isSocket(fd: number): boolean {
    const file = this.core.file(fd);
    return file !== undefined && isSocket(file);
  }

  /** Whether readv and writev are as recvmsg and sendmsg, and not answered at once. */
  #mayWaitFor(fd: number, iov: readonly Uint8Array[]): boolean {
    return this.#isSocket(fd) && iov.length <= MAX_IOV && iov.some(({ length }) => length > 0);
  }

  #forget(fd: number): void {
    const file = this.core.file(fd);
    if (file === undefined) return;
    this.#readers.drop(file, fd, -Errno.ECANCELED);
    this.#writers.drop(file, fd, -Errno.ECANCELED);
  }
}

const attemptOnce = (operation: Operation): number => operation.attempt() ?? outOfTime(operation);

/** A timeout in milliseconds as the limit of a wait. */
const microseconds = (timeout: number): number => (timeout < 0 ? 0 : timeout * 1000);

function watchedBy({ fd, events }: PollFd): Watched {
  let mask = events;
  if ((events & POLLRDNORM) !== 0) mask |= POLLIN;
  if ((events & POLLWRNORM) !== 0) mask |= POLLOUT;
  return { fd, mask };
}
