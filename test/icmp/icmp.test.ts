import { expect } from 'chai';
import type { DropReason } from '../../src/core/drop.ts';
import { IpProtocol } from '../../src/ip/service.ts';
import { datagram, makeHost } from '../ip/host.ts';
import { message } from './messages.ts';

describe('icmp/icmp', () => {
  const discarded: [name: string, type: number, reason: DropReason][] = [
    ['1122-3.2.2-a: type 1', 1, 'icmp-unknown-type'],
    ['1122-3.2.2-a: type 42', 42, 'icmp-unknown-type'],
    ['1122-3.2.2-a: type 255', 255, 'icmp-unknown-type'],
    ['6633-5-a: Source Quench', 4, 'icmp-source-quench'],
    ['RFC 1122 §3.2.2.8 (MAY): a Timestamp Request', 13, 'icmp-timestamp'],
    ['1122-3.2.2.7-a: an Information Request', 15, 'icmp-obsolete'],
    ['1122-3.2.2.7-a: an Information Reply', 16, 'icmp-obsolete'],
    ['1122-3.2.2.9-i: an Address Mask Request', 17, 'icmp-obsolete'],
    ['an Address Mask Reply', 18, 'icmp-obsolete'],
  ];
  for (const [name, type, reason] of discarded) {
    it(`discards ${name} without a word`, () => {
      const host = makeHost();
      const body = datagram({ source: '10.0.0.2', destination: '8.8.8.8' });
      host.link.deliver(datagram({ protocol: IpProtocol.Icmp, payload: message(type, 0, 0, body) }));
      expect(host.link.sent).to.deep.equal([]);
      expect(host.context.drops.snapshot()).to.deep.equal({ [reason]: 1 });
      expect(host.context.frames.inUse).to.equal(0);
    });
  }

  for (const type of [0, 14]) {
    it(`1122-3.2.2.6-g: a reply of type ${type} is for the raw listeners`, () => {
      const host = makeHost();
      let seen = 0;
      host.ip.addRaw(IpProtocol.Icmp, {
        receiveRaw: () => {
          seen++;
          return true;
        },
        errorRaw: () => undefined,
      });
      host.link.deliver(datagram({ protocol: IpProtocol.Icmp, payload: message(type, 0, 0) }));
      expect(seen).to.equal(1);
      expect(host.context.drops.snapshot()).to.deep.equal({});
    });
  }

  it('6633-3-a, 1122-3.2.2.2-a: sends neither Source Quench nor Redirect, however much there is to drop', () => {
    const host = makeHost();
    for (let i = 0; i < 200; i++) host.link.deliver(datagram({ protocol: 201 }));
    expect(new Set(host.link.sent.map(({ bytes }) => bytes[20]))).to.deep.equal(new Set([3]));
  });
});
