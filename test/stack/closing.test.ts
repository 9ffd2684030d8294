/**
 * Whole stacks in virtual time: every way to open and close, and much at once; each ends by itself and leaves nothing behind.
 */
import { expect } from 'chai';
import { Errno } from '../../src/core/errno.ts';
import { HOUR, MINUTE, MS, SECOND } from '../../src/core/time.ts';
import { patternBytes } from '../../src/lab/transfer.ts';
import { AF_INET, SOCK_STREAM } from '../../src/socket/constants.ts';
import { connectTo, must, serve } from '../support/programs.ts';
import type { StreamEnd } from '../support/programs.ts';
import { PORT, expectAllGone, first, makeLab, same, session, within } from '../support/session.ts';
import type { Seen } from '../support/session.ts';

describe('stack: closing', () => {
  const DATA = patternBytes(100_000);

  it('half-close by the client: the server goes on sending', () => {
    const { lab, client, server } = session();
    client.finish();
    within(lab, SECOND, 'the server read the end', () => server.ended);
    lab.simulation.runFor(HOUR);
    server.write(DATA).finish();
    within(lab, SECOND, 'the client read everything', () => client.ended);
    expect(same(client.received, DATA)).to.equal(true);
    client.close();
    server.close();
    expectAllGone(lab);
  });

  it('half-close by the server: the client goes on sending', () => {
    const { lab, client, server } = session();
    server.finish();
    within(lab, SECOND, 'the client read the end', () => client.ended);
    lab.simulation.runFor(HOUR);
    client.write(DATA).finish();
    within(lab, SECOND, 'the server read everything', () => server.ended);
    expect(same(server.received, DATA)).to.equal(true);
    client.close();
    server.close();
    expectAllGone(lab);
  });

  it('simultaneous close: both go through CLOSING to TIME-WAIT', () => {
    const { lab, client, server } = session();
    client.finish();
    server.finish();
    lab.simulation.runFor(6 * MS);
    // Of what is in TIME-WAIT a socket knows no more than that it is closed.
    const states = (): string[] =>
      [lab.a, lab.b].flatMap(({ stack }) => [...stack.tcp.connections()].map(({ state }) => state));
    expect(states()).to.deep.equal(['CLOSING', 'CLOSING']);
    within(lab, SECOND, 'TIME-WAIT', () => states().every((state) => state === 'TIME-WAIT'));
    client.close();
    server.close();
    expectAllGone(lab);
  });

  it('simultaneous close, both FINs lost', () => {
    const isFin = (seen: Seen): boolean => seen.fin;
    const { lab, client, server } = session({
      impair: { outgoing: { dropIf: first(isFin) }, incoming: { dropIf: first(isFin) } },
    });
    client.finish();
    server.finish();
    within(lab, 3 * SECOND, 'both ended', () => client.ended && server.ended);
    client.close();
    server.close();
    expectAllGone(lab);
  });

  it('simultaneous open', () => {
    const lab = makeLab();
    const open = (from: 'a' | 'b', to: 'a' | 'b', port: number, toPort: number): number => {
      const { calls } = lab[from];
      const fd = must(calls.socket(AF_INET, SOCK_STREAM, 0), 'socket');
      must(calls.bind(fd, { address: lab[from].address, port }), 'bind');
      expect(calls.connect(fd, { address: lab[to].address, port: toPort })).to.equal(-Errno.EINPROGRESS);
      return fd;
    };
    // ARP first, so that both SYNs are under way at once.
    serve(lab.b, PORT, () => undefined);
    const warm = connectTo(lab.a, lab.b.address, PORT);
    within(lab, SECOND, 'ARP is done', () => warm.connected);
    const x = open('a', 'b', 1111, 2222);
    const y = open('b', 'a', 2222, 1111);
    const isUp = (): boolean =>
      lab.a.calls.connect(x, { address: lab.b.address, port: 2222 }) === 0 &&
      lab.b.calls.connect(y, { address: lab.a.address, port: 1111 }) === 0;
    within(lab, 3 * SECOND, 'both are connected', isUp);
    lab.a.calls.send(x, DATA.subarray(0, 100));
    const into = new Uint8Array(200);
    within(lab, SECOND, 'octets flow', () => lab.b.calls.recv(y, into) === 100);
  });

  it('SHLD-3: close with unread data resets the peer', () => {
    const { lab, client, server } = session({}, { server: { reading: false } });
    client.write(DATA.subarray(0, 1000));
    lab.simulation.runFor(SECOND);
    server.close();
    within(lab, SECOND, 'the client is told', () => client.error !== '');
    expect(client.error).to.equal('ECONNRESET');
    client.close();
    expectAllGone(lab);
  });

  it('SHLD-3: data that comes after close resets the peer', () => {
    const { lab, client, server } = session();
    server.close();
    within(lab, SECOND, 'the client read the end', () => client.ended);
    client.write(DATA.subarray(0, 1000));
    lab.simulation.runFor(SECOND);
    client.write(DATA.subarray(0, 1000));
    within(lab, SECOND, 'the client is told', () => client.error !== '');
    expect(client.error).to.be.oneOf(['ECONNRESET', 'EPIPE']);
    client.close();
    expectAllGone(lab);
  });

  it('a peer that never closes: FIN-WAIT-2 ends', () => {
    const { lab, client, server } = session();
    client.close();
    lab.simulation.runFor(2 * MINUTE);
    expect([...lab.a.stack.tcp.connections()]).to.deep.equal([]);
    server.write(DATA);
    within(lab, SECOND, 'the server is told', () => server.info.state === 'CLOSED');
    server.close();
    expectAllGone(lab);
  });
});

describe('stack: much at once', () => {
  it('both sides send in bulk over a bad line', () => {
    const loss = { loss: 0.02, reordering: 0.02, duplication: 0.01 };
    const there = patternBytes(1_000_000, 1);
    const back = patternBytes(1_000_000, 2);
    const { lab, client, server } = session({ impair: { outgoing: loss, incoming: loss } });
    client.write(there).finish();
    server.write(back).finish();
    within(lab, 5 * MINUTE, 'both have everything', () => client.ended && server.ended);
    expect(same(server.received, there) && same(client.received, back)).to.equal(true);
    client.close();
    server.close();
    expectAllGone(lab);
  });

  it('500 connections at once over a lossy line', () => {
    const lab = makeLab({
      impair: { outgoing: { loss: 0.03 }, incoming: { loss: 0.03 } },
      record: { frames: 50, octets: 0 },
    });
    const served: StreamEnd[] = [];
    serve(lab.b, PORT, (end) => served.push(end), { backlog: 1000 });
    lab.simulation.program('b', () => {
      for (const end of served) {
        if (end.closed || !end.ended) continue;
        end.write(end.received).finish();
        if (end.drained) end.close();
      }
    });
    const clients = Array.from({ length: 500 }, (_, i) =>
      connectTo(lab.a, lab.b.address, PORT)
        .write(patternBytes(500 + 10 * i, i))
        .finish(),
    );
    // A SYN that is lost six times in a row is not expected among 500: 127 s would pass.
    within(lab, 5 * MINUTE, 'all have ended', () => clients.every((end) => end.ended || end.error !== ''));
    expect(clients.filter((end) => end.error !== '').map((end) => end.error)).to.deep.equal([]);
    clients.forEach((end, i) => {
      expect(same(end.received, patternBytes(500 + 10 * i, i)), `connection ${i}`).to.equal(true);
      end.close();
    });
    expectAllGone(lab);
  });
});
