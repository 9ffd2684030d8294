/**
 * The worked examples of RFC 6937 §4: twenty segments in flight, ssthresh ten, a single loss and a burst of fifteen. Its tables start
 * with two segments of limited transmit; here begins what the third acknowledgment does.
 */
import { expect } from 'chai';
import { Prr } from '../../src/tcp/recovery/prr.ts';

/** Octets of a segment. */
const S = 1000;

interface Step {
  readonly before: number;
  readonly sent: number;
  readonly after: number;
}

/** Acknowledgments that deliver a segment each, from a `pipe` (segments) as it is after the first: what each sends. */
function play(pipe: number, acks: number, safe: boolean): Step[] {
  const prr = new Prr();
  prr.start(20 * S, 10 * S);
  const steps: Step[] = [];
  for (let ack = 0; ack < acks; ack++) {
    const before = ack === 0 ? pipe : steps[ack - 1]!.after - 1;
    prr.onAck(S, before * S, S, safe);
    const sent = Math.max(0, Math.floor(prr.cwnd / S) - before);
    prr.onSent(sent * S);
    steps.push({ before, sent, after: before + sent });
  }
  return steps;
}

describe('RFC 6937 §4: worked examples', () => {
  it('a single loss: a retransmission at once, then new data for every second ACK, until pipe is near ssthresh', () => {
    const steps = play(18, 14, false);
    // From ack# 3 to 16; the table counts in segments and rounds up, here half a segment waits for the other half: one ACK later.
    expect(steps.map(({ sent }) => sent)).to.deep.equal([1, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1]);
    expect(steps.map(({ before }) => before)).to.deep.equal([18, 18, 17, 16, 16, 15, 15, 14, 14, 13, 13, 12, 12, 11]);
    expect(play(18, 40, false).at(-1)!.after, 'in the end').to.equal(10);
  });

  it('fifteen losses, PRR-CRB: one for each that was delivered', () => {
    const steps = play(4, 3, false);
    expect(steps.map(({ before }) => before)).to.deep.equal([4, 4, 4]);
    expect(steps.map(({ sent }) => sent)).to.deep.equal([1, 1, 1]);
  });

  it('fifteen losses, PRR-SSRB: two for each, as in slow start', () => {
    const steps = play(4, 3, true);
    expect(steps.map(({ before }) => before)).to.deep.equal([4, 5, 6]);
    expect(steps.map(({ sent }) => sent)).to.deep.equal([2, 2, 2]);
  });
});
