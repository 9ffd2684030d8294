/**
 * IP options on TCP connections, in virtual time: what each segment takes along, how much less text it carries, and what the other
 * end does with them.
 */
import { expect } from 'chai';
import { Errno } from '../../src/core/errno.ts';
import { SECOND } from '../../src/core/time.ts';
import { ipHeaderLength, ipTotalLength } from '../../src/ip/ipv4-wire.ts';
import { twoHosts } from '../../src/lab/topology.ts';
import type { LabHost, TwoHosts } from '../../src/lab/topology.ts';
import { patternBytes } from '../../src/lab/transfer.ts';
import * as c from '../../src/socket/constants.ts';
import type { ControlMessage, Message } from '../../src/socket/message.ts';
import { StreamEnd, must, serve } from '../support/programs.ts';
import { same } from '../support/session.ts';

const PORT = 4000;
const ETHERNET = 14;
const RECORD = [7, 15, 4, ...Array<number>(12).fill(0)];
const A = [10, 0, 0, 1];
const B = [10, 0, 0, 2];

const setOptions = ({ calls }: LabHost, fd: number, octets: readonly number[]): number =>
  calls.setsockopt(fd, c.IPPROTO_IP, c.IP_OPTIONS, Uint8Array.from(octets));

const optionsOf = ({ calls }: LabHost, fd: number): number[] => [
  ...(calls.getsockopt(fd, c.IPPROTO_IP, c.IP_OPTIONS) as Uint8Array),
];

const mssOf = ({ calls }: LabHost, fd: number): number => calls.getsockopt(fd, c.IPPROTO_TCP, c.TCP_MAXSEG) as number;

interface Connected {
  readonly lab: TwoHosts;
  readonly client: StreamEnd;
  readonly server: StreamEnd;
}

/** A connection from a, whose SYN takes options along, to b, seen at a. */
function connected(octets: readonly number[], config: Parameters<typeof twoHosts>[0]['config'] = {}): Connected {
  const lab = twoHosts({ seed: 5, config });
  const accepted: StreamEnd[] = [];
  serve(lab.b, PORT, (end) => accepted.push(end));
  const { calls } = lab.a;
  const fd = must(calls.socket(c.AF_INET, c.SOCK_STREAM, 0), 'socket');
  must(setOptions(lab.a, fd, octets), 'IP_OPTIONS');
  expect(calls.connect(fd, { address: '10.0.0.2', port: PORT })).to.equal(-Errno.EINPROGRESS);
  lab.simulation.run(() => accepted.length === 1, 10 * SECOND);
  lab.simulation.runFor(SECOND);
  return { lab, client: new StreamEnd(lab.a, fd, true), server: accepted[0]! };
}

/** IP options, and octets of the datagram, of the frames with TCP in them that went in a direction. */
function datagrams({ recorder }: TwoHosts, direction: 'in' | 'out'): { options: number[]; length: number }[] {
  return recorder
    .frames()
    .filter((frame) => frame.direction === direction && frame.bytes[13] === 0 && frame.bytes[ETHERNET + 9] === 6)
    .map(({ bytes }) => ({
      options: [...bytes.subarray(ETHERNET + 20, ETHERNET + ipHeaderLength(bytes, ETHERNET))],
      length: ipTotalLength(bytes, ETHERNET),
    }));
}

describe('stack: IP options on connections', () => {
  it('MAY-11: every segment has them, from the SYN on; the other end answers with the same', () => {
    const { lab, client, server } = connected(RECORD);
    const text = patternBytes(10_000);
    client.write(text);
    lab.simulation.run(() => server.receivedLength === text.length, 10 * SECOND);
    expect(same(server.received, text)).to.equal(true);
    const sent = datagrams(lab, 'out');
    const received = datagrams(lab, 'in');
    expect(sent.length).to.be.above(8);
    expect(received.length).to.be.at.least(2);
    for (const { options } of sent) expect(options).to.deep.equal([7, 15, 8, ...A, ...Array<number>(8).fill(0), 0]);
    for (const { options } of received) expect(options).to.deep.equal([7, 15, 16, ...A, ...B, ...B, 0]);
    expect(optionsOf(lab.b, server.fd)).to.deep.equal([7, 15, 12, ...A, ...B, ...Array<number>(4).fill(0), 0]);
  });

  it('MUST-16: they make segments shorter, not the MSS that is offered', () => {
    const { lab, client, server } = connected(Array<number>(40).fill(1));
    expect(mssOf(lab.a, client.fd)).to.equal(1460 - 12 - 40);
    expect(mssOf(lab.b, server.fd)).to.equal(1460 - 12);
    client.write(patternBytes(20_000));
    server.write(patternBytes(20_000));
    lab.simulation.run(() => server.receivedLength === 20_000 && client.receivedLength === 20_000, 10 * SECOND);
    for (const direction of ['in', 'out'] as const) {
      expect(Math.max(...datagrams(lab, direction).map(({ length }) => length))).to.equal(1500);
    }
  });

  it('they can be changed while the connection is there', () => {
    const { lab, client, server } = connected([]);
    expect(mssOf(lab.a, client.fd)).to.equal(1448);
    must(setOptions(lab.a, client.fd, [1, 1, 1, 1]), 'IP_OPTIONS');
    expect(mssOf(lab.a, client.fd)).to.equal(1444);
    client.write(patternBytes(5000));
    lab.simulation.run(() => server.receivedLength === 5000, 10 * SECOND);
    expect(datagrams(lab, 'out').at(-1)!.options).to.deep.equal([1, 1, 1, 1]);
    must(setOptions(lab.a, client.fd, []), 'IP_OPTIONS');
    expect(mssOf(lab.a, client.fd)).to.equal(1448);
    client.write(patternBytes(1));
    lab.simulation.run(() => server.receivedLength === 5001, 10 * SECOND);
    expect(datagrams(lab, 'out').at(-1)!.options).to.deep.equal([]);
    expect(setOptions(lab.a, client.fd, [7, 2])).to.equal(-Errno.EINVAL);
  });

  it('MAY-10: with SYN cookies too, whose SYN,ACK has none', () => {
    const { lab, client, server } = connected([68, 20, 5, 1, ...Array<number>(16).fill(0)], {
      tcp: { synCookies: 'always' },
    });
    expect(datagrams(lab, 'in')[0]!.options).to.deep.equal([]);
    expect(optionsOf(lab.b, server.fd).slice(0, 4)).to.deep.equal([68, 20, 21, 1]);
    server.write(patternBytes(100));
    lab.simulation.run(() => client.receivedLength === 100, 10 * SECOND);
    expect(client.receivedLength).to.equal(100);
  });

  it('MUST-50: what TCP does not understand is ignored', () => {
    const { lab, client, server } = connected([99, 4, 1, 2, 148, 4, 0, 0]);
    client.write(patternBytes(100));
    lab.simulation.run(() => server.receivedLength === 100, 10 * SECOND);
    expect(optionsOf(lab.b, server.fd)).to.deep.equal([]);
    expect(server.receivedLength).to.equal(100);
  });

  it('1122-4.1.3.2-a, 1122-4.1.3.2-b, 1122-4.1.3.2-c, 1122-4.1.4-b: datagrams bring options to programs, the socket’s or their own', () => {
    const lab = twoHosts({ seed: 5 });
    const open = ({ calls }: LabHost): number => must(calls.socket(c.AF_INET, c.SOCK_DGRAM, 0), 'socket');
    const [sender, receiver] = [open(lab.a), open(lab.b)];
    must(lab.b.calls.bind(receiver, { address: '0.0.0.0', port: PORT }), 'bind');
    must(lab.b.calls.setsockopt(receiver, c.IPPROTO_IP, c.IP_RECVOPTS, 1), 'IP_RECVOPTS');
    must(setOptions(lab.a, sender, RECORD), 'IP_OPTIONS');
    const name = { address: '10.0.0.2', port: PORT };
    const own: ControlMessage = { level: c.IPPROTO_IP, type: c.IP_RETOPTS, data: Uint8Array.of(148, 4, 0, 0) };
    const received = [[], [own], []].map((control) => {
      must(lab.a.calls.sendmsg(sender, { name, iov: [patternBytes(10)], control }), 'sendmsg');
      lab.simulation.runFor(SECOND);
      const message: Message = { iov: [new Uint8Array(20)], control: [] };
      expect(lab.b.calls.recvmsg(receiver, message)).to.equal(10);
      return message.control!.map(({ type, data }) => [type, ...(data as Uint8Array)]);
    });
    const recorded = [[c.IP_RECVOPTS, 7, 15, 12, ...A, ...B, 0, 0, 0, 0, 0]];
    expect(received).to.deep.equal([recorded, [[c.IP_RECVOPTS, 148, 4, 0, 0]], recorded]);
  });
});
