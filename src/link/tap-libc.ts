/**
 * The system calls of a TAP device through koffi, a C function interface that ships its binaries: no compiler is needed.
 *
 * Loaded on first use, so that a stack on virtual links runs where koffi cannot. Buffers are passed as plain numbers: the
 * address of a buffer's memory is below 2^53 and does not move, and number + offset needs no view per call. Measured on a
 * read of one octet: 600 ns by number, 670 ns by a cached view, 840 ns with a fresh subarray (scripts/bench/pump.ts).
 */

import type Koffi from 'koffi';
import type { LibraryHandle } from 'koffi';

/** Memory address of the first octet of a buffer. Whoever passes it to a call keeps the buffer alive until it returns. */
export type Address = number & { readonly brand: 'Address' };

/** Readiness of one descriptor on Node's event loop. Whoever wants it to go on holds on to it: it ends when collected. */
export interface ReadWatch {
  /** Stops the calls until `resume`. */
  pause(): void;
  resume(): void;
  /** Ends it; the descriptor may be closed afterwards. Twice is allowed. */
  close(): void;
}

/** The system calls of io_uring(7); io-uring.ts knows what they want. Each returns -1 on failure. */
export interface RingCalls {
  /** `params` is a struct io_uring_params, which the kernel fills in. Returns a descriptor. */
  setup(entries: number, params: Uint32Array): number;
  enter(ring: number, toSubmit: number, minComplete: number, flags: number): number;
  /** A part of a ring as memory to read and write; undefined when it cannot be mapped. */
  map(ring: number, length: number, offset: number): ArrayBuffer | undefined;
  /** Nobody may touch the memory afterwards. */
  unmap(mapping: ArrayBuffer): void;
}

export interface Libc {
  /** Undefined where there is no way to ask for it. */
  readonly ring: RingCalls | undefined;
  /** Each returns -1 on failure; `errno()` right after it tells why. */
  open(path: string, flags: number): number;
  close(fd: number): number;
  read(fd: number, address: Address, length: number): number;
  write(fd: number, address: Address, length: number): number;
  /** ioctl with a pointer to `argument`, which it may change. */
  ioctl(fd: number, request: number, argument: Uint8Array): number;
  /** ioctl with a number for an argument. */
  ioctlValue(fd: number, request: number, argument: number): number;
  socket(domain: number, type: number, protocol: number): number;
  /** sched_yield(2): whoever waits for this processor has it first. */
  yield(): void;
  /** The calling thread's last error number, positive. */
  errno(): number;
  /** Where the memory of a buffer lies. The buffer must be longer than 64 octets: V8 moves shorter ones about. */
  addressOf(bytes: Uint8Array): Address;
  /**
   * Calls `onReadable` from the event loop for as long as the descriptor is readable. It does not keep the process alive.
   * Promises and ticks do not run after the call, as it comes from outside Node: do real work in a setImmediate.
   */
  watch(fd: number, onReadable: () => void): ReadWatch;
}

let loaded: Promise<Libc> | undefined;

/** The C library of this process. Rejects when koffi has no binary for this platform. */
export function loadLibc(): Promise<Libc> {
  return (loaded ??= bind());
}

async function bind(): Promise<Libc> {
  const { default: koffi } = await import('koffi');
  const { errno } = koffi;
  const library = koffi.load(null);
  const ioctl = library.func('int ioctl(int fd, unsigned long request, _Inout_ uint8_t *argument)');
  // On this ABI a variadic integer and a pointer travel alike; the second declaration spares the by-value requests a buffer.
  const ioctlValue = library.func('ioctl', 'int', ['int', 'ulong', 'ulong']);
  return {
    open: library.func('int open(const char *path, int flags)') as Libc['open'],
    close: library.func('int close(int fd)') as Libc['close'],
    // What they return is as long as a frame, or -1: the lower half of the register, and cheaper to make a number of.
    read: library.func('read', 'int', ['int', 'uintptr_t', 'size_t']) as Libc['read'],
    write: library.func('write', 'int', ['int', 'uintptr_t', 'size_t']) as Libc['write'],
    ioctl: ioctl as Libc['ioctl'],
    ioctlValue: ioctlValue as Libc['ioctlValue'],
    socket: library.func('int socket(int domain, int type, int protocol)') as Libc['socket'],
    yield: library.func('int sched_yield()') as Libc['yield'],
    errno,
    addressOf: (bytes) => Number(koffi.address(bytes)) as Address,
    ring: bindRing(koffi, library),
    watch: (fd, onReadable) => watch(koffi.node, fd, onReadable),
  };
}

/** Numbers that all architectures have in common, but for Alpha. */
const SYS_IO_URING_SETUP = 425;
const SYS_IO_URING_ENTER = 426;
const PROT_READ_WRITE = 3;
const MAP_SHARED_POPULATE = 0x8001;

/** The C library has no functions for these two calls, but one for any. */
function bindRing(koffi: typeof Koffi, library: LibraryHandle): RingCalls {
  const setup = library.func('syscall', 'int', ['long', 'uint', '_Inout_ uint32_t *']);
  const enter = library.func('syscall', 'int', ['long', 'uint', 'uint', 'uint', 'uint', 'uintptr_t', 'size_t']);
  const mmap = library.func('mmap', 'intptr_t', ['uintptr_t', 'size_t', 'int', 'int', 'int', 'long']);
  const munmap = library.func('int munmap(void *address, size_t length)');
  return {
    setup: (entries, params) => setup(SYS_IO_URING_SETUP, entries, params) as number,
    enter: (ring, toSubmit, minComplete, flags) =>
      enter(SYS_IO_URING_ENTER, ring, toSubmit, minComplete, flags, 0, 0) as number,
    map(ring, length, offset) {
      const address = mmap(0, length, PROT_READ_WRITE, MAP_SHARED_POPULATE, ring, offset) as number;
      return address < 0 ? undefined : koffi.view(address, length);
    },
    unmap: (mapping) => void munmap(mapping, mapping.byteLength),
  };
}

function watch(node: typeof Koffi.node, fd: number, onReadable: () => void): ReadWatch {
  const handle = node.poll(fd, { readable: true }, onReadable);
  handle.unref();
  let state: 'running' | 'paused' | 'closed' = 'running';
  return {
    pause() {
      if (state !== 'running') return;
      state = 'paused';
      handle.stop();
    },
    resume() {
      if (state !== 'paused') return;
      state = 'running';
      handle.start({ readable: true }, onReadable);
    },
    close() {
      if (state === 'closed') return;
      state = 'closed';
      handle.close();
    },
  };
}
