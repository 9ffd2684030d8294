/**
 * From ARP up to the programs: silent neighbours, neighbours that move, addresses that two stations have.
 */
import { expect } from 'chai';
import { Errno } from '../../src/core/errno.ts';
import { MINUTE, MS, SECOND } from '../../src/core/time.ts';
import { macAddress } from '../../src/ethernet/address.ts';
import { formatAddress, parseAddress, parsePrefix } from '../../src/ip/address.ts';
import { Simulation } from '../../src/lab/simulator.ts';
import { addHost } from '../../src/lab/topology.ts';
import type { LabHost } from '../../src/lab/topology.ts';
import { patternBytes } from '../../src/lab/transfer.ts';
import { impair } from '../../src/link/impair.ts';
import type { ImpairedLink } from '../../src/link/impair.ts';
import { EthernetSwitch } from '../../src/link/switch.ts';
import { AF_INET, IPPROTO_IP, IP_RECVERR, SOCK_DGRAM, SOL_SOCKET, SO_ERROR } from '../../src/socket/constants.ts';
import { connectTo, datagramEnd, must, ping, serveEcho } from '../support/programs.ts';

const ECHO = 7;
const SILENT = '10.0.0.77';

interface Net {
  readonly simulation: Simulation;
  readonly hosts: readonly LabHost[];
  /** What stands between each host and the switch. */
  readonly lines: readonly ImpairedLink[];
}

/** Hosts 10.0.0.1, 10.0.0.2 ... on a switch. */
function net(addresses: readonly string[]): Net {
  const simulation = new Simulation({ seed: 6 });
  const bridge = new EthernetSwitch({ ports: addresses.length });
  const lines = bridge.ports.map((port) => impair(port));
  const hosts = addresses.map((address, i) => addHost(simulation, `host${i}`, [{ link: lines[i]!, address }]));
  return { simulation, hosts, lines };
}

const DEAD = { loss: 1 };

describe('stack: silent neighbours', () => {
  it('connect fails with EHOSTUNREACH after three questions, and at once for a while', () => {
    const { simulation, hosts } = net(['10.0.0.1/24']);
    const [host] = hosts as [LabHost];
    simulation.runFor(10 * SECOND);
    const start = simulation.now;
    const end = connectTo(host, SILENT, 80);
    simulation.run(() => end.error !== '', MINUTE);
    expect(end.error).to.equal('EHOSTUNREACH');
    expect(simulation.now - start).to.be.within(2.9 * SECOND, 3.1 * SECOND);
    const again = connectTo(host, SILENT, 80);
    simulation.run(() => again.error !== '', MINUTE);
    expect(again.error).to.equal('EHOSTUNREACH');
    expect(simulation.now - start, 'RFC 1122 §2.3.2.1: it is not asked again at once').to.be.below(3.2 * SECOND);
    simulation.runFor(MINUTE);
    expect(host.stack.context.frames.inUse).to.equal(0);
  });

  it('many connections that wait for one neighbour fail together', () => {
    const { simulation, hosts } = net(['10.0.0.1/24']);
    const [host] = hosts as [LabHost];
    const ends = Array.from({ length: 100 }, () => connectTo(host, SILENT, 80));
    simulation.runFor(4 * SECOND);
    // More than wait at once: the first SYNs were given up, and their successors wait.
    expect(ends.filter((end) => end.error === 'EHOSTUNREACH').length).to.be.at.least(64);
    simulation.runFor(10 * SECOND);
    expect(ends.every((end) => end.error === 'EHOSTUNREACH')).to.equal(true);
    expect([...host.stack.tcp.connections()]).to.deep.equal([]);
  });

  for (const connected of [true, false]) {
    it(`UDP with IP_RECVERR: SO_ERROR is EHOSTUNREACH, ${connected ? 'connected' : 'sendto'}`, () => {
      const { simulation, hosts } = net(['10.0.0.1/24']);
      const { calls } = hosts[0]!;
      const fd = must(calls.socket(AF_INET, SOCK_DGRAM, 0), 'socket');
      must(calls.setsockopt(fd, IPPROTO_IP, IP_RECVERR, 1), 'setsockopt');
      const to = { address: SILENT, port: 9 };
      if (connected) must(calls.connect(fd, to), 'connect');
      const send = (): number =>
        connected ? calls.send(fd, patternBytes(10)) : calls.sendto(fd, patternBytes(10), 0, to);
      expect(send()).to.equal(10);
      simulation.runFor(4 * SECOND);
      expect(calls.getsockopt(fd, SOL_SOCKET, SO_ERROR)).to.equal(Errno.EHOSTUNREACH);
      expect(calls.getsockopt(fd, SOL_SOCKET, SO_ERROR)).to.equal(0);
      // While the neighbour is known not to answer, each datagram is refused at once; the next call tells.
      expect(send()).to.equal(10);
      simulation.runFor(MS);
      expect(send()).to.equal(-Errno.EHOSTUNREACH);
    });
  }

  it('UDP without it, and a ping without it: nobody is told, as on Linux', () => {
    const { simulation, hosts } = net(['10.0.0.1/24']);
    const [host] = hosts as [LabHost];
    const udp = datagramEnd(host, 5000);
    must(udp.send(patternBytes(10), SILENT, 9), 'send');
    const replies = ping(host, SILENT);
    simulation.runFor(10 * SECOND);
    expect(udp.errors.concat(replies)).to.deep.equal([]);
    expect(host.stack.context.drops.count('neighbor-failed')).to.equal(2);
  });

  it('a neighbour that comes up late gets what waits', () => {
    const { simulation, hosts, lines } = net(['10.0.0.1/24', '10.0.0.2/24']);
    const [a, b] = hosts as [LabHost, LabHost];
    lines[1]!.incoming.configure(DEAD);
    lines[1]!.outgoing.configure(DEAD);
    serveEcho(b, ECHO);
    const end = connectTo(a, b.address, ECHO);
    const replies = ping(a, b.address);
    simulation.runFor(1.5 * SECOND);
    lines[1]!.incoming.configure({});
    lines[1]!.outgoing.configure({});
    // The third question, after 2 s, is answered.
    simulation.runFor(SECOND);
    expect(replies).to.deep.equal([b.address]);
    expect(end.connected).to.equal(true);
  });
});

describe('stack: neighbours that move', () => {
  it('an announced new MAC is followed at once', () => {
    const { simulation, hosts, lines } = net(['10.0.0.1/24', '10.0.0.2/24', '10.0.9.9/24']);
    const [a, b, spare] = hosts as [LabHost, LabHost, LabHost];
    serveEcho(b, ECHO);
    const replies = ping(a, '10.0.0.2');
    simulation.runFor(SECOND);
    expect(replies).to.deep.equal(['10.0.0.2']);
    // The station dies, another takes its address, and says so.
    lines[1]!.incoming.configure(DEAD);
    lines[1]!.outgoing.configure(DEAD);
    const { ip, ports } = spare.stack;
    must(ip.addAddress(ports[0]!.network, parsePrefix('10.0.0.2/24')!, {}, simulation.now), 'addAddress');
    simulation.runFor(10 * MS);
    const { ethernet } = a.stack.ports[0]!;
    const entry = ethernet.neighbors.lookup(parseAddress('10.0.0.2')!, simulation.now);
    expect(entry?.mac).to.equal(ports[0]!.ethernet.mac);
    const again = ping(a, '10.0.0.2');
    simulation.runFor(SECOND);
    expect(again).to.deep.equal(['10.0.0.2']);
  });

  it('one that moves without a word is found again by the next questions', () => {
    const { simulation, hosts, lines } = net(['10.0.0.1/24', '10.0.0.2/24', '10.0.9.9/24']);
    const [a, , spare] = hosts as [LabHost, LabHost, LabHost];
    ping(a, '10.0.0.2');
    simulation.runFor(SECOND);
    lines[1]!.incoming.configure(DEAD);
    lines[1]!.outgoing.configure(DEAD);
    lines[2]!.outgoing.configure(DEAD);
    const { ip, ports } = spare.stack;
    must(ip.addAddress(ports[0]!.network, parsePrefix('10.0.0.2/24')!, {}, simulation.now), 'addAddress');
    simulation.runFor(5 * SECOND);
    lines[2]!.outgoing.configure({});
    let found: string[] = [];
    // Trust of 30 s from the last word, a delay of 5 s, three unicast questions: then everybody is asked.
    for (let second = 0; second < 60 && found.length === 0; second++) {
      found = ping(a, '10.0.0.2', new Uint8Array(8), 100 + second);
      simulation.runFor(SECOND);
    }
    expect(found).to.deep.equal(['10.0.0.2']);
  });

  it('a connection survives that its peer’s interface gets a new MAC', () => {
    const simulation = new Simulation({ seed: 6 });
    const bridge = new EthernetSwitch({ ports: 3 });
    const a = addHost(simulation, 'a', [{ link: bridge.ports[0]!, address: '10.0.0.1/24' }]);
    const b = addHost(simulation, 'b', [
      { link: bridge.ports[1]!, address: '10.0.0.2/24' },
      { link: bridge.ports[2]!, address: '10.0.5.5/24', mac: macAddress(0x0200_0000_0055) },
    ]);
    serveEcho(b, ECHO);
    const end = connectTo(a, '10.0.0.2', ECHO).write(patternBytes(1000));
    simulation.run(() => end.receivedLength === 1000, 5 * SECOND);
    const { ip, ports } = b.stack;
    const address = parseAddress('10.0.0.2')!;
    expect(ip.removeAddress(ports[0]!.network, address)).to.equal(true);
    must(ip.addAddress(ports[1]!.network, { address, length: 24 }, {}, simulation.now), 'addAddress');
    end.write(patternBytes(1000));
    simulation.run(() => end.receivedLength === 2000, MINUTE);
    expect(end.receivedLength).to.equal(2000);
  });
});

describe('stack: an address that two stations have', () => {
  /** An ARP request or reply from a station that claims 10.0.0.1. */
  function claim(simulation: Simulation, host: LabHost): void {
    const station = [2, 0, 0, 0, 9, 9];
    const packet = [0, 1, 8, 0, 6, 4, 0, 2, ...station, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 1];
    const bytes = Uint8Array.of(255, 255, 255, 255, 255, 255, ...station, 8, 6, ...packet);
    host.stack.receive(0, host.stack.context.frames.from(bytes), simulation.now);
    simulation.runFor(10 * MS);
  }

  const addresses = (host: LabHost): string[] =>
    host.stack.ip.interfaceInfo()[1]!.addresses.map(({ address }) => formatAddress(address));

  it('5227-2.4: one conflict is defended, a second one soon after takes the address away', () => {
    const { simulation, hosts } = net(['10.0.0.1/24', '10.0.0.2/24']);
    const [a, b] = hosts as [LabHost, LabHost];
    const settled: string[] = [];
    a.stack.ip.onAddressSettled = (address, usable) => settled.push(`${formatAddress(address)} ${usable}`);
    serveEcho(b, ECHO);
    const end = connectTo(a, '10.0.0.2', ECHO).write(patternBytes(10));
    simulation.runFor(5 * SECOND);
    const before = a.stack.ports[0]!.ethernet.port.framesOut;
    claim(simulation, a);
    expect(addresses(a)).to.deep.equal(['10.0.0.1']);
    expect(a.stack.ports[0]!.ethernet.port.framesOut - before, 'the defence').to.equal(1);
    claim(simulation, a);
    expect(addresses(a)).to.deep.equal([]);
    expect(settled).to.deep.equal(['10.0.0.1 false']);
    expect(connectTo(a, '10.0.0.2', ECHO).error).to.be.oneOf(['ENETUNREACH', 'EADDRNOTAVAIL']);
    end.write(patternBytes(10));
    simulation.runFor(MINUTE);
    expect(end.receivedLength).to.equal(10);
    a.calls.closeAll();
    simulation.runFor(60 * MINUTE);
    expect(a.stack.context.frames.inUse).to.equal(0);
  });

  it('conflicts further apart than 10 s are defended each time', () => {
    const { simulation, hosts } = net(['10.0.0.1/24', '10.0.0.2/24']);
    const [a] = hosts as [LabHost, LabHost];
    for (let i = 0; i < 5; i++) {
      claim(simulation, a);
      simulation.runFor(11 * SECOND);
    }
    expect(addresses(a)).to.deep.equal(['10.0.0.1']);
  });

  for (const both of [false, true]) {
    it(`two hosts that probe ${both ? 'at the same time' : 'one after the other'}: at most one gets the address`, () => {
      const { simulation, hosts } = net(['10.0.1.1/24', '10.0.2.1/24']);
      const settled: string[] = [];
      hosts.forEach(({ stack }, i) => {
        stack.ip.onAddressSettled = (_, usable) => settled.push(`${i} ${usable}`);
        const { network } = stack.ports[0]!;
        must(stack.ip.addAddress(network, parsePrefix('10.0.0.1/24')!, { probe: true }, simulation.now), 'addAddress');
        simulation.runFor(both ? 0 : 20 * SECOND);
      });
      simulation.runFor(20 * SECOND);
      expect(settled.length).to.equal(2);
      expect(settled.filter((text) => text.endsWith('true')).length).to.be.at.most(1);
      if (!both) expect(settled).to.deep.equal(['0 true', '1 false']);
    });
  }
});
