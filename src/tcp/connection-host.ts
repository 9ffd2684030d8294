/**
 * What surrounds a connection, as far as it needs to know: the TCP that it belongs to, and the listener that it came from. `Connection`
 * is a parameter so that connection.ts can import this file.
 */
import type { Context } from '../core/context.ts';
import type { DropReason } from '../core/drop.ts';
import type { Micros } from '../core/time.ts';
import type { IpService } from '../ip/service.ts';
import type { CongestionRegistry } from './congestion/registry.ts';
import type { Orphans } from './orphans.ts';
import type { FastOpenCache } from './fast-open-cache.ts';
import type { TcpOptions } from './service.ts';

/** What a connection needs of the TCP that it belongs to. */
export interface ConnectionHost<Connection> {
  readonly context: Context;
  readonly ip: IpService;
  readonly congestion: CongestionRegistry;
  /** What connects remember of servers. RFC 7413 §4.1.3. */
  readonly fastOpenCache: FastOpenCache;
  /** The time as of the last turn, for traces. */
  readonly now: Micros;
  /** The connection may have something to send: look at it at the next poll. */
  mark(connection: Connection): void;
  /** It has entered CLOSED: take it out of the tables. */
  gone(connection: Connection): void;
  /** It has entered TIME-WAIT, of which there is a bound. */
  enteredTimeWait(connection: Connection): void;
  /** Those that their programs have closed, of which there is a bound too. */
  readonly orphans: Orphans;
  onDeadline(connection: Connection, now: Micros): void;
  onKeepalive(connection: Connection, now: Micros): void;
}

/** The listener that a connection came from, while nobody has accepted it. */
export interface ConnectionParent<Connection> {
  /** The listener's as they are now. */
  readonly options: Readonly<TcpOptions>;
  /** No further connection can complete now. */
  readonly isFull: boolean;
  /** Counts a last ACK that came meanwhile. */
  overflowed(): DropReason;
  /** The handshake is done. */
  completed(connection: Connection): void;
  /** The connection is gone before that. */
  forget(connection: Connection): void;
}
