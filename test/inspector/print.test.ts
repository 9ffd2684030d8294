import { expect } from 'chai';
import { fromHex } from '../../src/core/bytes.ts';
import { FramePool } from '../../src/core/frame.ts';
import { micros } from '../../src/core/time.ts';
import { captureFrame, captured } from '../../src/inspector/captured.ts';
import type { Captured } from '../../src/inspector/captured.ts';
import { Conversations } from '../../src/inspector/conversations.ts';
import { Printer, describeFrame, sizeText } from '../../src/inspector/print.ts';
import { partialFrame } from '../link/packets.ts';
import { arpFrame, completePacket, etherFrame, icmpFrame, ipFrame } from './frames.ts';

const line = (bytes: Uint8Array, facts: Partial<Captured> = {}): string =>
  new Printer().packet(captured(micros(12_345_678), bytes, facts)).slice(11);

const octets = (count: number): Uint8Array => new Uint8Array(count).fill(65);
const WSCALE = fromHex('020405b4 01 030307');
const quoted = completePacket({ protocol: 17, text: octets(4) }).subarray(14);

describe('inspector/print', () => {
  const rows: readonly (readonly [name: string, bytes: Uint8Array, text: string])[] = [
    [
      'SYN',
      completePacket({ flags: 2, options: WSCALE, ack: 0, window: 64240 }),
      '10.0.0.1:40000 > 10.0.0.2:80 TCP SYN seq 0 win 64240 mss 1460 wscale 7',
    ],
    [
      'data before any SYN',
      completePacket({ flags: 0x18, text: octets(5) }),
      '10.0.0.1:40000 > 10.0.0.2:80 TCP PSH,ACK seq 1 ack 1 win 512 5 octets',
    ],
    [
      'RST for nothing known',
      completePacket({ flags: 4, seq: 99, ack: 0 }),
      '10.0.0.1:40000 > 10.0.0.2:80 TCP RST seq 99 win 512',
    ],
    [
      'urgent',
      completePacket({ flags: 0x30, urgent: 3, text: octets(3) }),
      '10.0.0.1:40000 > 10.0.0.2:80 TCP ACK,URG seq 1 ack 1 win 512 urgent 3 3 octets',
    ],
    [
      'timestamps',
      completePacket({ options: fromHex('0101080a 00000005 00000006') }),
      '10.0.0.1:40000 > 10.0.0.2:80 TCP ACK seq 1 ack 1 win 512 ts 5/6',
    ],
    [
      'SACK',
      completePacket({ options: fromHex('0101050a 0000000a 00000014') }),
      '10.0.0.1:40000 > 10.0.0.2:80 TCP ACK seq 1 ack 1 win 512 sack 4-14',
    ],
    [
      'an unknown option',
      completePacket({ options: fromHex('fd04f989') }),
      '10.0.0.1:40000 > 10.0.0.2:80 TCP ACK seq 1 ack 1 win 512 option kind 253: f9 89',
    ],
    ['UDP', completePacket({ protocol: 17, text: octets(40) }), '10.0.0.1:40000 > 10.0.0.2:80 UDP 40 octets'],
    ['echo', icmpFrame(8, 0, '00030001', octets(56)), '10.0.0.1 > 10.0.0.2 ICMP echo request id 3 seq 1 56 octets'],
    ['echo reply', icmpFrame(0, 0, '00030001'), '10.0.0.1 > 10.0.0.2 ICMP echo reply id 3 seq 1 0 octets'],
    [
      'port unreachable',
      icmpFrame(3, 3, '00000000', quoted),
      '10.0.0.1 > 10.0.0.2 ICMP port unreachable about 10.0.0.1:40000 > 10.0.0.2:80 UDP',
    ],
    ['fragmentation needed', icmpFrame(3, 4, '00000578'), '10.0.0.1 > 10.0.0.2 ICMP fragmentation needed mtu 1400'],
    ['redirect', icmpFrame(5, 1, '0a0000fe'), '10.0.0.1 > 10.0.0.2 ICMP redirect for host to 10.0.0.254'],
    ['parameter problem', icmpFrame(12, 0, '14000000'), '10.0.0.1 > 10.0.0.2 ICMP parameter problem at octet 20'],
    ['an IGMP query', ipFrame(2, fromHex('1100 eeff 00000000')), '10.0.0.1 > 10.0.0.2 IGMP membership query'],
    [
      'an IGMP report',
      ipFrame(2, fromHex('1200 fcfa ef010203')),
      '10.0.0.1 > 10.0.0.2 IGMP membership report 239.1.2.3',
    ],
    [
      'an IGMP leave with a bad checksum',
      ipFrame(2, fromHex('1700 0000 ef010203')),
      '10.0.0.1 > 10.0.0.2 IGMP leave group 239.1.2.3 (bad checksum)',
    ],
    ['an unknown ICMP type', icmpFrame(99, 2, '00000000'), '10.0.0.1 > 10.0.0.2 ICMP type 99 code 2'],
    ['another protocol', ipFrame(89, octets(8)), '10.0.0.1 > 10.0.0.2 protocol 89 8 octets'],
    [
      'a fragment',
      ipFrame(17, octets(16), 0x2001),
      '10.0.0.1 > 10.0.0.2 UDP 16 octets, fragment 0x0007 (more fragments, offset 8)',
    ],
    ['ARP request', arpFrame(1, '0a000001', '0a000002'), 'ARP who has 10.0.0.2? tell 10.0.0.1'],
    ['ARP reply', arpFrame(2, '0a000001', '0a000002'), 'ARP 10.0.0.1 is at 02:00:00:00:00:01'],
    ['ARP probe', arpFrame(1, '00000000', '0a000002'), 'ARP probe: does anyone have 10.0.0.2?'],
    ['ARP announcement', arpFrame(1, '0a000001', '0a000001'), 'ARP announcement: 10.0.0.1 is at 02:00:00:00:00:01'],
    ['an unknown type', etherFrame('88b5 0102'), '02:00:00:00:00:01 > 02:00:00:00:00:02 type 0x88b5 2 octets'],
    ['a runt', fromHex('0200'), 'frame of 2 octets (truncated: 2 of 14 octets)'],
    ['half a TCP header', ipFrame(6, octets(10)), '10.0.0.1:16705 > 10.0.0.2:16705 TCP (truncated: 10 of 20 octets)'],
  ];
  for (const [name, bytes, text] of rows) {
    it(name, () => expect(line(bytes)).to.equal(text));
  }

  it('time, direction, reason', () => {
    const printer = new Printer({ origin: micros(1_000_000) });
    const frame = captured(micros(13_345_678), arpFrame(1, '0a000001', '0a000002'), {
      direction: 'in',
      reason: 'retry',
    });
    expect(printer.packet(frame)).to.equal(' 12.345678 in  ARP who has 10.0.0.2? tell 10.0.0.1 [retry]');
  });

  it('a drop, with its sentence, and what is wrong', () => {
    const broken = completePacket({});
    broken[50] = broken[50]! ^ 1;
    expect(line(broken, { dropped: 'link-down' })).to.equal(
      '10.0.0.1:40000 > 10.0.0.2:80 TCP ACK seq 1000 ack 7 win 512 (bad checksum) ' +
        'DROPPED link-down: the link refused the frame because it is down or closed',
    );
  });

  it('a super-segment with a partial checksum', () => {
    const frame = partialFrame(new FramePool(), { text: octets(44 * 1448) }, 1448);
    expect(new Printer().words(captureFrame(frame, micros(0), 'out'))).to.match(/win 512 63712 octets \(44 x 1448\)$/);
    expect(sizeText(1448 * 2 + 100, 1448)).to.equal('2996 octets (2 x 1448 + 100)');
    expect(sizeText(1448, 1448)).to.equal('1448 octets');
  });

  it('a connection: numbers from 0 on both sides, windows in octets once both SYNs offered scaling', () => {
    const printer = new Printer();
    const say = (spec: Parameters<typeof completePacket>[0]): string =>
      printer.words(captured(micros(0), completePacket(spec)));
    expect(say({ flags: 2, seq: 0xffffffff, ack: 0, options: WSCALE, window: 65535 })).to.contain(
      'SYN seq 0 win 65535',
    );
    expect(say({ back: true, flags: 0x12, seq: 500, ack: 0, options: WSCALE })).to.contain(
      'SYN,ACK seq 0 ack 1 win 512',
    );
    expect(say({ seq: 0, ack: 501 })).to.contain('ACK seq 1 ack 1 win 65536');
    expect(say({ back: true, seq: 501, ack: 100, flags: 0x11 })).to.contain('FIN,ACK seq 1 ack 101 win 65536');
    // The same ports again, after the first connection.
    expect(say({ flags: 2, seq: 70000, ack: 0, options: WSCALE })).to.contain('SYN seq 0');
    expect(say({ back: true, flags: 0x12, seq: 9000, ack: 70001 })).to.contain('SYN,ACK seq 0 ack 1');
    expect(say({ seq: 70001, ack: 9001 })).to.contain('ACK seq 1 ack 1 win 512');
  });

  it('numbers before the first that was seen are negative', () => {
    const printer = new Printer();
    printer.words(captured(micros(0), completePacket({ seq: 1000 })));
    expect(printer.words(captured(micros(0), completePacket({ seq: 990 })))).to.contain('ACK seq -9 ack 1');
  });

  it('learns nothing from a damaged segment', () => {
    const printer = new Printer();
    const damaged = completePacket({ flags: 2, seq: 5 });
    damaged[41] = 77;
    expect(printer.words(captured(micros(0), damaged))).to.contain('(bad checksum)');
    printer.words(captured(micros(0), completePacket({ flags: 2, seq: 5, ack: 0 })));
    expect(printer.words(captured(micros(0), completePacket({ seq: 6 })))).to.contain('ACK seq 1 ack 1');
  });

  it('remembers a bounded number of connections', () => {
    const table = new Conversations(10);
    const segment = { seq: 5, ack: undefined, window: 1, syn: true, rst: false, windowScale: undefined };
    for (let i = 0; i < 50; i++) table.show({ ...segment, from: `a${i}`, to: 'b' });
    expect(table.size).to.equal(10);
  });

  it('describeFrame shows numbers as they stand', () => {
    expect(describeFrame(completePacket({ seq: 1000, ack: 7 }))).to.contain('ACK seq 1000 ack 7 win 512');
  });

  it('colours only when asked', () => {
    const frame = captured(micros(0), arpFrame(1, '0a000001', '0a000002'), { reason: 'x' });
    expect(new Printer().packet(frame)).to.not.contain('\u001b');
    expect(new Printer({ colour: true }).words(frame)).to.equal(
      '\u001b[33mARP who has 10.0.0.2? tell 10.0.0.1\u001b[0m \u001b[2m[x]\u001b[0m',
    );
  });

  it('a trace event', () => {
    const event = {
      time: micros(200_000),
      layer: 'tcp',
      name: 'retransmission-timeout',
      facts: { rto: 400000, state: 'ESTABLISHED' },
    };
    expect(new Printer().event(event)).to.equal('  0.200000 tcp retransmission-timeout rto 400000 state ESTABLISHED');
  });
});
