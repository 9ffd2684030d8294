/**
 * Several bulk flows from one simulated host to another, for what congestion control makes of a path in virtual time.
 */
import type { ConfigOverrides } from '../../src/core/config.ts';
import { errnoName } from '../../src/core/errno.ts';
import { Simulation } from '../../src/lab/simulator.ts';
import { addHost } from '../../src/lab/topology.ts';
import type { LabHost } from '../../src/lab/topology.ts';
import { cable } from '../../src/link/cable.ts';
import type { CableOptions } from '../../src/link/cable.ts';
import { impair } from '../../src/link/impair.ts';
import type { ImpairSettings } from '../../src/link/impairment.ts';
import type { SocketCalls } from '../../src/socket/calls.ts';
import * as c from '../../src/socket/constants.ts';
import { Readiness } from '../../src/tcp/service.ts';
import type { TcpInfo } from '../../src/tcp/service.ts';

const PORT = 5001;
const chunk = new Uint8Array(65_536);

export interface Path {
  readonly simulation: Simulation;
  readonly a: LabHost;
  readonly b: LabHost;
}

/** Two hosts on a cable, without a recorder: `impairment` is what befalls what `a` sends. */
export function path(options: CableOptions, impairment: ImpairSettings = {}, config: ConfigOverrides = {}): Path {
  const simulation = new Simulation({ seed: 3 });
  const [left, right] = cable(options);
  const link = impair(left, { outgoing: impairment, random: simulation.random.fork() });
  const a = addHost(simulation, 'a', [{ link, address: '10.0.0.1/24' }], config);
  const b = addHost(simulation, 'b', [{ link: right, address: '10.0.0.2/24' }], config);
  return { simulation, a, b };
}

/** A flow that has no end, or sends so many octets and then nothing. */
export class Flow {
  /** Octets that have arrived. */
  received = 0;
  readonly #calls: SocketCalls;
  readonly #fd: number;
  /** Octets that are still to be sent. */
  #left: number;

  /** Connects `lab.a` to a reader on `lab.b`; each flow needs its own `port`. */
  constructor(lab: Path, congestion: string, port = PORT, octets = Infinity) {
    this.#left = octets;
    this.#calls = lab.a.calls;
    const reader = lab.b.calls;
    const listener = check(reader.socket(c.AF_INET, c.SOCK_STREAM, 0));
    check(reader.bind(listener, { address: '0.0.0.0', port }));
    check(reader.listen(listener, 1));
    reader.wait(listener, Readiness.Readable, () => this.#read(reader, check(reader.accept(listener))));

    this.#fd = check(this.#calls.socket(c.AF_INET, c.SOCK_STREAM, 0));
    check(this.setCongestion(congestion));
    this.#calls.connect(this.#fd, { address: lab.b.address, port });
    this.#calls.wait(this.#fd, Readiness.Writable, () => this.#write());
  }

  get info(): TcpInfo {
    return this.#calls.getsockopt(this.#fd, c.IPPROTO_TCP, c.TCP_INFO) as TcpInfo;
  }

  /** Sets TCP_CONGESTION; returns what setsockopt does. */
  setCongestion(name: string): number {
    return this.#calls.setsockopt(this.#fd, c.IPPROTO_TCP, c.TCP_CONGESTION, name);
  }

  /** Sets SO_MAX_PACING_RATE (octets/s); -1 for no bound. */
  setMaxPacingRate(rate: number): void {
    check(this.#calls.setsockopt(this.#fd, c.SOL_SOCKET, c.SO_MAX_PACING_RATE, rate));
  }

  #write(): void {
    while (this.#left > 0) {
      const count = this.#calls.send(this.#fd, chunk.subarray(0, this.#left));
      if (count < 0) {
        if (errnoName(count) !== 'EAGAIN') return;
        this.#calls.wait(this.#fd, Readiness.Writable, () => this.#write());
        return;
      }
      this.#left -= count;
    }
  }

  #read(calls: SocketCalls, fd: number): void {
    const buffer = new Uint8Array(65_536);
    const read = (): void => {
      for (let count = calls.recv(fd, buffer); count > 0; count = calls.recv(fd, buffer)) this.received += count;
      calls.wait(fd, Readiness.Readable, read);
    };
    read();
  }
}

function check(result: number): number {
  if (result < 0) throw new Error(errnoName(result));
  return result;
}

/** Jain's index: 1 when all shares are equal, 1/n when one has everything. */
export function jain(shares: readonly number[]): number {
  const sum = shares.reduce((a, b) => a + b, 0);
  const squares = shares.reduce((a, b) => a + b * b, 0);
  return (sum * sum) / (shares.length * squares);
}
