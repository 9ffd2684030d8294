/**
 * poll(2) and select(2), without waiting: what is ready now. The faces that wait ask again when a descriptor's Watch says so.
 */
import { Errno } from '../core/errno.ts';
import * as c from './constants.ts';

/** struct pollfd. */
export interface PollFd {
  /** Negative: left out, `revents` is 0. */
  fd: number;
  /** POLL bits that are asked for. POLLERR, POLLHUP and POLLNVAL come unasked. */
  events: number;
  revents: number;
}

/** The three sets of select, which it leaves with what is ready. */
export interface SelectSets {
  read?: Set<number>;
  write?: Set<number>;
  except?: Set<number>;
}

/** Readiness bits of a descriptor; undefined when it is not open. */
export type ReadinessOf = (fd: number) => number | undefined;

const UNASKED = c.POLLERR | c.POLLHUP;

/** Readiness in all the words that poll(2) has for it: Linux knows no band but the normal one for reading, and writes any. */
export function pollBits(readiness: number): number {
  let bits = readiness;
  if ((readiness & c.POLLIN) !== 0) bits |= c.POLLRDNORM;
  if ((readiness & c.POLLOUT) !== 0) bits |= c.POLLWRNORM;
  return bits;
}

/** Fills in `revents` and returns how many are not 0. -EINVAL for more than `limit`. */
export function pollNow(fds: readonly PollFd[], limit: number, readiness: ReadinessOf): number {
  if (fds.length > limit) return -Errno.EINVAL;
  let ready = 0;
  for (const entry of fds) {
    entry.revents = 0;
    if (entry.fd < 0) continue;
    const bits = readiness(entry.fd);
    entry.revents = bits === undefined ? c.POLLNVAL : pollBits(bits) & (entry.events | UNASKED);
    if (entry.revents !== 0) ready++;
  }
  return ready;
}

/** What select takes for readable, writable, exceptional. Linux POLLIN_SET, POLLOUT_SET, POLLEX_SET. */
export const READ_SET = c.POLLIN | c.POLLRDNORM | c.POLLHUP | c.POLLERR;
export const WRITE_SET = c.POLLOUT | c.POLLWRNORM | c.POLLERR;
export const EXCEPT_SET = c.POLLPRI;

/** Bits of a word of fd_set: so many are written back at a time, and what is in words beyond `nfds` stays. */
const WORD = 64;

/** Leaves in the sets what is ready, and returns how many that are over all three. -EBADF, -EINVAL; the sets are then as they were. */
export function selectNow(nfds: number, sets: SelectSets, readiness: ReadinessOf): number {
  if (!Number.isInteger(nfds) || nfds < 0) return -Errno.EINVAL;
  const { read, write, except } = sets;
  const all = [read, write, except];
  for (const set of all) for (const fd of set ?? []) if (fd < nfds && readiness(fd) === undefined) return -Errno.EBADF;
  const copied = Math.ceil(nfds / WORD) * WORD;
  let ready = 0;
  for (const [index, mask] of [READ_SET, WRITE_SET, EXCEPT_SET].entries()) {
    const set = all[index];
    for (const fd of set ?? []) {
      if (fd < nfds && (pollBits(readiness(fd)!) & mask) !== 0) ready++;
      else if (fd < copied) set!.delete(fd);
    }
  }
  return ready;
}
