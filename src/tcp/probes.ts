/**
 * What is kept of probes while they are in use: keep-alives (RFC 9293 §3.8.4, keepalive.ts) and those of a zero window (§3.8.6.1,
 * persist.ts).
 */
import { NEVER } from '../core/time.ts';
import type { Micros } from '../core/time.ts';
import type { TimerOwner } from '../core/timers.ts';

/** What has keep-alives: told that the timer has expired. */
export interface KeepaliveOwner {
  onKeepalive(now: Micros): void;
}

/**
 * There once a program has asked for keep-alives. It waits in the heap of timers by itself, being all that an idle connection waits for:
 * so that needs no table of timers.
 */
export class Keepalive implements TimerOwner {
  readonly #owner: KeepaliveOwner;
  deadline: Micros = NEVER;
  heapIndex = -1;
  /** When the last segment came (us), or this was made. */
  lastReceivedAt: Micros;
  /** Probes since then. */
  probes = 0;
  /** A probe is to be sent. */
  owed = false;

  constructor(owner: KeepaliveOwner, now: Micros) {
    this.#owner = owner;
    this.lastReceivedAt = now;
  }

  onDeadline(now: Micros): void {
    this.#owner.onKeepalive(now);
  }

  /** A segment has come. */
  onSegment(now: Micros): void {
    this.lastReceivedAt = now;
    this.probes = 0;
  }
}

/** There from the first probe of a closed window until that opens. */
export class ZeroWindowProbes {
  /** Since the window closed, and since the peer last answered. */
  sent = 0;
  unanswered = 0;
  /** One is to be sent. */
  owed = false;
}
