/** Packet sockets on whole stacks: two hosts on a cable, the loopback, super-segments and partial checksums. packet(7). */
import { expect } from 'chai';
import { MS, SECOND } from '../../../src/core/time.ts';
import { formatMac } from '../../../src/ethernet/address.ts';
import { Simulation } from '../../../src/lab/simulator.ts';
import { addHost, twoHosts } from '../../../src/lab/topology.ts';
import type { LabHost } from '../../../src/lab/topology.ts';
import { cable } from '../../../src/link/cable.ts';
import * as c from '../../../src/socket/constants.ts';
import { connectTo, must, ping, serveEcho } from '../../support/programs.ts';
import { EXPERIMENT, checksumIsRight, drain, frameOf, hex, openPacket, summaries } from './frames.ts';
import type { Received } from './frames.ts';

const ECHO = 7;

const macOf = (host: LabHost): string => formatMac(host.stack.ports[0]!.ethernet.mac);

describe('socket/packet: two hosts on a cable', () => {
  it('a packet socket sees ARP and IP in both directions, and IP still gets its own', () => {
    const net = twoHosts({ seed: 1 });
    const { simulation, a, b } = net;
    const fd = openPacket(a.calls, c.SOCK_RAW, c.ETH_P_ALL);
    const arp = openPacket(a.calls, c.SOCK_DGRAM, c.ETH_P_ARP);
    simulation.runFor(5 * SECOND);
    drain(a.calls, fd);
    drain(a.calls, arp);
    const answers = ping(a, b.address);
    simulation.runFor(SECOND);
    expect(answers).to.deep.equal([b.address]);
    expect(summaries(drain(a.calls, fd))).to.deep.equal(['0806 outgoing', '0806 host', '0800 outgoing', '0800 host']);
    expect(summaries(drain(a.calls, arp))).to.deep.equal(['0806 host']);
    expect(net.framesInUse()).to.equal(0);
  });

  it('a frame made by hand arrives', () => {
    const { simulation, a, b } = twoHosts({ seed: 1 });
    const sender = openPacket(a.calls, c.SOCK_RAW, 0);
    const receiver = openPacket(b.calls, c.SOCK_RAW, EXPERIMENT);
    const frame = frameOf(macOf(b), macOf(a), EXPERIMENT, new Uint8Array(100).fill(42));
    must(a.calls.sendto(sender, frame, 0, { family: c.AF_PACKET, protocol: EXPERIMENT, interfaceIndex: 2 }), 'sendto');
    simulation.runFor(SECOND);
    const [received] = drain(b.calls, receiver);
    expect(hex(received!.octets)).to.equal(hex(frame));
    expect(received!.from).to.include({ packetType: c.PACKET_HOST, hardwareAddress: macOf(a), interfaceIndex: 2 });
  });

  it('a datagram made by hand is answered: an echo request', () => {
    const { simulation, a, b } = twoHosts({ seed: 1 });
    const echo = Uint8Array.from([
      ...[0x45, 0, 0, 28, 0, 0, 0, 0, 64, 1, 0x66, 0xdf, 10, 0, 0, 1, 10, 0, 0, 2],
      ...[8, 0, 0xf7, 0xff, 0, 0, 0, 0],
    ]);
    const fd = openPacket(a.calls, c.SOCK_DGRAM, c.ETH_P_IP);
    const to = { family: c.AF_PACKET, protocol: c.ETH_P_IP, interfaceIndex: 2, hardwareAddress: macOf(b) } as const;
    must(a.calls.sendto(fd, echo, 0, to), 'sendto');
    simulation.runFor(SECOND);
    const [answer] = drain(a.calls, fd);
    expect(hex(answer!.octets.subarray(12, 21)), 'source, destination, echo reply').to.equal('0a0000020a00000100');
  });

  it('super-segments are shown whole, with their checksums complete', () => {
    const { simulation, a, b } = twoHosts({ seed: 1 });
    serveEcho(b, ECHO);
    const fd = openPacket(a.calls, c.SOCK_DGRAM, c.ETH_P_ALL);
    a.calls.setsockopt(fd, c.SOL_SOCKET, c.SO_RCVBUF, 1 << 22);
    const end = connectTo(a, b.address, ECHO);
    end.write(new Uint8Array(100_000).map((_, i) => i));
    simulation.run(() => end.receivedLength === 100_000, 10 * SECOND);
    const datagrams = drain(a.calls, fd).filter(({ from }) => from.protocol === c.ETH_P_IP);
    const outgoing = datagrams.filter(({ from }) => from.packetType === c.PACKET_OUTGOING);
    expect(Math.max(...outgoing.map(({ octets }) => octets.length))).to.be.greaterThan(3000);
    expect(datagrams.length).to.be.greaterThan(20);
    expect(datagrams.every(({ octets }) => checksumIsRight(octets, 0))).to.equal(true);
  });

  it('costs nothing while nobody looks: a frame is not copied', () => {
    const { simulation, a, b } = twoHosts({ seed: 1 });
    const { device } = a.stack.ports[0]!.ethernet;
    let shown = 0;
    device.show = () => shown++;
    device.showIncoming = () => shown++;
    ping(a, b.address);
    simulation.runFor(SECOND);
    expect(shown).to.equal(0);
    openPacket(a.calls, c.SOCK_RAW, 0);
    ping(a, b.address);
    simulation.runFor(SECOND);
    expect(shown).to.be.greaterThan(1);
  });
});

describe('socket/packet: the loopback', () => {
  function alone(): { simulation: Simulation; host: LabHost; fd: number; seen: () => Received[] } {
    const simulation = new Simulation({ seed: 1 });
    const host = addHost(simulation, 'host', []);
    const fd = openPacket(host.calls, c.SOCK_RAW, c.ETH_P_ALL);
    const seen = (): Received[] => {
      simulation.runFor(10 * MS);
      return drain(host.calls, fd);
    };
    return { simulation, host, fd, seen };
  }
  const to = (protocol: number, hardwareAddress = '') =>
    ({ family: c.AF_PACKET, protocol, interfaceIndex: 1, hardwareAddress }) as const;
  const ZERO = '00:00:00:00:00:00';

  it('every datagram is seen twice, with a header of zeros and a complete checksum', () => {
    const { host, seen } = alone();
    const cooked = openPacket(host.calls, c.SOCK_DGRAM, c.ETH_P_IP);
    const fd = must(host.calls.socket(c.AF_INET, c.SOCK_DGRAM, 0), 'socket');
    host.calls.sendto(fd, new Uint8Array(5), 0, { address: '127.0.0.1', port: 9 });
    const frames = seen().slice(0, 2);
    expect(summaries(frames)).to.deep.equal(['0800 outgoing', '0800 host']);
    for (const { octets, from } of frames) {
      expect(hex(octets.subarray(0, 15))).to.equal('000000000000000000000000080045');
      expect(octets.length).to.equal(14 + 33);
      expect(checksumIsRight(octets, 14)).to.equal(true);
      expect(from).to.include({ hardwareType: c.ARPHRD_LOOPBACK, hardwareAddress: ZERO, interfaceIndex: 1 });
    }
    const [datagram] = drain(host.calls, cooked);
    expect(hex(datagram!.octets)).to.equal(hex(frames[1]!.octets.subarray(14)));
  });

  it('a frame of a packet socket comes back, also to who sent it', () => {
    const { host, fd, seen } = alone();
    const frame = frameOf(ZERO, ZERO, EXPERIMENT, new Uint8Array(3));
    must(host.calls.sendto(fd, frame, 0, to(0)), 'sendto');
    const frames = seen();
    expect(summaries(frames)).to.deep.equal(['88b5 host']);
    expect(hex(frames[0]!.octets)).to.equal(hex(frame));
    expect(host.stack.context.drops.count('ether-unknown-type')).to.equal(1);
  });

  it('a frame to another address is shown as such, and goes no further', () => {
    const { host, fd, seen } = alone();
    must(host.calls.sendto(fd, frameOf('02:00:00:00:00:07', ZERO, c.ETH_P_IP, new Uint8Array(30)), 0, to(0)), 'sendto');
    expect(summaries(seen())).to.deep.equal(['0800 otherhost']);
    expect(host.stack.context.drops.count('ether-not-for-us')).to.equal(1);
    expect(host.stack.ip.counters().received).to.equal(0);
  });

  it('a datagram in such a frame is taken like any other', () => {
    const { host, seen } = alone();
    const echo = Uint8Array.from([
      ...[0x45, 0, 0, 28, 0, 0, 0, 0, 64, 1, 0x7c, 0xdf, 127, 0, 0, 1, 127, 0, 0, 1],
      ...[8, 0, 0xf7, 0xff, 0, 0, 0, 0],
    ]);
    const fd = openPacket(host.calls, c.SOCK_DGRAM, 0);
    must(host.calls.sendto(fd, echo, 0, to(c.ETH_P_IP)), 'sendto');
    expect(summaries(seen())).to.deep.equal(['0800 outgoing', '0800 host', '0800 outgoing', '0800 host']);
    expect(host.stack.context.frames.inUse).to.equal(0);
  });

  it('is bounded as ever: ip-loopback-full', () => {
    const { host, fd, seen } = alone();
    host.calls.setsockopt(fd, c.SOL_SOCKET, c.SO_SNDBUF, 1 << 20);
    const { loopbackQueue } = host.stack.context.config.ip;
    for (let i = 0; i < loopbackQueue + 5; i++) host.calls.sendto(fd, new Uint8Array(14), 0, to(EXPERIMENT));
    seen();
    expect(host.stack.context.drops.count('ip-loopback-full')).to.equal(5);
    expect(host.stack.context.frames.inUse).to.equal(0);
  });
});

describe('socket/packet: a host between two cables', () => {
  it('each frame is of the interface that it crossed', () => {
    const simulation = new Simulation({ seed: 1 });
    const [left, middleLeft] = cable({ names: ['eth0', 'eth0'] });
    const [middleRight, right] = cable({ names: ['eth1', 'eth0'] });
    const a = addHost(simulation, 'a', [{ link: left, address: '10.0.0.1/24' }]);
    const middle = addHost(simulation, 'middle', [
      { link: middleLeft, address: '10.0.0.2/24' },
      { link: middleRight, address: '10.1.0.2/24' },
    ]);
    const b = addHost(simulation, 'b', [{ link: right, address: '10.1.0.1/24' }]);
    const fd = openPacket(middle.calls, c.SOCK_DGRAM, c.ETH_P_IP);
    ping(a, '10.0.0.2');
    simulation.runFor(SECOND);
    ping(b, '10.1.0.2');
    simulation.runFor(SECOND);
    const interfaces = drain(middle.calls, fd).map(({ from }) => middle.calls.ifIndexToName(from.interfaceIndex!));
    expect(interfaces).to.deep.equal(['eth0', 'eth1']);
  });
});
