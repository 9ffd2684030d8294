import { expect } from 'chai';
import { Errno, errnoName } from '../../src/core/errno.ts';
import { micros } from '../../src/core/time.ts';
import { parseAddress } from '../../src/ip/address.ts';
import type { IpErrorReport, IpPacket } from '../../src/ip/service.ts';
import * as c from '../../src/socket/constants.ts';
import type { SocketCalls } from '../../src/socket/calls.ts';
import { Readiness } from '../../src/tcp/service.ts';
import { fakeHost } from '../support/fake-services.ts';

const PEER = { address: '10.0.0.9', port: 80 };
const peerAddress = parseAddress(PEER.address)!;
const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const name = (result: number): string | number => (result < 0 ? errnoName(result) : result);

/** What a report quotes of a datagram's data. */
const NOTHING = new Uint8Array(0);

const stream = (calls: SocketCalls): number => calls.socket(c.AF_INET, c.SOCK_STREAM, 0);
const datagram = (calls: SocketCalls): number => calls.socket(c.AF_INET, c.SOCK_DGRAM, 0);

const packet = (source = peerAddress): IpPacket => ({
  source,
  destination: parseAddress('10.0.0.1')!,
  protocol: 1,
  ttl: 64,
  tos: 0,
  interfaceId: 1,
  broadcast: false,
});

const report = (changes: Partial<IpErrorReport>): IpErrorReport => ({
  from: peerAddress,
  source: parseAddress('10.0.0.1')!,
  destination: peerAddress,
  protocol: 17,
  type: 3,
  code: 3,
  errno: Errno.ECONNREFUSED,
  hard: true,
  mtu: 0,
  ...changes,
});

describe('socket calls', () => {
  it('are bounded: EMFILE, ENFILE, also in accept', () => {
    const { calls, tcp } = fakeHost({ socket: { maxDescriptors: 2 } });
    const fd = stream(calls);
    calls.listen(fd, 5);
    const other = stream(calls);
    expect(name(stream(calls))).to.equal('EMFILE');
    expect(name(calls.accept(fd))).to.equal('EMFILE');
    tcp.listening[0]!.arrive(1000);
    expect(name(calls.accept(fd))).to.equal('EMFILE');
    calls.close(other);
    expect(calls.accept(fd)).to.equal(other);
    expect(name(stream(fakeHost({ socket: { maxSockets: 0 } }).calls))).to.equal('ENFILE');
  });

  it('give a name as octets, all that the array has room for unless told; EFAULT where there is less than said', () => {
    const { calls } = fakeHost();
    const fd = datagram(calls);
    calls.bind(fd, { address: '0.0.0.0', port: 0x1234 });
    const into = { octets: new Uint8Array(4) };
    expect(calls.getsockname(fd, into)).to.equal(0);
    expect(into).to.deep.equal({ octets: Uint8Array.of(c.AF_INET, 0, 0x12, 0x34), length: 16 });
    // The length is now that of the name.
    expect(name(calls.getsockname(fd, into))).to.equal('EFAULT');
    expect(name(calls.getsockname(fd, { length: 1 }))).to.equal('EFAULT');
  });

  it('tell wrong combinations before a full table', () => {
    const { calls } = fakeHost({ socket: { maxDescriptors: 0 } });
    expect(name(calls.socket(c.AF_INET, c.SOCK_STREAM, c.IPPROTO_UDP))).to.equal('EPROTONOSUPPORT');
    expect(name(calls.socket(c.AF_INET, c.SOCK_STREAM, 0))).to.equal('EMFILE');
  });

  const addresses: readonly (readonly [unknown, unknown])[] = [
    ['', 80],
    ['localhost', 80],
    ['10.0.0.256', 80],
    ['010.0.0.1', 80],
    ['10.0.1', 80],
    ['::1', 80],
    ['10.0.0.9', -1],
    ['10.0.0.9', 65536],
    ['10.0.0.9', 1.5],
    ['10.0.0.9', NaN],
    ['10.0.0.9', '80'],
  ];
  for (const [address, port] of addresses) {
    it(`EINVAL for the address ${JSON.stringify(address)} with port ${String(port)}`, () => {
      const { calls } = fakeHost();
      const fd = datagram(calls);
      const bad = { address, port } as { address: string; port: number };
      expect(name(calls.bind(fd, bad))).to.equal('EINVAL');
      expect(name(calls.connect(fd, bad))).to.equal('EINVAL');
      expect(name(calls.sendto(fd, text('x'), 0, bad))).to.equal('EINVAL');
    });
  }

  it('accept4 takes two flags and no others', () => {
    const { calls, tcp } = fakeHost();
    const fd = stream(calls);
    calls.listen(fd, 5);
    tcp.listening[0]!.arrive(1000);
    expect(name(calls.accept(fd, undefined, 1))).to.equal('EINVAL');
    const peer = { address: '', port: 0 };
    const child = calls.accept(fd, peer, c.SOCK_NONBLOCK | c.SOCK_CLOEXEC);
    expect(calls.isNonBlocking(child)).to.equal(true);
    expect(peer).to.deep.equal({ address: '10.0.0.9', port: 1000 });
  });

  it('listen bounds the backlog by the configuration; a negative one is the largest', () => {
    const { calls, tcp } = fakeHost({ socket: { maxBacklog: 10 } });
    const fd = stream(calls);
    calls.listen(fd, 3);
    const listener = tcp.listening[0]!;
    expect(listener.backlog).to.equal(3);
    calls.listen(fd, 100);
    expect(listener.backlog).to.equal(10);
    calls.listen(fd, -1);
    expect(listener.backlog).to.equal(10);
  });

  it('connect: EALREADY while it runs; recv and send EAGAIN', () => {
    const { calls, tcp } = fakeHost();
    const fd = stream(calls);
    expect(name(calls.connect(fd, PEER))).to.equal('EINPROGRESS');
    expect(name(calls.connect(fd, PEER))).to.equal('EALREADY');
    expect(name(calls.recv(fd, new Uint8Array(1)))).to.equal('EAGAIN');
    expect(name(calls.getpeername(fd, { ...PEER }))).to.equal('ENOTCONN');
    tcp.opened[0]!.establish();
    expect(name(calls.connect(fd, PEER))).to.equal(0);
    expect(name(calls.connect(fd, PEER))).to.equal('EISCONN');
  });

  it('connect: what routing or TCP refuses leaves the socket as it was', () => {
    const { calls, tcp } = fakeHost();
    const fd = stream(calls);
    expect(name(calls.connect(fd, { address: '192.0.2.1', port: 1 }))).to.equal('ENETUNREACH');
    tcp.refuse = -Errno.ENOBUFS;
    expect(name(calls.connect(fd, PEER))).to.equal('ENOBUFS');
    tcp.refuse = 0;
    expect(name(calls.connect(fd, PEER))).to.equal('EINPROGRESS');
  });

  it('connect: EADDRNOTAVAIL when every ephemeral port is taken for the peer', () => {
    const { calls, tcp } = fakeHost({ socket: { ephemeralLow: 40000, ephemeralHigh: 40001 } });
    const connect = (port: number): string | number => name(calls.connect(stream(calls), { ...PEER, port }));
    expect([connect(80), connect(80)]).to.deep.equal(['EINPROGRESS', 'EINPROGRESS']);
    expect(connect(80)).to.equal('EADDRNOTAVAIL');
    expect(connect(81)).to.equal('EINPROGRESS');
    tcp.opened[0]!.fail(Errno.ETIMEDOUT);
    expect(connect(80)).to.equal('EINPROGRESS');
  });

  it('bind to port 0: EADDRINUSE when every ephemeral port is taken; UDP’s implicit bind EAGAIN', () => {
    const { calls } = fakeHost({ socket: { ephemeralLow: 40000, ephemeralHigh: 40000 } });
    const any = { address: '0.0.0.0', port: 0 };
    expect(calls.bind(stream(calls), any)).to.equal(0);
    expect(name(calls.bind(stream(calls), any))).to.equal('EADDRINUSE');
    expect(name(calls.listen(stream(calls), 1))).to.equal('EADDRINUSE');
    expect(calls.bind(datagram(calls), any)).to.equal(0);
    const fd = datagram(calls);
    expect(name(calls.sendto(fd, text('x'), 0, PEER))).to.equal('EAGAIN');
    expect(name(calls.connect(fd, PEER))).to.equal('EAGAIN');
  });

  it('a connection holds its port until it is gone, not only until close', () => {
    const { calls, tcp } = fakeHost();
    const own = { address: '10.0.0.1', port: 7000 };
    const fd = stream(calls);
    calls.bind(fd, own);
    calls.connect(fd, PEER);
    const connection = tcp.opened[0]!;
    connection.establish();
    calls.close(fd);
    expect(connection.closes).to.equal(1);
    expect(connection.owner).to.equal(undefined);
    expect(name(calls.bind(stream(calls), own))).to.equal('EADDRINUSE');
    connection.portHolder!.onGone();
    expect(name(calls.bind(stream(calls), own))).to.equal(0);
  });

  it('an open socket keeps the port that it bound when its connection goes', () => {
    const { calls, tcp } = fakeHost();
    const own = { address: '10.0.0.1', port: 7000 };
    const fd = stream(calls);
    calls.bind(fd, own);
    calls.connect(fd, PEER);
    tcp.opened[0]!.fail(Errno.ECONNREFUSED);
    expect(name(calls.bind(stream(calls), own))).to.equal('EADDRINUSE');
    expect(name(calls.connect(fd, PEER))).to.equal('ECONNREFUSED');
    expect(name(calls.connect(fd, PEER))).to.equal('EINPROGRESS');
    expect(tcp.opened[1]!.localPort).to.equal(7000);
    tcp.opened[1]!.fail(Errno.ECONNREFUSED);
    calls.close(fd);
    expect(name(calls.bind(stream(calls), own))).to.equal(0);
  });

  it('a datagram socket is bounded: what exceeds SO_RCVBUF is refused', () => {
    const { calls, udp } = fakeHost();
    const fd = datagram(calls);
    calls.bind(fd, { address: '0.0.0.0', port: 53 });
    calls.setsockopt(fd, c.SOL_SOCKET, c.SO_RCVBUF, 5000);
    const { owner } = udp.opened[0]!;
    let taken = 0;
    while (owner.onDatagram(text('x'.repeat(744)), peerAddress, 1, packet(), micros(0))) taken++;
    expect(taken).to.equal(10);
    const from = { address: '', port: 0 };
    expect(calls.recvfrom(fd, new Uint8Array(9), 0, from)).to.equal(9);
    expect(from).to.deep.equal({ address: '10.0.0.9', port: 1 });
    expect(owner.onDatagram(text(''), peerAddress, 1, packet(), micros(0))).to.equal(true);
  });

  it('1122-4.1.3.3: only a connected datagram socket hears of a hard ICMP error, from its peer', () => {
    const { calls, udp } = fakeHost();
    const fd = datagram(calls);
    calls.bind(fd, { address: '0.0.0.0', port: 53 });
    const { owner } = udp.opened[0]!;
    const pending = (): number => calls.getsockopt(fd, c.SOL_SOCKET, c.SO_ERROR) as number;
    owner.onError(report({}), 80, NOTHING);
    expect(pending()).to.equal(0);
    calls.connect(fd, PEER);
    owner.onError(report({}), 81, NOTHING);
    owner.onError(report({ destination: parseAddress('10.0.0.8')! }), 80, NOTHING);
    owner.onError(report({ hard: false, errno: Errno.EHOSTUNREACH }), 80, NOTHING);
    expect(pending()).to.equal(0);
    owner.onError(report({}), 80, NOTHING);
    expect(calls.readiness(fd) & Readiness.Error).to.equal(Readiness.Error);
    expect(pending()).to.equal(Errno.ECONNREFUSED);
    expect(pending()).to.equal(0);
  });

  it('SO_BROADCAST decides about broadcast: EACCES', () => {
    const { calls } = fakeHost();
    const fd = datagram(calls);
    const everyone = { address: '255.255.255.255', port: 67 };
    expect(name(calls.sendto(fd, text('x'), 0, everyone))).to.equal('EACCES');
    expect(name(calls.connect(fd, everyone))).to.equal('EACCES');
    calls.setsockopt(fd, c.SOL_SOCKET, c.SO_BROADCAST, 1);
    expect(name(calls.sendto(fd, text('x'), 0, everyone))).to.equal(1);
    expect(name(calls.connect(fd, everyone))).to.equal(0);
  });

  it('calls that leave work ask for a turn; those that fail to do anything need none', () => {
    const { calls } = fakeHost();
    let turns = 0;
    calls.onWork = () => turns++;
    const fd = datagram(calls);
    expect(turns).to.equal(0);
    calls.recv(fd, new Uint8Array(1));
    expect(turns).to.equal(0);
    calls.sendto(fd, text('x'), 0, PEER);
    expect(turns).to.equal(1);
  });

  describe('raw', () => {
    const icmp = (type: number): Uint8Array => {
      const bytes = new Uint8Array(28);
      bytes[0] = 0x45;
      bytes[20] = type;
      return bytes;
    };

    it('receives with the IP header; ICMP_FILTER, the peer and the local address decide', () => {
      const { calls, ip, context } = fakeHost();
      const fd = calls.socket(c.AF_INET, c.SOCK_RAW, c.IPPROTO_ICMP);
      const give = (type: number, changes: Partial<IpPacket> = {}): boolean => {
        const frame = context.frames.from(icmp(type));
        const took = ip.raw[0]!.listener.receiveRaw(frame, { ...packet(), ...changes }, micros(0));
        frame.release();
        return took;
      };
      expect(give(0)).to.equal(true);
      const buffer = new Uint8Array(100);
      const from = { address: '', port: 0 };
      expect(calls.recvfrom(fd, buffer, 0, from)).to.equal(28);
      expect([...buffer.subarray(0, 28)]).to.deep.equal([...icmp(0)]);
      expect(from).to.deep.equal({ address: '10.0.0.9', port: 0 });
      calls.setsockopt(fd, c.SOL_RAW, c.ICMP_FILTER, 1 << 8);
      expect([give(8), give(0)]).to.deep.equal([false, true]);
      calls.connect(fd, { address: '10.0.0.8', port: 0 });
      expect([give(0), give(0, { source: parseAddress('10.0.0.8')! })]).to.deep.equal([false, true]);
      expect(give(0, { source: parseAddress('10.0.0.8')!, destination: parseAddress('127.0.0.1')! })).to.equal(false);
      expect(context.frames.inUse).to.equal(0);
      calls.close(fd);
      expect(ip.raw).to.have.length(0);
    });

    it('sends at the next poll, within SO_SNDBUF', () => {
      const { calls, ip, context } = fakeHost();
      const fd = calls.socket(c.AF_INET, c.SOCK_RAW, 89);
      calls.setsockopt(fd, c.IPPROTO_IP, c.IP_TTL, 1);
      calls.setsockopt(fd, c.SOL_SOCKET, c.SO_SNDBUF, 3000);
      for (let i = 0; i < 4; i++) expect(calls.sendto(fd, new Uint8Array(4000), 0, PEER)).to.equal(4000);
      // As Linux: twice SO_SNDBUF, and never EAGAIN.
      expect(name(calls.sendto(fd, new Uint8Array(1), 0, PEER))).to.equal('ENOBUFS');
      expect(calls.readiness(fd)).to.equal(0);
      expect(calls.pending).to.equal(true);
      calls.poll(micros(0));
      expect(calls.pending).to.equal(false);
      expect(calls.readiness(fd)).to.equal(Readiness.Writable | c.POLLWRBAND);
      expect(ip.sent.map(({ bytes, options }) => [bytes.length, options?.protocol, options?.ttl])).to.deep.equal([
        [4000, 89, 1],
        [4000, 89, 1],
        [4000, 89, 1],
        [4000, 89, 1],
      ]);
      expect(context.frames.inUse).to.equal(0);
    });

    it('IP_HDRINCL: the datagram goes to IP as the program made it', () => {
      const { calls, ip } = fakeHost();
      const fd = calls.socket(c.AF_INET, c.SOCK_RAW, c.IPPROTO_RAW);
      expect(ip.raw).to.have.length(0);
      expect(name(calls.sendto(fd, new Uint8Array(19), 0, PEER))).to.equal('EINVAL');
      expect(name(calls.sendto(fd, new Uint8Array(1501), 0, PEER))).to.equal('EMSGSIZE');
      calls.sendto(fd, icmp(8), 0, PEER);
      calls.poll(micros(0));
      expect(ip.sent).to.deep.equal([{ bytes: icmp(8), options: undefined, destination: peerAddress }]);
    });
  });
});

describe('socket/calls: names and indexes of interfaces', () => {
  it('if_nametoindex(3): "ENODEV No interface found with given name"', () => {
    const { calls } = fakeHost();
    expect(calls.ifNameToIndex('tap0')).to.equal(2);
    expect(name(calls.ifNameToIndex('tap9'))).to.equal('ENODEV');
  });

  it('if_nametoindex(3): "ENXIO No interface found for the index"', () => {
    const { calls } = fakeHost();
    expect(calls.ifIndexToName(1)).to.equal('lo');
    for (const index of [0, 3, -1]) expect(calls.ifIndexToName(index)).to.equal(-Errno.ENXIO);
  });
});
