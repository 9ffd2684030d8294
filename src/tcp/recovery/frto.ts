/**
 * F-RTO: after a time-out, two segments of new text tell whether it was spurious: if what was sent before the time-out goes on being
 * acknowledged, it was. RFC 5682 §3.1, the version with SACK; the steps are its own.
 */

/** What an ACK means to F-RTO. */
export const FrtoVerdict = {
  /** Nothing yet. */
  Wait: 0,
  /** Step 2b: send up to two segments of new text. Where none can be sent there is no telling, and `stop` is to be called. */
  SendNew: 1,
  /** The time-out was real, or there is no telling: go on with the conventional recovery. */
  Genuine: 2,
  /** Step 3b. */
  Spurious: 3,
} as const;
export type FrtoVerdict = (typeof FrtoVerdict)[keyof typeof FrtoVerdict];

/** Segments of new text in step 2b. */
const SEGMENTS = 2;

export class Frto {
  /** The step that comes next: 2 or 3; 0 when it is not running. */
  step = 0;
  /** RecoveryPoint: one past the highest octet sent when the first new ACK came. */
  #recoveryPoint = 0;
  /** Octets of new text that may go out. */
  allowed = 0;
  /** Step 2b: new text is to go out, at least some of it, and a small segment too. */
  owesText = false;

  /** Step 1. */
  start(): void {
    this.step = 2;
    this.allowed = 0;
    this.owesText = false;
  }

  stop(): void {
    this.step = 0;
    this.owesText = false;
  }

  /** `octets` of new text have gone out. */
  onSent(octets: number): void {
    this.allowed = Math.max(0, this.allowed - octets);
    this.owesText = false;
  }

  /**
   * An ACK. `una` and `nxt` are SND.UNA and SND.NXT, `advanced` whether SND.UNA moved, `fack` one past the highest octet delivered,
   * `oldDelivered` whether octets were newly delivered that have not been sent again since the time-out.
   */
  onAck(
    una: number,
    nxt: number,
    advanced: boolean,
    fack: number,
    oldDelivered: boolean,
    duplicate: boolean,
    smss: number,
  ): FrtoVerdict {
    if (this.step === 2) {
      if (!advanced) return FrtoVerdict.Wait;
      this.#recoveryPoint = nxt;
      if (una >= nxt) return this.#genuine(); // (a): everything is acknowledged, by what was sent again or not
      this.step = 3;
      this.allowed = SEGMENTS * smss;
      this.owesText = true;
      return FrtoVerdict.SendNew;
    }
    if (!advanced && !oldDelivered && !duplicate) return FrtoVerdict.Wait;
    if (fack > this.#recoveryPoint || !oldDelivered) return this.#genuine(); // (a)
    this.stop();
    return FrtoVerdict.Spurious; // (b)
  }

  #genuine(): FrtoVerdict {
    this.stop();
    return FrtoVerdict.Genuine;
  }
}
