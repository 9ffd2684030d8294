/**
 * A link: something that carries frames. TAP devices, cables, switch ports and the middleware around them are all links.
 *
 * A link moves octets and decides nothing. Its owner (stack/driver.ts, lab/simulator.ts) drains it with `receive`, a batch
 * at a time, and gives it frames with `send`. Middleware (impair, pcap, segmentation) wraps a link and is one.
 */
import type { Drops } from '../core/drop.ts';
import type { Frame } from '../core/frame.ts';
import type { Micros } from '../core/time.ts';

/** Takes over one received frame (and the reference that comes with it). */
export type FrameSink = (frame: Frame, now: Micros) => void;

export interface Link {
  /** For messages and captures, e.g. 'tap0'. */
  readonly name: string;
  /** Largest network-layer datagram on the wire (octets), e.g. 1500. The Ethernet header is not counted. */
  readonly mtu: number;
  /**
   * Largest network-layer datagram that `send` accepts (octets): above `mtu` when the link cuts TCP super-segments
   * (`frame.gsoSize`) itself, equal to it when it does not. link/segmentation.ts lifts it for any link.
   */
  readonly maxSegment: number;
  /** Whether `send` accepts `Checksum.Partial` and completes it. */
  readonly checksumOffload: boolean;

  /** Counters of what this link, and those that it wraps, could not carry; a host's snapshot adds them to its own. */
  readonly losses?: readonly Drops[];

  /** Whether somebody is told what became of each frame that came in: then none is merged with others before the stack has it. */
  readonly isWatched?: boolean;

  /**
   * Starts the link. It calls `wake` whenever frames may wait for `receive`; never from inside `receive` or `send`.
   * A link on virtual time (a cable) need not call it when `nextDeadline` tells the same.
   */
  start(wake: () => void): void;

  /**
   * Says whether the owner wants to be woken, as it does at the start, or looks by itself for a while. Only links whose wakes cost
   * something have it, and those that wrap them.
   */
  wantWakes?(wanted: boolean): void;

  /**
   * Says that the owner is about to send more than one frame, perhaps, and then that it has: a link may keep what is sent until then, to
   * hand several frames over in one system call. Only links that gain by it have it, and those that wrap them.
   */
  cork?(corked: boolean): void;

  /**
   * Lets others have the processor for a moment. Only links whose far end may be a program that waits for this very processor have it, and
   * those that wrap them.
   */
  giveWay?(): void;

  /** Hands at most `budget` frames that have arrived by `now`, oldest first, to `sink`. Returns how many. */
  receive(sink: FrameSink, now: Micros, budget: number): number;

  /** Sends a frame that starts with its Ethernet header; takes over the caller's reference. A refusal is a counted drop. */
  send(frame: Frame, now: Micros): void;

  /** When `receive` should be called without a wake; `NEVER` for links that always wake. */
  nextDeadline(): Micros;

  /** Ends the link at once; later sends are dropped. Closing twice is allowed. */
  close(): void;
}
