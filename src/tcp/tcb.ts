/**
 * The Transmission Control Block: the variables of RFC 9293 §3.3.1 under their own names.
 *
 * RCV.UP is not among them: the receiver has a mark (urgent.ts) while there is urgent data.
 *
 * The sender alone writes snd*, the receiver alone writes rcv*; the event processing (arrives-*, calls) reads both.
 *
 *                  1         2          3          4                             1          2          3
 *             ----------|----------|----------|----------                    ----------|----------|----------
 *                    SND.UNA    SND.NXT    SND.UNA                                  RCV.NXT    RCV.NXT
 *                                         +SND.WND                                            +RCV.WND
 *    1 - old sequence numbers that have been acknowledged            1 - old sequence numbers that have been acknowledged
 *    2 - sequence numbers of unacknowledged data                     2 - sequence numbers allowed for new reception
 *    3 - sequence numbers allowed for new data transmission          3 - future sequence numbers that are not yet allowed
 *    4 - future sequence numbers that are not yet allowed
 *             Figure 3: Send Sequence Space                                 Figure 4: Receive Sequence Space
 */
import type { IpAddress } from '../ip/address.ts';
import { NEVER } from '../core/time.ts';
import type { Micros } from '../core/time.ts';
import { seqNum } from './seq.ts';
import type { SeqNum } from './seq.ts';
import type { TcpState } from './service.ts';

/** The send MSS to assume when the peer's SYN carried no MSS option (IPv4). MUST-15. */
export const DEFAULT_MSS = 536;

const ZERO = seqNum(0);

/** What counts during the handshake only. */
export class Handshake {
  /** Whether a LISTEN made it: it decides what a RST does in SYN-RECEIVED. MUST-11. */
  passive = false;
  /** Where there was a connection in TIME-WAIT before: its SND.NXT, after which ISS lies. MAY-2 (1). */
  issAfter: SeqNum | undefined = undefined;
  /** Window Scale goes into our SYN. RFC 7323 §2.2: into a SYN,ACK only when the SYN had it. */
  offersScaling = false;
  /** TCP_DEFER_ACCEPT: the ACK of the SYN,ACK has come without text, and was left alone. */
  ackDeferred = false;
  /** SHUT_WR was called before there was a connection. */
  sendShut = false;
}

export class Tcb {
  readonly localAddress: IpAddress;
  readonly localPort: number;
  readonly remoteAddress: IpAddress;
  readonly remotePort: number;
  /** Written through Connection.setState only. */
  state: TcpState = 'CLOSED';
  /** There until the connection is established. */
  handshake: Handshake | undefined = new Handshake();

  /** Initial send sequence number. */
  iss: SeqNum = ZERO;
  /** Send unacknowledged: the oldest sequence number that the peer has not acknowledged. */
  sndUna: SeqNum = ZERO;
  /** Send next: one past the highest sequence number ever sent (retransmission does not move it back). */
  sndNxt: SeqNum = ZERO;
  /** Send window (octets), scaled; an offset from SND.UNA. */
  sndWnd = 0;
  /** The largest SND.WND seen: MAX.SND.WND of RFC 5961 §5.2, Max(SND.WND) of RFC 9293 §3.8.6.2.1. */
  maxSndWnd = 0;
  /** SEG.SEQ and SEG.ACK of the segment that last updated SND.WND. */
  sndWl1: SeqNum = ZERO;
  sndWl2: SeqNum = ZERO;
  /** Send urgent pointer: the octet after the last urgent one; in force while after SND.UNA. */
  sndUp: SeqNum = ZERO;
  /** Shift of windows that arrive. RFC 7323 §2.2 Snd.Wind.Shift. */
  sndWindShift = 0;
  /** SendMSS: the peer's MSS option, or the default. */
  sendMss = DEFAULT_MSS;

  /** Initial receive sequence number. */
  irs: SeqNum = ZERO;
  /** Receive next. */
  rcvNxt: SeqNum = ZERO;
  /** Receive window (octets): to the rightmost edge ever offered, which never moves left. SHLD-14. */
  rcvWnd = 0;
  /** Shift of windows that are sent. RFC 7323 §2.2 Rcv.Wind.Shift. */
  rcvWindShift = 0;
  /** RMSS: the MSS that this end offered. */
  rmss = DEFAULT_MSS;

  /** Snd.TS.OK: Timestamps were in both SYNs. RFC 7323 §3.2. */
  timestampsOk = false;
  /** TS.Recent, and when it was set (us; it ages, §5.5). RFC 7323 §4.3. */
  tsRecent: SeqNum = ZERO;
  tsRecentAt: Micros = NEVER;
  /** Last.ACK.sent. RFC 7323 §4.3. */
  lastAckSent: SeqNum = ZERO;
  /** SACK-permitted was in both SYNs: blocks may be sent and are understood. RFC 2018 §2. */
  sackOk = false;
  /** Added to the timestamp clock on this connection. RFC 7323 §5.4, §7.1. */
  tsOffset = 0;

  constructor(local: IpAddress, localPort: number, remote: IpAddress, remotePort: number) {
    this.localAddress = local;
    this.localPort = localPort;
    this.remoteAddress = remote;
    this.remotePort = remotePort;
  }
}
