/**
 * Runs the steps of test/socket/errno-cases.ts on a socket table, with results in the form of linux-sockets.py.
 */
import type { SocketAddress } from '../../src/socket/address.ts';
import type { SocketCalls } from '../../src/socket/calls.ts';
import type { Linger } from '../../src/socket/options/option.ts';

type Argument = string | number | readonly number[];

const SO_LINGER = 13;
/** The bits of poll(2) that the kernel is asked for. */
const POLL = 0x201f;

export class CallRunner {
  readonly #calls: SocketCalls;
  readonly #settle: () => void;
  readonly #fds = new Map<string, number>();

  /** @param settle lets everything happen that the last call has set off */
  constructor(calls: SocketCalls, settle: () => void) {
    this.#calls = calls;
    this.#settle = settle;
  }

  run(steps: readonly (readonly [string, ...Argument[]])[]): unknown[] {
    const results = steps.map(([call, ...args]) => {
      const result = this.#step(call, args);
      this.#settle();
      return result;
    });
    this.#calls.closeAll();
    this.#settle();
    return results;
  }

  #step(call: string, args: readonly Argument[]): unknown {
    const calls = this.#calls;
    const fd = this.#fds.get(String(args[0])) ?? -1;
    const number = (index: number, otherwise = 0): number => Number(args[index] ?? otherwise);
    const address = (index: number): SocketAddress => ({
      address: String(args[index]),
      port: number(index + 1),
      family: number(index + 2, 2),
    });
    const into: SocketAddress = { address: '', port: 0 };
    const bytes = (): Uint8Array => new TextEncoder().encode(String(args[1]));
    switch (call) {
      case 'socket':
        return this.#opened(args[0], calls.socket(number(1), number(2), number(3)));
      case 'bind':
        return calls.bind(fd, address(1));
      case 'connect':
        return calls.connect(fd, address(1));
      case 'listen':
        return calls.listen(fd, number(1));
      case 'accept':
        return this.#opened(args[1], calls.accept(fd));
      case 'send':
        return calls.send(fd, bytes(), number(2));
      case 'sendto':
        return calls.sendto(fd, bytes(), number(2), address(3));
      case 'recv':
      case 'recvfrom':
        return this.#received(call, fd, number(1), number(2));
      case 'shutdown':
        return calls.shutdown(fd, number(1));
      case 'close':
        return calls.close(fd);
      case 'getsockname':
      case 'getpeername': {
        const result = calls[call](fd, into);
        return result < 0 ? result : [result, into.address, into.port];
      }
      case 'setsockopt':
        return calls.setsockopt(fd, number(1), number(2), optionValue(args));
      case 'getsockopt': {
        const value = calls.getsockopt(fd, number(1), number(2));
        if (typeof value === 'object') {
          const { onoff, linger } = value as Linger;
          return [0, Number(onoff), linger];
        }
        return typeof value === 'number' && value < 0 ? value : [0, value];
      }
      case 'poll':
        return calls.readiness(fd) & POLL;
      case 'atmark':
        return calls.sockatmark(fd);
      case 'wait':
        return 0;
      default:
        throw new Error(`no such step: ${call}`);
    }
  }

  #opened(name: Argument | undefined, result: number): number {
    if (result < 0) return result;
    this.#fds.set(String(name), result);
    return 0;
  }

  #received(call: string, fd: number, size: number, flags: number): unknown {
    const buffer = new Uint8Array(size);
    const from: SocketAddress = { address: '', port: -1 };
    const count = call === 'recv' ? this.#calls.recv(fd, buffer, flags) : this.#calls.recvfrom(fd, buffer, flags, from);
    if (count < 0) return count;
    const text = new TextDecoder('latin1').decode(buffer.subarray(0, Math.min(size, count)));
    return from.port < 0 ? [count, text] : [count, text, from.address, from.port];
  }
}

/** The value of a setsockopt step. A struct that is too short has no form here; null is refused the same way. */
function optionValue(args: readonly Argument[]): number | Linger {
  const value = Number(args[3]);
  if (args[1] !== 1 || args[2] !== SO_LINGER) return value;
  return args.length < 5 ? Number.NaN : { onoff: value !== 0, linger: Number(args[4]) };
}
