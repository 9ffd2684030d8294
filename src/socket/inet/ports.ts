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

/** One holder of a local port: a bound socket, or a connection, which may outlive its socket (TIME-WAIT). */
export interface Binding {
  address: IpAddress;
  /** 1 to 65535. */
  readonly port: number;
  /** SO_REUSEADDR and SO_REUSEPORT of the holder; the port table reads them anew for each question. */
  reuseAddress: boolean;
  reusePort: boolean;
  /** SO_BINDTODEVICE of the holder: two that are bound to different interfaces do not meet. */
  device: number;
  /** In LISTEN: SO_REUSEADDR does not share a port with a listener. */
  listening: boolean;
  /** False for a port that connect chose: other connects may share it for other peers, as long as nobody binds it. */
  readonly explicit: boolean;
}

/** What a port's holders ask about a candidate: whether connect's four-tuple is in use. */
export type IsTaken = (port: number) => boolean;

/** Who holds one port: of most ports one, of a server's very many. */
class Bucket {
  #first: Binding | undefined = undefined;
  #others: Set<Binding> | undefined = undefined;
  /** Holders that were bound rather than connected. */
  explicit = 0;

  get isEmpty(): boolean {
    return this.#first === undefined && this.#others === undefined;
  }

  add(binding: Binding): void {
    if (this.#first === undefined) this.#first = binding;
    else (this.#others ??= new Set()).add(binding);
    if (binding.explicit) this.explicit++;
  }

  /** Does nothing for one that is not in. */
  remove(binding: Binding): void {
    if (binding === this.#first) this.#first = undefined;
    else if (this.#others?.delete(binding) !== true) return;
    if (this.#others?.size === 0) this.#others = undefined;
    if (binding.explicit) this.explicit--;
  }

  /** Whether one of them, other than itself, excludes `wanted`. */
  conflicts(wanted: Binding): boolean {
    if (this.#first !== undefined && this.#first !== wanted && inConflict(wanted, this.#first)) return true;
    for (const other of this.#others ?? []) if (other !== wanted && inConflict(wanted, other)) return true;
    return false;
  }
}

export class PortTable {
  readonly #buckets = new Map<number, Bucket>();
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
    return this.#buckets.size;
  }

  add(binding: Binding): void {
    let bucket = this.#buckets.get(binding.port);
    if (bucket === undefined) {
      bucket = new Bucket();
      this.#buckets.set(binding.port, bucket);
    }
    bucket.add(binding);
  }

  /** Takes a binding out; does nothing when it is not in. */
  remove(binding: Binding): void {
    const bucket = this.#buckets.get(binding.port);
    bucket?.remove(binding);
    if (bucket?.isEmpty === true) this.#buckets.delete(binding.port);
  }

  /** Whether `wanted` may not be bound beside those that hold its port; itself does not count. EADDRINUSE. */
  conflicts(wanted: Binding): boolean {
    return this.#buckets.get(wanted.port)?.conflicts(wanted) === true;
  }

  /**
   * A random ephemeral port that can be bound to `address`, for bind with port 0 and for UDP; undefined when there is none.
   * RFC 6056 §3.3.1.
   */
  pickToBind(address: IpAddress, reuseAddress: boolean, reusePort: boolean, device = 0): number | undefined {
    const start = randomBelow(this.#random, this.#count);
    const wanted = { address, port: 0, reuseAddress, reusePort, device, listening: false, explicit: true };
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
      const bucket = this.#buckets.get(port);
      if (bucket === undefined) return port;
      if (bucket.explicit === 0 && !isTaken(port)) return port;
    }
    return undefined;
  }
}

/**
 * Whether two holders of one port exclude each other. Addresses that differ never do, the wildcard overlaps all. Linux
 * wants SO_REUSEADDR of both, and of TIME-WAIT as well: a connection keeps the flag of its socket.
 */
function inConflict(wanted: Binding, other: Binding): boolean {
  if (wanted.address !== other.address && wanted.address !== ANY_ADDRESS && other.address !== ANY_ADDRESS) return false;
  if (wanted.device !== other.device && wanted.device !== 0 && other.device !== 0) return false;
  if (wanted.reuseAddress && other.reuseAddress && !other.listening) return false;
  return !(wanted.reusePort && other.reusePort);
}
