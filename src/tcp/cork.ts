/**
 * Text that is held back on the program's word, though a small segment of it could go: TCP_CORK and MSG_MORE; and how much unsent text
 * counts as enough, TCP_NOTSENT_LOWAT. RFC 9293 §3.9.1.2 (MAY-16), tcp(7), send(2). What is held goes at the latest 200 ms
 * (config.tcp.swsOverride) after everything before it was acknowledged, and with a FIN at once.
 *
 * Differs: on Linux any ACK that comes may let out what MSG_MORE holds; here it stays until a send without the flag, as under TCP_CORK.
 */
import { seqGt, seqNum } from './seq.ts';
import type { SeqNum } from './seq.ts';

export class Cork {
  /** TCP_CORK. */
  on = false;
  /** The last send had MSG_MORE. */
  more = false;
  /** TCP_NOTSENT_LOWAT (octets), Infinity for no bound. */
  lowWater = Infinity;
  /** Text before this goes in any case: TCP_NODELAY was set when it was queued. */
  #pushed: SeqNum = seqNum(0);
  #pushing = false;

  /** A mark is set, so that what was sent may have made room. */
  get isBounded(): boolean {
    return this.lowWater !== Infinity;
  }

  /** Whether a small segment from `start` on waits for more. */
  holds(start: SeqNum): boolean {
    // Over once it is done, or it would come back after 2 GiB.
    if (this.#pushing && !seqGt(this.#pushed, start)) this.#pushing = false;
    return (this.on || this.more) && !this.#pushing;
  }

  /** What is queued up to `end` is not held any more: TCP_NODELAY sends even what TCP_CORK holds, once. tcp(7). */
  push(end: SeqNum): void {
    this.#pushed = end;
    this.#pushing = true;
  }

  /** Whether `unsent` octets leave room for a send. Linux tcp_stream_memory_free. */
  takes(unsent: number): boolean {
    return unsent < this.lowWater;
  }

  /** Whether `unsent` octets are so few that a writer is worth waking: below half the mark, as on Linux. */
  wakes(unsent: number): boolean {
    return 2 * unsent < this.lowWater;
  }
}

/** The cork of a sender that has something to hold back, or had. */
export const corkOf = (sender: { cork: Cork | undefined }): Cork => (sender.cork ??= new Cork());
