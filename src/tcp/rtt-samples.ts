/**
 * Round-trip times of many segments in one round trip, for congestion control (HyStart++ wants eight). round-trip.ts takes the one
 * that the retransmission timeout learns from.
 *
 * Karn's algorithm: a retransmission throws away what is being timed. An ACK that covers several gives the time of the last one.
 */
import { micros } from '../core/time.ts';
import type { Micros } from '../core/time.ts';
import { seqLe } from './seq.ts';
import type { SeqNum } from './seq.ts';

/** Segments that are timed at once at most. A power of two. */
const TIMED = 32;

export class RttSamples {
  /** Circular: one past each segment timed, and when it was sent. */
  readonly #ends: number[] = new Array<number>(TIMED).fill(0);
  readonly #sentAt: number[] = new Array<number>(TIMED).fill(0);
  #head = 0;
  #size = 0;

  /** New octets up to `end` were sent. */
  onSent(end: SeqNum, now: Micros): void {
    if (this.#size === TIMED) return;
    const at = (this.#head + this.#size++) & (TIMED - 1);
    this.#ends[at] = end;
    this.#sentAt[at] = now;
  }

  /** Old octets were sent again. */
  onRetransmitted(): void {
    this.#size = 0;
  }

  /** An ACK has advanced SND.UNA to `ack`: the round-trip time that it tells (us), 0 for none. */
  onNewAck(ack: SeqNum, now: Micros): Micros {
    let rtt = 0;
    while (this.#size > 0 && seqLe(this.#ends[this.#head]! as SeqNum, ack)) {
      rtt = now - this.#sentAt[this.#head]!;
      this.#head = (this.#head + 1) & (TIMED - 1);
      this.#size--;
    }
    return micros(rtt);
  }
}
