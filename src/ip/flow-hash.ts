/**
 * Spreads flows over several takers: the same flow always comes to the same one, and an outsider cannot tell to which.
 *
 * SO_REUSEPORT, socket(7): connections over the listeners of one port, datagrams over its sockets. A keyed hash of the four-tuple
 * (core/siphash.ts), so that nobody can pile all flows onto one taker. When takers come or go, flows move.
 */
import { randomSipKey, sipHash3 } from '../core/siphash.ts';
import type { SipKey } from '../core/siphash.ts';
import type { RandomSource } from '../core/random.ts';
import { hashAddress } from './address.ts';
import type { IpAddress } from './address.ts';

export class FlowHash {
  readonly #random: RandomSource;
  /** Drawn when the first choice is made. */
  #key: SipKey | undefined = undefined;

  constructor(random: RandomSource) {
    this.#random = random;
  }

  /** Which of `count` takers the flow goes to, 0 to count - 1. */
  choose(count: number, local: IpAddress, localPort: number, remote: IpAddress, remotePort: number): number {
    this.#key ??= randomSipKey(this.#random);
    const hash = sipHash3(this.#key, hashAddress(local), hashAddress(remote), (remotePort << 16) | localPort);
    return Math.floor(((hash >>> 0) / 0x1_0000_0000) * count);
  }
}
