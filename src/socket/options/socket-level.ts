/**
 * Options at SOL_SOCKET. socket(7); net/core/sock.c.
 */
import type { Config } from '../../core/config.ts';
import * as c from '../constants.ts';
import type { Socket } from '../socket.ts';
import { ANY_INT, INT_MIN, UINT_MAX, at, flag, int, octetsToInt, readOnly, record } from './option.ts';
import type { Linger, OptionInput, OptionRow } from './option.ts';

/** Least SO_SNDBUF and SO_RCVBUF as getsockopt shows them. Linux SOCK_MIN_SNDBUF, SOCK_MIN_RCVBUF. */
const MIN_SEND_BUFFER = 4608;
export const MIN_RECEIVE_BUFFER = 2304;

const sol = at(c.SOL_SOCKET, 'any');

/** config.tcp.maxBuffer bounds SO_SNDBUF and SO_RCVBUF (net.core.wmem_max, rmem_max). */
export function socketRows(config: Config): readonly OptionRow[] {
  const { maxBuffer } = config.tcp;
  return [
    flag(sol('SO_REUSEADDR', c.SO_REUSEADDR), 'reuseAddress'),
    flag(sol('SO_REUSEPORT', c.SO_REUSEPORT), 'reusePort'),
    flag(sol('SO_BROADCAST', c.SO_BROADCAST), 'broadcast'),
    flag(sol('SO_KEEPALIVE', c.SO_KEEPALIVE), 'keepalive'),
    flag(sol('SO_OOBINLINE', c.SO_OOBINLINE), 'oobInline'),
    readOnly(sol('SO_TYPE', c.SO_TYPE), (socket) => socket.type),
    readOnly(sol('SO_DOMAIN', c.SO_DOMAIN), (socket) => socket.family),
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
    record(
      sol('SO_LINGER', c.SO_LINGER),
      'struct linger',
      ({ options }) => ({ onoff: options.lingerOn, linger: options.lingerSeconds }),
      readLinger,
      // l_linger is only taken over when the option is switched on.
      (socket, { onoff, linger }) =>
        socket.changeOptions(onoff ? { lingerOn: true, lingerSeconds: linger } : { lingerOn: false }),
    ),
  ];
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
    return linger === undefined ? undefined : { onoff: octetsToInt(input, 0) !== 0, linger };
  }
  if (typeof input !== 'object' || !('onoff' in input)) return undefined;
  return Number.isInteger(input.linger) && input.linger >= 0 ? input : undefined;
}
