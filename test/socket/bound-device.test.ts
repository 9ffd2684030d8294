/**
 * SO_BINDTODEVICE on a connection that is there: what it sends goes by the interface named now. socket(7).
 */
import { expect } from 'chai';
import { Errno } from '../../src/core/errno.ts';
import { MS } from '../../src/core/time.ts';
import { parseMac } from '../../src/ethernet/address.ts';
import { parsePrefix } from '../../src/ip/address.ts';
import { Simulation } from '../../src/lab/simulator.ts';
import { cable } from '../../src/link/cable.ts';
import type { Link } from '../../src/link/link.ts';
import * as c from '../../src/socket/constants.ts';
import { Stack } from '../../src/stack/stack.ts';

const PEER = { address: '10.0.0.2', port: 7000 };

function addHost(simulation: Simulation, name: string, links: readonly Link[], ...prefixes: string[]): Stack {
  const stack = new Stack({ random: simulation.random.fork() });
  links.forEach((link, i) => {
    stack.addLink(link, parseMac(`02:00:00:00:0${i}:0${name}`));
    stack.ip.addAddress(stack.ports[i]!.network, parsePrefix(prefixes[i]!)!, {}, simulation.now);
  });
  simulation.add(name, stack, links);
  return stack;
}

describe('SO_BINDTODEVICE of a connection', () => {
  it('moves it to the other interface, where nobody knows it', () => {
    const simulation = new Simulation({ seed: 1 });
    const [left, leftEnd] = cable({ names: ['eth0', 'eth0'] });
    const [right, rightEnd] = cable({ names: ['eth1', 'eth0'] });
    const { calls } = addHost(simulation, '1', [left, right], '10.0.0.1/24', '10.0.0.3/24');
    const peer = addHost(simulation, '2', [leftEnd], '10.0.0.2/24').calls;
    const other = addHost(simulation, '4', [rightEnd], '10.0.0.2/24');
    const listener = peer.socket(c.AF_INET, c.SOCK_STREAM, 0);
    peer.bind(listener, PEER);
    peer.listen(listener, 1);
    const fd = calls.socket(c.AF_INET, c.SOCK_STREAM, 0);
    calls.connect(fd, PEER);
    simulation.runFor(20 * MS);
    const accepted = peer.accept(listener);
    const before = other.ip.counters().received;
    expect(calls.setsockopt(fd, c.SOL_SOCKET, c.SO_BINDTODEVICE, 'eth1')).to.equal(0);
    expect(calls.send(fd, Uint8Array.of(1))).to.equal(1);
    simulation.runFor(20 * MS);
    expect(peer.recv(accepted, new Uint8Array(1))).to.equal(-Errno.EAGAIN);
    expect(other.ip.counters().received).to.be.greaterThan(before);
  });
});
