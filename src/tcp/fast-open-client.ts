/**
 * The client of TCP Fast Open: what goes into the SYN, and what the SYN,ACK makes of it. RFC 7413 §4.1.3, §4.2.
 */
import type { Micros } from '../core/time.ts';
import type { Connection } from './connection.ts';
import { FastOpen } from './fast-open.ts';
import type { FastOpenCache } from './fast-open-cache.ts';
import { MAX_OPTIONS_LENGTH } from './options.ts';
import type { Segment } from './segment.ts';
import { seqLt } from './seq.ts';
import { DEFAULT_MSS } from './tcb.ts';

/** Most octets of MSS that a cookie stands for: larger SYNs meet trouble on the way. RFC 7413 §4.1.3. */
const MAX_CACHED_MSS = 1460;

/** Prepares a connection whose program asked for fast open: with a cookie the SYN waits for text, without one it asks for a cookie. */
export function prepareFastOpen(conn: Connection, cache: FastOpenCache, now: Micros): void {
  if (cache.isBarred(conn.tcb, now)) return;
  const fastOpen = new FastOpen();
  const known = cache.find(conn.tcb);
  if (known === undefined) {
    fastOpen.cookieLength = 0;
    fastOpen.status = 'requested';
  } else {
    fastOpen.cookieLength = known.cookie.length;
    fastOpen.cookie.set(known.cookie);
    fastOpen.deferred = true;
    // Linux leaves room for all options that there could be, too.
    const mss = Math.min(known.mss === 0 ? DEFAULT_MSS : known.mss, MAX_CACHED_MSS, conn.tcb.rmss);
    fastOpen.limit = Math.max(0, mss - MAX_OPTIONS_LENGTH);
  }
  conn.sender.fastOpen = fastOpen;
}

/** The SYN,ACK has come: keeps its cookie, and takes text back that it does not acknowledge. Before ESTABLISHED. RFC 7413 §4.2.2. */
export function onSynAck(conn: Connection, fastOpen: FastOpen, cache: FastOpenCache, seg: Segment, now: Micros): void {
  const { tcb, sender } = conn;
  const { fastOpen: length, fastOpenCookie, mss } = seg.options;
  const again = sender.timeouts > 0;
  const refused = fastOpen.synText > 0 && seqLt(tcb.sndUna, tcb.sndNxt);
  if (length > 0) cache.store(tcb, fastOpenCookie.slice(0, length), Math.max(0, mss));
  else if (refused && again) cache.noteFailure(tcb, now); // it answers plain SYNs only: somebody does not stand the other
  if (fastOpen.synText > 0) fastOpen.status = !refused ? 'data acknowledged' : again ? 'SYN lost' : 'data refused';
  sender.takeBack();
}
