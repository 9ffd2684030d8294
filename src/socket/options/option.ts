/**
 * What the tables of options are made of: one row says where an option is, which sockets have it, its type and range, how it is
 * read and how changed. The rows are in a file per level; table.ts looks them up.
 *
 * Values are numbers, or records where C has a struct; a program may also give the octets of the C type, of which too few are
 * EINVAL and none at all (null) EFAULT.
 */
import { Errno } from '../../core/errno.ts';
import type { TcpInfo, TcpOptions } from '../../tcp/service.ts';
import * as c from '../constants.ts';
import type { Credentials } from '../message.ts';
import type { CommonOptions, Socket } from '../socket.ts';

/** struct linger: whether close resets or waits, and how long it waits (s). */
export interface Linger {
  readonly onoff: boolean;
  readonly linger: number;
}

/** struct timeval. */
export interface Timeval {
  readonly sec: number;
  readonly usec: number;
}

/** struct ip_mreqn. ip(7). */
export interface Membership {
  readonly multiaddr: string;
  /** An own address that names the interface; '0.0.0.0' for whichever the routes choose. */
  readonly address?: string;
  /** Names the interface too, and goes before `address`; 0 for none. */
  readonly ifindex?: number;
}

/** struct packet_mreq. packet(7). */
export interface PacketMembership {
  readonly ifindex: number;
  /** PACKET_MR_... */
  readonly type: number;
  /** For PACKET_MR_MULTICAST. */
  readonly address?: string;
}

/** struct tpacket_stats. packet(7). */
export interface PacketStatistics {
  readonly packets: number;
  readonly drops: number;
}

export type OptionRecord = Linger | Timeval | Membership | PacketMembership;
export type OptionInput = number | boolean | string | OptionRecord | Uint8Array | null;
export type OptionValue = number | string | Linger | Timeval | TcpInfo | Credentials | PacketStatistics | Uint8Array;

/** Which sockets have an option: 'stream', 'datagram' and 'raw' are AF_INET's three, 'icmp' a raw one of that protocol. */
export type OptionScope = 'any' | 'inet' | 'stream' | 'datagram' | 'raw' | 'icmp' | 'unix' | 'packet';

/** What getsockopt and setsockopt know of one option. */
export interface OptionRow {
  readonly level: number;
  readonly name: number;
  /** The constant's name, for messages, tests and tables. */
  readonly label: string;
  readonly on: OptionScope;
  /** flag: any number, true unless 0. int: an integer from `min` to `max`, else `errno`. Or the C type of the record. */
  readonly type: 'flag' | 'int' | 'text' | StructName;
  readonly min: number;
  readonly max: number;
  /** The errno for a value out of range. */
  readonly errno: number;
  readonly get: (socket: Socket) => OptionValue;
  /** The octets of the C type, `length` at most, where Linux does not just cut them off (octets.ts); or a negative errno. */
  readonly octets?: (value: OptionValue, length: number) => Uint8Array | number;
  /** Undefined for options that can only be read: ENOPROTOOPT. */
  readonly set: ((socket: Socket, value: OptionInput) => number) | undefined;
}

export type StructName =
  | 'struct linger'
  | 'struct timeval'
  | 'struct tcp_info'
  | 'struct ucred'
  | 'struct ip_mreqn'
  | 'struct packet_mreq'
  | 'struct tpacket_stats'
  | 'IP options';

export type Where = Pick<OptionRow, 'level' | 'name' | 'label' | 'on'>;

/** Says where the options of one level are: `at(level, on)(label, name)`. */
export const at =
  (level: number, on: OptionScope) =>
  (label: string, name: number): Where => ({ level, name, label, on });

export const INT_MIN = -0x8000_0000;
export const INT_MAX = 0x7fff_ffff;
export const UINT_MAX = 0xffff_ffff;
export const ANY_INT = [INT_MIN, INT_MAX] as const;

type FlagName = { [K in keyof CommonOptions]: CommonOptions[K] extends boolean ? K : never }[keyof CommonOptions];
type TcpNumber = { [K in keyof TcpOptions]: TcpOptions[K] extends number ? K : never }[keyof TcpOptions];

/** An integer with rules of its own. */
export function int(
  where: Where,
  [min, max]: readonly [number, number],
  get: OptionRow['get'],
  set: ((socket: Socket, value: number) => number) | undefined,
  errno: number = Errno.EINVAL,
): OptionRow {
  const apply = (socket: Socket, input: OptionInput): number => {
    const value = readInt(input, where.level);
    if (typeof value !== 'number') return -value.errno;
    return value < min || value > max ? -errno : set!(socket, value);
  };
  return { ...where, type: 'int', min, max, errno, get, set: set === undefined ? undefined : apply };
}

/** A yes-or-no option of any socket. */
export const flag = (where: Where, key: FlagName): OptionRow => ({
  ...int(
    where,
    ANY_INT,
    (socket) => Number(socket.options[key]),
    (socket, value) => socket.changeOptions({ [key]: value !== 0 }),
  ),
  type: 'flag',
});

/** A yes-or-no option of TCP. */
export const tcpFlag = (where: Where, key: 'noDelay' | 'cork'): OptionRow => ({
  ...int(
    where,
    ANY_INT,
    (socket) => Number(socket.tcpOptions![key]),
    (socket, value) => socket.changeTcpOptions({ [key]: value !== 0 }),
  ),
  type: 'flag',
});

/** A number of TCP's; `unit` microseconds (or 1) make one of the option's. */
export const tcpInt = (where: Where, key: TcpNumber, min: number, max: number, unit = 1): OptionRow =>
  int(
    where,
    [min, max],
    (socket) => Math.round(socket.tcpOptions![key] / unit),
    (socket, value) => socket.changeTcpOptions({ [key]: value * unit }),
  );

/** An option that can only be read. */
export const readOnly = (where: Where, get: OptionRow['get']): OptionRow => int(where, ANY_INT, get, undefined);

/** A record that can only be read. */
export const readOnlyRecord = (where: Where, type: OptionRow['type'], get: OptionRow['get']): OptionRow => ({
  ...readOnly(where, get),
  type,
});

/**
 * A record. `read` makes it of what the program gave, octets of the C type included, or returns undefined where that is none: EINVAL.
 */
export function record<T>(
  where: Where,
  type: OptionRow['type'],
  get: OptionRow['get'],
  read: (input: Exclude<OptionInput, null>) => T | undefined,
  set: (socket: Socket, value: T) => number,
): OptionRow {
  const apply = (socket: Socket, input: OptionInput): number => {
    if (input === null) return -Errno.EFAULT;
    const value = read(input);
    return value === undefined ? -Errno.EINVAL : set(socket, value);
  };
  return { ...readOnlyRecord(where, type, get), set: apply };
}

/** The int that C would read. ip(7)'s options take a single octet, too, and none at all for 0. */
function readInt(input: OptionInput, level: number): number | { readonly errno: number } {
  if (input === null) return { errno: Errno.EFAULT };
  if (input instanceof Uint8Array) {
    const value = octetsToInt(input, 0);
    if (value !== undefined) return value;
    return level === c.IPPROTO_IP ? (input[0] ?? 0) : { errno: Errno.EINVAL };
  }
  const number = Number(input);
  const isOne = typeof input !== 'object' && typeof input !== 'string' && Number.isInteger(number);
  return isOne ? number : { errno: Errno.EINVAL };
}

/** The int at an offset in the machine's order (little-endian), or undefined beyond the end. */
export function octetsToInt(octets: Uint8Array, offset: number): number | undefined {
  if (octets.length < offset + 4) return undefined;
  return new DataView(octets.buffer, octets.byteOffset, octets.length).getInt32(offset, true);
}

/** The same for a long of 64 bits. */
export function octetsToLong(octets: Uint8Array, offset: number): number | undefined {
  if (octets.length < offset + 8) return undefined;
  return Number(new DataView(octets.buffer, octets.byteOffset, octets.length).getBigInt64(offset, true));
}

/** Octets of a name (of an interface, of a congestion control) that count. Linux IFNAMSIZ and TCP_CA_NAME_MAX, less one. */
const MAX_NAME = 15;

/** A name: octets are cut at the first NUL and at 15; a number is the octets of an int. */
export function readName(input: Exclude<OptionInput, null>): string | undefined {
  if (typeof input === 'string') return input.slice(0, MAX_NAME);
  if (typeof input === 'number') return readName(new Uint8Array(new Int32Array([input]).buffer));
  if (!(input instanceof Uint8Array)) return undefined;
  return new TextDecoder('latin1').decode(input.subarray(0, MAX_NAME)).split('\0')[0]!;
}
