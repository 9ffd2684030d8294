/**
 * Files under way: SCM_RIGHTS between sendmsg and recvmsg. unix(7); net/unix/garbage.c.
 *
 * A message under way holds its files. Sockets that only messages hold, and messages that only wait in such sockets, would be there for
 * ever: whenever a program lets go of a socket that is under way, those that can be reached no more are looked for, and emptied.
 */
import { Errno } from '../../core/errno.ts';
import type { OpenFile, OpenFiles } from '../file.ts';
import { UnixEnd } from './end.ts';

/** A file that holds others by what waits in it. */
export interface UnixFile extends OpenFile {
  readonly end: UnixEnd;
}

const isUnixFile = (file: OpenFile): file is UnixFile => 'end' in file && file.end instanceof UnixEnd;

export class Rights {
  readonly #files: OpenFiles;
  readonly #limit: number;
  /** How many messages hold each file. */
  readonly #inFlight = new Map<OpenFile, number>();
  #total = 0;
  /** Files to let go of: a list, as closing one may throw away others, a chain of any length. */
  readonly #waste: OpenFile[] = [];
  #suspicious = false;
  #settling = false;

  constructor(files: OpenFiles, limit: number) {
    this.#files = files;
    this.#limit = limit;
  }

  /** Files under way, each as often as it was sent. */
  get total(): number {
    return this.#total;
  }

  /** Whether so many more may be under way: 0 or -ETOOMANYREFS. */
  refused(count: number): number {
    return count > 0 && this.#total + count > this.#limit ? -Errno.ETOOMANYREFS : 0;
  }

  /** Holds files for a message. */
  send(files: readonly OpenFile[]): void {
    for (const file of files) {
      this.#files.hold(file);
      this.#inFlight.set(file, (this.#inFlight.get(file) ?? 0) + 1);
    }
    this.#total += files.length;
  }

  /** The message is received: what it held is held for the receiver now. */
  receive(files: readonly OpenFile[], into: OpenFile[]): void {
    for (const file of files) this.#arrived(file);
    into.push(...files);
  }

  /** Holds files for a receiver that leaves them in the queue. MSG_PEEK. */
  duplicate(files: readonly OpenFile[], into: OpenFile[]): void {
    for (const file of files) this.#files.hold(file);
    into.push(...files);
  }

  /** Nobody will receive the message. */
  discard(files: readonly OpenFile[]): void {
    for (const file of files) this.#arrived(file);
    this.#waste.push(...files);
    this.#settle();
  }

  /** A reference to `file` is gone. What becomes unreachable by that is a circle with it, and what hangs on that. */
  onReleased(file: UnixFile): void {
    if (file.references !== this.#inFlight.get(file) || !holdsItself(file)) return;
    this.#suspicious = true;
    this.#settle();
  }

  #arrived(file: OpenFile): void {
    const count = this.#inFlight.get(file)!;
    if (count === 1) this.#inFlight.delete(file);
    else this.#inFlight.set(file, count - 1);
    this.#total--;
  }

  #settle(): void {
    if (this.#settling) return;
    this.#settling = true;
    while (this.#waste.length > 0 || this.#suspicious) {
      const file = this.#waste.pop();
      if (file !== undefined) {
        this.#files.release(file);
      } else {
        this.#suspicious = false;
        for (const { end } of this.#unreachable()) this.#empty(end);
      }
    }
    this.#settling = false;
  }

  /** Takes the files out of what waits in a socket that nobody can get at; without them it closes, and the rest goes with it. */
  #empty(end: UnixEnd): void {
    for (const parcel of parcelsOf(end)) {
      for (const file of parcel.rights ?? []) {
        this.#arrived(file);
        this.#waste.push(file);
      }
      parcel.rights = undefined;
    }
  }

  /** Sockets that no descriptor refers to, nor a message that somebody could receive. */
  #unreachable(): Iterable<UnixFile> {
    // Those that nothing but messages hold, with how many of these wait in others of them.
    const candidates = new Map<OpenFile, number>();
    for (const [file, count] of this.#inFlight) {
      if (isUnixFile(file) && file.references === count) candidates.set(file, 0);
    }
    for (const file of candidates.keys()) {
      for (const held of heldBy((file as UnixFile).end)) {
        const inside = candidates.get(held);
        if (inside !== undefined) candidates.set(held, inside + 1);
      }
    }
    // Whatever is held from outside, too, can be reached, and so can what waits in it.
    const reachable = [...candidates.keys()].filter((file) => candidates.get(file)! < this.#inFlight.get(file)!);
    for (const file of reachable) {
      if (!candidates.delete(file)) continue;
      for (const held of heldBy((file as UnixFile).end)) if (candidates.has(held)) reachable.push(held);
    }
    return candidates.keys() as Iterable<UnixFile>;
  }
}

/** What waits in a socket, and in the connections that wait for it to accept them. */
function* parcelsOf(end: UnixEnd): Generator<UnixEnd['queue'][number]> {
  yield* end.queue;
  for (const { queue } of end.pending) yield* queue;
}

function* heldBy(end: UnixEnd): Generator<OpenFile> {
  for (const { rights } of parcelsOf(end)) if (rights !== undefined) yield* rights;
}

/** Whether a socket waits in itself, or in one that does. */
function holdsItself(file: UnixFile): boolean {
  const found = new Set<OpenFile>(heldBy(file.end));
  for (const held of found) {
    if (held === file) return true;
    if (isUnixFile(held)) for (const next of heldBy(held.end)) found.add(next);
  }
  return false;
}
