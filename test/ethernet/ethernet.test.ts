import { expect } from 'chai';
import { fromHex } from '../../src/core/bytes.ts';
import { makeContext } from '../../src/core/context.ts';
import { Checksum } from '../../src/core/frame.ts';
import { SeededRandom } from '../../src/core/random.ts';
import { micros } from '../../src/core/time.ts';
import { BROADCAST_MAC, macAddress } from '../../src/ethernet/address.ts';
import type { MacAddress } from '../../src/ethernet/address.ts';
import { EthernetPort } from '../../src/ethernet/ethernet.ts';
import { EtherType } from '../../src/ethernet/wire.ts';
import { FakeLink } from '../support/fake-link.ts';
import { datagramOf, etherFrame, OTHER_MAC, OUR_MAC, PEER_MAC } from './station.ts';

const NOW = micros(5);
const GROUP = macAddress(0x01005e000001);

function makePort() {
  const context = makeContext(new SeededRandom(1));
  const link = new FakeLink();
  const port = new EthernetPort(context, link, OUR_MAC);
  const got: { bytes: Uint8Array; broadcast: boolean }[] = [];
  port.register(EtherType.Ipv4, (frame) => {
    got.push({ bytes: frame.view().slice(), broadcast: frame.linkBroadcast });
  });
  const input = (bytes: Uint8Array): void => {
    const frame = context.frames.from(bytes);
    port.input(frame, NOW);
    frame.release();
  };
  return { context, link, port, got, input };
}

describe('ethernet/ethernet', () => {
  const destinations: [string, MacAddress, boolean, boolean][] = [
    ['our own address', OUR_MAC, true, false],
    ['1122-2.4-a: the broadcast address', BROADCAST_MAC, true, true],
    ['1122-2.4-a: a joined group', GROUP, true, true],
    ['another group', macAddress(0x01005e000002), false, false],
    ['another station', OTHER_MAC, false, false],
  ];
  for (const [name, destination, taken, broadcast] of destinations) {
    it(`${taken ? 'takes' : 'drops'} frames to ${name}`, () => {
      const { context, port, got, input } = makePort();
      port.join(GROUP);
      input(etherFrame(destination, PEER_MAC, EtherType.Ipv4, datagramOf(9)));
      expect(got).to.deep.equal(taken ? [{ bytes: datagramOf(9), broadcast }] : []);
      expect(context.drops.count('ether-not-for-us')).to.equal(taken ? 0 : 1);
      expect(port.framesIn).to.equal(taken ? 1 : 0);
      expect(context.frames.inUse).to.equal(0);
    });
  }

  it('clears the broadcast mark that a frame brings along', () => {
    const { context, port, got } = makePort();
    const frame = context.frames.from(etherFrame(OUR_MAC, PEER_MAC, EtherType.Ipv4, datagramOf(1)));
    frame.linkBroadcast = true;
    port.input(frame, NOW);
    frame.release();
    expect(got[0]!.broadcast).to.equal(false);
  });

  const refused: [string, Uint8Array, string][] = [
    ['a group as source', etherFrame(OUR_MAC, GROUP, EtherType.Ipv4, datagramOf(1)), 'ether-bad-source'],
    ['broadcast as source', etherFrame(OUR_MAC, BROADCAST_MAC, EtherType.Ipv4, datagramOf(1)), 'ether-bad-source'],
    ['an echo of our broadcast', etherFrame(BROADCAST_MAC, OUR_MAC, EtherType.Ipv4, datagramOf(1)), 'ether-own'],
    ['a type nobody takes', etherFrame(OUR_MAC, PEER_MAC, EtherType.Ipv6, datagramOf(1)), 'ether-unknown-type'],
    ['another VLAN', etherFrame(OUR_MAC, PEER_MAC, EtherType.Vlan, fromHex('0005 0800')), 'ether-vlan'],
    ['another VLAN for another station', etherFrame(OTHER_MAC, PEER_MAC, 0x8100, fromHex('0005')), 'ether-not-for-us'],
    ['a stub', fromHex('020000000001'), 'ether-truncated'],
  ];
  for (const [name, bytes, reason] of refused) {
    it(`drops ${name}`, () => {
      const { context, got, input } = makePort();
      input(bytes);
      expect(got).to.deep.equal([]);
      expect(context.drops.snapshot()).to.deep.equal({ [reason]: 1 });
    });
  }

  it('1122-2.3.3-b: hands on both encapsulations, intermixed', () => {
    const { got, input } = makePort();
    const snap = fromHex('aaaa03 000000 0800 4500');
    input(etherFrame(OUR_MAC, PEER_MAC, snap.length, snap));
    input(etherFrame(OUR_MAC, PEER_MAC, EtherType.Ipv4, fromHex('4501')));
    expect(got.map((one) => one.bytes)).to.deep.equal([fromHex('4500'), fromHex('4501')]);
  });

  it('a group stays joined until it was left as often as joined', () => {
    const { context, port, input } = makePort();
    const frame = etherFrame(GROUP, PEER_MAC, EtherType.Ipv4, datagramOf(1));
    port.join(GROUP);
    port.join(GROUP);
    port.leave(GROUP);
    input(frame);
    expect(port.framesIn).to.equal(1);
    port.leave(GROUP);
    port.leave(GROUP);
    input(frame);
    expect(port.framesIn).to.equal(1);
    expect(context.drops.count('ether-not-for-us')).to.equal(1);
  });

  it('1122-2.3.3-a: sends Ethernet II', () => {
    const { context, link, port } = makePort();
    port.output(context.frames.from(datagramOf(7)), PEER_MAC, EtherType.Ipv4, NOW);
    expect(link.take().map((sent) => sent.bytes)).to.deep.equal([
      etherFrame(PEER_MAC, OUR_MAC, EtherType.Ipv4, datagramOf(7)),
    ]);
    expect([port.framesOut, port.octetsOut, context.frames.inUse]).to.deep.equal([1, 78, 0]);
  });

  for (const length of [0, 1, 28, 45, 46, 47]) {
    it(`894-a: a payload of ${length} octets is padded with zeros to 46`, () => {
      const { context, link, port } = makePort();
      const dirty = context.frames.from(datagramOf(0xff, 500));
      dirty.release();
      port.output(context.frames.from(datagramOf(7, length)), PEER_MAC, EtherType.Ipv4, NOW);
      const bytes = link.take()[0]!.bytes;
      expect(bytes.length).to.equal(14 + Math.max(46, length));
      expect(bytes.subarray(14, 14 + length)).to.deep.equal(datagramOf(7, length));
      expect(bytes.subarray(14 + length).every((octet) => octet === 0)).to.equal(true);
    });
  }

  it('leaves the offload facts of a super-segment alone', () => {
    const { context, link, port } = makePort();
    const frame = context.frames.from(datagramOf(1, 20_000));
    frame.gsoSize = 1448;
    frame.checksum = Checksum.Partial;
    port.output(frame, PEER_MAC, EtherType.Ipv4, NOW);
    expect(link.take()[0]).to.include({ gsoSize: 1448, checksum: Checksum.Partial, time: NOW });
  });

  it('refuses a group address as its own', () => {
    const context = makeContext(new SeededRandom(1));
    expect(() => new EthernetPort(context, new FakeLink(), GROUP)).to.throw(RangeError);
  });
});
