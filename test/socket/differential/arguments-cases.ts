/**
 * Bad arguments, call by call: the errno that its man page names, and a socket that is as it was before.
 */
import * as c from '../../../src/socket/constants.ts';
import {
  ELSEWHERE,
  LO,
  PORT,
  SHUT_PORT,
  connected,
  datagrams,
  epoll,
  listening,
  raw,
  state,
  tcp,
  udp,
} from './scenes.ts';
import { badNames, everything, files } from './every-call.ts';
import { one } from './steps.ts';
import type { Case, Step } from './steps.ts';

const { AF_INET, AF_UNIX, AF_INET6, SOL_SOCKET, SOCK_STREAM, SOCK_DGRAM } = c;

const descriptors: readonly Case[] = [
  one('EBADF: sockfd is not a valid open file descriptor', ...everything('z'), ...files('z')),
  one('EBADF: a number far beyond the table', ...everything(100_000), ...files(100_000)),
  one('EBADF: a negative number', ...everything(-5), ...files(-5)),
  one('EBADF: a descriptor that was closed', tcp('s'), ['close', 's'], ...everything('s'), ...files('s')),
  one('ENOTSOCK: the file descriptor sockfd does not refer to a socket', epoll('e'), ...everything('e')),
  one('an epoll descriptor and the calls on files', epoll('e'), ...files('e')),
  one('EBADF: close of what is not open', ['close', 'z'], ['close', -1], ['close', 100_000]),
];

const kinds: readonly (readonly [string, Step])[] = [
  ['stream', tcp('s')],
  ['datagram', udp('s')],
  ['raw', raw('s', 89)],
];

const names: readonly Case[] = kinds.flatMap(([kind, open]) =>
  badNames.flatMap(([what, name]) => [
    one(`bind(2), ${kind}: ${what}`, open, ['bind', 's', ...name], ...state('s'), ['bind', 's', LO, 8001]),
    one(`connect(2), ${kind}: ${what}`, open, ['connect', 's', ...name], ...state('s'), ['connect', 's', LO, 8001]),
    one(`sendto(2), ${kind}: ${what}`, open, ['sendto', 's', 'hi', 0, ...name], ...state('s')),
    ...(typeof name[0] === 'string'
      ? []
      : [one(`sendmsg(2), ${kind}: ${what}`, open, ['sendmsg', 's', { iov: ['hi'], name: name[0]! }], ...state('s'))]),
  ]),
);

const bound: readonly Case[] = [
  one(
    'bind(2), EINVAL: the socket is already bound to an address',
    ...kinds.flatMap(([, open], i): Step[] => [
      open,
      ['bind', 's', LO, 8000 + i],
      ['bind', 's', LO, 8010 + i],
      ['bind', 's', '127.0.0.2', 8010 + i],
      ...state('s'),
    ]),
  ),
  one(
    'bind(2), EADDRNOTAVAIL: a nonexistent interface was requested or the requested address was not local',
    ...kinds.flatMap(([, open]): Step[] => [open, ['bind', 's', ELSEWHERE, 8000], ...state('s'), ['bind', 's', LO, 0]]),
  ),
  one(
    'bind(2), EACCES: the address is protected, and the user is not the superuser',
    ['drop'],
    tcp('s'),
    ['bind', 's', LO, 1023],
    ...state('s'),
    ['bind', 's', ELSEWHERE, 80],
    ['bind', 's', LO, 0],
    udp('d'),
    ['bind', 'd', LO, 1],
    ['bind', 'd', LO, 1024],
    ['getsockname', 'd'],
  ),
  one(
    'socket(2), EPERM and EACCES: permission to create a socket of the specified type is denied',
    ['drop'],
    raw('r', 1),
    raw('r', 255),
    raw('r', 0),
    raw('r', 300),
    ['socket', 'r', AF_INET, c.SOCK_SEQPACKET, 0],
    tcp('t'),
    udp('u'),
  ),
  one(
    'privileges count when the socket is made: a raw one goes on working',
    raw('r', 89),
    ['drop'],
    ['sendto', 'r', 'x', 0, LO, 0],
    ['ioctl', 'r', c.FIONREAD],
  ),
  one(
    'listen(2), EINVAL and EOPNOTSUPP: the socket is not of a type that supports the listen() operation',
    udp('d'),
    ['listen', 'd', 1],
    ['accept', 'd', 'k'],
    ...state('d'),
    raw('r', 89),
    ['listen', 'r', 1],
    ['accept', 'r', 'k'],
    ...state('r'),
    ...connected,
    ['listen', 'c', 1],
    ['accept', 'c', 'k'],
    ...state('c'),
  ),
  one(
    'accept(2), EINVAL: socket is not listening for connections, or addrlen is invalid',
    tcp('s'),
    ['accept', 's', 'k'],
    ['accept4', 's', 'k', 0],
    ['accept4', 's', 'k', 3],
    ['bind', 's', LO, PORT],
    ['accept', 's', 'k'],
    ['listen', 's', 1],
    ['accept4', 's', 'k', 3],
    ['accept4', 's', 'k', c.SOCK_NONBLOCK | c.SOCK_CLOEXEC],
    ['accept', 's', 'k'],
    ...state('s'),
  ),
];

const buffers: readonly Case[] = [
  one(
    'send(2), EFAULT: an invalid user space address was specified for an argument',
    ...connected,
    ['send', 'c', { null: 5 }],
    ['send', 'c', { null: 0 }],
    ['sendto', 'c', { null: 5 }, 0, null],
    ['write', 'c', { null: 5 }],
    ['write', 'c', { null: 0 }],
    ['write', 'c', { text: 'abc', length: -1 }],
    ['poll', 'a'],
    ['send', 'c', 'fine'],
    ['recv', 'a', 9],
  ),
  one(
    'recv(2), EFAULT: the receive buffer pointer(s) point outside the process’s address space',
    ...connected,
    ['recv', 'a', { null: 5 }],
    ['recv', 'a', { null: 0 }],
    ['read', 'a', { null: 0 }],
    ['send', 'c', 'text'],
    ['recv', 'a', { null: 5 }],
    ['recv', 'a', { null: 5 }, c.MSG_PEEK],
    ['read', 'a', { null: 5 }],
    ['recv', 'a', { null: 0 }],
    ['recv', 'a', 9],
  ),
  one(
    'EFAULT on datagram sockets',
    ...datagrams,
    ['send', 'u', { null: 5 }],
    ['sendto', 'u', { null: 5 }, 0, LO, PORT],
    ['sendto', 'v', { null: 5 }, 0, LO, PORT + 1],
    ['send', 'u', { null: 0 }],
    ['recvfrom', 'v', 5],
    ['send', 'u', 'one'],
    ['send', 'u', 'two'],
    ['recv', 'v', { null: 5 }, c.MSG_PEEK],
    ['recv', 'v', { null: 5 }],
    ['recv', 'v', 5],
    ['recv', 'v', 5],
    ['send', 'u', 'three'],
    ['recv', 'v', { null: 0 }],
    ['recv', 'v', 5],
  ),
  one(
    'negative lengths on datagram sockets',
    ...datagrams,
    ['send', 'u', { text: 'abc', length: -1 }],
    ['sendto', 'u', { text: 'abc', length: -1 }, 0, LO, PORT],
    ['write', 'u', { text: 'abc', length: -1 }],
    ['recvfrom', 'v', 5],
    ['recv', 'v', { size: 5, length: -1 }],
  ),
  one(
    'an errno of the socket comes before the buffer is looked at',
    tcp('t'),
    ['send', 't', { null: 5 }],
    ['recv', 't', { null: 5 }],
    udp('d'),
    ['send', 'd', { null: 5 }],
    ['recv', 'd', { null: 5 }],
    ['send', 'z', { null: 5 }],
    ['recv', 'z', { null: 5 }],
    raw('r', 89),
    ['send', 'r', { null: 5 }],
    ['sendto', 'r', { null: 5 }, 0, LO, 0],
    ['recv', 'r', { null: 5 }],
  ),
];

/** EFAULT on the three types of AF_UNIX. */
const unixBuffers: readonly Case[] = [SOCK_STREAM, SOCK_DGRAM, c.SOCK_SEQPACKET].map((type) =>
  one(
    `EFAULT on a Unix socket of type ${type}`,
    ['socket', 's', AF_UNIX, type, 0],
    ['send', 's', { null: 3 }],
    ['recv', 's', { null: 3 }],
    ['socketpair', 'd', 'e', AF_UNIX, type, 0],
    ['send', 'd', { null: 3 }],
    ['recv', 'e', 9],
    ['send', 'd', 'abc'],
    ['send', 'd', 'def'],
    ['recv', 'e', { null: 2 }, c.MSG_PEEK],
    ['recv', 'e', { null: 2 }],
    ['recv', 'e', 9],
    ['recv', 'e', 9],
    ['shutdown', 'd', c.SHUT_WR],
    ['send', 'd', { null: 3 }],
    ['recv', 'e', { null: 3 }],
  ),
);

const unknownOptions: readonly Case[] = kinds.map(([kind, open]) =>
  one(
    `getsockopt(2), ENOPROTOOPT: the option is unknown at the level indicated, ${kind}`,
    open,
    ...[SOL_SOCKET, c.IPPROTO_IP, c.IPPROTO_TCP, c.IPPROTO_UDP, c.SOL_RAW, c.SOL_PACKET, 2, 41, 999, -1].flatMap(
      (level): Step[] => [
        ['getsockopt', 's', level, 999],
        ['setsockopt', 's', level, 999, 1],
        ['getsockopt', 's', level, -1],
        ['setsockopt', 's', level, -1, 1],
        ['setsockopt', 's', level, 999, null],
        ['setsockopt', 's', level, 999, { octets: [] }],
      ],
    ),
  ),
);

const types: readonly Case[] = [
  one(
    'socketpair(2), EOPNOTSUPP: the specified protocol does not support creation of socket pairs',
    ['socketpair', 'x', 'y', AF_INET, SOCK_STREAM, 0],
    ['socketpair', 'x', 'y', AF_INET, SOCK_DGRAM, 0],
    ['socketpair', 'x', 'y', AF_INET, SOCK_STREAM, 17],
    ['socketpair', 'x', 'y', AF_INET, c.SOCK_SEQPACKET, 0],
    ['socketpair', 'x', 'y', 99, SOCK_STREAM, 0],
    ['socketpair', 'x', 'y', AF_INET, SOCK_STREAM | 0x10000, 0],
    ['getsockname', 'x'],
    tcp('s'),
    ['number', 's', 3],
  ),
  one('socket(2), EAFNOSUPPORT: AF_INET6', ['socket', 's', AF_INET6, SOCK_DGRAM, 0]),
  one(
    'socket(2): families that Linux has no module for here',
    ...[c.AF_AX25, c.AF_IPX, c.AF_X25, 5, 6, 11].map((family): Step => ['socket', 's', family, SOCK_DGRAM, 0]),
  ),
];

/** Sockets in several states, each asked the wrong thing and then looked at. */
const states: readonly (readonly [string, readonly Step[], string])[] = [
  ['a fresh stream', [tcp('s')], 's'],
  ['a listener', listening, 'l'],
  ['a connected stream', connected, 'c'],
  ['a connected datagram socket', datagrams, 'u'],
  ['a bound datagram socket', datagrams, 'v'],
];

const unchanged: readonly Case[] = states.map(([what, open, name]) =>
  one(
    `bad calls leave ${what} as it is`,
    ...open,
    ['bind', name, null],
    ['bind', name, { octets: [2, 0, 1] }],
    ['bind', name, LO, PORT, 99],
    ['connect', name, null],
    ['connect', name, { octets: [2, 0, 1] }],
    ['connect', name, LO, PORT, 99],
    ['sendto', name, 'x', 0, { octets: [2, 0, 1] }],
    ['shutdown', name, 3],
    ['shutdown', name, -1],
    ['accept4', name, 'k', 1],
    ['setsockopt', name, SOL_SOCKET, c.SO_RCVBUF, { octets: [1] }],
    ['setsockopt', name, SOL_SOCKET, c.SO_TYPE, 1],
    ['setsockopt', name, SOL_SOCKET, c.SO_LINGER, 1],
    ['setsockopt', name, c.IPPROTO_IP, c.IP_TTL, 256],
    ['ioctl', name, 0x1234],
    ['fcntl', name, 999],
    ...state(name),
    ['getsockopt', name, SOL_SOCKET, c.SO_LINGER, 2],
    ['getsockopt', name, c.IPPROTO_IP, c.IP_TTL],
    ['sendto', name, 'x', 0, LO, SHUT_PORT],
  ),
);

export const CASES: readonly Case[] = [
  ...descriptors,
  ...names,
  ...bound,
  ...buffers,
  ...unixBuffers,
  ...unknownOptions,
  ...types,
  ...unchanged,
];
