/**
 * ICMP errors about segments that were sent. RFC 9293 §3.9.2.2, RFC 5927 §4 (what to believe), RFC 1191 §6.
 */
import { getU32 } from '../core/bytes.ts';
import type { Frame } from '../core/frame.ts';
import type { Micros } from '../core/time.ts';
import { isTooBig } from '../ip/service.ts';
import type { IpErrorReport } from '../ip/service.ts';
import type { Connection } from './connection.ts';
import { seqGe, seqLt, seqNum } from './seq.ts';
import { Wake } from './service.ts';

/** RFC 792. */
export const SOURCE_QUENCH = 4;

/** Whether the quoted sequence number is of data in flight; a stranger has to guess it. RFC 5927 §4.1. */
export function isInFlight(conn: Connection, frame: Frame): boolean {
  const seq = seqNum(getU32(frame.bytes, frame.transport + 4));
  return seqGe(seq, conn.tcb.sndUna) && seqLt(seq, conn.tcb.sndNxt);
}

/** Acts on an error that passed that check. */
export function onIcmpError(conn: Connection, report: IpErrorReport, frame: Frame, now: Micros): void {
  if (isTooBig(report)) {
    conn.host.ip.tooBig(report, frame, now);
    // Send again at once, in segments that fit. RFC 1191 §6.4. When those in flight did fit, it tells nothing new (one report comes for
    // each segment of a burst), or is a lie to make us send for ever (RFC 5927 §7.2).
    conn.refreshSegmentSize();
    if (conn.sender.onPathMtu()) conn.host.mark(conn);
    else conn.host.context.drops.drop('tcp-fits-path');
    return;
  }
  if (report.errno === 0) return;
  if (conn.state === 'SYN-SENT' || (conn.state === 'SYN-RECEIVED' && conn.tcb.handshake?.passive !== true)) {
    // Differs: MUST-56 would keep trying after a soft error. As on Linux, connect fails at once and the program can try another
    // address (RFC 5461 §4.1 describes and defends this).
    conn.owner?.onReport?.(report, frame.bytes.subarray(frame.transport, frame.end));
    conn.end(report.errno);
    return;
  }
  // Differs: SHLD-26 aborts on hard errors. RFC 5927 §5.2 advises against it in synchronized states, being a way for strangers to
  // end connections; all are noted and reported if the connection fails (SHLD-25).
  if (conn.options.receiveErrors) {
    conn.error = report.errno;
    conn.notify(Wake.Error);
  } else {
    conn.softError = report.errno;
  }
}
