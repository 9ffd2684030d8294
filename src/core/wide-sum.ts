/**
 * The Internet checksum of 16 octets at a time, by the vector instructions of WebAssembly: JavaScript has none. They see only memory of
 * their own, which is where frames lie (frame-memory.ts). RFC 1071 §2: words may be summed in the machine's octet order, which is little
 * endian in WebAssembly on every machine, and many side by side, as long as the octets of the result are put in order.
 *
 * Measured (bench:micro): 1,460 octets in 45 ns, against 220 ns by words of 32 bits in JavaScript.
 */
import { I32, V128, encodeModule, i32, i32x4, ifThen, local, v128, whileLoop } from './wasm.ts';
import type { Code, FunctionModule } from './wasm.ts';

/** Sums `length` octets (at most 64 KiB) from `place`, as big-endian words, an odd last octet padded with zero; folded to 16 bits. */
export type WideSum = (place: number, length: number) => number;

/** The same of octets that it copies to the place `to` at the same time: measured, 60 ns instead of 45 + 150. */
export type WideCopySum = (place: number, length: number, to: number) => number;

/** Octets of a step as long as there are so many, and where in it the vectors lie. Measured: 58 ns instead of 68 for a copy of 1,448. */
const WIDE = 64;
const WIDE_OFFSETS = [0, 16, 32, 48];

// Parameters and locals. TO is a parameter only where it is needed.
const PLACE = 0;
const LENGTH = 1;
const TO = 2;
const END = 3;
const TOTAL = 4;
const SUMS = 5;

const place = local.get(PLACE);
const to = local.get(TO);
const total = local.get(TOTAL);
const sums = local.get(SUMS);

/** `body` while there are `octets` more, past which it moves. */
const forEach = (octets: number, ...body: readonly Code[]): Code =>
  whileLoop(
    i32.leU(i32.add(place, i32.const(octets)), local.get(END)),
    ...body,
    local.set(PLACE, i32.add(place, i32.const(octets))),
    local.set(TO, i32.add(to, i32.const(octets))),
  );

const add16 = (offset: number): Code =>
  local.set(SUMS, i32x4.add(sums, i32x4.extaddPairwiseI16x8U(v128.load(place, offset))));

const fold = local.set(TOTAL, i32.add(i32.and(total, i32.const(0xffff)), i32.shrU(total, i32.const(16))));

/** Each step with what it does besides. */
const body = (with16: (offset: number) => Code, with2: Code, with1: Code): readonly Code[] => [
  local.set(END, i32.add(place, local.get(LENGTH))),
  // Four sums of 32 bits, which 64 KiB do not fill.
  forEach(WIDE, ...WIDE_OFFSETS.map((offset) => [...with16(offset), ...add16(offset)])),
  forEach(16, with16(0), add16(0)),
  // Halves of the four sums, so that their total fits.
  local.set(SUMS, i32x4.extaddPairwiseI16x8U(sums)),
  local.set(
    TOTAL,
    [0, 1, 2, 3].map((lane) => i32x4.extractLane(lane, sums)).reduce((a, b) => i32.add(a, b)),
  ),
  forEach(2, with2, local.set(TOTAL, i32.add(total, i32.load16U(place)))),
  ifThen(i32.ltU(place, local.get(END)), with1, local.set(TOTAL, i32.add(total, i32.load8U(place)))),
  fold,
  fold,
  i32.or(i32.shl(i32.and(total, i32.const(0xff)), i32.const(8)), i32.shrU(total, i32.const(8))),
];

const SUM: FunctionModule = {
  name: 'sum',
  parameters: [I32, I32],
  results: [I32],
  locals: [I32, I32, I32, V128],
  body: body(() => [], [], []),
};

const COPY_SUM: FunctionModule = {
  name: 'copySum',
  parameters: [I32, I32, I32],
  results: [I32],
  locals: [I32, I32, V128],
  body: body(
    (offset) => v128.store(to, offset, v128.load(place, offset)),
    i32.store16(to, i32.load16U(place)),
    i32.store8(to, i32.load8U(place)),
  ),
};

/** The functions for places in `memory`. */
export const wideSum = (memory: WebAssembly.Memory): WideSum => instantiate(SUM, memory) as WideSum;
export const wideCopySum = (memory: WebAssembly.Memory): WideCopySum => instantiate(COPY_SUM, memory) as WideCopySum;

function instantiate(module: FunctionModule, memory: WebAssembly.Memory): unknown {
  const compiled = new WebAssembly.Module(encodeModule(module));
  return new WebAssembly.Instance(compiled, { imports: { memory } }).exports[module.name];
}
