import { expect } from 'chai';
import { MS, micros } from '../../src/core/time.ts';
import type { Micros } from '../../src/core/time.ts';
import { AckTrain } from '../../src/tcp/ack-train.ts';

const SRTT = micros(40 * MS);
const ms = (time: number): Micros => micros(time * MS);

describe('tcp/ack-train', () => {
  it('is as long as ACKs come at most an eighth of SRTT apart', () => {
    const train = new AckTrain();
    expect(train.length).to.equal(0);
    for (const at of [100, 105, 108]) train.onAck(SRTT, ms(at));
    expect(train.length).to.equal(8 * MS);
    train.onAck(SRTT, ms(113.001));
    expect(train.length, 'after a pause').to.equal(0);
    train.onAck(SRTT, ms(114.001));
    expect(train.length).to.equal(1 * MS);
  });

  it('begins anew with a round trip', () => {
    const train = new AckTrain();
    for (const at of [100, 104]) train.onAck(SRTT, ms(at));
    train.onRound(ms(104));
    expect(train.length).to.equal(0);
    train.onAck(SRTT, ms(107));
    expect(train.length).to.equal(3 * MS);
  });
});
