import { expect } from 'chai';
import fc from 'fast-check';
import { micros } from '../../../src/core/time.ts';
import { Flight } from '../../../src/tcp/recovery/flight.ts';
import type { SentRange } from '../../../src/tcp/recovery/flight.ts';
import { Prr } from '../../../src/tcp/recovery/prr.ts';
import { MAX_BLOCKS, Scoreboard, isDuplicateReport } from '../../../src/tcp/recovery/scoreboard.ts';
import { runs, timeFor } from '../../support/runs.ts';

describe('scoreboard', () => {
  it('agrees with a set of octets, whatever blocks and cumulative ACKs come', () => {
    const steps = fc.array(
      fc.oneof(
        fc.record({ block: fc.tuple(fc.nat(60), fc.integer({ min: 1, max: 12 })) }),
        fc.record({ una: fc.nat(70) }),
      ),
      { maxLength: 40 },
    );
    fc.assert(
      fc.property(steps, (taken) => {
        const board = new Scoreboard();
        const model = new Set<number>();
        let una = 0;
        for (const step of taken) {
          if ('una' in step) {
            const to = Math.max(una, step.una);
            const passed = [...model].filter((octet) => octet < to);
            for (const octet of passed) model.delete(octet);
            expect(board.advance(to)).to.equal(passed.length);
            una = to;
          } else {
            const start = una + step.block[0];
            const end = start + step.block[1];
            let added = 0;
            for (let octet = start; octet < end; octet++) {
              if (!model.has(octet)) added++;
              model.add(octet);
            }
            expect(board.add(start, end)).to.equal(added);
          }
          expect(board.octets).to.equal(model.size);
          expect(board.highest).to.equal(model.size === 0 ? 0 : Math.max(...model) + 1);
          let octet = una;
          while (octet < una + 75 && board.has(octet) === model.has(octet)) octet++;
          expect(octet, 'the first that they disagree about').to.equal(una + 75);
        }
      }),
      runs(300),
    );
  }).timeout(timeFor(300, 10));

  it('holds a bounded number of blocks, however a peer cuts them', () => {
    const board = new Scoreboard();
    for (let i = 0; i < 2 * MAX_BLOCKS; i++) board.add(2 * i + 1, 2 * i + 2);
    expect(board.size).to.equal(MAX_BLOCKS);
    expect(board.add(2, 3)).to.equal(1); // joins two of them
    expect(board.size).to.equal(MAX_BLOCKS - 1);
  });

  // RFC 2883 §5: the examples of §4, as the sender sees them; [start, end, ack, second block].
  const rows: [string, [number, number], number, [number, number] | undefined, boolean][] = [
    ['below the cumulative ACK (example 1)', [3000, 3500], 4000, undefined, true],
    ['below it, with a block beyond (example 2)', [3000, 3500], 4000, [4500, 5000], true],
    ['within the second block (example 3)', [5000, 5500], 4000, [4500, 5500], true],
    ['a plain block', [4500, 5000], 4000, undefined, false],
    ['two plain blocks', [7000, 7500], 5500, [6000, 6500], false],
  ];
  for (const [name, [start, end], ack, second, wanted] of rows) {
    it(`RFC 2883 §5: ${name}`, () => {
      expect(isDuplicateReport(start, end, ack, second?.[0] ?? Infinity, second?.[1] ?? -Infinity)).to.equal(wanted);
    });
  }
});

describe('what is in flight', () => {
  const records = (flight: Flight): SentRange[] => {
    const all: SentRange[] = [];
    for (let record = flight.first; record !== undefined; record = record.next) all.push(record);
    return all;
  };

  it('the lists and counters agree after any steps', () => {
    const step = fc.record({
      kind: fc.constantFrom('send', 'sack', 'lose', 'resend', 'split', 'ack', 'trim', 'unmark', 'forget'),
      pick: fc.nat(1000),
      length: fc.integer({ min: 2, max: 40 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const flight = new Flight();
        let end = 0;
        let now = 0;
        for (const { kind, pick, length } of steps) {
          const all = records(flight);
          const record = all[pick % Math.max(all.length, 1)];
          now += pick % 3;
          if (kind === 'send') flight.append(end, (end += length), 10, micros(now));
          else if (record === undefined) continue;
          else if (kind === 'sack' && !record.sacked) flight.markSacked(record, 1);
          else if (kind === 'lose' && !record.sacked && !record.lost) flight.markLost(record);
          else if (kind === 'resend' && !record.sacked) flight.resent(record, micros(now));
          else if (kind === 'split' && record.end - record.start > 1) flight.split(record, record.start + 1);
          else if (kind === 'ack') flight.removeFirst();
          else if (kind === 'trim' && all[0]!.end - all[0]!.start > 1) flight.trimFirst(all[0]!.start + 1);
          else if (kind === 'unmark') flight.unmarkLost();
          else if (kind === 'forget') flight.forgetSacked();
          check(flight);
        }
      }),
      runs(500),
    );
  }).timeout(timeFor(500, 10));

  function check(flight: Flight): void {
    const all = records(flight);
    const sum = (some: SentRange[]): number => some.reduce((total, { start, end }) => total + end - start, 0);
    expect(flight.count).to.equal(all.length);
    expect(flight.octets).to.equal(sum(all));
    expect(flight.sackedOctets).to.equal(sum(all.filter(({ sacked }) => sacked)));
    expect(flight.lostOctets).to.equal(sum(all.filter(({ lost }) => lost)));
    expect(flight.firstLost).to.equal(all.find(({ lost }) => lost));
    expect(flight.pipe).to.equal(sum(all.filter(({ sacked, lost }) => !sacked && !lost)));
    all.forEach((record, i) => {
      expect(record.previous).to.equal(all[i - 1]);
      if (i > 0) expect(record.start).to.equal(all[i - 1]!.end);
    });
    const byTime: SentRange[] = [];
    for (let record = flight.oldest; record !== undefined; record = record.later) byTime.push(record);
    const starts = (some: SentRange[]): number[] => some.map(({ start }) => start).sort((x, y) => x - y);
    expect(starts(byTime)).to.deep.equal(starts(all.filter(({ sacked, lost }) => !sacked && !lost)));
    byTime.forEach((record, i) => {
      if (i > 0) expect(record.sentAt).to.be.at.least(byTime[i - 1]!.sentAt);
    });
  }

  it('what leaves at one time in whole segments shares a record; 64 KiB of it at most', () => {
    const flight = new Flight();
    for (let i = 0; i < 100; i++) flight.append(1000 * i, 1000 * (i + 1), 1000, micros(1));
    expect(records(flight).map(({ start, end }) => end - start)).to.deep.equal([65_000, 35_000]);
    flight.append(100_000, 100_500, 1000, micros(2));
    flight.append(100_500, 101_500, 1000, micros(2));
    expect(flight.count).to.equal(4);
  });
});

describe('PRR (RFC 6937)', () => {
  it('sends in proportion while pipe exceeds ssthresh: half for half', () => {
    const prr = new Prr();
    prr.start(20_000, 10_000);
    let pipe = 18_000;
    const sent: number[] = [];
    for (let i = 0; i < 8; i++) {
      pipe -= 1000;
      prr.onAck(1000, pipe, 1000, false);
      const whole = Math.floor((prr.cwnd - pipe) / 1000) * 1000;
      prr.onSent(whole);
      pipe += whole;
      sent.push(whole);
    }
    // The first one at once, then every second ACK sends one.
    expect(sent).to.deep.equal([1000, 0, 0, 1000, 0, 1000, 0, 1000]);
  });

  it('below ssthresh what was delivered is sent, and one segment more when SND.UNA advances', () => {
    const prr = new Prr();
    prr.start(20_000, 10_000);
    prr.onAck(1000, 4000, 1000, false);
    expect(prr.cwnd - 4000).to.equal(1000);
    prr.onSent(1000);
    prr.onAck(2000, 4000, 1000, true);
    expect(prr.cwnd - 4000).to.equal(3000);
    prr.onAck(20_000, 9500, 1000, true);
    expect(prr.cwnd).to.equal(10_000);
  });
});
