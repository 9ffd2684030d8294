/**
 * Charts for docs/performance.md: Mermaid's xychart, which GitHub draws from text in the page. No dependency, no browser and no image
 * files, and a new measurement shows as a readable diff.
 */
import type { Result } from './figure.ts';

/** Pixels. */
const WIDTH = 640;
const BASE_HEIGHT = 80;
const BAR_HEIGHT = 40;
/** The axis ends so much beyond the longest bar. */
const ROOM = 1.1;

/** A bar for each contestant, tapstack first; undefined when there is nothing to show. */
export function chart({ title, unit, better, outcomes }: Result): string | undefined {
  const bars = outcomes.filter((outcome) => Number.isFinite(outcome.median));
  const longest = Math.max(...bars.map((bar) => bar.median));
  if (bars.length === 0 || longest <= 0) return undefined;
  const height = BASE_HEIGHT + BAR_HEIGHT * bars.length;
  const note = better === 'less' ? ' (less is better)' : '';
  return [
    '```mermaid',
    `%%{init: {"xyChart": {"width": ${WIDTH}, "height": ${height}}}}%%`,
    'xychart-beta horizontal',
    `    title ${quoted(`${title}${note}`)}`,
    `    x-axis [${bars.map(({ name }) => quoted(name)).join(', ')}]`,
    `    y-axis ${quoted(unit)} 0 --> ${plain(longest * ROOM)}`,
    `    bar [${bars.map((bar) => plain(bar.median)).join(', ')}]`,
    '```',
  ].join('\n');
}

/** Mermaid's strings have no escapes. */
const quoted = (text: string): string => `"${text.replaceAll('"', "'").replaceAll('\n', ' ')}"`;

/** Three digits, never with an exponent, which Mermaid does not read. */
function plain(value: number): string {
  const digits = value === 0 ? 0 : Math.min(20, Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value)))));
  return value.toFixed(digits);
}
