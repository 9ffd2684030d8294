import { expect } from 'chai';
import { micros, MINUTE, SECOND } from '../../src/core/time.ts';
import { macAddress } from '../../src/ethernet/address.ts';
import { ArpOpcode } from '../../src/ethernet/arp-wire.ts';
import { ipv4 } from '../../src/ip/address.ts';
import {
  arpFrame,
  datagramOf,
  etherFrame,
  ip,
  OTHER_IP,
  OTHER_MAC,
  OUR_MAC,
  PEER_IP,
  PEER_MAC,
  sentArp,
  Station,
} from './station.ts';

const EHOSTUNREACH = -113;
const ENOBUFS = -105;
const reply = (): Uint8Array => arpFrame({ opcode: ArpOpcode.Reply });
/** The n-th of many neighbours. */
const many = (index: number): ReturnType<typeof ip> => ipv4(ip('10.2.0.0') + index);
/** The datagrams among what was sent, by their mark. */
const marks = (station: Station): number[] =>
  station.link
    .take()
    .filter((sent) => sent.bytes[13] === 0)
    .map((sent) => sent.bytes[14]!);

describe('ethernet/neighbors', () => {
  describe('resolution', () => {
    it('1122-2.3.2.2-a: packets wait and go out in order once the address is known', () => {
      const station = new Station().withAddress();
      for (const mark of [1, 2, 3]) expect(station.output(PEER_IP, datagramOf(mark))).to.equal(0);
      expect(station.link.take()).to.have.length(1); // one request
      station.input(reply());
      expect(station.link.take().map((sent) => sent.bytes)).to.deep.equal(
        [1, 2, 3].map((mark) => etherFrame(PEER_MAC, OUR_MAC, 0x0800, datagramOf(mark))),
      );
      expect(station.state(PEER_IP)).to.equal('REACHABLE');
      expect(station.context.frames.inUse).to.equal(0);
    });

    it('1122-2.3.2.1-b: at most one request a second, however many packets wait', () => {
      const station = new Station().withAddress();
      const times: number[] = [];
      for (let i = 0; i < 290; i++) {
        station.output(PEER_IP);
        times.push(...station.link.take().map((sent) => sent.time as number));
        station.run(10_000);
      }
      const start = times[0]!;
      expect(times).to.deep.equal([start, start + SECOND, start + 2 * SECOND]);
    });

    it('1122-2.4-c: an unknown address alone is no reason to report a destination unreachable', () => {
      const station = new Station().withAddress();
      expect(station.output(PEER_IP)).to.equal(0);
      station.run(3 * SECOND - 1);
      expect(station.user.unreachable).to.deep.equal([]);
      station.run(1);
      expect(station.user.unreachable).to.have.length(1);
    });

    it('without an answer the packets come back, and for negativeTime nobody asks again', () => {
      const station = new Station().withAddress();
      station.output(PEER_IP, datagramOf(1));
      station.output(PEER_IP, datagramOf(2));
      station.run(3 * SECOND);
      expect(station.link.take()).to.have.length(3);
      expect(station.user.unreachable).to.deep.equal(
        [1, 2].map((mark) => ({ nextHop: PEER_IP, bytes: datagramOf(mark), time: station.now })),
      );
      expect(station.state(PEER_IP)).to.equal('FAILED');
      expect(station.output(PEER_IP)).to.equal(EHOSTUNREACH);
      station.run(3 * SECOND - 1);
      expect(station.output(PEER_IP)).to.equal(EHOSTUNREACH);
      expect(station.link.take()).to.deep.equal([]);
      station.run(1);
      expect(station.state(PEER_IP)).to.equal(undefined);
      expect(station.output(PEER_IP)).to.equal(0);
      expect(station.link.take()).to.have.length(1);
      expect(station.drops()).to.deep.equal({ 'neighbor-failed': 2, 'neighbor-negative': 2 });
      station.ethernet.close();
      expect(station.context.frames.inUse).to.equal(0);
    });

    it('negativeTime 0 remembers no failure', () => {
      const station = new Station({ arp: { negativeTime: 0 } }).withAddress();
      station.output(PEER_IP);
      station.run(3 * SECOND);
      expect(station.user.unreachable).to.have.length(1);
      expect(station.output(PEER_IP)).to.equal(0);
    });

    it('the user may send from inside onUnreachable', () => {
      const station = new Station().withAddress();
      const results: number[] = [];
      station.user.onFailure = () => results.push(station.output(PEER_IP), station.output(OTHER_IP));
      station.output(PEER_IP);
      station.output(PEER_IP);
      station.run(3 * SECOND);
      expect(results).to.deep.equal([EHOSTUNREACH, 0, EHOSTUNREACH, 0]);
      expect(station.ethernet.neighbors.waiting).to.equal(2);
      station.ethernet.close();
      expect(station.context.frames.inUse).to.equal(0);
    });

    it('a failed neighbour that shows up again is used again', () => {
      const station = new Station().withAddress();
      station.output(PEER_IP);
      station.run(3 * SECOND);
      station.input(arpFrame({ targetProtocol: OTHER_IP }));
      expect(station.state(PEER_IP)).to.equal('STALE');
      expect(station.output(PEER_IP)).to.equal(0);
    });

    it('keeps the latest packets of an address, and counts the others', () => {
      const station = new Station({ arp: { maxWaiting: 3 } }).withAddress();
      for (let mark = 1; mark <= 10; mark++) station.output(PEER_IP, datagramOf(mark));
      expect(station.ethernet.neighbors.waiting).to.equal(3);
      expect(station.context.frames.inUse).to.equal(3);
      station.input(reply());
      expect(marks(station)).to.deep.equal([8, 9, 10]);
      expect(station.drops()).to.deep.equal({ 'neighbor-queue-full': 7 });
    });

    it('bounds what waits for all addresses together; the one used least recently loses', () => {
      const station = new Station({ arp: { maxWaiting: 3, maxWaitingTotal: 4 } }).withAddress();
      station.output(PEER_IP, datagramOf(1));
      for (let i = 0; i < 4; i++) station.output(many(i), datagramOf(10 + i));
      const waits = station.ethernet.neighbors.snapshot(station.now).map((entry) => entry.waiting);
      expect(waits).to.deep.equal([0, 1, 1, 1, 1]);
      expect(station.context.frames.inUse).to.equal(4);
      station.ethernet.close();
      expect(station.drops()).to.deep.equal({ 'neighbor-queue-full': 1, 'neighbor-removed': 4 });
      expect(station.context.frames.inUse).to.equal(0);
      expect(station.context.timers.size).to.equal(0);
    });
  });

  describe('reachability (RFC 4861 Appendix C)', () => {
    const prepare: Record<string, () => Station> = {
      INCOMPLETE: () => {
        const station = new Station().withAddress();
        station.output(PEER_IP);
        return station;
      },
      REACHABLE: () => new Station().withAddress().withReachable(),
      STALE: () => new Station().withAddress().withStale(),
      DELAY: () => {
        const station = new Station().withAddress().withStale();
        station.output(PEER_IP);
        return station;
      },
      PROBE: () => {
        const station = prepare['DELAY']!();
        station.run(5 * SECOND);
        return station;
      },
      FAILED: () => {
        const station = prepare['INCOMPLETE']!();
        station.run(3 * SECOND);
        return station;
      },
      PERMANENT: () => {
        const station = new Station().withAddress();
        station.ethernet.neighbors.setPermanent(PEER_IP, PEER_MAC, station.now);
        return station;
      },
    };

    const events: Record<string, (station: Station) => void> = {
      'packet sent': (station) => station.output(PEER_IP),
      'reply to us': (station) => station.input(reply()),
      'reply to us, other address': (station) =>
        station.input(arpFrame({ opcode: ArpOpcode.Reply, senderHardware: OTHER_MAC })),
      'unsolicited, same address': (station) => station.input(arpFrame()),
      'unsolicited, other address': (station) => station.input(arpFrame({ senderHardware: OTHER_MAC })),
      'word from above': (station) => station.ethernet.confirm(PEER_IP, station.now),
    };

    // INCOMPLETE with a packet waiting goes on to DELAY when it learns an address unasked: the packet is sent at once.
    const table: Record<string, Record<string, string>> = {
      'packet sent': {
        INCOMPLETE: 'INCOMPLETE',
        REACHABLE: 'REACHABLE',
        STALE: 'DELAY',
        DELAY: 'DELAY',
        PROBE: 'PROBE',
        FAILED: 'FAILED',
        PERMANENT: 'PERMANENT',
      },
      'reply to us': {
        INCOMPLETE: 'REACHABLE',
        REACHABLE: 'REACHABLE',
        STALE: 'STALE',
        DELAY: 'DELAY',
        PROBE: 'REACHABLE',
        FAILED: 'STALE',
        PERMANENT: 'PERMANENT',
      },
      'reply to us, other address': {
        INCOMPLETE: 'REACHABLE',
        REACHABLE: 'STALE',
        STALE: 'STALE',
        DELAY: 'STALE',
        PROBE: 'REACHABLE',
        FAILED: 'STALE',
        PERMANENT: 'PERMANENT',
      },
      'unsolicited, same address': {
        INCOMPLETE: 'DELAY',
        REACHABLE: 'REACHABLE',
        STALE: 'STALE',
        DELAY: 'DELAY',
        PROBE: 'PROBE',
        FAILED: 'STALE',
        PERMANENT: 'PERMANENT',
      },
      'unsolicited, other address': {
        INCOMPLETE: 'DELAY',
        REACHABLE: 'STALE',
        STALE: 'STALE',
        DELAY: 'STALE',
        PROBE: 'STALE',
        FAILED: 'STALE',
        PERMANENT: 'PERMANENT',
      },
      'word from above': {
        INCOMPLETE: 'INCOMPLETE',
        REACHABLE: 'REACHABLE',
        STALE: 'REACHABLE',
        DELAY: 'REACHABLE',
        PROBE: 'REACHABLE',
        FAILED: 'FAILED',
        PERMANENT: 'PERMANENT',
      },
    };
    for (const [event, row] of Object.entries(table)) {
      for (const [before, after] of Object.entries(row)) {
        it(`${before}, ${event}: ${after}`, () => {
          const station = prepare[before]!();
          expect(station.state(PEER_IP)).to.equal(before);
          events[event]!(station);
          expect(station.state(PEER_IP)).to.equal(after);
          station.ethernet.close();
          expect(station.context.frames.inUse).to.equal(0);
          expect(station.context.timers.size).to.equal(0);
        });
      }
    }

    it('DELAY sends on, then asks the neighbour alone, once a second; without an answer the entry goes', () => {
      const station = new Station().withAddress().withStale();
      expect(station.output(PEER_IP, datagramOf(1))).to.equal(0);
      expect(marks(station)).to.deep.equal([1]);
      const start = station.now;
      station.run(5 * SECOND - 1);
      expect(station.link.take()).to.deep.equal([]);
      station.run(3 * SECOND);
      const polls = station.link.take();
      expect(polls.map((sent) => sent.time - start)).to.deep.equal([5 * SECOND, 6 * SECOND, 7 * SECOND]);
      for (const poll of polls) expect(sentArp(poll)).to.include({ destination: PEER_MAC, targetProtocol: PEER_IP });
      expect(station.output(PEER_IP, datagramOf(2))).to.equal(0);
      expect(marks(station)).to.deep.equal([2]);
      station.run(1);
      expect(station.state(PEER_IP)).to.equal(undefined);
      expect(station.user.unreachable).to.deep.equal([]);
    });

    it('1122-2.3.2.1-c: reachableTime is a tunable', () => {
      const station = new Station({ arp: { reachableTime: 2 * SECOND } }).withAddress().withReachable();
      station.run(2 * SECOND - 1);
      expect(station.state(PEER_IP)).to.equal('REACHABLE');
      station.run(1);
      expect(station.state(PEER_IP)).to.equal('STALE');
    });

    it('word from above keeps an entry REACHABLE without a question', () => {
      const station = new Station().withAddress().withReachable();
      for (let i = 0; i < 20; i++) {
        station.run(20 * SECOND);
        station.ethernet.confirm(PEER_IP, station.now);
        expect(station.output(PEER_IP)).to.equal(0);
      }
      expect(station.state(PEER_IP)).to.equal('REACHABLE');
      expect(marks(station)).to.have.length(20);
    });

    it('word about a neighbour without an entry is ignored', () => {
      const station = new Station();
      station.ethernet.confirm(PEER_IP, station.now);
      expect(station.ethernet.neighbors.size).to.equal(0);
    });

    it('1122-2.3.2.1-a: an entry that nobody uses is removed after staleTime', () => {
      const station = new Station({ arp: { staleTime: 2 * MINUTE } }).withAddress();
      station.input(arpFrame());
      station.run(MINUTE);
      station.input(arpFrame({ targetProtocol: OTHER_IP })); // seen again
      station.run(2 * MINUTE - 1);
      expect(station.state(PEER_IP)).to.equal('STALE');
      station.run(1);
      expect(station.ethernet.neighbors.size).to.equal(0);
      expect(station.context.timers.size).to.equal(0);
    });

    it('a change of state is traced', () => {
      const station = new Station().withAddress();
      station.output(PEER_IP);
      station.input(reply());
      const states = station.events.filter((event) => event.name === 'neighbor-state');
      expect(states.map((event) => event.facts)).to.deep.equal([
        { interface: 'fake0', address: '10.0.0.2', mac: '', before: 'INCOMPLETE', state: 'INCOMPLETE' },
        { interface: 'fake0', address: '10.0.0.2', mac: '02:00:00:00:00:02', before: 'INCOMPLETE', state: 'REACHABLE' },
      ]);
    });
  });

  describe('bounds', () => {
    it('a full table loses the neighbour used least recently', () => {
      const station = new Station({ arp: { maxEntries: 3 } }).withAddress();
      for (let i = 0; i < 3; i++) station.withReachable(many(i), macAddress(0x020000000100 + i));
      station.output(many(0));
      station.output(many(3));
      expect([0, 1, 2, 3].map((i) => station.state(many(i)))).to.deep.equal([
        'REACHABLE',
        undefined,
        'REACHABLE',
        'INCOMPLETE',
      ]);
      station.ethernet.close();
      expect(station.context.frames.inUse).to.equal(0);
    });

    it('who has not answered goes before who has, however long that is ago', () => {
      const station = new Station({ arp: { maxEntries: 3 } }).withAddress().withReachable();
      for (let i = 0; i < 100; i++) station.output(many(i));
      expect([PEER_IP, many(97), many(98), many(99)].map((address) => station.state(address))).to.deep.equal([
        'REACHABLE',
        undefined,
        'INCOMPLETE',
        'INCOMPLETE',
      ]);
    });

    it('what was merely overheard goes before what is used', () => {
      const station = new Station({ arp: { maxEntries: 2 } }).withAddress().withReachable();
      station.input(arpFrame({ senderProtocol: OTHER_IP, senderHardware: OTHER_MAC }));
      station.output(many(1));
      expect([PEER_IP, OTHER_IP, many(1)].map((address) => station.state(address))).to.deep.equal([
        'REACHABLE',
        undefined,
        'INCOMPLETE',
      ]);
    });

    it('a scan of a large network keeps entries, packets and timers bounded', () => {
      const station = new Station({ arp: { maxEntries: 16, maxWaiting: 4, maxWaitingTotal: 20 } }).withAddress();
      for (let i = 0; i < 3000; i++) {
        station.output(many(i % 700));
        expect(station.ethernet.neighbors.size).to.be.at.most(16);
        expect(station.ethernet.neighbors.waiting).to.be.at.most(20);
        station.run(1000);
      }
      expect(station.context.timers.size).to.be.at.most(16);
      expect(station.context.frames.inUse).to.equal(station.ethernet.neighbors.waiting);
      station.run(10 * SECOND);
      expect(station.ethernet.neighbors.size).to.equal(0);
      expect(station.context.frames.inUse).to.equal(0);
    });

    it('maxEntries 0 takes no neighbour but static ones', () => {
      const station = new Station({ arp: { maxEntries: 0 } }).withAddress();
      expect(station.output(PEER_IP)).to.equal(ENOBUFS);
      station.ethernet.neighbors.setPermanent(PEER_IP, PEER_MAC, station.now);
      expect(station.output(PEER_IP)).to.equal(0);
      expect(station.context.frames.inUse).to.equal(0);
    });
  });

  describe('static entries', () => {
    it('are used without a question, never asked for, never changed by packets, never evicted', () => {
      const station = new Station({ arp: { maxEntries: 2 } }).withAddress();
      station.ethernet.neighbors.setPermanent(PEER_IP, PEER_MAC, station.now);
      for (let i = 0; i < 10; i++) station.output(many(i));
      station.input(arpFrame({ senderHardware: OTHER_MAC }));
      station.run(60 * MINUTE);
      station.link.take();
      expect(station.output(PEER_IP, datagramOf(4))).to.equal(0);
      expect(station.link.take().map((sent) => sent.bytes)).to.deep.equal([
        etherFrame(PEER_MAC, OUR_MAC, 0x0800, datagramOf(4)),
      ]);
      expect(station.ethernet.neighbors.size).to.equal(1);
      expect(station.context.timers.size).to.equal(0);
    });

    it('one that is set while packets wait sends them', () => {
      const station = new Station().withAddress();
      station.output(PEER_IP, datagramOf(3));
      station.link.take();
      station.ethernet.neighbors.setPermanent(PEER_IP, PEER_MAC, station.now);
      expect(marks(station)).to.deep.equal([3]);
      expect(station.context.timers.size).to.equal(0);
    });

    it('can be replaced and removed, and then the neighbour is asked for', () => {
      const station = new Station({ arp: { maxEntries: 1 } }).withAddress();
      const { neighbors } = station.ethernet;
      neighbors.setPermanent(PEER_IP, PEER_MAC, station.now);
      neighbors.setPermanent(PEER_IP, OTHER_MAC, station.now);
      expect(neighbors.lookup(PEER_IP, station.now)?.mac).to.equal(OTHER_MAC);
      expect([neighbors.remove(PEER_IP), neighbors.remove(PEER_IP)]).to.deep.equal([true, false]);
      station.output(PEER_IP);
      station.output(OTHER_IP);
      expect(neighbors.snapshot(station.now).map((entry) => entry.address)).to.deep.equal([OTHER_IP]);
    });
  });

  it('the snapshot shows address, hardware address, state and age', () => {
    const station = new Station().withAddress().withReachable();
    station.run(4 * SECOND);
    station.output(OTHER_IP);
    expect(station.ethernet.neighbors.snapshot(micros(station.now + 1))).to.deep.equal([
      { address: PEER_IP, mac: PEER_MAC, state: 'REACHABLE', age: 4 * SECOND + 1, waiting: 0 },
      { address: OTHER_IP, mac: undefined, state: 'INCOMPLETE', age: 1, waiting: 1 },
    ]);
  });
});
