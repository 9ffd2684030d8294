/**
 * Measures round trips: one timed segment at a time, and Karn's algorithm. RFC 6298 §3; RFC 7323 §4.1 where Karn forbids a sample.
 *
 * Differs from RFC 7323 in that echoed timestamps are used only after a retransmission: a timed segment tells microseconds where the
 * timestamp clock tells milliseconds, and one sample a round trip is what RFC 6298's weights assume.
 */
import { NEVER, SECOND } from '../core/time.ts';
import type { Micros } from '../core/time.ts';
import type { Rto } from './rto.ts';
import { seqDiff, seqLt, seqNum } from './seq.ts';
import type { SeqNum } from './seq.ts';
import type { Tcb } from './tcb.ts';
import { echoedRoundTrip } from './timestamps.ts';

export class RoundTrip {
  readonly #rto: Rto;
  /** One past the segment that is timed, and when it was sent; NEVER when none is. */
  #timedEnd: SeqNum = seqNum(0);
  #timedAt: Micros = NEVER;
  /** SND.UNA then. */
  #timedUna: SeqNum = seqNum(0);
  /** Octets a second that were acknowledged in the last round trip measured; 0 before that. */
  rate: number;
  /** A round trip that was measured and not yet told; undefined for none. */
  #held: number | undefined = undefined;
  /** Something was sent again since the last sample: an ACK does not tell which of the two it is for. */
  #ambiguous = false;

  /** @param rate the rate of the round trip before */
  constructor(rto: Rto, rate: number) {
    this.#rto = rto;
    this.rate = rate;
  }

  /** New octets up to `end` were sent. */
  onSent(una: SeqNum, end: SeqNum, now: Micros): void {
    if (this.#timedAt !== NEVER) return;
    this.#timedAt = now;
    this.#timedUna = una;
    this.#timedEnd = end;
  }

  /** Old octets were sent again. */
  onRetransmitted(): void {
    this.#timedAt = NEVER;
    this.#ambiguous = true;
  }

  /** An ACK has come that does not count yet: what it tells is kept for the one that will. */
  hold(tcb: Tcb, tsEcr: number, now: Micros): void {
    if (this.#timedAt !== NEVER) this.#held = now - this.#timedAt;
    else if (this.#ambiguous && tcb.timestampsOk) this.#held = echoedRoundTrip(tcb, tsEcr, now, this.#rto.longest);
    this.#timedAt = NEVER;
    this.#ambiguous = false;
  }

  /** An ACK has advanced SND.UNA to `ack`. */
  onNewAck(tcb: Tcb, ack: SeqNum, tsEcr: number, now: Micros): void {
    if (this.#held !== undefined) {
      this.#rto.sample(this.#held);
      this.#held = undefined;
      this.#ambiguous = false;
    } else if (this.#timedAt !== NEVER) {
      if (seqLt(ack, this.#timedEnd)) return;
      this.#rto.sample(now - this.#timedAt);
      const acked = seqDiff(ack, this.#timedUna);
      if (acked > 1 && now > this.#timedAt) this.rate = (acked * SECOND) / (now - this.#timedAt); // not of a SYN
      this.#timedAt = NEVER;
      this.#ambiguous = false;
    } else if (this.#ambiguous && tcb.timestampsOk) {
      const rtt = echoedRoundTrip(tcb, tsEcr, now, this.#rto.longest);
      if (rtt === undefined) return;
      this.#rto.sample(rtt);
      this.#ambiguous = seqLt(ack, tcb.sndNxt);
    }
  }
}
