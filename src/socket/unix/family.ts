/**
 * AF_UNIX inside the stack: sockets of the same stack talk to each other, without any network. unix(7); net/unix/af_unix.c.
 *
 * Read end.ts next, then connections.ts and datagram-peers.ts for who talks to whom, stream-*.ts and messages.ts for the octets.
 */
import { Errno } from '../../core/errno.ts';
import { AF_UNIX, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET, SOCK_STREAM } from '../constants.ts';
import type { SocketFamily } from '../family.ts';
import type { Socket, SocketHost } from '../socket.ts';
import { join } from './connections.ts';
import type { UnixHost } from './host.ts';
import { encode } from './names.ts';
import type { UnixName } from './names.ts';
import { UnixNamespace } from './namespace.ts';
import { Rights } from './rights.ts';
import { UnixSocket } from './unix-socket.ts';

export const makeUnixFamily = (host: SocketHost): SocketFamily => new UnixFamily(host);

class UnixFamily implements SocketFamily {
  readonly domain = AF_UNIX;
  /** Nothing is sent: what a call queues is there for the other at once. */
  readonly pending = false;
  readonly #host: UnixHost;

  constructor(host: SocketHost) {
    const { random, config } = host.context;
    const { maxUnixPaths, maxRightsInFlight, processId, userId, groupId } = config.socket;
    this.#host = {
      ...host,
      namespace: new UnixNamespace(random, maxUnixPaths),
      rights: new Rights(host.files, maxRightsInFlight),
      credentials: { pid: processId, uid: userId, gid: groupId },
    };
  }

  /** The protocol is 0 or, as its number, PF_UNIX. */
  create(type: number, protocol: number, refused: number): Socket | number {
    if (protocol !== 0 && protocol !== AF_UNIX) return -Errno.EPROTONOSUPPORT;
    if (type !== SOCK_STREAM && type !== SOCK_DGRAM && type !== SOCK_RAW && type !== SOCK_SEQPACKET) {
      return -Errno.ESOCKTNOSUPPORT;
    }
    if (refused < 0) return refused;
    // As on Linux a raw one is a datagram socket, and says so.
    return new UnixSocket(this.#host, type === SOCK_RAW ? SOCK_DGRAM : type);
  }

  connectPair(one: Socket, other: Socket): number {
    if (!(one instanceof UnixSocket && other instanceof UnixSocket)) return -Errno.EOPNOTSUPP;
    join(this.#host, one.end, other.end);
    return 0;
  }

  unlink(path: string): number {
    return this.#host.namespace.unlink(encode(path) as UnixName);
  }

  poll(): void {
    // See `pending`.
  }
}
