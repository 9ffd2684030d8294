/**
 * ICMP black holes: a path drops what is too long and tells nobody, so that the same segments are lost again and again. RFC 2923 §2.1.
 * They are taken to be there when a segment has been sent R1 times without an answer; then segments become smaller, and mtu-prober.ts
 * looks for the size that gets through. RFC 4821 §7.7; Linux tcp_mtu_probing.
 */
import type { Micros } from '../core/time.ts';
import type { Connection } from './connection.ts';
import { MtuProber } from './mtu-prober.ts';
import { TIMESTAMPS_LENGTH } from './options.ts';
import { TCP_HEADER_MIN } from './wire.ts';

/** The peer's SYN is here: with config.tcp.mtuProbing 'always' segments begin small, and grow by probes. */
export function startProbing(conn: Connection): void {
  const { tcp } = conn.host.context.config;
  if (tcp.mtuProbing !== 'always') return;
  conn.sender.mtuProber = new MtuProber(textIn(conn, tcp.mtuProbeBase), tcp);
}

/**
 * A full-stop timeout: R1 or more retransmissions in a row. Segments become as small as is safe; when the next is lost too, half of that.
 * Nothing happens when all that is outstanding would fit one of those: then it is not their size that is wrong. Differs: RFC 4821 §7.7
 * goes down to an MTU of 68, Linux to an MSS of 48; here config.ip.minPathMtu is the least, since plain loss looks just the same, and
 * crumbs are no remedy for it.
 */
export function onFullStop(conn: Connection, now: Micros): void {
  const { sender, host } = conn;
  const { tcp, ip } = host.context.config;
  if (tcp.mtuProbing === 'off' || !sender.synAcked) return;
  const base = textIn(conn, tcp.mtuProbeBase);
  const floor = textIn(conn, ip.minPathMtu - conn.path.headerLength - TCP_HEADER_MIN);
  // Where segments of this size have got through since the last time, the first full stop is no reason for smaller ones.
  const known = sender.retries === tcp.retries1 && sender.mtuProber?.confirmed === true;
  const low = sender.smss > base ? base : known ? sender.smss : Math.max(floor, sender.smss >> 1);
  if (low >= sender.smss || sender.flightSize <= low) return;
  if (sender.mtuProber === undefined) sender.mtuProber = new MtuProber(low, tcp);
  else sender.mtuProber.fallBack(low);
  conn.refreshSegmentSize();
  const { trace } = host.context;
  if (!trace.enabled) return;
  const { local, remote, mss } = conn.info();
  trace.emit(now, 'tcp', 'black-hole', { local, remote, mss });
}

/** Octets of text in a segment of `mss`, which counts the options in. */
const textIn = (conn: Connection, mss: number): number =>
  Math.max(mss - (conn.tcb.timestampsOk ? TIMESTAMPS_LENGTH : 0), 1);
