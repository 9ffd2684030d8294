/**
 * What a SYN settles: the MSS, window scaling, timestamps, SACK and ECN. RFC 9293 §3.7.1, RFC 7323 §2.2, §3.2, RFC 2018 §2, RFC 3168
 * §6.1.1.
 */
import type { TcpConfig } from '../core/config.ts';
import { NEVER } from '../core/time.ts';
import type { Micros } from '../core/time.ts';
import type { Path } from '../ip/service.ts';
import { startProbing } from './black-hole.ts';
import type { Connection } from './connection.ts';
import { Ecn, negotiateEcn } from './ecn.ts';
import { MAX_WINDOW_SHIFT } from './options.ts';
import { windowShiftFor } from './output.ts';
import { MAX_UNSCALED_WINDOW } from './receive-window.ts';
import type { Segment } from './segment.ts';
import { seqNum } from './seq.ts';
import type { TcpOptions } from './service.ts';
import { DEFAULT_MSS } from './tcb.ts';
import { noteUserTimeout } from './user-timeout.ts';
import { TCP_HEADER_MIN } from './wire.ts';

/**
 * The MSS that our SYN offers: the first link's, path MTU discovery or not (MUST-67, SHLD-6; RFC 1191 §6.4), or what TCP_MAXSEG asks for.
 * IP options do not count: it is for who sends them to send less text. RFC 6691 §2.
 */
export function offeredMss(path: Path, options: Readonly<TcpOptions>): number {
  const pathMss = path.interfaceMtu - (path.headerLength - options.ipOptions.length) - TCP_HEADER_MIN;
  return options.maxSegment === 0 ? pathMss : Math.min(pathMss, options.maxSegment);
}

/** The record `conn` is new, and takes what the peer's `syn` settles; what is ours to offer goes into the SYN,ACK. */
export function takePassively(conn: Connection, syn: Segment, tsOffset: number, now: Micros): void {
  const { tcb } = conn;
  const { tcp: config } = conn.host.context.config;
  conn.setState('LISTEN');
  tcb.handshake!.passive = true;
  tcb.tsOffset = tsOffset;
  prepareOffer(conn, config);
  takeSyn(conn, syn, config, now);
}

/** The window that our SYN offers (octets); it is never scaled (RFC 7323 §2.2). */
export const offeredWindow = (options: Readonly<TcpOptions>): number =>
  Math.min(greatestWindow(options), MAX_UNSCALED_WINDOW);

/** The shift that our SYN offers: what the greatest window needs, TCP_WINDOW_CLAMP included. Linux tcp_select_initial_window. */
export const offeredShift = (options: Readonly<TcpOptions>): number => windowShiftFor(greatestWindow(options));

const greatestWindow = ({ receiveBuffer, windowClamp }: Readonly<TcpOptions>): number =>
  windowClamp === 0 ? receiveBuffer : Math.min(receiveBuffer, windowClamp);

/** Sets what our SYN will offer: an MSS, a first window, a shift. */
export function prepareOffer(conn: Connection, config: TcpConfig): void {
  const { tcb, path, options } = conn;
  tcb.rmss = offeredMss(path, options);
  tcb.rcvWnd = offeredWindow(options);
  const handshake = tcb.handshake!;
  handshake.offersScaling = config.windowScaling;
  if (config.ecn === 'active' && !handshake.passive) conn.ecn = new Ecn();
  tcb.rcvWindShift = config.windowScaling ? offeredShift(options) : 0;
}

/** Takes IRS and the options of the peer's SYN. The window of a SYN is never scaled (RFC 7323 §2.2). */
export function takeSyn(conn: Connection, seg: Segment, config: TcpConfig, now: Micros): void {
  const { tcb } = conn;
  const { mss, windowScale, timestamps, tsVal, sackPermitted } = seg.options;
  conn.receiver.start(seg.seq);
  tcb.lastAckSent = tcb.rcvNxt;
  tcb.sendMss = mss > 0 ? mss : DEFAULT_MSS; // MUST-15
  const handshake = tcb.handshake!;
  if (windowScale < 0) handshake.offersScaling = false;
  if (handshake.offersScaling) {
    tcb.sndWindShift = Math.min(windowScale, MAX_WINDOW_SHIFT);
  } else {
    tcb.sndWindShift = 0;
    tcb.rcvWindShift = 0;
  }
  noteUserTimeout(conn, seg);
  conn.ecn = negotiateEcn(conn.ecn, seg, config.ecn, handshake.passive);
  tcb.sackOk = sackPermitted && config.sack;
  tcb.timestampsOk = timestamps && config.timestamps;
  tcb.tsRecent = seqNum(timestamps ? tsVal : 0);
  tcb.tsRecentAt = timestamps ? now : NEVER;
  startProbing(conn);
}
