/**
 * The stall hunt: whole stacks in virtual time, in situations where a TCP that forgets a timer or an update waits for ever.
 * Each must end by itself within a stated time.
 */
import { expect } from 'chai';
import type { Frame } from '../../src/core/frame.ts';
import { HOUR, MINUTE, MS, SECOND } from '../../src/core/time.ts';
import type { TwoHosts, TwoHostsOptions } from '../../src/lab/topology.ts';
import { patternBytes } from '../../src/lab/transfer.ts';
import { IPPROTO_TCP, TCP_NODELAY } from '../../src/socket/constants.ts';
import { connectTo, must, serve } from '../support/programs.ts';
import type { StreamEnd } from '../support/programs.ts';
import { PORT, expectAllGone, first, makeLab, same, segmentIn, session, within } from '../support/session.ts';
import type { Ends, Seen, Session } from '../support/session.ts';

/** Request, response, half-close and close on both sides. Returns when both programs are done. */
function conversation(lab: TwoHosts, limit: number): number {
  const request = patternBytes(3000, 1);
  const response = patternBytes(20_000, 2);
  let server: StreamEnd | undefined = undefined;
  serve(lab.b, PORT, (end) => {
    server = end;
    lab.simulation.program('b', () => {
      if (end.ended && !end.closed) {
        end.write(response).finish();
        end.close();
      }
    });
  });
  const client = connectTo(lab.a, lab.b.address, PORT);
  client.write(request).finish();
  const time = within(lab, limit, 'both have read everything', () => client.ended && server?.ended === true);
  expect(client.error + server!.error).to.equal('');
  expect(same(client.received, response) && same(server!.received, request)).to.equal(true);
  client.close();
  return time;
}

describe('stack: no stalls when something is lost', () => {
  const rows: readonly (readonly [
    name: string,
    direction: 'outgoing' | 'incoming',
    lost: (seen: Seen) => boolean,
    count: number,
    limit: number,
  ])[] = [
    ['the SYN', 'outgoing', (seen) => seen.syn, 1, 2 * SECOND],
    ['the SYN, three times', 'outgoing', (seen) => seen.syn, 3, 8 * SECOND],
    ['the SYN,ACK', 'incoming', (seen) => seen.syn, 1, 2 * SECOND],
    ['the SYN,ACK, three times', 'incoming', (seen) => seen.syn, 3, 8 * SECOND],
    ['the last ACK of the handshake', 'outgoing', (seen) => !seen.syn && seen.length === 0, 1, SECOND],
    ['the whole request', 'outgoing', (seen) => seen.length > 0, 3, 3 * SECOND],
    ['the client FIN', 'outgoing', (seen) => seen.fin, 1, 3 * SECOND],
    ['the client FIN, four times', 'outgoing', (seen) => seen.fin, 4, 20 * SECOND],
    ['the ACK of the client FIN', 'incoming', (seen) => seen.length === 0 && !seen.syn, 3, 3 * SECOND],
    ['the server FIN', 'incoming', (seen) => seen.fin, 1, 3 * SECOND],
    ['the ACKs of the response', 'outgoing', (seen) => seen.length === 0 && !seen.syn, 10, 10 * SECOND],
  ];
  for (const [name, direction, lost, count, limit] of rows) {
    it(`a conversation goes on without ${name}`, () => {
      const lab = makeLab({ impair: { [direction]: { dropIf: first(lost, count) } } });
      conversation(lab, limit);
      expect(lab.drops.count('impair-script')).to.equal(count);
      expectAllGone(lab);
    });
  }

  for (const direction of ['outgoing', 'incoming'] as const) {
    for (const burst of [1, 2, 5]) {
      it(`any ${burst} successive segments of a conversation, ${direction} ones`, () => {
        let lost = burst;
        for (let from = 1; lost === burst; from++) {
          let index = 0;
          const dropIf = (frame: Frame): boolean => {
            if (segmentIn(frame) === undefined) return false;
            index++;
            return index >= from && index < from + burst;
          };
          const lab = makeLab({ impair: { [direction]: { dropIf } } });
          conversation(lab, 40 * SECOND);
          expectAllGone(lab);
          lost = lab.drops.count('impair-script');
        }
      });
    }
  }

  for (const direction of ['outgoing', 'incoming'] as const) {
    it(`any two successive frames of a conversation, ARP packets among them, ${direction} ones`, () => {
      for (let from = 1, lost = 2; lost === 2; from++) {
        const lab = makeLab({ impair: { [direction]: { drop: [from, from + 1] } } });
        conversation(lab, 10 * SECOND);
        expectAllGone(lab);
        lost = lab.drops.count('impair-script');
      }
    });
  }

  it('the last segment of a flight: nothing after it tells of the loss', () => {
    const bytes = patternBytes(14_600);
    const { lab, client, server } = session({
      impair: { outgoing: { dropIf: lastOctet(bytes.length) } },
    });
    client.write(bytes);
    within(lab, 2 * SECOND, 'the rest came', () => server.receivedLength === bytes.length);
    expect(lab.drops.count('impair-script')).to.equal(1);
    expect(same(server.received, bytes)).to.equal(true);
  });

  const vanished = [
    ['the neighbour too', 'EHOSTUNREACH', (): boolean => true],
    ['its TCP alone', 'ETIMEDOUT', (frame: Frame): boolean => segmentIn(frame) !== undefined],
  ] as const;
  for (const [name, error, dropIf] of vanished) {
    it(`a peer that vanishes, ${name}: a sender gives up, and its program is told ${error}`, () => {
      const { lab, client } = session();
      lab.impaired.outgoing.configure({ dropIf });
      client.write(patternBytes(5000));
      const time = within(lab, HOUR, 'it failed', () => client.error !== '');
      expect(client.error).to.equal(error);
      expect(time).to.be.within(100 * SECOND, 30 * MINUTE); // RFC 9293 §3.8.3: at least 100 s
    });
  }
});

describe('stack: no stalls of programs that go on writing', () => {
  for (const sack of [true, false]) {
    it(`a peer that vanishes, ${sack ? 'with' : 'without'} SACK: small writes, however often, put no time-out off`, () => {
      const { lab, client } = session({ config: { tcp: { sack } } });
      must(lab.a.calls.setsockopt(client.fd, IPPROTO_TCP, TCP_NODELAY, 1), 'setsockopt');
      lab.impaired.outgoing.configure({ dropIf: (frame) => segmentIn(frame) !== undefined });
      for (let i = 0; i < 30_000 && client.error === ''; i++) {
        client.write(patternBytes(1));
        lab.simulation.runFor(100 * MS);
      }
      expect(client.error).to.equal('ETIMEDOUT');
    });
  }
});

/** Drops the first segment that carries octet number `count` of the stream. */
function lastOctet(count: number): (frame: Frame) => boolean {
  let iss: number | undefined = undefined;
  let done = false;
  return (frame) => {
    const seen = segmentIn(frame);
    if (seen?.syn === true) iss ??= seen.seq;
    if (done || iss === undefined || seen === undefined || seen.length === 0) return false;
    done = ((seen.seq + seen.length - iss - 1) | 0) >= count;
    return done;
  };
}

describe('stack: no stalls when windows close', () => {
  const SMALL: Ends = { server: { receiveBuffer: 8192, reading: false } };
  const isUpdate = (seen: Seen): boolean => seen.length === 0 && !seen.syn && !seen.fin && seen.window > 0;

  /** A session whose server has not read, so that the window is closed and the sender has more. */
  function closedWindow(bytes: Uint8Array, options: Partial<TwoHostsOptions> = {}): Session {
    const made = session(options, SMALL);
    made.client.write(bytes);
    made.lab.simulation.runFor(SECOND);
    expect(made.client.info.sndWnd).to.equal(0);
    return made;
  }

  it('a small read opens nothing, half of the buffer opens it at once', () => {
    const { lab, client, server } = closedWindow(patternBytes(50_000));
    const arrived = server.info.bytesReceived;
    expect(server.readOnce(1)).to.equal(1);
    lab.simulation.runFor(100 * MS);
    expect(server.info.bytesReceived - arrived, 'RFC 9293 §3.8.6.2.2').to.be.at.most(1);
    expect(server.readOnce(arrived / 2)).to.equal(arrived / 2);
    within(lab, 100 * MS, 'the window opened', () => client.info.sndWnd > 0);
    server.reading = true;
    within(lab, 2 * SECOND, 'everything came', () => server.receivedLength === 50_000);
  });

  it('reads that always leave the window too small for an update end when the buffer is empty', () => {
    const { lab, client, server } = closedWindow(patternBytes(20_000));
    while (server.readOnce(500) > 0) lab.simulation.runFor(10 * MS);
    const end = (): boolean => {
      while (server.readOnce(500) > 0);
      return server.receivedLength === 20_000;
    };
    within(lab, 30 * SECOND, 'everything came', end);
    expect(client.drained).to.equal(true);
  });

  for (const count of [1, 2, 4]) {
    it(`window updates are lost, ${count} of them: probes find out`, () => {
      const { lab, server } = closedWindow(patternBytes(50_000));
      lab.impaired.incoming.configure({ dropIf: first(isUpdate, count) });
      server.reading = true;
      // The probes stand 0.2 s * 2^n apart.
      within(lab, 20 * SECOND, 'everything came', () => server.receivedLength === 50_000);
      expect(lab.drops.count('impair-script')).to.equal(count);
    });
  }

  it('probes are lost as well', () => {
    const { lab, server } = closedWindow(patternBytes(50_000));
    lab.impaired.outgoing.configure({ loss: 1 });
    lab.impaired.incoming.configure({ loss: 1 });
    server.reading = true;
    lab.simulation.runFor(10 * SECOND);
    lab.impaired.outgoing.configure({});
    lab.impaired.incoming.configure({});
    within(lab, MINUTE, 'everything came', () => server.receivedLength === 50_000);
  });

  it('a receiver that never reads keeps the connection for a day, and for a minute after it reads', () => {
    const bytes = patternBytes(50_000);
    const { lab, client, server } = closedWindow(bytes);
    lab.simulation.runFor(24 * HOUR);
    expect([client.error, client.info.state, server.info.state]).to.deep.equal(['', 'ESTABLISHED', 'ESTABLISHED']);
    server.reading = true;
    within(lab, 3 * MINUTE, 'everything came', () => server.receivedLength === bytes.length);
    expect(same(server.received, bytes)).to.equal(true);
  });

  it('a FIN behind a closed window arrives once it opens', () => {
    const { lab, client, server } = closedWindow(patternBytes(50_000));
    client.finish();
    lab.simulation.runFor(MINUTE);
    server.reading = true;
    within(lab, 3 * MINUTE, 'the end came', () => server.ended);
    expect(server.receivedLength).to.equal(50_000);
  });

  it('a closed sender behind a closed window that never opens ends at last, when the peer closes', () => {
    const { lab, client, server } = closedWindow(patternBytes(20_000));
    client.finish().close();
    lab.simulation.runFor(10 * MINUTE);
    server.close();
    expectAllGone(lab);
  });

  it('silly tiny reads make no silly segments', () => {
    const bytes = patternBytes(40_000);
    const { lab, client, server } = session({}, SMALL);
    client.write(bytes);
    const read = (): boolean => {
      server.readOnce(7);
      return server.receivedLength === bytes.length;
    };
    // 7 octets a millisecond.
    for (let i = 0; i < 10_000 && !read(); i++) lab.simulation.runFor(MS);
    expect(server.receivedLength).to.equal(bytes.length);
    expect(same(server.received, bytes)).to.equal(true);
    // Each of about half a buffer, and a probe now and then.
    expect(client.info.segmentsSent).to.be.below(80);
  });
});

describe('stack: no stalls of small writes', () => {
  for (const [name, noDelay, limit, most] of [
    ['with the Nagle algorithm', false, 2 * SECOND, 150],
    ['without it', true, SECOND, 1100],
  ] as const) {
    it(`1,000 writes of one octet, ${name}`, () => {
      const bytes = patternBytes(1000);
      const { lab, client, server } = session();
      if (noDelay) must(lab.a.calls.setsockopt(client.fd, IPPROTO_TCP, TCP_NODELAY, 1), 'setsockopt');
      for (let i = 0; i < bytes.length; i++) {
        client.write(bytes.subarray(i, i + 1));
        if (i % 10 === 0) lab.simulation.runFor(MS);
      }
      within(lab, limit, 'everything came', () => server.receivedLength === bytes.length);
      expect(same(server.received, bytes)).to.equal(true);
      expect(client.info.segmentsSent).to.be.below(most);
    });
  }

  it('write, write, read: costs at most the delayed ACK each', () => {
    const { lab, client, server } = session();
    const turns = 50;
    for (let turn = 1; turn <= turns; turn++) {
      client.write(patternBytes(100)).write(patternBytes(100));
      within(lab, 60 * MS, 'the request came', () => server.receivedLength === 200 * turn);
      server.write(patternBytes(300));
      within(lab, 60 * MS, 'the answer came', () => client.receivedLength === 300 * turn);
    }
  });

  it('a window below one segment', () => {
    const bytes = patternBytes(30_000);
    const { lab, client, server } = session({}, { server: { receiveBuffer: 1200 } });
    client.write(bytes);
    within(lab, 20 * SECOND, 'everything came', () => server.receivedLength === bytes.length);
    expect(same(server.received, bytes)).to.equal(true);
  });

  it('a send buffer below one segment', () => {
    const bytes = patternBytes(30_000);
    const { lab, client, server } = session({}, { client: { sendBuffer: 700 } });
    client.write(bytes);
    within(lab, 10 * SECOND, 'everything came', () => server.receivedLength === bytes.length);
  });
});
