/**
 * The socket calls as C has them: -1 and `errno` instead of exceptions, so that a listing from a manual page carries over
 * line by line. What would block is awaited.
 *
 * `errno` belongs to the object, as it belongs to a thread in C: read it right after the call that failed. Tasks that run at
 * the same time take an object each.
 */
import { errnoText } from '../core/errno.ts';
import type { SocketAddress } from '../socket/address.ts';
import type { Linger, OptionValue } from '../socket/options/option.ts';
import { NetError } from './net-error.ts';
import type { Sockets } from './sockets.ts';

/** Text for an error number, as strerror(3). */
export const strerror = (errno: number): string => errnoText(errno);

/** The calls of a host's sockets with C's conventions. */
export const posix = (host: { readonly sockets: Sockets }): Posix => new Posix(host.sockets);

export class Posix {
  /** The number of the last error, as Errno has it (positive); 0 before the first. A call that succeeds leaves it alone. */
  errno = 0;
  readonly #sockets: Sockets;

  constructor(sockets: Sockets) {
    this.#sockets = sockets;
  }

  readonly socket = (domain: number, type: number, protocol: number): number =>
    this.#try(() => this.#sockets.socket(domain, type, protocol));

  readonly bind = (fd: number, address: SocketAddress): number => this.#try(() => this.#sockets.bind(fd, address));

  readonly listen = (fd: number, backlog: number): number => this.#try(() => this.#sockets.listen(fd, backlog));

  readonly accept = (fd: number, peer?: SocketAddress): Promise<number> => this.#wait(this.#sockets.accept(fd, peer));

  readonly connect = (fd: number, address: SocketAddress): Promise<number> =>
    this.#wait(this.#sockets.connect(fd, address));

  readonly send = (fd: number, data: Uint8Array | string, flags = 0): Promise<number> =>
    this.#wait(this.#sockets.send(fd, data, { flags }));

  readonly write = (fd: number, data: Uint8Array | string): Promise<number> => this.send(fd, data);

  readonly sendto = (fd: number, data: Uint8Array | string, flags: number, to: SocketAddress): Promise<number> =>
    this.#wait(this.#sockets.sendto(fd, data, to, { flags }));

  readonly recv = (fd: number, buffer: Uint8Array, flags = 0): Promise<number> =>
    this.#wait(this.#sockets.recv(fd, buffer, { flags }));

  readonly read = (fd: number, buffer: Uint8Array): Promise<number> => this.recv(fd, buffer);

  /** `from`, if given, is filled in with the sender. */
  readonly recvfrom = (fd: number, buffer: Uint8Array, flags = 0, from?: SocketAddress): Promise<number> => {
    const received = this.#sockets.recvfrom(fd, buffer.length, { flags }).then(({ data, address, port }) => {
      buffer.set(data);
      if (from !== undefined) Object.assign(from, { address, port });
      return data.length;
    });
    return this.#wait(received);
  };

  /** 1 when the next octet to be read is the urgent one, else 0. sockatmark(3) */
  readonly sockatmark = (fd: number): number => this.#try(() => Number(this.#sockets.sockatmark(fd)));

  readonly shutdown = (fd: number, how: number): number => this.#try(() => this.#sockets.shutdown(fd, how));

  readonly close = (fd: number): number => this.#try(() => this.#sockets.close(fd));

  readonly getsockname = (fd: number, into: SocketAddress): number =>
    this.#try(() => Object.assign(into, this.#sockets.getsockname(fd)));

  readonly getpeername = (fd: number, into: SocketAddress): number =>
    this.#try(() => Object.assign(into, this.#sockets.getpeername(fd)));

  readonly setsockopt = (fd: number, level: number, name: number, value: number | boolean | string | Linger): number =>
    this.#try(() => this.#sockets.setsockopt(fd, level, name, value));

  /** The value goes into `into.value`. */
  readonly getsockopt = (fd: number, level: number, name: number, into: { value: OptionValue }): number =>
    this.#try(() => {
      into.value = this.#sockets.getsockopt(fd, level, name);
    });

  /** Writes `text: ` and the text of `errno` to the standard error, as perror(3). */
  readonly perror = (text: string): void => {
    process.stderr.write(`${text}: ${strerror(this.errno)}\n`);
  };

  #try(call: () => unknown): number {
    try {
      const result = call();
      return typeof result === 'number' ? result : 0;
    } catch (error) {
      return this.#fail(error);
    }
  }

  #wait(result: Promise<unknown>): Promise<number> {
    return result.then(
      (value) => (typeof value === 'number' ? value : 0),
      (error: unknown) => this.#fail(error),
    );
  }

  /** Notes the errno; what is not a failed call (a TypeError for a malformed address) is thrown on. */
  #fail(error: unknown): number {
    if (!(error instanceof NetError)) throw error;
    this.errno = -error.errno;
    return -1;
  }
}
