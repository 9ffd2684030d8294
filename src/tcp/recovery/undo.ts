/**
 * Whether a recovery was a mistake. Three kinds of evidence: the ACK of what was sent again echoes a timestamp from before that (Eifel
 * detection, whose response is RFC 4015), D-SACKs report every octet that was sent again as a duplicate (RFC 2883 §5.2, §5.3), or all is
 * delivered before anything was sent again.
 */

export class Undo {
  /** A recovery that might be undone is under way. */
  #open = false;
  /** SND.UNA when it began. */
  #start = 0;
  /** Octets sent again, and those of them that have not been reported as duplicates. */
  #sentAgain = 0;
  #unexplained = 0;

  /** @param resent octets sent again before, and still outstanding: their ACKs and D-SACKs are yet to come (Linux tcp_init_undo) */
  begin(una: number, resent: number): void {
    this.#open = true;
    this.#start = una;
    this.#sentAgain = resent;
    this.#unexplained = resent;
  }

  end(): void {
    this.#open = false;
  }

  /** Octets were sent again in recovery. */
  onRetransmitted(octets: number): void {
    if (!this.#open) return;
    this.#sentAgain += octets;
    this.#unexplained += octets;
  }

  /** A D-SACK reports octets up to `end`, `octets` of them. */
  onDuplicate(octets: number, end: number): void {
    if (this.#open && end > this.#start) this.#unexplained -= octets;
  }

  /** Nothing has been sent again yet: once what was taken for lost is delivered, it was merely late (Linux tcp_packet_delayed). */
  get nothingSentAgain(): boolean {
    return this.#open && this.#sentAgain === 0;
  }

  /** Every octet that was sent again has been reported as a duplicate. */
  get allDuplicates(): boolean {
    return this.#open && this.#sentAgain > 0 && this.#unexplained <= 0;
  }

  /** Something was sent again, of which an ACK may tell that it was for what was sent first. */
  get mayBeOriginal(): boolean {
    return this.#open && this.#sentAgain > 0;
  }
}
