/**
 * The octets of names that calls write, and what becomes of those that there is no room for. accept(2), getsockname(2), getpeername(2),
 * recv(2): "the returned address is truncated if the buffer provided is too small"; ip(7), unix(7), packet(7), "Address format".
 */
import * as c from '../../../src/socket/constants.ts';
import { cooked, lo } from './packet-steps.ts';
import { LO, PORT, connected, datagrams, epoll, listening, raw, tcp, udp } from './scenes.ts';
import { one } from './steps.ts';
import { unix } from './unix-steps.ts';
import type { Case, Json, Step } from './steps.ts';

/** None, a part, all and more, NULL of a length, a negative length, NULL for the length. */
const ROOMS: readonly Json[] = [
  128,
  16,
  15,
  20,
  2,
  1,
  0,
  -1,
  -0x8000_0000,
  { null: 0 },
  { null: 4 },
  { null: -1 },
  null,
];
/** recvmsg has its length in the struct. */
const MESSAGE_ROOMS = ROOMS.filter((room) => room !== null);

/** Sockets of each family, as `s`: without a name, with one, with a peer. */
const SOCKETS: readonly (readonly [string, ...Step[]])[] = [
  ['a TCP socket without a name', tcp('s')],
  [
    'a TCP socket with a peer',
    tcp('s'),
    ['bind', 's', LO, PORT + 1],
    ...listening,
    ['connect', 's', LO, PORT],
    ['accept', 'l', 'a'],
  ],
  ['a UDP socket with a name', udp('s'), ['bind', 's', LO, PORT]],
  ['a UDP socket with a peer', udp('s'), ['bind', 's', LO, PORT], ['connect', 's', LO, PORT + 1]],
  ['a raw socket with a peer', raw('s', 89), ['connect', 's', LO, 0]],
  ['a Unix socket without a name', unix('s', c.SOCK_DGRAM)],
  [
    'a Unix socket with a path',
    unix('s', c.SOCK_DGRAM),
    ['bind', 's', { unix: 'socket' }],
    ['connect', 's', { unix: 'socket' }],
  ],
  [
    'a Unix socket with an abstract name',
    unix('s', c.SOCK_DGRAM),
    ['bind', 's', { unix: '\0a\0b' }],
    ['connect', 's', { unix: '\0a\0b' }],
  ],
  [
    'a Unix socket with octets that are no text',
    unix('s', c.SOCK_DGRAM),
    ['bind', 's', { octets: [1, 0, 0x64, 0xff, 0xc3, 0xa9] }],
  ],
  [
    'a Unix socket with a path as long as can be',
    unix('s', c.SOCK_DGRAM),
    ['bind', 's', { octets: [1, 0, ...Array.from({ length: 108 }, () => 97)] }],
  ],
  ['a Unix pair', ['socketpair', 's', 't', c.AF_UNIX, c.SOCK_STREAM, 0]],
  ['a packet socket', cooked('s')],
  ['a packet socket of an interface', cooked('s'), ['bind', 's', lo()]],
];

const names: readonly Case[] = SOCKETS.flatMap(([kind, ...steps]) =>
  (['getsockname', 'getpeername'] as const).map((call) =>
    one(`${call}(2): room for the name of ${kind}`, ...steps, ...ROOMS.map((room): Step => [call, 's', room])),
  ),
);

const others: readonly Case[] = [
  one(
    'getsockname(2), EFAULT: what the socket is comes first',
    epoll('e'),
    ...(['getsockname', 'getpeername'] as const).flatMap((call): Step[] => [
      [call, 'e', null],
      [call, 'none', null],
    ]),
  ),
];

const accepted = (first: readonly Step[], connect: readonly Step[]): readonly Step[] => [
  ...first,
  ...ROOMS.flatMap((room, i): Step[] => [
    ...connect.map(([call, name, ...args]): Step => [call, `${name as string}${i}`, ...args]),
    ['accept4', 'l', `a${i}`, 0, room],
    // A connection whose peer could not be told is gone.
    ['accept4', 'l', `b${i}`, 0, room],
    ['poll', `c${i}`],
  ]),
];

const accepting: readonly Case[] = [
  one(
    'accept(2): room for the name of a TCP peer',
    ...accepted(
      [
        ...listening,
        ...ROOMS.map((_, i): Step => tcp(`c${i}`)),
        ...ROOMS.map((_, i): Step => ['bind', `c${i}`, LO, PORT + 1 + i]),
      ],
      [['connect', 'c', LO, PORT]],
    ),
  ),
  one(
    'accept(2): room for the name of a Unix peer',
    ...accepted(
      [unix('l', c.SOCK_STREAM), ['bind', 'l', { unix: 'l' }], ['listen', 'l', 5]],
      [unix('c', c.SOCK_STREAM), ['bind', 'c', { unix: '\0abc' }], ['connect', 'c', { unix: 'l' }]],
    ),
  ),
  one(
    'accept(2): room for the name of a Unix peer without one',
    ...accepted(
      [unix('l', c.SOCK_SEQPACKET), ['bind', 'l', { unix: 'l' }], ['listen', 'l', 5]],
      [unix('c', c.SOCK_SEQPACKET), ['connect', 'c', { unix: 'l' }]],
    ),
  ),
];

/** `u` sends, `v` receives: with each room, by recvfrom and by recvmsg. Of a raw datagram no more is read than what is the same each time. */
const received = (steps: readonly Step[]): readonly Step[] => [
  ...steps,
  ...ROOMS.flatMap((room): Step[] => [
    ['send', 'u', 'one', 0],
    ['recvfrom', 'v', 4, 0, room],
    ['recvfrom', 'v', 4, 0, room],
  ]),
  ...MESSAGE_ROOMS.flatMap((room): Step[] => [
    ['send', 'u', 'two', 0],
    ['recvmsg', 'v', { iov: [2], name: room }, 0],
    ['recvmsg', 'v', { iov: [4], name: room }, 0],
  ]),
];

const receiving: readonly Case[] = [
  one('recv(2): room for the sender of a UDP datagram', ...received(datagrams)),
  one(
    'recv(2): room for the sender on a TCP stream',
    ...received([
      ...connected,
      ['dup', 'c', 'u'],
      ['dup', 'a', 'v'],
      ['setsockopt', 'u', c.IPPROTO_TCP, c.TCP_NODELAY, 1],
    ]),
  ),
  one(
    'recv(2): room for the sender of a raw datagram',
    ...received([raw('v', 89), raw('u', 89), ['bind', 'v', '127.0.0.2', 0], ['connect', 'u', '127.0.0.2', 0]]),
  ),
  one(
    'recv(2): room for the sender of a Unix datagram',
    ...received([
      unix('v', c.SOCK_DGRAM),
      ['bind', 'v', { unix: 'v' }],
      unix('u', c.SOCK_DGRAM),
      ['bind', 'u', { unix: 'sender' }],
      ['connect', 'u', { unix: 'v' }],
    ]),
  ),
  one(
    'recv(2): room for the sender of a Unix datagram who has no name',
    ...received([['socketpair', 'u', 'v', c.AF_UNIX, c.SOCK_DGRAM, 0]]),
  ),
  one(
    'recv(2): room for the sender on a Unix stream',
    ...received([
      unix('l', c.SOCK_STREAM),
      ['bind', 'l', { unix: '\0name' }],
      ['listen', 'l', 1],
      unix('v', c.SOCK_STREAM),
      ['connect', 'v', { unix: '\0name' }],
      ['accept', 'l', 'u'],
    ]),
  ),
  one(
    'recv(2): room for the sender of a frame',
    ...received([cooked('v'), ['bind', 'v', lo()], cooked('u')]).map((step): Step =>
      step[0] === 'send' ? ['sendto', 'u', step[2]!, 0, lo()] : step,
    ),
  ),
  one(
    'recvmsg(2): an error, with room for where the datagram went',
    udp('u'),
    ['connect', 'u', LO, 9],
    ['setsockopt', 'u', c.IPPROTO_IP, c.IP_RECVERR, 1],
    ...[128, 16, 3, 0, { null: 9 }].flatMap((room): Step[] => [
      ['send', 'u', 'x', 0],
      ['recvmsg', 'u', { iov: [9], name: room, control: 128 }, c.MSG_ERRQUEUE],
    ]),
  ),
  one(
    'recvmsg(2), EINVAL: a negative length of the name, before the pieces are counted',
    ...datagrams,
    ['send', 'u', 'one', 0],
    ['recvmsg', 'v', { iov: Array.from({ length: 1025 }, () => 1), name: -1 }, 0],
    ['recvmsg', 'v', { iov: Array.from({ length: 1025 }, () => 1), name: 0 }, 0],
    ['recvmsg', 'v', { iov: Array.from({ length: 1025 }, () => 1), name: { null: -1 } }, 0],
    ['recvmsg', 'none', { iov: [1], name: -1 }, 0],
    ['recvmsg', 'v', { iov: [9], name: 4 }, 0],
  ),
];

export const CASES: readonly Case[] = [...names, ...others, ...accepting, ...receiving];
