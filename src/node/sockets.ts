/**
 * The socket calls with promises: the names and arguments of C, waiting as `await`, failures as a NetError.
 *
 * Calls that never wait (socket, bind, listen, shutdown, close, the options ...) return at once and throw; accept, connect, poll, and all
 * that sends and receives return promises, resolved already when nothing had to be waited for. Every function may be taken off the
 * object: `const { socket, bind, accept } = host.sockets`. For -1 and errno instead of exceptions see posix.ts.
 */
import { Errno } from '../core/errno.ts';
import type { Name, NameOut, SocketAddress } from '../socket/address.ts';
import type { SocketCalls } from '../socket/calls.ts';
import * as c from '../socket/constants.ts';
import { isSocket } from '../socket/descriptors.ts';
import type { EpollEvent } from '../socket/epoll.ts';
import type { Message } from '../socket/message.ts';
import type { OptionInput, OptionValue } from '../socket/options/option.ts';
import type { PollFd, SelectSets } from '../socket/poll.ts';
import { BlockingCalls } from './blocking.ts';
import type { Waits } from './blocking.ts';
import type { CallOptions, GetName, GetOption, Receive, ReceiveFrom, ReceivedDatagram } from './call-types.ts';
import { abortReason } from './cutoff.ts';
import { NetError, malformed } from './net-error.ts';
import { OwnedDescriptor } from './owned-descriptor.ts';
import { ReceiveOperation, targetOf } from './operations.ts';
import type { Soon } from './waiting.ts';

/** Octets that `recv` and `recvfrom` hand out at most unless told otherwise: more than any datagram has. */
const DEFAULT_SIZE = 65536;
/** Events that `epollWait` hands out at most unless told otherwise. */
const DEFAULT_EVENTS = 64;

const NO_OPTIONS: CallOptions = {};

export class Sockets {
  /** @internal The calls with numbers in the place of exceptions, for the posix face. */
  readonly blocking: BlockingCalls;
  readonly #calls: SocketCalls;
  /** Where `recv` and `recvfrom` receive before they know how much it is. */
  readonly #scratch = new Uint8Array(DEFAULT_SIZE);
  readonly #encoder = new TextEncoder();
  #onBrokenPipe: ((fd: number) => void) | undefined = undefined;

  /** @param limit calls that may wait for one file and direction; ENOBUFS beyond */
  constructor(calls: SocketCalls, limit?: number) {
    this.#calls = calls;
    this.blocking = new BlockingCalls(calls, limit);
  }

  /**
   * Runs in the place of a SIGPIPE handler, with the descriptor: a send on a stream that is shut down has failed with EPIPE, and had no
   * MSG_NOSIGNAL. One for all of a host, as a signal's disposition is one for a process; undefined, the default, ignores it. It runs
   * before the program hears of the failed call.
   */
  get onBrokenPipe(): ((fd: number) => void) | undefined {
    return this.#onBrokenPipe;
  }

  set onBrokenPipe(handler: ((fd: number) => void) | undefined) {
    this.#onBrokenPipe = handler;
    // Not from inside the call, but before anything that waits for its result.
    this.#calls.onBrokenPipe = handler === undefined ? undefined : (fd) => queueMicrotask(() => handler(fd));
  }

  // --- Making sockets and connections.

  /** Opens a socket and returns its descriptor. Throws EAFNOSUPPORT, ESOCKTNOSUPPORT, EPROTONOSUPPORT, EMFILE ... */
  readonly socket = (domain: number, type: number, protocol = 0): number =>
    check('socket', this.#calls.socket(domain, type, protocol));

  /**
   * As `socket`, closed at the end of the scope, which waits as SO_LINGER says: `await using s = open(AF_INET, SOCK_STREAM)`; the
   * descriptor is `s.fd`.
   */
  readonly open = (domain: number, type: number, protocol = 0): OwnedDescriptor =>
    this.owned(this.socket(domain, type, protocol));

  /** Takes over a descriptor that there is: `await using peer = owned(await accept(fd))`. Throws EBADF. */
  readonly owned = (fd: number): OwnedDescriptor => {
    const file = this.#calls.file(fd);
    if (file === undefined) throw new NetError('owned', Errno.EBADF);
    return new OwnedDescriptor(fd, () => (this.#calls.file(fd) === file ? this.blocking.closeAndLinger(fd) : 0));
  };

  /** Two sockets that are each other's peer. Throws EOPNOTSUPP where the family has no such thing. */
  readonly socketpair = (domain: number, type: number, protocol = 0): [number, number] => {
    const pair: number[] = [];
    check('socketpair', this.#calls.socketpair(domain, type, protocol, pair));
    return [pair[0]!, pair[1]!];
  };

  /** Throws EADDRINUSE, EADDRNOTAVAIL, EINVAL when bound already; TypeError for text that is no address. */
  readonly bind = (fd: number, address: Name): void => {
    const result = this.#calls.bind(fd, address);
    if (result < 0) throw malformed('bind', result, address) ?? new NetError('bind', result, address);
  };

  readonly listen = (fd: number, backlog = 128): void => {
    check('listen', this.#calls.listen(fd, backlog));
  };

  /** Waits for a connection and resolves to its descriptor; `peer`, if given, is filled in with the other end. */
  readonly accept = (fd: number, peer?: NameOut, options: CallOptions = NO_OPTIONS): Promise<number> =>
    soon('accept', this.blocking.accept(fd, peer, 0, options), options);

  /** As `accept`; `flags` may be SOCK_NONBLOCK and SOCK_CLOEXEC. */
  readonly accept4 = (fd: number, flags: number, peer?: NameOut, options: CallOptions = NO_OPTIONS): Promise<number> =>
    soon('accept4', this.blocking.accept(fd, peer, flags, options), options);

  /** Waits until the handshake is over; on a datagram socket it only fixes the peer. An abort leaves the handshake running. */
  readonly connect = (fd: number, address: Name, options: CallOptions = NO_OPTIONS): Promise<void> =>
    soonAs('connect', this.blocking.connect(fd, address, options), options, nothing, address);

  /** SHUT_RD, SHUT_WR or SHUT_RDWR. Throws ENOTCONN. */
  readonly shutdown = (fd: number, how: number): void => {
    check('shutdown', this.#calls.shutdown(fd, how));
  };

  /** The local address; 0.0.0.0 and port 0 before bind. The caller knows the family: `getsockname<UnixAddress>(fd)`. */
  readonly getsockname: GetName = <T extends SocketAddress>(fd: number, into = this.#emptyName(fd) as T): T => {
    check('getsockname', this.#calls.getsockname(fd, into));
    return into;
  };

  /** The peer's address. Throws ENOTCONN. */
  readonly getpeername: GetName = <T extends SocketAddress>(fd: number, into = this.#emptyName(fd) as T): T => {
    check('getpeername', this.#calls.getpeername(fd, into));
    return into;
  };

  // --- Moving octets.

  /**
   * Resolves to the number of octets once all of `data` is queued (text as UTF-8); `data` must not change until then. Concurrent
   * sends on a stream do not interleave. When it rejects, an unknown part of `data` may have been queued; when SO_SNDTIMEO ends it, it
   * resolves to the octets queued, unless there are none.
   */
  readonly send = (fd: number, data: Uint8Array | string, options: CallOptions = NO_OPTIONS): Promise<number> =>
    soon('send', this.blocking.send(fd, this.#octets(data), undefined, true, options), options);

  /** As `send` for one datagram to `to`. */
  readonly sendto = (
    fd: number,
    data: Uint8Array | string,
    to: Name,
    options: CallOptions = NO_OPTIONS,
  ): Promise<number> => soon('sendto', this.blocking.send(fd, this.#octets(data), to, true, options), options, to);

  /** As `send`, with octets in pieces, an address, ancillary data. sendmsg(2), cmsg(3). */
  readonly sendmsg = (fd: number, message: Message, options: CallOptions = NO_OPTIONS): Promise<number> => {
    const name = message.name as Name | undefined;
    return soon('sendmsg', this.blocking.sendmsg(fd, message, true, options), options, name);
  };

  /** As `send` without flags. Throws EINVAL for a descriptor that is no socket. */
  readonly write = (fd: number, data: Uint8Array | string, options: Waits = NO_OPTIONS): Promise<number> =>
    soon('write', this.blocking.write(fd, this.#octets(data), true, withoutFlags(options)), options);

  readonly writev = (fd: number, iov: readonly Uint8Array[], options: Waits = NO_OPTIONS): Promise<number> =>
    soon('writev', this.blocking.writev(fd, iov, true, withoutFlags(options)), options);

  /**
   * Waits for octets, or for the end of the stream. Concurrent calls on one socket are served in order. With MSG_OOB it never waits; with
   * MSG_WAITALL it waits for all that there is room for.
   */
  readonly recv = ((
    fd: number,
    into: Uint8Array | number = DEFAULT_SIZE,
    options: CallOptions = NO_OPTIONS,
  ): Promise<Uint8Array | number> =>
    typeof into === 'number'
      ? this.#receiveNew('recv', fd, into, undefined, options)
      : soon('recv', this.blocking.recv(fd, into, undefined, options), options)) as Receive;

  /** Waits for a datagram; what exceeds `size` octets of it is lost. The sender is told in the fields of the socket's family. */
  readonly recvfrom = ((
    fd: number,
    size = DEFAULT_SIZE,
    options: CallOptions = NO_OPTIONS,
  ): Promise<ReceivedDatagram<NameOut>> => {
    const from = this.#emptyName(fd);
    return this.#receiveNew('recvfrom', fd, size, from, options).then((data) => ({ data, ...from }));
  }) as ReceiveFrom;

  /** Fills in the pieces, the sender, ancillary data and flags of the message; resolves to how many octets. recvmsg(2), cmsg(3). */
  readonly recvmsg = (fd: number, message: Message, options: CallOptions = NO_OPTIONS): Promise<number> =>
    soon('recvmsg', this.blocking.recvmsg(fd, message, options), options);

  /** As `recv` without flags. Throws EINVAL for a descriptor that is no socket. */
  readonly read = ((
    fd: number,
    into: Uint8Array | number = DEFAULT_SIZE,
    options: Waits = NO_OPTIONS,
  ): Promise<Uint8Array | number> => {
    const isNew = typeof into === 'number';
    const without = withoutFlags(options);
    const result = this.blocking.readNow(fd, isNew ? into : into.length);
    if (result !== undefined) return soonAs('read', result, options, () => (isNew ? new Uint8Array(0) : 0));
    if (isNew) return this.#receiveNew('read', fd, into, undefined, without);
    return soon('read', this.blocking.recv(fd, into, undefined, without), options);
  }) as Receive;

  readonly readv = (fd: number, iov: readonly Uint8Array[], options: Waits = NO_OPTIONS): Promise<number> =>
    soon('readv', this.blocking.readv(fd, iov, withoutFlags(options)), options);

  /** Whether the next octet to be read is the urgent one: a read stops before it once. Throws ENOTTY when the socket is no stream. */
  readonly sockatmark = (fd: number): boolean => check('sockatmark', this.#calls.sockatmark(fd)) !== 0;

  // --- Waiting for several descriptors.

  /** Fills in `revents`; resolves to how many descriptors have some, 0 when `timeout` (ms, below 0 for ever) is over. poll(2). */
  readonly poll = (fds: readonly PollFd[], timeout = -1, options: Waits = NO_OPTIONS): Promise<number> =>
    soon('poll', this.blocking.poll(fds, timeout, options.signal), options);

  /** Leaves in the sets what is ready; resolves to how many that are, 0 when `timeout` (ms, below 0 for ever) is over. select(2). */
  readonly select = (nfds: number, sets: SelectSets, timeout = -1, options: Waits = NO_OPTIONS): Promise<number> =>
    soon('select', this.blocking.select(nfds, sets, timeout, options.signal), options);

  /** A new interest set; `flags` may be EPOLL_CLOEXEC. epoll_create1(2). */
  readonly epollCreate1 = (flags = 0): number => check('epoll_create1', this.#calls.epollCreate(flags));

  /** EPOLL_CTL_ADD, EPOLL_CTL_MOD or EPOLL_CTL_DEL. Throws EEXIST, ENOENT, ELOOP ... epoll_ctl(2). */
  readonly epollCtl = (epfd: number, op: number, fd: number, event?: EpollEvent): void => {
    check('epoll_ctl', this.#calls.epollControl(epfd, op, fd, event));
  };

  /** Resolves to what is ready, at most so many; to nothing when `timeout` (ms, below 0 for ever) is over. epoll_wait(2). */
  readonly epollWait = (
    epfd: number,
    maxEvents = DEFAULT_EVENTS,
    timeout = -1,
    options: Waits = NO_OPTIONS,
  ): Promise<EpollEvent[]> => {
    const events: EpollEvent[] = [];
    const result = this.blocking.epollWait(epfd, events, maxEvents, timeout, options.signal);
    return soonAs('epoll_wait', result, options, () => events);
  };

  // --- Descriptors and options.

  readonly dup = (fd: number): number => check('dup', this.#calls.dup(fd));
  readonly dup2 = (oldFd: number, newFd: number): number => check('dup2', this.blocking.dup2(oldFd, newFd));
  readonly dup3 = (oldFd: number, newFd: number, flags: number): number =>
    check('dup3', this.blocking.dup3(oldFd, newFd, flags));

  /** F_GETFL, F_SETFL (O_NONBLOCK), F_GETFD, F_SETFD (FD_CLOEXEC), F_DUPFD. fcntl(2). */
  readonly fcntl = (fd: number, command: number, value = 0): number =>
    check('fcntl', this.#calls.fcntl(fd, command, value));

  /** The number that SIOCINQ (FIONREAD), SIOCOUTQ and SIOCATMARK ask for; FIONBIO takes one. */
  readonly ioctl = (fd: number, request: number, value = 0): number =>
    check('ioctl', this.#calls.ioctl(fd, request, value));

  /** Sets or clears O_NONBLOCK: calls that would wait then reject with EAGAIN (connect: EINPROGRESS). */
  readonly setNonBlocking = (fd: number, nonBlocking: boolean): void => {
    const flags = this.fcntl(fd, c.F_GETFL);
    this.fcntl(fd, c.F_SETFL, nonBlocking ? flags | c.O_NONBLOCK : flags & ~c.O_NONBLOCK);
  };

  /**
   * Frees the descriptor; what was queued is still sent. Calls that wait by it reject with ECANCELED: they were made on a
   * good descriptor and taken back, which EBADF would deny (libuv and io_uring say the same). It never waits: what SO_LINGER gives time
   * for is waited for at the end of a scope (`owned`) and by close of the posix face. Throws EBADF.
   */
  readonly close = (fd: number): void => {
    check('close', this.blocking.close(fd));
  };

  /** Closes every descriptor; every waiting call rejects with ECANCELED. */
  readonly closeAll = (): void => this.blocking.closeAll();

  /** Numbers or booleans, records and texts as the option has them (socket/options). Throws ENOPROTOOPT, EINVAL, ENOENT. */
  readonly setsockopt = (fd: number, level: number, name: number, value: OptionInput): void => {
    check('setsockopt', this.#calls.setsockopt(fd, level, name, value));
  };

  /**
   * A number; for SO_LINGER a Linger, for TCP_INFO a TcpInfo, for TCP_CONGESTION a text. With a length the octets that C has it in.
   * Throws ENOPROTOOPT, EOPNOTSUPP.
   */
  readonly getsockopt = ((fd: number, level: number, name: number, length?: number): OptionValue => {
    const value = this.#calls.getsockopt(fd, level, name, length);
    if (typeof value === 'number' && value < 0) throw new NetError('getsockopt', value);
    return value;
  }) as GetOption;

  /** Frees a path name that a socket of AF_UNIX was bound to. Throws ENOENT. */
  readonly unlink = (path: string): void => {
    const result = this.#calls.unlink(path);
    if (result < 0) throw new NetError('unlink', result, { family: c.AF_UNIX, path });
  };

  /** The index of the interface with this name. Throws ENODEV. */
  readonly ifNameToIndex = (name: string): number => check('if_nametoindex', this.#calls.ifNameToIndex(name));

  // --- Helpers.

  /**
   * Into a new array of just the size that came, so that a call which waits holds no memory; only for sizes beyond the scratch buffer's,
   * and where octets gather, it is made beforehand.
   */
  #receiveNew(
    syscall: string,
    fd: number,
    size: number,
    from: NameOut | undefined,
    options: CallOptions,
  ): Promise<Uint8Array> {
    const { flags = 0 } = options;
    const isShared = size <= DEFAULT_SIZE && targetOf(this.#calls, fd, size, flags) <= 1;
    const buffer = !isShared
      ? new Uint8Array(size)
      : size === DEFAULT_SIZE
        ? this.#scratch
        : this.#scratch.subarray(0, size);
    const operation = new ReceiveOperation(this.#calls, fd, buffer, isShared, flags, from);
    const result = this.blocking.receive(fd, operation, options);
    return soonAs(
      syscall,
      result,
      options,
      (count) => operation.data ?? (isShared ? new Uint8Array(0) : shortened(buffer, count)),
    );
  }

  #octets(data: Uint8Array | string): Uint8Array {
    return typeof data === 'string' ? this.#encoder.encode(data) : data;
  }

  /** A record for an address of the socket's family, as it is where the kernel tells none. */
  #emptyName(fd: number): NameOut {
    const file = this.#calls.file(fd);
    const family = file !== undefined && isSocket(file) ? file.family : c.AF_INET;
    return family === c.AF_INET ? { address: c.INADDR_ANY, port: 0 } : { family };
  }
}

/** The result, unless it is an errno. */
function check(syscall: string, result: number): number {
  if (result < 0) throw new NetError(syscall, result);
  return result;
}

// Measured: `await` of a ready promise costs what `await` of a plain number costs (100 ns), so results are always promises.
function soon(syscall: string, result: Soon, options: Waits, name?: Name): Promise<number> {
  return soonAs(syscall, result, options, itself, name);
}

/** As what `made` makes of the result. */
function soonAs<T>(
  syscall: string,
  result: Soon,
  options: Waits,
  made: (result: number) => T,
  name?: Name,
): Promise<T> {
  if (typeof result !== 'number') return result.as((late) => made(checkWait(syscall, late, options, name)));
  return result >= 0 ? Promise.resolve(made(result)) : Promise.reject(failure(syscall, result, options, name));
}

function checkWait(syscall: string, result: number, options: Waits, name: Name | undefined): number {
  if (result < 0) throw failure(syscall, result, options, name);
  return result;
}

/** What a call that may wait rejects with: the signal's reason where that ended it. */
function failure(syscall: string, result: number, { signal }: Waits, name: Name | undefined): Error {
  if (result === -Errno.EINTR && signal?.aborted === true) return abortReason(signal);
  return malformed(syscall, result, name) ?? new NetError(syscall, result, name);
}

const nothing = (): void => undefined;

const itself = (result: number): number => result;

/** read and write have no flags. */
const withoutFlags = ({ signal }: Waits): Waits => ({ signal });

const shortened = (buffer: Uint8Array, count: number): Uint8Array =>
  count >= buffer.length ? buffer : buffer.slice(0, count);
