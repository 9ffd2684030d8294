/**
 * A timer of a connection expires. RFC 9293 §3.10.8 and the sections named in timers.ts.
 */
import type { Micros } from '../core/time.ts';
import type { Connection } from './connection.ts';
import { onKeepaliveTimeout } from './keepalive.ts';
import { onPersistTimeout } from './persist.ts';
import { giveUp, onRetransmissionTimeout } from './retransmit.ts';
import { Timer } from './timers.ts';

/** Runs every timer of the connection that is due. */
export function onTimeouts(conn: Connection, now: Micros): void {
  for (let timer = conn.timers.takeDue(now); timer !== undefined; timer = conn.timers.takeDue(now)) {
    onTimeout(conn, timer, now);
    if (conn.state === 'CLOSED') return;
  }
}

function onTimeout(conn: Connection, timer: Timer, now: Micros): void {
  switch (timer) {
    case Timer.Rto:
      onRetransmissionTimeout(conn, now);
      break;
    case Timer.Persist:
      onPersistTimeout(conn, now);
      break;
    case Timer.Delack:
      conn.ack.now('delayed ACK');
      conn.host.mark(conn);
      break;
    case Timer.Keepalive:
      onKeepaliveTimeout(conn, now);
      break;
    case Timer.TimeWait:
    case Timer.FinWait2:
      conn.end(0);
      break;
    case Timer.SwsOverride:
      conn.sender.overridden = true;
      conn.host.mark(conn);
      break;
    case Timer.User:
      giveUp(conn);
      break;
  }
}
