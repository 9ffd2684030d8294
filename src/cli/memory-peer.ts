/**
 * A second tapstack host as the tour's peer, for machines that have no TAP device: the same programs, on its sockets.
 */
import { ping } from '../app/ping.ts';
import { errorCode, sendAll } from '../app/sockets.ts';
import type { AppSockets } from '../app/sockets.ts';
import { AF_INET, SHUT_WR, SOCK_DGRAM, SOCK_STREAM } from '../socket/constants.ts';
import { Collector } from './peer.ts';
import type { Done, HttpOutcome, Listening, Peer, PingOutcome, Talk, TalkOutcome } from './peer.ts';

const HOW: Done = { how: 'tapstack' };
/** Octets read at a time. */
const CHUNK = 65536;
/** How often a condition is looked at (ms). */
const LOOK = 5;

/** What the peer reads from its host's tables: the MAC address that it has for an IP address. */
export type NeighbourLookup = (address: string) => string | undefined;

export class MemoryPeer implements Peer {
  readonly name = 'a second tapstack host';
  readonly address: string;
  readonly #sockets: AppSockets;
  readonly #lookup: NeighbourLookup;

  constructor(sockets: AppSockets, address: string, lookup: NeighbourLookup) {
    this.#sockets = sockets;
    this.address = address;
    this.#lookup = lookup;
  }

  async ping(target: string, count: number, size: number): Promise<PingOutcome> {
    const { sent, received, times } = await ping(this.#sockets, target, { count, size });
    return { ...HOW, sent, received, mean: times.reduce((sum, time) => sum + time, 0) / times.length };
  }

  async httpGet(target: string, path: string): Promise<HttpOutcome> {
    const request = `GET ${path} HTTP/1.1\r\nHost: ${target}\r\nConnection: close\r\n\r\n`;
    const { data } = await this.talk(target, { port: 80, send: Buffer.from(request) });
    const text = Buffer.from(data).toString();
    const status = /^HTTP\/1\.1 (\d{3})/.exec(text)?.[1];
    if (status === undefined) throw new Error(`no HTTP answer but ${text.length} octets`);
    return { ...HOW, status: Number(status), body: text.slice(text.indexOf('\r\n\r\n') + 4) };
  }

  async talk(target: string, talk: Talk): Promise<TalkOutcome> {
    const fd = this.#sockets.socket(AF_INET, SOCK_STREAM, 0);
    try {
      await this.#sockets.connect(fd, { address: target, port: talk.port });
      const sent = talk.send === undefined ? Promise.resolve() : sendAll(this.#sockets, fd, talk.send);
      const [data] = await Promise.all([
        talk.until === undefined ? this.#collect(fd, talk.receive) : this.#watch(talk.until),
        sent,
      ]);
      return { ...HOW, data };
    } finally {
      this.#sockets.close(fd);
    }
  }

  async talkUdp(target: string, port: number, send: Uint8Array): Promise<TalkOutcome> {
    const fd = this.#sockets.socket(AF_INET, SOCK_DGRAM, 0);
    try {
      await this.#sockets.sendto(fd, send, { address: target, port });
      const { data } = await this.#sockets.recvfrom(fd);
      return { ...HOW, data };
    } finally {
      this.#sockets.close(fd);
    }
  }

  async beRefused(target: string, port: number): Promise<Done> {
    const fd = this.#sockets.socket(AF_INET, SOCK_STREAM, 0);
    try {
      await this.#sockets.connect(fd, { address: target, port });
    } catch (error) {
      if (errorCode(error) === 'ECONNREFUSED') return HOW;
      throw error;
    } finally {
      this.#sockets.close(fd);
    }
    throw new Error('connected');
  }

  async connectOften(target: string, port: number, count: number): Promise<Done> {
    for (let i = 0; i < count; i++) {
      const { data } = await this.talk(target, { port, send: Uint8Array.of(i), receive: 1 });
      if (data[0] !== (i & 0xff)) throw new Error(`connection ${i + 1} of ${count} was not served`);
    }
    return HOW;
  }

  listen(port: number, greeting: Uint8Array): Promise<Listening> {
    const listener = this.#sockets.socket(AF_INET, SOCK_STREAM, 0);
    this.#sockets.bind(listener, { address: this.address, port });
    this.#sockets.listen(listener, 1);
    return Promise.resolve({ ...HOW, received: this.#serveOne(listener, greeting) });
  }

  neighbour(target: string): Promise<Done & { readonly mac: string }> {
    const mac = this.#lookup(target);
    return mac === undefined ? Promise.reject(new Error(`no entry for ${target}`)) : Promise.resolve({ ...HOW, mac });
  }

  async #serveOne(listener: number, greeting: Uint8Array): Promise<Uint8Array> {
    const fd = await this.#sockets.accept(listener);
    this.#sockets.close(listener);
    try {
      await sendAll(this.#sockets, fd, greeting);
      this.#sockets.shutdown(fd, SHUT_WR);
      return await this.#collect(fd);
    } finally {
      this.#sockets.close(fd);
    }
  }

  async #collect(fd: number, wanted = Infinity): Promise<Uint8Array> {
    const collector = new Collector();
    while (collector.length < wanted) {
      const data = await this.#sockets.recv(fd, CHUNK);
      if (data.length === 0) break;
      collector.add(data);
    }
    return collector.bytes();
  }

  async #watch(until: () => boolean): Promise<Uint8Array> {
    while (!until()) await new Promise((resolve) => setTimeout(resolve, LOOK));
    return new Uint8Array(0);
  }
}
