/**
 * Options at SOL_SOCKET. socket(7); net/core/sock.c.
 */
import type { Config } from '../../core/config.ts';
import { Errno } from '../../core/errno.ts';
import type { IpService } from '../../ip/service.ts';
import * as c from '../constants.ts';
import type { Socket } from '../socket.ts';
import { deviceOctets, ints } from './octets.ts';
import {
  ANY_INT,
  INT_MAX,
  INT_MIN,
  UINT_MAX,
  at,
  flag,
  int,
  octetsToInt,
  octetsToLong,
  readName,
  readOnly,
  record,
} from './option.ts';
import type { Linger, OptionInput, OptionRow, OptionValue, Timeval, Where } from './option.ts';

/** Least SO_SNDBUF and SO_RCVBUF as getsockopt shows them. Linux SOCK_MIN_SNDBUF, SOCK_MIN_RCVBUF. */
const MIN_SEND_BUFFER = 4608;
export const MIN_RECEIVE_BUFFER = 2304;

/** Greatest size that SO_SNDBUFFORCE and SO_RCVBUFFORCE take; its double is still an int. */
const MAX_FORCED = 0x3fff_ffff;
/** Greatest SO_PRIORITY for programs that may not administer. */
const MAX_PRIORITY = 6;
/** Longest time that is kept (s); a longer one is for ever. Linux MAX_SCHEDULE_TIMEOUT is beyond what microseconds can say here. */
const MAX_SECONDS = 1e9;
const SECOND = 1_000_000;

const sol = at(c.SOL_SOCKET, 'any');

/** Who knows the interfaces by name. */
export type Interfaces = Pick<IpService, 'interfaceByName' | 'interfaceName'>;

/** config.tcp.maxBuffer bounds SO_SNDBUF and SO_RCVBUF (net.core.wmem_max, rmem_max). */
export function socketRows(config: Config, interfaces: Interfaces): readonly OptionRow[] {
  const device = deviceRow(interfaces, config);
  return [...plainRows(), ...bufferRows(config), ...timeRows(), ...administeredRows(config), device];
}

function plainRows(): readonly OptionRow[] {
  return [
    flag(sol('SO_REUSEADDR', c.SO_REUSEADDR), 'reuseAddress'),
    {
      ...int(
        sol('SO_REUSEPORT', c.SO_REUSEPORT),
        ANY_INT,
        (socket) => Number(socket.options.reusePort),
        (socket, value) =>
          value === 0 || socket.family === c.AF_INET
            ? socket.changeOptions({ reusePort: value !== 0 })
            : -Errno.EOPNOTSUPP,
      ),
      type: 'flag',
    },
    flag(sol('SO_BROADCAST', c.SO_BROADCAST), 'broadcast'),
    flag(sol('SO_KEEPALIVE', c.SO_KEEPALIVE), 'keepalive'),
    flag(sol('SO_OOBINLINE', c.SO_OOBINLINE), 'oobInline'),
    flag(sol('SO_DONTROUTE', c.SO_DONTROUTE), 'dontRoute'),
    flag(sol('SO_TIMESTAMP', c.SO_TIMESTAMP), 'timestamp'),
    readOnly(sol('SO_TYPE', c.SO_TYPE), (socket) => socket.type),
    readOnly(sol('SO_DOMAIN', c.SO_DOMAIN), (socket) => socket.family),
    readOnly(sol('SO_PROTOCOL', c.SO_PROTOCOL), (socket) => socket.protocol),
    readOnly(sol('SO_ACCEPTCONN', c.SO_ACCEPTCONN), (socket) => Number(socket.listening)),
    readOnly(sol('SO_ERROR', c.SO_ERROR), (socket) => socket.takeError()),
  ];
}

function bufferRows(config: Config): readonly OptionRow[] {
  const { maxBuffer } = config.tcp;
  const forced = (value: number): number => (value < 0 ? 0 : value);
  return [
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
    // As those, beyond the bounds of the configuration.
    writeOnly(sol('SO_SNDBUFFORCE', c.SO_SNDBUFFORCE), (socket, value) =>
      config.socket.mayAdminister
        ? socket.changeOptions({ sendBuffer: clampBuffer(forced(value), MIN_SEND_BUFFER, MAX_FORCED) })
        : -Errno.EPERM,
    ),
    writeOnly(sol('SO_RCVBUFFORCE', c.SO_RCVBUFFORCE), (socket, value) =>
      config.socket.mayAdminister
        ? socket.changeOptions({ receiveBuffer: clampBuffer(forced(value), MIN_RECEIVE_BUFFER, MAX_FORCED) })
        : -Errno.EPERM,
    ),
    // 0 is 1, and a negative number the largest.
    int(
      sol('SO_RCVLOWAT', c.SO_RCVLOWAT),
      ANY_INT,
      (socket) => socket.options.receiveLowWater,
      (socket, value) => socket.changeOptions({ receiveLowWater: value < 0 ? INT_MAX : Math.max(value, 1) }),
    ),
    // Unsigned when it is read, as a negative one would be an errno: off is 0xffff_ffff.
    int(
      sol('SO_PEEK_OFF', c.SO_PEEK_OFF),
      ANY_INT,
      (socket) => (mayPeekAt(socket) ? socket.options.peekOffset >>> 0 : -Errno.EOPNOTSUPP),
      (socket, value) => (mayPeekAt(socket) ? socket.changeOptions({ peekOffset: value }) : -Errno.EOPNOTSUPP),
    ),
    readOnly(sol('SO_SNDLOWAT', c.SO_SNDLOWAT), () => 1),
    // Without effect, as on Linux since 2.6.
    int(
      sol('SO_BSDCOMPAT', c.SO_BSDCOMPAT),
      ANY_INT,
      () => 0,
      () => 0,
    ),
    // Octets a second, unsigned; all bits set (-1) for no bound. Differs: Linux takes it on any socket, and leaves datagrams to the fq
    // qdisc.
    {
      ...int(
        { ...sol('SO_MAX_PACING_RATE', c.SO_MAX_PACING_RATE), on: 'stream' },
        [INT_MIN, UINT_MAX],
        ({ tcpOptions }) => Math.min(tcpOptions!.maxPacingRate, UINT_MAX),
        (socket, value) =>
          socket.changeTcpOptions({ maxPacingRate: value >>> 0 === UINT_MAX ? Infinity : value >>> 0 }),
      ),
      octets: rateOctets,
    },
  ];
}

/** Linux has SO_PEEK_OFF for TCP, UDP and AF_UNIX only. */
const mayPeekAt = ({ kind }: Socket): boolean => kind !== 'raw' && kind !== 'packet';

/** Where there is room for a long, it is one. */
function rateOctets(value: OptionValue, length: number): Uint8Array {
  const rate = Number(value);
  return ints(rate, rate === UINT_MAX ? -1 : 0).subarray(0, length < 8 ? Math.min(length, 4) : 8);
}

function timeRows(): readonly OptionRow[] {
  return [
    record(
      sol('SO_LINGER', c.SO_LINGER),
      'struct linger',
      ({ options }) => ({ onoff: options.lingerOn, linger: options.lingerSeconds }),
      readLinger,
      // l_linger is only taken over when the option is switched on.
      (socket, { onoff, linger }) =>
        socket.changeOptions(onoff ? { lingerOn: true, lingerSeconds: linger } : { lingerOn: false }),
    ),
    timeout(sol('SO_RCVTIMEO', c.SO_RCVTIMEO), 'receiveTimeout'),
    timeout(sol('SO_SNDTIMEO', c.SO_SNDTIMEO), 'sendTimeout'),
  ];
}

/** What only some may set: config.socket.mayAdminister. */
function administeredRows({ socket: rights }: Config): readonly OptionRow[] {
  return [
    {
      ...int(
        sol('SO_DEBUG', c.SO_DEBUG),
        ANY_INT,
        (socket) => Number(socket.options.debug),
        (socket, value) =>
          value !== 0 && !rights.mayAdminister ? -Errno.EACCES : socket.changeOptions({ debug: value !== 0 }),
      ),
      type: 'flag',
    },
    int(
      sol('SO_PRIORITY', c.SO_PRIORITY),
      ANY_INT,
      (socket) => socket.options.priority,
      (socket, value) =>
        (value >= 0 && value <= MAX_PRIORITY) || rights.mayAdminister
          ? socket.changeOptions({ priority: value >>> 0 })
          : -Errno.EPERM,
    ),
    int(
      sol('SO_MARK', c.SO_MARK),
      ANY_INT,
      (socket) => socket.options.mark,
      (socket, value) => (rights.mayAdminister ? socket.changeOptions({ mark: value >>> 0 }) : -Errno.EPERM),
    ),
  ];
}

/** The name of an interface, '' for any. Linux lets everybody choose one, but only who has CAP_NET_RAW change it. */
const deviceRow = (interfaces: Interfaces, { socket: rights }: Config): OptionRow => ({
  ...record(
    sol('SO_BINDTODEVICE', c.SO_BINDTODEVICE),
    'text',
    ({ options }) => interfaces.interfaceName(options.boundDevice) ?? '',
    readName,
    (socket, name) => {
      const id = name === '' ? 0 : interfaces.interfaceByName(name);
      if (id === undefined) return -Errno.ENODEV;
      if (socket.options.boundDevice !== 0 && !rights.mayUseRaw) return -Errno.EPERM;
      return socket.changeOptions({ boundDevice: id });
    },
  ),
  octets: deviceOctets,
});

/** An option that can only be set: getsockopt does not know it. */
const writeOnly = (where: Where, set: (socket: Socket, value: number) => number): OptionRow =>
  int(where, ANY_INT, () => -Errno.ENOPROTOOPT, set);

/** A struct timeval in microseconds. Differs: Linux rounds up to its clock tick, 4 ms on many machines. */
function timeout(where: Where, key: 'receiveTimeout' | 'sendTimeout'): OptionRow {
  const get = ({ options }: Socket): Timeval => {
    const time = Math.max(0, options[key]);
    return { sec: Math.floor(time / SECOND), usec: time % SECOND };
  };
  return record(where, 'struct timeval', get, readTimeval, (socket, { sec, usec }) => {
    if (!(usec >= 0 && usec < SECOND)) return -Errno.EDOM;
    const time = sec < 0 ? -1 : sec > MAX_SECONDS ? 0 : sec * SECOND + usec;
    return socket.changeOptions({ [key]: time });
  });
}

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

function readLinger(input: Exclude<OptionInput, null>): Linger | undefined {
  if (input instanceof Uint8Array) {
    const linger = octetsToInt(input, 4);
    return linger === undefined ? undefined : { onoff: octetsToInt(input, 0) !== 0, linger: boundLinger(linger) };
  }
  if (typeof input !== 'object' || !('onoff' in input) || !Number.isInteger(input.linger)) return undefined;
  return { onoff: input.onoff, linger: boundLinger(input.linger) };
}

/** A negative time is for ever. Differs: Linux then shows what the division of its longest time leaves in 32 bits. */
const boundLinger = (seconds: number): number => (seconds < 0 ? INT_MAX : Math.min(seconds, INT_MAX));

function readTimeval(input: Exclude<OptionInput, null>): Timeval | undefined {
  if (input instanceof Uint8Array) {
    const sec = octetsToLong(input, 0);
    const usec = octetsToLong(input, 8);
    return sec === undefined || usec === undefined ? undefined : { sec, usec };
  }
  if (typeof input !== 'object' || !('usec' in input)) return undefined;
  return Number.isInteger(input.sec) && Number.isInteger(input.usec) ? input : undefined;
}
