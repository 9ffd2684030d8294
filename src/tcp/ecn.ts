/**
 * Explicit congestion notification of one connection: what the SYNs agree on, the marks that come in, and the answer to the peer's
 * echoes. RFC 3168 §6.1 (SHLD-8); how far the window falls is congestion/'s part (RFC 9438 §4.6).
 *
 * There is no such record unless the peer has asked for it (config.tcp.ecn 'passive') or our SYN has ('active'). output.ts reads the
 * bits to send; arrives-other.ts tells of segments. Leaves out RFC 8511 (a smaller reduction), accurate ECN, and ECT on control packets.
 */
import type { TcpConfig } from '../core/config.ts';
import { after } from '../core/time.ts';
import type { Micros } from '../core/time.ts';
import { EcnField } from '../ip/ipv4-wire.ts';
import type { CongestionControl } from './congestion/control.ts';
import { pacerOf } from './pacing.ts';
import type { Pacer } from './pacing.ts';
import type { Rto } from './rto.ts';
import type { Segment } from './segment.ts';
import { seqGt, seqNum } from './seq.ts';
import type { SeqNum } from './seq.ts';
import type { Tcb } from './tcb.ts';
import { TcpFlag } from './wire.ts';

/** What of the sender an echo concerns; the sender implements it. */
interface EchoedSender {
  readonly tcb: Readonly<Tcb>;
  readonly control: CongestionControl;
  readonly rto: Rto;
  readonly smss: number;
  readonly flightSize: number;
  pacer: Pacer | undefined;
}

export class Ecn {
  /** Both ends have said that they can. */
  agreed = false;
  /** Whether text may go out with ECT: only while no SYN without the request has left or come. §6.1.1, second rule. */
  mayMark = true;
  /** The next new text carries CWR: the window has been reduced. §6.1.2. */
  cwrOwed = false;
  /** Every ACK carries ECE, until CWR comes. §6.1.3. */
  echoing = false;
  /** Segments of text that came with CE, ACKs that came with ECE, reductions because of those. */
  marksReceived = 0;
  echoesReceived = 0;
  reductions = 0;
  /** A reduction, for whatever reason, covers what was outstanding then: up to before `#end`. It is over when more than that is acknowledged. */
  #reducing = false;
  #end: SeqNum = seqNum(0);
  /** ssthresh and cwnd when they were last looked at: both lower tells of a reduction for a loss. */
  #ssthresh = Infinity;
  #cwnd = 0;
  /** Echoes in a row that found the window at one segment. */
  #held = 0;

  /**
   * Takes the marks of a segment that belongs to the window. `hasText`: before it was trimmed (§6.1.6). Returns whether to acknowledge
   * at once.
   */
  onSegment(seg: Segment, hasText: boolean): boolean {
    let atOnce = false;
    if (seg.cwr && this.echoing) {
      this.echoing = false;
      atOnce = hasText; // the peer's window may be down to one segment, so that nothing follows that a delayed ACK waits for (as Linux)
    }
    if (!hasText || seg.ecn !== EcnField.Ce) return atOnce;
    this.marksReceived++;
    atOnce ||= !this.echoing;
    this.echoing = true;
    return atOnce;
  }

  /**
   * An ACK at or beyond SND.UNA was taken; `echo`: with ECE. Reduces the window once for all that was outstanding, whether a loss or an
   * echo told first. Returns whether it did. §6.1.2.
   */
  onAck(sender: EchoedSender, echo: boolean, now: Micros): boolean {
    const { tcb, control } = sender;
    // Only what is sent after it carries CWR: the ACK of all that was outstanding comes with ECE still (as Linux, CA_CWR).
    if (this.#reducing && seqGt(tcb.sndUna, this.#end)) {
      this.#reducing = false;
      control.onCongestionOver?.();
    }
    this.noteReduction(sender);
    if (!echo) {
      this.#held = 0;
      return false;
    }
    this.echoesReceived++;
    const { flightSize, smss } = sender;
    if (this.#reducing) {
      control.onCongestionExperienced?.(flightSize, true, now);
      return false;
    }
    const atLeast = control.cwnd <= smss;
    if (control.onCongestionExperienced === undefined) control.onLoss(flightSize, now);
    else control.onCongestionExperienced(flightSize, false, now);
    this.#hold(sender, atLeast, now);
    this.reductions++;
    this.#begin(tcb.sndNxt);
    this.#look(control);
    return true;
  }

  /** Loss recovery may have reduced the window since the last look. §6.1.2: CWR tells of that too. */
  noteReduction(sender: EchoedSender): void {
    const { ssthresh, cwnd } = sender.control;
    if (ssthresh < this.#ssthresh && cwnd < this.#cwnd) this.#begin(sender.tcb.sndNxt);
    this.#look(sender.control);
  }

  /** The retransmission timer has expired, which reduces the window. */
  onTimeout(tcb: Readonly<Tcb>): void {
    this.#begin(tcb.sndNxt);
  }

  /**
   * The control bits of a SYN, or SYN,ACK. A SYN that goes out again asks no more, since somebody on the way may not stand it; then text is
   * not marked either. §6.1.1, §6.1.1.1.
   */
  synFlags(initiating: boolean, again: boolean): number {
    if (!initiating) return TcpFlag.Ece;
    if (again) this.mayMark = false;
    return again ? 0 : TcpFlag.Ece | TcpFlag.Cwr;
  }

  /** The control bits of a segment that is no SYN. `newText`: of octets sent for the first time, and no window probe (§6.1.5, §6.1.6). */
  flagsFor(newText: boolean): number {
    let bits = this.agreed && this.echoing ? TcpFlag.Ece : 0;
    if (newText && this.cwrOwed && this.marks) {
      this.cwrOwed = false;
      bits |= TcpFlag.Cwr;
    }
    return bits;
  }

  /** Whether new text goes out with ECT. */
  get marks(): boolean {
    return this.agreed && this.mayMark;
  }

  #look(control: CongestionControl): void {
    this.#ssthresh = control.ssthresh;
    this.#cwnd = control.cwnd;
  }

  #begin(end: SeqNum): void {
    this.cwrOwed = true;
    this.#reducing = true;
    this.#end = end;
  }

  /**
   * A window of one segment cannot be halved: new text waits for one retransmission timeout, which doubles while echoes go on. §6.1.2
   * (MUST), RFC 9438 §4.6. Linux never goes below two segments and does not wait.
   */
  #hold(sender: EchoedSender, atLeast: boolean, now: Micros): void {
    if (!atLeast) {
      this.#held = 0;
      return;
    }
    const { value, longest } = sender.rto;
    pacerOf(sender).hold(after(now, Math.min(value * 2 ** Math.min(this.#held, 16), longest)));
    this.#held++;
  }
}

/**
 * SYN without ACK, or with: whether it asks for, or agrees to, ECN. §6.1.1; a peer that reflects both bits agrees to nothing (§6.1.1.2).
 */
export const isEcnSetup = (seg: Segment): boolean => seg.ece && (seg.hasAck ? !seg.cwr : seg.cwr);

/**
 * What the peer's SYN, or SYN,ACK, makes of `ecn`, which is there when our SYN has asked. `passive`: a listener took the SYN. Differs: a
 * SYN that itself is marked agrees to nothing, since somebody has touched the field (as Linux).
 */
export function negotiateEcn(
  ecn: Ecn | undefined,
  seg: Segment,
  mode: TcpConfig['ecn'],
  passive: boolean,
): Ecn | undefined {
  if (!isEcnSetup(seg)) return undefined;
  if (ecn === undefined && (mode === 'off' || !passive || seg.hasAck)) return undefined;
  if (!seg.hasAck && seg.ecn !== EcnField.NotEct) return undefined;
  const agreed = ecn ?? new Ecn();
  agreed.agreed = true;
  return agreed;
}
