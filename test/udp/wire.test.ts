import { expect } from 'chai';
import fc from 'fast-check';
import { foldSum, pseudoHeaderSum, sumBytes } from '../../src/core/checksum.ts';
import { fromHex } from '../../src/core/bytes.ts';
import {
  UDP_HEADER_LENGTH,
  UDP_LAYOUT,
  setUdpChecksum,
  setUdpPartialChecksum,
  udpChecksum,
  udpChecksumIsValid,
  udpDestinationPort,
  udpLength,
  udpSourcePort,
  writeUdpHeader,
} from '../../src/udp/wire.ts';
import { addr } from '../ip/host.ts';

const port = fc.nat(0xffff);
const SUM = pseudoHeaderSum(addr('10.0.0.1'), addr('10.0.0.2'), 17);

describe('udp/wire', () => {
  it('getters say what the layout decodes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 8, maxLength: 8 }), fc.nat(5), (header, at) => {
        const bytes = Buffer.alloc(at + 8);
        bytes.set(header, at);
        expect({
          sourcePort: udpSourcePort(bytes, at),
          destinationPort: udpDestinationPort(bytes, at),
          length: udpLength(bytes, at),
          checksum: udpChecksum(bytes, at),
        }).to.deep.equal({ ...UDP_LAYOUT.decode(bytes, at) });
      }),
    );
  });

  it('768-a, 1122-4.1.3.4-a: what is written reads back, its checksum is right and never zero', () => {
    fc.assert(
      fc.property(port, port, fc.uint8Array({ maxLength: 100 }), (from, to, data) => {
        const length = UDP_HEADER_LENGTH + data.length;
        const bytes = new Uint8Array(length);
        bytes.set(data, UDP_HEADER_LENGTH);
        writeUdpHeader(bytes, 0, from, to, length);
        expect([udpSourcePort(bytes, 0), udpDestinationPort(bytes, 0), udpLength(bytes, 0)]).to.deep.equal([
          from,
          to,
          length,
        ]);
        setUdpChecksum(bytes, 0, sumBytes(bytes, 0, length, SUM + length));
        expect(udpChecksum(bytes, 0)).not.to.equal(0);
        expect(udpChecksumIsValid(bytes, 0, sumBytes(bytes, 0, length, SUM + length))).to.be.true;
        bytes[0]! ^= 1;
        expect(udpChecksumIsValid(bytes, 0, sumBytes(bytes, 0, length, SUM + length))).to.be.false;
      }),
    );
  });

  it('768-a: a computed zero is sent as all ones', () => {
    const bytes = new Uint8Array(10);
    writeUdpHeader(bytes, 0, 1, 2, 10);
    // The data is what makes the sum all ones, whose complement is zero.
    const data = 0xffff - foldSum(sumBytes(bytes, 0, 10, SUM + 10));
    bytes[8] = data >> 8;
    bytes[9] = data;
    setUdpChecksum(bytes, 0, sumBytes(bytes, 0, 10, SUM + 10));
    expect(udpChecksum(bytes, 0)).to.equal(0xffff);
    expect(udpChecksumIsValid(bytes, 0, sumBytes(bytes, 0, 10, SUM + 10))).to.be.true;
  });

  it('a received zero means that there is none', () => {
    const bytes = new Uint8Array(12).fill(0x55);
    writeUdpHeader(bytes, 0, 1, 2, 12);
    expect(udpChecksumIsValid(bytes, 0, sumBytes(bytes, 0, 12, SUM + 12))).to.be.true;
  });

  it('a partial checksum is the pseudo-header, and completes to the full one', () => {
    const data = fromHex('0102030405');
    const bytes = new Uint8Array(13);
    bytes.set(data, 8);
    writeUdpHeader(bytes, 0, 1, 2, 13);
    setUdpPartialChecksum(bytes, 0, 13, SUM);
    const completed = ~foldSum(sumBytes(bytes, 0, 13)) & 0xffff;
    writeUdpHeader(bytes, 0, 1, 2, 13);
    setUdpChecksum(bytes, 0, sumBytes(bytes, 0, 13, SUM + 13));
    expect(udpChecksum(bytes, 0)).to.equal(completed);
  });
});
