/**
 * Orphans: connections that their programs have closed and that have not ended yet. Nobody waits for them, so they are the first to go
 * when there are too many, or when all buffers together hold as much as they may. Linux tcp_check_oom, tcp_out_of_resources.
 */
import { SMALLEST_BUFFER } from '../core/buffers.ts';
import type { Context } from '../core/context.ts';
import type { TcpState } from './service.ts';

interface Closed {
  readonly state: TcpState;
  readonly closed: boolean;
  /** Octets queued or in flight. */
  readonly unsent: number;
  abort(): void;
}

export class Orphans {
  readonly #context: Context;
  readonly #all = new Set<Closed>();

  constructor(context: Context) {
    this.#context = context;
  }

  get size(): number {
    return this.#all.size;
  }

  /** A program has closed the connection: beyond the bound it is reset. */
  add(conn: Closed): void {
    if (conn.state === 'CLOSED' || conn.state === 'TIME-WAIT') return;
    this.#all.add(conn);
    if (this.#all.size > this.#context.config.tcp.maxOrphans || this.#isTooMuch(conn)) this.#reset(conn);
  }

  /** It has ended, or is in TIME-WAIT, which has a bound of its own. */
  remove(conn: Closed): void {
    this.#all.delete(conn);
  }

  /** What the connection sent was not acknowledged in time. True when it is reset for it: others need the memory. */
  resets(conn: Closed): boolean {
    if (!conn.closed || !this.#isTooMuch(conn)) return false;
    this.#reset(conn);
    return true;
  }

  #isTooMuch(conn: Closed): boolean {
    return conn.unsent > SMALLEST_BUFFER && this.#context.buffers.exhausted;
  }

  #reset(conn: Closed): void {
    this.#context.drops.drop('tcp-too-many-orphans');
    conn.abort();
  }
}
