/**
 * A tapstack host in a process of its own, on its own TAP device, as a user would run one. It does what the bench writes to it, a
 * command a line, and answers in lines:
 *
 *     capture FILE              what it sends and receives from now on goes to FILE; without FILE, no more of it
 *     send HOST PORT            "connected", and sends from then on
 *     stop                      aborts the connection; what TCP_INFO said of it last, as JSON
 *     receive PORT SECONDS      "listening"; then the octets received in SECONDS after accepting, as JSON
 */
import { createWriteStream } from 'node:fs';
import type { WriteStream } from 'node:fs';
import { argv } from 'node:process';
import { createInterface } from 'node:readline';
import type { ConfigOverrides } from '../../../src/core/config.ts';
import { HOUR } from '../../../src/core/time.ts';
import { PcapFile } from '../../../src/link/pcap-file.ts';
import { PcapWriter } from '../../../src/link/pcap.ts';
import { tap } from '../../../src/link/tap.ts';
import { tee } from '../../../src/link/tee.ts';
import { createHost } from '../../../src/node/host.ts';
import { AF_INET, IPPROTO_TCP, SOCK_STREAM, SOL_SOCKET, SO_LINGER, TCP_INFO } from '../../../src/socket/constants.ts';
import { beLessNice } from './urgency.ts';

const CHUNK = new Uint8Array(1 << 18);
/** Time between two looks at a connection that is captured (ms). */
const SAMPLE = 20;

beLessNice();

const [, , device, address, mac, config] = argv;
const overrides = JSON.parse(config!) as ConfigOverrides;

let capture: PcapFile | undefined = undefined;
let writer: PcapWriter | undefined = undefined;
let samples: WriteStream | undefined = undefined;

const link = tee(
  await tap(device!, { offload: false }),
  (direction, frame, now) => writer?.begin(0, direction, frame, now),
  () => writer?.finish(),
);
const host = await createHost({
  link,
  address: address!,
  mac: mac!,
  // Neighbours are found before the link gets bad, and not asked for again while it is.
  config: { ...overrides, arp: { reachableTime: HOUR, ...overrides.arp } },
});
host.stack.context.drops.listener = (reason) => writer?.annotate(reason);
const { socket, setsockopt, getsockopt, connect, send, bind, listen, accept, recv, close } = host.sockets;

let sending = -1;
let sampler: NodeJS.Timeout | undefined = undefined;

const say = (text: string): void => void process.stdout.write(`${text}\n`);

function record(file: string | undefined): void {
  capture?.close();
  samples?.end();
  capture = writer = samples = undefined;
  if (file !== undefined) {
    capture = new PcapFile(`${file}.pcapng`);
    writer = new PcapWriter(capture.sink);
    writer.addInterface(device!);
    samples = createWriteStream(`${file}.jsonl`);
  }
  say('recording');
}

async function startSending(to: string, port: number): Promise<void> {
  const fd = socket(AF_INET, SOCK_STREAM);
  setsockopt(fd, SOL_SOCKET, SO_LINGER, { onoff: true, linger: 0 });
  await connect(fd, { address: to, port });
  sending = fd;
  say('connected');
  const start = performance.now();
  sampler = setInterval(() => {
    if (samples === undefined || sending !== fd) return;
    samples.write(
      `${JSON.stringify({ at: Math.round(performance.now() - start), ...getsockopt(fd, IPPROTO_TCP, TCP_INFO) })}\n`,
    );
  }, SAMPLE);
  try {
    for (;;) await send(fd, CHUNK);
  } catch {
    // The other end, or `stop`, has ended it.
  }
}

function stopSending(): void {
  clearInterval(sampler);
  const info = sending < 0 ? {} : getsockopt(sending, IPPROTO_TCP, TCP_INFO);
  if (sending >= 0) close(sending);
  sending = -1;
  say(JSON.stringify({ tcp: info }));
}

async function receive(port: number, seconds: number): Promise<void> {
  const listener = socket(AF_INET, SOCK_STREAM);
  bind(listener, { address: '0.0.0.0', port });
  listen(listener, 1);
  say('listening');
  const fd = await accept(listener);
  close(listener);
  setsockopt(fd, SOL_SOCKET, SO_LINGER, { onoff: true, linger: 0 });
  const buffer = new Uint8Array(CHUNK.length);
  let octets = 0;
  setTimeout(() => {
    say(JSON.stringify({ octets, seconds, tcp: getsockopt(fd, IPPROTO_TCP, TCP_INFO) }));
    close(fd);
  }, seconds * 1000);
  try {
    for (let count = await recv(fd, buffer); count > 0; count = await recv(fd, buffer)) octets += count;
  } catch {
    // Closed by the timer.
  }
}

async function obey(line: string): Promise<void> {
  const [command, ...rest] = line.split(' ');
  switch (command) {
    case 'capture':
      record(rest[0]);
      break;
    case 'send':
      await startSending(rest[0]!, Number(rest[1]));
      break;
    case 'stop':
      stopSending();
      break;
    case 'receive':
      await receive(Number(rest[0]), Number(rest[1]));
      break;
    default:
      throw new Error(`unknown command: ${line}`);
  }
}

say('ready');
for await (const line of createInterface({ input: process.stdin })) {
  obey(line).catch((error: unknown) => {
    process.stderr.write(`${String(error)}\n`);
    process.exit(1);
  });
}
host.close();
