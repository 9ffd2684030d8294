/**
 * The sending half: owns SND.* and the send ring, and names the next octets to send. RFC 9293 §3.8, §3.7.4, §3.8.6.2.1.
 *
 * `next` only decides; output.ts builds the segment and reports it with `sent`. A retransmission is `next` naming old octets:
 * the ring is the only copy of the data. Read congestion/ and recovery/ for what bounds it, retransmit.ts for the time-out.
 */
import { ByteRing } from '../core/ring.ts';
import type { BufferPool } from '../core/buffers.ts';
import { NEVER, after } from '../core/time.ts';
import type { Micros } from '../core/time.ts';
import type { CongestionControl } from './congestion/control.ts';
import { choose, chooseSyn } from './chosen.ts';
import type { Chosen } from './chosen.ts';
import type { Cork } from './cork.ts';
import { ControlFeed } from './control-feed.ts';
import { mayAnswerEarly } from './fast-open.ts';
import type { FastOpen } from './fast-open.ts';
import { lossSignsOf } from './loss-signs.ts';
import type { LossSigns } from './loss-signs.ts';
import type { MtuProber } from './mtu-prober.ts';
import { noOptions } from './options.ts';
import type { SegmentOptions } from './options.ts';
import { Pacing, pacerOf } from './pacing.ts';
import type { Pacer } from './pacing.ts';
import type { ZeroWindowProbes } from './probes.ts';
import { AtRest } from './recovery/at-rest.ts';
import { wake } from './recovery/awake.ts';
import type { RoundTripsSeen } from './recovery/rack.ts';
import type { AckFacts, LossRecovery, SendState } from './recovery/recovery.ts';
import type { Rto } from './rto.ts';
import type { SendReason } from './send-reason.ts';
import { ofOneKind, payloadWithin } from './segment-size.ts';
import { seqAdd, seqDiff, seqGt, seqLe, seqLt, seqMax, seqNum } from './seq.ts';
import type { SeqNum } from './seq.ts';
import { maySendText } from './state.ts';
import { DEFAULT_MSS } from './tcb.ts';
import type { Tcb } from './tcb.ts';
import { Timer } from './timers.ts';
import type { Timers } from './timers.ts';
import { fillsWindow, worthSending } from './worth-sending.ts';

// Reused for every acknowledgment, whatever connection it is for.
const facts: AckFacts = { ack: seqNum(0), covered: 0, acked: 0, duplicate: false, options: noOptions() };

export class Sender implements SendState {
  readonly tcb: Tcb;
  readonly #timers: Timers;
  readonly feed: ControlFeed;
  pacing = Pacing.unbounded.off;
  /** There once it has held something back. */
  pacer: Pacer | undefined = undefined;
  readonly rto: Rto;
  control: CongestionControl;
  recovery: LossRecovery = AtRest.withoutSack;
  /** What RACK knows of the round trip. */
  seen: RoundTripsSeen | undefined = undefined;
  /** Octets that are queued or not yet acknowledged; the first is `ringSeq`. */
  readonly ring: ByteRing;
  /** Sequence number of the first octet in the ring. */
  ringSeq: SeqNum = seqNum(0);
  /** Where sending goes on: SND.NXT, or before it while octets are sent again. */
  rtxNxt: SeqNum = seqNum(0);
  /** The ring had no room for all that the program gave last. */
  refused = false;
  /** A FIN follows the last octet of the ring. */
  finQueued = false;
  /** Eff.snd.MSS: most octets of text in a segment on the wire, options taken off. RFC 9293 §3.7.1. */
  smss = DEFAULT_MSS;
  /** Most octets of text that IP takes at once. */
  #largestPayload = DEFAULT_MSS;
  /** Looks for the path's MTU without ICMP; most connections need none. RFC 4821. */
  mtuProber: MtuProber | undefined = undefined;
  /** Nagle's algorithm is off. MUST-17. */
  noDelay = false;
  /** There once something was to be held back. */
  cork: Cork | undefined = undefined;
  /** User timeout (us), 0 for none. */
  userTimeout = 0;
  /** Set while text may go with the SYN. RFC 7413. */
  fastOpen: FastOpen | undefined = undefined;
  /** Our SYN is acknowledged. (SND.UNA alone does not tell: it passes ISS again after 4 GiB.) */
  synAcked = false;
  /** There from the first sign of loss on. */
  lossSigns: LossSigns | undefined = undefined;
  /** There from the first zero-window probe until the window opens. RFC 9293 §3.8.6.1. */
  probes: ZeroWindowProbes | undefined = undefined;
  /** The SWS override timer has expired: send what fits. */
  overridden = false;
  /** `smss` of the largest segment in flight. */
  #flightSmss = 0;
  /** One past the last segment below `smss` that was sent (Nagle). */
  smallEnd: SeqNum = seqNum(0);
  /** When text was last sent, for the restart after idleness. RFC 5681 §4.1. */
  #lastSentAt: Micros = NEVER;
  bytesSent = 0;
  bytesAcked = 0;

  constructor(tcb: Tcb, timers: Timers, rto: Rto, control: CongestionControl, ringLimit: number, buffers: BufferPool) {
    this.tcb = tcb;
    this.#timers = timers;
    this.rto = rto;
    this.feed = new ControlFeed(tcb, rto);
    this.control = control;
    this.feed.follow(control);
    this.ring = new ByteRing(ringLimit, buffers);
  }

  /** Retransmission timeouts, and those since the last progress. */
  get timeouts(): number {
    return this.lossSigns?.timeouts ?? 0;
  }
  get retries(): number {
    return this.lossSigns?.retries ?? 0;
  }

  /** Octets sent and not acknowledged. RFC 5681 §2, FlightSize. */
  get flightSize(): number {
    return seqDiff(this.tcb.sndNxt, this.tcb.sndUna);
  }

  /** Most octets of text to hand to IP at once. */
  get maxPayload(): number {
    return payloadWithin(this.#largestPayload, this.control.cwnd, this.smss);
  }

  /** One past the last octet of text queued; the place of the FIN. */
  get textEnd(): SeqNum {
    return seqAdd(this.ringSeq, this.ring.length);
  }

  /** One past everything queued, FIN included. */
  get queueEnd(): SeqNum {
    return seqAdd(this.ringSeq, this.ring.length + (this.finQueued ? 1 : 0));
  }

  /** Our FIN was sent and acknowledged. */
  get finAcked(): boolean {
    return this.finQueued && seqGt(this.tcb.sndUna, this.textEnd);
  }

  /** Takes an initial sequence number: SND.UNA = ISS; the SYN is the next to send, or `gone` with a cookie. RFC 9293 §3.10.1. */
  start(iss: SeqNum, gone = false): void {
    const tcb = this.tcb;
    tcb.iss = iss;
    tcb.sndUna = iss;
    tcb.sndNxt = this.rtxNxt = seqAdd(iss, gone ? 1 : 0);
    tcb.sndUp = iss;
    this.ringSeq = seqAdd(iss, 1);
    this.smallEnd = iss;
  }

  /** The handshake is done: SND.WND is known and text may flow. */
  established(): void {
    const synLost = this.timeouts > 0;
    if (synLost) this.rto.afterLostSyn();
    this.control.start(this.smss, synLost);
    if (this.tcb.sackOk) this.recovery = AtRest.withSack;
    if (this.lossSigns !== undefined) this.lossSigns.retries = 0;
  }

  setSegmentSize(smss: number, largestPayload: number): void {
    if (smss !== this.smss) {
      this.smss = smss;
      this.control.setSmss(smss);
    }
    this.#largestPayload = Math.min(largestPayload, this.pacing.quantum(this));
  }

  /** What the SYN,ACK did not acknowledge was never sent: it goes out as new. RFC 7413 §4.2.2. */
  takeBack(): void {
    const { iss, sndUna } = this.tcb;
    this.tcb.sndNxt = this.rtxNxt = this.smallEnd = seqMax(sndUna, seqAdd(iss, 1));
  }

  /** The segment that a SYN or SYN,ACK goes out in again. */
  resendSyn(): void {
    this.rtxNxt = this.tcb.iss;
  }

  /** SND.UNA < SEG.ACK =< SND.NXT: frees what it covers. Returns octets of text freed. */
  onNewAck(ack: SeqNum, options: SegmentOptions, now: Micros): number {
    const tcb = this.tcb;
    const flightBefore = this.flightSize;
    const covered = seqDiff(ack, tcb.sndUna);
    const first = !this.synAcked;
    this.synAcked = true;
    tcb.sndUna = ack;
    this.feed.onNewAck(options.tsEcr, now);
    tcb.sndUp = seqMax(tcb.sndUp, ack);
    this.rtxNxt = seqMax(this.rtxNxt, ack);
    this.smallEnd = seqMax(this.smallEnd, ack);
    const freed = Math.min(Math.max(0, seqDiff(ack, this.ringSeq)), this.ring.length);
    this.ring.discard(freed);
    this.ringSeq = seqAdd(this.ringSeq, freed);
    this.bytesAcked += freed;
    this.mtuProber?.onAck(ack, freed);
    this.#timers.clear(Timer.User);
    this.#timers.clear(Timer.Tlp);
    const afterTimeout = this.lossSigns?.onNewAck(ack) ?? false;
    const recovering = this.recovery.active;
    const keepTimer = this.tell(ack, covered, freed, false, options, now);
    if (ack === tcb.sndNxt) this.#flightSmss = 0;
    // RFC 5681 §3.1: the ACK of the SYN does not open the window.
    const growing = freed > 0 && !first && !recovering && !this.recovery.active;
    if (growing) this.feed.tell(this.control, freed, flightBefore, this.rto.srtt, afterTimeout, now);
    // RFC 6298 §5 (5.2), (5.3): stopped here, started again at the end of the turn when something is still outstanding.
    if (!keepTimer) this.#timers.clear(Timer.Rto);
    return freed;
  }

  /** Changes the congestion control algorithm; a running connection keeps its window. */
  setControl(control: CongestionControl): void {
    if (this.control.cwnd > 0) control.start(this.smss, false, this.control);
    this.feed.follow(control);
    this.control = control;
  }

  /** An ACK that advances nothing. `duplicate`: as RFC 5681 §2 defines it. What it reports by SACK counts in any case. */
  onOldAck(ack: SeqNum, duplicate: boolean, options: SegmentOptions, now: Micros): void {
    if (duplicate) lossSignsOf(this).duplicateAcks++;
    this.tell(ack, 0, 0, duplicate, options, now);
  }

  private tell(
    ack: SeqNum,
    covered: number,
    text: number,
    duplicate: boolean,
    options: SegmentOptions,
    now: Micros,
  ): boolean {
    if (options.sackCount > 0) wake(this);
    facts.ack = ack;
    facts.covered = covered;
    facts.acked = text;
    facts.duplicate = duplicate;
    facts.options = options;
    const keepTimer = this.recovery.onAck(facts, this, now);
    this.feed.measure(this, this.recovery, covered > 0, this.lossSigns?.timeoutEnd !== undefined, now);
    return keepTimer;
  }

  /** The tail loss probe timer expired. RFC 8985 §7.3: the retransmission timer starts again in any case. */
  onProbeTimer(now: Micros): void {
    this.recovery.onProbeTimer(this);
    this.#timers.set(Timer.Rto, after(now, this.rto.value));
  }

  /** The retransmission timer expired. Without SACK everything outstanding counts as lost and is sent again from SND.UNA on. */
  onTimeout(now: Micros): void {
    const signs = lossSignsOf(this);
    const again = signs.retries > 0;
    this.mtuProber?.onTimeout(this, now);
    signs.retries++;
    signs.timeouts++;
    this.rto.backoff();
    // Differs: RFC 6675 §5.1 reduces ssthresh once more when a recovery ends in a time-out; as in Linux that is one loss event.
    if (this.synAcked) this.control.onTimeout(this.flightSize, again || this.recovery.active, now);
    wake(this);
    this.recovery.onTimeout(again, this, now);
    signs.timeoutEnd = this.tcb.sndNxt;
    this.#timers.clear(Timer.Tlp);
    this.pacer?.reset();
    this.feed.onTimeout(this.recovery.goesBack);
    this.goBack('retransmission after a time-out');
  }

  /** What was sent beyond the path's new MTU goes out again in smaller segments. False when all in flight fits. RFC 1191 §6.4. */
  onPathMtu(): boolean {
    if (this.smss >= this.#flightSmss || !this.synAcked) return false;
    this.#flightSmss = this.smss;
    this.recovery.resend('smaller path MTU');
    this.goBack('smaller path MTU');
    return true;
  }

  private goBack(why: SendReason): void {
    if (this.recovery.goesBack || !this.synAcked) this.rtxNxt = this.tcb.sndUna;
    lossSignsOf(this).backReason = why;
  }

  /** Marks the octet before the end of the ring as the last urgent one: SND.UP is the octet after it. MUST-62. */
  markUrgent(): void {
    this.tcb.sndUp = this.textEnd;
  }

  /** Names what to send now. It has waited for its turn since `since`. False when nothing may be sent; on-timeout.ts then sets a timer. */
  next(out: Chosen, since: Micros, now: Micros): boolean {
    const { state } = this.tcb;
    if (this.pacer !== undefined) this.pacer.holding = false;
    if (state === 'SYN-SENT' || state === 'SYN-RECEIVED') return this.chooseFirst(out, since, now);
    if (!maySendText(state)) return false;
    if (this.probes?.owed === true) return this.chooseProbe(out, this.probes);
    if (this.chooseLost(out) || this.chooseText(out, since, now))
      return this.pacer === undefined || this.pacer.lets(now);
    this.feed.onStopped(this, this.recovery, seqDiff(this.textEnd, this.rtxNxt), this.refused);
    return false;
  }

  /** What `next` named has gone out. */
  sent(chosen: Chosen, now: Micros): void {
    const tcb = this.tcb;
    const end = seqAdd(chosen.seq, chosen.length + (chosen.syn ? 1 : 0) + (chosen.fin ? 1 : 0));
    const again = seqLt(chosen.seq, tcb.sndNxt);
    this.mtuProber?.onSent(chosen, end, again);
    tcb.sndNxt = seqMax(tcb.sndNxt, end);
    if (again) {
      lossSignsOf(this).onRetransmitted(chosen.length);
      this.feed.onRetransmitted(end, now);
    } else {
      this.feed.onSent(chosen.seq, chosen.syn ? seqAdd(chosen.seq, 1) : end, now); // a SYN's round trip is that of its own octet
      if (chosen.length % this.smss !== 0) this.smallEnd = end;
      this.#timers.clear(Timer.Tlp);
    }
    let probing = this.probes?.owed === true;
    if (probing && this.recovery.goesBack) probing = false;
    else this.rtxNxt = chosen.repair || probing ? seqMax(this.rtxNxt, end) : end;
    // A probe of octets that are outstanding is no transmission of them.
    if (!chosen.syn && !(probing && again)) {
      wake(this);
      this.recovery.onSent(chosen.seq, end, again, this, now);
    }
    // With SACK, SND.UNA may stay for several round trips while its segment is lost again and again: no time-out for that (as Linux).
    if (chosen.repair && !this.recovery.goesBack && chosen.seq === tcb.sndUna) this.#timers.clear(Timer.Rto);
    if (this.probes !== undefined) this.probes.owed = false;
    this.overridden = false;
    this.bytesSent += chosen.length;
    const rate = this.pacing.rate(this);
    if (rate !== Infinity) pacerOf(this).onSent(chosen.length, rate, this.pacing.slack(rate, this), now);
    if (this.smss > this.#flightSmss) this.#flightSmss = this.smss;
    this.#lastSentAt = now;
  }

  /** SYN, or SYN,ACK; then text that need not wait for the ACK of it. RFC 7413 §4.2.2. */
  private chooseFirst(out: Chosen, since: Micros, now: Micros): boolean {
    if (this.rtxNxt === this.tcb.iss) return chooseSyn(out, this, this.retries > 0);
    if (!mayAnswerEarly(this) || !this.chooseText(out, since, now)) return false;
    out.fin = false; // its turn comes in FIN-WAIT-1
    return out.length > 0;
  }

  /** One octet (or the FIN) from SND.UNA. What it draws tells the window; the octet is sent again when that opens. */
  private chooseProbe(out: Chosen, probes: ZeroWindowProbes): boolean {
    const tcb = this.tcb;
    this.goBack('window opened again');
    if (seqLe(this.queueEnd, tcb.sndUna)) {
      probes.owed = false;
      return false;
    }
    choose(out, tcb.sndUna, seqLt(tcb.sndUna, this.textEnd) ? 1 : 0);
    out.fin = out.length === 0;
    out.reason = 'zero-window probe';
    return true;
  }

  /** What recovery wants sent again. With urgent data one segment at a time: a cut one would carry a wrong urgent pointer. */
  private chooseLost(out: Chosen): boolean {
    const { tcb, smss } = this;
    choose(out, tcb.sndUna, 0);
    if (!this.recovery.nextLost(out, this)) return false;
    out.repair = true;
    if (out.length > smss && seqGt(tcb.sndUp, out.seq)) {
      out.length = smss;
      out.fin = false;
    }
    return true;
  }

  private chooseText(out: Chosen, since: Micros, now: Micros): boolean {
    const tcb = this.tcb;
    const start = this.rtxNxt;
    const textLeft = seqDiff(this.textEnd, start);
    if (textLeft < 0 || (textLeft === 0 && !this.finQueued)) return false;
    const used = seqDiff(start, tcb.sndUna);
    // Differs: RFC 5681 §4.1 looks at the last transmission only. Who waits for a turn among thousands has not been idle: as Linux, which
    // looks when the program gives text. Measured with 10,000 busy senders: cwnd stayed at the restart window for good.
    if (used === 0 && start === tcb.sndNxt) this.control.onResume(since - this.#lastSentAt, this.rto.value, now);
    const probe = this.mtuProber === undefined ? 'none' : this.mtuProber.choose(out, this, now);
    if (probe !== 'none') return probe === 'probe';
    const usable = tcb.sndWnd - used; // U; negative when the peer has shrunk its window (MUST-34)
    const congestion = this.recovery.room(used, this);
    if (textLeft === 0) {
      // A FIN alone: congestion control counts text, not it.
      if (usable < 1) return false;
      choose(out, start, 0);
    } else {
      const room = Math.min(usable, congestion, ofOneKind(this.maxPayload, seqDiff(tcb.sndNxt, start), this.smss));
      if (congestion < usable && congestion < textLeft) this.feed.onLimited(used + Math.max(congestion, 0));
      const length = worthSending(this, Math.min(textLeft, room), textLeft, usable, congestion, start);
      if (length <= 0) return false;
      choose(out, start, length);
      out.psh = length === textLeft || fillsWindow(length, Math.min(usable, congestion), used, this.smss);
    }
    out.fin = this.finQueued && out.length === textLeft && usable > out.length;
    if (seqLt(start, tcb.sndNxt)) out.reason = lossSignsOf(this).reason;
    else if (out.length > 0) out.reason = this.recovery.textReason;
    else out.reason = 'close';
    return true;
  }
}
