/**
 * IP addresses. Above ip/ an address is an opaque value: compared with `===`, hashed with `hashAddress`, shown with
 * `formatAddress`. Today every address is IPv4, held as an unsigned 32-bit number.
 */
import ipaddr from 'ipaddr.js';

/** An IPv4 address as an unsigned 32-bit number, 10.0.0.1 being 0x0a000001. */
export type Ipv4Address = number & { readonly brand: 'Ipv4Address' };
/** Any address that the stack handles; opaque above ip/. */
export type IpAddress = Ipv4Address;

/** An address with the length of its network's prefix (0 to 32), e.g. 10.0.0.2/24. RFC 1122 §3.3.1.1. */
export interface Prefix {
  readonly address: IpAddress;
  readonly length: number;
}

export const ipv4 = (value: number): Ipv4Address => (value >>> 0) as Ipv4Address;

/** 0.0.0.0: "this host", INADDR_ANY. */
export const ANY_ADDRESS = ipv4(0);
/** 127.0.0.1, INADDR_LOOPBACK. */
export const LOOPBACK_ADDRESS = ipv4(0x7f000001);
/** 255.255.255.255, the limited broadcast address. RFC 919 §7. */
export const BROADCAST_ADDRESS = ipv4(0xffffffff);

/** 224.0.0.0/4. RFC 1112 §4. */
export const isMulticast = (address: IpAddress): boolean => address >>> 28 === 0xe;
/** 127.0.0.0/8. RFC 1122 §3.2.1.3 (g). */
export const isLoopback = (address: IpAddress): boolean => address >>> 24 === 127;
/** 240.0.0.0/4 without the limited broadcast address: class E, reserved. RFC 1112 §4. */
export const isReserved = (address: IpAddress): boolean => address >>> 28 === 0xf && address !== BROADCAST_ADDRESS;
/** 0.0.0.0/8: only a source while a host learns its address. RFC 1122 §3.2.1.3 (a, b). */
export const isThisNetwork = (address: IpAddress): boolean => address >>> 24 === 0;

/** The network mask of a prefix length: 24 gives 255.255.255.0. */
export const prefixMask = (length: number): number => (length === 0 ? 0 : (0xffffffff << (32 - length)) >>> 0);

/** Whether `address` lies in the network that `prefix` names. */
export const inPrefix = (address: IpAddress, prefix: Prefix): boolean =>
  ((address ^ prefix.address) & prefixMask(prefix.length)) === 0;

/** The network's broadcast address (all host bits one); for /31 and /32, which have none, undefined. RFC 1122 §3.3.6, RFC 3021. */
export const directedBroadcast = (prefix: Prefix): IpAddress | undefined =>
  prefix.length >= 31 ? undefined : ipv4(prefix.address | ~prefixMask(prefix.length));

/** The network's own address (all host bits zero), which counts as an old form of broadcast. RFC 1122 §3.3.6. */
export const networkAddress = (prefix: Prefix): IpAddress => ipv4(prefix.address & prefixMask(prefix.length));

/** A number for hash tables; not keyed, so tables that outsiders can fill mix in a secret. */
export const hashAddress = (address: IpAddress): number => address;

/** Dotted-decimal text. */
export const formatAddress = (address: IpAddress): string =>
  `${address >>> 24}.${(address >>> 16) & 0xff}.${(address >>> 8) & 0xff}.${address & 0xff}`;

export const formatPrefix = (prefix: Prefix): string => `${formatAddress(prefix.address)}/${prefix.length}`;

/** The address that four-part dotted-decimal text names, or undefined. */
export function parseAddress(text: string): IpAddress | undefined {
  if (!ipaddr.IPv4.isValidFourPartDecimal(text)) return undefined;
  const [a, b, c, d] = ipaddr.IPv4.parse(text).octets as [number, number, number, number];
  return ipv4((a << 24) | (b << 16) | (c << 8) | d);
}

/** The prefix that text like `10.0.0.2/24` names; without `/` it is a /32. Undefined when it is neither. */
export function parsePrefix(text: string): Prefix | undefined {
  const [addressText, lengthText, ...rest] = text.split('/');
  const address = parseAddress(addressText ?? '');
  if (address === undefined || rest.length > 0) return undefined;
  if (lengthText === undefined) return { address, length: 32 };
  const length = /^\d{1,2}$/.test(lengthText) ? Number(lengthText) : NaN;
  return length <= 32 ? { address, length } : undefined;
}
