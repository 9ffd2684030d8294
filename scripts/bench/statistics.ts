/**
 * What is made of several measurements: medians, their spread, whether they tell anything, and how fair shares are.
 */

/** The value below which the share `share` of all values lies, between neighbours in proportion; NaN for none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const place = (sorted.length - 1) * share;
  const below = sorted[Math.floor(place)] ?? NaN;
  const above = sorted[Math.ceil(place)] ?? NaN;
  return below === above ? below : below + (above - below) * (place - Math.floor(place));
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);

/**
 * The middle half of the values, by their median; 0 for equal values. Not the whole range, which grows with the number of runs: the
 * more one measures, the less one would know.
 */
export function spread(values: readonly number[]): number {
  const width = quantile(values, 0.75) - quantile(values, 0.25);
  return width === 0 ? 0 : width / Math.abs(median(values));
}

/** How sure `medianInterval` is at least. */
const CONFIDENCE = 0.9;

/**
 * Between which two of the values the true median lies, at least nine times in ten; undefined for fewer than five values, of which none
 * can say so. That each value is as likely above as below it is all that is assumed (the sign test): noise is rarely normal.
 */
export function medianInterval(values: readonly number[]): readonly [low: number, high: number] | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  const count = sorted.length;
  /** How likely it is that at most `outside` values lie on one given side. */
  let tail = 0.5 ** count;
  if (1 - 2 * tail < CONFIDENCE) return undefined;
  let outside = 0;
  for (let ways = 1; outside + 1 < count / 2; outside++) {
    ways = (ways * (count - outside)) / (outside + 1);
    tail += ways * 0.5 ** count;
    if (1 - 2 * tail < CONFIDENCE) break;
  }
  return [sorted[outside]!, sorted[count - 1 - outside]!];
}

/** Spread above which values count as noisy. */
const NOISE = 0.15;

/**
 * Whether the machine was too noisy for a ratio to tell anything: the yardstick, which is the same code in every run, did not give the
 * same, and measuring in turns did not help, as the ratios of the runs differ as much. A steady yardstick beside unsteady ratios is no
 * noise but tapstack's own; steady ratios are good, however much the machine went up and down meanwhile.
 */
export const isNoisy = (yardstick: readonly number[], ratios: readonly number[]): boolean =>
  spread(yardstick) > NOISE && spread(ratios) > NOISE;

export type Verdict = 'met' | 'missed' | 'cannot tell';

/** Whether the median of what the values are drawn from is within the bounds; they cannot tell when a bound lies amid the interval. */
export function judge(values: readonly number[], least = -Infinity, most = Infinity): Verdict {
  const interval = medianInterval(values);
  if (interval === undefined || values.some((value) => !Number.isFinite(value))) return 'cannot tell';
  const [low, high] = interval;
  if (low >= least && high <= most) return 'met';
  return high < least || low > most ? 'missed' : 'cannot tell';
}

/** Jain's index of fairness: 1 when all have the same, 1/n when one of n has everything. Jain, Chiu, Hawe 1984. */
export function jain(shares: readonly number[]): number {
  const sum = shares.reduce((total, share) => total + share, 0);
  const squares = shares.reduce((total, share) => total + share * share, 0);
  return squares === 0 ? NaN : (sum * sum) / (shares.length * squares);
}

/** Slope of the line that lies nearest to the points (least squares); NaN for fewer than two different places. */
export function slope(points: readonly (readonly [x: number, y: number])[]): number {
  const mean = (of: (point: readonly [x: number, y: number]) => number): number =>
    points.reduce((sum, point) => sum + of(point), 0) / points.length;
  const x = mean((point) => point[0]);
  const y = mean((point) => point[1]);
  const across = mean((point) => (point[0] - x) ** 2);
  return across === 0 ? NaN : mean((point) => (point[0] - x) * (point[1] - y)) / across;
}
