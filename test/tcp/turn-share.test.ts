import { expect } from 'chai';
import { SECOND } from '../../src/core/time.ts';
import { ANY_ADDRESS } from '../../src/ip/address.ts';
import type { TcpConnection } from '../../src/tcp/service.ts';
import { TURN_OCTETS, TURN_SEGMENTS, TurnShare } from '../../src/tcp/turn-share.ts';
import { Pair } from '../support/tcp-pair.ts';

const TEXT = new Uint8Array(100);
const SUPER_SEGMENT = 64_000;
const COUNT = 2 * TURN_SEGMENTS + 10;

describe('what all connections together send in a turn', () => {
  let pair: Pair;
  let clients: TcpConnection[];

  beforeEach(() => {
    pair = new Pair(1);
    const listener = pair.b.tcp.listen(ANY_ADDRESS, 80, COUNT, pair.b.tcp.defaultOptions());
    if (typeof listener === 'number') throw new Error(`listen: ${listener}`);
    clients = Array.from({ length: COUNT }, (_, i) => {
      const conn = pair.a.tcp.connect(ANY_ADDRESS, 4000 + i, pair.b.address, 80, pair.a.tcp.defaultOptions());
      if (typeof conn === 'number') throw new Error(`connect: ${conn}`);
      return conn;
    });
    pair.run(SECOND, () => clients.every(({ state }) => state === 'ESTABLISHED') && !pair.a.tcp.pending);
  });

  const send = (client: TcpConnection): number => client.send(TEXT, 0, TEXT.length);
  const sentBy = (client: TcpConnection): number => client.info().segmentsSent;
  /** Segments that a poll sends. */
  const poll = (): number => {
    const before = pair.carried;
    pair.a.tcp.poll(pair.now);
    return pair.carried - before;
  };

  it('is bounded; whose turn did not come is first in the next, and the last turn is what is left', () => {
    clients.forEach(send);
    expect([poll(), pair.a.tcp.isSpent, pair.a.tcp.pending]).to.deep.equal([TURN_SEGMENTS, true, true]);
    // Those that were first want to send again, and have to wait until everybody had a turn.
    clients.slice(0, TURN_SEGMENTS).forEach(send);
    expect(poll()).to.equal(TURN_SEGMENTS);
    expect(clients.filter((client) => sentBy(client) < sentBy(clients[0]!))).to.deep.equal(clients.slice(-10));
    expect([poll(), pair.a.tcp.isSpent]).to.deep.equal([10, false]);
    expect(new Set(clients.map(sentBy)).size).to.equal(1);
  });

  it('super-segments spend it by their octets', () => {
    const share = new TurnShare();
    const most = Math.ceil(TURN_OCTETS / SUPER_SEGMENT);
    for (let i = 0; i < most; i++) {
      expect(share.isSpent).to.equal(false);
      share.spend(SUPER_SEGMENT);
    }
    expect(share.isSpent).to.equal(true);
    share.begin();
    expect(share.isSpent).to.equal(false);
  });

  it('pure ACKs are no part of it: they draw no answers', () => {
    clients.forEach(send);
    while (pair.a.tcp.pending) poll();
    pair.now = pair.next();
    const before = pair.carried;
    pair.turn();
    expect(pair.carried - before).to.equal(COUNT);
  });
});
