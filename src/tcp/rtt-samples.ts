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
  /** One past each segment timed, and when it was sent, in turn. An idle connection has none, which costs no memory. */
  readonly #timed: number[] = [];
  /** The place of the first that is not acknowledged. */
  #head = 0;

  /** New octets up to `end` were sent. */
  onSent(end: SeqNum, now: Micros): void {
    if (this.#timed.length - this.#head < 2 * TIMED) this.#timed.push(end, now);
  }

  /** Old octets were sent again. */
  onRetransmitted(): void {
    this.#timed.length = 0;
    this.#head = 0;
  }

  /** An ACK has advanced SND.UNA to `ack`: the round-trip time that it tells (us), 0 for none. */
  onNewAck(ack: SeqNum, now: Micros): Micros {
    const timed = this.#timed;
    let head = this.#head;
    let rtt = 0;
    for (; head < timed.length && seqLe(timed[head]! as SeqNum, ack); head += 2) rtt = now - timed[head + 1]!;
    if (head === timed.length) {
      timed.length = 0;
      head = 0;
    } else if (head >= 2 * TIMED) {
      timed.splice(0, head);
      head = 0;
    }
    this.#head = head;
    return micros(rtt);
  }
}
