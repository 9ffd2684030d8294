/**
 * The bound on the buffers of all connections together: peers that send all they can to programs that do not read, and what becomes of
 * them when the programs read after all. tcp(7), tcp_mem; RFC 2018 §8.
 */
import { expect } from 'chai';
import type { TcpConfig } from '../../src/core/config.ts';
import { getU16 } from '../../src/core/bytes.ts';
import { SMALLEST_BUFFER } from '../../src/core/buffers.ts';
import { MINUTE, MS, SECOND } from '../../src/core/time.ts';
import type { Frame } from '../../src/core/frame.ts';
import { macAddress } from '../../src/ethernet/address.ts';
import { addHost } from '../../src/lab/topology.ts';
import type { LabHost } from '../../src/lab/topology.ts';
import { Simulation } from '../../src/lab/simulator.ts';
import { patternBytes } from '../../src/lab/transfer.ts';
import { cable } from '../../src/link/cable.ts';
import { impair } from '../../src/link/impair.ts';
import type { ImpairedLink } from '../../src/link/impair.ts';
import { connectTo, serve } from '../support/programs.ts';
import type { StreamEnd } from '../support/programs.ts';
import { same, segmentIn } from '../support/session.ts';

const MIB = 1024 * 1024;
const PORT = 4000;

/** A client with plenty of memory and a server with little, whose programs do not read. */
class Scarce {
  readonly simulation = new Simulation({ seed: 3 });
  readonly client: LabHost;
  readonly server: LabHost;
  readonly wire: ImpairedLink;
  readonly clients: StreamEnd[] = [];
  readonly accepted: StreamEnd[] = [];
  /** Most octets in use on the server, beyond what its rings have as smallest buffers. */
  most = 0;
  #reading = false;
  /** Octets that each client sends. */
  #each = 0;

  constructor(tcp: Partial<TcpConfig>) {
    const [left, right] = cable({ delay: MS });
    this.wire = impair(left, { random: this.simulation.random.fork() });
    this.client = addHost(this.simulation, 'client', [{ link: this.wire, address: '10.0.0.1/24' }]);
    const mac = macAddress(0x0200_0000_0002);
    this.server = addHost(this.simulation, 'server', [{ link: right, address: '10.0.0.2/24', mac }], { tcp });
    const onClient = (end: StreamEnd): void => {
      end.reading = this.#reading;
      this.accepted.push(end);
    };
    serve(this.server, PORT, onClient, { reading: false });
  }

  get inUse(): number {
    return this.server.stack.context.buffers.inUse;
  }

  /** Connects `count` clients, each of which sends `bytes`. */
  connect(count: number, bytes: Uint8Array): void {
    this.#each = bytes.length;
    for (let i = 0; i < count; i++) {
      this.clients.push(connectTo(this.client, '10.0.0.2', PORT).write(bytes));
      if (i % 50 === 49) this.run(20 * MS);
    }
  }

  /** Lets time pass and looks at the account every now and then. */
  run(span: number): void {
    const { simulation } = this;
    const end = simulation.now + span;
    while (simulation.now < end) {
      simulation.runFor(Math.min(10 * MS, end - simulation.now));
      this.check();
    }
  }

  check(): void {
    let sum = 0;
    for (const connection of this.server.stack.tcp.connections()) sum += connection.info().memory;
    expect(this.inUse, 'the account is what the connections hold').to.equal(sum);
    this.most = Math.max(this.most, this.inUse);
  }

  readAll(limit: number): void {
    this.#reading = true;
    for (const end of this.accepted) end.reading = true;
    const { clients, accepted } = this;
    const read = (end: StreamEnd): boolean => end.receivedLength === this.#each;
    const everything = (): boolean => accepted.length === clients.length && accepted.every(read);
    expect(this.simulation.run(everything, limit)).to.equal('reached');
  }
}

describe('stack: a bound on the memory of all connections', () => {
  it('1,000 connections that nobody reads from: memory stays below the bound, and all go on when they are read', () => {
    const limit = 4 * MIB;
    const scene = new Scarce({ memoryLimit: limit });
    const bytes = patternBytes(24_000);
    scene.connect(1000, bytes);
    scene.run(5 * SECOND);
    expect(scene.most).to.be.within(limit / 2, limit + 1000 * SMALLEST_BUFFER);
    expect(scene.server.stack.context.buffers.underPressure).to.equal(true);
    const { drops } = scene.server.stack.context;
    expect(drops.count('tcp-no-memory')).to.be.above(0);
    scene.readAll(5 * MINUTE);
    for (const end of scene.accepted) expect(same(end.received, bytes)).to.equal(true);
    scene.client.calls.closeAll();
    scene.server.calls.closeAll();
    scene.simulation.runFor(20 * MINUTE);
    expect(scene.inUse).to.equal(0);
  }).timeout(60_000);

  it('at the bound no connection is made: SYNs are dropped by name, connect fails with ENOBUFS', () => {
    const scene = new Scarce({ memoryLimit: MIB });
    scene.connect(50, patternBytes(60_000));
    scene.run(2 * SECOND);
    const { buffers, drops } = scene.server.stack.context;
    expect(buffers.hasRoom(32 * 1024)).to.equal(false);
    while (!buffers.exhausted) buffers.take(SMALLEST_BUFFER);
    const before = drops.count('tcp-no-memory');
    const late = connectTo(scene.client, '10.0.0.2', PORT);
    const own = connectTo(scene.server, '10.0.0.1', 9);
    scene.simulation.runFor(SECOND);
    expect([late.connected, own.error]).to.deep.equal([false, 'ENOBUFS']);
    expect(drops.count('tcp-no-memory')).to.be.above(before);
  });

  it('2018-8: what waits beyond gaps goes first, and comes again', () => {
    const scene = new Scarce({ memoryLimit: MIB });
    const { drops } = scene.server.stack.context;
    const bytes = patternBytes(50_000);
    // The first segment of each of these is lost again and again: all that follows it waits beyond a gap.
    const firsts = new Map<number, number>();
    const dropIf = (frame: Frame): boolean => {
      const seen = segmentIn(frame);
      if (seen === undefined || seen.length === 0) return false;
      const port = getU16(frame.bytes, frame.start + 34);
      if (!firsts.has(port) && firsts.size < 8) firsts.set(port, seen.seq);
      return firsts.get(port) === seen.seq;
    };
    scene.wire.outgoing.configure({ dropIf });
    scene.connect(8, bytes);
    scene.run(100 * MS);
    expect(scene.inUse).to.be.above(8 * 2 * SMALLEST_BUFFER);
    scene.connect(24, bytes);
    scene.run(2 * SECOND);
    expect(drops.count('tcp-out-of-order-pruned')).to.be.above(0);
    expect(scene.most).to.be.at.most(MIB + 32 * SMALLEST_BUFFER);
    scene.wire.outgoing.configure({});
    scene.readAll(5 * MINUTE);
    for (const end of scene.accepted) expect(same(end.received, bytes)).to.equal(true);
  });

  it('closed connections beyond config.tcp.maxOrphans are reset', () => {
    const scene = new Scarce({ maxOrphans: 3 });
    const { server, client, simulation } = scene;
    serve(client, PORT, () => undefined, { reading: false, receiveBuffer: 4096 });
    const ends = Array.from({ length: 5 }, () => connectTo(server, '10.0.0.1', PORT).write(patternBytes(20_000)));
    simulation.runFor(SECOND);
    // What they have sent is not read: none can end.
    for (const end of ends) end.finish().close();
    simulation.runFor(SECOND);
    expect(server.stack.context.drops.count('tcp-too-many-orphans')).to.equal(2);
    expect([...server.stack.tcp.connections()].length).to.equal(3);
    expect(server.stack.tcp.orphans.size).to.equal(3);
  });
});
