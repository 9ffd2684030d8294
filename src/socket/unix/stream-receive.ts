/**
 * Receiving on SOCK_STREAM: octets from as many pieces as it takes, up to what must not be passed over. Descriptors and another writer's
 * credentials end a read, and so does the out-of-band octet. unix(7); unix_stream_read_generic.
 *
 * Out-of-band data is not in unix(7), which says that there is none: it follows manage_oob and unix_stream_recv_urg of Linux 6.18.
 */
import { copyBytes } from '../../core/bytes.ts';
import { Errno } from '../../core/errno.ts';
import { MSG_OOB, MSG_PEEK, MSG_WAITALL } from '../constants.ts';
import { reaches } from '../message.ts';
import type { Incoming } from '../message.ts';
import { movedOffset, peekFrom } from '../peek-offset.ts';
import { sameWriter, takeRights, tellCredentials } from './ancillary.ts';
import { SHUT_RECEIVE, unreadOf } from './end.ts';
import type { Parcel, UnixEnd } from './end.ts';
import type { UnixHost } from './host.ts';
import { remove, tellSender } from './queue.ts';

export function receiveStream(
  host: UnixHost,
  end: UnixEnd,
  into: Uint8Array,
  at: number,
  length: number,
  flags: number,
  incoming: Incoming | undefined,
): number {
  if (end.state !== 'connected') return -Errno.EINVAL;
  const peek = (flags & MSG_PEEK) !== 0;
  if ((flags & MSG_OOB) !== 0) return receiveUrgent(end, into, at, length, peek, incoming);
  const count = receiveOctets(host, end, into, at, length, flags, incoming);
  if (count > 0) end.options.peekOffset = movedOffset(end.options.peekOffset, flags, count);
  return count;
}

function receiveOctets(
  host: UnixHost,
  end: UnixEnd,
  into: Uint8Array,
  at: number,
  length: number,
  flags: number,
  incoming: Incoming | undefined,
): number {
  const peek = (flags & MSG_PEEK) !== 0;
  let copied = 0;
  let first: Parcel | undefined = undefined;
  let parcel = beforeMark(host, end, end.queue[0], peek, false);
  // What comes before the offset is passed over, and the out-of-band octet behind it is as any other.
  let skip = peekFrom(end.options.peekOffset, flags);
  for (const moves = skip > 0; moves && parcel !== undefined && skip >= unreadOf(parcel); parcel = after(end, parcel)) {
    skip -= unreadOf(parcel);
  }
  while (parcel !== undefined) {
    if (first === undefined) {
      first = parcel;
      if (incoming !== undefined) {
        tellSender(parcel, incoming);
        tellCredentials(end, parcel, incoming);
      }
    } else if (end.options.passCredentials && !sameWriter(first, parcel)) {
      break;
    }
    const count = Math.min(unreadOf(parcel) - skip, length - copied);
    if (count > 0 && !reaches(into, at + copied, count)) return copied > 0 ? copied : -Errno.EFAULT;
    copyBytes(parcel.bytes, parcel.consumed + skip, into, at + copied, count);
    copied += count;
    skip = 0;
    const barrier = parcel.rights !== undefined;
    takeRights(host, parcel, incoming, peek);
    const next: Parcel | undefined = peek ? after(end, parcel) : consume(host, end, parcel, count);
    // A peek goes on to descriptors that come after the octets that there is room for, as on Linux.
    if (barrier || (copied === length && !peek)) return copied;
    parcel = beforeMark(host, end, next, peek, copied > 0);
    // A peek at no octets that comes to the one out of band, and to nothing after it, has found nothing, as on Linux.
    if (parcel === undefined && next !== undefined && copied === 0) first = undefined;
  }
  if (first !== undefined) {
    // An error that is there while MSG_WAITALL wants more is lost, as on Linux.
    if ((flags & MSG_WAITALL) !== 0 && !peek && end.queue.length === 0) end.takeError();
    return copied;
  }
  if (end.error !== 0) return -end.takeError();
  if ((end.shutdown & SHUT_RECEIVE) === 0) return -Errno.EAGAIN;
  if (incoming !== undefined) tellCredentials(end, undefined, incoming);
  return 0;
}

/** MSG_OOB: the octet, whatever waits before it. -EINVAL when there is none, or when it is read in line. */
function receiveUrgent(
  end: UnixEnd,
  into: Uint8Array,
  at: number,
  length: number,
  peek: boolean,
  incoming: Incoming | undefined,
): number {
  const { urgent } = end;
  if (end.options.oobInline || urgent === undefined) return -Errno.EINVAL;
  if (length > 0) into[at] = urgent.bytes[0]!;
  if (!peek) {
    // What remains of it in the queue marks the place.
    urgent.consumed = 1;
    end.urgent = undefined;
  }
  if (incoming !== undefined) incoming.flags |= MSG_OOB;
  return 1;
}

/** SIOCATMARK: whether the next octet is the one out of band, or comes after one that was read out of band. */
export function atMark({ queue, urgent, pending }: UnixEnd): boolean {
  const head = queue[0];
  // To Linux a connection that waits to be accepted is as empty as an octet that was read.
  if (head === undefined) return pending.length > 0;
  return head === urgent || (unreadOf(head) === 0 && (urgent === undefined || queue[1] === urgent));
}

/** The parcel, or what is to be read in its place where it is, or was, the out-of-band octet. manage_oob. */
function beforeMark(
  host: UnixHost,
  end: UnixEnd,
  parcel: Parcel | undefined,
  peek: boolean,
  copied: boolean,
): Parcel | undefined {
  let next = parcel;
  if (next !== undefined && unreadOf(next) === 0) {
    // It was read out of band: a read stops here once.
    if (copied && end.urgent === undefined) return undefined;
    next = after(end, next);
    if (!peek) remove(host, end, parcel!);
  }
  if (next === undefined || next !== end.urgent) return next;
  if (copied) return undefined;
  if (peek) return end.options.oobInline ? next : after(end, next);
  end.urgent = undefined;
  if (end.options.oobInline) return next;
  // Nobody has read it out of band, and it is lost.
  remove(host, end, next);
  return end.queue[0];
}

/** Octets of a parcel have been read. The one to read next. */
function consume(host: UnixHost, end: UnixEnd, parcel: Parcel, count: number): Parcel | undefined {
  parcel.consumed += count;
  if (unreadOf(parcel) > 0) return undefined;
  remove(host, end, parcel);
  return end.queue[0];
}

const after = ({ queue }: UnixEnd, parcel: Parcel): Parcel | undefined => queue[queue.indexOf(parcel) + 1];
