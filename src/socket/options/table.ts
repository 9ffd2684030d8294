/**
 * Every option of setsockopt and getsockopt in one table, and the look-up in it. socket(7), ip(7), tcp(7), raw(7); ranges and
 * errnos as a Linux kernel shows them.
 */
import type { Config } from '../../core/config.ts';
import { Errno } from '../../core/errno.ts';
import * as c from '../constants.ts';
import type { Socket } from '../socket.ts';
import { ipRows } from './ip-level.ts';
import { multicastRows } from './multicast-level.ts';
import { octetsOf } from './octets.ts';
import type { OptionInput, OptionRow, OptionValue } from './option.ts';
import { packetRows } from './packet-level.ts';
import { socketRows } from './socket-level.ts';
import type { Interfaces } from './socket-level.ts';
import { tcpRows } from './tcp-level.ts';
import { udpRows } from './udp-level.ts';
import { unixRows } from './unix-level.ts';

/** The whole table. */
export const makeOptionRows = (config: Config, interfaces: Interfaces): readonly OptionRow[] => [
  ...socketRows(config, interfaces),
  ...ipRows(config),
  ...multicastRows(),
  ...tcpRows(config),
  ...udpRows(),
  ...unixRows,
  ...packetRows(),
];

/** Looks options up and applies them. */
export class OptionTable {
  readonly rows: readonly OptionRow[];
  readonly #byKey = new Map<number, OptionRow>();

  constructor(config: Config, interfaces: Interfaces) {
    this.rows = makeOptionRows(config, interfaces);
    for (const row of this.rows) this.#byKey.set(keyOf(row.level, row.name), row);
  }

  /**
   * The value, or a negative errno (no option has negative values): -EOPNOTSUPP for a level, -ENOPROTOOPT for a name.
   * @param length if given, so many octets of the C type are asked for at most; -EINVAL for a negative one
   */
  get(socket: Socket, level: number, name: number, length?: number): OptionValue {
    if (length !== undefined && length < 0 && readsLength(socket, level)) return -Errno.EINVAL;
    if (isForeign(socket, level, name)) return -Errno.EOPNOTSUPP;
    const row = this.#find(socket, level, name);
    if (row === undefined) return hasLevel(socket, level) ? -Errno.ENOPROTOOPT : -Errno.EOPNOTSUPP;
    if (length !== undefined && length < 0) return -Errno.EINVAL;
    const value = row.get(socket);
    const failed = typeof value === 'number' && value < 0;
    return length === undefined || failed ? value : octetsOf(row, value, length);
  }

  /**
   * 0, or a negative errno: -ENOPROTOOPT for an option that is unknown or read only, -EINVAL for a value out of range, -EFAULT for null,
   * -ENOENT for a congestion control that is not known.
   */
  set(socket: Socket, level: number, name: number, value: OptionInput): number {
    const row = this.#find(socket, level, name);
    const unread = row?.type === 'text' ? 0 : readAhead(socket, level, value);
    if (unread < 0) return unread;
    if (row === undefined) return isForeign(socket, level, name) ? -Errno.EOPNOTSUPP : -Errno.ENOPROTOOPT;
    return row.set === undefined ? -Errno.ENOPROTOOPT : row.set(socket, value);
  }

  #find(socket: Socket, level: number, name: number): OptionRow | undefined {
    const row = this.#byKey.get(keyOf(level, name));
    return row !== undefined && has(socket, row) ? row : undefined;
  }
}

/** Whether Linux looks at the length before it looks at the option's name. */
function readsLength(socket: Socket, level: number): boolean {
  if (level === c.SOL_SOCKET) return true;
  return socket.kind === 'packet' ? level === c.SOL_PACKET : hasLevel(socket, level) && level !== c.SOL_RAW;
}

/** At the levels of sockets, TCP and UDP Linux reads an int before it looks at the option's name. */
function readAhead(socket: Socket, level: number, value: OptionInput): number {
  const tcp = level === c.IPPROTO_TCP && socket.kind === 'stream';
  const udp = level === c.IPPROTO_UDP && socket.kind === 'datagram';
  if (level !== c.SOL_SOCKET && !tcp && !udp) return 0;
  if (value === null) return -Errno.EFAULT;
  return value instanceof Uint8Array && value.length < 4 ? -Errno.EINVAL : 0;
}

/**
 * What other sockets have: EOPNOTSUPP also when it is set. ICMP_FILTER on a raw socket of another protocol, options of AF_UNIX, and on
 * AF_UNIX all levels but SOL_SOCKET.
 */
function isForeign({ kind, protocol }: Socket, level: number, name: number): boolean {
  if (kind === 'unix') return level !== c.SOL_SOCKET;
  if (level === c.SOL_SOCKET) return name === c.SO_PASSCRED || name === c.SO_PASSSEC;
  return level === c.SOL_RAW && name === c.ICMP_FILTER && kind === 'raw' && protocol !== c.IPPROTO_ICMP;
}

const keyOf = (level: number, name: number): number => level * 0x1_0000 + name;

function has(socket: Socket, row: OptionRow): boolean {
  switch (row.on) {
    case 'any':
      return true;
    case 'inet':
      return socket.family === c.AF_INET;
    case 'icmp':
      return socket.kind === 'raw' && socket.protocol === c.IPPROTO_ICMP;
    default:
      return socket.kind === row.on;
  }
}

/** Whether the socket has options at the level at all; getsockopt tells the two kinds of failure apart, but not AF_PACKET's. */
function hasLevel(socket: Socket, level: number): boolean {
  if (socket.kind === 'packet') return true;
  switch (level) {
    case c.SOL_SOCKET:
      return true;
    case c.IPPROTO_IP:
      return socket.family === c.AF_INET;
    case c.IPPROTO_TCP:
      return socket.kind === 'stream';
    case c.IPPROTO_UDP:
      return socket.kind === 'datagram';
    case c.SOL_RAW:
      return socket.kind === 'raw';
    default:
      return false;
  }
}
