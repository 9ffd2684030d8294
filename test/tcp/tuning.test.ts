/**
 * Buffers that tune themselves: receive (dynamic right-sizing, as Linux tcp_rcv_space_adjust) and send (tcp_sndbuf_expand).
 */
import { expect } from 'chai';
import type { ConfigOverrides } from '../../src/core/config.ts';
import { MS, SECOND } from '../../src/core/time.ts';
import { twoHosts } from '../../src/lab/topology.ts';
import type { TwoHosts } from '../../src/lab/topology.ts';
import { patternBytes, transfer } from '../../src/lab/transfer.ts';
import { SOL_SOCKET, SO_RCVBUF, SO_SNDBUF } from '../../src/socket/constants.ts';
import { session, within } from '../support/session.ts';
import { Scene, inState } from '../support/tcp-scene.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const MSS = 1460;

/** An established connection with a tuned buffer of at most `receiveBuffer`. */
const tuned = (receiveBuffer = 6 * MIB): Scene => inState('ESTABLISHED', { tuneBuffers: true, receiveBuffer });

/** A round trip of 100 ms: `segments` come at its beginning, the program reads `read` of their octets at its end. */
function round(s: Scene, from: number, segments: number, read: number): number {
  for (let i = 0; i < segments; i++) s.deliver(`<SEQ=${from + i * MSS}><ACK=101><CTL=ACK><DATA=${MSS}>`);
  s.advance(100 * MS);
  if (read > 0) s.read(read);
  s.poll();
  s.take();
  return from + segments * MSS;
}

const long = (tuneBuffers: boolean, more: ConfigOverrides['tcp'] = {}): TwoHosts =>
  twoHosts({
    seed: 1,
    delay: 50 * MS,
    bandwidth: 100_000_000,
    config: { tcp: { sack: true, receiveBuffer: 6 * MIB, sendBuffer: 6 * MIB, ...more, tuneBuffers } },
    record: { frames: 1, octets: 0 },
  });

describe('receive buffer', () => {
  it('begins with 64 KiB and grows with what the program takes in a round trip', () => {
    const s = tuned();
    const sizes = [s.conn.info().receiveBuffer];
    let at = 301;
    for (const segments of [10, 20, 40, 40, 40]) {
      at = round(s, at, segments, segments * MSS);
      sizes.push(s.conn.info().receiveBuffer);
    }
    expect(sizes[0]).to.equal(64 * KIB);
    expect(sizes.at(-1)).to.be.above(2 * 40 * MSS);
    for (let i = 1; i < sizes.length; i++) expect(sizes[i]).to.be.at.least(sizes[i - 1]!);
    // Steady by then: no growth without more to read.
    expect(sizes.at(-1)).to.equal(sizes.at(-2));
  });

  it('does not grow for a program that does not read, nor for one that reads slowly', () => {
    for (const read of [0, 7000]) {
      const { lab, client, server } = session({ delay: 50 * MS }, { server: { reading: false } });
      client.write(patternBytes(500_000));
      for (let i = 0; i < 30; i++) {
        lab.simulation.runFor(100 * MS);
        if (read > 0) server.readOnce(read);
      }
      expect(server.info.receiveBuffer).to.equal(64 * KIB);
      server.reading = true;
      within(lab, 20 * SECOND, 'everything came', () => server.receivedLength === 500_000);
    }
  });

  it('stays within config.tcp.receiveBuffer', () => {
    const s = tuned(100_000);
    let at = 301;
    for (let i = 0; i < 10; i++) at = round(s, at, 40, 40 * MSS);
    expect(s.conn.info().receiveBuffer).to.equal(100_000);
  });

  it('SHLD-14: a window that was offered stays offered while the buffer grows', () => {
    const s = tuned();
    let at = 301;
    let edge = 0;
    for (let segments = 5; segments < 45; segments += 3) {
      at = round(s, at, segments, Math.floor((segments * MSS) / (1 + (segments % 2))));
      const { rcvNxt, rcvWnd } = s.conn.tcb;
      expect(rcvNxt + rcvWnd).to.be.at.least(edge);
      edge = rcvNxt + rcvWnd;
    }
  });

  for (const timestamps of [true, false]) {
    it(`fills a path of 100 ms and 100 Mbit/s like a large buffer does, timestamps ${timestamps ? 'on' : 'off'}`, () => {
      const bytes = patternBytes(4 * MIB);
      const [small, large] = [true, false].map((tune) => {
        const lab = long(tune, { timestamps });
        const { error, goodput } = transfer(lab.simulation, lab.a, lab.b, bytes);
        expect(error).to.equal('');
        return goodput;
      }) as [number, number];
      expect(small / large).to.be.above(0.96);
    }).timeout(60_000);
  }

  it('SO_RCVBUF turns it off, for what a listener accepts as well', () => {
    const { lab, client, server } = session({}, { server: { receiveBuffer: 20_000 } });
    expect(server.info.receiveBuffer).to.equal(20_000);
    client.write(patternBytes(500_000));
    within(lab, 20 * SECOND, 'everything came', () => server.receivedLength === 500_000);
    expect(server.info.receiveBuffer).to.equal(20_000);
    expect(lab.b.calls.getsockopt(server.fd, SOL_SOCKET, SO_RCVBUF)).to.equal(40_000);
  });

  it('TCP_WINDOW_CLAMP bounds what is offered', () => {
    const s = inState('ESTABLISHED');
    s.conn.setOptions({ windowClamp: 5000 });
    for (let at = 301; at < 301 + 100 * 1000; at += 1000) {
      s.deliver(`<SEQ=${at}><ACK=101><CTL=ACK><DATA=1000>`);
      s.read();
      s.poll();
    }
    expect(s.conn.tcb.rcvWnd).to.be.within(4000, 5000);
  });

  // As Linux 6.18 offers them: window and shift of a SYN.
  for (const [windowClamp, window, shift] of [
    [1152, 1152, 0],
    [2000, 2000, 0],
    [100_000, 65_535, 1],
    [1_000_000, 65_535, 4],
  ] as const) {
    it(`TCP_WINDOW_CLAMP ${windowClamp} bounds what both SYNs offer`, () => {
      const buffers = { receiveBuffer: 6_000_000, windowClamp };
      const config = { windowScaling: true };
      const client = new Scene(config).connect(buffers).take()[0]!;
      const server = new Scene(config).listen(5, buffers).deliver('<SEQ=300><CTL=SYN><WS=7>').take()[0]!;
      for (const sent of [client, server]) expect([sent.window, sent.windowScale]).to.deep.equal([window, shift]);
    });
  }
});

describe('send buffer', () => {
  it('is twice the congestion window, and grows with it while the program has more', () => {
    const s = inState('ESTABLISHED', { tuneBuffers: true });
    expect(s.conn.info().sendBuffer).to.equal(20 * MSS);
    expect(s.write(100 * MSS)).to.equal(20 * MSS);
    s.poll().deliver(`<SEQ=301><ACK=${101 + 10 * MSS}><CTL=ACK>`);
    expect(s.conn.info().cwnd).to.equal(20 * MSS);
    expect(s.conn.info().sendBuffer).to.equal(40 * MSS);
  });

  it('does not grow for a program that has nothing more to send', () => {
    const s = inState('ESTABLISHED', { tuneBuffers: true });
    let una = 101;
    for (let i = 0; i < 20; i++) {
      s.write(12 * MSS);
      s.poll().deliver(`<SEQ=301><ACK=${(una += 12 * MSS)}><CTL=ACK>`);
    }
    expect(s.conn.info().sendBuffer).to.equal(20 * MSS);
  });

  it('holds twice what is outstanding while the repair of a loss keeps SND.UNA where it is', () => {
    const s = new Scene({ sack: true, tuneBuffers: true }).connect();
    s.deliver(`<SEQ=300><ACK=101><CTL=SYN,ACK><MSS=${MSS}><SACKOK=1><WIN=65000>`).poll().take();
    expect(s.write(100 * MSS)).to.equal(20 * MSS);
    s.poll();
    // All but the first segment arrives, however often it is sent.
    let highest = 0;
    for (let i = 0; i < 40; i++) {
      for (const { seq, data } of s.take()) highest = Math.max(highest, seq + data.length);
      s.deliver(`<SEQ=301><ACK=101><CTL=ACK><WIN=65000><SACK=${101 + MSS}-${highest}>`);
      s.write(100 * MSS);
      s.poll();
    }
    const { flightSize, sendBuffer, cwnd } = s.conn.info();
    expect(flightSize).to.be.above(3 * cwnd);
    expect(sendBuffer).to.be.at.least(2 * (flightSize - cwnd));
  });

  it('stays within config.tcp.sendBuffer', () => {
    const s = inState('ESTABLISHED', { tuneBuffers: true, sendBuffer: 50_000 });
    s.write(1_000_000);
    s.poll().deliver(`<SEQ=301><ACK=${101 + 10 * MSS}><CTL=ACK>`);
    expect(s.conn.info().sendBuffer).to.equal(50_000);
  });

  it('holds little more than the path does: a queue in the host helps nobody', () => {
    const lab = long(true, { receiveBuffer: 200_000 });
    let most = 0;
    const bytes = patternBytes(4 * MIB);
    lab.impaired.outgoing.configure({
      dropIf: () => {
        for (const { unsent } of lab.a.stack.tcp.connections()) most = Math.max(most, unsent);
        return false;
      },
    });
    expect(transfer(lab.simulation, lab.a, lab.b, bytes).error).to.equal('');
    // The window of the receiver keeps cwnd from growing further.
    expect(most).to.be.below(1_000_000);
  });

  it('is as large for all when memory is short, in whole segments, and grows again afterwards', () => {
    const s = inState('ESTABLISHED', { tuneBuffers: true, memoryLimit: 300 * KIB });
    const { buffers } = s.context;
    const others = Array.from({ length: 8 }, () => buffers.take(32 * KIB));
    expect(buffers.underPressure).to.equal(true);
    expect(s.write(100 * MSS)).to.equal(20 * MSS);
    s.poll().deliver(`<SEQ=301><ACK=${101 + 10 * MSS}><CTL=ACK>`);
    // 200 KiB for nine.
    expect(s.conn.info().sendBuffer).to.equal(Math.floor((16 * KIB) / MSS) * MSS);
    for (const buffer of others) buffers.give(buffer);
    s.write(100 * MSS);
    s.poll().deliver(`<SEQ=301><ACK=${101 + 20 * MSS}><CTL=ACK>`);
    expect(buffers.underPressure).to.equal(false);
    expect(s.conn.info().sendBuffer).to.be.at.least(20 * MSS);
  });

  it('SO_SNDBUF turns it off', () => {
    const { lab, client, server } = session({}, { client: { sendBuffer: 30_000 } });
    client.write(patternBytes(500_000));
    within(lab, 20 * SECOND, 'everything came', () => server.receivedLength === 500_000);
    expect(client.info.sendBuffer).to.equal(30_000);
    expect(lab.a.calls.getsockopt(client.fd, SOL_SOCKET, SO_SNDBUF)).to.equal(60_000);
  });
});
