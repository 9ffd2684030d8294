/**
 * Any state, any segments: the invariants hold, nothing throws, nothing grows beyond its bound, no frame leaks.
 */
import { expect } from 'chai';
import fc from 'fast-check';
import type { TcpConfig } from '../../src/core/config.ts';
import { SECOND } from '../../src/core/time.ts';
import type { Connection } from '../../src/tcp/connection.ts';
import { MAX_OUT_OF_ORDER_RANGES } from '../../src/tcp/receiver.ts';
import { SackRecovery } from '../../src/tcp/recovery/sack.ts';
import { seqDiff, seqGe, seqLe } from '../../src/tcp/seq.ts';
import type { TcpState } from '../../src/tcp/service.ts';
import { isDeep, runs, timeFor } from '../support/runs.ts';
import { LOCAL_PORT, PEER_PORT, inState } from '../support/tcp-scene.ts';
import type { Scene } from '../support/tcp-scene.ts';

const STATES: TcpState[] = [
  'CLOSED',
  'LISTEN',
  'SYN-SENT',
  'SYN-RECEIVED',
  'ESTABLISHED',
  'FIN-WAIT-1',
  'FIN-WAIT-2',
  'CLOSE-WAIT',
  'CLOSING',
  'LAST-ACK',
  'TIME-WAIT',
];

/** What this end offers in its SYN. */
const OPTIONS: readonly (readonly [Partial<TcpConfig>, string])[] = [
  [{ sack: false }, ''],
  [{ timestamps: true }, ', timestamps offered'],
  [{ sack: true, ecn: 'active', pacing: 'always', congestion: 'cubic' }, ', SACK agreed, ECN offered, paced'],
];

function checkInvariants(conn: Connection): void {
  const { tcb, sender, receiver } = conn;
  expect(seqLe(tcb.sndUna, tcb.sndNxt), 'SND.UNA =< SND.NXT').to.equal(true);
  expect(seqGe(sender.rtxNxt, tcb.sndUna) && seqLe(sender.rtxNxt, tcb.sndNxt), 'place to send from').to.equal(true);
  expect(tcb.rcvWnd).to.be.within(0, 2 ** 30);
  expect(receiver.heldRanges.length).to.be.at.most(MAX_OUT_OF_ORDER_RANGES);
  expect(receiver.ring.length).to.be.at.most(receiver.ring.limit + 1);
  if (conn.state !== 'CLOSED' && sender.synAcked) {
    expect(seqDiff(sender.ringSeq, tcb.sndUna)).to.be.within(-1, 0);
  }
  for (const [start] of receiver.heldRanges) expect(start).to.be.above(receiver.bytesReceived - 1);
  expect(sender.control.cwnd).to.be.at.least(0);
  if (sender.recovery instanceof SackRecovery) expect(sender.recovery.pipe).to.be.within(0, sender.flightSize);
}

/** Numbers near what the connection expects, and far from it. */
const near = fc.oneof(
  fc.integer({ min: -3, max: 3 }),
  fc.integer({ min: -70000, max: 70000 }),
  fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
);
const letters = ['SYN', 'FIN', 'RST', 'PSH', 'ACK', 'URG', 'ECE', 'CWR'];
const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('segment' as const),
      seq: near,
      ack: near,
      ctl: fc.subarray(letters),
      withAck: fc.boolean(),
      data: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 3000 })),
      wnd: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 65535 })),
      up: fc.integer({ min: 0, max: 65535 }),
      ts: fc.option(fc.integer({ min: 0, max: 0xffff_ffff })),
      /** SACK blocks: their edges, from SND.UNA. Inverted and far ones among them. */
      sack: fc.oneof(fc.constant<[number, number][]>([]), fc.array(fc.tuple(near, near), { maxLength: 3 })),
      poll: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('octets' as const), octets: fc.uint8Array({ maxLength: 80 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('time' as const), span: fc.integer({ min: 0, max: 5 * SECOND }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('call' as const),
      call: fc.constantFrom('send', 'urgent', 'read', 'shut', 'shutRead', 'close', 'abort'),
      length: fc.integer({ min: 0, max: 5000 }),
    }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

function play(s: Scene, action: Step): void {
  const conn = s.hasConnection ? s.conn : undefined;
  switch (action.kind) {
    case 'segment': {
      const nxt = conn === undefined ? 300 : ((conn.tcb.rcvNxt - conn.tcb.irs) | 0) + 300;
      const una = conn === undefined ? 100 : ((conn.tcb.sndUna - conn.tcb.iss) | 0) + 100;
      const ctl = action.withAck ? [...new Set([...action.ctl, 'ACK'])] : action.ctl;
      const ts = action.ts === null ? '' : `<TS=${action.ts},0>`;
      const text = `<SEQ=${nxt + action.seq}><ACK=${una + action.ack}><CTL=${ctl.join(',')}><DATA=${action.data}>`;
      const edge = (offset: number): number => (una + offset) >>> 0;
      const blocks = action.sack.map(([left, right]) => `${edge(left)}-${edge(right)}`);
      const sack = blocks.length === 0 ? '' : `<SACK=${blocks.join(',')}>`;
      s.arrive(`${text}<WND=${action.wnd}><UP=${action.up}>${ts}${sack}`);
      if (action.poll) s.poll();
      break;
    }
    case 'octets': {
      const octets = action.octets;
      if (octets.length >= 4) octets.set([PEER_PORT >> 8, PEER_PORT & 255, LOCAL_PORT >> 8, LOCAL_PORT & 255]);
      s.deliverRaw(octets);
      break;
    }
    case 'time':
      s.advance(action.span);
      break;
    case 'call':
      if (conn !== undefined) call(conn, action.call, action.length);
      break;
  }
  if (conn !== undefined) checkInvariants(conn);
}

function call(conn: Connection, name: string, length: number): void {
  const bytes = new Uint8Array(length);
  if (name === 'send') conn.send(bytes, 0, length);
  else if (name === 'urgent') conn.sendUrgent(bytes, 0, length);
  else if (name === 'read') conn.receive(bytes, 0, length);
  else if (name === 'shut') conn.shutdownSend();
  else if (name === 'shutRead') conn.shutdownReceive();
  else if (name === 'close') conn.close();
  else conn.abort();
  conn.readiness();
  conn.info();
}

describe('hostile input', () => {
  for (const state of STATES) {
    for (const [options, title] of OPTIONS) {
      it(`${state}${title}: any segments, calls and pauses keep the invariants`, () => {
        fc.assert(
          fc.property(fc.array(step, { minLength: 1, maxLength: 25 }), (steps) => {
            const s = state === 'LISTEN' ? inState('LISTEN').listen() : inState(state, options);
            for (const action of steps) play(s, action);
            s.poll();
            expect(s.context.frames.inUse).to.equal(0);
            expect([...s.tcp.connections()].length).to.be.at.most(2);
            for (const found of s.tcp.connections()) expect(found.state).to.not.equal('CLOSED');
          }),
          { ...(isDeep ? {} : { seed: 9293 }), ...runs(60) },
        );
      }).timeout(timeFor(60, 100));
    }
  }

  it('one octet far beyond a gap does not make the ring allocate the whole buffer', () => {
    const s = inState('ESTABLISHED', { windowScaling: true, receiveBuffer: 16 * 1024 * 1024 });
    s.deliver('<SEQ=65000><ACK=101><CTL=ACK><DATA=1>');
    expect(s.conn.receiver.ring.allocated).to.be.at.most(131072);
  });

  it('single octets beyond gaps are held up to a bound', () => {
    const s = inState('ESTABLISHED');
    for (let i = 0; i < 3 * MAX_OUT_OF_ORDER_RANGES; i++) s.arrive(`<SEQ=${303 + 2 * i}><ACK=101><CTL=ACK><DATA=1>`);
    s.poll();
    expect(s.conn.receiver.heldRanges.length).to.equal(MAX_OUT_OF_ORDER_RANGES);
    expect(s.context.drops.count('tcp-out-of-order-full')).to.equal(2 * MAX_OUT_OF_ORDER_RANGES);
  });

  it('two ends that disagree do not answer each other for ever', () => {
    const s = inState('ESTABLISHED');
    for (let i = 0; i < 1000; i++) s.deliver('<SEQ=200><ACK=101><CTL=ACK>');
    expect(s.take().length).to.equal(1);
    s.advance(SECOND).deliver('<SEQ=200><ACK=101><CTL=ACK>');
    expect(s.take().length).to.equal(1);
  });

  it('5961-7-a: challenge ACKs are throttled', () => {
    const s = inState('ESTABLISHED', { challengeAcksPerSecond: 20 });
    for (let i = 0; i < 200; i++) s.deliver('<SEQ=302><CTL=RST>');
    expect(s.take().length).to.be.within(10, 20);
  });
});
