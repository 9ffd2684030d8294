/**
 * Loss recovery while nothing is in flight: there is nothing to recover, so nothing is kept for it, and all connections share this. One that
 * only receives never has any other. With the first octet that it sends, awake.ts makes newreno.ts or sack.ts of it; those come back to it
 * when all has been acknowledged for a while and nothing was ever lost, reordered or sent again.
 */
import { NEVER } from '../../core/time.ts';
import { noCounters } from './recovery.ts';
import type { AckFacts, LossRecovery, RecoveryCounters, RecoveryEvent, SendState } from './recovery.ts';

/** A mistake of the sender's, which wakes recovery before either. */
const ASLEEP = 'nothing can be in flight while recovery is at rest';

export class AtRest implements LossRecovery {
  readonly name: string;
  readonly goesBack: boolean;
  readonly active = false;
  readonly quiet = true;
  readonly inflation = 0;
  readonly reorderDeadline = NEVER;
  readonly probing = false;
  readonly events: RecoveryEvent[] = [];
  readonly counters: Readonly<RecoveryCounters> = noCounters();
  readonly delivered = 0;
  readonly deliveredSentAt: number;
  readonly textReason = 'new data';

  private constructor(name: string, goesBack: boolean) {
    this.name = name;
    this.goesBack = goesBack;
    this.deliveredSentAt = goesBack ? NEVER : -1;
  }

  /** In the place of NewReno: where the peer has no SACK, and until its SYN is here. */
  static readonly withoutSack = new AtRest('newreno', true);
  static readonly withSack = new AtRest('rack', false);

  onSent(): void {
    throw new Error(ASLEEP);
  }

  onTimeout(): void {
    throw new Error(ASLEEP);
  }

  onAck(facts: AckFacts): boolean {
    return facts.covered === 0;
  }

  onReorderTimer(): void {
    return;
  }

  probeTimeout(): undefined {
    return undefined;
  }

  onProbeTimer(): void {
    return;
  }

  resend(): void {
    return;
  }

  nextLost(): boolean {
    return false;
  }

  /** A SYN may be outstanding. */
  inNetwork(state: SendState): number {
    return this.goesBack ? state.flightSize : 0;
  }

  room(used: number, { control, smss }: SendState): number {
    return Math.max(control.cwnd, smss) - (this.goesBack ? used : 0);
  }

  atRest(): this {
    return this;
  }
}
