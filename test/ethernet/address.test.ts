import { expect } from 'chai';
import * as fc from 'fast-check';
import {
  BROADCAST_MAC,
  formatMac,
  groupMac,
  isGroup,
  isMulticast,
  macAddress,
  NO_MAC,
  parseMac,
} from '../../src/ethernet/address.ts';
import { ip } from './station.ts';

const anyMac = fc.maxSafeNat().map((value) => macAddress(value % 2 ** 48));

describe('ethernet/address', () => {
  it('parse of format is identity', () => {
    fc.assert(fc.property(anyMac, (address) => parseMac(formatMac(address)) === address));
  });

  const texts: [string, number | undefined][] = [
    ['02:00:00:00:00:01', 0x020000000001],
    ['FF-ff-FF-ff-FF-ff', 0xffffffffffff],
    ['00:00:00:00:00:00', 0],
    ['02:00:00:00:00', undefined],
    ['02:00:00:00:00:01:02', undefined],
    ['2:0:0:0:0:1', undefined],
    ['02:00:00:00:00:0g', undefined],
    ['020000000001', undefined],
    ['', undefined],
  ];
  for (const [text, value] of texts) {
    it(`reads '${text}' as ${value ?? 'nothing'}`, () => expect(parseMac(text)).to.equal(value));
  }

  it('formats with leading zeros', () => expect(formatMac(macAddress(0x1))).to.equal('00:00:00:00:00:01'));

  const kinds: [string, number, boolean, boolean][] = [
    ['none', NO_MAC, false, false],
    ['broadcast', BROADCAST_MAC, true, false],
    ['an IP multicast group', 0x01005e000001, true, true],
    ['a locally administered station', 0x020000000001, false, false],
    ['the highest station', 0xfeffffffffff, false, false],
    ['an IPv6 multicast group', 0x333300000001, true, true],
  ];
  for (const [name, value, group, multicast] of kinds) {
    it(`knows what ${name} is`, () => {
      expect(isGroup(macAddress(value))).to.equal(group);
      expect(isMulticast(macAddress(value))).to.equal(multicast);
    });
  }

  it('refuses what is not 48 bits', () => {
    for (const value of [-1, 2 ** 48, 1.5, NaN, Infinity]) expect(() => macAddress(value)).to.throw(RangeError);
  });

  it('1112-6.4-a: a group is 01-00-5e and its low 23 bits', () => {
    expect(formatMac(groupMac(ip('224.0.0.1')))).to.equal('01:00:5e:00:00:01');
    expect(formatMac(groupMac(ip('239.255.255.250')))).to.equal('01:00:5e:7f:ff:fa');
    expect(groupMac(ip('225.128.0.9'))).to.equal(groupMac(ip('224.0.0.9')));
  });
});
