import { expect } from 'chai';
import fc from 'fast-check';
import { IPV4_LAYOUT } from '../../src/ip/ipv4-wire.ts';
import { TCP_LAYOUT } from '../../src/tcp/wire.ts';
import { fromHex } from '../../src/core/bytes.ts';
import { dissect } from '../../src/inspector/dissect.ts';
import { findLayer, layersOf, valueOf } from '../../src/inspector/layer.ts';
import type { Layer } from '../../src/inspector/layer.ts';
import { arpFrame, completePacket, etherFrame, icmpFrame, ipFrame } from './frames.ts';

const protocols = (layer: Layer): string =>
  layersOf(layer)
    .map(({ protocol }) => protocol)
    .join(' ');
const problems = (layer: Layer): string[] => layersOf(layer).flatMap((one) => one.problems);
const textOf = (layer: Layer | undefined, name: string): string | undefined =>
  layer?.fields.find((field) => field.name === name)?.text;

/** SYN with MSS 1460, SACK permitted, timestamps, NOP, window scale 7. */
const SYN_OPTIONS = fromHex('020405b4 0402 080a 00000001 00000000 01 030307');

describe('inspector/dissect', () => {
  it('a TCP segment: layers, offsets, texts', () => {
    const layer = dissect(completePacket({ flags: 2, seq: 0xfffffff0, options: SYN_OPTIONS, text: new Uint8Array(3) }));
    expect(protocols(layer)).to.equal('ethernet ipv4 tcp data');
    expect(problems(layer)).to.deep.equal([]);
    expect(layersOf(layer).map(({ offset, length }) => [offset, length])).to.deep.equal([
      [0, 14],
      [14, 20],
      [34, 40],
      [74, 3],
    ]);
    const [ethernet, ip, tcp] = layersOf(layer);
    expect(textOf(ethernet, 'source')).to.equal('02:00:00:00:00:01');
    expect(textOf(ethernet, 'etherType')).to.equal('IPv4');
    expect(textOf(ip, 'source')).to.equal('10.0.0.1');
    expect(textOf(ip, 'flagsAndOffset')).to.equal("don't fragment");
    expect(textOf(ip, 'protocol')).to.equal('TCP');
    expect(textOf(tcp, 'flags')).to.equal('SYN');
    expect(valueOf(tcp!, 'sequenceNumber')).to.equal(0xfffffff0);
    expect(textOf(tcp, 'mss')).to.equal('1460');
    expect(textOf(tcp, 'windowScale')).to.equal('7');
    expect(textOf(tcp, 'timestamps')).to.equal('1 0');
    expect(tcp!.fields.find(({ name }) => name === 'windowScale')).to.deep.include({ offset: 71, length: 3 });
  });

  it('says what the layouts decode', () => {
    const bytes = completePacket({ flags: 0x18, text: Uint8Array.of(1, 2, 3) });
    const layer = dissect(bytes);
    for (const [name, layout, at] of [
      ['ipv4', IPV4_LAYOUT, 14],
      ['tcp', TCP_LAYOUT, 34],
    ] as const) {
      const decoded = layout.decode(Buffer.from(bytes), at) as unknown as Record<string, number>;
      const shown = findLayer(layer, name)!;
      for (const [field, value] of Object.entries(decoded)) expect(valueOf(shown, field), field).to.equal(value);
    }
  });

  const rows: readonly (readonly [name: string, bytes: Uint8Array, layers: string, problems: string[]])[] = [
    ['no octets', new Uint8Array(), 'ethernet', ['truncated: 0 of 14 octets']],
    ['half an Ethernet header', fromHex('020000000001'), 'ethernet', ['truncated: 6 of 14 octets']],
    ['an unknown type', etherFrame('88b5 0102'), 'ethernet data', []],
    ['an 802.1Q tag', etherFrame('8100 2005 88b5 01'), 'ethernet data', []],
    ['a cut tag', etherFrame('8100 20'), 'ethernet', ['truncated: 1 of 4 octets']],
    ['802.3 with SNAP', etherFrame('0009 aaaa03 000000 88b5 07 ffff'), 'ethernet data', []],
    ['ARP', arpFrame(1, '0a000001', '0a000002'), 'ethernet arp', []],
    [
      'half of ARP',
      arpFrame(1, '0a000001', '0a000002').subarray(0, 30),
      'ethernet arp',
      ['truncated: 16 of 28 octets'],
    ],
    ['UDP', completePacket({ protocol: 17, text: Uint8Array.of(1) }), 'ethernet ipv4 udp data', []],
    ['an unknown protocol', ipFrame(99, Uint8Array.of(1)), 'ethernet ipv4 data', []],
    ['a later fragment', ipFrame(6, new Uint8Array(8), 185), 'ethernet ipv4 data', []],
    [
      'a first fragment: its checksum covers more',
      ipFrame(17, new Uint8Array(8).fill(8), 0x2000),
      'ethernet ipv4 udp',
      [],
    ],
    [
      'padding is not part of the datagram',
      Uint8Array.of(...icmpFrame(8, 0, '00010001'), 0, 0),
      'ethernet ipv4 icmp',
      [],
    ],
    [
      'IP version 5',
      patch(ipFrame(99, new Uint8Array()), 14, 0x55),
      'ethernet ipv4',
      ['version 5', 'bad header checksum'],
    ],
    ['IHL 3', patch(ipFrame(99, new Uint8Array()), 14, 0x43), 'ethernet ipv4', ['header length 12']],
    ['IHL beyond the end', patch(ipFrame(99, new Uint8Array()), 14, 0x4f), 'ethernet ipv4', ['header length 60']],
    [
      'total length beyond the end',
      patch(ipFrame(99, new Uint8Array()), 17, 99),
      'ethernet ipv4',
      ['bad header checksum', 'total length 99 of 20'],
    ],
    ['wrong TCP checksum', patch(completePacket({}), 50, 1), 'ethernet ipv4 tcp', ['bad checksum']],
    [
      'TCP data offset 4',
      patch(completePacket({}), 46, 0x40),
      'ethernet ipv4 tcp',
      ['bad checksum', 'header length 16'],
    ],
    [
      'TCP option of length 0',
      completePacket({ options: fromHex('08000101') }),
      'ethernet ipv4 tcp',
      ['bad option at octet 20'],
    ],
    [
      'TCP option beyond the header',
      completePacket({ options: fromHex('0101010a') }),
      'ethernet ipv4 tcp',
      ['bad option at octet 23'],
    ],
    [
      'IP option beyond the header',
      completePacket({ ipOptions: fromHex('01010144') }),
      'ethernet ipv4 tcp',
      ['bad option at octet 23'],
    ],
    ['wrong ICMP checksum', patch(icmpFrame(8, 0, '00010001'), 41, 9), 'ethernet ipv4 icmp', ['bad checksum']],
  ];
  for (const [name, bytes, layers, wrong] of rows) {
    it(name, () => {
      const layer = dissect(bytes);
      expect(protocols(layer)).to.equal(layers);
      expect(problems(layer)).to.deep.equal(wrong);
    });
  }

  it('leaves a partial checksum unjudged', () => {
    const bytes = patch(completePacket({}), 50, 1);
    expect(problems(dissect(bytes, { partialChecksum: true }))).to.deep.equal([]);
  });

  it('shows the datagram that an ICMP error quotes, cut after 8 octets of transport', () => {
    const quoted = completePacket({ seq: 77 }).subarray(14, 14 + 28);
    const layer = dissect(icmpFrame(3, 3, '00000000', quoted));
    expect(protocols(layer)).to.equal('ethernet ipv4 icmp ipv4 tcp');
    expect(problems(layer)).to.deep.equal([]);
    const tcp = findLayer(layer, 'tcp')!;
    expect(valueOf(tcp, 'sequenceNumber')).to.equal(77);
    expect(valueOf(tcp, 'window')).to.equal(-1);
  });

  it('never throws, and every field lies within the octets', () => {
    const seeds = [
      completePacket({ options: SYN_OPTIONS, flags: 2 }),
      completePacket({ protocol: 17 }),
      arpFrame(1, '0a000001', '0a000002'),
      icmpFrame(3, 3, '00000000', completePacket({}).subarray(14)),
    ];
    const mutated = fc
      .tuple(fc.constantFrom(...seeds), fc.nat(80), fc.array(fc.tuple(fc.nat(79), fc.nat(255)), { maxLength: 6 }))
      .map(([seed, cut, changes]) => {
        const bytes = seed.slice(0, Math.max(0, seed.length - cut + 40));
        for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
        return bytes;
      });
    fc.assert(
      fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 120 })), (bytes) => {
        for (const layer of layersOf(dissect(bytes))) {
          expect(layer.offset + layer.length).to.be.at.most(bytes.length);
          for (const { offset, length } of layer.fields) expect(offset + length).to.be.at.most(bytes.length);
        }
      }),
      { numRuns: 500 },
    );
  });
});

/** A copy with one octet changed. */
function patch(bytes: Uint8Array, at: number, value: number): Uint8Array {
  const copy = bytes.slice();
  copy[at] = value;
  return copy;
}
