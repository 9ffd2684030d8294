/**
 * Stand-ins for IP, UDP and TCP under the socket table: a test says what they answer and looks at what they were asked.
 */
import { makeContext } from '../../src/core/context.ts';
import type { Context } from '../../src/core/context.ts';
import type { ConfigOverrides } from '../../src/core/config.ts';
import { Errno } from '../../src/core/errno.ts';
import type { Frame } from '../../src/core/frame.ts';
import { SeededRandom } from '../../src/core/random.ts';
import { Devices } from '../../src/ethernet/device.ts';
import { ANY_ADDRESS, BROADCAST_ADDRESS, isLoopback, parseAddress } from '../../src/ip/address.ts';
import type { IpAddress } from '../../src/ip/address.ts';
import { NO_OPTIONS } from '../../src/ip/send-options.ts';
import type { Arrival, GroupService, IpService, OutputOptions, Path, RawListener } from '../../src/ip/service.ts';
import { SocketCalls } from '../../src/socket/calls.ts';
import { Readiness } from '../../src/tcp/service.ts';
import { noListenerCounts } from '../../src/tcp/listener.ts';
import type {
  PortHolder,
  ReadinessOwner,
  TcpConnection,
  TcpInfo,
  TcpListener,
  TcpOptions,
  TcpService,
  TcpState,
} from '../../src/tcp/service.ts';
import type { UdpOwner, UdpPort, UdpSendOptions, UdpService } from '../../src/udp/service.ts';

export const OWN_ADDRESS = parseAddress('10.0.0.1')!;

/** An IP without groups. */
export const NO_GROUPS: GroupService = {
  observer: undefined,
  join: () => undefined,
  leave: () => undefined,
  interfaceFor: () => 0,
};

/** One host, 10.0.0.1/8; everything else in 10/8 and 127/8 has a route. */
export class FakeIp implements IpService {
  readonly groups = NO_GROUPS;
  /** Of the interfaces, in the order of their ids. */
  readonly names = ['lo', 'tap0'];
  readonly raw: { protocol: number; listener: RawListener }[] = [];
  readonly sent: { bytes: Uint8Array; options: OutputOptions | undefined; destination: IpAddress }[] = [];

  route(destination: IpAddress, source: IpAddress): Path | number {
    if (destination >>> 24 !== 10 && !isLoopback(destination) && destination !== BROADCAST_ADDRESS) {
      return -Errno.ENETUNREACH;
    }
    const own = isLoopback(destination) ? destination : OWN_ADDRESS;
    return {
      source: source === ANY_ADDRESS ? own : source,
      destination,
      mtu: 1500,
      interfaceMtu: 1500,
      maxSegment: 1500,
      viaGateway: false,
      headerLength: 20,
      checksumOffload: false,
      pseudoHeaderSum: () => 0,
    };
  }

  output(path: Path, frame: Frame, options: OutputOptions): number {
    this.sent.push({ bytes: frame.view().slice(), options: { ...options }, destination: path.destination });
    frame.release();
    return 0;
  }

  outputRaw(path: Path, frame: Frame): number {
    this.sent.push({ bytes: frame.view().slice(), options: undefined, destination: path.destination });
    frame.release();
    return 0;
  }

  isLocal = (address: IpAddress): boolean => address === OWN_ADDRESS || isLoopback(address);
  specificDestination = ({ destination }: Arrival): IpAddress => destination;
  arrivalInterface = ({ interfaceId }: Arrival): number => interfaceId;
  isBroadcast = (address: IpAddress): boolean => address === BROADCAST_ADDRESS;
  interfaceByName = (name: string): number | undefined => this.names.indexOf(name) + 1 || undefined;
  interfaceName = (interfaceId: number): string | undefined => this.names[interfaceId - 1];
  register(): void {
    // Nothing arrives by itself.
  }
  addRaw(protocol: number, listener: RawListener): void {
    this.raw.push({ protocol, listener });
  }
  removeRaw(protocol: number, listener: RawListener): void {
    const index = this.raw.findIndex((entry) => entry.protocol === protocol && entry.listener === listener);
    if (index >= 0) this.raw.splice(index, 1);
  }
  tooBig(): boolean {
    return false; // no routers
  }
  confirm(): void {
    // No neighbours.
  }
  doubt(): void {
    // No gateways.
  }
}

export class FakeUdpPort implements UdpPort {
  localAddress: IpAddress;
  remoteAddress: IpAddress | undefined = undefined;
  remotePort = 0;
  device = 0;
  queued = 0;
  closed = false;
  readonly sent: { text: string; destination: IpAddress; port: number; ttl: number; tos: number }[] = [];
  readonly localPort: number;
  readonly owner: UdpOwner;

  constructor(local: IpAddress, port: number, owner: UdpOwner) {
    this.localAddress = local;
    this.localPort = port;
    this.owner = owner;
  }

  connect(local: IpAddress, remote: IpAddress, remotePort: number): void {
    this.remoteAddress = remote;
    this.remotePort = remotePort;
    if (this.localAddress === ANY_ADDRESS) this.localAddress = local;
  }

  send(
    bytes: Uint8Array,
    at: number,
    length: number,
    { destination }: Path,
    port: number,
    { ttl, tos }: UdpSendOptions,
  ): number {
    this.sent.push({ text: new TextDecoder().decode(bytes.subarray(at, at + length)), destination, port, ttl, tos });
    return length;
  }

  close(): void {
    this.closed = true;
  }
}

export class FakeUdp implements UdpService {
  readonly opened: FakeUdpPort[] = [];
  readonly pending = false;

  open(local: IpAddress, port: number, owner: UdpOwner): UdpPort {
    const opened = new FakeUdpPort(local, port, owner);
    this.opened.push(opened);
    return opened;
  }
  poll(): void {
    // What was sent is in `sent`.
  }
  ports(): Iterable<UdpPort> {
    return this.opened.filter((port) => !port.closed);
  }
}

/** A connection whose other end is the test: it puts octets in, makes room and ends it. */
export class FakeConnection implements TcpConnection {
  state: TcpState = 'SYN-SENT';
  owner: ReadinessOwner | undefined = undefined;
  portHolder: PortHolder | undefined = undefined;
  deferred = false;
  options: TcpOptions;
  /** Octets to be read, room for octets to be sent, what was sent. */
  inbox: number[] = [];
  room = 0;
  outbox: number[] = [];
  ended = false;
  error = 0;
  closes = 0;
  aborts = 0;
  shut: string[] = [];
  readonly localAddress: IpAddress;
  readonly localPort: number;
  readonly remoteAddress: IpAddress;
  readonly remotePort: number;

  constructor(local: IpAddress, localPort: number, remote: IpAddress, remotePort: number, options: TcpOptions) {
    this.localAddress = local;
    this.localPort = localPort;
    this.remoteAddress = remote;
    this.remotePort = remotePort;
    this.options = { ...options };
  }

  get unread(): number {
    return this.inbox.length;
  }
  get unsent(): number {
    return this.outbox.length;
  }

  establish(room = 65536): void {
    this.state = 'ESTABLISHED';
    this.room = room;
    this.owner?.onReadiness();
  }

  /** The peer sends text. */
  arrive(text: string): void {
    this.inbox.push(...new TextEncoder().encode(text));
    this.owner?.onReadiness();
  }

  /** The peer sends a FIN. */
  end(): void {
    this.ended = true;
    this.state = 'CLOSE-WAIT';
    this.owner?.onReadiness();
  }

  makeRoom(octets: number): void {
    this.room += octets;
    this.owner?.onReadiness();
  }

  /** It breaks and leaves the tables. */
  fail(errno: number): void {
    this.error = errno;
    this.state = 'CLOSED';
    this.owner?.onReadiness();
    this.portHolder?.onGone();
  }

  readiness(): number {
    if (this.state === 'SYN-SENT') return 0;
    let bits = 0;
    const over = this.state === 'CLOSED';
    if (this.inbox.length > 0 || this.ended || over) bits |= Readiness.Readable;
    if (this.ended || over) bits |= Readiness.ReadHangUp;
    if (over) bits |= Readiness.HangUp;
    if (this.room > 0 || over) bits |= Readiness.Writable;
    if (this.error !== 0) bits |= Readiness.Error;
    return bits;
  }

  setOptions(changes: Partial<TcpOptions>): number {
    Object.assign(this.options, changes);
    return 0;
  }

  send(bytes: Uint8Array, at: number, length: number): number {
    if (this.error !== 0) return -this.takeError();
    if (this.state === 'CLOSED') return -Errno.EPIPE;
    if (this.room === 0) return -Errno.EAGAIN;
    const count = Math.min(length, this.room);
    this.outbox.push(...bytes.subarray(at, at + count));
    this.room -= count;
    return count;
  }

  sendUrgent(bytes: Uint8Array, at: number, length: number): number {
    return this.send(bytes, at, length);
  }

  receive(into: Uint8Array, at: number, length: number, peek = false): number {
    if (this.inbox.length > 0) {
      const count = Math.min(length, this.inbox.length);
      into.set(this.inbox.slice(0, count), at);
      if (!peek) this.inbox.splice(0, count);
      return count;
    }
    if (this.error !== 0) return -this.takeError();
    return this.ended || this.state === 'CLOSED' ? 0 : -Errno.EAGAIN;
  }

  receiveUrgent(): number {
    return -Errno.EINVAL;
  }

  readonly atMark = false;

  shutdownSend(): number {
    this.shut.push('send');
    return 0;
  }
  shutdownReceive(): number {
    this.shut.push('receive');
    return 0;
  }
  shutEarly(receive: boolean, send: boolean): void {
    if (receive) this.shut.push('receive');
    if (send) this.shut.push('send early');
  }
  close(): void {
    this.closes++;
  }
  abort(): void {
    this.aborts++;
    this.state = 'CLOSED';
    this.portHolder?.onGone();
  }
  takeError(): number {
    const error = this.error;
    this.error = 0;
    return error;
  }
  info(): TcpInfo {
    return { state: this.state, mss: 1460 } as TcpInfo;
  }
}

export class FakeListener implements TcpListener {
  owner: ReadinessOwner | undefined = undefined;
  queue: FakeConnection[] = [];
  backlog: number;
  closed = false;
  options: TcpOptions;
  readonly address: IpAddress;
  readonly port: number;
  readonly counters = noListenerCounts();

  constructor(address: IpAddress, port: number, backlog: number, options: TcpOptions) {
    this.address = address;
    this.port = port;
    this.backlog = backlog;
    this.options = { ...options };
  }

  get waiting(): number {
    return this.queue.length;
  }

  /** A connection from 10.0.0.9 completes. */
  arrive(remotePort: number): FakeConnection {
    const remote = parseAddress('10.0.0.9')!;
    const connection = new FakeConnection(OWN_ADDRESS, this.port, remote, remotePort, this.options);
    connection.establish();
    this.queue.push(connection);
    this.owner?.onReadiness();
    return connection;
  }

  setOptions(changes: Partial<TcpOptions>): number {
    Object.assign(this.options, changes);
    return 0;
  }
  accept(): TcpConnection | undefined {
    return this.queue.shift();
  }
  shutEarly(): void {
    // Its connections are made by the test.
  }
  setBacklog(backlog: number): void {
    this.backlog = backlog;
  }
  close(): void {
    this.closed = true;
  }
}

export class FakeTcp implements TcpService {
  readonly opened: FakeConnection[] = [];
  readonly listening: FakeListener[] = [];
  readonly congestionControls = ['cubic', 'reno'];
  readonly pending = false;
  /** What `connect` answers instead of a connection, when not 0. */
  refuse = 0;

  connect(
    local: IpAddress,
    localPort: number,
    remote: IpAddress,
    remotePort: number,
    options: TcpOptions,
  ): TcpConnection | number {
    if (this.refuse !== 0) return this.refuse;
    const connection = new FakeConnection(local, localPort, remote, remotePort, options);
    this.opened.push(connection);
    return connection;
  }

  listen(local: IpAddress, port: number, backlog: number, options: TcpOptions): TcpListener | number {
    const listener = new FakeListener(local, port, backlog, options);
    this.listening.push(listener);
    return listener;
  }

  isTaken(local: IpAddress, localPort: number, remote: IpAddress, remotePort: number): boolean {
    return this.opened.some(
      (connection) =>
        connection.state !== 'CLOSED' &&
        connection.localAddress === local &&
        connection.localPort === localPort &&
        connection.remoteAddress === remote &&
        connection.remotePort === remotePort,
    );
  }

  defaultOptions(): TcpOptions {
    return {
      receiveErrors: false,
      noDelay: false,
      cork: false,
      notsentLowat: 0,
      advertisedUserTimeout: 0,
      quickAck: undefined,
      receiveLowWater: 1,
      reusePort: false,
      boundDevice: 0,
      deferAccept: 0,
      maxSegment: 0,
      ipOptions: NO_OPTIONS,
      userTimeout: 0,
      keepalive: false,
      keepaliveIdle: 7_200_000_000,
      keepaliveInterval: 75_000_000,
      keepaliveProbes: 9,
      synRetries: undefined,
      sendBuffer: 65536,
      receiveBuffer: 65536,
      tuneSend: true,
      tuneReceive: true,
      windowClamp: 0,
      ttl: 64,
      tos: 0,
      linger: undefined,
      finWait2Timeout: 60_000_000,
      oobInline: false,
      fastOpen: 0,
      fastOpenConnect: false,
      congestion: 'cubic',
      maxPacingRate: Infinity,
    };
  }
  poll(): void {
    // Segments are the test's business.
  }
  connections(): Iterable<TcpConnection> {
    return this.opened;
  }
  listeners(): Iterable<TcpListener> {
    return this.listening;
  }
}

export interface FakeHost {
  readonly context: Context;
  readonly ip: FakeIp;
  readonly udp: FakeUdp;
  readonly tcp: FakeTcp;
  readonly devices: Devices;
  readonly calls: SocketCalls;
}

/** A socket table on stand-ins; the same seed each time. */
export function fakeHost(overrides?: ConfigOverrides): FakeHost {
  const context = makeContext(new SeededRandom(1), overrides);
  const ip = new FakeIp();
  const udp = new FakeUdp();
  const tcp = new FakeTcp();
  const devices = new Devices();
  return { context, ip, udp, tcp, devices, calls: new SocketCalls(context, { tcp, udp, ip, devices }) };
}
