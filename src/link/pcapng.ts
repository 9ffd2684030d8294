/**
 * The capture file formats as octets: pcapng written (draft-ietf-opsawg-pcapng), pcapng and classic pcap read
 * (draft-ietf-opsawg-pcap). Pure: no file, no clock. link/pcap.ts captures with it.
 *
 * Written: one section, little-endian, time in microseconds, Ethernet interfaces, packets with direction and comments.
 * Read: both byte orders, any resolution, simple and enhanced packets; other blocks and options are skipped.
 */
import { micros } from '../core/time.ts';
import type { Micros } from '../core/time.ts';

/** LINKTYPE_ETHERNET. */
export const LINK_TYPE_ETHERNET = 1;
/** Octets kept of one packet at most, when writing; also the largest that common readers accept. */
export const SNAP_LENGTH = 262_144;

const Block = { SectionHeader: 0x0a0d0d0a, Interface: 1, SimplePacket: 3, EnhancedPacket: 6 } as const;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const Option = { End: 0, Comment: 1, Name: 2, Flags: 2, Application: 4, TimeResolution: 9, TimeOffset: 14 } as const;
/** Classic pcap: microseconds, nanoseconds. */
const PCAP_MICROS = 0xa1b2c3d4;
const PCAP_NANOS = 0xa1b23c4d;

/** One packet of a capture. */
export interface CapturedPacket {
  /** When it was seen (us). */
  readonly time: Micros;
  readonly bytes: Uint8Array;
  /** Length on the wire, when the capture holds only the beginning. */
  readonly originalLength: number;
  /** Index into the interfaces. */
  readonly interfaceId: number;
  readonly direction?: 'in' | 'out';
  readonly comments: readonly string[];
}

export interface CapturedInterface {
  readonly name: string;
  readonly linkType: number;
}

export interface Capture {
  readonly interfaces: readonly CapturedInterface[];
  readonly frames: readonly CapturedPacket[];
  /** Comments on the file as a whole. */
  readonly comments: readonly string[];
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const padded = (length: number): number => (length + 3) & ~3;

interface RawOption {
  readonly code: number;
  readonly value: Uint8Array;
}

const textOption = (code: number, text: string): RawOption => {
  // The length field has 16 bits; no text of ours comes near, but a caller's comment might.
  return { code, value: encoder.encode(text).subarray(0, 0xfffc) };
};

const optionsLength = (options: readonly RawOption[]): number =>
  options.length === 0 ? 0 : options.reduce((sum, option) => sum + 4 + padded(option.value.length), 4);

/** A block of a type with a fixed body and options; `fill` writes the body's numbers. */
function block(
  type: number,
  bodyLength: number,
  options: readonly RawOption[],
  fill: (view: DataView) => void,
): Uint8Array {
  const length = 12 + padded(bodyLength) + optionsLength(options);
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, type, true);
  view.setUint32(4, length, true);
  fill(view);
  let at = 8 + padded(bodyLength);
  for (const { code, value } of options) {
    view.setUint16(at, code, true);
    view.setUint16(at + 2, value.length, true);
    bytes.set(value, at + 4);
    at += 4 + padded(value.length);
  }
  view.setUint32(length - 4, length, true);
  return bytes;
}

/** The block that a file begins with. */
export function sectionHeader(application: string): Uint8Array {
  return block(Block.SectionHeader, 16, [textOption(Option.Application, application)], (view) => {
    view.setUint32(8, BYTE_ORDER_MAGIC, true);
    view.setUint16(12, 1, true);
    // Section length -1: not stated.
    view.setBigInt64(16, -1n, true);
  });
}

/** Announces an interface; they are numbered from 0 in the order in which they are written. */
export function interfaceDescription(name: string): Uint8Array {
  const options = [textOption(Option.Name, name), { code: Option.TimeResolution, value: Uint8Array.of(6) }];
  return block(Block.Interface, 8, options, (view) => {
    view.setUint16(8, LINK_TYPE_ETHERNET, true);
    view.setUint32(12, SNAP_LENGTH, true);
  });
}

/** One packet; octets beyond SNAP_LENGTH are left out. */
export function enhancedPacket(packet: CapturedPacket): Uint8Array {
  const captured = packet.bytes.subarray(0, SNAP_LENGTH);
  const options: RawOption[] = packet.comments.map((comment) => textOption(Option.Comment, comment));
  if (packet.direction !== undefined) {
    // Bits 0 and 1 of epb_flags: 1 is inbound, 2 outbound.
    options.push({ code: Option.Flags, value: Uint8Array.of(packet.direction === 'in' ? 1 : 2, 0, 0, 0) });
  }
  const bytes = block(Block.EnhancedPacket, 20 + captured.length, options, (view) => {
    view.setUint32(8, packet.interfaceId, true);
    view.setUint32(12, Math.floor(packet.time / 0x1_0000_0000), true);
    view.setUint32(16, packet.time % 0x1_0000_0000, true);
    view.setUint32(20, captured.length, true);
    view.setUint32(24, packet.originalLength, true);
  });
  bytes.set(captured, 28);
  return bytes;
}

/** Reads a capture file of either format. Throws an Error that names the offset of what is wrong. */
export function readPcapng(bytes: Uint8Array): Capture {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 4) throw malformed(0, 'too short for a capture file');
  const magic = view.getUint32(0, true);
  if (magic === Block.SectionHeader) return new PcapngReader(bytes, view).read();
  if (magic === PCAP_MICROS || magic === PCAP_NANOS) return readClassic(bytes, view, true, magic === PCAP_NANOS);
  const swapped = view.getUint32(0, false);
  if (swapped === PCAP_MICROS || swapped === PCAP_NANOS) return readClassic(bytes, view, false, swapped === PCAP_NANOS);
  throw malformed(0, 'neither pcapng nor pcap');
}

const malformed = (offset: number, what: string): Error => new Error(`capture file: ${what} at offset ${offset}`);

function readClassic(bytes: Uint8Array, view: DataView, little: boolean, nanos: boolean): Capture {
  if (bytes.length < 24) throw malformed(0, 'file header cut off');
  // The upper bits of the link type's word tell about check sequences.
  const linkType = view.getUint32(20, little) & 0xffff;
  const frames: CapturedPacket[] = [];
  let at = 24;
  while (at < bytes.length) {
    if (at + 16 > bytes.length) throw malformed(at, 'record header cut off');
    const captured = view.getUint32(at + 8, little);
    if (at + 16 + captured > bytes.length) throw malformed(at, `record of ${captured} octets cut off`);
    const fraction = view.getUint32(at + 4, little);
    frames.push({
      time: micros(view.getUint32(at, little) * 1e6 + (nanos ? Math.floor(fraction / 1000) : fraction)),
      bytes: bytes.slice(at + 16, at + 16 + captured),
      originalLength: view.getUint32(at + 12, little),
      interfaceId: 0,
      comments: [],
    });
    at += 16 + captured;
  }
  return { interfaces: [{ name: '', linkType }], frames, comments: [] };
}

/** What the reader keeps of an interface, to make sense of its packets. */
interface ReadInterface extends CapturedInterface {
  /** Units of a time stamp in a second, and seconds to add. */
  readonly unitsPerSecond: bigint;
  readonly offsetSeconds: bigint;
  readonly snapLength: number;
}

class PcapngReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #interfaces: ReadInterface[] = [];
  readonly #frames: CapturedPacket[] = [];
  readonly #comments: string[] = [];
  #little = true;
  /** Interfaces are numbered anew in each section. */
  #sectionBase = 0;

  constructor(bytes: Uint8Array, view: DataView) {
    this.#bytes = bytes;
    this.#view = view;
  }

  read(): Capture {
    let at = 0;
    while (at < this.#bytes.length) at += this.#readBlock(at);
    const interfaces = this.#interfaces.map(({ name, linkType }) => ({ name, linkType }));
    return { interfaces, frames: this.#frames, comments: this.#comments };
  }

  /** Reads the block at `at`; returns its length. */
  #readBlock(at: number): number {
    if (at + 12 > this.#bytes.length) throw malformed(at, 'block header cut off');
    // The section header's type reads the same in both orders.
    const type = this.#u32(at);
    if (type === Block.SectionHeader) this.#readByteOrder(at);
    const length = this.#u32(at + 4);
    if (length < 12 || length % 4 !== 0) throw malformed(at, `block length ${length}`);
    if (at + length > this.#bytes.length) throw malformed(at, `block of ${length} octets cut off`);
    if (this.#u32(at + length - 4) !== length) throw malformed(at + length - 4, 'block lengths differ');
    const end = at + length - 4;
    if (type === Block.SectionHeader) this.#readSection(at, end);
    else if (type === Block.Interface) this.#readInterface(at, end);
    else if (type === Block.EnhancedPacket) this.#readEnhanced(at, end);
    else if (type === Block.SimplePacket) this.#readSimple(at, end);
    return length;
  }

  #readByteOrder(at: number): void {
    this.#little = true;
    if (this.#u32(at + 8) === BYTE_ORDER_MAGIC) return;
    this.#little = false;
    if (this.#u32(at + 8) !== BYTE_ORDER_MAGIC) throw malformed(at + 8, 'byte-order magic is wrong');
  }

  #readSection(at: number, end: number): void {
    this.#need(at, end, 28);
    if (this.#u16(at + 12) !== 1) throw malformed(at + 12, `version ${this.#u16(at + 12)}`);
    this.#sectionBase = this.#interfaces.length;
    this.#comments.push(...this.#comment(this.#options(at + 24, end)));
  }

  #readInterface(at: number, end: number): void {
    this.#need(at, end, 20);
    let name = '';
    let unitsPerSecond = 1_000_000n;
    let offsetSeconds = 0n;
    for (const { code, value } of this.#options(at + 16, end)) {
      const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
      if (code === Option.Name) name = decoder.decode(value);
      if (code === Option.TimeResolution && value.length === 1) unitsPerSecond = unitsOf(value[0]!);
      if (code === Option.TimeOffset && value.length === 8) offsetSeconds = view.getBigInt64(0, this.#little);
    }
    const linkType = this.#u16(at + 8);
    const snapLength = this.#u32(at + 12);
    this.#interfaces.push({ name, linkType, unitsPerSecond, offsetSeconds, snapLength });
  }

  #readEnhanced(at: number, end: number): void {
    this.#need(at, end, 32);
    const captured = this.#u32(at + 20);
    if (at + 28 + captured > end) throw malformed(at + 20, `packet of ${captured} octets in a shorter block`);
    const interfaceId = this.#sectionBase + this.#u32(at + 8);
    const from = this.#interfaces[interfaceId];
    if (from === undefined) throw malformed(at + 8, `packet of unknown interface ${this.#u32(at + 8)}`);
    const units = (BigInt(this.#u32(at + 12)) << 32n) | BigInt(this.#u32(at + 16));
    const options = this.#options(at + 28 + padded(captured), end);
    const direction = this.#direction(options);
    this.#frames.push({
      time: micros(Number((units * 1_000_000n) / from.unitsPerSecond + from.offsetSeconds * 1_000_000n)),
      bytes: this.#bytes.slice(at + 28, at + 28 + captured),
      originalLength: this.#u32(at + 24),
      interfaceId,
      ...(direction === undefined ? {} : { direction }),
      comments: this.#comment(options),
    });
  }

  /** A packet without a time, of the section's first interface. */
  #readSimple(at: number, end: number): void {
    this.#need(at, end, 16);
    const from = this.#interfaces[this.#sectionBase];
    if (from === undefined) throw malformed(at, 'packet before any interface');
    const originalLength = this.#u32(at + 8);
    const captured = Math.min(originalLength, from.snapLength === 0 ? originalLength : from.snapLength, end - at - 12);
    this.#frames.push({
      time: micros(0),
      bytes: this.#bytes.slice(at + 12, at + 12 + captured),
      originalLength,
      interfaceId: this.#sectionBase,
      comments: [],
    });
  }

  #options(start: number, end: number): RawOption[] {
    const options: RawOption[] = [];
    let at = start;
    while (at + 4 <= end) {
      const code = this.#u16(at);
      const length = this.#u16(at + 2);
      if (code === Option.End) break;
      if (at + 4 + length > end) throw malformed(at, `option ${code} of ${length} octets cut off`);
      options.push({ code, value: this.#bytes.slice(at + 4, at + 4 + length) });
      at += 4 + padded(length);
    }
    return options;
  }

  #comment(options: readonly RawOption[]): string[] {
    return options.filter((option) => option.code === Option.Comment).map((option) => decoder.decode(option.value));
  }

  #direction(options: readonly RawOption[]): 'in' | 'out' | undefined {
    const flags = options.find((option) => option.code === Option.Flags && option.value.length === 4);
    if (flags === undefined) return undefined;
    const bits = flags.value[this.#little ? 0 : 3]! & 3;
    return bits === 1 ? 'in' : bits === 2 ? 'out' : undefined;
  }

  #need(at: number, end: number, length: number): void {
    if (at + length > end + 4) throw malformed(at, 'block too short for its type');
  }

  #u16(at: number): number {
    return this.#view.getUint16(at, this.#little);
  }

  #u32(at: number): number {
    return this.#view.getUint32(at, this.#little);
  }
}

/** Resolution as if_tsresol gives it: a negative power of 10, or of 2 when the top bit is set. */
const unitsOf = (resolution: number): bigint =>
  (resolution & 0x80) !== 0 ? 1n << BigInt(resolution & 0x7f) : 10n ** BigInt(resolution);
