/** IGMP on one host: every arrow of the state transition diagram of RFC 1112 appendix I, and what is not to move it. */
import { expect } from 'chai';
import type { DropReason } from '../../src/core/drop.ts';
import { MS, NEVER, SECOND, after, micros } from '../../src/core/time.ts';
import type { Micros } from '../../src/core/time.ts';
import { Igmp, MAX_REPORT_DELAY } from '../../src/igmp/igmp.ts';
import { IGMP_LENGTH, IgmpType, igmpGroup, writeIgmp } from '../../src/igmp/wire.ts';
import { formatAddress } from '../../src/ip/address.ts';
import { readIpv4Header } from '../../src/ip/ipv4-wire.ts';
import { IpProtocol } from '../../src/ip/service.ts';
import { addr, concat, datagram, makeHost } from '../ip/host.ts';
import type { Host } from '../ip/host.ts';

const GROUP = addr('239.1.2.3');
const OTHER = addr('239.9.9.9');
/** The only link of the host; 1 is the loopback. */
const LINK = 2;

interface Member extends Host {
  readonly igmp: Igmp;
  /** Runs timers and poll at a time; returns the groups that were reported. */
  at(now: Micros): string[];
  hear(message: Uint8Array, destination: string, now: Micros): void;
}

function makeMember(): Member {
  const host = makeHost();
  const igmp = new Igmp(host.context, host.ip);
  host.ip.register(IpProtocol.Igmp, igmp);
  const at = (now: Micros): string[] => {
    host.link.sent.length = 0;
    host.context.timers.expire(now);
    igmp.poll(now);
    return host.link.sent.map(({ bytes }) => formatAddress(igmpGroup(bytes, 20)));
  };
  const hear = (message: Uint8Array, destination: string, now: Micros): void =>
    host.link.deliver(
      datagram({ protocol: IpProtocol.Igmp, destination, ttl: 1, payload: message }),
      (frame) => (frame.linkBroadcast = true),
      now,
    );
  return { ...host, igmp, at, hear };
}

function message(type: number, group: string): Uint8Array {
  const bytes = new Uint8Array(IGMP_LENGTH);
  writeIgmp(bytes, 0, type, addr(group));
  return bytes;
}

const QUERY = message(IgmpType.Query, '0.0.0.0');
const start = micros(0);
/** When all first reports of what was joined at the start, and their repetitions, are over. */
const idle = micros(MAX_REPORT_DELAY + 1);

/** A host that is an Idle Member of GROUP. */
function idleMember(): Member {
  const member = makeMember();
  member.ip.groups.join(GROUP, LINK);
  member.at(start);
  member.at(idle);
  expect(member.context.timers.next()).to.equal(NEVER);
  return member;
}

describe('igmp/igmp', () => {
  it('1122-3.3.7-b: join group: a Report at once to the group itself with a TTL of 1, and once more within D', () => {
    const member = makeMember();
    member.ip.groups.join(GROUP, LINK);
    expect(member.igmp.pending).to.equal(true);
    expect(member.at(start)).to.deep.equal(['239.1.2.3']);
    const [sent] = member.link.sent;
    expect(sent).to.include({ kind: 'multicast', nextHop: GROUP });
    expect(readIpv4Header(sent!.bytes, 0)).to.include({
      ttl: 1,
      protocol: 2,
      totalLength: 28,
      source: addr('10.0.0.2'),
      destination: GROUP,
    });
    expect(member.igmp.pending).to.equal(false);
    const due = member.context.timers.next();
    expect(due).to.be.within(start, MAX_REPORT_DELAY);
    expect(member.at(due)).to.deep.equal(['239.1.2.3']);
    expect(member.context.timers.next()).to.equal(NEVER);
    expect(member.igmp.counters()).to.deep.equal({ received: 0, queries: 0, reportsHeard: 0, reportsSent: 2 });
    expect(member.context.frames.inUse).to.equal(0);
  });

  it('the own Report is not heard as somebody else’s', () => {
    const member = makeMember();
    member.ip.groups.join(GROUP, LINK);
    member.at(start);
    expect(member.ip.pending).to.equal(false);
    expect(member.context.timers.next()).to.not.equal(NEVER);
  });

  it('a second member of the group on the interface is no news, nor is one that leaves while another stays', () => {
    const member = idleMember();
    member.ip.groups.join(GROUP, LINK);
    expect(member.igmp.pending).to.equal(false);
    member.ip.groups.leave(GROUP, LINK);
    member.hear(QUERY, '224.0.0.1', idle);
    expect(member.at(after(idle, MAX_REPORT_DELAY))).to.deep.equal(['239.1.2.3']);
  });

  it('query received: every membership is reported after a delay of its own, within 10 s', () => {
    const member = idleMember();
    member.ip.groups.join(OTHER, LINK);
    member.at(idle);
    const later = after(idle, 2 * MAX_REPORT_DELAY);
    member.at(later);
    member.hear(QUERY, '224.0.0.1', later);
    const first = member.context.timers.next();
    const reported = member.at(first);
    const second = member.context.timers.next();
    reported.push(...member.at(second));
    expect(reported.sort()).to.deep.equal(['239.1.2.3', '239.9.9.9']);
    expect(first).to.be.within(later, second - 1);
    expect(second).to.be.at.most(after(later, MAX_REPORT_DELAY));
  });

  it('query received by a Delaying Member: the timer runs on', () => {
    const member = idleMember();
    member.hear(QUERY, '224.0.0.1', idle);
    const due = member.context.timers.next();
    member.hear(QUERY, '224.0.0.1', after(idle, MS));
    expect(member.context.timers.next()).to.equal(due);
  });

  it('report received: the timer stops, and nothing is reported', () => {
    const member = idleMember();
    member.hear(QUERY, '224.0.0.1', idle);
    member.hear(message(IgmpType.Report, '239.1.2.3'), '239.1.2.3', idle);
    expect(member.context.timers.next()).to.equal(NEVER);
    expect(member.igmp.counters()).to.include({ queries: 1, reportsHeard: 1, reportsSent: 2 });
  });

  it('leave group: the timer stops, the link stops to listen, and nothing is said', () => {
    const member = idleMember();
    member.hear(QUERY, '224.0.0.1', idle);
    member.ip.groups.leave(GROUP, LINK);
    expect(member.context.timers.next()).to.equal(NEVER);
    expect(member.at(after(idle, MAX_REPORT_DELAY))).to.deep.equal([]);
    member.hear(QUERY, '224.0.0.1', idle);
    expect(member.context.timers.next()).to.equal(NEVER);
  });

  it('who joins and leaves between two polls reports nothing', () => {
    const member = makeMember();
    member.ip.groups.join(GROUP, LINK);
    member.ip.groups.leave(GROUP, LINK);
    expect(member.at(start)).to.deep.equal([]);
  });

  it('224.0.0.1 is never reported', () => {
    const member = makeMember();
    member.ip.groups.join(addr('224.0.0.1'), LINK);
    member.hear(QUERY, '224.0.0.1', start);
    expect(member.igmp.pending).to.equal(false);
    expect(member.context.timers.next()).to.equal(NEVER);
  });

  it('nothing is reported on the loopback', () => {
    const member = makeMember();
    member.ip.groups.join(GROUP, 1);
    expect(member.igmp.pending).to.equal(false);
  });

  it('a Report that finds its interface down is a drop, and the next Query has an answer again', () => {
    const member = idleMember();
    member.ip.setUp(member.network, false);
    member.ip.groups.join(OTHER, LINK);
    expect(member.at(idle)).to.deep.equal([]);
    expect(member.context.drops.count('igmp-no-route')).to.equal(1);
    member.ip.setUp(member.network, true);
    const later = after(idle, MAX_REPORT_DELAY);
    member.at(later);
    member.hear(QUERY, '224.0.0.1', later);
    expect(member.at(after(later, 10 * SECOND)).sort()).to.deep.equal(['239.1.2.3', '239.9.9.9']);
  });

  const longQuery = concat(QUERY, new Uint8Array(4));
  const IGNORED: readonly [title: string, bytes: Uint8Array, destination: string, reason: DropReason][] = [
    ['a Query that is too short', QUERY.slice(0, 7), '224.0.0.1', 'igmp-truncated'],
    ['a Query with a wrong checksum', Uint8Array.of(...QUERY.slice(0, 7), 1), '224.0.0.1', 'igmp-checksum'],
    ['a Query that was not sent to all hosts', QUERY, '239.1.2.3', 'igmp-query-destination'],
    ['a message of version 2', message(0x16, '239.1.2.3'), '239.1.2.3', 'igmp-unknown-type'],
    ['a message of version 0', message(0x01, '0.0.0.0'), '224.0.0.1', 'igmp-unknown-type'],
  ];
  for (const [title, bytes, destination, reason] of IGNORED) {
    it(`quietly discards ${title}`, () => {
      const member = idleMember();
      member.hear(bytes, destination, idle);
      expect(member.context.drops.count(reason)).to.equal(1);
      expect(member.context.timers.next()).to.equal(NEVER);
    });
  }

  it('a Report for another group than it was sent to does not stop the timer', () => {
    const member = idleMember();
    member.hear(QUERY, '224.0.0.1', idle);
    member.hear(message(IgmpType.Report, '239.1.2.3'), '224.0.0.1', idle);
    expect(member.context.drops.count('igmp-report-destination')).to.equal(1);
    expect(member.context.timers.next()).to.not.equal(NEVER);
  });

  it('a longer Query, as version 3 sends it, is a Query', () => {
    const member = idleMember();
    member.hear(longQuery, '224.0.0.1', idle);
    expect(member.context.timers.next()).to.not.equal(NEVER);
  });
});
