/**
 * What the event processing (arrives-*) needs of the TCP around it: sending a RST, counting a drop, throttles, sequence numbers.
 */
import type { DropReason } from '../core/drop.ts';
import type { Micros } from '../core/time.ts';
import type { IpPacket, Path } from '../ip/service.ts';
import type { Connection } from './connection.ts';
import type { FastOpenKeys } from './fast-open-server.ts';
import type { FourTuple } from './isn.ts';
import type { CookieAnswer } from './output.ts';
import type { Segment } from './segment.ts';
import type { SeqNum } from './seq.ts';
import type { SynCookies } from './syn-cookies.ts';
import type { Tcb } from './tcb.ts';

export interface Arrivals {
  /** Counts the segment at hand as dropped. */
  drop(reason: DropReason): void;
  /** Queues the RST that answers a segment (RFC 9293 §3.10.7.1), within the limit on resets. Never called for a RST. */
  reset(seg: Segment, packet: IpPacket, now: Micros): void;
  /** An ACK that challenges the peer, within the limit on those. RFC 5961 §7. */
  challenge(conn: Connection, now: Micros): void;
  /** ISS for a connection that begins now. */
  newIss(tcb: Tcb, now: Micros): SeqNum;
  newTimestampOffset(tuple: FourTuple): number;
  readonly cookies: SynCookies;
  readonly fastOpenKeys: FastOpenKeys;
  /** Queues a SYN,ACK with a cookie; false when too many wait already. */
  sendCookie(seg: Segment, path: Path, answer: CookieAnswer): boolean;
}
