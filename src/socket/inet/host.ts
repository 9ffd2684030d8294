/**
 * What the AF_INET sockets of one stack share, and the questions that several kinds of them ask.
 */
import { Errno } from '../../core/errno.ts';
import { ANY_ADDRESS, isMulticast } from '../../ip/address.ts';
import type { IpAddress } from '../../ip/address.ts';
import type { IpService } from '../../ip/service.ts';
import type { TcpOptions } from '../../tcp/service.ts';
import type { CommonOptions, SocketHost } from '../socket.ts';
import type { Endpoint, InetNames } from './names.ts';
import type { PortTable } from './ports.ts';
import type { RawOutput } from './raw-output.ts';

export interface InetHost extends SocketHost {
  readonly names: InetNames;
  readonly tcpPorts: PortTable;
  readonly udpPorts: PortTable;
  readonly rawOutput: RawOutput;
  /** The options that a stream socket begins with. */
  readonly streamDefaults: Readonly<CommonOptions>;
  readonly tcpDefaults: Readonly<TcpOptions>;
  /** A name that a call has just read or is to write; calls do not nest. */
  readonly endpoint: Endpoint;
}

/** Whether a socket may be bound to the address: any, an own, a broadcast or a multicast one. ip(7); else EADDRNOTAVAIL. */
export const mayBind = (ip: IpService, address: IpAddress): boolean =>
  address === ANY_ADDRESS || ip.isLocal(address) || ip.isBroadcast(address) || isMulticast(address);

/** The two ends of an association, as far as there is one. */
interface Ends {
  readonly localAddress: IpAddress;
  readonly remoteAddress: IpAddress | undefined;
}

/** IP_MTU of a socket with these ends; -ENOTCONN when it is not connected, or the way to its peer is gone. */
export function mtuTo(ip: IpService, ends: Ends | undefined): number {
  if (ends?.remoteAddress === undefined) return -Errno.ENOTCONN;
  const path = ip.route(ends.remoteAddress, ends.localAddress);
  return typeof path === 'number' ? -Errno.ENOTCONN : path.mtu;
}

/** Ports below this one are for the privileged. ip(7). */
const PRIVILEGED_PORTS = 1024;

/** Whether the stack's programs may bind the port (config.socket.mayBindPrivileged); else EACCES. 0 is any port. */
export const mayBindPort = ({ context }: SocketHost, port: number): boolean =>
  port === 0 || port >= PRIVILEGED_PORTS || context.config.socket.mayBindPrivileged;
