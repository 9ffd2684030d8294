/**
 * Which socket has which name. unix(7), "Pathname sockets", "Abstract sockets", "Autobind feature"; net/unix/af_unix.c.
 *
 * Differs: path names are no files. There are no directories, links and permissions: a path is its octets, and stays when its socket
 * closes, until `unlink`. Abstract names go with their sockets; as on Linux each type of socket has its own.
 */
import { Errno } from '../../core/errno.ts';
import { randomBelow } from '../../core/random.ts';
import type { RandomSource } from '../../core/random.ts';
import type { UnixEnd } from './end.ts';
import { isAbstract } from './names.ts';
import type { UnixName } from './names.ts';

/** Names that autobind has to give: five digits of four bits. */
const AUTOBIND_NAMES = 1 << 20;

export class UnixNamespace {
  /** Undefined where the socket is closed. Bounded by `#maxPaths`. */
  readonly #paths = new Map<UnixName, UnixEnd | undefined>();
  /** By type and name. Bounded by the sockets that there may be. */
  readonly #abstract = new Map<string, UnixEnd>();
  readonly #random: RandomSource;
  readonly #maxPaths: number;

  constructor(random: RandomSource, maxPaths: number) {
    this.#random = random;
    this.#maxPaths = maxPaths;
  }

  /** Gives a socket a name: -EINVAL when it has one, -EADDRINUSE, -ENOSPC. */
  bind(end: UnixEnd, name: UnixName): number {
    const abstract = isAbstract(name);
    // A path that is there shows before anything else: Linux makes the file first.
    if (!abstract && this.#paths.has(name)) return -Errno.EADDRINUSE;
    if (end.name !== undefined) return -Errno.EINVAL;
    if (abstract && this.#abstract.has(keyOf(end.type, name))) return -Errno.EADDRINUSE;
    if (!abstract && this.#paths.size >= this.#maxPaths) return -Errno.ENOSPC;
    if (abstract) this.#abstract.set(keyOf(end.type, name), end);
    else this.#paths.set(name, end);
    end.name = name;
    return 0;
  }

  /** Gives a socket without a name an abstract one that is free; -ENOSPC when none is. */
  autobind(end: UnixEnd): number {
    if (end.name !== undefined) return 0;
    const first = randomBelow(this.#random, AUTOBIND_NAMES);
    for (let tried = 0; tried < AUTOBIND_NAMES; tried++) {
      const digits = ((first + tried) % AUTOBIND_NAMES).toString(16).padStart(5, '0');
      if (this.bind(end, `\0${digits}` as UnixName) === 0) return 0;
    }
    return -Errno.ENOSPC;
  }

  /** The socket of a name: -ENOENT for a path that is not there, -ECONNREFUSED where no socket is open, -EPROTOTYPE. */
  find(name: UnixName, type: number): UnixEnd | number {
    if (isAbstract(name)) return this.#abstract.get(keyOf(type, name)) ?? -Errno.ECONNREFUSED;
    const end = this.#paths.get(name);
    if (end === undefined) return this.#paths.has(name) ? -Errno.ECONNREFUSED : -Errno.ENOENT;
    return end.type === type ? end : -Errno.EPROTOTYPE;
  }

  /** Frees a path; whoever is bound to it keeps it as a name that leads nowhere. unlink(2). */
  unlink(name: UnixName): number {
    return this.#paths.delete(name) ? 0 : -Errno.ENOENT;
  }

  /** The socket closes: its abstract name is free, its path stays. */
  release(end: UnixEnd): void {
    const { name, type } = end;
    if (name === undefined) return;
    // An accepted connection bears the name of its listener, and has no part in it.
    if (isAbstract(name)) {
      const key = keyOf(type, name);
      if (this.#abstract.get(key) === end) this.#abstract.delete(key);
    } else if (this.#paths.get(name) === end) {
      this.#paths.set(name, undefined);
    }
  }
}

const keyOf = (type: number, name: UnixName): string => `${type}${name}`;
