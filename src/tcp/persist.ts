/**
 * Zero-window probes. RFC 9293 §3.8.6.1.
 */
import { after } from '../core/time.ts';
import type { Micros } from '../core/time.ts';
import type { Connection } from './connection.ts';
import { ZeroWindowProbes } from './probes.ts';
import { giveUp } from './retransmit.ts';
import { Timer } from './timers.ts';

/** A probe is due; the next one waits twice as long (SHLD-30). */
export function onPersistTimeout(conn: Connection, now: Micros): void {
  const { sender, host, timers } = conn;
  const { tcp } = host.context.config;
  const probes = (sender.probes ??= new ZeroWindowProbes());
  // MUST-37: only probes that nobody answers count; an answer sets the count back (send-window.ts). Once the program has closed,
  // nobody is left who could give up, and all count: a peer could else hold the buffer for ever (RFC 6429 §3; Linux has a bound too).
  if ((conn.closed ? probes.sent : probes.unanswered) >= tcp.retries2) {
    giveUp(conn);
    return;
  }
  if (host.orphans.resets(conn)) return;
  probes.owed = true;
  probes.unanswered++;
  probes.sent++;
  timers.set(Timer.Persist, after(now, Math.min(sender.rto.value * 2 ** probes.sent, tcp.rtoMax)));
  host.mark(conn);
}
