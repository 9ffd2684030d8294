/**
 * Connections of SOCK_STREAM and SOCK_SEQPACKET, and how every kind of socket ends. listen(2), accept(2), connect(2), unix(7);
 * unix_listen, unix_stream_connect, unix_accept, unix_release_sock.
 *
 * A connection is complete with connect: its other end waits in the listener's queue, and can be sent to.
 */
import { Errno } from '../../core/errno.ts';
import { Wake } from '../../tcp/service.ts';
import type { Name } from '../address.ts';
import { SOCK_DGRAM } from '../constants.ts';
import { boundedBacklog } from '../socket.ts';
import { SHUT_BOTH, SHUT_RECEIVE, SHUT_SEND, UnixEnd } from './end.ts';
import type { UnixHost } from './host.ts';
import { UNNAMED, readName } from './names.ts';
import { hasUnread, purge } from './queue.ts';

export function listen(host: UnixHost, end: UnixEnd, backlog: number): number {
  if (end.type === SOCK_DGRAM) return -Errno.EOPNOTSUPP;
  if (end.name === undefined || end.state === 'connected') return -Errno.EINVAL;
  end.backlog = boundedBacklog(host, backlog);
  end.state = 'listening';
  // Who connects is told who listened.
  end.peerCredentials = host.credentials;
  end.admit();
  return 0;
}

/** @param mayWait whether the program would wait: for a connection that a shutdown keeps away, it gets an error instead */
export function accept(end: UnixEnd, mayWait: boolean): UnixEnd | number {
  if (end.type === SOCK_DGRAM) return -Errno.EOPNOTSUPP;
  if (end.state !== 'listening') return -Errno.EINVAL;
  const accepted = end.pending.shift();
  if (accepted === undefined) {
    return mayWait && (end.shutdown & SHUT_RECEIVE) !== 0 ? -Errno.EINVAL : -Errno.EAGAIN;
  }
  accepted.embryo = false;
  end.admit();
  return accepted;
}

/** -EAGAIN while the listener's queue is full. */
export function connectStream(host: UnixHost, end: UnixEnd, name: Name): number {
  const to = readName(name);
  if (typeof to === 'number') return to;
  if (to === UNNAMED) return -Errno.EINVAL;
  const unnamed = end.options.passCredentials ? host.namespace.autobind(end) : 0;
  if (unnamed < 0) return unnamed;
  const listener = host.namespace.find(to, end.type);
  if (typeof listener === 'number') return listener;
  if (listener.state !== 'listening' || (listener.shutdown & SHUT_RECEIVE) !== 0) return -Errno.ECONNREFUSED;
  if (listener.full) {
    end.waitFor(listener);
    return -Errno.EAGAIN;
  }
  if (end.state !== 'closed') return end.state === 'connected' ? -Errno.EISCONN : -Errno.EINVAL;
  const accepted = new UnixEnd(host, end.type);
  accepted.embryo = true;
  accepted.name = listener.name;
  accepted.options.passCredentials = listener.options.passCredentials;
  join(host, end, accepted);
  // As they were when the listener began to listen.
  end.peerCredentials = listener.peerCredentials;
  listener.pending.push(accepted);
  listener.wake(Wake.Read);
  return 0;
}

/** Makes two new ends each other's peer. socketpair(2). */
export function join(host: UnixHost, one: UnixEnd, other: UnixEnd): void {
  for (const [end, peer] of [
    [one, other],
    [other, one],
  ] as const) {
    if (end.type === SOCK_DGRAM) end.follow(peer);
    else end.peer = peer;
    end.state = 'connected';
    end.peerCredentials = host.credentials;
  }
}

/** Shuts directions of a socket, connected or not, and those of its peer that they leave nothing to do. unix_shutdown. */
export function shutDown(end: UnixEnd, directions: number): void {
  end.shutdown |= directions;
  end.wake();
  const { peer } = end;
  if (peer === undefined || end.type === SOCK_DGRAM) return;
  if ((directions & SHUT_RECEIVE) !== 0) peer.shutdown |= SHUT_SEND;
  if ((directions & SHUT_SEND) !== 0) peer.shutdown |= SHUT_RECEIVE;
  peer.wake();
}

/** The socket is closed, or its listener before it was accepted. unix_release_sock. */
export function release(host: UnixHost, end: UnixEnd): void {
  const { peer } = end;
  host.namespace.release(end);
  end.dead = true;
  end.shutdown = SHUT_BOTH;
  end.state = 'closed';
  if (peer !== undefined && end.type !== SOCK_DGRAM) {
    peer.shutdown = SHUT_BOTH;
    // What was sent is lost: the peer is told so.
    if (hasUnread(end) || end.embryo) peer.error = Errno.ECONNRESET;
    peer.wake();
  }
  end.leave();
  for (const embryo of end.pending.splice(0)) release(host, embryo);
  purge(host, end);
  end.watch.close();
}
