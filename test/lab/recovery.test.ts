import { expect } from 'chai';
import fc from 'fast-check';
import type { Frame } from '../../src/core/frame.ts';
import { HOUR, MINUTE, MS } from '../../src/core/time.ts';
import { twoHosts } from '../../src/lab/topology.ts';
import { patternBytes, transfer } from '../../src/lab/transfer.ts';
import type { ImpairSettings } from '../../src/link/impairment.ts';
import { Segment } from '../../src/tcp/segment.ts';
import { seqAdd, seqDiff, seqGt, seqNum } from '../../src/tcp/seq.ts';
import type { SeqNum } from '../../src/tcp/seq.ts';

const chance = (max: number): fc.Arbitrary<number> => fc.double({ min: 0, max, noNaN: true });

const settings: fc.Arbitrary<ImpairSettings> = fc.record({
  loss: chance(0.3),
  duplication: chance(0.3),
  reordering: chance(0.5),
  reorderDelay: fc.nat(30 * MS),
  jitter: fc.nat(5 * MS),
});

const lines = fc.record({
  seed: fc.nat(0xffff_ffff),
  delay: fc.nat(50 * MS),
  bandwidth: fc.constantFrom(0, 5_000_000, 1_000_000_000),
  impair: fc.record({ outgoing: settings, incoming: settings }),
});

/** Watches a sender of text: how far it goes beyond what it was ever offered (octets; a zero-window probe goes 1 beyond). */
class WindowWatch {
  readonly #seg = new Segment();
  #edge: SeqNum | undefined = undefined;
  #shift = 0;
  beyond = -Infinity;

  readonly outgoing = (frame: Frame): boolean => {
    const seg = this.#seg;
    if (!this.#parse(frame) || this.#edge === undefined || seg.textLength === 0) return false;
    this.beyond = Math.max(this.beyond, seqDiff(seqAdd(seg.seq, seg.textLength), this.#edge));
    return false;
  };

  readonly incoming = (frame: Frame): boolean => {
    const seg = this.#seg;
    if (!this.#parse(frame) || !seg.hasAck || seg.rst) return false;
    if (seg.syn) this.#shift = Math.max(0, seg.options.windowScale);
    const edge = seqAdd(seqNum(seg.ack), seg.window * (seg.syn ? 1 : 2 ** this.#shift));
    if (this.#edge === undefined || seqGt(edge, this.#edge)) this.#edge = edge;
    return false;
  };

  #parse(frame: Frame): boolean {
    const { bytes, start, end } = frame;
    const ip = start + 14;
    if (end - ip < 40 || bytes[start + 12] !== 8 || bytes[start + 13] !== 0 || bytes[ip + 9] !== 6) return false;
    const total = bytes[ip + 2]! * 256 + bytes[ip + 3]!;
    return this.#seg.parse(bytes, ip + (bytes[ip]! & 15) * 4, ip + total);
  }
}

describe('lab: loss recovery on any line', () => {
  for (const sack of [true, false]) {
    it(`${sack ? 'RACK' : 'NewReno'}: exactly the octets, never beyond the window of the receiver, and an end`, () => {
      fc.assert(
        fc.property(lines, fc.nat(60_000), fc.constantFrom(4096, 20_000, 1 << 20), (line, length, receiveBuffer) => {
          const bytes = patternBytes(length);
          const watch = new WindowWatch();
          const lab = twoHosts({
            ...line,
            impair: {
              outgoing: { ...line.impair.outgoing, dropIf: watch.outgoing },
              incoming: { ...line.impair.incoming, dropIf: watch.incoming },
            },
            config: { tcp: { sack, receiveBuffer } },
            record: { frames: 40, octets: 0 },
          });
          const result = transfer(lab.simulation, lab.a, lab.b, bytes, { limit: 3 * HOUR });
          const story = `\n${result.end} ${result.error}\n${lab.recorder.ladder()}\n`;
          expect(Buffer.compare(result.received, bytes.subarray(0, result.received.length)), story).to.equal(0);
          expect(watch.beyond, story).to.be.at.most(1);
          if (result.error === '')
            expect([result.end, result.received.length], story).to.deep.equal(['reached', length]);
          lab.simulation.runFor(5 * MINUTE);
          expect(lab.framesInUse(), 'frames in use').to.equal(0);
        }),
        { numRuns: Number(process.env['RECOVERY_RUNS'] ?? 40) },
      );
    }).timeout(600_000);
  }
});
