/**
 * Sends octets from one simulated host to another over a TCP connection, as two small programs on non-blocking sockets would.
 * For tests and measurements in virtual time.
 */
import { errnoName } from '../core/errno.ts';
import type { Micros } from '../core/time.ts';
import { SeededRandom } from '../core/random.ts';
import type { SocketCalls } from '../socket/calls.ts';
import { AF_INET, SHUT_WR, SOCK_STREAM, SOL_SOCKET, SO_ERROR } from '../socket/constants.ts';
import { Readiness } from '../tcp/service.ts';
import type { RunEnd, Simulation } from './simulator.ts';
import type { LabHost } from './topology.ts';

/** Octets taken from a socket at a time. */
const CHUNK = 65_536;

export interface TransferOptions {
  /** Where the receiver listens; 5001 by default. */
  readonly port?: number;
  /** Virtual time that it may take (us); an hour by default. */
  readonly limit?: number;
}

export interface Transfer {
  /** What arrived, in order. */
  readonly received: Uint8Array;
  /** How the run ended: 'reached' when both programs finished, well or with an error. */
  readonly end: RunEnd;
  /** The first failure of either program, e.g. `send: ECONNRESET`; '' when there was none. */
  readonly error: string;
  /** When the connection was asked for, when it was there, when the last octet was read (us); NaN when it never was. */
  readonly started: Micros;
  readonly connected: Micros;
  readonly finished: Micros;
  /** Octets a second, from the start to the last octet. */
  readonly goodput: number;
}

/** A program's view of a transfer: what it reports, and how it waits. */
interface Report {
  connected: number;
  finished: number;
  error: string;
  parts: Uint8Array[];
  running: number;
}

/** Octets that look random and are the same for the same seed. */
export function patternBytes(length: number, seed = 1): Uint8Array {
  const random = new SeededRandom(seed);
  return Uint8Array.from({ length }, () => random.u32() >>> 24);
}

/** Runs the simulation until `bytes` have gone from one host to the other and both have closed, or the time is up. */
export function transfer(
  simulation: Simulation,
  from: LabHost,
  to: LabHost,
  bytes: Uint8Array,
  options: TransferOptions = {},
): Transfer {
  const report: Report = { connected: NaN, finished: NaN, error: '', parts: [], running: 2 };
  const started = simulation.now;
  const port = options.port ?? 5001;
  receiver(to.calls, port, report, simulation);
  sender(from.calls, { address: to.address, port }, bytes, report, simulation);
  const end = simulation.run(() => report.running === 0, options.limit);
  const received = concatenate(report.parts);
  return {
    received,
    end,
    error: report.error,
    started,
    connected: report.connected as Micros,
    finished: report.finished as Micros,
    goodput: (received.length * 1_000_000) / (report.finished - started),
  };
}

/** Accepts one connection and reads it to its end. */
function receiver(calls: SocketCalls, port: number, report: Report, simulation: Simulation): void {
  const buffer = new Uint8Array(CHUNK);
  const listener = check(calls.socket(AF_INET, SOCK_STREAM, 0), 'socket');
  check(calls.bind(listener, { address: '0.0.0.0', port }), 'bind');
  check(calls.listen(listener, 1), 'listen');

  const read = (fd: number): void => {
    for (;;) {
      const count = calls.recv(fd, buffer);
      if (count > 0) {
        report.parts.push(buffer.slice(0, count));
        report.finished = simulation.now;
      } else if (isAgain(count)) {
        calls.wait(fd, Readiness.Readable, () => read(fd));
        return;
      } else {
        finish(calls, fd, count, 'recv', report);
        return;
      }
    }
  };
  calls.wait(listener, Readiness.Readable, () => {
    const fd = calls.accept(listener);
    calls.close(listener);
    if (fd < 0) finish(calls, -1, fd, 'accept', report);
    else read(fd);
  });
}

/** Connects, sends everything, and waits for the other side to finish. */
function sender(
  calls: SocketCalls,
  to: { address: string; port: number },
  bytes: Uint8Array,
  report: Report,
  simulation: Simulation,
): void {
  const scratch = new Uint8Array(1);
  const fd = check(calls.socket(AF_INET, SOCK_STREAM, 0), 'socket');
  let sent = 0;

  const awaitEnd = (): void => {
    const count = calls.recv(fd, scratch);
    if (isAgain(count)) calls.wait(fd, Readiness.Readable, awaitEnd);
    else finish(calls, fd, count, 'recv', report);
  };
  const write = (): void => {
    while (sent < bytes.length) {
      const count = calls.send(fd, bytes, 0, sent);
      if (isAgain(count)) {
        calls.wait(fd, Readiness.Writable, write);
        return;
      }
      if (count < 0) {
        finish(calls, fd, count, 'send', report);
        return;
      }
      sent += count;
    }
    check(calls.shutdown(fd, SHUT_WR), 'shutdown');
    awaitEnd();
  };
  const result = calls.connect(fd, to);
  if (errnoName(result) !== 'EINPROGRESS') check(result, 'connect');
  calls.wait(fd, Readiness.Writable, () => {
    const failure = Number(calls.getsockopt(fd, SOL_SOCKET, SO_ERROR));
    if (failure !== 0) {
      finish(calls, fd, -failure, 'connect', report);
      return;
    }
    report.connected = simulation.now;
    write();
  });
}

/** A program ends: closes its socket and notes a failure. When the sender fails to connect there is no receiver to wait for. */
function finish(calls: SocketCalls, fd: number, result: number, call: string, report: Report): void {
  if (result < 0 && report.error === '') report.error = `${call}: ${errnoName(result)}`;
  if (fd >= 0) calls.close(fd);
  report.running = call === 'connect' ? 0 : report.running - 1;
}

const isAgain = (result: number): boolean => result < 0 && errnoName(result) === 'EAGAIN';

/** The result of a call that must not fail here. */
function check(result: number, call: string): number {
  if (result < 0) throw new Error(`${call}: ${errnoName(result)}`);
  return result;
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
