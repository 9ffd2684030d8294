/**
 * NewReno: fast retransmit and fast recovery without SACK. RFC 6582 §3.2, RFC 5681 §3.2; limited transmit RFC 3042.
 */
import type { Micros } from '../../core/time.ts';
import type { CongestionControl } from '../congestion/control.ts';
import { seqAdd, seqGe, seqGt, seqNum } from '../seq.ts';
import type { SeqNum } from '../seq.ts';
import { Recovery } from './recovery.ts';
import type { LossRecovery } from './recovery.ts';

/** Duplicate ACKs that mean a loss. RFC 5681 §3.2. */
export const DUP_ACK_THRESHOLD = 3;

export class NewReno implements LossRecovery {
  readonly name = 'newreno';
  active = false;
  inflation = 0;
  /** One past the highest sequence number sent when recovery last began or a time-out came; ISS at first. */
  #recover: SeqNum = seqNum(0);
  #duplicateAcks = 0;
  #partialAcks = 0;

  start(iss: SeqNum): void {
    this.#recover = iss; // step 1
  }

  onDuplicateAck(
    sndUna: SeqNum,
    sndNxt: SeqNum,
    smss: number,
    flightSize: number,
    control: CongestionControl,
    now: Micros,
  ): Recovery {
    if (this.active) {
      this.inflation += smss; // RFC 5681 §3.2 step 4: a segment has left the network
      return Recovery.None;
    }
    this.#duplicateAcks++;
    // Step 2: the ACK must cover more than `recover`, else these are echoes of an earlier loss event.
    if (!seqGt(sndUna, this.#recover)) return Recovery.None;
    if (this.#duplicateAcks < DUP_ACK_THRESHOLD) {
      // Limited transmit: one new segment for each of the first two, without touching cwnd. RFC 3042 §2, RFC 5681 §3.2 step 1.
      this.inflation = this.#duplicateAcks * smss;
      return Recovery.None;
    }
    if (this.#duplicateAcks > DUP_ACK_THRESHOLD) return Recovery.None;
    this.#recover = sndNxt;
    this.active = true;
    this.#partialAcks = 0;
    control.onLoss(flightSize, now);
    this.inflation = DUP_ACK_THRESHOLD * smss; // RFC 5681 §3.2 step 3
    return Recovery.RetransmitHead;
  }

  onAck(
    acked: number,
    sndUna: SeqNum,
    smss: number,
    flightSize: number,
    control: CongestionControl,
    now: Micros,
  ): Recovery {
    this.#duplicateAcks = 0;
    if (!this.active) {
      this.inflation = 0;
      // Dragged along, so that it stays comparable after 2^31 octets without a loss.
      if (seqGt(sndUna, this.#recover)) this.#recover = seqAdd(sndUna, -1);
      return Recovery.None;
    }
    if (seqGe(sndUna, this.#recover)) {
      this.active = false;
      this.inflation = 0;
      control.onRecovered(flightSize, now); // step 3, full acknowledgment: deflate
      return Recovery.None;
    }
    // Step 3, partial acknowledgment: the next hole is lost too.
    this.inflation += (acked >= smss ? smss : 0) - acked;
    this.#partialAcks++;
    return this.#partialAcks === 1 ? Recovery.RetransmitHead : Recovery.RetransmitHeadKeepTimer;
  }

  onTimeout(sndNxt: SeqNum): void {
    this.#recover = sndNxt; // step 4
    this.active = false;
    this.inflation = 0;
    this.#duplicateAcks = 0;
  }
}
