/**
 * WebAssembly from TypeScript: the instructions that wide-sum.ts needs, and the module around a function of them.
 * WebAssembly Core Specification 2.0, section 5 (binary format); the names are its text format's.
 */

/** Instructions, or a part of one, as they are encoded. */
export type Code = readonly number[];

/** An unsigned integer in LEB128, 7 bits an octet. §5.2.2. */
function u32(value: number): Code {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...u32(value >>> 7)];
}

/** A signed one: the second highest bit of the last octet is the sign. */
function s32(value: number): Code {
  return value >= -0x40 && value < 0x40 ? [value & 0x7f] : [(value & 0x7f) | 0x80, ...s32(value >> 7)];
}

const vector = (items: readonly Code[]): Code => [...u32(items.length), ...items.flat()];
const sized = (content: Code): Code => [...u32(content.length), ...content];
const name = (text: string): Code => sized([...new TextEncoder().encode(text)]);

/** Value types. §5.3. */
export const I32 = 0x7f;
export const V128 = 0x7b;
const NOTHING = 0x40;
const FUNCTION = 0x60;

/** An instruction that takes its operands from the stack: they come first. */
const operation =
  (...opcode: Code) =>
  (...operands: readonly Code[]): Code => [...operands.flat(), ...opcode];
/** The vector instructions have a prefix and a number. §5.4.8. */
const vectorOperation = (number: number): ((...operands: readonly Code[]) => Code) => operation(0xfd, ...u32(number));

/** What a load or a store says: alignment 2^0, and an offset from its address. */
const anywhere = (offset: number): Code => [0, ...u32(offset)];
const ANYWHERE = anywhere(0);

export const i32 = {
  const: (value: number): Code => [0x41, ...s32(value)],
  add: operation(0x6a),
  and: operation(0x71),
  or: operation(0x72),
  shl: operation(0x74),
  shrU: operation(0x76),
  ltU: operation(0x49),
  leU: operation(0x4d),
  load8U: operation(0x2d, ...ANYWHERE),
  load16U: operation(0x2f, ...ANYWHERE),
  store8: operation(0x3a, ...ANYWHERE),
  store16: operation(0x3b, ...ANYWHERE),
};

export const v128 = {
  load: (address: Code, offset: number): Code => [...address, 0xfd, 0, ...anywhere(offset)],
  store: (address: Code, offset: number, value: Code): Code => [...address, ...value, 0xfd, 11, ...anywhere(offset)],
};

export const i32x4 = {
  add: vectorOperation(174),
  /** Sums of neighbouring words of 16 bits. */
  extaddPairwiseI16x8U: vectorOperation(127),
  extractLane: (lane: number, from: Code): Code => [...from, 0xfd, ...u32(27), lane],
};

export const local = {
  get: (index: number): Code => [0x20, ...u32(index)],
  set: (index: number, value: Code): Code => [...value, 0x21, ...u32(index)],
};

/** `body` while `condition` holds. */
export const whileLoop = (condition: Code, ...body: readonly Code[]): Code => {
  const [loop, branch, branchIf, end, isZero] = [0x03, 0x0c, 0x0d, 0x0b, 0x45];
  const leave = [...condition, isZero, branchIf, 1];
  return [0x02, NOTHING, loop, NOTHING, ...leave, ...body.flat(), branch, 0, end, end];
};

export const ifThen = (condition: Code, ...body: readonly Code[]): Code => [
  ...condition,
  0x04,
  NOTHING,
  ...body.flat(),
  0x0b,
];

/** A module that imports `imports.memory` and exports one function. §5.5. */
export interface FunctionModule {
  readonly name: string;
  /** Types of parameters and results; locals are numbered after the parameters. */
  readonly parameters: Code;
  readonly results: Code;
  readonly locals: Code;
  readonly body: readonly Code[];
}

export function encodeModule(module: FunctionModule): Uint8Array {
  const { parameters, results, locals } = module;
  const types = vector([[FUNCTION, ...sized(parameters), ...sized(results)]]);
  // Of any size.
  const imports = vector([[...name('imports'), ...name('memory'), 0x02, 0x00, 0]]);
  const functions = vector([[0]]);
  const exports = vector([[...name(module.name), 0x00, 0]]);
  const body = [...vector(locals.map((type) => [1, type])), ...module.body.flat(), 0x0b];
  const sections: readonly [id: number, content: Code][] = [
    [1, types],
    [2, imports],
    [3, functions],
    [7, exports],
    [10, vector([sized(body)])],
  ];
  const header = [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
  return Uint8Array.from([...header, ...sections.flatMap(([id, content]) => [id, ...sized(content)])]);
}
