import { expect } from 'chai';
import { Errno } from '../../src/core/errno.ts';
import { CLOSED, ReadinessQueue, Watch } from '../../src/socket/readiness.ts';
import type { Waiter } from '../../src/socket/readiness.ts';
import { Readiness, Wake } from '../../src/tcp/service.ts';

const { Readable, Writable, Error: Failed, HangUp } = Readiness;

/** A watch over `state.bits`, and what its callbacks were told. */
function setUp(limit = 8): {
  state: { bits: number; kicks: number };
  queue: ReadinessQueue;
  watch: Watch;
  heard: string[];
  wait: (name: string, mask: number) => Waiter | number;
} {
  const state = { bits: 0, kicks: 0 };
  const queue = new ReadinessQueue(limit, () => state.kicks++);
  const watch = new Watch(queue, { readiness: () => state.bits });
  const heard: string[] = [];
  const wait = (name: string, mask: number): Waiter | number =>
    watch.wait(mask, (bits) => heard.push(`${name}:${bits}`));
  return { state, queue, watch, heard, wait };
}

describe('readiness', () => {
  it('runs a callback once, in deliver and not before', () => {
    const { state, queue, watch, heard, wait } = setUp();
    wait('a', Readable);
    state.bits = Readable;
    watch.onReadiness();
    expect(heard).to.deep.equal([]);
    expect(queue.pending).to.equal(true);
    expect(queue.deliver()).to.equal(1);
    watch.onReadiness();
    expect(queue.deliver()).to.equal(0);
    expect(heard).to.deep.equal([`a:${Readable}`]);
    expect(queue.pending).to.equal(false);
  });

  it('is level-triggered: what is there already counts, and asks for a turn', () => {
    const { state, queue, heard, wait } = setUp();
    state.bits = Writable;
    wait('a', Writable);
    expect(state.kicks).to.equal(1);
    queue.deliver();
    expect(heard).to.deep.equal([`a:${Writable}`]);
  });

  it('goes by the bits at delivery, not at notice', () => {
    const { state, queue, watch, heard, wait } = setUp();
    wait('a', Readable);
    state.bits = Readable;
    watch.onReadiness();
    state.bits = 0;
    expect(queue.deliver()).to.equal(0);
    state.bits = Readable;
    watch.onReadiness();
    expect(queue.deliver()).to.equal(1);
    expect(heard).to.have.length(1);
  });

  it('keeps order, and leaves those alone that wait for other bits', () => {
    const { state, queue, watch, heard, wait } = setUp();
    wait('a', Readable);
    wait('b', Writable);
    wait('c', Readable);
    state.bits = Readable;
    watch.onReadiness();
    queue.deliver();
    expect(heard).to.deep.equal([`a:${Readable}`, `c:${Readable}`]);
    expect(watch.waiting).to.equal(1);
  });

  for (const [name, bit] of [
    ['an error', Failed],
    ['a hang-up', HangUp],
  ] as const) {
    it(`ends every wait at ${name}`, () => {
      const { state, queue, watch, heard, wait } = setUp();
      wait('a', Readable);
      state.bits = bit;
      watch.onReadiness();
      queue.deliver();
      expect(heard).to.deep.equal([`a:${bit}`]);
    });
  }

  it('tells everybody of a close', () => {
    const { queue, watch, heard, wait } = setUp();
    wait('a', Readable);
    wait('b', Writable);
    watch.close();
    queue.deliver();
    expect(heard).to.deep.equal([`a:${CLOSED}`, `b:${CLOSED}`]);
  });

  it('does not call who has cancelled', () => {
    const { state, queue, watch, heard, wait } = setUp();
    const waiter = wait('a', Readable) as Waiter;
    wait('b', Readable);
    watch.cancel(waiter);
    watch.cancel(waiter);
    state.bits = Readable;
    watch.onReadiness();
    queue.deliver();
    expect(heard).to.deep.equal([`b:${Readable}`]);
  });

  it('delivers what a callback sets off in the next turn', () => {
    const { state, queue, watch, heard, wait } = setUp();
    state.bits = Readable;
    watch.wait(Readable, () => void wait('again', Readable));
    expect(queue.deliver()).to.equal(1);
    expect(heard).to.deep.equal([]);
    expect(queue.pending).to.equal(true);
    expect(queue.deliver()).to.equal(1);
    expect(heard).to.deep.equal([`again:${Readable}`]);
  });

  it('tells an observer of a change and why, and not of somebody who begins to wait', () => {
    const { state, queue, watch, heard, wait } = setUp();
    watch.observe({ onChange: (wake) => heard.push(`change:${wake}`), onClosed: () => heard.push('closed') });
    watch.onReadiness(Wake.Read);
    watch.onReadiness();
    state.bits = Writable;
    wait('a', Writable);
    queue.deliver();
    expect(heard).to.deep.equal([`change:${Wake.Read}`, `change:${Wake.All}`, `a:${Writable}`]);
  });

  it('lets those who wait go on without telling an observer', () => {
    const { state, queue, watch, heard, wait } = setUp();
    watch.observe({ onChange: () => heard.push('change'), onClosed: () => heard.push('closed') });
    wait('a', Writable);
    state.bits = Writable;
    watch.onProgress();
    queue.deliver();
    watch.close();
    expect(heard).to.deep.equal([`a:${Writable}`, 'closed']);
  });

  it('is bounded: ENOBUFS', () => {
    const { watch, wait } = setUp(2);
    wait('a', Readable);
    wait('b', Readable);
    expect(wait('c', Readable)).to.equal(-Errno.ENOBUFS);
    expect(watch.waiting).to.equal(2);
  });
});
