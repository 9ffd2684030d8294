/**
 * A passive OPEN and the connections that come of it: half-open ones in the SYN queue, completed ones in the accept queue.
 *
 * Both hold backlog + 1 connections at most, as on Linux (listen(2), tcp(7); test/interop/syn-flood.test.ts runs both side by side). While
 * the accept queue is full no SYN is taken and the last ACK of a handshake is ignored; while the SYN queue is full a SYN is answered
 * with a cookie, or dropped where those are off. Differs: Linux keeps the last quarter of maxSynBacklog for hosts that it knows.
 */
import type { Micros } from '../core/time.ts';
import { SECOND, after, micros } from '../core/time.ts';
import type { TcpConfig } from '../core/config.ts';
import type { DropReason } from '../core/drop.ts';
import type { IpAddress } from '../ip/address.ts';
import { echoOptions } from '../ip/send-options.ts';
import type { IpPacket, Path } from '../ip/service.ts';
import { Connection } from './connection.ts';
import type { ConnectionHost, ConnectionParent } from './connection-host.ts';
import { checkOptions } from './connection-options.ts';
import type { FastOpenParent } from './fast-open.ts';
import type { Segment } from './segment.ts';
import { Wake } from './service.ts';
import type { ListenerCounters, ReadinessOwner, TcpListener, TcpOptions } from './service.ts';
import { COOKIE_LIFETIME } from './syn-cookies.ts';

export interface ListenerHost extends ConnectionHost<Connection> {
  /** Puts a new connection into the table. False at the bound on connections. */
  add(connection: Connection): boolean;
  closedListener(listener: Listener): void;
}

export const noListenerCounts = (): ListenerCounters => ({
  synQueueOverflows: 0,
  acceptQueueOverflows: 0,
  cookiesSent: 0,
  cookiesAccepted: 0,
  cookiesInvalid: 0,
  fastOpens: 0,
  fastOpenRefused: 0,
  fastOpenOverflows: 0,
});

/** How long a connection that a RST ended counts on as pending (us): else RSTs would fuel a flood. RFC 7413 §5.1; Linux, 60 s. */
const RESET_COUNTS_FOR = 60 * SECOND;

export class Listener implements TcpListener, ConnectionParent<Connection>, FastOpenParent {
  readonly address: IpAddress;
  readonly port: number;
  owner: ReadinessOwner | undefined = undefined;
  options: Readonly<TcpOptions>;
  readonly #host: ListenerHost;
  #backlog: number;
  #receiveShut = false;
  #sendShut = false;
  readonly #synQueue = new Set<Connection>();
  readonly #acceptQueue: Connection[] = [];
  readonly counters: ListenerCounters = noListenerCounts();
  /** PendingFastOpenRequests of RFC 7413 §4.2, and until when those that were reset count on, the earliest first. */
  #fastOpenPending = 0;
  readonly #fastOpenReset: Micros[] = [];
  /** When a cookie was sent last: for a while after that an ACK may be the answer to one. */
  #cookieSentAt: Micros = micros(-Infinity);

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

  shutEarly(receive: boolean, send: boolean): void {
    this.#receiveShut = receive;
    this.#sendShut = send;
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

  /** Whether no further half-open connection is kept. Linux inet_csk_reqsk_queue_is_full, tcp_conn_request. */
  get synQueueIsFull(): boolean {
    const { synCookies, maxSynBacklog } = this.config;
    if (this.#synQueue.size > this.#backlog) return true;
    return synCookies === 'off' && maxSynBacklog - this.#synQueue.size < maxSynBacklog >>> 2;
  }

  /** A cookie was sent within the life of one: an ACK may carry it back. Linux tcp_synq_no_recent_overflow. */
  expectsCookies(now: Micros): boolean {
    return now <= after(this.#cookieSentAt, COOKIE_LIFETIME);
  }

  sentCookie(now: Micros): void {
    this.#cookieSentAt = now;
    this.counters.cookiesSent++;
  }

  get config(): Readonly<TcpConfig> {
    return this.#host.context.config.tcp;
  }

  /** Back to whoever sent the packet. */
  route(packet: IpPacket, ipOptions?: Uint8Array): Path | undefined {
    const path = this.#host.ip.route(packet.source, packet.destination, this.options.boundDevice, ipOptions);
    return typeof path === 'number' ? undefined : path;
  }

  /** Counts what met a full accept queue. */
  overflowed(): DropReason {
    this.counters.acceptQueueOverflows++;
    return 'tcp-accept-queue-full';
  }

  /** A record for the connection that a SYN asks for, or a cookie brings, or why there is none. */
  admit(seg: Segment, packet: IpPacket): Connection | DropReason {
    // The connection answers IP options by what it can of the same, as on Linux, whatever those of the listener are.
    const ipOptions = echoOptions(packet.options);
    const path = this.route(packet, ipOptions);
    if (path === undefined) return 'tcp-no-route';
    const options = ipOptions === this.options.ipOptions ? this.options : { ...this.options, ipOptions };
    const conn = new Connection(this.#host, path, seg.destinationPort, seg.sourcePort, options);
    if (!this.#host.add(conn)) {
      return this.#host.context.buffers.exhausted ? 'tcp-no-memory' : 'tcp-too-many-connections';
    }
    conn.shutEarly(this.#receiveShut, this.#sendShut);
    conn.parent = this;
    this.#synQueue.add(conn);
    return conn;
  }

  /** Whether one more may be pending: TCP_FASTOPEN's number, and no more than the backlog. RFC 7413 §4.2.2, step 2. */
  mayFastOpen(now: Micros): boolean {
    const reset = this.#fastOpenReset;
    if (this.#fastOpenPending + reset.length < this.options.fastOpen) return true;
    // As Linux, one that is over is let go only when its place is needed.
    if (reset.length === 0 || reset[0]! > now) return false;
    reset.shift();
    return true;
  }

  /** A connection with text, whose handshake is not done, is ready to be accepted. */
  fastOpened(conn: Connection): void {
    this.#fastOpenPending++;
    this.counters.fastOpens++;
    conn.parent = undefined; // it is complete as far as the queues are concerned
    this.completed(conn);
  }

  fastOpenSettled(byReset: boolean): void {
    this.#fastOpenPending--;
    if (byReset) this.#fastOpenReset.push(after(this.#host.now, RESET_COUNTS_FOR));
  }

  completed(conn: Connection): void {
    this.#synQueue.delete(conn);
    this.#acceptQueue.push(conn);
    this.owner?.onReadiness(Wake.Read);
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
      conn.abort(); // before it is closed: in LAST-ACK no RST would go out
      conn.close();
    }
    this.#synQueue.clear();
    this.#acceptQueue.length = 0;
  }
}
