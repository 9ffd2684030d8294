import { expect } from 'chai';
import fc from 'fast-check';
import { finishChecksum, sumBytes, sumIsValid } from '../../src/core/checksum.ts';
import { FramePool } from '../../src/core/frame.ts';
import type { Frame } from '../../src/core/frame.ts';
import { micros } from '../../src/core/time.ts';
import { toReply } from '../../src/icmp/echo.ts';
import { icmpChecksum } from '../../src/icmp/wire.ts';
import { ANY_ADDRESS } from '../../src/ip/address.ts';
import { ipChecksumIsValid, readIpv4Header } from '../../src/ip/ipv4-wire.ts';
import { IpProtocol } from '../../src/ip/service.ts';
import type { IpPacket } from '../../src/ip/service.ts';
import { T0, addr, concat, datagram, makeHost, prefix } from '../ip/host.ts';
import type { DatagramParts } from '../ip/host.ts';
import { message } from './messages.ts';

const REQUEST = (rest: number, data?: Uint8Array, code = 0): Uint8Array => message(8, code, rest, data);
const echo = (parts: DatagramParts, data?: Uint8Array): Uint8Array =>
  datagram({ protocol: IpProtocol.Icmp, payload: REQUEST(0x00010002, data), ...parts });

describe('icmp/echo', () => {
  it('792-a, 1122-3.2.2.6-a: addresses swapped, type 0, identifier, sequence number and data kept', () => {
    const host = makeHost();
    const data = Uint8Array.of(1, 2, 3, 4, 5);
    host.link.deliver(echo({ tos: 0x48, ttl: 3 }, data));
    const [sent] = host.link.sent;
    const header = readIpv4Header(sent!.bytes, 0);
    expect(header).to.deep.include({ source: addr('10.0.0.2'), destination: addr('10.0.0.9'), tos: 0x48, ttl: 64 });
    expect(ipChecksumIsValid(sent!.bytes, 0, 20)).to.be.true;
    expect(sent!.bytes.slice(20)).to.deep.equal(message(0, 0, 0x00010002, data));
    expect(host.context.drops.snapshot()).to.deep.equal({});
    expect(host.context.frames.inUse).to.equal(0);
    expect(host.icmp.counters()).to.deep.equal({ received: 1, echoesAnswered: 1, errorsSent: 0 });
  });

  for (const length of [0, 1, 55, 56, 1471, 1472]) {
    it(`1122-3.2.2.6-f: returns all of ${length} octets`, () => {
      const host = makeHost();
      const data = Uint8Array.from({ length }, (_, i) => i * 7);
      host.link.deliver(echo({}, data));
      expect(host.link.sent[0]!.bytes.slice(28)).to.deep.equal(data);
    });
  }

  it('1122-3.2.2.6-f: the largest message there is, over the loopback', () => {
    const host = makeHost();
    const replies: Uint8Array[] = [];
    host.ip.addRaw(IpProtocol.Icmp, {
      receiveRaw: (frame) => {
        if (frame.bytes[frame.transport] === 0) replies.push(frame.bytes.slice(frame.transport, frame.end));
        return true;
      },
      errorRaw: () => undefined,
    });
    const data = Uint8Array.from({ length: 65507 }, (_, i) => i);
    const path = host.ip.route(addr('127.0.0.1'), ANY_ADDRESS);
    if (typeof path === 'number') throw new Error('no path');
    const options = { protocol: IpProtocol.Icmp, ttl: 64, tos: 0, dontFragment: false };
    host.ip.output(path, host.context.frames.from(REQUEST(9, data)), options, T0);
    host.settle();
    expect(replies).to.have.length(1);
    expect(replies[0]).to.deep.equal(message(0, 0, 9, data));
    expect(host.context.frames.inUse).to.equal(0);
  });

  it('RFC 1122 §3.2.2.6: what cannot be sent in one piece goes in several', () => {
    const host = makeHost();
    host.link.mtu = 600;
    host.link.deliver(echo({}, new Uint8Array(1000).fill(0xa5)));
    const { sent } = host.link;
    expect(sent.map(({ bytes }) => bytes.length)).to.deep.equal([596, 452]);
    const reply = concat(...sent.map(({ bytes }) => bytes.subarray(20)));
    expect(sumIsValid(sumBytes(reply, 0, reply.length))).to.be.true;
  });

  it('1122-3.2.1.7-d: the TTL is the one configured', () => {
    const host = makeHost({ ip: { defaultTtl: 33 } });
    host.link.deliver(echo({}));
    expect(readIpv4Header(host.link.sent[0]!.bytes, 0).ttl).to.equal(33);
  });

  const OWN = [10, 0, 0, 2];
  const REFLECTED: readonly [title: string, options: readonly number[], reply: readonly number[]][] = [
    ['Record Route', [7, 11, 4, ...Array<number>(8).fill(0)], [7, 11, 12, ...OWN, ...OWN, 0]],
    [
      'a route that a router is in already',
      [7, 15, 8, 9, 9, 9, 9, 0, 0, 0, 0, 0, 0, 0, 0],
      [7, 15, 16, 9, 9, 9, 9, ...OWN, ...OWN, 0],
    ],
    ['Record Route with room for one', [7, 7, 4, 0, 0, 0, 0], [7, 7, 8, ...OWN, 0]],
    ['a full Record Route', [7, 7, 8, 9, 9, 9, 9], [7, 7, 8, 9, 9, 9, 9, 0]],
    ['a full Timestamp, which counts this host', [68, 8, 9, 0x10, 1, 2, 3, 4], [68, 8, 9, 0x20, 1, 2, 3, 4]],
    ['both, in one order', [68, 4, 5, 0x20, 1, 7, 7, 8, 9, 9, 9, 9], [7, 7, 8, 9, 9, 9, 9, 68, 4, 5, 0x30, 0]],
    ['nothing else', [1, 1, 148, 4, 0, 0, 99, 2], []],
  ];
  for (const [title, options, reply] of REFLECTED) {
    it(`1122-3.2.2.6-h: options of the request in the reply: ${title}`, () => {
      const host = makeHost();
      host.link.deliver(echo({ options }, Uint8Array.of(1, 2)));
      const { bytes } = host.link.sent[0]!;
      const end = (bytes[0]! & 0xf) * 4;
      expect([...bytes.subarray(20, end)]).to.deep.equal(reply);
      expect(sumIsValid(sumBytes(bytes, 0, end))).to.equal(true);
      expect(bytes.slice(end)).to.deep.equal(message(0, 0, 0x00010002, Uint8Array.of(1, 2)));
      expect(host.context.frames.inUse).to.equal(0);
    });
  }

  it('1122-3.2.2.6-h: a Timestamp gets the times of coming and going, marked as none of the day', () => {
    const host = makeHost();
    const options = [68, 36, 5, 1, ...Array<number>(32).fill(0)];
    host.link.deliver(echo({ options }), undefined, micros(5000));
    const { bytes } = host.link.sent[0]!;
    const record = [...OWN, 0x80, 0, 0, 5];
    expect([...bytes.subarray(20, 56)]).to.deep.equal([
      68,
      36,
      21,
      1,
      ...record,
      ...record,
      ...Array<number>(16).fill(0),
    ]);
  });

  it('1122-3.2.2.6-e, 1122-3.3.4.2-a: the reply comes from the address that was asked', () => {
    const host = makeHost();
    host.ip.addAddress(host.network, prefix('192.168.5.5/24'), {}, T0);
    host.link.deliver(echo({ destination: '192.168.5.5' }));
    expect(readIpv4Header(host.link.sent[0]!.bytes, 0).source).to.equal(addr('192.168.5.5'));
  });

  for (const destination of ['10.0.0.255', '255.255.255.255', '224.0.0.1']) {
    it(`1122-3.2.2.6-c, 1122-3.2.2.6-d: a request to ${destination} is not answered, unless configured`, () => {
      const silent = makeHost();
      silent.link.deliver(echo({ destination }));
      expect(silent.link.sent).to.deep.equal([]);
      expect(silent.context.drops.count('icmp-echo-broadcast')).to.equal(1);
      const talkative = makeHost({ icmp: { answerBroadcastEcho: true } });
      talkative.link.deliver(echo({ destination }));
      expect(readIpv4Header(talkative.link.sent[0]!.bytes, 0).source).to.equal(addr('10.0.0.2'));
    });
  }

  it('a request from nobody has no reply', () => {
    const host = makeHost({ icmp: { answerBroadcastEcho: true } });
    host.link.deliver(echo({ source: '0.0.0.0', destination: '255.255.255.255' }));
    expect(host.context.drops.count('icmp-no-return')).to.equal(1);
    expect(host.context.frames.inUse).to.equal(0);
  });

  it('a request that somebody else holds is not overwritten', () => {
    const host = makeHost();
    const kept: Frame[] = [];
    host.ip.addRaw(IpProtocol.Icmp, {
      receiveRaw: (frame) => {
        kept.push(frame.retain());
        return true;
      },
      errorRaw: () => undefined,
    });
    host.link.deliver(echo({}, Uint8Array.of(9)));
    expect(host.link.sent).to.have.length(1);
    expect(kept[0]!.bytes[kept[0]!.transport]).to.equal(8);
    kept[0]!.release();
    expect(host.context.frames.inUse).to.equal(0);
  });

  it('Echo Replies go to raw listeners: 1122-3.2.2.6-g', () => {
    const host = makeHost();
    const seen: IpPacket[] = [];
    host.ip.addRaw(IpProtocol.Icmp, {
      receiveRaw: (_frame, packet) => {
        seen.push({ ...packet });
        return true;
      },
      errorRaw: () => undefined,
    });
    host.link.deliver(datagram({ protocol: IpProtocol.Icmp, payload: message(0, 0, 7) }));
    expect(seen.map(({ source }) => source)).to.deep.equal([addr('10.0.0.9')]);
    expect(host.link.sent).to.deep.equal([]);
  });

  it('the updated checksum stands for the same as one computed anew (RFC 1624)', () => {
    const pool = new FramePool();
    const data = fc.oneof(fc.uint8Array({ maxLength: 64 }), fc.constant(new Uint8Array(8)));
    fc.assert(
      fc.property(fc.nat(255), fc.oneof(fc.nat(0xffff), fc.constant(0)), data, (code, rest, body) => {
        const frame = pool.from(REQUEST(rest, body, code));
        toReply(frame);
        expect(sumIsValid(sumBytes(frame.bytes, frame.start, frame.length))).to.be.true;
        const updated = icmpChecksum(frame.bytes, frame.start);
        frame.bytes.fill(0, frame.start + 2, frame.start + 4);
        // 0 and 0xffff are the two zeros of one's complement.
        const computed = finishChecksum(sumBytes(frame.bytes, frame.start, frame.length));
        expect(updated % 0xffff).to.equal(computed % 0xffff);
        frame.release();
      }),
    );
  });

  it('a reply of zeros only has a checksum of all ones (RFC 1624 §5)', () => {
    const pool = new FramePool();
    const frame = pool.from(REQUEST(0, new Uint8Array(4)));
    toReply(frame);
    expect(Array.from(frame.view())).to.deep.equal([0, 0, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0]);
    frame.release();
  });
});
