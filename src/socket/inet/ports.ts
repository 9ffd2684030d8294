/**
 * Which local addresses and ports of one protocol are bound, what may be bound beside them, and ephemeral ports.
 *
 * The rules are Linux's (net/ipv4/inet_connection_sock.c, udp.c), seen by running the same calls on a kernel. Ports for
 * connect follow RFC 6056 §3.3.4 (algorithm 4, a keyed hash of the other end plus a counter), those for bind and for UDP
 * §3.3.1 (algorithm 1, random). Who may bind a privileged port is in host.ts; to
 * SO_REUSEPORT everybody is the same user.
 */
import { randomBelow } from '../../core/random.ts';
import type { RandomSource } from '../../core/random.ts';
import { randomSipKey, sipHash3 } from '../../core/siphash.ts';
import type { SipKey } from '../../core/siphash.ts';
import { ANY_ADDRESS, hashAddress } from '../../ip/address.ts';
import type { IpAddress } from '../../ip/address.ts';

/** Counters of algorithm 4. RFC 6056 §3.3.4: ten already help; Linux has 65,536. */
const TABLE_LENGTH = 256;

/** The options of a holder that decide who may hold the port beside it. */
export interface Sharing {
  /** SO_REUSEADDR and SO_REUSEPORT. */
  readonly reuseAddress: boolean;
  readonly reusePort: boolean;
  /** SO_BINDTODEVICE: two that are bound to different interfaces do not meet. */
  readonly boundDevice: number;
}

/** A port that is asked for. */
export interface Wanted {
  readonly address: IpAddress;
  /** 1 to 65535. */
  readonly port: number;
  readonly sharing: Sharing;
}

/** One holder of a local port: a bound socket, or a connection, which may outlive its socket (TIME-WAIT). */
export class Binding implements Wanted {
  address: IpAddress;
  readonly port: number;
  /** The record of its options; the port table reads them anew for each question. */
  sharing: Sharing;
  /** False for a port that connect chose: other connects may share it for other peers, as long as nobody binds it. */
  readonly explicit: boolean;
  /** In LISTEN: SO_REUSEADDR does not share a port with a listener. */
  listening = false;
  // All that hold a port are linked in a circle, since a server's may have very many.
  next: Binding = this;
  previous: Binding = this;

  constructor(address: IpAddress, port: number, sharing: Sharing, explicit: boolean) {
    this.address = address;
    this.port = port;
    this.sharing = sharing;
    this.explicit = explicit;
  }
}

/** What a port's holders ask about a candidate: whether connect's four-tuple is in use. */
export type IsTaken = (port: number) => boolean;

export class PortTable {
  /** One holder of each port: one that was bound, if there is any. */
  readonly #first = new Map<number, Binding>();
  readonly #random: RandomSource;
  readonly #low: number;
  readonly #count: number;
  readonly #offsetKey: SipKey;
  readonly #indexKey: SipKey;
  readonly #counters = new Uint32Array(TABLE_LENGTH);

  /** Ephemeral ports come from `low` to `high`, both included. */
  constructor(random: RandomSource, low: number, high: number) {
    this.#random = random;
    this.#low = low;
    this.#count = Math.max(0, high - low + 1);
    this.#offsetKey = randomSipKey(random);
    this.#indexKey = randomSipKey(random);
    for (let i = 0; i < TABLE_LENGTH; i++) this.#counters[i] = random.u32();
  }

  /** Ports that somebody holds. */
  get size(): number {
    return this.#first.size;
  }

  add(binding: Binding): void {
    const first = this.#first.get(binding.port);
    if (first !== undefined) {
      binding.next = first;
      binding.previous = first.previous;
      first.previous.next = binding;
      first.previous = binding;
    }
    // Those that were bound come before the others.
    if (first === undefined || binding.explicit) this.#first.set(binding.port, binding);
  }

  /** Takes a binding out; does nothing when it is not in. */
  remove(binding: Binding): void {
    const { port, next, previous } = binding;
    const isFirst = this.#first.get(port) === binding;
    if (isFirst && next === binding) this.#first.delete(port);
    else if (isFirst) this.#first.set(port, next);
    previous.next = next;
    next.previous = previous;
    binding.next = binding.previous = binding;
  }

  /** Whether `wanted` may not be bound beside those that hold its port; itself does not count. EADDRINUSE. */
  conflicts(wanted: Wanted): boolean {
    const first = this.#first.get(wanted.port);
    if (first === undefined) return false;
    let other = first;
    do {
      if (other !== wanted && inConflict(wanted, other)) return true;
      other = other.next;
    } while (other !== first);
    return false;
  }

  /**
   * A random ephemeral port that can be bound to `address`, for bind with port 0 and for UDP; undefined when there is none.
   * RFC 6056 §3.3.1.
   */
  pickToBind(address: IpAddress, sharing: Sharing): number | undefined {
    const start = randomBelow(this.#random, this.#count);
    const wanted = { address, port: 0, sharing };
    for (let i = 0; i < this.#count; i++) {
      wanted.port = this.#low + ((start + i) % this.#count);
      if (!this.conflicts(wanted)) return wanted.port;
    }
    return undefined;
  }

  /**
   * An ephemeral port for connect: successive ones to one peer ascend from an offset that outsiders cannot guess.
   * RFC 6056 §3.3.4, 6056-3-a. Undefined when there is none: EADDRNOTAVAIL.
   */
  pickToConnect(local: IpAddress, remote: IpAddress, remotePort: number, isTaken: IsTaken): number | undefined {
    const offset = sipHash3(this.#offsetKey, hashAddress(local), hashAddress(remote), remotePort);
    const index = sipHash3(this.#indexKey, hashAddress(local), hashAddress(remote), remotePort) % TABLE_LENGTH;
    for (let i = 0; i < this.#count; i++) {
      const port = (this.#low + ((offset + this.#counters[index]!) % this.#count)) | 0; // a small integer to V8, too
      this.#counters[index] = this.#counters[index]! + 1;
      const first = this.#first.get(port);
      if (first === undefined) return port;
      if (!first.explicit && !isTaken(port)) return port;
    }
    return undefined;
  }
}

/**
 * Whether two holders of one port exclude each other. Addresses that differ never do, the wildcard overlaps all. Linux
 * wants SO_REUSEADDR of both, and of TIME-WAIT as well: a connection keeps the flag of its socket.
 */
function inConflict(wanted: Wanted, other: Binding): boolean {
  if (wanted.address !== other.address && wanted.address !== ANY_ADDRESS && other.address !== ANY_ADDRESS) return false;
  const { sharing: mine } = wanted;
  const { sharing: theirs } = other;
  if (mine.boundDevice !== theirs.boundDevice && mine.boundDevice !== 0 && theirs.boundDevice !== 0) return false;
  if (mine.reuseAddress && theirs.reuseAddress && !other.listening) return false;
  return !(mine.reusePort && theirs.reusePort);
}
