/**
 * NewReno: fast retransmit and fast recovery without SACK. RFC 6582 §3.2, RFC 5681 §3.2; limited transmit RFC 3042.
 */
import { NEVER } from '../../core/time.ts';
import type { Micros } from '../../core/time.ts';
import { seqAdd, seqDiff, seqGe, seqGt, seqLt, seqMax } from '../seq.ts';
import type { SeqNum } from '../seq.ts';
import type { SendReason } from '../send-reason.ts';
import { AtRest } from './at-rest.ts';
import { noCounters } from './recovery.ts';
import type { AckFacts, LossRecovery, RecoveryEvent, SendRange, SendState } from './recovery.ts';

/** Duplicate ACKs that mean a loss. RFC 5681 §3.2. */
export const DUP_ACK_THRESHOLD = 3;

export class NewReno implements LossRecovery {
  readonly name = 'newreno';
  active = false;
  inflation = 0;
  readonly goesBack = true;
  readonly reorderDeadline = NEVER;
  readonly probing = false;
  readonly events: RecoveryEvent[] = [];
  readonly counters = noCounters();
  delivered = 0;
  readonly deliveredSentAt = NEVER;
  /** One past the highest sequence number sent when recovery last began or a time-out came; ISS at first. */
  #recover: SeqNum;
  #duplicateAcks = 0;
  #partialAcks = 0;
  /** Octets that duplicate ACKs have told of, a segment each, and SND.UNA has not passed yet. */
  #beyond = 0;
  /** What was outstanding at a time-out is sent again. */
  #repeating = false;
  /** The segment at SND.UNA is to go out again. */
  #headOwed = false;

  /** What a probe of the path's MTU carried goes out again, in pieces: from here to before there. */
  #probeNext: SeqNum;
  #probeEnd: SeqNum;

  /** @param recover ISS, or the last octet that is acknowledged */
  constructor(recover: SeqNum) {
    this.#recover = recover; // step 1
    this.#probeNext = recover;
    this.#probeEnd = recover;
  }

  get quiet(): boolean {
    return !this.active && this.#duplicateAcks === 0;
  }

  get textReason(): SendReason {
    return !this.active && this.inflation > 0 ? 'limited transmit' : 'new data';
  }

  onSent(seq: SeqNum, end: SeqNum, again: boolean, state: SendState): void {
    if (again && seq === state.tcb.sndUna) this.#headOwed = false;
    if (again && seq === this.#probeNext) this.#probeNext = seqGt(end, this.#probeEnd) ? this.#probeEnd : end;
  }

  onAck(facts: AckFacts, state: SendState, now: Micros): boolean {
    this.#countDelivered(facts, state);
    if (facts.covered === 0) {
      if (facts.duplicate) this.#onDuplicateAck(state, now);
      return true;
    }
    this.#headOwed = false;
    return this.#onNewAck(facts.acked, state, now);
  }

  /**
   * What was told of by duplicate ACKs is not counted a second time when SND.UNA passes it; the segment that was missing is. After a
   * time-out an ACK may cover what has long been there: it counts for a segment (RFC 3465 §2.3).
   */
  #countDelivered(facts: AckFacts, state: SendState): void {
    const { smss, flightSize } = state;
    if (facts.covered === 0) {
      this.delivered = facts.duplicate && this.#beyond + smss < flightSize ? smss : 0;
      this.#beyond += this.delivered;
      return;
    }
    if (this.#repeating) {
      this.#repeating = seqLt(state.tcb.sndUna, this.#recover);
      this.delivered = Math.min(facts.covered, smss);
      this.#beyond = 0;
      return;
    }
    const known = Math.min(this.#beyond, Math.max(facts.covered - smss, 0));
    this.delivered = facts.covered - known;
    this.#beyond = this.active ? Math.min(this.#beyond - known, flightSize) : 0;
  }

  inNetwork(state: SendState): number {
    return state.flightSize - this.#beyond;
  }

  #onDuplicateAck(state: SendState, now: Micros): void {
    const { smss, tcb } = state;
    if (this.active) {
      this.inflation += smss; // RFC 5681 §3.2 step 4: a segment has left the network
      return;
    }
    this.#duplicateAcks++;
    // Step 2: the ACK must cover more than `recover`, else these are echoes of an earlier loss event.
    if (!seqGt(tcb.sndUna, this.#recover)) return;
    if (this.#duplicateAcks < DUP_ACK_THRESHOLD) {
      // Limited transmit: one new segment for each of the first two, without touching cwnd. RFC 3042 §2, RFC 5681 §3.2 step 1.
      this.inflation = this.#duplicateAcks * smss;
      return;
    }
    if (this.#duplicateAcks > DUP_ACK_THRESHOLD) return;
    const probe = state.mtuProber?.failed(tcb.sndUna, 0, state, now) ?? 0;
    if (probe > 0) {
      this.#probeNext = tcb.sndUna;
      this.#probeEnd = seqAdd(tcb.sndUna, probe);
      return;
    }
    this.#recover = tcb.sndNxt;
    this.active = true;
    this.#partialAcks = 0;
    // RFC 5681 §3.2 step 2: without what limited transmit has added.
    state.control.onLoss(Math.min(state.flightSize, state.control.cwnd), now);
    this.inflation = DUP_ACK_THRESHOLD * smss; // RFC 5681 §3.2 step 3
    this.#headOwed = true;
    this.counters.bytesLost += smss;
    this.events.push({ name: 'recovery-begins', cause: 'duplicate ACKs' });
  }

  #onNewAck(acked: number, state: SendState, now: Micros): boolean {
    const { sndUna } = state.tcb;
    this.#duplicateAcks = 0;
    if (!this.active) {
      this.inflation = 0;
      // Dragged along, so that it stays comparable after 2^31 octets without a loss.
      if (seqGt(sndUna, this.#recover)) this.#recover = seqAdd(sndUna, -1);
      return false;
    }
    if (seqGe(sndUna, this.#recover)) {
      this.active = false;
      this.inflation = 0;
      state.control.onRecovered(state.flightSize, now); // step 3, full acknowledgment: deflate
      this.events.push({ name: 'recovery-ends', cause: 'all acknowledged' });
      return false;
    }
    // Step 3, partial acknowledgment: the next hole is lost too.
    this.inflation += (acked >= state.smss ? state.smss : 0) - acked;
    this.#partialAcks++;
    this.#headOwed = true;
    this.counters.bytesLost += state.smss;
    return this.#partialAcks > 1; // RFC 6582 §4: "impatient"
  }

  onTimeout(_again: boolean, state: SendState): void {
    this.#recover = state.tcb.sndNxt; // step 4
    this.active = false;
    this.inflation = 0;
    this.#duplicateAcks = 0;
    this.#headOwed = false;
    this.#beyond = 0;
    this.#repeating = true;
  }

  nextLost(out: SendRange, state: SendState): boolean {
    if (!this.#headOwed) return this.#nextOfProbe(out, state);
    const { tcb, textEnd } = state;
    const text = Math.min(seqDiff(textEnd, tcb.sndUna), state.smss, state.flightSize);
    out.seq = tcb.sndUna;
    out.length = Math.max(0, text);
    out.fin = seqAdd(out.seq, out.length) === textEnd && seqGt(tcb.sndNxt, textEnd);
    out.reason = 'fast retransmit';
    if (out.length > 0 || out.fin) return true;
    this.#headOwed = false;
    return false;
  }

  #nextOfProbe(out: SendRange, state: SendState): boolean {
    const from = seqMax(this.#probeNext, state.tcb.sndUna);
    if (!seqLt(from, this.#probeEnd)) {
      this.#probeNext = this.#probeEnd;
      return false;
    }
    this.#probeNext = from;
    out.seq = from;
    out.length = Math.min(seqDiff(this.#probeEnd, from), state.smss);
    out.fin = false;
    out.reason = 'path MTU probe lost';
    return true;
  }

  room(used: number, state: SendState): number {
    return Math.max(state.control.cwnd + this.inflation, state.smss) - used;
  }

  /** After a time-out `recover` is ahead, and duplicate ACKs mean nothing until it is passed. */
  atRest(state: SendState): LossRecovery {
    return this.counters.bytesLost === 0 && seqGt(state.tcb.sndUna, this.#recover) ? AtRest.withoutSack : this;
  }

  // The timers of RACK-TLP are not for it, and the sender goes back by itself.

  onReorderTimer(): void {
    return;
  }

  probeTimeout(): undefined {
    return undefined;
  }

  onProbeTimer(): void {
    return;
  }

  resend(): void {
    return;
  }
}
