/**
 * One TCP, a recorder below it and a hand-driven clock. Segments are written as RFC 9293's figures write them, with this
 * end's ISS shown as 100 and the peer's as 300: `<SEQ=100><ACK=301><CTL=SYN,ACK>`, `<DATA=5>` for five octets of text,
 * `<WND=1000>`, `<MSS=..>`, `<WS=..>`, `<TS=val,ecr>`, `<UP=..>`, `<ECN=3>` (the field of the IP header). What does not match is shown with
 * the story so far.
 */
import { expect } from 'chai';
import { makeContext } from '../../src/core/context.ts';
import type { Context } from '../../src/core/context.ts';
import type { ConfigOverrides, TcpConfig } from '../../src/core/config.ts';
import { finishChecksum, pseudoHeaderSum, sumBytes, sumIsValid } from '../../src/core/checksum.ts';
import { Checksum } from '../../src/core/frame.ts';
import type { Frame } from '../../src/core/frame.ts';
import { SeededRandom } from '../../src/core/random.ts';
import { SECOND, micros } from '../../src/core/time.ts';
import type { Micros } from '../../src/core/time.ts';
import { ANY_ADDRESS, ipv4 } from '../../src/ip/address.ts';
import type { IpPacket } from '../../src/ip/service.ts';
import type { Connection } from '../../src/tcp/connection.ts';
import type { Listener } from '../../src/tcp/listener.ts';
import { emitOptions, noOptions, optionsLength } from '../../src/tcp/options.ts';
import { Segment } from '../../src/tcp/segment.ts';
import type { TcpOptions, TcpState } from '../../src/tcp/service.ts';
import { Tcp } from '../../src/tcp/tcp.ts';
import { TcpFlag, emitHeader, flags, flagsText, setChecksum } from '../../src/tcp/wire.ts';
import { FakeIp } from './tcp-ip.ts';

export const HERE = ipv4(0x0a000001);
export const THERE = ipv4(0x0a000002);
export const LOCAL_PORT = 4000;
export const PEER_PORT = 80;
/** The peer's ISS: close to the wrap, so that every test crosses it. */
export const PEER_ISS = 0xffff_fff8;
/** What the figures call the two ISSs. */
const SHOWN_HERE = 100;
const SHOWN_THERE = 300;

/** A segment that was sent, decoded. */
export interface Sent {
  text: string;
  time: Micros;
  reason: string;
  seq: number;
  ack: number;
  flags: number;
  window: number;
  up: number;
  data: Uint8Array;
  mss: number;
  windowScale: number;
  timestamps: [number, number] | undefined;
  sackPermitted: boolean;
  /** The field of User Timeout, -1 for none. */
  userTimeout: number;
  /** SACK blocks as `left-right`, in the figures' numbers. */
  sack: string[];
  gsoSize: number;
  /** The former TOS octet that IP was told. */
  tos: number;
  checksum: Checksum;
}

export class Scene {
  readonly context: Context;
  readonly ip: FakeIp;
  readonly tcp: Tcp;
  now: Micros = micros(1 * SECOND);
  /** The connection under test, once there is one. */
  get conn(): Connection {
    if (this.#conn === undefined) throw new Error('no connection yet');
    return this.#conn;
  }
  #conn: Connection | undefined = undefined;
  listener: Listener | undefined = undefined;
  /** Everything sent that `take` has not handed out yet. */
  sent: Sent[] = [];
  story: string[] = [];
  /** This end's ISS as last seen in a SYN. */
  iss = 0;
  /** The peer's window in segments that do not say. */
  window = 65535;

  constructor(tcp: Partial<TcpConfig> = {}, rest: ConfigOverrides = {}) {
    // Reno's numbers are those of RFC 5681.
    const quiet: Partial<TcpConfig> = {
      timestamps: false,
      windowScaling: false,
      quickAcks: 0,
      congestion: 'reno',
      tuneBuffers: false,
    };
    this.context = makeContext(new SeededRandom(7), { ...rest, tcp: { ...quiet, ...tcp } });
    this.ip = new FakeIp(HERE, (frame, _path, { tos }) => this.#record(frame, tos));
    this.tcp = new Tcp(this.context, this.ip);
  }

  options(changes: Partial<TcpOptions> = {}): TcpOptions {
    return { ...this.tcp.defaultOptions(), ...changes };
  }

  connect(changes: Partial<TcpOptions> = {}): this {
    const conn = this.tcp.connect(ANY_ADDRESS, LOCAL_PORT, THERE, PEER_PORT, this.options(changes));
    if (typeof conn === 'number') throw new Error(`connect: ${conn}`);
    this.#conn = conn;
    return this.poll();
  }

  listen(backlog = 5, changes: Partial<TcpOptions> = {}): this {
    const listener = this.tcp.listen(ANY_ADDRESS, LOCAL_PORT, backlog, this.options(changes));
    if (typeof listener === 'number') throw new Error(`listen: ${listener}`);
    this.listener = listener;
    return this;
  }

  /** Sends what may be sent now. */
  poll(): this {
    this.tcp.poll(this.now);
    let rounds = 0;
    while (this.tcp.pending && rounds++ < 1000) this.tcp.poll(this.now);
    return this;
  }

  /** Lets time pass, running what becomes due. */
  advance(span: number): this {
    const end = this.now + span;
    while (this.context.timers.next() <= end) {
      this.now = micros(Math.max(this.now, this.context.timers.next()));
      this.context.timers.expire(this.now);
      this.poll();
    }
    this.now = micros(end);
    return this.poll();
  }

  /** Hands a segment from the peer to TCP, without a poll after it. */
  arrive(text: string, from = PEER_PORT): this {
    this.story.push(`    <-- ${text}`);
    const frame = this.#build(text, from);
    this.#hand(frame, Number(/<ECN=(\d)>/.exec(text)?.[1] ?? 0));
    // The connection of a listener is found as soon as there is one.
    if (this.listener !== undefined && this.#conn === undefined) {
      for (const found of this.tcp.connections()) this.#conn = found;
    }
    return this;
  }

  get hasConnection(): boolean {
    return this.#conn !== undefined;
  }

  /** A segment from the peer, then a poll. */
  deliver(...texts: string[]): this {
    for (const text of texts) this.arrive(text);
    return this.poll();
  }

  /** Any octets as a TCP datagram, with a checksum that is right. */
  deliverRaw(bytes: Uint8Array): void {
    const frame = this.context.frames.from(bytes);
    if (bytes.length >= 20) this.#fillChecksum(frame);
    this.#hand(frame);
    this.poll();
  }

  /** What was sent since the last call. */
  take(): Sent[] {
    const sent = this.sent;
    this.sent = [];
    return sent;
  }

  /** Asserts what was sent since the last look, in the figures' notation. */
  expectSent(...texts: string[]): this {
    const got = this.take().map((s) => s.text);
    expect(got, this.#told()).to.deep.equal(texts);
    return this;
  }

  expectState(state: TcpState): this {
    expect(this.conn.state, this.#told()).to.equal(state);
    return this;
  }

  write(length: number | Uint8Array): number {
    const bytes = typeof length === 'number' ? new Uint8Array(length).fill(0x78) : length;
    const taken = this.conn.send(bytes, 0, bytes.length);
    this.story.push(`    (send ${bytes.length}: ${taken})`);
    return taken;
  }

  read(length = 100_000): number | Uint8Array {
    const into = new Uint8Array(length);
    const got = this.conn.receive(into, 0, length);
    this.story.push(`    (receive ${length}: ${got})`);
    return got > 0 ? into.subarray(0, got) : got;
  }

  close(): this {
    this.story.push('    (close)');
    this.conn.shutdownSend();
    return this.poll();
  }

  #told(): string {
    return [
      '',
      ...this.story,
      `    state ${this.#conn === undefined ? '-' : this.#conn.state} at ${this.now / SECOND} s`,
      '',
    ].join('\n');
  }

  #hand(frame: Frame, tos = 0): void {
    frame.transport = frame.start;
    const packet: IpPacket = {
      source: THERE,
      destination: HERE,
      protocol: 6,
      ttl: 64,
      tos,
      interfaceId: 1,
      broadcast: false,
    };
    expect(this.tcp.receive(frame, packet, this.now)).to.equal(true);
    frame.release();
  }

  #build(text: string, from: number): Frame {
    const fields = new Map([...text.matchAll(/<([A-Z]+)=([^>]*)>/g)].map((m) => [m[1]!, m[2]!]));
    const number = (name: string, otherwise: number): number => {
      const value = fields.get(name);
      return value === undefined ? otherwise : Number(value);
    };
    const options = noOptions();
    options.mss = number('MSS', -1);
    options.windowScale = number('WS', -1);
    options.userTimeout = number('UTO', -1);
    options.sackPermitted = fields.has('SACKOK');
    // <SACK=left-right,left-right>: in this end's numbers.
    const blocks = fields.get('SACK')?.split(',') ?? [];
    options.sackCount = blocks.length;
    blocks.forEach((block, i) => {
      block.split('-').forEach((edge, j) => (options.sackEdges[2 * i + j] = Number(edge) - SHOWN_HERE + this.iss));
    });
    const ts = fields.get('TS');
    if (ts !== undefined) {
      options.timestamps = true;
      options.tsVal = Number(ts.split(',')[0]);
      options.tsEcr = Number(ts.split(',')[1] ?? 0);
    }
    const data = number('DATA', 0);
    const ctl = fields.get('CTL') ?? '';
    const bits = ctl
      .split(',')
      .reduce(
        (sum, name) => sum | ({ SYN: 2, FIN: 1, RST: 4, PSH: 8, ACK: 16, URG: 32, ECE: 64, CWR: 128 }[name] ?? 0),
        0,
      );
    const frame = this.context.frames.acquire(data);
    // The octet after the SYN is 0, and so on.
    const first = number('SEQ', 0) - SHOWN_THERE - (ctl.includes('SYN') ? 0 : 1);
    for (let i = 0; i < data; i++) frame.bytes[frame.start + i] = (first + i) & 0xff;
    frame.end = frame.start + data;
    const length = 20 + optionsLength(options);
    const at = frame.prepend(length);
    emitHeader(frame.bytes, at, {
      sourcePort: from,
      destinationPort: LOCAL_PORT,
      seq: (number('SEQ', 0) - SHOWN_THERE + PEER_ISS) | 0,
      ack: fields.has('ACK') ? (number('ACK', 0) - SHOWN_HERE + this.iss) | 0 : 0,
      headerLength: length,
      flags: bits,
      window: number('WND', this.window),
      urgentPointer: number('UP', 0),
    });
    emitOptions(frame.bytes, at + 20, options);
    this.#fillChecksum(frame);
    return frame;
  }

  #fillChecksum(frame: Frame): void {
    setChecksum(frame.bytes, frame.start, 0);
    const pseudo = pseudoHeaderSum(THERE, HERE, 6) + frame.length;
    setChecksum(frame.bytes, frame.start, finishChecksum(sumBytes(frame.bytes, frame.start, frame.length, pseudo)));
  }

  #record(frame: Frame, tos: number): number {
    const seg = new Segment();
    expect(seg.parse(frame.bytes, frame.start, frame.end)).to.equal(true);
    if (frame.checksum === Checksum.Full) {
      const sum = sumBytes(frame.bytes, frame.start, frame.length, pseudoHeaderSum(HERE, THERE, 6) + frame.length);
      expect(sumIsValid(sum), 'checksum of what is sent').to.equal(true);
    }
    expect(frame.transport).to.equal(frame.start);
    if (seg.syn) this.iss = seg.seq;
    const bits = flags(frame.bytes, frame.start);
    const seq = ((seg.seq - this.iss) | 0) + SHOWN_HERE;
    const ack = ((seg.ack - PEER_ISS) | 0) + SHOWN_THERE;
    const shown = seg.rst && seg.seq === 0 ? 0 : seq;
    const parts = [`<SEQ=${shown}>`];
    if ((bits & TcpFlag.Ack) !== 0) parts.push(`<ACK=${ack}>`);
    parts.push(`<CTL=${flagsText(bits & ~TcpFlag.Psh)}>`);
    if (seg.textLength > 0) parts.push(`<DATA=${seg.textLength}>`);
    const text = parts.join('');
    this.story.push(`--> ${text}    ${frame.reason}`);
    this.sent.push({
      text,
      time: this.now,
      reason: frame.reason,
      seq,
      ack,
      flags: bits,
      window: seg.window,
      up: seg.up,
      data: seg.bytes.slice(seg.textAt, seg.textAt + seg.textLength),
      mss: seg.options.mss,
      windowScale: seg.options.windowScale,
      timestamps: seg.options.timestamps ? [seg.options.tsVal >>> 0, seg.options.tsEcr >>> 0] : undefined,
      sackPermitted: seg.options.sackPermitted,
      userTimeout: seg.options.userTimeout,
      sack: Array.from({ length: seg.options.sackCount }, (_, i) => {
        const [left, right] = [seg.options.sackEdges[2 * i]!, seg.options.sackEdges[2 * i + 1]!];
        return `${((left - PEER_ISS) | 0) + SHOWN_THERE}-${((right - PEER_ISS) | 0) + SHOWN_THERE}`;
      }),
      gsoSize: frame.gsoSize,
      tos,
      checksum: frame.checksum,
    });
    frame.release();
    return 0;
  }
}

/**
 * A scene whose connection is in `state`, reached by real events; nothing of it is left in `sent`. With `sack: true` the peer permits it
 * too.
 */
export function inState(state: TcpState, tcp: Partial<TcpConfig> = {}, changes: Partial<TcpOptions> = {}): Scene {
  const scene = new Scene(tcp);
  if (state === 'SYN-RECEIVED') {
    scene.listen(5, changes).deliver(`<SEQ=300><CTL=SYN>${sackPermitted(tcp)}`);
  } else if (state !== 'CLOSED' && state !== 'LISTEN') {
    scene.connect(changes);
    if (state !== 'SYN-SENT') leadOn(scene, state, sackPermitted(tcp));
  }
  scene.take();
  if (state !== 'CLOSED' && state !== 'LISTEN') scene.expectState(state);
  return scene;
}

const FIN_AT_301 = '<SEQ=301><ACK=101><CTL=FIN,ACK>';

const sackPermitted = (tcp: Partial<TcpConfig>): string => (tcp.sack === true ? '<SACKOK=1>' : '');

function leadOn(scene: Scene, state: TcpState, options: string): void {
  scene.deliver(`<SEQ=300><ACK=101><CTL=SYN,ACK><MSS=1460>${options}`);
  switch (state) {
    case 'FIN-WAIT-1':
      scene.close();
      break;
    case 'FIN-WAIT-2':
      scene.close().deliver('<SEQ=301><ACK=102><CTL=ACK>');
      break;
    case 'CLOSE-WAIT':
      scene.deliver(FIN_AT_301);
      break;
    case 'CLOSING':
      scene.close().deliver(FIN_AT_301);
      break;
    case 'LAST-ACK':
      scene.deliver(FIN_AT_301).close();
      break;
    case 'TIME-WAIT':
      scene.close().deliver('<SEQ=301><ACK=102><CTL=FIN,ACK>');
      break;
    default:
  }
}
