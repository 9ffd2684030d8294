/**
 * What the sender chooses to send next, and output.ts makes a segment of.
 */
import type { SeqNum } from './seq.ts';

/** What `next` names: `length` octets of text from `seq`, and the control bits with them. One record is reused. */
export interface Chosen {
  seq: SeqNum;
  length: number;
  syn: boolean;
  fin: boolean;
  psh: boolean;
  /** Why, in a few words. */
  reason: string;
}

/** Chooses `length` octets of text from `seq`, and no flag. */
export function choose(out: Chosen, seq: SeqNum, length: number): void {
  out.seq = seq;
  out.length = length;
  out.syn = false;
  out.fin = false;
  out.psh = false;
}
