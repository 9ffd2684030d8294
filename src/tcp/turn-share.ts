/**
 * How much text all connections together send in a turn, before the shell must look at what has come in (stack/driver.ts). So many octets
 * that whoever waits for an answer hardly notices, and no more segments than it takes in frames, since each draws an ACK. Pure ACKs draw
 * nothing and do not count.
 *
 * Measured with 10,000 busy connections: without a bound 1,800 segments went out for 1,024 frames taken in, the link's queue overflowed,
 * and lost ACKs led to time-outs, and those to more ACKs.
 */

/** Segments of text in a turn. */
export const TURN_SEGMENTS = 128;
/** Octets of text likewise, more or less. */
export const TURN_OCTETS = 512 * 1024;

export class TurnShare {
  /** What may still be sent. */
  segments = TURN_SEGMENTS;
  octets = TURN_OCTETS;

  begin(): void {
    this.segments = TURN_SEGMENTS;
    this.octets = TURN_OCTETS;
  }

  /** A segment with so many octets of text is sent. */
  spend(octets: number): void {
    this.segments--;
    this.octets -= octets;
  }

  /** All that may be sent is sent: whose turn did not come waits for the next. */
  get isSpent(): boolean {
    return this.segments <= 0 || this.octets <= 0;
  }
}
