import { expect } from 'chai';
import fc from 'fast-check';
import { fromHex, toHex } from '../../src/core/bytes.ts';
import {
  IGMP_LAYOUT,
  IGMP_LENGTH,
  igmpChecksum,
  igmpChecksumIsValid,
  igmpGroup,
  igmpType,
  writeIgmp,
} from '../../src/igmp/wire.ts';
import { ipv4 } from '../../src/ip/address.ts';
import { addr } from '../ip/host.ts';

describe('igmp/wire', () => {
  it('writes a report as RFC 1112 appendix I draws it', () => {
    const bytes = new Uint8Array(10).fill(0xaa);
    writeIgmp(bytes, 1, 0x12, addr('239.1.2.3'));
    expect(toHex(bytes, ' ')).to.equal('aa 12 00 fc fa ef 01 02 03 aa');
  });

  it('a checksum covers everything that the datagram carries', () => {
    const query = fromHex('1164 ec1e 00000000 027d 0000');
    expect(igmpChecksumIsValid(query, 0, query.length)).to.equal(true);
    expect(igmpChecksumIsValid(query, 0, IGMP_LENGTH)).to.equal(false);
  });

  it('property: the getters read what the layout declares, and what was written is valid', () => {
    fc.assert(
      fc.property(fc.nat(255), fc.nat(0xffffffff), (type, group) => {
        const bytes = new Uint8Array(IGMP_LENGTH);
        writeIgmp(bytes, 0, type, ipv4(group));
        const declared = IGMP_LAYOUT.decode(Buffer.from(bytes));
        expect(declared).to.deep.equal({
          versionAndType: igmpType(bytes, 0),
          unused: 0,
          checksum: igmpChecksum(bytes, 0),
          group: igmpGroup(bytes, 0),
        });
        expect(declared.versionAndType).to.equal(type);
        expect(declared.group).to.equal(group);
        expect(igmpChecksumIsValid(bytes, 0, IGMP_LENGTH)).to.equal(true);
      }),
    );
  });
});
