/**
 * What is kept of the probes of a zero window while they are in use: RFC 9293 §3.8.6.1, persist.ts.
 */

/** There from the first probe of a closed window until that opens. */
export class ZeroWindowProbes {
  /** Since the window closed, and since the peer last answered. */
  sent = 0;
  unanswered = 0;
  /** One is to be sent. */
  owed = false;
}
