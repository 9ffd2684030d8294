/**
 * A file on disk as the sink of a capture (link/pcap.ts), apart from it so that captures in memory need no Node.
 */
import { closeSync, openSync, writeSync } from 'node:fs';
import type { ByteSink } from './pcap.ts';

/** Octets gathered before they are written: a system call per frame would cost more than the frame. */
const GATHER = 64 * 1024;

export class PcapFile {
  readonly #buffer = new Uint8Array(GATHER);
  #filled = 0;
  #descriptor: number;

  /** Creates the file, or empties it. Throws what open(2) says. */
  constructor(path: string) {
    this.#descriptor = openSync(path, 'w');
  }

  readonly sink: ByteSink = (bytes) => {
    if (this.#descriptor < 0) return;
    if (this.#filled + bytes.length > GATHER) this.flush();
    if (bytes.length > GATHER) {
      this.#write(bytes);
    } else {
      this.#buffer.set(bytes, this.#filled);
      this.#filled += bytes.length;
    }
  };

  /** Writes what was gathered; call it when idle, so that a reader sees whole packets soon. */
  flush(): void {
    if (this.#descriptor < 0 || this.#filled === 0) return;
    this.#write(this.#buffer.subarray(0, this.#filled));
    this.#filled = 0;
  }

  /** Writes the rest and closes the file. Closing twice is allowed; later octets are dropped. */
  close(): void {
    if (this.#descriptor < 0) return;
    this.flush();
    closeSync(this.#descriptor);
    this.#descriptor = -1;
  }

  #write(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) at += writeSync(this.#descriptor, bytes, at);
  }
}
