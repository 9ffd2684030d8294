/**
 * Every option of setsockopt and getsockopt in one table: level, name, which sockets have it, its type and range, how it is
 * read and changed. socket(7), ip(7), tcp(7), raw(7); ranges and errnos as a Linux kernel shows them.
 *
 * Values are numbers, except SO_LINGER (a Linger record), TCP_INFO (a TcpInfo record) and TCP_CONGESTION (a text). Times are in the
 * option's own unit.
 */
import type { Config } from '../core/config.ts';
import { Errno } from '../core/errno.ts';
import { MS, SECOND } from '../core/time.ts';
import type { MtuDiscover } from '../ip/service.ts';
import type { TcpInfo, TcpOptions } from '../tcp/service.ts';
import * as c from './constants.ts';
import type { CommonOptions, Socket } from './socket.ts';

/** struct linger: whether close resets or waits, and how long it waits (s). */
export interface Linger {
  readonly onoff: boolean;
  readonly linger: number;
}

export type OptionValue = number | string | Linger | TcpInfo;

/** What getsockopt and setsockopt know of one option. */
export interface OptionRow {
  readonly level: number;
  readonly name: number;
  /** The constant's name, for messages and tests. */
  readonly label: string;
  /** Which sockets have it. */
  readonly on: 'any' | 'stream' | 'raw' | 'icmp';
  /** flag: any number, true unless 0. int: an integer from `min` to `max`, else `errno`. */
  readonly type: 'flag' | 'int' | 'linger' | 'info' | 'text';
  readonly min: number;
  readonly max: number;
  /** The errno for a value out of range. */
  readonly errno: number;
  readonly get: (socket: Socket) => OptionValue;
  /** Undefined for options that can only be read: ENOPROTOOPT. */
  readonly set: ((socket: Socket, value: number) => number) | undefined;
}

/** Least SO_SNDBUF and SO_RCVBUF as getsockopt shows them. Linux SOCK_MIN_SNDBUF, SOCK_MIN_RCVBUF. */
const MIN_SEND_BUFFER = 4608;
const MIN_RECEIVE_BUFFER = 2304;

/** Greatest TCP_LINGER2 (s). Linux TCP_FIN_TIMEOUT_MAX. */
const MAX_LINGER2 = 120;

/** Greatest TCP_UTO (s): 32767 minutes. RFC 5482 §3.3. */
const MAX_UTO = 32767 * 60;

const INT_MIN = -0x8000_0000;
const INT_MAX = 0x7fff_ffff;
const UINT_MAX = 0xffff_ffff;

type Where = Pick<OptionRow, 'level' | 'name' | 'label' | 'on'>;
type FlagName = { [K in keyof CommonOptions]: CommonOptions[K] extends boolean ? K : never }[keyof CommonOptions];
type TcpNumber = { [K in keyof TcpOptions]: TcpOptions[K] extends number ? K : never }[keyof TcpOptions];

/** A yes-or-no option of any socket. */
const flag = (where: Where, key: FlagName): OptionRow => ({
  ...where,
  type: 'flag',
  min: INT_MIN,
  max: INT_MAX,
  errno: Errno.EINVAL,
  get: (socket) => Number(socket.options[key]),
  set: (socket, value) => socket.changeOptions({ [key]: value !== 0 }),
});

/** A yes-or-no option of TCP. */
const tcpFlag = (where: Where, key: 'noDelay' | 'quickAck' | 'cork'): OptionRow => ({
  ...where,
  type: 'flag',
  min: INT_MIN,
  max: INT_MAX,
  errno: Errno.EINVAL,
  get: (socket) => Number(socket.tcpOptions![key]),
  set: (socket, value) => socket.changeTcpOptions({ [key]: value !== 0 }),
});

/** A number of TCP's; `unit` microseconds (or 1) make one of the option's. */
const tcpInt = (where: Where, key: TcpNumber, min: number, max: number, unit = 1): OptionRow => ({
  ...where,
  type: 'int',
  min,
  max,
  errno: Errno.EINVAL,
  get: (socket) => Math.round(socket.tcpOptions![key] / unit),
  set: (socket, value) => socket.changeTcpOptions({ [key]: value * unit }),
});

/** An integer with rules of its own. */
const int = (
  where: Where,
  range: readonly [number, number],
  get: OptionRow['get'],
  set: OptionRow['set'],
): OptionRow => ({ ...where, type: 'int', min: range[0], max: range[1], errno: Errno.EINVAL, get, set });

const ANY_INT = [INT_MIN, INT_MAX] as const;

/** An option that can only be read. */
const readOnly = (where: Where, get: OptionRow['get']): OptionRow => int(where, ANY_INT, get, undefined);

const at =
  (level: number, on: OptionRow['on']) =>
  (label: string, name: number): Where => ({ level, name, label, on });
const sol = at(c.SOL_SOCKET, 'any');
const ip = at(c.IPPROTO_IP, 'any');
const tcp = at(c.IPPROTO_TCP, 'stream');

/** SO_SNDBUF and SO_RCVBUF: doubled, within bounds; a negative size is read as unsigned, hence as the largest. socket(7). */
const clampBuffer = (asked: number, least: number, most: number): number =>
  Math.max(2 * (asked < 0 ? most : Math.min(asked, most)), least);

/** A buffer that tunes itself has the size that it has grown to; twice that is shown, as everywhere. */
function sizeShown(socket: Socket, which: 'sendBuffer' | 'receiveBuffer', initial: number): number {
  const { tcpOptions } = socket;
  const tuned = which === 'sendBuffer' ? tcpOptions?.tuneSend : tcpOptions?.tuneReceive;
  if (tuned !== true) return socket.options[which];
  return 2 * (socket.tcpInfo()?.[which] ?? Math.min(initial, tcpOptions![which]));
}

/** The whole table. config.tcp.maxBuffer bounds SO_SNDBUF and SO_RCVBUF (net.core.wmem_max, rmem_max). */
export function makeOptionRows(config: Config): readonly OptionRow[] {
  const { maxBuffer, finWait2Timeout } = config.tcp;
  const { defaultTtl } = config.ip;
  return [
    flag(sol('SO_REUSEADDR', c.SO_REUSEADDR), 'reuseAddress'),
    flag(sol('SO_REUSEPORT', c.SO_REUSEPORT), 'reusePort'),
    flag(sol('SO_BROADCAST', c.SO_BROADCAST), 'broadcast'),
    flag(sol('SO_KEEPALIVE', c.SO_KEEPALIVE), 'keepalive'),
    flag(sol('SO_OOBINLINE', c.SO_OOBINLINE), 'oobInline'),
    readOnly(sol('SO_TYPE', c.SO_TYPE), (socket) => socket.type),
    readOnly(sol('SO_DOMAIN', c.SO_DOMAIN), () => c.AF_INET),
    readOnly(sol('SO_PROTOCOL', c.SO_PROTOCOL), (socket) => socket.protocol),
    readOnly(sol('SO_ACCEPTCONN', c.SO_ACCEPTCONN), (socket) => Number(socket.listening)),
    readOnly(sol('SO_ERROR', c.SO_ERROR), (socket) => socket.takeError()),
    int(
      sol('SO_SNDBUF', c.SO_SNDBUF),
      ANY_INT,
      (socket) => sizeShown(socket, 'sendBuffer', config.tcp.initialSendBuffer),
      (socket, value) => socket.changeOptions({ sendBuffer: clampBuffer(value, MIN_SEND_BUFFER, maxBuffer) }),
    ),
    int(
      sol('SO_RCVBUF', c.SO_RCVBUF),
      ANY_INT,
      (socket) => sizeShown(socket, 'receiveBuffer', config.tcp.initialReceiveBuffer),
      (socket, value) => socket.changeOptions({ receiveBuffer: clampBuffer(value, MIN_RECEIVE_BUFFER, maxBuffer) }),
    ),
    // Octets a second, unsigned; all bits set (-1) for no bound. Differs: Linux takes it on any socket, and leaves datagrams to the fq
    // qdisc.
    int(
      { ...sol('SO_MAX_PACING_RATE', c.SO_MAX_PACING_RATE), on: 'stream' },
      [INT_MIN, UINT_MAX],
      ({ tcpOptions }) => Math.min(tcpOptions!.maxPacingRate, UINT_MAX),
      (socket, value) => socket.changeTcpOptions({ maxPacingRate: value >>> 0 === UINT_MAX ? Infinity : value >>> 0 }),
    ),
    {
      ...readOnly(sol('SO_LINGER', c.SO_LINGER), ({ options }) => ({
        onoff: options.lingerOn,
        linger: options.lingerSeconds,
      })),
      type: 'linger',
    },
    int(
      ip('IP_TTL', c.IP_TTL),
      [-1, 255],
      (socket) => socket.options.ttl,
      (socket, value) =>
        value === 0 ? -Errno.EINVAL : socket.changeOptions({ ttl: value === -1 ? defaultTtl : value }),
    ),
    // The ECN bits belong to TCP on a stream: a program cannot set them. RFC 3168 §6.1.
    int(
      ip('IP_TOS', c.IP_TOS),
      ANY_INT,
      (socket) => socket.options.tos,
      (socket, value) =>
        socket.changeOptions({
          tos: socket.kind === 'stream' ? (value & 0xfc) | (socket.options.tos & 0x03) : value & 0xff,
        }),
    ),
    flag({ ...ip('IP_HDRINCL', c.IP_HDRINCL), on: 'raw' }, 'headerIncluded'),
    flag(ip('IP_RECVERR', c.IP_RECVERR), 'receiveErrors'),
    int(
      ip('IP_MTU_DISCOVER', c.IP_MTU_DISCOVER),
      [c.IP_PMTUDISC_DONT, c.IP_PMTUDISC_OMIT],
      (socket) => socket.options.mtuDiscover,
      (socket, value) => socket.changeOptions({ mtuDiscover: value as MtuDiscover }),
    ),
    readOnly(ip('IP_MTU', c.IP_MTU), (socket) => socket.pathMtu()),
    int(
      { ...at(c.SOL_RAW, 'icmp')('ICMP_FILTER', c.ICMP_FILTER) },
      ANY_INT,
      (socket) => socket.options.icmpFilter >>> 0,
      (socket, value) => socket.changeOptions({ icmpFilter: value }),
    ),
    // 0 asks for the default; a negative number for no FIN-WAIT-2 at all once nobody can read, which reads back as 0.
    int(
      tcp('TCP_LINGER2', c.TCP_LINGER2),
      ANY_INT,
      ({ tcpOptions }) => Math.round(tcpOptions!.finWait2Timeout / SECOND),
      (socket, value) =>
        socket.changeTcpOptions({
          finWait2Timeout: value === 0 ? finWait2Timeout : Math.max(0, Math.min(value, MAX_LINGER2)) * SECOND,
        }),
    ),
    // The number is bounded by the largest backlog. Only before there is a connection. Linux fastopen_queue_tune.
    int(
      tcp('TCP_FASTOPEN', c.TCP_FASTOPEN),
      [0, INT_MAX],
      (socket) => socket.tcpOptions!.fastOpen,
      (socket, value) =>
        socket.tcpInfo() === undefined
          ? socket.changeTcpOptions({ fastOpen: Math.min(value, config.socket.maxBacklog) })
          : -Errno.EINVAL,
    ),
    int(
      tcp('TCP_FASTOPEN_CONNECT', c.TCP_FASTOPEN_CONNECT),
      [0, 1],
      (socket) => Number(socket.tcpOptions!.fastOpenConnect),
      (socket, value) => {
        if (!config.tcp.fastOpenClient) return -Errno.EOPNOTSUPP;
        const closed = socket.tcpInfo() === undefined && !socket.listening;
        return closed ? socket.changeTcpOptions({ fastOpenConnect: value === 1 }) : -Errno.EINVAL;
      },
    ),
    ...tcpRows,
  ];
}

/** Options at IPPROTO_TCP. tcp(7). */
const tcpRows: readonly OptionRow[] = [
  tcpFlag(tcp('TCP_NODELAY', c.TCP_NODELAY), 'noDelay'),
  tcpFlag(tcp('TCP_QUICKACK', c.TCP_QUICKACK), 'quickAck'),
  tcpFlag(tcp('TCP_CORK', c.TCP_CORK), 'cork'),
  // Unsigned in Linux: a negative number is beyond all others. Read back it would be an errno here, so the largest int stands for it.
  int(
    tcp('TCP_NOTSENT_LOWAT', c.TCP_NOTSENT_LOWAT),
    ANY_INT,
    (socket) => socket.tcpOptions!.notsentLowat,
    (socket, value) => socket.changeTcpOptions({ notsentLowat: value < 0 ? INT_MAX : value }),
  ),
  // 0 lifts the bound; then getsockopt shows the default of RFC 9293 §3.7.1 until a connection knows better.
  int(
    tcp('TCP_MAXSEG', c.TCP_MAXSEG),
    [0, 32767],
    (socket) => socket.tcpInfo()?.mss ?? (socket.tcpOptions!.maxSegment === 0 ? 536 : socket.tcpOptions!.maxSegment),
    (socket, value) => (value > 0 && value < 88 ? -Errno.EINVAL : socket.changeTcpOptions({ maxSegment: value })),
  ),
  tcpInt(tcp('TCP_KEEPIDLE', c.TCP_KEEPIDLE), 'keepaliveIdle', 1, 32767, SECOND),
  tcpInt(tcp('TCP_KEEPINTVL', c.TCP_KEEPINTVL), 'keepaliveInterval', 1, 32767, SECOND),
  tcpInt(tcp('TCP_KEEPCNT', c.TCP_KEEPCNT), 'keepaliveProbes', 1, 127),
  tcpInt(tcp('TCP_SYNCNT', c.TCP_SYNCNT), 'synRetries', 1, 127),
  // The bound can only be lifted before there is a connection. Linux tcp_set_window_clamp.
  int(
    tcp('TCP_WINDOW_CLAMP', c.TCP_WINDOW_CLAMP),
    ANY_INT,
    (socket) => socket.tcpOptions!.windowClamp,
    (socket, value) => {
      if (value !== 0) return socket.changeTcpOptions({ windowClamp: Math.max(value, MIN_RECEIVE_BUFFER / 2) });
      const unused = !socket.listening && (socket.tcpInfo()?.state ?? 'CLOSED') === 'CLOSED';
      return unused ? socket.changeTcpOptions({ windowClamp: 0 }) : -Errno.EINVAL;
    },
  ),
  tcpInt(tcp('TCP_USER_TIMEOUT', c.TCP_USER_TIMEOUT), 'userTimeout', 0, INT_MAX, MS),
  // Seconds to advertise; 0 does without the option. RFC 5482.
  tcpInt(tcp('TCP_UTO', c.TCP_UTO), 'advertisedUserTimeout', 0, MAX_UTO, SECOND),
  {
    ...readOnly(tcp('TCP_INFO', c.TCP_INFO), (socket) => socket.tcpInfo() ?? -Errno.ENOTCONN),
    type: 'info',
  },
  {
    ...readOnly(tcp('TCP_CONGESTION', c.TCP_CONGESTION), ({ tcpOptions }) => tcpOptions!.congestion),
    type: 'text',
  },
];

/** Looks options up and applies them. */
export class OptionTable {
  readonly rows: readonly OptionRow[];
  readonly #byKey = new Map<number, OptionRow>();

  constructor(config: Config) {
    this.rows = makeOptionRows(config);
    for (const row of this.rows) this.#byKey.set(keyOf(row.level, row.name), row);
  }

  /** The value, or a negative errno (no option has negative values): -EOPNOTSUPP for a level, -ENOPROTOOPT for a name. */
  get(socket: Socket, level: number, name: number): OptionValue {
    if (isForeignFilter(socket, level, name)) return -Errno.EOPNOTSUPP;
    const row = this.#find(socket, level, name);
    if (row !== undefined) return row.get(socket);
    return hasLevel(socket, level) ? -Errno.ENOPROTOOPT : -Errno.EOPNOTSUPP;
  }

  /**
   * 0, or a negative errno: -ENOPROTOOPT for an option that is unknown or read only, -EINVAL for a value out of range, -ENOENT for a
   * congestion control that is not known.
   */
  set(socket: Socket, level: number, name: number, value: number | boolean | string | Linger): number {
    const row = this.#find(socket, level, name);
    if (row === undefined) return isForeignFilter(socket, level, name) ? -Errno.EOPNOTSUPP : -Errno.ENOPROTOOPT;
    if (row.type === 'linger') return setLinger(socket, value);
    if (row.type === 'text') return setCongestion(socket, value);
    if (row.set === undefined) return -Errno.ENOPROTOOPT;
    const number = Number(value);
    if (typeof value === 'object' || typeof value === 'string' || !Number.isInteger(number)) return -Errno.EINVAL;
    if (number < row.min || number > row.max) return -row.errno;
    return row.set(socket, number);
  }

  #find(socket: Socket, level: number, name: number): OptionRow | undefined {
    const row = this.#byKey.get(keyOf(level, name));
    return row !== undefined && has(socket, row) ? row : undefined;
  }
}

/** ICMP_FILTER on a raw socket of another protocol has an errno of its own. */
const isForeignFilter = (socket: Socket, level: number, name: number): boolean =>
  level === c.SOL_RAW && name === c.ICMP_FILTER && socket.kind === 'raw' && socket.protocol !== c.IPPROTO_ICMP;

const keyOf = (level: number, name: number): number => level * 0x1_0000 + name;

function has(socket: Socket, row: OptionRow): boolean {
  switch (row.on) {
    case 'any':
      return true;
    case 'stream':
    case 'raw':
      return socket.kind === row.on;
    case 'icmp':
      return socket.kind === 'raw' && socket.protocol === c.IPPROTO_ICMP;
  }
}

/** Whether the socket has options at the level at all; getsockopt tells the two kinds of failure apart. */
function hasLevel(socket: Socket, level: number): boolean {
  if (level === c.SOL_SOCKET || level === c.IPPROTO_IP) return true;
  if (level === c.IPPROTO_TCP) return socket.kind === 'stream';
  if (level === c.IPPROTO_UDP) return socket.kind === 'datagram';
  return level === c.SOL_RAW && socket.kind === 'raw';
}

function setLinger(socket: Socket, value: number | boolean | string | Linger): number {
  if (typeof value !== 'object' || !Number.isInteger(value.linger) || value.linger < 0) return -Errno.EINVAL;
  // l_linger is only taken over when the option is switched on. net/core/sock.c.
  return socket.changeOptions(value.onoff ? { lingerOn: true, lingerSeconds: value.linger } : { lingerOn: false });
}

/** Longest name that counts; what follows is cut off. Linux TCP_CA_NAME_MAX. */
const MAX_NAME = 15;

function setCongestion(socket: Socket, value: number | boolean | string | Linger): number {
  if (typeof value !== 'string' || value.length === 0) return -Errno.EINVAL;
  return socket.changeTcpOptions({ congestion: value.slice(0, MAX_NAME) });
}
