/**
 * Two TCPs on virtual time, joined by a pipe that may lose, delay, reorder and duplicate.
 */
import { makeContext } from '../../src/core/context.ts';
import type { Context } from '../../src/core/context.ts';
import type { ConfigOverrides } from '../../src/core/config.ts';
import { Checksum } from '../../src/core/frame.ts';
import type { Frame } from '../../src/core/frame.ts';
import { SeededRandom, randomBelow, randomUnit } from '../../src/core/random.ts';
import { MS, NEVER, micros } from '../../src/core/time.ts';
import type { Micros } from '../../src/core/time.ts';
import { ipv4 } from '../../src/ip/address.ts';
import type { IpAddress } from '../../src/ip/address.ts';
import type { IpPacket } from '../../src/ip/service.ts';
import { Tcp } from '../../src/tcp/tcp.ts';
import { FakeIp } from './tcp-ip.ts';

export interface Impairment {
  /** Probabilities, 0 to 1. */
  loss: number;
  duplicate: number;
  /** One-way delay (us), and what is added to it at random. */
  delay: number;
  jitter: number;
}

export const PERFECT: Impairment = { loss: 0, duplicate: 0, delay: 1 * MS, jitter: 0 };

interface Delivery {
  at: number;
  order: number;
  frame: Frame;
  to: Host;
  packet: IpPacket;
}

export class Host {
  readonly address: IpAddress;
  readonly context: Context;
  readonly ip: FakeIp;
  readonly tcp: Tcp;

  constructor(
    address: IpAddress,
    seed: number,
    overrides: ConfigOverrides,
    send: (host: Host, frame: Frame, to: IpAddress) => void,
  ) {
    this.address = address;
    this.context = makeContext(new SeededRandom(seed), overrides);
    this.ip = new FakeIp(address, (frame, path) => {
      send(this, frame, path.destination);
      return 0;
    });
    this.tcp = new Tcp(this.context, this.ip);
  }
}

export class Pair {
  readonly a: Host;
  readonly b: Host;
  now: Micros = micros(1000);
  readonly impairment: Impairment;
  readonly #random: SeededRandom;
  #queue: Delivery[] = [];
  #order = 0;
  /** Segments that were put on the pipe. */
  carried = 0;

  constructor(seed: number, impairment: Impairment = PERFECT, overrides: ConfigOverrides = {}) {
    this.#random = new SeededRandom(seed);
    this.impairment = impairment;
    const send = (from: Host, frame: Frame, to: IpAddress): void => this.#carry(from, frame, to);
    this.a = new Host(ipv4(0x0a000001), seed * 2 + 1, overrides, send);
    this.b = new Host(ipv4(0x0a000002), seed * 2 + 2, overrides, send);
  }

  /** Time of the next thing to happen; NEVER when nothing will. */
  next(): Micros {
    let next: number = NEVER;
    for (const delivery of this.#queue) next = Math.min(next, delivery.at);
    for (const host of [this.a, this.b]) {
      if (host.tcp.pending) return this.now;
      next = Math.min(next, host.context.timers.next());
    }
    return micros(Math.max(next, this.now));
  }

  /** One turn: what has arrived, due timers, then everything that may be sent. */
  turn(): void {
    const due = this.#queue.filter((d) => d.at <= this.now).sort((x, y) => x.at - y.at || x.order - y.order);
    this.#queue = this.#queue.filter((d) => d.at > this.now);
    for (const { frame, to, packet } of due) {
      to.ip.handler!.receive(frame, packet, this.now);
      frame.release();
    }
    for (const host of [this.a, this.b]) {
      host.context.timers.expire(this.now);
      host.tcp.poll(this.now);
    }
  }

  /** Runs until `done` or nothing is left to happen or the time is up. Calls `step` after each turn. */
  run(until: number, step: () => boolean = () => false): void {
    for (;;) {
      this.turn();
      if (step()) return;
      const next = this.next();
      if (next > until) return;
      this.now = next;
    }
  }

  #carry(from: Host, frame: Frame, to: IpAddress): void {
    this.carried++;
    const target = to === this.a.address ? this.a : this.b;
    const { loss, duplicate, delay, jitter } = this.impairment;
    const copies = randomUnit(this.#random) < loss ? 0 : randomUnit(this.#random) < duplicate ? 2 : 1;
    for (let i = 0; i < copies; i++) {
      const copy = target.context.frames.from(frame.view());
      if (frame.checksum === Checksum.Partial) copy.checksum = Checksum.Verified;
      const packet: IpPacket = {
        source: from.address,
        destination: to,
        protocol: 6,
        ttl: 64,
        tos: 0,
        interfaceId: 1,
        broadcast: false,
      };
      const at = this.now + delay + (jitter > 0 ? randomBelow(this.#random, jitter) : 0);
      this.#queue.push({ at, order: this.#order++, frame: copy, to: target, packet });
    }
    frame.release();
  }
}
