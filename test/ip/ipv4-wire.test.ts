import { expect } from 'chai';
import fc from 'fast-check';
import { sumBytes, sumIsValid } from '../../src/core/checksum.ts';
import { fromHex } from '../../src/core/bytes.ts';
import { formatAddress, ipv4 } from '../../src/ip/address.ts';
import {
  IPV4_HEADER_LENGTH,
  IPV4_LAYOUT,
  ipChecksum,
  ipChecksumIsValid,
  ipDestination,
  ipFlags,
  ipFragmentOffset,
  ipHeaderLength,
  ipIdentification,
  ipIsFragment,
  ipProtocol,
  ipSource,
  ipTos,
  ipTotalLength,
  ipTtl,
  ipVersion,
  readIpv4Header,
  setIpChecksum,
  writeIpv4Header,
} from '../../src/ip/ipv4-wire.ts';

const u8 = fc.integer({ min: 0, max: 0xff });
const u16 = fc.integer({ min: 0, max: 0xffff });
const address = fc.integer({ min: 0, max: 0xffffffff }).map(ipv4);

describe('ip/ipv4-wire', () => {
  it('the header is 20 octets', () => {
    expect(IPV4_HEADER_LENGTH).to.equal(20);
  });

  it('getters say what the layout decodes, on any octets at any offset', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 20, maxLength: 20 }), fc.nat(7), (header, at) => {
        const bytes = Buffer.alloc(at + 20);
        bytes.set(header, at);
        const decoded = IPV4_LAYOUT.decode(bytes, at);
        expect((ipVersion(bytes, at) << 4) | (ipHeaderLength(bytes, at) >> 2)).to.equal(decoded.versionAndLength);
        expect(ipTos(bytes, at)).to.equal(decoded.tos);
        expect(ipTotalLength(bytes, at)).to.equal(decoded.totalLength);
        expect(ipIdentification(bytes, at)).to.equal(decoded.identification);
        expect(ipFlags(bytes, at)).to.equal(decoded.flagsAndOffset);
        expect(ipFragmentOffset(bytes, at)).to.equal((decoded.flagsAndOffset % 0x2000) * 8);
        expect(ipIsFragment(bytes, at)).to.equal(decoded.flagsAndOffset % 0x4000 !== 0);
        expect(ipTtl(bytes, at)).to.equal(decoded.ttl);
        expect(ipProtocol(bytes, at)).to.equal(decoded.protocol);
        expect(ipChecksum(bytes, at)).to.equal(decoded.checksum);
        expect(ipSource(bytes, at)).to.equal(decoded.source);
        expect(ipDestination(bytes, at)).to.equal(decoded.destination);
      }),
    );
  });

  it('what is written reads back, and its checksum is right', () => {
    const header = fc.record({
      tos: u8,
      totalLength: u16,
      identification: u16,
      flagsAndOffset: u16,
      ttl: u8,
      protocol: u8,
      source: address,
      destination: address,
    });
    fc.assert(
      fc.property(header, fc.nat(5), (fields, at) => {
        const bytes = new Uint8Array(at + 20);
        writeIpv4Header(bytes, at, fields);
        expect(readIpv4Header(bytes, at)).to.deep.equal(fields);
        expect(ipChecksumIsValid(bytes, at, 20)).to.be.true;
        const copy = bytes.slice();
        setIpChecksum(copy, at, 20);
        expect(copy).to.deep.equal(bytes);
      }),
    );
  });

  it('a header as the kernel sends it', () => {
    const bytes = fromHex('45000054 a6f2 4000 40 01 7fb4 0a000001 0a000002');
    expect(ipVersion(bytes, 0)).to.equal(4);
    expect(ipHeaderLength(bytes, 0)).to.equal(20);
    expect(ipTotalLength(bytes, 0)).to.equal(84);
    expect(formatAddress(ipSource(bytes, 0))).to.equal('10.0.0.1');
    expect(sumIsValid(sumBytes(bytes, 0, 20))).to.be.true;
  });

  it('1122-3.2.1.2-a: any single bit that changes makes the checksum wrong', () => {
    const bytes = fromHex('45000054 a6f2 4000 40 01 7fb4 0a000001 0a000002');
    for (let bit = 0; bit < 160; bit++) {
      const copy = bytes.slice();
      copy[bit >> 3]! ^= 1 << (bit & 7);
      expect(ipChecksumIsValid(copy, 0, 20), `bit ${bit}`).to.be.false;
    }
  });
});
