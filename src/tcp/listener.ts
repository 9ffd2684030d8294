/**
 * A passive OPEN and the connections that come of it: half-open ones in the SYN queue, completed ones in the accept queue.
 *
 * Both are bounded. The accept queue holds backlog + 1 connections, as on Linux; while it is full no SYN is taken and the last ACK
 * of a handshake is ignored. The SYN queue holds at most max(backlog, 8) + 1, and config.tcp.maxSynBacklog at the very most.
 */
import type { DropReason } from '../core/drop.ts';
import type { IpAddress } from '../ip/address.ts';
import type { IpPacket } from '../ip/service.ts';
import { Connection } from './connection.ts';
import type { ConnectionHost, ConnectionParent } from './connection.ts';
import { checkOptions } from './connection-options.ts';
import type { Segment } from './segment.ts';
import type { ReadinessOwner, TcpListener, TcpOptions } from './service.ts';

/** Half-open connections that even the smallest backlog allows. Linux does the same in reqsk_queue_alloc. */
const MIN_SYN_QUEUE = 8;

export interface ListenerHost extends ConnectionHost {
  /** Puts a new connection into the table. False at the bound on connections. */
  add(connection: Connection): boolean;
  closedListener(listener: Listener): void;
}

export class Listener implements TcpListener, ConnectionParent {
  readonly address: IpAddress;
  readonly port: number;
  owner: ReadinessOwner | undefined = undefined;
  options: Readonly<TcpOptions>;
  readonly #host: ListenerHost;
  #backlog: number;
  readonly #synQueue = new Set<Connection>();
  readonly #acceptQueue: Connection[] = [];

  constructor(host: ListenerHost, address: IpAddress, port: number, backlog: number, options: TcpOptions) {
    this.#host = host;
    this.address = address;
    this.port = port;
    this.options = { ...options };
    this.#backlog = Math.max(0, backlog);
  }

  get waiting(): number {
    return this.#acceptQueue.length;
  }

  /** Half-open connections. */
  get halfOpen(): number {
    return this.#synQueue.size;
  }

  get isFull(): boolean {
    return this.#acceptQueue.length > this.#backlog;
  }

  setBacklog(backlog: number): void {
    this.#backlog = Math.max(0, backlog);
  }

  setOptions(changes: Partial<TcpOptions>): number {
    const result = checkOptions(changes, this.#host);
    if (result < 0) return result;
    this.options = { ...this.options, ...changes };
    return 0;
  }

  accept(): Connection | undefined {
    const conn = this.#acceptQueue.shift();
    if (conn !== undefined) conn.parent = undefined;
    return conn;
  }

  /** A record for the connection that a SYN asks for, or why there is none. */
  admit(seg: Segment, packet: IpPacket): Connection | DropReason {
    const limit = Math.min(this.#host.context.config.tcp.maxSynBacklog, Math.max(this.#backlog, MIN_SYN_QUEUE));
    if (this.isFull) return 'tcp-accept-queue-full';
    if (this.#synQueue.size > limit) return 'tcp-syn-queue-full';
    const path = this.#host.ip.route(packet.source, packet.destination);
    if (typeof path === 'number') return 'tcp-no-route';
    const conn = new Connection(this.#host, path, seg.destinationPort, seg.sourcePort, this.options);
    if (!this.#host.add(conn)) return 'tcp-too-many-connections';
    conn.parent = this;
    this.#synQueue.add(conn);
    return conn;
  }

  completed(conn: Connection): void {
    this.#synQueue.delete(conn);
    this.#acceptQueue.push(conn);
    this.owner?.onReadiness();
  }

  /** A half-open connection is gone. A completed one stays: accept hands it out, and its error with it, as on Linux. */
  forget(conn: Connection): void {
    this.#synQueue.delete(conn);
  }

  /** Nobody will accept what waits: it is reset. RFC 9293 §3.10.4. */
  close(): void {
    this.#host.closedListener(this);
    for (const conn of [...this.#synQueue, ...this.#acceptQueue]) {
      conn.parent = undefined;
      conn.close();
      conn.abort();
    }
    this.#synQueue.clear();
    this.#acceptQueue.length = 0;
  }
}
