/** draft-cheng-iccrg-delivery-rate-estimation-00, by hand: what is sent when, what is delivered when, and the rate that tells. */
import { expect } from 'chai';
import { MS, NEVER, micros } from '../../src/core/time.ts';
import type { Micros } from '../../src/core/time.ts';
import { DeliveryRate, MAX_SEND_RECORDS } from '../../src/tcp/delivery-rate.ts';
import { seqNum } from '../../src/tcp/seq.ts';

const ms = (value: number): Micros => micros(value * MS);
/** 1000 octets in a millisecond. */
const PER_MS = 1_000_000;

class Bench {
  readonly rate = new DeliveryRate();
  #end = 0xffff_f000; // crosses the wrap
  #una = this.#end;
  #outstanding = 0;

  send(octets: number, at: number): this {
    this.#end += octets;
    this.rate.onSent(seqNum(this.#end), this.#outstanding === 0, ms(at));
    this.#outstanding += octets;
    return this;
  }

  /** `octets` are acknowledged, the latest of which were sent at `sentAt`. */
  ack(octets: number, sentAt: number, at: number): number {
    this.#una += octets;
    this.#outstanding -= octets;
    this.rate.sample.rtt = micros(sentAt < 0 ? 0 : ms(at) - ms(sentAt));
    this.rate.onAck(octets, sentAt < 0 ? sentAt : ms(sentAt), seqNum(this.#una), ms(at));
    return this.rate.sample.rate;
  }

  /** The same without records of what is outstanding. */
  ackBySequence(octets: number, rtt: number, at: number): number {
    this.#una += octets;
    this.#outstanding -= octets;
    this.rate.sample.rtt = ms(rtt);
    this.rate.onAck(octets, NEVER, seqNum(this.#una), ms(at));
    return this.rate.sample.rate;
  }
}

describe('tcp/delivery-rate', () => {
  it('a burst that the path spreads: the rate is that of the ACKs', () => {
    const bench = new Bench().send(10_000, 0);
    // Round trip 20 ms, then 1000 octets a millisecond.
    const rates = [];
    for (let i = 0; i < 10; i++) rates.push(bench.ack(1000, 0, 20 + i));
    // Over the round trip of the burst, so it rises towards the rate of the path and never beyond.
    expect(rates.at(-1)).to.be.closeTo((10_000 / 29) * 1000, 1);
    expect(Math.max(...rates)).to.be.below(PER_MS);
  });

  it('sent at the rate of the path: the rate is that, however the ACKs come', () => {
    const bench = new Bench();
    for (let i = 0; i < 60; i++) {
      bench.send(1000, i);
      // From 20 ms on what was sent 20 ms ago is acknowledged; two by two.
      if (i >= 21 && i % 2 === 1) bench.ack(2000, i - 20, i);
    }
    expect(bench.rate.last).to.be.closeTo(PER_MS, PER_MS / 20);
  });

  it('ACKs that were squeezed together do not raise it above the rate of sending', () => {
    const bench = new Bench();
    for (let i = 0; i < 40; i++) bench.send(1000, i);
    let most = 0;
    for (let i = 0; i < 40; i++) most = Math.max(most, bench.ack(1000, i, 60));
    expect(most).to.be.at.most(PER_MS);
  });

  it('an interval below the least round trip gives no rate', () => {
    const bench = new Bench().send(1000, 0);
    bench.ack(1000, 0, 20);
    bench.send(1000, 20);
    bench.rate.sample.rtt = micros(0);
    bench.rate.onAck(500, ms(20), seqNum(0), ms(25));
    expect(bench.rate.sample.rate).to.equal(0);
    expect(bench.rate.sample.priorDelivered).to.equal(1000); // the round trip counts all the same
  });

  it('a pause of the program marks what is sent after it until the bubble has left the network', () => {
    const bench = new Bench().send(1000, 0);
    bench.rate.onAppLimited(1000);
    bench.send(1000, 1);
    bench.ack(1000, 0, 20);
    expect(bench.rate.sample.appLimited).to.equal(false); // sent before
    bench.ack(1000, 1, 21);
    expect(bench.rate.sample.appLimited).to.equal(true);
    bench.send(1000, 22);
    bench.ack(1000, 22, 42);
    expect(bench.rate.sample.appLimited).to.equal(false);
  });

  it('the rate that is kept is not lowered by a program that is idle', () => {
    const bench = new Bench().send(10_000, 0);
    bench.rate.onAppLimited(10_000);
    bench.ack(10_000, 0, 20);
    const before = bench.rate.last;
    bench.send(1000, 30);
    bench.rate.onAppLimited(1000);
    bench.ack(1000, 30, 50);
    bench.send(1000, 60);
    bench.rate.onAppLimited(1000);
    bench.ack(1000, 60, 80);
    expect(bench.rate.sample.rate).to.be.above(0);
    expect(bench.rate.last).to.equal(before);
  });

  it('nothing that was idle counts: an interval begins with the first octet sent', () => {
    const bench = new Bench().send(1000, 0);
    bench.ack(1000, 0, 20);
    bench.send(1000, 10_000);
    expect(bench.ack(1000, 10_000, 10_020)).to.equal(50_000);
  });

  it('an ACK that does not tell of a transmission counts what it delivers', () => {
    const bench = new Bench().send(1000, 0).send(1000, 1);
    bench.ack(1000, -1, 20);
    expect(bench.rate.sample).to.include({ rate: 0, priorDelivered: -1, totalDelivered: 1000 });
    expect(bench.ack(1000, 1, 21)).to.be.closeTo(2000 / 0.021, 1);
  });

  it('without records of what is outstanding the sequence number finds it', () => {
    const bench = new Bench().send(1000, 0).send(1000, 10);
    expect(bench.ackBySequence(500, 0, 20)).to.equal(0); // not all of what was sent at once
    expect(bench.ackBySequence(500, 20, 20)).to.equal(50_000);
    expect(bench.ackBySequence(1000, 20, 30)).to.be.closeTo(2000 / 0.03, 1);
  });

  it('its records have a bound, beyond which the last one stands for what follows', () => {
    const bench = new Bench();
    const sends = MAX_SEND_RECORDS + 1000;
    for (let i = 0; i < sends; i++) bench.send(1000, i);
    let most = 0;
    for (let i = 0; i < sends; i++) most = Math.max(most, bench.ack(1000, i, i + sends));
    expect(most).to.be.within(0.5 * PER_MS, PER_MS);
  });
});
