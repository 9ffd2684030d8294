/**
 * What a sender keeps of the signs of loss: duplicate ACKs, time-outs and what was sent again. Most connections never see any, so there
 * is none before the first. Read retransmit.ts for the time-out, recovery/ for what comes of it.
 */
import type { SendReason } from './send-reason.ts';
import { seqGe } from './seq.ts';
import type { SeqNum } from './seq.ts';

export class LossSigns {
  /** Retransmission timeouts, and those since the last progress. */
  timeouts = 0;
  retries = 0;
  /** One past what was outstanding at a time-out, until that is all acknowledged. */
  timeoutEnd: SeqNum | undefined = undefined;
  /** Why the sender went back to SND.UNA. */
  backReason: SendReason = 'retransmission after a time-out';
  retransmissions = 0;
  bytesRetransmitted = 0;
  duplicateAcks = 0;

  /** SND.UNA has moved to `ack`. Whether that may cover old data: what was outstanding at a time-out was not all acknowledged before. */
  onNewAck(ack: SeqNum): boolean {
    const afterTimeout = this.timeoutEnd !== undefined;
    if (this.timeoutEnd !== undefined && seqGe(ack, this.timeoutEnd)) this.timeoutEnd = undefined;
    this.retries = 0;
    return afterTimeout;
  }

  /** Why octets go out again from there on. */
  get reason(): SendReason {
    return this.retries > 0 ? 'retransmission timeout' : this.backReason;
  }

  /** Octets have gone out again. */
  onRetransmitted(octets: number): void {
    this.retransmissions++;
    this.bytesRetransmitted += octets;
  }
}

/** Those of a sender, which has some from now on. */
export const lossSignsOf = (sender: { lossSigns: LossSigns | undefined }): LossSigns =>
  (sender.lossSigns ??= new LossSigns());
