/**
 * The whole surface by which a shell drives a stack. The driver (stack/driver.ts) does it in real time, the simulation
 * (lab/simulator.ts) in virtual time; both hand in every frame of a batch, then poll once, then sleep until the next deadline.
 */
import type { Frame } from '../core/frame.ts';
import type { Micros } from '../core/time.ts';

export interface StackSurface {
  /** Takes a frame, and the reference that comes with it, which arrived on the link that was attached as `port`. */
  receive(port: number, frame: Frame, now: Micros): void;
  /**
   * Runs the timers that are due, then sends everything that may be sent, up to a bound, past which it is `pending`. RFC 9293 MUST-58,
   * MUST-59.
   */
  poll(now: Micros): void;
  /** When `poll` must be called next for the sake of a timer; `NEVER` when none is set. Links have deadlines of their own. */
  nextDeadline(): Micros;
  /** Whether `poll` has something to do now, timers aside: there is something to send. */
  readonly pending: boolean;
}
