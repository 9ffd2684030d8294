import { expect } from 'chai';
import { Errno } from '../../src/core/errno.ts';
import { MINUTE, SECOND, micros } from '../../src/core/time.ts';
import type { IpErrorReport, OutputOptions } from '../../src/ip/service.ts';
import { DONT_FRAGMENT, ipFlags, ipIdentification } from '../../src/ip/ipv4-wire.ts';
import { plateauBelow } from '../../src/ip/path-mtu.ts';
import { T0, addr, datagram, makeHost } from './host.ts';
import type { Host } from './host.ts';

const FAR = addr('192.0.2.1');
const HERE = addr('10.0.0.2');
const DF: OutputOptions = { protocol: 200, ttl: 64, tos: 0, dontFragment: true };

/** A transport that vouches for a report about a datagram of `length` octets to `destination`. */
function tooBig(host: Host, mtu: number, { destination = FAR, length = 1500, now = T0 } = {}): boolean {
  const report: IpErrorReport = {
    from: addr('10.0.0.1'),
    source: HERE,
    destination,
    protocol: 200,
    type: 3,
    code: 4,
    errno: Errno.EMSGSIZE,
    hard: false,
    mtu,
  };
  const frame = host.context.frames.from(datagram({ payload: new Uint8Array(length - 20) }));
  frame.transport = frame.start + 20;
  const news = host.ip.tooBig(report, frame, now);
  frame.release();
  return news;
}

function pathTo(host: Host, destination = FAR): Exclude<ReturnType<Host['ip']['route']>, number> {
  const path = host.ip.route(destination, HERE);
  if (typeof path === 'number') throw new Error(`no route: ${path}`);
  return path;
}

/** Sends `length` octets of datagram and returns what `output` said. */
function send(host: Host, length: number, options = DF): number {
  const frame = host.context.frames.acquire(length - 20);
  frame.end = frame.start + length - 20;
  return host.ip.output(pathTo(host), frame, options, T0);
}

describe('ip/path-mtu', () => {
  it('1191-3-a: the path to a destination gets the next-hop MTU, also for those who hold it already; others keep theirs', () => {
    const host = makeHost();
    const path = pathTo(host);
    expect(path.mtu).to.equal(1500);
    expect(tooBig(host, 1400)).to.equal(true);
    expect([path.mtu, path.interfaceMtu, pathTo(host).mtu]).to.deep.equal([1400, 1500, 1400]);
    expect(pathTo(host, addr('192.0.2.2')).mtu).to.equal(1500);
  });

  it('1191-3-a: no report raises it', () => {
    const host = makeHost();
    tooBig(host, 1000);
    for (const mtu of [1001, 1500, 9000]) expect(tooBig(host, mtu)).to.equal(false);
    expect(pathTo(host).mtu).to.equal(1000);
    expect(tooBig(host, 1500, { destination: addr('192.0.2.9') }), 'as wide as the link').to.equal(false);
    expect([...host.ip.pathMtuInfo()]).to.have.length(1);
  });

  it('1191-3-a: less than the floor counts as the floor, and DF is left off from then on', () => {
    const host = makeHost();
    expect(tooBig(host, 68)).to.equal(true);
    const path = pathTo(host);
    expect([path.mtu, path.maxSegment]).to.deep.equal([552, 552]);
    expect(send(host, 552)).to.equal(0);
    const { bytes } = host.link.sent.at(-1)!;
    expect(ipFlags(bytes, 0) & DONT_FRAGMENT).to.equal(0);
    expect(ipIdentification(bytes, 0)).to.not.equal(0);
  });

  it('1191-3-a: whatever the configuration says, 68 octets are the least', () => {
    const host = makeHost({ ip: { minPathMtu: 0 } });
    for (const mtu of [1, 67]) tooBig(host, mtu);
    expect(pathTo(host).mtu).to.equal(68);
  });

  it('a path whose first link is below the floor keeps that', () => {
    const host = makeHost();
    host.link.mtu = 400;
    tooBig(host, 300);
    expect(pathTo(host).mtu).to.equal(400);
  });

  const plateaus: readonly [name: string, total: number, header: number, current: number, expected: number][] = [
    ['of Ethernet', 1500, 20, 9000, 1492],
    ['of FDDI', 4352, 20, 9000, 2002],
    ['a length that is no plateau', 1006 + 1, 20, 1500, 1006],
    ['the note of §5: not below the estimate, so the header was counted twice', 1500, 20, 1500, 1006],
    ['the same with options', 1520, 24, 1500, 1492],
    ['the least', 100, 20, 1500, 68],
    ['below all', 30, 20, 1500, 68],
    ['the greatest', 65535, 20, 70000, 32000],
  ];
  for (const [name, total, header, current, expected] of plateaus) {
    it(`RFC 1191 Table 7-1: the plateau below ${total} octets is ${expected}: ${name}`, () => {
      expect(plateauBelow(total, header, current)).to.equal(expected);
    });
  }

  it('a report without MTU moves to the next plateau each time (RFC 1191 §5)', () => {
    const host = makeHost({ ip: { minPathMtu: 68 } });
    const found: number[] = [];
    for (let length = 1499; tooBig(host, 0, { length }); length = pathTo(host).mtu - 1) found.push(pathTo(host).mtu);
    expect(found).to.deep.equal([1492, 1006, 508, 296, 68]);
  });

  it('1191-3-b: it is believed for 10 minutes after the last report, the same again included', () => {
    const host = makeHost();
    const path = pathTo(host);
    tooBig(host, 1400);
    expect(tooBig(host, 1400, { now: micros(6 * MINUTE) })).to.equal(false);
    host.context.timers.expire(micros(10 * MINUTE));
    expect(path.mtu).to.equal(1400);
    host.context.timers.expire(micros(16 * MINUTE - 1));
    expect(path.mtu).to.equal(1400);
    host.context.timers.expire(micros(16 * MINUTE));
    expect(path.mtu).to.equal(1500);
    expect(host.context.timers.size).to.equal(0);
  });

  it('the table has a bound: what was learned longest ago goes first', () => {
    const host = makeHost({ ip: { maxPathMtus: 3 } });
    const to = (last: number) => addr(`192.0.2.${last}`);
    const paths = [1, 2, 3, 4].map((last) => pathTo(host, to(last)));
    for (const last of [1, 2, 3]) tooBig(host, 1400, { destination: to(last), now: micros(last * SECOND) });
    tooBig(host, 1300, { destination: to(1), now: micros(4 * SECOND) });
    tooBig(host, 1400, { destination: to(4), now: micros(5 * SECOND) });
    expect(paths.map(({ mtu }) => mtu)).to.deep.equal([1300, 1500, 1400, 1400]);
    expect([...host.ip.pathMtuInfo()]).to.have.length(3);
  });

  it('maxPathMtus 0 believes nobody', () => {
    const host = makeHost({ ip: { maxPathMtus: 0 } });
    expect(tooBig(host, 1400)).to.equal(false);
    expect(pathTo(host).mtu).to.equal(1500);
  });

  it('own addresses have no path that could be narrow', () => {
    const host = makeHost();
    expect(tooBig(host, 1000, { destination: HERE })).to.equal(false);
    expect(tooBig(host, 1000, { destination: addr('127.0.0.1') })).to.equal(false);
  });

  it('what is longer than the path with DF is EMSGSIZE, unless the sender looks for the MTU by itself', () => {
    const host = makeHost();
    tooBig(host, 1000);
    expect(send(host, 1000)).to.equal(0);
    expect(send(host, 1001)).to.equal(-Errno.EMSGSIZE);
    expect(send(host, 1500, { ...DF, beyondPathMtu: true })).to.equal(0);
    expect(send(host, 1501, { ...DF, beyondPathMtu: true })).to.equal(-Errno.EMSGSIZE);
    expect(host.context.frames.inUse).to.equal(0);
  });
});
