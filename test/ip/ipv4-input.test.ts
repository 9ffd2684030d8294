import { expect } from 'chai';
import fc from 'fast-check';
import type { DropReason } from '../../src/core/drop.ts';
import type { Frame } from '../../src/core/frame.ts';
import { IpProtocol } from '../../src/ip/service.ts';
import type { IpPacket, ProtocolHandler, RawListener } from '../../src/ip/service.ts';
import { FakeLink } from './fake-link.ts';
import { T0, addr, concat, datagram, makeHost, patched, prefix, withTotalLength } from './host.ts';
import type { Host } from './host.ts';

interface Seen {
  packet: IpPacket;
  payload: Uint8Array;
  network: number;
}

/** A handler that keeps what it gets. */
function listen(host: Host, protocol: number, verdict = true): Seen[] {
  const seen: Seen[] = [];
  const handler: ProtocolHandler = {
    receive: (frame, packet) => {
      seen.push({ packet: { ...packet }, payload: frame.view().slice(), network: frame.network });
      return verdict;
    },
    error: () => undefined,
  };
  host.ip.register(protocol, handler);
  return seen;
}

const linkBroadcast = (frame: Frame): void => {
  frame.linkBroadcast = true;
};

describe('ip/ipv4 input', () => {
  it('1122-3.4-b: hands a datagram to its protocol, with everything the header says', () => {
    const host = makeHost();
    const seen = listen(host, 200);
    host.link.deliver(datagram({ ttl: 3, tos: 0xb8, payload: Uint8Array.of(1, 2, 3) }));
    expect(seen).to.have.length(1);
    expect(seen[0]!.payload).to.deep.equal(Uint8Array.of(1, 2, 3));
    expect(seen[0]!.packet).to.deep.equal({
      source: addr('10.0.0.9'),
      destination: addr('10.0.0.2'),
      protocol: 200,
      ttl: 3,
      tos: 0xb8, // 1122-3.2.1.6-b
      interfaceId: host.network.id,
      broadcast: false,
      options: undefined,
    });
    expect(host.ip.counters()).to.include({ received: 1, delivered: 1, sent: 0 });
    expect(host.context.drops.snapshot()).to.deep.equal({});
    expect(host.context.frames.inUse).to.equal(0);
  });

  const good = datagram();
  const refused: [name: string, bytes: Uint8Array, reason: DropReason, change?: (frame: Frame) => void][] = [
    ['an empty frame', new Uint8Array(0), 'ip-truncated'],
    ['19 octets', good.slice(0, 19), 'ip-truncated'],
    ['1122-3.2.1.1-a: version 6', patched(good, { 0: 0x65 }), 'ip-version'],
    ['1122-3.2.1.1-a: version 0', patched(good, { 0: 0x05 }), 'ip-version'],
    ['a header length of 16', patched(good, { 0: 0x44 }), 'ip-header-length'],
    ['a header length beyond the frame', patched(good, { 0: 0x4f }, false), 'ip-header-length'],
    ['791-3.2-a: a total length below the header', withTotalLength(good, 19), 'ip-total-length'],
    ['791-3.2-a: a total length beyond the frame', withTotalLength(good, 29), 'ip-truncated'],
    ['1122-3.2.1.2-a: a wrong checksum', patched(good, { 8: 63 }, false), 'ip-checksum'],
    ['1122-3.2.1.3-c: another host', datagram({ destination: '10.0.0.3' }), 'ip-not-for-us'],
    ['1122-3.2.1.3-c: a broadcast of a network elsewhere', datagram({ destination: '10.0.1.255' }), 'ip-not-for-us'],
    ['1122-3.2.1.3-c: a group not joined', datagram({ destination: '224.0.0.9' }), 'ip-not-joined'],
    ['class E as destination', datagram({ destination: '240.0.0.1' }), 'ip-not-for-us'],
    ['a loopback destination from the wire', datagram({ destination: '127.0.0.1' }), 'ip-loopback-from-wire'],
    ['1122-3.2.1.3-d: a loopback source from the wire', datagram({ source: '127.0.0.1' }), 'ip-loopback-from-wire'],
    ['1122-3.2.1.3-d: the limited broadcast as source', datagram({ source: '255.255.255.255' }), 'ip-source-invalid'],
    ['1122-3.2.1.3-d: a directed broadcast as source', datagram({ source: '10.0.0.255' }), 'ip-source-invalid'],
    ['1122-3.2.1.3-d: the old broadcast form as source', datagram({ source: '10.0.0.0' }), 'ip-source-invalid'],
    ['1122-3.2.1.3-d: a multicast source', datagram({ source: '224.0.0.1' }), 'ip-source-invalid'],
    ['1122-3.2.1.3-d: a class E source', datagram({ source: '250.1.2.3' }), 'ip-source-invalid'],
    ['1122-3.2.1.3-d: network 0 as source', datagram({ source: '0.0.0.7' }), 'ip-source-invalid'],
    ['0.0.0.0 to a single host', datagram({ source: '0.0.0.0' }), 'ip-source-invalid'],
    ['an own source from the wire', datagram({ source: '10.0.0.2' }), 'ip-source-own'],
    ['a malformed option', datagram({ options: [99, 0, 0, 0] }), 'ip-options'],
    ['an incomplete source route', datagram({ options: [131, 7, 4, 9, 9, 9, 9] }), 'ip-source-route'],
    ['1122-3.3.6-f: a unicast as link-layer broadcast', good, 'ip-link-broadcast', linkBroadcast],
    ['a protocol nobody speaks', datagram({ protocol: 201 }), 'ip-no-protocol'],
  ];
  for (const [name, bytes, reason, change] of refused) {
    it(`refuses ${name}: ${reason}`, () => {
      const host = makeHost();
      const seen = listen(host, 200);
      host.link.deliver(bytes, change);
      expect(seen).to.deep.equal([]);
      expect(host.context.drops.count(reason)).to.equal(1);
      expect(host.context.frames.inUse).to.equal(0);
    });
  }

  const taken: [name: string, bytes: Uint8Array, broadcast: boolean, change?: (frame: Frame) => void][] = [
    ['1122-3.2.1.7-b: TTL 0', patched(good, { 8: 0 }), false],
    ['1122-3.2.1.7-b: TTL 1', patched(good, { 8: 1 }), false],
    ['791-3.2-a: padding behind the total length', concat(good, new Uint8Array(18).fill(0xaa)), false],
    ['an unknown option', datagram({ options: [99, 4, 1, 2] }), false],
    ['a completed source route', datagram({ options: [131, 7, 8, 9, 9, 9, 9] }), false],
    ['DF', datagram({ flagsAndOffset: 0x4000 }), false],
    ['1122-3.3.6-d: the limited broadcast', datagram({ destination: '255.255.255.255' }), true],
    ['1122-3.3.6-d: the directed broadcast', datagram({ destination: '10.0.0.255' }), true],
    ['1122-3.3.6-a: the old form of the directed broadcast', datagram({ destination: '10.0.0.0' }), true],
    ['1122-3.3.6-a: the old form of the limited broadcast', datagram({ destination: '0.0.0.0' }), true],
    ['1122-3.3.7-c: the all-hosts group', datagram({ destination: '224.0.0.1' }), true],
    [
      'a broadcast from a host without an address',
      datagram({ source: '0.0.0.0', destination: '255.255.255.255' }),
      true,
    ],
    ['a broadcast as link-layer broadcast', datagram({ destination: '255.255.255.255' }), true, linkBroadcast],
  ];
  for (const [name, bytes, broadcast, change] of taken) {
    it(`takes ${name}`, () => {
      const host = makeHost();
      const seen = listen(host, 200);
      host.link.deliver(bytes, change);
      expect(host.context.drops.snapshot()).to.deep.equal({});
      expect(seen.map(({ packet, payload }) => [packet.broadcast, payload.length])).to.deep.equal([[broadcast, 8]]);
    });
  }

  it('1122-3.2.1.8-b, 1122-3.4-c: options stay readable in front of the transport header', () => {
    const host = makeHost();
    let options: Uint8Array | undefined;
    host.ip.register(200, {
      receive: (frame) => {
        options = frame.bytes.slice(frame.network + 20, frame.transport);
        return true;
      },
      error: () => undefined,
    });
    host.link.deliver(datagram({ options: [131, 7, 8, 9, 9, 9, 9] }));
    expect(options).to.deep.equal(Uint8Array.of(131, 7, 8, 9, 9, 9, 9, 0));
  });

  it('1122-3.1-c: the weak model of §3.3.4.2: an own address is taken whatever the interface', () => {
    const host = makeHost();
    const seen = listen(host, 200);
    const network = host.ip.addInterface(new FakeLink(host.context, 'eth1'));
    host.ip.addAddress(network, prefix('192.168.5.5/24'), {}, T0);
    host.link.deliver(datagram({ destination: '192.168.5.5' }));
    expect(seen.map(({ packet }) => packet.interfaceId)).to.deep.equal([host.network.id]);
  });

  it('1122-3.1-f, 1122-3.1-g: several interfaces do not make a gateway', () => {
    const host = makeHost();
    const second = new FakeLink(host.context, 'eth1');
    host.ip.addAddress(host.ip.addInterface(second), prefix('192.168.5.5/24'), {}, T0);
    host.link.deliver(datagram({ destination: '192.168.5.9' }));
    expect([...host.link.sent, ...second.sent]).to.deep.equal([]);
    expect(host.context.drops.snapshot()).to.deep.equal({ 'ip-not-for-us': 1 });
  });

  it('1122-3.1-h, 1122-3.1-i: what is discarded is counted, and shown to whoever listens', () => {
    const host = makeHost();
    const seen: [string, number | undefined][] = [];
    host.context.drops.listener = (reason, frame) => seen.push([reason, frame?.length]);
    host.link.deliver(datagram({ destination: '10.0.0.3' }));
    host.link.deliver(datagram({ destination: '10.0.0.3' }));
    expect(seen).to.deep.equal([
      ['ip-not-for-us', 28],
      ['ip-not-for-us', 28],
    ]);
    expect(host.context.drops.count('ip-not-for-us')).to.equal(2);
  });

  it('6864-4.1-a: the Identification of whole datagrams means nothing', () => {
    const host = makeHost();
    const seen = listen(host, 200);
    for (let i = 0; i < 3; i++) host.link.deliver(datagram({ identification: 7 }));
    expect(seen).to.have.length(3);
  });

  it('an interface that is down takes nothing', () => {
    const host = makeHost();
    host.ip.setUp(host.network, false);
    host.link.deliver(good);
    expect(host.context.drops.count('ip-interface-down')).to.equal(1);
  });

  describe('raw listeners', () => {
    const raw = (took: boolean): RawListener & { heads: number[] } => {
      const heads: number[] = [];
      return {
        heads,
        receiveRaw: (frame) => {
          heads.push(frame.bytes[frame.start]!);
          frame.start += 20;
          return took;
        },
        errorRaw: () => undefined,
      };
    };

    it('see the datagram with its header before the handler does', () => {
      const host = makeHost();
      const seen = listen(host, 200);
      const [one, every, other] = [raw(true), raw(false), raw(true)];
      host.ip.addRaw(200, one);
      host.ip.addRaw(IpProtocol.Raw, every);
      host.ip.addRaw(199, other);
      host.link.deliver(good);
      expect([one.heads, every.heads, other.heads]).to.deep.equal([[0x45], [0x45], []]);
      expect(seen[0]!.payload).to.have.length(8);
      host.ip.removeRaw(200, one);
      host.ip.removeRaw(IpProtocol.Raw, every);
      host.link.deliver(good);
      expect(one.heads).to.have.length(1);
    });

    it('spare the sender a Protocol Unreachable when they take it', () => {
      const host = makeHost();
      host.ip.addRaw(201, raw(true));
      host.link.deliver(datagram({ protocol: 201 }));
      expect(host.link.sent).to.deep.equal([]);
      expect(host.context.drops.snapshot()).to.deep.equal({});
    });

    it('do not when they refuse it', () => {
      const host = makeHost();
      host.ip.addRaw(201, raw(false));
      host.link.deliver(datagram({ protocol: 201 }));
      expect(host.context.drops.count('ip-no-protocol')).to.equal(1);
      expect(host.link.sent).to.have.length(1);
    });
  });

  it('random and mutated datagrams never throw; each is delivered or dropped for one reason', () => {
    const mutation = fc.record({
      options: fc.option(fc.array(fc.nat(255), { minLength: 1, maxLength: 40 }), { nil: [] }),
      protocol: fc.constantFrom(1, 6, 17, 200),
      destination: fc.constantFrom('10.0.0.2', '10.0.0.255', '224.0.0.1', '10.0.0.3', '127.0.0.1'),
      source: fc.constantFrom('10.0.0.9', '0.0.0.0', '127.0.0.1', '10.0.0.2', '8.8.8.8', '224.1.1.1'),
      payload: fc.uint8Array({ maxLength: 60 }),
      changes: fc.dictionary(fc.nat(59).map(String), fc.nat(255), { maxKeys: 3 }),
      fix: fc.boolean(),
      cut: fc.nat(100),
      linkBroadcast: fc.boolean(),
    });
    const host = makeHost();
    listen(host, 200);
    host.udp.open(addr('0.0.0.0'), 7, { onDatagram: () => true, onError: () => undefined, onSent: () => undefined });
    fc.assert(
      fc.property(mutation, (m) => {
        const whole = datagram(m);
        const changes = Object.fromEntries(Object.entries(m.changes).filter(([at]) => Number(at) < whole.length));
        const changed = patched(whole, changes, m.fix && whole.length >= 60);
        const before = total(host);
        const counted = host.ip.counters();
        host.link.deliver(changed.slice(0, Math.max(0, changed.length - Math.max(0, m.cut - 80))), (frame) => {
          frame.linkBroadcast = m.linkBroadcast;
        });
        host.settle();
        const delivered = host.ip.counters().delivered - counted.delivered;
        expect(host.ip.counters().received - counted.received).to.be.greaterThan(0);
        // What was not delivered has a reason.
        if (delivered === 0) expect(total(host)).to.be.greaterThan(before);
        expect(host.context.frames.inUse).to.equal(0);
      }),
      { numRuns: 1000 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        host.link.deliver(bytes);
        expect(host.context.frames.inUse).to.equal(0);
      }),
    );
  });
});

const total = (host: Host): number =>
  Object.values(host.context.drops.snapshot()).reduce((sum, count) => sum + count, 0);
