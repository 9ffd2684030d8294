/**
 * What an idle connection costs: octets of heap and buffers for each end, after it has carried text and been left alone for a while.
 */
import { expect } from 'chai';
import { MINUTE, MS, SECOND } from '../../src/core/time.ts';
import { addHost } from '../../src/lab/topology.ts';
import type { LabHost } from '../../src/lab/topology.ts';
import { Simulation } from '../../src/lab/simulator.ts';
import { cable } from '../../src/link/cable.ts';
import { BlockingCalls } from '../../src/node/blocking.ts';
import { AF_INET, SOCK_STREAM } from '../../src/socket/constants.ts';
import { heapInUse } from '../support/heap.ts';
import { must } from '../support/programs.ts';

const PORT = 7;
const TEXT = new Uint8Array(100);
/** Connections opened at a time, before the measurement, and for it. */
const BATCH = 100;
const BEFORE = 200;
const MEASURED = 3000;
/**
 * The bounds (octets), as ARCHITECTURE.md has them: an end of a connection, and a call that waits for it with its promise. Measured alone,
 * 2,165 and 710; maybe more in a process that has run other tests, where V8 knows more numbers that are not small integers.
 */
const PER_END = 2432;
const PER_WAIT = 768;

/** A client and a server that leave their connections idle. */
class IdleConnections {
  readonly #simulation = new Simulation({ seed: 3 });
  readonly #client: LabHost;
  readonly #server: LabHost;
  readonly #listener: number;
  readonly #into = new Uint8Array(TEXT.length);
  readonly #blocking: BlockingCalls;
  readonly #accepted: number[] = [];

  constructor() {
    const [left, right] = cable({ delay: MS });
    this.#client = addHost(this.#simulation, 'client', [{ link: left, address: '10.0.0.1/24' }]);
    this.#server = addHost(this.#simulation, 'server', [{ link: right, address: '10.0.0.2/24' }]);
    const { calls } = this.#server;
    this.#blocking = new BlockingCalls(calls);
    this.#listener = must(calls.socket(AF_INET, SOCK_STREAM, 0), 'socket');
    must(calls.bind(this.#listener, { address: '0.0.0.0', port: PORT }), 'bind');
    must(calls.listen(this.#listener, BATCH), 'listen');
  }

  /** Opens so many; each client sends, and the server reads that, and sends it back if it `echoes`. */
  open(count: number, echoes: boolean): void {
    for (let opened = 0; opened < count; opened += BATCH) this.#openBatch(echoes);
    this.#simulation.runFor(MINUTE);
  }

  /** A program on the server waits to receive more on each. */
  waitForMore(): void {
    for (const fd of this.#accepted) void this.#blocking.recv(fd, this.#into, undefined, {});
  }

  /** Octets of buffers that the connections hold. */
  get buffered(): number {
    return this.#client.stack.context.buffers.inUse + this.#server.stack.context.buffers.inUse;
  }

  #openBatch(echoes: boolean): void {
    const [client, server] = [this.#client.calls, this.#server.calls];
    const fds = Array.from({ length: BATCH }, () => must(client.socket(AF_INET, SOCK_STREAM, 0), 'socket'));
    for (const fd of fds) client.connect(fd, { address: '10.0.0.2', port: PORT });
    this.#simulation.runFor(5 * SECOND); // the first SYNs may be lost: they wait for ARP
    for (const fd of fds) must(client.send(fd, TEXT), 'send');
    this.#simulation.runFor(SECOND);
    for (let i = 0; i < BATCH; i++) {
      const fd = must(server.accept(this.#listener), 'accept');
      this.#accepted.push(fd);
      expect(server.recv(fd, this.#into)).to.equal(TEXT.length);
      if (echoes) must(server.send(fd, TEXT), 'send');
    }
    this.#simulation.runFor(SECOND);
    if (echoes) for (const fd of fds) expect(client.recv(fd, this.#into)).to.equal(TEXT.length);
  }
}

/** What is in use when nothing more is to be had: code that has run once goes at a later collection than the first. */
function settled(): number {
  for (let i = 0; i < 8; i++) heapInUse();
  return heapInUse();
}

describe('stack: memory of idle connections', () => {
  for (const [name, echoes] of [
    ['one end has sent and one has received', false],
    ['both ends have sent and received', true],
  ] as const) {
    it(`${name}: at most ${PER_END} octets an end, and no buffers`, () => {
      const connections = new IdleConnections();
      connections.open(BEFORE, echoes);
      const before = settled();
      connections.open(MEASURED, echoes);
      const perEnd = (settled() - before) / MEASURED / 2;
      expect(perEnd).to.be.below(PER_END);
      expect(connections.buffered).to.equal(0);
    });
  }

  it(`a receive that waits: at most ${PER_WAIT} octets more, and no buffer`, () => {
    const connections = new IdleConnections();
    connections.open(MEASURED, false);
    const before = settled();
    connections.waitForMore();
    const perWait = (settled() - before) / MEASURED;
    expect(perWait).to.be.below(PER_WAIT);
    expect(connections.buffered).to.equal(0);
  });
});
