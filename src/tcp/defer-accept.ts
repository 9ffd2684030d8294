/**
 * TCP_DEFER_ACCEPT of a listener: a connection is complete only when text has come. tcp(7); Linux tcp_check_req, syn_ack_recalc.
 *
 * An ACK without text does not complete the handshake: it is dropped, and the SYN,ACK is not sent again, until the time is over. It
 * then goes out once more, and the ACK that it draws completes the connection whether or not there is text.
 */
import type { Micros } from '../core/time.ts';
import type { Connection } from './connection.ts';
import { lossSignsOf } from './loss-signs.ts';
import type { Segment } from './segment.ts';
import { seqAdd } from './seq.ts';

/**
 * Whether the ACK of the handshake is to be left alone. A connection from a SYN cookie is complete in any case: nothing would be left of
 * it that could wait.
 */
export function defersAccept(conn: Connection, seg: Segment, now: Micros): boolean {
  const { sender, tcb, options } = conn;
  const handshake = tcb.handshake!;
  const bare = seg.length === 0 && seg.seq === seqAdd(tcb.irs, 1);
  if (!bare || conn.parent === undefined || conn.segmentsSent === 0 || sender.retries >= options.deferAccept)
    return false;
  // The round trip ends now; how long the text takes tells nothing of the path.
  if (!handshake.ackDeferred) sender.feed.onDeferredAck(seg.options.tsEcr, now);
  handshake.ackDeferred = true;
  return true;
}

/** Timeouts of the SYN,ACK after which the connection is given up, when so many are allowed without TCP_DEFER_ACCEPT. */
export const mostSynAckRetries = ({ tcb, options }: Connection, retries: number): number =>
  tcb.handshake?.ackDeferred === true ? Math.max(retries, options.deferAccept) : retries;

/** The retransmission timer has expired on a SYN,ACK whose ACK was left alone. */
export function onDeferredTimeout(conn: Connection): void {
  const { sender, options } = conn;
  lossSignsOf(sender).retries++;
  sender.rto.backoff();
  if (sender.retries >= options.deferAccept) sender.resendSyn();
  conn.host.mark(conn);
}
