/**
 * Multicast among hosts on a switch, in virtual time: who receives what, and what IGMP says on the wire. RFC 1112, ip(7).
 */
import { expect } from 'chai';
import { Errno } from '../../src/core/errno.ts';
import { MS, SECOND, micros } from '../../src/core/time.ts';
import type { Micros } from '../../src/core/time.ts';
import { IgmpType, igmpGroup, igmpType, writeIgmp } from '../../src/igmp/wire.ts';
import { formatAddress, parseAddress, parsePrefix } from '../../src/ip/address.ts';
import { IpProtocol } from '../../src/ip/service.ts';
import { Simulation } from '../../src/lab/simulator.ts';
import { addHost } from '../../src/lab/topology.ts';
import type { LabHost } from '../../src/lab/topology.ts';
import { EthernetSwitch } from '../../src/link/switch.ts';
import { tee } from '../../src/link/tee.ts';
import * as c from '../../src/socket/constants.ts';
import type { Membership } from '../../src/socket/options/option.ts';
import { must } from '../support/programs.ts';

const GROUP = '239.1.2.3';
const PORT = 5000;
/** The link of each host. */
const LINK = 2;

interface Heard {
  readonly time: Micros;
  readonly from: string;
  /** `query`, or the group of a report. */
  readonly what: string;
}

interface Lan {
  readonly simulation: Simulation;
  readonly hosts: readonly LabHost[];
  /** IGMP messages that hosts have sent. */
  readonly heard: Heard[];
}

/** Hosts 10.0.0.1, .2 and so on on a switch, each with a route for all groups. */
function makeLan(count: number): Lan {
  const simulation = new Simulation({ seed: 11 });
  const ethernet = new EthernetSwitch({ ports: count });
  const heard: Heard[] = [];
  const hosts = ethernet.ports.map((port, index) => {
    const from = `10.0.0.${index + 1}`;
    const link = tee(port, (direction, { bytes, start }, now) => {
      const at = start + 14 + 20;
      if (direction !== 'out' || bytes[start + 12] !== 8 || bytes[start + 14 + 9] !== IpProtocol.Igmp) return;
      const query = igmpType(bytes, at) === IgmpType.Query;
      heard.push({ time: now, from, what: query ? 'query' : formatAddress(igmpGroup(bytes, at)) });
    });
    const host = addHost(simulation, from, [{ link, address: `${from}/24` }]);
    must(host.stack.ip.addRoute({ destination: parsePrefix('224.0.0.0/4')!, interfaceId: LINK }), 'addRoute');
    return host;
  });
  return { simulation, hosts, heard };
}

interface Member {
  readonly fd: number;
  readonly received: string[];
}

/** A datagram socket that shares its port and notes what comes. */
function open(lan: Lan, host: LabHost, address = '0.0.0.0', port = PORT): Member {
  const { calls } = host;
  const fd = must(calls.socket(c.AF_INET, c.SOCK_DGRAM, 0), 'socket');
  must(calls.setsockopt(fd, c.SOL_SOCKET, c.SO_REUSEADDR, 1), 'SO_REUSEADDR');
  must(calls.bind(fd, { address, port }), 'bind');
  const received: string[] = [];
  const bytes = new Uint8Array(2000);
  lan.simulation.program(host.name, () => {
    for (;;) {
      const from = { address: '', port: 0 };
      const length = calls.recvfrom(fd, bytes, 0, from);
      if (length < 0) return;
      received.push(`${Buffer.from(bytes.subarray(0, length)).toString()} from ${from.address}`);
    }
  });
  return { fd, received };
}

function join(host: LabHost, fd: number, changes: Partial<Membership> = {}): void {
  must(host.calls.setsockopt(fd, c.IPPROTO_IP, c.IP_ADD_MEMBERSHIP, { multiaddr: GROUP, ...changes }), 'join');
}

const drop = (host: LabHost, fd: number, changes: Partial<Membership> = {}): number =>
  host.calls.setsockopt(fd, c.IPPROTO_IP, c.IP_DROP_MEMBERSHIP, { multiaddr: GROUP, ...changes });

const say = (host: LabHost, fd: number, text: string, to = GROUP): number =>
  host.calls.sendto(fd, new TextEncoder().encode(text), 0, { address: to, port: PORT });

/** Sends a Query as a router would. */
function query(host: LabHost): void {
  const { calls } = host;
  const fd = must(calls.socket(c.AF_INET, c.SOCK_RAW, IpProtocol.Igmp), 'socket');
  const bytes = new Uint8Array(8);
  writeIgmp(bytes, 0, IgmpType.Query, parseAddress('0.0.0.0')!);
  must(calls.sendto(fd, bytes, 0, { address: '224.0.0.1', port: 0 }), 'query');
  calls.close(fd);
}

describe('stack: multicast', () => {
  it('a datagram reaches every member on the network, the sender’s own host too, and nobody else', () => {
    const lan = makeLan(4);
    const [a, b, d, e] = lan.hosts as [LabHost, LabHost, LabHost, LabHost];
    const members = [a, b, d].map((host) => {
      const member = open(lan, host);
      join(host, member.fd);
      return member;
    });
    const stranger = open(lan, e);
    lan.simulation.runFor(SECOND);
    say(a, members[0]!.fd, 'hello');
    lan.simulation.runFor(SECOND);
    for (const { received } of members) expect(received).to.deep.equal(['hello from 10.0.0.1']);
    expect(stranger.received).to.deep.equal([]);
  });

  it('each socket that shares the port gets its copy', () => {
    const lan = makeLan(2);
    const [a, b] = lan.hosts as [LabHost, LabHost];
    const sender = open(lan, a);
    const sockets = [open(lan, b), open(lan, b), open(lan, b, GROUP)];
    const others = [open(lan, b, '10.0.0.2'), open(lan, b, '239.9.9.9'), open(lan, b, '0.0.0.0', PORT + 1)];
    join(b, others[2]!.fd);
    lan.simulation.runFor(SECOND);
    say(a, sender.fd, 'one');
    lan.simulation.runFor(SECOND);
    for (const { received } of sockets) expect(received).to.deep.equal(['one from 10.0.0.1']);
    for (const { received } of others) expect(received).to.deep.equal([]);
  });

  it('ip(7): with IP_MULTICAST_ALL off only from groups that were explicitly joined on this particular socket', () => {
    const lan = makeLan(2);
    const [a, b] = lan.hosts as [LabHost, LabHost];
    const sender = open(lan, a);
    const [all, own, none, bound] = [open(lan, b), open(lan, b), open(lan, b), open(lan, b, GROUP)] as const;
    join(b, own.fd);
    for (const { fd } of [own, none, bound]) must(b.calls.setsockopt(fd, c.IPPROTO_IP, c.IP_MULTICAST_ALL, 0), 'ALL');
    lan.simulation.runFor(SECOND);
    say(a, sender.fd, 'one');
    lan.simulation.runFor(SECOND);
    expect([all, own, none, bound].map(({ received }) => received.length)).to.deep.equal([1, 1, 0, 0]);
  });

  it('raw sockets hear their groups too', () => {
    const lan = makeLan(2);
    const [a, b] = lan.hosts as [LabHost, LabHost];
    const raw = (host: LabHost, address: string): number => {
      const fd = must(host.calls.socket(c.AF_INET, c.SOCK_RAW, 99), 'socket');
      must(host.calls.bind(fd, { address, port: 0 }), 'bind');
      return fd;
    };
    const fds = ['0.0.0.0', GROUP, '10.0.0.2', '0.0.0.0'].map((address) => raw(b, address));
    join(b, fds[0]!);
    must(b.calls.setsockopt(fds[3]!, c.IPPROTO_IP, c.IP_MULTICAST_ALL, 0), 'ALL');
    const sender = raw(a, '0.0.0.0');
    must(a.calls.setsockopt(sender, c.IPPROTO_IP, c.IP_MULTICAST_TTL, 7), 'TTL');
    must(say(a, sender, 'raw'), 'sendto');
    lan.simulation.runFor(SECOND);
    const bytes = new Uint8Array(100);
    expect(fds.map((fd) => b.calls.recv(fd, bytes))).to.deep.equal([23, 23, -Errno.EAGAIN, -Errno.EAGAIN]);
    expect(bytes[8]).to.equal(7);
  });

  it('IP_MULTICAST_LOOP off keeps what is sent from the own host', () => {
    const lan = makeLan(2);
    const members = lan.hosts.map((host) => {
      const member = open(lan, host);
      join(host, member.fd);
      return member;
    });
    must(lan.hosts[0]!.calls.setsockopt(members[0]!.fd, c.IPPROTO_IP, c.IP_MULTICAST_LOOP, 0), 'LOOP');
    say(lan.hosts[0]!, members[0]!.fd, 'away');
    lan.simulation.runFor(SECOND);
    expect(members.map(({ received }) => received)).to.deep.equal([[], ['away from 10.0.0.1']]);
  });

  it('after IP_DROP_MEMBERSHIP and after close nothing comes any more', () => {
    const lan = makeLan(2);
    const [a, b] = lan.hosts as [LabHost, LabHost];
    const sender = open(lan, a);
    const [listener, first, second] = [open(lan, b), open(lan, b, '0.0.0.0', 1), open(lan, b, '0.0.0.0', 2)];
    join(b, first.fd);
    join(b, second.fd);
    say(a, sender.fd, 'both');
    lan.simulation.runFor(SECOND);
    must(drop(b, first.fd), 'drop');
    say(a, sender.fd, 'one');
    lan.simulation.runFor(SECOND);
    b.calls.close(second.fd);
    say(a, sender.fd, 'none');
    lan.simulation.runFor(SECOND);
    expect(listener.received.map((line) => line.split(' ')[0])).to.deep.equal(['both', 'one']);
    expect([...b.stack.ports[0]!.network.groups.keys()].map(formatAddress)).to.deep.equal(['224.0.0.1']);
  });

  it('a join is heard as a report at once, and again within ten seconds', () => {
    const lan = makeLan(2);
    const [, b] = lan.hosts as [LabHost, LabHost];
    const started = lan.simulation.now;
    join(b, open(lan, b).fd);
    lan.simulation.runFor(20 * SECOND);
    expect(lan.heard.map(({ from, what }) => `${from} ${what}`)).to.deep.equal([
      `10.0.0.2 ${GROUP}`,
      `10.0.0.2 ${GROUP}`,
    ]);
    expect(lan.heard[0]!.time - started).to.be.below(MS);
    expect(lan.heard[1]!.time - started).to.be.within(1, 10 * SECOND);
  });

  it('a query is answered by one of the members only, after a delay', () => {
    const lan = makeLan(4);
    const [router, ...members] = lan.hosts as [LabHost, LabHost, LabHost, LabHost];
    for (const host of members) join(host, open(lan, host).fd);
    lan.simulation.runFor(30 * SECOND);
    lan.heard.length = 0;
    const asked = lan.simulation.now;
    query(router);
    lan.simulation.runFor(30 * SECOND);
    expect(lan.heard.map(({ what }) => what)).to.deep.equal(['query', GROUP]);
    expect(lan.heard[1]!.time - asked).to.be.within(1, 10 * SECOND);
    const counters = members.map(({ stack }) => stack.igmp.counters());
    expect(counters.map(({ queries }) => queries)).to.deep.equal([1, 1, 1]);
    // The other two heard that report, and first reports before.
    expect(counters.filter(({ reportsHeard }) => reportsHeard > 0).length).to.be.at.least(2);
  });

  it('who has left does not answer', () => {
    const lan = makeLan(2);
    const [router, member] = lan.hosts as [LabHost, LabHost];
    const { fd } = open(lan, member);
    join(member, fd);
    lan.simulation.runFor(30 * SECOND);
    must(drop(member, fd), 'drop');
    lan.heard.length = 0;
    query(router);
    lan.simulation.runFor(30 * SECOND);
    expect(lan.heard.map(({ what }) => what)).to.deep.equal(['query']);
  });

  it('a socket that is connected to a group sends there, and receives from nobody', () => {
    const lan = makeLan(2);
    const [a, b] = lan.hosts as [LabHost, LabHost];
    const member = open(lan, b);
    join(b, member.fd);
    const sender = open(lan, a);
    must(a.calls.connect(sender.fd, { address: GROUP, port: PORT }), 'connect');
    const name = { address: '', port: 0 };
    must(a.calls.getsockname(sender.fd, name), 'getsockname');
    expect(name).to.deep.equal({ address: '10.0.0.1', port: PORT });
    must(a.calls.send(sender.fd, new TextEncoder().encode('to all')), 'send');
    lan.simulation.runFor(SECOND);
    say(b, member.fd, 'answer');
    lan.simulation.runFor(SECOND);
    expect(member.received).to.deep.equal(['to all from 10.0.0.1', 'answer from 10.0.0.2']);
    expect(sender.received).to.deep.equal([]);
  });

  it('a program is bounded in the groups that it joins: ENOBUFS beyond config.ip.maxMemberships', () => {
    const simulation = new Simulation({ seed: 1 });
    const [port] = new EthernetSwitch({ ports: 1 }).ports;
    const host = addHost(simulation, 'a', [{ link: port!, address: '10.0.0.1/24' }], { ip: { maxMemberships: 2 } });
    const fd = must(host.calls.socket(c.AF_INET, c.SOCK_DGRAM, 0), 'socket');
    const results = [1, 2, 3].map((last) =>
      host.calls.setsockopt(fd, c.IPPROTO_IP, c.IP_ADD_MEMBERSHIP, { multiaddr: `239.0.0.${last}`, ifindex: LINK }),
    );
    expect(results).to.deep.equal([0, 0, -Errno.ENOBUFS]);
    expect(simulation.now).to.equal(micros(0));
  });
});
