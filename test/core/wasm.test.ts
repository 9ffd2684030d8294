import { expect } from 'chai';
import * as fc from 'fast-check';
import { I32, encodeModule, i32, ifThen, local, whileLoop } from '../../src/core/wasm.ts';
import type { Code } from '../../src/core/wasm.ts';

type Binary = (a: number, b: number) => number;

/** A function of two integers; local 2 is a third one, 0 at first. */
function compile(...body: readonly Code[]): Binary {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
  new Uint8Array(memory.buffer).set([0x34, 0x12, 0xff], 10);
  const bytes = encodeModule({ name: 'f', parameters: [I32, I32], results: [I32], locals: [I32], body });
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { imports: { memory } });
  return exports['f'] as Binary;
}

const a = local.get(0);
const b = local.get(1);
const c = local.get(2);

describe('core/wasm', () => {
  it('any constant is what it was', () => {
    fc.assert(fc.property(fc.integer(), (value) => compile(i32.const(value))(0, 0) === value));
    for (const value of [-0x41, -0x40, 0x3f, 0x40, 0x7fffffff, -0x80000000])
      expect(compile(i32.const(value))(0, 0)).to.equal(value);
  });

  const operations: [name: string, code: Code, same: Binary][] = [
    ['add', i32.add(a, b), (x, y) => (x + y) | 0],
    ['and', i32.and(a, b), (x, y) => x & y],
    ['or', i32.or(a, b), (x, y) => x | y],
    ['shl', i32.shl(a, b), (x, y) => x << y],
    ['shr_u', i32.shrU(a, b), (x, y) => (x >>> y) | 0],
    ['lt_u', i32.ltU(a, b), (x, y) => (x >>> 0 < y >>> 0 ? 1 : 0)],
    ['le_u', i32.leU(a, b), (x, y) => (x >>> 0 <= y >>> 0 ? 1 : 0)],
  ];
  for (const [name, code, same] of operations) {
    it(`i32.${name} is what JavaScript makes of it`, () => {
      const compiled = compile(code);
      fc.assert(fc.property(fc.integer(), fc.integer(), (x, y) => compiled(x, y) === same(x, y)));
      expect(compiled(5, 5)).to.equal(same(5, 5));
    });
  }

  it('loads octets and words from anywhere, least significant octet first', () => {
    expect(compile(i32.load8U(a))(12, 0)).to.equal(0xff);
    expect(compile(i32.load16U(a))(10, 0)).to.equal(0x1234);
    expect(compile(i32.load16U(a))(11, 0)).to.equal(0xff12);
  });

  it('a loop runs while its condition holds, and not at all when it never does', () => {
    const decrement = local.set(0, i32.add(a, i32.const(-1)));
    const sum = compile(whileLoop(i32.ltU(i32.const(0), a), local.set(2, i32.add(c, a)), decrement), c);
    expect(sum(4, 0)).to.equal(10);
    expect(sum(0, 0)).to.equal(0);
  });

  it('a branch is taken when its condition holds', () => {
    const most = compile(ifThen(i32.ltU(a, b), local.set(0, b)), a);
    expect(most(3, 9)).to.equal(9);
    expect(most(9, 3)).to.equal(9);
  });
});
