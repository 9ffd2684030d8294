/**
 * What the sender asks of a loss recovery algorithm: which octets are lost, and by how much the congestion window is stretched
 * meanwhile. NewReno is newreno.ts; SACK, RACK-TLP and PRR fit behind the same calls. It never sees a ring or a timer.
 */
import type { Micros } from '../../core/time.ts';
import type { CongestionControl } from '../congestion/control.ts';
import type { SeqNum } from '../seq.ts';

/** What the sender is to do after an acknowledgment. */
export const Recovery = {
  /** Nothing out of the ordinary. */
  None: 0,
  /** Send the segment at SND.UNA again at once. */
  RetransmitHead: 1,
  /** The same, and leave the retransmission timer running as it is. RFC 6582 §4: "impatient". */
  RetransmitHeadKeepTimer: 2,
} as const;
export type Recovery = (typeof Recovery)[keyof typeof Recovery];

export interface LossRecovery {
  readonly name: string;
  /** Whether a fast recovery is under way. */
  readonly active: boolean;
  /** Octets that may be outstanding beyond cwnd; may be negative. */
  readonly inflation: number;

  /** The connection begins: `iss` is its initial sequence number. */
  start(iss: SeqNum): void;
  /** A duplicate ACK of `sndUna` with `flightSize` octets outstanding. RFC 5681 §2. */
  onDuplicateAck(
    sndUna: SeqNum,
    sndNxt: SeqNum,
    smss: number,
    flightSize: number,
    control: CongestionControl,
    now: Micros,
  ): Recovery;
  /** `acked` octets were newly acknowledged; `sndUna` and `flightSize` are as they are afterwards. */
  onAck(
    acked: number,
    sndUna: SeqNum,
    smss: number,
    flightSize: number,
    control: CongestionControl,
    now: Micros,
  ): Recovery;
  /** The retransmission timer expired. */
  onTimeout(sndNxt: SeqNum): void;
}
