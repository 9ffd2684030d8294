/**
 * Ethernet (MAC) addresses: 48 bits held as a plain number, which a double represents exactly.
 *
 * A number can be compared with `===` and be the key of a Map, and none is allocated per frame.
 */
import type { IpAddress } from '../ip/address.ts';

/** A 48-bit MAC address as an unsigned number; 02:00:00:00:00:01 is 0x020000000001. */
export type MacAddress = number & { readonly brand: 'MacAddress' };

const LIMIT = 2 ** 48;

/** The address with this value. Throws a RangeError when it is not an integer of 48 bits. */
export function macAddress(value: number): MacAddress {
  if (!Number.isInteger(value) || value < 0 || value >= LIMIT) throw new RangeError(`not a 48-bit address: ${value}`);
  return value as MacAddress;
}

/** 00:00:00:00:00:00: no address; what ARP's unused fields hold. */
export const NO_MAC = macAddress(0);
/** ff:ff:ff:ff:ff:ff: every station. */
export const BROADCAST_MAC = macAddress(0xffff_ffff_ffff);

/** Whether it names a group of stations: the lowest bit of the first octet. Broadcast is a group too. IEEE 802. */
export const isGroup = (address: MacAddress): boolean => (Math.floor(address / 0x100_0000_0000) & 1) === 1;

/** Whether it names a group but not all stations. */
export const isMulticast = (address: MacAddress): boolean => isGroup(address) && address !== BROADCAST_MAC;

/** The address that an IP multicast group has on Ethernet: 01:00:5e and its low 23 bits. RFC 1112 §6.4, 1112-6.4-a. */
export const groupMac = (group: IpAddress): MacAddress => (0x0100_5e00_0000 + (group & 0x7f_ffff)) as MacAddress;

/** Six pairs of lower-case hexadecimal digits with colons. */
export function formatMac(address: MacAddress): string {
  const digits = address.toString(16).padStart(12, '0');
  return digits.replace(/..(?!$)/g, '$&:');
}

/** The address that six pairs of hexadecimal digits with colons or hyphens name, else undefined. */
export function parseMac(text: string): MacAddress | undefined {
  if (!/^[0-9a-f]{2}([:-][0-9a-f]{2}){5}$/i.test(text)) return undefined;
  return macAddress(Number.parseInt(text.replace(/[:-]/g, ''), 16));
}
