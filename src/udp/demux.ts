/**
 * Which open port takes a datagram. RFC 1122 §4.1.3; the order of preference is Linux's (udp(7)).
 *
 * By local port, then the best match: one connected to the sender before one that is not, one bound to the address before one
 * bound to any, then one bound to the interface, the later opened before the earlier; of several that share the port by SO_REUSEPORT,
 * and are not connected, each gets its part of the flows. A broadcast or multicast goes to all that match.
 */
import type { RandomSource } from '../core/random.ts';
import { ANY_ADDRESS } from '../ip/address.ts';
import type { IpAddress } from '../ip/address.ts';
import { FlowHash } from '../ip/flow-hash.ts';

/** What the demultiplexer looks at. */
export interface Endpoint {
  readonly localAddress: IpAddress;
  readonly localPort: number;
  readonly remoteAddress: IpAddress | undefined;
  readonly remotePort: number;
  /** SO_REUSEPORT. */
  readonly sharesPort: boolean;
  /** The one interface that it is bound to; 0 or none for any. */
  readonly device?: number;
}

/** How well an endpoint matches: -1 for not at all, more is better. `device` is where the datagram came in, 0 when that is not known. */
export function matchScore(
  endpoint: Endpoint,
  local: IpAddress,
  remote: IpAddress,
  remotePort: number,
  device = 0,
): number {
  let score = 0;
  if (endpoint.device !== undefined && endpoint.device !== 0) {
    if (device !== 0 && device !== endpoint.device) return -1;
    score = 1;
  }
  if (endpoint.localAddress !== ANY_ADDRESS) {
    if (endpoint.localAddress !== local) return -1;
    score += 2;
  }
  if (endpoint.remoteAddress !== undefined) {
    if (endpoint.remoteAddress !== remote || endpoint.remotePort !== remotePort) return -1;
    score += 4;
  }
  return score;
}

export class Demux<T extends Endpoint> {
  /** By local port, in the order of opening. Bounded by the number of sockets. */
  readonly #ports = new Map<number, T[]>();
  readonly #flows: FlowHash;

  constructor(random: RandomSource) {
    this.#flows = new FlowHash(random);
  }

  add(endpoint: T): void {
    const list = this.#ports.get(endpoint.localPort);
    if (list === undefined) this.#ports.set(endpoint.localPort, [endpoint]);
    else list.push(endpoint);
  }

  remove(endpoint: T): void {
    const list = this.#ports.get(endpoint.localPort);
    const index = list === undefined ? -1 : list.indexOf(endpoint);
    if (index < 0) return;
    list!.splice(index, 1);
    if (list!.length === 0) this.#ports.delete(endpoint.localPort);
  }

  /** The best match, or undefined. */
  find(local: IpAddress, localPort: number, remote: IpAddress, remotePort: number, device = 0): T | undefined {
    const list = this.#ports.get(localPort);
    if (list === undefined) return undefined;
    let best: T | undefined = undefined;
    let bestScore = -1;
    let sharing = 0;
    for (let i = list.length - 1; i >= 0; i--) {
      const endpoint = list[i]!;
      const score = matchScore(endpoint, local, remote, remotePort, device);
      if (score > bestScore) {
        best = endpoint;
        bestScore = score;
        sharing = 0;
      }
      if (score === bestScore && isOneOfMany(endpoint)) sharing++;
    }
    if (sharing < 2 || !isOneOfMany(best!)) return best;
    const group = list.filter(
      (endpoint) => isOneOfMany(endpoint) && matchScore(endpoint, local, remote, remotePort, device) === bestScore,
    );
    return group[this.#flows.choose(group.length, local, localPort, remote, remotePort)];
  }

  /** Those on a port, in the order of opening; the list is not to be kept. */
  onPort(localPort: number): readonly T[] {
    return this.#ports.get(localPort) ?? NOBODY;
  }

  *all(): Iterable<T> {
    for (const list of this.#ports.values()) yield* list;
  }
}

/** Whether SO_REUSEPORT spreads what comes over the endpoint and its like. */
const isOneOfMany = ({ sharesPort, remoteAddress }: Endpoint): boolean => sharesPort && remoteAddress === undefined;

const NOBODY: readonly never[] = [];
