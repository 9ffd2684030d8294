/**
 * Zero-window probes. RFC 9293 §3.8.6.1.
 */
import { after } from '../core/time.ts';
import type { Micros } from '../core/time.ts';
import type { Connection } from './connection.ts';
import { giveUp } from './retransmit.ts';
import { Timer } from './timers.ts';

/** A probe is due; the next one waits twice as long (SHLD-30). */
export function onPersistTimeout(conn: Connection, now: Micros): void {
  const { sender, host, timers } = conn;
  const { tcp } = host.context.config;
  // MUST-37: only probes that nobody answers count; an answer sets the count back (Sender.onZeroWindow).
  if (sender.unansweredProbes >= tcp.retries2) {
    giveUp(conn);
    return;
  }
  sender.probeOwed = true;
  sender.unansweredProbes++;
  sender.probes++;
  timers.set(Timer.Persist, after(now, Math.min(sender.rto.value * 2 ** sender.probes, tcp.rtoMax)));
  host.mark(conn);
}
