/**
 * A descriptor that belongs to a scope: `await using` closes it at the end, however the scope is left.
 */
export class OwnedDescriptor implements AsyncDisposable {
  readonly fd: number;
  readonly #close: () => number | Promise<number>;

  /** @param close closes the descriptor, unless the program has done so already; resolves when close(2) would return */
  constructor(fd: number, close: () => number | Promise<number>) {
    this.fd = fd;
    this.#close = close;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
  }
}
