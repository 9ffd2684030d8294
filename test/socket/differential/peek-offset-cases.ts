/**
 * SO_PEEK_OFF: where MSG_PEEK looks. socket(7), unix(7).
 */
import * as c from '../../../src/socket/constants.ts';
import { cooked } from './packet-steps.ts';
import { connected, datagrams, raw } from './scenes.ts';
import { one } from './steps.ts';
import { pair } from './unix-steps.ts';
import type { Case, Json, Step } from './steps.ts';

const { MSG_PEEK, MSG_TRUNC, MSG_OOB, MSG_WAITALL } = c;

const offset = (name: string, value: number): Step => ['setsockopt', name, c.SOL_SOCKET, c.SO_PEEK_OFF, value];
const get = (name: string): Step => ['getsockopt', name, c.SOL_SOCKET, c.SO_PEEK_OFF];
const send = (...texts: Json[]): Step[] => texts.map((text) => ['send', 'u', text]);
/** Receives on `v`, and tells where it looks then. */
const recv = (size: number, flags = 0): Step[] => [['recvmsg', 'v', { iov: [size], control: 64 }, flags], get('v')];
const peek = (size: number, flags = 0): Step[] => recv(size, MSG_PEEK | flags);

/** `u` sends to `v`. */
const KINDS: readonly (readonly [string, ...Step[]])[] = [
  ['TCP', ...connected, ['dup', 'c', 'u'], ['dup', 'a', 'v'], ['setsockopt', 'u', c.IPPROTO_TCP, c.TCP_NODELAY, 1]],
  ['UDP', ...datagrams],
  ['a Unix stream', pair(c.SOCK_STREAM, 'u', 'v')],
  ['Unix datagrams', pair(c.SOCK_DGRAM, 'u', 'v')],
  ['Unix sequenced packets', pair(c.SOCK_SEQPACKET, 'u', 'v')],
];

const each = (name: string, ...steps: Step[]): Case[] =>
  KINDS.map(([kind, ...scene]) => one(`SO_PEEK_OFF of ${kind}: ${name}`, ...scene, ...steps));

const everywhere: readonly Case[] = [
  ...each(
    'off, MSG_PEEK "will ... return data from the head of the queue"; a negative offset is off, and kept',
    get('v'),
    ...send('abcdef'),
    ...peek(3),
    ...peek(3),
    offset('v', 0),
    get('v'),
    offset('v', -7),
    ...peek(3),
    ...recv(2),
  ),
  ...each(
    '"the next peek ... will occur at the byte offset", and "will be incremented by the number of bytes that were peeked"',
    offset('v', 0),
    ...send('abcdef', 'ghij'),
    ...peek(2),
    ...peek(2),
    ...peek(1),
    ...peek(9),
    ...peek(9),
    ...peek(9),
    ...send('kl'),
    ...peek(1),
    ...peek(1),
  ),
  ...each(
    'reading "will decrement" it',
    offset('v', 5),
    ...send('abcdef', 'ghij', 'klmnop'),
    ...recv(2),
    ...peek(2),
    ...recv(9),
    ...peek(3),
    ...recv(1),
    ...recv(1),
    ...recv(20),
    get('v'),
    ...recv(20),
  ),
  ...each(
    'an offset beyond what waits',
    offset('v', 10),
    ...peek(4),
    ...send('abc'),
    ...peek(4),
    ...send('defghijklm'),
    ...peek(1),
    ...peek(0),
    ...peek(9),
    ['shutdown', 'u', c.SHUT_WR],
    ...peek(9),
    offset('v', 2),
    ...peek(4),
  ),
  ...each(
    'MSG_TRUNC',
    offset('v', 1),
    ...send('abcdef', 'ghij'),
    ...peek(2, MSG_TRUNC),
    ...peek(3, MSG_TRUNC),
    ...peek(9, MSG_TRUNC),
    ...recv(2, MSG_TRUNC),
    ...recv(9, MSG_TRUNC),
  ),
  ...each(
    'just the rest of a message, and octets that cannot be copied',
    offset('v', 2),
    ...send('abcd', 'efgh'),
    ...peek(2),
    ['recv', 'v', { size: 0, length: 0 }, MSG_PEEK],
    get('v'),
    ['recv', 'v', { null: 4 }, MSG_PEEK],
    get('v'),
    ['recv', 'v', { null: 4 }, 0],
    get('v'),
    ...recv(9),
  ),
  ...each(
    'MSG_WAITALL',
    offset('v', 1),
    ...send('abc', 'def', 'ghi'),
    ...peek(7, MSG_WAITALL),
    ...peek(7, MSG_WAITALL),
    ...recv(2, MSG_WAITALL),
    ...recv(9, MSG_WAITALL),
  ),
];

const messages: readonly Case[] = KINDS.filter(([kind]) => !/TCP|stream/.test(kind)).map(([kind, ...scene]) =>
  one(
    `SO_PEEK_OFF of ${kind}: empty messages are shown once`,
    ...scene,
    ...send('', 'ab', '', '', 'c'),
    ...peek(9),
    offset('v', 0),
    ...peek(9),
    ...peek(9),
    ...peek(9),
    ...peek(9),
    offset('v', 0),
    ...recv(9),
    ...peek(1),
    ...peek(1),
    ...peek(1),
    ...recv(9),
    ...recv(9),
    ...peek(1),
  ),
);

const urgent: readonly Case[] = KINDS.filter(([kind]) => /TCP|stream/.test(kind)).flatMap(([kind, ...scene]) =>
  [0, 1, 2, 3, 4, 5].flatMap((from) =>
    [0, 1].map((inline) =>
      one(
        `SO_PEEK_OFF of ${kind}: ${from}, the third octet is urgent${inline === 1 ? ' in line' : ''}`,
        ...scene,
        ['setsockopt', 'v', c.SOL_SOCKET, c.SO_OOBINLINE, inline],
        offset('v', from),
        ...send('ab'),
        ['send', 'u', 'c', MSG_OOB],
        ...send('def'),
        ...peek(2),
        ...peek(2),
        ...peek(2),
        offset('v', from),
        ...recv(1, MSG_OOB),
        ...peek(2),
        ...recv(1),
        ...peek(9),
        ...recv(9),
        ...recv(9),
      ),
    ),
  ),
);

const others: readonly Case[] = [
  one(
    'SO_PEEK_OFF, EOPNOTSUPP: raw and packet sockets',
    ...[raw('s', 89), cooked('s')].flatMap((open): Step[] => [
      open,
      get('s'),
      ['getsockopt', 's', c.SOL_SOCKET, c.SO_PEEK_OFF, { room: 0 }],
      ['getsockopt', 's', c.SOL_SOCKET, c.SO_PEEK_OFF, { room: -1 }],
      offset('s', 0),
      ['setsockopt', 's', c.SOL_SOCKET, c.SO_PEEK_OFF, null],
      ['setsockopt', 's', c.SOL_SOCKET, c.SO_PEEK_OFF, { octets: [1] }],
    ]),
  ),
  one(
    'SO_PEEK_OFF: who is accepted has that of the listener',
    ...connected.slice(0, 3),
    offset('l', 1),
    ...connected.slice(3),
    get('a'),
    ['send', 'c', 'abc'],
    ['recv', 'a', 9, MSG_PEEK],
    get('a'),
    get('l'),
  ),
  one(
    'SO_PEEK_OFF of a Unix stream: descriptors are shown again, and end a peek',
    pair(c.SOCK_STREAM, 'u', 'v'),
    offset('v', 1),
    ['send', 'u', 'ab'],
    ['sendmsg', 'u', { iov: ['cd'], control: [['SCM_RIGHTS', 'u']] }],
    ['send', 'u', 'ef'],
    ...[1, 2, 9, 9].flatMap((size): Step[] => [
      ['recvmsg', 'v', { iov: [size], control: 64, rights: ['x'] }, MSG_PEEK],
      get('v'),
    ]),
    ...recv(9),
  ),
];

export const CASES: readonly Case[] = [...everywhere, ...messages, ...urgent, ...others];
