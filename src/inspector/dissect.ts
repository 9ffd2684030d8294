/**
 * A frame's octets as a tree of layers with named fields, for showing. It judges as little as it can and never throws:
 * truncated octets and nonsense are shown as what they are.
 *
 * RFC 894 and 1042 (Ethernet), 826 (ARP), 791 (IPv4); the rest is in dissect-transport.ts, dissect-icmp.ts and dissect-igmp.ts. Read next: print.ts.
 */
import { formatMac } from '../ethernet/address.ts';
import type { MacAddress } from '../ethernet/address.ts';
import { ARP_LAYOUT, ARP_LENGTH, ArpOpcode } from '../ethernet/arp-wire.ts';
import { ETHERNET_HEADER, ETHERNET_LAYOUT, EtherType, SNAP_LAYOUT, VLAN_LAYOUT } from '../ethernet/wire.ts';
import { formatAddress, ipv4 } from '../ip/address.ts';
import { IpOption, optionLength } from '../ip/ipv4-options.ts';
import {
  DONT_FRAGMENT,
  FRAGMENT_OFFSET_MASK,
  IPV4_HEADER_LENGTH,
  IPV4_LAYOUT,
  MORE_FRAGMENTS,
  ipChecksumIsValid,
  ipHeaderLength,
  ipVersion,
} from '../ip/ipv4-wire.ts';
import { IpProtocol } from '../ip/service.ts';
import { dissectIcmp } from './dissect-icmp.ts';
import { dissectIgmp } from './dissect-igmp.ts';
import { dissectTcp, dissectUdp } from './dissect-transport.ts';
import { dataLayer, field, hex, hexText, readFields, valueOf } from './layer.ts';
import type { Field, Layer } from './layer.ts';

const mac = (value: number): string => formatMac(value as MacAddress);
const address = (value: number): string => formatAddress(ipv4(value));

const ETHER_TYPES = new Map<number, string>([
  [EtherType.Ipv4, 'IPv4'],
  [EtherType.Arp, 'ARP'],
  [EtherType.Ipv6, 'IPv6'],
  [EtherType.Vlan, '802.1Q'],
  [EtherType.ServiceVlan, '802.1ad'],
]);

/** Below this the field is a length of 802.3, above a type. IEEE 802.3. */
const LEAST_TYPE = 0x0600;

const etherType = (value: number): string =>
  ETHER_TYPES.get(value) ?? (value < LEAST_TYPE ? `${value} octets` : hex(4)(value));

export interface DissectOptions {
  /** Leave checksums of the transport unjudged: they are not complete in this frame (Checksum.Partial). */
  readonly partialChecksum?: boolean;
}

/** Dissects a frame that begins with its Ethernet header. */
export function dissect(bytes: Uint8Array, options: DissectOptions = {}, at = 0, end = bytes.length): Layer {
  const { fields, problems } = readFields(ETHERNET_LAYOUT, bytes, at, end, {
    destination: mac,
    source: mac,
    etherType,
  });
  let payload = at + ETHERNET_HEADER;
  let last = end;
  let type = fields.find(({ name }) => name === 'etherType')?.value ?? -1;
  while (type === EtherType.Vlan || type === EtherType.ServiceVlan) {
    const tag = readFields(VLAN_LAYOUT, bytes, payload, end, { tag: vlanText, etherType });
    fields.push(...tag.fields);
    problems.push(...tag.problems);
    type = tag.fields[1]?.value ?? -1;
    payload += VLAN_LAYOUT.span;
  }
  if (type >= 0 && type < LEAST_TYPE) {
    last = Math.min(end, payload + type);
    const snap = readFields(SNAP_LAYOUT, bytes, payload, last, { organization: hex(6), etherType });
    fields.push(...snap.fields);
    problems.push(...snap.problems);
    type = snap.problems.length > 0 ? -1 : snap.fields[4]!.value;
    payload += SNAP_LAYOUT.span;
  }
  const length = Math.min(payload, end) - at;
  const inner = problems.length > 0 ? undefined : dissectPayload(type, bytes, payload, last, options);
  return { protocol: 'ethernet', offset: at, length, fields, problems, inner };
}

const vlanText = (tag: number): string => `VLAN ${tag & 0xfff} priority ${tag >>> 13}`;

function dissectPayload(
  type: number,
  bytes: Uint8Array,
  at: number,
  end: number,
  options: DissectOptions,
): Layer | undefined {
  if (type === EtherType.Ipv4) return dissectIpv4(bytes, options, at, end);
  if (type === EtherType.Arp) return dissectArp(bytes, at, end);
  return dataLayer(bytes, at, end);
}

const ARP_OPCODES = new Map<number, string>([
  [ArpOpcode.Request, 'request'],
  [ArpOpcode.Reply, 'reply'],
]);

function dissectArp(bytes: Uint8Array, at: number, end: number): Layer {
  const { fields, problems } = readFields(ARP_LAYOUT, bytes, at, end, {
    protocolType: etherType,
    opcode: (value) => ARP_OPCODES.get(value) ?? String(value),
    senderHardware: mac,
    senderProtocol: address,
    targetHardware: mac,
    targetProtocol: address,
  });
  const length = Math.max(0, Math.min(ARP_LENGTH, end - at));
  return { protocol: 'arp', offset: at, length, fields, problems, inner: undefined };
}

const PROTOCOLS = new Map<number, string>([
  [IpProtocol.Icmp, 'ICMP'],
  [IpProtocol.Igmp, 'IGMP'],
  [IpProtocol.Tcp, 'TCP'],
  [IpProtocol.Udp, 'UDP'],
]);

/** The name of an IP protocol number, or `protocol n`. */
export const protocolText = (value: number): string => PROTOCOLS.get(value) ?? `protocol ${value}`;

function flagsText(value: number): string {
  const flags = [
    ...((value & DONT_FRAGMENT) !== 0 ? ["don't fragment"] : []),
    ...((value & MORE_FRAGMENTS) !== 0 ? ['more fragments'] : []),
    ...((value & FRAGMENT_OFFSET_MASK) !== 0 ? [`offset ${(value & FRAGMENT_OFFSET_MASK) * 8}`] : []),
  ];
  return flags.length === 0 ? 'none' : flags.join(', ');
}

/** Dissects octets that begin with an IPv4 header; also what an ICMP error quotes, which may be cut off (`quoted`). */
export function dissectIpv4(
  bytes: Uint8Array,
  options: DissectOptions = {},
  at = 0,
  end = bytes.length,
  quoted = false,
): Layer {
  const { fields, problems } = readFields(IPV4_LAYOUT, bytes, at, end, {
    versionAndLength: (value) => `version ${value >>> 4}, ${(value & 0xf) * 4} octets`,
    tos: hex(2),
    identification: hex(4),
    flagsAndOffset: flagsText,
    protocol: protocolText,
    checksum: hex(4),
    source: address,
    destination: address,
  });
  const layer = { protocol: 'ipv4', offset: at, fields, problems };
  if (problems.length > 0) return { ...layer, length: Math.max(0, end - at), inner: undefined };
  const headerLength = ipHeaderLength(bytes, at);
  if (ipVersion(bytes, at) !== 4) problems.push(`version ${ipVersion(bytes, at)}`);
  if (headerLength < IPV4_HEADER_LENGTH || at + headerLength > end) {
    problems.push(`header length ${headerLength}`);
    return { ...layer, length: IPV4_HEADER_LENGTH, inner: dataLayer(bytes, at + IPV4_HEADER_LENGTH, end) };
  }
  if (!ipChecksumIsValid(bytes, at, headerLength)) problems.push('bad header checksum');
  fields.push(...dissectOptions(bytes, at + IPV4_HEADER_LENGTH, at + headerLength, problems));
  const total = fields.find(({ name }) => name === 'totalLength')!.value;
  if (total < headerLength || (at + total > end && !quoted)) problems.push(`total length ${total} of ${end - at}`);
  const last = total < headerLength ? end : Math.min(end, at + total);
  const whole: Layer = { ...layer, length: headerLength, inner: undefined };
  return { ...whole, inner: dissectTransport(whole, bytes, at + headerLength, last, { ...options, quoted }) };
}

/** What the dissection of a transport header needs to know of what is around it. */
export interface TransportOptions extends DissectOptions {
  /** Part of an ICMP error: it may be cut off after 8 octets, and its checksum cannot be judged. */
  readonly quoted: boolean;
}

function dissectTransport(
  ip: Layer,
  bytes: Uint8Array,
  at: number,
  end: number,
  options: TransportOptions,
): Layer | undefined {
  const fragment = valueOf(ip, 'flagsAndOffset') & (MORE_FRAGMENTS | FRAGMENT_OFFSET_MASK);
  if ((fragment & FRAGMENT_OFFSET_MASK) !== 0) return dataLayer(bytes, at, end);
  // The checksum of a first fragment covers octets that are elsewhere.
  const partial = options.partialChecksum === true || options.quoted || fragment !== 0;
  const pseudo = partial
    ? undefined
    : valueOf(ip, 'source') + valueOf(ip, 'destination') + valueOf(ip, 'protocol') + (end - at);
  switch (valueOf(ip, 'protocol')) {
    case IpProtocol.Tcp:
      return dissectTcp(bytes, at, end, pseudo, options.quoted);
    case IpProtocol.Udp:
      return dissectUdp(bytes, at, end, pseudo);
    case IpProtocol.Icmp: {
      const quote = (from: number, to: number): Layer => dissectIpv4(bytes, options, from, to, true);
      return dissectIcmp(bytes, at, end, partial, options.quoted ? undefined : quote);
    }
    case IpProtocol.Igmp:
      return dissectIgmp(bytes, at, end, partial);
    default:
      return dataLayer(bytes, at, end);
  }
}

const OPTION_NAMES = new Map<number, string>([
  [IpOption.End, 'end of list'],
  [IpOption.NoOperation, 'no operation'],
  [IpOption.RecordRoute, 'record route'],
  [IpOption.Timestamp, 'timestamp'],
  [IpOption.Security, 'security'],
  [IpOption.LooseSourceRoute, 'loose source route'],
  [IpOption.StreamId, 'stream identifier'],
  [IpOption.StrictSourceRoute, 'strict source route'],
]);

function dissectOptions(bytes: Uint8Array, at: number, end: number, problems: string[]): Field[] {
  const fields: Field[] = [];
  for (let i = at; i < end;) {
    const type = bytes[i]!;
    const length = optionLength(bytes, i, end);
    if (length === 0) {
      problems.push(`bad option at octet ${i - at + IPV4_HEADER_LENGTH}`);
      break;
    }
    const name = OPTION_NAMES.get(type) ?? `option ${type}`;
    const text = length > 2 ? `${name}: ${hexText(bytes, i + 2, i + length)}` : name;
    fields.push(field('option', type, i, length, () => text));
    if (type === IpOption.End) break;
    i += length;
  }
  return fields;
}
