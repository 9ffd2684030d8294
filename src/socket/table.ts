/**
 * The descriptor table: small integers for open sockets, the lowest free one first, as POSIX wants it for every open file.
 *
 * Numbers start at 3, where they do in a Unix program whose standard streams are open: 0 is then never a valid
 * descriptor, so `if (fd)` slips and unset variables show as EBADF instead of touching the first socket.
 */
import { Errno } from '../core/errno.ts';

/** The first number given out. */
export const FIRST_DESCRIPTOR = 3;

/** Counts the sockets of one stack over all its tables (ENFILE). */
export class SocketCount {
  readonly limit: number;
  used = 0;

  constructor(limit: number) {
    this.limit = limit;
  }
}

export class DescriptorTable<T extends object> {
  readonly #entries: (T | undefined)[] = [];
  /** One bit per descriptor, set while it is in use; a word of ones is skipped at once. */
  readonly #used: number[] = [];
  /** No word before this one has a free bit. */
  #firstWord = 0;
  #size = 0;
  readonly #limit: number;
  readonly #count: SocketCount;

  /** @param limit open descriptors at most (EMFILE); `count` bounds all tables together (ENFILE) */
  constructor(limit: number, count: SocketCount) {
    this.#limit = limit;
    this.#count = count;
  }

  /** Open descriptors. */
  get size(): number {
    return this.#size;
  }

  /** 0 when one more can be opened, else -EMFILE or -ENFILE, in the order in which Linux finds out. */
  mayOpen(): number {
    if (this.#size >= this.#limit) return -Errno.EMFILE;
    return this.#count.used >= this.#count.limit ? -Errno.ENFILE : 0;
  }

  /** Gives `entry` the lowest free descriptor and returns it; -EMFILE, -ENFILE when full. */
  open(entry: T): number {
    const refused = this.mayOpen();
    if (refused < 0) return refused;
    let word = this.#firstWord;
    while (this.#used[word] === -1) word++;
    this.#firstWord = word;
    const used = this.#used[word] ?? 0;
    // The lowest zero bit: 31 - clz32 of the lowest one bit of the complement.
    const bit = 31 - Math.clz32(~used & (used + 1));
    this.#used[word] = used | (1 << bit);
    const index = word * 32 + bit;
    this.#entries[index] = entry;
    this.#size++;
    this.#count.used++;
    return index + FIRST_DESCRIPTOR;
  }

  /** The entry of an open descriptor; undefined for any other number. */
  get(fd: number): T | undefined {
    return this.#entries[fd - FIRST_DESCRIPTOR];
  }

  /** Frees a descriptor and returns its entry; undefined when it was not open. */
  close(fd: number): T | undefined {
    const index = fd - FIRST_DESCRIPTOR;
    const entry = this.#entries[index];
    if (entry === undefined) return undefined;
    this.#entries[index] = undefined;
    const word = index >> 5;
    this.#used[word] = this.#used[word]! & ~(1 << (index & 31));
    if (word < this.#firstWord) this.#firstWord = word;
    this.#size--;
    this.#count.used--;
    return entry;
  }

  /** Open descriptors with their entries, ascending. */
  *entries(): Generator<[number, T]> {
    for (let index = 0; index < this.#entries.length; index++) {
      const entry = this.#entries[index];
      if (entry !== undefined) yield [index + FIRST_DESCRIPTOR, entry];
    }
  }
}
