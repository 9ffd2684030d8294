/** UDP and raw sockets between two hosts in virtual time: the error queue as programs use it, datagrams in bulk, times of arrival. */
import { expect } from 'chai';
import fc from 'fast-check';
import { Errno } from '../../src/core/errno.ts';
import { finishChecksum, sumBytes } from '../../src/core/checksum.ts';
import { setU16 } from '../../src/core/bytes.ts';
import { MS } from '../../src/core/time.ts';
import { twoHosts } from '../../src/lab/topology.ts';
import type { LabHost } from '../../src/lab/topology.ts';
import { patternBytes } from '../../src/lab/transfer.ts';
import * as c from '../../src/socket/constants.ts';
import type { ControlMessage, ExtendedError, Message } from '../../src/socket/message.ts';
import { narrowPath } from '../support/narrow-path.ts';

const PORT = 7000;
const THERE = { address: '10.0.0.2', port: PORT };

function open({ calls }: LabHost, port = 0): number {
  const fd = calls.socket(c.AF_INET, c.SOCK_DGRAM, 0);
  expect(calls.bind(fd, { address: '0.0.0.0', port })).to.equal(0);
  return fd;
}

const raw = ({ calls }: LabHost, protocol: number): number => calls.socket(c.AF_INET, c.SOCK_RAW, protocol);

const setIp = ({ calls }: LabHost, fd: number, name: number, value = 1): void => {
  expect(calls.setsockopt(fd, c.IPPROTO_IP, name, value)).to.equal(0);
};

/** recvmsg: how many octets came, what came with them, and the octets. */
function receive(
  { calls }: LabHost,
  fd: number,
  flags = 0,
): { count: number; control: ControlMessage[]; data: Uint8Array } {
  const data = new Uint8Array(70_000);
  const message: Message = { name: { address: '', port: 0 }, iov: [data], control: [] };
  const count = calls.recvmsg(fd, message, flags);
  return { count, control: message.control!, data: data.slice(0, Math.max(0, count)) };
}

/** The next error of the queue; undefined without one. */
function nextError(host: LabHost, fd: number): ExtendedError | undefined {
  const { control } = receive(host, fd, c.MSG_ERRQUEUE);
  const found = control.find(({ level, type }) => level === c.IPPROTO_IP && type === c.IP_RECVERR);
  return found?.data as ExtendedError | undefined;
}

describe('datagrams and the MTU of the path', () => {
  for (const kind of ['UDP', 'raw'] as const) {
    it(`ip(7), IP_MTU_DISCOVER and IP_RECVERR: a program finds out by itself what the path carries (${kind})`, () => {
      const { simulation, a, b, narrow } = narrowPath({ mtu: 1000 });
      const there = kind === 'UDP' ? open(b, PORT) : raw(b, 89);
      const fd = kind === 'UDP' ? open(a) : raw(a, 89);
      const headers = kind === 'UDP' ? 28 : 20;
      setIp(a, fd, c.IP_MTU_DISCOVER, c.IP_PMTUDISC_DO);
      setIp(a, fd, c.IP_RECVERR);
      expect(a.calls.connect(fd, THERE)).to.equal(0);
      const mtu = (): unknown => a.calls.getsockopt(fd, c.IPPROTO_IP, c.IP_MTU);
      expect(mtu()).to.equal(1500);
      expect(a.calls.send(fd, new Uint8Array(1500 - headers))).to.equal(1500 - headers);
      simulation.runFor(50 * MS);
      expect(narrow.reports).to.equal(1);
      // The router says so: origin ICMP, with the MTU. The first that does not fit any more is refused here.
      const byRouter = { errno: Errno.EMSGSIZE, origin: c.SO_EE_ORIGIN_ICMP, type: 3, code: 4, info: 1000 };
      expect(nextError(a, fd)).to.deep.equal({ ...byRouter, offender: '10.0.0.254' });
      expect(mtu()).to.equal(1000);
      expect(a.calls.send(fd, new Uint8Array(1001 - headers))).to.equal(-Errno.EMSGSIZE);
      const here = { errno: Errno.EMSGSIZE, origin: c.SO_EE_ORIGIN_LOCAL, type: 0, code: 0, info: 1000 };
      expect(nextError(a, fd)).to.deep.equal({ ...here, offender: undefined });
      expect(a.calls.send(fd, new Uint8Array(1000 - headers))).to.equal(1000 - headers);
      simulation.runFor(50 * MS);
      expect(receive(b, there).count).to.equal(kind === 'UDP' ? 972 : 1000);
      expect(receive(b, there).count).to.equal(-Errno.EAGAIN);
      expect(narrow.reports).to.equal(1);
    });
  }

  it('IP_PMTUDISC_WANT, the default: the first is lost, what follows is cut', () => {
    const { simulation, a, b, narrow } = narrowPath({ mtu: 1000 });
    const there = open(b, PORT);
    const fd = open(a);
    for (let i = 0; i < 2; i++) {
      expect(a.calls.sendto(fd, new Uint8Array(1472), 0, THERE)).to.equal(1472);
      simulation.runFor(50 * MS);
    }
    expect([receive(b, there).count, receive(b, there).count]).to.deep.equal([1472, -Errno.EAGAIN]);
    expect(narrow.reports).to.equal(1);
  });

  it('IP_PMTUDISC_PROBE: what routers say is queued, and is no bound', () => {
    const { simulation, a, narrow } = narrowPath({ mtu: 1000 });
    const fd = open(a);
    setIp(a, fd, c.IP_MTU_DISCOVER, c.IP_PMTUDISC_PROBE);
    setIp(a, fd, c.IP_RECVERR);
    for (let i = 0; i < 2; i++) {
      expect(a.calls.sendto(fd, new Uint8Array(1472), 0, THERE)).to.equal(1472);
      simulation.runFor(50 * MS);
      expect(nextError(a, fd)?.info).to.equal(1000);
    }
    expect(narrow.reports).to.equal(2);
  });
});

describe('the error queue', () => {
  it('traceroute(8): Time Exceeded from a router names it, and quotes what was sent', () => {
    const { simulation, a, b } = twoHosts({ seed: 1 });
    const fd = open(a, 5000);
    setIp(a, fd, c.IP_RECVERR);
    setIp(a, fd, c.IP_RECVTTL);
    const there = open(b, PORT);
    a.calls.sendto(fd, new TextEncoder().encode('probe'), 0, THERE);
    simulation.runFor(10 * MS);
    expect(receive(b, there).count).to.equal(5);
    // What a router that decrements the TTL to zero would send. RFC 792.
    const message = new Uint8Array(8 + 20 + 8 + 5);
    message.set([11, 0]);
    message.set([0x45, 0, 0, 33, 0, 0, 0x40, 0, 1, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2], 8);
    message.set([0x13, 0x88, 0x1b, 0x58, 0, 13, 0, 0, ...new TextEncoder().encode('probe')], 28);
    setU16(message, 2, finishChecksum(sumBytes(message, 0, message.length)));
    const router = raw(b, c.IPPROTO_ICMP);
    b.calls.setsockopt(router, c.IPPROTO_IP, c.IP_TTL, 33);
    b.calls.sendto(router, message, 0, { address: '10.0.0.1', port: 0 });
    simulation.runFor(10 * MS);
    expect(a.calls.readiness(fd) & c.POLLERR).to.equal(c.POLLERR);
    const { count, control, data } = receive(a, fd, c.MSG_ERRQUEUE);
    expect([count, new TextDecoder().decode(data)]).to.deep.equal([5, 'probe']);
    const error = { errno: Errno.EHOSTUNREACH, origin: c.SO_EE_ORIGIN_ICMP, type: 11, code: 0, info: 0 };
    expect(control).to.deep.equal([
      { level: c.IPPROTO_IP, type: c.IP_TTL, data: 33 },
      { level: c.IPPROTO_IP, type: c.IP_RECVERR, data: { ...error, offender: '10.0.0.2' } },
    ]);
    expect(a.calls.readiness(fd) & c.POLLERR).to.equal(0);
  });

  it('a neighbour that does not answer: EHOSTUNREACH, by this host', () => {
    const { simulation, a } = twoHosts({ seed: 1 });
    const fd = open(a);
    setIp(a, fd, c.IP_RECVERR);
    a.calls.sendto(fd, new Uint8Array(1), 0, { address: '10.0.0.77', port: 9 });
    simulation.runFor(10_000 * MS);
    expect(nextError(a, fd)).to.include({ errno: Errno.EHOSTUNREACH, offender: '10.0.0.1' });
  });

  it('Parameter Problem is a lasting error: a connected socket is told without IP_RECVERR', () => {
    const { simulation, a, b } = twoHosts({ seed: 1 });
    const fd = open(a, 5000);
    a.calls.connect(fd, THERE);
    const message = new Uint8Array(8 + 20 + 8);
    message.set([12, 0]);
    message.set([0x45, 0, 0, 28, 0, 0, 0x40, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2], 8);
    message.set([0x13, 0x88, 0x1b, 0x58, 0, 8, 0, 0], 28);
    setU16(message, 2, finishChecksum(sumBytes(message, 0, message.length)));
    const other = raw(b, c.IPPROTO_ICMP);
    b.calls.sendto(other, message, 0, { address: '10.0.0.1', port: 0 });
    simulation.runFor(10 * MS);
    expect(a.calls.recv(fd, new Uint8Array(1))).to.equal(-Errno.EPROTO);
  });
});

describe('datagrams in bulk', () => {
  it('UDP_SEGMENT and UDP_GRO: one call sends many, one call receives many', () => {
    const hosts = twoHosts({ seed: 1 });
    const { simulation, a, b } = hosts;
    const there = open(b, PORT);
    const fd = open(a);
    expect(b.calls.setsockopt(there, c.IPPROTO_UDP, c.UDP_GRO, 1)).to.equal(0);
    expect(a.calls.setsockopt(fd, c.IPPROTO_UDP, c.UDP_SEGMENT, 1400)).to.equal(0);
    const bytes = patternBytes(30_000);
    // The first waits for the address of its neighbour: what follows goes together.
    a.calls.sendto(fd, bytes.subarray(0, 1), 0, THERE);
    simulation.runFor(10 * MS);
    expect(receive(b, there).count).to.equal(1);
    expect(a.calls.sendto(fd, bytes, 0, THERE)).to.equal(30_000);
    simulation.runFor(10 * MS);
    const { count, control, data } = receive(b, there);
    expect(count).to.equal(30_000);
    expect(data).to.deep.equal(bytes);
    expect(control).to.deep.equal([{ level: c.IPPROTO_UDP, type: c.UDP_GRO, data: 1400 }]);
    expect(receive(b, there).count).to.equal(-Errno.EAGAIN);
    expect(hosts.framesInUse()).to.equal(0);
  });

  it('UDP_SEGMENT: any length in any segments that fit gets there as it would piece by piece', () => {
    const { simulation, a, b } = twoHosts({ seed: 1 });
    const there = open(b, PORT);
    const fd = open(a);
    // While the neighbour's address is not known, few datagrams can wait for it.
    a.calls.sendto(fd, new Uint8Array(1), 0, THERE);
    simulation.runFor(20 * MS);
    expect(receive(b, there).count).to.equal(1);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 9000 }), fc.integer({ min: 100, max: 1472 }), (length, segment) => {
        const bytes = patternBytes(length);
        const control: ControlMessage[] = [{ level: c.IPPROTO_UDP, type: c.UDP_SEGMENT, data: segment }];
        expect(a.calls.sendmsg(fd, { name: THERE, iov: [bytes], control })).to.equal(length);
        simulation.runFor(20 * MS);
        const count = Math.max(1, Math.ceil(length / segment));
        const pieces = Array.from({ length: count }, () => receive(b, there).data);
        expect(pieces.slice(0, -1).every((piece) => piece.length === segment)).to.equal(true);
        expect(Buffer.concat(pieces).equals(bytes)).to.equal(true);
        expect(receive(b, there).count).to.equal(-Errno.EAGAIN);
      }),
      { numRuns: 40 },
    );
  });

  it('MSG_MORE: any pieces become the one datagram that they are together', () => {
    const { simulation, a, b } = twoHosts({ seed: 1 });
    const there = open(b, PORT);
    const fd = open(a);
    a.calls.connect(fd, THERE);
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 2000 }), { minLength: 1, maxLength: 12 }), (pieces) => {
        pieces.forEach((piece, i) => {
          const flags = i < pieces.length - 1 ? c.MSG_MORE : 0;
          expect(a.calls.send(fd, piece, flags)).to.equal(piece.length);
        });
        expect(a.calls.ioctl(fd, c.SIOCOUTQ)).to.be.greaterThan(0);
        simulation.runFor(20 * MS);
        expect(Buffer.from(receive(b, there).data).equals(Buffer.concat(pieces))).to.equal(true);
        expect(receive(b, there).count).to.equal(-Errno.EAGAIN);
      }),
      { numRuns: 40 },
    );
  });

  it('socket(7), SO_TIMESTAMP: the time of arrival, by the clock that drives the hosts', () => {
    const { simulation, a, b } = twoHosts({ seed: 1, delay: 5 * MS });
    const there = open(b, PORT);
    expect(b.calls.setsockopt(there, c.SOL_SOCKET, c.SO_TIMESTAMP, 1)).to.equal(0);
    const fd = open(a);
    a.calls.sendto(fd, new Uint8Array(1), 0, THERE);
    simulation.runFor(100 * MS);
    const started = simulation.now;
    a.calls.sendto(fd, new Uint8Array(1), 0, THERE);
    simulation.runFor(100 * MS);
    receive(b, there);
    expect(receive(b, there).control).to.deep.equal([
      { level: c.SOL_SOCKET, type: c.SO_TIMESTAMP, data: started + 5 * MS },
    ]);
  });
});
