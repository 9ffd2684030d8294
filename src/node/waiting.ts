/**
 * Calls that wait: one line of operations per descriptor and direction, served in the order they came.
 *
 * An operation is tried whenever its descriptor is ready; while it has not finished, those behind it wait, so that
 * concurrent reads share out the stream in order and concurrent writes do not interleave. A line has at most one wait in
 * the core, and at most `limit` operations.
 */
import { Errno } from '../core/errno.ts';
import type { SocketCalls } from '../socket/calls.ts';
import { CLOSED } from '../socket/readiness.ts';
import type { Waiter } from '../socket/readiness.ts';
import { NetError } from './net-error.ts';

/** Something to be tried until it is done. */
export interface Operation {
  /** For the NetError, e.g. 'recv'. */
  readonly syscall: string;
  /** Tries. False when it has to wait (on); true when it is finished, whereupon it has resolved or rejected. */
  attempt(): boolean;
  reject(error: Error): void;
  /** Aborts it while it waits. */
  readonly signal: AbortSignal | undefined;
}

/** An operation with its place in a line. */
interface Entry {
  readonly operation: Operation;
  readonly onAbort: (() => void) | undefined;
}

export class Line {
  readonly #calls: SocketCalls;
  readonly #fd: number;
  readonly #mask: number;
  readonly #limit: number;
  #entries: Entry[] = [];
  #waiter: Waiter | undefined = undefined;
  readonly #onReady = (bits: number): void => {
    this.#waiter = undefined;
    if ((bits & CLOSED) !== 0) this.fail(Errno.ECANCELED);
    else this.#serve();
  };

  /** @param mask the readiness bits that the operations of this line wait for */
  constructor(calls: SocketCalls, fd: number, mask: number, limit: number) {
    this.#calls = calls;
    this.#fd = fd;
    this.#mask = mask;
    this.#limit = limit;
  }

  /** Whether nobody waits: only then may a call try at once. */
  get empty(): boolean {
    return this.#entries.length === 0;
  }

  /** Puts an operation at the end of the line; it has been tried already if the line was empty. */
  join(operation: Operation): void {
    const { signal } = operation;
    if (this.#entries.length >= this.#limit) {
      operation.reject(new NetError(operation.syscall, Errno.ENOBUFS));
      return;
    }
    let onAbort: (() => void) | undefined = undefined;
    if (signal !== undefined) {
      onAbort = (): void => this.#abort(operation);
      signal.addEventListener('abort', onAbort, { once: true });
    }
    this.#entries.push({ operation, onAbort });
    this.#wait();
  }

  /** Rejects everyone in the line. */
  fail(errno: number): void {
    const entries = this.#entries;
    this.#entries = [];
    this.#stopWaiting();
    for (const entry of entries) {
      forgetSignal(entry);
      entry.operation.reject(new NetError(entry.operation.syscall, errno));
    }
  }

  #serve(): void {
    while (this.#entries.length > 0) {
      const entry = this.#entries[0]!;
      if (!entry.operation.attempt()) break;
      this.#entries.shift();
      forgetSignal(entry);
    }
    this.#wait();
  }

  #wait(): void {
    if (this.#waiter !== undefined || this.#entries.length === 0) return;
    const waiter = this.#calls.wait(this.#fd, this.#mask, this.#onReady);
    if (typeof waiter === 'number') this.fail(-waiter);
    else this.#waiter = waiter;
  }

  #stopWaiting(): void {
    if (this.#waiter !== undefined) this.#calls.cancelWait(this.#fd, this.#waiter);
    this.#waiter = undefined;
  }

  #abort(operation: Operation): void {
    const index = this.#entries.findIndex((entry) => entry.operation === operation);
    if (index < 0) return;
    this.#entries.splice(index, 1);
    if (this.#entries.length === 0) this.#stopWaiting();
    operation.reject(abortReason(operation.signal!));
  }
}

/** What an aborted call rejects with: the signal's reason, an AbortError or TimeoutError unless the program chose another. */
export function abortReason(signal: AbortSignal): Error {
  const reason: unknown = signal.reason;
  return reason instanceof Error ? reason : new Error('aborted', { cause: reason });
}

function forgetSignal({ operation, onAbort }: Entry): void {
  if (onAbort !== undefined) operation.signal!.removeEventListener('abort', onAbort);
}
