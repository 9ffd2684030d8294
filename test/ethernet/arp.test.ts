import { expect } from 'chai';
import { BROADCAST_MAC, macAddress } from '../../src/ethernet/address.ts';
import { ArpOpcode } from '../../src/ethernet/arp-wire.ts';
import type { ArpFields } from '../../src/ethernet/arp-wire.ts';
import {
  arpFrame,
  arpPacket,
  datagramOf,
  etherFrame,
  ip,
  OTHER_IP,
  OTHER_MAC,
  OUR_IP,
  OUR_MAC,
  PEER_IP,
  PEER_MAC,
  sentArp,
  Station,
  ZERO_IP,
} from './station.ts';

const { Request, Reply } = ArpOpcode;

describe('ethernet/arp', () => {
  describe('packet reception (RFC 826)', () => {
    it('826-b: answers a request for our address to its sender, and adds the sender', () => {
      const station = new Station().withAddress();
      station.input(arpFrame());
      const [reply] = station.link.take();
      expect(sentArp(reply!)).to.deep.equal({
        destination: PEER_MAC,
        source: OUR_MAC,
        hardwareType: 1,
        protocolType: 0x0800,
        hardwareLength: 6,
        protocolLength: 4,
        opcode: Reply,
        senderHardware: OUR_MAC,
        senderProtocol: OUR_IP,
        targetHardware: PEER_MAC,
        targetProtocol: PEER_IP,
      });
      expect(reply!.bytes.length).to.equal(60);
      expect(station.state(PEER_IP)).to.equal('STALE');
      expect(station.drops()).to.deep.equal({});
      expect(station.context.frames.inUse).to.equal(0);
    });

    it('826-b: neither answers nor adds when somebody else is the target', () => {
      const station = new Station().withAddress();
      station.input(arpFrame({ targetProtocol: OTHER_IP }));
      expect(station.link.take()).to.deep.equal([]);
      expect(station.ethernet.neighbors.size).to.equal(0);
      expect(station.drops()).to.deep.equal({ 'arp-not-for-us': 1 });
    });

    it('826-b: a reply that nobody asked for adds nothing', () => {
      const station = new Station().withAddress();
      station.input(arpFrame({ opcode: Reply }));
      expect(station.ethernet.neighbors.size).to.equal(0);
      expect(station.drops()).to.deep.equal({ 'arp-unsolicited': 1 });
    });

    it('answers a unicast request (a poll) as well', () => {
      const station = new Station().withAddress();
      station.input(arpFrame({}, OUR_MAC));
      expect(sentArp(station.link.take()[0]!).opcode).to.equal(Reply);
    });

    const updates: [string, Partial<ArpFields>, typeof BROADCAST_MAC | undefined][] = [
      ['a request for somebody else', { targetProtocol: OTHER_IP }, undefined],
      ['a request for us', {}, undefined],
      ['a reply to us', { opcode: Reply }, undefined],
      ['a broadcast reply', { opcode: Reply }, BROADCAST_MAC],
      ['an announcement', { targetProtocol: PEER_IP }, undefined],
      ['an opcode of another protocol', { opcode: 9, targetProtocol: OTHER_IP }, undefined],
    ];
    for (const [name, fields, destination] of updates) {
      it(`826-a: ${name} updates the hardware address of an entry, which is then in doubt`, () => {
        const station = new Station().withAddress().withReachable();
        station.input(arpFrame({ ...fields, senderHardware: OTHER_MAC }, destination));
        const entry = station.ethernet.neighbors.lookup(PEER_IP, station.now)!;
        expect([entry.mac, entry.state]).to.deep.equal([OTHER_MAC, 'STALE']);
      });
    }

    it('an opcode that is neither request nor reply gets no answer', () => {
      const station = new Station().withAddress();
      station.input(arpFrame({ opcode: 3 }));
      expect(station.link.take()).to.deep.equal([]);
      expect(station.drops()).to.deep.equal({ 'arp-opcode': 1 });
    });

    const refused: [string, Partial<ArpFields>, string][] = [
      ['826-c: an unknown hardware type', { hardwareType: 7 }, 'arp-hardware-type'],
      ['826-c: an unknown protocol type', { protocolType: 0x0801 }, 'arp-protocol-type'],
      ['826-c: a wrong hardware length', { hardwareLength: 8 }, 'arp-lengths'],
      ['826-c: a wrong protocol length', { protocolLength: 6 }, 'arp-lengths'],
      ['our own packet', { senderHardware: OUR_MAC, senderProtocol: OUR_IP }, 'arp-own'],
      ['a sender without hardware address', { senderHardware: 0 }, 'arp-bad-sender'],
      ['a group as sender', { senderHardware: 0x01005e000001 }, 'arp-bad-sender'],
      ['broadcast as sender', { senderHardware: BROADCAST_MAC }, 'arp-bad-sender'],
      ['a multicast protocol address', { senderProtocol: ip('224.0.0.1') }, 'arp-bad-sender'],
      ['the broadcast protocol address', { senderProtocol: ip('255.255.255.255') }, 'arp-bad-sender'],
      ['a loopback protocol address', { senderProtocol: ip('127.0.0.1') }, 'arp-bad-sender'],
      ['an address in 0.0.0.0/8', { senderProtocol: ip('0.0.0.9') }, 'arp-bad-sender'],
    ];
    for (const [name, fields, reason] of refused) {
      it(`drops ${name}`, () => {
        const station = new Station().withAddress();
        station.input(etherFrame(OUR_MAC, PEER_MAC, 0x0806, arpPacket(fields)));
        expect(station.link.take()).to.deep.equal([]);
        expect(station.ethernet.neighbors.size).to.equal(0);
        expect(station.drops()).to.deep.equal({ [reason]: 1 });
        expect(station.context.frames.inUse).to.equal(0);
      });
    }

    it('drops a truncated packet', () => {
      const station = new Station().withAddress();
      station.input(etherFrame(OUR_MAC, PEER_MAC, 0x0806, arpPacket().subarray(0, 27)));
      expect(station.drops()).to.deep.equal({ 'arp-truncated': 1 });
    });

    it('answers for each of its addresses, and no longer for one that was removed', () => {
      const station = new Station().withAddress().withAddress(OTHER_IP);
      station.input(arpFrame({ targetProtocol: OTHER_IP }));
      expect(sentArp(station.link.take()[0]!).senderProtocol).to.equal(OTHER_IP);
      station.ethernet.removeAddress(OTHER_IP);
      station.input(arpFrame({ targetProtocol: OTHER_IP }));
      expect(station.link.take()).to.deep.equal([]);
      expect(station.drops()).to.deep.equal({ 'arp-not-for-us': 1 });
    });
  });

  describe('requests', () => {
    it('1122-2.3.3-f: asks everybody for an unknown neighbour', () => {
      const station = new Station().withAddress();
      expect(station.output(PEER_IP)).to.equal(0);
      const [request, ...rest] = station.link.take();
      expect(rest).to.deep.equal([]);
      expect(sentArp(request!)).to.include({
        destination: BROADCAST_MAC,
        source: OUR_MAC,
        opcode: Request,
        senderHardware: OUR_MAC,
        senderProtocol: OUR_IP,
        targetHardware: 0,
        targetProtocol: PEER_IP,
      });
      expect(request!.reason).to.equal('arp request');
    });

    it('asks from the address in the network of the target', () => {
      const station = new Station().withAddress().withAddress(ip('192.168.1.1')).withAddress(ip('10.9.0.1'));
      const sources = ['192.168.1.77', '10.0.0.200', '10.9.1.1'].map((text) => {
        station.output(ip(text));
        return sentArp(station.link.take()[0]!).senderProtocol;
      });
      expect(sources).to.deep.equal([ip('192.168.1.1'), OUR_IP, ip('10.9.0.1')]);
    });

    it('does not ask without an address of its own: that would be a probe', () => {
      const station = new Station();
      expect(station.output(PEER_IP)).to.equal(-113);
      station.ethernet.addAddress(OUR_IP, true, station.now);
      expect(station.output(PEER_IP)).to.equal(-113);
      expect(station.link.take()).to.deep.equal([]);
      expect(station.drops()).to.deep.equal({ 'arp-no-source': 2 });
      expect(station.context.frames.inUse).to.equal(0);
    });

    it('keeps quiet when its last address goes while it asks', () => {
      const station = new Station().withAddress();
      station.output(PEER_IP);
      station.link.take();
      station.ethernet.removeAddress(OUR_IP);
      station.run(4_000_000);
      expect(station.link.take()).to.deep.equal([]);
      expect(station.user.unreachable).to.have.length(1);
      expect(station.drops()).to.deep.equal({ 'arp-no-source': 2, 'neighbor-failed': 1 });
    });
  });

  describe('hostile senders', () => {
    const stranger = (index: number): Partial<ArpFields> => ({
      senderProtocol: ip('10.1.0.0') + index,
      senderHardware: 0x020000010000 + index,
    });

    it('a flood of requests to us stays within the bound and displaces no neighbour in use', () => {
      const station = new Station({ arp: { maxEntries: 8 } }).withAddress();
      const inUse = [2, 3, 4].map((last) => ip(`10.0.0.${last}`));
      for (const [i, address] of inUse.entries()) station.withReachable(address, macAddress(0x020000000010 + i));
      for (let i = 0; i < 5000; i++) station.input(arpFrame(stranger(i)));
      expect(station.ethernet.neighbors.size).to.equal(8);
      for (const address of inUse) expect(station.state(address)).to.equal('REACHABLE');
      expect(station.link.take()).to.have.length(5000);
      expect(station.context.timers.size).to.equal(8);
    });

    it('with the table full of neighbours in use, strangers are answered and not learnt', () => {
      const station = new Station({ arp: { maxEntries: 2 } }).withAddress().withReachable();
      station.withReachable(OTHER_IP, OTHER_MAC);
      for (let i = 0; i < 10; i++) station.input(arpFrame(stranger(i)));
      expect(station.link.take()).to.have.length(10);
      expect(station.drops()).to.deep.equal({ 'neighbor-table-full': 10 });
      expect([station.state(PEER_IP), station.state(OTHER_IP)]).to.deep.equal(['REACHABLE', 'REACHABLE']);
    });

    it('a flood of replies and of requests to others leaves no trace', () => {
      const station = new Station().withAddress();
      for (let i = 0; i < 1000; i++) {
        station.input(arpFrame({ ...stranger(i), opcode: Reply }));
        station.input(arpFrame({ ...stranger(i), targetProtocol: OTHER_IP }));
      }
      expect(station.ethernet.neighbors.size).to.equal(0);
      expect(station.link.take()).to.deep.equal([]);
      expect(station.context.frames.inUse).to.equal(0);
    });

    it('a forged reply to a reachable neighbour does not count as confirmation', () => {
      const station = new Station().withAddress().withReachable();
      station.run(29_000_000);
      station.input(arpFrame({ opcode: Reply }));
      expect(station.state(PEER_IP)).to.equal('REACHABLE');
      station.run(1_000_000);
      expect(station.state(PEER_IP)).to.equal('STALE');
    });
  });

  it('a frame to the neighbour that was overheard goes out at once', () => {
    const station = new Station().withAddress();
    station.input(arpFrame());
    station.link.take();
    expect(station.output(PEER_IP, datagramOf(5))).to.equal(0);
    expect(station.link.take().map((sent) => sent.bytes)).to.deep.equal([
      etherFrame(PEER_MAC, OUR_MAC, 0x0800, datagramOf(5)),
    ]);
    expect(station.state(PEER_IP)).to.equal('DELAY');
  });

  it('RFC 5227 §2.5: answers a probe for an address in use, without learning 0.0.0.0', () => {
    const station = new Station().withAddress();
    station.input(arpFrame({ senderProtocol: ZERO_IP }));
    expect(sentArp(station.link.take()[0]!)).to.include({ opcode: Reply, targetProtocol: 0, destination: PEER_MAC });
    expect(station.ethernet.neighbors.size).to.equal(0);
    expect(station.user.conflicts).to.deep.equal([]);
  });
});
