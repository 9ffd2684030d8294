/** TCP_INFO's answer to «why is it slow»: what holds a sender back, the time that took, and the rates. */
import { expect } from 'chai';
import type { TcpConfig } from '../../src/core/config.ts';
import { MS, SECOND } from '../../src/core/time.ts';
import type { SendLimit } from '../../src/tcp/service.ts';
import { Flow, path } from '../support/flows.ts';

const MBIT = 1_000_000;

describe('tcp/send-limit', () => {
  const rows: [limit: SendLimit, why: string, congestion: string, tcp: Partial<TcpConfig>][] = [
    ['cwnd', 'a line that is slower than the windows are large', 'cubic', { pacing: 'off' }],
    ['rwnd', 'a small receive buffer', 'cubic', { receiveBuffer: 20_000 }],
    ['sndbuf', 'a small send buffer', 'cubic', { sendBuffer: 20_000 }],
    ['pacing', 'BBR', 'bbr', {}],
  ];
  for (const [limit, why, congestion, tcp] of rows) {
    it(`${limit}: ${why}`, () => {
      const lab = path({ bandwidth: 20 * MBIT, delay: 20 * MS, queue: { frames: 60 } }, {}, { tcp });
      const flow = new Flow(lab, congestion);
      lab.simulation.runFor(2 * SECOND);
      const seen = new Map<SendLimit, number>();
      for (let i = 0; i < 100; i++) {
        lab.simulation.runFor(10 * MS);
        const { limitedBy } = flow.info;
        seen.set(limitedBy, (seen.get(limitedBy) ?? 0) + 1);
      }
      expect(seen.get(limit), JSON.stringify([...seen])).to.be.above(90);
      const { busyTime, rwndLimited, sndbufLimited } = flow.info;
      expect(busyTime).to.be.within(2.9 * SECOND, 3 * SECOND);
      if (limit === 'rwnd') expect(rwndLimited).to.be.within(2.5 * SECOND, busyTime);
      else expect(rwndLimited).to.be.below(0.2 * SECOND);
      if (limit === 'sndbuf') expect(sndbufLimited).to.be.within(2.5 * SECOND, busyTime);
      else expect(sndbufLimited).to.be.below(0.2 * SECOND);
    });
  }

  it('app: a program that has said all', () => {
    const lab = path({ bandwidth: 20 * MBIT, delay: 20 * MS });
    const flow = new Flow(lab, 'cubic', 5001, 100_000);
    lab.simulation.runFor(10 * SECOND);
    const { limitedBy, busyTime, unsent } = flow.info;
    expect([limitedBy, unsent, flow.received]).to.deep.equal(['app', 0, 100_000]);
    expect(busyTime).to.be.within(100 * MS, 500 * MS);
  });

  for (const congestion of ['cubic', 'bbr']) {
    it(`deliveryRate is that of the line, with ${congestion}`, () => {
      const lab = path({ bandwidth: 20 * MBIT, delay: 20 * MS, queue: { frames: 100 } });
      const flow = new Flow(lab, congestion);
      expect(flow.info.deliveryRate).to.equal(undefined);
      lab.simulation.runFor(4 * SECOND);
      expect(flow.info.deliveryRate! * 8).to.be.within(0.75 * 20 * MBIT, 20 * MBIT);
    });
  }

  it('pacingRate is what congestion control gives, if it does', () => {
    const lab = path({ bandwidth: 20 * MBIT, delay: 20 * MS, queue: { frames: 100 } }, {}, { tcp: { pacing: 'off' } });
    const flow = new Flow(lab, 'cubic');
    lab.simulation.runFor(2 * SECOND);
    expect(flow.info.pacingRate).to.equal(undefined);
    flow.setCongestion('bbr');
    lab.simulation.runFor(4 * SECOND);
    expect(flow.info.pacingRate! * 8).to.be.within(0.7 * 20 * MBIT, 1.3 * 20 * MBIT);
  });
});
