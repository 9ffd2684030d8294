/**
 * recv on a connection, with its flags: MSG_PEEK, MSG_TRUNC, MSG_OOB. tcp(7), recv(2).
 */
import { Errno } from '../../core/errno.ts';
import type { TcpConnection } from '../../tcp/service.ts';
import { MSG_OOB, MSG_PEEK, MSG_TRUNC } from '../constants.ts';
import { reaches } from '../message.ts';
import type { Incoming } from '../message.ts';

/** Where MSG_TRUNC reads octets that nobody wants. */
const discard = new Uint8Array(16384);

/** In these states Linux counts a socket as closed: it has no connection that a call could act on. */
export const isOver = (connection: TcpConnection): boolean =>
  connection.state === 'CLOSED' || connection.state === 'TIME-WAIT';

/** @param from where a peek begins (SO_PEEK_OFF) */
export function receiveFrom(
  connection: TcpConnection,
  into: Uint8Array,
  at: number,
  length: number,
  flags: number,
  from: number,
  incoming: Incoming | undefined,
): number {
  const peek = (flags & MSG_PEEK) !== 0;
  if ((flags & MSG_OOB) !== 0) {
    const urgent = receiveUrgent(connection, into, at, length, flags, peek);
    if (urgent > 0 && incoming !== undefined) incoming.flags |= MSG_OOB;
    return urgent;
  }
  const wanted = (flags & MSG_TRUNC) === 0 ? Math.min(connection.unread - from, length) : 0;
  if (wanted > 0 && !reaches(into, at, wanted)) return -Errno.EFAULT;
  const result =
    (flags & MSG_TRUNC) !== 0
      ? receiveNothing(connection, length, peek, from)
      : connection.receive(into, at, length, peek, from);
  // A refused connection has ended, once its error has been told: Linux does not tell it from one that was there.
  return result === -Errno.ENOTCONN && isOver(connection) ? 0 : result;
}

/** MSG_TRUNC on a stream: takes octets away (or, with MSG_PEEK, counts them) without handing them out. tcp(7). */
function receiveNothing(connection: TcpConnection, length: number, peek: boolean, from: number): number {
  if (peek || length === 0) {
    const result = connection.receive(discard, 0, Math.min(discard.length, length), peek, from);
    return result > 0 ? Math.min(length, connection.unread - from) : result;
  }
  let taken = 0;
  while (taken < length) {
    const result = connection.receive(discard, 0, Math.min(discard.length, length - taken));
    if (result <= 0) return taken > 0 ? taken : result;
    taken += result;
  }
  return taken;
}

/** MSG_OOB, which never waits. With MSG_TRUNC the octet is taken and not handed out. */
function receiveUrgent(
  connection: TcpConnection,
  into: Uint8Array,
  at: number,
  length: number,
  flags: number,
  peek: boolean,
): number {
  const thrownAway = (flags & MSG_TRUNC) !== 0;
  return thrownAway
    ? connection.receiveUrgent(discard, 0, length, peek)
    : connection.receiveUrgent(into, at, length, peek);
}
