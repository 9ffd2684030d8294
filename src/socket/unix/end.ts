/**
 * One end of a conversation: the state of a socket without its calls. It is there before its socket is, while a connection waits to be
 * accepted, and after, while somebody is still connected to it or reads what it has sent. net/unix/af_unix.c, struct unix_sock.
 */
import type { Micros } from '../../core/time.ts';
import { Readiness, Wake } from '../../tcp/service.ts';
import { POLLWRBAND, SOCK_DGRAM } from '../constants.ts';
import type { OpenFile } from '../file.ts';
import type { Credentials } from '../message.ts';
import type { Peeked } from '../peek-offset.ts';
import { Watch } from '../readiness.ts';
import { defaultOptions } from '../socket.ts';
import type { CommonOptions, SocketHost } from '../socket.ts';
import type { UnixName } from './names.ts';

/** Directions that are shut: RCV_SHUTDOWN, SEND_SHUTDOWN. */
export const SHUT_RECEIVE = 1;
export const SHUT_SEND = 2;
export const SHUT_BOTH = SHUT_RECEIVE | SHUT_SEND;

/** A message, or a piece of a stream, with what was sent along. */
export interface Parcel extends Peeked {
  readonly bytes: Uint8Array;
  /** Octets that have been read: a stream is read by parts. */
  consumed: number;
  /** Whom the octets count against, and whose name they bear. */
  readonly from: UnixEnd;
  /** When it was sent. */
  readonly time: Micros;
  /** What they count. charge.ts. */
  readonly charge: number;
  /** Undefined where neither side wanted any. */
  readonly credentials: Credentials | undefined;
  /** Files of SCM_RIGHTS, held by rights.ts; undefined once they are received or thrown away. */
  rights: readonly OpenFile[] | undefined;
}

export const unreadOf = (parcel: Parcel): number => parcel.bytes.length - parcel.consumed;

export class UnixEnd {
  readonly type: number;
  readonly watch: Watch;
  readonly options: CommonOptions;
  readonly #kick: () => void;
  name: UnixName | undefined = undefined;
  /** TCP_CLOSE, TCP_LISTEN, TCP_ESTABLISHED of the kernel. A connection whose peer is gone is still one. */
  state: 'closed' | 'listening' | 'connected' = 'closed';
  /** Whom it sends to. On a datagram socket the peer need not know. */
  peer: UnixEnd | undefined = undefined;
  /** Its socket is closed. */
  dead = false;
  /** Connected, and not accepted yet. */
  embryo = false;
  shutdown = 0;
  /** Pending error, positive. */
  error = 0;
  /** What has come and was not read. Bounded by the senders' SO_SNDBUF, and for those that are not the peer by `backlog`. */
  readonly queue: Parcel[] = [];
  /** What of it is the out-of-band octet. */
  urgent: Parcel | undefined = undefined;
  /** Connections to be accepted. Bounded by `backlog`. */
  readonly pending: UnixEnd[] = [];
  /** One more than this may wait in the queue. */
  backlog: number;
  /** Somebody's datagram has filled the queue since there was room last. */
  crowded = false;
  /** What it has sent and nobody has read yet counts so much. Bounded by SO_SNDBUF and one message. */
  charged = 0;
  /** SO_PEERCRED. */
  peerCredentials: Credentials | undefined = undefined;
  /** Datagram sockets that are connected to it, and whoever it has refused because its queue is full. */
  readonly followers = new Set<UnixEnd>();
  /** Whose queue was full when it last wanted to send or to connect. */
  refusedBy: UnixEnd | undefined = undefined;

  constructor(host: SocketHost, type: number) {
    this.type = type;
    this.#kick = host.kick;
    this.watch = new Watch(host.readiness, { readiness: () => this.waitBits() });
    this.options = defaultOptions(host);
    this.backlog = host.context.config.socket.maxDatagramQueue;
  }

  /** Whether one more in the queue would be too many. unix_recvq_full. */
  get full(): boolean {
    return this.queue.length + this.pending.length > this.backlog;
  }

  /** Readiness bits, as the kernel's poll gives them. unix_poll, unix_dgram_poll. */
  readiness(): number {
    let bits = 0;
    if (this.error !== 0) bits |= Readiness.Error;
    if (this.shutdown === SHUT_BOTH) bits |= Readiness.HangUp;
    if ((this.shutdown & SHUT_RECEIVE) !== 0) bits |= Readiness.Readable | Readiness.ReadHangUp;
    if (this.queue.length > 0 || this.pending.length > 0) bits |= Readiness.Readable;
    if (this.urgent !== undefined) bits |= Readiness.Urgent;
    if (this.type !== SOCK_DGRAM && this.state === 'closed') bits |= Readiness.HangUp;
    if (this.#writable()) bits |= Readiness.Writable | POLLWRBAND;
    return bits;
  }

  /**
   * What a call that waits is woken by. poll says of a socket without a peer that it can be written to; whoever waits to send to a full
   * queue, or to connect to one, waits for that.
   */
  waitBits(): number {
    const bits = this.readiness();
    return this.refusedBy?.full === true ? bits & ~(Readiness.Writable | Readiness.HangUp) : bits;
  }

  /** Something has changed that somebody may wait for. */
  wake(wake: number = Wake.All): void {
    this.watch.onReadiness(wake);
    this.#kick();
  }

  /** What it has sent was read, or may be more. unix_write_space. */
  wakeWriters(): void {
    if (this.#hasSendSpace()) this.wake(Wake.Write);
  }

  /** Connects a datagram socket to another, or to none. */
  follow(peer: UnixEnd | undefined): void {
    this.peer?.followers.delete(this);
    this.peer = peer;
    peer?.followers.add(this);
  }

  /** The other's queue is full: this one is told when there is room. */
  waitFor(other: UnixEnd): void {
    this.#forgetRefusal();
    this.refusedBy = other;
    other.followers.add(this);
  }

  /** Something was taken from the queue: those that it was too full for may try again. */
  admit(): void {
    if (this.full) return;
    if (this.followers.size > 0) this.#wakeFollowers(Wake.Write);
    this.crowded = false;
  }

  /** It closes: nobody is to wait for it, and it waits for nobody. */
  leave(): void {
    this.#forgetRefusal();
    this.peer?.followers.delete(this);
    this.peer = undefined;
    this.#wakeFollowers(Wake.All);
  }

  takeError(): number {
    const { error } = this;
    this.error = 0;
    return error;
  }

  /** Those that the queue was too full for. A set is told of no other than the peer. unix_dgram_peer_wake_relay. */
  #wakeFollowers(wake: number): void {
    for (const follower of [...this.followers]) {
      const refused = follower.refusedBy === this;
      if (refused) follower.#forgetRefusal();
      if (follower.peer !== this) follower.watch.onProgress();
      else if (refused || this.crowded) follower.wake(wake);
    }
    this.#kick();
  }

  #forgetRefusal(): void {
    const by = this.refusedBy;
    this.refusedBy = undefined;
    if (by !== undefined && by !== this.peer) by.followers.delete(this);
  }

  /** A quarter of SO_SNDBUF is taken at most. unix_writable. */
  #hasSendSpace(): boolean {
    return this.state !== 'listening' && this.charged * 4 <= this.options.sendBuffer;
  }

  /** And the peer, unless it is connected back, has room. unix_dgram_poll. */
  #writable(): boolean {
    if (!this.#hasSendSpace()) return false;
    const { peer } = this;
    return peer === undefined || peer.peer === this || !peer.full;
  }
}
