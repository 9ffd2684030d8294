/**
 * Sequences of calls drawn at random over a few sockets of mixed kinds, for the differential test: what no list of cases thinks of.
 *
 * What the kernel decides by chance or by the clock is left out: SO_REUSEPORT (a hash chooses), SIOCOUTQ (delayed ACKs), the
 * octets of raw datagrams (their identification). And one thing that is not built: see mayOpenShut.
 */
import fc from 'fast-check';
import * as c from '../../../src/socket/constants.ts';
import { LO, PORT, SHUT_PORT, epoll, raw, tcp, udp } from './scenes.ts';
import type { Case, Json, Step } from './steps.ts';

const { SOL_SOCKET } = c;

/** Sockets that a sequence begins with; the names of those that it makes itself; one that nothing has. */
const FIRST = ['a', 'b', 'd'];
const name = fc.constantFrom(...FIRST, ...FIRST, 'x', 'y', 'z');
const epollName = 'p';

const unix =
  (type: number) =>
  (socket: string): Step => ['socket', socket, c.AF_UNIX, type, 0];
const kind = fc.constantFrom(
  ...[tcp, tcp, tcp, udp, udp, (socket: string) => raw(socket, 1)],
  ...[unix(c.SOCK_STREAM), unix(c.SOCK_DGRAM), unix(c.SOCK_SEQPACKET)],
);
const openings = fc
  .tuple(kind, kind, kind)
  .map((kinds): Step[] => [...kinds.map((open, i) => open(FIRST[i]!)), epoll(epollName)]);

const port = fc.constantFrom(PORT, PORT, PORT + 1, SHUT_PORT);
const address = fc.constantFrom(LO, LO, LO, '0.0.0.0', '127.0.0.2');
const to = fc.oneof(
  { weight: 8, arbitrary: fc.tuple(address, port) },
  { weight: 3, arbitrary: fc.constantFrom<Json[]>([{ unix: 'p' }], [{ unix: '\0q' }], [{ unix: '' }]) },
  { weight: 1, arbitrary: fc.constant(['0.0.0.0', 0, c.AF_UNSPEC]) },
  { weight: 1, arbitrary: fc.constantFrom<Json[]>([null], [{ octets: [2] }], [LO, PORT, 99], [{ octets: [0, 0] }]) },
) as fc.Arbitrary<readonly Json[]>;
const text = fc.constantFrom<Json>('', 'a', 'hello', 'a longer text', { null: 3 });
const sendFlags = fc.constantFrom(0, 0, 0, c.MSG_OOB, c.MSG_DONTROUTE, c.MSG_EOR);
const receiveFlags = fc.constantFrom(0, 0, 0, c.MSG_PEEK, c.MSG_TRUNC, c.MSG_OOB, c.MSG_WAITALL, c.MSG_ERRQUEUE);
/** One octet: that of a raw datagram is the same each time. */
const size = fc.constantFrom(0, 1, 1);
const events = fc.constantFrom(
  c.EPOLLIN,
  c.EPOLLIN | c.EPOLLOUT,
  c.EPOLLIN | c.EPOLLET,
  c.EPOLLOUT | c.EPOLLONESHOT,
  c.EPOLLRDHUP | c.EPOLLPRI,
);

/** A call with a name before its other arguments. */
const on = (call: string, ...args: fc.Arbitrary<Json>[]): fc.Arbitrary<Step> =>
  fc.tuple(name, ...args).map((values): Step => [call, ...values]);

const toAddress = (call: string, ...args: fc.Arbitrary<Json>[]): fc.Arbitrary<Step> =>
  fc.tuple(on(call, ...args), to).map(([step, where]): Step => [...step, ...where]);

const setting = fc.constantFrom<readonly Json[]>(
  [SOL_SOCKET, c.SO_REUSEADDR, 1],
  [SOL_SOCKET, c.SO_REUSEADDR, 0],
  [SOL_SOCKET, c.SO_OOBINLINE, 1],
  [SOL_SOCKET, c.SO_LINGER, { linger: [1, 0] }],
  [SOL_SOCKET, c.SO_LINGER, { octets: [1] }],
  [c.IPPROTO_IP, c.IP_TTL, 5],
  [c.IPPROTO_IP, c.IP_RECVERR, 1],
  [c.IPPROTO_TCP, c.TCP_NODELAY, 1],
);

const step: fc.Arbitrary<Step> = fc.oneof(
  toAddress('bind'),
  toAddress('bind'),
  on('listen', fc.constantFrom(0, 3)),
  on('listen', fc.constantFrom(0, 3)),
  toAddress('connect'),
  toAddress('connect'),
  toAddress('connect'),
  on('accept', fc.constantFrom('x', 'y')),
  on('accept', fc.constantFrom('x', 'y')),
  on('accept4', fc.constant('x'), fc.constantFrom(0, 1, c.SOCK_NONBLOCK)),
  on('send', text, sendFlags),
  on('send', text, sendFlags),
  toAddress('sendto', text, sendFlags),
  on('recv', size, receiveFlags),
  on('recv', size, receiveFlags),
  on('recvfrom', size, receiveFlags),
  on('read', size),
  on('recvmsg', fc.constant({ iov: [1], control: 0 }), receiveFlags),
  on('shutdown', fc.constantFrom(c.SHUT_RD, c.SHUT_WR, c.SHUT_RDWR, 3)),
  on('close'),
  on('dup', fc.constant('y')),
  on('dup2', fc.constantFrom('b', 'x')),
  on('getsockname'),
  on('getpeername'),
  on('poll'),
  on('poll', fc.constantFrom(c.POLLIN, c.POLLOUT | c.POLLRDHUP, 0)),
  on('getsockopt', fc.constant(SOL_SOCKET), fc.constantFrom(c.SO_ERROR, c.SO_ACCEPTCONN, c.SO_TYPE)),
  fc.tuple(name, setting).map(([socket, values]): Step => ['setsockopt', socket, ...values]),
  on('ioctl', fc.constantFrom(c.SIOCATMARK, c.FIONBIO)),
  fc
    .tuple(fc.constantFrom(1, 1, 2, 3), name, events)
    .map(([op, socket, bits]): Step => ['epoll_ctl', epollName, op, socket, bits, socket.charCodeAt(0)]),
  fc.constant<Step>(['epoll_wait', epollName, 8]),
);

/** The state of everything that there is, at the end. */
const last: readonly Step[] = [...FIRST, 'x', 'y'].flatMap((socket): Step[] => [
  ['getsockname', socket],
  ['getpeername', socket],
  ['poll', socket],
  ['getsockopt', socket, SOL_SOCKET, c.SO_ERROR],
]);

const sequence = fc
  .tuple(openings, fc.array(step, { minLength: 10, maxLength: 30, size: 'max' }))
  .map(([open, steps]): Step[] => [...open, ...steps, ...last, ['epoll_wait', epollName, 8]])
  .filter((steps) => !mayOpenShut(steps));

/** Whether a bound socket may connect to itself after SHUT_WR: Linux sends a FIN as soon as such an opening from both sides is done. */
function mayOpenShut(steps: readonly Step[]): boolean {
  const shut = steps.findIndex(([call, , how]) => call === 'shutdown' && (how === c.SHUT_WR || how === c.SHUT_RDWR));
  const isBound = steps.some(([call]) => call === 'bind');
  return shut >= 0 && isBound && steps.slice(shut).some(([call]) => call === 'connect');
}

/** So many sequences; the same seed gives the same ones. */
export const drawSequences = (count: number, seed: number): Case[] =>
  fc.sample(sequence, { numRuns: count, seed }).map((steps, index) => ({ name: `sequence ${index}`, steps }));
