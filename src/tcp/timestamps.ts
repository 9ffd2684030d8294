/**
 * The timestamp clock, PAWS and the choice of the timestamp to echo. RFC 7323 §4.3, §5.
 */
import { HOUR, MS } from '../core/time.ts';
import type { Micros } from '../core/time.ts';
import type { Segment } from './segment.ts';
import { seqGe, seqLe, seqLt, seqNum } from './seq.ts';
import type { SeqNum } from './seq.ts';
import { isSynchronized } from './state.ts';
import type { Tcb } from './tcb.ts';

/** One tick of the timestamp clock (us). RFC 7323 §5.4 allows 1 ms to 1 s. */
export const TIMESTAMP_TICK = 1 * MS;
/** TS.Recent is no longer trusted after this long without an update (us). RFC 7323 §5.5. */
export const TS_RECENT_LIFETIME = 24 * 24 * HOUR;

/** The timestamp clock without an offset. */
export const timestampClock = (now: Micros): number => Math.floor(now / TIMESTAMP_TICK) | 0;

/** TSval of a segment sent now: the clock, offset at random per connection (RFC 7323 §7.1). */
export const timestampNow = (tcb: Tcb, now: Micros): SeqNum => seqNum(timestampClock(now) + tcb.tsOffset);

/** Round trip (us) that an echoed timestamp tells, or undefined when the echo cannot be one of ours. RFC 7323 §4.1. */
export function echoedRoundTrip(tcb: Tcb, tsEcr: number, now: Micros, longest: number): number | undefined {
  const elapsed = ((timestampNow(tcb, now) - tsEcr) | 0) * TIMESTAMP_TICK;
  return elapsed >= 0 && elapsed <= longest ? elapsed : undefined;
}

/** Rule R1: the segment is older than what came before it, and TS.Recent is still valid. */
export function failsPaws(tcb: Tcb, seg: Segment, now: Micros): boolean {
  return seqLt(seqNum(seg.options.tsVal), tcb.tsRecent) && now - tcb.tsRecentAt <= TS_RECENT_LIFETIME;
}

/** Rules R3 and (2) of §4.3: which timestamp to echo. `seq` is SEG.SEQ before any trimming. An outdated TS.Recent always gives way. */
export function updateTsRecent(tcb: Tcb, seg: Segment, now: Micros): void {
  if (!seqLe(seg.seq, tcb.lastAckSent)) return;
  const value = seqNum(seg.options.tsVal);
  if (seqGe(value, tcb.tsRecent) || now - tcb.tsRecentAt > TS_RECENT_LIFETIME) {
    tcb.tsRecent = value;
    tcb.tsRecentAt = now;
  }
}

/**
 * Whether a SYN may end a TIME-WAIT and begin a new connection, `timestamps` telling whether this end would use them again. RFC 6191
 * §2; without timestamps MAY-2.
 */
export function mayReopen(tcb: Tcb, seg: Segment, timestamps: boolean): boolean {
  if (!seg.syn || seg.hasAck || seg.rst || !isSynchronized(tcb.state)) return false;
  const later = seqGe(seg.seq, tcb.rcvNxt); // beyond the FIN
  if (!timestamps || !seg.options.timestamps) return later;
  if (!tcb.timestampsOk) return true;
  const newer = (seg.options.tsVal - tcb.tsRecent) | 0;
  return newer > 0 || (newer === 0 && later);
}
