/**
 * The link under test: two TAP devices in two namespaces, joined by link/impair.ts in this process.
 *
 * Each run starts with a fresh impairment from its own seed, so that whoever sends meets the same fate frame by frame. The wire
 * measures how late it is itself: what it adds to the delays is the error of the bench.
 */
import { Drops } from '../../../src/core/drop.ts';
import { SeededRandom } from '../../../src/core/random.ts';
import { micros } from '../../../src/core/time.ts';
import type { Micros } from '../../../src/core/time.ts';
import { impair } from '../../../src/link/impair.ts';
import type { ImpairedLink } from '../../../src/link/impair.ts';
import type { ImpairSettings, ImpairStats } from '../../../src/link/impairment.ts';
import type { FrameSink, Link } from '../../../src/link/link.ts';
import { PcapFile } from '../../../src/link/pcap-file.ts';
import { PcapWriter } from '../../../src/link/pcap.ts';
import { tee } from '../../../src/link/tee.ts';
import { MonotonicClock } from '../../../src/stack/driver.ts';
import { Alarm } from './alarm.ts';

/** What a run did to its frames. */
export interface WireReport {
  /** From the near end to the far one, and back. */
  readonly there: ImpairStats;
  readonly back: ImpairStats;
  /** How much later than due frames left (us): half of them at most, 99 of 100 at most, all. */
  readonly late: { readonly median: number; readonly p99: number; readonly most: number };
}

/** Frames taken from a device at once. */
const BUDGET = 64;
/** Nearer deadlines (us) are not worth going to sleep. */
const NEAR = 20;
/** Width and number of the steps in which lateness is counted (us). */
const STEP = 10;
const STEPS = 5000;

export class Wire {
  readonly #near: Link;
  readonly #far: Link;
  readonly #clock = new MonotonicClock();
  readonly #late = new Uint32Array(STEPS);
  #alarm: Alarm | undefined = undefined;
  #line: ImpairedLink;
  #capture: PcapFile | undefined = undefined;
  #writer: PcapWriter | undefined = undefined;
  #soon: NodeJS.Immediate | undefined = undefined;
  readonly #toFar: FrameSink = (frame, now) => this.#far.send(frame, now);
  readonly #toNear: FrameSink = (frame, now) => this.#line.send(frame, now);

  /** The devices are the wire's own from now on. */
  constructor(near: Link, far: Link) {
    this.#near = this.#tapped(near, 0);
    this.#far = this.#tapped(far, 1);
    this.#line = impair(this.#near);
  }

  async open(): Promise<void> {
    this.#alarm = await Alarm.open(this.#turn);
    this.#near.start(this.#wake);
    this.#far.start(this.#wake);
  }

  /** From now on frames meet `settings`, in both directions, by chance from `seed`. What was under way is gone. */
  begin(settings: ImpairSettings, seed: number, captureFile?: string): void {
    this.#line.outgoing.clear();
    this.#line.incoming.clear();
    this.#endCapture();
    if (captureFile !== undefined) {
      this.#capture = new PcapFile(captureFile);
      this.#writer = new PcapWriter(this.#capture.sink);
      this.#writer.addInterface('near');
      this.#writer.addInterface('far');
    }
    this.#late.fill(0);
    const random = new SeededRandom(seed);
    this.#line = impair(this.#near, { incoming: settings, outgoing: settings, random, drops: new Drops() });
  }

  report(): WireReport {
    const { incoming, outgoing } = this.#line;
    return {
      there: { ...incoming.stats },
      back: { ...outgoing.stats },
      late: { median: this.#quantile(0.5), p99: this.#quantile(0.99), most: this.#quantile(1) },
    };
  }

  close(): void {
    this.#endCapture();
    this.#alarm?.close();
    clearImmediate(this.#soon);
    this.#near.close();
    this.#far.close();
  }

  readonly #wake = (): void => {
    this.#soon ??= setImmediate(this.#onImmediate);
  };

  readonly #onImmediate = (): void => {
    this.#soon = undefined;
    this.#turn();
  };

  readonly #turn = (): void => {
    const now = this.#clock.now();
    this.#countLate(now);
    const taken = this.#line.receive(this.#toFar, now, BUDGET);
    const returned = this.#far.receive(this.#toNear, now, BUDGET);
    if (taken >= BUDGET || returned >= BUDGET) this.#wake();
    else this.#sleep();
  };

  #sleep(): void {
    const next = this.#line.nextDeadline();
    if (next === Infinity) return;
    const span = next - this.#clock.now();
    if (span < NEAR) this.#wake();
    else this.#alarm!.set(span);
  }

  #countLate(now: Micros): void {
    const late = now - this.#line.nextDeadline();
    if (late < 0) return;
    const step = Math.min(STEPS - 1, Math.floor(late / STEP));
    this.#late[step] = this.#late[step]! + 1;
  }

  #quantile(share: number): number {
    let left = this.#late.reduce((sum, count) => sum + count, 0) * share;
    for (const [step, count] of this.#late.entries()) {
      left -= count;
      if (left <= 0 && count > 0) return (step + 1) * STEP;
    }
    return 0;
  }

  #tapped(link: Link, id: number): Link {
    return tee(
      link,
      (direction, frame, now) => this.#writer?.begin(id, direction, frame, micros(now)),
      () => this.#writer?.finish(),
    );
  }

  #endCapture(): void {
    this.#capture?.close();
    this.#capture = this.#writer = undefined;
  }
}
