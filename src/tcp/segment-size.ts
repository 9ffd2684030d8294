/**
 * Eff.snd.MSS: how much text a segment may carry. RFC 9293 §3.7.1 (MUST-16), RFC 6691.
 */
import type { Path } from '../ip/service.ts';
import { TIMESTAMPS_LENGTH } from './options.ts';
import type { Tcb } from './tcb.ts';
import { TCP_HEADER_MIN } from './wire.ts';

/**
 * Least MSS that a peer is believed to mean (octets): what fits the smallest MTU that there is, 68 (RFC 791 §3.2). With less, segments
 * would be mostly header, which serves attackers only. The path is always believed.
 */
export const MSS_FLOOR = 68 - 40;

/** Octets of TCP header that every segment of text has. */
const headerOf = (tcb: Tcb): number => TCP_HEADER_MIN + (tcb.timestampsOk ? TIMESTAMPS_LENGTH : 0);

/** Octets of text in a segment on the wire: min(SendMSS + 20, MMS_S) - TCP header; `bound` is TCP_MAXSEG, 0 for none. */
export function effectiveMss(tcb: Tcb, path: Path, bound: number): number {
  const sendMss = Math.max(bound === 0 ? tcb.sendMss : Math.min(tcb.sendMss, bound), MSS_FLOOR);
  const segment = Math.min(sendMss + TCP_HEADER_MIN, path.mtu - path.headerLength);
  return Math.max(segment - headerOf(tcb), 1); // less than 1 only on a path that is gone
}

/**
 * Octets of text that IP takes at once: whole segments of `mss`, several only where something further down cuts them. Whoever cuts
 * completes checksums too; without that, a path MTU below the link's would look like a link that cuts.
 */
export function largestPayload(tcb: Tcb, path: Path, mss: number): number {
  if (path.maxSegment <= path.mtu || !path.checksumOffload) return mss;
  const most = path.maxSegment - path.headerLength - headerOf(tcb);
  return Math.max(mss, most - (most % mss));
}

/**
 * Octets of text to hand to IP at once: `largest`, but no more than half a congestion window, so that the ACKs of one super-segment tell
 * of the loss of another (Linux tcp_cwnd_test does the same). Whole segments of `mss`.
 */
export function payloadWithin(largest: number, cwnd: number, mss: number): number {
  const half = cwnd / 2;
  return half >= largest ? largest : Math.max(half - (half % mss), mss);
}

/**
 * Of the `most` octets that may go at once, those in segments that are all sent again, or all new; `old` octets have been sent before.
 * Only the segment that holds the end of those may be both.
 */
export function ofOneKind(most: number, old: number, mss: number): number {
  return old <= 0 || old >= most ? most : Math.min(most, old + mss - 1 - ((old + mss - 1) % mss));
}
