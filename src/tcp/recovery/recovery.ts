/**
 * What the sender asks of a loss recovery algorithm: which octets are to go out again and why, and how much the network may hold
 * meanwhile. newreno.ts is for peers without SACK; sack.ts has SACK, RACK-TLP, PRR, F-RTO and undo; at-rest.ts stands for either while
 * nothing is in flight. It never sees a ring or a timer: it names deadlines, and on-timeout.ts sets them.
 */
import type { Micros } from '../../core/time.ts';
import type { CongestionControl } from '../congestion/control.ts';
import type { SegmentOptions } from '../options.ts';
import type { Rto } from '../rto.ts';
import type { SendReason } from '../send-reason.ts';
import type { SeqNum } from '../seq.ts';
import type { Tcb } from '../tcb.ts';

/** A segment that is larger than others, to see whether it gets through: mtu-prober.ts. */
export interface MtuProbe {
  /**
   * What is lost begins at `seq`, and is at most `octets`. When that is the probe, it has failed, which is no sign of congestion: it is
   * just to go out again. RFC 4821 §7.6.2. Returns its octets, 0 when it is something else.
   */
  failed(seq: SeqNum, octets: number, state: SendState, now: Micros): number;
}

/** What recovery may see of the sender, which implements it. */
export interface SendState {
  readonly tcb: Readonly<Tcb>;
  readonly control: CongestionControl;
  readonly rto: Rto;
  /** Octets of text in a full segment, and most octets to send at once. */
  readonly smss: number;
  readonly maxPayload: number;
  /** Octets sent and not acknowledged. */
  readonly flightSize: number;
  /** One past the last octet of text queued. */
  readonly textEnd: SeqNum;
  readonly mtuProber?: MtuProbe | undefined;
}

/** What an ACK tells. The sender reuses one record. SND.UNA has moved already. */
export interface AckFacts {
  /** SEG.ACK. */
  ack: SeqNum;
  /** Sequence numbers and octets of text that it newly acknowledges; 0 for an ACK that advances nothing. */
  covered: number;
  acked: number;
  /** It is a duplicate ACK as RFC 5681 §2 defines it. */
  duplicate: boolean;
  options: SegmentOptions;
}

/** Octets to send again. Chosen of sender.ts is one. */
export interface SendRange {
  seq: SeqNum;
  length: number;
  fin: boolean;
  reason: SendReason;
}

/** Something worth a trace event. */
export interface RecoveryEvent {
  readonly name: 'recovery-begins' | 'recovery-ends' | 'recovery-undone';
  /** What told, e.g. 'RACK', 'D-SACK'. */
  readonly cause: string;
}

/** Counters that TCP_INFO shows; octets unless named otherwise. */
export interface RecoveryCounters {
  /** Marked as lost, and reported by SACK blocks. */
  bytesLost: number;
  bytesSacked: number;
  /** Times that reordering was seen, D-SACK blocks that came, tail loss probes, recoveries that were undone. */
  reorderings: number;
  duplicatesReported: number;
  lossProbes: number;
  undone: number;
  /** SACK blocks that are inverted or report what was never sent. */
  badBlocks: number;
}

export interface LossRecovery {
  readonly name: string;
  /** Whether a fast recovery is under way. */
  readonly active: boolean;
  /** Whether no loss is known or suspected of. */
  readonly quiet: boolean;
  /** Octets that may be outstanding beyond cwnd; may be negative. */
  readonly inflation: number;
  /** Whether the sender goes back to SND.UNA after a time-out, and sends everything again from there. */
  readonly goesBack: boolean;
  /** When `onReorderTimer` is to be called; NEVER for not at all. RFC 8985 §5.4. */
  readonly reorderDeadline: Micros;
  /** A segment of new text is to go out, however small: a tail loss probe, beyond cwnd, or what F-RTO learns from. */
  readonly probing: boolean;
  /** What happened since the trace last looked (trace-recovery.ts, which clears it): after each call that takes note of something. */
  readonly events: RecoveryEvent[];
  readonly counters: Readonly<RecoveryCounters>;
  /** Octets that the last ACK delivered, by SACK too. DeliveredData of RFC 6937 §2. */
  readonly delivered: number;
  /** When the latest of them were sent (us): -1 when that cannot be told, NEVER when no such records are kept. */
  readonly deliveredSentAt: number;

  /** Octets from `seq` to before `end` have gone out; `again` when they had before. `state` is as it is afterwards. */
  onSent(seq: SeqNum, end: SeqNum, again: boolean, state: SendState, now: Micros): void;
  /** An ACK has come. Returns whether the retransmission timer is to be left as it is. */
  onAck(facts: AckFacts, state: SendState, now: Micros): boolean;
  /** The retransmission timer expired; `again` when nothing has been acknowledged since it last did. */
  onTimeout(again: boolean, state: SendState, now: Micros): void;
  onReorderTimer(state: SendState, now: Micros): void;
  /** How long to wait for an ACK before a tail loss probe (us); undefined for no probe. RFC 8985 §7.2. */
  probeTimeout(state: SendState): number | undefined;
  /** That time is over. */
  onProbeTimer(state: SendState): void;
  /** Octets outstanding are to go out again without being a sign of congestion: a window opened again, the path's MTU fell. */
  resend(why: SendReason): void;
  /** Names octets that are to go out again now. */
  nextLost(out: SendRange, state: SendState): boolean;
  /** Octets that are thought to be in the network. */
  inNetwork(state: SendState): number;
  /** Octets of new text that congestion allows, when `used` octets were sent beyond SND.UNA. */
  room(used: number, state: SendState): number;
  /** Why new text goes out. */
  readonly textReason: SendReason;
  /** All has been acknowledged for a while: what goes on in its place, itself if it has more to remember than at-rest.ts does. */
  atRest(state: SendState): LossRecovery;
}

export const noCounters = (): RecoveryCounters => ({
  bytesLost: 0,
  bytesSacked: 0,
  reorderings: 0,
  duplicatesReported: 0,
  lossProbes: 0,
  undone: 0,
  badBlocks: 0,
});
