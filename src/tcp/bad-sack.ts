/**
 * SACK blocks that cannot be: each is ignored where blocks are taken (recovery/delivery.ts), and named here. RFC 2018 §3, §5.
 */
import type { DropReason } from '../core/drop.ts';
import type { SegmentOptions } from './options.ts';
import { seqGt, seqLt } from './seq.ts';
import type { SeqNum } from './seq.ts';
import type { Tcb } from './tcb.ts';

/** What is wrong with the first bad block of an ACK that has some; undefined when nothing is. SND.NXT is as it was when the ACK came. */
export function badSack(tcb: Readonly<Tcb>, options: SegmentOptions): DropReason | undefined {
  const { sackCount, sackEdges } = options;
  if (!tcb.sackOk) return 'tcp-sack-not-permitted';
  for (let i = 0; i < sackCount; i++) {
    const left = sackEdges[2 * i]! as SeqNum;
    const right = sackEdges[2 * i + 1]! as SeqNum;
    if (!seqLt(left, right)) return 'tcp-sack-inverted';
    if (seqGt(right, tcb.sndNxt)) return 'tcp-sack-not-sent';
  }
  return undefined;
}
