/**
 * The socket calls as C has them: -1 and `errno` instead of exceptions, names and order of arguments as in the manual pages, so that
 * a listing from one carries over line by line. What would block is awaited; a last argument more, `{ signal }`, makes that a signal
 * which interrupts the call: -1 with EINTR.
 *
 * `errno` belongs to the object, as it belongs to a thread in C: read it right after the call that failed. Tasks that run at
 * the same time take an object each. What C returns through a pointer is filled into a record, an array or a Set of the caller's.
 */
import { Errno, errnoText } from '../core/errno.ts';
import type { Name, NameOut } from '../socket/address.ts';
import type { SocketCalls } from '../socket/calls.ts';
import { FIOCLEX, FIONBIO, FIONCLEX } from '../socket/constants.ts';
import type { EpollEvent } from '../socket/epoll.ts';
import type { Message } from '../socket/message.ts';
import type { OptionInput, OptionValue, Timeval } from '../socket/options/option.ts';
import type { PollFd, SelectSets } from '../socket/poll.ts';
import type { BlockingCalls } from './blocking.ts';
import { malformed } from './net-error.ts';
import type { Sockets } from './sockets.ts';
import type { Soon } from './waiting.ts';

/** Text for an error number, as strerror(3). */
export const strerror = (errno: number): string => errnoText(errno);

/** The calls of a host's sockets with C's conventions. */
export const posix = (host: { readonly sockets: Sockets }): Posix => new Posix(host.sockets);

/** The last argument of calls that may block. */
export interface Interrupt {
  /** Interrupts the call as a signal handler does: EINTR, unless octets have been moved. signal(7). */
  readonly signal?: AbortSignal | undefined;
}

const UNINTERRUPTED: Interrupt = {};
/** Requests of ioctl that read no number from the program, and those that take nothing. */
const TAKES_NUMBER: ReadonlySet<number> = new Set([FIONBIO]);
const TAKES_NOTHING: ReadonlySet<number> = new Set([FIOCLEX, FIONCLEX]);

export class Posix {
  /** The number of the last error, as Errno has it (positive); 0 before the first. A call that succeeds leaves it alone. */
  errno = 0;
  readonly #sockets: Sockets;
  readonly #blocking: BlockingCalls;
  readonly #core: SocketCalls;
  readonly #encoder = new TextEncoder();

  constructor(sockets: Sockets) {
    this.#sockets = sockets;
    this.#blocking = sockets.blocking;
    this.#core = sockets.blocking.core;
  }

  /** The handler of SIGPIPE, called with the descriptor; see `Sockets.onBrokenPipe`. Differs: without one the signal is ignored. */
  get onSigpipe(): ((fd: number) => void) | undefined {
    return this.#sockets.onBrokenPipe;
  }

  set onSigpipe(handler: ((fd: number) => void) | undefined) {
    this.#sockets.onBrokenPipe = handler;
  }

  // --- Making sockets and connections.

  readonly socket = (domain: number, type: number, protocol: number): number =>
    this.#now(this.#core.socket(domain, type, protocol));

  /** The two descriptors go into `sv`. */
  readonly socketpair = (domain: number, type: number, protocol: number, sv: number[]): number =>
    this.#now(this.#core.socketpair(domain, type, protocol, sv));

  readonly bind = (fd: number, address: Name): number => {
    const result = this.#core.bind(fd, address);
    return this.#now(result, malformed('bind', result, address));
  };

  readonly listen = (fd: number, backlog: number): number => this.#now(this.#core.listen(fd, backlog));

  readonly accept = (fd: number, peer?: NameOut | null, interrupt = UNINTERRUPTED): Promise<number> =>
    this.accept4(fd, peer, 0, interrupt);

  /** `flags` may be SOCK_NONBLOCK and SOCK_CLOEXEC. */
  readonly accept4 = (
    fd: number,
    peer: NameOut | null | undefined,
    flags: number,
    { signal } = UNINTERRUPTED,
  ): Promise<number> => this.#soon(this.#blocking.accept(fd, peer ?? undefined, flags, { signal }));

  readonly connect = (fd: number, address: Name, { signal } = UNINTERRUPTED): Promise<number> =>
    this.#soon(this.#blocking.connect(fd, address, { signal }), 'connect', address);

  readonly shutdown = (fd: number, how: number): number => this.#now(this.#core.shutdown(fd, how));

  readonly getsockname = (fd: number, into: NameOut): number => this.#now(this.#core.getsockname(fd, into));

  readonly getpeername = (fd: number, into: NameOut): number => this.#now(this.#core.getpeername(fd, into));

  // --- Moving octets. Text is sent as UTF-8. An error after the first octets is told by the next call, as in C.

  readonly send = (fd: number, data: Uint8Array | string, flags: number, interrupt = UNINTERRUPTED): Promise<number> =>
    this.sendto(fd, data, flags, undefined, interrupt);

  readonly sendto = (
    fd: number,
    data: Uint8Array | string,
    flags: number,
    to: Name | undefined,
    { signal } = UNINTERRUPTED,
  ): Promise<number> =>
    this.#soon(this.#blocking.send(fd, this.#octets(data), to, false, { flags, signal }), 'sendto', to);

  readonly sendmsg = (fd: number, message: Message, flags: number, { signal } = UNINTERRUPTED): Promise<number> =>
    this.#soon(
      this.#blocking.sendmsg(fd, message, false, { flags, signal }),
      'sendmsg',
      message.name as Name | undefined,
    );

  readonly write = (fd: number, data: Uint8Array | string, { signal } = UNINTERRUPTED): Promise<number> =>
    this.#soon(this.#blocking.write(fd, this.#octets(data), false, { signal }));

  readonly writev = (fd: number, iov: readonly Uint8Array[], { signal } = UNINTERRUPTED): Promise<number> =>
    this.#soon(this.#blocking.writev(fd, iov, false, { signal }));

  readonly recv = (fd: number, buffer: Uint8Array, flags: number, interrupt = UNINTERRUPTED): Promise<number> =>
    this.recvfrom(fd, buffer, flags, undefined, interrupt);

  /** `from`, if given, is filled in with the sender. */
  readonly recvfrom = (
    fd: number,
    buffer: Uint8Array,
    flags: number,
    from?: NameOut | null,
    { signal } = UNINTERRUPTED,
  ): Promise<number> => this.#soon(this.#blocking.recv(fd, buffer, from ?? undefined, { flags, signal }));

  readonly recvmsg = (fd: number, message: Message, flags: number, { signal } = UNINTERRUPTED): Promise<number> =>
    this.#soon(this.#blocking.recvmsg(fd, message, { flags, signal }));

  readonly read = (fd: number, buffer: Uint8Array, { signal } = UNINTERRUPTED): Promise<number> =>
    this.#soon(this.#blocking.readNow(fd, buffer.length) ?? this.#blocking.recv(fd, buffer, undefined, { signal }));

  readonly readv = (fd: number, iov: readonly Uint8Array[], { signal } = UNINTERRUPTED): Promise<number> =>
    this.#soon(this.#blocking.readv(fd, iov, { signal }));

  /** 1 when the next octet to be read is the urgent one, else 0. sockatmark(3) */
  readonly sockatmark = (fd: number): number => this.#now(this.#core.sockatmark(fd));

  // --- Waiting for several descriptors.

  /** `timeout` in milliseconds, below 0 for ever. The number of the array's elements is C's `nfds`. */
  readonly poll = (fds: readonly PollFd[], timeout: number, { signal } = UNINTERRUPTED): Promise<number> =>
    this.#soon(this.#blocking.poll(fds, timeout, signal));

  /** Sets of descriptors for C's fd_set; null for `timeout` waits for ever. Differs: `timeout` is left as it was, as POSIX allows. */
  readonly select = (
    nfds: number,
    readfds: Set<number> | null,
    writefds: Set<number> | null,
    exceptfds: Set<number> | null,
    timeout: Timeval | null,
    { signal } = UNINTERRUPTED,
  ): Promise<number> => {
    const milliseconds = timeout === null ? -1 : timeout.sec * 1000 + timeout.usec / 1000;
    if (timeout !== null && (timeout.sec < 0 || timeout.usec < 0)) return this.#soon(-Errno.EINVAL);
    const sets: SelectSets = {};
    if (readfds !== null) sets.read = readfds;
    if (writefds !== null) sets.write = writefds;
    if (exceptfds !== null) sets.except = exceptfds;
    return this.#soon(this.#blocking.select(nfds, sets, milliseconds, signal));
  };

  readonly epoll_create1 = (flags: number): number => this.#now(this.#core.epollCreate(flags));

  readonly epoll_ctl = (epfd: number, op: number, fd: number, event?: EpollEvent | null): number =>
    this.#now(this.#core.epollControl(epfd, op, fd, event ?? undefined));

  /** Fills `events` from its beginning; `timeout` in milliseconds, below 0 for ever. */
  readonly epoll_wait = (
    epfd: number,
    events: EpollEvent[],
    maxevents: number,
    timeout: number,
    { signal } = UNINTERRUPTED,
  ): Promise<number> => this.#soon(this.#blocking.epollWait(epfd, events, maxevents, timeout, signal));

  // --- Descriptors and options.

  readonly dup = (fd: number): number => this.#now(this.#core.dup(fd));

  readonly dup2 = (oldfd: number, newfd: number): number => this.#now(this.#blocking.dup2(oldfd, newfd));

  readonly dup3 = (oldfd: number, newfd: number, flags: number): number =>
    this.#now(this.#blocking.dup3(oldfd, newfd, flags));

  readonly fcntl = (fd: number, command: number, value = 0): number => this.#now(this.#core.fcntl(fd, command, value));

  /** The number that is asked for goes into `argp.value`, and FIONBIO takes it from there. */
  readonly ioctl = (fd: number, request: number, argp: { value: number } | null = null): number => {
    const isOpen = this.#core.file(fd) !== undefined;
    if (isOpen && argp === null && TAKES_NUMBER.has(request)) return this.#now(-Errno.EFAULT);
    const result = this.#core.ioctl(fd, request, argp?.value);
    if (result < 0 || TAKES_NUMBER.has(request) || TAKES_NOTHING.has(request)) return this.#now(result);
    if (argp === null) return this.#now(-Errno.EFAULT);
    argp.value = result;
    return 0;
  };

  /**
   * A promise where the kernel would block: with SO_LINGER and a time, until all that was sent is acknowledged. Else the number itself, so
   * that nobody has to wait for it. Calls that wait by the descriptor fail with ECANCELED. Differs: on Linux they go on, with a descriptor
   * that is gone; close(2) calls that unwise to rely on.
   */
  readonly close = (fd: number, { signal } = UNINTERRUPTED): number | Promise<number> => {
    const result = this.#blocking.closeAndLinger(fd, signal);
    return typeof result === 'number' ? this.#now(result) : result;
  };

  /** Frees a path name that a socket of AF_UNIX was bound to. */
  readonly unlink = (path: string): number => this.#now(this.#core.unlink(path));

  readonly setsockopt = (fd: number, level: number, name: number, value: OptionInput): number =>
    this.#now(this.#core.setsockopt(fd, level, name, value));

  /** The value goes into `into.value`; with `optlen` so many octets of the C type at most, as many as C would say in its optlen. */
  readonly getsockopt = (
    fd: number,
    level: number,
    name: number,
    into: { value: OptionValue },
    optlen?: number,
  ): number => {
    const value = this.#core.getsockopt(fd, level, name, optlen);
    if (typeof value === 'number' && value < 0) return this.#now(value);
    into.value = value;
    return 0;
  };

  /** The index of the interface, 0 when there is none. if_nametoindex(3). */
  readonly if_nametoindex = (name: string): number => Math.max(0, this.#now(this.#core.ifNameToIndex(name)));

  /** Writes `text: ` and the text of `errno` to the standard error, as perror(3). */
  readonly perror = (text: string): void => {
    process.stderr.write(`${text}: ${strerror(this.errno)}\n`);
  };

  #octets(data: Uint8Array | string): Uint8Array {
    return typeof data === 'string' ? this.#encoder.encode(data) : data;
  }

  /** Notes the errno of a call that failed; what C has no errno for is thrown. */
  #now(result: number, unlikeC?: TypeError): number {
    if (unlikeC !== undefined) throw unlikeC;
    if (result >= 0) return result;
    this.errno = -result;
    return -1;
  }

  /** As above, when it is there. */
  async #soon(result: Soon, syscall = '', name?: Name): Promise<number> {
    const settled = typeof result === 'number' ? result : await result.as((late) => late);
    return this.#now(settled, malformed(syscall, settled, name));
  }
}
