import { expect } from 'chai';
import fc from 'fast-check';
import { fromHex, setU16, toHex } from '../../src/core/bytes.ts';
import { pseudoHeaderSum, sumBytes } from '../../src/core/checksum.ts';
import type { DropReason } from '../../src/core/drop.ts';
import { Errno } from '../../src/core/errno.ts';
import { Checksum } from '../../src/core/frame.ts';
import { ANY_ADDRESS, formatAddress } from '../../src/ip/address.ts';
import { readIpv4Header } from '../../src/ip/ipv4-wire.ts';
import { IpProtocol } from '../../src/ip/service.ts';
import type { UdpOwner, UdpPort, UdpSendOptions } from '../../src/udp/service.ts';
import { DATAGRAM_OVERHEAD } from '../../src/udp/port.ts';
import {
  setUdpChecksum,
  udpChecksum,
  udpChecksumIsValid,
  udpDestinationPort,
  udpLength,
  udpSourcePort,
  writeUdpHeader,
} from '../../src/udp/wire.ts';
import { message } from '../icmp/messages.ts';
import { addr, concat, datagram, makeHost, prefix, SEND_OPTIONS, T0 } from '../ip/host.ts';
import type { DatagramParts, Host } from '../ip/host.ts';

const OPTIONS: UdpSendOptions = { ...SEND_OPTIONS, ttl: 7, tos: 0x20 };

interface Opened {
  readonly port: UdpPort;
  /** What happened, in order. */
  readonly events: string[];
  full: boolean;
}

function open(host: Host, local: string, localPort: number): Opened {
  const events: string[] = [];
  const opened: { full: boolean } = { full: false };
  const owner: UdpOwner = {
    onDatagram: (payload, source, sourcePort, packet) => {
      const to = formatAddress(packet.destination);
      events.push(`${toHex(payload)} from ${formatAddress(source)}:${sourcePort} to ${to} tos ${packet.tos}`);
      return !opened.full;
    },
    onError: (report, port) => events.push(`error ${report.errno} from ${formatAddress(report.from)} port ${port}`),
    onSent: () => events.push('sent'),
  };
  return Object.assign(opened, { port: host.udp.open(addr(local), localPort, owner), events });
}

/** A UDP datagram with a right checksum. */
function udp(from: number, to: number, data: string, parts: DatagramParts = {}, checksum = true): Uint8Array {
  const body = fromHex(data);
  const payload = new Uint8Array(8 + body.length);
  payload.set(body, 8);
  writeUdpHeader(payload, 0, from, to, payload.length);
  const source = addr(parts.source ?? '10.0.0.9');
  const destination = addr(parts.destination ?? '10.0.0.2');
  if (checksum)
    setUdpChecksum(
      payload,
      0,
      sumBytes(payload, 0, payload.length, pseudoHeaderSum(source, destination, IpProtocol.Udp) + payload.length),
    );
  return datagram({ protocol: IpProtocol.Udp, payload, ...parts });
}

/** Sends from the port's address, as the socket layer has it routed. */
function send(
  host: Host,
  port: UdpPort,
  to: string,
  data: string | Uint8Array,
  options = OPTIONS,
  toPort = 53,
): number {
  const bytes = typeof data === 'string' ? fromHex(data) : data;
  const path = host.ip.route(addr(to), port.localAddress);
  return typeof path === 'number' ? path : port.send(bytes, 0, bytes.length, path, toPort, options);
}

describe('udp/udp receive', () => {
  it('1122-4.1.3.5-a, 1122-4.1.4-c: a datagram reaches its port with source, destination and TOS', () => {
    const host = makeHost();
    const one = open(host, '0.0.0.0', 7);
    host.link.deliver(udp(5000, 7, '0102', { tos: 0x10 }));
    expect(one.events).to.deep.equal(['0102 from 10.0.0.9:5000 to 10.0.0.2 tos 16']);
    expect(host.udp.counters()).to.deep.equal({ received: 1, delivered: 1, sent: 0 });
    expect(host.context.drops.snapshot()).to.deep.equal({});
    expect(host.context.frames.inUse).to.equal(0);
  });

  it('an empty datagram is one too, and source port 0 is allowed (RFC 768)', () => {
    const host = makeHost();
    const one = open(host, '0.0.0.0', 7);
    host.link.deliver(udp(0, 7, ''));
    expect(one.events).to.deep.equal([' from 10.0.0.9:0 to 10.0.0.2 tos 0']);
  });

  it('options in the IP header do not disturb', () => {
    const host = makeHost();
    const one = open(host, '0.0.0.0', 7);
    host.link.deliver(udp(5000, 7, '0a', { options: [99, 4, 1, 1] }));
    expect(one.events).to.have.length(1);
  });

  const zeroLengths = (length: number): Uint8Array => {
    const bytes = udp(5000, 7, '01020304', {}, false);
    setU16(bytes, 24, length);
    return bytes;
  };
  const wrong = udp(5000, 7, '0102');
  wrong[28]! ^= 1;
  const refused: [name: string, bytes: Uint8Array, reason: DropReason][] = [
    ['7 octets', datagram({ protocol: 17, payload: new Uint8Array(7) }), 'udp-truncated'],
    ['no octets', datagram({ protocol: 17, payload: new Uint8Array(0) }), 'udp-truncated'],
    ['a length of 7', zeroLengths(7), 'udp-length'],
    ['a length of 0', zeroLengths(0), 'udp-length'],
    ['a length beyond the datagram', zeroLengths(13), 'udp-length'],
    ['1122-4.1.3.4-b: a wrong checksum', wrong, 'udp-checksum'],
    ['destination port 0', udp(5000, 0, '01'), 'udp-port-zero'],
    ['1122-4.1.3.6-a: a source that is no host', udp(5000, 7, '01', { source: '224.0.0.5' }), 'ip-source-invalid'],
  ];
  for (const [name, bytes, reason] of refused) {
    it(`refuses without a word ${name}: ${reason}`, () => {
      const host = makeHost();
      const one = open(host, '0.0.0.0', 7);
      host.link.deliver(bytes);
      expect(one.events).to.deep.equal([]);
      expect(host.link.sent).to.deep.equal([]);
      expect(host.context.drops.snapshot()).to.deep.equal({ [reason]: 1 });
    });
  }

  it('1122-4.1.3.1-a: a closed port draws Port Unreachable', () => {
    const host = makeHost();
    open(host, '10.0.0.2', 8);
    host.link.deliver(udp(5000, 7, '01'));
    expect(host.link.sent.map(({ bytes }) => [bytes[20], bytes[21]])).to.deep.equal([[3, 3]]);
    expect(host.context.drops.count('udp-no-port')).to.equal(1);
  });

  it('octets beyond the UDP length are not part of the datagram', () => {
    const host = makeHost();
    const one = open(host, '0.0.0.0', 7);
    host.link.deliver(zeroLengths(10));
    expect(one.events[0]).to.match(/^0102 from/);
  });

  it('768-a: a checksum of zero means none', () => {
    const host = makeHost();
    const one = open(host, '0.0.0.0', 7);
    host.link.deliver(udp(5000, 7, '0102', {}, false));
    expect(one.events).to.have.length(1);
  });

  for (const checksum of [Checksum.Partial, Checksum.Verified]) {
    it(`a checksum that is ${checksum === Checksum.Partial ? 'partial' : 'verified'} is not looked at`, () => {
      const host = makeHost();
      const one = open(host, '0.0.0.0', 7);
      host.link.deliver(wrong, (frame) => {
        frame.checksum = checksum;
      });
      expect(one.events).to.have.length(1);
    });
  }

  it('a full receive queue is a counted drop', () => {
    const host = makeHost();
    const one = open(host, '0.0.0.0', 7);
    one.full = true;
    host.link.deliver(udp(5000, 7, '01'));
    expect(host.context.drops.snapshot()).to.deep.equal({ 'udp-queue-full': 1 });
    expect(host.udp.counters().delivered).to.equal(0);
  });

  for (const destination of ['10.0.0.255', '255.255.255.255', '224.0.0.1']) {
    it(`a datagram to ${destination} goes to all that match, and to nobody in silence`, () => {
      const host = makeHost();
      const any = open(host, '0.0.0.0', 7);
      const bound = open(host, destination, 7);
      const unicast = open(host, '10.0.0.2', 7);
      const peer = open(host, '0.0.0.0', 7);
      peer.port.connect(addr('10.0.0.2'), addr('10.0.0.8'), 5000);
      host.link.deliver(udp(5000, 7, '01', { destination }));
      host.link.deliver(udp(5000, 9, '01', { destination }));
      expect([any, bound, unicast, peer].map(({ events }) => events.length)).to.deep.equal([1, 1, 0, 0]);
      expect(host.link.sent).to.deep.equal([]);
      expect(host.context.drops.snapshot()).to.deep.equal({ 'udp-no-port': 1 });
    });
  }

  it('a connected port takes its peer only', () => {
    const host = makeHost();
    const one = open(host, '0.0.0.0', 7);
    one.port.connect(addr('10.0.0.2'), addr('10.0.0.9'), 5000);
    host.link.deliver(udp(5000, 7, '01'));
    host.link.deliver(udp(5001, 7, '02'));
    expect(one.events.map((event) => event.slice(0, 2))).to.deep.equal(['01']);
  });

  it('a closed port takes nothing', () => {
    const host = makeHost();
    const one = open(host, '0.0.0.0', 7);
    one.port.close();
    one.port.close();
    host.link.deliver(udp(5000, 7, '01'));
    expect(one.events).to.deep.equal([]);
    expect([...host.udp.ports()]).to.deep.equal([]);
  });
});

describe('udp/udp send', () => {
  it('1122-4.1.3.4-d, 1122-4.1.4-b: header, checksum, TTL and TOS as asked for', () => {
    const host = makeHost();
    const { port } = open(host, '0.0.0.0', 5353);
    expect(send(host, port, '10.0.0.9', '010203')).to.equal(3);
    expect(host.link.sent).to.deep.equal([]);
    expect(host.udp.pending).to.be.true;
    host.settle();
    const { bytes } = host.link.sent[0]!;
    const header = readIpv4Header(bytes, 0);
    expect(header).to.deep.include({
      source: addr('10.0.0.2'),
      ttl: 7,
      tos: 0x20,
      protocol: 17,
      flagsAndOffset: 0x4000,
    });
    expect([udpSourcePort(bytes, 20), udpDestinationPort(bytes, 20), udpLength(bytes, 20)]).to.deep.equal([
      5353, 53, 11,
    ]);
    const sum = pseudoHeaderSum(header.source, header.destination, IpProtocol.Udp);
    expect(udpChecksum(bytes, 20)).not.to.equal(0);
    expect(udpChecksumIsValid(bytes, 20, sumBytes(bytes, 20, 11, sum + 11))).to.be.true;
    expect(toHex(bytes.slice(28))).to.equal('010203');
    expect(host.udp.counters().sent).to.equal(1);
    expect(host.context.frames.inUse).to.equal(0);
  });

  it('a link that completes checksums gets a partial one', () => {
    const host = makeHost();
    host.link.checksumOffload = true;
    const { port } = open(host, '0.0.0.0', 5353);
    send(host, port, '10.0.0.9', '010203');
    host.settle();
    const { bytes } = host.link.sent[0]!;
    const sum = pseudoHeaderSum(addr('10.0.0.2'), addr('10.0.0.9'), IpProtocol.Udp);
    expect(udpChecksumIsValid(bytes, 20, sumBytes(bytes, 20, 11, sum + 11))).to.be.false;
    expect(udpChecksum(bytes, 20)).not.to.equal(0);
  });

  const refused: [name: string, to: string, length: number, options: Partial<UdpSendOptions>][] = [
    ['65,508 octets', '127.0.0.1', 65508, {}],
    ['IP_PMTUDISC_DO: more than the path carries', '10.0.0.9', 1473, { mtuDiscover: 2 }],
    ['IP_PMTUDISC_PROBE: more than the link carries', '10.0.0.9', 1473, { mtuDiscover: 3 }],
    ['IP_PMTUDISC_INTERFACE: the same', '10.0.0.9', 1473, { mtuDiscover: 4 }],
  ];
  for (const [name, to, length, options] of refused) {
    it(`refuses ${name}`, () => {
      const host = makeHost();
      const { port } = open(host, '0.0.0.0', 5353);
      expect(send(host, port, to, new Uint8Array(length), { ...OPTIONS, ...options })).to.equal(-Errno.EMSGSIZE);
      expect(host.udp.pending).to.be.false;
      expect(host.context.frames.inUse).to.equal(0);
    });
  }

  const kinds: [to: string, kind: string][] = [
    ['255.255.255.255', 'broadcast'],
    ['10.0.0.255', 'broadcast'],
    ['224.0.0.251', 'multicast'],
  ];
  for (const [to, kind] of kinds) {
    it(`1122-3.3.6-e: sends to ${to} as ${kind}`, () => {
      const host = makeHost();
      const { port } = open(host, '0.0.0.0', 5353);
      expect(send(host, port, to, '01', OPTIONS)).to.equal(1);
      host.settle();
      expect(host.link.sent.map((sent) => sent.kind)).to.deep.equal([kind]);
    });
  }

  it('1122-4.1.3.5-b, 1122-4.1.3.5-c, 1122-4.1.3.5-d, 1122-3.3.4.2-b: the local address is the one bound, or one that is chosen and can be asked for', () => {
    const host = makeHost();
    host.ip.addAddress(host.network, prefix('192.168.5.5/24'), {}, T0);
    const bound = open(host, '192.168.5.5', 1);
    const chosen = open(host, '0.0.0.0', 2);
    for (const { port } of [bound, chosen]) send(host, port, '10.0.0.9', '01');
    host.settle();
    expect(host.link.sent.map(({ bytes }) => formatAddress(readIpv4Header(bytes, 0).source))).to.deep.equal([
      '192.168.5.5',
      '10.0.0.2',
    ]);
    expect(chosen.port.localAddress).to.equal(ANY_ADDRESS);
    for (const { port } of [bound, chosen]) port.connect(addr('10.0.0.2'), addr('10.0.0.9'), 9);
    expect(chosen.port.localAddress).to.equal(addr('10.0.0.2'));
    expect(bound.port.localAddress).to.equal(addr('192.168.5.5'));
  });

  it('1122-4.1.3.6-b: a port bound to an address that is not ours cannot send', () => {
    const host = makeHost();
    expect(send(host, open(host, '10.0.0.3', 1).port, '10.0.0.9', '01')).to.equal(-Errno.EINVAL);
  });

  it('MSG_CONFIRM: word from the program that the path works goes to the link layer', () => {
    const host = makeHost();
    const { port } = open(host, '0.0.0.0', 1);
    send(host, port, '10.0.0.9', '01');
    host.settle();
    expect(host.link.calls).not.to.include(`confirm ${addr('10.0.0.9')}`);
    send(host, port, '10.0.0.9', '01', { ...OPTIONS, confirm: true });
    host.settle();
    expect(host.link.calls).to.include(`confirm ${addr('10.0.0.9')}`);
  });

  it('leaves in the order of sending, whatever the port', () => {
    const host = makeHost();
    const [one, two] = [open(host, '0.0.0.0', 1), open(host, '0.0.0.0', 2)];
    for (const [{ port }, data] of [
      [one, '01'],
      [two, '02'],
      [one, '03'],
      [one, '04'],
      [two, '05'],
    ] as const) {
      send(host, port, '10.0.0.9', data);
    }
    host.settle();
    expect(host.link.sent.map(({ bytes }) => bytes[28])).to.deep.equal([1, 2, 3, 4, 5]);
  });

  it('says how much waits to leave, where empty datagrams count', () => {
    const host = makeHost();
    const { port, events } = open(host, '0.0.0.0', 1);
    for (let i = 0; i < 4; i++) send(host, port, '10.0.0.9', '');
    expect(port.queued).to.equal(4 * DATAGRAM_OVERHEAD);
    host.settle();
    expect(port.queued).to.equal(0);
    expect(events).to.deep.equal(['sent', 'sent', 'sent', 'sent']);
  });

  it('a port that is bound to an interface takes what comes in there, and only that', () => {
    const host = makeHost();
    const [here, elsewhere, any] = [open(host, '0.0.0.0', 7), open(host, '0.0.0.0', 7), open(host, '0.0.0.0', 7)];
    here.port.device = 2;
    elsewhere.port.device = 1;
    host.link.deliver(udp(5000, 7, '01'));
    send(host, any.port, '127.0.0.1', '02', OPTIONS, 7);
    send(host, any.port, '10.0.0.2', '03', OPTIONS, 7);
    host.settle();
    const octets = ({ events }: Opened): string[] => events.map((event) => event.slice(0, 2));
    // What the host sends to an own address counts as come in on the interface that has it.
    expect(octets(here)).to.deep.equal(['01', '03']);
    expect(octets(elsewhere)).to.deep.equal(['02']);
    expect(octets(any)).to.deep.equal(['se', 'se']);
  });

  it('what was sent before close still leaves', () => {
    const host = makeHost();
    const { port } = open(host, '0.0.0.0', 1);
    send(host, port, '10.0.0.9', '01');
    port.close();
    host.settle();
    expect(host.link.sent).to.have.length(1);
    expect(host.context.frames.inUse).to.equal(0);
  });

  it('to itself, with an answer in the same turn', () => {
    const host = makeHost();
    const server = open(host, '0.0.0.0', 7);
    const client = open(host, '0.0.0.0', 8);
    send(host, client.port, '127.0.0.1', '01', OPTIONS, 7);
    host.settle();
    send(host, server.port, '127.0.0.1', '02', OPTIONS, 8);
    host.settle();
    expect(server.events).to.deep.equal(['01 from 127.0.0.1:8 to 127.0.0.1 tos 32', 'sent']);
    expect(client.events).to.deep.equal(['sent', '02 from 127.0.0.1:7 to 127.0.0.1 tos 32']);
    expect(host.context.frames.inUse).to.equal(0);
  });
});

describe('udp/udp errors', () => {
  const unreachable = (code: number, from: number, to: number, destination = '8.8.8.8'): Uint8Array => {
    const quoted = udp(from, to, '0102', { source: '10.0.0.2', destination });
    return datagram({ protocol: IpProtocol.Icmp, source: '10.0.0.1', payload: message(3, code, 0, quoted) });
  };

  it('1122-4.1.3.3-a, 1122-3.2.2.1-c: an ICMP error reaches the port that caused it', () => {
    const host = makeHost();
    const [one, two] = [open(host, '0.0.0.0', 5000), open(host, '0.0.0.0', 5001)];
    host.link.deliver(unreachable(3, 5000, 53));
    expect(one.events).to.deep.equal([`error ${Errno.ECONNREFUSED} from 10.0.0.1 port 53`]);
    expect(two.events).to.deep.equal([]);
  });

  it('but not one that is connected to somebody else', () => {
    const host = makeHost();
    const one = open(host, '0.0.0.0', 5000);
    one.port.connect(addr('10.0.0.2'), addr('9.9.9.9'), 53);
    host.link.deliver(unreachable(3, 5000, 53));
    host.link.deliver(unreachable(1, 5000, 53, '9.9.9.9'));
    expect(one.events).to.deep.equal([`error ${Errno.EHOSTUNREACH} from 10.0.0.1 port 53`]);
    expect(host.context.drops.snapshot()).to.deep.equal({ 'udp-error-no-port': 1 });
  });

  it('a datagram that cannot leave after all is reported', () => {
    const host = makeHost();
    const one = open(host, '0.0.0.0', 5000);
    send(host, one.port, '10.0.0.9', '01');
    host.link.result = -Errno.EHOSTUNREACH;
    host.settle();
    expect(one.events).to.deep.equal(['sent', `error ${Errno.EHOSTUNREACH} from 10.0.0.2 port 53`]);
    expect(host.udp.counters().sent).to.equal(0);
    expect(host.context.frames.inUse).to.equal(0);
  });

  it('a neighbour that does not answer is reported', () => {
    const host = makeHost();
    const one = open(host, '0.0.0.0', 5000);
    send(host, one.port, '10.0.0.9', '01');
    host.settle();
    const waiting = host.context.frames.from(host.link.sent[0]!.bytes);
    host.link.user!.onUnreachable(waiting, addr('10.0.0.9'), T0);
    waiting.release();
    expect(one.events).to.deep.equal(['sent', `error ${Errno.EHOSTUNREACH} from 10.0.0.2 port 53`]);
  });

  it('random datagrams never throw; each is delivered or dropped', () => {
    const host = makeHost();
    const one = open(host, '0.0.0.0', 7);
    const parts = fc.record({
      head: fc.tuple(fc.nat(0xffff), fc.constantFrom(7, 0, 9), fc.nat(40), fc.constantFrom(0, 1, 0xffff)),
      body: fc.uint8Array({ maxLength: 32 }),
      cut: fc.nat(12),
    });
    fc.assert(
      fc.property(parts, ({ head, body, cut }) => {
        const header = new Uint8Array(8);
        head.forEach((value, i) => setU16(header, i * 2, value));
        const payload = concat(header, body).slice(Math.max(0, cut - 8));
        const before = one.events.length + drops(host);
        host.link.deliver(datagram({ protocol: IpProtocol.Udp, payload }));
        expect(one.events.length + drops(host)).to.be.greaterThan(before);
        expect(host.context.frames.inUse).to.equal(0);
      }),
      { numRuns: 500 },
    );
  });
});

const drops = (host: Host): number =>
  Object.values(host.context.drops.snapshot()).reduce((sum, count) => sum + count, 0);

describe('udp/udp and the MTU of the path', () => {
  const FAR = '192.0.2.9';

  /** A router says that at most `mtu` octets of what port 5353 sends get to FAR. */
  function report(host: Host, mtu: number, localPort = 5353): void {
    const payload = new Uint8Array(8);
    writeUdpHeader(payload, 0, localPort, 53, 1480);
    const quote = datagram({ source: '10.0.0.2', destination: FAR, protocol: IpProtocol.Udp, payload });
    host.link.deliver(datagram({ source: '10.0.0.1', protocol: IpProtocol.Icmp, payload: message(3, 4, mtu, quote) }));
  }

  /** What leaves for a datagram of `length` octets of data: the length of each piece, with `DF` where that is set. */
  function pieces(host: Host, port: UdpPort, length: number, mtuDiscover: UdpSendOptions['mtuDiscover']): unknown {
    host.link.sent.length = 0;
    const bytes = new Uint8Array(length);
    const result = send(host, port, FAR, bytes, { ...OPTIONS, mtuDiscover });
    host.settle();
    if (result < 0) return result;
    return host.link.sent.map(({ bytes: sent }) => `${sent.length}${(sent[6]! & 0x40) === 0 ? '' : ' DF'}`);
  }

  const rows: [name: string, mtuDiscover: UdpSendOptions['mtuDiscover'], length: number, expected: unknown][] = [
    ['DONT: never DF', 0, 100, ['128']],
    ['DONT: what is longer is cut', 0, 1272, ['996', '324']],
    ['WANT: DF on what fits', 1, 972, ['1000 DF']],
    ['WANT: what is longer is cut', 1, 973, ['996', '25']],
    ['WANT: longer than the link, too', 1, 2000, ['996', '996', '76']],
    ['DO: DF on what fits', 2, 972, ['1000 DF']],
    ['DO: EMSGSIZE for what does not', 2, 973, -Errno.EMSGSIZE],
    ['PROBE: DF, whatever is known of the path', 3, 1472, ['1500 DF']],
    ['INTERFACE: no DF, whatever is known of the path', 4, 1472, ['1500']],
    ['OMIT: the same', 5, 1472, ['1500']],
    ['OMIT: what is longer than the link carries is cut', 5, 1473, ['1500', '21']],
  ];
  for (const [name, mtuDiscover, length, expected] of rows) {
    it(`IP_PMTUDISC_${name}`, () => {
      const host = makeHost();
      const { port } = open(host, '0.0.0.0', 5353);
      report(host, 1000);
      expect(pieces(host, port, length, mtuDiscover)).to.deep.equal(expected);
      expect(host.context.frames.inUse).to.equal(0);
    });
  }

  it('a report about a port that is not open changes nothing', () => {
    const host = makeHost();
    const { port } = open(host, '0.0.0.0', 5353);
    report(host, 1000, 5354);
    expect(pieces(host, port, 1472, 1)).to.deep.equal(['1500 DF']);
    expect(host.context.drops.count('udp-error-no-port')).to.equal(1);
  });

  it('a link that completes checksums gets them complete where it does not see the whole', () => {
    const host = makeHost();
    host.link.checksumOffload = true;
    const { port } = open(host, '0.0.0.0', 5353);
    pieces(host, port, 3000, 1);
    const payload = concat(...host.link.sent.map(({ bytes }) => bytes.subarray(20)));
    const sum = pseudoHeaderSum(addr('10.0.0.2'), addr(FAR), IpProtocol.Udp);
    expect(udpChecksumIsValid(payload, 0, sumBytes(payload, 0, 3008, sum + 3008))).to.be.true;
  });

  it('1122-3.3.2-a: 65,507 octets come through the host in pieces, in any order', () => {
    const host = makeHost();
    const { port } = open(host, '0.0.0.0', 5353);
    const one = open(host, '0.0.0.0', 53);
    const bytes = Uint8Array.from({ length: 65507 }, (_, i) => i * 7);
    send(host, port, '10.0.0.9', bytes);
    host.settle();
    const sent = host.link.sent.splice(0).map(({ bytes: piece }) => {
      // As if it came from there to here.
      const source = piece.slice(12, 16);
      piece.copyWithin(12, 16, 20);
      piece.set(source, 16);
      return piece;
    });
    expect(sent).to.have.length(45);
    for (const piece of sent.reverse()) host.link.deliver(piece);
    expect(one.events).to.deep.equal([`${toHex(bytes)} from 10.0.0.9:5353 to 10.0.0.2 tos 32`]);
    expect(host.context.drops.snapshot()).to.deep.equal({});
    expect(host.context.frames.inUse).to.equal(0);
  });
});
