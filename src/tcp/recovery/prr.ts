/**
 * Proportional Rate Reduction: how much may be in the network during fast recovery, so that what is sent falls from the old window to
 * ssthresh in step with what is delivered. RFC 6937 §3; names are its own.
 *
 * Differs: the slow-start reduction bound (SSRB) only for ACKs that advance SND.UNA and tell of no further loss, else packet
 * conservation; and the first retransmission always goes out. As RFC 6937's successor and Linux have it, but for an ACK that begins
 * recovery with nothing left in the network: RFC 8985's Figure 1 needs its two segments, since where one alone is lost only a time-out
 * is left. For every ACK that begins one it would cost a tenth of the goodput where 5 % are reordered (bench links).
 */
export class Prr {
  #ssthresh = 0;
  /** RecoverFS: octets outstanding when recovery began. */
  #recoverFs = 0;
  #delivered = 0;
  #out = 0;
  /** Octets that may be in the network now: pipe plus sndcnt as of the last ACK. */
  cwnd = 0;

  start(flightSize: number, ssthresh: number): void {
    this.#recoverFs = Math.max(flightSize, 1);
    this.#ssthresh = ssthresh;
    this.#delivered = 0;
    this.#out = 0;
    this.cwnd = 0;
  }

  /** An ACK has told of `delivered` octets; `pipe` are in the network still. `safe`: SSRB is for it. */
  onAck(delivered: number, pipe: number, smss: number, safe: boolean): void {
    this.#delivered += delivered;
    let sndcnt;
    if (pipe > this.#ssthresh) {
      sndcnt = Math.ceil((this.#delivered * this.#ssthresh) / this.#recoverFs) - this.#out;
    } else {
      const limit = Math.max(this.#delivered - this.#out, delivered) + (safe ? smss : 0);
      sndcnt = Math.min(this.#ssthresh - pipe, limit);
    }
    if (this.#out === 0) sndcnt = Math.max(sndcnt, smss);
    this.cwnd = pipe + Math.max(sndcnt, 0);
  }

  onSent(octets: number): void {
    this.#out += octets;
  }
}
