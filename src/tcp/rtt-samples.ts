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

/** Segments that are timed at once at most. */
const TIMED = 32;

export class RttSamples {
  /** One past each segment timed, and when it was sent, in turn: those from `#head` to before `#tail`. */
  readonly #timed: number[] = [];
  #head = 0;
  #tail = 0;

  /** New octets up to `end` were sent. */
  onSent(end: SeqNum, now: Micros): void {
    if (this.#tail - this.#head >= 2 * TIMED) return;
    this.#timed[this.#tail] = end;
    this.#timed[this.#tail + 1] = now;
    this.#tail += 2;
  }

  /** Old octets were sent again. */
  onRetransmitted(): void {
    this.#head = this.#tail = 0;
  }

  /** An ACK has advanced SND.UNA to `ack`: the round-trip time that it tells (us), 0 for none. */
  onNewAck(ack: SeqNum, now: Micros): Micros {
    const timed = this.#timed;
    const tail = this.#tail;
    let head = this.#head;
    let rtt = 0;
    for (; head < tail && seqLe(timed[head]! as SeqNum, ack); head += 2) rtt = now - timed[head + 1]!;
    this.#head = head;
    if (head === tail) {
      this.#head = this.#tail = 0;
    } else if (head >= 2 * TIMED) {
      timed.copyWithin(0, head, tail);
      this.#head = 0;
      this.#tail = tail - head;
    }
    return micros(rtt);
  }
}
