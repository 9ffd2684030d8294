import { expect } from 'chai';
import fc from 'fast-check';
import { Errno } from '../../src/core/errno.ts';
import type { Frame } from '../../src/core/frame.ts';
import { ANY_ADDRESS, formatAddress, ipv4 } from '../../src/ip/address.ts';
import { Identifications } from '../../src/ip/identification.ts';
import { DONT_FRAGMENT, ipChecksumIsValid, readIpv4Header } from '../../src/ip/ipv4-wire.ts';
import type { IpErrorReport, OutputOptions, Path } from '../../src/ip/service.ts';
import { SeededRandom } from '../../src/core/random.ts';
import { FakeLink } from './fake-link.ts';
import { T0, addr, datagram, makeHost, patched, prefix } from './host.ts';
import type { Host } from './host.ts';

const OPTIONS: OutputOptions = { protocol: 200, ttl: 9, tos: 0x28, dontFragment: true };

function pathTo(host: Host, destination: string, source = '0.0.0.0', interfaceId = 0): Path {
  const path = host.ip.route(addr(destination), addr(source), interfaceId);
  if (typeof path === 'number') throw new Error(`no path: ${path}`);
  return path;
}

const payload = (host: Host, length = 8): Frame => host.context.frames.from(new Uint8Array(length).fill(0x5a));

describe('ip/ipv4 output', () => {
  it('prepends a header with all that was asked for', () => {
    const host = makeHost();
    const path = pathTo(host, '10.0.0.7');
    expect(host.ip.output(path, payload(host), OPTIONS, T0)).to.equal(0);
    const [sent] = host.link.sent;
    expect(sent!.kind).to.equal('unicast');
    expect(sent!.nextHop).to.equal(addr('10.0.0.7'));
    expect([sent!.network, sent!.transport]).to.deep.equal([0, 20]);
    expect(readIpv4Header(sent!.bytes, 0)).to.deep.equal({
      tos: 0x28, // 1122-3.2.1.6-a
      totalLength: 28,
      identification: 0,
      flagsAndOffset: DONT_FRAGMENT,
      ttl: 9, // 1122-3.2.1.7-c
      protocol: 200,
      source: addr('10.0.0.2'),
      destination: addr('10.0.0.7'),
    });
    expect(ipChecksumIsValid(sent!.bytes, 0, 20)).to.be.true;
    expect(host.context.frames.inUse).to.equal(0);
  });

  it('1122-3.2.1.7-a: refuses a TTL of 0, and of 256', () => {
    const host = makeHost();
    for (const ttl of [0, 256]) {
      expect(host.ip.output(pathTo(host, '10.0.0.7'), payload(host), { ...OPTIONS, ttl }, T0)).to.equal(-Errno.EINVAL);
    }
    expect(host.link.sent).to.deep.equal([]);
    expect(host.context.drops.count('ip-output-refused')).to.equal(2);
    expect(host.context.frames.inUse).to.equal(0);
  });

  it('1122-3.3.3-c: refuses what does not fit, unless it is a super-segment that is cut further down', () => {
    const host = makeHost();
    const path = pathTo(host, '10.0.0.7');
    expect(path.mtu - path.headerLength).to.equal(1480); // 1122-3.3.3-a: MMS_S
    expect(host.ip.output(path, payload(host, 1480), OPTIONS, T0)).to.equal(0);
    expect(host.ip.output(path, payload(host, 1481), OPTIONS, T0)).to.equal(-Errno.EMSGSIZE);
    host.link.maxSegment = 65535;
    const big = payload(host, 60000);
    big.gsoSize = 1448;
    expect(host.ip.output(path, big, OPTIONS, T0)).to.equal(0);
    expect(readIpv4Header(host.link.sent[1]!.bytes, 0).totalLength).to.equal(60020);
    expect(host.context.drops.count('ip-output-too-long')).to.equal(1);
    expect(host.context.frames.inUse).to.equal(0);
  });

  describe('route', () => {
    const good: [destination: string, source: string, from: string, nextHop: string, kind: string][] = [
      ['10.0.0.7', '0.0.0.0', '10.0.0.2', '10.0.0.7', 'unicast'],
      ['8.8.8.8', '0.0.0.0', '10.0.0.2', '10.0.0.1', 'unicast'],
      ['8.8.8.8', '192.168.5.5', '192.168.5.5', '10.0.0.1', 'unicast'],
      ['192.168.5.9', '0.0.0.0', '192.168.5.5', '192.168.5.9', 'unicast'],
      ['10.0.0.255', '0.0.0.0', '10.0.0.2', '', 'broadcast'],
      ['255.255.255.255', '0.0.0.0', '10.0.0.2', '', 'broadcast'],
      ['255.255.255.255', '192.168.5.5', '192.168.5.5', '', 'broadcast'],
      ['224.0.0.251', '0.0.0.0', '10.0.0.2', '224.0.0.251', 'multicast'],
    ];
    for (const [destination, source, from, nextHop, kind] of good) {
      it(`to ${destination} from ${source}: ${kind} from ${from}`, () => {
        const host = makeHost();
        host.ip.addAddress(host.network, prefix('192.168.5.5/24'), {}, T0);
        const path = pathTo(host, destination, source);
        expect(formatAddress(path.source)).to.equal(from);
        host.ip.output(path, payload(host), OPTIONS, T0);
        const [sent] = host.link.sent;
        expect(sent!.kind).to.equal(kind);
        expect(sent!.nextHop === undefined ? '' : formatAddress(sent!.nextHop)).to.equal(nextHop);
      });
    }

    const local: [destination: string, from: string][] = [
      ['127.0.0.1', '127.0.0.1'],
      ['127.9.9.9', '127.0.0.1'],
      ['10.0.0.2', '10.0.0.2'],
    ];
    for (const [destination, from] of local) {
      it(`to ${destination}: over the loopback from ${from}, not re-entered`, () => {
        const host = makeHost();
        const order: string[] = [];
        host.ip.register(200, {
          receive: (_frame, packet) => {
            order.push(`${formatAddress(packet.source)} on ${packet.interfaceId}`);
            return true;
          },
          error: () => undefined,
        });
        const path = pathTo(host, destination);
        expect(path.mtu).to.equal(65535);
        expect(host.ip.output(path, payload(host), OPTIONS, T0)).to.equal(0);
        expect(order).to.deep.equal([]);
        expect(host.ip.pending).to.be.true;
        host.ip.poll(T0);
        expect(order).to.deep.equal([`${from} on 1`]);
        expect(host.ip.pending).to.be.false;
        expect(host.link.sent).to.deep.equal([]);
        expect(host.context.frames.inUse).to.equal(0);
      });
    }

    const bad: [name: string, destination: string, source: string, errno: number][] = [
      ['1122-3.2.1.3-b: a source that is not ours', '10.0.0.7', '10.0.0.3', Errno.EINVAL],
      ['1122-3.2.1.3-e: a broadcast source', '10.0.0.7', '10.0.0.255', Errno.EINVAL],
      ['1122-3.2.1.3-b: a multicast source', '10.0.0.7', '224.0.0.1', Errno.EINVAL],
      ['a loopback source to the wire', '10.0.0.7', '127.0.0.1', Errno.EINVAL],
      ['a loopback source to everybody', '255.255.255.255', '127.0.0.1', Errno.EINVAL],
      ['0.0.0.0', '0.0.0.0', '0.0.0.0', Errno.ENETUNREACH],
      ['network 0', '0.1.2.3', '0.0.0.0', Errno.ENETUNREACH],
      ['class E', '240.0.0.1', '0.0.0.0', Errno.ENETUNREACH],
    ];
    for (const [name, destination, source, errno] of bad) {
      it(`refuses ${name}`, () => {
        expect(makeHost().ip.route(addr(destination), addr(source))).to.equal(-errno);
      });
    }

    it('without a default gateway only connected networks are reached', () => {
      const host = makeHost();
      expect(host.ip.removeRoute({ destination: prefix('0.0.0.0/0') })).to.equal(1);
      expect(host.ip.route(addr('8.8.8.8'), ANY_ADDRESS)).to.equal(-Errno.ENETUNREACH);
      expect(host.ip.route(addr('10.0.0.7'), ANY_ADDRESS)).not.to.be.a('number');
    });

    it('1122-3.2.1.3 (a): an interface without an address broadcasts from 0.0.0.0, and does nothing else', () => {
      const host = makeHost();
      const second = new FakeLink(host.context, 'eth1');
      const network = host.ip.addInterface(second);
      const path = pathTo(host, '255.255.255.255', '0.0.0.0', network.id);
      expect(path.source).to.equal(ANY_ADDRESS);
      expect(host.ip.output(path, payload(host), OPTIONS, T0)).to.equal(0);
      expect(second.sent.map(({ kind }) => kind)).to.deep.equal(['broadcast']);
      expect(host.ip.route(addr('10.0.0.7'), ANY_ADDRESS, network.id)).to.equal(-Errno.ENETUNREACH);
    });

    it('no address at all', () => {
      const host = makeHost();
      host.ip.removeAddress(host.network, addr('10.0.0.2'));
      host.ip.addRoute({ destination: prefix('10.9.0.0/16'), interfaceId: host.network.id });
      expect(host.ip.route(addr('10.9.0.1'), ANY_ADDRESS)).to.equal(-Errno.EADDRNOTAVAIL);
    });

    it('1122-3.3.1.2-a: asks for the same path give the same path, until something changes', () => {
      const host = makeHost();
      const first = pathTo(host, '8.8.8.8');
      expect(pathTo(host, '8.8.8.8')).to.equal(first);
      expect(pathTo(host, '8.8.8.8', '10.0.0.2')).not.to.equal(first);
      host.ip.addAddress(host.network, prefix('192.168.5.5/24'), {}, T0);
      expect(pathTo(host, '8.8.8.8')).not.to.equal(first);
    });
  });

  describe('a path that is kept', () => {
    const nextHops = (host: Host): string[] => host.link.sent.map(({ nextHop }) => formatAddress(nextHop!));

    it('follows the routes', () => {
      const host = makeHost();
      const path = pathTo(host, '8.8.8.8');
      const send = (): number => host.ip.output(path, payload(host), OPTIONS, T0);
      expect(send()).to.equal(0);
      host.ip.addRoute({ destination: prefix('8.0.0.0/8'), gateway: addr('10.0.0.3') });
      expect(send()).to.equal(0);
      expect(nextHops(host)).to.deep.equal(['10.0.0.1', '10.0.0.3']);
      host.ip.removeRoute({ destination: prefix('8.0.0.0/8') });
      host.ip.removeRoute({ destination: prefix('0.0.0.0/0') });
      expect(send()).to.equal(-Errno.ENETUNREACH);
      expect(path.mtu).to.equal(1500);
      host.ip.addRoute({ destination: prefix('0.0.0.0/0'), gateway: addr('10.0.0.4') });
      expect(send()).to.equal(0);
      expect(nextHops(host)).to.deep.equal(['10.0.0.1', '10.0.0.3', '10.0.0.4']);
    });

    it('1122-3.2.1.3-b: cannot be used once its source is gone', () => {
      const host = makeHost();
      const path = pathTo(host, '10.0.0.7');
      host.ip.addAddress(host.network, prefix('10.0.0.3/24'), {}, T0);
      host.ip.removeAddress(host.network, addr('10.0.0.2'));
      expect(host.ip.output(path, payload(host), OPTIONS, T0)).to.equal(-Errno.EINVAL);
      // A new caller gets a path with another source, whatever the old one's holder has done to it.
      expect(pathTo(host, '10.0.0.7').source).to.equal(addr('10.0.0.3'));
    });

    it('knows no path of another maker', () => {
      const host = makeHost();
      const path = { ...pathTo(host, '10.0.0.7') };
      const frame = payload(host);
      expect(() => host.ip.output(path, frame, OPTIONS, T0)).to.throw('a path that this IP has not made');
      frame.release();
    });

    it('1122-3.3.1.4-f, 1122-3.3.1.5-a: doubt about a gateway brings the next; a second doubt of the same turn does not', () => {
      const host = makeHost();
      host.ip.addRoute({ destination: prefix('0.0.0.0/0'), gateway: addr('10.0.0.3') });
      const [one, two] = [pathTo(host, '8.8.8.8'), pathTo(host, '9.9.9.9')];
      host.ip.doubt(one, T0);
      host.ip.doubt(two, T0);
      host.ip.output(one, payload(host), OPTIONS, T0);
      host.ip.output(two, payload(host), OPTIONS, T0);
      expect(nextHops(host)).to.deep.equal(['10.0.0.3', '10.0.0.3']);
    });

    it('1122-3.3.1.4-a, 1122-3.3.1.4-b: a gateway that does not answer is replaced; with all of them gone who sent is told', () => {
      const host = makeHost();
      host.ip.addRoute({ destination: prefix('0.0.0.0/0'), gateway: addr('10.0.0.3') });
      const reports: IpErrorReport[] = [];
      host.ip.register(200, {
        receive: () => true,
        error: (report, frame) => {
          expect(frame.bytes[frame.transport]).to.equal(0x5a);
          reports.push({ ...report });
        },
      });
      const path = pathTo(host, '8.8.8.8');
      host.ip.output(path, payload(host), OPTIONS, T0);
      const waiting = host.context.frames.from(host.link.sent[0]!.bytes);
      host.link.user!.onUnreachable(waiting, addr('10.0.0.1'), T0);
      expect(reports, 'the other gateway may be there').to.have.length(0);
      host.ip.output(path, payload(host), OPTIONS, T0);
      expect(nextHops(host)).to.deep.equal(['10.0.0.1', '10.0.0.3']);
      host.link.user!.onUnreachable(waiting, addr('10.0.0.3'), T0);
      waiting.release();
      expect(reports).to.have.length(1);
      expect(reports[0]).to.deep.include({
        from: addr('10.0.0.2'),
        source: addr('10.0.0.2'),
        destination: addr('8.8.8.8'),
        errno: Errno.EHOSTUNREACH,
        hard: false,
      });
    });

    it('a link layer that refuses a gateway at once has the same effect', () => {
      const host = makeHost();
      host.ip.addRoute({ destination: prefix('0.0.0.0/0'), gateway: addr('10.0.0.3') });
      const path = pathTo(host, '8.8.8.8');
      host.link.result = -Errno.EHOSTUNREACH;
      expect(host.ip.output(path, payload(host), OPTIONS, T0)).to.equal(-Errno.EHOSTUNREACH);
      host.link.result = 0;
      host.ip.output(path, payload(host), OPTIONS, T0);
      expect(nextHops(host)).to.deep.equal(['10.0.0.3']);
      expect(host.context.frames.inUse).to.equal(0);
    });

    it('confirms its next hop to the link layer', () => {
      const host = makeHost();
      host.ip.confirm(pathTo(host, '8.8.8.8'), T0);
      expect(host.link.calls).to.include(`confirm ${addr('10.0.0.1')}`);
    });
  });

  describe('outputRaw', () => {
    it('fills in lengths, checksum, and source and Identification when zero', () => {
      const host = makeHost();
      const bytes = datagram({ source: '0.0.0.0', destination: '10.0.0.7', identification: 0, ttl: 5 });
      const broken = patched(bytes, { 2: 0, 3: 0, 10: 0, 11: 0 }, false);
      expect(host.ip.outputRaw(pathTo(host, '10.0.0.7'), host.context.frames.from(broken), T0)).to.equal(0);
      const header = readIpv4Header(host.link.sent[0]!.bytes, 0);
      expect(header).to.deep.include({ totalLength: 28, source: addr('10.0.0.2'), ttl: 5 });
      expect(header.identification).not.to.equal(0);
      expect(ipChecksumIsValid(host.link.sent[0]!.bytes, 0, 20)).to.be.true;
      expect(host.link.sent[0]!.transport).to.equal(20);
    });

    it('leaves version and TTL to the program, as Linux does', () => {
      const host = makeHost();
      const forged = patched(good, { 0: 0x65, 8: 0 });
      expect(host.ip.outputRaw(pathTo(host, '10.0.0.7'), host.context.frames.from(forged), T0)).to.equal(0);
      expect(host.link.sent[0]!.bytes).to.deep.equal(forged);
    });

    const good = datagram({ destination: '10.0.0.7' });
    const bad: [name: string, bytes: Uint8Array, errno: number][] = [
      ['19 octets', good.slice(0, 19), Errno.EINVAL],
      ['a header length of 16', patched(good, { 0: 0x44 }), Errno.EINVAL],
      ['a header beyond the datagram', patched(good, { 0: 0x4f }, false), Errno.EINVAL],
      ['a loopback source', datagram({ source: '127.0.0.1', destination: '10.0.0.7' }), Errno.EINVAL],
      ['more than the link carries', datagram({ payload: new Uint8Array(1481) }), Errno.EMSGSIZE],
    ];
    for (const [name, bytes, errno] of bad) {
      it(`refuses ${name}`, () => {
        const host = makeHost();
        expect(host.ip.outputRaw(pathTo(host, '10.0.0.7'), host.context.frames.from(bytes), T0)).to.equal(-errno);
        expect(host.link.sent).to.deep.equal([]);
        expect(host.context.frames.inUse).to.equal(0);
      });
    }
  });

  describe('Identification', () => {
    it('6864-4.3-a: non-atomic datagrams to one destination do not repeat one', () => {
      const host = makeHost();
      const path = pathTo(host, '10.0.0.7');
      for (let i = 0; i < 2000; i++) {
        host.ip.output(path, payload(host), { ...OPTIONS, protocol: i % 2 === 0 ? 17 : 200, dontFragment: false }, T0);
      }
      const seen = new Set(host.link.sent.map(({ bytes }) => readIpv4Header(bytes, 0).identification));
      expect(seen.size).to.equal(2000);
    });

    it('another key gives other values', () => {
      const [one, two] = [new Identifications(new SeededRandom(1)), new Identifications(new SeededRandom(2))];
      const first = (ids: Identifications): number[] =>
        [1, 2, 3, 4].map((host) => ids.next(ids.hash(addr('10.0.0.2'), ipv4(host))));
      expect(first(one)).not.to.deep.equal(first(two));
    });
  });

  it('whatever is asked for, a frame is sent or released', () => {
    const host = makeHost();
    const octets = fc.integer({ min: 0, max: 0xffffffff }).map(ipv4);
    const destination = fc.oneof(octets, fc.constantFrom(addr('10.0.0.7'), addr('10.0.0.255'), addr('127.0.0.1')));
    fc.assert(
      fc.property(destination, fc.nat(2000), fc.nat(256), fc.boolean(), (to, length, ttl, dontFragment) => {
        const path = host.ip.route(to, ANY_ADDRESS);
        if (typeof path === 'number') {
          expect(path).to.be.lessThan(0);
        } else {
          host.ip.output(path, payload(host, length), { ...OPTIONS, ttl, dontFragment }, T0);
          host.settle();
        }
        expect(host.context.frames.inUse).to.equal(0);
      }),
    );
    for (const { bytes } of host.link.sent) expect(ipChecksumIsValid(bytes, 0, 20)).to.be.true;
  });
});
