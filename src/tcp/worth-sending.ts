/**
 * Which small segments are worth sending: Nagle's algorithm and the sender's avoidance of silly windows. RFC 9293 §3.7.4, §3.8.6.2.1.
 */
import type { Cork } from './cork.ts';
import type { SendState } from './recovery/recovery.ts';
import { seqGe, seqGt, seqLt } from './seq.ts';
import type { SeqNum } from './seq.ts';

/** Fs: the fraction of the largest window seen that is worth a small segment. RFC 9293 §3.8.6.2.1. */
const WORTHWHILE_WINDOW = 1 / 2;
/** Segments of a window that may run dry while a delayed ACK is waited for. */
const SMALL_WINDOW = 20;

/** What the choice depends on, besides; the sender has it. */
export interface SmallSegmentState extends SendState {
  readonly noDelay: boolean;
  readonly finQueued: boolean;
  /** The SWS override timer has expired. */
  readonly overridden: boolean;
  /** One past the last small segment that was sent. */
  readonly smallEnd: SeqNum;
  readonly recovery: { readonly probing: boolean };
  readonly cork: Cork | undefined;
}

/**
 * Of `length` octets from `start` that fit, how many to send: whole segments always; a smaller one when Nagle's algorithm and SWS
 * avoidance allow it. RFC 9293 §3.8.6.2.1, rules (1) to (4); `textLeft` is D, `usable` is U.
 */
export function worthSending(
  sender: SmallSegmentState,
  length: number,
  textLeft: number,
  usable: number,
  congestion: number,
  start: SeqNum,
): number {
  const { tcb, smss } = sender;
  const urgent = seqGt(tcb.sndUp, start);
  const limited = urgent ? Math.min(length, smss) : length; // a cut segment would carry a wrong urgent pointer
  if (limited <= 0) return 0;
  const tail = limited % smss;
  if (tail === 0) return limited; // (1)
  if (limited === textLeft) return smallMayGo(sender, start, urgent) ? limited : limited - tail; // (2)
  if (limited > tail) return limited - tail;
  // Less than a segment fits.
  if (congestion < usable) return start === tcb.sndUna ? limited : 0; // cwnd bounds it: the ACKs under way will open it
  if (seqLt(start, tcb.sndNxt)) return limited; // SHLD-16: old octets within a shrunken window
  if (limited >= WORTHWHILE_WINDOW * tcb.maxSndWnd) return limited; // (3)
  return sender.overridden ? limited : 0; // (4)
}

/**
 * Corks, and Nagle's algorithm: no second small segment while one is unacknowledged. Differs: RFC 9293 §3.7.4 holds a small segment back
 * while anything is unacknowledged; this is Minshall's variant, as in Linux, which does not stall behind full-sized segments.
 */
function smallMayGo(sender: SmallSegmentState, start: SeqNum, urgent: boolean): boolean {
  if (sender.recovery.probing || sender.finQueued || urgent || seqLt(start, sender.tcb.sndNxt)) return true;
  if (sender.cork?.holds(start) === true) return sender.overridden;
  return sender.noDelay || seqGe(sender.tcb.sndUna, sender.smallEnd);
}

/**
 * Whether no more can follow `length` octets until they are acknowledged, while so little is under way that a delayed ACK would be missed:
 * `room` octets may be sent beside the `used` ones. Then they say PSH, on which Linux receivers acknowledge at once (ack-policy.ts). RFC
 * 9293 §3.9.1.2 wants it on the last that is buffered, MUST-61, and forbids it nowhere. Worth a tenth of the goodput at 2 ms and 3 % loss.
 */
export const fillsWindow = (length: number, room: number, used: number, smss: number): boolean =>
  room - length < smss && used + room < SMALL_WINDOW * smss;
