/**
 * Options at SOL_PACKET. packet(7); net/packet/af_packet.c.
 */
import { getU48 } from '../../core/bytes.ts';
import { Errno } from '../../core/errno.ts';
import { NO_MAC, parseMac } from '../../ethernet/address.ts';
import type { MacAddress } from '../../ethernet/address.ts';
import * as c from '../constants.ts';
import type { LinkMembership } from '../packet/memberships.ts';
import { PacketSocket } from '../packet/packet-socket.ts';
import type { Socket } from '../socket.ts';
import { ANY_INT, at, int, octetsToInt, readOnlyRecord, record } from './option.ts';
import type { OptionInput, OptionRow } from './option.ts';

const packet = at(c.SOL_PACKET, 'packet');

export function packetRows(): readonly OptionRow[] {
  return [
    membership('PACKET_ADD_MEMBERSHIP', c.PACKET_ADD_MEMBERSHIP, (socket, asked) => socket.memberships.add(asked)),
    membership('PACKET_DROP_MEMBERSHIP', c.PACKET_DROP_MEMBERSHIP, (socket, asked) => socket.memberships.drop(asked)),
    {
      ...int(
        packet('PACKET_AUXDATA', c.PACKET_AUXDATA),
        ANY_INT,
        (socket) => Number(ours(socket).auxdata),
        (socket, value) => {
          ours(socket).auxdata = value !== 0;
          return 0;
        },
      ),
      type: 'flag',
    },
    readOnlyRecord(packet('PACKET_STATISTICS', c.PACKET_STATISTICS), 'struct tpacket_stats', (socket) =>
      ours(socket).takeStatistics(),
    ),
  ];
}

/** Only packet sockets are asked for the options of this level. */
function ours(socket: Socket): PacketSocket {
  if (!(socket instanceof PacketSocket)) throw new Error('a SOL_PACKET option of another socket');
  return socket;
}

/** One of the two that can only be set. */
const membership = (
  label: string,
  name: number,
  apply: (socket: PacketSocket, asked: LinkMembership) => number,
): OptionRow =>
  record(
    packet(label, name),
    'struct packet_mreq',
    () => -Errno.ENOPROTOOPT,
    readMembership,
    (socket, asked) => apply(ours(socket), asked),
  );

/** Octets of struct packet_mreq, of what comes before the address in it, and of a hardware address. */
const PACKET_MREQ = 16;
const ADDRESS = 8;
const ADDRESS_LENGTH = 6;

function readMembership(input: Exclude<OptionInput, null>): LinkMembership | undefined {
  if (input instanceof Uint8Array) return readOctets(input);
  if (typeof input !== 'object' || !('type' in input)) return undefined;
  const { ifindex, type, address = '' } = input;
  const mac = address === '' ? NO_MAC : parseMac(address);
  return mac === undefined ? undefined : { ifindex, type, length: address === '' ? 0 : ADDRESS_LENGTH, address: mac };
}

function readOctets(octets: Uint8Array): LinkMembership | undefined {
  if (octets.length < PACKET_MREQ) return undefined;
  const length = octets[6]! | (octets[7]! << 8);
  if (octets.length < ADDRESS + length) return undefined;
  // What is beyond the length does not count.
  const address = new Uint8Array(ADDRESS_LENGTH);
  address.set(octets.subarray(ADDRESS, ADDRESS + Math.min(length, ADDRESS_LENGTH)));
  return {
    ifindex: octetsToInt(octets, 0)!,
    type: octets[4]! | (octets[5]! << 8),
    length,
    address: getU48(address, 0) as MacAddress,
  };
}
