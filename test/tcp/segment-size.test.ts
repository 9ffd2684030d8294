/**
 * How large a segment may be, down to the smallest MTU that IP allows. RFC 9293 §3.7.1, RFC 1191 §6.
 */
import { expect } from 'chai';
import { MSS_FLOOR, effectiveMss } from '../../src/tcp/segment-size.ts';
import { Tcb } from '../../src/tcp/tcb.ts';
import { FakePath } from '../support/tcp-ip.ts';
import { HERE, Scene, THERE } from '../support/tcp-scene.ts';

describe('segments on paths with the smallest MTUs', () => {
  for (const mtu of [68, 69, 80, 88, 99, 100, 296, 576]) {
    for (const timestamps of [false, true]) {
      it(`MUST-16, MUST-67, SHLD-6: MTU ${mtu}${timestamps ? ', timestamps' : ''}: no segment is longer than the path carries`, () => {
        const s = new Scene({ timestamps });
        s.ip.mtu = mtu;
        const lengths: number[] = [];
        const { take } = s.ip;
        s.ip.take = (frame, path, options, now) => {
          lengths.push(frame.length + path.headerLength);
          return take(frame, path, options, now);
        };
        const ts = timestamps ? '<TS=1,0>' : '';
        s.connect().deliver(`<SEQ=300><ACK=101><CTL=SYN,ACK><MSS=1460>${ts}`);
        expect(s.take()[0]!.mss).to.equal(mtu - 40);
        s.write(1000);
        s.poll();
        let got = 0;
        while (got < 1000) {
          const sent = s.take();
          expect(sent.length, 'progress').to.be.above(0);
          for (const { data } of sent) got += data.length;
          s.deliver(`<SEQ=301><ACK=${101 + got}><CTL=ACK>${ts}`);
        }
        expect(Math.max(...lengths)).to.be.at.most(mtu);
        expect(Math.max(...lengths)).to.equal(mtu);
      });
    }
  }

  it('MUST-16: a peer with the smallest MTU is believed, one that names less is not', () => {
    const tcb = new Tcb(HERE, 1, THERE, 2);
    const path = new FakePath(HERE, THERE);
    const rows: [number, number][] = [
      [1460, 1460],
      [536, 536],
      [28, 28],
      [8, MSS_FLOOR],
      [1, MSS_FLOOR],
    ];
    for (const [mss, effective] of rows) {
      tcb.sendMss = mss;
      expect(effectiveMss(tcb, path, 0), `MSS ${mss}`).to.equal(effective);
    }
  });
});
