/**
 * A timer that ends to the microsecond without spinning: timerfd(2) on Node's event loop. Node's own have whole milliseconds, which
 * is the time of eight frames on a link of 100 Mbit/s.
 */
import koffi from 'koffi';
import { SECOND } from '../../../src/core/time.ts';
import type { Micros } from '../../../src/core/time.ts';
import { loadLibc } from '../../../src/link/tap-libc.ts';
import type { Address, Libc, ReadWatch } from '../../../src/link/tap-libc.ts';

const CLOCK_MONOTONIC = 1;
const TFD_NONBLOCK = 0o4000;
const TFD_CLOEXEC = 0o2000000;

type Create = (clock: number, flags: number) => number;
type SetTime = (fd: number, flags: number, value: Address, old: number) => number;

export class Alarm {
  readonly #libc: Libc;
  readonly #setTime: SetTime;
  readonly #fd: number;
  readonly #watch: ReadWatch;
  /** struct itimerspec: interval and value, each in seconds and nanoseconds; longer, so that V8 does not move it. */
  readonly #spec = new BigInt64Array(16);
  readonly #specAt: Address;
  readonly #count = new Uint8Array(128);
  readonly #countAt: Address;

  private constructor(libc: Libc, onEnd: () => void) {
    const library = koffi.load(null);
    const create = library.func('int timerfd_create(int clock, int flags)') as Create;
    this.#setTime = library.func('timerfd_settime', 'int', ['int', 'int', 'uintptr_t', 'uintptr_t']) as SetTime;
    this.#libc = libc;
    this.#fd = create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (this.#fd < 0) throw new Error(`timerfd_create: error ${libc.errno()}`);
    this.#specAt = libc.addressOf(new Uint8Array(this.#spec.buffer));
    this.#countAt = libc.addressOf(this.#count);
    this.#watch = libc.watch(this.#fd, () => {
      // What is read says only how often it ended; reading makes the descriptor quiet.
      libc.read(this.#fd, this.#countAt, 8);
      onEnd();
    });
  }

  static async open(onEnd: () => void): Promise<Alarm> {
    return new Alarm(await loadLibc(), onEnd);
  }

  /** Ends after `span` (us), at least one; an earlier setting is forgotten. */
  set(span: Micros | number): void {
    const whole = Math.max(1, Math.ceil(span));
    this.#spec[2] = BigInt(Math.floor(whole / SECOND));
    this.#spec[3] = BigInt((whole % SECOND) * 1000);
    this.#setTime(this.#fd, 0, this.#specAt, 0);
  }

  close(): void {
    this.#watch.close();
    this.#libc.close(this.#fd);
  }
}
