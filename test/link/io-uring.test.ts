import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import * as fc from 'fast-check';
import { Errno } from '../../src/core/errno.ts';
import { SingleIo } from '../../src/link/batched-io.ts';
import type { BatchedIo } from '../../src/link/batched-io.ts';
import { IoUring } from '../../src/link/io-uring.ts';
import { loadLibc } from '../../src/link/tap-libc.ts';
import type { Address, RingCalls } from '../../src/link/tap-libc.ts';

const DOMAIN_UNIX = 1;
const TYPE_STREAM_NOT_BLOCKING = 0o4001;
const EINTR = 4;
/** Octets of a message; a socket takes hundreds of them. */
const LENGTH = 8;

const libc = await loadLibc();
const { default: koffi } = await import('koffi');
const socketpair = koffi.load(null).func('int socketpair(int domain, int type, int protocol, _Out_ int *ends)');

/** Two sockets of the kernel that are connected: they keep order as a TAP device does, and need no rights. */
function openPair(): [number, number] {
  const ends: [number, number] = [-1, -1];
  expect(socketpair(DOMAIN_UNIX, TYPE_STREAM_NOT_BLOCKING, 0, ends)).to.equal(0);
  return ends;
}

/** Much forbids io_uring; then there is only one operation a call to test. */
function hasRing(): boolean {
  const ends = openPair();
  const ring = IoUring.open(libc, ends[0]);
  ring?.close();
  for (const end of ends) libc.close(end);
  return ring !== undefined;
}

const describeRing = hasRing() ? describe : describe.skip;
if (!hasRing()) process.stderr.write('\nSKIPPED: link/io-uring: it cannot be had here\n');

/** Writes into one end of a pair, reads from the other. */
class Ends {
  readonly bytes = new Uint8Array(new WebAssembly.Memory({ initial: 1, maximum: 1 }).buffer);
  readonly at = libc.addressOf(this.bytes);
  readonly #ends = openPair();
  readonly reader: BatchedIo;
  readonly writer: BatchedIo;

  constructor(open: (fd: number) => BatchedIo) {
    this.reader = open(this.#ends[0]);
    this.writer = open(this.#ends[1]);
  }

  place(index: number): Address {
    return (this.at + index * LENGTH) as Address;
  }

  message(index: number): Uint8Array {
    return this.bytes.subarray(index * LENGTH, (index + 1) * LENGTH);
  }

  /** Writes messages of the numbers, which the reader is to find. Returns the results. */
  write(numbers: readonly number[]): number[] {
    for (const [i, number] of numbers.entries()) {
      this.message(i).fill(number);
      this.writer.write(this.place(i), LENGTH);
    }
    this.writer.submit();
    return numbers.map((_, i) => this.writer.result(i));
  }

  /** Reads messages; the number of each, or the error number below 0. */
  read(count: number): number[] {
    this.bytes.fill(0);
    for (let i = 0; i < count; i++) this.reader.read(this.place(i), LENGTH);
    this.reader.submit();
    return Array.from({ length: count }, (_, i) => {
      const result = this.reader.result(i);
      return result === LENGTH ? this.message(i)[LENGTH - 1]! : result;
    });
  }

  close(): void {
    this.reader.close();
    this.writer.close();
    for (const end of this.#ends) libc.close(end);
  }
}

const numbersFrom = (first: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => (first + i) & 0xff);
const all = (count: number, value: number): number[] => new Array<number>(count).fill(value);

describe('link/io-uring and link/batched-io', () => {
  let ends: Ends;
  /** A ring whose kernel does something else. */
  const changed = (change: Partial<RingCalls>, errno = (): number => libc.errno()) =>
    new Ends((fd) => IoUring.open({ ...libc, errno, ring: { ...libc.ring!, ...change } }, fd)!);

  afterEach(() => ends.close());

  for (const [title, suite, open] of [
    ['several operations a call', describeRing, (fd: number) => IoUring.open(libc, fd)!],
    ['one operation a call', describe, (fd: number) => new SingleIo(libc, fd)],
  ] as const) {
    suite(title, () => {
      beforeEach(() => {
        ends = new Ends(open);
      });

      it('moves octets in the order in which it was asked to, again and again', () => {
        let first = 0;
        fc.assert(
          fc.property(fc.integer({ min: 1, max: ends.reader.size }), (count) => {
            const numbers = numbersFrom(first, count);
            expect(ends.write(numbers)).to.deep.equal(all(count, LENGTH));
            expect(ends.read(count)).to.deep.equal(numbers);
            first = (first + count) & 0xff;
          }),
          { numRuns: 500 },
        );
      });

      it('says of each operation what came of it', () => {
        const { reader, writer } = ends;
        expect(ends.read(reader.size)).to.deep.equal(all(reader.size, -Errno.EAGAIN));
        writer.write(ends.place(0), 3);
        writer.submit();
        expect(writer.result(0)).to.equal(3);
        expect(ends.read(reader.size)).to.deep.equal([3, ...all(reader.size - 1, -Errno.EAGAIN)]);
        writer.write(0 as Address, LENGTH);
        writer.submit();
        expect(writer.result(0)).to.equal(-Errno.EFAULT);
      });

      it('nothing put down is nothing done', () => {
        ends.reader.submit();
        ends.write([7]);
        ends.writer.submit();
        expect(ends.read(1)).to.deep.equal([7]);
      });

      it('memory may lie above 2^32', () => {
        expect(ends.at).to.be.above(2 ** 32);
        const numbers = numbersFrom(1, Math.min(2, ends.reader.size));
        ends.write(numbers);
        expect(ends.read(numbers.length)).to.deep.equal(numbers);
      });
    });
  }

  describeRing('where the kernel does not go along', () => {
    const opened = (change: Partial<RingCalls>): { made: boolean; closed: number; unmapped: number } => {
      const counts = { closed: 0, unmapped: 0 };
      const unmap = (mapping: ArrayBuffer): void => {
        counts.unmapped++;
        libc.ring!.unmap(mapping);
      };
      const close = (fd: number): number => {
        counts.closed++;
        return libc.close(fd);
      };
      ends = new Ends((fd) => new SingleIo(libc, fd));
      const pair = openPair();
      const made = IoUring.open({ ...libc, close, ring: { ...libc.ring!, unmap, ...change } }, pair[0]);
      for (const end of pair) libc.close(end);
      return { made: made !== undefined, ...counts };
    };

    it('has none: there is no ring', () => {
      ends = new Ends((fd) => new SingleIo(libc, fd));
      expect(IoUring.open({ ...libc, ring: undefined }, 0)).to.equal(undefined);
    });

    it('gives its memory back', () => {
      const mapped = (): number => readFileSync('/proc/self/maps', 'utf8').split('io_uring').length - 1;
      const before = mapped();
      ends = new Ends((fd) => IoUring.open(libc, fd)!);
      expect(mapped()).to.be.above(before);
      ends.reader.close();
      ends.writer.close();
      expect(mapped()).to.equal(before);
      ends = new Ends((fd) => new SingleIo(libc, fd));
    });

    it('forbids it: there is none, and nothing is left open', () => {
      expect(opened({ setup: () => -1 })).to.deep.equal({ made: false, closed: 0, unmapped: 0 });
    });

    it('does not map a part of it: there is none, and nothing is left open or mapped', () => {
      for (const failing of [0, 1]) {
        let calls = 0;
        const map: RingCalls['map'] = (...args) => (calls++ === failing ? undefined : libc.ring!.map(...args));
        expect(opened({ map })).to.deep.equal({ made: false, closed: 1, unmapped: 1 });
        ends.close();
      }
      ends = new Ends((fd) => new SingleIo(libc, fd));
    });

    it('cannot do without waiting on this descriptor: there is none, and nothing is left open or mapped', () => {
      expect(opened({ enter: () => 0 })).to.deep.equal({ made: false, closed: 1, unmapped: 2 });
    });
  });

  describeRing('when the kernel takes less than it is given', () => {
    it('a signal before the call: it is called again', () => {
      let interruptions = 0;
      const errno = (): number => (interruptions-- > 0 ? EINTR : libc.errno());
      const enter: RingCalls['enter'] = (...args) => (interruptions > 0 ? -1 : libc.ring!.enter(...args));
      ends = changed({ enter }, errno);
      interruptions = 3;
      expect(ends.write([3, 4, 5])).to.deep.equal(all(3, LENGTH));
      expect(interruptions).to.equal(0);
      expect(ends.read(3)).to.deep.equal([3, 4, 5]);
    });

    it('does not wait for results: they are there, since no operation waits', () => {
      const enter: RingCalls['enter'] = (ring, count, _least, flags) => libc.ring!.enter(ring, count, 0, flags);
      ends = changed({ enter });
      for (let round = 0; round < 100; round++) {
        expect(ends.read(2)).to.deep.equal(all(2, -Errno.EAGAIN));
        expect(ends.write([1, 2, 3])).to.deep.equal(all(3, LENGTH));
        expect(ends.read(3)).to.deep.equal([1, 2, 3]);
      }
    });

    it('a part at a time: all is done, in order', () => {
      const enter: RingCalls['enter'] = (ring, count, least, flags) =>
        libc.ring!.enter(ring, Math.min(count, 3), Math.min(least, 3), flags);
      ends = changed({ enter });
      const numbers = numbersFrom(9, 20);
      expect(ends.write(numbers)).to.deep.equal(all(20, LENGTH));
      expect(ends.read(20)).to.deep.equal(numbers);
    });

    it('a part, and then nothing more: the rest would have waited, and the next call is as any', () => {
      let room = Infinity;
      const enter: RingCalls['enter'] = (ring, count, least, flags) => {
        const taken = Math.min(count, room);
        room -= taken;
        return taken === 0 ? 0 : libc.ring!.enter(ring, taken, Math.min(least, taken), flags);
      };
      ends = changed({ enter });
      room = 2;
      expect(ends.write([1, 2, 3, 4, 5])).to.deep.equal([LENGTH, LENGTH, ...all(3, -Errno.EAGAIN)]);
      room = Infinity;
      expect(ends.read(3)).to.deep.equal([1, 2, -Errno.EAGAIN]);
      const numbers = numbersFrom(40, 60);
      expect(ends.write(numbers)).to.deep.equal(all(60, LENGTH));
      expect(ends.read(60)).to.deep.equal(numbers);
    });
  });
});
