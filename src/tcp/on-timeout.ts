/**
 * A timer of a connection expires. RFC 9293 §3.10.8 and the sections named in timers.ts.
 */
import { NEVER, after, micros } from '../core/time.ts';
import type { Micros } from '../core/time.ts';
import type { Connection } from './connection.ts';
import { settleKeepalive } from './keepalive.ts';
import { onPersistTimeout } from './persist.ts';
import { giveUp, onRetransmissionTimeout } from './retransmit.ts';
import { seqGt } from './seq.ts';
import { isSynchronized } from './state.ts';
import { Timer } from './timers.ts';
import { traceRecovery } from './trace-recovery.ts';

/** Runs every timer of the connection that is due. */
export function onTimeouts(conn: Connection, now: Micros): void {
  for (let timer = conn.timers.takeDue(now); timer !== undefined; timer = conn.timers.takeDue(now)) {
    onTimeout(conn, timer, now);
    if (conn.state === 'CLOSED') return;
  }
}

/** Sets the timers that watch over what is left to do. Called at the end of each look that poll takes at a connection. */
export function settleTimers(conn: Connection, now: Micros): void {
  const { timers, options, state } = conn;
  settleSending(conn, now);
  if (!isSynchronized(state)) return;
  if (conn.closed && state === 'FIN-WAIT-2' && !timers.isSet(Timer.FinWait2)) {
    timers.set(Timer.FinWait2, after(now, options.finWait2Timeout));
  }
  settleKeepalive(conn, now);
}

/**
 * The timers of the sending half: one of them is always running while something is outstanding or queued and nothing more may be
 * sent now. RFC 6298 §5, RFC 9293 §3.8.6.1, §3.8.6.2.1.
 */
function settleSending(conn: Connection, now: Micros): void {
  const { tcb, sender, timers } = conn;
  if (sender.pacer?.holding === true) timers.set(Timer.Pace, sender.pacer.deadline);
  else timers.clear(Timer.Pace);
  if (sender.synAcked) sender.feed.noteLimit(sender, now);
  const waiting = sender.synAcked && seqGt(sender.queueEnd, sender.rtxNxt);
  if (sender.flightSize === 0 && !waiting) {
    timers.clear(Timer.Rack);
    timers.clear(Timer.Tlp);
    timers.clear(Timer.Rto);
    timers.clear(Timer.Persist);
    timers.clear(Timer.SwsOverride);
    timers.clear(Timer.User);
    return;
  }
  if (sender.userTimeout > 0 && !timers.isSet(Timer.User)) timers.set(Timer.User, after(now, sender.userTimeout));
  if (tcb.sndWnd === 0 && sender.synAcked) {
    // MUST-35, SHLD-29: the first probe one RTO after the window closed; persist.ts sets the later ones.
    timers.clear(Timer.Rack);
    timers.clear(Timer.Tlp);
    timers.clear(Timer.Rto);
    if (!timers.isSet(Timer.Persist)) timers.set(Timer.Persist, after(now, sender.rto.value));
    return;
  }
  timers.clear(Timer.Persist);
  sender.probes = undefined;
  if (sender.flightSize > 0) {
    timers.clear(Timer.SwsOverride);
    if (!timers.isSet(Timer.Rto)) timers.set(Timer.Rto, after(now, sender.rto.value)); // (5.1), (5.3), (5.6)
    settleRecovery(conn, now);
  } else if (!timers.isSet(Timer.SwsOverride) && sender.pacer?.holding !== true) {
    // The window is open but too small, and no ACK is under way that could tell of a larger one.
    timers.set(Timer.SwsOverride, after(now, conn.host.context.config.tcp.swsOverride));
  }
}

/**
 * The timers of RACK-TLP. Differs: RFC 8985 §8 wants one timer for these and the retransmission timeout; here that keeps running, and is
 * set anew when a probe was due.
 */
function settleRecovery(conn: Connection, now: Micros): void {
  const { sender, timers } = conn;
  const { recovery } = sender;
  if (recovery.reorderDeadline === NEVER) timers.clear(Timer.Rack);
  else timers.set(Timer.Rack, recovery.reorderDeadline);
  const wait = recovery.probeTimeout(sender);
  if (wait === undefined) timers.clear(Timer.Tlp);
  else if (!timers.isSet(Timer.Tlp)) timers.set(Timer.Tlp, micros(Math.min(now + wait, timers.at(Timer.Rto))));
}

function onTimeout(conn: Connection, timer: Timer, now: Micros): void {
  switch (timer) {
    case Timer.Rack:
      conn.sender.recovery.onReorderTimer(conn.sender, now);
      traceRecovery(conn, now);
      conn.host.mark(conn);
      break;
    case Timer.Tlp:
      conn.sender.onProbeTimer(now);
      conn.host.mark(conn);
      break;
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
    case Timer.Pace:
      conn.host.mark(conn);
      break;
  }
}
