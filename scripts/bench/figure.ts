/**
 * A figure of the benchmark: what is measured, on whom, and what comes of several runs. A bare number says more about the
 * machine than about the code, so tapstack and its yardsticks take turns within each run, and ratios are taken run by run.
 */

/** One measurement, in the figure's unit. */
export interface Sample {
  readonly value: number;
  /** Processors that the process under test kept busy meanwhile (1 is one processor all the time), where that was measured. */
  readonly cpu?: number;
}

/** Tapstack, or one of the yardsticks. */
export interface Contestant {
  readonly name: string;
  measure(seconds: number): Promise<Sample>;
}

/** What a figure needs while it is measured: hosts, namespaces, processes. */
export interface Session {
  /** Tapstack first, then the yardsticks, the one that judges the noise first. */
  readonly contestants: readonly Contestant[];
  /** The process under test lives through all runs, so a first measurement is thrown away: its code gets fast while it runs. */
  readonly warmUp: boolean;
  close(): Promise<void>;
}

export interface Figure {
  /** As the user asks for it, e.g. 'in-offload'. */
  readonly name: string;
  /** In a table, e.g. 'TCP in, offload'. */
  readonly title: string;
  readonly unit: string;
  readonly better: 'more' | 'less';
  /** The least ratio to a yardstick that is wanted. */
  readonly bar?: { readonly against: string; readonly ratio: number };
  open(): Promise<Session>;
}

export interface Outcome {
  readonly name: string;
  readonly median: number;
  /** Greatest minus least value, by the median. */
  readonly spread: number;
  readonly values: readonly number[];
  /** Median of the values by the processor time that they cost: what it would be at one whole processor. */
  readonly perCore?: number;
  /** Median over the runs of tapstack's value by this one's; none for tapstack itself. */
  readonly ratio?: number;
}

export interface Result {
  readonly name: string;
  readonly title: string;
  readonly unit: string;
  readonly better: 'more' | 'less';
  readonly outcomes: readonly Outcome[];
  /** A yardstick spread so much that the figure tells little. */
  readonly noisy: boolean;
  readonly bar?: { readonly against: string; readonly ratio: number; readonly met: boolean };
  /** Why there is no result. */
  readonly error?: string;
}

/** Spread of a yardstick above which a figure counts as noisy. */
const NOISE = 0.3;

/** Measures a figure `runs` times. A failure becomes a result that says so. */
export async function measureFigure(figure: Figure, runs: number, seconds: number): Promise<Result> {
  const { name, title, unit, better } = figure;
  try {
    const session = await figure.open();
    try {
      if (session.warmUp) await session.contestants[0]!.measure(seconds);
      const samples = await takeTurns(session.contestants, runs, seconds);
      return conclude(figure, session.contestants, samples);
    } finally {
      await session.close();
    }
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return { name, title, unit, better, outcomes: [], noisy: false, error: text };
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

function conclude(figure: Figure, contestants: readonly Contestant[], samples: readonly Sample[][]): Result {
  const { name, title, unit, better } = figure;
  const own = samples[0]!;
  const outcomes = contestants.map((contestant, index): Outcome => {
    const values = samples[index]!.map(({ value }) => value);
    const middle = median(values);
    const perCore = samples[index]!.flatMap(({ value, cpu }) => (cpu === undefined || cpu <= 0 ? [] : [value / cpu]));
    const spread = (Math.max(...values) - Math.min(...values)) / middle;
    return {
      name: contestant.name,
      median: middle,
      spread,
      values,
      ...(perCore.length > 0 && { perCore: median(perCore) }),
      ...(index > 0 && { ratio: median(values.map((value, run) => own[run]!.value / value)) }),
    };
  });
  const noisy = outcomes.slice(1).some(({ spread }) => spread > NOISE);
  const result = { name, title, unit, better, outcomes, noisy };
  const { bar } = figure;
  const reached = outcomes.find((outcome) => outcome.name === bar?.against)?.ratio;
  return bar === undefined || reached === undefined
    ? result
    : { ...result, bar: { ...bar, met: reached >= bar.ratio } };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
