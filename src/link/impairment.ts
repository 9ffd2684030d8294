/**
 * One direction of link/impair.ts: what happens to a frame, in this order: the rate and its queue, loss, congestion marks,
 * corruption, duplication, delay. All chance comes from one seeded source, so a run repeats frame by frame.
 */
import type { DropReason, Drops } from '../core/drop.ts';
import { Checksum } from '../core/frame.ts';
import type { Frame } from '../core/frame.ts';
import { randomBelow, randomUnit } from '../core/random.ts';
import type { RandomSource } from '../core/random.ts';
import { MS, NEVER } from '../core/time.ts';
import type { Micros } from '../core/time.ts';
import { completeChecksum } from '../ip/offload-wire.ts';
import { markCongestion } from './congestion-mark.ts';
import { DelayLine } from './delay-line.ts';
import type { FrameSink } from './link.ts';
import { cutSegment } from './segmentation.ts';
import { QUEUE_FULL, Shaper } from './shaper.ts';
import type { QueueLimit } from './shaper.ts';

/** A Gilbert-Elliott channel: it changes between a good and a bad state, frame by frame. netem calls it gemodel. */
export interface BurstLoss {
  /** Probability of changing from good to bad, asked before each frame. */
  readonly enter: number;
  /** Probability of changing from bad to good; 1 / leave is the mean length of a bad time in frames. */
  readonly leave: number;
  /** Probability that a frame is lost in the good state (default 0) and in the bad one (default 1). */
  readonly lossInGood?: number;
  readonly lossInBad?: number;
}

/** Everything is off unless set. Probabilities are 0 to 1, times microseconds; frames are numbered from 1 as they come. */
export interface ImpairSettings {
  readonly loss?: number;
  readonly burstLoss?: BurstLoss;
  /** Probability that a second copy follows the frame. */
  readonly duplication?: number;
  /** Probability that one random bit is inverted. */
  readonly corruption?: number;
  /** Probability that a frame is held back by `reorderDelay` (default 1 ms) more, so that later ones overtake it. */
  readonly reordering?: number;
  readonly reorderDelay?: number;
  /** Every frame is held back by `delay` and a uniform share of `jitter`; jitter alone does not change the order. */
  readonly delay?: number;
  readonly jitter?: number;
  /** Bits per second on average, of which `burst` octets (default 0) may pass at once after a pause. */
  readonly rate?: number;
  readonly burst?: number;
  /** Bound of the queue in front of the rate. Default 1000 frames. */
  readonly queue?: QueueLimit;
  /**
   * Congestion as a router with ECN tells of it: with this probability, and whenever more than `markAbove` wait in front of the rate, a
   * frame that may be marked (ECT) gets CE, and any other is dropped. RFC 3168 §5, §7.
   */
  readonly mark?: number;
  readonly markAbove?: QueueLimit;
  /** Numbers of the frames to drop, to duplicate, to corrupt, to hold back by `reorderDelay`. */
  readonly drop?: readonly number[];
  readonly duplicate?: readonly number[];
  readonly corrupt?: readonly number[];
  readonly reorder?: readonly number[];
  /** Drops the frames that it says yes to. It may look at the frame but not change or keep it. */
  readonly dropIf?: (frame: Frame, index: number) => boolean;
}

/** What has happened so far; all are counts of frames. */
export interface ImpairStats {
  /** Frames that came, after super-segments were cut. */
  frames: number;
  lost: number;
  lostInBursts: number;
  droppedByScript: number;
  queueFull: number;
  /** Marked with CE, and dropped where they could not be. */
  marked: number;
  unmarkable: number;
  corrupted: number;
  duplicated: number;
  reordered: number;
}

/** Frames held back at most in one direction. */
const MAX_HELD = 65_536;

const PROBABILITIES = ['loss', 'mark', 'duplication', 'corruption', 'reordering'] as const;
const AMOUNTS = ['reorderDelay', 'delay', 'jitter', 'rate', 'burst'] as const;

export class Impairment {
  readonly stats: ImpairStats = {
    frames: 0,
    lost: 0,
    lostInBursts: 0,
    droppedByScript: 0,
    queueFull: 0,
    marked: 0,
    unmarkable: 0,
    corrupted: 0,
    duplicated: 0,
    reordered: 0,
  };
  readonly #random: RandomSource;
  readonly #drops: Drops;
  readonly #line = new DelayLine();
  readonly #acceptPiece: FrameSink;
  #settings: ImpairSettings;
  #shaper: Shaper;
  #inBadState = false;
  /** When the last frame that was not reordered is due: none of its followers may come earlier. */
  #lastDue = 0;

  constructor(settings: ImpairSettings, random: RandomSource, drops: Drops) {
    this.#random = random;
    this.#drops = drops;
    this.#settings = checked(settings);
    this.#shaper = shaperFor(settings);
    this.#acceptPiece = (piece, now) => this.#acceptOne(piece, now);
  }

  /** Replaces the settings from the next frame on. Frames keep their numbers; the rate starts with an empty queue. */
  configure(settings: ImpairSettings): void {
    this.#settings = checked(settings);
    this.#shaper = shaperFor(settings);
  }

  /** Takes over a frame; it comes out of `shift` once or twice, or is a counted drop. */
  accept(frame: Frame, now: Micros): void {
    if (frame.gsoSize > 0 && cutSegment(frame, this.#acceptPiece, now)) frame.release();
    else this.#acceptOne(frame, now);
  }

  /** The next frame that is due by `now`, with its reference. */
  shift(now: Micros): Frame | undefined {
    return this.#line.shift(now);
  }

  nextDue(): Micros {
    return this.#line.nextDue();
  }

  /** Drops all that is held back. */
  clear(): void {
    for (let frame = this.#line.shift(NEVER); frame !== undefined; frame = this.#line.shift(NEVER)) {
      this.#drops.drop('link-down', frame);
      frame.release();
    }
  }

  #acceptOne(frame: Frame, now: Micros): void {
    const index = ++this.stats.frames;
    const left = this.#line.size >= MAX_HELD ? QUEUE_FULL : this.#shaper.depart(frame.length, now);
    if (left === QUEUE_FULL) {
      this.stats.queueFull++;
      this.#drop('impair-queue-full', frame);
      return;
    }
    const loss = this.#findLoss(frame, index);
    if (loss !== undefined) {
      this.#drop(loss, frame);
      return;
    }
    const settings = this.#settings;
    let own = frame;
    if (this.#isCongested(settings, now)) {
      const marked = markCongestion(frame);
      if (marked === undefined) {
        this.stats.unmarkable++;
        this.#drop('impair-congestion', frame);
        return;
      }
      own = marked;
      this.stats.marked++;
    }
    if (this.#happens(settings.corruption, settings.corrupt, index)) {
      own = this.#corrupt(own);
      this.stats.corrupted++;
    }
    const due = this.#dueTime(left, index);
    const copy = this.#happens(settings.duplication, settings.duplicate, index) ? own.pool.clone(own) : undefined;
    this.#line.push(own, due);
    if (copy === undefined) return;
    this.stats.duplicated++;
    this.#line.push(copy, due);
  }

  #findLoss(frame: Frame, index: number): DropReason | undefined {
    const { drop, dropIf, burstLoss, loss } = this.#settings;
    if (drop?.includes(index) === true || dropIf?.(frame, index) === true) {
      this.stats.droppedByScript++;
      return 'impair-script';
    }
    if (burstLoss !== undefined && this.#isLostInBurst(burstLoss)) {
      this.stats.lostInBursts++;
      return 'impair-burst-loss';
    }
    if (!this.#happens(loss, undefined, index)) return undefined;
    this.stats.lost++;
    return 'impair-loss';
  }

  #isLostInBurst(burst: BurstLoss): boolean {
    if (randomUnit(this.#random) < (this.#inBadState ? burst.leave : burst.enter)) this.#inBadState = !this.#inBadState;
    return this.#happens(this.#inBadState ? (burst.lossInBad ?? 1) : burst.lossInGood, undefined, 0);
  }

  #isCongested({ mark, markAbove }: ImpairSettings, now: Micros): boolean {
    return (markAbove !== undefined && this.#shaper.exceeds(markAbove, now)) || this.#happens(mark, undefined, 0);
  }

  /** Whether chance or the script says so. Certainty and impossibility draw no number. */
  #happens(probability: number | undefined, script: readonly number[] | undefined, index: number): boolean {
    if (script?.includes(index) === true) return true;
    if (probability === undefined || probability === 0) return false;
    return probability === 1 || randomUnit(this.#random) < probability;
  }

  /** When a frame that left the queue at `left` is to come out: whole microseconds, rounded up. */
  #dueTime(left: number, index: number): Micros {
    const { delay = 0, jitter = 0, reordering, reorder, reorderDelay = MS } = this.#settings;
    const spread = jitter === 0 ? 0 : randomUnit(this.#random) * jitter;
    const due = Math.max(Math.ceil(left + delay + spread), this.#lastDue);
    if (this.#happens(reordering, reorder, index)) {
      this.stats.reordered++;
      return (due + reorderDelay) as Micros;
    }
    this.#lastDue = due;
    return due as Micros;
  }

  /** Inverts one bit. The receiver must not trust the frame for its link's sake any more. */
  #corrupt(frame: Frame): Frame {
    let own = frame;
    if (frame.shared) {
      own = frame.pool.clone(frame);
      frame.release();
    }
    completeChecksum(own);
    own.checksum = Checksum.Full;
    const at = own.start + randomBelow(this.#random, own.length);
    own.bytes[at] = own.bytes[at]! ^ (1 << randomBelow(this.#random, 8));
    return own;
  }

  #drop(reason: DropReason, frame: Frame): void {
    this.#drops.drop(reason, frame);
    frame.release();
  }
}

const shaperFor = (settings: ImpairSettings): Shaper =>
  new Shaper(settings.rate, settings.burst ?? 0, settings.queue ?? {});

function checked(settings: ImpairSettings): ImpairSettings {
  const isProbability = (value: number | undefined): boolean => value === undefined || (value >= 0 && value <= 1);
  for (const name of PROBABILITIES) {
    if (!isProbability(settings[name])) throw new RangeError(`${name} must be 0 to 1, not ${String(settings[name])}`);
  }
  for (const [name, value] of Object.entries(settings.burstLoss ?? {})) {
    if (!isProbability(value as number)) throw new RangeError(`burstLoss.${name} must be 0 to 1, not ${String(value)}`);
  }
  for (const name of AMOUNTS) {
    if (!((settings[name] ?? 0) >= 0))
      throw new RangeError(`${name} must be at least 0, not ${String(settings[name])}`);
  }
  return settings;
}
