/**
 * struct sockaddr_ll: read and written. packet(7).
 *
 * sll_protocol is in host byte order in records, as ports are in this interface; in octets it is in the network's, as in C.
 */
import { getU16, getU48 } from '../../core/bytes.ts';
import { Errno } from '../../core/errno.ts';
import { NO_MAC, formatMac, parseMac } from '../../ethernet/address.ts';
import type { MacAddress } from '../../ethernet/address.ts';
import type { Name, NameOut, PacketAddress } from '../address.ts';
import { AF_PACKET } from '../constants.ts';
import { octetsToInt } from '../options/option.ts';

/** What a call reads of a name. A record that the caller owns and a call fills in. */
export interface LinkName {
  family: number;
  protocol: number;
  interfaceIndex: number;
  hardwareAddress: MacAddress;
}

export const makeLinkName = (): LinkName => ({
  family: AF_PACKET,
  protocol: 0,
  interfaceIndex: 0,
  hardwareAddress: NO_MAC,
});

/** What a call tells of a frame, or of a socket. */
export interface LinkAddress {
  readonly protocol: number;
  readonly interfaceIndex: number;
  readonly hardwareType: number;
  readonly packetType: number;
  /** Undefined for none. */
  readonly hardwareAddress: MacAddress | undefined;
}

/** Octets of struct sockaddr_ll; a shorter one is EINVAL. Its address is at the end. */
const SOCKADDR_LL = 20;
const ADDRESS = 12;
const ADDRESS_LENGTH = 11;

/** Fills `into`. -EFAULT for null, -EINVAL for one that is too short, or is no such address. */
export function readLinkName(name: Name, into: LinkName): number {
  if (name === null) return -Errno.EFAULT;
  if (name instanceof Uint8Array) return readOctets(name, into);
  const { family = AF_PACKET, protocol, interfaceIndex, hardwareAddress = '' } = name as Partial<PacketAddress>;
  if (protocol === undefined || interfaceIndex === undefined) return -Errno.EINVAL;
  const address = hardwareAddress === '' ? NO_MAC : parseMac(hardwareAddress);
  if (address === undefined || !Number.isInteger(protocol) || !Number.isInteger(interfaceIndex)) return -Errno.EINVAL;
  into.family = family;
  into.protocol = protocol & 0xffff;
  into.interfaceIndex = interfaceIndex;
  into.hardwareAddress = address;
  return 0;
}

/** Whether an address has as many octets as it says (sll_halen). bind does not ask. */
export const isWhole = (name: Name | undefined): boolean =>
  !(name instanceof Uint8Array) || name.length >= ADDRESS + name[ADDRESS_LENGTH]!;

function readOctets(octets: Uint8Array, into: LinkName): number {
  if (octets.length < SOCKADDR_LL) return -Errno.EINVAL;
  into.family = octets[0]! | (octets[1]! << 8);
  into.protocol = getU16(octets, 2);
  into.interfaceIndex = octetsToInt(octets, 4)!;
  into.hardwareAddress = getU48(octets, ADDRESS) as MacAddress;
  return 0;
}

export function writeLinkName(from: LinkAddress, into: NameOut): void {
  into.family = AF_PACKET;
  into.protocol = from.protocol;
  into.interfaceIndex = from.interfaceIndex;
  into.hardwareType = from.hardwareType;
  into.packetType = from.packetType;
  into.hardwareAddress = from.hardwareAddress === undefined ? '' : formatMac(from.hardwareAddress);
}
