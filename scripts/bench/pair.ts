/**
 * Two stacks on a cable in memory, turned by hand as stack/driver.ts does it, on a clock that goes on by itself: no time passes but what
 * the stacks take, and what they are told.
 */
import { errnoName } from '../../src/core/errno.ts';
import { SeededRandom } from '../../src/core/random.ts';
import { NEVER, micros } from '../../src/core/time.ts';
import { parsePrefix } from '../../src/ip/address.ts';
import { cable } from '../../src/link/cable.ts';
import type { FrameSink, Link } from '../../src/link/link.ts';
import type { SocketCalls } from '../../src/socket/calls.ts';
import { AF_INET, SOCK_STREAM } from '../../src/socket/constants.ts';
import { Stack } from '../../src/stack/stack.ts';

/** Ports that are listened to; one has no room for so many clients of one address. */
export const PORTS = 10;
/** Connections that are made at once: what a listener's backlog holds. */
export const BATCH = 100;
const FIRST_PORT = 7000;

/** A connection, by its descriptor at either end. */
export type Connection = readonly [client: number, server: number];

export class Pair {
  readonly client: Stack;
  readonly server: Stack;
  frames = 0;
  readonly #listeners: readonly number[];
  #batches = 0;
  #now = micros(1);
  readonly #ends: readonly (readonly [stack: Stack, link: Link, sink: FrameSink])[];

  /** @param maxDescriptors of each stack */
  constructor(maxDescriptors: number) {
    const newStack = (seed: number): Stack =>
      new Stack({ random: new SeededRandom(seed), config: { socket: { maxDescriptors } } });
    this.client = newStack(1);
    this.server = newStack(2);
    const links = cable();
    this.#ends = [this.client, this.server].map((stack, i) => {
      const link = links[i]!;
      link.start(() => undefined);
      stack.addLink(link);
      stack.ip.addAddress(stack.ports[0]!.network, parsePrefix(`10.0.0.${i + 1}/24`)!, {}, this.#now);
      const sink: FrameSink = (frame, now) => {
        this.frames++;
        stack.receive(0, frame, now);
      };
      return [stack, link, sink] as const;
    });
    this.#listeners = Array.from({ length: PORTS }, (_, i) => listen(this.server.calls, FIRST_PORT + i));
    this.settle();
  }

  /** Until nothing is left to do but wait, and nothing is under way. */
  settle(): void {
    do {
      this.#now = micros(this.#now + 10);
      for (const [stack, link, sink] of this.#ends) {
        link.receive(sink, this.#now, 64);
        stack.poll(this.#now);
        stack.calls.deliver();
      }
    } while (this.#ends.some(([stack, link]) => stack.pending || link.nextDeadline() !== NEVER));
  }

  /** Time passes (us), and what was due in it is done. */
  pass(span: number): void {
    this.#now = micros(this.#now + span);
    this.settle();
  }

  /** Makes so many connections (at most BATCH); `prepare` is given each new socket. */
  connect(count: number, prepare: (calls: SocketCalls, fd: number) => void = () => undefined): Connection[] {
    const index = this.#batches++ % PORTS;
    const { client, server } = this;
    const fds = Array.from({ length: count }, () => connect(client.calls, FIRST_PORT + index, prepare));
    this.settle();
    return fds.map((fd): Connection => {
      const accepted = server.calls.accept(this.#listeners[index]!);
      if (accepted < 0) throw new Error(`a connection was not accepted: ${errnoName(accepted)}`);
      prepare(server.calls, accepted);
      return [fd, accepted];
    });
  }
}

function listen(calls: SocketCalls, port: number): number {
  const fd = calls.socket(AF_INET, SOCK_STREAM, 0);
  calls.bind(fd, { address: '0.0.0.0', port });
  calls.listen(fd, BATCH);
  return fd;
}

function connect(calls: SocketCalls, port: number, prepare: (calls: SocketCalls, fd: number) => void): number {
  const fd = calls.socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0) throw new Error(`no socket: ${errnoName(fd)}`);
  prepare(calls, fd);
  const result = calls.connect(fd, { address: '10.0.0.2', port });
  if (errnoName(result) !== 'EINPROGRESS') throw new Error(`connect: ${errnoName(result)}`);
  return fd;
}
