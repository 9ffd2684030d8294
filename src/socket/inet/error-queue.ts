/**
 * Errors that wait for MSG_ERRQUEUE: IP_RECVERR of ip(7). Bounded in octets by the socket's receive buffer; what does not fit is
 * only told of by the pending error.
 */
import { Errno } from '../../core/errno.ts';
import type { IpAddress } from '../../ip/address.ts';
import type { Arrival, IpErrorReport } from '../../ip/service.ts';
import {
  IPPROTO_IP,
  IP_RECVERR,
  MSG_ERRQUEUE,
  MSG_TRUNC,
  SO_EE_ORIGIN_ICMP,
  SO_EE_ORIGIN_LOCAL,
} from '../constants.ts';
import { reaches } from '../message.ts';
import type { ExtendedError, Incoming } from '../message.ts';
import type { CommonOptions } from '../socket.ts';
import { addErrorControl } from './control.ts';
import { OVERHEAD } from './datagram-queue.ts';
import type { InetNames } from './names.ts';

export interface QueuedError {
  readonly error: ExtendedError;
  /** The ICMP message that told of it, as a datagram; undefined for an error of this host's. */
  readonly message: (Arrival & { readonly ttl: number; readonly tos: number }) | undefined;
  /** Where the datagram went that it is about. */
  readonly address: IpAddress;
  readonly port: number;
  /** What came back of its data. */
  readonly data: Uint8Array;
}

export class ErrorQueue {
  readonly #items: QueuedError[] = [];
  #charged = 0;

  get size(): number {
    return this.#items.length;
  }

  /** Keeps an error unless `limit` octets are reached. */
  push(error: QueuedError, limit: number): void {
    const charge = error.data.length + OVERHEAD;
    if (this.#charged + charge > limit) return;
    this.#charged += charge;
    this.#items.push(error);
  }

  shift(): QueuedError | undefined {
    const error = this.#items.shift();
    if (error !== undefined) this.#charged -= error.data.length + OVERHEAD;
    return error;
  }

  /** The errno that is pending once `taken` has been: the next one's if that came by ICMP; undefined where nothing changes. */
  pendingAfter(taken: QueuedError): number | undefined {
    const next = this.#items[0]?.error;
    if (next?.origin === SO_EE_ORIGIN_ICMP) return next.errno;
    return taken.message === undefined ? undefined : 0;
  }

  clear(): void {
    this.#items.length = 0;
    this.#charged = 0;
  }
}

/**
 * Hands the error over with what came back of the datagram: how many octets of that, or -EFAULT. MSG_PEEK and MSG_TRUNC make no
 * difference. ip(7).
 */
export function tellError(
  { error, message, address, port, data }: QueuedError,
  into: Uint8Array,
  at: number,
  length: number,
  incoming: Incoming | undefined,
  options: CommonOptions,
  names: InetNames,
): number {
  const count = Math.min(length, data.length);
  if (!reaches(into, at, count)) return -Errno.EFAULT;
  into.set(data.subarray(0, count), at);
  if (incoming === undefined) return count;
  incoming.flags |= MSG_ERRQUEUE | (count < data.length ? MSG_TRUNC : 0);
  if (incoming.name !== undefined) names.write({ address, port }, incoming.name);
  if (message !== undefined) addErrorControl(incoming, message, options, names);
  incoming.control.push({ level: IPPROTO_IP, type: IP_RECVERR, data: error });
  return count;
}

/** An error that ICMP told of, about a datagram to `port`; `quoted` is lent. */
export function icmpError(report: IpErrorReport, port: number, quoted: Uint8Array, names: InetNames): QueuedError {
  const { errno, type, code, mtu, from, source, destination, ttl = 0, tos = 0, interfaceId = 0 } = report;
  return {
    error: { errno, origin: SO_EE_ORIGIN_ICMP, type, code, info: mtu, offender: names.show(from) },
    message: { source: from, destination: source, interfaceId, ttl, tos },
    address: destination,
    port,
    data: quoted.slice(),
  };
}

/** An error that this host found itself: `info` is the MTU of what is too long. */
export const localError = (errno: number, info: number, address: IpAddress, port: number): QueuedError => ({
  error: { errno, origin: SO_EE_ORIGIN_LOCAL, type: 0, code: 0, info, offender: undefined },
  message: undefined,
  address,
  port,
  data: new Uint8Array(0),
});
