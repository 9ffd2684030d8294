import { expect } from 'chai';
import { makeContext } from '../../src/core/context.ts';
import { SeededRandom } from '../../src/core/random.ts';
import { LOOPBACK_ADDRESS } from '../../src/ip/address.ts';
import { LoopbackLink } from '../../src/ip/loopback.ts';
import { T0 } from './host.ts';

describe('ip/loopback', () => {
  it('delivers in order, and what is sent meanwhile at the next poll', () => {
    const context = makeContext(new SeededRandom(1));
    const loopback = new LoopbackLink(context);
    const seen: number[] = [];
    loopback.user = {
      onIpv4: (frame) => {
        const value = frame.bytes[frame.start]!;
        seen.push(value);
        if (value < 3) loopback.output(context.frames.from(Uint8Array.of(value + 10)), LOOPBACK_ADDRESS, T0);
      },
      onUnreachable: () => undefined,
      onConflict: () => undefined,
      onAddressReady: () => undefined,
    };
    for (const value of [1, 2, 3]) loopback.output(context.frames.from(Uint8Array.of(value)), LOOPBACK_ADDRESS, T0);
    expect(seen).to.deep.equal([]);
    loopback.poll(T0);
    expect(seen).to.deep.equal([1, 2, 3]);
    expect(loopback.pending).to.be.true;
    loopback.poll(T0);
    expect(seen).to.deep.equal([1, 2, 3, 11, 12]);
    expect(loopback.pending).to.be.false;
    expect(context.frames.inUse).to.equal(0);
  });

  it('is bounded', () => {
    const context = makeContext(new SeededRandom(1), { ip: { loopbackQueue: 2 } });
    const loopback = new LoopbackLink(context);
    for (let i = 0; i < 5; i++) loopback.output(context.frames.from(Uint8Array.of(i)), LOOPBACK_ADDRESS, T0);
    expect(context.drops.count('ip-loopback-full')).to.equal(3);
    loopback.poll(T0);
    expect(context.frames.inUse).to.equal(0);
  });
});
