import { expect } from 'chai';
import { fromHex } from '../../src/core/bytes.ts';
import { micros } from '../../src/core/time.ts';
import { captured } from '../../src/inspector/captured.ts';
import { ladder } from '../../src/inspector/ladder.ts';
import { arpFrame, completePacket } from './frames.ts';

const MSS = fromHex('020405b4');

describe('inspector/ladder', () => {
  const story = [
    captured(micros(0), arpFrame(1, '0a000001', '0a000002')),
    captured(micros(10_000), completePacket({ flags: 2, seq: 10, ack: 0, options: MSS })),
    captured(micros(20_000), completePacket({ back: true, flags: 0x12, seq: 90, ack: 11, options: MSS }), {
      reason: 'accept',
    }),
    captured(micros(30_000), completePacket({ seq: 11, ack: 91 }), { dropped: 'link-queue-full' }),
    captured(micros(40_000), completePacket({ back: true, seq: 91, ack: 11, text: new Uint8Array(5) }), {
      dropped: 'link-down',
    }),
  ];

  it('draws who sends what to whom', () => {
    expect(ladder(story, { width: 50 })).to.equal(
      [
        '      time  10.0.0.1:40000                                      10.0.0.2:80',
        '  0.000000  |    ARP who has 10.0.0.2? tell 10.0.0.1           |',
        '  0.010000  |--- SYN seq 0 win 512 mss 1460 ------------------>|',
        '  0.020000  |<-- SYN,ACK seq 0 ack 1 win 512 mss 1460 ---------|  [accept]',
        '  0.030000  |--- ACK seq 1 ack 1 win 512 -------------------X  |  DROPPED link-queue-full',
        '  0.040000  |  X-- ACK seq 1 ack 1 win 512 5 octets -----------|  DROPPED link-down',
      ].join('\n'),
    );
  });

  it('puts the named host on the left', () => {
    const text = ladder(story.slice(1), { left: '10.0.0.2', width: 50 });
    expect(text.split('\n')[0]).to.match(/^ +time {2}10\.0\.0\.2 +10\.0\.0\.1:40000$/);
    expect(text).to.contain('|<-- SYN seq 0 win 512 mss 1460');
  });

  it('widens for long texts, and every line is as wide as the others', () => {
    const lines = ladder(story.slice(1, 3), { width: 10 }).split('\n').slice(1);
    const ends = lines.map((line) => line.lastIndexOf('|'));
    expect(new Set(ends).size).to.equal(1);
  });

  it('an empty capture is a header', () => {
    expect(ladder([])).to.equal('      time');
  });
});
