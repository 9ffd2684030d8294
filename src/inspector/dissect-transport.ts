/**
 * TCP segments and UDP datagrams for the inspector. RFC 9293 §3.1, §3.2, RFC 7323, RFC 2018 §3; RFC 768.
 */
import { getU16, getU32 } from '../core/bytes.ts';
import { sumBytes, sumIsValid } from '../core/checksum.ts';
import { OptionKind } from '../tcp/options.ts';
import { TCP_HEADER_MIN, TCP_LAYOUT, flagsText, headerLength } from '../tcp/wire.ts';
import { UDP_LAYOUT } from '../udp/wire.ts';
import { dataLayer, field, hex, hexText, readFields } from './layer.ts';
import type { Field, Layer } from './layer.ts';

/**
 * Dissects a TCP segment in [at, end). `pseudo` is the sum of its pseudo-header, undefined when its checksum cannot be
 * judged; `quoted` when an ICMP error may have cut it off after 8 octets.
 */
export function dissectTcp(
  bytes: Uint8Array,
  at: number,
  end: number,
  pseudo: number | undefined,
  quoted: boolean,
): Layer {
  const { fields, problems } = readFields(TCP_LAYOUT, bytes, at, end, {
    dataOffset: (value) => `${(value >>> 4) * 4} octets`,
    flags: (value) => flagsText(value) || 'none',
    checksum: hex(4),
  });
  const layer = { protocol: 'tcp', offset: at, fields, problems };
  if (problems.length > 0) {
    // Eight octets are what every ICMP error quotes: nothing is wrong with that. RFC 792.
    return { ...layer, problems: quoted ? [] : problems, length: Math.max(0, end - at), inner: undefined };
  }
  if (pseudo !== undefined && !sumIsValid(sumBytes(bytes, at, end - at, pseudo))) problems.push('bad checksum');
  const length = headerLength(bytes, at);
  if (length < TCP_HEADER_MIN || at + length > end) {
    if (!quoted || length < TCP_HEADER_MIN) problems.push(`header length ${length}`);
    return { ...layer, length: TCP_HEADER_MIN, inner: dataLayer(bytes, at + TCP_HEADER_MIN, end) };
  }
  fields.push(...tcpOptions(bytes, at + TCP_HEADER_MIN, at + length, problems));
  return { ...layer, length, inner: dataLayer(bytes, at + length, end) };
}

/** Names of the fields that options become; their values are MSS, shift, TSval, or the kind of what has none. */
const OPTION_FIELDS = new Map<number, string>([
  [OptionKind.EndOfList, 'endOfList'],
  [OptionKind.NoOperation, 'noOperation'],
  [OptionKind.MaximumSegmentSize, 'mss'],
  [OptionKind.WindowScale, 'windowScale'],
  [OptionKind.SackPermitted, 'sackPermitted'],
  [OptionKind.Sack, 'sack'],
  [OptionKind.Timestamps, 'timestamps'],
]);

function tcpOptions(bytes: Uint8Array, at: number, end: number, problems: string[]): Field[] {
  const fields: Field[] = [];
  for (let i = at; i < end;) {
    const kind = bytes[i]!;
    const single = kind === OptionKind.EndOfList || kind === OptionKind.NoOperation;
    const length = single ? 1 : i + 1 < end ? bytes[i + 1]! : 0;
    if (length === 0 || (length < 2 && !single) || i + length > end) {
      problems.push(`bad option at octet ${i - at + TCP_HEADER_MIN}`);
      break;
    }
    fields.push(tcpOption(bytes, i, kind, length));
    if (kind === OptionKind.EndOfList) break;
    i += length;
  }
  return fields;
}

function tcpOption(bytes: Uint8Array, at: number, kind: number, length: number): Field {
  const name = OPTION_FIELDS.get(kind) ?? 'option';
  const make = (value: number, text: string): Field => field(name, value, at, length, () => text);
  if (kind === OptionKind.MaximumSegmentSize && length === 4) {
    const mss = getU16(bytes, at + 2);
    return make(mss, String(mss));
  }
  if (kind === OptionKind.WindowScale && length === 3) return make(bytes[at + 2]!, String(bytes[at + 2]!));
  if (kind === OptionKind.Timestamps && length === 10) {
    return make(getU32(bytes, at + 2), `${getU32(bytes, at + 2)} ${getU32(bytes, at + 6)}`);
  }
  if (kind === OptionKind.Sack && length >= 10 && length % 8 === 2) {
    const blocks = Array.from({ length: (length - 2) / 8 }, (_, i) => at + 2 + 8 * i);
    return make(blocks.length, blocks.map((block) => `${getU32(bytes, block)}-${getU32(bytes, block + 4)}`).join(' '));
  }
  const known = length === 1 || (kind === OptionKind.SackPermitted && length === 2);
  return make(kind, known ? '' : `kind ${kind}: ${hexText(bytes, at + 2, at + length)}`.trim());
}

/** Dissects a UDP datagram in [at, end); `pseudo` as for `dissectTcp`. */
export function dissectUdp(bytes: Uint8Array, at: number, end: number, pseudo: number | undefined): Layer {
  const { fields, problems } = readFields(UDP_LAYOUT, bytes, at, end, {
    length: (value) => `${value} octets`,
    checksum: (value) => (value === 0 ? 'none' : hex(4)(value)),
  });
  const layer = { protocol: 'udp', offset: at, fields, problems };
  if (problems.length > 0) return { ...layer, length: Math.max(0, end - at), inner: undefined };
  const declared = fields.find(({ name }) => name === 'length')!.value;
  const checksum = fields.find(({ name }) => name === 'checksum')!.value;
  const fits = declared >= UDP_LAYOUT.span && declared <= end - at;
  if (pseudo !== undefined) {
    if (!fits) problems.push(`length ${declared} of ${end - at}`);
    // The pseudo-header has UDP's own length, and a zero checksum means that there is none. RFC 768.
    else if (checksum !== 0 && !sumIsValid(sumBytes(bytes, at, declared, pseudo - (end - at) + declared))) {
      problems.push('bad checksum');
    }
  }
  const last = fits ? at + declared : end;
  return { ...layer, length: UDP_LAYOUT.span, inner: dataLayer(bytes, at + UDP_LAYOUT.span, last) };
}
