/**
 * Why segments go out: each reason that there is occurs, in the situation that it names.
 */
import { expect } from 'chai';
import { SMALLEST_BUFFER } from '../../src/core/buffers.ts';
import type { TcpConfig } from '../../src/core/config.ts';
import { MINUTE, MS, SECOND } from '../../src/core/time.ts';
import { SEND_REASONS } from '../../src/tcp/send-reason.ts';
import type { SendReason } from '../../src/tcp/send-reason.ts';
import type { Flying } from '../support/flying.ts';
import { MSS, PTO, RTT, flying } from '../support/flying.ts';
import { Scene, inState } from '../support/tcp-scene.ts';

const text = (seq: number, length = 10, more = ''): string => `<SEQ=${seq}><ACK=101><CTL=ACK><DATA=${length}>${more}`;
const ack = (number: number, more = ''): string => `<SEQ=301><ACK=${number}><CTL=ACK>${more}`;

/** ESTABLISHED, and `segments` of text written. */
function writing(segments: number, tcp: Partial<TcpConfig> = {}): Scene {
  const s = inState('ESTABLISHED', tcp);
  s.write(segments * MSS);
  return s.poll();
}

/** The peer has closed its window over 3,000 octets that are out. */
function closed(sack: boolean): Scene {
  const s = inState('ESTABLISHED', { sack });
  s.write(3000);
  return s
    .poll()
    .deliver(ack(101, '<WND=0>'))
    .advance(3 * SECOND);
}

/** Ten segments out, the time-out of the first, and text left. */
function timedOut(): Flying {
  const s = flying(10).advance(RTT).ack(2);
  s.write(20 * MSS);
  s.poll();
  while (s.conn.info().timeouts === 0) s.advance(10 * MS);
  return s;
}

/** A probe of the path's MTU, and what follows it. */
function mtuProbe(): Scene {
  const s = new Scene({ sack: true, mtuProbing: 'always' }).connect().advance(10 * MS);
  s.deliver('<SEQ=300><ACK=101><CTL=SYN,ACK><MSS=1460><SACKOK=1>');
  s.write(100_000);
  return s.poll();
}

/** The path gets narrower while text is out. */
function narrower(sack: boolean): Scene {
  const s = inState('ESTABLISHED', { sack });
  s.write(3000);
  s.poll().ip.paths[0]!.mtu = 576;
  s.conn.refreshSegmentSize();
  expect(s.conn.sender.onPathMtu()).to.equal(true);
  s.tcp.mark(s.conn);
  return s.poll();
}

function filledAndRead(): Scene {
  const s = inState('ESTABLISHED', { receiveBuffer: 8000 });
  s.deliver(text(301, 4000), text(4301, 4000)).advance(SECOND);
  s.read();
  return s.poll();
}

function withoutMemory(): Scene {
  const s = inState('ESTABLISHED');
  const { buffers } = s.context;
  while (!buffers.exhausted) buffers.take(SMALLEST_BUFFER);
  // The smallest buffer is there for everybody.
  for (let octets = 0; octets < 2 * SMALLEST_BUFFER; octets += MSS) s.deliver(text(301 + octets, MSS));
  return s;
}

function aborted(): Scene {
  const s = inState('ESTABLISHED');
  s.conn.abort();
  return s.poll();
}

/** How each comes about. */
const SCENES: Readonly<Record<SendReason, () => Scene>> = {
  connect: () => new Scene().connect(),
  'SYN received': () => new Scene().listen().deliver('<SEQ=300><CTL=SYN>'),
  'SYN received again': () => new Scene().listen().deliver('<SEQ=300><CTL=SYN>').deliver('<SEQ=300><CTL=SYN>'),
  'SYN received: cookie': () => new Scene({ synCookies: 'always' }).listen().deliver('<SEQ=300><CTL=SYN>'),
  handshake: () => inState('SYN-SENT').deliver('<SEQ=300><ACK=101><CTL=SYN,ACK>'),
  'ACK of text with the SYN': () => new Scene().listen().deliver('<SEQ=300><CTL=SYN><DATA=5>').deliver(ack(101)),
  'new data': () => writing(1),
  close: () => inState('ESTABLISHED').close(),
  'path MTU probe': () => mtuProbe(),
  'limited transmit': () => writing(20).deliver(ack(101)),
  'fast retransmit: RACK': () =>
    flying(6)
      .advance(RTT)
      .ack(1, [[2, 5]]),
  'tail loss probe': () => flying(3).advance(PTO),
  'F-RTO: new data': () => timedOut().ack(3),
  'fast retransmit': () => writing(10).deliver(ack(101), ack(101), ack(101)),
  'retransmission timeout': () => writing(1).advance(2 * SECOND),
  'retransmission after a time-out': () =>
    flying(5)
      .advance(2 * SECOND)
      .ack(2),
  'path MTU probe lost': () =>
    mtuProbe()
      .deliver(ack(101, '<SACK=1561-4633>'))
      .advance(10 * MS),
  'smaller path MTU': () => narrower(true),
  'window opened again': () => closed(true).deliver(ack(101)),
  'zero-window probe': () => closed(true),
  'window update': filledAndRead,
  'keep-alive probe': () =>
    inState('ESTABLISHED', {}, { keepalive: true })
      .poll()
      .advance(121 * MINUTE),
  'quick ACK': () => inState('ESTABLISHED', { quickAcks: 5 }).deliver(text(301)),
  'ACK of two segments': () => inState('ESTABLISHED').deliver(text(301, MSS), text(301 + MSS, MSS)),
  'ACK of pushed text': () => {
    const s = inState('ESTABLISHED').deliver('<SEQ=301><ACK=101><CTL=PSH,ACK><DATA=10>');
    s.read();
    return s.poll();
  },
  'delayed ACK': () => inState('ESTABLISHED').deliver(text(301)).advance(SECOND),
  'duplicate ACK': () => inState('ESTABLISHED').deliver(text(311)),
  'gap filled': () => inState('ESTABLISHED').deliver(text(311)).deliver(text(301)),
  'D-SACK': () =>
    inState('ESTABLISHED', { sack: true }).deliver(text(301)).advance(SECOND).deliver(text(301), text(301)),
  'FIN received': () => inState('ESTABLISHED').deliver('<SEQ=301><ACK=101><CTL=FIN,ACK>'),
  'congestion notification': () =>
    new Scene({ ecn: 'active' })
      .connect()
      .deliver('<SEQ=300><ACK=101><CTL=SYN,ACK,ECE><MSS=1460>')
      .deliver(text(301, 10, '<ECN=3>')),
  'no memory': withoutMemory,
  'old octets': () => inState('ESTABLISHED').deliver(text(301, 10), text(301, 20)),
  'beyond the window': () => inState('ESTABLISHED', { receiveBuffer: 1000 }).deliver(text(301, 1010)),
  'not acceptable': () => inState('ESTABLISHED').deliver(text(200)),
  'old timestamp': () =>
    inState('SYN-SENT', { timestamps: true })
      .deliver('<SEQ=300><ACK=101><CTL=SYN,ACK><TS=9,0>')
      .deliver(text(301, 10, '<TS=8,0>')),
  'challenge ACK': () => inState('ESTABLISHED').deliver('<SEQ=302><CTL=RST>'),
  'reset: no connection': () => inState('CLOSED').deliver(ack(101)),
  'reset: abort': aborted,
};
const reasonsIn = (s: Scene): string[] =>
  s.story.filter((line) => line.startsWith('-->')).map((line) => line.split('    ')[1]!);

describe('why segments go out', () => {
  for (const [reason, scene] of Object.entries(SCENES)) {
    it(`${reason}: ${SEND_REASONS[reason as SendReason]}`, () => {
      const reasons = reasonsIn(scene());
      expect(reasons).to.include(reason);
    });
  }

  const withoutSack: readonly (readonly [SendReason, () => Scene])[] = [
    ['window opened again', () => closed(false).deliver(ack(101))],
    ['smaller path MTU', () => narrower(false)],
    [
      'retransmission after a time-out',
      () =>
        writing(10)
          .advance(1500 * MS)
          .deliver(ack(101 + MSS)),
    ],
  ];
  for (const [reason, scene] of withoutSack) {
    it(`${reason}, without SACK`, () => expect(reasonsIn(scene())).to.include(reason));
  }
});
