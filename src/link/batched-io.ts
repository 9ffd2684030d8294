/**
 * Reads and writes of a descriptor that does not block, several in one system call where the kernel has io_uring (io-uring.ts), one by one
 * elsewhere. Operations are put down, then done in that order by `submit`, then asked for their results.
 */
import { Errno } from '../core/errno.ts';
import type { Address, Libc } from './tap-libc.ts';

export interface BatchedIo {
  /** Operations that may be put down between two calls of `submit`. */
  readonly size: number;
  /** Puts a read of at most `length` octets down. */
  read(address: Address, length: number): void;
  /** Puts a write down. The memory stays as it is until `submit` has returned. */
  write(address: Address, length: number): void;
  submit(): void;
  /** What came of operation `index`, counted from 0: octets moved, or an error number below 0, -EAGAIN when it would have waited. */
  result(index: number): number;
  /** Gives back what it has of its own; the descriptor stays open. */
  close(): void;
}

/** One operation, one system call. */
export class SingleIo implements BatchedIo {
  readonly size = 1;
  readonly #libc: Libc;
  readonly #fd: number;
  #result = 0;

  constructor(libc: Libc, fd: number) {
    this.#libc = libc;
    this.#fd = fd;
  }

  read(address: Address, length: number): void {
    do this.#result = this.#libc.read(this.#fd, address, length);
    while (this.#result < 0 && this.#hasFailed());
  }

  write(address: Address, length: number): void {
    do this.#result = this.#libc.write(this.#fd, address, length);
    while (this.#result < 0 && this.#hasFailed());
  }

  submit(): void {
    // It is done already.
  }

  result(): number {
    return this.#result;
  }

  close(): void {
    // It has nothing of its own.
  }

  /** Keeps the error number as the result; true when it is to be tried again, since a signal came first. */
  #hasFailed(): boolean {
    this.#result = -this.#libc.errno();
    return this.#result === -Errno.EINTR;
  }
}
