/**
 * Packetization layer path MTU discovery: looks for the largest segment that gets through by sending larger ones, made of data that is to
 * be sent anyway, and seeing whether they arrive. It needs no ICMP. RFC 4821; names are its own. black-hole.ts says when it begins.
 *
 * Sizes are octets of text in a segment, since header and options are the same in each. Left out: MTU verification (§7.8, SHOULD), which
 * black hole detection stands for, and sharing what was found with other connections (§5.2).
 */
import type { TcpConfig } from '../core/config.ts';
import { NEVER, after, micros } from '../core/time.ts';
import type { Micros } from '../core/time.ts';
import { choose } from './chosen.ts';
import type { Chosen } from './chosen.ts';
import type { LossRecovery, MtuProbe, SendState } from './recovery/recovery.ts';
import { seqDiff, seqGe, seqGt, seqLt, seqNum } from './seq.ts';
import type { SeqNum } from './seq.ts';

/** Full segments that must be able to follow a probe, so that duplicate ACKs tell of its loss. §7.4; three are enough, as §7.4 has it. */
const FOLLOWING = 4;
/** After a probe that a time-out had to end, the wait is this much longer. §7.6.3. */
const TIMEOUT_FACTOR = 5;

/** What a probe may see of the sender. */
export interface ProbingSender extends SendState {
  readonly rtxNxt: SeqNum;
  readonly recovery: LossRecovery;
}

/** 'wait': a probe is due, and nothing else is to be sent until what is in the network has made room for it. */
export type ProbeChoice = 'none' | 'wait' | 'probe';

export class MtuProber implements MtuProbe {
  /** search_low, and eff_pmtu, which is the same while probing upward: no other segment is larger. §7.1. */
  #low: number;
  /** search_high: the greatest size that has not failed. */
  #high = Infinity;
  /** The greatest size that path, peer and options allow. */
  #widest = 0;
  /** The probe under way; size 0 for none. */
  #size = 0;
  #start: SeqNum = seqNum(0);
  #end: SeqNum = seqNum(0);
  /** No probe before this: one has failed a short while ago. */
  #notBefore: Micros = micros(-Infinity);
  /** When the search came to its end; NEVER while it goes on. */
  #convergedAt: Micros = NEVER;
  readonly #config: TcpConfig;
  /** Segments of `low` octets got through. */
  confirmed = false;

  /** @param low octets of text that are safe to begin with */
  constructor(low: number, config: TcpConfig) {
    this.#low = low;
    this.#config = config;
  }

  /** How large segments may be where path, peer and options allow `widest`. */
  bounded(widest: number): number {
    this.#widest = widest;
    return Math.min(widest, this.#low);
  }

  /** A full-stop timeout: back to `low`. §7.7. */
  fallBack(low: number): void {
    this.#low = low;
    this.#high = Infinity;
    this.#size = 0;
    this.#convergedAt = NEVER;
    this.confirmed = false;
  }

  /** Names a probe when one is due and its conditions hold. §7.4. */
  choose(out: Chosen, sender: ProbingSender, now: Micros): ProbeChoice {
    const { tcb, smss, rtxNxt, recovery, flightSize } = sender;
    if (this.#size > 0 || now < this.#notBefore || rtxNxt !== tcb.sndNxt) return 'none';
    const queued = seqDiff(sender.textEnd, rtxNxt);
    if (queued < FOLLOWING * smss || !recovery.quiet || seqGt(tcb.sndUp, rtxNxt)) return 'none';
    const size = this.#nextSize(now);
    if (size <= smss) return 'none';
    const needed = size + FOLLOWING * smss;
    if (queued < needed || tcb.sndWnd - flightSize < needed || sender.control.cwnd < needed) return 'none';
    if (recovery.room(flightSize, sender) < size) return flightSize > 0 ? 'wait' : 'none';
    choose(out, rtxNxt, size);
    out.mtuProbe = true;
    out.reason = 'path MTU probe';
    return 'probe';
  }

  /** Something has gone out. Sent again in another size, what a probe carried tells nothing when it is acknowledged. */
  onSent(chosen: Chosen, end: SeqNum, again: boolean): void {
    if (chosen.mtuProbe) {
      this.#size = chosen.length;
      this.#start = chosen.seq;
      this.#end = end;
    } else if (again && this.#size > 0 && seqLt(chosen.seq, this.#end) && seqGt(end, this.#start)) {
      this.#size = 0; // inconclusive: the same again later. §7.6.4
    }
  }

  /** SND.UNA is `una` now, `freed` octets of text further. §7.6.1. */
  onAck(una: SeqNum, freed: number): void {
    if (freed >= this.#low) this.confirmed = true;
    if (this.#size === 0 || !seqGe(una, this.#end)) return;
    this.#low = this.#size;
    this.#size = 0;
  }

  /** As MtuProbe.failed: only the probe is lost. §7.6.2. */
  failed(seq: SeqNum, octets: number, state: SendState, now: Micros): number {
    const size = this.#size;
    if (size === 0 || seq !== this.#start || octets > size) return 0;
    this.#fail(1, state, now);
    return size;
  }

  /** The retransmission timer has expired. When it is the probe that was waited for, it has failed, at some cost. §7.6.3. */
  onTimeout(state: SendState, now: Micros): void {
    if (this.#size > 0 && state.tcb.sndUna === this.#start) this.#fail(TIMEOUT_FACTOR, state, now);
  }

  /** No probe for as many round trips as cwnd has segments: failures must be rarer than losses by congestion. §7.6.2. */
  #fail(factor: number, { control, rto, smss }: SendState, now: Micros): void {
    this.#high = this.#size - 1;
    this.#size = 0;
    const roundTrips = Math.ceil(control.cwnd / smss);
    this.#notBefore = after(now, factor * roundTrips * (rto.srtt ?? rto.value));
  }

  /** The size to try: the greatest when nothing larger has failed, else halfway; 0 when it is not worth its cost. §7.3. */
  #nextSize(now: Micros): number {
    const { mtuProbeThreshold, mtuProbeInterval } = this.#config;
    if (Math.min(this.#high, this.#widest) - this.#low < mtuProbeThreshold && this.#high < this.#widest) {
      if (this.#convergedAt === NEVER) this.#convergedAt = now;
      if (now - this.#convergedAt < mtuProbeInterval) return 0;
      this.#high = Infinity; // the path may have become wider since
      this.#convergedAt = NEVER;
    }
    return this.#high >= this.#widest ? this.#widest : (this.#low + this.#high + 1) >> 1;
  }
}
