/**
 * A program that the benchmark talks with line by line, and ends.
 */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** How long a program has to end by itself (ms). */
const PATIENCE = 3000;

export class Program {
  readonly child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  #complaint = '';

  constructor(child: ChildProcess) {
    this.child = child;
    this.#lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.#complaint += text));
    // A program that has ended reads nothing any more; that it has ended shows elsewhere.
    child.stdin?.on('error', () => undefined);
  }

  get pid(): number | undefined {
    return this.child.pid;
  }

  /** The next line of its output that begins with `start`. Throws with what it said when it ends before. */
  async line(start = ''): Promise<string> {
    for (;;) {
      const next = await this.#lines.next();
      if (next.done === true)
        throw new Error(`a program of the benchmark ended early: ${this.#complaint.trim().slice(-500)}`);
      if (next.value.startsWith(start)) return next.value;
    }
  }

  /** Sends it a line, and returns the next line of its output. */
  ask(question: string): Promise<string> {
    this.child.stdin?.write(`${question}\n`);
    return this.line();
  }

  /** Ends it: by the end of its input and a signal, in the end by force. */
  async end(): Promise<void> {
    const { child } = this;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, 'exit');
    child.stdin?.end();
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE);
    await exit;
    clearTimeout(timer);
  }
}
