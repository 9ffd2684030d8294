/**
 * SEGMENT ARRIVES in CLOSED: there is no connection. RFC 9293 §3.10.7.1, §3.5.2.
 */
import type { IpPacket } from '../ip/service.ts';
import type { Arrivals } from './arrivals.ts';
import type { Segment } from './segment.ts';
import type { Micros } from '../core/time.ts';

/** A RST is thrown away; anything else draws one that its sender accepts. */
export function arrivesClosed(tcp: Arrivals, seg: Segment, packet: IpPacket, now: Micros): void {
  tcp.drop('tcp-no-connection');
  if (!seg.rst) tcp.reset(seg, packet, now);
}
