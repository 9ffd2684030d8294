/**
 * Spoils a link on purpose: loss, bursts of loss, congestion marks, duplication, reordering, corruption, delay, jitter, a limited rate; by
 * chance from a seed, or by script. Each direction has its own settings, named from the wrapped host's view.
 *
 * It works on frames of at most the MTU: super-segments that a kernel hands over are cut first, since a lost one would be
 * a burst of 44 losses, and for sending it belongs behind link/segmentation.ts. What each setting does: impairment.ts.
 */
import { Drops } from '../core/drop.ts';
import type { Frame } from '../core/frame.ts';
import { SeededRandom } from '../core/random.ts';
import { earlier } from '../core/time.ts';
import type { Micros } from '../core/time.ts';
import { Impairment } from './impairment.ts';
import type { ImpairSettings } from './impairment.ts';
import type { FrameSink, Link } from './link.ts';

export interface ImpairOptions {
  /** What befalls the frames that the host sends. */
  readonly outgoing?: ImpairSettings;
  /** What befalls the frames that come to the host. */
  readonly incoming?: ImpairSettings;
  /** Where chance comes from; each direction takes a fork. Default: seed 1. */
  readonly random?: SeededRandom;
  /** Where losses are counted. */
  readonly drops?: Drops;
}

/** A link with its two impairments in reach: for statistics, and to change settings on the way. */
export interface ImpairedLink extends Link {
  readonly outgoing: Impairment;
  readonly incoming: Impairment;
}

/** The link, spoilt. Throws a RangeError for settings that make no sense. */
export function impair(link: Link, options: ImpairOptions = {}): ImpairedLink {
  return new Impaired(link, options);
}

class Impaired implements ImpairedLink {
  readonly name: string;
  readonly mtu: number;
  readonly maxSegment: number;
  readonly checksumOffload = false;
  readonly losses: readonly Drops[];
  readonly isWatched: boolean;
  readonly outgoing: Impairment;
  readonly incoming: Impairment;
  readonly #link: Link;
  readonly #drops: Drops;
  readonly #intake: FrameSink;
  #closed = false;

  constructor(link: Link, options: ImpairOptions) {
    const { drops = new Drops(), random = new SeededRandom(1) } = options;
    this.name = link.name;
    this.mtu = link.mtu;
    this.maxSegment = link.mtu;
    this.#link = link;
    this.#drops = drops;
    this.losses = [drops, ...(link.losses ?? [])];
    this.isWatched = link.isWatched === true;
    this.outgoing = new Impairment(options.outgoing ?? {}, random.fork(), drops);
    this.incoming = new Impairment(options.incoming ?? {}, random.fork(), drops);
    this.#intake = (frame, now) => this.incoming.accept(frame, now);
  }

  start(wake: () => void): void {
    this.#link.start(wake);
  }

  wantWakes(wanted: boolean): void {
    this.#link.wantWakes?.(wanted);
  }

  cork(corked: boolean): void {
    this.#link.cork?.(corked);
  }

  giveWay(): void {
    this.#link.giveWay?.();
  }

  receive(sink: FrameSink, now: Micros, budget: number): number {
    this.#sendDue(now);
    let handed = 0;
    for (;;) {
      const taken = this.#link.receive(this.#intake, now, budget);
      handed += this.#handOver(sink, now, budget - handed);
      // The link may have more while all that it gave is held back here, and only a full budget tells the owner to ask again.
      if (handed >= budget || taken < budget) return handed;
    }
  }

  send(frame: Frame, now: Micros): void {
    if (this.#closed) {
      this.#drops.drop('link-down', frame);
      frame.release();
      return;
    }
    this.outgoing.accept(frame, now);
    this.#sendDue(now);
  }

  nextDeadline(): Micros {
    return earlier(this.#link.nextDeadline(), earlier(this.outgoing.nextDue(), this.incoming.nextDue()));
  }

  close(): void {
    this.#closed = true;
    this.outgoing.clear();
    this.incoming.clear();
    this.#link.close();
  }

  #sendDue(now: Micros): void {
    for (let frame = this.outgoing.shift(now); frame !== undefined; frame = this.outgoing.shift(now)) {
      this.#link.send(frame, now);
    }
  }

  #handOver(sink: FrameSink, now: Micros, budget: number): number {
    let count = 0;
    while (count < budget) {
      const frame = this.incoming.shift(now);
      if (frame === undefined) break;
      count++;
      sink(frame, now);
    }
    return count;
  }
}
