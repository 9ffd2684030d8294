/**
 * Two hosts on a cable in memory, in one process and real time: what the stack itself costs, twice, without a kernel.
 *
 * The yardstick is the same cable without hosts: octets are copied into a frame, and out of it at the other end.
 *
 * The cable takes super-segments and leaves checksums partial, as a TAP device with offload does. Run as a program this
 * measures once and prints the result as JSON.
 */
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';
import { CHARGEN_PORT, startTcpChargen } from '../../src/app/chargen.ts';
import { ECHO_PORT, startTcpEcho } from '../../src/app/echo.ts';
import { cable } from '../../src/link/cable.ts';
import { copyBytes } from '../../src/core/bytes.ts';
import { Checksum, FramePool } from '../../src/core/frame.ts';
import { micros } from '../../src/core/time.ts';
import type { FrameSink, Link } from '../../src/link/link.ts';
import { createHost } from '../../src/node/host.ts';
import type { Host } from '../../src/node/host.ts';
import { AF_INET, IPPROTO_TCP, SOCK_STREAM, TCP_NODELAY } from '../../src/socket/constants.ts';
import type { Figure, Sample } from './figure.ts';
import { inMemory, inOwnProcess } from './own-process.ts';

const SELF = fileURLToPath(import.meta.url);
const SERVER = '10.0.0.2';
const MTU = 1500;
const LARGEST_DATAGRAM = 65_535;
const MESSAGE = 64;
/** Of Ethernet, IP and TCP with timestamps; and the text of a super-segment. */
const HEADERS = 66;
const SUPER = 44 * 1448;
const WARM_UP_MS = 500;

const figure = (name: string, title: string, unit: string, kind: string, least?: number): Figure =>
  inMemory({ name, title, unit, better: 'more', ...(least !== undefined && { bars: [{ least }] }) }, [
    { name: 'tapstack', measure: (seconds) => inOwnProcess(SELF, ['run', kind, seconds], seconds + 20) },
    { name: 'no stack', measure: (seconds) => inOwnProcess(SELF, ['bare', kind, seconds], seconds + 20) },
  ]);

export const CABLE_FIGURES: readonly Figure[] = [
  figure('cable-bulk', 'two hosts in memory, super-segments', 'Gbit/s', 'bulk', 8),
  figure('cable-plain', 'two hosts in memory, MTU frames', 'Gbit/s', 'plain'),
  figure('cable-ping-pong', 'two hosts in memory, round trips', '/s', 'ping-pong', 100_000),
];

/** A cable's end as a link that takes super-segments and vouches for checksums, so that nobody works them out. */
function withOffload(end: Link): Link {
  let deliver: FrameSink;
  const vouch: FrameSink = (frame, now) => {
    frame.checksum = Checksum.Verified;
    deliver(frame, now);
  };
  return {
    name: end.name,
    mtu: MTU,
    maxSegment: LARGEST_DATAGRAM,
    checksumOffload: true,
    start: (wake) => end.start(wake),
    receive: (sink, now, budget) => {
      deliver = sink;
      return end.receive(vouch, now, budget);
    },
    send: (frame, now) => {
      frame.checksum = Checksum.Full;
      end.send(frame, now);
    },
    nextDeadline: () => end.nextDeadline(),
    close: () => end.close(),
  };
}

const endsFor = (kind: string): readonly Link[] =>
  kind === 'plain' ? cable({ mtu: MTU }) : cable({ mtu: LARGEST_DATAGRAM }).map(withOffload);

async function run(kind: string, seconds: number): Promise<Sample> {
  const ends = endsFor(kind);
  const client = await createHost({ link: ends[0]!, address: '10.0.0.1/24' });
  const server = await createHost({ link: ends[1]!, address: `${SERVER}/24` });
  startTcpChargen(server.sockets);
  startTcpEcho(server.sockets);
  const fd = client.sockets.socket(AF_INET, SOCK_STREAM, 0);
  const port = kind === 'ping-pong' ? ECHO_PORT : CHARGEN_PORT;
  await client.sockets.connect(fd, { address: SERVER, port });
  client.sockets.setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, true);
  const step = kind === 'ping-pong' ? roundTrip(client, fd) : taking(client, fd);
  return rate(kind, step, seconds);
}

/** One frame after the other, by the same steps with promises. */
function bare(kind: string, seconds: number): Promise<Sample> {
  const [near, far] = endsFor(kind);
  const pool = new FramePool();
  const text = kind === 'ping-pong' ? MESSAGE : kind === 'plain' ? MTU - HEADERS : SUPER;
  const bytes = new Uint8Array(text);
  const sink: FrameSink = (frame) => {
    copyBytes(frame.bytes, frame.start + HEADERS, bytes, 0, text);
    frame.release();
  };
  const pass = (from: Link, to: Link): void => {
    const frame = pool.acquire(text + HEADERS);
    copyBytes(bytes, 0, frame.bytes, frame.start + HEADERS, text);
    frame.end = frame.start + HEADERS + text;
    const now = micros(0);
    from.send(frame, now);
    to.receive(sink, now, 1);
  };
  near!.start(() => undefined);
  far!.start(() => undefined);
  const step = (): Promise<number> => {
    pass(near!, far!);
    if (kind !== 'ping-pong') return Promise.resolve(text);
    pass(far!, near!);
    return Promise.resolve(1);
  };
  return rate(kind, step, seconds);
}

async function rate(kind: string, step: () => Promise<number>, seconds: number): Promise<Sample> {
  await repeat(step, WARM_UP_MS);
  const value = await repeat(step, seconds * 1000);
  return { value: kind === 'ping-pong' ? value : (value * 8) / 1e9 };
}

/** Amount per second of what a step returns. */
async function repeat(step: () => Promise<number>, span: number): Promise<number> {
  const begin = performance.now();
  let amount = 0;
  let now = begin;
  while (now - begin < span) {
    amount += await step();
    now = performance.now();
  }
  return (amount * 1000) / (now - begin);
}

function taking({ sockets }: Host, fd: number): () => Promise<number> {
  const buffer = new Uint8Array(1 << 20);
  return () => sockets.recv(fd, buffer);
}

function roundTrip({ sockets }: Host, fd: number): () => Promise<number> {
  const message = new Uint8Array(MESSAGE);
  const buffer = new Uint8Array(MESSAGE);
  return async () => {
    await sockets.send(fd, message);
    for (let left = MESSAGE; left > 0;) left -= await sockets.recv(fd, buffer);
    return 1;
  };
}

if (argv[1] === SELF) {
  const measure = argv[2] === 'bare' ? bare : run;
  process.stdout.write(JSON.stringify(await measure(argv[3] ?? '', Number(argv[4]))));
  process.exit(0);
}
