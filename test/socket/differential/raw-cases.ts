/**
 * Raw sockets: who may have one, what is filled in and what is refused, what comes. raw(7), ip(7).
 */
import * as c from '../../../src/socket/constants.ts';
import { one, two } from './steps.ts';
import type { Case, Step } from './steps.ts';

const { AF_INET, SOCK_RAW, SOL_SOCKET, IPPROTO_IP, IPPROTO_ICMP, SOL_RAW } = c;
const LO = '127.0.0.1';
const THERE = '10.0.0.2';
const ELSEWHERE = '192.0.2.1';
const OSPF = 89;

const raw = (name: string, protocol = OSPF): Step => ['socket', name, AF_INET, SOCK_RAW, protocol];
const ip = (name: string, option: number, value = 1): Step => ['setsockopt', name, IPPROTO_IP, option, value];
const send = (name: string, data: Step[1] = 'abc', to = LO, flags = 0): Step => ['sendto', name, data, flags, to, 0];

interface Header {
  readonly versionAndLength?: number;
  readonly tos?: number;
  readonly length?: number;
  readonly id?: number;
  readonly flags?: number;
  readonly ttl?: number;
  readonly protocol?: number;
  readonly source?: readonly number[];
}

/** A header of 20 octets and four octets of data; RFC 791 §3.1. */
function datagram(header: Header = {}): number[] {
  const { versionAndLength = 0x45, tos = 0, length = 0, id = 0x1234, flags = 0, ttl = 64, protocol = OSPF } = header;
  const { source = [0, 0, 0, 0] } = header;
  const u16 = (value: number): number[] => [value >> 8, value & 0xff];
  const start = [versionAndLength, tos, ...u16(length), ...u16(id), ...u16(flags), ttl, protocol, 7, 7];
  return [...start, ...source, 127, 0, 0, 1, 1, 2, 3, 4];
}

const kinds: readonly Case[] = [
  one(
    'raw(7): "Only processes with an effective user ID of 0 or the CAP_NET_RAW capability may open a raw socket"',
    raw('a'),
    ['drop'],
    raw('s'),
    raw('s', 0),
    raw('s', IPPROTO_ICMP),
    send('a'),
  ),
  one('raw protocols that no header can carry', raw('s', 256), ['getsockname', 's'], raw('t', 262), raw('u', 263)),
  one(
    'raw(7): "An IPPROTO_RAW socket is send only"',
    raw('s', c.IPPROTO_RAW),
    ['getsockopt', 's', IPPROTO_IP, c.IP_HDRINCL],
    ['getsockname', 's'],
    raw('r'),
    send('s', datagram()),
    ['recv', 's', 99],
    ['recv', 'r', 99, c.MSG_TRUNC],
    ip('s', c.IP_HDRINCL, 0),
    send('s', 'x'),
  ),
  one(
    'raw(7): IP_HDRINCL is for raw sockets',
    ['socket', 'u', AF_INET, c.SOCK_DGRAM, 0],
    ip('u', c.IP_HDRINCL),
    ['getsockopt', 'u', IPPROTO_IP, c.IP_HDRINCL],
    ['setsockopt', 'u', SOL_RAW, c.ICMP_FILTER, 1],
    raw('r'),
    ['setsockopt', 'r', SOL_RAW, c.ICMP_FILTER, 1],
    ['getsockopt', 'r', SOL_RAW, c.ICMP_FILTER],
    ['setsockopt', 'r', c.IPPROTO_UDP, c.UDP_CORK, 1],
    ['getsockopt', 'r', c.IPPROTO_UDP, c.UDP_CORK],
  ),
];

/** How each header arrives. */
const included = (...headers: Header[]): Step[] =>
  headers.flatMap((header): Step[] => [send('s', datagram(header)), ['recvfrom', 's', 99]]);

const headers: readonly Case[] = [
  one(
    'raw(7), IP_HDRINCL: "IP Checksum Always filled in, Source Address Filled in when zero, Total Length Always filled in"',
    raw('s'),
    ip('s', c.IP_HDRINCL),
    ...included(
      {},
      { source: [127, 0, 0, 5] },
      { length: 999, ttl: 1, tos: 0x13 },
      { flags: 0x4000 },
      { source: [127, 1, 1, 1], id: 1 },
    ),
  ),
  one(
    'IP_HDRINCL: another protocol than the socket’s, a fragment: sent, and not for the socket',
    raw('s'),
    ip('s', c.IP_HDRINCL),
    ...included({ protocol: 90 }, { flags: 0x2000 }),
  ),
  one(
    'IP_HDRINCL: EINVAL for what is no header',
    raw('s'),
    ip('s', c.IP_HDRINCL),
    send('s', datagram().slice(0, 19)),
    send('s', ''),
    send('s', datagram({ versionAndLength: 0x44 })),
    send('s', datagram({ versionAndLength: 0x40 })),
    send('s', datagram({ versionAndLength: 0x47 })),
    send('s', datagram({ versionAndLength: 0x4f })),
    send('s', datagram().slice(0, 20)),
    ['recv', 's', 1, c.MSG_TRUNC],
  ),
  two(
    'IP_HDRINCL: version, TTL and addresses are sent as the program has them',
    raw('s', c.IPPROTO_RAW),
    send('s', datagram(), THERE),
    ['wait'],
    ['on', 'b'],
    ['socket', 'p', c.AF_PACKET, c.SOCK_DGRAM, c.ETH_P_IP],
    ...[
      { versionAndLength: 0x65 },
      { versionAndLength: 0x05 },
      { ttl: 0 },
      { versionAndLength: 0x46 },
      { source: [224, 0, 0, 1] },
      { source: [127, 0, 0, 9] },
    ].flatMap((header): Step[] => [send('s', datagram(header), THERE), ['wait'], ['recv', 'p', 24]]),
  ),
  one(
    'IP_HDRINCL: a TTL of 0 is enough for this host, another version is not for IP',
    raw('s'),
    ip('s', c.IP_HDRINCL),
    ...included({ ttl: 0 }, { versionAndLength: 0x65 }, { versionAndLength: 0x05 }),
    send('s', datagram({ versionAndLength: 0x64 })),
  ),
  two(
    'IP_HDRINCL: "not fragmented by the kernel", EMSGSIZE beyond the MTU',
    raw('s', c.IPPROTO_RAW),
    send('s', [...datagram(), ...Array.from({ length: 1476 }, () => 0)], THERE),
    send('s', [...datagram(), ...Array.from({ length: 1477 }, () => 0)], THERE),
    send('s', datagram(), ELSEWHERE),
    send('s', datagram(), '10.0.0.255'),
    ['sendmsg', 's', { iov: [datagram()], name: { inet: [THERE, 0] }, control: [['IP_TTL', 0]] }],
  ),
  one(
    'a header of the stack’s own: TTL and TOS of the options, DF as IP_MTU_DISCOVER says',
    raw('s'),
    ...[c.IP_PMTUDISC_DO, c.IP_PMTUDISC_PROBE].flatMap((value): Step[] => [
      ip('s', c.IP_MTU_DISCOVER, value),
      ip('s', c.IP_TTL, 5 + value),
      ip('s', c.IP_TOS, 0x10 + value),
      send('s'),
      ['recv', 's', 99],
    ]),
    [
      'sendmsg',
      's',
      {
        iov: ['abc'],
        name: { inet: [LO, 0] },
        control: [
          ['IP_TTL', 9],
          ['IP_TOS', 0xff],
        ],
      },
    ],
    ['recv', 's', 99],
  ),
  one(
    'raw: lengths',
    raw('s'),
    send('s', { size: 65515 }),
    send('s', { size: 65516 }),
    send('s', { size: 65536 }),
    ['ioctl', 's', c.FIONREAD],
    send('s', ''),
    raw('i', IPPROTO_ICMP),
    send('i', ''),
    send('i', [8]),
    send('i', [8, 0]),
    raw('u', c.IPPROTO_UDP),
    send('u', [8]),
  ),
  one(
    'raw: MSG_MORE, MSG_OOB, no destination, shutdown',
    raw('s'),
    ip('s', c.IP_MTU_DISCOVER, c.IP_PMTUDISC_DO),
    send('s', 'ab', LO, c.MSG_MORE),
    ['recv', 's', 99],
    send('s', 'cd'),
    ['recv', 's', 99],
    send('s', 'ab', LO, c.MSG_MORE),
    send('s', 'cd', ELSEWHERE),
    send('s', 'ef', '127.0.0.5'),
    ['recv', 's', 99],
    send('s', 'x', LO, c.MSG_OOB),
    ['recv', 's', 9, c.MSG_OOB],
    ['send', 's', 'x'],
    ['shutdown', 's', 1],
    send('s', 'x'),
    send('s', 'x', ELSEWHERE),
  ),
];

const names: readonly Case[] = [
  one(
    'raw(7): "A raw socket can be bound to a specific local address", again and again, whatever port and family',
    raw('s'),
    ['bind', 's', LO, 5],
    ['getsockname', 's'],
    ['bind', 's', '127.0.0.2', 0, 10],
    ['getsockname', 's'],
    ['bind', 's', '0.0.0.0', 0, 0],
    ['getsockname', 's'],
    ['bind', 's', { inet: [LO, 0], length: 15 }],
    ['bind', 's', ELSEWHERE, 0],
    ['bind', 's', '224.0.0.1', 0],
    ['getsockname', 's'],
    send('s'),
  ),
  one(
    'raw: only what is for the bound address, and from the peer',
    raw('s'),
    raw('bound'),
    ['bind', 'bound', '127.0.0.2', 0],
    raw('connected'),
    ['connect', 'connected', '127.0.0.2', 0],
    send('s', 'abc', '127.0.0.2'),
    ['recv', 'bound', 1, c.MSG_TRUNC],
    ['recv', 'connected', 1, c.MSG_TRUNC],
    send('s', 'abc', LO),
    ['recv', 'bound', 1, c.MSG_TRUNC],
    send('bound', 'abc', LO),
    ['recv', 'connected', 1, c.MSG_TRUNC],
    ['recvfrom', 's', 0],
  ),
  one(
    'raw: connect names a peer, the port counts for getpeername only',
    raw('s'),
    ['connect', 's', LO, 0],
    ['getpeername', 's'],
    ['getsockname', 's'],
    ['bind', 's', LO, 0],
    ['connect', 's', LO, 7],
    ['getpeername', 's'],
    ['send', 's', 'x'],
    ['recvfrom', 's', 0],
    ['connect', 's', LO, 7, 10],
    ['connect', 's', { inet: [LO, 7], length: 15 }],
    ['connect', 's', ELSEWHERE, 7],
    ['getpeername', 's'],
  ),
  one(
    'raw: AF_UNSPEC ends the association, the binding, and all receiving',
    raw('t'),
    raw('s'),
    ['bind', 's', LO, 0],
    ['connect', 's', LO, 7],
    ['connect', 's', '0.0.0.0', 0, 0],
    ['getsockname', 's'],
    ['getpeername', 's'],
    send('t'),
    ['recv', 's', 9],
    ['bind', 's', LO, 0],
    ['getsockname', 's'],
    send('t'),
    ['recv', 's', 9],
    ['send', 's', 'x'],
    send('s'),
  ),
  two(
    'raw: a broadcast needs SO_BROADCAST, and is not for a socket that is bound to another address',
    ['on', 'b'],
    raw('bound'),
    ['bind', 'bound', THERE, 0],
    raw('any'),
    ['on', 'a'],
    raw('s'),
    send('s', 'x', '10.0.0.255'),
    ['connect', 's', '10.0.0.255', 0],
    ['setsockopt', 's', SOL_SOCKET, c.SO_BROADCAST, 1],
    send('s', 'x', '10.0.0.255'),
    ['wait', 20],
    ['recvfrom', 'any', 0],
    ['recvfrom', 'bound', 0],
  ),
  two(
    'raw: SO_BINDTODEVICE',
    raw('s'),
    ['setsockopt', 's', SOL_SOCKET, c.SO_BINDTODEVICE, { text: 'eth0' }],
    raw('t'),
    send('t'),
    ['recv', 's', 1, c.MSG_TRUNC],
    send('t', 'abc', '10.0.0.1'),
    ['recv', 's', 1, c.MSG_TRUNC],
  ),
  one(
    'raw: what comes with datagrams',
    raw('s'),
    ip('s', c.IP_RECVTTL),
    ip('s', c.IP_RECVTOS),
    ip('s', c.IP_PKTINFO),
    ip('s', c.IP_TTL, 9),
    send('s', 'abc', '127.0.0.3'),
    ['recvmsg', 's', { iov: [0], control: 400 }],
    ['sendmsg', 's', { iov: ['abc'], name: { inet: [LO, 0] }, control: [['IP_PKTINFO', 'lo', '127.0.0.7']] }],
    ['recvmsg', 's', { iov: [0], control: 400 }],
  ),
];

/** ICMP messages of these types with a checksum that is right. */
const icmp = (type: number): number[] => [type, 0, 0xff - type, 0xff, 0, 0, 0, 0];
const filter = (...value: Step[1][]): Step => ['setsockopt', 's', SOL_RAW, c.ICMP_FILTER, ...value];

const filters: readonly Case[] = [
  one(
    'raw(7), ICMP_FILTER: "Enable a special filter for raw sockets bound to the IPPROTO_ICMP protocol"',
    raw('s', IPPROTO_ICMP),
    raw('t', IPPROTO_ICMP),
    filter({ octets: [1 << 5, 0, 1, 0] }),
    ['getsockopt', 's', SOL_RAW, c.ICMP_FILTER, 'octets'],
    ...[5, 6, 16, 17, 40].flatMap((type): Step[] => [
      send('t', icmp(type)),
      ['recv', 's', 1, c.MSG_TRUNC],
      ['recv', 't', 1, c.MSG_TRUNC],
    ]),
  ),
  one(
    'ICMP_FILTER: as much of struct icmp_filter as there is',
    raw('s', IPPROTO_ICMP),
    filter(-1),
    ['getsockopt', 's', SOL_RAW, c.ICMP_FILTER, 'octets'],
    filter({ octets: [1] }),
    ['getsockopt', 's', SOL_RAW, c.ICMP_FILTER, 'octets'],
    filter({ octets: [1, 2, 3, 4, 5, 6, 7, 8] }),
    ['getsockopt', 's', SOL_RAW, c.ICMP_FILTER, 'octets'],
    raw('t', IPPROTO_ICMP),
    send('t', icmp(8).slice(0, 7)),
    ['recv', 't', 9],
    ['setsockopt', 's', SOL_RAW, 2, 1],
    ['getsockopt', 's', SOL_RAW, 2],
  ),
];

export const CASES: readonly Case[] = [...kinds, ...headers, ...names, ...filters];
