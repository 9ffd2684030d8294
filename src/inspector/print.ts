/**
 * One packet, one line, in plain words: what tcpdump would say, with sequence numbers counted from each connection's start,
 * windows in octets, and at the end why it was sent or why it was dropped. One trace event, one line, too.
 *
 * Reads the dissection only; the shape of a line is for people and may change. Read next: ladder.ts.
 */
import { DROP_REASONS } from '../core/drop.ts';
import { micros } from '../core/time.ts';
import type { Micros } from '../core/time.ts';
import type { TraceEvent } from '../core/trace.ts';
import { ArpOpcode } from '../ethernet/arp-wire.ts';
import { TcpFlag } from '../tcp/wire.ts';
import { captured } from './captured.ts';
import type { Captured } from './captured.ts';
import { Conversations } from './conversations.ts';
import { dissect } from './dissect.ts';
import { icmpText } from './dissect-icmp.ts';
import { igmpText } from './dissect-igmp.ts';
import { findLayer, layersOf, valueOf } from './layer.ts';
import type { Field, Layer } from './layer.ts';

export interface PrintOptions {
  /** ANSI colours: by protocol, red for drops and problems. Default false. */
  readonly colour?: boolean;
  /** Subtracted from every time (us); default 0. */
  readonly origin?: Micros;
  /** TCP connections remembered for relative numbers; default 1024, 0 shows numbers as they stand. */
  readonly connections?: number;
}

/** A packet in words, in the pieces that lines and ladders are made from. */
export interface Described {
  /** Sender and receiver: addresses with ports where there are some; '' when the frame has none. */
  readonly from: string;
  readonly to: string;
  /** Protocol and the rest, e.g. `TCP SYN seq 0 win 64240 mss 1460`. */
  readonly what: string;
  /** What is wrong with it, in words; '' when nothing is. */
  readonly problems: string;
  /** The innermost protocol that was recognised, e.g. 'tcp'. */
  readonly protocol: string;
}

const COLOURS: Readonly<Record<string, string>> = { tcp: '32', udp: '36', icmp: '35', igmp: '35', arp: '33' };
const RED = '31';
const DIM = '2';

export class Printer {
  readonly #colour: boolean;
  readonly #origin: number;
  readonly #conversations: Conversations;

  constructor(options: PrintOptions = {}) {
    this.#colour = options.colour ?? false;
    this.#origin = options.origin ?? 0;
    this.#conversations = new Conversations(options.connections);
  }

  /** The line of a packet, without an end of line. */
  packet(frame: Captured): string {
    const direction = frame.direction === '' ? '' : `${frame.direction.padEnd(3)} `;
    return `${timeText(frame.time - this.#origin)} ${direction}${this.words(frame)}`;
  }

  /** The line of a packet without time and direction. */
  words(frame: Captured): string {
    const { from, to, what, problems, protocol } = this.describe(frame);
    const ends = from === '' ? '' : `${from} > ${to} `;
    const parts = [`${ends}${this.#paint(what, COLOURS[protocol])}`];
    if (problems !== '') parts.push(this.#paint(`(${problems})`, RED));
    if (frame.reason !== '') parts.push(this.#paint(`[${frame.reason}]`, DIM));
    if (frame.dropped !== undefined) {
      parts.push(this.#paint(`DROPPED ${frame.dropped}: ${DROP_REASONS[frame.dropped]}`, RED));
    }
    return parts.join(' ');
  }

  /** The line of a trace event: `12.345678 tcp state from SYN-SENT to ESTABLISHED`. */
  event(event: TraceEvent): string {
    const facts = Object.entries(event.facts).map(([name, value]) => `${name} ${value}`);
    const text = [event.layer, event.name, ...facts].join(' ');
    return `${timeText(event.time - this.#origin)} ${this.#paint(text, DIM)}`;
  }

  /** The pieces of a line. Remembers the connection, so each packet is described once. */
  describe(frame: Captured): Described {
    const outermost = dissect(frame.bytes, { partialChecksum: frame.partialChecksum });
    const problems = layersOf(outermost)
      .flatMap((layer) => layer.problems)
      .join(', ');
    const ip = findLayer(outermost, 'ipv4');
    const arp = findLayer(outermost, 'arp');
    if (ip !== undefined) return { ...this.#describeIp(ip, frame.gsoSize), problems };
    if (arp !== undefined) return { from: '', to: '', what: `ARP ${arpText(arp)}`, protocol: 'arp', problems };
    return { ...describeEthernet(outermost), problems };
  }

  #describeIp(ip: Layer, gsoSize: number): Omit<Described, 'problems'> {
    const source = textOf(ip, 'source');
    const destination = textOf(ip, 'destination');
    const inner = ip.inner;
    const ports = inner === undefined ? undefined : portsOf(inner);
    if (inner !== undefined && ports !== undefined) {
      const [from, to] = [`${source}:${ports[0]}`, `${destination}:${ports[1]}`];
      const what = inner.protocol === 'tcp' ? this.#tcpText(inner, from, to, gsoSize) : `UDP ${octets(inner)}`;
      return { from, to, what: `${what}${fragmentText(ip)}`, protocol: inner.protocol };
    }
    const what = controlText(inner) ?? otherText(ip);
    return { from: source, to: destination, what: `${what}${fragmentText(ip)}`, protocol: inner?.protocol ?? 'ipv4' };
  }

  #tcpText(tcp: Layer, from: string, to: string, gsoSize: number): string {
    const flags = valueOf(tcp, 'flags');
    if (flags < 0) return 'TCP';
    const has = (flag: number): boolean => (flags & flag) !== 0;
    const option = (name: string): Field | undefined => tcp.fields.find((field) => field.name === name);
    const shown = this.#conversations.show({
      from,
      to,
      seq: valueOf(tcp, 'sequenceNumber'),
      ack: has(TcpFlag.Ack) ? valueOf(tcp, 'acknowledgmentNumber') : undefined,
      window: valueOf(tcp, 'window'),
      syn: has(TcpFlag.Syn),
      rst: has(TcpFlag.Rst),
      windowScale: option('windowScale')?.value,
      damaged: tcp.problems.length > 0,
    });
    const sack = option('sack')
      ?.text.split(' ')
      .map((block) => this.#blockText(block, to, from));
    const parts = [
      textOf(tcp, 'flags'),
      `seq ${shown.seq}`,
      ...(has(TcpFlag.Ack) ? [`ack ${shown.ack}`] : []),
      `win ${shown.window}`,
      ...(has(TcpFlag.Urg) ? [`urgent ${valueOf(tcp, 'urgentPointer')}`] : []),
      ...optionTexts(tcp),
      ...(sack === undefined ? [] : [`sack ${sack.join(' ')}`]),
      ...(tcp.inner === undefined ? [] : [sizeText(tcp.inner.length, gsoSize)]),
    ];
    return `TCP ${parts.join(' ')}`;
  }

  /** Edges of a SACK block count the octets of whom the segment goes to. */
  #blockText(block: string, of: string, other: string): string {
    return block
      .split('-')
      .map((edge) => this.#conversations.relativeTo(of, other, Number(edge)))
      .join('-');
  }

  #paint(text: string, code: string | undefined): string {
    return this.#colour && code !== undefined ? `\u001b[${code}m${text}\u001b[0m` : text;
  }
}

/** One frame in words, without memory of others: sequence numbers as they stand. A Printer shows them from 0. */
export const describeFrame = (bytes: Uint8Array, facts: Partial<Captured> = {}): string =>
  new Printer({ connections: 0 }).words(captured(micros(0), bytes, facts));

/** Seconds with microseconds, right-aligned to ten columns: ` 12.345678`. */
export function timeText(time: number): string {
  return (time / 1_000_000).toFixed(6).padStart(10);
}

const textOf = (layer: Layer, name: string): string =>
  layer.fields.find((candidate) => candidate.name === name)?.text ?? '?';

/** Options of which the value says all, SACK and padding left out. */
function optionTexts(tcp: Layer): string[] {
  return tcp.fields.flatMap(({ name, text }) => {
    if (name === 'mss') return [`mss ${text}`];
    if (name === 'windowScale') return [`wscale ${text}`];
    if (name === 'sackPermitted') return ['sack permitted'];
    if (name === 'timestamps') return [`ts ${text.replace(' ', '/')}`];
    return name === 'option' ? [`option ${text}`] : [];
  });
}

/** `1448 octets`, or of a super-segment `63712 octets (44 x 1448)`, with what is left over after the last whole one. */
export function sizeText(length: number, gsoSize: number): string {
  if (gsoSize === 0 || length <= gsoSize) return `${length} octets`;
  const rest = length % gsoSize;
  return `${length} octets (${Math.floor(length / gsoSize)} x ${gsoSize}${rest === 0 ? '' : ` + ${rest}`})`;
}

const octets = (layer: Layer): string => sizeText(layer.inner?.length ?? 0, 0);

function portsOf(transport: Layer): [number, number] | undefined {
  if (transport.protocol !== 'tcp' && transport.protocol !== 'udp') return undefined;
  const ports: [number, number] = [valueOf(transport, 'sourcePort'), valueOf(transport, 'destinationPort')];
  return ports[1] < 0 ? undefined : ports;
}

/** ` fragment id 0x0007 offset 1480 of ...`, or '' for a whole datagram. */
function fragmentText(ip: Layer): string {
  const text = textOf(ip, 'flagsAndOffset');
  if (!/more|offset/.test(text)) return '';
  return `, fragment ${textOf(ip, 'identification')} (${text})`;
}

/** What ICMP or IGMP says; undefined for other protocols. */
function controlText(inner: Layer | undefined): string | undefined {
  if (inner?.protocol === 'icmp') return `ICMP ${icmpText(inner)}`;
  return inner?.protocol === 'igmp' ? `IGMP ${igmpText(inner)}` : undefined;
}

function otherText(ip: Layer): string {
  return `${textOf(ip, 'protocol')} ${sizeText(ip.inner?.length ?? 0, 0)}`;
}

function arpText(arp: Layer): string {
  const sender = textOf(arp, 'senderProtocol');
  const target = textOf(arp, 'targetProtocol');
  const hardware = textOf(arp, 'senderHardware');
  switch (valueOf(arp, 'opcode')) {
    case ArpOpcode.Request:
      // RFC 5227 §1.1: a probe has no sender address, an announcement asks for its own.
      if (valueOf(arp, 'senderProtocol') === 0) return `probe: does anyone have ${target}?`;
      if (sender === target) return `announcement: ${sender} is at ${hardware}`;
      return `who has ${target}? tell ${sender}`;
    case ArpOpcode.Reply:
      return `${sender} is at ${hardware}`;
    default:
      return `opcode ${textOf(arp, 'opcode')}`;
  }
}

function describeEthernet(ethernet: Layer): Omit<Described, 'problems'> {
  if (ethernet.fields.length === 0)
    return { from: '', to: '', what: `frame of ${ethernet.length} octets`, protocol: '' };
  // A tag's type stands after the tag: the last one counts.
  const type = ethernet.fields.findLast(({ name }) => name === 'etherType');
  return {
    from: textOf(ethernet, 'source'),
    to: textOf(ethernet, 'destination'),
    what: `type ${type?.text ?? '?'} ${octets(ethernet)}`,
    protocol: 'ethernet',
  };
}
