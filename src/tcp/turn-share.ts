/**
 * How much text all connections together send in a turn, before the shell must look at what has come in (stack/driver.ts): no more
 * segments than it takes in frames, since each draws an ACK. Pure ACKs draw nothing and do not count.
 *
 * Measured with 10,000 busy connections: without this bound 1,800 segments went out for 1,024 frames taken in, the link's queue
 * overflowed, and lost ACKs led to time-outs, and those to more ACKs.
 */

/** Segments of text in a turn. */
export const TURN_SEGMENTS = 128;

export class TurnShare {
  /** Segments that may still be sent. */
  left = TURN_SEGMENTS;

  begin(): void {
    this.left = TURN_SEGMENTS;
  }

  /** All that may be sent is sent: whose turn did not come waits for the next. */
  get isSpent(): boolean {
    return this.left <= 0;
  }
}
