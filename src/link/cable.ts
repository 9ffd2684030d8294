/**
 * A cable: two links, each of which receives what the other sends, after the time that the line takes.
 *
 * It carries frames of at most its MTU, in order and without loss but for a full queue; link/impair.ts spoils it. The frame
 * itself goes from one end to the other, so it costs no copy. Time is what `send` and `receive` are told, so the same
 * cable serves simulations and real time. It leaves out preamble, check sequence and gap: `bandwidth` counts frame octets.
 */
import { Drops } from '../core/drop.ts';
import type { Frame } from '../core/frame.ts';
import type { Micros } from '../core/time.ts';
import { ETHERNET_HEADER, EtherType, VLAN_LAYOUT, typeOf } from '../ethernet/wire.ts';
import { DEFAULT_INBOX_FRAMES, Inbox } from './inbox.ts';
import type { FrameSink, Link } from './link.ts';
import { QUEUE_FULL, Shaper } from './shaper.ts';
import type { QueueLimit } from './shaper.ts';

export interface CableOptions {
  /** Names of the two ends. */
  readonly names?: readonly [string, string];
  /** Largest network-layer datagram (octets). Default 1500. */
  readonly mtu?: number;
  /** Propagation delay of one direction (us). Default 0. */
  readonly delay?: number;
  /** Bits per second of each direction; 0 (the default) takes no time. */
  readonly bandwidth?: number;
  /** Bound of the queue in front of each direction, with tail drop. Default 1000 frames. Without bandwidth nothing queues. */
  readonly queue?: QueueLimit;
  /**
   * Interrupt moderation: time (us) from one batch of received frames to the next at least, as network cards keep it, so that a fast line
   * does not interrupt its host for each frame (ethtool -C rx-usecs). A frame after a pause comes at once. Default 0: each frame by itself.
   */
  readonly interruptInterval?: number;
  /** Frames under way or not yet fetched at most, each direction. Default 65,536. */
  readonly inFlight?: number;
  /** Where drops are counted. */
  readonly drops?: Drops;
}

/** Whether a frame's datagram is at most `mtu` octets. A VLAN tag does not count, as on Linux. */
export function fitsMtu(frame: Frame, mtu: number): boolean {
  const excess = frame.length - ETHERNET_HEADER - mtu;
  return excess <= 0 || (excess <= VLAN_LAYOUT.span && typeOf(frame.bytes, frame.start) === EtherType.Vlan);
}

/** Two ends of one cable. Throws a RangeError for a delay, bandwidth or interval that is negative or not a number. */
export function cable(options: CableOptions = {}): [Link, Link] {
  const {
    delay = 0,
    bandwidth = 0,
    interruptInterval = 0,
    inFlight = DEFAULT_INBOX_FRAMES,
    drops = new Drops(),
  } = options;
  if (!(delay >= 0)) throw new RangeError(`a cable's delay must be at least 0 us, not ${delay}`);
  if (!(bandwidth >= 0)) throw new RangeError(`a cable's bandwidth must be at least 0 bit/s, not ${bandwidth}`);
  if (!(interruptInterval >= 0))
    throw new RangeError(`a cable's interruptInterval must be at least 0 us, not ${interruptInterval}`);
  const [nameA, nameB] = options.names ?? ['cable-a', 'cable-b'];
  const interval = Math.ceil(interruptInterval);
  const inboxA = new Inbox(drops, inFlight, interval);
  const inboxB = new Inbox(drops, inFlight, interval);
  return [new CableEnd(nameA, options, drops, inboxA, inboxB), new CableEnd(nameB, options, drops, inboxB, inboxA)];
}

class CableEnd implements Link {
  readonly name: string;
  readonly mtu: number;
  readonly maxSegment: number;
  readonly checksumOffload = false;
  readonly #delay: number;
  readonly #shaper: Shaper;
  readonly #drops: Drops;
  readonly #inbox: Inbox;
  readonly #far: Inbox;

  constructor(name: string, options: CableOptions, drops: Drops, inbox: Inbox, far: Inbox) {
    this.name = name;
    this.mtu = options.mtu ?? 1500;
    this.maxSegment = this.mtu;
    this.#delay = options.delay ?? 0;
    this.#shaper = new Shaper(options.bandwidth, 0, options.queue ?? {});
    this.#drops = drops;
    this.#inbox = inbox;
    this.#far = far;
  }

  start(wake: () => void): void {
    this.#inbox.start(wake);
  }

  receive(sink: FrameSink, now: Micros, budget: number): number {
    return this.#inbox.receive(sink, now, budget);
  }

  send(frame: Frame, now: Micros): void {
    if (this.#inbox.closed || this.#far.closed) {
      this.#refuse('link-down', frame);
    } else if (!fitsMtu(frame, this.mtu)) {
      this.#refuse('link-too-long', frame);
    } else {
      const left = this.#shaper.depart(frame.length, now);
      if (left === QUEUE_FULL) this.#refuse('link-queue-full', frame);
      // Rounded up: a frame is never there before its last bit is.
      else this.#far.push(frame, Math.ceil(left + this.#delay) as Micros);
    }
  }

  nextDeadline(): Micros {
    return this.#inbox.nextDue();
  }

  close(): void {
    this.#inbox.close();
  }

  #refuse(reason: 'link-down' | 'link-too-long' | 'link-queue-full', frame: Frame): void {
    this.#drops.drop(reason, frame);
    frame.release();
  }
}
