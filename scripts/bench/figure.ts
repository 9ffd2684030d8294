/**
 * A figure of the benchmark: what is measured, on whom, and what comes of several runs. A bare number says more about the
 * machine than about the code, so tapstack and its yardsticks take turns within each run, and ratios are taken run by run.
 */
import { isNoisy, judge, median, spread } from './statistics.ts';
import type { Verdict } from './statistics.ts';

/** One measurement, in the figure's unit. */
export interface Sample {
  readonly value: number;
  /** Processors that the process under test kept busy meanwhile (1 is one processor all the time), where that was measured. */
  readonly cpu?: number;
  /** What else is worth knowing, by a name with its unit, e.g. 'p50 us'. */
  readonly details?: Details;
}

export type Details = Readonly<Record<string, number>>;

/** Tapstack, or one of the yardsticks. */
export interface Contestant {
  readonly name: string;
  measure(seconds: number): Promise<Sample>;
}

/** What a figure needs while it is measured: hosts, namespaces, processes. */
export interface Session {
  /** Tapstack first, then the yardsticks. */
  readonly contestants: readonly Contestant[];
  /** The process under test lives through all runs, so a first measurement is thrown away: its code gets fast while it runs. */
  readonly warmUp: boolean;
  close(): Promise<void>;
}

/** What is wanted of tapstack: of its ratio to a yardstick, or of its own value or one of its details. */
export interface Bar {
  readonly against?: string;
  readonly detail?: string;
  readonly least?: number;
  readonly most?: number;
}

export interface Figure {
  /** As the user asks for it, e.g. 'in-offload'. */
  readonly name: string;
  /** In a table, e.g. 'TCP in, offload'. */
  readonly title: string;
  readonly unit: string;
  readonly better: 'more' | 'less';
  readonly bars?: readonly Bar[];
  /** It is taken in memory: neither root nor a TAP device is needed. */
  readonly inMemory?: boolean;
  open(): Promise<Session>;
}

export interface Outcome {
  readonly name: string;
  readonly median: number;
  /** The middle half of the values, by the median. */
  readonly spread: number;
  readonly values: readonly number[];
  /** Median of the values by the processor time that they cost: what it would be at one whole processor. */
  readonly perCore?: number;
  /** Medians of what else was measured. */
  readonly details: Details;
  /** Median over the runs of tapstack's value by this one's; none for tapstack itself. */
  readonly ratio?: number;
  /** The ratio tells little. */
  readonly noisy: boolean;
}

export interface Judgement extends Bar {
  readonly verdict: Verdict;
}

export interface Result {
  readonly name: string;
  readonly title: string;
  readonly unit: string;
  readonly better: 'more' | 'less';
  readonly outcomes: readonly Outcome[];
  readonly judgements: readonly Judgement[];
  /** Why there is no result. */
  readonly error?: string;
}

/**
 * How long a process has to get fast (s), at least. On one processor, which the compiler shares, connections a second grow until then: measured with a
 * second, 0.7 of what they come to.
 */
const WARM_UP = 4;

/** Measures a figure `runs` times. A failure becomes a result that says so. */
export async function measureFigure(figure: Figure, runs: number, seconds: number): Promise<Result> {
  const { name, title, unit, better } = figure;
  try {
    const session = await figure.open();
    try {
      if (session.warmUp) await session.contestants[0]!.measure(Math.max(seconds, WARM_UP));
      const samples = await takeTurns(session.contestants, runs, seconds);
      const names = session.contestants.map((contestant) => contestant.name);
      return conclude(figure, names, samples);
    } finally {
      await session.close();
    }
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return { name, title, unit, better, outcomes: [], judgements: [], error: text };
  }
}

/** Samples by contestant and run. Who begins changes from run to run. */
async function takeTurns(contestants: readonly Contestant[], runs: number, seconds: number): Promise<Sample[][]> {
  const samples: Sample[][] = contestants.map(() => []);
  for (let run = 0; run < runs; run++) {
    for (let turn = 0; turn < contestants.length; turn++) {
      const index = (run + turn) % contestants.length;
      samples[index]!.push(await contestants[index]!.measure(seconds));
    }
  }
  return samples;
}

/** What the samples, by contestant and run, come to. */
export function conclude(
  figure: Omit<Figure, 'open'>,
  names: readonly string[],
  samples: readonly (readonly Sample[])[],
): Result {
  const { name, title, unit, better, bars = [] } = figure;
  const own = samples[0]!;
  const ratiosTo = (index: number): number[] => own.map(({ value }, run) => ratio(value, samples[index]![run]!.value));
  const outcomes = names.map((contestant, index): Outcome => {
    const values = samples[index]!.map(({ value }) => value);
    const perCore = samples[index]!.flatMap(({ value, cpu }) => (cpu === undefined || cpu <= 0 ? [] : [value / cpu]));
    const ratios = ratiosTo(index);
    return {
      name: contestant,
      median: median(values),
      spread: spread(values),
      values,
      ...(perCore.length > 0 && { perCore: median(perCore) }),
      details: medianDetails(samples[index]!),
      ...(index > 0 && { ratio: median(ratios) }),
      noisy: index > 0 && isNoisy(values, ratios),
    };
  });
  const judgements = bars.map((bar): Judgement => {
    const index = bar.against === undefined ? 0 : names.indexOf(bar.against);
    const own = (sample: Sample): number =>
      bar.detail === undefined ? sample.value : (sample.details?.[bar.detail] ?? NaN);
    const values = index > 0 ? ratiosTo(index) : index === 0 ? samples[0]!.map(own) : [];
    return { ...bar, verdict: judge(values, bar.least, bar.most) };
  });
  return { name, title, unit, better, outcomes, judgements };
}

/** Nothing by nothing is the same. */
const ratio = (own: number, other: number): number => (own === other ? 1 : own / other);

function medianDetails(samples: readonly Sample[]): Details {
  const names = Object.keys(samples[0]?.details ?? {});
  return Object.fromEntries(names.map((name) => [name, median(samples.map(({ details }) => details?.[name] ?? NaN))]));
}
