/**
 * The ACK train: how long ACKs have been coming without a pause in one round trip. A path that is not full falls silent once it has brought
 * the ACKs of a window; a full one does not. Ha and Rhee, "Taming the elephants: New TCP slow start" (2011); Linux hystart_update.
 */
import { NEVER, micros } from '../core/time.ts';
import type { Micros } from '../core/time.ts';

/** SRTT over a time without ACKs that is a pause. Differs: Linux has 2 ms, less than a user-space host may be held up for. */
const PAUSES = 8;

export class AckTrain {
  #since: Micros = NEVER;
  #last: Micros = NEVER;

  /** An ACK has come. */
  onAck(srtt: Micros, now: Micros): void {
    if (this.#last === NEVER || now - this.#last > srtt / PAUSES) this.#since = now;
    this.#last = now;
  }

  /** A round trip begins: what came before does not count. */
  onRound(now: Micros): void {
    this.#since = now;
  }

  /** Its length as of the last ACK (us). */
  get length(): Micros {
    return micros(this.#last === NEVER ? 0 : Math.max(this.#last - this.#since, 0));
  }
}
