/**
 * Octets on their way from one socket into the queue of another, and out of it. What waits counts against the SO_SNDBUF of who sent it;
 * SO_RCVBUF means nothing here. unix(7).
 */
import { Errno } from '../../core/errno.ts';
import { Wake } from '../../tcp/service.ts';
import type { Incoming } from '../message.ts';
import { credentialsFor } from './ancillary.ts';
import type { Ancillary } from './ancillary.ts';
import { SHUT_SEND, unreadOf } from './end.ts';
import type { Parcel, UnixEnd } from './end.ts';
import type { UnixHost } from './host.ts';
import { writeName } from './names.ts';

/** Whether there is room for something to send: 0, the pending error, -EPIPE, -EAGAIN. sock_alloc_send_pskb. */
export function mayQueue(end: UnixEnd): number {
  if (end.error !== 0) return -end.takeError();
  if ((end.shutdown & SHUT_SEND) !== 0) return -Errno.EPIPE;
  return end.charged < end.options.sendBuffer ? 0 : -Errno.EAGAIN;
}

/** Puts a copy of octets into the queue of another socket, and what goes with them. */
export function enqueue(
  host: UnixHost,
  from: UnixEnd,
  to: UnixEnd,
  bytes: Uint8Array,
  charge: number,
  { rights, credentials }: Ancillary,
): Parcel {
  if (rights.length > 0) host.rights.send(rights);
  const parcel: Parcel = {
    bytes: bytes.slice(),
    consumed: 0,
    peeked: false,
    from,
    time: host.clock.now,
    charge,
    credentials: credentialsFor(host, from, to, credentials),
    rights: rights.length > 0 ? rights : undefined,
  };
  from.charged += charge;
  to.queue.push(parcel);
  if (to.full) to.crowded = true;
  to.wake(Wake.Read);
  return parcel;
}

/** Takes a parcel out of the queue; what is left in it is lost. */
export function remove(host: UnixHost, end: UnixEnd, parcel: Parcel): void {
  const index = end.queue.indexOf(parcel);
  if (index === 0) end.queue.shift();
  else end.queue.splice(index, 1);
  free(host, parcel);
  end.admit();
}

/** Throws away all that waits. */
export function purge(host: UnixHost, end: UnixEnd): void {
  end.urgent = undefined;
  for (const parcel of end.queue.splice(0)) free(host, parcel);
  end.admit();
}

function free(host: UnixHost, parcel: Parcel): void {
  const { from, rights } = parcel;
  from.charged -= parcel.charge;
  from.wakeWriters();
  parcel.rights = undefined;
  if (rights !== undefined) host.rights.discard(rights);
}

/** Whether something waits that was not read. An empty parcel at the head does not count: its octet was read out of band. */
export const hasUnread = ({ queue }: UnixEnd): boolean =>
  queue.length > 1 || (queue.length === 1 && unreadOf(queue[0]!) > 0);

/** Tells a receiver the sender's name: the one that it has now. One that has none leaves the address alone. unix_copy_addr. */
export function tellSender({ from }: Parcel, incoming: Incoming): void {
  if (incoming.name !== undefined && from.name !== undefined) writeName(from.name, incoming.name);
}
