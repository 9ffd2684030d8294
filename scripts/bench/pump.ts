/**
 * The bare TAP pump: moves canned TCP frames between a kernel socket and a TAP device through link/tap-libc.ts, with no stack.
 * It is the yardstick of the throughput benchmarks: what a stack in Node could reach on this machine if it cost nothing.
 *
 * It fakes the least that keeps a kernel socket going: a handshake, acknowledgements of what came in order, a window. Each
 * measurement runs in a process and a network namespace of its own. Needs root, iproute2 and python3.
 *
 *     tsx scripts/bench/pump.ts [seconds]     prints all six
 */
import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { argv, execPath } from 'node:process';
import { fileURLToPath } from 'node:url';
import { getU16, getU32, setU16, setU32 } from '../../src/core/bytes.ts';
import { finishChecksum, foldSum, pseudoHeaderSum, sumBytes } from '../../src/core/checksum.ts';
import { SingleIo } from '../../src/link/batched-io.ts';
import type { BatchedIo } from '../../src/link/batched-io.ts';
import { openIo } from '../../src/link/io-uring.ts';
import { openTapDevice } from '../../src/link/tap-device.ts';
import type { TapDevice } from '../../src/link/tap-device.ts';
import { loadLibc } from '../../src/link/tap-libc.ts';
import type { Address, Libc } from '../../src/link/tap-libc.ts';
import { VNET_LAYOUT, VNET_LENGTH, VnetFlags, VnetGso } from '../../src/link/vnet-header.ts';
import { Copies } from './copies.ts';

/**
 * single: a system call for each frame; batched: one for several, where the kernel can do that. copying: what is sent is copied as by a
 * socket with a send buffer (copies.ts), super-segments one by one, MTU frames in batches.
 */
export type PumpHow = 'single' | 'batched' | 'copying';

export interface PumpOptions {
  /** Super-segments of 64 KiB, or frames of 1,514 octets. */
  readonly offload: boolean;
  readonly how: PumpHow;
  readonly seconds: number;
}

export interface PumpResult {
  /** TCP payload (10^9 bit/s). */
  readonly gbps: number;
  /** Frames that carry payload, per second. */
  readonly framesPerSecond: number;
  /** Processor time of the pump's process for each of them (us). */
  readonly microsPerFrame: number;
}

/** A kernel socket sends, the pump takes. */
export const pumpReceive = (options: PumpOptions): Promise<PumpResult> => inOwnProcess('receive', options);

/** The pump sends, a kernel socket takes. */
export const pumpSend = (options: PumpOptions): Promise<PumpResult> => inOwnProcess('send', options);

function inOwnProcess(direction: string, { offload, how, seconds }: PumpOptions): Promise<PumpResult> {
  const self = fileURLToPath(import.meta.url);
  // The pump is the first process of its process namespace: the kernel's end is killed with it, however it ends.
  const isolation = ['--net', '--pid', '--fork', '--kill-child'];
  const mode = offload ? 'offload' : 'plain';
  const args = [...isolation, execPath, '--import', 'tsx', self, 'run', direction, mode, how, `${seconds}`];
  const child = spawn('unshare', args, { stdio: ['ignore', 'pipe', 'inherit'], timeout: (seconds + 20) * 1000 });
  return new Promise((resolve, reject) => {
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve(JSON.parse(output) as PumpResult);
      else
        reject(
          new Error(`the pump ended with code ${String(code)}: it needs root, /dev/net/tun, iproute2 and python3`),
        );
    });
  });
}

const KERNEL = '10.9.0.1';
const PUMP = '10.9.0.2';
const KERNEL_ADDRESS = 0x0a090001;
const PUMP_ADDRESS = 0x0a090002;
const PUMP_MAC = '02:00:00:00:00:02';
const PORT = 5001;

const IP_AT = 14;
const TCP_AT = 34;
const TEXT_AT = 54;
const PROTOCOL_TCP = 6;
const MSS = 1460;
const SYN = 0x02;
const ACK = 0x10;

/** Payload of a super-segment: the most whole segments that an IP datagram holds. */
const SUPER = 44 * MSS;
/** Shift of the window that the pump offers, RFC 7323 §2. */
const SHIFT = 8;
/** Octets in flight to the pump at most: what the device's queue of 1,000 packets holds, since nothing here repairs a loss. */
const WINDOW = 1024 * 1024;
/** Frames read or written before the event loop has its turn. */
const BURST = 256;

/** Octets of memory for a frame: of the MTU, and of 64 KiB. */
const SMALL_ROOM = 2048;
const LARGE_ROOM = 70_000;

/** Memory for one frame. */
class FrameBuffer {
  readonly bytes: Uint8Array;
  readonly address: Address;

  constructor(libc: Libc, bytes: Uint8Array = new Uint8Array(LARGE_ROOM)) {
    this.bytes = bytes;
    this.address = libc.addressOf(this.bytes);
  }
}

/** The device, buffers for each direction, and canned headers. */
class Pump {
  readonly device: TapDevice;
  readonly #io: BatchedIo;
  readonly #control: SingleIo;
  readonly #header: number;
  readonly #in: readonly FrameBuffer[];
  readonly #out: readonly FrameBuffer[];
  readonly #reply: FrameBuffer;
  readonly #kernelMac: Uint8Array;
  readonly #copies: Copies | undefined;
  /** Frames of the last batch of reads, and how many of them were looked at. */
  readonly #lengths: number[] = [];
  #looked = 0;
  /** Reads that found something since the last that did not. */
  #run = 0;
  /** Writes put down. */
  #written = 0;
  /** Sums of the canned data frame's pseudo-header and TCP header without sequence number, and of its text. */
  #headerSum = 0;
  #textSum = 0;

  constructor(libc: Libc, device: TapDevice, how: PumpHow, kernelMac: Uint8Array) {
    this.device = device;
    this.#control = new SingleIo(libc, device.fd);
    this.#io = openIo(libc, device.fd, how === 'batched' || (how === 'copying' && !device.offload));
    const length = this.#io.size;
    const copies = how === 'copying' ? new Copies(length, device.offload ? LARGE_ROOM : SMALL_ROOM) : undefined;
    this.#copies = copies;
    this.#header = device.offload ? VNET_LENGTH : 0;
    this.#kernelMac = kernelMac;
    this.#in = Array.from({ length }, () => new FrameBuffer(libc));
    this.#out = Array.from({ length }, (_, index) => new FrameBuffer(libc, copies?.frame(index)));
    this.#reply = new FrameBuffer(libc);
  }

  /** The next frame; undefined when none waits. The Ethernet header is at `at`. */
  read(): { readonly bytes: Uint8Array; readonly at: number } | undefined {
    if (!this.holds) this.#readBatch();
    while (this.holds) {
      const index = this.#looked++;
      if (this.#lengths[index]! >= 0) return { bytes: this.#in[index]!.bytes, at: this.#header };
      this.#run = 0;
    }
    return undefined;
  }

  /** Frames that were read have not been looked at. */
  get holds(): boolean {
    return this.#looked < this.#lengths.length;
  }

  #readBatch(): void {
    const count = this.#run < 2 ? 1 : Math.min(this.#run, this.#io.size);
    for (let i = 0; i < count; i++) this.#io.read(this.#in[i]!.address, this.#in[i]!.bytes.length);
    this.#io.submit();
    this.#lengths.length = 0;
    for (let i = 0; i < count; i++) this.#lengths.push(this.#io.result(i));
    this.#run += count;
    this.#looked = 0;
  }

  /** Sends a segment without text; a SYN carries MSS and window scale. */
  sendControl(ports: Ports, seq: number, ack: number, flags: number): void {
    const options = (flags & SYN) === 0 ? 0 : 8;
    const { bytes, address } = this.#reply;
    bytes.fill(0);
    this.#fillHeaders(bytes, ports, 20 + options);
    const tcp = this.#header + TCP_AT;
    setU32(bytes, tcp + 4, seq);
    setU32(bytes, tcp + 8, ack);
    bytes[tcp + 12] = (20 + options) << 2;
    bytes[tcp + 13] = flags;
    setU16(bytes, tcp + 14, (flags & SYN) === 0 ? WINDOW >>> SHIFT : 0xffff);
    // Kinds 2 (MSS), 1 (no operation), 3 (window scale). RFC 9293 §3.2, RFC 7323 §2.2.
    if (options > 0) bytes.set([2, 4, MSS >>> 8, MSS & 0xff, 1, 3, 3, SHIFT], tcp + 20);
    setU16(bytes, tcp + 16, finishChecksum(sumBytes(bytes, tcp, 20 + options, pseudoSum(20 + options))));
    this.#control.write(address, tcp + 20 + options);
  }

  /** Prepares the data frame that `sendData` repeats. */
  prepareData(ports: Ports, ack: number, text: number): void {
    for (const { bytes } of this.#out) this.#prepare(bytes, ports, ack, text);
  }

  #prepare(bytes: Uint8Array, ports: Ports, ack: number, text: number): void {
    this.#fillHeaders(bytes, ports, 20 + text);
    const tcp = this.#header + TCP_AT;
    setU32(bytes, tcp + 8, ack);
    bytes[tcp + 12] = 20 << 2;
    bytes[tcp + 13] = ACK;
    setU16(bytes, tcp + 14, 0xffff);
    if (this.device.offload) {
      setU16(bytes, tcp + 16, foldSum(pseudoSum(20 + text)));
      const gso = { flags: VnetFlags.NeedsChecksum, gsoType: VnetGso.TcpV4, hdrLen: TEXT_AT, gsoSize: MSS };
      VNET_LAYOUT.encode({ ...gso, csumStart: TCP_AT, csumOffset: 16 }, Buffer.from(bytes.buffer, bytes.byteOffset), 0);
    }
    this.#headerSum = sumBytes(bytes, tcp, 20, pseudoSum(20 + text));
    this.#textSum = sumBytes(bytes, tcp + 20, text);
  }

  /** Sends the data frame with another sequence number, which is all that differs, and its checksum; at `flush` at the latest. */
  sendData(seq: number, text: number): void {
    const { bytes, address } = this.#out[this.#written]!;
    const tcp = this.#header + TCP_AT;
    setU32(bytes, tcp + 4, seq);
    const textSum = this.#copies?.pass(this.#written, this.#header + TEXT_AT, text) ?? this.#textSum;
    if (!this.device.offload) setU16(bytes, tcp + 16, finishChecksum(this.#headerSum + seq + textSum));
    this.#io.write(address, this.#header + TEXT_AT + text);
    if (++this.#written === this.#io.size) this.flush();
  }

  flush(): void {
    this.#io.submit();
    this.#written = 0;
  }

  #fillHeaders(bytes: Uint8Array, ports: Ports, segment: number): void {
    const at = this.#header;
    const ip = at + IP_AT;
    bytes.set(this.#kernelMac, at);
    bytes.set(
      PUMP_MAC.split(':').map((octet) => Number.parseInt(octet, 16)),
      at + 6,
    );
    setU16(bytes, at + 12, 0x0800);
    bytes.set([0x45, 0, (20 + segment) >>> 8, (20 + segment) & 0xff, 0, 0, 0x40, 0, 64, PROTOCOL_TCP, 0, 0], ip);
    setU32(bytes, ip + 12, PUMP_ADDRESS);
    setU32(bytes, ip + 16, KERNEL_ADDRESS);
    setU16(bytes, ip + 10, finishChecksum(sumBytes(bytes, ip, 20)));
    setU16(bytes, at + TCP_AT, ports.pump);
    setU16(bytes, at + TCP_AT + 2, ports.kernel);
  }
}

interface Ports {
  readonly pump: number;
  readonly kernel: number;
}

const pseudoSum = (length: number): number => pseudoHeaderSum(PUMP_ADDRESS, KERNEL_ADDRESS, PROTOCOL_TCP) + length;

/** What the pump looks at in a segment from the kernel; one record is reused. */
const segment = { seq: 0, ack: 0, flags: 0, window: 0, text: 0, port: 0, shift: 0 };

/** Reads a TCP segment over IPv4 without options into `segment`; false for anything else. */
function parse(bytes: Uint8Array, at: number): boolean {
  if (getU16(bytes, at + 12) !== 0x0800 || bytes[at + IP_AT + 9] !== PROTOCOL_TCP) return false;
  const tcp = at + TCP_AT;
  const header = (bytes[tcp + 12]! >>> 4) * 4;
  segment.port = getU16(bytes, tcp);
  segment.seq = getU32(bytes, tcp + 4);
  segment.ack = getU32(bytes, tcp + 8);
  segment.flags = bytes[tcp + 13]!;
  segment.window = getU16(bytes, tcp + 14);
  segment.text = getU16(bytes, at + IP_AT + 2) - 20 - header;
  if ((segment.flags & SYN) !== 0) {
    for (let i = tcp + 20; i < tcp + header;) {
      const kind = bytes[i]!;
      if (kind === 0) break;
      if (kind === 3) segment.shift = bytes[i + 2]!;
      i += kind === 1 ? 1 : bytes[i + 1]!;
    }
  }
  return true;
}

/** Payload and frames moved so far. */
interface Meter {
  octets: number;
  frames: number;
}

/** Takes what a kernel socket sends to port PORT and acknowledges each batch. */
function receiver(pump: Pump, meter: Meter): () => void {
  let rcvNxt = 0;
  return () => {
    let unacked = false;
    for (let i = 0; i < BURST || pump.holds; i++) {
      const frame = pump.read();
      if (frame === undefined) break;
      if (!parse(frame.bytes, frame.at)) continue;
      if ((segment.flags & SYN) !== 0) {
        rcvNxt = (segment.seq + 1) >>> 0;
        pump.sendControl({ pump: PORT, kernel: segment.port }, 0, rcvNxt, SYN | ACK);
      } else if (segment.text > 0) {
        unacked = true;
        if (segment.seq !== rcvNxt) continue;
        rcvNxt = (rcvNxt + segment.text) >>> 0;
        meter.octets += segment.text;
        meter.frames++;
      }
    }
    if (unacked) pump.sendControl({ pump: PORT, kernel: segment.port }, 1, rcvNxt, ACK);
  };
}

/** Sends to a kernel socket on port PORT as fast as its window lets it. */
function sender(pump: Pump, meter: Meter): () => void {
  const ports = { pump: 40_000, kernel: PORT };
  const text = pump.device.offload ? SUPER : MSS;
  let sndUna = 0;
  let sndNxt = 0;
  let window = 0;
  let shift = -1;
  let again = false;

  const onSegment = (): void => {
    if ((segment.flags & SYN) !== 0) {
      shift = segment.shift;
      sndUna = sndNxt = 1;
      pump.prepareData(ports, (segment.seq + 1) >>> 0, text);
      pump.sendControl(ports, 1, (segment.seq + 1) >>> 0, ACK);
    }
    window = segment.window << ((segment.flags & SYN) === 0 ? shift : 0);
    const acked = (segment.ack - sndUna) >>> 0;
    if (acked > 0 && acked <= (sndNxt - sndUna) >>> 0) {
      sndUna = segment.ack;
      meter.octets += acked;
    }
  };
  const onImmediate = (): void => {
    again = false;
    step();
  };
  const step = (): void => {
    for (let frame = pump.read(); frame !== undefined; frame = pump.read()) {
      if (parse(frame.bytes, frame.at)) onSegment();
    }
    if (shift < 0) return;
    let sent = 0;
    while (sent < BURST && ((sndNxt - sndUna) >>> 0) + text <= window) {
      pump.sendData(sndNxt, text);
      sndNxt = (sndNxt + text) >>> 0;
      meter.frames++;
      sent++;
    }
    pump.flush();
    if (sent > 0 && !again) {
      again = true;
      setImmediate(onImmediate);
    }
  };
  // What was lost is sent again from where the kernel stands.
  let before = -1;
  setInterval(() => {
    if (shift < 0) pump.sendControl(ports, 0, 0, SYN);
    else if (sndUna === before) sndNxt = sndUna;
    before = sndUna;
    step();
  }, 100);
  return step;
}

/**
 * The kernel's end: a program on the kernel's own sockets, in the same namespace. Python, because its calls with a buffer of
 * 1 MiB take half again as much as Node's reads of 64 KiB, and the yardstick should be bounded by the pump.
 */
function kernelPeer(direction: string): ChildProcess {
  const source =
    direction === 'receive'
      ? [`s = socket.create_connection(('${PUMP}', ${PORT}))`, 'b = bytes(1 << 20)', 'while True: s.sendall(b)']
      : [
          `s, _ = socket.create_server(('${KERNEL}', ${PORT})).accept()`,
          'b = bytearray(1 << 20)',
          'while s.recv_into(b): pass',
        ];
  return spawn('python3', ['-c', ['import socket', ...source].join('\n')], { stdio: 'ignore' });
}

async function run(direction: string, offload: boolean, how: PumpHow, seconds: number): Promise<PumpResult> {
  const libc = await loadLibc();
  const device = openTapDevice(libc, 'tap0', offload);
  const ip = (command: string): string => execFileSync('ip', command.split(' '), { encoding: 'utf8' });
  ip(`address add ${KERNEL}/24 dev tap0`);
  ip('link set tap0 up');
  ip(`neighbor add ${PUMP} lladdr ${PUMP_MAC} dev tap0`);
  const mac = /link\/ether ([0-9a-f:]+)/.exec(ip('link show tap0'))![1]!;
  const pump = new Pump(
    libc,
    device,
    how,
    Uint8Array.from(mac.split(':'), (octet) => Number.parseInt(octet, 16)),
  );
  const meter: Meter = { octets: 0, frames: 0 };
  const peer = kernelPeer(direction);
  const watch = libc.watch(device.fd, direction === 'receive' ? receiver(pump, meter) : sender(pump, meter));
  try {
    await flowing(meter);
    return await measure(meter, seconds);
  } finally {
    watch.close();
    peer.kill('SIGKILL');
  }
}

/** Until the window has opened and the code is warm; fails after 10 s without a frame. */
async function flowing(meter: Meter): Promise<void> {
  for (let i = 0; meter.frames === 0; i++) {
    if (i === 100) throw new Error('no frame within 10 s');
    await sleep(100);
  }
  await sleep(500);
}

async function measure(meter: Meter, seconds: number): Promise<PumpResult> {
  const { octets, frames } = meter;
  const cpu = process.cpuUsage();
  const start = performance.now();
  await sleep(seconds * 1000);
  const elapsed = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  const moved = meter.frames - frames;
  return {
    gbps: ((meter.octets - octets) * 8) / elapsed / 1e9,
    framesPerSecond: moved / elapsed,
    microsPerFrame: (user + system) / moved,
  };
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function main(): Promise<void> {
  const [, , command = '3', direction, mode, kind, duration] = argv;
  if (command === 'run') {
    const result = await run(direction!, mode === 'offload', kind as PumpHow, Number(duration));
    process.stdout.write(JSON.stringify(result));
    process.exit(0);
  }
  const seconds = Number(command);
  for (const [offload, how] of [
    [true, 'single'],
    [false, 'single'],
    [false, 'batched'],
  ] as const) {
    for (const [name, pump] of [['in ', pumpReceive] as const, ['out', pumpSend] as const]) {
      const { gbps, framesPerSecond, microsPerFrame } = await pump({ offload, how, seconds });
      console.log(
        `${name} ${offload ? '64 KiB' : ' MTU  '} ${how === 'batched' ? 'in batches' : 'one a call'}` +
          ` ${gbps.toFixed(1).padStart(5)} Gbit/s` +
          ` ${framesPerSecond.toFixed(0).padStart(8)} frames/s ${microsPerFrame.toFixed(2).padStart(6)} us/frame`,
      );
    }
  }
}

if (argv[1] === fileURLToPath(import.meta.url)) await main();
