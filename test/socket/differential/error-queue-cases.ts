/**
 * IP_RECVERR and MSG_ERRQUEUE on UDP, raw and TCP sockets. ip(7), recv(2).
 */
import * as c from '../../../src/socket/constants.ts';
import { one, two } from './steps.ts';
import type { Case, Step } from './steps.ts';

const { AF_INET, SOCK_DGRAM, SOCK_RAW, SOCK_STREAM, SOL_SOCKET, IPPROTO_IP, IPPROTO_UDP, MSG_ERRQUEUE } = c;
const LO = '127.0.0.1';
const THERE = '10.0.0.2';
/** Nothing is bound to it. */
const SHUT = 9;

const ip = (name: string, option: number, value = 1): Step => ['setsockopt', name, IPPROTO_IP, option, value];
const recverr = (name: string): Step => ip(name, c.IP_RECVERR);
const udp = (name: string): readonly Step[] => [['socket', name, AF_INET, SOCK_DGRAM, 0], recverr(name)];
const error = (name: string, room = 400, size = 100): Step => [
  'recvmsg',
  name,
  { iov: [size], control: room },
  MSG_ERRQUEUE,
];
const pending = (name: string): Step => ['getsockopt', name, SOL_SOCKET, c.SO_ERROR];
const refused = (name: string, data = 'hello'): Step => ['sendto', name, data, 0, LO, SHUT];
/** A UDP header: from port 5 to port 9, no data. */
const HEADER = [0, 5, 0, SHUT, 0, 8, 0, 0];

const queue: readonly Case[] = [
  one(
    'ip(7), IP_RECVERR: "all generated errors will be queued in a per-socket error queue", the payload "is passed as normal data"',
    ...udp('s'),
    refused('s'),
    ['poll', 's'],
    error('s'),
    ['poll', 's'],
    error('s'),
  ),
  one(
    'ip(7): "the original destination address of the datagram that caused the error is supplied via msg_name"',
    ...udp('s'),
    refused('s'),
    ['recvfrom', 's', 3, MSG_ERRQUEUE],
    ['sendto', 's', 'hello', 0, '127.0.0.9', 10],
    ['recvfrom', 's', 9, MSG_ERRQUEUE],
  ),
  one(
    'recv(2), MSG_ERRQUEUE: no error, EAGAIN',
    ['socket', 's', AF_INET, SOCK_DGRAM, 0],
    ['recv', 's', 9, MSG_ERRQUEUE],
    refused('s'),
    ['recv', 's', 9, MSG_ERRQUEUE],
    ['poll', 's'],
    pending('s'),
  ),
  one(
    'MSG_ERRQUEUE: the error is taken with MSG_PEEK, too, and MSG_TRUNC returns no length',
    ...udp('s'),
    refused('s'),
    error('s', 400, 3),
    refused('s'),
    ['recv', 's', 3, MSG_ERRQUEUE | c.MSG_TRUNC],
    refused('s'),
    ['recv', 's', 9, MSG_ERRQUEUE | c.MSG_PEEK],
    ['recv', 's', 9, MSG_ERRQUEUE],
  ),
  one(
    'ip(7): "The pending socket error is cleared" as the next error of the queue takes its place',
    ...udp('s'),
    refused('s', '1'),
    pending('s'),
    refused('s', '2'),
    pending('s'),
    refused('s', '3'),
    pending('s'),
    ['poll', 's'],
    error('s'),
    pending('s'),
    error('s'),
    ['poll', 's'],
    error('s'),
    pending('s'),
    ['poll', 's'],
  ),
  one(
    'an error is pending and queued: recv and send tell of it, the queue keeps it',
    ...udp('s'),
    refused('s'),
    ['recv', 's', 9],
    ['recv', 's', 9],
    ['poll', 's'],
    error('s'),
    refused('s', '1'),
    refused('s', '2'),
    refused('s', '3'),
    error('s'),
    error('s'),
  ),
  one(
    'IP_RECVERR off empties the queue and leaves the pending error',
    ...udp('s'),
    refused('s'),
    ip('s', c.IP_RECVERR, 0),
    ['poll', 's'],
    error('s'),
    pending('s'),
    ['poll', 's'],
  ),
  one(
    'what comes with datagrams comes with errors: of the ICMP message',
    ...udp('s'),
    ip('s', c.IP_RECVTTL),
    ip('s', c.IP_PKTINFO),
    refused('s'),
    error('s'),
  ),
  one(
    'no room for the error: MSG_CTRUNC, and it is gone',
    ...udp('s'),
    refused('s'),
    ['recvmsg', 's', { iov: [9], control: 0 }, MSG_ERRQUEUE],
    error('s'),
  ),
  one(
    'a connected socket with IP_RECVERR hears of its peer only',
    ...udp('s'),
    ['connect', 's', LO, SHUT],
    ['sendto', 's', 'x', 0, LO, 10],
    ['poll', 's'],
    ['send', 's', 'y'],
    error('s'),
    error('s'),
  ),
  one(
    'ip(7): "EMSGSIZE ... Datagram is bigger than an MTU on the path" is queued with the MTU, from this host, to the peer’s port',
    ...udp('s'),
    ['sendto', 's', { size: 65508 }, 0, LO, SHUT],
    ['poll', 's'],
    error('s'),
    ['sendto', 's', { size: 65536 }, 0, LO, SHUT],
    error('s'),
    pending('s'),
    ['connect', 's', LO, 77],
    ['sendto', 's', { size: 65508 }, 0, LO, SHUT],
    error('s'),
  ),
  two(
    'ip(7), IP_PMTUDISC_DO: what is longer than the path carries is refused, and queued',
    ...udp('s'),
    ['sendto', 's', { size: 1473 }, 0, THERE, SHUT],
    ['wait', 20],
    error('s', 400, 0),
    ip('s', c.IP_MTU_DISCOVER, c.IP_PMTUDISC_DO),
    ['sendto', 's', { size: 1473 }, 0, THERE, SHUT],
    error('s'),
    ...[c.IP_PMTUDISC_PROBE, c.IP_PMTUDISC_INTERFACE].flatMap((value): Step[] => [
      ip('s', c.IP_MTU_DISCOVER, value),
      ['sendto', 's', { size: 1473 }, 0, THERE, SHUT],
      error('s'),
    ]),
    ['connect', 's', THERE, SHUT],
    ['getsockopt', 's', IPPROTO_IP, c.IP_MTU],
    ['setsockopt', 's', IPPROTO_IP, c.IP_MTU, 1000],
    ip('s', c.IP_MTU_DISCOVER, 6),
  ),
  two(
    'UDP_SEGMENT: EMSGSIZE for a segment that is too long is not queued',
    ...udp('s'),
    ['setsockopt', 's', IPPROTO_UDP, c.UDP_SEGMENT, 1473],
    ['sendto', 's', { size: 5000 }, 0, THERE, SHUT],
    error('s'),
  ),
  one(
    'the queue is bounded by SO_RCVBUF: what does not fit is told of by SO_ERROR',
    ...udp('s'),
    ['setsockopt', 's', SOL_SOCKET, c.SO_RCVBUF, 1],
    ...Array.from({ length: 40 }, (): Step[] => [refused('s'), pending('s')]).flat(),
    error('s', 0),
  ),
  two(
    'an ICMP error from another host: it is the offender',
    ...udp('s'),
    ['sendto', 's', 'hello', 0, THERE, SHUT],
    ['wait', 20],
    ['poll', 's'],
    error('s'),
    ['connect', 's', THERE, SHUT],
    ['send', 's', 'hello'],
    ['wait', 20],
    ['recv', 's', 9],
    error('s'),
  ),
];

const raw: readonly Case[] = [
  one(
    'raw(7): with IP_RECVERR "all errors are passed" to a raw socket, with the datagram behind its header',
    ['socket', 'r', AF_INET, SOCK_RAW, IPPROTO_UDP],
    recverr('r'),
    ['sendto', 'r', HEADER, 0, LO, 4],
    ['poll', 'r'],
    ['recv', 'r', 9],
    error('r'),
    ['poll', 'r'],
    ['recv', 'r', 9, MSG_ERRQUEUE | c.MSG_OOB],
  ),
  one(
    'raw(7): errors "are only passed to the user ... when the socket is connected or the IP_RECVERR flag is enabled"',
    ['socket', 'r', AF_INET, SOCK_RAW, IPPROTO_UDP],
    ['sendto', 'r', HEADER, 0, LO, 4],
    pending('r'),
    ['connect', 'r', LO, 4],
    ['send', 'r', HEADER],
    pending('r'),
    error('r'),
    ['connect', 'r', '127.0.0.2', 4],
    ['sendto', 'r', HEADER, 0, LO, 4],
    pending('r'),
  ),
  one(
    'raw(7): EMSGSIZE with IP_HDRINCL is queued with the MTU of the interface',
    ['socket', 'r', AF_INET, SOCK_RAW, c.IPPROTO_RAW],
    recverr('r'),
    ['sendto', 'r', { size: 65536 }, 0, LO, 4],
    error('r'),
  ),
  two(
    'raw(7): "EMSGSIZE Packet too big. Either Path MTU Discovery is enabled ... or the packet size exceeds" 64 kB, with IP_HDRINCL the MTU',
    ['socket', 'r', AF_INET, SOCK_RAW, c.IPPROTO_RAW],
    recverr('r'),
    ['sendto', 'r', { size: 1501 }, 0, THERE, 4],
    error('r'),
    ['socket', 'q', AF_INET, SOCK_RAW, 89],
    recverr('q'),
    ['sendto', 'q', { size: 65516 }, 0, THERE, 4],
    error('q'),
    ip('q', c.IP_MTU_DISCOVER, c.IP_PMTUDISC_DO),
    ['sendto', 'q', { size: 1481 }, 0, THERE, 4],
    error('q'),
    ['sendto', 'q', { size: 1480 }, 0, THERE, 4],
  ),
];

/** A TCP socket whose SYNs nobody answers: the neighbour is not there. */
const NOBODY = '10.0.0.77';
const NOR_THERE = '10.0.0.78';
const unanswered = (name: string): readonly Step[] => [
  ['socket', name, AF_INET, SOCK_STREAM, 0],
  ['bind', name, '10.0.0.1', 7001],
  recverr(name),
];

const stream: readonly Case[] = [
  one(
    'ip(7), IP_RECVERR on TCP: there is no error queue to read while nothing failed',
    ['socket', 's', AF_INET, SOCK_STREAM, 0],
    recverr('s'),
    ['getsockopt', 's', IPPROTO_IP, c.IP_RECVERR],
    error('s'),
    ['connect', 's', LO, SHUT],
    error('s'),
    ['recv', 's', 9],
    error('s'),
  ),
  two(
    'an attempt to connect that ICMP ends: the error is queued with the SYN, and reading it takes the pending one',
    ...unanswered('s'),
    ['connect', 's', NOBODY, 80],
    ['wait', 3500],
    ['poll', 's'],
    error('s', 400, 4),
    ['poll', 's'],
    pending('s'),
    error('s'),
    ['poll', 's'],
    ['connect', 's', NOBODY, 80],
    ['connect', 's', THERE, 80],
  ),
  two(
    'an attempt to connect that ICMP ends: the error is queued without IP_RECVERR, and stays when SO_ERROR and connect have told of it',
    ['socket', 's', AF_INET, SOCK_STREAM, 0],
    ['bind', 's', '10.0.0.1', 7001],
    ['connect', 's', NOBODY, 80],
    ['wait', 3500],
    pending('s'),
    ['poll', 's'],
    ['recv', 's', 9],
    ['connect', 's', NOBODY, 80],
    ['poll', 's'],
    ['recvfrom', 's', 4, MSG_ERRQUEUE],
    ['poll', 's'],
    pending('s'),
  ),
  two(
    'attempts to connect that ICMP ends: the errors are queued, and each is pending in its turn',
    ...unanswered('s'),
    ...[NOBODY, NOR_THERE].flatMap((address): Step[] => [
      ['connect', 's', address, 80],
      ['wait', 3500],
      ['connect', 's', address, 80],
    ]),
    ['poll', 's'],
    error('s', 400, 4),
    ['poll', 's'],
    ['recv', 's', 9],
    ['poll', 's'],
    error('s', 400, 4),
    ['poll', 's'],
    pending('s'),
  ),
  two(
    'an attempt to connect that ICMP ends: IP_RECVERR off empties the queue',
    ...unanswered('s'),
    ['connect', 's', NOBODY, 80],
    ['wait', 3500],
    ip('s', c.IP_RECVERR, 0),
    ['poll', 's'],
    error('s', 400, 4),
    ['send', 's', 'x'],
    ['connect', 's', NOBODY, 80],
    ['connect', 's', NOR_THERE, 80],
    ['wait', 3500],
    error('s', 400, 4),
    ['send', 's', 'x'],
    ['recv', 's', 9],
    ['poll', 's'],
  ),
];

export const CASES: readonly Case[] = [...queue, ...raw, ...stream];
