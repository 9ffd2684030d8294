/**
 * struct sockaddr_in: read and written. ip(7).
 *
 * Text is read and shown by way of a memory of one: bulk traffic names the same address again and again.
 */
import { getU16, getU32 } from '../../core/bytes.ts';
import { Errno } from '../../core/errno.ts';
import { ANY_ADDRESS, formatAddress, ipv4, parseAddress } from '../../ip/address.ts';
import type { IpAddress } from '../../ip/address.ts';
import type { InetAddress, Name, NameOut } from '../address.ts';
import { AF_INET, AF_UNSPEC } from '../constants.ts';
import { sockaddr } from '../name-octets.ts';

/** One end of an association. A record that the caller owns and a call fills in. */
export interface Endpoint {
  address: IpAddress;
  port: number;
}

export const makeEndpoint = (): Endpoint => ({ address: ANY_ADDRESS, port: 0 });

/** Octets of struct sockaddr_in: a shorter one is EINVAL. */
const SOCKADDR_IN = 16;
/** A struct sockaddr that names no more than a family. */
const FAMILY_ONLY = 2;

/** Whether a name is so short that not even its family can be read. connect finds that out before it looks at the socket. */
export const hasNoFamily = (name: Name): boolean => name instanceof Uint8Array && name.length < FAMILY_ONLY;

export class InetNames {
  #text = '0.0.0.0';
  #parsed: IpAddress = ANY_ADDRESS;
  #shown: IpAddress = ANY_ADDRESS;
  #shownText = '0.0.0.0';

  /**
   * Fills `into` from a name and returns its family. Of another family's it reads the octets that are in an address's place.
   * -EFAULT for null, -EINVAL for one that is too short, or that is no address.
   * @param familySuffices whether two octets with AF_UNSPEC will do (connect)
   */
  read(name: Name, into: Endpoint, familySuffices = false): number {
    if (name === null) return -Errno.EFAULT;
    if (name instanceof Uint8Array) return readOctets(name, into, familySuffices);
    // bind of a raw socket takes such octets for an address, and does not look at the family. net/ipv4/raw.c.
    if ('path' in name || 'interfaceIndex' in name) return readOctets(sockaddr(name), into, familySuffices);
    const { address, port, family = AF_INET } = name as Partial<InetAddress>;
    if (address === undefined || port === undefined) return family;
    if (!Number.isInteger(port) || port < 0 || port > 0xffff) return -Errno.EINVAL;
    if (address !== this.#text) {
      const parsed = parseAddress(address);
      if (parsed === undefined) return -Errno.EINVAL;
      this.#text = address;
      this.#parsed = parsed;
    }
    into.address = this.#parsed;
    into.port = port;
    return family;
  }

  write({ address, port }: Endpoint, into: NameOut): void {
    into.address = this.show(address);
    into.port = port;
    if (into.family !== undefined) into.family = AF_INET;
  }

  /** The text form of an address. */
  show(address: IpAddress): string {
    if (address !== this.#shown) {
      this.#shown = address;
      this.#shownText = formatAddress(address);
    }
    return this.#shownText;
  }
}

function readOctets(octets: Uint8Array, into: Endpoint, familySuffices: boolean): number {
  if (octets.length < FAMILY_ONLY) return -Errno.EINVAL;
  // sa_family is in the machine's byte order, which is little-endian; the rest in the network's.
  const family = octets[0]! | (octets[1]! << 8);
  if (octets.length < SOCKADDR_IN) return familySuffices && family === AF_UNSPEC ? family : -Errno.EINVAL;
  into.port = getU16(octets, 2);
  into.address = ipv4(getU32(octets, 4));
  return family;
}

/** The name that bind was given, read into `into`: 0, or a negative errno. */
export function readBindName(names: InetNames, name: Name, into: Endpoint): number {
  const family = names.read(name, into);
  if (family < 0) return family;
  // AF_UNSPEC with the wildcard address is taken for AF_INET, for old programs' sake. net/ipv4/af_inet.c.
  const isAny = family === AF_UNSPEC && into.address === ANY_ADDRESS;
  return family === AF_INET || isAny ? 0 : -Errno.EAFNOSUPPORT;
}
