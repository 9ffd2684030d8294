/**
 * SEGMENT ARRIVES in SYN-RECEIVED and the synchronized states. RFC 9293 §3.10.7.4, with the checks of RFC 5961 §3 to §5 and PAWS
 * (RFC 7323 §5.3) in the places that those give.
 */
import { Errno } from '../core/errno.ts';
import { after } from '../core/time.ts';
import type { Micros } from '../core/time.ts';
import type { IpPacket } from '../ip/service.ts';
import type { Arrivals } from './arrivals.ts';
import { badSack } from './bad-sack.ts';
import { INVALID_ACK_INTERVAL } from './challenge.ts';
import type { Connection } from './connection.ts';
import { defersAccept } from './defer-accept.ts';
import { isEcnSetup } from './ecn.ts';
import type { Ecn } from './ecn.ts';
import { hasSendSpace } from './readiness.ts';
import { Arrival } from './receiver.ts';
import type { Segment } from './segment.ts';
import type { SendReason } from './send-reason.ts';
import { onZeroWindow, setWindow, updateWindow } from './send-window.ts';
import { seqAdd, seqDiff, seqGe, seqGt, seqLe, seqLt } from './seq.ts';
import { Wake } from './service.ts';
import { mayReceiveText } from './state.ts';
import type { Tcb } from './tcb.ts';
import { failsPaws, updateTsRecent } from './timestamps.ts';
import { traceRecovery } from './trace-recovery.ts';
import { adoptUserTimeout, noteUserTimeout } from './user-timeout.ts';

export function arrivesOther(tcp: Arrivals, conn: Connection, seg: Segment, packet: IpPacket, now: Micros): void {
  const hasText = seg.textLength > 0;
  if (!checkTimestamps(tcp, conn, seg, now)) return; //    RFC 7323 §5.3: before the first
  if (!checkSequence(tcp, conn, seg, now)) return; //      first
  if (!checkReset(tcp, conn, seg, now)) return; //         second
  //                                                       third: security, not applicable
  if (!checkSyn(tcp, conn, seg, now)) return; //           fourth
  if (!checkAck(tcp, conn, seg, packet, now)) return; //   fifth
  if (conn.ecn !== undefined) takeMarks(conn, conn.ecn, seg, hasText); // RFC 3168 §6.1.3
  if (noteUserTimeout(conn, seg)) adoptUserTimeout(conn, conn.host.context.config.tcp);
  checkUrgent(conn, seg); //                               sixth
  takeText(conn, seg, now); //                             seventh
  checkFin(conn, seg, now); //                             eighth
}

/** R1 of PAWS, and what has no timestamp though both ends agreed on them. Never applied to a RST (RFC 7323 §5.2). */
function checkTimestamps(tcp: Arrivals, conn: Connection, seg: Segment, now: Micros): boolean {
  const { tcb } = conn;
  if (!tcb.timestampsOk || seg.rst) return true;
  if (!seg.options.timestamps) {
    if (seg.syn) return true; // of a peer that has begun anew: the fourth check challenges it
    tcp.drop('tcp-no-timestamp'); // RFC 7323 §3.2: silently
    return false;
  }
  if (!failsPaws(tcb, seg, now)) return true;
  tcp.drop('tcp-paws');
  noteOldText(conn, seg); // RFC 2883 §4.3
  answerInvalid(conn, seg, now, 'old timestamp');
  return false;
}

/** First. Afterwards the segment lies within the window, trimmed of what does not. */
function checkSequence(tcp: Arrivals, conn: Connection, seg: Segment, now: Micros): boolean {
  const { tcb } = conn;
  // The SYN of a simultaneous open comes again with the ACK (Figure 7): only what follows it is new.
  if (tcb.state === 'SYN-RECEIVED' && seg.syn && !seg.rst && seg.seq === tcb.irs) return takeRepeatedSyn(conn, seg);
  if (!isAcceptable(tcb, seg)) {
    tcp.drop('tcp-not-acceptable');
    if (seg.rst) return false;
    noteOldText(conn, seg);
    // A FIN that comes again in TIME-WAIT is acknowledged like anything else here, and restarts 2 MSL (fifth check).
    if (tcb.state === 'TIME-WAIT' && seg.fin && seg.end === tcb.rcvNxt) conn.restartTimeWait(now);
    answerInvalid(conn, seg, now, 'not acceptable');
    return false;
  }
  if (tcb.timestampsOk && seg.options.timestamps && !seg.rst) updateTsRecent(tcb, seg, now);
  // A SYN stays, wherever it lies: the fourth check looks for it. RFC 5961 §4.2.
  if (!seg.syn) trimToWindow(conn, seg);
  return true;
}

/**
 * The four cases of Table 6. With a zero window, a segment at its edge still has its ACK, URG and RST looked at (MUST-66).
 * Differs: an ACK without text may also lie at the right edge, which is where SND.NXT of a peer stands that has filled the window; Table 6
 * would refuse all its ACKs until what it lost has come again. Linux takes it too.
 */
function isAcceptable(tcb: Tcb, seg: Segment): boolean {
  const { rcvNxt, rcvWnd } = tcb;
  const length = seg.length;
  if (rcvWnd === 0) return seg.seq === rcvNxt;
  const first = seqDiff(seg.seq, rcvNxt);
  if (first >= 0 && first < rcvWnd) return true;
  if (length === 0) return first === rcvWnd && !seg.rst;
  const last = first + length - 1;
  return last >= 0 && last < rcvWnd;
}

function noteOldText(conn: Connection, seg: Segment): void {
  if (seg.textLength === 0 || !seqLt(seg.seq, conn.tcb.rcvNxt)) return;
  conn.receiver.onOldText(seg);
  conn.ack.onOldText();
}

/**
 * Leaves the part of the segment that begins at RCV.NXT or later and does not exceed the window. A RST stays as it is: its own
 * number must be the expected one (RFC 5961 §3.2).
 */
export function trimToWindow(conn: Connection, seg: Segment): void {
  if (seg.rst) return;
  const { tcb } = conn;
  const old = seqDiff(tcb.rcvNxt, seg.seq);
  if (old > 0) {
    noteOldText(conn, seg);
    seg.trimFront(old);
    conn.ack.now('old octets'); // the peer sends again what it has sent: our ACK may be lost
    conn.host.mark(conn);
  }
  const beyond = seqDiff(seg.end, seqAdd(tcb.rcvNxt, tcb.rcvWnd));
  if (beyond > 0) {
    seg.trimBack(beyond);
    conn.ack.now('beyond the window');
    conn.host.mark(conn);
  }
}

/** A SYN seen before, in SYN-RECEIVED: without an ACK the SYN,ACK was lost, so it goes out again. */
function takeRepeatedSyn(conn: Connection, seg: Segment): boolean {
  if (!seg.hasAck) {
    if (!isEcnSetup(seg)) conn.ecn = undefined; // RFC 3168 §6.1.1.1: neither end may mark then
    conn.sender.resendSyn();
    conn.host.mark(conn);
    return false;
  }
  if (!isEcnSetup(seg)) conn.ecn = undefined;
  seg.trimFront(1);
  trimToWindow(conn, seg);
  return true;
}

/** Second: RFC 5961 §3.2; outside the window it did not get here. */
function checkReset(tcp: Arrivals, conn: Connection, seg: Segment, now: Micros): boolean {
  if (!seg.rst) return true;
  const { tcb } = conn;
  if (seg.seq !== tcb.rcvNxt) {
    tcp.drop('tcp-bad-reset');
    tcp.challenge(conn, now);
    return false;
  }
  if (tcb.state === 'TIME-WAIT' && conn.host.context.config.tcp.timeWaitIgnoresReset) {
    tcp.drop('tcp-time-wait-reset');
    return false;
  }
  switch (tcb.state) {
    case 'SYN-RECEIVED':
      // A passive open goes back to LISTEN, which here is the listener: only the record ends.
      conn.fastOpen?.settled(true); // RFC 7413 §5.1
      conn.end(tcb.handshake?.passive !== true ? Errno.ECONNREFUSED : conn.wasEstablished ? Errno.ECONNRESET : 0);
      break;
    case 'CLOSE-WAIT':
      conn.end(Errno.EPIPE); // Linux tcp_reset: the reader has had its end of stream
      break;
    case 'CLOSING':
    case 'LAST-ACK':
    case 'TIME-WAIT':
      conn.end(0);
      break;
    default:
      conn.end(Errno.ECONNRESET);
  }
  return false;
}

/** Fourth. */
function checkSyn(tcp: Arrivals, conn: Connection, seg: Segment, now: Micros): boolean {
  if (!seg.syn) return true;
  tcp.drop('tcp-unexpected-syn');
  if (conn.state === 'SYN-RECEIVED' && conn.tcb.handshake?.passive === true && !conn.wasEstablished)
    conn.end(0); // back to LISTEN
  else tcp.challenge(conn, now); // RFC 5961 §4.2
  return false;
}

/** Fifth. False when the segment is not to be looked at further. */
function checkAck(tcp: Arrivals, conn: Connection, seg: Segment, packet: IpPacket, now: Micros): boolean {
  const { tcb } = conn;
  if (!seg.hasAck) {
    tcp.drop('tcp-no-ack');
    return false;
  }
  if (tcb.state === 'SYN-RECEIVED') return completeHandshake(tcp, conn, seg, packet, now);
  // RFC 5961 §5.2 (MAY-12), which includes an ACK of what was never sent.
  if (seqGt(seg.ack, tcb.sndNxt) || seqLt(seg.ack, seqAdd(tcb.sndUna, -tcb.maxSndWnd))) {
    tcp.drop('tcp-bad-ack');
    tcp.challenge(conn, now);
    return false;
  }
  const bad = seg.options.sackCount > 0 ? badSack(tcb, seg.options) : undefined;
  if (bad !== undefined) tcp.drop(bad);
  takeAck(conn, seg, now);
  return afterAck(conn, now);
}

/** Fifth, SYN-RECEIVED: an ACK of our SYN enters ESTABLISHED. */
function completeHandshake(tcp: Arrivals, conn: Connection, seg: Segment, packet: IpPacket, now: Micros): boolean {
  const { tcb } = conn;
  if (!seqLt(tcb.sndUna, seg.ack) || !seqLe(seg.ack, tcb.sndNxt)) {
    tcp.drop('tcp-bad-ack');
    tcp.reset(seg, packet, now);
    return false;
  }
  if (defersAccept(conn, seg, now)) {
    tcp.drop('tcp-accept-deferred');
    return false;
  }
  // The accept queue is full: the ACK is ignored, and completes the connection when it is repeated and there is room (as on Linux).
  if (conn.parent?.isFull === true) {
    tcp.drop(conn.parent.overflowed());
    if (!conn.host.context.config.tcp.abortOnOverflow) return false;
    tcp.reset(seg, packet, now);
    conn.end(0);
    return false;
  }
  conn.sender.onNewAck(seg.ack, seg.options, now);
  setWindow(conn.sender, seg.seq, seg.ack, seg.windowOf(tcb.sndWindShift));
  conn.established();
  // Text that waited since the SYN may have come again with this ACK.
  if (seg.textLength > 0 && seqLt(seg.seq, tcb.rcvNxt)) trimToWindow(conn, seg);
  if (!conn.closed || conn.unread === 0) return true;
  conn.abort(); // SHLD-3: nobody will read what came with the SYN
  return false;
}

/** Fifth, ESTABLISHED and the like: what the ACK frees, or repeats, and the window. */
function takeAck(conn: Connection, seg: Segment, now: Micros): void {
  const { tcb, sender } = conn;
  const window = seg.windowOf(tcb.sndWindShift);
  conn.softError = 0; // the path works: what an ICMP error said is over (as on Linux)
  conn.host.mark(conn);
  sender.feed.noteEcho(seg.ece && conn.ecn !== undefined);
  const advances = seqGt(seg.ack, tcb.sndUna);
  const couldSend = hasSendSpace(sender);
  if (advances) {
    sender.onNewAck(seg.ack, seg.options, now);
    conn.host.ip.confirm(conn.path, now);
  } else {
    sender.onOldAck(seg.ack, isDuplicateAck(conn, seg, window), seg.options, now);
  }
  if (!couldSend) conn.offerRoom();
  if (seqGe(seg.ack, tcb.sndUna)) {
    if (window === 0) onZeroWindow(sender, conn.timers);
    // Differs: RFC 9293 §3.10.7.4 goes by SND.WL1 even here. A retransmission has an old number and may have the newest ACK; its window
    // would be refused, and the old one, counted from the new SND.UNA, reach beyond what the peer has offered. As Linux does.
    if (advances) setWindow(sender, seg.seq, seg.ack, window);
    else updateWindow(sender, seg.seq, seg.ack, window);
    if (conn.ecn !== undefined) takeEcho(conn, conn.ecn, seg, now);
  }
  traceRecovery(conn, now);
}

/** What ECE says of the network. RFC 3168 §6.1.2. */
function takeEcho(conn: Connection, ecn: Ecn, seg: Segment, now: Micros): void {
  if (!ecn.onAck(conn.sender, seg.ece, now)) return;
  const { trace } = conn.host.context;
  if (!trace.enabled) return;
  const { local, remote, cwnd, ssthresh } = conn.info();
  trace.emit(now, 'tcp', 'congestion-experienced', { local, remote, cwnd, ssthresh });
}

/** CE and CWR of a segment that lies within the window. */
function takeMarks(conn: Connection, ecn: Ecn, seg: Segment, hasText: boolean): void {
  if (!ecn.onSegment(seg, hasText)) return;
  conn.ack.now('congestion notification');
  conn.host.mark(conn);
}

/** RFC 5681 §2, "duplicate acknowledgment": (a) to (e). With a zero window it is the answer to a probe, and tells of no loss. */
function isDuplicateAck(conn: Connection, seg: Segment, window: number): boolean {
  const { tcb } = conn;
  const repeats = seg.ack === tcb.sndUna && window === tcb.sndWnd && window > 0;
  return repeats && seg.length === 0 && tcb.sndUna !== tcb.sndNxt;
}

/** Fifth, the states in which our FIN may have been acknowledged. */
function afterAck(conn: Connection, now: Micros): boolean {
  if (!conn.sender.finAcked) return true;
  switch (conn.state) {
    case 'FIN-WAIT-1':
      conn.setState('FIN-WAIT-2');
      conn.notify();
      return true;
    case 'CLOSING':
      conn.enterTimeWait(now);
      return true;
    case 'LAST-ACK':
      conn.end(0);
      return false;
    default:
      return true;
  }
}

/** Sixth: the peer has urgent data. MUST-32. */
export function checkUrgent(conn: Connection, seg: Segment): void {
  if (!mayReceiveText(conn.state)) return;
  const { receiver } = conn;
  if (seg.urg && receiver.onUrgent(seqAdd(seg.seq, seg.up))) conn.notify(Wake.UrgentAhead);
  if (receiver.onUrgentText(seg)) conn.notify(Wake.Read);
}

/** Seventh: the text. */
export function takeText(conn: Connection, seg: Segment, now: Micros): void {
  if (seg.textLength === 0) return;
  if (!mayReceiveText(conn.state)) {
    conn.host.context.drops.drop('tcp-text-after-fin');
    return;
  }
  const { receiver, ack } = conn;
  conn.host.mark(conn);
  if (conn.refusesText) {
    conn.abortWith(Errno.ECONNRESET);
    return;
  }
  const length = seg.textLength;
  const arrival = receiver.onText(seg);
  const { textLength } = seg;
  receiver.window.measure(textLength, seg.options.tsEcr, conn.sender.rto.srtt, now);
  if (textLength < length || arrival === Arrival.NoMemory) conn.host.context.drops.drop('tcp-no-memory');
  switch (arrival) {
    case Arrival.InOrder:
      ack.onInOrder(textLength, seg.psh, now);
      break;
    case Arrival.NoMemory:
      if (receiver.window.starved) break;
      ack.onOutOfOrder(textLength);
      return;
    case Arrival.FillsGap:
      ack.onGapFilled();
      break;
    case Arrival.Refused:
      conn.host.context.drops.drop('tcp-out-of-order-full');
      ack.onOutOfOrder(textLength);
      return;
    default:
      ack.onOutOfOrder(textLength);
      return;
  }
  if (receiver.window.starved) ack.now('no memory');
  if (receiver.isWorthReading) conn.notify(Wake.Read);
}

/** Eighth: the FIN, once everything before it has come. */
export function checkFin(conn: Connection, seg: Segment, now: Micros): void {
  if (!mayReceiveText(conn.state)) return;
  if (seg.fin) {
    conn.receiver.onFin(seg);
    if (seqGt(seg.seq, conn.tcb.rcvNxt) && seg.textLength === 0) conn.ack.onOutOfOrder(1);
    conn.host.mark(conn);
  }
  if (!conn.receiver.takeFin()) return;
  conn.ack.now('FIN received');
  conn.host.mark(conn);
  switch (conn.state) {
    case 'ESTABLISHED':
      conn.setState('CLOSE-WAIT');
      break;
    case 'FIN-WAIT-1':
      // Were our FIN acknowledged, the fifth check would have entered FIN-WAIT-2.
      conn.setState('CLOSING');
      break;
    case 'FIN-WAIT-2':
      conn.enterTimeWait(now);
      return;
    default:
  }
  conn.notify();
}

/**
 * The ACK for a segment that is not acceptable. Text always draws one; what has none at most every 500 ms, or two ends that
 * disagree about a number would answer each other for ever.
 */
function answerInvalid(conn: Connection, seg: Segment, now: Micros, reason: SendReason): void {
  if (seg.textLength === 0 && !seg.fin) {
    if (conn.invalidAckAt !== undefined && now < after(conn.invalidAckAt, INVALID_ACK_INTERVAL)) {
      conn.host.context.drops.drop('tcp-answer-throttled');
      return;
    }
    conn.invalidAckAt = now;
  }
  conn.ack.now(reason);
  conn.host.mark(conn);
}
