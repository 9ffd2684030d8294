/**
 * AF_PACKET, named after the sentences of packet(7), socket(2) and socket(7). The loopback of each host carries the frames; where
 * there are two, a veth pair and a cable. Protocols are in host byte order in steps.
 */
import * as c from '../../../src/socket/constants.ts';
import { one, two } from './steps.ts';
import type { Case, Form, Json, Step } from './steps.ts';

const { AF_PACKET, SOCK_RAW, SOCK_DGRAM, SOL_PACKET, SOL_SOCKET, ETH_P_ALL, ETH_P_IP, ETH_P_ARP } = c;
/** EtherTypes that IEEE 802 keeps for experiments. */
const EXPERIMENT = 0x88b5;
const OTHER = 0x88b6;
const ZERO = '00:00:00:00:00:00';
const STRANGER = '02:00:00:00:00:77';
const GROUP = '01:00:5e:01:02:03';
const BROADCAST = 'ff:ff:ff:ff:ff:ff';
const ONE = '02:00:00:00:00:01';
const TWO = '02:00:00:00:00:02';
const SIZE = 2000;

const raw = (name: string, protocol = 0): Step => ['socket', name, AF_PACKET, SOCK_RAW, protocol];
const cooked = (name: string, protocol = 0): Step => ['socket', name, AF_PACKET, SOCK_DGRAM, protocol];
const lo = (protocol = EXPERIMENT, hardware = ZERO): Form => ({ packet: { protocol, interface: 'lo', hardware } });
const eth = (protocol = EXPERIMENT, hardware = TWO): Form => ({ packet: { protocol, interface: 'eth0', hardware } });
const any = (protocol: number): Form => ({ packet: { protocol } });
/** The octets of struct sockaddr_ll, with an address of `halen` octets and of `length` octets in all. */
const sockaddr = (halen: number, length = 20, family = AF_PACKET): Form => ({
  octets: [family, 0, 0x88, 0xb5, 1, 0, 0, 0, 0, 0, 0, halen, 0, 0, 0, 0, 0, 0, 0, 0],
  length,
});

const mac = (text: string): number[] => text.split(':').map((pair) => Number.parseInt(pair, 16));
const frame = (destination: string, source: string, type: number, ...payload: number[]): number[] => [
  ...mac(destination),
  ...mac(source),
  type >> 8,
  type & 255,
  ...payload,
];
/** A frame on the loopback, whose header is all zeros but for the type. */
const loFrame = (type: number, ...payload: number[]): number[] => frame(ZERO, ZERO, type, ...payload);
const HELLO = [0x68, 0x65, 0x6c, 0x6c, 0x6f];

const get = (name: string, level: number, option: number, form: Json = 1): Step => [
  'getsockopt',
  name,
  level,
  option,
  form,
];
const add = (name: string, ...value: Json[]): Step => [
  'setsockopt',
  name,
  SOL_PACKET,
  c.PACKET_ADD_MEMBERSHIP,
  ...value,
];
const drop = (name: string, ...value: Json[]): Step => [
  'setsockopt',
  name,
  SOL_PACKET,
  c.PACKET_DROP_MEMBERSHIP,
  ...value,
];
const mreq = (device: string | number, type: number, hardware = ''): Form => ({ packetMreq: [device, type, hardware] });
const statistics = (name: string): Step => get(name, SOL_PACKET, c.PACKET_STATISTICS, 'statistics');
const receive = (name: string, times = 1): Step[] => Array.from({ length: times }, () => ['recvfrom', name, SIZE]);

const creation: readonly Case[] = [
  one(
    'packet(7): "The socket_type is either SOCK_RAW ... or SOCK_DGRAM"',
    ...[1, 2, 3, 4, 5, 6, 7, 8, 9, 11, -1].map((type): Step => ['socket', `s${type}`, AF_PACKET, type, ETH_P_ALL]),
    ['socket', 'f', AF_PACKET, SOCK_RAW | c.SOCK_NONBLOCK | c.SOCK_CLOEXEC, 0],
    ['fcntl', 'f', c.F_GETFD],
  ),
  one('packet(7): "a process must have the CAP_NET_RAW capability"', ['drop'], raw('r'), cooked('d', ETH_P_ALL), [
    'socket',
    't',
    AF_PACKET,
    1,
    0,
  ]),
  one('socketpair(2) in AF_PACKET: EOPNOTSUPP', ['socketpair', 'a', 'b', AF_PACKET, SOCK_RAW, 0]),
  one(
    'socket(7): SO_TYPE, SO_DOMAIN, SO_PROTOCOL, SO_ACCEPTCONN of a packet socket',
    cooked('d', ETH_P_ALL),
    raw('r', ETH_P_IP),
    ...[c.SO_TYPE, c.SO_DOMAIN, c.SO_PROTOCOL, c.SO_ACCEPTCONN, c.SO_ERROR].flatMap((option) => [
      get('d', SOL_SOCKET, option),
      get('r', SOL_SOCKET, option),
    ]),
  ),
];

const calls: readonly Case[] = [
  one(
    'packet(7): "The connect(2) operation is not supported on packet sockets"',
    cooked('s', ETH_P_ALL),
    ['connect', 's', lo()],
    ['connect', 's', sockaddr(6, 3)],
    ['connect', 's', null],
    ['getpeername', 's'],
  ),
  one(
    'listen(2), accept(2), shutdown(2): EOPNOTSUPP on a packet socket, whatever they are given',
    raw('s', ETH_P_ALL),
    ['listen', 's', 5],
    ['accept', 's', 'c'],
    ...[0, 1, 2, 3, -1].map((how): Step => ['shutdown', 's', how]),
  ),
  one(
    'ioctl(2) on a packet socket: SIOCINQ, SIOCOUTQ, SIOCATMARK',
    cooked('s', EXPERIMENT),
    ['ioctl', 's', c.SIOCINQ],
    ['ioctl', 's', c.SIOCOUTQ],
    ['atmark', 's'],
    ['sendto', 's', 'hello', 0, lo()],
    ['ioctl', 's', c.SIOCINQ],
  ),
  one(
    'poll(2) on a packet socket',
    cooked('s', EXPERIMENT),
    ['poll', 's'],
    ['poll', 's', 0x3ff],
    ['sendto', 's', 'hello', 0, lo()],
    ['poll', 's'],
    ['poll', 's', 0x3ff],
    ['recv', 's', 9],
    ['poll', 's'],
  ),
  one('packet(7): "They don\'t have the concept of a pending error"', cooked('s'), get('s', SOL_SOCKET, c.SO_ERROR)),
  one(
    'dup(2) and close(2) of a packet socket',
    cooked('s', EXPERIMENT),
    ['dup', 's', 't'],
    ['close', 's'],
    ['sendto', 't', 'x', 0, lo()],
    ...receive('t'),
    ['close', 't'],
    ['recv', 't', 1],
  ),
];

const binding: readonly Case[] = [
  one(
    'packet(7): "Fields used for binding are sll_family (should be AF_PACKET), sll_protocol, and sll_ifindex"',
    raw('s'),
    ['getsockname', 's'],
    ['bind', 's', lo()],
    ['getsockname', 's'],
    ['bind', 's', sockaddr(6, 20, c.AF_INET)],
    ['bind', 's', sockaddr(6, 20, c.AF_UNSPEC)],
    ['getsockname', 's'],
  ),
  one(
    'packet(7): sll_protocol "defaults to the socket\'s protocol", and bind may be called again',
    raw('s', ETH_P_ARP),
    ['bind', 's', lo(0)],
    ['getsockname', 's'],
    ['bind', 's', lo(OTHER)],
    ['bind', 's', any(0)],
    ['getsockname', 's'],
    ['bind', 's', any(ETH_P_ALL)],
    ['getsockname', 's'],
  ),
  one(
    'packet(7): "0 matches any interface (only permitted for binding)"',
    cooked('s'),
    ['bind', 's', any(EXPERIMENT)],
    ['getsockname', 's'],
    ['sendto', 's', 'x', 0, any(EXPERIMENT)],
    ['send', 's', 'x'],
    ['sendto', 's', 'x', 0, lo()],
    ...receive('s', 2),
  ),
  one(
    'packet(7): "ENODEV Unknown device name or interface index specified in interface address"',
    raw('s', EXPERIMENT),
    ...[2, 99, -1].map((index): Step => ['bind', 's', { packet: { protocol: EXPERIMENT, interface: index } }]),
    ['getsockname', 's'],
  ),
  one(
    'bind(2): "EINVAL addrlen is wrong" for a packet socket',
    raw('s'),
    ...[0, 1, 2, 12, 16, 18, 19, 20, 21, 28, 128, 129].map((length): Step => ['bind', 's', sockaddr(6, length)]),
    ['bind', 's', null],
  ),
  one(
    'packet(7): "If protocol is set to zero, no packets are received"',
    cooked('s'),
    cooked('t', OTHER),
    ['sendto', 't', 'one', 0, lo()],
    ['recv', 's', 9],
    ['bind', 's', any(EXPERIMENT)],
    ['sendto', 't', 'two', 0, lo()],
    ...receive('s', 2),
    ['bind', 's', any(OTHER)],
    ['sendto', 't', 'three', 0, lo()],
    ['recv', 's', 9],
    ['sendto', 't', 'four', 0, lo(OTHER)],
    ['recv', 's', 9],
    ['recv', 's', 9],
  ),
  one(
    'what came before another bind can still be read',
    cooked('s', EXPERIMENT),
    ['sendto', 's', 'one', 0, lo()],
    ['bind', 's', lo(OTHER)],
    ...receive('s', 2),
  ),
  two(
    'packet(7): "To get packets only from a specific interface use bind(2)"',
    cooked('s', EXPERIMENT),
    ['bind', 's', eth(EXPERIMENT)],
    ['getsockname', 's'],
    ['sendto', 's', 'on the loopback', 0, lo()],
    ['recv', 's', 99],
    ['bind', 's', lo(0)],
    ['sendto', 's', 'on the loopback', 0, lo()],
    ...receive('s', 2),
  ),
];

const receiving: readonly Case[] = [
  one(
    'packet(7): PACKET_OUTGOING "for a packet originating from the local host that is looped back to a packet socket"',
    raw('s', ETH_P_ALL),
    cooked('d', ETH_P_ALL),
    raw('one', EXPERIMENT),
    cooked('t'),
    ['sendto', 't', 'hello', 0, lo()],
    ...receive('s', 3),
    ...receive('d', 3),
    ...receive('one', 2),
  ),
  one(
    'a socket is not shown what it sends, but what comes of it',
    raw('s', ETH_P_ALL),
    ['sendto', 's', loFrame(EXPERIMENT, ...HELLO), 0, lo(0)],
    ...receive('s', 2),
  ),
  one(
    'packet(7): "SOCK_RAW packets are passed to and from the device driver without any changes in the packet data"',
    raw('t'),
    raw('s', ETH_P_ALL),
    ...[ZERO, STRANGER, GROUP, BROADCAST].flatMap((destination): Step[] => [
      ['sendto', 't', frame(destination, ZERO, EXPERIMENT, ...HELLO), 0, lo(0)],
      ...receive('s', 3),
    ]),
  ),
  one(
    'packet(7): "All incoming packets of that protocol type will be passed to the packet socket"',
    raw('t'),
    cooked('s', EXPERIMENT),
    cooked('o', OTHER),
    ['sendto', 't', loFrame(OTHER, ...HELLO), 0, lo(EXPERIMENT)],
    ['sendto', 't', loFrame(EXPERIMENT, ...HELLO), 0, lo(OTHER)],
    ...receive('s', 2),
    ...receive('o', 2),
  ),
  one(
    'what an outgoing frame carries is what its sender says, and else its header',
    cooked('s', ETH_P_ALL),
    raw('r'),
    ...[0, ETH_P_ALL, OTHER].flatMap((protocol): Step[] => [
      ['sendto', 'r', loFrame(EXPERIMENT, ...HELLO), 0, lo(protocol)],
      ...receive('s', 3),
    ]),
  ),
  one(
    'packet(7): "Incoming 802.3 packets ... are supplied to the user as protocol ETH_P_802_2 with the LLC header prefixed"',
    cooked('s', ETH_P_ALL),
    raw('r'),
    cooked('llc', c.ETH_P_802_2),
    cooked('never', c.ETH_P_802_3),
    ['sendto', 'r', loFrame(5, ...HELLO), 0, lo(0)],
    ...receive('s', 3),
    ...receive('llc', 2),
    ['recv', 'never', 9],
  ),
  one(
    'an 802.3 frame that begins with ones is ETH_P_802_3',
    cooked('s', c.ETH_P_802_3),
    raw('r'),
    ['sendto', 'r', loFrame(7, 0xff, 0xff, ...HELLO), 0, lo(0)],
    ...receive('s', 2),
  ),
  one(
    'packet(7): "When the MSG_TRUNC flag is passed ... the real length of the packet on the wire is always returned"',
    cooked('s', EXPERIMENT),
    ['sendto', 's', 'hello, world', 0, lo()],
    ['recv', 's', 5, c.MSG_PEEK],
    ['recvfrom', 's', 5, c.MSG_PEEK | c.MSG_TRUNC],
    ['recvmsg', 's', { iov: [2, 2] }, c.MSG_PEEK],
    ['recvmsg', 's', { iov: [2, 2] }, c.MSG_TRUNC],
    ['recv', 's', 5],
  ),
  one(
    'recv(2): a frame is read at once or not at all',
    cooked('s', EXPERIMENT),
    ['sendto', 's', 'one', 0, lo()],
    ['sendto', 's', 'two', 0, lo()],
    ['recv', 's', 0],
    ['readv', 's', 1, 1, 5],
    ['read', 's', 5],
  ),
  one(
    'recv(2): flags that mean nothing here are EINVAL',
    cooked('s', EXPERIMENT),
    ['sendto', 's', 'one', 0, lo()],
    ...Array.from({ length: 31 }, (_, bit) => 1 << bit)
      .filter((flag) => flag !== c.MSG_DONTWAIT && flag !== c.MSG_TRUNC && flag !== c.MSG_PEEK)
      .map((flag): Step => ['recv', 's', 9, flag]),
    ['recv', 's', 9, c.MSG_DONTWAIT],
  ),
  one(
    'an empty payload is a packet',
    cooked('s', EXPERIMENT),
    raw('r', EXPERIMENT),
    ['sendto', 's', '', 0, lo()],
    ...receive('s', 2),
    ...receive('r', 2),
    ['sendto', 'r', loFrame(EXPERIMENT), 0, lo(0)],
    ...receive('s', 2),
    ...receive('r', 2),
  ),
  one(
    'packet(7): SOCK_RAW sees a datagram of this host with its link-level header: UDP on the loopback',
    cooked('s', ETH_P_ALL),
    raw('r', ETH_P_ALL),
    cooked('ip', ETH_P_IP),
    ['socket', 'u', c.AF_INET, SOCK_DGRAM, 0],
    ['bind', 'u', '127.0.0.1', 5555],
    ['sendto', 'u', 'hello', 0, '127.0.0.1', 5555],
    // Just the header, and the length of all: the identification is another each time.
    ['recvfrom', 'r', 15, c.MSG_TRUNC],
    ['recvfrom', 'r', 15, c.MSG_TRUNC],
    ['recvfrom', 'r', 15, c.MSG_TRUNC],
    ['recvfrom', 's', 1, c.MSG_TRUNC],
    ['recvfrom', 's', 1, c.MSG_TRUNC],
    ['recvfrom', 'ip', 1, c.MSG_TRUNC],
    ['recvfrom', 'ip', 1, c.MSG_TRUNC],
    ['recv', 'u', 9],
  ),
  one(
    "a datagram that a packet socket sends on the loopback arrives: the checksums are the sender's business",
    cooked('s'),
    ['socket', 'u', c.AF_INET, SOCK_DGRAM, 0],
    ['bind', 'u', '127.0.0.1', 5555],
    // UDP from port 1 to port 5555 without a checksum: RFC 768 lets it be.
    [
      'sendto',
      's',
      [
        ...[0x45, 0, 0, 30, 0, 0, 0x40, 0, 64, 17, 0x3c, 0xcd, 127, 0, 0, 1, 127, 0, 0, 1],
        ...[0, 1, 0x15, 0xb3, 0, 10, 0, 0, 0x6f, 0x6b],
      ],
      0,
      lo(ETH_P_IP),
    ],
    ['recvfrom', 'u', 9],
  ),
  one(
    'packet(7): PACKET_AUXDATA, "the packet socket passes a metadata structure along with each packet"',
    cooked('s', EXPERIMENT),
    raw('r', EXPERIMENT),
    ...['s', 'r'].flatMap((name): Step[] => [
      get(name, SOL_PACKET, c.PACKET_AUXDATA),
      ['setsockopt', name, SOL_PACKET, c.PACKET_AUXDATA, 7],
      get(name, SOL_PACKET, c.PACKET_AUXDATA),
      ['sendto', 's', 'hello', 0, lo()],
      ['recvmsg', name, { iov: [3], control: 100 }],
    ]),
    ['setsockopt', 's', SOL_PACKET, c.PACKET_AUXDATA, { octets: [1, 0] }],
    ['setsockopt', 's', SOL_PACKET, c.PACKET_AUXDATA, 0],
    ['recvmsg', 's', { iov: [9], control: 100 }],
  ),
  one(
    'a checksum that nobody has completed yet',
    cooked('s', ETH_P_IP),
    ['setsockopt', 's', SOL_PACKET, c.PACKET_AUXDATA, 1],
    ['socket', 'u', c.AF_INET, SOCK_DGRAM, 0],
    ['sendto', 'u', 'hello', 0, '127.0.0.1', 5555],
    ['recvmsg', 's', { iov: [1], control: 100 }],
  ),
  one(
    'SO_TIMESTAMP on a packet socket',
    cooked('s', EXPERIMENT),
    ['setsockopt', 's', SOL_SOCKET, c.SO_TIMESTAMP, 1],
    ['sendto', 's', 'hello', 0, lo()],
    ['recvmsg', 's', { iov: [9], control: 100 }],
  ),
];

const sending: readonly Case[] = [
  one(
    'packet(7): "ENXIO Interface address contained an invalid interface index"',
    cooked('d'),
    raw('r'),
    ...[0, 2, 99, -1].flatMap((index): Step[] => [
      ['sendto', 'd', 'x', 0, { packet: { protocol: EXPERIMENT, interface: index } }],
      ['sendto', 'r', loFrame(EXPERIMENT), 0, { packet: { protocol: EXPERIMENT, interface: index } }],
    ]),
    ['send', 'd', 'x'],
    ['send', 'r', loFrame(EXPERIMENT)],
    ['send', 'r', ''],
  ),
  one(
    'send(2) on a packet socket that is bound: SOCK_RAW has its destination in the frame',
    raw('s', ETH_P_ALL),
    cooked('o', EXPERIMENT),
    ['bind', 's', lo(0)],
    ['send', 's', loFrame(EXPERIMENT, ...HELLO)],
    ['write', 's', loFrame(EXPERIMENT, ...HELLO)],
    ['writev', 's', loFrame(EXPERIMENT), 'hello'],
    ...receive('o', 4),
  ),
  one(
    'send(2) on a packet socket that is bound to the loopback: SOCK_DGRAM needs no destination there',
    cooked('s'),
    raw('o', ETH_P_ALL),
    ['bind', 's', lo()],
    ['send', 's', 'hello'],
    ...receive('s', 2),
    ...receive('o', 3),
  ),
  two(
    'send(2) on a packet socket that is bound to Ethernet: SOCK_DGRAM has no destination',
    cooked('s'),
    ['bind', 's', eth()],
    ['send', 's', 'hello'],
    ['sendto', 's', 'hello', 0, eth()],
  ),
  one(
    'packet(7): "it is enough to specify sll_family, sll_addr, sll_halen, sll_ifindex, and sll_protocol", but not less',
    cooked('s'),
    ...[0, 1, 2, 4, 12, 16, 18, 19, 20, 21, 128].map((length): Step => ['sendto', 's', 'x', 0, sockaddr(6, length)]),
    ['sendto', 's', 'x', 0, sockaddr(6, 20, c.AF_INET)],
    ['sendto', 's', 'x', 0, sockaddr(6, 20, c.AF_UNSPEC)],
  ),
  one(
    'sll_halen may not be beyond the address that is given',
    cooked('s', EXPERIMENT),
    ...[0, 3, 6, 7, 8, 9, 20].map((halen): Step => ['sendto', 's', 'x', 0, sockaddr(halen)]),
    ...[9, 116, 117].map((halen): Step => ['sendto', 's', 'x', 0, sockaddr(halen, 128)]),
    ...receive('s', 7),
  ),
  one(
    'send(2): flags are not looked at',
    cooked('s'),
    ...[c.MSG_OOB, c.MSG_DONTROUTE, c.MSG_CONFIRM, c.MSG_MORE, c.MSG_ERRQUEUE, c.MSG_FASTOPEN].map((flag): Step => [
      'sendto',
      's',
      'x',
      flag,
      lo(),
    ]),
  ),
  one(
    'a frame of SOCK_RAW has its whole header: EINVAL',
    raw('s'),
    ...[0, 1, 13, 14, 15].map((size): Step => ['sendto', 's', { size }, 0, lo()]),
  ),
  one(
    'packet(7): "The default for sending is the standard Ethernet DIX encapsulation with the protocol filled in"',
    cooked('s'),
    raw('o', ETH_P_ALL),
    ...[EXPERIMENT, 0, ETH_P_ALL, c.ETH_P_802_3, c.ETH_P_802_2].flatMap((protocol): Step[] => [
      ['sendto', 's', 'hello', 0, lo(protocol, STRANGER)],
      ...receive('o', 3),
    ]),
  ),
  two(
    'packet(7): "EMSGSIZE Packet is bigger than interface MTU"',
    cooked('d'),
    raw('r'),
    ...[1499, 1500, 1501, 1504, 1505, 70_000].map((size): Step => ['sendto', 'd', { size }, 0, eth()]),
    ...[1513, 1514, 1515, 1518, 1519, 70_000].map((size): Step => ['sendto', 'r', { size }, 0, eth()]),
  ),
  two(
    'the tag of a VLAN does not count for the MTU',
    raw('r'),
    ...[1500, 1504, 1505].map((size): Step => [
      'sendto',
      'r',
      [...frame(TWO, ONE, 0x8100), ...Array.from({ length: size }, () => 0)],
      0,
      eth(0),
    ]),
  ),
  one(
    'sendmsg(2) on a packet socket',
    cooked('s', EXPERIMENT),
    ['sendmsg', 's', { iov: ['hel', 'lo'], name: lo() }],
    ['sendmsg', 's', { iov: ['hel', 'lo'] }],
    ['recvmsg', 's', { iov: [3, 9] }],
  ),
];

const crossing: readonly Case[] = [
  two(
    'packet(7): "Packets sent through a SOCK_DGRAM packet socket get a suitable physical-layer header"',
    ['on', 'b'],
    raw('r', EXPERIMENT),
    cooked('d', EXPERIMENT),
    ['on', 'a'],
    cooked('s'),
    ...[TWO, BROADCAST].flatMap((hardware): Step[] => [
      // Of the least length, so that nobody pads it.
      ['sendto', 's', { size: 46 }, 0, eth(EXPERIMENT, hardware)],
      ...receive('r', 2),
      ...receive('d', 2),
    ]),
  ),
  two(
    'packet(7): SOCK_RAW "is then queued unmodified to the network driver of the interface"',
    ['on', 'b'],
    raw('r', ETH_P_ALL),
    ['on', 'a'],
    raw('s'),
    ['sendto', 's', [...frame(TWO, STRANGER, EXPERIMENT), ...Array.from({ length: 46 }, () => 1)], 0, eth(0, ZERO)],
    ...receive('r', 2),
  ),
  two(
    'packet(7): PACKET_MULTICAST "for a packet sent to a physical-layer multicast address"',
    ['on', 'b'],
    cooked('r', EXPERIMENT),
    add('r', mreq('eth0', c.PACKET_MR_MULTICAST, GROUP)),
    ['on', 'a'],
    cooked('s'),
    ['sendto', 's', { size: 46 }, 0, eth(EXPERIMENT, GROUP)],
    ...receive('r', 2),
  ),
  two(
    'packet(7): PACKET_OTHERHOST "for a packet to some other host that has been caught ... in promiscuous mode"',
    ['on', 'b'],
    cooked('r', EXPERIMENT),
    add('r', mreq('eth0', c.PACKET_MR_PROMISC)),
    ['on', 'a'],
    cooked('s'),
    ['sendto', 's', { size: 46 }, 0, eth(EXPERIMENT, STRANGER)],
    ...receive('r', 2),
  ),
  two(
    'a frame for another station without promiscuous mode',
    ['on', 'b'],
    cooked('r', EXPERIMENT),
    ['on', 'a'],
    cooked('s'),
    ['sendto', 's', { size: 46 }, 0, eth(EXPERIMENT, STRANGER)],
    ['recv', 'r', 1],
  ),
];

const options: readonly Case[] = [
  one(
    'packet(7): PACKET_STATISTICS, "Receiving statistics resets the internal counters"',
    cooked('s', EXPERIMENT),
    cooked('all', ETH_P_ALL),
    statistics('s'),
    ['sendto', 's', 'one', 0, lo()],
    ['sendto', 's', 'two', 0, lo()],
    ['recv', 's', 9],
    statistics('s'),
    statistics('s'),
    statistics('all'),
    ['setsockopt', 's', SOL_PACKET, c.PACKET_STATISTICS, 0, 0],
  ),
  ...[10, 100, 400, 1000].map((size) =>
    one(
      `packet(7): tp_drops, "Dropped packet count": frames of ${size} octets and the least SO_RCVBUF`,
      cooked('s', EXPERIMENT),
      ['setsockopt', 's', SOL_SOCKET, c.SO_RCVBUF, 0],
      get('s', SOL_SOCKET, c.SO_RCVBUF),
      ...Array.from({ length: 6 }, (): Step => ['sendto', 's', { size }, 0, lo()]),
      statistics('s'),
      ...Array.from({ length: 4 }, (): Step => ['recv', 's', 1]),
      ['sendto', 's', { size }, 0, lo()],
      ['recv', 's', 1],
      statistics('s'),
    ),
  ),
  one(
    'packet(7): PACKET_ADD_MEMBERSHIP and PACKET_DROP_MEMBERSHIP "both expect a packet_mreq structure"',
    raw('s'),
    ...[0, 4, 8, 15, 16, 17, 28].map((length): Step =>
      add('s', { octets: Array.from({ length }, (_, i) => Number(i === 0 || i === 4)) }),
    ),
    get('s', SOL_PACKET, c.PACKET_ADD_MEMBERSHIP),
    get('s', SOL_PACKET, c.PACKET_DROP_MEMBERSHIP),
  ),
  one(
    'packet(7): "mr_type field specifies which action to perform"; others do nothing',
    raw('s'),
    ...[0, 1, 2, 3, 4, 9, 0xffff].flatMap((type): Step[] => [add('s', mreq('lo', type)), drop('s', mreq('lo', type))]),
    ...[0, 3].flatMap((type): Step[] => [add('s', mreq('lo', type, GROUP)), drop('s', mreq('lo', type, GROUP))]),
  ),
  one(
    'packet(7): "mr_ifindex contains the interface index for the interface whose status should be changed"',
    raw('s'),
    ...[0, 2, 99, -1].flatMap((index): Step[] => [add('s', mreq(index, 1)), drop('s', mreq(index, 1))]),
  ),
  one(
    'packet(7): mr_alen is the length of the address that the interface has',
    raw('s'),
    ...[0, 1, 5, 6, 7, 8, 9].map((length): Step =>
      add('s', { octets: [1, 0, 0, 0, 0, 0, length, 0, 1, 0, 94, 0, 0, 1, 0, 0] }),
    ),
    ...[0, 6, 9].map((length): Step => drop('s', { octets: [1, 0, 0, 0, 0, 0, length, 0, 1, 0, 94, 0, 0, 1, 0, 0] })),
    ...[0, 6, 7, 9].map((length): Step => add('s', { octets: [1, 0, 0, 0, 1, 0, length, 0, 1, 0, 94, 0, 0, 1, 0, 0] })),
  ),
  one(
    'PACKET_DROP_MEMBERSHIP of what was never added is no failure',
    raw('s'),
    drop('s', mreq('lo', c.PACKET_MR_PROMISC)),
    add('s', mreq('lo', c.PACKET_MR_PROMISC)),
    add('s', mreq('lo', c.PACKET_MR_PROMISC)),
    ...Array.from({ length: 3 }, () => drop('s', mreq('lo', c.PACKET_MR_PROMISC))),
  ),
  one(
    'getsockopt(2) and setsockopt(2) of other levels on a packet socket: ENOPROTOOPT',
    raw('s'),
    ...[c.IPPROTO_IP, c.IPPROTO_TCP, c.IPPROTO_UDP, c.SOL_RAW, 99].flatMap((level): Step[] => [
      get('s', level, 1),
      ['setsockopt', 's', level, 1, 1],
    ]),
    get('s', SOL_PACKET, 99),
    ['setsockopt', 's', SOL_PACKET, 99, 1],
  ),
  one(
    'SOL_PACKET on a socket of another family: it is not known',
    ['socket', 'u', c.AF_INET, SOCK_DGRAM, 0],
    get('u', SOL_PACKET, c.PACKET_STATISTICS, 'statistics'),
    add('u', mreq('lo', c.PACKET_MR_PROMISC)),
  ),
  one(
    'socket(7): SO_RCVBUF and SO_SNDBUF of a packet socket',
    raw('s'),
    get('s', SOL_SOCKET, c.SO_RCVBUF),
    get('s', SOL_SOCKET, c.SO_SNDBUF),
    ['setsockopt', 's', SOL_SOCKET, c.SO_SNDBUF, 10_000],
    get('s', SOL_SOCKET, c.SO_SNDBUF),
  ),
];

export const CASES: readonly Case[] = [
  ...creation,
  ...calls,
  ...binding,
  ...receiving,
  ...sending,
  ...crossing,
  ...options,
];
