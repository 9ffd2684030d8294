/**
 * Whose turn it is to send: connections that may have something to, each once, in the order in which they came to have it. All of a
 * round have their turn before any has a second one. A round may take many polls, as each sends a bounded amount (turn-share.ts).
 */
import { empty } from '../core/lists.ts';
import { NEVER } from '../core/time.ts';
import type { Micros } from '../core/time.ts';

/** What has turns. `marked`: it is among those of this round or the next. */
export interface Marked {
  marked: boolean;
}

export class Turns<T extends Marked> {
  /** Those of the round that is going on, and of the next. */
  #round: T[] = [];
  #next: T[] = [];
  /** For each of them the first poll that found it. */
  #roundSince: Micros[] = [];
  #nextSince: Micros[] = [];
  /** Whose turn it is in the round. */
  #place = 0;
  /** Since when the one whose turn it is has waited: what it spent here, it was not idle. */
  since: Micros = NEVER;

  get isEmpty(): boolean {
    return this.#place === this.#round.length && this.#next.length === 0;
  }

  add(item: T): void {
    if (item.marked) return;
    item.marked = true;
    this.#next.push(item);
  }

  /** A poll begins, and with it a round when the last one is over. */
  begin(now: Micros): void {
    while (this.#nextSince.length < this.#next.length) this.#nextSince.push(now);
    if (this.#place < this.#round.length) return;
    this.#endRound();
    const round = this.#round;
    const since = this.#roundSince;
    this.#round = this.#next;
    this.#roundSince = this.#nextSince;
    this.#next = round;
    this.#nextSince = since;
  }

  /** The one whose turn it is, which is unmarked; none when the round is over. */
  take(): T | undefined {
    if (this.#place === this.#round.length) {
      this.#endRound();
      return undefined;
    }
    this.since = this.#roundSince[this.#place]!;
    const item = this.#round[this.#place++]!;
    item.marked = false;
    return item;
  }

  #endRound(): void {
    empty(this.#round);
    empty(this.#roundSince);
    this.#place = 0;
  }
}
