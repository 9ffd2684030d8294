/**
 * A listener under pressure: a SYN is answered with a cookie instead of a record, and the ACK that brings the cookie back makes the
 * connection that the SYN asked for. RFC 4987 §3.6; syn-cookies.ts has the cookie.
 *
 * The SYN,ACK is sent once: when it is lost the peer's next SYN draws another. Text that the SYN carried is sent again by the peer.
 */
import type { Micros } from '../core/time.ts';
import { EcnField } from '../ip/ipv4-wire.ts';
import type { IpPacket } from '../ip/service.ts';
import type { Arrivals } from './arrivals.ts';
import { arrivesOther } from './arrives-other.ts';
import { isEcnSetup } from './ecn.ts';
import { offeredMss, offeredShift, offeredWindow, takePassively } from './handshake.ts';
import type { Listener } from './listener.ts';
import { noOptions } from './options.ts';
import { Segment } from './segment.ts';
import { seqAdd } from './seq.ts';
import { cookieClock, cookieHasEcn, readCookieClock } from './syn-cookies.ts';
import { timestampClock } from './timestamps.ts';

/** Answers a SYN without keeping anything of it. What the cookie cannot tell again is not offered: see syn-cookies.ts. */
export function sendCookie(tcp: Arrivals, listener: Listener, seg: Segment, packet: IpPacket, now: Micros): void {
  const path = listener.route(packet);
  if (path === undefined) {
    tcp.drop('tcp-cookie-not-sent');
    return;
  }
  const config = listener.config;
  const { ttl, tos } = listener.options;
  const options = noOptions();
  let ecn = false;
  options.mss = offeredMss(path, listener.options); // MUST-14
  if (seg.options.timestamps && config.timestamps) {
    options.timestamps = true;
    options.sackPermitted = seg.options.sackPermitted && config.sack;
    if (seg.options.windowScale >= 0 && config.windowScaling) options.windowScale = offeredShift(listener.options);
    const offered = { ...seg.options, sackPermitted: options.sackPermitted };
    ecn = config.ecn !== 'off' && isEcnSetup(seg) && seg.ecn === EcnField.NotEct;
    options.tsVal = cookieClock(timestampClock(now), offered, ecn) + tcp.newTimestampOffset(tupleOf(seg, packet));
    options.tsEcr = seg.options.tsVal;
  }
  const iss = tcp.cookies.make(seg, packet, now);
  const answer = { iss, window: offeredWindow(listener.options), ttl, tos, ecn, options };
  if (tcp.sendCookie(seg, path, answer)) listener.sentCookie(now);
  else tcp.drop('tcp-cookie-not-sent');
}

/** An ACK for the listener: when it brings a good cookie it completes a handshake. False when it is nothing of the kind. */
export function takeCookie(tcp: Arrivals, listener: Listener, seg: Segment, packet: IpPacket, now: Micros): boolean {
  if (seg.syn || !listener.expectsCookies(now)) return false;
  const mss = tcp.cookies.check(seg, packet, now);
  if (mss === undefined) {
    listener.counters.cookiesInvalid++;
    tcp.drop('tcp-cookie-invalid');
    tcp.reset(seg, packet, now);
    return true;
  }
  const conn = listener.isFull ? listener.overflowed() : listener.admit(seg, packet);
  if (typeof conn === 'string') {
    tcp.drop(conn);
    return true;
  }
  listener.counters.cookiesAccepted++;
  const tsOffset = tcp.newTimestampOffset(conn.tcb);
  takePassively(conn, synOf(seg, mss, tsOffset), tsOffset, now);
  conn.begin('SYN-RECEIVED', seqAdd(seg.ack, -1), true);
  conn.segmentsReceived++;
  arrivesOther(tcp, conn, seg, packet, now);
  return true;
}

/** The SYN as far as the ACK with its cookie tells it. */
function synOf(seg: Segment, mss: number, tsOffset: number): Segment {
  const syn = new Segment();
  syn.seq = seqAdd(seg.seq, -1);
  syn.syn = true;
  Object.assign(syn.options, seg.options);
  syn.options.mss = mss;
  const clock = seg.options.tsEcr - tsOffset;
  readCookieClock(clock, syn.options);
  syn.ece = syn.cwr = seg.options.timestamps && cookieHasEcn(clock);
  return syn;
}

const tupleOf = (seg: Segment, packet: IpPacket): Parameters<Arrivals['newTimestampOffset']>[0] => ({
  localAddress: packet.destination,
  localPort: seg.destinationPort,
  remoteAddress: packet.source,
  remotePort: seg.sourcePort,
});
