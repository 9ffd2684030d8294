import { expect } from 'chai';
import fc from 'fast-check';
import {
  ICMP_HEADER_LENGTH,
  ICMP_LAYOUT,
  ICMP_QUERY_LAYOUT,
  icmpChecksum,
  icmpChecksumIsValid,
  icmpCode,
  icmpGateway,
  icmpIdentifier,
  icmpNextHopMtu,
  icmpPointer,
  icmpRest,
  icmpSequence,
  icmpType,
  isErrorType,
  isQueryType,
  setIcmpChecksum,
  writeIcmpHeader,
} from '../../src/icmp/wire.ts';

const octet = fc.nat(255);

describe('icmp/wire', () => {
  it('getters say what the layouts decode', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 8, maxLength: 8 }), fc.nat(5), (header, at) => {
        const bytes = Buffer.alloc(at + 8);
        bytes.set(header, at);
        const decoded = ICMP_LAYOUT.decode(bytes, at);
        expect(icmpType(bytes, at)).to.equal(decoded.type);
        expect(icmpCode(bytes, at)).to.equal(decoded.code);
        expect(icmpChecksum(bytes, at)).to.equal(decoded.checksum);
        expect(icmpRest(bytes, at)).to.equal(decoded.rest);
        expect(icmpGateway(bytes, at)).to.equal(decoded.rest);
        expect(icmpPointer(bytes, at)).to.equal(Math.floor(decoded.rest / 2 ** 24));
        const query = ICMP_QUERY_LAYOUT.decode(bytes, at);
        expect(icmpIdentifier(bytes, at)).to.equal(query.identifier);
        expect(icmpSequence(bytes, at)).to.equal(query.sequence);
        expect(icmpNextHopMtu(bytes, at)).to.equal(query.sequence);
      }),
    );
  });

  it('what is written reads back, and its checksum is right', () => {
    const word = fc.integer({ min: 0, max: 0xffffffff });
    fc.assert(
      fc.property(octet, octet, word, fc.uint8Array({ maxLength: 50 }), (type, code, rest, data) => {
        const bytes = new Uint8Array(ICMP_HEADER_LENGTH + data.length);
        bytes.set(data, ICMP_HEADER_LENGTH);
        writeIcmpHeader(bytes, 0, type, code, rest);
        setIcmpChecksum(bytes, 0, bytes.length);
        expect([icmpType(bytes, 0), icmpCode(bytes, 0), icmpRest(bytes, 0)]).to.deep.equal([type, code, rest]);
        expect(icmpChecksumIsValid(bytes, 0, bytes.length)).to.be.true;
      }),
    );
  });

  it('a type is an error, a query, or unknown', () => {
    const errors = [3, 4, 5, 11, 12];
    const queries = [0, 8, 13, 14, 15, 16, 17, 18];
    for (let type = 0; type < 256; type++) {
      expect(isErrorType(type), `type ${type}`).to.equal(errors.includes(type));
      expect(isQueryType(type), `type ${type}`).to.equal(queries.includes(type));
    }
  });
});
