/**
 * Keep-alives. RFC 9293 §3.8.4.
 */
import { Errno } from '../core/errno.ts';
import { NEVER, after } from '../core/time.ts';
import type { Micros } from '../core/time.ts';
import type { Connection } from './connection.ts';
import { Keepalive } from './probes.ts';

/** Sees to the timer, at the end of each look that poll takes at a synchronized connection. */
export function settleKeepalive(conn: Connection, now: Micros): void {
  const { options, host } = conn;
  const { timers } = host.context;
  if (!options.keepalive || conn.state === 'TIME-WAIT') {
    if (conn.keepalive !== undefined) timers.cancel(conn.keepalive);
    return;
  }
  const keepalive = (conn.keepalive ??= new Keepalive(conn, now));
  if (keepalive.deadline !== NEVER) return;
  timers.schedule(keepalive, after(now, keepalive.probes > 0 ? options.keepaliveInterval : options.keepaliveIdle));
}

/** The connection may have been idle for long enough to be probed, or a probe has had no answer. */
export function onKeepaliveTimeout(conn: Connection, now: Micros): void {
  const { options, sender, host, keepalive } = conn;
  if (!options.keepalive || keepalive === undefined) return;
  const { timers } = host.context;
  const idleSince = keepalive.lastReceivedAt;
  // MUST-26: only when nothing is outstanding (what is has its own timer) and nothing came for the interval.
  if (sender.flightSize > 0 || sender.ring.length > 0) {
    timers.schedule(keepalive, after(now, options.keepaliveIdle));
    return;
  }
  if (now < after(idleSince, options.keepaliveIdle)) {
    timers.schedule(keepalive, after(idleSince, options.keepaliveIdle));
    return;
  }
  // MUST-29: no single probe decides.
  if (keepalive.probes >= options.keepaliveProbes) {
    conn.abortWith(conn.softError === 0 ? Errno.ETIMEDOUT : conn.softError);
    return;
  }
  keepalive.probes++;
  keepalive.owed = true;
  timers.schedule(keepalive, after(now, options.keepaliveInterval));
  host.mark(conn);
}
