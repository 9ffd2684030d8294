/**
 * SEGMENT ARRIVES in SYN-SENT. RFC 9293 §3.10.7.3.
 */
import { Errno } from '../core/errno.ts';
import type { Micros } from '../core/time.ts';
import type { IpPacket } from '../ip/service.ts';
import type { Arrivals } from './arrivals.ts';
import { checkFin, checkUrgent, takeText, trimToWindow } from './arrives-other.ts';
import type { Connection } from './connection.ts';
import { onSynAck } from './fast-open-client.ts';
import { takeSyn } from './handshake.ts';
import type { Segment } from './segment.ts';
import { setWindow } from './send-window.ts';
import { seqGt, seqLe } from './seq.ts';

export function arrivesSynSent(tcp: Arrivals, conn: Connection, seg: Segment, packet: IpPacket, now: Micros): void {
  if (!checkAck(tcp, conn, seg, packet, now)) return; // first
  if (!checkReset(tcp, conn, seg)) return; //            second
  //                                                     third: security, not applicable
  if (!seg.syn) {
    tcp.drop('tcp-no-syn'); //                           fifth
    return;
  }
  takeTheirSyn(conn, seg, now); //                       fourth
}

/** First: an ACK of something never sent draws a RST. */
function checkAck(tcp: Arrivals, conn: Connection, seg: Segment, packet: IpPacket, now: Micros): boolean {
  const { tcb } = conn;
  if (!seg.hasAck || (seqGt(seg.ack, tcb.iss) && seqLe(seg.ack, tcb.sndNxt))) return true;
  tcp.drop('tcp-bad-ack');
  if (!seg.rst) tcp.reset(seg, packet, now);
  return false;
}

/** Second: a RST counts only with an ACK of our SYN. */
function checkReset(tcp: Arrivals, conn: Connection, seg: Segment): boolean {
  if (!seg.rst) return true;
  if (seg.hasAck) conn.end(Errno.ECONNREFUSED);
  else tcp.drop('tcp-bad-reset');
  return false;
}

/** Fourth: ESTABLISHED when the SYN acknowledges ours, else a simultaneous open (MUST-10). */
function takeTheirSyn(conn: Connection, seg: Segment, now: Micros): void {
  const { sender } = conn;
  takeSyn(conn, seg, conn.host.context.config.tcp, now);
  const { seq } = seg;
  seg.trimFront(1); // the segment after the SYN
  trimToWindow(conn, seg);
  if (!seg.hasAck) {
    setWindow(sender, seq, seg.ack, seg.window);
    sender.takeBack();
    conn.receiver.holdEarly(seg);
    sender.resendSyn(); // as SYN,ACK
    conn.setState('SYN-RECEIVED');
    conn.host.mark(conn);
    return;
  }
  sender.onNewAck(seg.ack, seg.options, now);
  setWindow(sender, seq, seg.ack, seg.window);
  if (conn.fastOpen !== undefined) onSynAck(conn, conn.fastOpen, conn.host.fastOpenCache, seg, now);
  conn.ack.onSynAck(conn.options.deferAccept > 0, now);
  conn.established();
  checkUrgent(conn, seg); // sixth to eighth of §3.10.7.4
  takeText(conn, seg, now);
  checkFin(conn, seg, now);
}
