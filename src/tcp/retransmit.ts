/**
 * The retransmission timeout and what it may lead to. RFC 9293 §3.10.8, §3.8.3 (R1, R2); RFC 6298 §5 (5.4) to (5.6).
 */
import { Errno } from '../core/errno.ts';
import type { Micros } from '../core/time.ts';
import { onFullStop } from './black-hole.ts';
import type { Connection } from './connection.ts';
import { mostSynAckRetries, onDeferredTimeout } from './defer-accept.ts';
import { traceRecovery } from './trace-recovery.ts';

/** The earliest segment goes out again at the next poll, unless this was one time too many. */
export function onRetransmissionTimeout(conn: Connection, now: Micros): void {
  const { sender, host } = conn;
  if (sender.retries >= mostRetries(conn)) {
    giveUp(conn);
    return;
  }
  if (conn.state === 'SYN-RECEIVED' && conn.tcb.handshake?.ackDeferred === true) {
    onDeferredTimeout(conn);
    return;
  }
  if (host.orphans.resets(conn)) return;
  sender.onTimeout(now);
  conn.ecn?.onTimeout(conn.tcb);
  const { retries1 } = host.context.config.tcp;
  if (sender.retries === retries1) host.ip.doubt(conn.path, now); // R1: MUST-20 (b)
  if (sender.retries >= retries1) onFullStop(conn, now);
  const { trace } = host.context;
  if (trace.enabled) {
    const { local, remote, rto, cwnd, ssthresh } = conn.info();
    trace.emit(now, 'tcp', 'retransmission-timeout', { local, remote, rto, cwnd, ssthresh, retries: sender.retries });
  }
  traceRecovery(conn, now);
  host.mark(conn);
}

/** The connection has failed: R2, the user timeout, or probes without an answer. The soft error tells more, if there is one. */
export function giveUp(conn: Connection): void {
  conn.end(conn.softError === 0 ? Errno.ETIMEDOUT : conn.softError);
}

/** R2, for a SYN (MUST-22, MUST-23), a SYN,ACK, and data (MUST-20 (c)). */
function mostRetries(conn: Connection): number {
  const { tcp } = conn.host.context.config;
  switch (conn.state) {
    case 'SYN-SENT':
      return conn.options.synRetries ?? tcp.synRetries;
    case 'SYN-RECEIVED':
      // TCP_SYNCNT counts as the listener has it by now. Linux reqsk_timer_handler, tcp_fastopen_synack_timer.
      return mostSynAckRetries(conn, (conn.parent ?? conn).options.synRetries ?? tcp.synAckRetries);
    default:
      // MUST-21: a user timeout takes the place of R2, infinity included.
      return conn.options.userTimeout > 0 || conn.sender.userTimeout > 0 ? Infinity : tcp.retries2;
  }
}
