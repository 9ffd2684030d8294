import { expect } from 'chai';
import fc from 'fast-check';
import { Scene, inState } from '../support/tcp-scene.ts';
import type { Sent } from '../support/tcp-scene.ts';
import { runs, timeFor } from '../support/runs.ts';

/** A scene with SACK agreed on, in which the peer's first octet has the number `first` and everything before it has come. */
function receiving(): Scene {
  const s = new Scene({ sack: true }).connect();
  s.deliver('<SEQ=300><ACK=101><CTL=SYN,ACK><MSS=1460><SACKOK=1>').take();
  return s;
}

/**
 * Tells an example in its own numbers: `at` is the left window edge in it. Each row is a segment that arrives, and the ACK that it draws:
 * the acknowledgment number, then the blocks.
 */
function example(
  at: number,
  rows: readonly (readonly [from: number, length: number, ack: number, ...blocks: string[]])[],
): void {
  const s = receiving();
  const shift = 301 - at;
  for (const [from, length, ack, ...blocks] of rows) {
    s.deliver(`<SEQ=${from + shift}><ACK=101><CTL=ACK><DATA=${length}>`);
    s.advance(50_000); // a delayed ACK
    const sent = s.take();
    expect(sent, `ACKs of ${from}`).to.have.length(1);
    expect([sent[0]!.ack - shift, ...shownAs(sent[0]!, shift)], `ACK of ${from}`).to.deep.equal([ack, ...blocks]);
  }
}

const shownAs = (sent: Sent, shift: number): string[] =>
  sent.sack.map((block) =>
    block
      .split('-')
      .map((edge) => Number(edge) - shift)
      .join('-'),
  );

describe('SACK options sent (RFC 2018 §2 to §4)', () => {
  it('2018-2-a: SACK-permitted goes into the SYN, and into a SYN,ACK only when the SYN had it', () => {
    const asking = new Scene({ sack: true }).connect().take();
    expect(asking.map((p) => p.sackPermitted)).to.deep.equal([true]);
    const listen = (option: string): boolean[] =>
      new Scene({ sack: true })
        .listen()
        .deliver(`<SEQ=300><CTL=SYN>${option}`)
        .take()
        .map((p) => p.sackPermitted);
    expect(listen('<SACKOK=1>')).to.deep.equal([true]);
    expect(listen('')).to.deep.equal([false]);
    expect(new Scene({ sack: false }).connect().take()[0]!.sackPermitted).to.equal(false);
  });

  it('2018-4-a: no SACK option for a peer that has not permitted it', () => {
    const s = new Scene({ sack: true }).connect();
    s.deliver('<SEQ=300><ACK=101><CTL=SYN,ACK><MSS=1460>').take();
    s.deliver('<SEQ=801><ACK=101><CTL=ACK><DATA=500>');
    expect(s.take().map((p) => p.sack)).to.deep.equal([[]]);
  });

  it('RFC 2018 §7 case 1: the first 4 segments are received but the last 4 are dropped', () => {
    example(5000, [
      [5000, 500, 5500],
      [5500, 500, 6000],
      [6000, 500, 6500],
      [6500, 500, 7000],
    ]);
  });

  it('2018-4-c, RFC 2018 §7 case 2: the first segment is dropped but the remaining 7 are received', () => {
    example(5000, [
      [5500, 500, 5000, '5500-6000'],
      [6000, 500, 5000, '5500-6500'],
      [6500, 500, 5000, '5500-7000'],
      [7000, 500, 5000, '5500-7500'],
      [7500, 500, 5000, '5500-8000'],
      [8000, 500, 5000, '5500-8500'],
      [8500, 500, 5000, '5500-9000'],
    ]);
  });

  it('RFC 2018 §7 case 3: the 2nd, 4th, 6th and 8th segments are dropped; then the 4th and the 2nd come', () => {
    example(5000, [
      [5000, 500, 5500],
      [6000, 500, 5500, '6000-6500'],
      [7000, 500, 5500, '7000-7500', '6000-6500'],
      [8000, 500, 5500, '8000-8500', '7000-7500', '6000-6500'],
      [6500, 500, 5500, '6000-7500', '8000-8500'],
      [5500, 500, 7500, '8000-8500'],
    ]);
  });

  it('2018-4-d: three blocks beside timestamps, four without', () => {
    for (const [timestamps, count] of [
      [true, 3],
      [false, 4],
    ] as const) {
      const s = new Scene({ sack: true, timestamps }).connect();
      const ts = timestamps ? '<TS=1,0>' : '';
      s.deliver(`<SEQ=300><ACK=101><CTL=SYN,ACK><MSS=1460><SACKOK=1>${ts}`).take();
      for (let i = 1; i <= 6; i++) s.deliver(`<SEQ=${301 + 200 * i}><ACK=101><CTL=ACK><DATA=100>${ts}`);
      expect(s.take().at(-1)!.sack).to.have.length(count);
    }
  });

  it('several segments of one turn: each ACK tells of another, the last of the latest', () => {
    const s = receiving();
    for (let i = 1; i <= 5; i++) s.arrive(`<SEQ=${301 + 200 * i}><ACK=101><CTL=ACK><DATA=100>`);
    s.poll();
    const first = s.take().map((p) => p.sack[0]);
    expect(first).to.deep.equal(['501-601', '701-801', '901-1001', '1101-1201', '1301-1401']);
  });

  it('2018-4-b (Differs): a full segment of text goes without blocks; a small one carries what fits', () => {
    const s = receiving();
    s.arrive('<SEQ=801><ACK=101><CTL=ACK><DATA=500>');
    s.write(100);
    s.poll();
    expect(s.take().map((p) => [p.data.length, p.sack])).to.deep.equal([
      [100, ['801-1301']],
      [0, ['801-1301']],
    ]);
  });
});

describe('D-SACK (RFC 2883 §4)', () => {
  it('example 1: reporting a duplicate segment', () => {
    example(3000, [
      [3000, 500, 3500],
      [3500, 500, 4000],
      [3000, 500, 4000, '3000-3500'],
    ]);
  });

  it('example 2: reporting an out-of-order segment and a duplicate segment', () => {
    example(3000, [
      [3000, 500, 3500],
      [3500, 500, 4000],
      [4500, 500, 4000, '4500-5000'],
      [3000, 500, 4000, '3000-3500', '4500-5000'],
    ]);
  });

  it('example 3: reporting a duplicate of an out-of-order segment', () => {
    example(3500, [
      [3500, 500, 4000],
      [4500, 500, 4000, '4500-5000'],
      [5000, 500, 4000, '4500-5500'],
      [5000, 500, 4000, '5000-5500', '4500-5500'],
    ]);
  });

  it('example 4: reporting a single duplicate subsegment', () => {
    example(500, [
      [500, 500, 1000],
      [2000, 500, 1000, '2000-2500'],
      [1000, 500, 1500, '2000-2500'],
      [1000, 1000, 2500, '1000-1500'],
    ]);
  });

  it('example 5: two non-contiguous duplicate subsegments covered by the cumulative acknowledgement', () => {
    example(500, [
      [500, 500, 1000],
      [3000, 500, 1000, '3000-3500'],
      [1000, 500, 1500, '3000-3500'],
      [2000, 500, 1500, '2000-2500', '3000-3500'],
      [1000, 1500, 2500, '1000-1500', '3000-3500'],
    ]);
  });

  it('example 6: two non-contiguous duplicate subsegments not covered by the cumulative acknowledgement', () => {
    example(500, [
      [500, 500, 1000],
      [3500, 500, 1000, '3500-4000'],
      [1500, 500, 1000, '1500-2000', '3500-4000'],
      [2500, 500, 1000, '2500-3000', '1500-2000', '3500-4000'],
      [1500, 1500, 1000, '1500-2000', '1500-3000', '3500-4000'],
    ]);
  });

  it('2883-4-a, §4 (2): each duplicate is reported once; several of one turn in an ACK each', () => {
    const s = receiving();
    s.deliver('<SEQ=301><ACK=101><CTL=ACK><DATA=1000>').advance(50_000).take();
    s.arrive('<SEQ=301><ACK=101><CTL=ACK><DATA=100>').arrive('<SEQ=701><ACK=101><CTL=ACK><DATA=100>').poll();
    expect(s.take().map((p) => p.sack)).to.deep.equal([['301-401'], ['701-801']]);
    s.deliver('<SEQ=1401><ACK=101><CTL=ACK><DATA=100>');
    expect(s.take().map((p) => p.sack)).to.deep.equal([['1401-1501']]);
  });

  it('old text while the handshake is under way draws an ACK, and no report: nothing came before', () => {
    const s = inState('SYN-RECEIVED', { sack: true });
    s.deliver('<SEQ=200><ACK=101><CTL=ACK><DATA=50>');
    expect(s.take().map(({ sack }) => sack)).to.deep.equal([[]]);
  });

  it('any arrivals: blocks lie beyond the ACK, apart from each other and from nothing that did not come', () => {
    const arrivals = fc.array(fc.tuple(fc.nat(30), fc.integer({ min: 1, max: 4 })), { maxLength: 25 });
    fc.assert(
      fc.property(arrivals, (pieces) => {
        const s = receiving();
        const came = new Set<number>();
        for (const [at, length] of pieces) {
          s.deliver(`<SEQ=${301 + at}><ACK=101><CTL=ACK><DATA=${length}>`);
          const fresh = new Set<number>();
          for (let i = at; i < at + length; i++) if (!came.has(i)) fresh.add(i);
          for (const i of fresh) came.add(i);
          for (const p of s.take()) {
            p.sack.forEach((block, i) => {
              const [left, right] = block.split('-').map((edge) => Number(edge) - 301) as [number, number];
              for (let octet = left; octet < right; octet++) expect(came.has(octet)).to.equal(true);
              if (i > 0) {
                expect(left).to.be.above(p.ack - 301);
                expect(came.has(left - 1) || came.has(right)).to.equal(false);
              }
            });
          }
        }
      }),
      runs(300),
    );
  }).timeout(timeFor(300, 10));
});
