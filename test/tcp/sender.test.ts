import { expect } from 'chai';
import { Checksum } from '../../src/core/frame.ts';
import { MS, SECOND, micros } from '../../src/core/time.ts';
import { nothingChosen } from '../../src/tcp/chosen.ts';
import { Readiness } from '../../src/tcp/service.ts';
import { Scene, inState } from '../support/tcp-scene.ts';

const MSS = 1460;
const data = (seq: number, length: number): string => `<SEQ=${seq}><ACK=301><CTL=ACK><DATA=${length}>`;
const ack = (number: number, window = 65535): string => `<SEQ=301><ACK=${number}><CTL=ACK><WND=${window}>`;
const lengths = (s: Scene): number[] => s.take().map((sent) => sent.data.length);

describe('sender', () => {
  describe('segmentation', () => {
    it('SHLD-28, MUST-61: full-sized segments, PSH on the last', () => {
      const s = inState('ESTABLISHED');
      s.write(2 * MSS + 100);
      s.poll();
      const sent = s.take();
      expect(sent.map((p) => p.data.length)).to.deep.equal([MSS, MSS, 100]);
      expect(sent.map((p) => (p.flags & 8) !== 0)).to.deep.equal([false, false, true]);
    });

    it('PSH also where no more can follow until an ACK comes, while the window is small', () => {
      const pushes = (s: Scene): boolean[] => s.take().map((p) => (p.flags & 8) !== 0);
      const s = inState('ESTABLISHED');
      s.write(60 * MSS);
      s.poll();
      expect(pushes(s)).to.deep.equal([...new Array<boolean>(9).fill(false), true]); // cwnd
      s.deliver(ack(101 + 10 * MSS)); // 20 segments now
      expect(pushes(s)).to.deep.equal(new Array<boolean>(20).fill(false));
      const t = inState('ESTABLISHED').deliver(ack(101, 3 * MSS)); // the peer's window
      t.write(60 * MSS);
      t.poll();
      expect(pushes(t)).to.deep.equal([false, false, true]);
    });

    it('MUST-15: without an MSS option segments carry 536 octets', () => {
      const s = inState('SYN-SENT').deliver('<SEQ=300><ACK=101><CTL=SYN,ACK>').poll();
      s.take();
      s.write(1000);
      s.poll();
      expect(lengths(s)).to.deep.equal([536, 464]);
    });

    it('MUST-16: timestamps and the path take their part of the MSS', () => {
      const s = inState('SYN-SENT', { timestamps: true });
      s.deliver('<SEQ=300><ACK=101><CTL=SYN,ACK><MSS=1460><TS=1,0>').poll().take();
      s.ip.paths[0]!.mtu = 1000;
      s.write(5000);
      s.poll();
      expect(lengths(s)[0]).to.equal(1000 - 20 - 20 - 12);
    });

    it('MUST-65, MUST-14, SHLD-5: the MSS option goes into SYNs only', () => {
      const s = inState('CLOSED').connect();
      s.deliver('<SEQ=300><ACK=101><CTL=SYN,ACK><MSS=1460>');
      s.write(10);
      s.poll();
      expect(s.take().map((p) => p.mss)).to.deep.equal([1460, -1, -1]);
    });

    it('super-segments: whole segments, half a window at most, cut by the link, checksum left partial', () => {
      const s = inState('ESTABLISHED');
      s.ip.paths[0]!.maxSegment = 65535;
      s.ip.paths[0]!.checksumOffload = true;
      s.write(10 * MSS + 5);
      s.poll();
      const sent = s.take();
      expect(sent.map((p) => [p.data.length, p.gsoSize, p.checksum])).to.deep.equal([
        [5 * MSS, MSS, Checksum.Partial],
        [5 * MSS, MSS, Checksum.Partial],
      ]);
      s.deliver(ack(101 + 10 * MSS));
      expect(lengths(s)).to.deep.equal([5]);
    });
  });

  describe('Nagle and SWS avoidance', () => {
    it('SHLD-7: a second small segment waits for the ACK of the first', () => {
      const s = inState('ESTABLISHED');
      s.write(10);
      s.poll().expectSent(data(101, 10));
      s.write(10);
      s.poll();
      s.write(10);
      s.poll().expectSent();
      s.deliver(ack(111)).expectSent(data(111, 20));
    });

    it("Minshall's variant: a small segment may follow full ones", () => {
      const s = inState('ESTABLISHED');
      s.write(MSS);
      s.poll().expectSent(data(101, MSS));
      s.write(10);
      s.poll().expectSent(data(101 + MSS, 10));
    });

    it('MUST-17: TCP_NODELAY', () => {
      const s = inState('ESTABLISHED', {}, { noDelay: true });
      s.write(10);
      s.poll();
      s.write(10);
      s.poll().expectSent(data(101, 10), data(111, 10));
    });

    it('MUST-38: a window that opens a little is not filled with a small segment', () => {
      const s = inState('ESTABLISHED').deliver(ack(101, 4000));
      s.write(8000);
      s.poll();
      expect(lengths(s)).to.deep.equal([MSS, MSS]); // 1080 more would fit
      s.deliver(ack(101 + 2 * MSS, 1000)).expectSent(); // neither a segment nor half the largest window
      s.advance(200 * MS); // 9293-3.8.6.2.1-b: the override
      expect(lengths(s)).to.deep.equal([1000]);
    });

    it('9293-3.8.6.2.1-a (3): half the largest window is worth it', () => {
      const s = inState('SYN-SENT').deliver('<SEQ=300><ACK=101><CTL=SYN,ACK><MSS=1460><WND=1000>');
      s.take();
      s.write(3000);
      s.poll();
      expect(lengths(s)).to.deep.equal([1000]);
    });

    it('MUST-60: a lone small segment goes out at once', () => {
      const s = inState('ESTABLISHED');
      s.write(1);
      s.poll().expectSent(data(101, 1));
    });
  });

  describe('window', () => {
    it('9293-3.10.7.4-l: an older segment does not set the window', () => {
      const s = inState('ESTABLISHED');
      s.deliver('<SEQ=302><ACK=101><CTL=ACK><DATA=1><WND=5000>').deliver('<SEQ=301><ACK=101><CTL=ACK><WND=9000>');
      expect(s.conn.info().sndWnd).to.equal(5000);
    });

    it('MUST-34, SHLD-15: a window that shrinks below what was sent stops new data', () => {
      const s = inState('ESTABLISHED');
      s.write(3 * MSS);
      s.poll();
      expect(lengths(s)).to.deep.equal([MSS, MSS, MSS]);
      s.write(MSS);
      s.deliver(ack(101 + MSS, 100)).expectSent();
      s.deliver(ack(101 + 3 * MSS, 5000)).expectSent(data(101 + 3 * MSS, MSS));
    });

    it('MUST-36, MUST-37, SHLD-29, SHLD-30: zero-window probes, farther and farther apart, for ever while answered', () => {
      const s = inState('ESTABLISHED').deliver(ack(101, 0));
      s.write(5);
      s.poll().expectSent();
      const start = s.now;
      const times: number[] = [];
      for (let i = 0; i < 40; i++) {
        s.now = s.context.timers.next();
        s.context.timers.expire(s.now);
        s.poll();
        for (const sent of s.take()) {
          expect(sent.text).to.equal(data(101, 1));
          expect(sent.reason).to.equal('zero-window probe');
          times.push(sent.time - start);
          s.deliver(ack(101, 0)); // "printer out of paper"
        }
      }
      expect(times[0]).to.equal(200 * MS); // the RTO
      for (let i = 1; i < 5; i++)
        expect(times[i]! - times[i - 1]!).to.be.above((times[i - 1]! - (times[i - 2] ?? 0)) * 1.9);
      expect(times.length).to.be.above(30);
      s.expectState('ESTABLISHED');
      s.deliver(ack(101, 1000)).expectSent(data(101, 5));
    });

    it('probes that nobody answers end in ETIMEDOUT', () => {
      const s = inState('ESTABLISHED', { retries2: 4 }).deliver(ack(101, 0));
      s.write(5);
      s.poll()
        .advance(3600 * SECOND)
        .expectState('CLOSED');
      expect(s.conn.takeError()).to.equal(110);
    });

    it('MUST-35: a window that shrinks to zero with data in flight is probed', () => {
      const s = inState('ESTABLISHED');
      s.write(3000);
      s.poll().take();
      s.deliver(ack(101, 0)).advance(10 * SECOND);
      expect(new Set(s.take().map((p) => p.text))).to.deep.equal(new Set([data(101, 1)]));
      s.deliver(ack(101, 65535));
      expect(lengths(s).reduce((a, b) => a + b)).to.equal(3000);
    });

    it('a FIN is probed for like text', () => {
      const s = inState('ESTABLISHED').deliver(ack(101, 0));
      s.close().expectState('FIN-WAIT-1').expectSent();
      s.advance(200 * MS).expectSent('<SEQ=101><ACK=301><CTL=FIN,ACK>');
      s.deliver(ack(102, 0)).expectState('FIN-WAIT-2');
    });
  });

  describe('retransmission timeout', () => {
    it('6298-5-e, -f, -g: the earliest segment, twice as late each time; 5681-3.1-i: cwnd is one segment', () => {
      const s = inState('ESTABLISHED', { mtuProbing: 'off' });
      s.write(4 * MSS);
      s.poll();
      expect(lengths(s)).to.deep.equal([MSS, MSS, MSS, MSS]);
      const start = s.now;
      s.advance(3 * SECOND);
      const again = s.take();
      expect(again.map((p) => p.text)).to.deep.equal(Array(again.length).fill(data(101, MSS)));
      const times = again.map((p) => p.time - start);
      expect(times).to.deep.equal([1, 3, 7, 15].map((t) => t * times[0]!));
      expect(s.conn.info().cwnd).to.equal(MSS);
      expect(s.conn.info().ssthresh).to.equal(2 * MSS);
    });

    it('5681-3.1-h: ssthresh is half of FlightSize, and not halved again by a second time-out (§3.1)', () => {
      const s = inState('ESTABLISHED');
      s.write(10 * MSS);
      s.poll().advance(20 * SECOND);
      expect(s.conn.info().ssthresh).to.equal(5 * MSS);
    });

    it('afterwards all that is outstanding goes out again, as cwnd grows', () => {
      const s = inState('ESTABLISHED');
      s.write(4 * MSS);
      s.poll()
        .advance(1 * SECOND)
        .take();
      s.deliver(ack(101 + MSS));
      expect(s.take().map((p) => p.seq)).to.deep.equal([101 + MSS, 101 + 2 * MSS]);
      s.deliver(ack(101 + 4 * MSS)).expectSent(); // the peer had the rest
      expect(s.conn.unsent).to.equal(0);
    });

    it('what is sent again and what is new go in super-segments of their own, counted apart', () => {
      const s = new Scene();
      s.ip.maxSegment = 65535;
      s.ip.checksumOffload = true;
      s.connect().deliver('<SEQ=300><ACK=101><CTL=SYN,ACK><MSS=1460>').take();
      s.write(8 * MSS);
      s.poll().advance(1 * SECOND);
      s.write(20 * MSS);
      s.deliver(ack(101 + MSS))
        .deliver(ack(101 + 3 * MSS))
        .take(); // segments 4 to 7 are out again
      s.deliver(ack(101 + 7 * MSS));
      expect(s.take().map((p) => [p.seq, p.data.length, p.reason])).to.deep.equal([
        [101 + 7 * MSS, MSS, 'retransmission after a time-out'],
        [101 + 8 * MSS, 2 * MSS, 'new data'],
        [101 + 10 * MSS, MSS, 'new data'],
      ]);
      expect(s.conn.info().bytesRetransmitted).to.equal(8 * MSS);
    });

    it('MUST-20, SHLD-10, SHLD-11: R1 tells IP, R2 ends the connection after more than 100 s', () => {
      const s = inState('ESTABLISHED');
      s.write(10);
      s.poll()
        .advance(100 * SECOND)
        .expectState('ESTABLISHED');
      expect(s.ip.doubts).to.equal(1);
      s.advance(3600 * SECOND).expectState('CLOSED');
      expect(s.conn.takeError()).to.equal(110);
    });

    it('MUST-21, 9293-3.10.8-a: the user timeout', () => {
      const s = inState('ESTABLISHED', {}, { userTimeout: 5 * SECOND });
      s.write(10);
      s.poll()
        .advance(5 * SECOND - 1)
        .expectState('ESTABLISHED')
        .advance(1)
        .expectState('CLOSED');
      expect(s.conn.takeError()).to.equal(110);
    });

    it('MUST-21: the user timeout may be changed, and taken back, while it runs', () => {
      const s = inState('ESTABLISHED', {}, { userTimeout: 10 * SECOND });
      s.write(10);
      s.poll().advance(1 * SECOND);
      s.conn.setOptions({ userTimeout: 0 });
      s.poll()
        .advance(60 * SECOND)
        .expectState('ESTABLISHED');
      s.conn.setOptions({ userTimeout: 5 * SECOND });
      s.poll()
        .advance(5 * SECOND)
        .expectState('CLOSED');
    });

    it('MUST-21: R2 may be infinite', () => {
      const s = inState('ESTABLISHED', {}, { userTimeout: Infinity });
      s.write(10);
      s.poll()
        .advance(48 * 3600 * SECOND)
        .expectState('ESTABLISHED');
    });

    it('MUST-22, MUST-23: SYNs are sent again for at least 3 minutes', () => {
      const s = inState('SYN-SENT')
        .advance(180 * SECOND)
        .expectState('SYN-SENT');
      expect(s.take().length).to.equal(7);
      s.advance(180 * SECOND).expectState('CLOSED');
      expect(s.conn.takeError()).to.equal(110);
    });

    it('6298-5-h, 5681-3.1-c: after a lost SYN the RTO is 3 s and cwnd one segment', () => {
      const s = inState('SYN-SENT').advance(1 * SECOND);
      s.deliver('<SEQ=300><ACK=101><CTL=SYN,ACK><MSS=1460>');
      expect([s.conn.info().rto, s.conn.info().cwnd]).to.deep.equal([3 * SECOND, MSS]);
    });

    it('6298-3-a: no sample from what was sent twice (Karn)', () => {
      const s = inState('ESTABLISHED');
      s.write(10);
      s.poll().advance(5 * SECOND);
      const { srtt } = s.conn.info();
      s.deliver(ack(111));
      expect(s.conn.info().srtt).to.equal(srtt);
    });
  });

  describe('fast retransmit and recovery (RFC 6582)', () => {
    /** Ten segments out, the first lost. */
    function loss(): Scene {
      const s = inState('ESTABLISHED');
      s.write(20 * MSS);
      s.poll().take();
      return s;
    }

    it('5681-3.2-b, -d: the third duplicate ACK', () => {
      const s = loss();
      s.deliver(ack(101), ack(101));
      expect(lengths(s)).to.deep.equal([MSS, MSS]); // 5681-3.2-c: limited transmit
      s.deliver(ack(101));
      const sent = s.take();
      expect([sent[0]!.text, sent[0]!.reason]).to.deep.equal([data(101, MSS), 'fast retransmit']);
      // Half of ten: what limited transmit added does not count (RFC 5681 §3.2 step 2).
      expect(s.conn.info().ssthresh).to.equal(5 * MSS);
      expect(s.conn.info().cwnd).to.equal(8 * MSS);
    });

    it('5681-3.2-e: each further one lets a segment go once cwnd allows', () => {
      const s = loss();
      s.deliver(ack(101), ack(101), ack(101)).take();
      for (let i = 0; i < 2; i++) s.deliver(ack(101)).expectSent();
      s.deliver(ack(101));
      expect(lengths(s)).to.deep.equal([MSS]);
    });

    it('6582-3.2-b: a partial ACK sends the next hole; 6582-3.2-c: a full one ends it', () => {
      const s = loss();
      s.deliver(ack(101), ack(101)).deliver(ack(101)).take();
      s.deliver(ack(101 + 4 * MSS));
      expect(s.take()[0]!.text).to.equal(data(101 + 4 * MSS, MSS));
      const out = s.conn.info().flightSize;
      s.deliver(ack(101 + 12 * MSS));
      expect(out).to.be.at.least(8 * MSS);
      expect(s.conn.info().cwnd).to.be.within(MSS, 6 * MSS);
    });

    it('6582-3.2-a: echoes of the same loss do not start it again', () => {
      const s = loss();
      s.advance(1 * SECOND).take(); // time-out: recover is set
      s.deliver(ack(101), ack(101), ack(101), ack(101)).expectSent();
    });

    it('what it decides can be traced', () => {
      const s = loss();
      const names: string[] = [];
      s.context.trace.listen((event) => names.push(event.name));
      s.deliver(ack(101), ack(101), ack(101))
        .deliver(ack(101 + 10 * MSS))
        .advance(1 * SECOND);
      expect(names.slice(0, 3)).to.deep.equal(['recovery-begins', 'recovery-ends', 'retransmission-timeout']);
    });

    it('an ACK with text, or with another window, is no duplicate', () => {
      const s = loss();
      for (let i = 0; i < 4; i++) s.deliver(`<SEQ=${301 + i}><ACK=101><CTL=ACK><DATA=1>`);
      for (let i = 0; i < 4; i++) s.deliver(`<SEQ=305><ACK=101><CTL=ACK><WND=${60000 + i}>`);
      expect(s.conn.info().duplicateAcks).to.equal(0);
    });
  });

  describe('congestion window', () => {
    it('5681-3.1-e: slow start grows by what is acknowledged; 5681-3.1-b: not by the SYN', () => {
      const s = inState('ESTABLISHED');
      expect(s.conn.info().cwnd).to.equal(10 * MSS); // RFC 6928
      s.write(30 * MSS);
      s.poll().deliver(ack(101 + 2 * MSS));
      expect(s.conn.info().cwnd).to.equal(12 * MSS);
    });

    it('5681-2-a: nothing beyond min(cwnd, rwnd)', () => {
      const s = inState('ESTABLISHED');
      s.write(30 * MSS);
      s.poll();
      expect(s.conn.info().flightSize).to.equal(10 * MSS);
      const t = inState('ESTABLISHED').deliver(ack(101, 5 * MSS));
      t.write(30 * MSS);
      t.poll();
      expect(t.conn.info().flightSize).to.equal(5 * MSS);
    });

    it('5681-4.1-a: after idleness longer than the RTO it is the initial window again', () => {
      const s = inState('ESTABLISHED');
      s.write(30 * MSS);
      s.poll()
        .deliver(ack(101 + 10 * MSS))
        .deliver(ack(101 + 30 * MSS));
      expect(s.conn.info().cwnd).to.equal(40 * MSS);
      s.advance(10 * SECOND);
      s.write(1);
      s.poll();
      expect(s.conn.info().cwnd).to.equal(10 * MSS);
    });

    it('who waits for a turn to send is not idle', () => {
      const s = inState('ESTABLISHED');
      s.write(10 * MSS);
      s.poll().deliver(ack(101 + 10 * MSS));
      s.write(1);
      const cwndAfter = (wait: number, idle: number): number => {
        const found = micros(s.now + idle);
        s.conn.sender.next(nothingChosen(), found, micros(found + wait));
        return s.conn.info().cwnd;
      };
      expect(cwndAfter(10 * SECOND, 0)).to.equal(20 * MSS);
      expect(cwndAfter(0, 10 * SECOND)).to.equal(10 * MSS);
    });
  });

  describe('urgent data (§3.8.5)', () => {
    it('MUST-62, MUST-30: URG and a pointer to the octet after the last urgent one', () => {
      const s = inState('ESTABLISHED');
      s.conn.sendUrgent(new Uint8Array(5), 0, 5);
      s.poll();
      const [sent] = s.take();
      expect([(sent!.flags & 0x20) !== 0, sent!.up]).to.deep.equal([true, 5]);
      s.deliver(ack(106));
      s.write(3);
      s.poll();
      expect(s.take()[0]!.flags & 0x20).to.equal(0);
    });

    it('MUST-31: more urgent data than a pointer can span', () => {
      const s = inState('ESTABLISHED');
      s.conn.sendUrgent(new Uint8Array(100_000), 0, 100_000);
      s.poll();
      const sent = s.take();
      expect(sent[0]!.up).to.equal(65535);
      expect(sent.every((p) => (p.flags & 0x20) !== 0)).to.equal(true);
    });

    it('MUST-32, MUST-33, 9293-3.10.7.4-r: the program is told, once per advance, until it has read so far', () => {
      const s = inState('ESTABLISHED');
      let told = 0;
      s.conn.owner = { onReadiness: () => told++ };
      s.deliver('<SEQ=301><ACK=101><CTL=ACK,URG><UP=10>'); // announced before the data comes
      const { UrgentAhead } = Readiness;
      expect([told, s.conn.readiness() & UrgentAhead]).to.deep.equal([1, UrgentAhead]);
      s.deliver('<SEQ=301><ACK=101><CTL=ACK,URG><UP=10>');
      expect(told).to.equal(1);
      s.deliver('<SEQ=301><ACK=101><CTL=ACK,URG><UP=12>');
      expect(told).to.equal(2);
      s.deliver('<SEQ=301><ACK=101><CTL=ACK><DATA=20>');
      s.read(11);
      expect(s.conn.readiness() & UrgentAhead).to.equal(UrgentAhead);
      s.read(1);
      expect(s.conn.readiness() & UrgentAhead).to.equal(0);
    });
  });
});
