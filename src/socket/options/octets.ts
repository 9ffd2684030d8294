/**
 * The values of options as the octets that C has them in, cut at the length that getsockopt is given. getsockopt(2): what is longer
 * than the room for it is "silently truncated"; the few that are not have an `octets` of their own in their row.
 */
import { Errno } from '../../core/errno.ts';
import { parseAddress } from '../../ip/address.ts';
import type { TcpInfo, TcpState } from '../../tcp/service.ts';
import * as c from '../constants.ts';
import type { OptionRow, OptionValue } from './option.ts';

/** The first `length` octets of a value, or a negative errno. */
export function octetsOf(row: OptionRow, value: OptionValue, length: number): Uint8Array | number {
  if (row.octets !== undefined) return row.octets(value, length);
  // Who asks for less than an int gets a small one as a single octet. Linux do_ip_getsockopt.
  const isOctet = typeof value === 'number' && value >= 0 && value <= 255;
  if (row.level === c.IPPROTO_IP && isOctet && length > 0 && length < 4) return Uint8Array.of(value);
  return wholeOf(value).subarray(0, length);
}

function wholeOf(value: OptionValue): Uint8Array {
  if (typeof value === 'number') return ints(value);
  // struct in_addr of IP_MULTICAST_IF: the only text that is no name.
  if (typeof value === 'string') return addressOctets(value);
  if (value instanceof Uint8Array) return value;
  if ('onoff' in value) return ints(Number(value.onoff), value.linger);
  if ('sec' in value) return longs(value.sec, value.usec);
  if ('pid' in value) return ints(value.pid, value.uid, value.gid);
  if ('packets' in value) return ints(value.packets, value.drops);
  return infoOctets(value);
}

export const ints = (...values: number[]): Uint8Array => new Uint8Array(Int32Array.from(values).buffer);

const longs = (...values: number[]): Uint8Array => new Uint8Array(BigInt64Array.from(values, BigInt).buffer);

function addressOctets(text: string): Uint8Array {
  const octets = new Uint8Array(4);
  new DataView(octets.buffer).setUint32(0, parseAddress(text)!);
  return octets;
}

/** A name and zeros up to `size` octets. Linux: TCP_CA_NAME_MAX, IFNAMSIZ. */
export function nameOctets(name: OptionValue, size: number): Uint8Array {
  const octets = new Uint8Array(size);
  octets.set(new TextEncoder().encode(name as string).subarray(0, size - 1));
  return octets;
}

/** An interface's name with its NUL: all of it or EINVAL, and no octet where there is none. Linux sock_getbindtodevice. */
export function deviceOctets(name: OptionValue, length: number): Uint8Array | number {
  if (name === '') return new Uint8Array(0);
  return length < IFNAMSIZ ? -Errno.EINVAL : nameOctets(name, (name as string).length + 1);
}

const IFNAMSIZ = 16;

/** By their numbers in Linux. */
const STATES: readonly (TcpState | undefined)[] = [
  undefined,
  'ESTABLISHED',
  'SYN-SENT',
  'SYN-RECEIVED',
  'FIN-WAIT-1',
  'FIN-WAIT-2',
  'TIME-WAIT',
  'CLOSED',
  'CLOSE-WAIT',
  'LAST-ACK',
  'LISTEN',
  'CLOSING',
];

/** Octets of struct tcp_info in <netinet/tcp.h>; later kernels add to it. */
const TCP_INFO = 104;
/** tcpi_snd_ssthresh before the first loss. Linux TCP_INFINITE_SSTHRESH. */
const NO_SSTHRESH = 0x7fff_ffff;

/** What is not known here is 0. Windows are in segments, times in microseconds. */
function infoOctets(info: TcpInfo): Uint8Array {
  const octets = new Uint8Array(TCP_INFO);
  const view = new DataView(octets.buffer);
  const segments = (count: number): number => Math.ceil(count / info.mss);
  const scaled = info.sndWindShift !== 0 || info.rcvWindShift !== 0;
  octets[0] = STATES.indexOf(info.state);
  octets[5] = Number(info.timestamps) | (Number(info.recovery === 'rack') << 1) | (Number(scaled) << 2);
  octets[5] |= Number(info.ecn) << 3;
  octets[6] = info.sndWindShift | (info.rcvWindShift << 4);
  const fields: readonly (readonly [offset: number, value: number])[] = [
    [8, info.rto], // tcpi_rto
    [16, info.mss], // tcpi_snd_mss
    [24, segments(info.flightSize)], // tcpi_unacked
    [68, info.srtt ?? 0], // tcpi_rtt
    [72, info.rttvar ?? 0], // tcpi_rttvar
    [76, Math.min(segments(info.ssthresh), NO_SSTHRESH)], // tcpi_snd_ssthresh
    [80, segments(info.cwnd)], // tcpi_snd_cwnd
    [100, info.retransmissions], // tcpi_total_retrans
  ];
  for (const [offset, value] of fields) view.setUint32(offset, value, true);
  return octets;
}
