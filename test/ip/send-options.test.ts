/** IP options on the way out: what a program may set, what each datagram and each fragment takes along, and what comes back. RFC 791 §3.1. */
import { expect } from 'chai';
import fc from 'fast-check';
import { Errno } from '../../src/core/errno.ts';
import { micros } from '../../src/core/time.ts';
import { ANY_ADDRESS } from '../../src/ip/address.ts';
import { OptionVerdict, judgeOptions } from '../../src/ip/ipv4-options.ts';
import { readIpv4Header } from '../../src/ip/ipv4-wire.ts';
import { composeOptions, echoOptions, optionsOfFragments, recordInto } from '../../src/ip/send-options.ts';
import type { Path } from '../../src/ip/service.ts';
import { T0, addr, datagram, makeHost } from './host.ts';
import type { Host } from './host.ts';

const zeros = (count: number): number[] => Array<number>(count).fill(0);
const OWN = [10, 0, 0, 2];
const isOwn = (address: number): boolean => address === addr('10.0.0.2');

/** As the Linux kernel answers the same octets, and shows them. */
const COMPOSED: readonly [title: string, octets: readonly number[], shown: readonly number[] | undefined][] = [
  ['nothing', [], []],
  ['No Operation, padded', [1], [1, 0, 0, 0]],
  ['what follows the end of the list', [1, 0, 1, 1], [1, 0, 0, 0]],
  ['40 octets', Array<number>(40).fill(1), Array<number>(40).fill(1)],
  ['41 octets', Array<number>(41).fill(1), undefined],
  ['a Record Route without room', [7, 3, 4], [7, 3, 4, 0]],
  ['a Record Route, whose next place is cleared', [7, 7, 4, 1, 2, 3, 4], [7, 7, 4, 0, 0, 0, 0, 0]],
  ['a full one', [7, 7, 8, 1, 2, 3, 4], [7, 7, 8, 1, 2, 3, 4, 0]],
  ['one with a pointer that is too small', [7, 7, 3, 0, 0, 0, 0], undefined],
  ['one with some room but not enough', [7, 7, 5, 0, 0, 0, 0], undefined],
  ['one that is too short', [7, 2], undefined],
  ['one without a length', [7], undefined],
  ['two of them', [7, 3, 4, 7, 3, 4], undefined],
  ['a Timestamp, whose next place is cleared', [68, 8, 5, 0, 1, 2, 3, 4], [68, 8, 5, 0, 0, 0, 0, 0]],
  ['one with addresses', [68, 12, 5, 1, 1, 2, 3, 4, 5, 6, 7, 8], [68, 12, 5, 1, ...zeros(8)]],
  ['one with prespecified addresses', [68, 12, 5, 3, 10, 9, 0, 5, 0, 0, 0, 0], [68, 12, 5, 3, 10, 9, 0, 5, 0, 0, 0, 0]],
  ['one with room for an address only', [68, 8, 5, 1, 0, 0, 0, 0], undefined],
  ['one with a pointer that is too small', [68, 8, 4, 0, 0, 0, 0, 0], undefined],
  ['one whose count would overflow', [68, 8, 9, 0xf0, 0, 0, 0, 0], undefined],
  ['one that is too short', [68, 3, 5], undefined],
  ['two of them', [68, 4, 5, 0, 68, 4, 5, 0], undefined],
  ['Router Alert', [148, 4, 0, 0], [148, 4, 0, 0]],
  ['one that is too short', [148, 3, 0], undefined],
  ['Stream Identifier', [136, 4, 0, 1], [136, 4, 0, 1]],
  ['an option that nobody knows', [99, 2], [99, 2, 0, 0]],
  ['one with an impossible length', [99, 1], undefined],
  ['CIPSO', [134, 6, 0, 0, 0, 1], undefined],
];

describe('ip/send-options', () => {
  for (const [title, octets, shown] of COMPOSED) {
    it(`ip(7) IP_OPTIONS, ${title} (${octets.slice(0, 4).join(' ')}): ${shown === undefined ? 'refused' : 'taken'}`, () => {
      const composed = composeOptions(Uint8Array.from(octets));
      expect(composed === undefined ? undefined : [...composed]).to.deep.equal(shown);
    });
  }

  it('1122-3.2.1.8c-d: source routes are not sent, so neither is more than one', () => {
    for (const type of [131, 137]) {
      for (const pointer of [4, 8]) {
        expect(composeOptions(Uint8Array.of(type, 7, pointer, 10, 0, 0, 9)), `type ${type}`).to.equal(undefined);
      }
    }
  });

  const RECORDED: readonly [title: string, before: readonly number[], after: readonly number[]][] = [
    ['1122-3.2.1.8d-a: Record Route', [7, 11, 8, 9, 9, 9, 9, ...zeros(4), 0], [7, 11, 12, 9, 9, 9, 9, ...OWN, 0]],
    ['a full Record Route', [7, 7, 8, 9, 9, 9, 9, 0], [7, 7, 8, 9, 9, 9, 9, 0]],
    ['1122-3.2.1.8e-a: Timestamp', [68, 8, 5, 0, ...zeros(4)], [68, 8, 9, 0, 0x80, 0, 0, 7]],
    ['Timestamp with addresses', [68, 12, 5, 1, ...zeros(8)], [68, 12, 13, 1, ...OWN, 0x80, 0, 0, 7]],
    ['Timestamp that asks this host', [68, 12, 5, 3, ...OWN, ...zeros(4)], [68, 12, 13, 3, ...OWN, 0x80, 0, 0, 7]],
    [
      'Timestamp that asks another host',
      [68, 12, 5, 3, 9, 9, 9, 9, ...zeros(4)],
      [68, 12, 5, 3, 9, 9, 9, 9, ...zeros(4)],
    ],
    ['Timestamp of a kind that nobody knows', [68, 8, 5, 2, ...zeros(4)], [68, 8, 5, 2, ...zeros(4)]],
    ['a full Timestamp', [68, 4, 5, 0x30], [68, 4, 5, 0x40]],
    ['a full Timestamp for others', [68, 4, 5, 0x33], [68, 4, 5, 0x33]],
    ['other options', [1, 99, 3, 7, 148, 4, 0, 0], [1, 99, 3, 7, 148, 4, 0, 0]],
  ];
  for (const [title, before, after] of RECORDED) {
    it(`records into ${title}`, () => {
      const options = Uint8Array.from(before);
      recordInto(options, addr('10.0.0.2'), isOwn, 'count', micros(7000));
      expect([...options]).to.deep.equal(after);
    });
  }

  it('who sends a full Timestamp does not count itself', () => {
    const options = Uint8Array.of(68, 4, 5, 0x30);
    recordInto(options, addr('10.0.0.2'), isOwn, 'leave', T0);
    expect([...options]).to.deep.equal([68, 4, 5, 0x30]);
  });

  it('property: what is composed stays well-formed however often it is recorded into, echoed and cut', () => {
    const option = fc.oneof(
      fc.constant([1]),
      fc
        .tuple(fc.constantFrom(7, 68, 130, 148, 99), fc.nat(12), fc.array(fc.nat(255), { maxLength: 14 }))
        .map(([type, length, rest]) => [type, length, ...rest]),
    );
    fc.assert(
      fc.property(fc.array(option, { maxLength: 4 }), fc.nat(20), (lists, times) => {
        const composed = composeOptions(Uint8Array.from(lists.flat()));
        if (composed === undefined) return;
        for (let i = 0; i < times; i++) recordInto(composed, addr('10.0.0.2'), isOwn, 'leave', micros(i * 1000));
        for (const options of [composed, echoOptions(composed), optionsOfFragments(composed)]) {
          expect(options.length % 4).to.equal(0);
          expect(options.length).to.be.at.most(40);
          const header = Uint8Array.of(...zeros(20), ...options);
          expect(judgeOptions(header, 0, header.length)).to.equal(OptionVerdict.Fine);
        }
      }),
    );
  });

  describe('on the wire', () => {
    const PROTOCOL = 200;
    const RECORD = composeOptions(Uint8Array.of(148, 4, 0, 0, 7, 11, 4, ...zeros(8)))!;

    function send(host: Host, octets: number, dontFragment = false, options = RECORD): number {
      const path = host.ip.route(addr('10.0.0.9'), ANY_ADDRESS, 0, options) as Path;
      expect(path.headerLength).to.equal(20 + options.length);
      const frame = host.context.frames.from(new Uint8Array(octets).fill(5));
      return host.ip.output(path, frame, { protocol: PROTOCOL, ttl: 9, tos: 0, dontFragment }, T0);
    }

    it('1122-3.2.1.8-a: a datagram takes the options along, this host entered', () => {
      const host = makeHost();
      for (let i = 0; i < 2; i++) expect(send(host, 8)).to.equal(0);
      for (const { bytes, transport } of host.link.sent) {
        expect(bytes[0]).to.equal(0x49);
        expect(transport).to.equal(36);
        expect([...bytes.subarray(20, 36)]).to.deep.equal([148, 4, 0, 0, 7, 11, 8, ...OWN, ...zeros(4), 0]);
        expect(readIpv4Header(bytes, 0)).to.include({ totalLength: 44, protocol: PROTOCOL, ttl: 9 });
        expect(judgeOptions(bytes, 0, 36)).to.equal(OptionVerdict.Fine);
      }
      expect(host.context.frames.inUse).to.equal(0);
    });

    it('791-3.2-b: fragments take along what is to be copied', () => {
      const host = makeHost();
      host.link.mtu = 100;
      expect(send(host, 150)).to.equal(0);
      const pieces = host.link.sent.map(({ bytes, transport }) => [bytes.length, ...bytes.subarray(20, transport)]);
      expect(pieces).to.deep.equal([
        [100, 148, 4, 0, 0, 7, 11, 8, ...OWN, ...zeros(4), 0],
        [96, 148, 4, 0, 0],
        [38, 148, 4, 0, 0],
      ]);
    });

    it('options count in what the path carries', () => {
      const host = makeHost();
      expect(send(host, 1500 - 36, true)).to.equal(0);
      expect(send(host, 1500 - 35, true)).to.equal(-Errno.EMSGSIZE);
      const path = host.ip.route(addr('10.0.0.9'), ANY_ADDRESS, 0, RECORD);
      expect(path).to.include({ mtu: 1500, maxSegment: 1500 });
    });

    it('a path without options is another one', () => {
      const host = makeHost();
      const plain = host.ip.route(addr('10.0.0.9'), ANY_ADDRESS);
      host.ip.route(addr('10.0.0.9'), ANY_ADDRESS, 0, RECORD);
      expect(host.ip.route(addr('10.0.0.9'), ANY_ADDRESS)).to.equal(plain);
      expect(plain).to.include({ headerLength: 20 });
    });

    it('1122-3.2.1.8-b, 1122-3.4-c: received options go up, this host entered', () => {
      const host = makeHost();
      const seen: (readonly number[] | undefined)[] = [];
      host.ip.register(PROTOCOL, {
        receive: (_frame, { options }) => {
          seen.push(options === undefined ? undefined : [...options]);
          return true;
        },
        error: () => undefined,
      });
      const options = [7, 11, 4, ...zeros(8), 99, 2];
      for (const header of [{ options }, {}]) host.link.deliver(datagram({ protocol: PROTOCOL, ...header }));
      expect(seen).to.deep.equal([[7, 11, 8, ...OWN, ...zeros(4), 99, 2, 0, 0, 0], undefined]);
    });
  });
});
