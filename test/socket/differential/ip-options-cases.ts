/**
 * IP_OPTIONS, each case named after what ip(7) or RFC 791 says. Timestamps are left out where their values would show: the kernel tells
 * the time of the day.
 */
import * as c from '../../../src/socket/constants.ts';
import { one, two } from './steps.ts';
import type { Case, Step } from './steps.ts';

const { AF_INET, SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, IPPROTO_IP, IPPROTO_ICMP, IPPROTO_TCP } = c;
const LO = '127.0.0.1';
const PORT = 7000;
const PEER = '10.0.0.2';

const zeros = (count: number): number[] => Array<number>(count).fill(0);
const udp = (name: string): Step => ['socket', name, AF_INET, SOCK_DGRAM, 0];
const tcp = (name: string): Step => ['socket', name, AF_INET, SOCK_STREAM, 0];
const set = (name: string, octets: readonly number[]): Step => [
  'setsockopt',
  name,
  IPPROTO_IP,
  c.IP_OPTIONS,
  { octets },
];
const get = (name: string): Step => ['getsockopt', name, IPPROTO_IP, c.IP_OPTIONS, 'octets'];
/** Each setting, and what is there after it. */
const tried = (name: string, ...lists: (readonly number[])[]): Case =>
  one(name, udp('s'), get('s'), ...lists.flatMap((octets) => [set('s', octets), get('s')]));

const RECORD = [7, 15, 4, ...zeros(12)];

const setting: readonly Case[] = [
  tried('the maximum option size for IPv4 is 40 bytes', Array<number>(40).fill(1), Array<number>(41).fill(1), []),
  tried('IP_OPTIONS: the header is padded to a multiple of 32 bits', [1], [1, 1, 1, 1, 1], [0], [1, 0, 1, 1]),
  tried(
    'IP_OPTIONS: Record Route',
    [7, 3, 4],
    [7, 7, 4, ...zeros(4)],
    [7, 7, 4, 1, 2, 3, 4],
    [7, 7, 8, 1, 2, 3, 4],
    [1, ...RECORD],
  ),
  tried('RFC 791: the smallest legal value for the pointer is 4', [7, 7, 3, ...zeros(4)], [7, 7, 0, ...zeros(4)]),
  tried(
    'RFC 791: some room but not enough for a full address is an error',
    [7, 7, 5, ...zeros(4)],
    [7, 6, 4, ...zeros(3)],
    [7, 8, 5, ...zeros(5)],
  ),
  tried('IP_OPTIONS: an option that is cut off', [7], [7, 2], [7, 0], [7, 9, 4, ...zeros(4)], [1, 1, 1, 7], [68]),
  tried(
    'RFC 791: appears at most once in a datagram',
    [7, 3, 4, 7, 3, 4],
    [68, 4, 5, 0, 68, 4, 5, 0],
    [7, 3, 4, 68, 4, 5, 0],
  ),
  tried(
    'IP_OPTIONS: Internet Timestamp',
    [68, 4, 5, 0],
    [68, 8, 5, 0, 1, 2, 3, 4],
    [68, 12, 5, 1, 1, 2, 3, 4, 5, 6, 7, 8],
    [68, 12, 5, 3, 10, 9, 9, 9, 0, 0, 0, 0],
    [68, 8, 5, 2, 0, 0, 0, 0],
    [68, 8, 5, 1, 0, 0, 0, 0],
    [68, 8, 5, 3, 0, 0, 0, 0],
    [68, 8, 6, 0, 0, 0, 0, 0],
    [68, 8, 4, 0, 0, 0, 0, 0],
    [68, 3, 5],
  ),
  tried(
    'RFC 791: the overflow count itself overflows',
    [68, 8, 9, 0xe0, ...zeros(4)],
    [68, 8, 9, 0xf0, ...zeros(4)],
    [68, 8, 9, 0xf3, ...zeros(4)],
  ),
  tried('IP_OPTIONS: Security and Stream Identifier', [130, 11, ...zeros(9)], [136, 4, 0, 1]),
  tried('IP_OPTIONS: Router Alert', [148, 4, 0, 0], [148, 4, 0, 1], [148, 3, 0], [148, 6, 0, 0, 0, 0]),
  tried('IP_OPTIONS: options that nobody knows', [99, 2], [99, 4, 1, 2], [99, 1], [99, 0], [30, 4, 0, 0]),
  tried('IP_OPTIONS: CIPSO without labels', [134, 6, 0, 0, 0, 1]),
  tried('IP_OPTIONS: a source route', [131, 7, 4, 10, 0, 0, 9]),
  tried(
    'IP_OPTIONS: a source route that is malformed',
    [131, 3, 4],
    [131, 7, 8, 10, 0, 0, 9],
    [137, 7, 3, 10, 0, 0, 9],
    [131, 6, 4, 1, 2, 3],
  ),
  one(
    'the arguments are a pointer to a memory buffer and the option length',
    udp('s'),
    ['setsockopt', 's', IPPROTO_IP, c.IP_OPTIONS, 1],
    get('s'),
    ['setsockopt', 's', IPPROTO_IP, c.IP_OPTIONS, null],
    get('s'),
  ),
  one(
    'IP_RECVOPTS and IP_RETOPTS are boolean flags',
    udp('s'),
    ...[c.IP_RECVOPTS, c.IP_RETOPTS].flatMap((name): Step[] => [
      ['getsockopt', 's', IPPROTO_IP, name, 1],
      ['setsockopt', 's', IPPROTO_IP, name, 7],
      ['getsockopt', 's', IPPROTO_IP, name, 1],
      ['setsockopt', 's', IPPROTO_IP, name, 0],
      ['getsockopt', 's', IPPROTO_IP, name, 1],
    ]),
  ),
];

/** A raw socket beside the receiver sees the header. */
const seen = (name: string, size: number): Step => ['recv', name, size];

const sending: readonly Case[] = [
  two(
    'IP_OPTIONS: the options are sent with every packet from this socket, and count in its length',
    udp('s'),
    ['setsockopt', 's', IPPROTO_IP, c.IP_MTU_DISCOVER, c.IP_PMTUDISC_DO],
    set('s', [148, 4, 0, 0]),
    ...[1472, 1469, 1468].map((size): Step => ['sendto', 's', { size }, 0, PEER, PORT]),
    set('s', []),
    ['sendto', 's', { size: 1472 }, 0, PEER, PORT],
  ),
  one(
    'IP_OPTIONS: a datagram is no longer than 65,535 octets with its header',
    udp('s'),
    set('s', Array<number>(40).fill(1)),
    ...[65507, 65468, 65467].map((size): Step => ['sendto', 's', { size }, 0, LO, PORT]),
  ),
  two(
    'the header that another host receives',
    ['on', 'b'],
    ['socket', 'r', AF_INET, SOCK_RAW, 99],
    ['on', 'a'],
    ['socket', 's', AF_INET, SOCK_RAW, 99],
    ...[
      [1, 1, 1, 1],
      [148, 4, 0, 0],
      [99, 4, 1, 2],
      [7, 7, 8, 1, 2, 3, 4],
    ].flatMap((octets): Step[] => [
      set('s', octets),
      ['sendto', 's', 'x', 0, PEER, 0],
      ['wait', 50],
      ['poll', 'r', c.POLLIN],
      ['ioctl', 'r', c.FIONREAD, 0],
      seen('r', 0),
    ]),
  ),
  one(
    'IP_HDRINCL: the header has its own options',
    ['socket', 's', AF_INET, SOCK_RAW, c.IPPROTO_RAW],
    set('s', [1, 1, 1, 1]),
    get('s'),
    ['sendto', 's', [0x45, 0, 0, 20, ...zeros(5), 99, 0, 0, 0, 0, 0, 0, 127, 0, 0, 1], 0, LO, 0],
  ),
];

/** Between two sockets of one host: what each of these options is received as. */
const received = (name: string, flags: readonly number[], ...lists: (readonly number[])[]): Case =>
  one(
    name,
    udp('r'),
    ['bind', 'r', LO, PORT],
    ...flags.map((flag): Step => ['setsockopt', 'r', IPPROTO_IP, flag, 1]),
    udp('s'),
    ...lists.flatMap((octets): Step[] => [
      set('s', octets),
      ['sendto', 's', 'hi', 0, LO, PORT],
      ['recvmsg', 'r', { iov: [9], control: 200 }, 0],
    ]),
  );

const SENT = [RECORD, [7, 7, 4, ...zeros(4)], [1, 1, 1, 1], [148, 4, 0, 0], [99, 4, 1, 2], [0], [68, 4, 5, 0x20], []];

const ancillary: readonly Case[] = [
  received('IP_RECVOPTS: pass all incoming IP options to the user in a control message', [c.IP_RECVOPTS], ...SENT),
  received('IP_RETOPTS: returns raw unprocessed options', [c.IP_RETOPTS], ...SENT),
  received('IP_RECVOPTS and IP_RETOPTS', [c.IP_RECVOPTS, c.IP_RETOPTS, c.IP_RECVTTL], ...SENT),
  one(
    'IP_RETOPTS as ancillary data: the options of one datagram',
    udp('r'),
    ['bind', 'r', LO, PORT],
    ['setsockopt', 'r', IPPROTO_IP, c.IP_RECVOPTS, 1],
    udp('s'),
    set('s', [148, 4, 0, 0]),
    ...[[1, 1, 1, 1], RECORD, [], [7, 2], Array<number>(44).fill(1)].flatMap((octets): Step[] => [
      ['sendmsg', 's', { name: { inet: [LO, PORT] }, iov: ['x'], control: [['IP_RETOPTS', ...octets]] }, 0],
      ['recvmsg', 'r', { iov: [9], control: 200 }, 0],
    ]),
    ['sendto', 's', 'x', 0, LO, PORT],
    ['recvmsg', 'r', { iov: [9], control: 200 }, 0],
    [
      'sendmsg',
      's',
      { name: { inet: [LO, PORT] }, iov: ['x'], control: [['raw', IPPROTO_IP, c.IP_RECVOPTS, [1, 1, 1, 1]]] },
      0,
    ],
  ),
  one(
    'MSG_CTRUNC for options that have no room',
    udp('r'),
    ['bind', 'r', LO, PORT],
    ['setsockopt', 'r', IPPROTO_IP, c.IP_RETOPTS, 1],
    udp('s'),
    set('s', RECORD),
    ['sendto', 's', 'hi', 0, LO, PORT],
    ['recvmsg', 'r', { iov: [9], control: 0 }, 0],
  ),
];

const listening: readonly Step[] = [tcp('l'), ['bind', 'l', LO, PORT], ['listen', 'l', 2]];
const mss = (name: string): Step => ['getsockopt', name, IPPROTO_TCP, c.TCP_MAXSEG, 1];

const streams: readonly Case[] = [
  one(
    'the IP options will be set automatically to the options from the initial packet',
    ...listening,
    tcp('c'),
    set('c', RECORD),
    ['connect', 'c', LO, PORT],
    ['accept', 'l', 'a'],
    get('c'),
    get('a'),
    get('l'),
    ['send', 'c', 'hello', 0],
    ['recv', 'a', 10],
    ['send', 'a', 'hello', 0],
    ['recv', 'c', 10],
  ),
  one(
    'options that are no record are not set automatically',
    ...listening,
    ...[
      [1, 1, 1, 1],
      [148, 4, 0, 0],
      [99, 4, 0, 0],
    ].flatMap((octets, i): Step[] => [
      tcp(`c${i}`),
      set(`c${i}`, octets),
      ['connect', `c${i}`, LO, PORT],
      ['accept', 'l', `a${i}`],
      get(`c${i}`),
      get(`a${i}`),
    ]),
  ),
  one(
    'a listener hands its options to nobody',
    ...listening,
    set('l', RECORD),
    tcp('c'),
    ['connect', 'c', LO, PORT],
    ['accept', 'l', 'a'],
    get('l'),
    get('a'),
    get('c'),
  ),
  one(
    'incoming packets are not allowed to change options after the connection is established, the user is',
    ...listening,
    tcp('c'),
    ['connect', 'c', LO, PORT],
    ['accept', 'l', 'a'],
    set('c', [1, 1, 1, 1]),
    ['send', 'c', 'hello', 0],
    ['recv', 'a', 10],
    get('a'),
    get('c'),
    set('c', []),
    get('c'),
    set('c', [7, 2]),
  ),
  two(
    'RFC 9293 §3.7.1: options make segments shorter',
    ['on', 'b'],
    tcp('l'),
    ['bind', 'l', PEER, PORT],
    ['listen', 'l', 2],
    ['on', 'a'],
    tcp('c'),
    set('c', [1, 1, 1, 1]),
    ['connect', 'c', PEER, PORT],
    ['wait', 50],
    mss('c'),
    set('c', Array<number>(40).fill(1)),
    mss('c'),
    set('c', []),
    mss('c'),
    ['accept', 'l', 'a'],
    mss('a'),
  ),
];

/** ICMP Echo with identifier and sequence number 1. */
const ECHO = [8, 0, 0xf7, 0xfd, 0, 1, 0, 1];

const echoes: readonly Case[] = [
  one(
    'RFC 1122 §3.2.2.6: Record Route of an Echo is updated and included in the reply',
    ['socket', 'p', AF_INET, SOCK_RAW, IPPROTO_ICMP],
    ...[RECORD, [7, 7, 4, ...zeros(4)], [148, 4, 0, 0], []].flatMap((octets): Step[] => [
      set('p', octets),
      ['sendto', 'p', ECHO, 0, LO, 0],
      ['ioctl', 'p', c.FIONREAD, 0],
      seen('p', 0),
      ['ioctl', 'p', c.FIONREAD, 0],
      seen('p', 0),
    ]),
  ),
];

export const CASES: readonly Case[] = [...setting, ...sending, ...ancillary, ...streams, ...echoes];
