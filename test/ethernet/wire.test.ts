import { expect } from 'chai';
import * as fc from 'fast-check';
import { FramePool } from '../../src/core/frame.ts';
import { macAddress } from '../../src/ethernet/address.ts';
import {
  destinationOf,
  emitEthernet,
  ETHERNET_HEADER,
  ETHERNET_LAYOUT,
  EtherType,
  makeEthernetHeader,
  MIN_FRAME,
  parseEthernet,
  sourceOf,
  typeOf,
} from '../../src/ethernet/wire.ts';
import { fromHex } from '../../src/core/bytes.ts';

const ADDRESSES = '020000000001 020000000002';
const SNAP = 'aaaa03 000000 0800';

describe('ethernet/wire', () => {
  it('the getters read what the layout decodes', () => {
    const octets = fc.uint8Array({ minLength: ETHERNET_HEADER + 3, maxLength: 40 });
    fc.assert(
      fc.property(octets, fc.nat(3), (bytes, at) => {
        const fields = ETHERNET_LAYOUT.decode(Buffer.from(bytes), at);
        expect(destinationOf(bytes, at)).to.equal(fields.destination);
        expect(sourceOf(bytes, at)).to.equal(fields.source);
        expect(typeOf(bytes, at)).to.equal(fields.etherType);
      }),
    );
  });

  it('parse of emit is identity', () => {
    const pool = new FramePool();
    const header = makeEthernetHeader();
    const mac = fc.maxSafeNat().map((value) => macAddress(value % 2 ** 48));
    const type = fc.integer({ min: 0x600, max: 0xffff }).filter((value) => value !== 0x8100 && value !== 0x88a8);
    fc.assert(
      fc.property(mac, mac, type, fc.uint8Array(), (destination, source, etherType, payload) => {
        const frame = pool.from(payload);
        const start = frame.start;
        emitEthernet(frame, destination, source, etherType);
        expect(parseEthernet(frame.bytes, frame.start, frame.end, header)).to.equal(undefined);
        expect(header).to.deep.equal({ destination, source, etherType, payload: start, end: frame.end });
        frame.release();
      }),
    );
    expect(pool.inUse).to.equal(0);
  });

  it('894-a: the least frame is 60 octets', () => expect(MIN_FRAME).to.equal(60));

  const accepted: [string, string, number, number, number][] = [
    ['1122-2.3.3-a: Ethernet II', `${ADDRESSES} 0800 45`, EtherType.Ipv4, 14, 15],
    ['Ethernet II without a payload', `${ADDRESSES} 0806`, EtherType.Arp, 14, 14],
    ['a priority tag (VLAN 0)', `${ADDRESSES} 8100 e000 0800 45`, EtherType.Ipv4, 18, 19],
    ['1122-2.3.3-b: RFC 1042 encapsulation', `${ADDRESSES} 0009 ${SNAP} 45`, EtherType.Ipv4, 22, 23],
    ['RFC 1042 with padding that the length cuts off', `${ADDRESSES} 0009 ${SNAP} 45 0000`, EtherType.Ipv4, 22, 23],
    ['RFC 1042 behind a priority tag', `${ADDRESSES} 8100 2000 0009 ${SNAP} 45`, EtherType.Ipv4, 26, 27],
    ['the least EtherType', `${ADDRESSES} 0600`, 0x600, 14, 14],
  ];
  for (const [name, hex, etherType, payload, end] of accepted) {
    it(`takes ${name}`, () => {
      const bytes = fromHex(hex);
      const header = makeEthernetHeader();
      expect(parseEthernet(bytes, 0, bytes.length, header)).to.equal(undefined);
      expect(header).to.include({ etherType, payload, end });
    });
  }

  const refused: [string, string, string][] = [
    ['an empty frame', '', 'ether-truncated'],
    ['13 octets', `${ADDRESSES} 08`, 'ether-truncated'],
    ['a tag that ends early', `${ADDRESSES} 8100 0000 08`, 'ether-truncated'],
    ['VLAN 1', `${ADDRESSES} 8100 0001 0800 45`, 'ether-vlan'],
    ['VLAN 4095', `${ADDRESSES} 8100 0fff 0800 45`, 'ether-vlan'],
    ['a service tag', `${ADDRESSES} 88a8 0000 0800 45`, 'ether-vlan'],
    ['two tags', `${ADDRESSES} 8100 0000 8100 0000 0800 45`, 'ether-vlan'],
    ['a length beyond the frame', `${ADDRESSES} 000a ${SNAP} 45`, 'ether-bad-length'],
    ['a field between length and type', `${ADDRESSES} 05dd ${SNAP} 45`, 'ether-bad-length'],
    ['802.3 too short for SNAP', `${ADDRESSES} 0007 ${SNAP} 45`, 'ether-not-snap'],
    ['1122-2.3.3-e: K1 = 6', `${ADDRESSES} 0009 060603 000000 0800 45`, 'ether-not-snap'],
    ['a spanning tree message', `${ADDRESSES} 0009 424203 000000 0800 45`, 'ether-not-snap'],
    ['another organization', `${ADDRESSES} 0009 aaaa03 00000c 2000 45`, 'ether-not-snap'],
    ['another control value', `${ADDRESSES} 0009 aaaaf3 000000 0800 45`, 'ether-not-snap'],
  ];
  for (const [name, hex, reason] of refused) {
    it(`refuses ${name}`, () => {
      const bytes = fromHex(hex);
      expect(parseEthernet(bytes, 0, bytes.length, makeEthernetHeader())).to.equal(reason);
    });
  }
});
