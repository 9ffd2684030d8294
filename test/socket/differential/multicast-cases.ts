/**
 * Multicast on sockets, each case named after what ip(7) says, or after what its kernel does where the page is silent.
 */
import * as c from '../../../src/socket/constants.ts';
import { one, two } from './steps.ts';
import type { Case, Json, Step } from './steps.ts';

const { AF_INET, SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, SOL_SOCKET, IPPROTO_IP, SO_REUSEADDR } = c;
const GROUP = '239.1.2.3';
const OTHER = '239.1.2.4';
const PORT = 7000;
const ANY = '0.0.0.0';
const HERE = '10.0.0.1';
const LO = '127.0.0.1';
const LINK = 'eth0';

const udp = (name: string): Step => ['socket', name, AF_INET, SOCK_DGRAM, 0];
const raw = (name: string, protocol = 99): Step => ['socket', name, AF_INET, SOCK_RAW, protocol];
const tcp = (name: string): Step => ['socket', name, AF_INET, SOCK_STREAM, 0];
const set = (name: string, option: number, ...value: Json[]): Step => [
  'setsockopt',
  name,
  IPPROTO_IP,
  option,
  ...value,
];
const get = (name: string, option: number, form: Json = 1): Step => ['getsockopt', name, IPPROTO_IP, option, form];
const add = (name: string, value: Json): Step => set(name, c.IP_ADD_MEMBERSHIP, value);
const drop = (name: string, value: Json): Step => set(name, c.IP_DROP_MEMBERSHIP, value);
const mreq = (group: string, address: string): Json => ({ mreq: [group, address] });
const mreqn = (group: string, address: string, id: Json): Json => ({ mreqn: [group, address, id] });
const octets = (length: number): Json => ({ octets: Array.from({ length }, () => 0) });
/** A datagram socket that shares its port. */
const shared = (name: string, address = ANY): readonly Step[] => [
  udp(name),
  ['setsockopt', name, SOL_SOCKET, SO_REUSEADDR, 1],
  ['bind', name, address, PORT],
];
const recv = (name: string): Step => ['recv', name, 100];

const joining: readonly Case[] = [
  two(
    'imr_address is the address of the local interface with which the system should join the group',
    udp('s'),
    add('s', mreq(GROUP, HERE)),
    add('s', mreq(GROUP, LO)),
    add('s', mreq(OTHER, HERE)),
  ),
  two(
    'a group that the socket is in already on that interface',
    udp('s'),
    add('s', mreq(GROUP, HERE)),
    add('s', mreq(GROUP, HERE)),
    add('s', mreqn(GROUP, ANY, LINK)),
    udp('t'),
    add('t', mreq(GROUP, HERE)),
  ),
  two(
    'imr_ifindex is the interface index of the interface that should join',
    udp('s'),
    add('s', mreqn(GROUP, ANY, LINK)),
    add('s', mreqn(GROUP, ANY, 'lo')),
    add('s', mreqn(GROUP, HERE, 99)),
    add('s', mreqn(GROUP, HERE, -1)),
    add('s', mreqn(GROUP, '1.2.3.4', LINK)),
    add('s', mreqn(OTHER, '1.2.3.4', LINK)),
  ),
  two(
    'if it is equal to INADDR_ANY, an appropriate interface is chosen: there is none without a route',
    udp('s'),
    add('s', mreq(GROUP, ANY)),
    add('s', mreqn(GROUP, ANY, 0)),
    drop('s', mreq(GROUP, ANY)),
  ),
  two(
    'it must be a valid multicast address, or setsockopt(2) fails with the error EINVAL',
    udp('s'),
    add('s', mreq(HERE, HERE)),
    add('s', mreq('255.255.255.255', HERE)),
    add('s', mreq(ANY, ANY)),
    add('s', mreqn('10.0.0.9', '1.2.3.4', 99)),
    add('s', mreq('224.0.0.0', HERE)),
    add('s', mreq('224.0.0.1', HERE)),
    add('s', mreq('239.255.255.255', HERE)),
  ),
  two(
    'an address that no interface has',
    udp('s'),
    add('s', mreq(GROUP, '10.0.0.9')),
    add('s', mreq(GROUP, '10.0.0.2')),
  ),
  one(
    'the kernel determines which structure is being passed based on the size passed in optlen',
    udp('s'),
    ...[0, 4, 7].map((length) => add('s', octets(length))),
    ...[8, 11, 12, 20].map((length) =>
      add('s', { octets: [239, 1, 2, length, 127, 0, 0, 1, ...Array<number>(length - 8).fill(0)] }),
    ),
    ...[0, 4, 7].map((length) => drop('s', octets(length))),
    add('s', null),
    drop('s', null),
    add('s', 5),
  ),
  one(
    'IP_ADD_MEMBERSHIP is valid only for setsockopt(2)',
    udp('s'),
    get('s', c.IP_ADD_MEMBERSHIP),
    get('s', c.IP_DROP_MEMBERSHIP),
  ),
  two(
    'leave a multicast group: the argument is similar to IP_ADD_MEMBERSHIP',
    udp('s'),
    add('s', mreq(GROUP, HERE)),
    drop('s', mreq(OTHER, HERE)),
    drop('s', mreq(GROUP, LO)),
    drop('s', mreq(GROUP, '10.9.9.9')),
    drop('s', mreqn(GROUP, HERE, 99)),
    drop('s', mreqn(GROUP, '1.2.3.4', LINK)),
    drop('s', mreq(GROUP, HERE)),
    drop('s', mreq(HERE, HERE)),
  ),
  two(
    'a membership belongs to one socket',
    udp('s'),
    udp('t'),
    add('s', mreq(GROUP, HERE)),
    drop('t', mreq(GROUP, HERE)),
    add('t', mreq(GROUP, HERE)),
    ['close', 's'],
    drop('t', mreq(GROUP, HERE)),
  ),
  one(
    'igmp_max_memberships: one socket is in 20 groups at most',
    udp('s'),
    ...Array.from({ length: 21 }, (_, i) => add('s', mreq(`239.0.0.${i + 1}`, LO))),
    add('s', mreq('239.0.0.1', LO)),
    drop('s', mreq('239.0.0.7', LO)),
    add('s', mreq('239.0.0.30', LO)),
  ),
  one(
    'a stream socket is in no group',
    tcp('s'),
    add('s', mreq(GROUP, LO)),
    add('s', octets(2)),
    add('s', null),
    drop('s', mreq(GROUP, LO)),
    drop('s', octets(2)),
    set('s', c.IP_MULTICAST_IF, { octets: [127, 0, 0, 1] }),
    get('s', c.IP_MULTICAST_IF, 'address'),
    set('s', c.IP_MULTICAST_TTL, 3),
    get('s', c.IP_MULTICAST_TTL),
    set('s', c.IP_MULTICAST_LOOP, 0),
    get('s', c.IP_MULTICAST_LOOP),
    set('s', c.IP_MULTICAST_ALL, 0),
    get('s', c.IP_MULTICAST_ALL),
  ),
  one(
    'a raw socket joins like any',
    raw('s'),
    add('s', mreq(GROUP, LO)),
    add('s', mreq(GROUP, LO)),
    drop('s', mreq(GROUP, LO)),
  ),
];

const choosing: readonly Case[] = [
  one(
    'IP_MULTICAST_TTL: the default is 1',
    udp('s'),
    get('s', c.IP_MULTICAST_TTL),
    ...[0, 255, 256, -2, 7, -1].flatMap((ttl) => [set('s', c.IP_MULTICAST_TTL, ttl), get('s', c.IP_MULTICAST_TTL)]),
    set('s', c.IP_MULTICAST_TTL, { octets: [9] }),
    get('s', c.IP_MULTICAST_TTL),
    set('s', c.IP_MULTICAST_TTL, { octets: [] }),
    set('s', c.IP_MULTICAST_TTL, null),
    get('s', c.IP_TTL),
  ),
  one(
    'IP_MULTICAST_LOOP is a boolean integer',
    udp('s'),
    get('s', c.IP_MULTICAST_LOOP),
    ...[0, 7, -1, 0].flatMap((on) => [set('s', c.IP_MULTICAST_LOOP, on), get('s', c.IP_MULTICAST_LOOP)]),
    set('s', c.IP_MULTICAST_LOOP, { octets: [1] }),
    get('s', c.IP_MULTICAST_LOOP),
    set('s', c.IP_MULTICAST_LOOP, { octets: [] }),
  ),
  one(
    'IP_MULTICAST_ALL is a boolean integer, and defaults to 1',
    udp('s'),
    get('s', c.IP_MULTICAST_ALL),
    ...[0, 1, 2, -1].flatMap((on) => [set('s', c.IP_MULTICAST_ALL, on), get('s', c.IP_MULTICAST_ALL)]),
    set('s', c.IP_MULTICAST_ALL, { octets: [0] }),
    get('s', c.IP_MULTICAST_ALL),
    set('s', c.IP_MULTICAST_ALL, { octets: [] }),
  ),
  two(
    'IP_MULTICAST_IF: for getsockopt(2), the argument is an in_addr structure',
    udp('s'),
    get('s', c.IP_MULTICAST_IF, 'address'),
    ...(
      [
        { octets: [10, 0, 0, 1] },
        { octets: [10, 0, 0, 9] },
        mreq(GROUP, LO),
        mreqn(GROUP, ANY, LINK),
        mreqn(GROUP, LO, LINK),
        mreqn(ANY, '1.2.3.4', LINK),
        mreqn(ANY, ANY, 99),
        mreqn(ANY, HERE, -1),
        mreqn(ANY, HERE, 0),
        { octets: [1, 1, 1, 1, 1, 1] },
        { octets: [0, 0, 0] },
        { octets: [] },
        null,
        { octets: [127, 0, 0, 2] },
        { octets: [0, 0, 0, 0] },
      ] as const
    ).flatMap((value) => [set('s', c.IP_MULTICAST_IF, value), get('s', c.IP_MULTICAST_IF, 'address')]),
  ),
  two(
    'ENETUNREACH without a route, unless IP_MULTICAST_IF names the interface',
    udp('s'),
    ['sendto', 's', 'x', 0, GROUP, PORT],
    ['connect', 's', GROUP, PORT],
    set('s', c.IP_MULTICAST_IF, { octets: [10, 0, 0, 1] }),
    ['sendto', 's', 'x', 0, GROUP, PORT],
    ['connect', 's', GROUP, PORT],
    ['getpeername', 's'],
    ['send', 's', 'x', 0],
  ),
  two(
    'a socket that is bound to an address sends from its interface',
    udp('s'),
    ['bind', 's', HERE, 0],
    ['sendto', 's', 'x', 0, GROUP, PORT],
    ['connect', 's', GROUP, PORT],
    ['getsockname', 's'],
  ),
  two(
    'a source that is not of this host',
    udp('s'),
    set('s', c.IP_MULTICAST_IF, mreqn(ANY, '1.2.3.4', LINK)),
    ['sendto', 's', 'x', 0, GROUP, PORT],
    ['connect', 's', GROUP, PORT],
  ),
  two(
    'a socket that is bound to a group keeps its name when it is connected',
    udp('s'),
    ['bind', 's', GROUP, PORT],
    ['getsockname', 's'],
    ['sendto', 's', 'x', 0, GROUP, PORT],
    ['sendto', 's', 'x', 0, '10.0.0.2', PORT],
    ['connect', 's', '10.0.0.2', PORT],
    ['getsockname', 's'],
  ),
  two(
    'a stream is not connected to a group',
    tcp('s'),
    ['connect', 's', GROUP, PORT],
    ['bind', 's', GROUP, PORT],
    ['getsockname', 's'],
  ),
  two(
    'SO_BROADCAST is not needed for multicasts',
    udp('s'),
    set('s', c.IP_MULTICAST_IF, { octets: [10, 0, 0, 1] }),
    ['sendto', 's', 'x', 0, '224.0.0.1', PORT],
    ['sendto', 's', 'x', 0, '10.0.0.255', PORT],
  ),
  two(
    'a raw socket sends to groups by the same choices',
    raw('s'),
    ['sendto', 's', 'x', 0, GROUP, 0],
    set('s', c.IP_MULTICAST_IF, { octets: [10, 0, 0, 1] }),
    ['sendto', 's', 'x', 0, GROUP, 0],
    ['connect', 's', GROUP, 0],
    ['getsockname', 's'],
  ),
];

/** A sender that leaves by eth0, and one that stays on the loopback. */
const sender = (name: string): readonly Step[] => [udp(name), set(name, c.IP_MULTICAST_IF, { octets: [10, 0, 0, 1] })];
const inner = (name: string): readonly Step[] => [udp(name), set(name, c.IP_MULTICAST_IF, { octets: [127, 0, 0, 1] })];
const say = (name: string, text: string, to = GROUP): Step => ['sendto', name, text, 0, to, PORT];

const receiving: readonly Case[] = [
  two(
    'IP_MULTICAST_ALL: the socket will receive messages from all the groups that have been joined on the whole system',
    ...shared('s'),
    ...shared('t'),
    udp('m'),
    add('m', mreq(GROUP, HERE)),
    ...sender('x'),
    say('x', 'one'),
    recv('s'),
    recv('t'),
    say('x', 'two', OTHER),
    recv('s'),
    recv('t'),
  ),
  two(
    'otherwise only from the groups that have been explicitly joined on this particular socket',
    ...shared('s'),
    ...shared('t'),
    ...shared('u', GROUP),
    ...['s', 't', 'u'].map((name) => set(name, c.IP_MULTICAST_ALL, 0)),
    add('s', mreq(GROUP, HERE)),
    add('t', mreq(GROUP, LO)),
    ...sender('x'),
    say('x', 'one'),
    ...['s', 't', 'u'].map(recv),
  ),
  one(
    'a group that is joined on the loopback',
    ...shared('s'),
    ...inner('x'),
    say('x', 'before'),
    recv('s'),
    add('s', mreq(GROUP, LO)),
    say('x', 'joined'),
    ['recvfrom', 's', 100],
    set('x', c.IP_MULTICAST_LOOP, 0),
    say('x', 'whether looped or not'),
    recv('s'),
    drop('s', mreq(GROUP, LO)),
    say('x', 'after'),
    recv('s'),
  ),
  two(
    'a datagram goes to every socket that is bound to the group or to any address',
    ...shared('s'),
    ...shared('t', GROUP),
    ...shared('u', OTHER),
    ...shared('v', HERE),
    add('s', mreq(GROUP, HERE)),
    add('s', mreq(OTHER, HERE)),
    ...sender('x'),
    say('x', 'one'),
    ...['s', 't', 'u', 'v'].map(recv),
    say('x', 'two', OTHER),
    ...['s', 't', 'u', 'v'].map(recv),
  ),
  two(
    'IP_MULTICAST_LOOP determines whether sent multicast packets should be looped back to the local sockets',
    ...shared('s'),
    add('s', mreq(GROUP, HERE)),
    set('s', c.IP_MULTICAST_IF, { octets: [10, 0, 0, 1] }),
    say('s', 'on'),
    recv('s'),
    set('s', c.IP_MULTICAST_LOOP, 0),
    say('s', 'off'),
    recv('s'),
  ),
  two(
    'a TTL of 0 keeps a multicast on the host',
    ...shared('s'),
    add('s', mreq(GROUP, HERE)),
    set('s', c.IP_MULTICAST_IF, { octets: [10, 0, 0, 1] }),
    set('s', c.IP_MULTICAST_TTL, 0),
    ['on', 'b'],
    ...shared('r'),
    add('r', mreq(GROUP, '10.0.0.2')),
    ['on', 'a'],
    say('s', 'hush'),
    recv('s'),
    recv('r'),
  ),
  two(
    'another host that has joined receives, and one that has left does not',
    ['on', 'b'],
    ...shared('r'),
    add('r', mreqn(GROUP, ANY, LINK)),
    ['on', 'a'],
    ...sender('x'),
    ['bind', 'x', HERE, 7001],
    say('x', 'hello'),
    ['wait', 50],
    ['recvfrom', 'r', 100],
    drop('r', mreqn(GROUP, ANY, LINK)),
    say('x', 'gone'),
    ['wait', 50],
    recv('r'),
  ),
  two(
    'every host is in 224.0.0.1',
    ['on', 'b'],
    ...shared('r'),
    ['on', 'a'],
    ...sender('x'),
    say('x', 'all', '224.0.0.1'),
    ['wait', 50],
    recv('r'),
  ),
  two(
    'close leaves the groups',
    ...shared('s'),
    udp('m'),
    add('m', mreq(GROUP, HERE)),
    ...sender('x'),
    say('x', 'one'),
    recv('s'),
    ['close', 'm'],
    say('x', 'two'),
    recv('s'),
  ),
  two(
    'a socket that is connected to a group receives nothing from it',
    ...shared('s'),
    add('s', mreq(GROUP, HERE)),
    set('s', c.IP_MULTICAST_IF, { octets: [10, 0, 0, 1] }),
    ['connect', 's', GROUP, PORT],
    ['getsockname', 's'],
    ['send', 's', 'to all', 0],
    recv('s'),
  ),
  two(
    'raw sockets: bound to the group, to another address, to any, and with IP_MULTICAST_ALL off',
    raw('s'),
    add('s', mreq(GROUP, HERE)),
    raw('g'),
    ['bind', 'g', GROUP, 0],
    raw('h'),
    ['bind', 'h', HERE, 0],
    raw('n'),
    set('n', c.IP_MULTICAST_ALL, 0),
    raw('x'),
    set('x', c.IP_MULTICAST_IF, { octets: [10, 0, 0, 1] }),
    ['sendto', 'x', 'raw', 0, GROUP, 0],
    ...['s', 'g', 'h', 'n'].map((name): Step => ['poll', name, c.POLLIN]),
  ),
];

export const CASES: readonly Case[] = [...joining, ...choosing, ...receiving];
