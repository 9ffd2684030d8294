/**
 * Finds the listener of a SYN: by port, then the best match. RFC 9293 §3.10.7, MUST-42; the order of preference is Linux's (inet_hashtables.c).
 *
 * One for the address itself comes before one for any address, one bound to the interface (SO_BINDTODEVICE) before one that is not. Of
 * several that share address and port by SO_REUSEPORT each gets its part of the connections: socket(7).
 */
import type { RandomSource } from '../core/random.ts';
import { ANY_ADDRESS } from '../ip/address.ts';
import type { IpAddress } from '../ip/address.ts';
import { FlowHash } from '../ip/flow-hash.ts';
import type { TcpOptions } from './service.ts';

/** A passive OPEN as the table sees it. */
export interface ListenerEntry {
  readonly address: IpAddress;
  readonly port: number;
  readonly options: Readonly<Pick<TcpOptions, 'reusePort' | 'boundDevice'>>;
}

/** How well a listener matches: -1 for not at all, more is better. */
function matchScore({ address, options }: ListenerEntry, local: IpAddress, interfaceId: number): number {
  let score = 0;
  if (address !== ANY_ADDRESS) {
    if (address !== local) return -1;
    score = 2;
  }
  if (options.boundDevice === 0) return score;
  return options.boundDevice === interfaceId ? score + 1 : -1;
}

export class ListenerTable<T extends ListenerEntry> {
  readonly #byPort = new Map<number, T[]>();
  readonly #flows: FlowHash;

  constructor(random: RandomSource) {
    this.#flows = new FlowHash(random);
  }

  /** The listener of a segment from `remote` that came in on an interface. */
  find(local: IpAddress, port: number, remote: IpAddress, remotePort: number, interfaceId: number): T | undefined {
    const candidates = this.#byPort.get(port);
    if (candidates === undefined) return undefined;
    let best: T | undefined = undefined;
    let bestScore = -1;
    let sharing = 0;
    for (const listener of candidates) {
      const score = matchScore(listener, local, interfaceId);
      if (score < bestScore || score < 0) continue;
      if (score > bestScore) {
        best = listener;
        bestScore = score;
        sharing = 0;
      }
      if (listener.options.reusePort) sharing++;
    }
    if (sharing < 2) return best;
    const chosen = this.#flows.choose(sharing, local, port, remote, remotePort);
    const group = candidates.filter(
      (listener) => listener.options.reusePort && matchScore(listener, local, interfaceId) === bestScore,
    );
    return group[chosen];
  }

  /** Whether a new listener may not be beside those that there are: one has the address (ANY_ADDRESS included), and does not share it. */
  conflicts({ address, port, options }: ListenerEntry): boolean {
    const others = this.#byPort.get(port) ?? [];
    return others.some((other) => {
      if (other.address !== address || other.options.boundDevice !== options.boundDevice) return false;
      return !(options.reusePort && other.options.reusePort);
    });
  }

  add(listener: T): void {
    const candidates = this.#byPort.get(listener.port);
    if (candidates === undefined) this.#byPort.set(listener.port, [listener]);
    else candidates.push(listener);
  }

  remove(listener: T): void {
    const left = (this.#byPort.get(listener.port) ?? []).filter((l) => l !== listener);
    if (left.length === 0) this.#byPort.delete(listener.port);
    else this.#byPort.set(listener.port, left);
  }

  all(): T[] {
    return [...this.#byPort.values()].flat();
  }
}
