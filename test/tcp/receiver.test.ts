import { expect } from 'chai';
import fc from 'fast-check';
import { BufferPool } from '../../src/core/buffers.ts';
import { Drops } from '../../src/core/drop.ts';
import { ipv4 } from '../../src/ip/address.ts';
import { Receiver } from '../../src/tcp/receiver.ts';
import { Segment } from '../../src/tcp/segment.ts';
import { seqAdd, seqNum } from '../../src/tcp/seq.ts';
import { Tcb } from '../../src/tcp/tcb.ts';
import { inState } from '../support/tcp-scene.ts';
import { runs, timeFor } from '../support/runs.ts';

function makeReceiver(irs: number): { receiver: Receiver; tcb: Tcb } {
  const tcb = new Tcb(ipv4(1), 1, ipv4(2), 2);
  const receiver = new Receiver(tcb, 65536, { buffers: new BufferPool(), drops: new Drops() });
  receiver.start(seqNum(irs));
  tcb.rcvWnd = 65535;
  return { receiver, tcb };
}

/** A piece of the stream as a segment, trimmed to begin no earlier than RCV.NXT; undefined when it is all old. */
function piece(stream: Uint8Array, from: number, to: number, first: number, tcb: Tcb): Segment | undefined {
  const seg = new Segment();
  seg.bytes = stream;
  seg.textAt = from;
  seg.textLength = to - from;
  seg.seq = seqAdd(seqNum(first), from);
  const old = (tcb.rcvNxt - seg.seq) | 0;
  if (old >= seg.textLength) return undefined;
  if (old > 0) seg.trimFront(old);
  return seg;
}

describe('receiver', () => {
  it('any permutation of the pieces, with duplicates and overlaps, yields the stream', () => {
    const anyIrs = fc.constantFrom(0, 0xffff_ff00, 0x7fff_ff80);
    const run = fc.record({
      irs: anyIrs,
      length: fc.integer({ min: 1, max: 400 }),
      cuts: fc.array(fc.tuple(fc.nat(399), fc.integer({ min: 1, max: 90 })), { maxLength: 40 }),
      order: fc.array(fc.nat(1000), { minLength: 80, maxLength: 80 }),
      reads: fc.boolean(),
    });
    fc.assert(
      fc.property(run, ({ irs, length, cuts, order, reads }) => {
        const stream = Uint8Array.from({ length }, (_, i) => (i * 7 + 3) & 0xff);
        const pieces: [number, number][] = cuts
          .filter(([from]) => from < length)
          .map(([from, size]) => [from, Math.min(length, from + size)]);
        for (let at = 0; at < length; at += 37) pieces.push([at, Math.min(length, at + 37)]); // everything at least once
        pieces.sort((a, b) => order[a[0] % 80]! - order[b[0] % 80]! || a[1] - b[1]);
        const { receiver, tcb } = makeReceiver(irs);
        const got: number[] = [];
        const into = new Uint8Array(1000);
        for (const [from, to] of pieces) {
          const seg = piece(stream, from, to, irs + 1, tcb);
          if (seg !== undefined) receiver.onText(seg);
          if (reads) got.push(...into.subarray(0, receiver.ring.read(into, 0, 11)));
        }
        got.push(...into.subarray(0, receiver.ring.read(into, 0, 1000)));
        expect(got).to.deep.equal([...stream]);
        expect(tcb.rcvNxt).to.equal(seqAdd(seqNum(irs), 1 + length));
        expect(receiver.hasGap).to.equal(false);
        expect(receiver.ring.allocated).to.equal(0);
      }),
      runs(300),
    );
  }).timeout(timeFor(300, 10));

  it('SHLD-14: the right edge never moves left, whatever is read or not', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.integer({ min: 1, max: 3000 }), fc.nat(5000)), { maxLength: 60 }), (turns) => {
        const { receiver, tcb } = makeReceiver(1000);
        tcb.rcvWindShift = 3;
        const stream = new Uint8Array(3000);
        const into = new Uint8Array(5000);
        let edge = 0;
        for (const [length, read] of turns) {
          const size = Math.min(length, tcb.rcvWnd);
          const seg = new Segment();
          seg.bytes = stream;
          seg.textLength = size;
          seg.seq = tcb.rcvNxt;
          if (size > 0) receiver.onText(seg);
          receiver.ring.read(into, 0, read);
          const offered = receiver.window.offer();
          expect(offered % 8).to.equal(0);
          expect(receiver.bytesReceived + tcb.rcvWnd).to.be.at.least(edge);
          expect(receiver.ring.length + tcb.rcvWnd).to.be.at.most(receiver.ring.limit);
          // RFC 7323 §2.4: what is told may lag behind the edge by less than one unit.
          expect(offered).to.be.within(tcb.rcvWnd - 7, tcb.rcvWnd);
          edge = receiver.bytesReceived + tcb.rcvWnd;
        }
      }),
    );
  });

  it('MUST-39, 9293-3.8.6.2.2-a: the edge moves in steps of min(buffer / 2, MSS)', () => {
    const s = inState('ESTABLISHED', {}, { receiveBuffer: 8000 });
    s.deliver('<SEQ=301><ACK=101><CTL=ACK><DATA=4000>').advance(100_000).take();
    s.deliver('<SEQ=4301><ACK=101><CTL=ACK><DATA=4000>').advance(100_000);
    expect(s.take().at(-1)!.window).to.equal(0);
    s.read(1000);
    s.poll().expectSent(); // not worth an update
    s.deliver('<SEQ=8300><ACK=101><CTL=ACK><DATA=1>');
    expect(s.take()[0]!.window).to.equal(0); // and not told along with another ACK
    s.read(460);
    s.poll();
    const [update] = s.take();
    expect([update!.window, update!.reason]).to.deep.equal([1460, 'window update']);
  });

  describe('ACK policy', () => {
    const text = (seq: number, length: number): string => `<SEQ=${seq}><ACK=101><CTL=ACK><DATA=${length}>`;
    const pushed = (seq: number, length: number, number = 101): string =>
      `<SEQ=${seq}><ACK=${number}><CTL=PSH,ACK><DATA=${length}>`;

    it('MUST-40, SHLD-18: one segment waits for the delayed-ACK time', () => {
      const s = inState('ESTABLISHED').deliver(text(301, 1460)).expectSent();
      s.advance(39_999).expectSent().advance(1).expectSent('<SEQ=101><ACK=1761><CTL=ACK>');
    });

    it('SHLD-19: every second full-sized segment is acknowledged at once', () => {
      const s = inState('ESTABLISHED').deliver(text(301, 1460)).expectSent();
      s.deliver(text(1761, 1460)).expectSent('<SEQ=101><ACK=3221><CTL=ACK>');
      s.advance(100_000).expectSent();
    });

    it('a super-segment counts as the segments it holds', () => {
      inState('ESTABLISHED').deliver(text(301, 20_000)).expectSent('<SEQ=101><ACK=20301><CTL=ACK>');
    });

    it('5681-3.2-a: text beyond a gap draws a duplicate ACK each, a filled gap one ACK', () => {
      const s = inState('ESTABLISHED');
      const duplicate = '<SEQ=101><ACK=301><CTL=ACK>';
      s.deliver(text(401, 100), text(501, 100), text(601, 100)).expectSent(duplicate, duplicate, duplicate);
      s.deliver(text(301, 50)).expectSent('<SEQ=101><ACK=351><CTL=ACK>');
      s.deliver(text(701, 100), text(351, 50)).expectSent('<SEQ=101><ACK=801><CTL=ACK>');
    });

    it('quick ACKs at the start, and TCP_QUICKACK', () => {
      const s = inState('ESTABLISHED', { quickAcks: 1 });
      s.deliver(text(301, 10)).expectSent('<SEQ=101><ACK=311><CTL=ACK>');
      s.deliver(text(311, 10)).expectSent();
      s.conn.setOptions({ quickAck: true });
      s.deliver(text(321, 10)).expectSent('<SEQ=101><ACK=331><CTL=ACK>');
    });

    it('an ACK rides on data', () => {
      const s = inState('ESTABLISHED').deliver(text(301, 10)).expectSent();
      s.write(7);
      s.poll().expectSent('<SEQ=101><ACK=311><CTL=ACK><DATA=7>').advance(100_000).expectSent();
    });

    it('pushed text is acknowledged once the program has read all: the peer may wait for that', () => {
      const s = inState('ESTABLISHED').deliver(pushed(301, 10), text(311, 10)).expectSent();
      s.read(15);
      s.poll().expectSent(); // not all
      s.read();
      s.poll().expectSent('<SEQ=101><ACK=321><CTL=ACK>');
      s.deliver(text(321, 10));
      s.read();
      s.poll().expectSent(); // not pushed
    });

    it('where the last ACK rode on an answer, that to pushed text waits for the next answer, but no longer than others', () => {
      const s = inState('ESTABLISHED').deliver(pushed(301, 10));
      s.read();
      s.write(7);
      s.poll().expectSent('<SEQ=101><ACK=311><CTL=ACK><DATA=7>');
      s.deliver(pushed(311, 10, 108));
      s.read();
      s.poll().expectSent();
      s.advance(40_000).expectSent('<SEQ=108><ACK=321><CTL=ACK>'); // no answer this time
      s.deliver(pushed(321, 10, 108));
      s.read();
      s.poll().expectSent('<SEQ=108><ACK=331><CTL=ACK>');
    });

    it('TCP_QUICKACK switched off: pushed text waits as well', () => {
      const s = inState('ESTABLISHED');
      s.conn.setOptions({ quickAck: false });
      s.deliver(pushed(301, 10));
      s.read();
      s.poll().expectSent();
    });

    it('text that comes again begins the quick ACKs anew: the peer has timed out', () => {
      const s = inState('ESTABLISHED', { quickAcks: 1 });
      s.deliver(text(301, 10)).expectSent('<SEQ=101><ACK=311><CTL=ACK>');
      s.deliver(text(311, 10)).expectSent();
      s.deliver(text(311, 10)).expectSent('<SEQ=101><ACK=321><CTL=ACK>');
      s.deliver(text(321, 10)).expectSent('<SEQ=101><ACK=331><CTL=ACK>');
      s.deliver(text(331, 10)).expectSent();
    });
  });
});
