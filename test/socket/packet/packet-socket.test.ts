/** Packet sockets of one host whose other end is the test: errnos, binding, the queue, names and options. */
import { expect } from 'chai';
import { Errno, errnoName } from '../../../src/core/errno.ts';
import { SeededRandom } from '../../../src/core/random.ts';
import { micros } from '../../../src/core/time.ts';
import { parseMac } from '../../../src/ethernet/address.ts';
import { parsePrefix } from '../../../src/ip/address.ts';
import type { NameOut } from '../../../src/socket/address.ts';
import * as c from '../../../src/socket/constants.ts';
import { Stack } from '../../../src/stack/stack.ts';
import { Readiness } from '../../../src/tcp/service.ts';
import { FakeLink } from '../../support/fake-link.ts';
import { EXPERIMENT, OTHER_EXPERIMENT, drain, frameOf, hex, openPacket, summaries } from './frames.ts';

const T0 = micros(1_000_000);
const OURS = '02:00:00:00:00:01';
const PEER = '02:00:00:00:00:02';
const OTHER = '02:00:00:00:00:03';
const GROUP = '01:00:5e:01:02:03';
const BROADCAST = 'ff:ff:ff:ff:ff:ff';
/** The index of the only link. */
const LINK = 2;
/** What poll(2) says of a packet socket with room to send. */
const WRITABLE = Readiness.Writable | c.POLLWRBAND;
const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const name = (result: number): string | number => (result < 0 ? errnoName(result) : result);
const to = (interfaceIndex: number, protocol = EXPERIMENT, hardwareAddress = PEER) =>
  ({ family: c.AF_PACKET, protocol, interfaceIndex, hardwareAddress }) as const;

function makeStation(config = {}) {
  const stack = new Stack({ random: new SeededRandom(1), config });
  const link = new FakeLink();
  const port = stack.addLink(link, parseMac(OURS));
  const { network } = stack.ports[port]!;
  stack.ip.addAddress(network, parsePrefix('10.0.0.1/24')!, {}, T0);
  stack.poll(T0);
  link.take();
  const { calls } = stack;
  const open = (type: number, protocol: number): number => openPacket(calls, type, protocol);
  /** A frame comes in. */
  const arrive = (frame: Uint8Array): void => {
    stack.receive(port, stack.context.frames.from(frame), T0);
    stack.poll(T0);
  };
  return { stack, link, network, calls, open, arrive };
}

describe('socket/packet: receiving', () => {
  it('packet(7): "SOCK_RAW for raw packets including the link-level header", SOCK_DGRAM "removed"', () => {
    const { calls, open, arrive } = makeStation();
    const raw = open(c.SOCK_RAW, c.ETH_P_ALL);
    const cooked = open(c.SOCK_DGRAM, c.ETH_P_ALL);
    const frame = frameOf(OURS, PEER, EXPERIMENT, text('hello'));
    arrive(frame);
    const [whole] = drain(calls, raw);
    const [payload] = drain(calls, cooked);
    expect(hex(whole!.octets)).to.equal(hex(frame));
    expect(hex(payload!.octets)).to.equal(hex(text('hello')));
    const from = {
      family: c.AF_PACKET,
      protocol: EXPERIMENT,
      interfaceIndex: LINK,
      hardwareType: c.ARPHRD_ETHER,
      packetType: c.PACKET_HOST,
      hardwareAddress: PEER,
    };
    expect(whole!.from).to.deep.equal(from);
    expect(payload!.from).to.deep.equal(from);
  });

  it('packet(7): "If protocol is set to zero, no packets are received"; bind starts it', () => {
    const { calls, open, arrive } = makeStation();
    const fd = open(c.SOCK_DGRAM, 0);
    const frame = frameOf(OURS, PEER, EXPERIMENT, text('x'));
    arrive(frame);
    expect(drain(calls, fd)).to.deep.equal([]);
    expect(calls.bind(fd, { family: c.AF_PACKET, protocol: EXPERIMENT, interfaceIndex: 0 })).to.equal(0);
    arrive(frame);
    arrive(frameOf(OURS, PEER, OTHER_EXPERIMENT, text('y')));
    expect(summaries(drain(calls, fd))).to.deep.equal(['88b5 host']);
  });

  it('packet(7): "To get packets only from a specific interface use bind(2)"', () => {
    const { calls, open, arrive } = makeStation();
    const onLoopback = open(c.SOCK_DGRAM, c.ETH_P_ALL);
    const onLink = open(c.SOCK_DGRAM, c.ETH_P_ALL);
    calls.bind(onLoopback, { family: c.AF_PACKET, protocol: 0, interfaceIndex: 1 });
    calls.bind(onLink, { family: c.AF_PACKET, protocol: 0, interfaceIndex: LINK });
    arrive(frameOf(OURS, PEER, EXPERIMENT, text('x')));
    expect(summaries(drain(calls, onLoopback))).to.deep.equal([]);
    expect(summaries(drain(calls, onLink))).to.deep.equal(['88b5 host']);
  });

  it("packet(7): sll_pkttype tells broadcasts, multicasts and the host's own apart", () => {
    const { calls, open, arrive } = makeStation();
    const fd = open(c.SOCK_DGRAM, EXPERIMENT);
    calls.setsockopt(fd, c.SOL_PACKET, c.PACKET_ADD_MEMBERSHIP, {
      ifindex: LINK,
      type: c.PACKET_MR_MULTICAST,
      address: GROUP,
    });
    for (const destination of [OURS, BROADCAST, GROUP, OTHER, '01:00:5e:01:02:04']) {
      arrive(frameOf(destination, PEER, EXPERIMENT, text('x')));
    }
    expect(summaries(drain(calls, fd))).to.deep.equal(['88b5 host', '88b5 broadcast', '88b5 multicast']);
  });

  it('what the stack refuses is seen all the same', () => {
    const { stack, calls, open, arrive } = makeStation();
    const fd = open(c.SOCK_RAW, c.ETH_P_ALL);
    arrive(frameOf(OURS, GROUP, c.ETH_P_IP, text('from a group')));
    arrive(frameOf(OURS, PEER, 5, text('802.2')));
    arrive(frameOf(OURS, PEER, 7, Uint8Array.of(0xff, 0xff, 1, 2, 3, 4, 5)));
    arrive(frameOf(OURS, PEER, 0x8100, Uint8Array.of(0, 7, 0x88, 0xb5, 1)));
    expect(summaries(drain(calls, fd))).to.deep.equal(['0800 host', '0004 host', '0001 host', '8100 host']);
    expect(stack.context.drops.count('ether-bad-source')).to.equal(1);
    expect(stack.context.drops.count('ether-vlan')).to.equal(1);
  });

  it("a frame shorter than its header is nobody's", () => {
    const { calls, open, arrive } = makeStation();
    const fd = open(c.SOCK_RAW, c.ETH_P_ALL);
    arrive(new Uint8Array(13));
    expect(drain(calls, fd)).to.deep.equal([]);
  });

  it('packet(7): "the real length of the packet on the wire is always returned" with MSG_TRUNC', () => {
    const { calls, open, arrive } = makeStation();
    const fd = open(c.SOCK_DGRAM, EXPERIMENT);
    arrive(frameOf(OURS, PEER, EXPERIMENT, text('0123456789')));
    const into = new Uint8Array(4);
    expect(calls.ioctl(fd, c.FIONREAD)).to.equal(10);
    expect(calls.recv(fd, into, c.MSG_PEEK)).to.equal(4);
    expect(calls.recv(fd, into, c.MSG_PEEK | c.MSG_TRUNC)).to.equal(10);
    const message = { iov: [into] };
    expect(calls.recvmsg(fd, message)).to.equal(4);
    expect(message).to.have.property('flags', c.MSG_TRUNC);
    expect(name(calls.recv(fd, into))).to.equal('EAGAIN');
  });

  it('is woken when a frame comes', () => {
    const { calls, open, arrive } = makeStation();
    const fd = open(c.SOCK_DGRAM, EXPERIMENT);
    let bits = 0;
    calls.wait(fd, Readiness.Readable, (ready) => (bits = ready));
    expect(calls.readiness(fd)).to.equal(WRITABLE);
    arrive(frameOf(OURS, PEER, EXPERIMENT, text('x')));
    calls.deliver();
    expect(bits & Readiness.Readable).to.equal(Readiness.Readable);
  });

  it('SO_TIMESTAMP comes as ancillary data', () => {
    const { calls, open, arrive } = makeStation();
    const fd = open(c.SOCK_DGRAM, EXPERIMENT);
    calls.setsockopt(fd, c.SOL_SOCKET, c.SO_TIMESTAMP, 1);
    arrive(frameOf(OURS, PEER, EXPERIMENT, text('x')));
    const message = { iov: [new Uint8Array(4)], control: [] };
    calls.recvmsg(fd, message);
    expect(message.control).to.deep.equal([{ level: c.SOL_SOCKET, type: c.SO_TIMESTAMP, data: T0 }]);
  });
});

describe('socket/packet: bounds and counts', () => {
  it('packet(7): PACKET_STATISTICS, "Receiving statistics resets the internal counters"; what is dropped counts too', () => {
    const { calls, open, arrive } = makeStation();
    const fd = open(c.SOCK_DGRAM, EXPERIMENT);
    calls.setsockopt(fd, c.SOL_SOCKET, c.SO_RCVBUF, 0);
    for (let i = 0; i < 10; i++) arrive(frameOf(OURS, PEER, EXPERIMENT, new Uint8Array(40)));
    expect(calls.getsockopt(fd, c.SOL_PACKET, c.PACKET_STATISTICS)).to.deep.equal({ packets: 10, drops: 7 });
    expect(calls.getsockopt(fd, c.SOL_PACKET, c.PACKET_STATISTICS)).to.deep.equal({ packets: 0, drops: 0 });
    expect(drain(calls, fd)).to.have.length(3);
    arrive(frameOf(OURS, PEER, EXPERIMENT, new Uint8Array(40)));
    expect(drain(calls, fd), 'there is room again').to.have.length(1);
  });

  it('frees what it holds when it is closed, and shows nothing any more', () => {
    const { stack, network, calls, open, arrive } = makeStation();
    const fds = [open(c.SOCK_RAW, c.ETH_P_ALL), open(c.SOCK_DGRAM, 0)];
    calls.setsockopt(fds[1]!, c.SOL_PACKET, c.PACKET_ADD_MEMBERSHIP, { ifindex: LINK, type: c.PACKET_MR_PROMISC });
    expect(network.link.device!.tap).to.not.equal(undefined);
    calls.close(fds[0]!);
    expect(network.link.device!.tap, 'one is left').to.not.equal(undefined);
    calls.close(fds[1]!);
    expect(network.link.device!.tap).to.equal(undefined);
    arrive(frameOf(OURS, PEER, EXPERIMENT, text('x')));
    const again = open(c.SOCK_RAW, c.ETH_P_ALL);
    arrive(frameOf(OTHER, PEER, EXPERIMENT, text('x')));
    expect(drain(calls, again), 'promiscuous mode went with its socket').to.deep.equal([]);
    expect(stack.context.frames.inUse).to.equal(0);
  });

  it('an interface that is added later is seen too', () => {
    const { stack, calls, open } = makeStation();
    const fd = open(c.SOCK_RAW, c.ETH_P_ALL);
    const port = stack.addLink(new FakeLink(), parseMac(OTHER));
    stack.receive(port, stack.context.frames.from(frameOf(OTHER, PEER, EXPERIMENT, text('x'))), T0);
    expect(drain(calls, fd).map(({ from }) => from.interfaceIndex)).to.deep.equal([3]);
  });
});

describe('socket/packet: sending', () => {
  it('packet(7): SOCK_RAW "is then queued unmodified to the network driver", SOCK_DGRAM gets "a suitable physical-layer header"', () => {
    const { stack, link, calls, open } = makeStation();
    const payload = new Uint8Array(60).fill(7);
    const frame = frameOf(PEER, OTHER, EXPERIMENT, payload);
    expect(calls.sendto(open(c.SOCK_RAW, 0), frame, 0, to(LINK, 0))).to.equal(74);
    expect(calls.sendto(open(c.SOCK_DGRAM, 0), payload, 0, to(LINK))).to.equal(60);
    expect(link.take(), 'nothing is sent inside a call').to.deep.equal([]);
    stack.poll(T0);
    expect(link.take().map(({ bytes }) => hex(bytes))).to.deep.equal([
      hex(frame),
      hex(frameOf(PEER, OURS, EXPERIMENT, payload)),
    ]);
    expect(stack.context.frames.inUse).to.equal(0);
  });

  it('894-a: a short frame is padded on the wire, but shown as it is', () => {
    const { stack, link, calls, open } = makeStation();
    const all = open(c.SOCK_RAW, c.ETH_P_ALL);
    calls.sendto(open(c.SOCK_DGRAM, 0), text('short'), 0, to(LINK));
    stack.poll(T0);
    expect(link.take()[0]!.bytes.length).to.equal(60);
    const [shown] = drain(calls, all);
    expect(shown!.octets.length).to.equal(19);
    expect(shown!.from).to.include({ packetType: c.PACKET_OUTGOING, hardwareAddress: OURS, protocol: EXPERIMENT });
  });

  it('packet(7): PACKET_OUTGOING is for who wants every protocol, and not for the sender itself', () => {
    const { stack, calls, open } = makeStation();
    const sender = open(c.SOCK_DGRAM, c.ETH_P_ALL);
    const all = open(c.SOCK_DGRAM, c.ETH_P_ALL);
    const one = open(c.SOCK_DGRAM, EXPERIMENT);
    calls.sendto(sender, text('x'), 0, to(LINK));
    stack.poll(T0);
    expect(summaries(drain(calls, sender))).to.deep.equal([]);
    expect(summaries(drain(calls, all))).to.deep.equal(['88b5 outgoing']);
    expect(summaries(drain(calls, one))).to.deep.equal([]);
  });

  it('packet(7): with ETH_P_802_3 "the kernel creates the 802.3 frame and fills out the length field"', () => {
    const { stack, link, calls, open } = makeStation();
    calls.sendto(open(c.SOCK_DGRAM, 0), new Uint8Array(50), 0, to(LINK, c.ETH_P_802_3));
    stack.poll(T0);
    expect(hex(link.take()[0]!.bytes.subarray(12, 14))).to.equal('0032');
  });

  it('SO_SNDBUF bounds what waits: EAGAIN, and room once it is sent', () => {
    const { stack, link, calls, open } = makeStation();
    const fd = open(c.SOCK_DGRAM, 0);
    calls.setsockopt(fd, c.SOL_SOCKET, c.SO_SNDBUF, 0);
    const results: (string | number)[] = [];
    for (let i = 0; i < 6; i++) results.push(name(calls.sendto(fd, new Uint8Array(1000), 0, to(LINK))));
    expect(results).to.deep.equal([1000, 1000, 1000, 1000, 1000, 'EAGAIN']);
    expect(calls.ioctl(fd, c.SIOCOUTQ)).to.equal(5000);
    expect(calls.readiness(fd)).to.equal(0);
    stack.poll(T0);
    expect(link.take()).to.have.length(5);
    expect(calls.readiness(fd)).to.equal(WRITABLE);
  });

  it('a socket that is closed has sent what it had', () => {
    const { stack, link, calls, open } = makeStation();
    const fd = open(c.SOCK_DGRAM, 0);
    calls.sendto(fd, text('last words'), 0, to(LINK));
    calls.close(fd);
    stack.poll(T0);
    expect(link.take()).to.have.length(1);
  });

  const FAILURES: readonly (readonly [string, number, Uint8Array, object | undefined, string])[] = [
    [
      'packet(7): "ENXIO Interface address contained an invalid interface index"',
      c.SOCK_DGRAM,
      text('x'),
      to(9),
      'ENXIO',
    ],
    ['no address and none bound', c.SOCK_RAW, new Uint8Array(20), undefined, 'ENXIO'],
    [
      'packet(7): "EMSGSIZE Packet is bigger than interface MTU"',
      c.SOCK_DGRAM,
      new Uint8Array(1501),
      to(LINK),
      'EMSGSIZE',
    ],
    ['the same, with the header', c.SOCK_RAW, new Uint8Array(1515), to(LINK), 'EMSGSIZE'],
    ['no whole header', c.SOCK_RAW, new Uint8Array(13), to(LINK), 'EINVAL'],
    ['an address that is none', c.SOCK_DGRAM, text('x'), to(LINK, EXPERIMENT, '02:00'), 'EINVAL'],
    ['an address of another family', c.SOCK_DGRAM, text('x'), { address: '10.0.0.2', port: 1 }, 'EINVAL'],
    ['a struct that is too short', c.SOCK_DGRAM, text('x'), new Uint8Array(19), 'EINVAL'],
  ];
  for (const [title, type, octets, address, expected] of FAILURES) {
    it(`${expected}: ${title}`, () => {
      const { stack, calls, open } = makeStation();
      const fd = open(type, 0);
      const result =
        address === undefined ? calls.send(fd, octets) : calls.sendto(fd, octets, 0, address as Uint8Array);
      expect(name(result)).to.equal(expected);
      expect(stack.context.frames.inUse).to.equal(0);
    });
  }

  it('a tag of a VLAN does not count for the MTU', () => {
    const { calls, open } = makeStation();
    const fd = open(c.SOCK_RAW, 0);
    const tagged = frameOf(PEER, OURS, 0x8100, new Uint8Array(1504));
    expect(calls.sendto(fd, tagged, 0, to(LINK))).to.equal(1518);
    expect(name(calls.sendto(fd, frameOf(PEER, OURS, 0x8100, new Uint8Array(1505)), 0, to(LINK)))).to.equal('EMSGSIZE');
  });

  it('without an address to the interface that is bound; SOCK_DGRAM has no destination then', () => {
    const { stack, link, calls, open } = makeStation();
    const raw = open(c.SOCK_RAW, 0);
    const cooked = open(c.SOCK_DGRAM, 0);
    for (const fd of [raw, cooked]) calls.bind(fd, to(LINK));
    const frame = frameOf(PEER, OURS, EXPERIMENT, new Uint8Array(50));
    expect(calls.send(raw, frame)).to.equal(64);
    expect(name(calls.send(cooked, text('x')))).to.equal('EINVAL');
    stack.poll(T0);
    expect(link.take().map(({ bytes }) => hex(bytes))).to.deep.equal([hex(frame)]);
  });
});

describe('socket/packet: an interface that is down', () => {
  it('packet(7): "ENETDOWN Interface is not up" for who sends, and once for who is bound to it', () => {
    const { stack, network, calls, open, arrive } = makeStation();
    const bound = open(c.SOCK_DGRAM, 0);
    const any = open(c.SOCK_DGRAM, EXPERIMENT);
    calls.bind(bound, to(LINK));
    stack.ip.setUp(network, false);
    expect(calls.readiness(bound)).to.equal(Readiness.Error | WRITABLE);
    expect(calls.readiness(any)).to.equal(WRITABLE);
    expect(name(calls.recv(bound, new Uint8Array(9)))).to.equal('ENETDOWN');
    expect(name(calls.recv(bound, new Uint8Array(9)))).to.equal('EAGAIN');
    expect(name(calls.sendto(any, text('x'), 0, to(LINK)))).to.equal('ENETDOWN');
    const later = open(c.SOCK_DGRAM, 0);
    expect(calls.bind(later, to(LINK))).to.equal(0);
    expect(calls.getsockopt(later, c.SOL_SOCKET, c.SO_ERROR)).to.equal(Errno.ENETDOWN);
    arrive(frameOf(OURS, PEER, EXPERIMENT, text('x')));
    expect(drain(calls, any)).to.deep.equal([]);
    stack.ip.setUp(network, true);
    arrive(frameOf(OURS, PEER, EXPERIMENT, text('x')));
    expect(drain(calls, bound)).to.have.length(1);
  });

  it('what waited when it went down is a counted drop', () => {
    const { stack, link, network, calls, open } = makeStation();
    calls.sendto(open(c.SOCK_DGRAM, 0), text('x'), 0, to(LINK));
    stack.ip.setUp(network, false);
    stack.poll(T0);
    expect(link.take()).to.deep.equal([]);
    expect(stack.context.drops.count('link-down')).to.equal(1);
    expect(stack.context.frames.inUse).to.equal(0);
  });
});

describe('socket/packet: names and other calls', () => {
  const shown = (calls: ReturnType<typeof makeStation>['calls'], fd: number): NameOut => {
    const into: NameOut = {};
    expect(calls.getsockname(fd, into)).to.equal(0);
    return into;
  };

  it('getsockname tells protocol, interface and its address', () => {
    const { calls, open } = makeStation();
    const fd = open(c.SOCK_RAW, EXPERIMENT);
    const blank = { family: c.AF_PACKET, packetType: 0, hardwareType: 0, hardwareAddress: '' };
    expect(shown(calls, fd)).to.deep.equal({ ...blank, protocol: EXPERIMENT, interfaceIndex: 0 });
    calls.bind(fd, { family: c.AF_PACKET, protocol: 0, interfaceIndex: LINK });
    const onLink = { hardwareType: c.ARPHRD_ETHER, hardwareAddress: OURS };
    expect(shown(calls, fd)).to.deep.equal({ ...blank, ...onLink, protocol: EXPERIMENT, interfaceIndex: LINK });
    calls.bind(fd, { family: c.AF_PACKET, protocol: c.ETH_P_ALL, interfaceIndex: 1 });
    const onLoopback = { hardwareType: c.ARPHRD_LOOPBACK, hardwareAddress: '00:00:00:00:00:00' };
    expect(shown(calls, fd)).to.deep.equal({ ...blank, ...onLoopback, protocol: c.ETH_P_ALL, interfaceIndex: 1 });
  });

  it('bind: octets of struct sockaddr_ll as C has them', () => {
    const { calls, open } = makeStation();
    const fd = open(c.SOCK_RAW, 0);
    const octets = Uint8Array.of(17, 0, 0x88, 0xb5, LINK, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    expect(calls.bind(fd, octets)).to.equal(0);
    expect(shown(calls, fd)).to.include({ protocol: EXPERIMENT, interfaceIndex: LINK });
    expect(name(calls.bind(fd, octets.subarray(0, 19)))).to.equal('EINVAL');
  });

  it('bind: ENODEV, EINVAL, EFAULT leave it as it is', () => {
    const { calls, open } = makeStation();
    const fd = open(c.SOCK_RAW, EXPERIMENT);
    const before = shown(calls, fd);
    expect(name(calls.bind(fd, to(9)))).to.equal('ENODEV');
    expect(name(calls.bind(fd, to(-1)))).to.equal('ENODEV');
    expect(name(calls.bind(fd, { address: '10.0.0.1', port: 1 }))).to.equal('EINVAL');
    expect(name(calls.bind(fd, { ...to(LINK), family: 2 } as never))).to.equal('EINVAL');
    expect(name(calls.bind(fd, null))).to.equal('EFAULT');
    expect(shown(calls, fd)).to.deep.equal(before);
  });

  it('packet(7): "The connect(2) operation is not supported on packet sockets", nor are those of streams', () => {
    const { calls, open } = makeStation();
    const fd = open(c.SOCK_RAW, 0);
    const results = [
      calls.connect(fd, to(LINK)),
      calls.listen(fd, 1),
      calls.accept(fd),
      calls.shutdown(fd, c.SHUT_RDWR),
      calls.getpeername(fd, {}),
      calls.socketpair(c.AF_PACKET, c.SOCK_RAW, 0, []),
    ];
    expect(results.map(name)).to.deep.equal(Array.from(results, () => 'EOPNOTSUPP'));
    expect(name(calls.sockatmark(fd))).to.equal('ENOTTY');
  });

  it('socket(2): EPERM without the right, ESOCKTNOSUPPORT for other types', () => {
    const { calls } = makeStation();
    expect(name(calls.socket(c.AF_PACKET, c.SOCK_STREAM, 0))).to.equal('ESOCKTNOSUPPORT');
    const poor = makeStation({ socket: { mayUseRaw: false } }).calls;
    expect(name(poor.socket(c.AF_PACKET, c.SOCK_RAW, 0))).to.equal('EPERM');
    expect(name(poor.socket(c.AF_PACKET, c.SOCK_STREAM, 0))).to.equal('EPERM');
    const full = makeStation({ socket: { maxDescriptors: 0 } }).calls;
    expect(name(full.socket(c.AF_PACKET, c.SOCK_RAW, 0))).to.equal('EMFILE');
  });
});
