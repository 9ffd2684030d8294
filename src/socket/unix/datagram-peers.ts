/**
 * The peers of SOCK_DGRAM: connect only says where send goes and from whom datagrams may come. connect(2), unix(7); unix_dgram_connect.
 */
import { Errno } from '../../core/errno.ts';
import { Wake } from '../../tcp/service.ts';
import type { Name } from '../address.ts';
import { AF_UNSPEC } from '../constants.ts';
import type { UnixEnd } from './end.ts';
import type { UnixHost } from './host.ts';
import { UNNAMED, familyOf, readName } from './names.ts';
import { purge } from './queue.ts';

/** A socket that is connected takes datagrams from its peer only. unix_may_send. */
export const maySendTo = (end: UnixEnd, other: UnixEnd): boolean => other.peer === undefined || other.peer === end;

/** Fixes the peer; AF_UNSPEC takes it away. */
export function connectDatagram(host: UnixHost, end: UnixEnd, name: Name): number {
  if (name !== null && familyOf(name) === AF_UNSPEC) {
    changePeer(host, end, undefined);
    return 0;
  }
  const to = readName(name);
  if (typeof to === 'number') return to;
  if (to === UNNAMED) return -Errno.EINVAL;
  const unnamed = end.options.passCredentials ? host.namespace.autobind(end) : 0;
  if (unnamed < 0) return unnamed;
  const other = host.namespace.find(to, end.type);
  if (typeof other === 'number') return other;
  if (!maySendTo(end, other)) return -Errno.EPERM;
  end.state = 'connected';
  other.state = 'connected';
  changePeer(host, end, other);
  return 0;
}

function changePeer(host: UnixHost, end: UnixEnd, peer: UnixEnd | undefined): void {
  const before = end.peer;
  end.follow(peer);
  if (peer === undefined) end.state = 'closed';
  if (before !== undefined && before !== peer) {
    disconnected(host, end, before);
    if (before.peer === undefined) before.state = 'closed';
  }
  if (before !== undefined) end.wake(Wake.Write);
}

/**
 * A socket has lost its peer: what it had received from it is lost, which the other is told if it was connected back.
 * unix_dgram_disconnected.
 */
export function disconnected(host: UnixHost, end: UnixEnd, before: UnixEnd): void {
  if (end.queue.length === 0) return;
  purge(host, end);
  if (before.dead || before.peer !== end) return;
  before.error = Errno.ECONNRESET;
  before.wake(Wake.Error);
}
