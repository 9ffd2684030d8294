/**
 * Bad arguments on packet sockets, call by call: NULL and lengths that are no buffer's, addresses that are none, options of odd
 * lengths, and calls that AF_PACKET does not have. packet(7); what it leaves open is as the kernel shows it.
 */
import * as c from '../../../src/socket/constants.ts';
import { badNames, everything, files } from './every-call.ts';
import {
  EXPERIMENT,
  HELLO,
  OTHER,
  TWO,
  ZERO,
  cooked,
  eth,
  lo,
  loFrame,
  raw,
  receive,
  sockaddr,
} from './packet-steps.ts';
import { state } from './scenes.ts';
import { one, two } from './steps.ts';
import type { Case, Form, Json, Step } from './steps.ts';

const { SOL_SOCKET, SOL_PACKET, ETH_P_ALL, MSG_PEEK, MSG_TRUNC } = c;

const KINDS = [
  ['SOCK_RAW', raw],
  ['SOCK_DGRAM', cooked],
] as const;

const each = (name: string, steps: (open: typeof raw, kind: string) => readonly Step[]): Case[] =>
  KINDS.map(([kind, open]) => one(`packet, ${kind}: ${name}`, ...steps(open, kind)));

const eachOfTwo = (name: string, steps: (open: typeof raw, kind: string) => readonly Step[]): Case[] =>
  KINDS.map(([kind, open]) => two(`packet, ${kind}: ${name}`, ...steps(open, kind)));

/** What a socket may send, a whole frame or what comes behind its header. */
const hello = (kind: string): Json => (kind === 'SOCK_RAW' ? loFrame(EXPERIMENT, ...HELLO) : 'hello');

/** Lengths about a header's and about the MTU of Ethernet. */
const LENGTHS = [0, 1, 13, 14, 15, 20, 1500, 1501, 1514, 1515, 1518, 1519, 65_535, 70_000, -1];

const nulls: readonly Json[] = LENGTHS.map((length) => ({ null: length }));

const sending: readonly Case[] = [
  ...each('EFAULT when a NULL buffer is sent', (open) => [
    open('s', EXPERIMENT),
    ...nulls.flatMap((data): Step[] => [
      ['send', 's', data],
      ['write', 's', data],
      ['sendto', 's', data, 0, lo()],
      ['sendto', 's', data, 0, lo(0)],
      ['sendto', 's', data, 0, null],
      ['sendto', 's', data, 0, sockaddr(6, 19)],
      ['sendto', 's', data, 0, { packet: { protocol: EXPERIMENT, interface: 77 } }],
    ]),
    ...receive('s', 9),
    ...state('s'),
  ]),
  ...each('EFAULT when a NULL buffer is sent by a socket that is bound', (open) => [
    open('s', ETH_P_ALL),
    open('o', EXPERIMENT),
    ['bind', 's', lo()],
    ...nulls.flatMap((data): Step[] => [
      ['send', 's', data],
      ['write', 's', data],
    ]),
    ...receive('o', 4),
  ]),
  ...eachOfTwo('EFAULT when a NULL buffer is sent over Ethernet', (open) => [
    open('s'),
    ...nulls.map((data): Step => ['sendto', 's', data, 0, eth()]),
    // Without a destination: SOCK_DGRAM cannot make a header of it.
    ['bind', 's', eth(EXPERIMENT)],
    ...nulls.map((data): Step => ['send', 's', data]),
  ]),
  ...each('lengths that are not those of the buffer', (open) => [
    open('s', EXPERIMENT),
    ...[-1, 0, 2].flatMap((length): Step[] => [
      ['send', 's', { text: 'abc', length }],
      ['write', 's', { text: 'abc', length }],
      ['sendto', 's', { text: 'abc', length }, 0, lo()],
    ]),
    ...receive('s', 3),
  ]),
  ...each('sendmsg(2) and writev(2) without octets, and with empty pieces', (open, kind) => [
    open('s', EXPERIMENT),
    open('o', EXPERIMENT),
    ['writev', 's'],
    ['writev', 's', '', ''],
    ['sendmsg', 's', { iov: [] }],
    ['sendmsg', 's', { iov: [], name: lo() }],
    ['sendmsg', 's', { iov: ['', ''], name: lo() }],
    ['sendmsg', 's', { iov: ['', hello(kind), ''], name: lo() }],
    ['bind', 's', lo()],
    ['writev', 's'],
    ['writev', 's', '', ''],
    ['writev', 's', '', hello(kind), ''],
    ['sendmsg', 's', { iov: [] }],
    ['sendmsg', 's', { iov: Array.from({ length: 1025 }, () => '') }],
    ['writev', 's', ...Array.from({ length: 1025 }, () => '')],
    ...receive('o', 5),
  ]),
  ...each('sendmsg(2) with addresses that are none, and ancillary data', (open, kind) => [
    open('s', EXPERIMENT),
    ...[null, { octets: [] }, ...[1, 2, 19, 20, 128, 129].map((length) => sockaddr(6, length))].map((name): Step => [
      'sendmsg',
      's',
      { iov: [hello(kind)], name },
    ]),
    ['bind', 's', lo()],
    ...[null, { octets: [] }].map((name): Step => ['sendmsg', 's', { iov: [hello(kind)], name }]),
    ...[
      ['IP_TTL', 9],
      ['raw', SOL_SOCKET, 99, [1]],
      ['raw', SOL_PACKET, c.PACKET_AUXDATA, [1]],
      ['raw', 99, 99, [1]],
    ].map((message): Step => ['sendmsg', 's', { iov: [hello(kind)], name: lo(), control: [message] }]),
    ...receive('s', 9),
  ]),
];

const receiving: readonly Case[] = [
  ...each('EFAULT when a frame is read to NULL, and the frame is gone', (open, kind) => [
    open('s', EXPERIMENT),
    ...[0, 5, -1].flatMap((length): Step[] => [
      ['recv', 's', { null: length }],
      ['read', 's', { null: length }],
    ]),
    ...[
      ['recv', 0, MSG_PEEK],
      ['recv', 5, MSG_PEEK],
      ['recv', 5, MSG_PEEK | MSG_TRUNC],
      ['recv', 0, 0],
      ['recv', 5, 0],
      ['recv', -1, 0],
      ['recv', 0, MSG_TRUNC],
      ['recv', 5, MSG_TRUNC],
      ['recvfrom', 0, 0],
      ['recvfrom', 5, 0],
    ].flatMap(([call, length, flags]): Step[] => [
      ['sendto', 's', hello(kind), 0, lo()],
      [String(call), 's', { null: length! }, flags!],
      ['poll', 's'],
      ...receive('s'),
    ]),
    ...[0, 5].flatMap((length): Step[] => [
      ['sendto', 's', hello(kind), 0, lo()],
      ['read', 's', { null: length }],
      ...receive('s'),
    ]),
    ...state('s'),
  ]),
  ...each('a frame without a payload is read to NULL', (open) => [
    open('s', EXPERIMENT),
    cooked('t', EXPERIMENT),
    ...[0, 5].flatMap((length): Step[] => [
      ['sendto', 't', '', 0, lo()],
      ['recv', 's', { null: length }],
      ...receive('s'),
    ]),
  ]),
  ...each('room that is not that of the buffer', (open, kind) => [
    open('s', EXPERIMENT),
    ...[0, 1, 2].flatMap((): Step[] => [['sendto', 's', hello(kind), 0, lo()]]),
    ['recv', 's', { size: 50, length: -1 }],
    ['read', 's', { size: 50, length: -1 }],
    ['recv', 's', { size: 50, length: 3 }],
    ...receive('s', 2),
  ]),
  ...each('recvmsg(2) and readv(2) without room', (open, kind) => [
    open('s', EXPERIMENT),
    ['recvmsg', 's', { iov: [] }],
    ['readv', 's'],
    ['readv', 's', 0, 0],
    ...[0, 1, 2, 3].flatMap((): Step[] => [['sendto', 's', hello(kind), 0, lo()]]),
    ['readv', 's'],
    ['readv', 's', 0, 0],
    ['recvmsg', 's', { iov: [], control: 0 }, MSG_PEEK],
    ['recvmsg', 's', { iov: [0, 0], control: 0 }, MSG_PEEK | MSG_TRUNC],
    ['recvmsg', 's', { iov: [], control: 0 }],
    ['recvmsg', 's', { iov: [0, 0], control: 0 }],
    ['recvmsg', 's', { iov: Array.from({ length: 1025 }, () => 1), control: 0 }],
    ['readv', 's', ...Array.from({ length: 1025 }, () => 1)],
    ['read', 's', 0],
    ...receive('s', 3),
  ]),
  one(
    'packet: ancillary data with too little room',
    cooked('s', EXPERIMENT),
    ['setsockopt', 's', SOL_PACKET, c.PACKET_AUXDATA, 1],
    ...[0, 15, 17, 36, 40].flatMap((control): Step[] => [
      ['sendto', 's', 'hello', 0, lo()],
      ['recvmsg', 's', { iov: [3], control }],
    ]),
  ),
];

/** Addresses of AF_PACKET that are none, or odd ones, besides those of every family. */
const packetNames: readonly (readonly [string, Form])[] = [
  ...[0, 1, 2, 3, 4, 8, 11, 12, 13, 16, 18, 19, 20, 21, 28, 127, 128, 129].map((length): [string, Form] => [
    `${length} octets of a sockaddr_ll`,
    sockaddr(6, length),
  ]),
  ...[0, 1, 5, 7, 8, 9, 255].map((halen): [string, Form] => [`sll_halen ${halen}`, sockaddr(halen)]),
  ...[c.AF_UNSPEC, c.AF_INET, c.AF_UNIX, 18, 255].map((family): [string, Form] => [
    `a sockaddr_ll of family ${family}`,
    sockaddr(6, 20, family),
  ]),
  ...[0, 2, 99, 0x7fff_ffff, -1].map((index): [string, Form] => [
    `interface ${index}`,
    { packet: { protocol: OTHER, interface: index, hardware: ZERO } },
  ]),
  ...[0, 1, c.ETH_P_ALL, 0xffff].map((protocol): [string, Form] => [`protocol ${protocol}`, lo(protocol)]),
  ['no hardware address', { packet: { protocol: OTHER, interface: 'lo' } }],
  ['another hardware address', lo(OTHER, TWO)],
];

const names: readonly Case[] = [
  ...badNames,
  ...packetNames.map(([what, name]): [string, readonly Json[]] => [what, [name]]),
].flatMap(([what, name]) => [
  ...each(`bind(2): ${what}`, (open, kind) => [
    open('s', EXPERIMENT),
    ['bind', 's', ...name],
    ...state('s'),
    ['sendto', 's', hello(kind), 0, lo()],
    ...receive('s'),
    ['bind', 's', lo()],
    ['bind', 's', ...name],
    ...state('s'),
  ]),
  ...each(`connect(2): ${what}`, (open) => [open('s', EXPERIMENT), ['connect', 's', ...name], ...state('s')]),
  ...each(`sendto(2): ${what}`, (open, kind) => [
    open('s', EXPERIMENT),
    open('o', ETH_P_ALL),
    ['sendto', 's', hello(kind), 0, ...name],
    ['sendto', 's', '', 0, ...name],
    ['bind', 's', lo()],
    ['sendto', 's', hello(kind), 0, ...name],
    ...receive('o', 5),
    ...state('s'),
  ]),
]);

const refused: readonly Case[] = [
  ...each('every call', (open) => [open('s'), ...everything('s'), ...state('s')]),
  ...each('every call on files', (open) => [open('s'), ...files('s'), ...state('s')]),
  ...each('every call while a frame waits', (open, kind) => [
    open('s', EXPERIMENT),
    ['bind', 's', lo()],
    ['sendto', 's', hello(kind), 0, lo()],
    ...everything('s'),
    ['sendto', 's', hello(kind), 0, lo()],
    ...files('s'),
    ...state('s'),
  ]),
  ...each('calls that there are not in AF_PACKET, whatever they are given', (open) => [
    open('s', EXPERIMENT),
    ...[undefined, lo()].flatMap((bound): Step[] => [
      ...(bound === undefined ? [] : [['bind', 's', bound] as Step]),
      ...[-1, 0, 1, 5000].map((backlog): Step => ['listen', 's', backlog]),
      ['accept', 's', 'k'],
      ...[0, 1, c.SOCK_NONBLOCK, c.SOCK_CLOEXEC, -1].map((flags): Step => ['accept4', 's', 'k', flags]),
      ...[-1, 0, 1, 2, 3].map((how): Step => ['shutdown', 's', how]),
      ...state('s'),
    ]),
  ]),
  ...each('bad calls leave a bound socket as it is', (open, kind) => [
    open('s', EXPERIMENT),
    ['bind', 's', lo()],
    ['bind', 's', null],
    ['bind', 's', sockaddr(6, 19)],
    ['bind', 's', sockaddr(6, 20, 18)],
    ['bind', 's', { packet: { protocol: OTHER, interface: 99 } }],
    ['connect', 's', lo(OTHER)],
    ['sendto', 's', hello(kind), 0, sockaddr(6, 19)],
    ['sendto', 's', hello(kind), 0, { packet: { protocol: OTHER, interface: 99 } }],
    ['setsockopt', 's', SOL_PACKET, c.PACKET_AUXDATA, { octets: [1] }],
    ['setsockopt', 's', SOL_SOCKET, c.SO_RCVBUF, { octets: [1] }],
    ['ioctl', 's', 0x1234],
    ...state('s'),
    ['sendto', 's', hello(kind), 0, lo()],
    ...receive('s'),
  ]),
];

/** Values of every length and in every form that is none of an option's. */
const VALUES: readonly Json[] = [
  { null: 16 },
  0,
  1,
  -1,
  0x7fff_ffff,
  ...[0, 1, 2, 3, 4, 5, 8, 15, 16, 17, 24, 40].map((length) => ({
    octets: Array.from({ length }, (_, i) => Number(i === 0 || i === 4)),
  })),
];

const options: readonly Case[] = [
  ...Object.entries({
    PACKET_ADD_MEMBERSHIP: c.PACKET_ADD_MEMBERSHIP,
    PACKET_DROP_MEMBERSHIP: c.PACKET_DROP_MEMBERSHIP,
    PACKET_STATISTICS: c.PACKET_STATISTICS,
    PACKET_AUXDATA: c.PACKET_AUXDATA,
  }).flatMap(([label, option]) =>
    each(`${label} with values of every length`, (open) => [
      open('s', EXPERIMENT),
      ...VALUES.flatMap((value): Step[] => [
        ['setsockopt', 's', SOL_PACKET, option, value],
        ['getsockopt', 's', SOL_PACKET, c.PACKET_AUXDATA],
      ]),
    ]),
  ),
  ...each('options and levels that there are not', (open) => [
    open('s', EXPERIMENT),
    ...[SOL_SOCKET, SOL_PACKET, c.IPPROTO_IP, c.IPPROTO_TCP, c.IPPROTO_UDP, c.SOL_RAW, 2, 41, 999, -1].flatMap(
      (level): Step[] => [
        ['getsockopt', 's', level, 999],
        ['setsockopt', 's', level, 999, 1],
        ['getsockopt', 's', level, -1],
        ['setsockopt', 's', level, -1, 1],
        ['setsockopt', 's', level, 999, null],
        ['setsockopt', 's', level, 999, { octets: [] }],
      ],
    ),
  ]),
];

export const CASES: readonly Case[] = [...sending, ...receiving, ...names, ...refused, ...options];
