/**
 * Every state, every combination of the control bits, sequence numbers inside and outside of the window, acknowledgments good and
 * bad, with text and without: each segment is taken as RFC 9293 §3.10.7 says, or dropped by name, and nothing else happens.
 *
 * The oracle is the RFC's text with RFC 5961's changes, told once more in a form of its own: a list of rules, the first of which decides.
 */
import { expect } from 'chai';
import type { DropReason } from '../../src/core/drop.ts';
import type { TcpState } from '../../src/tcp/service.ts';
import { inState } from '../support/tcp-scene.ts';
import type { Scene } from '../support/tcp-scene.ts';

const BITS = ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG', 'ECE', 'CWR'] as const;
type Bit = (typeof BITS)[number];

/** SND.UNA, SND.NXT and RCV.NXT of each state, as `inState` leaves them, in the figures' numbers. */
const NUMBERS: Readonly<Record<TcpState, readonly [number, number, number]>> = {
  CLOSED: [100, 100, 300],
  LISTEN: [100, 100, 300],
  'SYN-SENT': [100, 101, 300],
  'SYN-RECEIVED': [100, 101, 301],
  ESTABLISHED: [101, 101, 301],
  'FIN-WAIT-1': [101, 102, 301],
  'FIN-WAIT-2': [102, 102, 301],
  'CLOSE-WAIT': [101, 101, 302],
  CLOSING: [101, 102, 302],
  'LAST-ACK': [101, 102, 302],
  'TIME-WAIT': [102, 102, 302],
};
const STATES = Object.keys(NUMBERS) as TcpState[];

interface Case {
  readonly state: TcpState;
  readonly bits: ReadonlySet<Bit>;
  readonly seq: 'expected' | 'inside' | 'below' | 'beyond';
  readonly ack: 'next' | 'una' | 'never sent' | 'long ago';
  readonly data: number;
}

/** What must come of a segment. */
interface Verdict {
  /** The reason for the drop, undefined when it is taken (at least in part). */
  readonly drop?: DropReason;
  /** What is sent; anything where not given. */
  readonly sent?: 'nothing' | 'reset' | 'ack' | 'syn-ack';
  /** The states that may follow; the same one where not given. */
  readonly then?: readonly TcpState[];
}

const has = (c: Case, bit: Bit): boolean => c.bits.has(bit);

function verdict(c: Case): Verdict {
  switch (c.state) {
    case 'CLOSED': // §3.10.7.1
      return { drop: 'tcp-no-connection', sent: has(c, 'RST') ? 'nothing' : 'reset' };
    case 'LISTEN':
      return inListen(c);
    case 'SYN-SENT':
      return inSynSent(c);
    default:
      return inOthers(c);
  }
}

/** §3.10.7.2. */
function inListen(c: Case): Verdict {
  if (has(c, 'RST')) return { drop: 'tcp-listen-reset', sent: 'nothing' };
  if (has(c, 'ACK')) return { drop: 'tcp-listen-ack', sent: 'reset' };
  if (has(c, 'SYN')) return { sent: 'syn-ack', then: ['SYN-RECEIVED'] };
  return { drop: 'tcp-no-ack', sent: 'nothing' };
}

/** §3.10.7.3. */
function inSynSent(c: Case): Verdict {
  const good = c.ack === 'next';
  if (has(c, 'ACK') && !good) return { drop: 'tcp-bad-ack', sent: has(c, 'RST') ? 'nothing' : 'reset' };
  if (has(c, 'RST')) {
    return has(c, 'ACK') ? { sent: 'nothing', then: ['CLOSED'] } : { drop: 'tcp-bad-reset', sent: 'nothing' };
  }
  if (!has(c, 'SYN')) return { drop: 'tcp-no-syn', sent: 'nothing' };
  if (!has(c, 'ACK')) return { sent: 'syn-ack', then: ['SYN-RECEIVED'] };
  return { sent: 'ack', then: [has(c, 'FIN') ? 'CLOSE-WAIT' : 'ESTABLISHED'] };
}

/** §3.10.7.4, with RFC 5961 §3.2, §4.2, §5.2. */
function inOthers(c: Case): Verdict {
  const early = c.state === 'SYN-RECEIVED';
  const length = c.data + (has(c, 'SYN') ? 1 : 0) + (has(c, 'FIN') ? 1 : 0);
  // First: below the window, unless it reaches into it; beyond it.
  const reaches = c.seq === 'below' && 20 < length;
  if (c.seq === 'beyond' || (c.seq === 'below' && !reaches)) {
    return { drop: 'tcp-not-acceptable', sent: has(c, 'RST') ? 'nothing' : 'ack' };
  }
  if (has(c, 'RST')) {
    if (c.seq !== 'expected') return { drop: 'tcp-bad-reset', sent: 'ack' }; // a challenge
    return { sent: 'nothing', then: ['CLOSED'] };
  }
  if (has(c, 'SYN')) {
    if (early) return { drop: 'tcp-unexpected-syn', sent: 'nothing', then: ['CLOSED'] };
    return { drop: 'tcp-unexpected-syn', sent: 'ack' };
  }
  if (!has(c, 'ACK')) return { drop: 'tcp-no-ack' };
  // The octets before the window draw an ACK besides.
  if (early && c.ack !== 'next') return reaches ? { drop: 'tcp-bad-ack' } : { drop: 'tcp-bad-ack', sent: 'reset' };
  if (c.ack === 'never sent' || c.ack === 'long ago') return { drop: 'tcp-bad-ack', sent: 'ack' };
  return { then: afterAck(c) };
}

/** Fifth to eighth, of an acceptable ACK. */
function afterAck(c: Case): readonly TcpState[] {
  const finAcked = c.ack === 'next';
  const fin = has(c, 'FIN') && c.seq !== 'inside'; // one beyond a gap waits
  switch (c.state) {
    case 'SYN-RECEIVED':
    case 'ESTABLISHED':
      return [fin ? 'CLOSE-WAIT' : 'ESTABLISHED'];
    case 'FIN-WAIT-1':
      if (fin) return [finAcked ? 'TIME-WAIT' : 'CLOSING'];
      return [finAcked ? 'FIN-WAIT-2' : 'FIN-WAIT-1'];
    case 'FIN-WAIT-2':
      return [fin ? 'TIME-WAIT' : 'FIN-WAIT-2'];
    case 'CLOSING':
      return [finAcked ? 'TIME-WAIT' : 'CLOSING'];
    case 'LAST-ACK':
      return [finAcked ? 'CLOSED' : 'LAST-ACK'];
    default:
      return [c.state];
  }
}

/** Segments of a state: all 64 combinations of the six old control bits with all numbers, all 256 with the numbers expected. */
function* cases(state: TcpState): Iterable<Case> {
  const synchronizing = state === 'CLOSED' || state === 'LISTEN' || state === 'SYN-SENT';
  const seqs = synchronizing ? (['expected'] as const) : (['expected', 'inside', 'below', 'beyond'] as const);
  for (let flags = 0; flags < 256; flags++) {
    const bits = new Set(BITS.filter((_, i) => (flags & (1 << i)) !== 0));
    if (flags >= 64) {
      yield { state, bits, seq: 'expected', ack: 'next', data: 5 };
      continue;
    }
    for (const seq of seqs) {
      for (const ack of bits.has('ACK') ? (['next', 'una', 'never sent', 'long ago'] as const) : (['next'] as const)) {
        for (const data of [0, 5, 40]) yield { state, bits, seq, ack, data };
      }
    }
  }
}

function textOf(c: Case): string {
  const [una, nxt, rcvNxt] = NUMBERS[c.state];
  const seq = rcvNxt + { expected: 0, inside: 7, below: -20, beyond: 70_000 }[c.seq];
  const ack = { next: nxt, una, 'never sent': nxt + 1, 'long ago': una - 200_000 }[c.ack];
  const parts = [`<SEQ=${seq}>`, c.bits.has('ACK') ? `<ACK=${ack}>` : '', `<CTL=${[...c.bits].join(',')}>`];
  return `${parts.join('')}${c.data > 0 ? `<DATA=${c.data}>` : ''}<UP=3>`;
}

const start = (state: TcpState): Scene => (state === 'LISTEN' ? inState('LISTEN').listen() : inState(state));

/** Drops that tell about a part of a segment, or an answer to it. */
const PARTIAL: readonly string[] = ['tcp-text-after-fin', 'tcp-answer-throttled'];

function check(c: Case): void {
  const s = start(c.state);
  const earlier = s.context.drops.snapshot();
  const text = textOf(c);
  s.deliver(text);
  const told = `${c.state}: ${text}`;
  const { drop, sent, then } = verdict(c);
  const drops = Object.entries(s.context.drops.snapshot())
    .filter(([name, count]) => count > (earlier[name as DropReason] ?? 0) && !PARTIAL.includes(name))
    .map(([name]) => name);
  expect(drops, told).to.deep.equal(drop === undefined ? [] : [drop]);
  const out = s.take();
  if (sent !== undefined)
    expect([...new Set(out.map(({ flags }) => kindOf(flags)))], told).to.deep.equal(sent === 'nothing' ? [] : [sent]);
  expect(out.length, told).to.be.at.most(3);
  const state = s.hasConnection ? s.conn.state : c.state;
  expect(then ?? [c.state], told).to.include(state);
  expect(s.context.frames.inUse, told).to.equal(0);
}

function kindOf(flags: number): string {
  if ((flags & 4) !== 0) return 'reset';
  if ((flags & 2) !== 0) return (flags & 16) !== 0 ? 'syn-ack' : 'syn';
  return 'ack';
}

describe('every segment in every state', () => {
  for (const state of STATES) {
    it(`${state}: every combination of control bits, with good and bad numbers`, function () {
      this.timeout(60_000);
      for (const c of cases(state)) check(c);
    });
  }
});
