/**
 * SO_PEEK_OFF: where MSG_PEEK looks, which moves on by what it has seen and back by what is read. socket(7), unix(7); include/net/sock.h,
 * net/core/datagram.c.
 */
import { MSG_PEEK } from './constants.ts';

/** A message that waits. */
export interface Peeked {
  /** MSG_PEEK has shown it. An empty one is passed over then. */
  peeked: boolean;
}

/** A message, and how far into it MSG_PEEK is to look. */
export interface Place<T> {
  readonly message: T;
  readonly skip: number;
}

/** Octets that a call passes over: those before the offset. */
export const peekFrom = (offset: number, flags: number): number =>
  (flags & MSG_PEEK) !== 0 && offset > 0 ? offset : 0;

/** Where MSG_PEEK looks among messages: where the offset is, undefined beyond the last; without one at the first, each time. */
export function placeOf<T extends Peeked>(
  messages: Iterable<T>,
  lengthOf: (message: T) => number,
  offset: number,
): Place<T> | undefined {
  let skip = Math.max(0, offset);
  for (const message of messages) {
    const length = lengthOf(message);
    if (offset < 0 || skip < length || (skip === 0 && !message.peeked)) {
      message.peeked = true;
      return { message, skip };
    }
    skip -= length;
  }
  return undefined;
}

/** Where the offset is after `count` octets were looked at with MSG_PEEK, or read; below 0 it is off. */
export const movedOffset = (offset: number, flags: number, count: number): number =>
  offset < 0 ? offset : Math.max(0, (flags & MSG_PEEK) !== 0 ? offset + count : offset - count);
