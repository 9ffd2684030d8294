import { expect } from 'chai';
import { BROADCAST_MAC } from '../../src/ethernet/address.ts';
import { ArpOpcode } from '../../src/ethernet/arp-wire.ts';
import { SECOND } from '../../src/core/time.ts';
import type { ConfigOverrides } from '../../src/core/config.ts';
import { arpFrame, ip, OTHER_IP, OUR_IP, OUR_MAC, PEER_MAC, sentArp, Station, ZERO_IP } from './station.ts';

const { Request, Reply } = ArpOpcode;

/** What was sent, as times and kinds. */
function story(station: Station): { time: number; kind: string }[] {
  return station.link.take().map((sent) => {
    const arp = sentArp(sent);
    expect(arp).to.include({ destination: BROADCAST_MAC, source: OUR_MAC, opcode: Request });
    expect(arp).to.include({ senderHardware: OUR_MAC, targetHardware: 0, targetProtocol: OUR_IP });
    expect([ZERO_IP, OUR_IP]).to.include(arp.senderProtocol);
    return { time: sent.time, kind: arp.senderProtocol === ZERO_IP ? 'probe' : 'announcement' };
  });
}

function probing(config: ConfigOverrides = {}): Station {
  const station = new Station(config);
  station.ethernet.addAddress(OUR_IP, true, station.now);
  return station;
}

/** Somebody else claims our address. */
const rivalFrame = (opcode: number = Request): Uint8Array =>
  arpFrame({ opcode, senderProtocol: OUR_IP, targetProtocol: OUR_IP });

describe('ethernet/acd (RFC 5227)', () => {
  it('5227-2.1.1-a, 5227-2.3-a: three probes, then two announcements, at the times of §1.1', () => {
    const station = probing();
    const start = station.now;
    station.run(20 * SECOND);
    const events = story(station);
    expect(events.map((event) => event.kind)).to.deep.equal([
      'probe',
      'probe',
      'probe',
      'announcement',
      'announcement',
    ]);
    const times = events.map((event) => event.time);
    expect(times[0]! - start).to.be.within(0, 1 * SECOND); // PROBE_WAIT
    expect(times[1]! - times[0]!).to.be.within(1 * SECOND, 2 * SECOND); // PROBE_MIN .. PROBE_MAX
    expect(times[2]! - times[1]!).to.be.within(1 * SECOND, 2 * SECOND);
    expect(times[3]! - times[2]!).to.equal(2 * SECOND); // ANNOUNCE_WAIT
    expect(times[4]! - times[3]!).to.equal(2 * SECOND); // ANNOUNCE_INTERVAL
    expect(station.user.ready).to.deep.equal([{ address: OUR_IP, time: times[3] }]);
    expect(station.user.conflicts).to.deep.equal([]);
    expect(station.context.timers.size).to.equal(0);
    expect(station.context.frames.inUse).to.equal(0);
  });

  it('the waits are random: two hosts switched on together do not probe together', () => {
    const [first, second] = [7, 8].map((draws) => {
      const station = new Station();
      for (let i = 0; i < draws; i++) station.context.random.u32();
      station.ethernet.addAddress(OUR_IP, true, station.now);
      station.run(10 * SECOND);
      return station.link.take().map((sent) => sent.time as number);
    });
    expect(first).to.not.deep.equal(second);
  });

  it('without probing it announces at once, and the address is ready before the call returns', () => {
    const station = new Station();
    station.ethernet.addAddress(OUR_IP, false, station.now);
    expect(station.user.ready).to.deep.equal([{ address: OUR_IP, time: station.now }]);
    const start = station.now;
    station.run(10 * SECOND);
    expect(story(station)).to.deep.equal([
      { time: start, kind: 'announcement' },
      { time: start + 2 * SECOND, kind: 'announcement' },
    ]);
  });

  it('announceCount 0 is silent', () => {
    const station = new Station({ arp: { announceCount: 0 } });
    station.ethernet.addAddress(OUR_IP, false, station.now);
    station.run(10 * SECOND);
    expect(station.link.take()).to.deep.equal([]);
    expect(station.user.ready).to.have.length(1);
  });

  it('adding an address twice changes nothing', () => {
    const station = new Station().withAddress();
    station.ethernet.addAddress(OUR_IP, false, station.now);
    station.ethernet.addAddress(OUR_IP, true, station.now);
    station.run(20 * SECOND);
    expect(station.link.take()).to.deep.equal([]);
    expect(station.user.ready).to.have.length(1);
  });

  it('an address that is removed while probed is not announced', () => {
    const station = probing();
    station.run(2 * SECOND);
    station.ethernet.removeAddress(OUR_IP);
    station.link.take();
    station.run(20 * SECOND);
    expect(station.link.take()).to.deep.equal([]);
    expect(station.user.ready).to.deep.equal([]);
    expect(station.context.timers.size).to.equal(0);
  });

  it('a request for an address that is still probed is not answered (§2.5)', () => {
    const station = probing();
    station.input(arpFrame());
    expect(station.link.take()).to.deep.equal([]);
    expect(station.drops()).to.deep.equal({ 'arp-not-for-us': 1 });
  });

  describe('conflicts while probing (§2.1.1)', () => {
    const probe = (): Uint8Array => arpFrame({ senderProtocol: ZERO_IP });
    const rows: [string, Uint8Array, number, boolean][] = [
      ['a reply with the address as sender', rivalFrame(Reply), 1, true],
      ['a request with the address as sender', rivalFrame(), 1, true],
      ['a reply before the first probe was sent', rivalFrame(Reply), 0, true],
      ['a reply after the last probe, within ANNOUNCE_WAIT', rivalFrame(Reply), 5, true],
      ['a probe of another station for the address', probe(), 2, true],
      ['a probe of another station for another address', arpFrame({ senderProtocol: 0, targetProtocol: 9 }), 2, false],
      ['our own probe, echoed', arpFrame({ senderProtocol: 0, senderHardware: OUR_MAC }), 2, false],
      ['a request of another station for the address', arpFrame(), 2, false],
    ];
    for (const [name, frame, seconds, conflict] of rows) {
      it(`${name} ${conflict ? 'shows that it is taken' : 'is none'}`, () => {
        const station = probing();
        station.run(seconds * SECOND);
        station.input(frame);
        station.link.take();
        const time = station.now;
        station.run(20 * SECOND);
        expect(station.user.conflicts).to.deep.equal(conflict ? [{ address: OUR_IP, time }] : []);
        expect(station.user.ready).to.have.length(conflict ? 0 : 1);
        if (conflict) expect(station.link.take()).to.deep.equal([]);
        expect(station.drops()['arp-conflict'] ?? 0).to.equal(conflict ? 1 : 0);
      });
    }

    it('after MAX_CONFLICTS, new attempts start RATE_LIMIT_INTERVAL apart', () => {
      const station = new Station();
      const starts: number[] = [];
      for (let attempt = 0; attempt < 13; attempt++) {
        const asked = station.now;
        station.ethernet.addAddress(OUR_IP, true, station.now);
        while (station.link.sent.length === 0) station.run(SECOND / 10);
        starts.push(station.link.take()[0]!.time - asked);
        station.input(rivalFrame(Reply));
      }
      expect(station.user.conflicts).to.have.length(13);
      expect(Math.max(...starts.slice(0, 10))).to.be.at.most(SECOND);
      expect(Math.min(...starts.slice(10))).to.be.at.least(57 * SECOND);
    });
  });

  describe('conflicts while the address is used (§2.4)', () => {
    it('(b) the first is answered by one announcement, and neither merged nor replied to', () => {
      const station = new Station().withAddress().withReachable(OTHER_IP);
      station.input(rivalFrame());
      expect(story(station)).to.deep.equal([{ time: station.now, kind: 'announcement' }]);
      expect(station.ethernet.neighbors.size).to.equal(1);
      expect(station.user.conflicts).to.deep.equal([]);
      expect(station.drops()).to.deep.equal({ 'arp-conflict': 1 });
    });

    it('(b) a second within DEFEND_INTERVAL makes it give the address up', () => {
      const station = new Station().withAddress();
      station.input(rivalFrame());
      station.run(10 * SECOND - 1);
      station.link.take();
      station.input(rivalFrame(Reply));
      expect(station.link.take()).to.deep.equal([]);
      expect(station.user.conflicts).to.deep.equal([{ address: OUR_IP, time: station.now }]);
      station.input(arpFrame());
      expect(station.link.take()).to.deep.equal([]);
    });

    it('(b) one each DEFEND_INTERVAL is defended against each time', () => {
      const station = new Station().withAddress();
      for (let i = 0; i < 5; i++) {
        station.input(rivalFrame());
        expect(story(station)).to.have.length(1);
        station.run(10 * SECOND);
      }
      expect(station.user.conflicts).to.deep.equal([]);
    });

    it('(c) with the policy to keep it, it defends once per DEFEND_INTERVAL of quiet and never gives up', () => {
      const station = new Station({}, { defence: 'keep' }).withAddress();
      for (let i = 0; i < 100; i++) {
        station.input(rivalFrame());
        station.run(SECOND);
      }
      expect(story(station)).to.have.length(1);
      station.run(10 * SECOND);
      station.input(rivalFrame());
      expect(story(station)).to.have.length(1);
      expect(station.user.conflicts).to.deep.equal([]);
      station.input(arpFrame());
      expect(sentArp(station.link.take()[0]!)).to.include({ opcode: Reply, destination: PEER_MAC });
    });

    it('a conflict is traced with the address of the rival', () => {
      const station = new Station().withAddress();
      station.input(rivalFrame());
      expect(station.events.at(-1)).to.deep.equal({
        time: station.now,
        layer: 'arp',
        name: 'address-conflict',
        facts: { interface: 'fake0', address: '10.0.0.1', rival: '02:00:00:00:00:02' },
      });
    });

    it('two addresses are defended apart', () => {
      const station = new Station().withAddress().withAddress(ip('10.0.0.9'));
      station.input(rivalFrame());
      station.input(arpFrame({ senderProtocol: ip('10.0.0.9') }));
      expect(station.link.take()).to.have.length(2);
      expect(station.user.conflicts).to.deep.equal([]);
    });
  });
});
