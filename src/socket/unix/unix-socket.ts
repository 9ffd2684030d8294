/**
 * The socket calls on AF_UNIX. The three types differ in how they connect and in what they carry; their state is the same, and is in end.ts.
 */
import { Errno } from '../../core/errno.ts';
import type { Name, NameOut } from '../address.ts';
import { AF_UNIX, MSG_DONTWAIT, SHUT_RD, SHUT_WR, SOCK_DGRAM, SOCK_STREAM } from '../constants.ts';
import type { Credentials, Incoming, Outgoing } from '../message.ts';
import type { Watch } from '../readiness.ts';
import { isShutdown } from '../socket.ts';
import type { CommonOptions, Socket } from '../socket.ts';
import { accept, connectStream, listen, release, shutDown } from './connections.ts';
import { connectDatagram } from './datagram-peers.ts';
import { SHUT_BOTH, SHUT_RECEIVE, SHUT_SEND, UnixEnd, unreadOf } from './end.ts';
import type { UnixHost } from './host.ts';
import { receiveMessage, sendMessage } from './messages.ts';
import { UNNAMED, readName, writeName } from './names.ts';
import type { UnixFile } from './rights.ts';
import { atMark, receiveStream } from './stream-receive.ts';
import { sendStream } from './stream-send.ts';

export class UnixSocket implements Socket, UnixFile {
  readonly kind = 'unix';
  readonly family = AF_UNIX;
  readonly protocol = 0;
  readonly tcpOptions = undefined;
  nonBlocking = false;
  references = 0;
  readonly end: UnixEnd;
  readonly #host: UnixHost;

  /** @param end a connection that was accepted */
  constructor(host: UnixHost, type: number, end = new UnixEnd(host, type)) {
    this.#host = host;
    this.end = end;
  }

  get type(): number {
    return this.end.type;
  }

  get watch(): Watch {
    return this.end.watch;
  }

  get options(): Readonly<CommonOptions> {
    return this.end.options;
  }

  get listening(): boolean {
    return this.end.state === 'listening';
  }

  get peerCredentials(): Credentials | undefined {
    return this.end.peerCredentials;
  }

  /** Just the family asks for an abstract name, and is no mistake on a socket that has one. unix(7), "Autobind feature". */
  bind(name: Name): number {
    const read = readName(name);
    if (typeof read === 'number') return read;
    return read === UNNAMED ? this.#host.namespace.autobind(this.end) : this.#host.namespace.bind(this.end, read);
  }

  listen(backlog: number): number {
    return listen(this.#host, this.end, backlog);
  }

  accept(): Socket | number {
    const accepted = accept(this.end, !this.nonBlocking);
    return typeof accepted === 'number' ? accepted : new UnixSocket(this.#host, accepted.type, accepted);
  }

  connect(name: Name): number {
    return this.type === SOCK_DGRAM
      ? connectDatagram(this.#host, this.end, name)
      : connectStream(this.#host, this.end, name);
  }

  send(bytes: Uint8Array, at: number, length: number, flags: number, outgoing: Outgoing | undefined): number {
    const send = this.type === SOCK_STREAM ? sendStream : sendMessage;
    return send(this.#host, this.end, bytes, at, length, flags, outgoing);
  }

  receive(into: Uint8Array, at: number, length: number, flags: number, incoming: Incoming | undefined): number {
    if (this.type === SOCK_STREAM) return receiveStream(this.#host, this.end, into, at, length, flags, incoming);
    const mayWait = !this.nonBlocking && (flags & MSG_DONTWAIT) === 0;
    return receiveMessage(this.#host, this.end, into, at, length, flags, incoming, mayWait);
  }

  atMark(): number {
    return this.type === SOCK_STREAM ? Number(atMark(this.end)) : -Errno.EOPNOTSUPP;
  }

  /** Of a datagram socket the next message, of others all that waits. */
  readable(): number {
    if (this.listening) return -Errno.EINVAL;
    const { queue } = this.end;
    if (this.type === SOCK_DGRAM) return queue[0]?.bytes.length ?? 0;
    return queue.reduce((sum, parcel) => sum + unreadOf(parcel), 0);
  }

  /** What the peer has not read yet, as it counts against SO_SNDBUF. */
  unsent(): number {
    return this.end.charged;
  }

  shutdown(how: number): number {
    if (!isShutdown(how)) return -Errno.EINVAL;
    shutDown(this.end, how === SHUT_RD ? SHUT_RECEIVE : how === SHUT_WR ? SHUT_SEND : SHUT_BOTH);
    return 0;
  }

  getsockname(into: NameOut): number {
    writeName(this.end.name, into);
    return 0;
  }

  getpeername(into: NameOut): number {
    const { peer } = this.end;
    if (peer === undefined) return -Errno.ENOTCONN;
    writeName(peer.name, into);
    return 0;
  }

  readiness(): number {
    return this.end.readiness();
  }

  changeOptions(changes: Partial<CommonOptions>): number {
    Object.assign(this.end.options, changes);
    if (changes.sendBuffer !== undefined) this.end.wakeWriters();
    return 0;
  }

  changeTcpOptions(): number {
    return -Errno.ENOPROTOOPT;
  }

  takeError(): number {
    return this.end.takeError();
  }

  pathMtu(): number {
    return -Errno.ENOTCONN;
  }

  tcpInfo(): undefined {
    return undefined;
  }

  onReleased(): void {
    this.#host.rights.onReleased(this);
  }

  close(): void {
    release(this.#host, this.end);
  }
}
