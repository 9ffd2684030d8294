/**
 * Hosts with several interfaces and addresses, and a host speaking to itself. RFC 1122 §3.3.1, §3.3.4, §3.2.1.3.
 */
import { expect } from 'chai';
import { Errno } from '../../src/core/errno.ts';
import { MINUTE, MS, SECOND } from '../../src/core/time.ts';
import { parseAddress, parsePrefix } from '../../src/ip/address.ts';
import { Simulation } from '../../src/lab/simulator.ts';
import { addHost } from '../../src/lab/topology.ts';
import type { LabHost } from '../../src/lab/topology.ts';
import { patternBytes } from '../../src/lab/transfer.ts';
import { cable } from '../../src/link/cable.ts';
import { impair } from '../../src/link/impair.ts';
import type { ImpairedLink } from '../../src/link/impair.ts';
import { EthernetSwitch } from '../../src/link/switch.ts';
import { AF_INET, SOCK_DGRAM, SOCK_STREAM } from '../../src/socket/constants.ts';
import { connectTo, datagramEnd, must, ping, serve, serveEcho } from '../support/programs.ts';
import type { StreamEnd } from '../support/programs.ts';
import { same } from '../support/session.ts';

const ECHO = 7;

function route(host: LabHost, destination: string, gateway: string): void {
  const spec = { destination: parsePrefix(destination)!, gateway: parseAddress(gateway)! };
  must(host.stack.ip.addRoute(spec), 'addRoute');
}

/** The local address of a socket. */
function localAddress(host: LabHost, fd: number): string {
  const into = { address: '', port: 0 };
  must(host.calls.getsockname(fd, into), 'getsockname');
  return into.address;
}

/** Frames that a host has put on its wires. */
const framesOut = (host: LabHost): number =>
  host.stack.ports.reduce((sum, { ethernet }) => sum + ethernet.port.framesOut, 0);

interface TwoNets {
  readonly simulation: Simulation;
  /** 10.0.1.1 and 10.0.2.1. */
  readonly middle: LabHost;
  /** 10.0.1.2. */
  readonly left: LabHost;
  /** 10.0.2.2. */
  readonly right: LabHost;
}

/** A host with a cable to each of two others, which do not know each other. It does not forward. */
function twoNets(): TwoNets {
  const simulation = new Simulation({ seed: 3 });
  const [a, b] = cable({ delay: MS, names: ['eth0', 'left'] });
  const [c, d] = cable({ delay: MS, names: ['eth1', 'right'] });
  const middle = addHost(simulation, 'middle', [
    { link: a, address: '10.0.1.1/24' },
    { link: c, address: '10.0.2.1/24' },
  ]);
  const left = addHost(simulation, 'left', [{ link: b, address: '10.0.1.2/24' }]);
  const right = addHost(simulation, 'right', [{ link: d, address: '10.0.2.2/24' }]);
  for (const host of [middle, left, right]) serveEcho(host, ECHO);
  return { simulation, middle, left, right };
}

/** Connects, sends, and waits for the echo. */
function echoThrough(simulation: Simulation, from: LabHost, to: string, limit = 5 * SECOND): StreamEnd {
  const end = connectTo(from, to, ECHO).write(patternBytes(5000));
  simulation.run(() => end.receivedLength === 5000 || end.error !== '', limit);
  expect(end.error).to.equal('');
  expect(same(end.received, patternBytes(5000)), `echo of ${to}`).to.equal(true);
  return end;
}

describe('stack: several interfaces', () => {
  it('each destination is reached on its own network, from the address there', () => {
    const { simulation, middle } = twoNets();
    for (const [to, from] of [
      ['10.0.1.2', '10.0.1.1'],
      ['10.0.2.2', '10.0.2.1'],
    ] as const) {
      const end = echoThrough(simulation, middle, to);
      expect(localAddress(middle, end.fd)).to.equal(from);
      const udp = must(middle.calls.socket(AF_INET, SOCK_DGRAM, 0), 'socket');
      must(middle.calls.connect(udp, { address: to, port: 9 }), 'connect');
      expect(localAddress(middle, udp)).to.equal(from);
    }
  });

  it('both clients are served by one listener, each on the address that it asked for', () => {
    const { simulation, middle, left, right } = twoNets();
    const names: string[] = [];
    serve(middle, 80, (end) => names.push(localAddress(middle, end.fd)));
    connectTo(left, '10.0.1.1', 80);
    simulation.runFor(SECOND);
    connectTo(right, '10.0.2.1', 80);
    simulation.runFor(SECOND);
    expect(names).to.deep.equal(['10.0.1.1', '10.0.2.1']);
  });

  it('a listener on one address does not answer on the other', () => {
    const { simulation, middle, left, right } = twoNets();
    serve(middle, 80, () => undefined, { address: '10.0.1.1' });
    const good = connectTo(left, '10.0.1.1', 80);
    const bad = connectTo(right, '10.0.2.1', 80);
    simulation.runFor(SECOND);
    expect([good.connected, bad.error]).to.deep.equal([true, 'ECONNREFUSED']);
  });

  it('the longest prefix decides', () => {
    const { simulation, middle, left, right } = twoNets();
    route(middle, '0.0.0.0/0', '10.0.1.2');
    route(middle, '20.0.0.0/8', '10.0.2.2');
    route(middle, '20.9.0.0/16', '10.0.1.2');
    route(middle, '20.9.9.0/24', '10.0.2.2');
    route(middle, '20.9.9.9/32', '10.0.1.2');
    const took = (): [number, number] => [
      left.stack.context.drops.count('ip-not-for-us'),
      right.stack.context.drops.count('ip-not-for-us'),
    ];
    const udp = datagramEnd(middle, 5000);
    const rows = [
      ['8.8.8.8', 'left'],
      ['20.1.1.1', 'right'],
      ['20.9.1.1', 'left'],
      ['20.9.9.1', 'right'],
      ['20.9.9.9', 'left'],
    ] as const;
    for (const [to, via] of rows) {
      const [l, r] = took();
      must(udp.send(patternBytes(10), to, 9), 'send');
      simulation.runFor(SECOND);
      expect(took(), to).to.deep.equal(via === 'left' ? [l + 1, r] : [l, r + 1]);
    }
  });

  it('without a route: ENETUNREACH', () => {
    const { middle } = twoNets();
    expect(connectTo(middle, '8.8.8.8', 80).error).to.equal('ENETUNREACH');
    expect(datagramEnd(middle, 5000).send(patternBytes(1), '8.8.8.8', 9)).to.equal(-Errno.ENETUNREACH);
    expect(ping(middle, '8.8.8.8')).to.deep.equal(['ENETUNREACH']);
  });

  it('of several addresses on one interface the one of the destination’s network is the source', () => {
    const { simulation, middle, left } = twoNets();
    const [port] = middle.stack.ports;
    const { ip } = middle.stack;
    must(ip.addAddress(port!.network, parsePrefix('192.168.7.1/24')!, {}, simulation.now), 'addAddress');
    const far = left.stack.ports[0]!.network;
    must(left.stack.ip.addAddress(far, parsePrefix('192.168.7.2/24')!, {}, simulation.now), 'addAddress');
    for (const [to, from] of [
      ['10.0.1.2', '10.0.1.1'],
      ['192.168.7.2', '192.168.7.1'],
    ] as const) {
      expect(localAddress(middle, echoThrough(simulation, middle, to).fd)).to.equal(from);
    }
    const chosen = connectTo(middle, '192.168.7.2', ECHO, { from: '10.0.1.1' });
    simulation.runFor(SECOND);
    expect(chosen.connected, 'a bound address stays').to.equal(true);
    expect(localAddress(middle, chosen.fd)).to.equal('10.0.1.1');
  });

  it('the weak model: an address of the other interface answers, as itself', () => {
    const { simulation, middle, left } = twoNets();
    route(left, '10.0.2.0/24', '10.0.1.1');
    const end = echoThrough(simulation, left, '10.0.2.1');
    const peer = { address: '', port: 0 };
    must(left.calls.getpeername(end.fd, peer), 'getpeername');
    expect(peer).to.deep.equal({ address: '10.0.2.1', port: ECHO });
    const replies = ping(left, '10.0.2.1');
    simulation.runFor(SECOND);
    expect(replies).to.deep.equal(['10.0.2.1']);
    const refused = connectTo(left, '10.0.2.1', 81);
    simulation.runFor(SECOND);
    expect(refused.error).to.equal('ECONNREFUSED');
    // A host is no router: what is for the host behind it stays.
    const before = middle.stack.context.drops.count('ip-not-for-us');
    expect(ping(left, '10.0.2.2')).to.deep.equal([]);
    simulation.runFor(SECOND);
    expect(middle.stack.context.drops.count('ip-not-for-us')).to.equal(before + 1);
  });

  it('an interface that is switched off: routes through it do not count, and it takes nothing', () => {
    const { simulation, middle, left } = twoNets();
    echoThrough(simulation, middle, '10.0.1.2');
    middle.stack.ip.setUp(middle.stack.ports[0]!.network, false);
    expect(connectTo(middle, '10.0.1.2', ECHO).error).to.equal('ENETUNREACH');
    const replies = ping(left, '10.0.1.1');
    simulation.runFor(SECOND);
    expect(replies).to.deep.equal([]);
    expect(middle.stack.context.drops.count('ip-interface-down')).to.be.above(0);
    middle.stack.ip.setUp(middle.stack.ports[0]!.network, true);
    echoThrough(simulation, middle, '10.0.1.2');
  });

  it('an address that is taken away: its connections cannot send, others go on', () => {
    const { simulation, middle, right } = twoNets();
    const lost = echoThrough(simulation, middle, '10.0.1.2');
    const kept = echoThrough(simulation, middle, '10.0.2.2');
    const { ip } = middle.stack;
    expect(ip.removeAddress(middle.stack.ports[0]!.network, parseAddress('10.0.1.1')!)).to.equal(true);
    lost.write(patternBytes(10));
    kept.write(patternBytes(10));
    simulation.runFor(SECOND);
    expect([lost.receivedLength, kept.receivedLength]).to.deep.equal([5000, 5010]);
    expect(right.stack.context.frames.inUse).to.equal(0);
    simulation.run(() => lost.error !== '' || lost.info.state === 'CLOSED', 60 * MINUTE);
    expect(lost.info.state, 'and gives up in the end').to.equal('CLOSED');
  });
});

describe('stack: default gateways', () => {
  interface Gateways {
    readonly simulation: Simulation;
    readonly host: LabHost;
    readonly first: ImpairedLink;
    readonly second: ImpairedLink;
  }

  /** A host with two gateways on its link; behind both there is 9.9.9.9 with an echo service. */
  function twoGateways(): Gateways {
    const simulation = new Simulation({ seed: 4 });
    const bridge = new EthernetSwitch({ ports: 3 });
    const host = addHost(simulation, 'host', [{ link: bridge.ports[0]!, address: '10.0.0.1/24' }]);
    const links = [1, 2].map((number) => impair(bridge.ports[number]!));
    links.forEach((link, index) => {
      const [inner] = cable();
      const gateway = addHost(simulation, `gateway${index}`, [
        { link, address: `10.0.0.${254 - index}/24` },
        { link: inner, address: '9.9.9.9/32' },
      ]);
      serveEcho(gateway, ECHO);
      route(host, '0.0.0.0/0', gateway.address);
    });
    return { simulation, host, first: links[0]!, second: links[1]! };
  }

  const DEAD = { loss: 1 };

  it('the first one is used', () => {
    const { simulation, host, second } = twoGateways();
    second.incoming.configure(DEAD);
    echoThrough(simulation, host, '9.9.9.9');
  });

  it('1122-3.3.1.5: one that never answered is replaced by the next in a few seconds', () => {
    const { simulation, host, first } = twoGateways();
    first.incoming.configure(DEAD);
    echoThrough(simulation, host, '9.9.9.9', 20 * SECOND);
  });

  it('one that dies later is replaced, and its successor likewise', () => {
    const { simulation, host, first, second } = twoGateways();
    echoThrough(simulation, host, '9.9.9.9');
    first.incoming.configure(DEAD);
    // Trust of 30 s, 5 s of delay, two rounds of three questions, and a SYN at the right time.
    echoThrough(simulation, host, '9.9.9.9', 90 * SECOND);
    first.incoming.configure({});
    second.incoming.configure(DEAD);
    echoThrough(simulation, host, '9.9.9.9', 90 * SECOND);
  });

  it('one that was never there: a SYN that waits for it is lost, and the next takes the other one', () => {
    const { simulation, host, first } = twoGateways();
    simulation.runFor(5 * SECOND); // both have announced themselves
    first.incoming.configure(DEAD);
    const end = connectTo(host, '9.9.9.9', ECHO);
    simulation.run(() => end.connected || end.error !== '', 4 * SECOND);
    expect([end.error, end.connected]).to.deep.equal(['', true]);
  });

  it('with all of them dead: EHOSTUNREACH, and again a connection once one lives', () => {
    const { simulation, host, first, second } = twoGateways();
    simulation.runFor(5 * SECOND);
    first.incoming.configure(DEAD);
    second.incoming.configure(DEAD);
    const end = connectTo(host, '9.9.9.9', ECHO);
    simulation.run(() => end.error !== '', 10 * SECOND);
    expect(end.error).to.equal('EHOSTUNREACH');
    second.incoming.configure({});
    simulation.runFor(30 * SECOND);
    echoThrough(simulation, host, '9.9.9.9', 20 * SECOND);
  });
});

describe('stack: a host and itself', () => {
  for (const to of ['127.0.0.1', '127.1.2.3', '10.0.1.1', '10.0.2.1', '0.0.0.0']) {
    it(`a connection to ${to} stays inside`, () => {
      const { simulation, middle } = twoNets();
      simulation.runFor(10 * SECOND);
      const before = framesOut(middle);
      const end = echoThrough(simulation, middle, to);
      const from = to.startsWith('10.') ? to : '127.0.0.1';
      expect(localAddress(middle, end.fd)).to.equal(from);
      const replies = to === '0.0.0.0' ? [to] : ping(middle, to);
      const udp = datagramEnd(middle, 5000);
      const echo = datagramEnd(middle, 5001, '0.0.0.0', true);
      must(udp.send(patternBytes(1000), to, 5001), 'send');
      simulation.runFor(SECOND);
      expect(replies).to.deep.equal([to]);
      expect(echo.received.length).to.equal(1);
      expect(udp.received.length).to.equal(1);
      expect(framesOut(middle)).to.equal(before);
      expect(middle.stack.context.frames.inUse).to.equal(0);
    });
  }

  it('a mebibyte through the loopback, at one instant', () => {
    const { simulation, middle } = twoNets();
    const data = patternBytes(1 << 20);
    const end = connectTo(middle, '127.0.0.1', ECHO).write(data).finish();
    simulation.run(() => end.ended || end.error !== '', 10 * SECOND);
    expect(same(end.received, data)).to.equal(true);
  });

  it('a listener on one loopback address, and another beside it', () => {
    const { simulation, middle } = twoNets();
    const accepted: string[] = [];
    for (const address of ['127.0.0.5', '127.0.0.6']) serve(middle, 80, () => accepted.push(address), { address });
    for (const to of ['127.0.0.6', '127.0.0.5']) {
      connectTo(middle, to, 80);
      simulation.runFor(SECOND);
    }
    const refused = connectTo(middle, '127.0.0.1', 80);
    simulation.runFor(SECOND);
    expect([accepted, refused.error]).to.deep.equal([['127.0.0.6', '127.0.0.5'], 'ECONNREFUSED']);
  });

  it('a socket connected to itself reads what it writes', () => {
    const { simulation, middle } = twoNets();
    const { calls } = middle;
    const fd = must(calls.socket(AF_INET, SOCK_STREAM, 0), 'socket');
    must(calls.bind(fd, { address: '127.0.0.1', port: 4321 }), 'bind');
    calls.connect(fd, { address: '127.0.0.1', port: 4321 });
    simulation.runFor(5 * SECOND);
    expect(calls.connect(fd, { address: '127.0.0.1', port: 4321 })).to.equal(0);
    expect(calls.send(fd, patternBytes(100))).to.equal(100);
    simulation.runFor(SECOND);
    const into = new Uint8Array(200);
    expect(calls.recv(fd, into)).to.equal(100);
    calls.close(fd);
    simulation.runFor(10 * MINUTE);
    expect([...middle.stack.tcp.connections()].length).to.equal(0);
  });

  it('nothing with a loopback address comes in or goes out', () => {
    const { simulation, middle, left } = twoNets();
    // A gateway route for 127/8 on the neighbour makes it send what no host should send.
    const wire = left.stack.ports[0]!;
    const spoof = (source: number[], destination: number[]): void => {
      const bytes = new Uint8Array(60);
      const header = [0x45, 0, 0, 46, 0, 0, 0, 0, 64, 17, 0, 0, ...source, ...destination];
      bytes.set([...macOf(middle), 2, 0, 0, 0, 0, 9, 8, 0, ...header]);
      let sum = 0;
      for (let i = 14; i < 34; i += 2) sum += (bytes[i]! << 8) | bytes[i + 1]!;
      sum = ~((sum & 0xffff) + (sum >>> 16)) & 0xffff;
      bytes.set([sum >> 8, sum & 255], 24);
      wire.link.send(left.stack.context.frames.from(bytes), simulation.now);
      simulation.runFor(10 * MS);
    };
    simulation.runFor(SECOND);
    spoof([127, 0, 0, 1], [10, 0, 1, 1]);
    spoof([127, 0, 0, 1], [127, 0, 0, 1]);
    spoof([10, 0, 1, 2], [127, 0, 0, 1]);
    expect(middle.stack.context.drops.count('ip-loopback-from-wire')).to.equal(3);
    spoof([10, 0, 1, 1], [10, 0, 1, 1]);
    spoof([10, 0, 2, 1], [10, 0, 1, 1]);
    expect(middle.stack.context.drops.count('ip-source-own')).to.equal(2);
    const end = connectTo(middle, '10.0.1.2', ECHO, { from: '127.0.0.1' });
    expect(end.error).to.equal('EINVAL');
  });
});

const macOf = (host: LabHost): number[] => {
  const { mac } = host.stack.ports[0]!.ethernet;
  return Array.from({ length: 6 }, (_, i) => Math.floor(mac / 2 ** (40 - 8 * i)) & 255);
};
