/**
 * What a SYN flood leaves behind: memory of a host in memory after SYNs from random addresses, beside a tenth as many of them. It is bounded
 * when that is the same.
 */
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';
import { mac, rawFrame, rawTcp } from '../../test/support/raw-frames.ts';
import { FramePool } from '../../src/core/frame.ts';
import { MS } from '../../src/core/time.ts';
import { macAddress } from '../../src/ethernet/address.ts';
import { formatAddress, ipv4, parseAddress } from '../../src/ip/address.ts';
import { Simulation } from '../../src/lab/simulator.ts';
import { addHost } from '../../src/lab/topology.ts';
import { cable } from '../../src/link/cable.ts';
import { AF_INET, SOCK_STREAM } from '../../src/socket/constants.ts';
import type { Contestant, Figure, Sample } from './figure.ts';
import { inMemory, inOwnProcess, memoryInUse } from './own-process.ts';

const SELF = fileURLToPath(import.meta.url);
const SYNS = 300_000;
const PORT = 80;
const BACKLOG = 4096;
const SYN = 2;
/** SYNs that come together; a millisecond passes between batches. */
const BATCH = 500;
const PATIENCE = 120;
const count = (number: number): string => number.toLocaleString('en');

const after = (name: string, syns: number): Contestant => ({
  name,
  measure: () => inOwnProcess(SELF, ['run', syns], PATIENCE),
});

export const FLOOD_FIGURES: readonly Figure[] = [
  inMemory(
    {
      name: 'syn-flood',
      title: `kept of ${count(SYNS)} SYNs, backlog ${count(BACKLOG)}`,
      unit: 'KiB',
      better: 'less',
      bars: [{ against: `of ${count(SYNS / 10)}`, most: 1.2 }],
    },
    [after('tapstack', SYNS), after(`of ${count(SYNS / 10)}`, SYNS / 10)],
  ),
];

function run(syns: number): Sample {
  const simulation = new Simulation({ seed: 1 });
  const random = simulation.random.fork();
  const [left, right] = cable();
  // The gateway, which answers for all addresses of the world.
  addHost(simulation, 'gateway', [{ link: left, address: '10.0.0.1/24', mac: macAddress(0x0200_0000_0001) }]);
  const server = addHost(simulation, 'server', [
    { link: right, address: '10.0.0.2/24', mac: macAddress(0x0200_0000_0002) },
  ]);
  server.stack.ip.addRoute({ destination: { address: ipv4(0), length: 0 }, gateway: parseAddress('10.0.0.1')! });
  const listener = server.calls.socket(AF_INET, SOCK_STREAM, 0);
  server.calls.bind(listener, { address: '0.0.0.0', port: PORT });
  server.calls.listen(listener, BACKLOG);
  const pool = new FramePool();
  const macs = { sourceMac: mac('02:00:00:00:00:01'), destinationMac: mac('02:00:00:00:00:02') };
  const flood = (amount: number): void => {
    for (let sent = 0; sent < amount; sent += BATCH) {
      for (let i = 0; i < BATCH; i++) {
        // Within 64.0.0.0/3: nobody's own, no group, no loopback.
        const source = formatAddress(ipv4(0x40000000 + (random.u32() >>> 3)));
        const transport = rawTcp([1024 + (random.u32() >>> 17), PORT], random.u32(), SYN, new Uint8Array(0));
        const packet = { ...macs, source, destination: '10.0.0.2', protocol: 6, transport, checksumAt: 16 };
        left.send(rawFrame(pool, packet), simulation.now);
      }
      simulation.runFor(MS);
    }
  };
  // The first load code and fill pools; the queue is not full yet.
  flood(BATCH);
  const before = memoryInUse();
  const begin = performance.now();
  flood(syns);
  const elapsed = performance.now() - begin;
  const kept = memoryInUse() - before;
  return {
    value: kept / 1024,
    details: {
      'half-open': Array.from(server.stack.tcp.connections()).length,
      cookies: Array.from(server.stack.tcp.listeners())[0]!.counters.cookiesSent,
      'us per SYN': (elapsed * 1000) / syns,
    },
  };
}

if (argv[1] === SELF) process.stdout.write(JSON.stringify(run(Number(argv[3]))));
