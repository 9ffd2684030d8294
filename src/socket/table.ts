/**
 * The descriptor table: small integers for open files, the lowest free one first, as POSIX wants it for every open file.
 *
 * Numbers start at 3, where they do in a Unix program whose standard streams are open: 0 is then never a valid
 * descriptor, so `if (fd)` slips and unset variables show as EBADF instead of touching the first socket.
 */
import { Errno } from '../core/errno.ts';
import type { OpenFile, OpenFiles } from './file.ts';

/** The first number given out. */
export const FIRST_DESCRIPTOR = 3;

export class DescriptorTable<T extends OpenFile> {
  readonly #entries: (T | undefined)[] = [];
  /** One bit per descriptor, set while it is in use; a word of ones is skipped at once. */
  readonly #used: number[] = [];
  /** One bit per descriptor: FD_CLOEXEC. */
  readonly #cloexec: number[] = [];
  /** No word before this one has a free bit. */
  #firstWord = 0;
  #size = 0;
  readonly #limit: number;
  readonly #files: OpenFiles;

  /** @param limit open descriptors at most (EMFILE); `files` bounds the files of all tables together (ENFILE) */
  constructor(limit: number, files: OpenFiles) {
    this.#limit = limit;
    this.#files = files;
  }

  /** Open descriptors. */
  get size(): number {
    return this.#size;
  }

  /** One more than the highest descriptor that there may be. RLIMIT_NOFILE. */
  get end(): number {
    return this.#limit + FIRST_DESCRIPTOR;
  }

  /** 0 when one more file can be opened, else -EMFILE or -ENFILE, in the order in which Linux finds out. */
  mayOpen(): number {
    if (this.#size >= this.#limit) return -Errno.EMFILE;
    return this.#files.used >= this.#files.limit ? -Errno.ENFILE : 0;
  }

  /**
   * Gives `entry` the lowest free descriptor, `least` or above, and returns it; -EMFILE, or -ENFILE for a new file when there are too many.
   */
  open(entry: T, cloexec = false, least = FIRST_DESCRIPTOR): number {
    if (entry.references === 0) {
      const refused = this.mayOpen();
      if (refused < 0) return refused;
    }
    const index = this.#lowestFree(Math.max(0, least - FIRST_DESCRIPTOR));
    if (this.#size >= this.#limit || index >= this.#limit) return -Errno.EMFILE;
    this.#put(index, entry, cloexec);
    return index + FIRST_DESCRIPTOR;
  }

  /** Gives `entry` just this descriptor, and lets go of what had it. dup2. -EBADF for a number that cannot be a descriptor. */
  replace(fd: number, entry: T, cloexec = false): number {
    const index = fd - FIRST_DESCRIPTOR;
    if (!Number.isInteger(index) || index < 0 || index >= this.#limit) return -Errno.EBADF;
    // Held first: the last reference of `entry` may be the one that is let go.
    this.#files.hold(entry);
    this.close(fd);
    this.#put(index, entry, cloexec);
    this.#files.release(entry);
    return fd;
  }

  /** The entry of an open descriptor; undefined for any other number. */
  get(fd: number): T | undefined {
    return this.#entries[fd - FIRST_DESCRIPTOR];
  }

  /** Frees a descriptor and lets go of its entry, which is returned; undefined when it was not open. */
  close(fd: number): T | undefined {
    const index = fd - FIRST_DESCRIPTOR;
    const entry = this.#entries[index];
    if (entry === undefined) return undefined;
    this.#entries[index] = undefined;
    const word = index >> 5;
    this.#used[word] = this.#used[word]! & ~(1 << (index & 31));
    if (word < this.#firstWord) this.#firstWord = word;
    this.#size--;
    this.#files.release(entry);
    return entry;
  }

  /** FD_CLOEXEC of an open descriptor. */
  cloexec(fd: number): boolean {
    const index = fd - FIRST_DESCRIPTOR;
    return ((this.#cloexec[index >> 5] ?? 0) & (1 << (index & 31))) !== 0;
  }

  setCloexec(fd: number, on: boolean): void {
    const index = fd - FIRST_DESCRIPTOR;
    const word = this.#cloexec[index >> 5] ?? 0;
    const bit = 1 << (index & 31);
    this.#cloexec[index >> 5] = on ? word | bit : word & ~bit;
  }

  /** Open descriptors with their entries, ascending. */
  *entries(): Generator<[number, T]> {
    for (let index = 0; index < this.#entries.length; index++) {
      const entry = this.#entries[index];
      if (entry !== undefined) yield [index + FIRST_DESCRIPTOR, entry];
    }
  }

  #put(index: number, entry: T, cloexec: boolean): void {
    const word = index >> 5;
    // No holes: a sparse array would be slow.
    while (this.#used.length <= word) this.#used.push(0);
    while (this.#entries.length < index) this.#entries.push(undefined);
    this.#used[word] = this.#used[word]! | (1 << (index & 31));
    this.#entries[index] = entry;
    this.setCloexec(index + FIRST_DESCRIPTOR, cloexec);
    this.#size++;
    this.#files.hold(entry);
  }

  /** The first free place at or after `from`. */
  #lowestFree(from: number): number {
    while (this.#used[this.#firstWord] === -1) this.#firstWord++;
    const fromWord = from >> 5;
    for (let word = Math.max(this.#firstWord, fromWord); ; word++) {
      // Places before `from` in its own word do not count.
      const below = word === fromWord ? (1 << (from & 31)) - 1 : 0;
      const used = (this.#used[word] ?? 0) | below;
      // The lowest zero bit: 31 - clz32 of the lowest one bit of the complement.
      if (used !== -1) return word * 32 + 31 - Math.clz32(~used & (used + 1));
    }
  }
}
