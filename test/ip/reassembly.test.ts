import { expect } from 'chai';
import fc from 'fast-check';
import type { DropReason } from '../../src/core/drop.ts';
import { SECOND, micros } from '../../src/core/time.ts';
import type { Micros } from '../../src/core/time.ts';
import { ipChecksumIsValid, readIpv4Header } from '../../src/ip/ipv4-wire.ts';
import type { IpPacket } from '../../src/ip/service.ts';
import { T0, addr, datagram, makeHost } from './host.ts';
import type { DatagramParts, Host } from './host.ts';

const MORE = 0x2000;
const TIMEOUT = 60 * SECOND;

interface Received {
  readonly payload: number[];
  readonly tos: number;
  readonly broadcast: boolean;
}

/** A host that takes protocol 200, and what it took. */
function listening(config?: Parameters<typeof makeHost>[0]): Host & { readonly received: Received[] } {
  const host = makeHost(config);
  const received: Received[] = [];
  host.ip.register(200, {
    receive: (frame, packet: IpPacket) => {
      expect(ipChecksumIsValid(frame.bytes, frame.network, frame.start - frame.network)).to.equal(true);
      const header = readIpv4Header(frame.bytes, frame.network);
      expect([header.flagsAndOffset, header.totalLength]).to.deep.equal([0, frame.end - frame.network]);
      received.push({ payload: [...frame.view()], tos: packet.tos, broadcast: packet.broadcast });
      return true;
    },
    error: () => undefined,
  });
  return Object.assign(host, { received });
}

const octets = (from: number, to: number): Uint8Array =>
  Uint8Array.from({ length: to - from }, (_, i) => ((from + i) * 7) & 0xff);

/** Octets [from, to) of a datagram's payload. */
const piece = (from: number, to: number, more: boolean, parts: DatagramParts = {}): Uint8Array =>
  datagram({ flagsAndOffset: (from >> 3) | (more ? MORE : 0), payload: octets(from, to), ...parts });

function deliver(host: Host, pieces: readonly Uint8Array[], now: Micros = T0): void {
  for (const bytes of pieces) host.link.deliver(bytes, undefined, now);
}

const wholes = (host: { received: Received[] }): number[] => host.received.map(({ payload }) => payload.length);

describe('ip/reassembly', () => {
  it('1122-3.2.1.4-a, 1122-3.3.2-a, 815-3-a: fragments in any order, repeated or not, make the datagram', () => {
    const cuts = fc.uniqueArray(fc.integer({ min: 1, max: 99 }), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(cuts, fc.integer({ min: 1, max: 8 }), fc.nat(), (places, tail, seed) => {
        const edges = [0, ...places.sort((a, b) => a - b).map((place) => place * 8)];
        const length = edges.at(-1)! + tail;
        const pieces = edges.map((from, i) => piece(from, edges[i + 1] ?? length, i < edges.length - 1));
        const order = fc.sample(fc.shuffledSubarray(pieces, { minLength: pieces.length }), { numRuns: 1, seed })[0]!;
        const host = listening();
        deliver(host, [order[0]!, ...order]);
        expect(host.received[0]!.payload).to.deep.equal([...octets(0, length)]);
        expect(host.context.frames.inUse).to.equal(0);
      }),
      { numRuns: 100 },
    );
  });

  it('1122-3.3.2-b, -c: up to 65,535 octets', () => {
    const host = listening();
    const edges = Array.from({ length: 46 }, (_, i) => Math.min(i * 1480, 65515));
    deliver(
      host,
      edges.slice(1).map((to, i) => piece(edges[i]!, to, to < 65515)),
    );
    expect(wholes(host)).to.deep.equal([65515]);
  });

  it('791-3.2-b: the header is that of fragment zero, its options included', () => {
    const host = listening();
    const taken: number[] = [];
    host.ip.addRaw(200, {
      receiveRaw: (frame) => taken.push(frame.start - frame.network, frame.bytes[frame.network]! & 0xf) > 0,
      errorRaw: () => undefined,
    });
    deliver(host, [
      piece(800, 900, false, { tos: 0x80, ttl: 5 }),
      piece(0, 800, true, { tos: 0x20, ttl: 9, options: [99, 4, 1, 1] }),
    ]);
    expect(host.received).to.deep.include({ payload: [...octets(0, 900)], tos: 0x20, broadcast: false });
    expect(taken).to.deep.equal([0, 6]);
  });

  it('datagrams are told apart by source, destination, protocol and identification (RFC 791 §3.2)', () => {
    const others: DatagramParts[] = [
      { source: '10.0.0.8' },
      { destination: '10.0.0.255' },
      { protocol: 201 },
      { identification: 7 },
    ];
    for (const other of others) {
      const host = listening();
      deliver(host, [piece(0, 8, true), piece(8, 16, false, other)]);
      expect(host.received).to.deep.equal([]);
      deliver(host, [piece(8, 16, false)]);
      expect(wholes(host)).to.deep.equal([16]);
    }
  });

  const refused: [name: string, reason: DropReason, pieces: Uint8Array[], whole: number[]][] = [
    ['a fragment without payload', 'ip-fragment-length', [piece(8, 8, true), piece(8, 8, false)], []],
    ['no multiple of 8 octets', 'ip-fragment-length', [piece(0, 9, true)], []],
    ['beyond 65,535 octets', 'ip-fragment-too-long', [piece(65528, 65536, false)], []],
    ['1858-3-a: TCP at offset 1', 'ip-fragment-tiny', [piece(8, 16, false, { protocol: 6 })], []],
    ['1858-3-a: a tiny TCP header', 'ip-fragment-tiny', [piece(0, 8, true, { protocol: 6 })], []],
    ['a duplicate', 'ip-fragment-duplicate', [piece(0, 16, true), piece(0, 16, true), piece(16, 17, false)], [17]],
    [
      'a part of another',
      'ip-fragment-duplicate',
      [piece(0, 16, true), piece(8, 16, true), piece(16, 17, false)],
      [17],
    ],
    ['RFC 8900 §3.7: an overlap in front', 'ip-fragment-overlap', [piece(8, 24, true), piece(0, 16, true)], []],
    ['an overlap behind', 'ip-fragment-overlap', [piece(0, 16, true), piece(8, 24, true), piece(16, 20, false)], []],
    ['one around another', 'ip-fragment-overlap', [piece(8, 16, true), piece(0, 24, true)], []],
    ['beyond the last', 'ip-fragment-overlap', [piece(8, 16, false), piece(16, 24, true)], []],
    ['two last ones', 'ip-fragment-overlap', [piece(8, 16, false), piece(16, 24, false)], []],
    ['a last one amid others', 'ip-fragment-overlap', [piece(16, 24, true), piece(8, 16, false)], []],
  ];
  for (const [name, reason, pieces, whole] of refused) {
    it(`${name}: ${reason}`, () => {
      const host = listening();
      deliver(host, pieces);
      expect(wholes(host)).to.deep.equal(whole);
      expect(host.context.drops.count(reason)).to.be.greaterThan(0);
      expect(host.context.frames.inUse).to.equal(0);
    });
  }

  it('with the options of fragment zero a whole may be too long after all', () => {
    const host = listening();
    const edges = Array.from({ length: 46 }, (_, i) => Math.min(i * 1480, 65515));
    const options = [99, 4, 1, 1];
    deliver(
      host,
      edges.slice(1).map((to, i) => piece(edges[i]!, to, to < 65515, i === 0 ? { options } : {})),
    );
    expect(host.received).to.deep.equal([]);
    expect(host.context.drops.count('ip-fragment-too-long')).to.equal(1);
  });

  const marks: [first: number, second: number, tos: number | undefined][] = [
    [2, 3, 3],
    [3, 1, 3],
    [1, 2, 1],
    [0, 2, 0],
    [0, 3, undefined],
    [3, 0, undefined],
  ];
  for (const [first, second, tos] of marks) {
    it(`3168-5.3-a: ECN ${first} and ${second} become ${tos ?? 'a drop'}`, () => {
      const host = listening();
      deliver(host, [piece(0, 8, true, { tos: first }), piece(8, 9, false, { tos: second })]);
      expect(host.received.map((one) => one.tos)).to.deep.equal(tos === undefined ? [] : [tos]);
      expect(host.context.drops.count('ip-fragment-ecn')).to.equal(tos === undefined ? 1 : 0);
    });
  }

  describe('time and memory', () => {
    it('1122-3.3.2-e, -f: after 60 s Time Exceeded, code 1, goes back, whatever the TTL, if fragment zero is here', () => {
      const host = listening();
      deliver(host, [piece(0, 64, true, { ttl: 1 }), piece(64, 72, true)]);
      host.context.timers.expire(micros(TIMEOUT - 1));
      expect(host.link.sent).to.deep.equal([]);
      host.context.timers.expire(micros(TIMEOUT));
      const [sent] = host.link.sent;
      expect([...sent!.bytes.subarray(20, 22)]).to.deep.equal([11, 1]);
      expect(readIpv4Header(sent!.bytes, 0).destination).to.equal(addr('10.0.0.9'));
      expect([...sent!.bytes.subarray(28)]).to.deep.equal([...piece(0, 64, true, { ttl: 1 })]);
      expect(host.context.drops.count('ip-reassembly-timeout')).to.equal(2);
      deliver(host, [piece(72, 73, false)], micros(TIMEOUT));
      expect(host.received).to.deep.equal([]);
      expect(host.context.frames.inUse).to.equal(0);
    });

    it('without fragment zero nobody is told, nor about a broadcast (1122-3.2.2-g, -i)', () => {
      const host = listening();
      deliver(host, [piece(8, 16, true), piece(0, 8, true, { destination: '10.0.0.255' })]);
      host.context.timers.expire(micros(TIMEOUT));
      expect(host.link.sent).to.deep.equal([]);
      expect(host.context.timers.size).to.equal(0);
    });

    it('memory has a bound, and the oldest goes first', () => {
      const host = listening({ ip: { reassemblyMemory: 100_000 } });
      for (let id = 0; id < 5000; id++) deliver(host, [piece(0, 1480, true, { identification: id })]);
      const kept = host.context.drops.count('ip-reassembly-full');
      expect(kept).to.be.within(4900, 4999);
      deliver(host, [piece(1480, 1481, false, { identification: 0 })]);
      expect(host.received).to.deep.equal([]);
      deliver(host, [piece(1480, 1481, false, { identification: 4999 })]);
      expect(wholes(host)).to.deep.equal([1481]);
    });

    it('any fragments at all: nothing leaks and nothing throws', () => {
      const fragment = fc.record({
        from: fc.nat(40),
        length: fc.nat(40),
        more: fc.boolean(),
        identification: fc.nat(2),
        protocol: fc.constantFrom(200, 6, 17, 1),
        tos: fc.nat(255),
      });
      fc.assert(
        fc.property(fc.array(fragment, { maxLength: 60 }), (fragments) => {
          const host = listening({ ip: { reassemblyMemory: 4000 } });
          for (const { from, length, more, ...parts } of fragments) {
            deliver(host, [piece(from * 8, from * 8 + length, more, parts)]);
          }
          host.settle();
          host.context.timers.expire(micros(TIMEOUT));
          expect(host.context.frames.inUse).to.equal(0);
          expect(host.context.timers.size).to.equal(0);
        }),
        { numRuns: 200 },
      );
    });
  });
});
