/**
 * Names as C has them: the octets of a struct sockaddr, as many as there is room for. net/socket.c, move_addr_to_user.
 *
 * accept, getsockname, getpeername, recvfrom and recvmsg give them to a program whose NameOut has `octets` or `length`.
 */
import { setU16, setU32, setU48 } from '../core/bytes.ts';
import { Errno } from '../core/errno.ts';
import { parseMac } from '../ethernet/address.ts';
import { parseAddress } from '../ip/address.ts';
import type { NameOut, PacketAddress, SocketAddress } from './address.ts';
import { AF_INET, AF_PACKET, AF_UNSPEC } from './constants.ts';
import { reaches } from './message.ts';
import { encode } from './unix/names.ts';

/** Octets of struct sockaddr_in, of sockaddr_ll, and of what of the latter comes before the hardware address. */
const SOCKADDR_IN = 16;
const SOCKADDR_LL = 20;
const LINK_HEADER = 12;
/** Octets of an Ethernet address. */
const MAC = 6;

const NONE = new Uint8Array(0);

/** Whether a program wants octets, not the fields of a record. */
export const wantsOctets = ({ octets, length }: NameOut): boolean => octets !== undefined || length !== undefined;

/** Whether the address is NULL: then accept, recvfrom and recvmsg tell nobody. */
export const isNowhere = (into: NameOut): boolean => wantsOctets(into) && (into.octets ?? null) === null;

/** A record for a socket to fill in; one that it leaves alone is a name of no octets. */
export const makeRecord = (): NameOut => ({ family: AF_UNSPEC });

/** What `call` names, in the form that the program wants it in. */
export function giveName(into: NameOut, call: (record: NameOut) => number): number {
  if (!wantsOctets(into)) return call(into);
  const record = makeRecord();
  const result = call(record);
  if (result < 0) return result;
  const octets = octetsOf(record);
  // The name of a packet socket ends with its hardware address. packet_getname.
  const isLink = record.family === AF_PACKET;
  return storeName(isLink ? octets.subarray(0, LINK_HEADER + octets[LINK_HEADER - 1]!) : octets, into);
}

/** The octets of the sender that a socket has told of. */
export const storeSender = (record: NameOut, into: NameOut): number => storeName(octetsOf(record), into);

function storeName(name: Uint8Array, into: NameOut): number {
  const { octets = null, length = octets?.length ?? 0 } = into;
  if (length === null) return -Errno.EFAULT;
  const count = Math.min(length, name.length);
  if (count < 0) return -Errno.EINVAL;
  into.length = name.length;
  if (count === 0) return 0;
  if (octets === null || !reaches(octets, 0, count)) return -Errno.EFAULT;
  octets.set(name.subarray(0, count));
  return 0;
}

const octetsOf = (record: NameOut): Uint8Array =>
  record.family === AF_UNSPEC ? NONE : sockaddr(record as SocketAddress);

/** The octets of a struct sockaddr_in, sockaddr_un or sockaddr_ll. */
export function sockaddr(name: SocketAddress): Uint8Array {
  if ('path' in name) {
    const isPath = name.path !== '' && !name.path.startsWith('\0');
    const path = encode(name.path);
    return Uint8Array.from([
      name.family,
      0,
      ...Array.from(path, (octet) => octet.charCodeAt(0)),
      ...(isPath ? [0] : []),
    ]);
  }
  if ('interfaceIndex' in name) return linkOctets(name);
  const octets = new Uint8Array(SOCKADDR_IN);
  octets[0] = name.family ?? AF_INET;
  setU16(octets, 2, name.port);
  setU32(octets, 4, parseAddress(name.address)!);
  return octets;
}

function linkOctets(name: PacketAddress): Uint8Array {
  const address = parseMac(name.hardwareAddress ?? '');
  const octets = new Uint8Array(SOCKADDR_LL);
  const view = new DataView(octets.buffer);
  octets[0] = name.family;
  setU16(octets, 2, name.protocol);
  view.setInt32(4, name.interfaceIndex, true);
  view.setUint16(8, name.hardwareType ?? 0, true);
  octets[10] = name.packetType ?? 0;
  octets[11] = address === undefined ? 0 : MAC;
  if (address !== undefined) setU48(octets, LINK_HEADER, address);
  return octets;
}
