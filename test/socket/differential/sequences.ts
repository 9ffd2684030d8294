/**
 * Sequences of calls drawn at random over a few sockets of mixed kinds, for the differential test: what no list of cases thinks of.
 *
 * What the kernel decides by chance or by the clock is left out: SO_REUSEPORT (a hash chooses), SIOCOUTQ (delayed ACKs), the
 * segments of TCP, so that packet sockets see IP only where there is no TCP socket. What differs in datagrams each time is masked by
 * support/masked-datagrams.ts.
 */
import fc from 'fast-check';
import * as c from '../../../src/socket/constants.ts';
import { EXPERIMENT, HELLO, OTHER, ZERO, lo, loFrame } from './packet-steps.ts';
import { LO, PORT, SHUT_PORT, epoll, raw, tcp, udp } from './scenes.ts';
import type { Case, Json, Step } from './steps.ts';

const { SOL_SOCKET } = c;

/** Sockets that a sequence begins with; the names of those that it makes itself; one that nothing has. */
const FIRST = ['a', 'b', 'd'];
const name = fc.constantFrom(...FIRST, ...FIRST, 'x', 'y', 'z');
const epollName = 'p';

/** Opens a socket of a name. */
type Kind = (socket: string) => Step;
const icmp: Kind = (socket) => raw(socket, 1);
const unix =
  (type: number): Kind =>
  (socket) => ['socket', socket, c.AF_UNIX, type, 0];
const packet =
  (type: number, protocol: number): Kind =>
  (socket) => ['socket', socket, c.AF_PACKET, type, protocol];

/** What a sequence is drawn from. */
interface Draw {
  readonly kinds: readonly Kind[];
  /** EtherTypes of packet sockets. */
  readonly protocols: readonly number[];
}

const mixed: Draw = {
  kinds: [
    ...[tcp, tcp, tcp, tcp, udp, udp, udp, icmp],
    ...[unix(c.SOCK_STREAM), unix(c.SOCK_DGRAM), unix(c.SOCK_SEQPACKET)],
    ...[packet(c.SOCK_RAW, EXPERIMENT), packet(c.SOCK_DGRAM, EXPERIMENT)],
  ],
  protocols: [0, EXPERIMENT, OTHER],
};
/** Packet sockets beside those whose datagrams they may see. */
const watched: Draw = {
  kinds: [
    ...[udp, udp, udp, udp, icmp],
    ...[c.SOCK_RAW, c.SOCK_DGRAM].flatMap((type) => [0, c.ETH_P_ALL, c.ETH_P_IP].map((each) => packet(type, each))),
  ],
  protocols: [0, EXPERIMENT, c.ETH_P_ALL, c.ETH_P_IP],
};

const port = fc.constantFrom(PORT, PORT, PORT + 1, SHUT_PORT);
const address = fc.constantFrom(LO, LO, LO, '0.0.0.0', '127.0.0.2');
const toOf = ({ protocols }: Draw): fc.Arbitrary<readonly Json[]> =>
  fc.oneof(
    { weight: 8, arbitrary: fc.tuple(address, port) },
    { weight: 3, arbitrary: fc.constantFrom<Json[]>([{ unix: 'p' }], [{ unix: '\0q' }], [{ unix: '' }]) },
    { weight: 3, arbitrary: fc.constantFrom(...protocols).map((protocol): Json[] => [lo(protocol)]) },
    { weight: 1, arbitrary: fc.constant(['0.0.0.0', 0, c.AF_UNSPEC]) },
    { weight: 1, arbitrary: fc.constantFrom<Json[]>([null], [{ octets: [2] }], [LO, PORT, 99], [{ octets: [0, 0] }]) },
    {
      weight: 1,
      arbitrary: fc
        .constantFrom(0, 99)
        .map((index): Json[] => [{ packet: { protocol: protocols.at(-1)!, interface: index, hardware: ZERO } }]),
    },
  );
const text = fc.constantFrom<Json>(
  ...['', 'a', 'hello', 'a longer text', { null: 3 }],
  ...[loFrame(EXPERIMENT, ...HELLO), loFrame(5, ...HELLO)],
);
const sendFlags = fc.constantFrom(0, 0, 0, c.MSG_OOB, c.MSG_DONTROUTE, c.MSG_EOR);
const receiveFlags = fc.constantFrom(0, 0, 0, c.MSG_PEEK, c.MSG_TRUNC, c.MSG_OOB, c.MSG_WAITALL, c.MSG_ERRQUEUE);
/** Room for all that is sent here, its headers and an ICMP message about it included. */
const WHOLE = 200;
/** One octet: that of a raw datagram is the same each time, where `WHOLE` is not asked for with its address. */
const size = fc.constantFrom<Json>(0, 1, 1, { null: 2 });
const events = fc.constantFrom(
  c.EPOLLIN,
  c.EPOLLIN | c.EPOLLOUT,
  c.EPOLLIN | c.EPOLLET,
  c.EPOLLOUT | c.EPOLLET,
  c.EPOLLIN | c.EPOLLOUT | c.EPOLLRDHUP | c.EPOLLET,
  c.EPOLLOUT | c.EPOLLONESHOT,
  c.EPOLLRDHUP | c.EPOLLPRI,
);

const control = (op: number, socket: string, bits: number): Step => [
  'epoll_ctl',
  epollName,
  op,
  socket,
  bits,
  socket.charCodeAt(0),
];

/** A call with a name before its other arguments. */
const on = (call: string, ...args: fc.Arbitrary<Json>[]): fc.Arbitrary<Step> =>
  fc.tuple(name, ...args).map((values): Step => [call, ...values]);

const setting = fc.constantFrom<readonly Json[]>(
  [SOL_SOCKET, c.SO_REUSEADDR, 1],
  [SOL_SOCKET, c.SO_REUSEADDR, 0],
  [SOL_SOCKET, c.SO_OOBINLINE, 1],
  [SOL_SOCKET, c.SO_SNDBUF, 50_000],
  [SOL_SOCKET, c.SO_RCVLOWAT, 3],
  [SOL_SOCKET, c.SO_LINGER, { linger: [1, 0] }],
  [SOL_SOCKET, c.SO_LINGER, { octets: [1] }],
  [c.IPPROTO_IP, c.IP_TTL, 5],
  [c.IPPROTO_IP, c.IP_RECVERR, 1],
  [c.IPPROTO_TCP, c.TCP_NODELAY, 1],
  [c.SOL_PACKET, c.PACKET_AUXDATA, 1],
  [c.SOL_PACKET, c.PACKET_ADD_MEMBERSHIP, { packetMreq: ['lo', c.PACKET_MR_PROMISC, ''] }],
);

/** The calls that take an address. */
const addressed = (to: fc.Arbitrary<readonly Json[]>): fc.Arbitrary<Step>[] => {
  const toAddress = (call: string, ...args: fc.Arbitrary<Json>[]): fc.Arbitrary<Step> =>
    fc.tuple(on(call, ...args), to).map(([step, where]): Step => [...step, ...where]);
  return [
    toAddress('bind'),
    toAddress('bind'),
    toAddress('connect'),
    toAddress('connect'),
    toAddress('connect'),
    toAddress('sendto', text, sendFlags),
    toAddress('sendto', text, sendFlags),
  ];
};

const others: readonly fc.Arbitrary<Step>[] = [
  on('listen', fc.constantFrom(0, 3)),
  on('listen', fc.constantFrom(0, 3)),
  on('accept', fc.constantFrom('x', 'y')),
  on('accept', fc.constantFrom('x', 'y')),
  on('accept4', fc.constant('x'), fc.constantFrom(0, 1, c.SOCK_NONBLOCK)),
  on('send', text, sendFlags),
  on('send', text, sendFlags),
  on('recv', size, receiveFlags),
  on('recv', size, receiveFlags),
  on('recvfrom', size, receiveFlags),
  on('recvfrom', fc.constant(WHOLE), receiveFlags),
  on('read', size),
  on('readv', fc.constant(0), fc.constant(1)),
  on('writev', fc.constant('he'), fc.constant('llo')),
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
  on('getsockopt', fc.constant(c.SOL_PACKET), fc.constant(c.PACKET_STATISTICS), fc.constant('statistics')),
  fc.tuple(name, setting).map(([socket, values]): Step => ['setsockopt', socket, ...values]),
  on('ioctl', fc.constantFrom(c.SIOCATMARK, c.SIOCINQ, c.FIONBIO)),
  fc.tuple(fc.constantFrom(1, 1, 2, 3), name, events).map(([op, socket, bits]) => control(op, socket, bits)),
  fc.constant<Step>(['epoll_wait', epollName, 8]),
  fc.constant<Step>(['epoll_wait', epollName, 8]),
  fc.constant<Step>(['epoll_wait', epollName, 8]),
];

/** Entries that a sequence begins with, in half of them. */
const entries = fc.oneof(
  fc.constant<Step[]>([]),
  fc
    .tuple(...FIRST.map(() => events))
    .map((masks) => masks.map((bits, i) => control(c.EPOLL_CTL_ADD, FIRST[i]!, bits))),
);

/** The state of everything that there is, at the end, and what waits there. */
const last: readonly Step[] = [...FIRST, 'x', 'y'].flatMap((socket): Step[] => [
  ['getsockname', socket],
  ['getpeername', socket],
  ['poll', socket],
  ['getsockopt', socket, SOL_SOCKET, c.SO_ERROR],
  ...Array.from({ length: 4 }, (): Step => ['recvfrom', socket, WHOLE]),
]);

type Sequence = Omit<Case, 'name'>;

const sequenceOf = (draw: Draw, unordered: boolean): fc.Arbitrary<Sequence> => {
  const kind = fc.constantFrom(...draw.kinds);
  const step = fc.oneof(...addressed(toOf(draw)), ...others);
  return fc
    .tuple(fc.tuple(kind, kind, kind), entries, fc.array(step, { minLength: 10, maxLength: 30, size: 'max' }))
    .map(([kinds, added, steps]) => ({
      steps: [
        ...kinds.map((open, i) => open(FIRST[i]!)),
        epoll(epollName),
        ...added,
        ...steps,
        ...last,
        ['epoll_wait', epollName, 8],
      ],
      masked: true,
      unordered,
    }));
};

const sequence = fc.oneof(
  { weight: 2, arbitrary: sequenceOf(mixed, false) },
  { weight: 1, arbitrary: sequenceOf(watched, true) },
);

/** So many sequences; the same seed gives the same ones. */
export const drawSequences = (count: number, seed: number): Case[] =>
  fc.sample(sequence, { numRuns: count, seed }).map((drawn, index) => ({ name: `sequence ${index}`, ...drawn }));
