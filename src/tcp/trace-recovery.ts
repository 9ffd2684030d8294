/**
 * What loss recovery did, as trace events.
 */
import type { Micros } from '../core/time.ts';
import type { Connection } from './connection.ts';

/** Emits what happened since the last look. */
export function traceRecovery(conn: Connection, now: Micros): void {
  const { events } = conn.sender.recovery;
  if (events.length === 0) return;
  const { trace } = conn.host.context;
  if (trace.enabled) {
    const { local, remote, cwnd, ssthresh, flightSize } = conn.info();
    for (const { name, cause } of events) {
      trace.emit(now, 'tcp', name, { local, remote, cause, cwnd, ssthresh, flightSize });
    }
  }
  events.length = 0;
}
