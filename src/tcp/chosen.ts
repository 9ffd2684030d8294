/**
 * What the sender chooses to send next, and output.ts makes a segment of.
 */
import { textOfSyn } from './fast-open.ts';
import type { SynSender } from './fast-open.ts';
import type { SendReason } from './send-reason.ts';
import { seqNum } from './seq.ts';
import type { SeqNum } from './seq.ts';
import type { Tcb } from './tcb.ts';

/** What `next` names: `length` octets of text from `seq`, and the control bits with them. One record is reused. */
export interface Chosen {
  seq: SeqNum;
  length: number;
  syn: boolean;
  fin: boolean;
  psh: boolean;
  /** One segment larger than the others, which is not to be cut: it tells what the path carries. RFC 4821 §7.5. */
  mtuProbe: boolean;
  /** Recovery wants it sent again. */
  repair: boolean;
  reason: SendReason;
}

export const nothingChosen = (): Chosen => ({
  seq: seqNum(0),
  length: 0,
  syn: false,
  fin: false,
  psh: false,
  mtuProbe: false,
  repair: false,
  reason: 'new data',
});

/** Names `length` octets of text from `seq`, without control bits. */
export function choose(out: Chosen, seq: SeqNum, length: number): void {
  out.seq = seq;
  out.length = length;
  out.syn = false;
  out.fin = false;
  out.psh = false;
  out.mtuProbe = false;
  out.repair = false;
}

/**
 * Names our SYN, with the text that Fast Open has for it; `again` when the retransmission timer asks for it. False when it waits for text.
 */
export function chooseSyn(out: Chosen, sender: SynSender & { tcb: Readonly<Tcb> }, again: boolean): boolean {
  const { tcb } = sender;
  if (sender.fastOpen?.deferred === true) return false;
  choose(out, tcb.iss, textOfSyn(sender));
  out.syn = true;
  if (again) out.reason = 'retransmission timeout';
  else if (tcb.state === 'SYN-SENT') out.reason = 'connect';
  else out.reason = tcb.sndNxt === tcb.iss ? 'SYN received' : 'SYN received again';
  return true;
}
