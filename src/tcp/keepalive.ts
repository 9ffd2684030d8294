/**
 * Keep-alives. RFC 9293 §3.8.4.
 */
import { Errno } from '../core/errno.ts';
import { after } from '../core/time.ts';
import type { Micros } from '../core/time.ts';
import type { Connection } from './connection.ts';
import { Timer } from './timers.ts';

/** The connection may have been idle for long enough to be probed, or a probe has had no answer. */
export function onKeepaliveTimeout(conn: Connection, now: Micros): void {
  const { timers, options, sender, host, keepalive } = conn;
  if (!options.keepalive || keepalive === undefined) return;
  const idleSince = keepalive.lastReceivedAt;
  // MUST-26: only when nothing is outstanding (what is has its own timer) and nothing came for the interval.
  if (sender.flightSize > 0 || sender.ring.length > 0) {
    timers.set(Timer.Keepalive, after(now, options.keepaliveIdle));
    return;
  }
  if (now < after(idleSince, options.keepaliveIdle)) {
    timers.set(Timer.Keepalive, after(idleSince, options.keepaliveIdle));
    return;
  }
  // MUST-29: no single probe decides.
  if (keepalive.probes >= options.keepaliveProbes) {
    conn.abortWith(conn.softError === 0 ? Errno.ETIMEDOUT : conn.softError);
    return;
  }
  keepalive.probes++;
  keepalive.owed = true;
  timers.set(Timer.Keepalive, after(now, options.keepaliveInterval));
  host.mark(conn);
}
