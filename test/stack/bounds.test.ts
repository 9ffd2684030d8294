/**
 * Whole stacks under floods: whatever strangers send, tables and queues stay within their bounds, answers within their rates, and
 * whoever was there before is served meanwhile.
 */
import { expect } from 'chai';
import { SeededRandom } from '../../src/core/random.ts';
import { MINUTE, MS, SECOND } from '../../src/core/time.ts';
import { parseAddress } from '../../src/ip/address.ts';
import { addHost } from '../../src/lab/topology.ts';
import type { LabHost } from '../../src/lab/topology.ts';
import { Simulation } from '../../src/lab/simulator.ts';
import { patternBytes } from '../../src/lab/transfer.ts';
import { macAddress } from '../../src/ethernet/address.ts';
import { cable } from '../../src/link/cable.ts';
import { AF_INET, SOCK_DGRAM, SOCK_STREAM } from '../../src/socket/constants.ts';
import { heapInUse } from '../support/heap.ts';
import { connectTo, must, serveEcho } from '../support/programs.ts';
import type { StreamEnd } from '../support/programs.ts';
import { mac, rawFrame, rawTcp, rawUdp } from '../support/raw-frames.ts';
import type { RawPacket } from '../support/raw-frames.ts';
import { same } from '../support/session.ts';

const SYN = 2;
const RST = 4;
const ACK = 16;
const ECHO = 7;
const MIB = 1024 * 1024;

/** A client and a server in 10.0.0.0/8, the client also the server's gateway, with one connection that is echoed. */
class Flooded {
  readonly simulation = new Simulation({ seed: 5 });
  readonly client: LabHost;
  readonly server: LabHost;
  readonly established: StreamEnd;
  /** Frames that the server sent, by kind. */
  readonly sent = { resets: 0, icmp: 0, acks: 0, arp: 0 };
  readonly #random = new SeededRandom(9);
  #octets = 0;

  constructor() {
    const [left, right] = cable({ delay: MS });
    this.client = addHost(this.simulation, 'client', [{ link: left, address: '10.0.0.1/8' }]);
    this.server = addHost(this.simulation, 'server', [
      { link: right, address: '10.0.0.2/8', mac: macAddress(0x0200_0000_0002) },
    ]);
    const gateway = parseAddress('10.0.0.1')!;
    must(
      this.server.stack.ip.addRoute({ destination: { address: parseAddress('0.0.0.0')!, length: 0 }, gateway }),
      'route',
    );
    serveEcho(this.server, ECHO);
    this.established = connectTo(this.client, '10.0.0.2', ECHO);
    this.simulation.run(() => this.established.connected, 5 * SECOND);
    const { stack } = this.client;
    const receive = stack.receive.bind(stack);
    stack.receive = (port, frame, now) => {
      this.#count(frame.view());
      receive(port, frame, now);
    };
  }

  /** An address that is 10.x.y.z, or one from elsewhere. */
  address(onLink: boolean): string {
    const bits = this.#random.u32();
    const high = onLink ? 10 : 20 + ((bits >>> 24) % 100);
    return `${high}.${(bits >> 16) & 255}.${(bits >> 8) & 255}.${(bits & 255) % 254 || 3}`;
  }

  inject(source: string, protocol: number, transport: Uint8Array): void {
    const packet: RawPacket = {
      destinationMac: mac('02:00:00:00:00:02'),
      sourceMac: mac('02:00:00:00:99:99'),
      source,
      destination: '10.0.0.2',
      protocol,
      transport,
      checksumAt: protocol === 6 ? 16 : 6,
    };
    const { stack } = this.server;
    stack.receive(0, rawFrame(stack.context.frames, packet), this.simulation.now);
  }

  tcp(source: string, ports: readonly [number, number], flags: number, seq = 1000): void {
    this.inject(source, 6, rawTcp(ports, seq, flags, new Uint8Array()));
  }

  count(reason: Parameters<LabHost['stack']['context']['drops']['count']>[0]): number {
    return this.server.stack.context.drops.count(reason);
  }

  /** The connection that was there before sends so many octets, and is to get them back. */
  write(count: number): void {
    this.established.write(patternBytes(count, this.#octets));
    this.#octets += count;
  }

  /** The connection that was there before still carries octets both ways. */
  expectServed(limit = 5 * SECOND): void {
    const end = this.established;
    this.write(3000);
    this.simulation.run(() => end.receivedLength === this.#octets || end.error !== '', limit);
    expect(end.error).to.equal('');
    expect(same(end.received.subarray(-3000), patternBytes(3000, this.#octets - 3000))).to.equal(true);
  }

  expectNewClientIn(port = ECHO): void {
    const end = connectTo(this.client, '10.0.0.2', port).write(patternBytes(1000)).finish();
    this.simulation.run(() => end.ended || end.error !== '', 20 * SECOND);
    expect([end.error, end.receivedLength]).to.deep.equal(['', 1000]);
    end.close();
  }

  expectQuietEnd(): void {
    this.client.calls.closeAll();
    this.server.calls.closeAll();
    this.simulation.runFor(20 * MINUTE);
    const inUse = this.client.stack.context.frames.inUse + this.server.stack.context.frames.inUse;
    expect(inUse, 'frames in use').to.equal(0);
    expect([...this.server.stack.tcp.connections()].length).to.equal(0);
  }

  #count(bytes: Uint8Array): void {
    if (bytes[13] === 6) this.sent.arp++;
    else if (bytes[23] === 1) this.sent.icmp++;
    else if (bytes[23] === 6 && (bytes[47]! & RST) !== 0) this.sent.resets++;
    else if (bytes[23] === 6 && (bytes[47]! & (SYN | ACK)) === ACK) this.sent.acks++;
  }
}

const neighborCount = (host: LabHost): number => host.stack.ports[0]!.ethernet.neighbors.size;
const waitingCount = (host: LabHost): number => host.stack.ports[0]!.ethernet.neighbors.waiting;

describe('stack: bounds under floods', () => {
  for (const [name, onLink] of [
    ['behind a gateway', false],
    ['on the link', true],
  ] as const) {
    it(`100,000 SYNs from random sources ${name}`, () => {
      const flooded = new Flooded();
      const { simulation, server, established } = flooded;
      /** A real client, amid the flood; and what the established connection has got back after each batch. */
      const clients: StreamEnd[] = [];
      const echoed: number[] = [];
      let most = 0;
      const heap = heapInUse();
      for (let batch = 0; batch < 100; batch++) {
        if (batch === 50) clients.push(connectTo(flooded.client, '10.0.0.2', ECHO).write(patternBytes(1000)).finish());
        flooded.write(100);
        for (let i = 0; i < 1000; i++) flooded.tcp(flooded.address(onLink), [1024 + i, ECHO], SYN, batch * 1000 + i);
        simulation.runFor(MS);
        echoed.push(established.receivedLength);
        most = Math.max(most, [...server.stack.tcp.connections()].length);
        expect(neighborCount(server)).to.be.at.most(1024);
        expect(waitingCount(server)).to.be.at.most(1024);
      }
      // 100,000 records would be some 100 MiB.
      expect(heapInUse() - heap).to.be.below(20 * MIB);
      // Echoed within the two milliseconds that it takes, all the time.
      for (const [batch, octets] of echoed.entries()) expect(octets).to.be.at.least(100 * (batch - 2));
      // The established one, that client, and the SYN queue of the listener: its backlog of 128, and one.
      expect(most).to.be.at.most(2 + 129);
      const [listener] = [...server.stack.tcp.listeners()];
      expect(listener!.counters.synQueueOverflows).to.be.at.least(100_000 - 200);
      expect(listener!.counters.cookiesSent).to.be.at.least(100_000 - 200);
      expect(flooded.count('tcp-syn-queue-full')).to.equal(0);
      expect(server.stack.context.frames.inUse).to.be.at.most(1024);
      expect(clients.map((end) => [end.error, end.ended, end.receivedLength])).to.deep.equal([['', true, 1000]]);
      expect(listener!.counters.cookiesAccepted).to.equal(1);
      expect(listener!.counters.cookiesInvalid).to.equal(0);
      flooded.expectServed();
      // Five SYN,ACKs later the half-open ones are forgotten.
      simulation.runFor(2 * MINUTE);
      expect([...server.stack.tcp.connections()].length).to.equal(1);
      flooded.expectNewClientIn();
      flooded.expectServed();
      flooded.expectQuietEnd();
    });
  }

  it('another listener takes clients while one is flooded', () => {
    const flooded = new Flooded();
    serveEcho(flooded.server, 8000);
    for (let i = 0; i < 5000; i++) flooded.tcp(flooded.address(false), [1024 + i, ECHO], SYN);
    flooded.expectNewClientIn(8000);
  });

  it('a listener that nobody accepts from: the accept queue is bounded, and drains when somebody does', () => {
    const flooded = new Flooded();
    const { client, server, simulation } = flooded;
    const fd = must(server.calls.socket(AF_INET, SOCK_STREAM, 0), 'socket');
    must(server.calls.bind(fd, { address: '0.0.0.0', port: 9001 }), 'bind');
    must(server.calls.listen(fd, 5), 'listen');
    const ends = Array.from({ length: 20 }, () => connectTo(client, '10.0.0.2', 9001).write(patternBytes(10)));
    simulation.runFor(10 * SECOND);
    expect([...server.stack.tcp.listeners()].find((one) => one.port === 9001)!.waiting).to.equal(6);
    expect(flooded.count('tcp-accept-queue-full') + flooded.count('tcp-syn-queue-full')).to.be.above(0);
    let accepted = 0;
    simulation.run(() => {
      while (server.calls.accept(fd) >= 0) accepted++;
      return accepted === 20;
    }, 3 * MINUTE);
    expect(accepted).to.equal(20);
    expect(ends.every((end) => end.error === '')).to.equal(true);
    flooded.expectQuietEnd();
  });

  it('segments to closed ports: resets are limited', () => {
    const flooded = new Flooded();
    for (let second = 0; second < 3; second++) {
      for (let i = 0; i < 100; i++) {
        for (let j = 0; j < 100; j++) flooded.tcp('10.0.0.77', [1024 + i, 6000 + j], ACK);
        flooded.simulation.runFor(10 * MS);
      }
    }
    // To 10.0.0.77, which does not answer ARP: they wait, a bounded number.
    expect(waitingCount(flooded.server)).to.be.at.most(64);
    expect(flooded.count('tcp-no-connection')).to.equal(30_000);
    expect(flooded.count('tcp-reset-not-sent')).to.be.at.least(30_000 - 4000);
    flooded.expectServed();
    flooded.expectQuietEnd();
  });

  it('datagrams to closed ports: ICMP errors are limited', () => {
    const flooded = new Flooded();
    const start = flooded.simulation.now;
    const udp = rawUdp([1, 2], new Uint8Array(10));
    for (let i = 0; i < 20_000; i++) {
      flooded.inject('10.0.0.1', 17, udp);
      if (i % 10 === 0) flooded.simulation.runFor(MS);
    }
    flooded.simulation.runFor(10 * MS);
    const seconds = (flooded.simulation.now - start) / SECOND;
    expect(flooded.sent.icmp).to.be.within(1000 * seconds - 100, 50 + 1000 * seconds);
    expect(flooded.sent.icmp + flooded.count('icmp-rate-limit')).to.equal(20_000);
    flooded.expectServed();
    flooded.expectQuietEnd();
  });

  it('5961-7-a: resets that are not quite right: challenge ACKs are limited', () => {
    const flooded = new Flooded();
    const { server, simulation, sent } = flooded;
    const [connection] = server.stack.tcp.connections();
    const before = sent.acks;
    const start = simulation.now;
    for (let i = 0; i < 20_000; i++) {
      flooded.tcp('10.0.0.1', [connection!.remotePort, ECHO], RST, connection!.tcb.rcvNxt + 1 + (i % 1000));
      if (i % 5 === 0) simulation.runFor(MS);
    }
    const seconds = Math.ceil((simulation.now - start) / SECOND);
    expect(flooded.count('tcp-bad-reset')).to.equal(20_000);
    expect(sent.acks - before).to.be.within(100, 1000 * seconds);
    flooded.expectServed();
    flooded.expectQuietEnd();
  });

  it('datagrams that nobody reads: the queue is bounded, and what was first is still there', () => {
    const flooded = new Flooded();
    const { server } = flooded;
    const fd = must(server.calls.socket(AF_INET, SOCK_DGRAM, 0), 'socket');
    must(server.calls.bind(fd, { address: '0.0.0.0', port: 2000 }), 'bind');
    for (let i = 0; i < 100_000; i++) flooded.inject('10.0.0.77', 17, rawUdp([5, 2000], Uint8Array.of(i & 255)));
    let held = 0;
    const into = new Uint8Array(10);
    while (server.calls.recv(fd, into) >= 0) expect(into[0]).to.equal(held++ & 255);
    expect(held).to.be.within(100, 10_000);
    expect(held + flooded.count('udp-queue-full')).to.equal(100_000);
    flooded.expectServed();
    flooded.expectQuietEnd();
  });

  it('datagrams to 10,000 silent neighbours: entries and waiting packets are bounded, and all go', () => {
    const flooded = new Flooded();
    const { server, simulation } = flooded;
    const fd = must(server.calls.socket(AF_INET, SOCK_DGRAM, 0), 'socket');
    for (let i = 0; i < 10_000; i++) {
      server.calls.sendto(fd, new Uint8Array(100), 0, { address: `10.9.${i >> 8}.${i & 255 || 256 - 1}`, port: 9 });
      if (i % 100 === 0) simulation.runFor(MS);
    }
    simulation.runFor(MS);
    expect(neighborCount(server)).to.be.at.most(1024);
    expect(waitingCount(server)).to.be.at.most(1024);
    flooded.expectServed(20 * SECOND);
    simulation.runFor(20 * SECOND);
    expect(waitingCount(server)).to.equal(0);
    expect(neighborCount(server)).to.be.at.most(2);
    flooded.expectQuietEnd();
  });

  it('ARP requests from 100,000 stations displace no neighbour in use', () => {
    const flooded = new Flooded();
    const { server, simulation } = flooded;
    const { stack } = server;
    for (let i = 0; i < 100_000; i++) {
      const station = [2, 9, 0, (i >> 16) & 255, (i >> 8) & 255, i & 255];
      const packet = [0, 1, 8, 0, 6, 4, 0, 1, ...station, 10, 7 + (i >> 16), (i >> 8) & 255, i & 255];
      const bytes = Uint8Array.of(2, 0, 0, 0, 0, 2, ...station, 8, 6, ...packet, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2);
      stack.receive(0, stack.context.frames.from(bytes), simulation.now);
      if (i % 1000 === 0) simulation.runFor(MS);
    }
    expect(neighborCount(server)).to.be.at.most(1024);
    const gateway = stack.ports[0]!.ethernet.neighbors.lookup(parseAddress('10.0.0.1')!, simulation.now);
    expect(gateway?.mac).to.not.equal(undefined);
    flooded.expectServed();
    flooded.expectNewClientIn();
    flooded.expectQuietEnd();
  });
});
