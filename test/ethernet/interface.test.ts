import { expect } from 'chai';
import * as fc from 'fast-check';
import { makeContext } from '../../src/core/context.ts';
import { SeededRandom } from '../../src/core/random.ts';
import { micros, NEVER } from '../../src/core/time.ts';
import { BROADCAST_MAC, groupMac } from '../../src/ethernet/address.ts';
import { ArpOpcode } from '../../src/ethernet/arp-wire.ts';
import { EthernetInterface } from '../../src/ethernet/interface.ts';
import { EtherType } from '../../src/ethernet/wire.ts';
import { ipv4 } from '../../src/ip/address.ts';
import { FakeLink } from '../support/fake-link.ts';
import {
  arpFrame,
  datagramOf,
  etherFrame,
  ip,
  OTHER_IP,
  OUR_IP,
  OUR_MAC,
  PEER_IP,
  PEER_MAC,
  RecordingUser,
  Station,
} from './station.ts';

describe('ethernet/interface', () => {
  it('shows the facts of its link', () => {
    const link = new FakeLink({ name: 'tap7', mtu: 9000, maxSegment: 65535, checksumOffload: true });
    const ethernet = new EthernetInterface(makeContext(new SeededRandom(1)), link, OUR_MAC);
    expect(ethernet).to.include({ name: 'tap7', mac: OUR_MAC, mtu: 9000, maxSegment: 65535, checksumOffload: true });
  });

  it('hands datagrams to its user, and drops them without one', () => {
    const station = new Station();
    station.input(etherFrame(OUR_MAC, PEER_MAC, EtherType.Ipv4, datagramOf(3)));
    station.input(etherFrame(BROADCAST_MAC, PEER_MAC, EtherType.Ipv4, datagramOf(4)));
    expect(station.user.datagrams).to.deep.equal([datagramOf(3), datagramOf(4)]);
    expect(station.user.broadcastMarks).to.deep.equal([false, true]);
    station.ethernet.user = undefined;
    station.input(etherFrame(OUR_MAC, PEER_MAC, EtherType.Ipv4, datagramOf(3)));
    expect(station.drops()).to.deep.equal({ 'ether-unknown-type': 1 });
  });

  it('sends to the broadcast address and to groups without asking anybody', () => {
    const station = new Station();
    const { ethernet, context } = station;
    expect(ethernet.outputBroadcast(context.frames.from(datagramOf(1)), station.now)).to.equal(0);
    expect(ethernet.outputMulticast(context.frames.from(datagramOf(2)), ip('224.0.0.251'), station.now)).to.equal(0);
    expect(station.link.take().map((sent) => sent.bytes)).to.deep.equal([
      etherFrame(BROADCAST_MAC, OUR_MAC, EtherType.Ipv4, datagramOf(1)),
      etherFrame(groupMac(ip('224.0.0.251')), OUR_MAC, EtherType.Ipv4, datagramOf(2)),
    ]);
    expect(context.frames.inUse).to.equal(0);
  });

  it('1112-6.4-a: takes frames to the Ethernet address of a joined group until it is left', () => {
    const station = new Station();
    const frame = etherFrame(groupMac(ip('239.1.2.3')), PEER_MAC, EtherType.Ipv4, datagramOf(1));
    station.input(frame);
    station.ethernet.joinGroup(ip('239.1.2.3'));
    station.input(frame);
    station.ethernet.leaveGroup(ip('239.1.2.3'));
    station.input(frame);
    expect(station.user.datagrams).to.have.length(1);
    expect(station.user.broadcastMarks).to.deep.equal([true]);
    expect(station.drops()).to.deep.equal({ 'ether-not-for-us': 2 });
  });

  it('1122-2.4-b: sends a datagram as it is, with the type of service in its header', () => {
    const station = new Station().withAddress().withReachable();
    const datagram = datagramOf(0, 64);
    datagram[0] = 0x45;
    datagram[1] = 0xb8;
    station.output(PEER_IP, datagram);
    expect(station.link.take()[0]!.bytes.subarray(14)).to.deep.equal(datagram);
  });

  it('close stops every timer and gives up every frame', () => {
    const station = new Station();
    station.ethernet.addAddress(OUR_IP, false, station.now);
    station.ethernet.addAddress(OTHER_IP, true, station.now);
    station.output(PEER_IP);
    station.ethernet.close();
    expect(station.context.timers.next()).to.equal(NEVER);
    expect(station.context.frames.inUse).to.equal(0);
  });

  it('two interfaces on one wire find each other and exchange datagrams', () => {
    const context = makeContext(new SeededRandom(3));
    const now = micros(9);
    const wires = [new FakeLink({ name: 'a' }), new FakeLink({ name: 'b' })];
    const users = wires.map(() => new RecordingUser());
    const stations = wires.map((link, i) => {
      const station = new EthernetInterface(context, link, [OUR_MAC, PEER_MAC][i]!);
      station.user = users[i]!;
      station.addAddress([OUR_IP, PEER_IP][i]!, false, now);
      return station;
    });
    const settle = (): void => {
      while (wires.some((wire) => wire.sent.length > 0)) {
        for (const [i, wire] of wires.entries()) {
          for (const { bytes } of wire.take()) {
            const frame = context.frames.from(bytes);
            stations[1 - i]!.input(frame, now);
            frame.release();
          }
        }
      }
    };
    settle();
    stations[0]!.output(context.frames.from(datagramOf(1)), PEER_IP, now);
    settle();
    stations[1]!.output(context.frames.from(datagramOf(2)), OUR_IP, now);
    settle();
    expect(users.map((user) => user.datagrams)).to.deep.equal([[datagramOf(2)], [datagramOf(1)]]);
    expect(stations[0]!.neighbors.lookup(PEER_IP, now)?.state).to.equal('REACHABLE');
    expect(context.frames.inUse).to.equal(0);
  });

  describe('whatever comes in', () => {
    const config = { arp: { maxEntries: 6, maxWaiting: 2, maxWaitingTotal: 5 } };

    function checkBounds(station: Station): void {
      const { neighbors } = station.ethernet;
      expect(neighbors.size).to.be.at.most(6);
      expect(neighbors.waiting).to.be.at.most(5);
      expect(station.context.frames.inUse).to.equal(neighbors.waiting);
      expect(station.context.timers.size).to.be.at.most(6 + 1);
    }

    function end(station: Station): void {
      station.link.take();
      station.run(3_600_000_000);
      expect(station.context.frames.inUse).to.equal(0);
      expect(station.ethernet.neighbors.size).to.equal(0);
      expect(station.context.timers.size).to.equal(0);
    }

    it('random octets neither throw nor leak', () => {
      fc.assert(
        fc.property(fc.array(fc.uint8Array({ maxLength: 80 }), { maxLength: 20 }), (frames) => {
          const station = new Station(config).withAddress();
          for (const bytes of frames) station.input(bytes);
          checkBounds(station);
          end(station);
        }),
      );
    });

    /** An ARP frame, some of whose octets are changed and which may be cut short. */
    const mutated = fc
      .record({
        opcode: fc.constantFrom(ArpOpcode.Request, ArpOpcode.Reply, 9),
        sender: fc.nat(12),
        hardware: fc.nat(3),
        target: fc.nat(3),
        changes: fc.array(fc.tuple(fc.nat(41), fc.nat(255)), { maxLength: 2 }),
        length: fc.oneof(fc.constant(42), fc.nat(42)),
      })
      .map(({ opcode, sender, hardware, target, changes, length }) => {
        const bytes = arpFrame({
          opcode,
          senderProtocol: ip('10.0.0.0') + sender,
          senderHardware: PEER_MAC + hardware,
          targetProtocol: ip('10.0.0.0') + target,
        });
        for (const [at, value] of changes) bytes[at] = value;
        return bytes.subarray(0, length);
      });
    const steps = fc.oneof(
      mutated.map((bytes) => (station: Station) => station.input(bytes)),
      fc.nat(12).map((last) => (station: Station) => {
        station.output(ipv4(ip('10.0.0.0') + last));
      }),
      fc.nat(12).map((last) => (station: Station) => {
        station.ethernet.confirm(ipv4(ip('10.0.0.0') + last), station.now);
      }),
      fc.nat(12_000_000).map((span) => (station: Station) => station.run(span)),
    );

    it('any order of mangled ARP, packets, hints and time keeps the bounds', () => {
      fc.assert(
        fc.property(fc.array(steps, { maxLength: 60 }), (actions) => {
          const station = new Station(config).withAddress();
          for (const act of actions) {
            act(station);
            checkBounds(station);
          }
          end(station);
        }),
        { numRuns: 300 },
      );
    });

    it('only Ethernet II frames go out: no trailers (1122-2.3.1-b), no 802.3 (1122-2.3.3-e)', () => {
      fc.assert(
        fc.property(fc.array(steps, { maxLength: 30 }), (actions) => {
          const station = new Station(config).withAddress();
          for (const act of actions) act(station);
          for (const { bytes } of station.link.take()) {
            expect(bytes.length).to.be.at.least(60);
            expect([EtherType.Ipv4, EtherType.Arp]).to.include((bytes[12]! << 8) | bytes[13]!);
          }
        }),
      );
    });

    it('requests for one address are never less than a second apart (1122-2.3.2.1-b)', () => {
      fc.assert(
        fc.property(fc.array(steps, { maxLength: 60 }), (actions) => {
          const station = new Station().withAddress();
          for (const act of actions) act(station);
          const last = new Map<number, number>();
          for (const { bytes, time } of station.link.take()) {
            const view = Buffer.from(bytes);
            const isArp = view.readUInt16BE(12) === EtherType.Arp && view.readUInt16BE(20) === ArpOpcode.Request;
            const target = isArp ? view.readUInt32BE(38) : OUR_IP;
            if (target === OUR_IP) continue; // our own announcements
            expect(time - (last.get(target) ?? -Infinity)).to.be.at.least(1_000_000);
            last.set(target, time);
          }
        }),
        { numRuns: 300 },
      );
    });
  });
});
