/**
 * Shows each frame of a link, in both directions, to a listener on the side. Nothing else changes: the frame goes on as it is.
 */
import type { Drops } from '../core/drop.ts';
import type { Frame } from '../core/frame.ts';
import type { Micros } from '../core/time.ts';
import type { FrameSink, Link } from './link.ts';

/** 'in' is what the link received, 'out' what its owner sends. */
export type Direction = 'in' | 'out';

/** Sees a frame before it goes on. The frame is lent for the call and must not be changed. */
export type TeeListener = (direction: Direction, frame: Frame, now: Micros) => void;

/**
 * The link with a listener. `afterwards`, if given, is called when what the frame was handed to has returned; the frame is
 * gone by then. The stack then takes each frame by itself (Link.isWatched).
 */
export function tee(link: Link, listener: TeeListener, afterwards?: () => void): Link {
  return new Tee(link, listener, afterwards);
}

class Tee implements Link {
  readonly name: string;
  readonly mtu: number;
  readonly maxSegment: number;
  readonly checksumOffload: boolean;
  readonly losses: readonly Drops[];
  readonly isWatched: boolean;
  readonly #link: Link;
  readonly #listener: TeeListener;
  readonly #afterwards: (() => void) | undefined;
  readonly #intake: FrameSink;
  /** The owner's sink, for the time of `receive`; kept in a field so that no closure is made per batch. */
  #sink: FrameSink | undefined = undefined;

  constructor(link: Link, listener: TeeListener, afterwards: (() => void) | undefined) {
    this.name = link.name;
    this.mtu = link.mtu;
    this.maxSegment = link.maxSegment;
    this.checksumOffload = link.checksumOffload;
    this.losses = link.losses ?? [];
    this.isWatched = link.isWatched === true || afterwards !== undefined;
    this.#link = link;
    this.#listener = listener;
    this.#afterwards = afterwards;
    this.#intake = (frame, now) => {
      this.#listener('in', frame, now);
      this.#sink!(frame, now);
      this.#afterwards?.();
    };
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
    this.#sink = sink;
    const count = this.#link.receive(this.#intake, now, budget);
    this.#sink = undefined;
    return count;
  }

  send(frame: Frame, now: Micros): void {
    this.#listener('out', frame, now);
    this.#link.send(frame, now);
    this.#afterwards?.();
  }

  nextDeadline(): Micros {
    return this.#link.nextDeadline();
  }

  close(): void {
    this.#link.close();
  }
}
