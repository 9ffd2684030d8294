import { expect } from 'chai';
import * as fc from 'fast-check';
import { FramePool } from '../../src/core/frame.ts';
import { macAddress } from '../../src/ethernet/address.ts';
import {
  ARP_LAYOUT,
  ARP_LENGTH,
  emitArp,
  hardwareLengthOf,
  hardwareTypeOf,
  makeArpPacket,
  opcodeOf,
  parseArp,
  protocolLengthOf,
  protocolTypeOf,
  senderHardwareOf,
  senderProtocolOf,
  targetHardwareOf,
  targetProtocolOf,
} from '../../src/ethernet/arp-wire.ts';
import { ipv4 } from '../../src/ip/address.ts';
import { arpPacket } from './station.ts';

describe('ethernet/arp-wire', () => {
  it('the packet has 28 octets', () => expect(ARP_LENGTH).to.equal(28));

  it('the getters read what the layout decodes', () => {
    const octets = fc.uint8Array({ minLength: ARP_LENGTH + 3, maxLength: 40 });
    fc.assert(
      fc.property(octets, fc.nat(3), (bytes, at) => {
        expect({
          hardwareType: hardwareTypeOf(bytes, at),
          protocolType: protocolTypeOf(bytes, at),
          hardwareLength: hardwareLengthOf(bytes, at),
          protocolLength: protocolLengthOf(bytes, at),
          opcode: opcodeOf(bytes, at),
          senderHardware: senderHardwareOf(bytes, at),
          senderProtocol: senderProtocolOf(bytes, at),
          targetHardware: targetHardwareOf(bytes, at),
          targetProtocol: targetProtocolOf(bytes, at),
        }).to.deep.equal({ ...ARP_LAYOUT.decode(Buffer.from(bytes), at) });
      }),
    );
  });

  it('parse of emit is identity', () => {
    const pool = new FramePool();
    const mac = fc.maxSafeNat().map((value) => macAddress(value % 2 ** 48));
    const address = fc.maxSafeNat().map(ipv4);
    const packets = fc.record({
      opcode: fc.nat(0xffff),
      senderHardware: mac,
      senderProtocol: address,
      targetHardware: mac,
      targetProtocol: address,
    });
    fc.assert(
      fc.property(packets, (packet) => {
        const frame = pool.acquire(0);
        emitArp(frame, packet);
        const read = makeArpPacket();
        expect(parseArp(frame.bytes, frame.start, frame.end, read)).to.equal(undefined);
        expect(read).to.deep.equal({ ...packet });
        frame.release();
      }),
    );
    expect(pool.inUse).to.equal(0);
  });

  const rows: [string, Uint8Array, string | undefined][] = [
    ['a request', arpPacket(), undefined],
    ['the hardware type of IEEE 802 (RFC 1042)', arpPacket({ hardwareType: 6 }), undefined],
    ['826-c: hardware type 0', arpPacket({ hardwareType: 0 }), 'arp-hardware-type'],
    ['826-c: hardware type 15', arpPacket({ hardwareType: 15 }), 'arp-hardware-type'],
    ['826-c: protocol type IPv6', arpPacket({ protocolType: 0x86dd }), 'arp-protocol-type'],
    ['826-c: hardware length 2', arpPacket({ hardwareLength: 2 }), 'arp-lengths'],
    ['826-c: protocol length 16', arpPacket({ protocolLength: 16 }), 'arp-lengths'],
    ['27 octets', arpPacket().subarray(0, 27), 'arp-truncated'],
    ['nothing', new Uint8Array(0), 'arp-truncated'],
  ];
  for (const [name, bytes, refusal] of rows) {
    it(`${name}: ${refusal ?? 'taken'}`, () => {
      expect(parseArp(bytes, 0, bytes.length, makeArpPacket())).to.equal(refusal);
    });
  }
});
