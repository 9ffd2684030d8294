/**
 * SND.WND and what belongs to it: a part of the sending half. RFC 9293 §3.10.7.4, fifth.
 */
import type { Sender } from './sender.ts';
import { seqLe, seqLt } from './seq.ts';
import type { SeqNum } from './seq.ts';
import { Timer } from './timers.ts';
import type { Timers } from './timers.ts';

/** SND.WND <- SEG.WND and so on, when the segment is not older than the last that did so. */
export function updateWindow(sender: Sender, seq: SeqNum, ack: SeqNum, window: number): void {
  const { tcb } = sender;
  if (seqLt(tcb.sndWl1, seq) || (tcb.sndWl1 === seq && seqLe(tcb.sndWl2, ack))) setWindow(sender, seq, ack, window);
}

/** The same in any case, as for the first segment of the peer. */
export function setWindow(sender: Sender, seq: SeqNum, ack: SeqNum, window: number): void {
  const { tcb } = sender;
  tcb.sndWnd = window;
  tcb.sndWl1 = seq;
  tcb.sndWl2 = ack;
  if (window > 0 && sender.probes !== undefined) {
    sender.probes.owed = false;
    // A peer without room has thrown away what was outstanding, probes included.
    if (sender.probes.sent > 0) sender.recovery.resend('window opened again');
  }
  if (window > tcb.maxSndWnd) tcb.maxSndWnd = window;
}

/** The peer says that its window is still closed: it lives, so neither probes nor the user timeout count on (MUST-37). */
export function onZeroWindow(sender: Sender, timers: Timers): void {
  if (sender.probes !== undefined) sender.probes.unanswered = 0;
  timers.clear(Timer.User);
}
