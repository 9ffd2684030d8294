/**
 * The memory that frames lie in: one WebAssembly memory for the process, as only there checksums go by vectors (wide-sum.ts). It takes
 * room from the machine as it is first used. What does not fit, or all where there is no WebAssembly, lies on the heap, and is summed there.
 *
 * It is given out in slabs to pools of frames, and comes back when a pool is collected.
 */
import { wideCopySum, wideSum } from './wide-sum.ts';
import type { WideCopySum, WideSum } from './wide-sum.ts';

/** A slab (octets) has room for a large frame, or is cut into pieces for small ones; 64 octets between them spread them over the cache. */
export const SLAB_PIECES = 32;
export const SLAB = SLAB_PIECES * (2048 + 64);
/** Slabs of the process: four thousand small frames, or as many as may wait for a TAP device and be sent in a turn. */
const SLABS = 128;
const PAGE = 65536;

class FrameMemory {
  readonly #buffer: ArrayBuffer;
  /** As `sumBytes`, of octets at a place in this memory. */
  readonly sum: WideSum;
  /** The same of octets that are copied from one place to another. */
  readonly copySum: WideCopySum;
  /** Places of the slabs that nobody has. */
  readonly #free: number[] = Array.from({ length: SLABS }, (_, index) => index * SLAB);
  /** Whoever takes a slab, and all that lies in it, is collected as one: frames hold on to their pool. */
  readonly #owners = new FinalizationRegistry<number>((place) => this.#free.push(place));

  constructor() {
    const pages = Math.ceil((SLABS * SLAB) / PAGE);
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    this.#buffer = memory.buffer;
    this.sum = wideSum(memory);
    this.copySum = wideCopySum(memory);
  }

  /** The place of a slab, until `owner` is collected; none when none is left. */
  takeSlab(owner: object): number | undefined {
    const place = this.#free.pop();
    if (place !== undefined) this.#owners.register(owner, place);
    return place;
  }

  /** `length` octets at a place. */
  at(place: number, length: number): Uint8Array {
    return new Uint8Array(this.#buffer, place, length);
  }
}

/** None where WebAssembly, its vectors or the address space that it reserves are not to be had. */
export const frameMemory = make();

function make(): FrameMemory | undefined {
  try {
    return new FrameMemory();
  } catch {
    return undefined;
  }
}
