/**
 * RFC 2883 §5.3 and §5.4 between two hosts: time-outs although nothing was lost, and what D-SACKs and later ACKs make of them. The
 * examples of §4 are in test/tcp/sack.test.ts, those of §5.1 and §5.2 in test/tcp/recovery/sack.test.ts.
 */
import { expect } from 'chai';
import { MS, SECOND } from '../../src/core/time.ts';
import { patternBytes } from '../../src/lab/transfer.ts';
import { segmentIn, session, story, within } from '../support/session.ts';
import type { Session } from '../support/session.ts';

const MSS = 1448;
const DELAY = 20 * MS;

/** A connection whose round trip is known, with four segments of text just sent. */
function fourOut(): Session & { readonly cwnd: number } {
  const made = session({ delay: DELAY, config: { tcp: { sack: true } } });
  const { lab, client, server } = made;
  client.write(patternBytes(10 * MSS));
  within(lab, SECOND, 'warmed up', () => server.receivedLength === 10 * MSS);
  lab.simulation.runFor(SECOND / 10);
  const { cwnd } = client.info;
  client.write(patternBytes(4 * MSS));
  return { ...made, cwnd };
}

describe('RFC 2883 §5: time-outs although nothing was lost', () => {
  it('§5.3: a whole window of ACKs is lost: the first one after that says that the copy was one', () => {
    const { lab, client, cwnd } = fourOut();
    const end = lab.simulation.now + 2 * DELAY + 50 * MS;
    lab.impaired.incoming.configure({ dropIf: (frame) => segmentIn(frame) !== undefined && lab.simulation.now < end });
    within(lab, 5 * SECOND, 'acknowledged', () => client.info.flightSize === 0);
    const { duplicatesReported, retransmissions, recoveriesUndone, timeouts } = client.info;
    expect(retransmissions, story(lab)).to.equal(1);
    expect(duplicatesReported, story(lab)).to.equal(1);
    // A tail loss probe comes before the time-out; a time-out would have been undone.
    expect(recoveriesUndone).to.equal(timeouts);
    expect(client.info.cwnd).to.be.at.least(cwnd);
  });

  it('§5.4: the path gets slow all at once: early time-outs are undone', () => {
    const { lab, client, server, cwnd } = fourOut();
    lab.impaired.outgoing.configure({ delay: 700 * MS });
    client.write(patternBytes(40 * MSS));
    within(lab, 20 * SECOND, 'everything there', () => server.receivedLength === 54 * MSS);
    within(lab, 20 * SECOND, 'acknowledged', () => client.info.flightSize === 0);
    const { timeouts, recoveriesUndone } = client.info;
    expect(timeouts, story(lab)).to.be.above(0);
    expect(recoveriesUndone, story(lab)).to.be.above(0);
    expect(client.info.cwnd).to.be.at.least(cwnd);
  });
});
