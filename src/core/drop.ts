/**
 * Named reasons for every packet that is not processed further, and their counters. There is no silent drop.
 *
 * A bad packet is not an error: nothing throws, the layer that refuses it names one of these and returns. The name says
 * what was wrong, the sentence what the rule is; the counters are part of a host's snapshot.
 */
import type { Frame } from './frame.ts';

export const DROP_REASONS = {
  // link
  'link-down': 'the link refused the frame because it is down or closed',
  'link-queue-full': 'the queue in front of the link was full',
  'link-too-long': 'the frame is longer than the link carries',
} as const satisfies Record<string, string>;

export type DropReason = keyof typeof DROP_REASONS;

/** Called for each drop; the frame, if one is at hand, is lent for the call. */
export type DropListener = (reason: DropReason, frame: Frame | undefined) => void;

export class Drops {
  readonly #counts = new Map<DropReason, number>();
  /** One observer (a capture, a trace); undefined when nobody looks. */
  listener: DropListener | undefined = undefined;

  /** Counts a drop and tells the observer. The frame stays its holder's to release. */
  drop(reason: DropReason, frame?: Frame): void {
    this.#counts.set(reason, (this.#counts.get(reason) ?? 0) + 1);
    if (this.listener !== undefined) this.listener(reason, frame);
  }

  count(reason: DropReason): number {
    return this.#counts.get(reason) ?? 0;
  }

  /** All reasons that occurred, with how often. */
  snapshot(): Partial<Record<DropReason, number>> {
    return Object.fromEntries(this.#counts);
  }
}
