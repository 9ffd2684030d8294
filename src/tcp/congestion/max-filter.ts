/**
 * The greatest of the values of the last rounds: BBR's BtlBw filter. draft-cardwell-iccrg-bbr-congestion-control-00 §4.1.1.
 */

export class MaxFilter {
  /** The greatest value of each round, at the round's number modulo the length. */
  readonly #best: number[];
  #round = 0;
  /** The greatest value of the last rounds; 0 when there was none. */
  value = 0;

  /** @param rounds how many rounds a value counts, that in which it came included */
  constructor(rounds: number) {
    this.#best = new Array<number>(rounds).fill(0);
  }

  /** Takes a value of round number `round`, which never falls. */
  update(value: number, round: number): void {
    const best = this.#best;
    const passed = Math.min(round - this.#round, best.length);
    for (let i = 0; i < passed; i++) best[(round - i) % best.length] = 0;
    this.#round = round;
    const at = round % best.length;
    if (value > best[at]!) best[at] = value;
    if (passed > 0) this.value = Math.max(...best);
    else if (value > this.value) this.value = value;
  }
}
