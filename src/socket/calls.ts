/**
 * The socket calls, without waiting: numbers in, numbers out. A result is 0, a descriptor or a count of octets; a failure
 * is a negative errno, the one that Linux returns for the same call in the same state (test/socket/differential.test.ts).
 *
 * Nothing is sent inside a call: a call that leaves work behind asks for a turn through `onWork`, and the stack's poll does it.
 * Calls that would block return -EAGAIN (connect: -EINPROGRESS); `wait` tells when to try again. Promises are node/sockets.ts.
 */
import type { Context } from '../core/context.ts';
import { Errno } from '../core/errno.ts';
import { micros } from '../core/time.ts';
import type { Micros } from '../core/time.ts';
import type { Devices } from '../ethernet/device.ts';
import type { IpService } from '../ip/service.ts';
import type { TcpService } from '../tcp/service.ts';
import type { UdpService } from '../udp/service.ts';
import { MAX_NAME } from './address.ts';
import type { Name, NameOut } from './address.ts';
import {
  EPOLL_CLOEXEC,
  EPOLL_CTL_DEL,
  MSG_DONTWAIT,
  MSG_NOSIGNAL,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SIOCATMARK,
} from './constants.ts';
import { dup3, fcntl, ioctl, isSocket } from './descriptors.ts';
import { EpollSet } from './epoll.ts';
import type { EpollEvent } from './epoll.ts';
import { Families, makePair } from './families.ts';
import { OpenFiles } from './file.ts';
import type { OpenFile } from './file.ts';
import { MAX_IOV, NOWHERE, lengthOf } from './message.ts';
import type { Message, Outgoing } from './message.ts';
import { receiveFrom, receiveMessage, sendMessage } from './messages.ts';
import { giveName, isNowhere } from './name-octets.ts';
import { OptionTable } from './options/table.ts';
import type { OptionInput, OptionValue } from './options/option.ts';
import { pollNow, selectNow } from './poll.ts';
import type { PollFd, SelectSets } from './poll.ts';
import { ReadinessQueue } from './readiness.ts';
import type { ReadinessCallback, Waiter } from './readiness.ts';
import type { Socket, SocketHost } from './socket.ts';
import { DescriptorTable } from './table.ts';

/** The layers that sockets stand on. */
export interface SocketServices {
  readonly tcp: TcpService;
  readonly udp: UdpService;
  readonly ip: IpService;
  /** The interfaces as packet sockets see them. */
  readonly devices: Devices;
}

const FLAGS = SOCK_NONBLOCK | SOCK_CLOEXEC;

export class SocketCalls {
  /** Called when a call left work for the next poll or for `deliver`; the driver sets it. It must only note that down. */
  onWork: () => void = () => undefined;
  /** In the place of SIGPIPE: a send on a stream that is shut down, without MSG_NOSIGNAL, has failed with EPIPE. Called inside the call. */
  onBrokenPipe: ((fd: number) => void) | undefined = undefined;

  readonly #host: SocketHost;
  readonly #families: Families;
  readonly #table: DescriptorTable<OpenFile>;
  readonly #options: OptionTable;
  /** Reused: calls do not nest. */
  readonly #outgoing: Outgoing = { name: undefined, control: [], rights: [] };
  #ended = false;

  constructor(context: Context, services: SocketServices) {
    const { socket } = context.config;
    const kick = (): void => this.onWork();
    this.#host = {
      context,
      ...services,
      readiness: new ReadinessQueue(socket.maxWaiters, kick),
      files: new OpenFiles(socket.maxSockets),
      kick,
      clock: { now: micros(0) },
    };
    this.#families = new Families(this.#host);
    this.#table = new DescriptorTable(socket.maxDescriptors, this.#host.files);
    this.#options = new OptionTable(context.config, services.ip);
  }

  /** Open descriptors. */
  get size(): number {
    return this.#table.size;
  }

  /** Whether `poll` has something to send (raw sockets and the like; TCP and UDP have their own). */
  get pending(): boolean {
    return this.#families.pending;
  }

  /** Whether `deliver` has somebody to tell. */
  get deliverable(): boolean {
    return this.#host.readiness.pending;
  }

  /** Notes the time of a turn, which the calls after it go by. */
  tick(now: Micros): void {
    this.#host.clock.now = now;
  }

  /** Sends what sockets have queued. Part of the stack's poll. */
  poll(now: Micros): void {
    this.#families.poll(now);
  }

  /** Runs the callbacks of those whose sockets have become ready. The driver calls it after each poll. Returns how many ran. */
  deliver(): number {
    return this.#host.readiness.deliver();
  }

  // --- Making sockets and connections.

  /** Opens a socket. `type` may carry SOCK_NONBLOCK and SOCK_CLOEXEC. Errors: socket(2). */
  socket(domain: number, type: number, protocol: number): number {
    if (this.#ended) return -Errno.ENETDOWN;
    const family = this.#families.find(domain, type & ~FLAGS);
    if (typeof family === 'number') return family;
    const socket = family.create(type & ~FLAGS, protocol, this.#table.mayOpen());
    return typeof socket === 'number' ? socket : this.#open(socket, type & FLAGS);
  }

  /** Two sockets that are each other's peer; their descriptors go into `pair`. socketpair(2). */
  socketpair(domain: number, type: number, protocol: number, pair: number[]): number {
    if (this.#ended) return -Errno.ENETDOWN;
    const family = this.#families.find(domain, type & ~FLAGS);
    if (typeof family === 'number') return family;
    const sockets = makePair(family, type & ~FLAGS, protocol, () => this.#table.mayOpen());
    if (typeof sockets === 'number') return sockets;
    const fds = sockets.map((socket) => this.#open(socket, type & FLAGS));
    if (fds[1]! < 0) {
      this.close(fds[0]!);
      sockets[1].close();
      return fds[1]!;
    }
    pair.splice(0, pair.length, ...fds);
    return 0;
  }

  bind(fd: number, name: Name): number {
    const socket = this.#socket(fd);
    if (typeof socket === 'number') return socket;
    const refused = checkName(name);
    return refused < 0 ? refused : socket.bind(name);
  }

  /** Frees a path name that a socket was bound to: -ENOENT. unlink(2), unix(7). */
  unlink(path: string): number {
    return this.#families.unlink(path);
  }

  listen(fd: number, backlog: number): number {
    const socket = this.#socket(fd);
    return typeof socket === 'number' ? socket : socket.listen(backlog | 0);
  }

  /**
   * The next connection's descriptor; `peer`, if given, is filled in. `flags` as accept4(2). -EAGAIN when none waits. A connection whose
   * peer cannot be told is lost, as on Linux.
   */
  accept(fd: number, peer?: NameOut, flags = 0): number {
    if ((flags & ~FLAGS) !== 0) return this.#table.get(fd) === undefined ? -Errno.EBADF : -Errno.EINVAL;
    const socket = this.#socket(fd);
    if (typeof socket === 'number') return socket;
    // Linux takes the descriptor first, so a full table shows before anything else.
    const refused = this.#table.mayOpen();
    if (refused < 0) return refused;
    const accepted = socket.accept();
    if (typeof accepted === 'number') return accepted;
    const untold = tellPeer(accepted, peer);
    if (untold < 0) {
      accepted.close();
      this.onWork();
      return untold;
    }
    return this.#open(accepted, flags);
  }

  /** Starts a connection: -EINPROGRESS; once writable, a second call tells the outcome. Fixes the peer of a datagram socket. */
  connect(fd: number, name: Name): number {
    const socket = this.#socket(fd);
    if (typeof socket === 'number') return socket;
    const refused = checkName(name);
    if (refused < 0) return refused;
    this.onWork();
    return socket.connect(name);
  }

  shutdown(fd: number, how: number): number {
    const socket = this.#socket(fd);
    if (typeof socket === 'number') return socket;
    this.onWork();
    return socket.shutdown(how);
  }

  getsockname(fd: number, into: NameOut): number {
    const socket = this.#socket(fd);
    return typeof socket === 'number' ? socket : giveName(into, (record) => socket.getsockname(record));
  }

  getpeername(fd: number, into: NameOut): number {
    const socket = this.#socket(fd);
    return typeof socket === 'number' ? socket : giveName(into, (record) => socket.getpeername(record));
  }

  // --- Moving octets. null is C's NULL; octets that are not within the array are EFAULT, negative lengths large as in C.

  /** Sends `length` octets of `bytes` from `at` on. Returns how many were taken, on a stream maybe fewer. */
  send(fd: number, bytes: Uint8Array | null, flags = 0, at = 0, length = sizeOf(bytes) - at): number {
    return this.#send(fd, bytes, flags, at, length, undefined);
  }

  /**
   * As `send`, to an address. On a TCP socket it counts with MSG_FASTOPEN only: connects, and the octets go with the SYN where a Fast
   * Open cookie is known (the result tells how many); where not, -EINPROGRESS, and they are to be sent later. RFC 7413.
   */
  sendto(fd: number, bytes: Uint8Array | null, flags: number, to: Name, at = 0, length = sizeOf(bytes) - at): number {
    if (to === null) return this.send(fd, bytes, flags, at, length);
    const refused = checkName(to);
    if (refused < 0) return this.#table.get(fd) === undefined ? -Errno.EBADF : refused;
    this.#outgoing.name = to;
    return this.#send(fd, bytes, flags, at, length, this.#outgoing);
  }

  /** sendmsg(2): octets in pieces, an address, ancillary data. */
  sendmsg(fd: number, message: Message, flags = 0): number {
    const socket = this.#socket(fd);
    if (typeof socket === 'number') return socket;
    const sent = sendMessage(this.#table, this.#host.files, socket, message, flags);
    return this.#sent(fd, socket, sent, flags);
  }

  /** Receives at most `length` octets into `into`, from `at` on. 0 at the end of a stream. */
  recv(fd: number, into: Uint8Array | null, flags = 0, at = 0, length = sizeOf(into) - at): number {
    const socket = this.#socket(fd);
    if (typeof socket === 'number') return socket;
    return this.#received(socket, socket.receive(into ?? NOWHERE, at, lengthOf(length), flags, undefined));
  }

  /** As recv; `from`, if given, is filled in with a datagram's sender. A stream leaves it alone. */
  recvfrom(
    fd: number,
    into: Uint8Array | null,
    flags: number,
    from: NameOut | undefined,
    at = 0,
    length = sizeOf(into) - at,
  ): number {
    if (from === undefined || isNowhere(from)) return this.recv(fd, into, flags, at, length);
    const socket = this.#socket(fd);
    if (typeof socket === 'number') return socket;
    return this.#received(
      socket,
      receiveFrom(this.#host.files, socket, into ?? NOWHERE, at, lengthOf(length), flags, from),
    );
  }

  /** recv without flags, but nothing is asked of the socket when there is no room. read(2). */
  read(fd: number, into: Uint8Array | null, at = 0, length = sizeOf(into) - at): number {
    if (length === 0) return this.readv(fd, []);
    const socket = this.#socket(fd);
    if (typeof socket !== 'number' && length < 0) return -Errno.EFAULT;
    return asFile(this.recv(fd, into, 0, at, length));
  }

  /** readv(2): as `read`, into pieces. */
  readv(fd: number, iov: readonly Uint8Array[]): number {
    const socket = this.#socket(fd);
    if (typeof socket === 'number') return asFile(socket);
    return movesNothing(iov) ?? this.recvmsg(fd, { iov });
  }

  /** send without flags. write(2). */
  write(fd: number, bytes: Uint8Array | null, at = 0, length = sizeOf(bytes) - at): number {
    const socket = this.#socket(fd);
    if (typeof socket !== 'number' && length < 0) return -Errno.EFAULT;
    return asFile(this.send(fd, bytes, 0, at, length));
  }

  /** writev(2): as `write`, of pieces; without any octets nothing is done, where `write` sends an empty datagram. */
  writev(fd: number, iov: readonly Uint8Array[]): number {
    const socket = this.#socket(fd);
    if (typeof socket === 'number') return asFile(socket);
    return movesNothing(iov) ?? this.sendmsg(fd, { iov });
  }

  /** recvmsg(2): fills in the pieces, the sender, ancillary data and `flags` of the message. */
  recvmsg(fd: number, message: Message, flags = 0): number {
    const socket = this.#socket(fd);
    if (typeof socket === 'number') return socket;
    return this.#received(socket, receiveMessage(this.#table, this.#host.files, socket, message, flags));
  }

  // --- Options and questions.

  /** Numbers (or booleans), records and texts as the option has them, or the octets of the C type. null is EFAULT. Errors: options/. */
  setsockopt(fd: number, level: number, name: number, value: OptionInput): number {
    const socket = this.#socket(fd);
    if (typeof socket === 'number') return socket;
    const result = this.#options.set(socket, level, name, value);
    if (result === 0) this.onWork();
    return result;
  }

  /**
   * The value, or a negative errno; no option has negative values. With `length`, C's optlen, the octets of the C type instead, cut
   * there as Linux cuts them; how many there are is what it would store in optlen.
   */
  getsockopt(fd: number, level: number, name: number, length?: number): OptionValue {
    const socket = this.#socket(fd);
    return typeof socket === 'number' ? socket : this.#options.get(socket, level, name, length);
  }

  /** Whether the next octet to be read is the urgent one: 1 or 0. sockatmark(3); -ENOTTY for a socket that is no stream. */
  sockatmark(fd: number): number {
    return this.ioctl(fd, SIOCATMARK);
  }

  /** SIOCINQ (FIONREAD), SIOCOUTQ, SIOCATMARK: the number. FIONBIO, FIOCLEX, FIONCLEX: 0. ioctl(2). */
  ioctl(fd: number, request: number, value = 0): number {
    return this.#table.get(fd) === undefined ? -Errno.EBADF : ioctl(this.#table, fd, request, value);
  }

  /** The index of the interface with this name, or -ENODEV. if_nametoindex(3). */
  ifNameToIndex(name: string): number {
    return this.#host.ip.interfaceByName(name) ?? -Errno.ENODEV;
  }

  /** The name of the interface with this index, or -ENXIO. if_indextoname(3). */
  ifIndexToName(index: number): string | number {
    return this.#host.ip.interfaceName(index) ?? -Errno.ENXIO;
  }

  // --- Descriptors.

  /** F_GETFL, F_SETFL (O_NONBLOCK), F_GETFD, F_SETFD (FD_CLOEXEC), F_DUPFD. fcntl(2). */
  fcntl(fd: number, command: number, value = 0): number {
    return this.#table.get(fd) === undefined ? -Errno.EBADF : fcntl(this.#table, fd, command, value);
  }

  /** Another descriptor for the same open file. dup(2). */
  dup(fd: number): number {
    const file = this.#table.get(fd);
    return file === undefined ? -Errno.EBADF : this.#table.open(file);
  }

  /** Makes `newFd` refer to the same open file as `oldFd`; what it referred to is closed. dup2(2). */
  dup2(oldFd: number, newFd: number): number {
    if (oldFd === newFd) return this.#table.get(oldFd) === undefined ? -Errno.EBADF : newFd;
    return dup3(this.#table, oldFd, newFd, 0);
  }

  /** As dup2; `flags` may be O_CLOEXEC, and equal numbers are -EINVAL. dup3(2). */
  dup3(oldFd: number, newFd: number, flags: number): number {
    return dup3(this.#table, oldFd, newFd, flags);
  }

  /**
   * Frees the descriptor at once. With the last one of a socket it is closed: what was queued on a stream is still sent, and whoever waits
   * for it is told `CLOSED`.
   */
  close(fd: number): number {
    if (this.#table.close(fd) === undefined) return -Errno.EBADF;
    this.onWork();
    return 0;
  }

  /**
   * SO_LINGER: how long close(2) of the descriptor has to wait (us), 0 for not at all. To be asked before `close`, which itself never
   * waits; `done` runs once, from `deliver`, when all that was sent has been acknowledged or the connection is over.
   */
  linger(fd: number, done: () => void): number {
    const socket = this.#socket(fd);
    return typeof socket !== 'number' && socket.references === 1 ? (socket.linger?.(done) ?? 0) : 0;
  }

  /** Closes every descriptor. */
  closeAll(): void {
    for (const [fd] of [...this.#table.entries()]) this.close(fd);
  }

  /** Closes every descriptor for good: from now on `socket` fails with -ENETDOWN, since nobody would turn the crank. */
  end(): void {
    this.#ended = true;
    this.closeAll();
  }

  // --- Readiness.

  /** Readiness bits as poll(2) reports them (tcp/service.ts, Readiness); POLLNVAL (0x20) for a closed descriptor. */
  readiness(fd: number): number {
    return this.#table.get(fd)?.readiness() ?? 0x20;
  }

  /** poll(2) with a timeout of 0: fills in `revents`, returns how many have some. */
  pollNow(fds: readonly PollFd[]): number {
    return pollNow(fds, this.#table.end, (fd) => this.#table.get(fd)?.readiness());
  }

  /** select(2) with a timeout of 0: leaves what is ready in the sets, returns how many that are. */
  selectNow(nfds: number, sets: SelectSets): number {
    return selectNow(nfds, sets, (fd) => this.#table.get(fd)?.readiness());
  }

  /** epoll_create1(2): `flags` may be EPOLL_CLOEXEC. */
  epollCreate(flags = 0): number {
    if ((flags & ~EPOLL_CLOEXEC) !== 0) return -Errno.EINVAL;
    const { readiness, context } = this.#host;
    return this.#table.open(new EpollSet(readiness, context.config.socket.maxEpollEntries), flags !== 0);
  }

  /** epoll_ctl(2). */
  epollControl(epfd: number, op: number, fd: number, event?: EpollEvent): number {
    if (event === undefined && op !== EPOLL_CTL_DEL) return -Errno.EFAULT;
    const set = this.#table.get(epfd);
    const file = this.#table.get(fd);
    if (set === undefined || file === undefined) return -Errno.EBADF;
    return set instanceof EpollSet ? set.control(op, fd, file, event) : -Errno.EINVAL;
  }

  /** epoll_wait(2) with a timeout of 0: fills `events` from the front with `most` at most, returns how many. */
  epollNow(epfd: number, events: EpollEvent[], most: number): number {
    const set = this.#table.get(epfd);
    if (set === undefined) return -Errno.EBADF;
    return set instanceof EpollSet && most > 0 ? set.take(events, most) : -Errno.EINVAL;
  }

  /**
   * Runs `callback` once, from `deliver`, as soon as a bit of `mask` is there, or an error, hang-up or close. -EBADF; -ENOBUFS
   * when config.socket.maxWaiters wait for the file already.
   */
  wait(fd: number, mask: number, callback: ReadinessCallback): Waiter | number {
    return this.#table.get(fd)?.watch.wait(mask, callback) ?? -Errno.EBADF;
  }

  /** Takes back a `wait` whose callback has not run. */
  cancelWait(fd: number, waiter: Waiter): void {
    this.#table.get(fd)?.watch.cancel(waiter);
  }

  /** Whether a call on the descriptor must not wait: O_NONBLOCK, or MSG_DONTWAIT in `flags`. For the faces that wait. */
  isNonBlocking(fd: number, flags = 0): boolean {
    return (flags & MSG_DONTWAIT) !== 0 || this.#table.get(fd)?.nonBlocking === true;
  }

  /** What a descriptor refers to; undefined when it is not open. For the faces that wait. */
  file(fd: number): OpenFile | undefined {
    return this.#table.get(fd);
  }

  /** The open sockets by descriptor, for snapshots. */
  *sockets(): Generator<[number, Socket]> {
    for (const [fd, file] of this.#table.entries()) if (isSocket(file)) yield [fd, file];
  }

  /** The socket of a descriptor, -EBADF or -ENOTSOCK. */
  #socket(fd: number): Socket | number {
    const file = this.#table.get(fd);
    if (file === undefined) return -Errno.EBADF;
    return isSocket(file) ? file : -Errno.ENOTSOCK;
  }

  /** Gives a new socket a descriptor. There is room: mayOpen has said so. */
  #open(socket: Socket, flags: number): number {
    socket.nonBlocking = (flags & SOCK_NONBLOCK) !== 0;
    return this.#table.open(socket, (flags & SOCK_CLOEXEC) !== 0);
  }

  #send(
    fd: number,
    bytes: Uint8Array | null,
    flags: number,
    at: number,
    length: number,
    outgoing: Outgoing | undefined,
  ): number {
    const socket = this.#socket(fd);
    if (typeof socket === 'number') return socket;
    const sent = socket.send(bytes ?? NOWHERE, at, lengthOf(length), flags, outgoing);
    return this.#sent(fd, socket, sent, flags);
  }

  #sent(fd: number, socket: Socket, result: number, flags: number): number {
    if (result >= 0 || result === -Errno.EINPROGRESS) this.onWork();
    else if (result === -Errno.EPIPE && (flags & MSG_NOSIGNAL) === 0 && hasBrokenPipes(socket)) this.onBrokenPipe?.(fd);
    return result;
  }

  #received(socket: Socket, result: number): number {
    // A stream's window may have opened: the peer should hear of it.
    if (result > 0 && socket.kind === 'stream') this.onWork();
    return result;
  }
}

/** What the kernel finds before any family looks. net/socket.c, move_addr_to_kernel. */
function checkName(name: Name): number {
  if (name === null) return -Errno.EFAULT;
  return name instanceof Uint8Array && name.length > MAX_NAME ? -Errno.EINVAL : 0;
}

/** Tells who an accepted socket's peer is, whatever has become of it since. */
const tellPeer = (accepted: Socket, peer: NameOut | undefined): number =>
  peer === undefined || isNowhere(peer)
    ? 0
    : giveName(peer, (record) => {
        accepted.getpeername(record, true);
        return 0;
      });

const sizeOf = (bytes: Uint8Array | null): number => bytes?.length ?? 0;

/** What cannot be read or written is EINVAL to read and write. */
const asFile = (result: number): number => (result === -Errno.ENOTSOCK ? -Errno.EINVAL : result);

/** SIGPIPE is for streams. send(2). */
const hasBrokenPipes = ({ type }: Socket): boolean => type === SOCK_STREAM;

/** The answer to readv and writev without octets (0) or with too many pieces (-EINVAL); undefined for any other. readv(2). */
function movesNothing(iov: readonly Uint8Array[]): number | undefined {
  if (iov.length > MAX_IOV) return -Errno.EINVAL;
  return iov.every(({ length }) => length === 0) ? 0 : undefined;
}
