/**
 * What ends a wait that has not come to its end by itself: its time is over, or a signal aborts it.
 *
 * The timer alone keeps no process alive: as long as a host runs its driver does, and afterwards nothing is waited for.
 */

/** How long a call may wait. */
export interface Limits {
  /** us; 0 for as long as it takes. */
  readonly timeout: number;
  readonly signal: AbortSignal | undefined;
}

export const isLimited = ({ timeout, signal }: Limits): boolean => timeout !== 0 || signal !== undefined;

/** The longest time that Node's timers know (ms), 24 days; what is longer is for ever. */
const LONGEST = 0x7fff_ffff;

export class Cutoff {
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort: () => void;
  readonly #timer: NodeJS.Timeout | undefined;

  /** Calls `onEnd` once, unless cleared before; undefined where nothing limits the wait. */
  static start(limits: Limits, onEnd: (aborted: boolean) => void): Cutoff | undefined {
    return isLimited(limits) ? new Cutoff(limits, onEnd) : undefined;
  }

  private constructor({ timeout, signal }: Limits, onEnd: (aborted: boolean) => void) {
    const milliseconds = Math.ceil(timeout / 1000);
    this.#timer = timeout > 0 && milliseconds <= LONGEST ? setTimeout(onEnd, milliseconds, false).unref() : undefined;
    this.#signal = signal;
    this.#onAbort = (): void => onEnd(true);
    signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#signal?.removeEventListener('abort', this.#onAbort);
  }
}

/** What an aborted call rejects with: the signal's reason, an AbortError or TimeoutError unless the program chose another. */
export function abortReason(signal: AbortSignal): Error {
  const reason: unknown = signal.reason;
  return reason instanceof Error ? reason : new Error('aborted', { cause: reason });
}
