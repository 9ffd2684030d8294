/**
 * What a stream socket is attached to: the local name that it shows, the port that it holds, and the connection, if there is one.
 *
 * A port that the program named is the socket's until close; one that was chosen goes with what it was chosen for, though getsockname
 * still shows it. An address that it named stays in any case. A connection may outlive its socket, and keeps the port meanwhile.
 * bind(2), ip(7); net/ipv4/inet_connection_sock.c, inet_put_port.
 */
import { Errno } from '../../core/errno.ts';
import { ANY_ADDRESS, LOOPBACK_ADDRESS } from '../../ip/address.ts';
import type { IpAddress } from '../../ip/address.ts';
import type { PortHolder, TcpConnection, TcpOptions } from '../../tcp/service.ts';
import type { CommonOptions } from '../socket.ts';
import type { InetHost } from './host.ts';
import { LocalPort } from './local-port.ts';
import type { Endpoint } from './names.ts';
import { isOver } from './stream-receive.ts';

export class Attachment implements PortHolder, Endpoint {
  readonly local: LocalPort;
  /** What getsockname shows. */
  address: IpAddress = ANY_ADDRESS;
  port = 0;
  connection: TcpConnection | undefined = undefined;
  readonly #host: InetHost;
  /** Whether the port is the one that the connection was made with, and no bind has come after it. */
  #forConnection = false;

  constructor(host: InetHost) {
    this.#host = host;
    this.local = new LocalPort(host.tcpPorts);
  }

  /** A connection that is not over. */
  get live(): TcpConnection | undefined {
    return this.connection === undefined || isOver(this.connection) ? undefined : this.connection;
  }

  /** bind: takes the port, unless the program leaves that to connect. -EINVAL when there is one already, -EADDRINUSE. */
  bind(address: IpAddress, port: number, options: CommonOptions): number {
    if (this.#forConnection && this.live === undefined && !this.local.bound) this.leavePort(this.connection);
    if (this.local.binding !== undefined || this.live !== undefined) return -Errno.EINVAL;
    if (port === 0 && options.bindAddressNoPort) {
      this.show(address, 0);
    } else {
      const result = this.reserve(address, port, options);
      if (result < 0) {
        // Linux keeps no address that could not be bound.
        this.address = ANY_ADDRESS;
        return result;
      }
    }
    this.local.bound = port !== 0;
    this.local.boundAddress = address;
    return 0;
  }

  /** listen without a port: any. 0 or -EADDRINUSE. */
  ensurePort(options: CommonOptions): number {
    return this.local.binding === undefined ? this.reserve(this.local.boundAddress, 0, options) : 0;
  }

  /** Active OPEN: chooses the port if there is none. A negative errno, or the connection, which is now this socket's. */
  open(address: IpAddress, port: number, tcpOptions: TcpOptions, options: CommonOptions): TcpConnection | number {
    if (this.connection !== undefined) this.forget(options);
    const from = this.local.binding?.address ?? this.local.boundAddress;
    // An unspecified destination is this host. RFC 1122 §3.2.1.3 (a) forbids it on the wire; Linux reads it so.
    const remote = address !== ANY_ADDRESS ? address : from !== ANY_ADDRESS ? from : LOOPBACK_ADDRESS;
    const { ip, tcp, tcpPorts } = this.#host;
    // IP_FREEBIND: there is no way from an address that is not this host's.
    if (from !== ANY_ADDRESS && !ip.isLocal(from)) return -Errno.ENETUNREACH;
    const path = ip.route(remote, from, options.boundDevice);
    if (typeof path === 'number') return path;
    if (options.dontRoute && path.viaGateway) return -Errno.ENETUNREACH;
    if (this.local.binding === undefined) {
      const chosen = tcpPorts.pickToConnect(path.source, remote, port, (candidate) =>
        tcp.isTaken(path.source, candidate, remote, port),
      );
      if (chosen === undefined) return -Errno.EADDRNOTAVAIL;
      this.local.holdFor(path.source, chosen, options, false);
    }
    const connection = tcp.connect(path.source, this.local.binding!.port, remote, port, tcpOptions);
    if (typeof connection === 'number') {
      this.local.dropUnbound();
      return connection;
    }
    this.local.binding!.address = path.source;
    this.adopt(connection);
    return connection;
  }

  /** Makes one this socket's that a listener, whose program named `bound`, has accepted: it has that port, unless it is over already. */
  accept(connection: TcpConnection, bound: IpAddress, options: CommonOptions): void {
    this.local.boundAddress = bound;
    if (connection.state !== 'CLOSED') {
      this.local.holdFor(connection.localAddress, connection.localPort, options, true);
    }
    this.adopt(connection);
  }

  /** Makes the connection this socket's; it has the port that the socket holds. */
  private adopt(connection: TcpConnection): void {
    this.connection = connection;
    this.show(connection.localAddress, connection.localPort);
    this.#forConnection = true;
    connection.portHolder = this;
  }

  /** An open socket keeps the port that its program bound; in any other case nobody needs it any more. */
  onGone(): void {
    if (!this.local.bound) this.local.drop();
  }

  /** Lets go of a connection that is over (or aborted just now). In TIME-WAIT it lives on by itself. */
  forget(options: CommonOptions): void {
    const connection = this.connection!;
    connection.owner = undefined;
    this.connection = undefined;
    this.address = this.local.boundAddress;
    if (connection.state === 'TIME-WAIT') {
      const binding = this.leavePort(connection);
      if (this.local.bound && binding !== undefined)
        this.local.holdFor(this.local.boundAddress, binding.port, options, true);
    } else {
      connection.portHolder = undefined;
      connection.close();
      // One that bind has chosen since stays.
      if (this.#forConnection || this.local.bound) this.local.dropUnbound();
    }
    this.#forConnection = false;
  }

  /** AF_UNSPEC, or the end of listening. */
  detach(): void {
    this.address = this.local.boundAddress;
    this.local.dropUnbound();
  }

  /** The socket is gone. */
  close(): void {
    const { connection, local } = this;
    // The connection keeps the port, and nothing else of the socket: in TIME-WAIT there may be very many.
    if (connection === undefined || connection.state === 'CLOSED') local.drop();
    else connection.portHolder = this.holderOf(local.binding);
    if (connection === undefined) return;
    connection.owner = undefined;
    connection.close();
  }

  /** The connection keeps the port, and the socket has none. */
  private leavePort(connection: TcpConnection | undefined): LocalPort['binding'] {
    const { binding } = this.local;
    if (connection !== undefined) connection.portHolder = this.holderOf(binding);
    this.local.binding = undefined;
    this.#forConnection = false;
    return binding;
  }

  /** Who holds a port for a connection alone. */
  private holderOf(binding: LocalPort['binding']): PortHolder | undefined {
    const { tcpPorts } = this.#host;
    return binding === undefined ? undefined : { onGone: () => tcpPorts.remove(binding) };
  }

  /** Takes an address and port, and shows them. */
  private reserve(address: IpAddress, port: number, options: CommonOptions): number {
    const chosen = this.local.reserve(address, port, options);
    if (chosen < 0) return chosen;
    this.show(address, chosen);
    return 0;
  }

  private show(address: IpAddress, port: number): void {
    this.address = address;
    this.port = port;
  }
}
