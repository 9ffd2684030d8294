/**
 * fcntl(2), ioctl(2) and dup(2) on descriptors: what they do to the table and to the file behind. net/socket.c, fs/fcntl.c.
 */
import { Errno } from '../core/errno.ts';
import * as c from './constants.ts';
import type { OpenFile } from './file.ts';
import type { Socket } from './socket.ts';
import type { DescriptorTable } from './table.ts';

/** F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL; -EINVAL for other commands. `fd` is open. */
export function fcntl(table: DescriptorTable<OpenFile>, fd: number, command: number, value: number): number {
  const file = table.get(fd)!;
  switch (command) {
    case c.F_DUPFD:
    case c.F_DUPFD_CLOEXEC:
      if (value < 0 || value >= table.end) return -Errno.EINVAL;
      return table.open(file, command === c.F_DUPFD_CLOEXEC, value);
    case c.F_GETFD:
      return table.cloexec(fd) ? c.FD_CLOEXEC : 0;
    case c.F_SETFD:
      table.setCloexec(fd, (value & c.FD_CLOEXEC) !== 0);
      return 0;
    case c.F_GETFL:
      return c.O_RDWR | (file.nonBlocking ? c.O_NONBLOCK : 0);
    case c.F_SETFL:
      // The access mode and the flags of open that cannot change are ignored.
      file.nonBlocking = (value & c.O_NONBLOCK) !== 0;
      return 0;
    default:
      return -Errno.EINVAL;
  }
}

/** dup3 (and, without flags, dup2 of two different numbers): -EBADF, -EINVAL for equal numbers or unknown flags. */
export function dup3(table: DescriptorTable<OpenFile>, oldFd: number, newFd: number, flags: number): number {
  if ((flags & ~c.O_CLOEXEC) !== 0 || oldFd === newFd) return -Errno.EINVAL;
  if (!(newFd >= 0 && newFd < table.end)) return -Errno.EBADF;
  const file = table.get(oldFd);
  return file === undefined ? -Errno.EBADF : table.replace(newFd, file, flags !== 0);
}

/** The answer to an ioctl that asks for a number, or a negative errno; -ENOTTY for what a socket does not know, -EINVAL for an epoll set. */
export function ioctl(table: DescriptorTable<OpenFile>, fd: number, request: number, value: number): number {
  const file = table.get(fd)!;
  switch (request) {
    case c.FIOCLEX:
    case c.FIONCLEX:
      table.setCloexec(fd, request === c.FIOCLEX);
      return 0;
    case c.FIONBIO:
      file.nonBlocking = value !== 0;
      return 0;
    default:
      return isSocket(file) ? askSocket(file, request) : -Errno.EINVAL;
  }
}

function askSocket(socket: Socket, request: number): number {
  switch (request) {
    case c.SIOCINQ:
      return socket.readable();
    case c.SIOCOUTQ:
      return socket.unsent();
    case c.SIOCATMARK:
      return socket.atMark();
    default:
      return -Errno.ENOTTY;
  }
}

/** Whether a file is a socket; the calls on sockets answer ENOTSOCK to others. */
export const isSocket = (file: OpenFile): file is Socket => 'kind' in file;
