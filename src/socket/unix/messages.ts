/**
 * Sending and receiving on SOCK_DGRAM and SOCK_SEQPACKET: whole messages. unix(7); unix_dgram_sendmsg, unix_dgram_recvmsg and the two
 * that seqpacket puts before them.
 */
import { copyBytes } from '../../core/bytes.ts';
import { Errno } from '../../core/errno.ts';
import type { Name } from '../address.ts';
import { MSG_OOB, MSG_PEEK, MSG_TRUNC, SOCK_SEQPACKET, SOL_SOCKET, SO_TIMESTAMP } from '../constants.ts';
import { reaches } from '../message.ts';
import type { Incoming, Outgoing } from '../message.ts';
import { movedOffset, placeOf } from '../peek-offset.ts';
import { readAncillary, takeRights, tellCredentials } from './ancillary.ts';
import type { Ancillary } from './ancillary.ts';
import { MESSAGE_OVERHEAD, messageCharge } from './charge.ts';
import { disconnected, maySendTo } from './datagram-peers.ts';
import { SHUT_RECEIVE, unreadOf } from './end.ts';
import type { UnixEnd } from './end.ts';
import type { UnixHost } from './host.ts';
import { UNNAMED, readName } from './names.ts';
import type { UnixName } from './names.ts';
import { enqueue, mayQueue, remove, tellSender } from './queue.ts';

export function sendMessage(
  host: UnixHost,
  end: UnixEnd,
  bytes: Uint8Array,
  at: number,
  length: number,
  flags: number,
  outgoing: Outgoing | undefined,
): number {
  const sequenced = end.type === SOCK_SEQPACKET;
  if (sequenced && end.error !== 0) return -end.takeError();
  if (sequenced && end.state !== 'connected') return -Errno.ENOTCONN;
  const ancillary = readAncillary(host, outgoing);
  if (typeof ancillary === 'number') return ancillary;
  if ((flags & MSG_OOB) !== 0) return -Errno.EOPNOTSUPP;
  // A sequenced-packet socket has its peer: an address means nothing.
  const to = sequenced ? undefined : readDestination(outgoing?.name);
  if (typeof to === 'number') return to;
  const unnamed = end.options.passCredentials ? host.namespace.autobind(end) : 0;
  if (unnamed < 0) return unnamed;
  if (length > end.options.sendBuffer - MESSAGE_OVERHEAD) return -Errno.EMSGSIZE;
  const refused = mayQueue(end);
  if (refused < 0) return refused;
  const sent = transmit(host, end, bytes, at, length, to, ancillary);
  if (sent < 0) end.wakeWriters(); // it had room already
  return sent;
}

function transmit(
  host: UnixHost,
  end: UnixEnd,
  bytes: Uint8Array,
  at: number,
  length: number,
  to: UnixName | undefined,
  ancillary: Ancillary,
): number {
  const refused = host.rights.refused(ancillary.rights.length);
  if (refused < 0) return refused;
  if (!reaches(bytes, at, length)) return -Errno.EFAULT;

  const other = findReceiver(host, end, to);
  if (typeof other === 'number') return other;
  // Only who is connected back is bounded by SO_SNDBUF alone, and who sends to itself.
  if (other !== end && other.peer !== end && other.full) {
    end.waitFor(other);
    return -Errno.EAGAIN;
  }
  enqueue(host, end, other, bytes.subarray(at, at + length), messageCharge(length), ancillary);
  return length;
}

/** Undefined for none; -EINVAL. */
function readDestination(name: Name | undefined): UnixName | undefined | number {
  if (name === undefined) return undefined;
  const to = readName(name);
  return to === UNNAMED ? -Errno.EINVAL : to;
}

/** The socket that a message goes to, if it takes any. */
function findReceiver(host: UnixHost, end: UnixEnd, to: UnixName | undefined): UnixEnd | number {
  const other = to === undefined ? end.peer : host.namespace.find(to, end.type);
  if (other === undefined) return -Errno.ENOTCONN;
  if (typeof other === 'number') return other;
  if (!maySendTo(end, other)) return -Errno.EPERM;
  if (other.dead) {
    if (end.type === SOCK_SEQPACKET) return -Errno.EPIPE;
    end.follow(undefined);
    end.state = 'closed';
    disconnected(host, end, other);
    return -Errno.ECONNREFUSED;
  }
  return (other.shutdown & SHUT_RECEIVE) !== 0 ? -Errno.EPIPE : other;
}

/** @param mayWait whether the program would wait: the end that a shutdown makes is told to those only, by datagram sockets */
export function receiveMessage(
  host: UnixHost,
  end: UnixEnd,
  into: Uint8Array,
  at: number,
  length: number,
  flags: number,
  incoming: Incoming | undefined,
  mayWait: boolean,
): number {
  const sequenced = end.type === SOCK_SEQPACKET;
  if (sequenced && end.state !== 'connected') return -Errno.ENOTCONN;
  if ((flags & MSG_OOB) !== 0) return -Errno.EOPNOTSUPP;
  if (end.error !== 0) return -end.takeError();
  const { options } = end;
  const peek = (flags & MSG_PEEK) !== 0;
  const place = peek ? placeOf(end.queue, unreadOf, options.peekOffset) : undefined;
  const message = peek ? place?.message : end.queue[0];
  if (message === undefined) {
    const over = (end.shutdown & SHUT_RECEIVE) !== 0 && (sequenced || mayWait);
    return over ? 0 : -Errno.EAGAIN;
  }
  const skip = place?.skip ?? 0;
  const rest = message.bytes.length - skip;
  const count = Math.min(length, rest);
  if (count > 0 && !reaches(into, at, count)) {
    // The message is lost, as on Linux.
    if (!peek) remove(host, end, message);
    return -Errno.EFAULT;
  }
  copyBytes(message.bytes, skip, into, at, count);
  if (incoming !== undefined) {
    if (count < rest) incoming.flags |= MSG_TRUNC;
    tellSender(message, incoming);
    // A stream tells of no times: octets of several writes may come in one. Linux does the same.
    if (options.timestamp) incoming.control.push({ level: SOL_SOCKET, type: SO_TIMESTAMP, data: message.time });
    tellCredentials(end, message, incoming);
  }
  takeRights(host, message, incoming, peek);
  if (!peek) remove(host, end, message);
  options.peekOffset = movedOffset(options.peekOffset, flags, peek ? count : message.bytes.length);
  return (flags & MSG_TRUNC) !== 0 ? rest : count;
}
