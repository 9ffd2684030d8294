/**
 * What an address family is to the socket calls: a maker of sockets, with what they share. socket(2), socketpair(2).
 */
import type { Micros } from '../core/time.ts';
import type { Socket, SocketHost } from './socket.ts';

export interface SocketFamily {
  /** AF_... */
  readonly domain: number;
  /**
   * A new socket, or the negative errno that Linux gives for type and protocol.
   * @param type without flags; 0 to 10
   * @param refused what the descriptor table says (0, -EMFILE, -ENFILE): Linux finds a full table only after the combination is known
   * to be good
   */
  create(type: number, protocol: number, refused: number): Socket | number;
  /** socketpair(2): makes two new sockets of the family each other's peer; -EOPNOTSUPP where there is no such thing. */
  connectPair(one: Socket, other: Socket): number;
  /** unlink(2), of a family whose names outlive their sockets: -ENOENT. */
  unlink?(path: string): number;
  /** Whether `poll` has something to send. */
  readonly pending: boolean;
  /** Sends what sockets have queued. Part of the stack's poll. */
  poll(now: Micros): void;
}

export type FamilyFactory = (host: SocketHost) => SocketFamily;
