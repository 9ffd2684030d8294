/**
 * What each address means to this host: its own, a broadcast address of a connected network, or neither.
 *
 * RFC 1122 §3.2.1.3, §3.3.6. One table for all interfaces: this is the weak model of §3.3.4.2, as Linux has it, where a
 * datagram for an own address is taken whatever interface it comes in on. Differs from §3.3.6: broadcasts by address class
 * ({net, -1, -1}) are not recognised, since classes are gone (RFC 4632) and RFC 1812 §5.3.5.3 calls them obsolete.
 */
import {
  ANY_ADDRESS,
  BROADCAST_ADDRESS,
  directedBroadcast,
  isLoopback,
  isMulticast,
  networkAddress,
} from './address.ts';
import type { IpAddress } from './address.ts';
import type { NetworkInterface } from './interface.ts';

export const AddressKind = { Other: 0, Own: 1, Broadcast: 2 } as const;
export type AddressKind = (typeof AddressKind)[keyof typeof AddressKind];

export class AddressTable {
  readonly #kinds = new Map<IpAddress, AddressKind>();
  /** The own address that was asked about last: nearly always the one asked about next. */
  #lastOwn: IpAddress = ANY_ADDRESS;
  /** The address that was last found to be a plain host's, likewise. */
  #lastHost: IpAddress = ANY_ADDRESS;

  /** Builds the table anew; called whenever addresses change. */
  rebuild(interfaces: readonly NetworkInterface[]): void {
    this.#lastOwn = ANY_ADDRESS;
    this.#lastHost = ANY_ADDRESS;
    this.#kinds.clear();
    this.#kinds.set(BROADCAST_ADDRESS, AddressKind.Broadcast);
    for (const network of interfaces) {
      for (const prefix of network.addresses) {
        const broadcast = directedBroadcast(prefix);
        if (broadcast === undefined || network.isLoopback) continue;
        this.#kinds.set(broadcast, AddressKind.Broadcast);
        // The old form with zeros for the host part counts too. RFC 1122 §3.3.6, 1122-3.3.6-a.
        this.#kinds.set(networkAddress(prefix), AddressKind.Broadcast);
      }
    }
    for (const network of interfaces) {
      for (const prefix of network.addresses) this.#kinds.set(prefix.address, AddressKind.Own);
    }
  }

  /** Whether it is an address of this host, 127.0.0.0/8 included. */
  isOwn(address: IpAddress): boolean {
    if (address === this.#lastOwn) return address !== ANY_ADDRESS;
    if (!isLoopback(address) && this.#kinds.get(address) !== AddressKind.Own) return false;
    this.#lastOwn = address;
    return true;
  }

  isBroadcast(address: IpAddress): boolean {
    return this.#kinds.get(address) === AddressKind.Broadcast;
  }

  /** Whether it stands for a single host elsewhere: no broadcast, multicast, class E, loopback, network 0 or own address. */
  isOtherHost(address: IpAddress): boolean {
    if (address === this.#lastHost) return address !== ANY_ADDRESS;
    if (!isUnicast(address) || isLoopback(address) || this.#kinds.has(address)) return false;
    this.#lastHost = address;
    return true;
  }
}

/** Whether an address is of unicast form: not on network 0, multicast, class E or the limited broadcast. RFC 1122 §3.2.1.3. */
export const isUnicast = (address: IpAddress): boolean =>
  address >>> 24 !== 0 && !isMulticast(address) && address >>> 28 !== 0xf;
