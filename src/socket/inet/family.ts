/**
 * AF_INET: which combinations of type and protocol there are, and what its sockets share. socket(2), ip(7); net/ipv4/af_inet.c.
 */
import { Errno } from '../../core/errno.ts';
import type { Micros } from '../../core/time.ts';
import {
  AF_INET,
  IPPROTO_ICMP,
  IPPROTO_IP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  SOCK_DGRAM,
  SOCK_RAW,
  SOCK_STREAM,
} from '../constants.ts';
import type { SocketFamily } from '../family.ts';
import type { Socket, SocketHost } from '../socket.ts';
import { DatagramSocket } from './datagram-socket.ts';
import type { InetHost } from './host.ts';
import { InetNames, makeEndpoint } from './names.ts';
import { PortTable } from './ports.ts';
import { RawOutput } from './raw-output.ts';
import { RawSocket } from './raw-socket.ts';
import { StreamSocket } from './stream-socket.ts';
import { streamOptions } from './tcp-part.ts';

/** Linux: IPPROTO_MAX less one. */
const MAX_PROTOCOL = 262;

export const makeInetFamily = (host: SocketHost): SocketFamily => new InetFamily(host);

class InetFamily implements SocketFamily {
  readonly domain = AF_INET;
  readonly #host: InetHost;

  constructor(host: SocketHost) {
    const { random, config } = host.context;
    const { ephemeralLow, ephemeralHigh } = config.socket;
    const tcpDefaults = host.tcp.defaultOptions();
    this.#host = {
      ...host,
      names: new InetNames(),
      tcpPorts: new PortTable(random, ephemeralLow, ephemeralHigh),
      udpPorts: new PortTable(random, ephemeralLow, ephemeralHigh),
      rawOutput: new RawOutput(host.ip),
      streamDefaults: streamOptions(host, tcpDefaults),
      tcpDefaults,
      endpoint: makeEndpoint(),
    };
  }

  create(type: number, protocol: number, refused: number): Socket | number {
    if (!(protocol >= 0 && protocol <= MAX_PROTOCOL)) return -Errno.EINVAL;
    if (type !== SOCK_STREAM && type !== SOCK_DGRAM && type !== SOCK_RAW) return -Errno.ESOCKTNOSUPPORT;
    // ICMP without raw sockets is for the groups of net.ipv4.ping_group_range, by default for none. icmp(7).
    if (type === SOCK_DGRAM && protocol === IPPROTO_ICMP) return -Errno.EACCES;
    if (!isSupported(type, protocol)) return -Errno.EPROTONOSUPPORT;
    if (type === SOCK_RAW && !this.#host.context.config.socket.mayUseRaw) return -Errno.EPERM;
    if (refused < 0) return refused;
    if (type === SOCK_STREAM) return new StreamSocket(this.#host);
    if (type === SOCK_RAW) return new RawSocket(this.#host, protocol);
    return new DatagramSocket(this.#host);
  }

  /** There is none in AF_INET. socketpair(2). */
  connectPair(): number {
    return -Errno.EOPNOTSUPP;
  }

  get pending(): boolean {
    return this.#host.rawOutput.pending;
  }

  poll(now: Micros): void {
    this.#host.rawOutput.poll(now);
  }
}

function isSupported(type: number, protocol: number): boolean {
  if (type === SOCK_STREAM) return protocol === IPPROTO_IP || protocol === IPPROTO_TCP;
  if (type === SOCK_DGRAM) return protocol === IPPROTO_IP || protocol === IPPROTO_UDP;
  // A raw socket must name its protocol. There are some that no header can carry: nothing of those comes.
  return protocol > IPPROTO_IP;
}
