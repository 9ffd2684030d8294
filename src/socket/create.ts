/**
 * socket(2): from domain, type and protocol to a socket, or to the errno that Linux gives for the combination
 * (net/socket.c, net/ipv4/af_inet.c; checked against a kernel).
 *
 * There is AF_INET only, with SOCK_STREAM (TCP), SOCK_DGRAM (UDP) and SOCK_RAW.
 */
import { Errno } from '../core/errno.ts';
import { AF_INET, IPPROTO_IP, IPPROTO_TCP, IPPROTO_UDP, SOCK_DGRAM, SOCK_RAW, SOCK_STREAM } from './constants.ts';
import { DatagramSocket } from './datagram-socket.ts';
import { RawSocket } from './raw-socket.ts';
import type { Socket, SocketHost } from './socket.ts';
import { StreamSocket } from './stream-socket.ts';

/** Linux: SOCK_TYPE_MASK, SOCK_MAX less one, AF_MAX, IPPROTO_MAX less one. */
const TYPE_MASK = 0xf;
const FAMILY_COUNT = 46;
const MAX_TYPE = 10;
const MAX_PROTOCOL = 262;

/** @param refused what the descriptor table says: Linux finds a full table only after the combination is known to be good */
export function createSocket(
  host: SocketHost,
  domain: number,
  type: number,
  protocol: number,
  refused: number,
): Socket | number {
  // Flags that nobody knows, then families beyond the last, then types beyond the last: in this order.
  if ((type & ~TYPE_MASK) !== 0) return -Errno.EINVAL;
  if (!(domain >= 0 && domain < FAMILY_COUNT)) return -Errno.EAFNOSUPPORT;
  if (type > MAX_TYPE) return -Errno.EINVAL;
  if (domain !== AF_INET) return -Errno.EAFNOSUPPORT;
  if (!(protocol >= 0 && protocol <= MAX_PROTOCOL)) return -Errno.EINVAL;
  if (type !== SOCK_STREAM && type !== SOCK_DGRAM && type !== SOCK_RAW) return -Errno.ESOCKTNOSUPPORT;
  if (!isSupported(type, protocol)) return -Errno.EPROTONOSUPPORT;
  if (refused < 0) return refused;
  if (type === SOCK_STREAM) return new StreamSocket(host);
  if (type === SOCK_RAW) return new RawSocket(host, protocol);
  return new DatagramSocket(host);
}

function isSupported(type: number, protocol: number): boolean {
  if (type === SOCK_STREAM) return protocol === IPPROTO_IP || protocol === IPPROTO_TCP;
  if (type === SOCK_DGRAM) return protocol === IPPROTO_IP || protocol === IPPROTO_UDP;
  // A raw socket must name its protocol; above 255 there is none that a header could carry.
  return protocol > IPPROTO_IP && protocol <= 255;
}
