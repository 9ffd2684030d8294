/**
 * The address families that there are. A new one is a folder and a line in FAMILIES.
 *
 * A family is made once per stack, and keeps what its sockets share (ports, names).
 */
import { Errno } from '../core/errno.ts';
import type { Micros } from '../core/time.ts';
import type { FamilyFactory, SocketFamily } from './family.ts';
import { makeInetFamily } from './inet/family.ts';
import { makePacketFamily } from './packet/family.ts';
import type { Socket, SocketHost } from './socket.ts';
import { makeUnixFamily } from './unix/family.ts';

const FAMILIES: readonly FamilyFactory[] = [makeInetFamily, makeUnixFamily, makePacketFamily];

/** Linux: SOCK_TYPE_MASK, SOCK_MAX less one, AF_MAX. */
const TYPE_MASK = 0xf;
const MAX_TYPE = 10;
const FAMILY_COUNT = 46;

export class Families {
  readonly #families: readonly SocketFamily[];

  constructor(host: SocketHost) {
    this.#families = FAMILIES.map((make) => make(host));
  }

  /** socket(2) from domain and type (without the two known flags), up to the point where the family decides. */
  find(domain: number, type: number): SocketFamily | number {
    // Flags that nobody knows, then families beyond the last, then types beyond the last: in this order.
    if ((type & ~TYPE_MASK) !== 0) return -Errno.EINVAL;
    if (!(domain >= 0 && domain < FAMILY_COUNT)) return -Errno.EAFNOSUPPORT;
    if (type > MAX_TYPE) return -Errno.EINVAL;
    return this.#families.find((family) => family.domain === domain) ?? -Errno.EAFNOSUPPORT;
  }

  /** unlink(2): families have path names, or have none. */
  unlink(path: string): number {
    for (const family of this.#families) if (family.unlink !== undefined) return family.unlink(path);
    return -Errno.ENOENT;
  }

  get pending(): boolean {
    return this.#families.some((family) => family.pending);
  }

  poll(now: Micros): void {
    for (const family of this.#families) if (family.pending) family.poll(now);
  }
}

/** Two new sockets of a family that are each other's peer, or a negative errno. socketpair(2). */
export function makePair(
  family: SocketFamily,
  type: number,
  protocol: number,
  mayOpen: () => number,
): readonly [Socket, Socket] | number {
  const one = family.create(type, protocol, mayOpen());
  if (typeof one === 'number') return one;
  const other = family.create(type, protocol, mayOpen());
  const result = typeof other === 'number' ? other : family.connectPair(one, other);
  if (typeof other !== 'number' && result === 0) return [one, other];
  one.close();
  if (typeof other !== 'number') other.close();
  return result;
}
