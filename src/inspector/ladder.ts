/**
 * A ladder diagram in text: who sent what to whom, from top to bottom, between two hosts. For tests that fail and for teaching.
 *
 *          time  10.0.0.1:32768                                        10.0.0.2:80
 *      0.000000  |--- SYN seq 0 win 64240 mss 1460 ------------------------->|
 *      0.010000  |<-- SYN,ACK seq 0 ack 1 win 65160 mss 1460 ----------------|
 *      0.020000  |--- ACK seq 1 ack 1 win 64240 --------------------------X  |  DROPPED link-queue-full
 */
import type { Captured } from './captured.ts';
import { Printer, timeText } from './print.ts';
import type { Described } from './print.ts';

export interface LadderOptions {
  /** Address of the host on the left; by default the sender of the first packet. With its port when it should tell connections apart. */
  readonly left?: string;
  /** Columns between the two lines; longer texts widen it. Default 60. */
  readonly width?: number;
  /** One that knows the connections already, when the beginning is missing. Default: a fresh one. */
  readonly printer?: Printer;
}

/** Draws the packets; those that are not between the two hosts stand between the lines without an arrow. */
export function ladder(frames: readonly Captured[], options: LadderOptions = {}): string {
  const printer = options.printer ?? new Printer();
  const rows = frames.map((frame) => ({ frame, described: printer.describe(frame) }));
  const first = rows.find(({ described }) => described.from !== '')?.described;
  const left = options.left ?? first?.from ?? '';
  const isLeft = (end: string): boolean => end === left || end.startsWith(`${left}:`);
  const right = first === undefined ? '' : isLeft(first.from) ? first.to : first.from;
  const texts = rows.map(({ described }) => textOf(described));
  const width = Math.max(options.width ?? 60, ...texts.map((text) => text.length + 8));
  const lines = rows.map(({ frame, described }, i) => {
    const lost = frame.dropped !== undefined;
    const body = arrow(texts[i]!, described, isLeft, lost, width);
    return `${timeText(frame.time)}  |${body}|${noteOf(frame, described)}`;
  });
  return [`${'time'.padStart(10)}  ${left.padEnd(width + 1)} ${right}`.trimEnd(), ...lines].join('\n');
}

/** The words on an arrow: TCP goes without its name, since nearly all is TCP. */
const textOf = ({ what }: Described): string => what.replace(/^TCP /, '');

function arrow(
  text: string,
  described: Described,
  isLeft: (end: string) => boolean,
  lost: boolean,
  width: number,
): string {
  if (isLeft(described.from)) {
    const line = `--- ${text} `.padEnd(width - (lost ? 3 : 1), '-');
    return lost ? `${line}X  ` : `${line}>`;
  }
  if (isLeft(described.to)) {
    const line = `-- ${text} `.padEnd(width - (lost ? 3 : 1), '-');
    return lost ? `  X${line}` : `<${line}`;
  }
  return `    ${text}`.padEnd(width);
}

function noteOf(frame: Captured, described: Described): string {
  const notes = [
    ...(described.problems === '' ? [] : [`(${described.problems})`]),
    ...(frame.reason === '' ? [] : [`[${frame.reason}]`]),
    ...(frame.dropped === undefined ? [] : [`DROPPED ${frame.dropped}`]),
  ];
  return notes.length === 0 ? '' : `  ${notes.join(' ')}`;
}
