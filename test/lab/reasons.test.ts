/**
 * A capture tells why: each TCP segment that a host sends over a bad line has its reason beside it, and each frame that goes no further
 * what became of it. What the reasons mean is in test/tcp/send-reason.test.ts.
 */
import { expect } from 'chai';
import { DROP_REASONS } from '../../src/core/drop.ts';
import { MINUTE, MS } from '../../src/core/time.ts';
import { twoHosts } from '../../src/lab/topology.ts';
import type { TwoHosts } from '../../src/lab/topology.ts';
import { patternBytes, transfer } from '../../src/lab/transfer.ts';
import type { ImpairSettings } from '../../src/link/impairment.ts';
import { readPcapng } from '../../src/link/pcapng.ts';
import type { CapturedPacket } from '../../src/link/pcapng.ts';
import { SEND_REASONS } from '../../src/tcp/send-reason.ts';

const BAD: ImpairSettings = { loss: 0.05, duplication: 0.03, corruption: 0.03, reordering: 0.1, reorderDelay: 10 * MS };
const BYTES = patternBytes(400_000);

/** Text in both directions over a line on which everything goes wrong that can. */
function badLine(sack: boolean): { lab: TwoHosts; packets: readonly CapturedPacket[] } {
  const lab = twoHosts({
    seed: 7,
    delay: 10 * MS,
    bandwidth: 20_000_000,
    impair: { outgoing: BAD, incoming: BAD },
    config: { tcp: { sack } },
  });
  for (const [from, to] of [
    [lab.a, lab.b],
    [lab.b, lab.a],
  ] as const) {
    const { error, received } = transfer(lab.simulation, from, to, BYTES, { limit: 10 * MINUTE });
    expect([error, received.length]).to.deep.equal(['', BYTES.length]);
  }
  lab.simulation.runFor(2 * MINUTE);
  return { lab, packets: readPcapng(lab.recorder.pcapng()).frames };
}

const isTcp = ({ bytes }: CapturedPacket): boolean => bytes[12] === 8 && bytes[13] === 0 && bytes[23] === 6;
const DROPPED = /^dropped: ([a-z-]+): (.*)$/;

for (const sack of [true, false]) {
  describe(`lab: a capture tells why, ${sack ? 'with' : 'without'} SACK`, () => {
    let lab: TwoHosts;
    let packets: readonly CapturedPacket[];
    before(() => ({ lab, packets } = badLine(sack)));

    it('each segment that is sent has a reason', () => {
      const sent = packets.filter((packet) => packet.direction === 'out' && isTcp(packet));
      expect(sent.length).to.be.above(300);
      const unexplained = sent.filter(({ comments }) => !((comments[0] ?? '') in SEND_REASONS));
      expect(unexplained.map(({ time, comments }) => [time, comments])).to.deep.equal([]);
      const seen = new Set(sent.map(({ comments }) => comments[0]!));
      const repair = sack ? 'fast retransmit: RACK' : 'fast retransmit';
      expect([...seen]).to.include.members([repair, 'new data', 'duplicate ACK', 'gap filled', 'not acceptable']);
    });

    it('each frame that was dropped says why, in a name and a sentence', () => {
      const told = new Map<string, number>();
      for (const comment of packets.flatMap(({ comments }) => comments)) {
        const [, name, sentence] = DROPPED.exec(comment) ?? [];
        if (name === undefined) continue;
        told.set(name, (told.get(name) ?? 0) + 1);
        expect(sentence).to.equal((DROP_REASONS as Readonly<Record<string, string>>)[name]);
      }
      const { drops } = lab.a.stack.context;
      expect([...drops.entries()].length).to.be.above(3);
      for (const [name, count] of drops.entries()) expect(told.get(name), name).to.equal(count);
      // Of what gets lost the capture sees what this host has sent.
      expect(told.get('impair-loss')).to.be.within(1, lab.drops.count('impair-loss'));
    });
  });
}
