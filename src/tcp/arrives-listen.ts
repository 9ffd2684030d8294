/**
 * SEGMENT ARRIVES in LISTEN. RFC 9293 §3.10.7.2. The listener stays as it is; a SYN makes a connection record of its own.
 */
import type { DropReason } from '../core/drop.ts';
import type { Micros } from '../core/time.ts';
import type { IpPacket } from '../ip/service.ts';
import type { Arrivals } from './arrivals.ts';
import { sendCookie, takeCookie } from './arrives-cookie.ts';
import { trimToWindow } from './arrives-other.ts';
import { beginFastOpen, isFastOpen } from './fast-open-server.ts';
import type { Listener } from './listener.ts';
import type { Segment } from './segment.ts';
import type { SeqNum } from './seq.ts';
import { takePassively } from './handshake.ts';

/** `beyond`: the ISS must lie after this, since the four-tuple was in TIME-WAIT (MAY-2); undefined otherwise. */
export function arrivesListen(
  tcp: Arrivals,
  listener: Listener,
  seg: Segment,
  packet: IpPacket,
  now: Micros,
  beyond: SeqNum | undefined,
): void {
  // First: a RST cannot be about anything that was sent from here.
  if (seg.rst) {
    tcp.drop('tcp-listen-reset');
    return;
  }
  // Second: nothing was sent but SYN cookies, so any other ACK is bad.
  if (seg.hasAck) {
    if (takeCookie(tcp, listener, seg, packet, now)) return;
    tcp.drop('tcp-listen-ack');
    tcp.reset(seg, packet, now);
    return;
  }
  // Third.
  if (seg.syn) {
    takeConnection(tcp, listener, seg, packet, now, beyond);
    return;
  }
  // Fourth: neither SYN, ACK nor RST.
  tcp.drop('tcp-no-ack');
}

function takeConnection(
  tcp: Arrivals,
  listener: Listener,
  seg: Segment,
  packet: IpPacket,
  now: Micros,
  beyond: SeqNum | undefined,
): void {
  const refusal = refuses(listener, beyond);
  if (refusal === 'tcp-accept-queue-full' || (refusal !== undefined && listener.config.synCookies === 'off')) {
    tcp.drop(refusal);
    return;
  }
  if (refusal !== undefined) {
    sendCookie(tcp, listener, seg, packet, now);
    return;
  }
  const conn = listener.admit(seg, packet);
  if (typeof conn === 'string') {
    tcp.drop(conn);
    return;
  }
  const { tcb } = conn;
  takePassively(conn, seg, tcp.newTimestampOffset(tcb), now);
  const fast = isFastOpen(tcp.fastOpenKeys, listener, conn, seg, packet, now);
  const synSeq = seg.seq;
  // The segment that begins after the SYN: other controls and text wait for the end of the handshake.
  seg.trimFront(1);
  trimToWindow(conn, seg);
  // Text beside a Fast Open option comes again when it is not taken now. RFC 7413 §5.1.
  if (!fast && seg.options.fastOpen < 0) conn.receiver.holdEarly(seg);
  tcb.handshake!.issAfter = beyond;
  conn.begin('SYN-RECEIVED', tcp.newIss(tcb, now));
  if (fast) beginFastOpen(listener, conn, seg, synSeq);
}

/**
 * Why no record is made for a SYN, in Linux's order (tcp_conn_request). One whose four-tuple was in TIME-WAIT comes from a real peer, and
 * needs an ISS that no cookie can be: it is taken in any case.
 */
function refuses(listener: Listener, beyond: SeqNum | undefined): DropReason | undefined {
  const full = listener.synQueueIsFull;
  if (full && beyond === undefined) listener.counters.synQueueOverflows++;
  if (listener.isFull) return listener.overflowed();
  if (beyond !== undefined) return undefined;
  return full || listener.config.synCookies === 'always' ? 'tcp-syn-queue-full' : undefined;
}
