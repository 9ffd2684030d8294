/**
 * Calls that wait: one line of them per open file and direction, served in the order they came.
 *
 * An operation is tried whenever its file is ready; while it has not finished, those behind it wait, so that concurrent reads share
 * out the stream in order and concurrent writes do not interleave, whichever descriptor of the file they name (dup(2)). The first waits at
 * the file, and each knows who is behind it: so one who waits alone, as most do, costs one object.
 */
import { Errno } from '../core/errno.ts';
import type { OpenFile } from '../socket/file.ts';
import { CLOSED } from '../socket/readiness.ts';
import type { Waiter } from '../socket/readiness.ts';
import { Cutoff, isLimited } from './cutoff.ts';
import type { Limits } from './cutoff.ts';

/** A call of the core, to be tried until it is over. */
export interface Operation {
  /** Tries (on). The result: octets, a descriptor, 0, or a negative errno; undefined when it has to wait (on). */
  attempt(): number | undefined;
  /** Octets moved so far: the result when the call ends early, unless there are none. */
  readonly moved: number;
  /** The result when its time is over before anything was moved: -EAGAIN, and -EINPROGRESS of connect. socket(7), SO_RCVTIMEO. */
  readonly late: number;
  /** Whether its program counts on all of it: a signal is an error then even if a part was moved. */
  readonly whole: boolean;
  /**
   * Whether it waits for the next change instead of the readiness bit, which may be there while it finds nothing, or less than it wants.
   * A send may have found room for which memory is short: it looks again as long as the bit is there.
   */
  readonly fresh: boolean;
}

/** The result of an operation whose time is over. */
export const outOfTime = ({ moved, late }: Operation): number => (moved > 0 ? moved : late);

/** A result that is still to come. */
export interface Late {
  /** The promise of what `made` makes of it, rejected where that throws. To be called at once, and once. */
  as<T>(made: (result: number) => T): Promise<T>;
}

/** A result, or one that is still to come. */
export type Soon = number | Late;

export const lateOf = (promise: Promise<number>): Late => ({ as: (made) => promise.then(made) });

/** The lines of one direction. */
export class Lines {
  /** The readiness bits that the operations wait for. */
  readonly mask: number;
  readonly #limit: number;
  /** Those who are first in the line of a file, and wait there: the last to come, who knows the one before. */
  #newest: Waiting | undefined = undefined;

  /** @param limit operations that may wait for one file; -ENOBUFS beyond */
  constructor(mask: number, limit: number) {
    this.mask = mask;
    this.#limit = limit;
  }

  /** Who is first in the file's line. While somebody is, nobody else may go first. */
  first(file: OpenFile): Waiting | undefined {
    return file.watch.find(this.#isOurs);
  }

  readonly #isOurs = (waiter: Waiter): waiter is Waiting => waiter instanceof Waiting && waiter.lines === this;

  /** For its members: it waits at its file. */
  add(waiting: Waiting): void {
    const before = this.#newest;
    waiting.older = before;
    if (before !== undefined) before.newer = waiting;
    this.#newest = waiting;
  }

  /** It does not wait there any more. */
  remove(waiting: Waiting): void {
    const { older, newer } = waiting;
    if (older !== undefined) older.newer = newer;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
    waiting.older = waiting.newer = undefined;
  }

  /** Puts an operation at the end of the file's line; it has been tried already if that was empty. */
  join(file: OpenFile, fd: number, operation: Operation, limits: Limits): Soon {
    const waiting = new Waiting(this, file, fd, operation);
    const result = this.#place(waiting, this.first(file));
    if (result < 0) return result;
    // Most have no limit, and need no function for it.
    if (isLimited(limits)) waiting.limit(limits);
    return waiting;
  }

  /** Ends the calls that wait for the file by this descriptor. */
  drop(file: OpenFile, fd: number, result: number): void {
    this.first(file)?.end((waiting) => waiting.fd === fd, result);
  }

  dropAll(result: number): void {
    const firsts: Waiting[] = [];
    for (let first = this.#newest; first !== undefined; first = first.older) firsts.push(first);
    for (const first of firsts.reverse()) first.end(() => true, result);
  }

  /** 0 or -ENOBUFS. */
  #place(waiting: Waiting, first: Waiting | undefined): number {
    if (first === undefined) return waiting.enter();
    let last = first;
    let length = 1;
    for (; last.behind !== undefined; last = last.behind) length++;
    if (length >= this.#limit) return -Errno.ENOBUFS;
    last.behind = waiting;
    return 0;
  }
}

/** An operation in a line. What is said of all of a line is said to the first. */
class Waiting implements Waiter, Late {
  readonly lines: Lines;
  readonly fd: number;
  /** Who is served next. */
  behind: Waiting | undefined = undefined;
  /** Its neighbours among the first of all lines. */
  older: Waiting | undefined = undefined;
  newer: Waiting | undefined = undefined;
  readonly #file: OpenFile;
  readonly #operation: Operation;
  #cutoff: Cutoff | undefined = undefined;
  // Of `as`; three fields, since a function that has them all is three times as large.
  #made: ((result: number) => unknown) | undefined = undefined;
  #resolve: ((made: never) => void) | undefined = undefined;
  #reject: ((error: unknown) => void) | undefined = undefined;

  constructor(lines: Lines, file: OpenFile, fd: number, operation: Operation) {
    this.lines = lines;
    this.#file = file;
    this.fd = fd;
    this.#operation = operation;
  }

  get mask(): number {
    return this.lines.mask;
  }

  as<T>(made: (result: number) => T): Promise<T> {
    this.#made = made;
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  limit(limits: Limits): void {
    this.#cutoff = Cutoff.start(limits, (aborted) => this.#cut(aborted));
  }

  /** It is first and has just been tried: waits at the file. 0 or -ENOBUFS. */
  enter(): number {
    const result = this.#file.watch.enter(this, this.#operation.fresh);
    if (result >= 0) this.lines.add(this);
    return result;
  }

  /** The file is ready. */
  callback(bits: number): void {
    this.lines.remove(this);
    if ((bits & CLOSED) === 0) this.#serve();
    else this.#settleAll(-Errno.ECANCELED);
  }

  /** Ends some of the line; whoever is first then is tried. */
  end(which: (waiting: Waiting) => boolean, result: number): void {
    const line = this.#line();
    const ended = line.filter(which);
    if (ended.length === 0) return;
    this.#file.watch.cancel(this);
    this.lines.remove(this);
    const staying = line.filter((waiting) => !which(waiting));
    for (const [i, waiting] of staying.entries()) waiting.behind = staying[i + 1];
    for (const waiting of ended) waiting.#settle(result);
    const next = staying[0];
    if (next !== undefined) next.#serve();
  }

  /** Serves the line as far as it goes. */
  #serve(): void {
    if (!this.#try()) return;
    for (let next = this.behind; next !== undefined && next.#try(); next = next.behind);
  }

  /** Tries the first of the line. True when it is over, and whoever is behind is first; else it waits at the file. */
  #try(): boolean {
    const result = this.#operation.attempt();
    if (result !== undefined) {
      this.#settle(result);
      return true;
    }
    const entered = this.enter();
    if (entered < 0) this.#settleAll(entered);
    return false;
  }

  /**
   * The first takes what there is, though it would not have been woken for it (SO_RCVLOWAT). Then those behind have another chance: it may
   * have waited for more than they want.
   */
  #cut(aborted: boolean): void {
    const operation = this.#operation;
    const first = this.lines.first(this.#file)!;
    const last = first === this ? operation.attempt() : undefined;
    const interrupted = aborted && (operation.moved === 0 || operation.whole);
    const result = last ?? (interrupted ? -Errno.EINTR : outOfTime(operation));
    first.end((waiting) => waiting === this, result);
  }

  #settleAll(result: number): void {
    for (const waiting of this.#line()) waiting.#settle(result);
  }

  #settle(result: number): void {
    this.#cutoff?.clear();
    try {
      this.#resolve?.(this.#made?.(result) as never);
    } catch (error) {
      this.#reject?.(error);
    }
  }

  #line(): Waiting[] {
    const line: Waiting[] = [this];
    for (let next = this.behind; next !== undefined; next = next.behind) line.push(next);
    return line;
  }
}
