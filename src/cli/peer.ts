/**
 * The other end of the tour's wire: the Linux kernel with its tools (kernel-peer.ts), or a second tapstack host (memory-peer.ts).
 *
 * Each method does one thing to the host under test and says with which tool it was done.
 */

/** With what something was done, e.g. 'curl' or 'node:net (nc is not installed)'. */
export interface Done {
  readonly how: string;
}

export interface PingOutcome extends Done {
  readonly sent: number;
  readonly received: number;
  /** Mean round-trip time (ms); NaN when the tool tells none. */
  readonly mean: number;
}

export interface HttpOutcome extends Done {
  readonly status: number;
  readonly body: string;
}

export interface TalkOutcome extends Done {
  readonly data: Uint8Array;
}

/** One exchange with a port. */
export interface Talk {
  readonly port: number;
  /** What to send at the start; nothing by default. */
  readonly send?: Uint8Array;
  /** Ends the exchange as soon as this many octets have come back; by default it lasts until the host closes. */
  readonly receive?: number;
  /** Ends the exchange, asked every few milliseconds. */
  readonly until?: () => boolean;
}

/** A listener on the peer's side, waiting for one connection. */
export interface Listening extends Done {
  /** What the host sent, once it has finished sending. */
  readonly received: Promise<Uint8Array>;
}

export interface Peer {
  /** In a sentence, e.g. 'the kernel'. */
  readonly name: string;
  /** Its address. */
  readonly address: string;
  ping(target: string, count: number, size: number): Promise<PingOutcome>;
  httpGet(target: string, path: string): Promise<HttpOutcome>;
  talk(target: string, talk: Talk): Promise<TalkOutcome>;
  talkUdp(target: string, port: number, send: Uint8Array): Promise<TalkOutcome>;
  /** Connects to a closed port; resolves when the connection was refused, rejects otherwise. */
  beRefused(target: string, port: number): Promise<Done>;
  /** Opens and closes `count` connections to a port, one after another, each with one echoed octet. */
  connectOften(target: string, port: number, count: number): Promise<Done>;
  /** Listens on a port for one connection and greets it; resolves once connections are taken. */
  listen(port: number, greeting: Uint8Array): Promise<Listening>;
  /** What the peer's neighbour table says of the target: its MAC address. */
  neighbour(target: string): Promise<Done & { readonly mac: string }>;
}

/** Octets as they come, put together at the end. */
export class Collector {
  readonly #chunks: Uint8Array[] = [];
  length = 0;

  add(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.length += chunk.length;
  }

  bytes(): Uint8Array {
    return Buffer.concat(this.#chunks, this.length);
  }
}
