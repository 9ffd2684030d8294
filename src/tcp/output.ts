/**
 * Sending: asks a connection what may go out, builds segments back to front in pooled frames and hands them to IP.
 *
 * A segment may be as large as the path takes (a super-segment, cut further down); its checksum is left partial where the link
 * completes it. Resets that belong to no connection wait here for the next poll, so that nothing leaves during input (MUST-59).
 */
import { finishChecksum, foldSum } from '../core/checksum.ts';
import type { Context } from '../core/context.ts';
import { Checksum } from '../core/frame.ts';
import type { Frame } from '../core/frame.ts';
import type { Micros } from '../core/time.ts';
import { EcnField } from '../ip/ipv4-wire.ts';
import { IpProtocol } from '../ip/service.ts';
import type { IpPacket, IpService, OutputOptions, Path } from '../ip/service.ts';
import type { Connection } from './connection.ts';
import type { FastOpen } from './fast-open.ts';
import type { Ecn } from './ecn.ts';
import { settleTimers } from './on-timeout.ts';
import {
  MAX_OPTIONS_LENGTH,
  MAX_SACK_BLOCKS,
  MAX_WINDOW_SHIFT,
  emitOptions,
  noOptions,
  optionsLength,
  sackBlocksThatFit,
} from './options.ts';
import type { SegmentOptions } from './options.ts';
import { hasSendSpace } from './readiness.ts';
import { MAX_UNSCALED_WINDOW } from './receive-window.ts';
import type { Segment } from './segment.ts';
import { nothingChosen } from './chosen.ts';
import type { Chosen } from './chosen.ts';
import type { SendReason } from './send-reason.ts';
import { seqAdd, seqDiff, seqGe, seqGt } from './seq.ts';
import type { SeqNum } from './seq.ts';
import { Wake } from './service.ts';
import { timestampNow } from './timestamps.ts';
import { TurnShare } from './turn-share.ts';
import { TCP_HEADER_MIN, TcpFlag, emitHeader, setChecksum } from './wire.ts';
import type { TcpHeader } from './wire.ts';

/** Segments of text that one connection sends in one turn at most before others get theirs; the rest follows at the next. */
const BURST_SEGMENTS = 64;
/** Resets, and SYN,ACKs with cookies, that wait for the next poll at most. */
const MAX_RESETS = 256;
const MAX_COOKIES = 1024;

/** A segment that belongs to no connection. */
interface Answer {
  readonly frame: Frame;
  readonly path: Path;
  readonly ttl: number;
  readonly tos: number;
}

/** The SYN,ACK that answers a SYN of which no record is made. */
export interface CookieAnswer {
  readonly iss: SeqNum;
  /** Octets, unscaled. */
  readonly window: number;
  readonly ttl: number;
  readonly tos: number;
  /** ECN is agreed. RFC 3168 §6.1.1. */
  readonly ecn: boolean;
  readonly options: SegmentOptions;
}

/** The smallest shift with which a window over the whole buffer can be told. RFC 7323 §2.2. */
export function windowShiftFor(buffer: number): number {
  let shift = 0;
  while (shift < MAX_WINDOW_SHIFT && buffer > MAX_UNSCALED_WINDOW * (1 << shift)) shift++;
  return shift;
}

export class Output {
  /** What all connections may send in this turn. */
  readonly share = new TurnShare();
  readonly #context: Context;
  readonly #ip: IpService;
  // Reused for every segment.
  readonly #chosen = nothingChosen();
  readonly #options: SegmentOptions = noOptions();
  readonly #header: TcpHeader = {
    sourcePort: 0,
    destinationPort: 0,
    seq: 0,
    ack: 0,
    headerLength: 0,
    flags: 0,
    window: 0,
    urgentPointer: 0,
  };
  readonly #ipOptions: OutputOptions = { protocol: IpProtocol.Tcp, ttl: 64, tos: 0, dontFragment: true };
  #resets: Answer[] = [];
  #cookies: Answer[] = [];

  constructor(context: Context, ip: IpService) {
    this.#context = context;
    this.#ip = ip;
  }

  /** Whether `flushAnswers` has something to send. */
  get answersWait(): boolean {
    return this.#resets.length > 0 || this.#cookies.length > 0;
  }

  /** Sends what the connection, which has waited for its turn since `since`, may send now. Returns true when it has more than its share. */
  transmit(conn: Connection, since: Micros, now: Micros): boolean {
    if (conn.resetOwed) this.#sendAbort(conn, now);
    if (conn.state === 'CLOSED') return false;
    const { sender } = conn;
    const couldSend = sender.cork?.isBounded !== true || hasSendSpace(sender);
    conn.refreshSegmentSize();
    const chosen = this.#chosen;
    let segments = BURST_SEGMENTS;
    let isMore = false;
    while (sender.next(chosen, since, now)) {
      isMore = segments <= 0 || this.share.isSpent;
      if (isMore) break;
      segments--;
      this.share.spend(chosen.length);
      const error = this.#sendChosen(conn, now);
      sender.sent(chosen, now);
      if (error < 0 && conn.state === 'SYN-SENT') {
        conn.end(-error);
        return false;
      }
    }
    this.#sendAcks(conn, now);
    settleTimers(conn, now);
    if (!couldSend && hasSendSpace(sender)) conn.notify(Wake.Write);
    return isMore;
  }

  /** Queues the RST that RFC 9293 §3.10.7.1 describes for a segment that nothing here explains. */
  queueReset(seg: Segment, packet: IpPacket): void {
    const path = this.#ip.route(packet.source, packet.destination);
    if (typeof path === 'number' || this.#resets.length >= MAX_RESETS) {
      this.#context.drops.drop('tcp-reset-not-sent');
      return;
    }
    const header = this.#header;
    header.sourcePort = seg.destinationPort;
    header.destinationPort = seg.sourcePort;
    header.window = 0;
    header.urgentPointer = 0;
    if (seg.hasAck) {
      header.seq = seg.ack; // <SEQ=SEG.ACK><CTL=RST>
      header.ack = 0;
      header.flags = TcpFlag.Rst;
    } else {
      header.seq = 0; // <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>
      header.ack = seg.end;
      header.flags = TcpFlag.Rst | TcpFlag.Ack;
    }
    const options = this.#options;
    this.#clearOptions();
    if (seg.options.timestamps) {
      // RFC 7323 §5.2: TSval zero, TSecr the TSval that came.
      options.timestamps = true;
      options.tsVal = 0;
      options.tsEcr = seg.options.tsVal;
    }
    const frame = this.#context.frames.acquire(0);
    this.#complete(frame, path, options, 'reset: no connection');
    this.#resets.push({ frame, path, ttl: this.#context.config.ip.defaultTtl, tos: 0 });
  }

  /** Queues <SEQ=cookie><ACK=SEG.SEQ+1><CTL=SYN,ACK>. False when too many wait already. RFC 4987 §3.6. */
  queueCookie(seg: Segment, path: Path, answer: CookieAnswer): boolean {
    if (this.#cookies.length >= MAX_COOKIES) return false;
    const header = this.#header;
    header.sourcePort = seg.destinationPort;
    header.destinationPort = seg.sourcePort;
    header.seq = answer.iss;
    header.ack = seqAdd(seg.seq, 1);
    header.flags = TcpFlag.Syn | TcpFlag.Ack | (answer.ecn ? TcpFlag.Ece : 0);
    header.window = answer.window;
    header.urgentPointer = 0;
    const frame = this.#context.frames.acquire(0);
    this.#complete(frame, path, answer.options, 'SYN received: cookie');
    this.#cookies.push({ frame, path, ttl: answer.ttl, tos: answer.tos });
    return true;
  }

  /** Sends what waits and belongs to no connection. */
  flushAnswers(now: Micros): void {
    if (!this.answersWait) return;
    const answers = [...this.#resets, ...this.#cookies];
    this.#resets = [];
    this.#cookies = [];
    const options = this.#ipOptions;
    for (const { frame, path, ttl, tos } of answers) {
      options.ttl = ttl;
      options.tos = tos;
      this.#ip.output(path, frame, options, now);
    }
  }

  /** ABORT's RST: <SEQ=SND.NXT><CTL=RST>. RFC 9293 §3.10.5; with Timestamps where they are in use, RFC 7323 §5.2. */
  #sendAbort(conn: Connection, now: Micros): void {
    conn.resetOwed = false;
    this.#prepare(conn, now);
    this.#header.seq = emptySeq(conn);
    this.#header.ack = 0;
    this.#header.flags = TcpFlag.Rst;
    this.#header.window = 0;
    this.#options.tsEcr = 0; // no ACK, no echo: RFC 7323 §3.2
    this.#send(conn, this.#context.frames.acquire(0), 'reset: abort', now);
  }

  /** The segment that the sender chose; acknowledges along the way whenever there is something to acknowledge. */
  #sendChosen(conn: Connection, now: Micros): number {
    const { tcb, sender } = conn;
    const chosen = this.#chosen;
    const frame = this.#context.frames.acquire(chosen.length);
    if (chosen.length > 0) {
      sender.ring.peek(chosen.syn ? 0 : seqDiff(chosen.seq, sender.ringSeq), frame.bytes, frame.start, chosen.length);
      frame.end = frame.start + chosen.length;
      if (chosen.length > sender.smss && !chosen.mtuProbe && !chosen.syn) frame.gsoSize = sender.smss;
    }
    this.#prepare(conn, now);
    const header = this.#header;
    header.seq = chosen.seq;
    header.flags = (chosen.fin ? TcpFlag.Fin : 0) | (chosen.psh ? TcpFlag.Psh : 0);
    let mark: number = EcnField.NotEct;
    if (chosen.syn) {
      this.#prepareSyn(conn);
    } else {
      header.flags |= TcpFlag.Ack;
      if (conn.ecn !== undefined) mark = this.#addEcn(conn, conn.ecn, chosen);
      // Differs: RFC 2018 §4 wants blocks in every ACK that could have some; text does not give way to them, pure ACKs carry them.
      const room = sender.smss - chosen.length;
      const used = conn.userTimeoutOption?.add(this.#options, false, room) ?? 0;
      if (tcb.sackOk) this.#addSack(conn, room - used, 0);
      if (chosen.length > 0 && seqGt(tcb.sndUp, chosen.seq)) {
        header.flags |= TcpFlag.Urg;
        header.urgentPointer = Math.min(seqDiff(tcb.sndUp, chosen.seq), 0xffff); // MUST-62; MUST-31: any length
      }
    }
    const error = this.#send(conn, frame, chosen.reason, now, mark);
    if (tcb.state !== 'SYN-SENT') this.#acknowledged(conn, chosen.length > 0);
    return error;
  }

  /** The pure ACKs that are due, after all text has had its chance to carry them. MUST-58. */
  #sendAcks(conn: Connection, now: Micros): void {
    const { ack, state } = conn;
    if (state === 'SYN-SENT') return;
    for (; ack.duplicates > 0; ack.duplicates--) this.#sendAck(conn, 'duplicate ACK', now, 0, ack.duplicates - 1);
    if (ack.owed !== undefined) this.#sendAck(conn, ack.owed, now);
    else if (conn.receiver.window.updateDue && mayOpenWindow(conn)) this.#sendAck(conn, 'window update', now);
    for (let left = conn.receiver.duplicatesToReport; left > 0; left--) this.#sendAck(conn, 'D-SACK', now);
    if (conn.keepalive?.owed === true) {
      conn.keepalive.owed = false;
      this.#sendAck(conn, 'keep-alive probe', now, -1);
    }
  }

  /** <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>; one before SND.NXT for a keep-alive (RFC 9293 §3.8.4, SHLD-12). `later`: ACKs to follow. */
  #sendAck(conn: Connection, reason: SendReason, now: Micros, shift = 0, later = 0): void {
    this.#prepare(conn, now);
    conn.userTimeoutOption?.add(this.#options, false, Infinity);
    if (conn.tcb.sackOk) this.#addSack(conn, Infinity, later);
    this.#header.seq = seqAdd(emptySeq(conn), shift);
    this.#header.flags = TcpFlag.Ack | (conn.ecn === undefined ? 0 : conn.ecn.flagsFor(false));
    this.#send(conn, this.#context.frames.acquire(0), reason, now);
    this.#acknowledged(conn, false);
  }

  /** SACK blocks, as many as fit into `room` octets. */
  #addSack(conn: Connection, room: number, later: number): void {
    const { receiver, tcb } = conn;
    if (tcb.state === 'SYN-RECEIVED' || (!receiver.hasGap && receiver.duplicatesToReport === 0)) return;
    const options = this.#options;
    const blocks = sackBlocksThatFit(options, MAX_SACK_BLOCKS, room + optionsLength(options));
    if (blocks > 0) receiver.writeSack(options, blocks, later);
  }

  /** ECE, and CWR with the first new text; returns the ECN field, which marks new text only. RFC 3168 §6.1.2 to §6.1.6. */
  #addEcn(conn: Connection, ecn: Ecn, chosen: Chosen): number {
    const newText = chosen.length > 0 && conn.sender.probes?.owed !== true && seqGe(chosen.seq, conn.tcb.sndNxt);
    ecn.noteReduction(conn.sender);
    this.#header.flags |= ecn.flagsFor(newText);
    return newText && ecn.marks ? EcnField.Ect0 : EcnField.NotEct;
  }

  #acknowledged(conn: Connection, withText: boolean): void {
    conn.tcb.lastAckSent = conn.tcb.rcvNxt;
    conn.ack.onSent(withText);
  }

  /** The parts of the header that every segment of a connection has in common. */
  #prepare(conn: Connection, now: Micros): void {
    const { tcb } = conn;
    const header = this.#header;
    header.sourcePort = tcb.localPort;
    header.destinationPort = tcb.remotePort;
    header.ack = tcb.rcvNxt;
    header.urgentPointer = 0;
    this.#clearOptions();
    const open = tcb.state !== 'SYN-SENT' && tcb.state !== 'SYN-RECEIVED';
    header.window = (open ? conn.receiver.window.offer() : tcb.rcvWnd) >>> tcb.rcvWindShift;
    const wanted = tcb.state === 'SYN-SENT' && this.#context.config.tcp.timestamps;
    if (tcb.timestampsOk || wanted) {
      this.#options.timestamps = true;
      this.#options.tsVal = timestampNow(tcb, now);
      this.#options.tsEcr = tcb.timestampsOk ? tcb.tsRecent : 0; // no ACK, no echo: RFC 7323 §3.2
    }
  }

  /** SYN, or SYN,ACK: the options that are negotiated. RFC 9293 §3.7.1, RFC 7323 §2.2, §3.2. */
  #prepareSyn(conn: Connection): void {
    const { tcb } = conn;
    const options = this.#options;
    const initiating = tcb.state === 'SYN-SENT';
    this.#header.flags |= initiating ? TcpFlag.Syn : TcpFlag.Syn | TcpFlag.Ack;
    if (initiating) this.#header.ack = 0;
    if (conn.ecn !== undefined) this.#header.flags |= conn.ecn.synFlags(initiating, conn.sender.timeouts > 0);
    this.#header.window = Math.min(tcb.rcvWnd, MAX_UNSCALED_WINDOW); // never scaled: RFC 7323 §2.2
    options.mss = tcb.rmss; // MUST-14, MUST-65
    options.sackPermitted = initiating ? this.#context.config.tcp.sack : tcb.sackOk; // RFC 2018 §2
    if (tcb.handshake?.offersScaling === true) options.windowScale = tcb.rcvWindShift;
    if (conn.fastOpen !== undefined && conn.sender.timeouts === 0) addCookie(options, conn.fastOpen);
    conn.userTimeoutOption?.add(options, true, Infinity);
  }

  #clearOptions(): void {
    const options = this.#options;
    options.mss = -1;
    options.windowScale = -1;
    options.sackPermitted = false;
    options.timestamps = false;
    options.sackCount = 0;
    options.fastOpen = -1;
    options.userTimeout = -1;
  }

  /** Header in front of the text, and off to IP. Returns what IP says. */
  #send(conn: Connection, frame: Frame, reason: SendReason, now: Micros, mark: number = EcnField.NotEct): number {
    this.#complete(frame, conn.path, this.#options, reason);
    conn.segmentsSent++;
    const options = this.#ipOptions;
    options.ttl = conn.options.ttl;
    options.tos = (conn.options.tos & ~EcnField.Mask) | mark;
    return this.#ip.output(conn.path, frame, options, now);
  }

  #complete(frame: Frame, path: Path, options: SegmentOptions, reason: SendReason): void {
    frame.reason = reason;
    const header = this.#header;
    header.headerLength = TCP_HEADER_MIN + optionsLength(options);
    const at = frame.prepend(header.headerLength);
    const { bytes } = frame;
    emitHeader(bytes, at, header);
    emitOptions(bytes, at + TCP_HEADER_MIN, options);
    frame.transport = at;
    const pseudo = path.pseudoHeaderSum(IpProtocol.Tcp) + frame.length;
    if (path.checksumOffload) {
      frame.checksum = Checksum.Partial;
      setChecksum(bytes, at, foldSum(pseudo));
    } else {
      frame.checksum = Checksum.Full;
      setChecksum(bytes, at, finishChecksum(frame.sum(at, frame.length, pseudo))); // MUST-2
    }
  }
}

/**
 * SEQ of a segment without text: SND.NXT. Differs: no further than the window reaches. A probe of a closed window moves SND.NXT beyond it,
 * and a peer that has not taken the probe's octet would refuse every ACK after it (Linux tcp_acceptable_seq does the same).
 */
function emptySeq(conn: Connection): SeqNum {
  const { sndUna, sndNxt, sndWnd } = conn.tcb;
  const edge = seqAdd(sndUna, sndWnd);
  return conn.sender.synAcked && seqGt(sndNxt, edge) ? edge : sndNxt;
}

/** Window updates go to a peer that may still send. */
const mayOpenWindow = (conn: Connection): boolean =>
  conn.state === 'ESTABLISHED' || conn.state === 'FIN-WAIT-1' || conn.state === 'FIN-WAIT-2';

/** The Fast Open option where there is something to say and room for it: else a plain handshake. RFC 7413 §4.2.2, 1.a. */
function addCookie(options: SegmentOptions, { cookieLength, cookie }: FastOpen): void {
  options.fastOpen = cookieLength;
  if (cookieLength > 0) options.fastOpenCookie.set(cookie);
  if (optionsLength(options) > MAX_OPTIONS_LENGTH) options.fastOpen = -1;
}
