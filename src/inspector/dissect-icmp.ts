/**
 * ICMP messages for the inspector, with the datagram that an error quotes inside. RFC 792, RFC 1122 §3.2.2, RFC 1191 §4.
 */
import { formatAddress, ipv4 } from '../ip/address.ts';
import {
  ICMP_HEADER_LENGTH,
  ICMP_LAYOUT,
  ICMP_QUERY_LAYOUT,
  IcmpType,
  UnreachableCode,
  icmpChecksumIsValid,
  isErrorType,
  isQueryType,
} from '../icmp/wire.ts';
import { dataLayer, hex, readFields, valueOf } from './layer.ts';
import type { Layer } from './layer.ts';

/** Types that only routers send: RFC 1256. */
const ROUTER_ADVERTISEMENT = 9;
const ROUTER_SOLICITATION = 10;

const NAMES = new Map<number, string>([
  [IcmpType.EchoReply, 'echo reply'],
  [IcmpType.DestinationUnreachable, 'destination unreachable'],
  [IcmpType.SourceQuench, 'source quench'],
  [IcmpType.Redirect, 'redirect'],
  [IcmpType.Echo, 'echo request'],
  [ROUTER_ADVERTISEMENT, 'router advertisement'],
  [ROUTER_SOLICITATION, 'router solicitation'],
  [IcmpType.TimeExceeded, 'time exceeded'],
  [IcmpType.ParameterProblem, 'parameter problem'],
  [IcmpType.Timestamp, 'timestamp request'],
  [IcmpType.TimestampReply, 'timestamp reply'],
  [IcmpType.InformationRequest, 'information request'],
  [IcmpType.InformationReply, 'information reply'],
  [IcmpType.AddressMaskRequest, 'address mask request'],
  [IcmpType.AddressMaskReply, 'address mask reply'],
]);

/** Names of codes, by type. RFC 792, RFC 1122 §3.2.2.1, RFC 1812 §5.2.7.1. */
const CODES: Readonly<Record<number, readonly string[]>> = {
  [IcmpType.DestinationUnreachable]: [
    'network unreachable',
    'host unreachable',
    'protocol unreachable',
    'port unreachable',
    'fragmentation needed',
    'source route failed',
    'destination network unknown',
    'destination host unknown',
    'source host isolated',
    'network prohibited',
    'host prohibited',
    'network unreachable for this service',
    'host unreachable for this service',
    'communication prohibited',
    'host precedence violation',
    'precedence cutoff',
  ],
  [IcmpType.Redirect]: [
    'redirect for network',
    'redirect for host',
    'redirect for service and network',
    'redirect for service and host',
  ],
  [IcmpType.TimeExceeded]: ['time to live exceeded', 'reassembly time exceeded'],
};

const isEcho = (type: number): boolean => type === IcmpType.Echo || type === IcmpType.EchoReply;

/**
 * Dissects a message in [at, end). `partial` when its checksum cannot be judged; `quote` dissects the datagram that an error
 * quotes, undefined inside a quotation, so that quotations do not nest.
 */
export function dissectIcmp(
  bytes: Uint8Array,
  at: number,
  end: number,
  partial: boolean,
  quote: ((at: number, end: number) => Layer) | undefined,
): Layer {
  const type = at < Math.min(end, bytes.length) ? bytes[at]! : 0;
  const { fields, problems } = readFields(isQueryType(type) ? ICMP_QUERY_LAYOUT : ICMP_LAYOUT, bytes, at, end, {
    type: (value) => NAMES.get(value) ?? `type ${value}`,
    checksum: hex(4),
    rest: hex(8),
  });
  const layer = { protocol: 'icmp', offset: at, fields, problems };
  if (problems.length > 0) return { ...layer, length: Math.max(0, end - at), inner: undefined };
  if (!partial && !icmpChecksumIsValid(bytes, at, end - at)) problems.push('bad checksum');
  const payload = at + ICMP_HEADER_LENGTH;
  const quotes = isErrorType(type) && quote !== undefined && payload < end;
  return { ...layer, length: ICMP_HEADER_LENGTH, inner: quotes ? quote(payload, end) : dataLayer(bytes, payload, end) };
}

/** A message in words: `echo request id 3 seq 1 56 octets`, `port unreachable about 10.0.0.1:5 > 10.0.0.2:7 UDP`. */
export function icmpText(icmp: Layer): string {
  const type = valueOf(icmp, 'type');
  if (type < 0) return '';
  const code = valueOf(icmp, 'code');
  if (isEcho(type)) {
    const [id, seq] = [valueOf(icmp, 'identifier'), valueOf(icmp, 'sequence')];
    return `${NAMES.get(type)!} id ${id} seq ${seq} ${icmp.inner?.length ?? 0} octets`;
  }
  const named = CODES[type]?.[code];
  const name = named ?? `${NAMES.get(type) ?? `type ${type}`}${code === 0 ? '' : ` code ${code}`}`;
  return `${name}${detailText(type, code, valueOf(icmp, 'rest'))}${aboutText(icmp.inner)}`;
}

/** What the second word of the header says, where it says something. */
function detailText(type: number, code: number, rest: number): string {
  if (rest < 0) return '';
  if (type === IcmpType.DestinationUnreachable && code === UnreachableCode.FragmentationNeeded) {
    return ` mtu ${rest & 0xffff}`; // RFC 1191 §4
  }
  if (type === IcmpType.Redirect) return ` to ${formatAddress(ipv4(rest))}`;
  if (type === IcmpType.ParameterProblem) return ` at octet ${rest >>> 24}`;
  return '';
}

function aboutText(quoted: Layer | undefined): string {
  if (quoted?.protocol !== 'ipv4') return '';
  const text = (layer: Layer, name: string): string => layer.fields.find((field) => field.name === name)?.text ?? '?';
  const transport = quoted.inner;
  const port = (name: string): string =>
    transport !== undefined && valueOf(transport, name) >= 0 ? `:${valueOf(transport, name)}` : '';
  const from = `${text(quoted, 'source')}${port('sourcePort')}`;
  const to = `${text(quoted, 'destination')}${port('destinationPort')}`;
  return ` about ${from} > ${to} ${text(quoted, 'protocol')}`;
}
