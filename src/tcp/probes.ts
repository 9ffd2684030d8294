/**
 * What is kept of probes while they are in use: keep-alives (RFC 9293 §3.8.4, keepalive.ts) and those of a zero window (§3.8.6.1,
 * persist.ts).
 */
import type { Micros } from '../core/time.ts';

/** There once a program has asked for keep-alives. */
export class Keepalive {
  /** When the last segment came (us), or this was made. */
  lastReceivedAt: Micros;
  /** Probes since then. */
  probes = 0;
  /** A probe is to be sent. */
  owed = false;

  constructor(now: Micros) {
    this.lastReceivedAt = now;
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
