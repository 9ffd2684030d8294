/**
 * Sending on SOCK_STREAM: octets go into the peer's queue in pieces. unix(7); unix_stream_sendmsg.
 */
import { Errno } from '../../core/errno.ts';
import { Wake } from '../../tcp/service.ts';
import { MSG_OOB } from '../constants.ts';
import { reaches } from '../message.ts';
import type { Outgoing } from '../message.ts';
import { readAncillary } from './ancillary.ts';
import type { Ancillary } from './ancillary.ts';
import { pieceCharge, pieceSize } from './charge.ts';
import { SHUT_RECEIVE, SHUT_SEND } from './end.ts';
import type { UnixEnd } from './end.ts';
import type { UnixHost } from './host.ts';
import { enqueue, mayQueue } from './queue.ts';

export function sendStream(
  host: UnixHost,
  end: UnixEnd,
  bytes: Uint8Array,
  at: number,
  length: number,
  flags: number,
  outgoing: Outgoing | undefined,
): number {
  const ancillary = readAncillary(host, outgoing);
  if (typeof ancillary === 'number') return ancillary;
  const urgent = (flags & MSG_OOB) !== 0;
  if (urgent && length === 0) return -Errno.EOPNOTSUPP;
  if (outgoing?.name !== undefined) return end.state === 'connected' ? -Errno.EISCONN : -Errno.EOPNOTSUPP;
  const { peer } = end;
  if (peer === undefined) return -Errno.ENOTCONN;
  if ((end.shutdown & SHUT_SEND) !== 0) return -Errno.EPIPE;

  const pieces = new Pieces(host, end, peer, ancillary);
  const ordinary = urgent ? length - 1 : length;
  let sent = 0;
  while (sent < ordinary) {
    const size = Math.min(ordinary - sent, pieceSize(end.options.sendBuffer));
    const refused = pieces.send(bytes, at + sent, size);
    if (refused < 0) return sent > 0 ? sent : refused;
    sent += size;
  }
  if (!urgent) return sent;
  // The last octet is the one out of band; what was one before is ordinary from now on.
  const refused = pieces.send(bytes, at + sent, 1);
  if (refused < 0) return sent > 0 ? sent : refused;
  peer.urgent = peer.queue.at(-1);
  peer.wake(Wake.Read);
  return length;
}

/** One call's pieces: descriptors go with the first. */
class Pieces {
  readonly #host: UnixHost;
  readonly #end: UnixEnd;
  readonly #peer: UnixEnd;
  #ancillary: Ancillary;

  constructor(host: UnixHost, end: UnixEnd, peer: UnixEnd, ancillary: Ancillary) {
    this.#host = host;
    this.#end = end;
    this.#peer = peer;
    this.#ancillary = ancillary;
  }

  /** 0, -EAGAIN, -EPIPE, -ETOOMANYREFS, -EFAULT. */
  send(bytes: Uint8Array, at: number, length: number): number {
    const noRoom = mayQueue(this.#end);
    if (noRoom < 0) return noRoom;
    const refused = this.#check(bytes, at, length);
    if (refused < 0) {
      this.#end.wakeWriters(); // it had room already
      return refused;
    }
    const piece = bytes.subarray(at, at + length);
    enqueue(this.#host, this.#end, this.#peer, piece, pieceCharge(length), this.#ancillary);
    this.#ancillary = { ...this.#ancillary, rights: [] };
    return 0;
  }

  #check(bytes: Uint8Array, at: number, length: number): number {
    const refused = this.#host.rights.refused(this.#ancillary.rights.length);
    if (refused < 0) return refused;
    if (!reaches(bytes, at, length)) return -Errno.EFAULT;
    return (this.#peer.shutdown & SHUT_RECEIVE) !== 0 ? -Errno.EPIPE : 0;
  }
}
