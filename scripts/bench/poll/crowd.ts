/**
 * A stack in memory with many descriptors of which few have something to say: datagram sockets on its loopback. A round makes some of
 * them ready, waits for them, and reads what they have.
 */
import { performance } from 'node:perf_hooks';
import { SeededRandom } from '../../../src/core/random.ts';
import { micros } from '../../../src/core/time.ts';
import { Sockets } from '../../../src/node/sockets.ts';
import {
  AF_INET,
  EPOLLIN,
  EPOLL_CTL_ADD,
  INADDR_LOOPBACK,
  POLLIN,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
} from '../../../src/socket/constants.ts';
import type { EpollEvent } from '../../../src/socket/epoll.ts';
import type { PollFd } from '../../../src/socket/poll.ts';
import { Stack } from '../../../src/stack/stack.ts';

/** How a round waits; 'awaited' is epoll with the promise there before the event. */
export type Way = 'epoll' | 'awaited' | 'poll';

/** Descriptors that can be made ready. */
export const MOST_READY = 100;

const FIRST_PORT = 20_000;
const PAYLOAD = Uint8Array.of(1);

export class Crowd {
  readonly #stack = new Stack({ random: new SeededRandom(1) });
  readonly #sockets = new Sockets(this.#stack.calls);
  readonly #sender: number;
  readonly #epfd: number;
  readonly #fds: PollFd[] = [];
  readonly #events: EpollEvent[] = [];
  readonly #buffer = new Uint8Array(16);
  readonly #names = Array.from({ length: MOST_READY }, (_, i) => ({ address: INADDR_LOOPBACK, port: FIRST_PORT + i }));
  #now = 1_000_000;

  /** @param idle descriptors that never have anything to say */
  constructor(idle: number) {
    this.#sender = this.#sockets.socket(AF_INET, SOCK_DGRAM);
    this.#epfd = this.#sockets.epollCreate1();
    for (let i = 0; i < idle + MOST_READY; i++) {
      const fd = this.#sockets.socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK);
      this.#sockets.bind(fd, { address: INADDR_LOOPBACK, port: FIRST_PORT + i });
      this.#sockets.epollCtl(this.#epfd, EPOLL_CTL_ADD, fd, { events: EPOLLIN, data: fd });
      this.#fds.push({ fd, events: POLLIN, revents: 0 });
    }
  }

  /** Microseconds per event of rounds with so many ready descriptors, over so many seconds. */
  async measure(way: Way, ready: number, seconds: number): Promise<number> {
    const begin = performance.now();
    for (let rounds = 1; ; rounds++) {
      await this.#round(way, ready);
      const elapsed = performance.now() - begin;
      if (elapsed >= seconds * 1000) return (elapsed * 1000) / (rounds * ready);
    }
  }

  async #round(way: Way, ready: number): Promise<void> {
    const waiting = way === 'awaited' ? this.#sockets.epollWait(this.#epfd, ready) : undefined;
    this.#makeReady(ready);
    let told = 0;
    if (waiting !== undefined) {
      for (const { data } of await waiting) told += this.#take(data as number);
    } else if (way === 'epoll') {
      const count = this.#stack.calls.epollNow(this.#epfd, this.#events, ready);
      for (let i = 0; i < count; i++) told += this.#take(this.#events[i]!.data as number);
    } else {
      this.#stack.calls.pollNow(this.#fds);
      for (const { fd, revents } of this.#fds) if (revents !== 0) told += this.#take(fd);
    }
    // A wait that began before the events may be told of the first of them alone.
    if (told < ready && way === 'awaited') {
      for (const { data } of await this.#sockets.epollWait(this.#epfd, ready, 0)) told += this.#take(data as number);
    }
    if (told !== ready) throw new Error(`${told} of ${ready} descriptors were told of`);
  }

  #makeReady(ready: number): void {
    const { calls } = this.#stack;
    for (let i = 0; i < ready; i++) calls.sendto(this.#sender, PAYLOAD, 0, this.#names[i]!);
    do this.#stack.poll(micros(++this.#now));
    while (this.#stack.pending);
    calls.deliver();
  }

  #take(fd: number): number {
    return this.#stack.calls.recv(fd, this.#buffer);
  }
}
