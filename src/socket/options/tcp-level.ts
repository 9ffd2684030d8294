/**
 * Options at IPPROTO_TCP. tcp(7); net/ipv4/tcp.c. Times are in the option's own unit.
 */
import type { Config, TcpConfig } from '../../core/config.ts';
import { Errno } from '../../core/errno.ts';
import { MS, SECOND } from '../../core/time.ts';
import * as c from '../constants.ts';
import { ANY_INT, INT_MAX, at, int, readName, readOnlyRecord, record, tcpFlag, tcpInt } from './option.ts';
import { nameOctets } from './octets.ts';
import { idleStatus } from '../../tcp/status.ts';
import type { TcpInfo } from '../../tcp/service.ts';
import type { Socket } from '../socket.ts';
import type { OptionInput, OptionRow } from './option.ts';
import { MIN_RECEIVE_BUFFER } from './socket-level.ts';

/** Greatest TCP_LINGER2 (s). Linux TCP_FIN_TIMEOUT_MAX. */
const MAX_LINGER2 = 120;
/** Greatest TCP_UTO (s): 32767 minutes. RFC 5482 §3.3. */
const MAX_UTO = 32767 * 60;
/** Most timeouts that TCP_DEFER_ACCEPT waits for. Linux: an octet. */
const MAX_DEFER_ACCEPT = 255;

/** Octets of a congestion control's name. Linux TCP_CA_NAME_MAX. */
const MAX_CONGESTION = 16;

const tcp = at(c.IPPROTO_TCP, 'stream');

export function tcpRows(config: Config): readonly OptionRow[] {
  const { finWait2Timeout } = config.tcp;
  return [
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
    tcpFlag(tcp('TCP_NODELAY', c.TCP_NODELAY), 'noDelay'),
    // Until it is set ACKs are quick at first, which shows as 1.
    {
      ...int(
        tcp('TCP_QUICKACK', c.TCP_QUICKACK),
        ANY_INT,
        (socket) => Number(socket.tcpOptions!.quickAck ?? true),
        (socket, value) => socket.changeTcpOptions({ quickAck: value !== 0 }),
      ),
      type: 'flag',
    },
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
    // On a listener it counts for SYN,ACKs, for which there is another default.
    int(
      tcp('TCP_SYNCNT', c.TCP_SYNCNT),
      [1, 127],
      (socket) => socket.tcpOptions!.synRetries ?? config.tcp.synRetries,
      (socket, value) => socket.changeTcpOptions({ synRetries: value }),
    ),
    // Kept as timeouts of the SYN,ACK: the seconds are rounded up to where one ends.
    int(
      tcp('TCP_DEFER_ACCEPT', c.TCP_DEFER_ACCEPT),
      ANY_INT,
      ({ tcpOptions }) => secondsOf(tcpOptions!.deferAccept, config.tcp),
      (socket, value) => socket.changeTcpOptions({ deferAccept: timeoutsIn(value, config.tcp) }),
    ),
    // The bound can only be lifted before there is a connection. Linux tcp_set_window_clamp.
    int(tcp('TCP_WINDOW_CLAMP', c.TCP_WINDOW_CLAMP), ANY_INT, windowClampShown, (socket, value) => {
      if (value !== 0) return socket.changeTcpOptions({ windowClamp: Math.max(value, MIN_RECEIVE_BUFFER / 2) });
      const unused = !socket.listening && (socket.tcpInfo()?.state ?? 'CLOSED') === 'CLOSED';
      return unused ? socket.changeTcpOptions({ windowClamp: 0 }) : -Errno.EINVAL;
    }),
    tcpInt(tcp('TCP_USER_TIMEOUT', c.TCP_USER_TIMEOUT), 'userTimeout', 0, INT_MAX, MS),
    // Seconds to advertise; 0 does without the option. RFC 5482.
    tcpInt(tcp('TCP_UTO', c.TCP_UTO), 'advertisedUserTimeout', 0, MAX_UTO, SECOND),
    readOnlyRecord(tcp('TCP_INFO', c.TCP_INFO), 'struct tcp_info', infoOf),
    {
      ...record(
        tcp('TCP_CONGESTION', c.TCP_CONGESTION),
        'text',
        ({ tcpOptions }) => tcpOptions!.congestion,
        (input) => (isEmpty(input) ? undefined : readName(input)),
        (socket, congestion) => socket.changeTcpOptions({ congestion }),
      ),
      octets: (name, length) => nameOctets(name, MAX_CONGESTION).subarray(0, length),
    },
  ];
}

/** Where there is none, or none that counts, the most that the buffer lets a connection offer, as Linux shows it. */
function windowClampShown(socket: Socket): number {
  const info = socket.tcpInfo();
  const isOver = info === undefined || info.state === 'CLOSED' || info.state === 'TIME-WAIT';
  return isOver ? socket.tcpOptions!.windowClamp : info.windowClamp || info.receiveBuffer;
}

/** Timeouts of a SYN,ACK after which `seconds` have passed, none for 0 and less. Linux secs_to_retrans. */
function timeoutsIn(seconds: number, config: TcpConfig): number {
  let count = 0;
  while (count < MAX_DEFER_ACCEPT && secondsOf(count, config) < seconds) count++;
  return count;
}

/** Seconds until so many timeouts have passed: each lasts twice as long as the one before, up to the greatest. Linux retrans_to_secs. */
function secondsOf(timeouts: number, { rtoInitial, rtoMax }: TcpConfig): number {
  let time = 0;
  for (let i = 0; i < timeouts; i++) time += Math.min(rtoInitial * 2 ** i, rtoMax);
  return Math.floor(time / SECOND);
}

function infoOf(socket: Socket): TcpInfo {
  const name = { address: '', port: 0 };
  socket.getsockname(name);
  const info = socket.tcpInfo();
  // In TIME-WAIT the socket has no part in the connection any more.
  if (info !== undefined) return info.state === 'TIME-WAIT' ? { ...info, state: 'CLOSED' } : info;
  const state = socket.listening ? 'LISTEN' : 'CLOSED';
  return idleStatus(state, `${name.address}:${name.port}`, socket.tcpOptions!);
}

/** No octets at all are EINVAL; a name without any is one that is not known. */
const isEmpty = (input: Exclude<OptionInput, null>): boolean =>
  (typeof input === 'string' || input instanceof Uint8Array) && input.length === 0;
