/**
 * Several reads or writes of one descriptor in one system call, without waiting: io_uring(7) of Linux, of which this is the least that it
 * takes. Operations are written into a ring that is shared with the kernel, one call has them done in their order, and the results are
 * there when it returns, as each operation says that it does not wait (RWF_NOWAIT).
 *
 * It pays where a system call is dear, as on virtual machines. Kernels may lack or forbid it, and most containers do: then `open` returns
 * undefined. Layouts and numbers: include/uapi/linux/io_uring.h.
 */
import { LITTLE_ENDIAN } from '../core/bytes.ts';
import { Errno } from '../core/errno.ts';
import { SingleIo } from './batched-io.ts';
import type { BatchedIo } from './batched-io.ts';
import type { Address, Libc, RingCalls } from './tap-libc.ts';

/** Operations of one call at most. A power of two. */
const RING_ENTRIES = 64;

/** struct io_uring_params, in words of 32 bits. */
const PARAMS = { SQ_ENTRIES: 0, CQ_ENTRIES: 1, FEATURES: 5, SQ_OFFSETS: 10, CQ_OFFSETS: 20, WORDS: 30 } as const;
/** struct io_sqring_offsets and struct io_cqring_offsets, from their beginnings: where in the mapping something lies. */
const SQ = { HEAD: 0, TAIL: 1, ARRAY: 6 } as const;
const CQ = { HEAD: 0, TAIL: 1, CQES: 5 } as const;
/** struct io_uring_sqe and struct io_uring_cqe. */
const SQE = { OPCODE: 0, FD: 1, ADDRESS: 4, LENGTH: 6, RW_FLAGS: 7, USER_DATA: 8, WORDS: 16 } as const;
const CQE = { USER_DATA: 0, RESULT: 2, WORDS: 4 } as const;

const IORING_OFF_SQ_RING = 0;
const IORING_OFF_SQES = 0x1000_0000;
const IORING_FEAT_SINGLE_MMAP = 1;
const IORING_ENTER_GETEVENTS = 1;
const IORING_OP_READ = 22;
const IORING_OP_WRITE = 23;
const RWF_NOWAIT = 8;

const { EAGAIN, EINTR } = Errno;
const WORD = 4;

/** Several operations a call where they are wanted and can be had, else one. */
export const openIo = (libc: Libc, fd: number, wantSeveral: boolean): BatchedIo =>
  (wantSeveral ? IoUring.open(libc, fd) : undefined) ?? new SingleIo(libc, fd);

export class IoUring implements BatchedIo {
  readonly size = RING_ENTRIES;
  readonly #libc: Libc;
  readonly #calls: RingCalls;
  readonly #ring: number;
  readonly #fd: number;
  /** The mapping with both rings, in words; where in it their parts are; and the mapping with the operations. */
  readonly #shared: Uint32Array;
  readonly #operations: Uint32Array;
  readonly #sqHead: number;
  readonly #sqTail: number;
  readonly #cqHead: number;
  readonly #cqTail: number;
  readonly #cqes: number;
  readonly #cqMask: number;
  readonly #results = new Int32Array(RING_ENTRIES);
  /** Operations put down since the last `submit`. */
  #count = 0;
  /** One that is alone needs no ring; the first is kept for that. */
  readonly #single: SingleIo;
  #opcode = 0;
  #address = 0 as Address;
  #length = 0;

  /** A ring for operations on `fd`; undefined when the kernel, the descriptor or the machine cannot do it. */
  static open(libc: Libc, fd: number): IoUring | undefined {
    const calls = libc.ring;
    if (calls === undefined || !LITTLE_ENDIAN) return undefined;
    const params = new Uint32Array(2 * PARAMS.WORDS);
    const ring = calls.setup(RING_ENTRIES, params);
    if (ring < 0) return undefined;
    const rings =
      params[PARAMS.FEATURES]! & IORING_FEAT_SINGLE_MMAP
        ? calls.map(ring, sizeOf(params), IORING_OFF_SQ_RING)
        : undefined;
    const operations = calls.map(ring, params[PARAMS.SQ_ENTRIES]! * SQE.WORDS * WORD, IORING_OFF_SQES);
    if (rings !== undefined && operations !== undefined) {
      const made = new IoUring(libc, calls, ring, fd, params, rings, operations);
      if (made.#works()) return made;
      made.close();
      return undefined;
    }
    for (const mapping of [rings, operations]) if (mapping !== undefined) calls.unmap(mapping);
    libc.close(ring);
    return undefined;
  }

  private constructor(
    libc: Libc,
    calls: RingCalls,
    ring: number,
    fd: number,
    params: Uint32Array,
    rings: ArrayBuffer,
    operations: ArrayBuffer,
  ) {
    this.#libc = libc;
    this.#calls = calls;
    this.#ring = ring;
    this.#fd = fd;
    this.#single = new SingleIo(libc, fd);
    this.#shared = new Uint32Array(rings);
    this.#operations = new Uint32Array(operations);
    const place = (part: number): number => params[part]! / WORD;
    this.#sqHead = place(PARAMS.SQ_OFFSETS + SQ.HEAD);
    this.#sqTail = place(PARAMS.SQ_OFFSETS + SQ.TAIL);
    this.#cqHead = place(PARAMS.CQ_OFFSETS + CQ.HEAD);
    this.#cqTail = place(PARAMS.CQ_OFFSETS + CQ.TAIL);
    this.#cqes = place(PARAMS.CQ_OFFSETS + CQ.CQES);
    this.#cqMask = params[PARAMS.CQ_ENTRIES]! - 1;
    // The ring holds numbers of operations: operation i has place i for good.
    const array = place(PARAMS.SQ_OFFSETS + SQ.ARRAY);
    for (let i = 0; i < RING_ENTRIES; i++) this.#shared[array + i] = i;
  }

  read(address: Address, length: number): void {
    this.#put(IORING_OP_READ, address, length);
  }

  write(address: Address, length: number): void {
    this.#put(IORING_OP_WRITE, address, length);
  }

  submit(): void {
    const count = this.#count;
    this.#count = 0;
    if (count === 1) this.#submitOne();
    else if (count > 1) this.#submitSeveral(count);
  }

  result(index: number): number {
    return this.#results[index]!;
  }

  close(): void {
    this.#libc.close(this.#ring);
    this.#calls.unmap(this.#shared.buffer as ArrayBuffer);
    this.#calls.unmap(this.#operations.buffer as ArrayBuffer);
  }

  #submitOne(): void {
    const single = this.#single;
    if (this.#opcode === IORING_OP_READ) single.read(this.#address, this.#length);
    else single.write(this.#address, this.#length);
    this.#results[0] = single.result();
  }

  #submitSeveral(count: number): void {
    // What the kernel does not take for lack of memory counts as would have waited.
    this.#results.fill(-EAGAIN, 0, count);
    const shared = this.#shared;
    Atomics.store(shared, this.#sqTail, (shared[this.#sqTail]! + count) >>> 0);
    let submitted = 0;
    let done = 0;
    while (done < count) {
      const more = this.#calls.enter(this.#ring, count - submitted, count - done, IORING_ENTER_GETEVENTS);
      const interrupted = more < 0 && this.#libc.errno() === EINTR;
      const completed = this.#collect();
      if (more > 0) submitted += more;
      else if (completed === 0 && !interrupted) break;
      done += completed;
    }
    if (submitted < count) Atomics.store(shared, this.#sqTail, Atomics.load(shared, this.#sqHead));
  }

  #put(opcode: number, address: Address, length: number): void {
    const number = this.#count++;
    if (number === 0) {
      this.#opcode = opcode;
      this.#address = address;
      this.#length = length;
    }
    const at = ((this.#shared[this.#sqTail]! + number) & (RING_ENTRIES - 1)) * SQE.WORDS;
    const operations = this.#operations;
    operations[at + SQE.OPCODE] = opcode;
    operations[at + SQE.FD] = this.#fd;
    operations[at + SQE.ADDRESS] = address;
    operations[at + SQE.ADDRESS + 1] = address / 0x1_0000_0000;
    operations[at + SQE.LENGTH] = length;
    operations[at + SQE.RW_FLAGS] = RWF_NOWAIT;
    operations[at + SQE.USER_DATA] = number;
  }

  /** Takes the results that are there; returns how many. */
  #collect(): number {
    const shared = this.#shared;
    const head = shared[this.#cqHead]!;
    const tail = Atomics.load(shared, this.#cqTail);
    for (let next = head; next !== tail; next = (next + 1) >>> 0) {
      const at = this.#cqes + (next & this.#cqMask) * CQE.WORDS;
      this.#results[shared[at + CQE.USER_DATA]!] = shared[at + CQE.RESULT]!;
    }
    Atomics.store(shared, this.#cqHead, tail);
    return (tail - head) >>> 0;
  }

  /** Whether the descriptor can do without waiting: reads of nothing tell, and take nothing. */
  #works(): boolean {
    this.read(0 as Address, 0);
    this.read(0 as Address, 0);
    this.submit();
    return this.result(0) === 0 && this.result(1) === 0;
  }
}

/** Octets of the mapping that both rings share. */
function sizeOf(params: Uint32Array): number {
  const submissions = params[PARAMS.SQ_OFFSETS + SQ.ARRAY]! + params[PARAMS.SQ_ENTRIES]! * WORD;
  const completions = params[PARAMS.CQ_OFFSETS + CQ.CQES]! + params[PARAMS.CQ_ENTRIES]! * CQE.WORDS * WORD;
  return Math.max(submissions, completions);
}
