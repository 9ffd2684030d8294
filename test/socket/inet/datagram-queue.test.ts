import { expect } from 'chai';
import fc from 'fast-check';
import { micros } from '../../../src/core/time.ts';
import { parseAddress } from '../../../src/ip/address.ts';
import type { IpPacket } from '../../../src/ip/service.ts';
import { DatagramQueue, OVERHEAD, copyDatagram } from '../../../src/socket/inet/datagram-queue.ts';

const LIMIT = 1e6;
const NOW = micros(5);

const packet = (changes: Partial<IpPacket> = {}): IpPacket => ({
  source: parseAddress('10.0.0.9')!,
  destination: parseAddress('10.0.0.1')!,
  protocol: 17,
  ttl: 64,
  tos: 0,
  interfaceId: 2,
  broadcast: false,
  ...changes,
});

const octets = (length: number, first = 0): Uint8Array => Uint8Array.from({ length }, (_, i) => first + i);

/** Takes everything out: what each datagram holds, and its segment. */
function drain(queue: DatagramQueue): [Uint8Array, number][] {
  const taken: [Uint8Array, number][] = [];
  for (let next = queue.next; next !== undefined; next = queue.next) {
    const into = new Uint8Array(next.length);
    copyDatagram(next, into, 0, into.length);
    taken.push([into, next.segment]);
    queue.shift();
  }
  return taken;
}

describe('socket/inet/datagram-queue', () => {
  it('keeps datagrams in order, with what their headers said', () => {
    const queue = new DatagramQueue();
    queue.push(octets(3), 7, packet({ ttl: 9, tos: 4 }), NOW, LIMIT);
    queue.push(octets(0), 8, packet(), micros(6), LIMIT);
    expect(queue.size).to.equal(2);
    expect(queue.next).to.include({ port: 7, ttl: 9, tos: 4, interfaceId: 2, time: 5, length: 3, segment: 0 });
    queue.shift();
    expect(queue.next).to.include({ port: 8, time: 6, length: 0 });
    queue.clear();
    expect([queue.size, queue.next]).to.deep.equal([0, undefined]);
  });

  it('is bounded in octets, empty datagrams count, and one always fits', () => {
    const queue = new DatagramQueue();
    expect(queue.push(octets(200), 1, packet(), NOW, 1)).to.equal(true);
    expect(queue.push(octets(0), 1, packet(), NOW, 1)).to.equal(false);
    const room = 200 + 4 * OVERHEAD;
    for (let i = 0; i < 3; i++) expect(queue.push(octets(0), 1, packet(), NOW, room)).to.equal(true);
    expect(queue.push(octets(0), 1, packet(), NOW, room)).to.equal(false);
    queue.shift();
    expect(queue.push(octets(200), 1, packet(), NOW, room)).to.equal(true);
  });

  describe('udp(7), UDP_GRO', () => {
    const rows: [name: string, lengths: number[], expected: [length: number, segment: number][]][] = [
      ['equal ones become one', [3, 3, 3], [[9, 3]]],
      ['the last may be shorter', [3, 3, 1], [[7, 3]]],
      [
        'a longer one begins anew',
        [3, 3, 4],
        [
          [6, 3],
          [4, 0],
        ],
      ],
      [
        'so does what follows a shorter one',
        [3, 1, 3, 3],
        [
          [4, 3],
          [6, 3],
        ],
      ],
      [
        'an empty one stands alone',
        [3, 0, 3],
        [
          [3, 0],
          [0, 0],
          [3, 0],
        ],
      ],
      ['one alone is no several', [3], [[3, 0]]],
      [
        '64 KiB at most',
        [30000, 30000, 30000],
        [
          [60000, 30000],
          [30000, 0],
        ],
      ],
    ];
    for (const [name, lengths, expected] of rows) {
      it(name, () => {
        const queue = new DatagramQueue();
        for (const length of lengths) queue.push(octets(length), 1, packet(), NOW, LIMIT, true);
        expect(drain(queue).map(([taken, segment]) => [taken.length, segment])).to.deep.equal(expected);
      });
    }

    it('128 datagrams at most', () => {
      const queue = new DatagramQueue();
      for (let i = 0; i < 130; i++) queue.push(octets(1), 1, packet(), NOW, LIMIT, true);
      expect(drain(queue).map(([taken]) => taken.length)).to.deep.equal([128, 2]);
    });

    const others: [name: string, port: number, changes: Partial<IpPacket>, time: number][] = [
      ['another time', 1, {}, 6],
      ['another port', 2, {}, 5],
      ['another sender', 1, { source: parseAddress('10.0.0.8')! }, 5],
      ['another destination', 1, { destination: parseAddress('10.0.0.255')! }, 5],
      ['another interface', 1, { interfaceId: 1 }, 5],
      ['another TTL', 1, { ttl: 63 }, 5],
      ['another TOS', 1, { tos: 2 }, 5],
    ];
    for (const [name, port, changes, time] of others) {
      it(`${name}: another datagram`, () => {
        const queue = new DatagramQueue();
        queue.push(octets(3), 1, packet(), NOW, LIMIT, true);
        queue.push(octets(3), port, packet(changes), micros(time), LIMIT, true);
        expect(queue.size).to.equal(2);
      });
    }

    it('whatever comes, the octets stay, and segments tell where they were cut', () => {
      const lengths = fc.array(fc.nat(6), { maxLength: 40 });
      fc.assert(
        fc.property(lengths, fc.boolean(), (all, merge) => {
          const queue = new DatagramQueue();
          all.forEach((length, i) => queue.push(octets(length, i), 1, packet(), NOW, LIMIT, merge));
          const cut = drain(queue).flatMap(([taken, segment]) => {
            if (segment === 0) return [[...taken]];
            const count = Math.ceil(taken.length / segment);
            return Array.from({ length: count }, (_, i) => [...taken.subarray(i * segment, (i + 1) * segment)]);
          });
          expect(cut).to.deep.equal(all.map((length, i) => [...octets(length, i)]));
        }),
      );
    });
  });

  it('copies as much as there is room for, across pieces', () => {
    const queue = new DatagramQueue();
    queue.push(octets(3), 1, packet(), NOW, LIMIT, true);
    queue.push(octets(3, 10), 1, packet(), NOW, LIMIT, true);
    const into = new Uint8Array(8);
    expect(copyDatagram(queue.next!, into, 1, 5)).to.equal(5);
    expect([...into]).to.deep.equal([0, 0, 1, 2, 10, 11, 0, 0]);
  });
});
