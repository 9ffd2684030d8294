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
import type { PortHolder, ReadinessOwner, TcpConnection, TcpOptions } from '../../tcp/service.ts';
import type { CommonOptions } from '../socket.ts';
import type { InetHost } from './host.ts';
import { LocalPort } from './local-port.ts';
import { makeEndpoint } from './names.ts';
import type { Endpoint } from './names.ts';
import { isOver } from './stream-receive.ts';

export class Attachment implements PortHolder {
  readonly port: LocalPort;
  /** What getsockname shows. */
  readonly local: Endpoint = makeEndpoint();
  connection: TcpConnection | undefined = undefined;
  readonly #host: InetHost;
  readonly #owner: ReadinessOwner;
  /** Whether the port is the one that the connection was made with, and no bind has come after it. */
  #forConnection = false;
  /** Whether the connection has left TCP's tables. */
  #gone = false;

  constructor(host: InetHost, owner: ReadinessOwner) {
    this.#host = host;
    this.#owner = owner;
    this.port = new LocalPort(host.tcpPorts);
  }

  /** A connection that is not over. */
  get live(): TcpConnection | undefined {
    return this.connection === undefined || isOver(this.connection) ? undefined : this.connection;
  }

  /** bind: takes the port, unless the program leaves that to connect. -EINVAL when there is one already, -EADDRINUSE. */
  bind(address: IpAddress, port: number, options: CommonOptions): number {
    if (this.#forConnection && this.live === undefined && !this.port.bound) this.leavePort(this.connection);
    if (this.port.binding !== undefined || this.live !== undefined) return -Errno.EINVAL;
    if (port === 0 && options.bindAddressNoPort) {
      this.show(address, 0);
    } else {
      const result = this.reserve(address, port, options);
      if (result < 0) {
        // Linux keeps no address that could not be bound.
        this.local.address = ANY_ADDRESS;
        return result;
      }
    }
    this.port.bound = port !== 0;
    this.port.boundAddress = address;
    return 0;
  }

  /** listen without a port: any. 0 or -EADDRINUSE. */
  ensurePort(options: CommonOptions): number {
    return this.port.binding === undefined ? this.reserve(this.port.boundAddress, 0, options) : 0;
  }

  /** Active OPEN: chooses the port if there is none. A negative errno, or the connection, which is now this socket's. */
  open(address: IpAddress, port: number, tcpOptions: TcpOptions, options: CommonOptions): TcpConnection | number {
    if (this.connection !== undefined) this.forget(options);
    const from = this.port.binding?.address ?? this.port.boundAddress;
    // An unspecified destination is this host. RFC 1122 §3.2.1.3 (a) forbids it on the wire; Linux reads it so.
    const remote = address !== ANY_ADDRESS ? address : from !== ANY_ADDRESS ? from : LOOPBACK_ADDRESS;
    const { ip, tcp, tcpPorts } = this.#host;
    // IP_FREEBIND: there is no way from an address that is not this host's.
    if (from !== ANY_ADDRESS && !ip.isLocal(from)) return -Errno.ENETUNREACH;
    const path = ip.route(remote, from, options.boundDevice);
    if (typeof path === 'number') return path;
    if (options.dontRoute && path.viaGateway) return -Errno.ENETUNREACH;
    if (this.port.binding === undefined) {
      const chosen = tcpPorts.pickToConnect(path.source, remote, port, (candidate) =>
        tcp.isTaken(path.source, candidate, remote, port),
      );
      if (chosen === undefined) return -Errno.EADDRNOTAVAIL;
      this.port.holdFor(path.source, chosen, options, false);
    }
    const connection = tcp.connect(path.source, this.port.binding!.port, remote, port, tcpOptions);
    if (typeof connection === 'number') {
      this.port.dropUnbound();
      return connection;
    }
    this.port.binding!.address = path.source;
    this.adopt(connection);
    return connection;
  }

  /** Makes the connection this socket's; it has the port that the socket holds. */
  adopt(connection: TcpConnection): void {
    this.connection = connection;
    this.show(connection.localAddress, connection.localPort);
    connection.owner = this.#owner;
    this.#gone = false;
    this.#forConnection = true;
    connection.portHolder = this;
  }

  /** An open socket keeps the port that its program bound; in any other case nobody needs it any more. */
  onGone(): void {
    this.#gone = true;
    if (!this.port.bound) this.port.drop();
  }

  /** Lets go of a connection that is over (or aborted just now). In TIME-WAIT it lives on by itself. */
  forget(options: CommonOptions): void {
    const connection = this.connection!;
    connection.owner = undefined;
    connection.onReport = undefined;
    this.connection = undefined;
    this.local.address = this.port.boundAddress;
    if (connection.state === 'TIME-WAIT') {
      const binding = this.leavePort(connection);
      if (this.port.bound && binding !== undefined)
        this.port.holdFor(this.port.boundAddress, binding.port, options, true);
    } else {
      connection.portHolder = undefined;
      connection.close();
      // One that bind has chosen since stays.
      if (this.#forConnection || this.port.bound) this.port.dropUnbound();
    }
    this.#forConnection = false;
  }

  /** AF_UNSPEC, or the end of listening. */
  detach(): void {
    this.local.address = this.port.boundAddress;
    this.port.dropUnbound();
  }

  /** The socket is gone. */
  close(): void {
    const { connection, port } = this;
    if (connection === undefined || this.#gone) {
      port.drop();
      return;
    }
    connection.owner = undefined;
    connection.onReport = undefined;
    // The connection keeps the port, and nothing else of the socket: in TIME-WAIT there may be very many.
    connection.portHolder = this.holderOf(port.binding);
    connection.close();
  }

  /** The connection keeps the port, and the socket has none. */
  private leavePort(connection: TcpConnection | undefined): LocalPort['binding'] {
    const { binding } = this.port;
    if (connection !== undefined) connection.portHolder = this.holderOf(binding);
    this.port.binding = undefined;
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
    const chosen = this.port.reserve(address, port, options);
    if (chosen < 0) return chosen;
    this.show(address, chosen);
    return 0;
  }

  private show(address: IpAddress, port: number): void {
    this.local.address = address;
    this.local.port = port;
  }
}
