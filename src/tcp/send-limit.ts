/**
 * What holds a sender back, and for how long it has: the first questions about a transfer that is slow. Linux has the same in tcp_info
 * (tcp_chrono_start). Looked at once a turn, after all that may be sent has been.
 */
import { micros } from '../core/time.ts';
import type { Micros } from '../core/time.ts';
import type { Pacer } from './pacing.ts';
import type { LossRecovery, SendState } from './recovery/recovery.ts';
import { seqDiff } from './seq.ts';
import type { SeqNum } from './seq.ts';
import type { SendLimit } from './service.ts';

/** What it depends on; the sender has it. */
export interface LimitedState extends SendState {
  readonly recovery: LossRecovery;
  readonly pacer: Pacer | undefined;
  /** Where sending goes on. */
  readonly rtxNxt: SeqNum;
  /** The send buffer had no room for all that the program gave last. */
  readonly refused: boolean;
}

export class SendLimits {
  /** As of the last turn; it is 'app' when nothing is outstanding or queued. */
  current: SendLimit = 'app';
  /** Time with anything outstanding or queued, and of that the time in which the two were the limit (us); up to `#at`. */
  #busy: number;
  #rwnd = 0;
  #sndbuf = 0;
  #isBusy = false;
  #at: Micros = micros(0);

  /** @param busy the time before */
  constructor(busy: number) {
    this.#busy = busy;
  }

  /** The time without anything to send, and what `busy` tells of before: there is nothing else to remember. */
  get isPlain(): boolean {
    return !this.#isBusy && this.#rwnd === 0 && this.#sndbuf === 0;
  }

  /** Nothing more may be sent in this turn. */
  note(state: LimitedState, now: Micros): void {
    this.#busy = this.busy(now);
    this.#rwnd = this.rwndLimited(now);
    this.#sndbuf = this.sndbufLimited(now);
    this.#at = now;
    const { flightSize, textEnd, rtxNxt } = state;
    this.#isBusy = flightSize > 0 || seqDiff(textEnd, rtxNxt) > 0;
    this.current = this.#isBusy ? limitOf(state) : 'app';
  }

  busy(now: Micros): number {
    return this.#busy + (this.#isBusy ? now - this.#at : 0);
  }

  rwndLimited(now: Micros): number {
    return this.#rwnd + (this.current === 'rwnd' ? now - this.#at : 0);
  }

  sndbufLimited(now: Micros): number {
    return this.#sndbuf + (this.current === 'sndbuf' ? now - this.#at : 0);
  }
}

function limitOf(state: LimitedState): SendLimit {
  const { tcb, smss, rtxNxt } = state;
  if (state.pacer?.holding === true) return 'pacing';
  const textLeft = seqDiff(state.textEnd, rtxNxt);
  if (textLeft <= 0) return state.refused ? 'sndbuf' : 'app';
  const used = seqDiff(rtxNxt, tcb.sndUna);
  const usable = tcb.sndWnd - used;
  const room = state.recovery.room(used, state);
  const wanted = Math.min(textLeft, smss);
  if (usable < wanted && usable <= room) return 'rwnd';
  return room < wanted ? 'cwnd' : 'app'; // else Nagle's algorithm waits for more
}
