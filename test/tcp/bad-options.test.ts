/**
 * TCP options malformed in every way, and options that contradict each other or what was agreed: each has a name or the RFC's answer, and
 * the segment around it counts as if it were not there. RFC 9293 §3.1, §3.7.1; RFC 7323 §2, §3; RFC 2018; RFC 5482 §3.4.
 */
import { expect } from 'chai';
import { fromHex } from '../../src/core/bytes.ts';
import type { DropReason } from '../../src/core/drop.ts';
import { setU16, setU32 } from '../../src/core/bytes.ts';
import { SECOND } from '../../src/core/time.ts';
import { noOptions, parseOptions } from '../../src/tcp/options.ts';
import { LOCAL_PORT, PEER_ISS, PEER_PORT, Scene } from '../support/tcp-scene.ts';
import type { TcpConfig } from '../../src/core/config.ts';

const SYN = 2;
const ACK = 16;

/** A segment of the peer with options as they stand, padded with End of List; `seq` and `ack` as the figures show them. */
function raw(s: Scene, ctl: number, seq: number, ack: number, hex: string, data = 0): Uint8Array {
  const options = fromHex(hex);
  const header = 20 + Math.ceil(options.length / 4) * 4;
  const bytes = new Uint8Array(header + data);
  setU16(bytes, 0, PEER_PORT);
  setU16(bytes, 2, LOCAL_PORT);
  setU32(bytes, 4, (seq - 300 + PEER_ISS) >>> 0);
  setU32(bytes, 8, ack === 0 ? 0 : (ack - 100 + s.iss) >>> 0);
  bytes[12] = (header / 4) << 4;
  bytes[13] = ctl;
  setU16(bytes, 14, 65535);
  bytes.set(options, 20);
  return bytes;
}

const drops = (s: Scene): Partial<Record<DropReason, number>> => s.context.drops.snapshot();

/** A connection that the peer's SYN,ACK with these options has made. */
function connected(hex: string, tcp: Partial<TcpConfig> = {}): Scene {
  const s = new Scene({ sack: true, timestamps: true, windowScaling: true, ...tcp }).connect();
  s.deliverRaw(raw(s, SYN | ACK, 300, 101, hex));
  expect(s.conn.state).to.equal('ESTABLISHED');
  s.take();
  return s;
}

describe('malformed options: what is read of them', () => {
  const rows: readonly (readonly [name: string, hex: string, fault: DropReason | undefined, read: object])[] = [
    // MUST-7: the length cannot be; what came before counts, the rest is not looked at.
    ['MSS, length 0', '0200 05b4 030307', 'tcp-option-truncated', { mss: -1, windowScale: -1 }],
    ['MSS, length 1', '0201 05b4 030307', 'tcp-option-truncated', { mss: -1, windowScale: -1 }],
    ['an unknown one, length 1', '020405b4 fd01 030307', 'tcp-option-truncated', { mss: 1460, windowScale: -1 }],
    [
      'Timestamps beyond the header',
      '020405b4 080a 00000001',
      'tcp-option-truncated',
      { mss: 1460, timestamps: false },
    ],
    ['SACK beyond the header', '0512 00000001 00000002', 'tcp-option-truncated', { sackCount: 0 }],
    ['a kind without a length', '01010103', 'tcp-option-truncated', { windowScale: -1 }],
    // A length that is not the RFC's: as an unknown option.
    ['MSS, length 2', '0202 030307', 'tcp-option-length', { mss: -1, windowScale: 7 }],
    ['MSS, length 3', '020305 030307', 'tcp-option-length', { mss: -1, windowScale: 7 }],
    ['MSS, length 6', '020605b40000 030307', 'tcp-option-length', { mss: -1, windowScale: 7 }],
    ['Window Scale, length 2', '0302 020405b4', 'tcp-option-length', { windowScale: -1, mss: 1460 }],
    ['Window Scale, length 4', '03040707', 'tcp-option-length', { windowScale: -1 }],
    ['SACK permitted, length 3', '040300 030307', 'tcp-option-length', { sackPermitted: false, windowScale: 7 }],
    ['SACK, no block', '0502 0101', 'tcp-option-length', { sackCount: 0 }],
    ['SACK, half a block', '0506 00000001', 'tcp-option-length', { sackCount: 0 }],
    ['SACK, a block and a half', `050e ${'00000001'.repeat(3)}`, 'tcp-option-length', { sackCount: 0 }],
    ['SACK, an octet too many', '050b 00000001 00000002 00', 'tcp-option-length', { sackCount: 0 }],
    ['Timestamps, length 2', '0802', 'tcp-option-length', { timestamps: false }],
    ['Timestamps, length 9', `0809 ${'00'.repeat(7)}`, 'tcp-option-length', { timestamps: false }],
    ['Timestamps, length 12', `080c ${'00'.repeat(10)}`, 'tcp-option-length', { timestamps: false }],
    ['User Timeout, length 2', '1c02', 'tcp-option-length', { userTimeout: -1 }],
    ['User Timeout, length 5', '1c05 000100', 'tcp-option-length', { userTimeout: -1 }],
    ['Fast Open, odd length', '2209 00000000000000', 'tcp-option-length', { fastOpen: -1 }],
    ['Fast Open, 18 octets', `2214 ${'00'.repeat(18)}`, 'tcp-option-length', { fastOpen: -1 }],
    // Twice.
    ['MSS twice', '020405b4 02040218', 'tcp-option-twice', { mss: 536 }],
    ['Window Scale twice', '030307 030302', 'tcp-option-twice', { windowScale: 2 }],
    ['SACK permitted twice', '0402 0402', 'tcp-option-twice', { sackPermitted: true }],
    ['Timestamps twice', `080a ${'00000001'.repeat(2)} 080a ${'00000002'.repeat(2)}`, 'tcp-option-twice', { tsVal: 2 }],
    ['SACK twice', `050a ${'00000001'.repeat(2)} 0512 ${'00000002'.repeat(4)}`, 'tcp-option-twice', { sackCount: 2 }],
    // Values.
    ['MSS 0', '02040000', 'tcp-mss-zero', { mss: 0 }],
    ['Window Scale 15', '03030f', 'tcp-window-scale', { windowScale: 15 }],
    ['Window Scale 255', '0303ff', 'tcp-window-scale', { windowScale: 255 }],
    ['User Timeout of no seconds', '1c040000', 'tcp-user-timeout-zero', { userTimeout: -1 }],
    ['User Timeout of no minutes', '1c048000', 'tcp-user-timeout-zero', { userTimeout: -1 }],
    ['only the first fault is named', '0202 03030f', 'tcp-option-length', { windowScale: 15 }],
    ['nothing is wrong', '020405b4 0402 080a0000000100000000 01 030307', undefined, { mss: 1460 }],
  ];
  for (const [name, hex, fault, read] of rows) {
    it(`MUST-6, MUST-7: ${name}`, () => {
      const bytes = fromHex(hex);
      const options = noOptions();
      expect(parseOptions(bytes, 0, bytes.length, options)).to.equal(fault !== 'tcp-option-truncated');
      expect(options).to.include({ fault, ...read });
    });
  }
});

describe('malformed options: what a connection makes of them', () => {
  const handshakes: readonly (readonly [string, string, DropReason, object])[] = [
    ['MUST-15: MSS 0 in the SYN is the default', '02040000', 'tcp-mss-zero', { mss: 536 }],
    ['MUST-15: a broken MSS is none', '020305 01', 'tcp-option-length', { mss: 536 }],
    ['a shift beyond 14 is 14 (RFC 7323 §2.3)', '020405b4 0303ff 01', 'tcp-window-scale', { sndWindShift: 14 }],
    ['a broken shift is none', '020405b4 03020101', 'tcp-option-length', { sndWindShift: 0, rcvWindShift: 0 }],
    ['SACK blocks in a SYN', `020405b4 0402 050a ${'00000001'.repeat(2)}`, 'tcp-sack-not-permitted', { mss: 1460 }],
  ];
  for (const [name, hex, reason, info] of handshakes) {
    it(name, () => {
      const s = connected(hex);
      expect(drops(s)).to.deep.equal({ [reason]: 1 });
      expect(s.conn.info()).to.include(info);
    });
  }

  it('options of a SYN are ignored later: MSS, Window Scale, SACK permitted', () => {
    const s = connected('020405b4');
    s.deliverRaw(raw(s, ACK, 301, 101, '02040064 030305 0402', 5));
    expect(drops(s)).to.deep.equal({ 'tcp-option-not-syn': 1 });
    expect(s.conn.info()).to.include({ mss: 1460, sndWindShift: 0, bytesReceived: 5 });
    expect(s.conn.tcb.sackOk).to.equal(false);
  });

  it('RFC 7323 §3.2: timestamps that nobody agreed on are ignored', () => {
    const s = connected('020405b4');
    s.deliverRaw(raw(s, ACK, 301, 101, '080a 00000001 7fffffff', 5));
    expect(drops(s)).to.deep.equal({});
    expect(s.conn.info()).to.include({ timestamps: false, bytesReceived: 5 });
  });

  it('RFC 7323 §3.2: agreed on, and missing later, or broken, which is the same', () => {
    const s = connected('020405b4 080a 00000001 00000000');
    s.deliverRaw(raw(s, ACK, 301, 101, '', 5));
    s.deliverRaw(raw(s, ACK, 301, 101, '0809 00000001000000', 5));
    expect(drops(s)).to.deep.equal({ 'tcp-no-timestamp': 2, 'tcp-option-length': 1 });
    expect(s.conn.info().bytesReceived).to.equal(0);
  });

  it('RFC 7323 §4.1: an echo from the future, or of long ago, is no round trip', () => {
    const s = connected('020405b4 080a 00000001 00000000', { rtoInitial: 1 * SECOND });
    s.write(10);
    const { srtt } = s.poll().conn.info();
    const [sent] = s.take();
    for (const ahead of [1000, 2 ** 31 - 1, -(2 ** 30)]) {
      const ecr = ((sent!.timestamps![0] + ahead) >>> 0).toString(16).padStart(8, '0');
      s.deliverRaw(raw(s, ACK, 301, 101, `080a 00000001 ${ecr}`));
    }
    expect(s.conn.info().srtt).to.equal(srtt);
  });

  const blocks: readonly (readonly [string, number, number, DropReason | undefined])[] = [
    ['inverted', 301, 201, 'tcp-sack-inverted'],
    ['empty', 201, 201, 'tcp-sack-inverted'],
    ['half the circle long', 101, 101 + 2 ** 31, 'tcp-sack-not-sent'],
    ['beyond SND.NXT by one', 201, 3102, 'tcp-sack-not-sent'],
    ['far beyond SND.NXT', 100_000, 200_000, 'tcp-sack-not-sent'],
    ['good', 1561, 3021, undefined],
    ['below SND.UNA: a duplicate, or late', 51, 101, undefined],
  ];
  for (const [name, left, right, reason] of blocks) {
    it(`2018-5.1-a: a SACK block that is ${name}`, () => {
      const s = connected('020405b4 0402 0101');
      s.write(3000);
      s.poll().take();
      const edge = (shown: number): string => ((shown - 100 + s.iss) >>> 0).toString(16).padStart(8, '0');
      s.deliverRaw(raw(s, ACK, 301, 101, `0101 050a ${edge(left)} ${edge(right)}`));
      expect(drops(s)).to.deep.equal(reason === undefined ? {} : { [reason]: 1 });
      expect(s.conn.info().bytesSacked).to.equal(name === 'good' ? 1460 : 0);
    });
  }

  it('SACK blocks that nobody agreed on are ignored', () => {
    const s = connected('020405b4');
    s.write(3000);
    s.poll().take();
    s.deliver('<SEQ=301><ACK=101><CTL=ACK><SACK=1561-3021>');
    expect(drops(s)).to.deep.equal({ 'tcp-sack-not-permitted': 1 });
    expect(s.conn.info().bytesSacked).to.equal(0);
  });

  it('a bad checksum is named, not the options that it may have spoilt', () => {
    const s = connected('020405b4');
    const bytes = raw(s, ACK, 301, 101, '0200', 5);
    const frame = s.context.frames.from(bytes);
    frame.transport = frame.start;
    const packet = { source: s.conn.remoteAddress, destination: s.conn.localAddress, protocol: 6, ttl: 64, tos: 0 };
    s.tcp.receive(frame, { ...packet, interfaceId: 1, broadcast: false }, s.now);
    frame.release();
    expect(drops(s)).to.deep.equal({ 'tcp-bad-checksum': 1 });
  });

  it('every length octet of every kind: nothing throws, text is taken', () => {
    const s = connected('020405b4 0402 0101');
    let taken = 0;
    for (let kind = 2; kind < 40; kind++) {
      for (const length of [0, 1, 2, 3, 4, 5, 8, 9, 10, 11, 18, 34, 38, 255]) {
        const octets = [kind, length, ...new Array<number>(34).fill(0x5a)];
        const hex = octets.map((octet) => octet.toString(16).padStart(2, '0')).join('');
        s.deliverRaw(raw(s, ACK, 301 + taken, 101, hex, 1));
        taken++;
        expect(s.conn.info().bytesReceived, `kind ${kind}, length ${length}`).to.equal(taken);
      }
    }
    expect(s.conn.state).to.equal('ESTABLISHED');
  });
});
