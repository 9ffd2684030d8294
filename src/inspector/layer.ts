/**
 * What a dissection is made of: layers that contain each other, each with its fields, and how fields are read from a header's
 * declared layout. The layouts are those of the wire files, so the inspector has no offsets of its own.
 */
import type { Structure } from 'buffer-layout';
import { toHex } from '../core/bytes.ts';

/** One field of a header. */
export interface Field {
  /** The RFC's name as the layout has it, e.g. 'totalLength'. */
  readonly name: string;
  /** Unsigned; of an octet string (an unknown option's contents) its length. */
  readonly value: number;
  /** The value as a reader wants it: an address, a flag's name, a unit. */
  readonly text: string;
  /** Offset of its first octet in the octets that were dissected. */
  readonly offset: number;
  readonly length: number;
}

export interface Layer {
  /** 'ethernet', 'arp', 'ipv4', 'icmp', 'igmp', 'udp', 'tcp', 'data'. */
  readonly protocol: string;
  readonly offset: number;
  /** Octets of this layer's header, as far as they are there; of 'data' all octets. */
  readonly length: number;
  readonly fields: readonly Field[];
  /** What is wrong with it or missing, in words; empty for a proper header. */
  readonly problems: readonly string[];
  /** What it carries, if anything. */
  readonly inner: Layer | undefined;
}

/** How to show the value of a field. */
export type Formats = Readonly<Record<string, (value: number) => string>>;

export interface FieldsRead {
  readonly fields: Field[];
  /** 'truncated: ...' when the octets ended first, else nothing. */
  readonly problems: string[];
}

/** Reads the fields of `layout` that lie within [at, end), in order. Never throws. */
export function readFields(
  layout: Structure<unknown>,
  bytes: Uint8Array,
  at: number,
  end: number,
  formats: Formats,
): FieldsRead {
  const fields: Field[] = [];
  const limit = Math.min(end, bytes.length);
  for (const part of layout.fields) {
    const name = part.property;
    if (name === undefined) continue;
    const offset = at + layout.offsetOf(name)!;
    if (offset + part.span > limit) {
      return { fields, problems: [`truncated: ${Math.max(0, limit - at)} of ${layout.span} octets`] };
    }
    fields.push(field(name, unsigned(bytes, offset, part.span), offset, part.span, formats[name]));
  }
  return { fields, problems: [] };
}

export function field(
  name: string,
  value: number,
  offset: number,
  length: number,
  format: (value: number) => string = String,
): Field {
  return { name, value, text: format(value), offset, length };
}

/** An unsigned big-endian number of at most six octets. */
export function unsigned(bytes: Uint8Array, at: number, length: number): number {
  let value = 0;
  for (let i = 0; i < length; i++) value = value * 256 + bytes[at + i]!;
  return value;
}

/** Octets that no header describes, or undefined when there are none. */
export function dataLayer(bytes: Uint8Array, at: number, end: number): Layer | undefined {
  const last = Math.min(end, bytes.length);
  if (last <= at) return undefined;
  return { protocol: 'data', offset: at, length: last - at, fields: [], problems: [], inner: undefined };
}

/** The value of a field, or -1 when the octets ended before it. */
export function valueOf(layer: Layer, name: string): number {
  return layer.fields.find((candidate) => candidate.name === name)?.value ?? -1;
}

export const hex =
  (digits: number) =>
  (value: number): string =>
    `0x${value.toString(16).padStart(digits, '0')}`;

/** Hexadecimal octets, at most 16 of them. */
export function hexText(bytes: Uint8Array, at: number, end: number): string {
  const shown = toHex(bytes.subarray(at, Math.min(end, at + 16)), ' ');
  return end - at > 16 ? `${shown} ...` : shown;
}

/** Every layer from the outermost to the innermost. */
export function layersOf(outermost: Layer): Layer[] {
  const layers: Layer[] = [];
  for (let layer: Layer | undefined = outermost; layer !== undefined; layer = layer.inner) layers.push(layer);
  return layers;
}

/** The outermost layer of a protocol, or undefined. */
export const findLayer = (outermost: Layer, protocol: string): Layer | undefined =>
  layersOf(outermost).find((layer) => layer.protocol === protocol);
