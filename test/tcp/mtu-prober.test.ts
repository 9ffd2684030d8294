import { expect } from 'chai';
import type { TcpConfig } from '../../src/core/config.ts';
import { MINUTE, MS, SECOND } from '../../src/core/time.ts';
import { Scene, inState } from '../support/tcp-scene.ts';
import type { Sent } from '../support/tcp-scene.ts';

/** Every transmission of something in the scene takes this long to be acknowledged (us). */
const ROUND_TRIP = 20 * MS;

/** A connection that begins with small segments (1,024 octets) on a path of 1,500, and wants to send a lot. */
function probing(sack: boolean, tcp: Partial<TcpConfig> = {}): Scene {
  const s = new Scene({ sack, mtuProbing: 'always', rtoMin: 1 * SECOND, ...tcp }).connect().advance(ROUND_TRIP);
  s.deliver(`<SEQ=300><ACK=101><CTL=SYN,ACK><MSS=1460>${sack ? '<SACKOK=1>' : ''}`).take();
  s.write(200_000);
  s.poll();
  return s;
}

const isProbe = ({ reason }: Sent): boolean => reason === 'path MTU probe';
const last = (sent: readonly Sent[]): Sent => sent.at(-1)!;
const endOf = ({ seq, data }: Sent): number => seq + data.length;

/** A peer that acknowledges everything after a round trip, until a probe comes. Returns what was sent then. */
function untilProbe(s: Scene): Sent[] {
  for (let round = 0; round < 200; round++) {
    const sent = s.take();
    if (sent.some(isProbe)) return sent;
    s.write(100_000);
    s.advance(ROUND_TRIP);
    if (sent.length > 0) s.deliver(`<SEQ=301><ACK=${endOf(last(sent))}><CTL=ACK>`);
  }
  throw new Error('no probe');
}

/** The probe of `sent` is lost, what follows arrives: the duplicate ACKs for it. Returns what was sent in answer. */
function loseProbe(s: Scene, sent: readonly Sent[], sack: boolean): Sent[] {
  const probe = sent.find(isProbe)!;
  const following = [...sent.slice(sent.indexOf(probe) + 1)];
  s.advance(ROUND_TRIP).deliver(`<SEQ=301><ACK=${probe.seq}><CTL=ACK>`);
  following.push(...s.take());
  s.advance(ROUND_TRIP);
  for (const segment of following) {
    s.deliver(`<SEQ=301><ACK=${probe.seq}><CTL=ACK>${sack ? `<SACK=${endOf(probe)}-${endOf(segment)}>` : ''}`);
  }
  s.advance(10 * MS); // a reordering window
  return s.take();
}

describe('tcp/mtu-prober (RFC 4821)', () => {
  for (const sack of [true, false]) {
    describe(sack ? 'with SACK' : 'without SACK', () => {
      it("§7.2: 'always' begins with segments of 1,024 octets; §7.5: a probe is one segment, of data that is due anyway", () => {
        const sent = probing(sack).take();
        expect(sent.map(({ data, gsoSize, reason }) => [data.length, gsoSize, reason])).to.deep.equal([
          [1460, 0, 'path MTU probe'],
          ...Array.from({ length: 8 }, () => [1024, 0, 'new data']),
        ]);
        expect(endOf(sent[0]!)).to.equal(sent[1]!.seq);
      });

      it('§7.6.1: once a probe is acknowledged all segments have its size', () => {
        const s = probing(sack);
        const probe = untilProbe(s).find(isProbe)!;
        s.advance(ROUND_TRIP).deliver(`<SEQ=301><ACK=${endOf(probe)}><CTL=ACK>`);
        expect(s.conn.info().mss).to.equal(1460);
        expect(s.take().every(({ data }) => data.length <= 1460)).to.equal(true);
      });

      it('§7.6.2: when nothing but a probe is lost, that is no sign of congestion: it goes out again in pieces', () => {
        const s = probing(sack);
        const sent = untilProbe(s);
        const probe = sent.find(isProbe)!;
        const again = loseProbe(s, sent, sack).filter(({ seq }) => seq < endOf(probe));
        expect(again.map(({ seq, data }) => [seq - probe.seq, data.length])).to.deep.equal([
          [0, 1024],
          [1024, 436],
        ]);
        const { ssthresh, timeouts, mss } = s.conn.info();
        expect({ ssthresh, timeouts, mss }).to.deep.equal({ ssthresh: Infinity, timeouts: 0, mss: 1024 });
      });

      it('§7.6.2: after a failure no probe for as many round trips as cwnd has segments; §7.3: the next is halfway', () => {
        const s = probing(sack);
        const sent = untilProbe(s);
        loseProbe(s, sent, sack);
        const failed = s.now;
        const { cwnd, srtt } = s.conn.info();
        s.deliver(`<SEQ=301><ACK=${100 + s.conn.info().bytesSent - 1460}><CTL=ACK>`);
        const next = untilProbe(s).find(isProbe)!;
        expect(next.data.length).to.equal((1024 + 1459 + 1) >> 1);
        expect(s.now - failed).to.be.greaterThan((Math.floor(cwnd / 1024) - 6) * srtt!);
      });

      it('§7.6.3: a probe that a time-out ends has failed too', () => {
        const s = probing(sack);
        const sent = untilProbe(s);
        const probe = sent.find(isProbe)!;
        s.deliver(`<SEQ=301><ACK=${probe.seq}><CTL=ACK>`).take();
        s.advance(3 * SECOND);
        expect(s.conn.info().timeouts).to.be.greaterThan(0);
        const again = s.take().filter(({ seq, reason }) => seq === probe.seq && reason !== 'tail loss probe');
        expect(again[0]!.data.length).to.equal(1024);
        expect(s.conn.info().mss).to.equal(1024);
      });

      it('§7.4: no probe without enough to send after it, nor amid urgent data', () => {
        const short = new Scene({ sack, mtuProbing: 'always' }).connect();
        short.deliver(`<SEQ=300><ACK=101><CTL=SYN,ACK><MSS=1460>${sack ? '<SACKOK=1>' : ''}`).take();
        short.write(10 * 1024 + 1460 + 3 * 1024);
        const first = short.poll().take();
        short.advance(ROUND_TRIP).deliver(`<SEQ=301><ACK=${endOf(last(first))}><CTL=ACK>`);
        expect(short.take().some(isProbe)).to.equal(false);

        const urgent = probing(sack);
        urgent.conn.sendUrgent(new Uint8Array(1), 0, 1);
        const sent = urgent.take();
        urgent.advance(ROUND_TRIP).deliver(`<SEQ=301><ACK=${endOf(last(sent))}><CTL=ACK>`);
        expect(urgent.take().some(isProbe)).to.equal(false);
      });

      it('§7.4: no probe in a window of the peer that is too small for what must follow', () => {
        const s = new Scene({ sack, mtuProbing: 'always' }).connect();
        s.window = 5 * 1024;
        s.deliver(`<SEQ=300><ACK=101><CTL=SYN,ACK><MSS=1460>${sack ? '<SACKOK=1>' : ''}`).take();
        s.write(100_000);
        s.poll();
        for (let round = 0; round < 10; round++) {
          const sent = s.take();
          expect(sent.some(isProbe)).to.equal(false);
          s.advance(ROUND_TRIP).deliver(`<SEQ=301><ACK=${endOf(last(sent))}><CTL=ACK>`);
        }
      });

      it('1191-3-b, §7.3: when the search is over the next begins after 10 minutes', () => {
        const s = probing(sack, { mtuProbeThreshold: 500 });
        const sent = untilProbe(s);
        loseProbe(s, sent, sack);
        s.deliver(`<SEQ=301><ACK=${100 + s.conn.info().bytesSent - 1460}><CTL=ACK>`);
        const failed = s.now;
        let probe: Sent | undefined = undefined;
        for (let minute = 0; minute < 30 && probe === undefined; minute++) {
          s.write(50_000);
          s.poll();
          for (let sent = s.take(); sent.length > 0; sent = s.take()) {
            probe ??= sent.find(isProbe);
            s.advance(ROUND_TRIP).deliver(`<SEQ=301><ACK=${endOf(last(sent))}><CTL=ACK>`);
          }
          s.advance(1 * MINUTE);
        }
        expect(probe!.data.length).to.equal(1460);
        expect(s.now - failed).to.be.within(10 * MINUTE, 13 * MINUTE);
      });
    });
  }

  it('§7.6.4: a probe lost together with something else tells nothing; that is congestion', () => {
    const s = probing(true);
    const sent = untilProbe(s);
    const probe = sent.find(isProbe)!;
    const after = sent[sent.indexOf(probe) + 1]!;
    s.advance(ROUND_TRIP).deliver(`<SEQ=301><ACK=${probe.seq}><CTL=ACK>`);
    const end = endOf(last([...sent, ...s.take()]));
    s.advance(ROUND_TRIP).deliver(`<SEQ=301><ACK=${probe.seq}><CTL=ACK><SACK=${endOf(after)}-${end}>`);
    s.advance(10 * MS);
    expect(s.conn.info().ssthresh).to.be.lessThan(Infinity);
    expect(s.conn.info().mss).to.equal(1024);
  });
});

describe('tcp/black-hole (RFC 4821 §7.7)', () => {
  it('at R1 segments become 1,024 octets long, and then half as long: what fits config.ip.minPathMtu', () => {
    const s = inState('ESTABLISHED');
    s.write(30_000);
    s.poll();
    s.advance(20 * MINUTE);
    const sizes = [...new Set(s.take().map(({ data }) => data.length))];
    expect(sizes).to.deep.equal([1460, 1024, 512]);
  });

  it('what is outstanding fits already: then it is not the size that is wrong', () => {
    const s = inState('ESTABLISHED');
    s.write(1000);
    s.poll().advance(1 * MINUTE);
    expect(s.conn.info().timeouts).to.be.greaterThan(4);
    expect(s.conn.info().mss).to.equal(1460);
  });

  it('with a lower config.ip.minPathMtu they go on to become smaller', () => {
    const s = new Scene({}, { ip: { minPathMtu: 108 } }).connect().deliver('<SEQ=300><ACK=101><CTL=SYN,ACK><MSS=1460>');
    s.write(30_000);
    s.poll().take();
    s.advance(20 * MINUTE);
    const sizes = [...new Set(s.take().map(({ data }) => data.length))];
    expect(sizes).to.deep.equal([1460, 1024, 512, 256, 128, 68]);
  });

  it('where small segments have got through meanwhile, the next full stop does not make them smaller', () => {
    const s = inState('ESTABLISHED');
    s.write(30_000);
    s.poll().advance(5 * SECOND);
    expect(s.conn.info().mss).to.equal(512);
    s.deliver('<SEQ=301><ACK=613><CTL=ACK>');
    while (s.conn.sender.retries < 3) s.advance(100 * MS);
    expect(s.conn.info().mss).to.equal(512);
  });

  it("'off' leaves the size as it is", () => {
    const s = inState('ESTABLISHED', { mtuProbing: 'off' });
    s.write(30_000);
    s.poll().take();
    s.advance(1 * MINUTE);
    expect(new Set(s.take().map(({ data }) => data.length))).to.deep.equal(new Set([1460]));
  });

  it('a SYN that is not answered says nothing about sizes', () => {
    const s = inState('SYN-SENT').advance(1 * MINUTE);
    expect(s.conn.sender.mtuProber).to.equal(undefined);
  });

  it('once something gets through again, larger segments are tried', () => {
    const s = inState('ESTABLISHED');
    s.write(100_000);
    s.poll().advance(2 * SECOND);
    expect(s.conn.info().mss).to.equal(1024);
    s.take();
    let end = 101 + 1024;
    for (let round = 0; round < 40 && s.conn.info().mss === 1024; round++) {
      s.deliver(`<SEQ=301><ACK=${end}><CTL=ACK>`);
      const sent = s.take();
      end = Math.max(end, ...sent.map(endOf));
      s.advance(ROUND_TRIP);
    }
    expect(s.conn.info().mss).to.equal(1460);
  });
});
