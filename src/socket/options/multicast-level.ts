/**
 * Multicast options at IPPROTO_IP. ip(7); net/ipv4/ip_sockglue.c.
 *
 * struct ip_mreqn, ip_mreq or in_addr are given as a Membership record, an address, or the octets of the C type, whose number tells
 * which one it is. Not here: options with sources (IP_ADD_SOURCE_MEMBERSHIP, IP_MSFILTER and the like).
 */
import { getU32 } from '../../core/bytes.ts';
import { Errno } from '../../core/errno.ts';
import { ANY_ADDRESS, formatAddress, ipv4, parseAddress } from '../../ip/address.ts';
import type { IpAddress } from '../../ip/address.ts';
import * as c from '../constants.ts';
import type { GroupRequest, Socket, SocketGroups } from '../socket.ts';
import { at, flag, int, octetsToInt, record } from './option.ts';
import type { OptionInput, OptionRow } from './option.ts';

/** Octets of the three structs. */
const IN_ADDR = 4;
const IP_MREQ = 8;
const IP_MREQN = 12;

const ip = at(c.IPPROTO_IP, 'inet');

export const multicastRows = (): readonly OptionRow[] => [
  // -1 asks for the default. Streams have none to set, as Linux says.
  atLeastOneOctet(
    int(
      ip('IP_MULTICAST_TTL', c.IP_MULTICAST_TTL),
      [-1, 255],
      (socket) => socket.options.multicastTtl,
      (socket, value) =>
        socket.kind === 'stream' ? -Errno.EINVAL : socket.changeOptions({ multicastTtl: value === -1 ? 1 : value }),
    ),
  ),
  atLeastOneOctet(flag(ip('IP_MULTICAST_LOOP', c.IP_MULTICAST_LOOP), 'multicastLoop')),
  atLeastOneOctet(
    int(
      ip('IP_MULTICAST_ALL', c.IP_MULTICAST_ALL),
      [0, 1],
      (socket) => Number(socket.options.multicastAll),
      (socket, value) => socket.changeOptions({ multicastAll: value === 1 }),
    ),
  ),
  request(
    ip('IP_MULTICAST_IF', c.IP_MULTICAST_IF),
    (socket) => formatAddress(socket.options.multicastSource),
    Errno.EINVAL,
    IN_ADDR,
    (groups, wanted) => groups.choose(wanted),
  ),
  request(
    ip('IP_ADD_MEMBERSHIP', c.IP_ADD_MEMBERSHIP),
    () => -Errno.ENOPROTOOPT,
    Errno.EPROTO,
    IP_MREQ,
    (groups, wanted) => groups.join(wanted),
  ),
  request(
    ip('IP_DROP_MEMBERSHIP', c.IP_DROP_MEMBERSHIP),
    () => -Errno.ENOPROTOOPT,
    Errno.EPROTO,
    IP_MREQ,
    (groups, wanted) => groups.leave(wanted),
  ),
];

/** Where other options read a value of no octets as 0, these do not. */
const atLeastOneOctet = (row: OptionRow): OptionRow => ({
  ...row,
  set: (socket, input) => (input instanceof Uint8Array && input.length === 0 ? -Errno.EINVAL : row.set!(socket, input)),
});

/**
 * A row about groups; a socket that cannot be in any answers with `errno` before it looks at the value. NULL counts for as long as an
 * int, so where that is too short this is found first.
 * @param least octets of the shortest struct that will do
 */
function request(
  where: ReturnType<typeof ip>,
  get: OptionRow['get'],
  errno: number,
  least: number,
  set: (groups: SocketGroups, wanted: GroupRequest) => number,
): OptionRow {
  const read = (input: Exclude<OptionInput, null>): GroupRequest | undefined => readRequest(input, least);
  const row = record(where, 'struct ip_mreqn', get, read, (socket, wanted) => set(socket.groups!, wanted));
  const apply = (socket: Socket, input: OptionInput): number => {
    if (socket.groups === undefined) return -errno;
    return input === null && least > IN_ADDR ? -Errno.EINVAL : row.set!(socket, input);
  };
  return { ...row, set: apply };
}

function readRequest(input: Exclude<OptionInput, null>, least: number): GroupRequest | undefined {
  if (input instanceof Uint8Array) return input.length < least ? undefined : fromOctets(input);
  if (typeof input === 'string' && least === IN_ADDR) return fromText('0.0.0.0', input, 0);
  if (typeof input !== 'object' || !('multiaddr' in input)) return undefined;
  return fromText(input.multiaddr, input.address ?? '0.0.0.0', input.ifindex ?? 0);
}

function fromOctets(octets: Uint8Array): GroupRequest {
  const address = (offset: number): IpAddress => ipv4(getU32(octets, offset));
  if (octets.length < IP_MREQ) return { group: ANY_ADDRESS, address: address(0), interfaceId: 0 };
  return {
    group: address(0),
    address: address(4),
    interfaceId: octets.length < IP_MREQN ? 0 : octetsToInt(octets, 8)!,
  };
}

function fromText(multiaddr: string, text: string, interfaceId: number): GroupRequest | undefined {
  const [group, address] = [parseAddress(multiaddr), parseAddress(text)];
  return group === undefined || address === undefined ? undefined : { group, address, interfaceId };
}
