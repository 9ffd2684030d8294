/**
 * Tail loss probes: when ACKs stay out, one more segment draws some, instead of a time-out. RFC 8985 §7; names are its own.
 */
import { MS, SECOND } from '../../core/time.ts';
import type { SendState } from './recovery.ts';

/** PTO without a round-trip time (us). RFC 8985 §7.2. */
const PTO_INITIAL = 1 * SECOND;
/** TLP.max_ack_delay (us): what a peer may delay the ACK of a single segment. Linux takes TCP_RTO_MIN. */
const MAX_ACK_DELAY = 200 * MS;
/** Added to every PTO (us): clocks and event loops have grains. Linux adds two ticks (TCP_TIMEOUT_MIN), 8 ms at its usual 250 Hz. */
const PTO_SLACK = 8 * MS;

export class Tlp {
  /** TLP.end_seq: SND.NXT when the probe was sent; -1 for None. */
  endSeq = -1;
  /** TLP.is_retrans. */
  isRetrans = false;
  /** A probe is to be sent. */
  owed = false;
  /** The PTO timer has expired since new text was sent or acknowledged: it is not started again. */
  spent = false;
  /** A round trip was measured since the last probe. */
  #measured = true;

  /** No probe is outstanding, and a round trip was measured since the last one. §7.3. */
  #mayProbe(): boolean {
    return this.endSeq < 0 && this.#measured;
  }

  /** TLP_init: §7.1. */
  reset(): void {
    this.endSeq = -1;
    this.isRetrans = false;
    this.owed = false;
  }

  onMeasured(): void {
    this.#measured = true;
  }

  /**
   * TLP_calc_PTO without the bound by the RTO (us), §7.2; undefined when the probe could not be sent (§7.3). Such a timer would do nothing
   * but put the retransmission timeout off: for ever, where a program goes on with small writes on a dead path.
   */
  timeout(state: SendState): number | undefined {
    if (this.spent || !this.#mayProbe()) return undefined;
    const { srtt } = state.rto;
    if (srtt === undefined) return PTO_INITIAL;
    return 2 * srtt + (state.flightSize <= state.smss ? MAX_ACK_DELAY : PTO_SLACK);
  }

  /** The PTO timer expired. §7.3. */
  onTimer(): void {
    this.spent = true;
    this.owed = true;
  }

  onSent(nxt: number, again: boolean): void {
    this.owed = false;
    this.endSeq = nxt;
    this.isRetrans = again;
    this.#measured = false;
  }

  /**
   * TLP_process_ack, §7.4.2: true when the probe has repaired a loss, to which congestion control must respond. `dsackEnd` is -1
   * without a D-SACK, `plainDuplicate` a duplicate ACK without any SACK option. `last` is TLP.end_seq without a FIN.
   */
  repairedLoss(ack: number, dsackEnd: number, plainDuplicate: boolean): boolean {
    const { endSeq } = this;
    if (endSeq < 0 || ack < endSeq) return false;
    // A receiver may count the FIN at the end or not.
    const dsacked = dsackEnd === endSeq || dsackEnd === endSeq - 1;
    if (this.isRetrans && !dsacked && ack === endSeq && !plainDuplicate) return false;
    const repaired = this.isRetrans && !dsacked && ack > endSeq;
    this.endSeq = -1;
    this.isRetrans = false;
    return repaired;
  }
}
