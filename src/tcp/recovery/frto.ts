/**
 * F-RTO: after a time-out, two segments of new text tell whether it was spurious: if what was sent before the time-out goes on being
 * acknowledged, it was. RFC 5682 §3.1, the version with SACK; the steps are its own.
 */

/** What an ACK means to F-RTO. */
export const FrtoVerdict = {
  /** Nothing yet. */
  Wait: 0,
  /** Step 2b: send up to two segments of new text. */
  SendNew: 1,
  /** The time-out was real, or there is no telling: go on with the conventional recovery. */
  Genuine: 2,
  /** Step 3b. */
  Spurious: 3,
} as const;
export type FrtoVerdict = (typeof FrtoVerdict)[keyof typeof FrtoVerdict];

export class Frto {
  /** The step that comes next: 2 or 3; 0 when it is not running. */
  step = 0;
  /** RecoveryPoint: one past the highest octet sent when the first new ACK came. */
  #recoveryPoint = 0;

  /** Step 1. */
  start(): void {
    this.step = 2;
  }

  stop(): void {
    this.step = 0;
  }

  /**
   * An ACK. `una` and `nxt` are SND.UNA and SND.NXT, `advanced` whether SND.UNA moved, `fack` one past the highest octet delivered,
   * `oldDelivered` whether octets were newly delivered that have not been sent again since the time-out; `canSend` whether new text
   * may go out.
   */
  onAck(
    una: number,
    nxt: number,
    advanced: boolean,
    fack: number,
    oldDelivered: boolean,
    duplicate: boolean,
    canSend: boolean,
  ): FrtoVerdict {
    if (this.step === 2) {
      if (!advanced) return FrtoVerdict.Wait;
      this.#recoveryPoint = nxt;
      // (a): everything is acknowledged, by what was sent again or not. (b), without anything to send: there is no telling.
      if (una >= nxt || !canSend) return this.#genuine();
      this.step = 3;
      return FrtoVerdict.SendNew;
    }
    if (!advanced && !oldDelivered && !duplicate) return FrtoVerdict.Wait;
    if (fack > this.#recoveryPoint || !oldDelivered) return this.#genuine(); // (a)
    this.step = 0;
    return FrtoVerdict.Spurious; // (b)
  }

  #genuine(): FrtoVerdict {
    this.step = 0;
    return FrtoVerdict.Genuine;
  }
}
