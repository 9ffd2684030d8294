/**
 * IGMP messages for the inspector. RFC 1112 appendix I; the names of what later versions send, which this host does not speak.
 */
import { IGMP_LAYOUT, IGMP_LENGTH, IgmpType, igmpChecksumIsValid } from '../igmp/wire.ts';
import { formatAddress, ipv4 } from '../ip/address.ts';
import { dataLayer, hex, readFields, valueOf } from './layer.ts';
import type { Layer } from './layer.ts';

const NAMES = new Map<number, string>([
  [IgmpType.Query, 'membership query'],
  [IgmpType.Report, 'membership report'],
  [0x16, 'version 2 membership report'],
  [0x17, 'leave group'],
  [0x22, 'version 3 membership report'],
]);

const name = (type: number): string => NAMES.get(type) ?? `type ${hex(2)(type)}`;

/** Dissects a message in [at, end). `partial` when its checksum cannot be judged. */
export function dissectIgmp(bytes: Uint8Array, at: number, end: number, partial: boolean): Layer {
  const { fields, problems } = readFields(IGMP_LAYOUT, bytes, at, end, {
    versionAndType: name,
    checksum: hex(4),
    group: (value) => formatAddress(ipv4(value)),
  });
  const layer = { protocol: 'igmp', offset: at, fields, problems };
  if (problems.length > 0) return { ...layer, length: Math.max(0, end - at), inner: undefined };
  if (!partial && !igmpChecksumIsValid(bytes, at, end - at)) problems.push('bad checksum');
  return { ...layer, length: IGMP_LENGTH, inner: dataLayer(bytes, at + IGMP_LENGTH, end) };
}

/** A message in words: `membership report 239.1.2.3`. */
export function igmpText(igmp: Layer): string {
  const type = valueOf(igmp, 'versionAndType');
  if (type < 0) return '';
  const group = valueOf(igmp, 'group');
  return `${name(type)}${group > 0 ? ` ${formatAddress(ipv4(group))}` : ''}`;
}
