/**
 * Calls that wait: one line of operations per open file and direction, served in the order they came.
 *
 * An operation is tried whenever its file is ready; while it has not finished, those behind it wait, so that concurrent reads share
 * out the stream in order and concurrent writes do not interleave, whichever descriptor of the file they name (dup(2)). A line is
 * there only while somebody waits: it has one wait in the core, and at most `limit` operations.
 */
import { Errno } from '../core/errno.ts';
import type { OpenFile } from '../socket/file.ts';
import { CLOSED } from '../socket/readiness.ts';
import type { Waiter } from '../socket/readiness.ts';
import { Cutoff } from './cutoff.ts';
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

/** An operation with its place in a line. */
interface Entry {
  readonly fd: number;
  readonly operation: Operation;
  readonly resolve: (result: number) => void;
  cutoff: Cutoff | undefined;
}

export interface LineKind {
  /** The readiness bits that the operations wait for. */
  readonly mask: number;
  /** Operations that may wait for one file; -ENOBUFS beyond. */
  readonly limit: number;
}

/** The lines of one direction. */
export class Lines {
  readonly #lines = new Map<OpenFile, Line>();
  readonly #kind: LineKind;

  constructor(kind: LineKind) {
    this.#kind = kind;
  }

  /** Whether somebody waits for the file: if so, nobody may go first. */
  isBusy(file: OpenFile): boolean {
    return this.#lines.has(file);
  }

  /** Puts an operation at the end of the file's line; it has been tried already if that was empty. */
  join(file: OpenFile, fd: number, operation: Operation, limits: Limits): Promise<number> {
    let line = this.#lines.get(file);
    if (line === undefined) {
      line = new Line(file, this.#kind, this.#lines);
      this.#lines.set(file, line);
    }
    return line.join(fd, operation, limits);
  }

  /** Ends the calls that wait for the file by this descriptor. */
  drop(file: OpenFile, fd: number, result: number): void {
    this.#lines.get(file)?.drop((entry) => entry.fd === fd, result);
  }

  dropAll(result: number): void {
    for (const line of [...this.#lines.values()]) line.drop(() => true, result);
  }
}

class Line implements Waiter {
  readonly #file: OpenFile;
  readonly #kind: LineKind;
  /** Where it is found while somebody waits. */
  readonly #lines: Map<OpenFile, Line>;
  #entries: Entry[] = [];
  /** It waits for the file to be ready. */
  #waits = false;

  constructor(file: OpenFile, kind: LineKind, lines: Map<OpenFile, Line>) {
    this.#file = file;
    this.#kind = kind;
    this.#lines = lines;
  }

  get mask(): number {
    return this.#kind.mask;
  }

  /** The file is ready. */
  callback(bits: number): void {
    this.#waits = false;
    if ((bits & CLOSED) !== 0) this.drop(() => true, -Errno.ECANCELED);
    else this.#serve();
  }

  join(fd: number, operation: Operation, limits: Limits): Promise<number> {
    if (this.#entries.length >= this.#kind.limit) return Promise.resolve(-Errno.ENOBUFS);
    return new Promise((resolve) => {
      const entry: Entry = { fd, operation, resolve, cutoff: undefined };
      entry.cutoff = Cutoff.start(limits, (aborted) => this.#cut(entry, aborted));
      // Most lines have one entry, and an array that something is pushed to takes room for many.
      if (this.#entries.length === 0) this.#entries = [entry];
      else this.#entries.push(entry);
      this.#wait();
    });
  }

  drop(which: (entry: Entry) => boolean, result: number): void {
    const dropped = this.#entries.filter(which);
    if (dropped.length === 0) return;
    this.#entries = this.#entries.filter((entry) => !which(entry));
    for (const entry of dropped) finish(entry, result);
    this.#serve();
  }

  #serve(): void {
    for (;;) {
      const entry = this.#entries[0];
      const result = entry?.operation.attempt();
      if (entry === undefined || result === undefined) break;
      this.#entries.shift();
      finish(entry, result);
    }
    this.#wait();
  }

  /** Whoever is first has just been tried. */
  #wait(): void {
    if (this.#entries.length === 0) {
      if (this.#waits) this.#file.watch.cancel(this);
      this.#waits = false;
      this.#lines.delete(this.#file);
    } else if (!this.#waits) {
      const result = this.#file.watch.enter(this, this.#entries[0]!.operation.fresh);
      if (result < 0) this.drop(() => true, result);
      else this.#waits = true;
    }
  }

  /**
   * The first takes what there is, though it would not have been woken for it (SO_RCVLOWAT). Then those behind have another chance: it may
   * have waited for more than they want.
   */
  #cut(cut: Entry, aborted: boolean): void {
    const { operation } = cut;
    const last = this.#entries[0] === cut ? operation.attempt() : undefined;
    const interrupted = aborted && (operation.moved === 0 || operation.whole);
    const result = last ?? (interrupted ? -Errno.EINTR : outOfTime(operation));
    this.drop((entry) => entry === cut, result);
  }
}

function finish({ cutoff, resolve }: Entry, result: number): void {
  cutoff?.clear();
  resolve(result);
}
