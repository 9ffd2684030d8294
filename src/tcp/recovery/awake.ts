/**
 * Loss recovery wakes up when something is about to be in flight, and comes to rest once the connection is idle: at-rest.ts.
 */
import type { Micros } from '../../core/time.ts';
import { seqAdd, seqGt } from '../seq.ts';
import { AtRest } from './at-rest.ts';
import { NewReno } from './newreno.ts';
import { RoundTripsSeen } from './rack.ts';
import type { LossRecovery, SendState } from './recovery.ts';
import { SackRecovery } from './sack.ts';

/** What has recovery; the sender does. */
interface Recovering extends SendState {
  recovery: LossRecovery;
  /** There once it has been awake with SACK. */
  seen: RoundTripsSeen | undefined;
}

/** What watches over octets from SND.UNA on takes the place of recovery that is at rest. */
export function wake(sender: Recovering): void {
  const { recovery, tcb } = sender;
  if (recovery === AtRest.withoutSack) {
    sender.recovery = new NewReno(seqAdd(tcb.sndUna, -1));
  } else if (recovery === AtRest.withSack) {
    sender.seen ??= new RoundTripsSeen();
    sender.recovery = new SackRecovery(tcb.sndUna, sender.seen);
  }
}

/** A timer finds nothing to do, so nothing has been in flight for a while, if nothing is now. */
export function rest(sender: Recovering & { readonly feed: { rest(now: Micros): void } }, now: Micros): void {
  if (sender.flightSize > 0 || seqGt(sender.textEnd, sender.tcb.sndUna)) return;
  sender.recovery = sender.recovery.atRest(sender);
  sender.feed.rest(now);
}
