/**
 * The socket calls, without waiting: numbers in, numbers out. A result is 0, a descriptor or a count of octets; a failure
 * is a negative errno, the one that Linux returns for the same call in the same state (test/socket/errno-like-linux.test.ts).
 *
 * Nothing is sent inside a call: a call that leaves work behind asks for a turn through `onWork`, and the stack's poll does it.
 * Calls that would block return -EAGAIN (connect: -EINPROGRESS); `wait` tells when to try again. Promises are node/sockets.ts.
 */
import type { Context } from '../core/context.ts';
import { Errno } from '../core/errno.ts';
import type { Micros } from '../core/time.ts';
import { ANY_ADDRESS, formatAddress, parseAddress } from '../ip/address.ts';
import type { IpAddress } from '../ip/address.ts';
import type { IpService } from '../ip/service.ts';
import type { TcpService } from '../tcp/service.ts';
import type { UdpService } from '../udp/service.ts';
import { AF_INET, AF_UNSPEC, MSG_DONTWAIT, MSG_FASTOPEN, SOCK_CLOEXEC, SOCK_NONBLOCK } from './constants.ts';
import { createSocket } from './create.ts';
import { OptionTable } from './options.ts';
import type { Linger, OptionValue } from './options.ts';
import { PortTable } from './ports.ts';
import { RawOutput } from './raw-output.ts';
import { ReadinessQueue } from './readiness.ts';
import type { ReadinessCallback, Waiter } from './readiness.ts';
import { makeEndpoint } from './socket.ts';
import type { Endpoint, Socket, SocketHost } from './socket.ts';
import { DescriptorTable, SocketCount } from './table.ts';

/** An address as programs write it. `family` is AF_INET unless given; AF_UNSPEC has a meaning in connect and bind. */
export interface SocketAddress {
  /** Dotted-decimal text; '0.0.0.0' is any address. */
  address: string;
  /** 0 to 65535; 0 in bind asks for an ephemeral port. */
  port: number;
  family?: number;
}

/** The layers that sockets stand on. */
export interface SocketServices {
  readonly tcp: TcpService;
  readonly udp: UdpService;
  readonly ip: IpService;
}

export class SocketCalls {
  /** Called when a call left work for the next poll or for `deliver`; the driver sets it. It must only note that down. */
  onWork: () => void = () => undefined;

  readonly #host: SocketHost;
  readonly #table: DescriptorTable<Socket>;
  readonly #options: OptionTable;
  /** Reused: calls do not nest. */
  readonly #to = makeEndpoint();
  readonly #from = makeEndpoint();
  /** The address last read and the one last shown: bulk traffic names one again and again. */
  #parsedText = '0.0.0.0';
  #parsed: IpAddress = ANY_ADDRESS;
  #formatted: IpAddress = ANY_ADDRESS;
  #formattedText = '0.0.0.0';
  #ended = false;

  constructor(context: Context, services: SocketServices) {
    const { socket } = context.config;
    const { ephemeralLow, ephemeralHigh } = socket;
    this.#host = {
      context,
      ...services,
      tcpPorts: new PortTable(context.random, ephemeralLow, ephemeralHigh),
      udpPorts: new PortTable(context.random, ephemeralLow, ephemeralHigh),
      rawOutput: new RawOutput(services.ip),
      readiness: new ReadinessQueue(socket.maxWaiters, () => this.onWork()),
    };
    this.#table = new DescriptorTable(socket.maxDescriptors, new SocketCount(socket.maxSockets));
    this.#options = new OptionTable(context.config);
  }

  /** Open descriptors. */
  get size(): number {
    return this.#table.size;
  }

  /** Whether `poll` has something to send (raw sockets; TCP and UDP have their own). */
  get pending(): boolean {
    return this.#host.rawOutput.pending;
  }

  /** Whether `deliver` has somebody to tell. */
  get deliverable(): boolean {
    return this.#host.readiness.pending;
  }

  /** Sends what raw sockets have queued. Part of the stack's poll. */
  poll(now: Micros): void {
    this.#host.rawOutput.poll(now);
  }

  /** Runs the callbacks of those whose sockets have become ready. The driver calls it after each poll. Returns how many ran. */
  deliver(): number {
    return this.#host.readiness.deliver();
  }

  /** Opens a socket. `type` may carry SOCK_NONBLOCK and SOCK_CLOEXEC. Errors: socket(2). */
  socket(domain: number, type: number, protocol: number): number {
    if (this.#ended) return -Errno.ENETDOWN;
    const flags = type & (SOCK_NONBLOCK | SOCK_CLOEXEC);
    const refused = this.#table.mayOpen();
    const socket = createSocket(this.#host, domain, type & ~flags, protocol, refused);
    if (typeof socket === 'number') return socket;
    socket.nonBlocking = (flags & SOCK_NONBLOCK) !== 0;
    return this.#table.open(socket);
  }

  bind(fd: number, address: SocketAddress): number {
    const socket = this.#table.get(fd);
    if (socket === undefined) return -Errno.EBADF;
    const result = this.#read(address);
    if (result < 0) return result;
    const family = address.family ?? AF_INET;
    // AF_UNSPEC with the wildcard address is taken for AF_INET, for old programs' sake. net/ipv4/af_inet.c.
    const isAny = family === AF_UNSPEC && this.#to.address === ANY_ADDRESS;
    if (family !== AF_INET && !isAny) return -Errno.EAFNOSUPPORT;
    return socket.bind(this.#to.address, this.#to.port);
  }

  listen(fd: number, backlog: number): number {
    const socket = this.#table.get(fd);
    return socket === undefined ? -Errno.EBADF : socket.listen(backlog | 0);
  }

  /** The next connection's descriptor; `peer`, if given, is filled in. `flags` as accept4(2). -EAGAIN when none waits. */
  accept(fd: number, peer?: SocketAddress, flags = 0): number {
    const socket = this.#table.get(fd);
    if (socket === undefined) return -Errno.EBADF;
    if ((flags & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)) !== 0) return -Errno.EINVAL;
    // Linux takes the descriptor first, so a full table shows before anything else.
    const refused = this.#table.mayOpen();
    if (refused < 0) return refused;
    const accepted = socket.accept();
    if (typeof accepted === 'number') return accepted;
    accepted.nonBlocking = (flags & SOCK_NONBLOCK) !== 0;
    if (peer !== undefined && accepted.getpeername(this.#from) === 0) this.#write(this.#from, peer);
    return this.#table.open(accepted);
  }

  /** Starts a connection: -EINPROGRESS; once writable, a second call tells the outcome. Fixes the peer of a datagram socket. */
  connect(fd: number, address: SocketAddress): number {
    const socket = this.#table.get(fd);
    if (socket === undefined) return -Errno.EBADF;
    const family = address.family ?? AF_INET;
    const result = family === AF_UNSPEC ? 0 : this.#read(address);
    if (result < 0) return result;
    if (family !== AF_UNSPEC && family !== AF_INET) return -Errno.EAFNOSUPPORT;
    this.onWork();
    return family === AF_UNSPEC ? socket.disconnect() : socket.connect(this.#to.address, this.#to.port);
  }

  /** Sends `length` octets of `bytes` from `at` on. Returns how many were taken, on a stream maybe fewer. */
  send(fd: number, bytes: Uint8Array, flags = 0, at = 0, length = bytes.length - at): number {
    const socket = this.#table.get(fd);
    if (socket === undefined) return -Errno.EBADF;
    const sent = socket.send(bytes, at, length, flags, undefined);
    if (sent >= 0) this.onWork();
    return sent;
  }

  /**
   * As `send`, to an address. On a stream it counts with MSG_FASTOPEN only: connects, and the octets go with the SYN where a Fast Open
   * cookie is known (the result tells how many); where not, -EINPROGRESS, and they are to be sent later. RFC 7413.
   */
  sendto(fd: number, bytes: Uint8Array, flags: number, to: SocketAddress, at = 0, length = bytes.length - at): number {
    const socket = this.#table.get(fd);
    if (socket === undefined) return -Errno.EBADF;
    // A stream has its peer; Linux ignores the address, unless it is the one to connect to.
    const opens = socket.kind === 'stream' && (flags & MSG_FASTOPEN) !== 0;
    if (socket.kind === 'stream' && !opens) return this.send(fd, bytes, flags, at, length);
    const result = this.#read(to);
    if (result < 0) return result;
    const family = to.family ?? AF_INET;
    if (opens && family === AF_UNSPEC) return -Errno.EOPNOTSUPP;
    if (family !== AF_INET && family !== AF_UNSPEC) return -Errno.EAFNOSUPPORT;
    const sent = socket.send(bytes, at, length, flags, this.#to);
    if (sent >= 0 || sent === -Errno.EINPROGRESS) this.onWork();
    return sent;
  }

  /** Receives at most `length` octets into `into`, from `at` on. 0 at the end of a stream. */
  recv(fd: number, into: Uint8Array, flags = 0, at = 0, length = into.length - at): number {
    const socket = this.#table.get(fd);
    if (socket === undefined) return -Errno.EBADF;
    const received = socket.receive(into, at, length, flags, undefined);
    // A stream's window may have opened: the peer should hear of it.
    if (received > 0 && socket.kind === 'stream') this.onWork();
    return received;
  }

  /** As recv; `from`, if given, is filled in with a datagram's sender. A stream leaves it alone. */
  recvfrom(
    fd: number,
    into: Uint8Array,
    flags: number,
    from: SocketAddress | undefined,
    at = 0,
    length = into.length - at,
  ): number {
    const socket = this.#table.get(fd);
    if (socket === undefined) return -Errno.EBADF;
    if (from === undefined || socket.kind === 'stream') return this.recv(fd, into, flags, at, length);
    const received = socket.receive(into, at, length, flags, this.#from);
    if (received >= 0) this.#write(this.#from, from);
    return received;
  }

  /** Whether the next octet to be read is the urgent one: 1 or 0. sockatmark(3); -ENOTTY for a socket that is no stream. */
  sockatmark(fd: number): number {
    return this.#table.get(fd)?.atMark() ?? -Errno.EBADF;
  }

  shutdown(fd: number, how: number): number {
    const socket = this.#table.get(fd);
    if (socket === undefined) return -Errno.EBADF;
    this.onWork();
    return socket.shutdown(how);
  }

  /** Frees the descriptor at once. What was queued on a stream is still sent. Whoever waits for it is told `CLOSED`. */
  close(fd: number): number {
    const socket = this.#table.close(fd);
    if (socket === undefined) return -Errno.EBADF;
    socket.close();
    this.onWork();
    return 0;
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

  getsockname(fd: number, into: SocketAddress): number {
    const socket = this.#table.get(fd);
    if (socket === undefined) return -Errno.EBADF;
    const result = socket.getsockname(this.#from);
    if (result === 0) this.#write(this.#from, into);
    return result;
  }

  getpeername(fd: number, into: SocketAddress): number {
    const socket = this.#table.get(fd);
    if (socket === undefined) return -Errno.EBADF;
    const result = socket.getpeername(this.#from);
    if (result === 0) this.#write(this.#from, into);
    return result;
  }

  /** Numbers (or booleans), a Linger record for SO_LINGER, a name for TCP_CONGESTION. Errors: options.ts. */
  setsockopt(fd: number, level: number, name: number, value: number | boolean | string | Linger): number {
    const socket = this.#table.get(fd);
    if (socket === undefined) return -Errno.EBADF;
    const result = this.#options.set(socket, level, name, value);
    if (result === 0) this.onWork();
    return result;
  }

  /** The value, or a negative errno; no option has negative values. */
  getsockopt(fd: number, level: number, name: number): OptionValue {
    const socket = this.#table.get(fd);
    return socket === undefined ? -Errno.EBADF : this.#options.get(socket, level, name);
  }

  /** Readiness bits as poll(2) reports them (tcp/service.ts, Readiness); POLLNVAL (0x20) for a closed descriptor. */
  readiness(fd: number): number {
    return this.#table.get(fd)?.readiness() ?? 0x20;
  }

  /**
   * Runs `callback` once, from `deliver`, as soon as a bit of `mask` is there, or an error, hang-up or close. -EBADF; -ENOBUFS
   * when config.socket.maxWaiters wait for the descriptor already.
   */
  wait(fd: number, mask: number, callback: ReadinessCallback): Waiter | number {
    return this.#table.get(fd)?.watch.wait(mask, callback) ?? -Errno.EBADF;
  }

  /** Takes back a `wait` whose callback has not run. */
  cancelWait(fd: number, waiter: Waiter): void {
    this.#table.get(fd)?.watch.cancel(waiter);
  }

  /** Whether a call on the descriptor must not wait: SOCK_NONBLOCK, or MSG_DONTWAIT in `flags`. For the faces that wait. */
  isNonBlocking(fd: number, flags = 0): boolean {
    return (flags & MSG_DONTWAIT) !== 0 || this.#table.get(fd)?.nonBlocking === true;
  }

  /** Sets or clears SOCK_NONBLOCK (fcntl with O_NONBLOCK). */
  setNonBlocking(fd: number, nonBlocking: boolean): number {
    const socket = this.#table.get(fd);
    if (socket === undefined) return -Errno.EBADF;
    socket.nonBlocking = nonBlocking;
    return 0;
  }

  /** The open descriptors with their sockets, for snapshots. */
  sockets(): Iterable<[number, Socket]> {
    return this.#table.entries();
  }

  /** Reads an address into `#to`; -EINVAL when its text or port cannot be read. */
  #read(from: SocketAddress): number {
    const { port } = from;
    if (!Number.isInteger(port) || port < 0 || port > 0xffff) return -Errno.EINVAL;
    if (from.address !== this.#parsedText) {
      const parsed = parseAddress(from.address);
      if (parsed === undefined) return -Errno.EINVAL;
      this.#parsedText = from.address;
      this.#parsed = parsed;
    }
    this.#to.address = this.#parsed;
    this.#to.port = port;
    return 0;
  }

  #write(endpoint: Endpoint, into: SocketAddress): void {
    if (endpoint.address !== this.#formatted) {
      this.#formatted = endpoint.address;
      this.#formattedText = formatAddress(endpoint.address);
    }
    into.address = this.#formattedText;
    into.port = endpoint.port;
  }
}
