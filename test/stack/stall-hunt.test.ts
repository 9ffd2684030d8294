/**
 * The stall hunt, item by item: what makes user-space stacks hang, with SACK and without. Each ends by itself in bounded virtual time.
 * stalls.test.ts varies the same situations.
 */
import { expect } from 'chai';
import { HOUR, MINUTE, MS, SECOND } from '../../src/core/time.ts';
import type { TwoHosts } from '../../src/lab/topology.ts';
import { patternBytes } from '../../src/lab/transfer.ts';
import { connectTo, serve } from '../support/programs.ts';
import type { StreamEnd } from '../support/programs.ts';
import { PORT, expectAllGone, first, makeLab, same, session, within } from '../support/session.ts';
import type { Ends, Seen, Session } from '../support/session.ts';

const BYTES = patternBytes(30_000);
/** A buffer of this size is soon full. */
const SMALL: Ends = { server: { receiveBuffer: 8192, reading: false } };

/** A connection whose window is closed, its sender with more to send. */
function closedWindow(sack: boolean): Session {
  const made = session({ config: { tcp: { sack } } }, SMALL);
  made.client.write(BYTES);
  made.lab.simulation.runFor(SECOND);
  expect(made.client.info.sndWnd).to.equal(0);
  return made;
}

function expectAll({ lab, server }: Session, limit: number): void {
  within(lab, limit, 'everything came', () => server.receivedLength === BYTES.length);
  expect(same(server.received, BYTES)).to.equal(true);
}

/** A request, its end, and the end of the other side, with one kind of segment lost `count` times; returns when nothing is left. */
function closing(
  sack: boolean,
  direction: 'outgoing' | 'incoming',
  lost: (seen: Seen, lab: TwoHosts) => boolean,
  count: number,
  limit: number,
): void {
  const lab: TwoHosts = makeLab({ config: { tcp: { sack } } });
  lab.impaired[direction].configure({ dropIf: first((seen) => lost(seen, lab), count) });
  let server: StreamEnd | undefined = undefined;
  serve(lab.b, PORT, (end) => {
    server = end.finish();
  });
  const client = connectTo(lab.a, lab.b.address, PORT).write(BYTES).finish();
  within(lab, limit, 'both ended', () => client.ended && server?.ended === true);
  expect(same(server!.received, BYTES)).to.equal(true);
  expect(lab.drops.count('impair-script')).to.equal(count);
  client.close();
  server!.close();
  expectAllGone(lab);
}

const isUpdate = (seen: Seen): boolean => seen.length === 0 && !seen.syn && !seen.fin && seen.window > 0;
const UNCONFIRMED: readonly string[] = ['FIN-WAIT-1', 'CLOSING', 'LAST-ACK'];
/** The client waits for the ACK of its FIN. */
const awaitsAckOfFin = (seen: Seen, { a }: TwoHosts): boolean =>
  !seen.syn && [...a.stack.tcp.connections()].some(({ state }) => UNCONFIRMED.includes(state));

for (const sack of [true, false]) {
  describe(`stack: the stall hunt, ${sack ? 'with' : 'without'} SACK`, () => {
    it('zero window opened by a small read', () => {
      const scene = closedWindow(sack);
      const { lab, client, server } = scene;
      expect(server.readOnce(1)).to.equal(1);
      lab.simulation.runFor(MINUTE);
      // One octet is no window worth telling of. Reads that go on being small open it in time.
      for (let i = 0; i < 9; i++) {
        server.readOnce(500);
        lab.simulation.runFor(100 * MS);
      }
      within(lab, 2 * MINUTE, 'the window opened', () => client.info.bytesAcked > 8192 + 1000);
      server.reading = true;
      expectAll(scene, MINUTE);
    });

    it('window update lost', () => {
      const scene = closedWindow(sack);
      scene.lab.impaired.incoming.configure({ dropIf: first(isUpdate, 3) });
      scene.server.reading = true;
      expectAll(scene, 20 * SECOND);
      expect(scene.lab.drops.count('impair-script')).to.equal(3);
    });

    it('last segment of a flight lost', () => {
      const scene = session({ config: { tcp: { sack } } });
      const { lab, client, server } = scene;
      const { sndNxt } = [...lab.a.stack.tcp.connections()][0]!.tcb;
      const isLast = (seen: Seen): boolean => ((seen.seq + seen.length - sndNxt) | 0) === BYTES.length;
      lab.impaired.outgoing.configure({ dropIf: first(isLast) });
      client.write(BYTES);
      expectAll(scene, 2 * SECOND);
      expect(lab.drops.count('impair-script')).to.equal(1);
      expect(server.error).to.equal('');
    });

    it('SYN,ACK lost', () => closing(sack, 'incoming', (seen) => seen.syn, 2, 8 * SECOND));

    it('FIN lost', () => closing(sack, 'outgoing', (seen) => seen.fin, 2, 10 * SECOND));

    it('FIN of the other side lost', () => closing(sack, 'incoming', (seen) => seen.fin, 2, 10 * SECOND));

    it('ACK of FIN lost', () => closing(sack, 'incoming', awaitsAckOfFin, 2, 10 * SECOND));

    it('receiver that never reads', () => {
      const scene = closedWindow(sack);
      const { lab, client, server } = scene;
      lab.simulation.runFor(3 * HOUR);
      expect([client.error, client.info.state, server.info.state]).to.deep.equal(['', 'ESTABLISHED', 'ESTABLISHED']);
      // A probe every two minutes at most, and its answer: no storm.
      expect(client.info.segmentsSent).to.be.below(150);
      server.reading = true;
      expectAll(scene, 3 * MINUTE);
    });

    it('silly tiny reads', () => {
      const scene = session({ config: { tcp: { sack } } }, SMALL);
      const { lab, client, server } = scene;
      client.write(BYTES);
      // One octet at a time.
      for (let i = 0; i < 100_000 && server.receivedLength < BYTES.length; i++) {
        if (server.readOnce(1) <= 0 || i % 20 === 0) lab.simulation.runFor(MS);
      }
      expect(same(server.received, BYTES)).to.equal(true);
      expect(client.info.segmentsSent).to.be.below(60);
    });
  });
}
